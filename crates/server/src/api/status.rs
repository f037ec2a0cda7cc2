//! What the server is and how it stands: `status/…`, health, metrics, reload.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::{Labels, METRIC_NAME};
use serde::Serialize;
use serde_json::json;
use tokio::sync::oneshot;

use super::answer::{Answer, ApiError, success};
use super::params::Params;
use super::series::all_series;
use super::time::format_rfc3339;
use super::value::LabelsJson;
use crate::app::App;
use crate::self_metrics::Gauges;
use crate::targets::Health;

/// The version of Prometheus whose API this is, so that Grafana offers what it can; ours stands
/// behind the plus as build metadata.
const API_VERSION: &str = concat!("3.0.0+pyrometer.", env!("CARGO_PKG_VERSION"));

/// `GET /api/v1/status/buildinfo`. No `features`: Grafana would take us for Mimir.
pub(super) async fn buildinfo() -> Answer {
    success(&build_json())
}

/// `GET /version`, without the envelope, as in Prometheus.
pub(super) async fn version() -> Response {
    let body = build_json().to_string();
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

fn build_json() -> serde_json::Value {
    json!({
        "version": API_VERSION,
        "revision": "",
        "branch": "",
        "buildUser": "",
        "buildDate": "",
        "goVersion": "",
        "application": "Pyrometer",
        "pyrometerVersion": env!("CARGO_PKG_VERSION"),
    })
}

/// `GET /api/v1/status/runtimeinfo`.
pub(super) async fn runtimeinfo(State(app): State<Arc<App>>) -> Answer {
    let stats = app.store.stats();
    let hostname = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    let config = app.config();
    let cwd = std::env::current_dir().unwrap_or_default();
    success(&json!({
        "startTime": format_rfc3339(app.started),
        "CWD": cwd.display().to_string(),
        "hostname": hostname,
        "serverTime": format_rfc3339(app.clock.now()),
        "reloadConfigSuccess": app.metrics.config_is_good(),
        "lastConfigTime": format_rfc3339(app.metrics.config_time()),
        "corruptionCount": stats.damaged,
        "storageRetention": model::format_duration(app.settings.retention),
        "dataDir": app.settings.data_dir.display().to_string(),
        "announcedScrapeInterval": model::format_duration(app.settings.scrape_interval),
        "scrapeInterval": model::format_duration(config.scrape_interval),
        "evaluationInterval": model::format_duration(config.evaluation_interval),
        "externalLabels": LabelsJson(&config.external_labels),
        "packs": app.settings.packs,
    }))
}

/// `GET /api/v1/status/config`: the file in force, secrets masked.
pub(super) async fn config(State(app): State<Arc<App>>) -> Answer {
    success(&json!({ "yaml": app.config().shown }))
}

/// `GET /api/v1/status/flags`.
pub(super) async fn flags(State(app): State<Arc<App>>) -> Answer {
    let flags: BTreeMap<_, _> = app
        .settings
        .flags
        .iter()
        .map(|(n, v)| (*n, v.as_str()))
        .collect();
    success(&flags)
}

#[derive(Serialize)]
struct CountJson {
    name: String,
    value: u64,
}

/// Series looked at for the statistics: all of a full store.
const SERIES_COUNTED_MAX: usize = 1_000_000;

/// `GET /api/v1/status/tsdb`: where the series come from.
pub(super) async fn tsdb(State(app): State<Arc<App>>, params: Params) -> Answer {
    let limit = match params.limit("limit")? {
        usize::MAX => 10,
        limit => limit,
    };
    let stats = app.store.stats();
    let counted = app
        .queries
        .lookup(move |snapshot| Ok(count(&all_series(snapshot, SERIES_COUNTED_MAX)?, limit)))
        .await?;
    let millis = |at: Option<model::Timestamp>| at.map_or(0, model::Timestamp::as_millis);
    success(&json!({
        "headStats": {
            "numSeries": stats.series,
            "numLabelPairs": counted.pairs,
            "chunkCount": stats.blocks,
            "minTime": millis(stats.min_time),
            "maxTime": millis(stats.max_time),
        },
        "seriesCountByMetricName": counted.by_metric,
        "labelValueCountByLabelName": counted.values_by_label,
        "memoryInBytesByLabelName": counted.bytes_by_label,
        "seriesCountByLabelValuePair": counted.by_pair,
    }))
}

struct Counted {
    pairs: usize,
    by_metric: Vec<CountJson>,
    values_by_label: Vec<CountJson>,
    bytes_by_label: Vec<CountJson>,
    by_pair: Vec<CountJson>,
}

fn count(series: &[Labels], limit: usize) -> Counted {
    let mut by_metric: BTreeMap<&str, u64> = BTreeMap::new();
    let mut by_pair: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for labels in series {
        *by_metric.entry(labels.metric_name()).or_default() += 1;
        for pair in labels.iter() {
            *by_pair.entry(pair).or_default() += 1;
        }
    }
    let mut values: BTreeMap<&str, u64> = BTreeMap::new();
    let mut bytes: BTreeMap<&str, u64> = BTreeMap::new();
    for (name, value) in by_pair.keys() {
        *values.entry(name).or_default() += 1;
        *bytes.entry(name).or_default() += value.len() as u64;
    }
    let pairs_named = by_pair
        .iter()
        .filter(|((name, _), _)| *name != METRIC_NAME)
        .map(|((name, value), count)| (format!("{name}={value}"), *count));
    Counted {
        pairs: by_pair.len(),
        by_metric: top(named(&by_metric), limit),
        values_by_label: top(named(&values), limit),
        bytes_by_label: top(named(&bytes), limit),
        by_pair: top(pairs_named.collect(), limit),
    }
}

fn named(counts: &BTreeMap<&str, u64>) -> Vec<(String, u64)> {
    counts
        .iter()
        .map(|(name, count)| ((*name).to_owned(), *count))
        .collect()
}

fn top(mut counts: Vec<(String, u64)>, limit: usize) -> Vec<CountJson> {
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let first = counts.into_iter().take(limit);
    first
        .map(|(name, value)| CountJson { name, value })
        .collect()
}

/// `GET /-/healthy`.
pub(super) async fn healthy() -> &'static str {
    "Pyrometer is Healthy.\n"
}

