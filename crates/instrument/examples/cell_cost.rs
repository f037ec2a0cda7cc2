//! What one increment costs: on the heap, in a mapping, with and without the walk to the cell.
//!
//! `cargo run --release -p instrument --example cell_cost`

#![allow(clippy::print_stdout, reason = "it is run to be read")]

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use instrument::{
    Family, FamilyKind, FamilySpec, GaugeMode, Proc, Process, ProcessOptions, SegmentLimits, Series,
};

const ROUNDS: u32 = 25;
const N: u32 = 1_000_000;

fn main() {
    let cell = AtomicU64::new(0);
    measure("u64, add", || {
        black_box(&cell).fetch_add(1, Ordering::Relaxed);
    });
    measure("f64, compare and swap", || {
        let cell = black_box(&cell);
        let mut bits = cell.load(Ordering::Relaxed);
        loop {
            let sum = (f64::from_bits(bits) + 1.0).to_bits();
            match cell.compare_exchange_weak(bits, sum, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => break,
                Err(now) => bits = now,
            }
        }
    });
    let runtime_dir = std::env::temp_dir().join(format!("cell-cost-{}", std::process::id()));
    let process = Process::new(ProcessOptions {
        runtime_dir: Some(runtime_dir.clone()),
        limits: SegmentLimits::default(),
        proc: Proc::default(),
        identity: None,
        writers: instrument::Writers::Many,
    });
    let private = Family::new(&process, spec("private")).series([], 1.0);
    let family = Family::new(&process, spec("shared"));
    family.share(0);
    let shared = family.series([], 1.0);
    measure_series("series on the heap", &private);
    measure_series("series in a mapping", &shared);
    // Best effort: it lies in the temporary folder.
    drop(std::fs::remove_dir_all(runtime_dir));
}

fn spec(name: &str) -> FamilySpec {
    FamilySpec {
        kind: FamilyKind::Counter,
        mode: GaugeMode::Auto,
        name: name.to_owned(),
        help: String::new(),
        unit: String::new(),
        label_names: Vec::new(),
        bounds: Vec::new(),
        states: Vec::new(),
        native: None,
    }
}

fn measure_series(what: &str, series: &Arc<Series>) {
    measure(what, || black_box(series).add(1.0));
}

/// The least of the rounds: every disturbance adds.
fn measure(what: &str, mut work: impl FnMut()) {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..N {
            work();
        }
        best = best.min(start.elapsed().as_secs_f64() / f64::from(N));
    }
    println!("{what:24} {:5.2} ns", best * 1e9);
}
