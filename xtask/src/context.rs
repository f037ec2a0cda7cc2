//! Where things are, and what every command carries along.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::interrupt::Interrupt;
use crate::steps::Steps;

/// What a command works with.
#[derive(Debug)]
pub(crate) struct Context {
    /// The root of the repository.
    pub(crate) root: PathBuf,
    /// Cargo's target folder; everything temporary lies below it, in `xtask`.
    pub(crate) target: PathBuf,
    pub(crate) steps: Steps,
    pub(crate) interrupt: Interrupt,
}

impl Context {
    pub(crate) fn open() -> anyhow::Result<Self> {
        // Cargo sets the variable at run time too; the compiled-in path would be the wrong
        // checkout when two of them share one target folder.
        let manifest = env::var_os("CARGO_MANIFEST_DIR")
            .unwrap_or_else(|| OsString::from(env!("CARGO_MANIFEST_DIR")));
        let root = Path::new(&manifest)
            .parent()
            .context("xtask lies in the root of the repository")?
            .to_path_buf();
        let target = env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| root.join("target"), |target| root.join(target));
        let steps = Steps::new(target.join("xtask/logs"));
        let interrupt = Interrupt::listen().context("listen for Ctrl-C")?;
        Ok(Self {
            root,
            target,
            steps,
            interrupt,
        })
    }

    /// A `cargo` command in the root of the repository.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(&self.root);
        // Set by the `cargo run` that started us; they would make every crate's build script
        // that watches them run again.
        for name in [
            "CARGO_MANIFEST_DIR",
            "CARGO_MANIFEST_PATH",
            "CARGO_PKG_NAME",
        ] {
            command.env_remove(name);
        }
        command
    }

    /// An empty folder below the target folder.
    pub(crate) fn fresh_dir(&self, name: &str) -> anyhow::Result<PathBuf> {
        let dir = self.target.join("xtask").join(name);
        if dir.exists() {
            fs::remove_dir_all(&dir).with_context(|| format!("empty {}", dir.display()))?;
        }
        fs::create_dir_all(&dir).with_context(|| format!("create {}", dir.display()))?;
        Ok(dir)
    }
}

/// Whether this runs for CI, where nothing may be left out for want of a tool.
pub(crate) fn is_ci() -> bool {
    env::var("CI").is_ok_and(|value| value == "true")
}

/// The full path of a program, if `PATH` has it.
pub(crate) fn which(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}
