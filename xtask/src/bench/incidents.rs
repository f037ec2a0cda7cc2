//! `cargo xtask bench incidents`: a real shop is broken in many ways and recorded, and replays of
//! recordings, or of synthetic cases, are held against the truth.

use anyhow::Context as _;

use crate::args::Args;
use crate::context::Context;
use crate::{products, python};

/// A replay of a quarter of an hour of a whole shop is to take seconds.
const PROFILE: &str = "release";

pub(super) fn run(ctx: &Context, mut args: Args) -> anyhow::Result<()> {
    let minutes = args.value("--healthy")?;
    let run = if args.flag("--record") {
        Some("record")
    } else if args.flag("--live") {
        Some("live")
    } else {
        minutes.as_ref().map(|_| "healthy")
    };
    let profile = args.value("--profile")?;
    let binary = products::server(ctx, profile.as_deref().unwrap_or(PROFILE))?;
    let venv = python::test_venv(ctx)?;
    let mut command = venv.command("python");
    command.current_dir(&ctx.root);
    if let Some(run) = run {
        products::develop(ctx, &venv, PROFILE)?;
        command.arg("tests/incidents/run.py");
        command.arg("--binary").arg(binary).arg(run);
        if let Some(minutes) = minutes {
            command.arg("--minutes").arg(minutes);
        }
    } else {
        command.arg("tests/incidents/bench.py");
        command.arg("--binary").arg(binary);
    }
    println!("▸ bench incidents");
    // Last, and with nothing after it: the script's last line is the JSON object.
    let status = command.args(args.rest()).status();
    let status = status.context("start python")?;
    anyhow::ensure!(status.success(), "bench incidents: {status}");
    Ok(())
}
