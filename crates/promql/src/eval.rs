//! Evaluates a tree over a snapshot.

use std::time::Duration;

use model::Timestamp;
use store::Snapshot;

use crate::{EvalError, EvalOptions, Evaluated, Expr};

/// The moments of a range query: `start`, `start + step`, … up to `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    pub start: Timestamp,
    /// Included when a step falls on it.
    pub end: Timestamp,
    pub step: Duration,
}

/// Evaluates at one moment.
pub fn eval_instant(
    snapshot: &Snapshot,
    expr: &Expr,
    at: Timestamp,
    options: &EvalOptions,
) -> Result<Evaluated, EvalError> {
    let _ = (snapshot, expr, at, options);
    Err(EvalError::Cancelled)
}

/// Evaluates at every step of a range.
pub fn eval_range(
    snapshot: &Snapshot,
    expr: &Expr,
    range: Range,
    options: &EvalOptions,
) -> Result<Evaluated, EvalError> {
    let _ = (snapshot, expr, range, options);
    Err(EvalError::Cancelled)
}
