//! Node.js: the check that it is new enough, and npm in `ui/`.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::context::{Context, which};
use crate::stamp::Stamp;

/// What Vite needs.
const MAJOR_MIN: u32 = 20;

/// Installs `ui/`'s packages unless they are those of the lock file already.
pub(crate) fn install(ctx: &Context) -> anyhow::Result<()> {
    require()?;
    let lock = ctx.root.join("ui/package-lock.json");
    let stamp = Stamp::new(ctx.root.join("ui/node_modules/.xtask-lock"), &[lock], "")?;
    if stamp.is_fresh() {
        ctx.steps.skipped("npm packages", "unchanged");
        return Ok(());
    }
    let mut command = npm(ctx);
    command.args(["ci", "--no-audit", "--no-fund"]);
    ctx.steps
        .quiet("install the npm packages of ui/", &mut command)?;
    stamp.record()
}

/// `npm run NAME` in `ui/`.
pub(crate) fn script(ctx: &Context, name: &str) -> anyhow::Result<()> {
    let mut command = npm(ctx);
    command.args(["run", "--silent", name]);
    ctx.steps.loud(&format!("ui: npm run {name}"), &mut command)
}

/// A `node` command in `ui/`.
pub(crate) fn node(ctx: &Context) -> Command {
    let mut command = Command::new("node");
    command.current_dir(ctx.root.join("ui"));
    command
}

fn npm(ctx: &Context) -> Command {
    let mut command = Command::new("npm");
    command.current_dir(ctx.root.join("ui"));
    command
}

fn require() -> anyhow::Result<()> {
    let find = |name: &str| -> anyhow::Result<PathBuf> {
        which(name).with_context(|| {
            format!("{name} was not found; Node.js {MAJOR_MIN} or newer is needed")
        })
    };
    let node = find("node")?;
    find("npm")?;
    let output = Command::new(&node)
        .arg("--version")
        .output()
        .context("run node --version")?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    match major(&text) {
        Some(major) if major >= MAJOR_MIN => Ok(()),
        _ => bail!(
            "{} is {text}; Node.js {MAJOR_MIN} or newer is needed",
            node.display()
        ),
    }
}

fn major(version: &str) -> Option<u32> {
    version.strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read() {
        assert_eq!(major("v20.19.2"), Some(20));
        for bad in ["", "20.1", "v", "vx.1"] {
            assert_eq!(major(bad), None, "{bad}");
        }
    }
}
