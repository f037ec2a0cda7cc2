//! Garbage collections, counted as they happen, so that a server sees them too.

use std::sync::Arc;

use instrument::{FamilyKind, FamilySpec, GaugeMode};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::host::{guard, process};

/// CPython has three generations, and 3.13's incremental collector reports as three.
const GENERATIONS: [&str; 3] = ["0", "1", "2"];

/// Counters of prometheus_client's `GCCollector`, as an entry of `gc.callbacks`.
///
/// A collection may start within any allocation, so this allocates nothing and takes no lock
/// but once after a fork.
#[pyclass(frozen, module = "pyrometer._core")]
pub(crate) struct GcCounters {
    collected: Vec<Arc<instrument::Series>>,
    uncollectable: Vec<Arc<instrument::Series>>,
    collections: Vec<Arc<instrument::Series>>,
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
        .map(|(name, help)| guard(Vec::new(), || counters(name, help)));
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
        }
    }

    fn __call__(&self, phase: &str, info: &Bound<'_, PyDict>) -> PyResult<()> {
        if phase != "stop" {
            return Ok(());
        }
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
        });
        Ok(())
    }
}

fn add(counters: &[Arc<instrument::Series>], generation: usize, amount: f64) {
    if let Some(counter) = counters.get(generation) {
        counter.add(amount);
    }
}

fn counters(name: &str, help: &str) -> Vec<Arc<instrument::Series>> {
    let spec = FamilySpec {
        kind: FamilyKind::Counter,
        mode: GaugeMode::Auto,
        name: name.to_owned(),
        help: help.to_owned(),
        unit: String::new(),
        label_names: vec!["generation".to_owned()],
        bounds: Vec::new(),
        states: Vec::new(),
    };
    let family = instrument::Family::new(process(), spec);
    family.share(0);
    GENERATIONS
        .iter()
        // No beginning: prometheus_client's collector has no `_created` either.
        .map(|generation| family.series([*generation], 0.0))
        .collect()
}
