//! Exemplars: what Python handed in, kept here as it is and shared as bytes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use instrument::{Exemplar, FamilyReading, Series, Value};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::cells::{lossy, to_float};
use crate::host::guard;

/// The latest exemplar of each value cell, with the era of the series in which it was kept.
#[derive(Default)]
pub(crate) struct Exemplars(Mutex<HashMap<usize, (u64, Py<PyAny>)>>);

impl Exemplars {
    pub(crate) fn get(&self, py: Python<'_>, series: &Series, cell: usize) -> Option<Py<PyAny>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (era, exemplar) = kept.get(&cell)?;
        (*era == series.era()).then(|| exemplar.clone_ref(py))
    }

    pub(crate) fn set(&self, series: &Series, cell: usize, exemplar: &Bound<'_, PyAny>) {
        // What is no exemplar is given back as it came, and nobody else sees it.
        if let Ok(shared) = read(cell, exemplar) {
            guard((), || series.set_exemplar(&shared));
        }
        let kept = (series.era(), exemplar.clone().unbind());
        let mut exemplars = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let old = exemplars.insert(cell, kept);
        // Freeing it may run Python code, which may come back here.
        drop(exemplars);
        drop(old);
    }
}

fn read(cell: usize, exemplar: &Bound<'_, PyAny>) -> PyResult<Exemplar> {
    let py = exemplar.py();
    let mut labels = Vec::new();
    for (name, value) in exemplar
        .getattr(intern!(py, "labels"))?
        .cast::<PyDict>()?
        .iter()
    {
        let text =
            |text: Bound<'_, PyAny>| -> PyResult<Arc<str>> { Ok(lossy(&text.str()?).into()) };
        labels.push((text(name)?, text(value)?));
    }
    let timestamp = exemplar.getattr(intern!(py, "timestamp"))?;
    Ok(Exemplar {
        cell: u16::try_from(cell)?,
        labels,
        value: to_float(&exemplar.getattr(intern!(py, "value"))?)?,
        time: match timestamp.is_none() {
            true => None,
            false => Some(to_float(&timestamp)?),
        },
    })
}

type Pairs = Vec<(String, String)>;

/// Suffix and labels of a sample, then labels, value and time of its exemplar.
pub(crate) type ExemplarTuple = (&'static str, Pairs, Pairs, f64, Option<f64>);

/// The exemplars of a family's samples.
pub(crate) fn of_family(family: &FamilyReading) -> Vec<ExemplarTuple> {
    let own = |(name, value): &(Arc<str>, Arc<str>)| (name.to_string(), value.to_string());
    let mut found = Vec::new();
    for series in &family.series {
        for exemplar in &series.exemplars {
            let mut labels: Pairs = family
                .labels(series)
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.into_owned()))
                .collect();
            let suffix = match (&series.value, exemplar.cell) {
                (Value::Counter { .. }, 0) => "_total",
                (Value::Histogram { buckets, .. }, cell) => {
                    let bucket = usize::from(cell).checked_sub(1);
                    let Some((bound, _)) = bucket.and_then(|bucket| buckets.get(bucket)) else {
                        continue;
                    };
                    labels.push(("le".to_owned(), instrument::format_value(*bound)));
                    "_bucket"
                }
                // Nothing else has exemplars in the format.
                _ => continue,
            };
            let pairs = exemplar.labels.iter().map(own).collect();
            found.push((suffix, labels, pairs, exemplar.value, exemplar.time));
        }
    }
    found
}