/// `GET /-/ready`. The port opens after the store is read, so whoever can ask gets a yes.
pub(super) async fn ready() -> &'static str {
    "Pyrometer is Ready.\n"
}

/// `POST /-/reload`: reads the configuration anew; with a bad one the old one stays.
pub(super) async fn reload(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    if is_cross_origin(&headers) {
        return (
            StatusCode::FORBIDDEN,
            "requests from other sites are refused\n",
        )
            .into_response();
    }
    let (answer, answered) = oneshot::channel();
    if app.reloads.try_send(answer).is_err() {
        return ApiError::unavailable("reloads are already waiting").into_response();
    }
    match answered.await {
        Ok(Ok(())) => "".into_response(),
        Ok(Err(problems)) => {
            let text = format!("failed to reload config: {problems}\n");
            (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
        }
        Err(_) => ApiError::unavailable("the server is shutting down").into_response(),
    }
}

/// A page of another site must not act in the name of whoever has it open.
pub(super) fn is_cross_origin(headers: &HeaderMap) -> bool {
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    match text(header::ORIGIN) {
        None => false,
        Some(origin) => {
            let origin_host = origin.split_once("://").map(|(_, host)| host);
            origin_host.is_none() || origin_host != text(header::HOST)
        }
    }
}

/// `GET /metrics`: what the server counts of itself.
pub(super) async fn metrics(State(app): State<Arc<App>>) -> Response {
    let targets = app.targets.active();
    let up = targets
        .iter()
        .filter(|target| target.status().health == Health::Up)
        .count();
    let (notifier, now) = (Arc::clone(&app.notifier), app.clock.now());
    let notify = tokio::task::spawn_blocking(move || notifier.gauges(now)).await;
    let gauges = Gauges {
        notify: notify.unwrap_or_default(),
        store: app.store.stats(),
        targets_up: up,
        targets: targets.len(),
        queries_running: app.queries.running(),
        rules: app.judge.gauges(),
        started: app.started,
    };
    let content_type = "text/plain; version=0.0.4; charset=utf-8";
    (
        [(header::CONTENT_TYPE, content_type)],
        app.metrics.render(&gauges),
    )
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_sites_are_told_by_their_origin() {
        for (origin, host, expected) in [
            (None, "127.0.0.1:9095", false),
            (Some("http://127.0.0.1:9095"), "127.0.0.1:9095", false),
            (Some("http://evil.example"), "127.0.0.1:9095", true),
            (Some("null"), "127.0.0.1:9095", true),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().unwrap());
            }
            assert_eq!(is_cross_origin(&headers), expected, "{origin:?}");
        }
    }

    #[test]
    fn series_are_counted_by_name_and_by_pair() {
        let series = [("a", "1"), ("a", "2"), ("b", "1")]
            .map(|(name, x)| Labels::new([(METRIC_NAME, name), ("x", x)]).unwrap());
        let counted = count(&series, 1);
        assert_eq!(
            (
                counted.by_metric[0].name.as_str(),
                counted.by_metric[0].value
            ),
            ("a", 2)
        );
        assert_eq!(
            (counted.by_pair[0].name.as_str(), counted.by_pair[0].value),
            ("x=1", 2)
        );
        assert_eq!(counted.pairs, 4);
    }
}
