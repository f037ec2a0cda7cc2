//! How far an evaluation looks back, what it may cost, and how it is stopped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::EvalError;

/// What the engine's user decides, apart from the query and its time.
#[derive(Clone, Debug)]
pub struct EvalOptions {
    /// How old the newest sample of a series may be and still count, 5 minutes unless told
    /// otherwise: Prometheus's `--query.lookback-delta`.
    pub lookback: Duration,
    /// Step of a subquery that names none. Prometheus takes its global evaluation interval,
    /// 1 minute unless told otherwise.
    pub subquery_step: Duration,
    pub limits: Limits,
    pub cancel: Cancel,
}

/// What one query may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Samples read from the store, plus values held at once between the parts of the expression.
    /// 50 million, Prometheus's `--query.max-samples`: 0.8 GB at 16 bytes a sample.
    pub samples_max: usize,
    /// Evaluations of a range query, and of each subquery. Prometheus's API refuses a range query
    /// above 11,000; a subquery may have more steps than its query, so the engine's own bound is
    /// a million (11.5 days at a second).
    pub steps_max: usize,
}

/// A flag that stops an evaluation from another thread. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Default for EvalOptions {
    fn default() -> Self {
        Self {
            lookback: Duration::from_secs(5 * 60),
            subquery_step: Duration::from_secs(60),
            limits: Limits::default(),
            cancel: Cancel::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            samples_max: 50_000_000,
            steps_max: 1_000_000,
        }
    }
}

impl Cancel {
    pub fn new() -> Self {
        Self::default()
    }

    /// Every evaluation that holds this flag or a clone of it ends soon with
    /// [`EvalError::Cancelled`].
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn check(&self) -> Result<(), EvalError> {
        if self.is_cancelled() {
            return Err(EvalError::Cancelled);
        }
        Ok(())
    }
}
