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
        forget_cargo_run(&mut command);
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

/// Removes what the `cargo run` that started us has set; it would make every build script that
/// watches these variables run again.
pub(crate) fn forget_cargo_run(command: &mut Command) {
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let is_ours = [
            "CARGO_PKG_",
            "CARGO_MANIFEST_",
            "CARGO_BIN_",
            "CARGO_CRATE_",
        ]
        .iter()
        .any(|prefix| text.starts_with(prefix));
        if is_ours {
            command.env_remove(name);
        }
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
