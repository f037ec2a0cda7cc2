//! The HTTP API (docs/api.md): Prometheus's, and what the web UI needs besides.

mod alertmanager;
mod answer;
mod assertions;
mod dashboards;
mod edits;
mod graph;
mod incidents;
mod kpis;
mod notifications;
mod objectives;
mod packs;
mod params;
mod query;
mod rules;
mod series;
mod services;
mod silence_page;
mod status;
mod targets;
mod time;
mod value;
mod web;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};

use self::answer::ApiError;
pub(crate) use self::params::parse_time;
pub(crate) use self::time::format_rfc3339;
pub(crate) use self::value::LabelsJson;
use crate::app::App;
use crate::ui;

/// Forms are queries, which are far shorter.
const REQUEST_BYTES_MAX: usize = 1 << 20;

/// The whole of what this server answers.
pub(crate) fn router(app: Arc<App>) -> Router {
    let prometheus = Router::new()
        .route("/query", get(query::query).post(query::query))
        .route(
            "/query_range",
            get(query::query_range).post(query::query_range),
        )
        .route(
            "/query_exemplars",
            get(query::query_exemplars).post(query::query_exemplars),
        )
        .route(
            "/format_query",
            get(query::format_query).post(query::format_query),
        )
        .route(
            "/parse_query",
            get(query::parse_query).post(query::parse_query),
        )
        .route("/series", get(series::series).post(series::series))
        .route("/labels", get(series::labels).post(series::labels))
        .route("/label/{name}/values", get(series::label_values))
        .route("/metadata", get(series::metadata))
        .route("/targets", get(targets::targets))
        .route("/scrape_pools", get(targets::scrape_pools))
        .route("/status/buildinfo", get(status::buildinfo))
        .route("/status/runtimeinfo", get(status::runtimeinfo))
        .route("/status/config", get(status::config))
        .route("/status/flags", get(status::flags))
        .route("/status/tsdb", get(status::tsdb))
        .merge(rules::router())
        .merge(services::router())
        .merge(notifications::router())
        .merge(packs::router())
        .merge(graph::router())
        .merge(incidents::router())
        .merge(assertions::router())
        .merge(dashboards::router())
        .merge(objectives::router())
        .merge(edits::router())
        .merge(kpis::router())
        .fallback(unknown);
    Router::new()
        .nest("/api/v1", prometheus)
        .nest("/api/v2", alertmanager::router())
        .route(
            "/silences/new",
            get(silence_page::form).post(silence_page::make),
        )
        .route("/-/healthy", get(status::healthy))
        .route("/-/ready", get(status::ready))
        .route("/-/reload", post(status::reload).put(status::reload))
        .route("/metrics", get(status::metrics))
        .route("/version", get(status::version))
        .fallback(page)
        .layer(DefaultBodyLimit::max(REQUEST_BYTES_MAX))
        .layer(from_fn_with_state(Arc::clone(&app), web::around))
        .with_state(app)
}

async fn unknown() -> Response {
    ApiError::not_found("there is no such endpoint; docs/api.md lists all").into_response()
}

/// The web UI: a file of it, or its page for any other path, whose view the page chooses.
async fn page(request: axum::extract::Request) -> Response {
    if request.uri().path().starts_with("/api/") || request.uri().path().starts_with("/-/") {
        return unknown().await;
    }
    ui::answer(&request, web::accepts_gzip(request.headers()))
}
