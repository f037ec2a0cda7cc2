//! Chromium looks at the UI: `ui/e2e/smoke.mjs` drives it, fails on any console error, and leaves
//! screenshots in `target/e2e/shots`.

use std::fs;

use anyhow::{Context as _, bail};

use crate::context::{Context, is_ci, which};
use crate::http::Api;
use crate::node;

const NAMES: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];

/// Looks at the UI as it is now; with `is_alerting` a firing alert must be shown with its sentence.
pub(super) fn look(ctx: &Context, api: Api, moment: &str, is_alerting: bool) -> anyhow::Result<()> {
    let title = format!("browser: {moment}");
    let Some(chromium) = NAMES.into_iter().find_map(which) else {
        if is_ci() {
            bail!("{title}: Chromium is not installed, and CI may not leave the browser out");
        }
        ctx.steps.skipped(
            &title,
            "NOT TESTED, since Chromium is not installed (on Debian: apt install chromium)",
        );
        return Ok(());
    };
    let shots = ctx.target.join("e2e/shots").join(moment);
    fs::create_dir_all(&shots).with_context(|| format!("create {}", shots.display()))?;
    let mut command = node::node(ctx);
    command
        .arg("e2e/smoke.mjs")
        .env("BASE_URL", format!("http://{}", api.address))
        .env("CHROMIUM", chromium)
        .env("SHOTS", &shots)
        .env_remove("EXPECT_ALERT");
    if is_alerting {
        command.env("EXPECT_ALERT", "1");
    }
    ctx.steps.loud(&title, &mut command)
}
