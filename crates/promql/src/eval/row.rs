//! One series of results: a value, or none, for every step.

use std::collections::HashMap;

use model::{Labels, is_stale, stale_marker};

use crate::EvalError;

/// A series of an instant vector over all steps.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) labels: Labels,
    /// The metric's name is to be dropped at the end. Until then it keeps apart series that differ
    /// in nothing else, and `label_replace` can still read it.
    pub(super) drop_name: bool,
    /// As many as there are steps; [`absent`] where the series has no value.
    pub(super) values: Vec<f64>,
}

/// Stands for "no value at this step".
///
/// It is the stale marker: selectors never let one through, and as a signalling NaN it is not the
/// result of any arithmetic, so no value can be taken for it.
pub(super) fn absent() -> f64 {
    stale_marker()
}

pub(super) fn is_present(value: f64) -> bool {
    !is_stale(value)
}

impl Row {
    /// Changes every value that is there, and drops the name, as most functions do.
    pub(super) fn map(&mut self, change: impl Fn(f64) -> f64) {
        self.drop_name = true;
        for value in &mut self.values {
            if is_present(*value) {
                *value = change(*value);
            }
        }
    }

    /// Like [`Row::map`] with the step's index; [`absent`] removes a value. The name stays.
    pub(super) fn map_steps(&mut self, change: impl Fn(usize, f64) -> f64) {
        for (step, value) in self.values.iter_mut().enumerate() {
            if is_present(*value) {
                *value = change(step, *value);
            }
        }
    }
}

/// Joins rows with the same labels, unless only one of them is to lose its name: then they are two
/// series in the end. What is joined must not have a value at the same step.
pub(super) fn merge(rows: Vec<Row>) -> Result<Vec<Row>, EvalError> {
    let mut merged: Vec<Row> = Vec::with_capacity(rows.len());
    let mut positions: HashMap<(Labels, bool), usize> = HashMap::with_capacity(rows.len());
    for row in rows {
        let position = *positions
            .entry((row.labels.clone(), row.drop_name))
            .or_insert(merged.len());
        let Some(earlier) = merged.get_mut(position) else {
            merged.push(row);
            continue;
        };
        for (value, &other) in earlier.values.iter_mut().zip(&row.values) {
            if !is_present(other) {
                continue;
            }
            if is_present(*value) {
                return Err(EvalError::DuplicateLabels);
            }
            *value = other;
        }
    }
    Ok(merged)
}

/// Drops the names that are to be dropped and joins what has become one series.
pub(super) fn finish(rows: Vec<Row>) -> Result<Vec<Row>, EvalError> {
    let rows = rows
        .into_iter()
        .filter(|row| row.values.iter().any(|&value| is_present(value)))
        .map(|row| {
            let labels = if row.drop_name {
                row.labels.without_metric_name()
            } else {
                row.labels
            };
            Row {
                labels,
                drop_name: false,
                values: row.values,
            }
        })
        .collect();
    merge(rows)
}
