//! Runs PromQL for the API: as many at once as there are cores, each with a deadline, each
//! stopped when nobody waits for it any more.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::Timestamp;
use promql::{Cancel, EvalError, EvalOptions, Evaluated, Expr, Limits, Range};
use store::{Snapshot, Store, StoreError};
use tokio::sync::Semaphore;

use crate::self_metrics::SelfMetrics;

/// A query that takes longer is stopped. Prometheus allows two minutes; nobody looks at a chart
/// that long, and a browser has hung up by then.
pub(crate) const TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);

/// Longest text of a query. Grafana's longest, with hundreds of values in a regex, have 20 KiB.
pub(crate) const QUERY_BYTES_MAX: usize = 64 * 1024;

/// Runs queries over the store.
#[derive(Clone, Debug)]
pub(crate) struct QueryEngine {
    store: Store,
    slots: Arc<Semaphore>,
    slots_max: usize,
    pub(crate) timeout: Duration,
    /// How old the newest sample of a series may be and still count.
    pub(crate) lookback: Duration,
    metrics: Arc<SelfMetrics>,
}

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QueryError {
    #[error(transparent)]
    Eval(#[from] EvalError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the query took longer than {}; narrow it or take a longer step",
        model::format_duration(*.timeout))]
    Timeout { timeout: Duration },
    #[error("the query panicked; please report it with its text")]
    Panicked,
}

/// Stops the evaluation when the answer is not awaited any more: hyper drops the handler when
/// the client hangs up.
struct CancelOnDrop(Cancel);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

impl QueryEngine {
    pub(crate) fn new(store: Store, metrics: Arc<SelfMetrics>) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, NonZeroUsize::get);
        Self {
            store,
            slots: Arc::new(Semaphore::new(cores)),
            slots_max: cores,
            timeout: TIMEOUT_DEFAULT,
            lookback: EvalOptions::default().lookback,
            metrics,
        }
    }

    /// The value of an expression at one moment.
    pub(crate) async fn instant(
        &self,
        expr: Arc<Expr>,
        at: Timestamp,
        limits: QueryLimits,
    ) -> Result<Evaluated, QueryError> {
        let options = self.options(&limits);
        self.run(limits.timeout, options.cancel.clone(), move |snapshot| {
            Ok(promql::eval_instant(snapshot, &expr, at, &options)?)
        })
        .await
    }

    /// The values of an expression at every step of a range.
    pub(crate) async fn range(
        &self,
        expr: Arc<Expr>,
        range: Range,
        limits: QueryLimits,
    ) -> Result<Evaluated, QueryError> {
        let options = self.options(&limits);
        self.run(limits.timeout, options.cancel.clone(), move |snapshot| {
            Ok(promql::eval_range(snapshot, &expr, range, &options)?)
        })
        .await
    }

    /// Looks something up in the store, under the same limits as a query.
    pub(crate) async fn lookup<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Snapshot) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, QueryError> {
        self.run(self.timeout, Cancel::new(), move |snapshot| {
            Ok(look(snapshot)?)
        })
        .await
    }

    /// How many queries are evaluated at this moment.
    pub(crate) fn running(&self) -> usize {
        self.slots_max - self.slots.available_permits()
    }

    /// The limits of a request that names none.
    pub(crate) fn limits(&self) -> QueryLimits {
        QueryLimits {
            timeout: self.timeout,
            lookback: self.lookback,
        }
    }

    fn options(&self, limits: &QueryLimits) -> EvalOptions {
        EvalOptions {
            lookback: limits.lookback,
            limits: Limits::default(),
            cancel: Cancel::new(),
            ..EvalOptions::default()
        }
    }

    async fn run<T: Send + 'static>(
        &self,
        timeout: Duration,
        cancel: Cancel,
        work: impl FnOnce(&Snapshot) -> Result<T, QueryError> + Send + 'static,
    ) -> Result<T, QueryError> {
        let started = Instant::now();
        let _stop = CancelOnDrop(cancel);
        let store = self.store.clone();
        let slots = Arc::clone(&self.slots);
        let running = async move {
            let permit = slots
                .acquire_owned()
                .await
                .map_err(|_| EvalError::Cancelled)?;
            let worked = tokio::task::spawn_blocking(move || {
                // The slot is free when the work is done, not when nobody waits for it.
                let _permit = permit;
                work(&store.snapshot())
            });
            worked.await.unwrap_or(Err(QueryError::Panicked))
        };
        let result = match tokio::time::timeout(timeout, running).await {
            Ok(result) => result,
            Err(_) => Err(QueryError::Timeout { timeout }),
        };
        self.metrics.queried(started.elapsed());
        result
    }
}

/// What one request may ask for itself, within the engine's own bounds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueryLimits {
    pub(crate) timeout: Duration,
    pub(crate) lookback: Duration,
}
