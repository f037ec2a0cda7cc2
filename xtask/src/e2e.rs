//! `cargo xtask e2e`: the real binary, real Flask services under gunicorn, real Chromium.

use std::path::PathBuf;

use anyhow::bail;

use crate::args::Args;
use crate::context::Context;
use crate::python::Venv;
use crate::{products, python};

mod browser;
mod exactness;
mod shop;

/// What an end-to-end run needs to have been built.
#[derive(Debug)]
struct Built {
    binary: PathBuf,
    venv: Venv,
}

pub(crate) fn run(ctx: &Context, mut args: Args) -> anyhow::Result<()> {
    let profile = args.value("--profile")?.unwrap_or_else(|| "dev".to_owned());
    let only = args.value("--only")?;
    args.finish()?;
    match only.as_deref() {
        None => all(ctx, &profile)?,
        Some("exactness") => {
            let built = build(ctx, &profile)?;
            exactness::run(ctx, &built)?;
        }
        Some("shop") => {
            let built = build(ctx, &profile)?;
            shop::run(ctx, &built)?;
        }
        Some(other) => bail!("--only takes exactness or shop, not {other:?}"),
    }
    ctx.steps.print_times();
    Ok(())
}

pub(crate) fn all(ctx: &Context, profile: &str) -> anyhow::Result<()> {
    let built = build(ctx, profile)?;
    exactness::run(ctx, &built)?;
    shop::run(ctx, &built)
}

fn build(ctx: &Context, profile: &str) -> anyhow::Result<Built> {
    products::ui(ctx)?;
    let binary = products::server(ctx, profile)?;
    let venv = python::venv(ctx)?;
    products::develop(ctx, &venv, profile)?;
    Ok(Built { binary, venv })
}
