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
        .map(|(name, help)| counters(name, help));
        for (generation, (n_collected, n_uncollectable, n_collections)) in
            stats.into_iter().enumerate().take(GENERATIONS.len())
        {
            collected[generation].add(n_collected);
            uncollectable[generation].add(n_uncollectable);
            collections[generation].add(n_collections);
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
            if let Some(collections) = self.collections.get(generation) {
                collections.add(1.0);
                self.collected[generation].add(n_collected);
                self.uncollectable[generation].add(n_uncollectable);
            }
        });
        Ok(())
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
