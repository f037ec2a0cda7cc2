//! Python: finding one that is new enough, and the virtual environment `.venv`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::context::{Context, which};
use crate::stamp::Stamp;

/// The oldest Python whose stable ABI the wheel is built for.
const MINOR_MIN: u32 = 10;

/// A virtual environment.
#[derive(Debug, Clone)]
pub(crate) struct Venv {
    dir: PathBuf,
}

impl Venv {
    pub(crate) fn at(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// A program of the environment, such as `python` or `gunicorn`.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.dir.join("bin").join(program));
        self.activate(&mut command);
        command
    }

    /// What `source bin/activate` does, for one command.
    pub(crate) fn activate(&self, command: &mut Command) {
        let mut path = vec![self.dir.join("bin")];
        path.extend(std::env::split_paths(
            &std::env::var_os("PATH").unwrap_or_default(),
        ));
        if let Ok(path) = std::env::join_paths(path) {
            command.env("PATH", path);
        }
        command
            .env("VIRTUAL_ENV", &self.dir)
            .env_remove("PYTHONHOME")
            .env_remove("PYTHONPATH");
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }
}

/// The project's environment with what builds the package and what the shop needs.
pub(crate) fn venv(ctx: &Context) -> anyhow::Result<Venv> {
    let venv = create(ctx, &ctx.root.join(".venv"))?;
    let lists = ["xtask/requirements.txt", "examples/shop/requirements.txt"];
    install(ctx, &venv, "the Python packages", &lists)?;
    Ok(venv)
}

/// The same with what tests and benchmarks need; who only wants the demo need not wait for it.
pub(crate) fn test_venv(ctx: &Context) -> anyhow::Result<Venv> {
    let venv = venv(ctx)?;
    let lists = ["python/tests/requirements.txt"];
    install(ctx, &venv, "the tests' Python packages", &lists)?;
    let built = ["python/tests/requirements-built.txt"];
    if let Err(error) = install(ctx, &venv, "what is built from source", &built) {
        if std::env::var_os("CI").is_some() {
            return Err(error);
        }
        println!("SKIPPED: tests of uWSGI, which cannot be built here (Python's headers?)");
    }
    Ok(venv)
}

fn install(ctx: &Context, venv: &Venv, what: &str, lists: &[&str]) -> anyhow::Result<()> {
    let lists: Vec<PathBuf> = lists.iter().map(|list| ctx.root.join(list)).collect();
    let mark = format!(
        ".xtask-{}",
        what.replace(|c: char| !c.is_alphanumeric(), "-")
    );
    let stamp = Stamp::new(venv.dir.join(mark), &lists, "")?;
    if stamp.is_fresh() {
        ctx.steps.skipped(what, "unchanged");
        return Ok(());
    }
    let mut command = venv.command("python");
    command.args(["-m", "pip", "install", "--disable-pip-version-check"]);
    for list in &lists {
        command.arg("-r").arg(list);
    }
    ctx.steps
        .quiet(&format!("install {what} into .venv"), &mut command)?;
    stamp.record()
}

/// An environment of its own in `dir`, which is made anew when its Python is gone.
pub(crate) fn create(ctx: &Context, dir: &Path) -> anyhow::Result<Venv> {
    let venv = Venv::at(dir.to_path_buf());
    let works = venv
        .command("python")
        .args(["-m", "pip", "--version"])
        .output();
    if works.is_ok_and(|output| output.status.success()) {
        return Ok(venv);
    }
    if dir.exists() {
        fs::remove_dir_all(dir).with_context(|| format!("remove {}", dir.display()))?;
    }
    let python = find()?;
    let mut command = Command::new(&python);
    command.args(["-m", "venv"]).arg(dir);
    let title = format!(
        "make {}",
        dir.strip_prefix(&ctx.root).unwrap_or(dir).display()
    );
    ctx.steps.quiet(&title, &mut command).with_context(|| {
        format!(
            "{} cannot make virtual environments; on Debian and Ubuntu: apt install python3-venv",
            python.display()
        )
    })?;
    Ok(venv)
}

/// `$PYTHON`, else the first of `python3`, `python` and `python3.x` that is new enough.
fn find() -> anyhow::Result<PathBuf> {
    if let Some(chosen) = std::env::var_os("PYTHON") {
        return Ok(PathBuf::from(chosen));
    }
    let mut names = vec!["python3".to_owned(), "python".to_owned()];
    names.extend(
        (MINOR_MIN..=MINOR_MIN + 6)
            .rev()
            .map(|minor| format!("python3.{minor}")),
    );
    let mut too_old = Vec::new();
    for path in names.iter().filter_map(|name| which(name)) {
        match version(&path) {
            Some((3, minor)) if minor >= MINOR_MIN => return Ok(path),
            Some((major, minor)) => too_old.push(format!("{} is {major}.{minor}", path.display())),
            None => too_old.push(format!("{} does not run", path.display())),
        }
    }
    let found = if too_old.is_empty() {
        "none was found".to_owned()
    } else {
        too_old.join(", ")
    };
    bail!("Python 3.{MINOR_MIN} or newer is needed; {found} (set PYTHON to choose one)")
}

fn version(python: &Path) -> Option<(u32, u32)> {
    let script = "import sys; print(*sys.version_info[:2])";
    let output = Command::new(python).args(["-c", script]).output().ok()?;
    parse_version(&String::from_utf8_lossy(&output.stdout))
}

fn parse_version(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.trim().split_once(' ')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_two_numbers() {
        assert_eq!(parse_version("3 12\n"), Some((3, 12)));
        for bad in ["", "3", "three twelve", "3.12"] {
            assert_eq!(parse_version(bad), None, "{bad}");
        }
    }
}
