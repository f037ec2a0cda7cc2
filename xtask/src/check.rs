//! `cargo xtask check`: everything that must hold before a change lands, cheapest first.

use crate::args::Args;
use crate::context::Context;
use crate::{e2e, licences, node, products, python, tidy};

/// One profile for tests, wheel and end-to-end run, so that every crate is built once.
const PROFILE: &str = "dev";

pub(crate) fn run(ctx: &Context, args: Args) -> anyhow::Result<()> {
    args.finish()?;
    let checked = steps(ctx);
    ctx.steps.print_times();
    checked
}

fn steps(ctx: &Context) -> anyhow::Result<()> {
    let mut fmt = ctx.cargo();
    fmt.args(["fmt", "--all", "--check"]);
    ctx.steps.loud("cargo fmt", &mut fmt)?;
    let root = ctx.root.clone();
    ctx.steps.act("tidy", || tidy::run(&root))?;
    licences::run(ctx)?;

    node::install(ctx)?;
    node::script(ctx, "check")?;
    products::ui(ctx)?;
    node::script(ctx, "size")?;

    let mut clippy = ctx.cargo();
    clippy.args([
        "clippy",
        "--locked",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]);
    ctx.steps.loud("cargo clippy", &mut clippy)?;
    let mut test = ctx.cargo();
    test.args(["test", "--locked", "--workspace"]);
    ctx.steps.loud("cargo test", &mut test)?;

    let venv = python::test_venv(ctx)?;
    products::develop(ctx, &venv, PROFILE)?;
    mypy(ctx, &venv)?;
    // Each file by itself, since what a module's fixtures start is dear; two, as CI has cores.
    pytest(ctx, &venv, "python", &["-n", "2", "--dist", "loadfile"])?;
    pytest(ctx, &venv, "examples/shop", &[])?;
    pytest(ctx, &venv, "tests/incidents", &[])?;

    products::wheel(ctx, PROFILE)?;
    exported_dashboards(ctx)?;
    e2e::all(ctx, PROFILE)
}

/// What `pyrometer export packs` writes, against the types that Grafana and Perses publish.
fn exported_dashboards(ctx: &Context) -> anyhow::Result<()> {
    let binary = products::server(ctx, PROFILE)?;
    let folder = ctx.root.join("target/tmp/exported-packs");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    let mut export = std::process::Command::new(binary);
    export.args(["export", "packs"]).arg(&folder);
    ctx.steps.loud("pyrometer export packs", &mut export)?;
    let mut check = node::node(ctx);
    check.arg("scripts/dashboards.mjs").arg(&folder);
    ctx.steps.loud(
        "exported dashboards against the types of others",
        &mut check,
    )
}

/// The package's own types, and its stub of the binding against the binding as it was built.
fn mypy(ctx: &Context, venv: &python::Venv) -> anyhow::Result<()> {
    let mut types = venv.command("python");
    types
        .current_dir(ctx.root.join("python"))
        .args(["-m", "mypy", "--no-incremental"]);
    ctx.steps.loud("mypy", &mut types)?;
    let mut stub = venv.command("python");
    stub.current_dir(ctx.root.join("python"))
        .args(["-m", "mypy.stubtest", "pyrometer._core"]);
    ctx.steps.loud("stubtest of pyrometer._core", &mut stub)
}

fn pytest(ctx: &Context, venv: &python::Venv, dir: &str, options: &[&str]) -> anyhow::Result<()> {
    let mut command = venv.command("python");
    command
        .current_dir(ctx.root.join(dir))
        .args(["-m", "pytest", "-q", "-p", "no:cacheprovider"])
        .args(options);
    ctx.steps.loud(&format!("pytest in {dir}"), &mut command)
}
