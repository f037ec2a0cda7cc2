//! Garbage collections, counted as they happen, so that a server sees them too.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use instrument::{FamilyKind, FamilySpec, GaugeMode};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::clock;
use crate::host::{guard, process};

/// CPython has three generations, and 3.13's incremental collector reports as three.
const GENERATIONS: [&str; 3] = ["0", "1", "2"];

/// Upper bounds in seconds. A young generation takes some 10 µs; a full collection of a few million
/// objects takes a second, during which the process does nothing else.
const PAUSE_BOUNDS: [f64; 11] = [
    0.000_1,
    0.000_5,
    0.001,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    1.0,
    f64::INFINITY,
];

/// No collection runs.
const IDLE: u64 = f64::NAN.to_bits();

/// Counters of prometheus_client's `GCCollector`, and how long each collection took, as an entry
/// of `gc.callbacks`.
///
/// A collection may start within any allocation, so this allocates nothing and takes no lock
/// but once after a fork.
#[pyclass(frozen, module = "pyrometer._core")]
pub(crate) struct GcCounters {
    collected: Vec<Arc<instrument::Series>>,
    uncollectable: Vec<Arc<instrument::Series>>,
    collections: Vec<Arc<instrument::Series>>,
    pauses: Vec<Arc<instrument::Series>>,
    /// When the running collection began, as bits; an interpreter runs one at a time.
    began: AtomicU64,
}

#[pymethods]
impl GcCounters {
    /// Starts at what `gc.get_stats()` says: three of (collected, uncollectable, collections).
    #[new]
    fn new(stats: Vec<(f64, f64, f64)>) -> Self {
        let [collected, uncollectable, collections] = [
            ("python_gc_objects_collected", "Objects collected during gc"),
            (
                "python_gc_objects_uncollectable",
                "Uncollectable objects found during GC",
            ),
            (
                "python_gc_collections",
                "Number of times this generation was collected",
            ),
        ]
        .map(|(name, help)| {
            guard(Vec::new(), || {
                by_generation(FamilyKind::Counter, name, help)
            })
        });
        for (generation, (n_collected, n_uncollectable, n_collections)) in
            stats.into_iter().enumerate().take(GENERATIONS.len())
        {
            guard((), || {
                add(&collected, generation, n_collected);
                add(&uncollectable, generation, n_uncollectable);
                add(&collections, generation, n_collections);
            });
        }
        Self {
            collected,
            uncollectable,
            collections,
            pauses: by_generation(
                FamilyKind::Histogram,
                "python_gc_duration_seconds",
                "Time that the garbage collector took for a collection",
            ),
            began: AtomicU64::new(IDLE),
        }
    }

    fn __call__(&self, phase: &str, info: &Bound<'_, PyDict>) -> PyResult<()> {
        if phase != "stop" {
            self.began
                .store(clock::monotonic().to_bits(), Ordering::Relaxed);
            return Ok(());
        }
        let seconds = clock::monotonic() - f64::from_bits(self.began.swap(IDLE, Ordering::Relaxed));
        let py = info.py();
        let number = |key| -> PyResult<usize> {
            let value = info.get_item(key)?;
            value.map_or(Ok(0), |value| value.extract())
        };
        let generation = number(intern!(py, "generation"))?;
        let n_collected = number(intern!(py, "collected"))? as f64;
        let n_uncollectable = number(intern!(py, "uncollectable"))? as f64;
        guard((), || {
            add(&self.collections, generation, 1.0);
            add(&self.collected, generation, n_collected);
            add(&self.uncollectable, generation, n_uncollectable);
            // Without its beginning, which was before this was here, it is no number.
            if let Some(pauses) = self.pauses.get(generation)
                && !seconds.is_nan()
            {
                pauses.histogram_observe(seconds);
            }
        });
        Ok(())
    }
}

fn add(counters: &[Arc<instrument::Series>], generation: usize, amount: f64) {
    if let Some(counter) = counters.get(generation) {
        counter.add(amount);
    }
}

fn by_generation(kind: FamilyKind, name: &str, help: &str) -> Vec<Arc<instrument::Series>> {
    let spec = FamilySpec {
        kind,
        mode: GaugeMode::Auto,
        name: name.to_owned(),
        help: help.to_owned(),
        unit: String::new(),
        label_names: vec!["generation".to_owned()],
        bounds: match kind {
            FamilyKind::Histogram => PAUSE_BOUNDS.to_vec(),
            _ => Vec::new(),
        },
        states: Vec::new(),
        native: None,
    };
    let family = instrument::Family::new(process(), spec);
    family.share(0);
    GENERATIONS
        .iter()
        // No beginning: prometheus_client's collector has no `_created` either.
        .map(|generation| family.series([*generation], 0.0))
        .collect()
}
