//! Measures the store: appends, bytes on disk, reading everything.
//!
//!     cargo run --release -p store --example bench_store -- [targets] [scrapes]
//!     cargo run --release -p store --example bench_store -- openmetrics [targets] [scrapes]
//!
//! The first form ingests the generated set (see `generator`) with the log on, one sync and one
//! maintenance a scrape, and prints one JSON object on its last line. CPU time is that of the
//! calling thread inside the store only: making the samples is not counted. The second form
//! prints the same samples as OpenMetrics text, for a rival to ingest.

mod generator;

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use generator::{INTERVAL_MS, SERIES_PER_TARGET, START_MS, Target};
use model::Timestamp;
use rustix::time::{ClockId, clock_gettime};
use store::{Store, StoreOptions};

const TARGETS_DEFAULT: usize = 100;
/// Six hours and a half at 15 s: three whole blocks and what is in the head.
const SCRAPES_DEFAULT: usize = 1560;
const SELECTS: usize = 5;

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let openmetrics = arguments
        .first()
        .is_some_and(|first| first == "openmetrics");
    if openmetrics {
        arguments.remove(0);
    }
    let number = |place: usize, default| {
        arguments
            .get(place)
            .map_or(Ok(default), |text| text.parse::<usize>())
    };
    let (Ok(targets), Ok(scrapes)) = (number(0, TARGETS_DEFAULT), number(1, SCRAPES_DEFAULT))
    else {
        drop(writeln!(
            io::stderr(),
            "usage: bench_store [openmetrics] [targets] [scrapes]"
        ));
        return ExitCode::FAILURE;
    };
    let mut out = BufWriter::new(io::stdout().lock());
    let done = if openmetrics {
        generator::write_openmetrics(&mut out, targets, scrapes)
    } else {
        run(&mut out, targets, scrapes)
    };
    match done.and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            drop(writeln!(io::stderr(), "{error}"));
            ExitCode::FAILURE
        }
    }
}

/// CPU times and sizes of one ingestion.
#[derive(Default)]
struct Ingested {
    append: Duration,
    sync: Duration,
    maintain: Duration,
    /// Wall time, unlike the others.
    longest_maintain: Duration,
    wal_bytes: u64,
}

fn now(scrape: usize) -> Timestamp {
    Timestamp::from_millis(START_MS).plus_millis((scrape as i64 + 1) * INTERVAL_MS)
}

fn ingest(store: &Store, n_targets: usize, n_scrapes: usize) -> io::Result<Ingested> {
    let mut targets = Vec::new();
    for number in 0..n_targets {
        let target = Target::new(number);
        let group = store.group(&format!("target {number}"));
        let mut ids = Vec::new();
        for labels in &target.labels {
            ids.push(store.resolve(group, labels).map_err(io::Error::other)?);
        }
        targets.push((target, group, ids));
    }
    let mut done = Ingested::default();
    let mut wal_before = 0;
    for scrape in 0..n_scrapes {
        let mut batches = Vec::with_capacity(n_targets);
        for (number, (target, group, ids)) in targets.iter_mut().enumerate() {
            target.scrape(number);
            let values = target.values.iter().copied();
            let batch: Vec<_> = ids.iter().copied().zip(values).collect();
            batches.push((*group, target.at, batch));
        }
        timed(&mut done.append, || {
            for (group, at, batch) in &batches {
                store.append(*group, *at, batch).map_err(io::Error::other)?;
            }
            Ok(())
        })?;
        done.wal_bytes += store.stats().wal_bytes - wal_before;
        timed(&mut done.sync, || store.sync().map_err(io::Error::other))?;
        let begun = Instant::now();
        timed(&mut done.maintain, || {
            let maintained = store.maintain(now(scrape));
            maintained.map(drop).map_err(io::Error::other)
        })?;
        done.longest_maintain = done.longest_maintain.max(begun.elapsed());
        wal_before = store.stats().wal_bytes;
    }
    Ok(done)
}

/// Samples read, and the median CPU time of reading them all.
fn select_all(store: &Store) -> io::Result<(usize, Duration)> {
    let mut times = Vec::new();
    let mut samples = 0;
    for _ in 0..SELECTS {
        let mut time = Duration::ZERO;
        timed(&mut time, || {
            let snapshot = store.snapshot();
            let all = snapshot
                .select(&[], Timestamp::MIN, Timestamp::MAX, usize::MAX)
                .map_err(io::Error::other)?;
            samples = all.iter().map(|column| column.values.len()).sum();
            Ok(())
        })?;
        times.push(time);
    }
    times.sort();
    Ok((samples, times[SELECTS / 2]))
}

fn run(out: &mut impl Write, n_targets: usize, n_scrapes: usize) -> io::Result<()> {
    let dir = std::env::temp_dir().join(format!("bench-store-{}", std::process::id()));
    let open = |scrape| Store::open(&dir, StoreOptions::default(), now(scrape));
    let (store, _) = open(0).map_err(io::Error::other)?;
    let done = ingest(&store, n_targets, n_scrapes)?;
    let stats = store.stats();
    let rss_peak_bytes = peak_rss_bytes();
    let (selected, select) = select_all(&store)?;
    store.close().map_err(io::Error::other)?;
    drop(store);
    let begun = Instant::now();
    let (store, recovery) = open(n_scrapes).map_err(io::Error::other)?;
    let reopen = begun.elapsed();
    store.close().map_err(io::Error::other)?;
    std::fs::remove_dir_all(&dir)?;

    let samples = n_targets * n_scrapes * SERIES_PER_TARGET;
    assert_eq!(selected, samples, "every sample comes back");
    let per_second = |time: Duration| samples as f64 / time.as_secs_f64();
    let ingest = done.append + done.sync + done.maintain;
    let figures = [
        ("samples", samples as f64),
        ("append_samples_per_cpu_second", per_second(done.append)),
        ("ingest_samples_per_cpu_second", per_second(ingest)),
        ("append_cpu_seconds", done.append.as_secs_f64()),
        ("sync_cpu_seconds", done.sync.as_secs_f64()),
        ("maintain_cpu_seconds", done.maintain.as_secs_f64()),
        (
            "longest_maintain_seconds",
            done.longest_maintain.as_secs_f64(),
        ),
        (
            "block_bytes_per_sample",
            stats.block_bytes as f64 / stats.block_samples.max(1) as f64,
        ),
        (
            "wal_bytes_per_sample",
            done.wal_bytes as f64 / samples as f64,
        ),
        (
            "head_bytes_per_sample",
            stats.head_bytes as f64 / stats.head_samples.max(1) as f64,
        ),
        ("select_all_cpu_seconds", select.as_secs_f64()),
        ("select_samples_per_cpu_second", per_second(select)),
        ("reopen_seconds", reopen.as_secs_f64()),
        ("replayed_samples", recovery.samples as f64),
        ("blocks", stats.blocks as f64),
        ("rss_peak_bytes", rss_peak_bytes as f64),
    ];
    let figures: Vec<String> = figures
        .iter()
        // Four decimals, and whole numbers without any.
        .map(|(name, value)| format!("\"{name}\": {}", (value * 1e4).round() / 1e4))
        .collect();
    writeln!(out, "{{{}}}", figures.join(", "))
}

/// Adds the CPU time of the calling thread.
fn timed(total: &mut Duration, work: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    let before = thread_cpu();
    work()?;
    *total += thread_cpu() - before;
    Ok(())
}

fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

fn peak_rss_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}
