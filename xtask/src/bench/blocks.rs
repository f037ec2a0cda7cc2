//! Bytes a sample of finished blocks: the same samples through our store and through promtool.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::context::Context;

/// Runs the store's example, which writes blocks and the same samples as OpenMetrics text, and
/// has promtool make Prometheus's blocks of that text.
pub(super) fn run(
    ctx: &Context,
    promtool: &Path,
    figures: &mut BTreeMap<String, f64>,
) -> anyhow::Result<()> {
    let dir = ctx.fresh_dir("bench-blocks")?;
    let text = dir.join("samples.om");
    let ours = ctx.steps.act("blocks: ours (the store's example)", || {
        let mut command = ctx.cargo();
        command
            .args([
                "run",
                "--quiet",
                "--release",
                "--locked",
                "--package",
                "store",
            ])
            .args(["--example", "bench_store", "--"])
            .arg("--dir")
            .arg(dir.join("ours"))
            .arg("--openmetrics")
            .arg(&text)
            .stderr(Stdio::inherit());
        last_json(&mut command)
    })?;
    let samples = ours["samples"]
        .as_f64()
        .context("bench_store tells no samples")?;
    for (name, value) in ours
        .as_object()
        .context("bench_store ends with a JSON object")?
    {
        if let Some(value) = value.as_f64() {
            figures.insert(format!("ours_{name}"), value);
        }
    }
    let blocks = dir.join("prometheus");
    let mut command = Command::new(promtool);
    command
        .args(["tsdb", "create-blocks-from", "openmetrics"])
        .arg(&text)
        .arg(&blocks);
    ctx.steps.quiet(
        "blocks: Prometheus (promtool tsdb create-blocks-from)",
        &mut command,
    )?;
    let theirs = bytes_below(&blocks)? as f64 / samples;
    let own = ours["bytes_per_sample"]
        .as_f64()
        .context("bench_store tells no bytes_per_sample")?;
    println!("  {own:.3} bytes a sample, Prometheus {theirs:.3}");
    figures.insert("prometheus_bytes_per_sample".to_owned(), theirs);
    figures.insert("bytes_per_sample_ratio".to_owned(), theirs / own);
    Ok(())
}

fn last_json(command: &mut Command) -> anyhow::Result<Value> {
    let output = command.output().context("run cargo")?;
    if !output.status.success() {
        bail!("bench_store: {}", output.status);
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().context("bench_store printed nothing")?;
    serde_json::from_str(last).with_context(|| format!("the last line is no JSON: {last}"))
}

/// The size of all files below, as a block's size is told: chunks, index and meta.
fn bytes_below(dir: &Path) -> anyhow::Result<u64> {
    let mut total = 0;
    for entry in fs::read_dir(dir).with_context(|| format!("read {}", dir.display()))? {
        let entry = entry?;
        let kind = entry.file_type()?;
        total += if kind.is_dir() {
            bytes_below(&entry.path())?
        } else {
            entry.metadata()?.len()
        };
    }
    Ok(total)
}
