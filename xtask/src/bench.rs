//! `cargo xtask bench NAME`: ours and the rival in turn, and one JSON object on the last line.
//!
//! Every figure is a number; a name that ends in `_ratio` is the rival's cost over ours, so above
//! one is better. The figures are kept in `docs/performance.md`.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::args::Args;
use crate::context::Context;
use crate::{products, python};

mod blocks;
mod exporter;
mod incidents;
mod scraping;
mod store;

pub(crate) fn run(ctx: &Context, mut args: Args) -> anyhow::Result<()> {
    let name = args.word();
    match name.as_deref() {
        Some(name @ ("client" | "http")) => {
            args.finish()?;
            python_script(ctx, name)
        }
        Some("store") => store::run(ctx, args),
        Some("bands") => {
            args.finish()?;
            bands(ctx)
        }
        Some("incidents") => incidents::run(ctx, args),
        Some(other) => {
            bail!("there is no bench {other:?}; there are bands, client, http, incidents and store")
        }
        None => bail!("which bench? bands, client, http, incidents or store"),
    }
}

/// The Python package against its rivals, in one interpreter: `python/benches/bench_NAME.py`.
fn python_script(ctx: &Context, name: &str) -> anyhow::Result<()> {
    let venv = python::test_venv(ctx)?;
    products::develop(ctx, &venv, "release")?;
    let mut command = venv.command("python");
    command
        .current_dir(ctx.root.join("python"))
        .arg(format!("benches/bench_{name}.py"));
    println!("▸ bench {name}");
    // Last, and with nothing after it: the script's last line is the JSON object.
    let status = command.status().context("start python")?;
    if !status.success() {
        bail!("benches/bench_{name}.py: {status}");
    }
    Ok(())
}

/// Bands and other ways to find the unusual: `crates/diagnosis/examples/bench_bands`.
fn bands(ctx: &Context) -> anyhow::Result<()> {
    println!("▸ bench bands");
    let mut command = ctx.cargo();
    command.args(["run", "--release", "-q", "-p", "diagnosis"]);
    command.args(["--example", "bench_bands"]);
    let status = command.status().context("start the example")?;
    if !status.success() {
        bail!("bench_bands: {status}");
    }
    Ok(())
}

/// The middle one, or the mean of the two in the middle.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
    }
}

/// Prints the figures as the one JSON object of the last line, four significant digits each.
fn print_figures(figures: &BTreeMap<String, f64>) -> anyhow::Result<()> {
    let mut object = serde_json::Map::new();
    for (name, &value) in figures {
        let rounded: f64 = format!("{value:.3e}")
            .parse()
            .context("a float reads as a float")?;
        let number = serde_json::Number::from_f64(rounded)
            .with_context(|| format!("{name} is {value}, which no JSON can hold"))?;
        object.insert(name.clone(), Value::Number(number));
    }
    println!("{}", Value::Object(object));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
    }
}
