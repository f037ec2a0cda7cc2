//! What is built: the UI, the server, and the Python package in two forms.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::context::{Context, forget_cargo_run};
use crate::node;
use crate::python::{self, Venv};
use crate::stamp::Stamp;

/// What a person waits for on a slow line. The server is most of it.
const WHEEL_BYTES_MAX: u64 = 20 << 20;

/// Builds `ui/dist`, which the server embeds.
pub(crate) fn ui(ctx: &Context) -> anyhow::Result<()> {
    node::install(ctx)?;
    let stamp = Stamp::new(
        ctx.target.join("xtask/ui.stamp"),
        &[ctx.root.join("ui")],
        "",
    )?;
    if stamp.is_fresh() && ctx.root.join("ui/dist/index.html").exists() {
        ctx.steps.skipped("ui/dist", "unchanged");
        return Ok(());
    }
    node::script(ctx, "build")?;
    stamp.record()
}

/// Builds the server and says where it is.
pub(crate) fn server(ctx: &Context, profile: &str) -> anyhow::Result<PathBuf> {
    let mut command = ctx.cargo();
    command.args([
        "build",
        "--locked",
        "--package",
        "server",
        "--profile",
        profile,
    ]);
    ctx.steps.loud(
        &format!("build the server (profile {profile})"),
        &mut command,
    )?;
    let binary = ctx.target.join(profile_dir(profile)).join("pyrometer");
    if !binary.is_file() {
        bail!("the build left no {}", binary.display());
    }
    Ok(binary)
}

/// Installs the Python package into `.venv` so that changes of its Python files count at once.
pub(crate) fn develop(ctx: &Context, venv: &Venv, profile: &str) -> anyhow::Result<()> {
    let file = venv.dir().join(".xtask-develop");
    let stamp = Stamp::new(file, &package_sources(&ctx.root), profile)?;
    let built = ctx.root.join("python/pyrometer");
    if stamp.is_fresh() && has_extension(&built) {
        ctx.steps.skipped("the Python package", "unchanged");
        return Ok(());
    }
    let mut command = maturin(ctx, venv)?;
    command.args(["develop", "--profile", profile]);
    ctx.steps.quiet(
        &format!("build the Python package into .venv (profile {profile})"),
        &mut command,
    )?;
    stamp.record()
}

/// Builds the wheel that carries both, and uses both halves of it in an empty environment.
pub(crate) fn wheel(ctx: &Context, profile: &str) -> anyhow::Result<()> {
    ui(ctx)?;
    let binary = server(ctx, profile)?;
    let venv = python::venv(ctx)?;
    let dist = ctx.root.join("dist");
    // Old wheels could not be told from the new one.
    if dist.exists() {
        fs::remove_dir_all(&dist).with_context(|| format!("empty {}", dist.display()))?;
    }
    let mut command = maturin(ctx, &venv)?;
    command
        .args(["build", "--profile", profile, "--out"])
        .arg(&dist);
    let carried = scripts(ctx).join("pyrometer");
    fs::copy(&binary, &carried).with_context(|| format!("copy {}", binary.display()))?;
    let built = ctx.steps.quiet(
        &format!("build the wheel (profile {profile})"),
        &mut command,
    );
    // A later `maturin develop` would install it in place of a newer one.
    fs::remove_file(&carried).with_context(|| format!("remove {}", carried.display()))?;
    built?;
    let wheel = only_wheel(&dist)?;
    let bytes = fs::metadata(&wheel)?.len();
    println!(
        "  {} ({:.1} MiB)",
        wheel.display(),
        bytes as f64 / f64::from(1 << 20)
    );
    if profile == "release" && bytes > WHEEL_BYTES_MAX {
        bail!("the wheel has {bytes} bytes, {WHEEL_BYTES_MAX} are allowed");
    }
    try_wheel(ctx, &wheel)
}

fn try_wheel(ctx: &Context, wheel: &Path) -> anyhow::Result<()> {
    let dir = ctx.fresh_dir("wheel-venv")?;
    let venv = python::create(ctx, &dir)?;
    let mut install = venv.command("python");
    install
        .args([
            "-m",
            "pip",
            "install",
            "--disable-pip-version-check",
            "--no-deps",
        ])
        .arg(wheel);
    ctx.steps
        .quiet("install the wheel into an empty environment", &mut install)?;
    let mut import = venv.command("python");
    import
        .current_dir(&dir)
        .args(["-c", "import pyrometer; pyrometer.Counter('a', 'b').inc()"]);
    ctx.steps
        .quiet("import pyrometer from the wheel", &mut import)?;
    let mut version = venv.command("pyrometer");
    version.current_dir(&dir).arg("version");
    ctx.steps
        .quiet("run pyrometer from the wheel", &mut version)
}

/// Maturin builds in a target folder of its own: it tells PyO3 about the interpreter through the
/// environment, and in a shared folder every change between it and cargo would build PyO3 anew.
fn maturin(ctx: &Context, venv: &Venv) -> anyhow::Result<Command> {
    // `pyproject.toml` names the folder, so it must be there even when it is empty.
    let scripts = scripts(ctx);
    fs::create_dir_all(&scripts).with_context(|| format!("create {}", scripts.display()))?;
    let mut command = venv.command("maturin");
    command
        .current_dir(ctx.root.join("python"))
        .env("CARGO_TARGET_DIR", ctx.target.join("python"));
    forget_cargo_run(&mut command);
    Ok(command)
}

/// What lies here, the wheel installs among the environment's programs.
fn scripts(ctx: &Context) -> PathBuf {
    ctx.root.join("python/pyrometer.data/scripts")
}

/// Cargo's folder for a profile: `dev` builds into `debug`.
fn profile_dir(profile: &str) -> &str {
    if profile == "dev" { "debug" } else { profile }
}

fn package_sources(root: &Path) -> Vec<PathBuf> {
    [
        "python/src",
        "python/Cargo.toml",
        "python/pyproject.toml",
        "crates/instrument",
        "crates/model",
    ]
    .iter()
    .chain(&["Cargo.lock"])
    .map(|path| root.join(path))
    .filter(|path| path.exists())
    .collect()
}

fn has_extension(package: &Path) -> bool {
    fs::read_dir(package).is_ok_and(|entries| {
        entries.flatten().any(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with("_core") && name.ends_with(".so")
        })
    })
}

fn only_wheel(dist: &Path) -> anyhow::Result<PathBuf> {
    let mut wheels: Vec<PathBuf> = fs::read_dir(dist)
        .with_context(|| format!("read {}", dist.display()))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .collect();
    match (wheels.pop(), wheels.is_empty()) {
        (Some(wheel), true) => Ok(wheel),
        _ => bail!("{} does not hold exactly one wheel", dist.display()),
    }
}
