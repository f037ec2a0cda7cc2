//! The graph of a past moment, read from the series that hold it.

use diagnosis::graph::{FROM_SERIES, Graph, from_series};
use model::{Labels, Timestamp};
use promql::{EvalError, EvalOptions, Value, eval_instant};
use store::Snapshot;

/// The series that held the graph at a moment, or at most five minutes before it.
pub(super) fn series_at(
    snapshot: &Snapshot,
    at: Timestamp,
) -> Result<Vec<(Labels, f64)>, EvalError> {
    let expr = promql::parse(FROM_SERIES).expect("a test parses this selector");
    let evaluated = eval_instant(snapshot, &expr, at, &EvalOptions::default())?;
    Ok(match evaluated.value {
        Value::Vector(rows) => rows
            .into_iter()
            .map(|row| (row.labels, row.sample.value))
            .collect(),
        Value::Scalar(_) | Value::String { .. } | Value::Matrix(_) => Vec::new(),
    })
}

/// The graph as it was; empty where none was written.
pub(crate) fn graph_at(snapshot: &Snapshot, at: Timestamp) -> Result<Graph, EvalError> {
    let series = series_at(snapshot, at)?;
    Ok(from_series(
        series.iter().map(|(labels, value)| (labels, *value)),
    ))
}
