//! Times the queries that dashboards and rules ask most, over 100 targets of 100 series each, six
//! hours at 15 seconds: 14.4 million samples in memory.
//!
//! `cargo run --release -p promql --example bench_query [ROUNDS]`. The last line is JSON:
//! milliseconds of processor time per query, the median of the rounds. Processor time, since other
//! work on the machine must not count.

use std::io::Write;
use std::time::Duration;

use model::{Labels, METRIC_NAME, Matcher, Timestamp};
use promql::{EvalOptions, Range, Value, eval_range, parse};
use rustix::time::{ClockId, clock_gettime};
use store::{Snapshot, Store};

const TARGETS: usize = 100;
const SCRAPES: i64 = 6 * 60 * 60 / SCRAPE_SECONDS;
const SCRAPE_SECONDS: i64 = 15;
/// Upper bounds of the histogram's buckets.
const BOUNDS: [&str; 12] = [
    "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf",
];

const QUERIES: [(&str, &str); 4] = [
    ("sum_rate", "sum by (job)(rate(x_total[5m]))"),
    (
        "p99",
        "histogram_quantile(.99, sum by (le)(rate(b_bucket[5m])))",
    ),
    ("topk", "topk(5, gauge)"),
    (
        "ratio",
        "sum(rate(x_total{code=\"500\"}[5m])) / sum(rate(x_total[5m]))",
    ),
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rounds = match std::env::args().nth(1) {
        Some(rounds) => rounds.parse::<usize>()?.max(1),
        None => 5,
    };
    let mut out = std::io::stdout();
    let snapshot = fill()?;
    let range = Range {
        start: Timestamp::from_millis(0),
        end: Timestamp::from_millis(SCRAPES * SCRAPE_SECONDS * 1000),
        step: Duration::from_secs(60),
    };
    let mut medians = Vec::new();
    for (name, query) in QUERIES {
        let expr = parse(query)?;
        let mut millis = Vec::new();
        for _ in 0..rounds {
            let start = cpu_millis();
            let evaluated = eval_range(&snapshot, &expr, range, &EvalOptions::default())?;
            millis.push(cpu_millis() - start);
            if let Value::Matrix(series) = evaluated.value {
                let samples: usize = series.iter().map(|series| series.samples.len()).sum();
                writeln!(out, "{name}: {} series, {samples} samples", series.len())?;
            }
        }
        medians.push(format!("\"{name}_ms\":{:.1}", median(millis)));
    }
    // What of it the store takes: reading the columns of the first query and no more.
    let matchers = [Matcher::equal(METRIC_NAME, "x_total")];
    let mut millis = Vec::new();
    for _ in 0..rounds {
        let start = cpu_millis();
        let columns = snapshot.select(&matchers, range.start, range.end, usize::MAX)?;
        millis.push(cpu_millis() - start);
        writeln!(out, "select: {} columns", columns.len())?;
    }
    medians.push(format!("\"select_ms\":{:.1}", median(millis)));
    writeln!(out, "{{{}}}", medians.join(","))?;
    Ok(())
}

/// Processor time of this process.
fn cpu_millis() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}

fn median(mut millis: Vec<f64>) -> f64 {
    millis.sort_by(f64::total_cmp);
    millis[millis.len() / 2]
}

/// Each target: 32 counters, 4 histograms of 12 buckets, 20 gauges.
fn fill() -> Result<Snapshot, Box<dyn std::error::Error>> {
    let store = Store::in_memory();
    let mut random = 0_u64;
    for target in 0..TARGETS {
        let group = store.group(&format!("target-{target}"));
        let mut ids = Vec::new();
        for labels in labels_of(target)? {
            ids.push(store.resolve(group, &labels)?);
        }
        let mut values = vec![0.0; ids.len()];
        for scrape in 0..=SCRAPES {
            for value in &mut values {
                *value += f64::from(u8::try_from(next(&mut random) % 8)?);
            }
            let at = Timestamp::from_millis(scrape * SCRAPE_SECONDS * 1000 + target as i64);
            let batch: Vec<_> = ids.iter().copied().zip(values.iter().copied()).collect();
            store.append(group, at, &batch)?;
        }
    }
    Ok(store.snapshot())
}

fn labels_of(target: usize) -> Result<Vec<Labels>, model::DuplicateLabel> {
    let mut all = Vec::new();
    let (job, instance) = (format!("job-{}", target % 10), format!("host-{target}:80"));
    let mut push = |name: &str, extra: &[(&str, &str)]| {
        let mut pairs = vec![("__name__", name), ("job", &job), ("instance", &instance)];
        pairs.extend(extra);
        Labels::new(pairs).map(|labels| all.push(labels))
    };
    for path in 0..16 {
        for code in ["200", "500"] {
            push("x_total", &[("path", &format!("/{path}")), ("code", code)])?;
        }
    }
    for path in 0..4 {
        for bound in BOUNDS {
            push("b_bucket", &[("path", &format!("/{path}")), ("le", bound)])?;
        }
    }
    for shard in 0..20 {
        push("gauge", &[("shard", &shard.to_string())])?;
    }
    Ok(all)
}

/// SplitMix64: the same numbers on every machine.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
