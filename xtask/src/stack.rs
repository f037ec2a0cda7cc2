//! `cargo xtask stack`: real servers with Pyrometer watching them, for a quarter of an hour or
//! through every fault. Too long for `check`; made for a night.

use crate::args::Args;
use crate::context::Context;
use crate::{products, python};

/// What is built for it: the same as for the tests.
const PROFILE: &str = "dev";

pub(crate) fn run(ctx: &Context, args: Args) -> anyhow::Result<()> {
    let words = args.rest();
    products::ui(ctx)?;
    let binary = products::server(ctx, PROFILE)?;
    let venv = python::test_venv(ctx)?;
    let mut command = venv.command("python");
    command
        .current_dir(&ctx.root)
        .arg("tests/stack/run.py")
        .arg("--binary")
        .arg(binary)
        .args(words);
    ctx.steps.loud("stack", &mut command)
}
