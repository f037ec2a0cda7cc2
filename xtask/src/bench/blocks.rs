//! Bytes a sample of finished blocks: the same samples through our store and through promtool.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;

use crate::context::Context;

/// 2,000 series over six hours and a half, every 15 s: three whole blocks of two hours. The text of
/// it is 200 MB, which promtool reads once a block.
const SIZE: [&str; 2] = ["20", "1560"];

/// A block that holds less than this share of the fullest one's samples is not whole.
const WHOLE_MIN: f64 = 0.9;

/// Runs the store's example for our figures, has it write the same samples as OpenMetrics text,
/// and has promtool make Prometheus's blocks of that text.
pub(super) fn run(
    ctx: &Context,
    promtool: &Path,
    figures: &mut BTreeMap<String, f64>,
) -> anyhow::Result<()> {
    let dir = ctx.fresh_dir("bench-blocks")?;
    let text = dir.join("samples.om");
    let blocks = dir.join("prometheus");
    let mut build = example(ctx, "build");
    ctx.steps.loud("build the store's example", &mut build)?;
    let ours = ctx.steps.act("blocks: ours", || {
        let mut command = example(ctx, "run");
        last_json(command.arg("--").args(SIZE).stderr(Stdio::inherit()))
    })?;
    ctx.steps.act("blocks: the same samples as text", || {
        let file = File::create(&text).with_context(|| format!("create {}", text.display()))?;
        let mut command = example(ctx, "run");
        let status = command
            .arg("--")
            .arg("openmetrics")
            .args(SIZE)
            .stdout(file)
            .status()?;
        ensure!(status.success(), "bench_store openmetrics: {status}");
        Ok(())
    })?;
    let mut command = Command::new(promtool);
    command
        .args(["tsdb", "create-blocks-from", "openmetrics"])
        .arg(&text)
        .arg(&blocks);
    ctx.steps
        .quiet("blocks: Prometheus's, made by promtool", &mut command)?;

    for (name, value) in ours
        .as_object()
        .context("bench_store ends with a JSON object")?
    {
        let value = value
            .as_f64()
            .with_context(|| format!("{name} is no number"))?;
        figures.insert(format!("ours_{name}"), value);
    }
    let own = *figures
        .get("ours_block_bytes_per_sample")
        .context("bench_store tells no block_bytes_per_sample")?;
    let theirs = bytes_per_sample(&blocks)?;
    println!("  {own:.3} bytes a sample, Prometheus {theirs:.3}");
    figures.insert("prometheus_block_bytes_per_sample".to_owned(), theirs);
    figures.insert("block_bytes_per_sample_ratio".to_owned(), theirs / own);
    // 200 MB that nobody looks at again.
    fs::remove_file(&text).with_context(|| format!("remove {}", text.display()))
}

fn example(ctx: &Context, verb: &str) -> Command {
    let mut command = ctx.cargo();
    command.args([
        verb,
        "--quiet",
        "--release",
        "--locked",
        "--package",
        "store",
    ]);
    command.args(["--example", "bench_store"]);
    command
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

/// Of the whole blocks among Prometheus's, all files together over all samples.
fn bytes_per_sample(blocks: &Path) -> anyhow::Result<f64> {
    let mut sizes = Vec::new();
    for entry in fs::read_dir(blocks).with_context(|| format!("read {}", blocks.display()))? {
        let block = entry?.path();
        let meta = block.join("meta.json");
        if !meta.is_file() {
            continue;
        }
        let text = fs::read_to_string(&meta).with_context(|| format!("read {}", meta.display()))?;
        let value: Value = serde_json::from_str(&text)?;
        let samples = value["stats"]["numSamples"]
            .as_f64()
            .context("no stats.numSamples")?;
        sizes.push((samples, bytes_below(&block)? as f64));
    }
    let fullest = sizes
        .iter()
        .map(|&(samples, _)| samples)
        .fold(0.0, f64::max);
    sizes.retain(|&(samples, _)| samples >= WHOLE_MIN * fullest);
    ensure!(
        !sizes.is_empty(),
        "promtool made no blocks in {}",
        blocks.display()
    );
    let samples: f64 = sizes.iter().map(|&(samples, _)| samples).sum();
    Ok(sizes.iter().map(|&(_, bytes)| bytes).sum::<f64>() / samples)
}

/// The size of all files below: chunks, index, tombstones and meta.
fn bytes_below(dir: &Path) -> anyhow::Result<u64> {
    let mut total = 0;
    for entry in fs::read_dir(dir).with_context(|| format!("read {}", dir.display()))? {
        let entry = entry?;
        let is_dir = entry.file_type()?.is_dir();
        total += if is_dir {
            bytes_below(&entry.path())?
        } else {
            entry.metadata()?.len()
        };
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_blocks_count() {
        let dir = tempfile::tempdir().unwrap();
        for (name, samples, chunk) in [("a", 100, 60), ("b", 100, 80), ("c", 20, 900)] {
            let block = dir.path().join(name);
            fs::create_dir_all(block.join("chunks")).unwrap();
            let meta = format!("{{\"stats\": {{\"numSamples\": {samples}}}}}");
            // Padded to 40 bytes, so that two blocks have 100 and 120.
            fs::write(block.join("meta.json"), format!("{meta:40}")).unwrap();
            fs::write(block.join("chunks/000001"), vec![0; chunk]).unwrap();
        }
        fs::create_dir(dir.path().join("wal")).unwrap();
        assert_eq!(bytes_per_sample(dir.path()).unwrap(), 1.1);
    }
}
