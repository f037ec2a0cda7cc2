//! `query`, `query_range` and what looks at an expression without evaluating it.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use promql::{Evaluated, Expr, Range, ValueType};
use serde_json::json;

use super::answer::{Answer, ApiError, evaluated, success};
use super::params::Params;
use crate::app::App;
use crate::query::{QUERY_BYTES_MAX, QueryError, QueryLimits};

/// Points of one series in one answer, as in Prometheus: enough for a 4K screen three times over.
const POINTS_MAX: u128 = 11_000;

/// `GET|POST /api/v1/query`.
pub(super) async fn query(State(app): State<Arc<App>>, params: Params) -> Answer {
    let at = params.time("time")?.unwrap_or_else(|| app.clock.now());
    let limit = params.limit("limit")?;
    let limits = limits(&app, &params)?;
    let expr = expression(&params)?;
    answer(app.queries.instant(expr, at, limits).await?, limit).await
}

/// `GET|POST /api/v1/query_range`.
pub(super) async fn query_range(State(app): State<Arc<App>>, params: Params) -> Answer {
    let missing =
        |name: &str| ApiError::bad_data(format!("invalid parameter {name:?}: it is missing"));
    let start = params.time("start")?.ok_or_else(|| missing("start"))?;
    let end = params.time("end")?.ok_or_else(|| missing("end"))?;
    if end < start {
        return Err(ApiError::bad_data(
            "invalid parameter \"end\": end timestamp must not be before start time",
        ));
    }
    let step = params.duration("step")?.ok_or_else(|| missing("step"))?;
    if step < Duration::from_millis(1) {
        return Err(ApiError::bad_data(
            "invalid parameter \"step\": zero or negative query resolution step widths are not \
             accepted. Try a positive integer",
        ));
    }
    if end.since(start).as_millis() / step.as_millis() > POINTS_MAX {
        return Err(ApiError::bad_data(
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query \
             resolution (?step=XX)",
        ));
    }
    let limit = params.limit("limit")?;
    let limits = limits(&app, &params)?;
    let expr = expression(&params)?;
    answer(
        app.queries
            .range(expr, Range { start, end, step }, limits)
            .await?,
        limit,
    )
    .await
}

/// A million points take a tenth of a second to write, so not on a thread that serves others.
async fn answer(result: Evaluated, limit: usize) -> Answer {
    let written = tokio::task::spawn_blocking(move || evaluated(&result, limit));
    written
        .await
        .unwrap_or_else(|_| Err(QueryError::Panicked.into()))
}

/// `GET|POST /api/v1/format_query`: the query as PromQL is commonly written, in one line.
pub(super) async fn format_query(params: Params) -> Answer {
    success(&expression(&params)?.to_string())
}

/// `GET|POST /api/v1/parse_query`: whether it is a query, and of what type.
pub(super) async fn parse_query(params: Params) -> Answer {
    let kind = match expression(&params)?.value_type() {
        ValueType::Scalar => "scalar",
        ValueType::String => "string",
        ValueType::Vector => "vector",
        ValueType::Matrix => "matrix",
    };
    success(&json!({ "valueType": kind }))
}

/// `GET|POST /api/v1/query_exemplars`: none are stored.
pub(super) async fn query_exemplars(params: Params) -> Answer {
    expression(&params)?;
    success(&json!([]))
}

fn expression(params: &Params) -> Result<Arc<Expr>, ApiError> {
    let text = params.get("query").unwrap_or_default();
    if text.len() > QUERY_BYTES_MAX {
        return Err(ApiError::bad_data(format!(
            "invalid parameter \"query\": it is longer than {QUERY_BYTES_MAX} bytes"
        )));
    }
    promql::parse(text)
        .map(Arc::new)
        .map_err(|error| ApiError::bad_data(format!("invalid parameter \"query\": {error}")))
}

fn limits(app: &App, params: &Params) -> Result<QueryLimits, ApiError> {
    let mut limits = app.queries.limits();
    if let Some(timeout) = params.duration("timeout")? {
        limits.timeout = limits.timeout.min(timeout);
    }
    if let Some(lookback) = params.duration("lookback_delta")? {
        limits.lookback = lookback;
    }
    Ok(limits)
}
