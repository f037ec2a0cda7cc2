//! `pyrometer run`: hands over to the Python package, whose part this is.
//!
//! This process becomes Python's, and Python's becomes the command: signals and the exit code are
//! the command's own.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use super::RunArgs;
use super::style::complain;

/// What shells exit with when a command is not there.
const NOT_FOUND: u8 = 127;

/// Becomes the command, measured. Returns only if there is no Python.
pub(super) fn run(args: &RunArgs) -> ExitCode {
    let own = std::env::current_exe().ok();
    let python = own.as_deref().and_then(python_beside);
    // Without an environment of its own: whichever Python a shell would take.
    let python = python.unwrap_or_else(|| PathBuf::from("python3"));
    let mut exec = Command::new(&python);
    exec.args(["-m", "pyrometer", "run"]);
    if let Some(service) = &args.service {
        exec.args(["--service", service]);
    }
    if let Some(port) = &args.metrics_port {
        exec.args(["--metrics-port", port]);
    }
    let error = exec.arg("--").args(&args.command).exec();
    complain(&format!(
        "cannot start {}: {error}; `pyrometer run` needs the Python that has the package, \
         beside this program or on PATH",
        python.display()
    ));
    ExitCode::from(NOT_FOUND)
}

/// The Python of the environment that this program was installed into.
fn python_beside(own: &Path) -> Option<PathBuf> {
    let folder = own.parent()?;
    ["python", "python3"]
        .map(|name| folder.join(name))
        .into_iter()
        .find(|python| python.is_file())
}
