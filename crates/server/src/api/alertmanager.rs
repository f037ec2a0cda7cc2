//! Alertmanager's API, version 2, so that its tools work here: amtool, Grafana, Karma.
//!
//! Bodies and answers are plain JSON without the envelope of `/api/v1`; an error is a JSON text,
//! as there.

mod silences;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use diagnosis::notify::{Alert, AlertState, matches_all, parse_matchers};
use model::{Labels, Matcher, Timestamp, anchored_regex};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::params::Params;
use super::status::is_cross_origin;
use super::time::{format_rfc3339, parse_rfc3339};
use crate::app::App;
use crate::scrape::error_chain;

/// Alerts of one request. A Prometheus sends at most 256.
const ALERTS_MAX: usize = 50_000;

/// Bytes of a body: that many alerts of a few hundred bytes.
pub(super) const BODY_BYTES_MAX: usize = 32 << 20;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/status", get(status))
        .route("/receivers", get(receivers))
        .route("/alerts", get(alerts).post(post_alerts))
        .route("/alerts/groups", get(groups))
        .route("/silences", get(silences::list).post(silences::make))
        .route(
            "/silence/{id}",
            get(silences::show).delete(silences::expire),
        )
        .fallback(async || refused(StatusCode::NOT_FOUND, "there is no such endpoint"))
        .layer(axum::extract::DefaultBodyLimit::max(BODY_BYTES_MAX))
}

/// Why a request has no answer.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    text: String,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, axum_json(&Value::from(self.text))).into_response()
    }
}

fn refusal(status: StatusCode, text: impl Into<String>) -> Refusal {
    Refusal {
        status,
        text: text.into(),
    }
}

pub(super) fn refused(status: StatusCode, text: impl Into<String>) -> Response {
    refusal(status, text).into_response()
}

pub(super) fn axum_json(value: &Value) -> Response {
    (
        [(header::CONTENT_TYPE, "application/json")],
        value.to_string(),
    )
        .into_response()
}

/// A page of another site must not write here.
pub(super) fn refuse_others(headers: &HeaderMap) -> Result<(), Refusal> {
    if is_cross_origin(headers) {
        return Err(refusal(
            StatusCode::FORBIDDEN,
            "requests from other sites are refused",
        ));
    }
    Ok(())
}

/// Runs what blocks on the database or takes a while.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Refusal> {
    let worked = tokio::task::spawn_blocking(work).await;
    worked.map_err(|panicked| refusal(StatusCode::INTERNAL_SERVER_ERROR, panicked.to_string()))
}

/// The version of Alertmanager whose API this is; ours stands behind the plus.
const API_VERSION: &str = concat!("0.28.0+pyrometer.", env!("CARGO_PKG_VERSION"));

async fn status(State(app): State<Arc<App>>) -> Response {
    let config = app.notifier.config();
    let shown = if config.shown.is_empty() {
        // What runs without a file, in a form that tools can read.
        "route:\n  receiver: nobody\nreceivers:\n- name: nobody\n"
    } else {
        &config.shown
    };
    axum_json(&json!({
        "cluster": { "status": "disabled", "peers": [] },
        "config": { "original": shown },
        "uptime": format_rfc3339(app.started),
        "versionInfo": {
            "branch": "", "buildDate": "", "buildUser": "", "goVersion": "", "revision": "",
            "version": API_VERSION,
        },
    }))
}

async fn receivers(State(app): State<Arc<App>>) -> Response {
    let config = app.notifier.config();
    let names = config
        .policy
        .receivers
        .keys()
        .map(|name| json!({ "name": name }));
    axum_json(&Value::from(names.collect::<Vec<Value>>()))
}

/// Which alerts a request asks for.
pub(super) struct Wanted {
    matchers: Vec<Matcher>,
    receiver: Option<regex::Regex>,
    active: bool,
    silenced: bool,
    inhibited: bool,
    unprocessed: bool,
}

pub(super) fn filters(params: &Params, name: &str) -> Result<Vec<Matcher>, Refusal> {
    let mut matchers = Vec::new();
    for text in params.all(name) {
        match parse_matchers(text) {
            Ok(more) => matchers.extend(more),
            Err(error) => {
                let text = format!("bad matcher format: {error}");
                return Err(refusal(StatusCode::BAD_REQUEST, text));
            }
        }
    }
    Ok(matchers)
}

impl Wanted {
    fn read(params: &Params) -> Result<Self, Refusal> {
        let flag = |name: &str| match params.get(name) {
            None | Some("true" | "1") => Ok(true),
            Some("false" | "0") => Ok(false),
            Some(other) => {
                let text = format!("{name}: {other:?} is neither true nor false");
                Err(refusal(StatusCode::BAD_REQUEST, text))
            }
        };
        let receiver = params.get("receiver").map(anchored_regex).transpose();
        let receiver = receiver.map_err(|error| {
            let text = format!("failed to parse receiver param: {error}");
            refusal(StatusCode::BAD_REQUEST, text)
        })?;
        Ok(Self {
            matchers: filters(params, "filter")?,
            receiver,
            active: flag("active")?,
            silenced: flag("silenced")?,
            inhibited: flag("inhibited")?,
            unprocessed: flag("unprocessed")?,
        })
    }

    fn takes(&self, state: &AlertState) -> bool {
        let quiet = &state.quiet;
        let by_state = if quiet.is_quiet() {
            (self.silenced || quiet.silenced_by.is_empty())
                && (self.inhibited || quiet.inhibited_by.is_empty())
        } else {
            self.active
        };
        // Every alert is judged the moment it arrives, so none is unprocessed.
        let asked = self.active || self.silenced || self.inhibited || self.unprocessed;
        let receivers = &state.receivers;
        asked
            && by_state
            && matches_all(&self.matchers, &state.alert.labels)
            && self
                .receiver
                .as_ref()
                .is_none_or(|regex| receivers.iter().any(|name| regex.is_match(name)))
    }
}

/// `GET /api/v2/alerts`.
async fn alerts(State(app): State<Arc<App>>, params: Params) -> Response {
    let wanted = match Wanted::read(&params) {
        Ok(wanted) => wanted,
        Err(refusal) => return refusal.into_response(),
    };
    let now = app.clock.now();
    let found = blocking(move || {
        let states = app.notifier.alerts(now);
        let states = states.iter().filter(|state| wanted.takes(state));
        axum_json(&Value::from(states.map(alert_json).collect::<Vec<Value>>()))
    });
    found.await.unwrap_or_else(Refusal::into_response)
}

/// `GET /api/v2/alerts/groups`.
async fn groups(State(app): State<Arc<App>>, params: Params) -> Response {
    let wanted = match Wanted::read(&params) {
        Ok(wanted) => wanted,
        Err(refusal) => return refusal.into_response(),
    };
    let now = app.clock.now();
    let found = blocking(move || {
        let states = app.notifier.alerts(now);
        let by_print: std::collections::HashMap<u64, &AlertState> = states
            .iter()
            .map(|state| (state.alert.labels.fingerprint().0, state))
            .collect();
        let config = app.notifier.config();
        let mut shown = Vec::new();
        for group in app.notifier.groups() {
            let alerts = group
                .alerts
                .iter()
                .filter_map(|print| by_print.get(&print.0));
            let alerts = alerts.filter(|state| wanted.takes(state));
            let alerts: Vec<Value> = alerts.map(|state| alert_json(state)).collect();
            let receiver = &config.policy.tree.get(group.route).receiver;
            let asked = wanted.receiver.as_ref();
            if alerts.is_empty() || asked.is_some_and(|regex| !regex.is_match(receiver)) {
                continue;
            }
            shown.push(json!({
                "labels": labels_json(&group.labels),
                "receiver": { "name": receiver },
                "alerts": alerts,
            }));
        }
        axum_json(&Value::from(shown))
    });
    found.await.unwrap_or_else(Refusal::into_response)
}

pub(super) fn labels_json(labels: &Labels) -> Value {
    let pairs = labels
        .iter()
        .map(|(name, value)| (name.to_owned(), value.into()));
    Value::Object(pairs.collect::<Map<String, Value>>())
}

pub(super) fn alert_json(state: &AlertState) -> Value {
    let alert = &state.alert;
    let annotations = alert.annotations.iter();
    let annotations = annotations.map(|(name, text)| (name.clone(), text.as_str().into()));
    let inhibited = state
        .quiet
        .inhibited_by
        .iter()
        .map(|print| format!("{:016x}", print.0));
    let receivers = state.receivers.iter().map(|name| json!({ "name": name }));
    json!({
        "annotations": annotations.collect::<Map<String, Value>>(),
        "endsAt": format_rfc3339(alert.ends_at),
        "fingerprint": format!("{:016x}", alert.labels.fingerprint().0),
        "receivers": receivers.collect::<Vec<Value>>(),
        "startsAt": format_rfc3339(alert.starts_at),
        "status": {
            "inhibitedBy": inhibited.collect::<Vec<String>>(),
            "silencedBy": state.quiet.silenced_by,
            "mutedBy": [],
            "state": if state.quiet.is_quiet() { "suppressed" } else { "active" },
        },
        "updatedAt": format_rfc3339(alert.updated_at),
        "generatorURL": alert.generator_url,
        "labels": labels_json(&alert.labels),
    })
}

/// One alert as others post it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PostableAlertJson {
    labels: Map<String, Value>,
    #[serde(default)]
    annotations: Option<Map<String, Value>>,
    #[serde(default)]
    starts_at: Option<String>,
    #[serde(default)]
    ends_at: Option<String>,
    #[serde(default, rename = "generatorURL")]
    generator_url: Option<String>,
}

/// `POST /api/v2/alerts`. The good ones of a list are taken, the others are told.
async fn post_alerts(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Response {
    if let Err(refusal) = refuse_others(&headers) {
        return refusal.into_response();
    }
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return refused(rejection.status(), rejection.body_text()),
    };
    let posted = blocking(move || {
        let list: Vec<Value> = match serde_json::from_slice(&body) {
            Ok(list) => list,
            Err(error) => {
                let text = format!("the body is no list of alerts: {error}");
                return refused(StatusCode::BAD_REQUEST, text);
            }
        };
        take(&app, list)
    });
    posted.await.unwrap_or_else(Refusal::into_response)
}

fn take(app: &App, list: Vec<Value>) -> Response {
    if list.len() > ALERTS_MAX {
        let text = format!("{} alerts, more than the limit of {ALERTS_MAX}", list.len());
        return refused(StatusCode::PAYLOAD_TOO_LARGE, text);
    }
    let now = app.clock.now();
    let resolve_timeout = app.notifier.config().resolve_timeout;
    let mut good = Vec::with_capacity(list.len());
    let mut bad = Vec::new();
    for (index, item) in list.into_iter().enumerate() {
        match read_alert(item, now, resolve_timeout) {
            Ok(alert) => good.push(alert),
            Err(reason) => bad.push(format!("alert {index}: {reason}")),
        }
    }
    match app.notifier.take(good, now) {
        Err(error) => refused(StatusCode::SERVICE_UNAVAILABLE, error_chain(&error)),
        Ok(taken) if taken.full > 0 => {
            let text = format!(
                "{} alerts are too many at once and were not taken",
                taken.full
            );
            refused(StatusCode::SERVICE_UNAVAILABLE, text)
        }
        Ok(_) if bad.is_empty() => StatusCode::OK.into_response(),
        Ok(_) => {
            bad.truncate(20);
            refused(StatusCode::BAD_REQUEST, bad.join("; "))
        }
    }
}

fn read_alert(item: Value, now: Timestamp, resolve_timeout: Duration) -> Result<Alert, String> {
    let json: PostableAlertJson =
        serde_json::from_value(item).map_err(|error| error.to_string())?;
    let labels = texts(json.labels)?;
    let annotations = texts(json.annotations.unwrap_or_default())?;
    let starts_at = time(json.starts_at.as_deref())?;
    let ends_at = time(json.ends_at.as_deref())?;
    let url = json.generator_url.unwrap_or_default();
    Alert::new(
        &labels,
        &annotations,
        starts_at,
        ends_at,
        &url,
        now,
        resolve_timeout,
    )
    .map_err(|error| error.to_string())
}

fn texts(map: Map<String, Value>) -> Result<Vec<(String, String)>, String> {
    map.into_iter()
        .map(|(name, value)| match value {
            Value::String(text) => Ok((name, text)),
            _ => Err(format!("{name:?} must be a text")),
        })
        .collect()
}

/// Go's zero time counts as none.
pub(super) fn time(text: Option<&str>) -> Result<Option<Timestamp>, String> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let at = parse_rfc3339(text).ok_or_else(|| format!("{text:?} is no RFC 3339 time"))?;
    Ok(Some(at).filter(|_| !text.starts_with("0001-01-01")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_alert_makes_it_panic(name in ".{0,9}", text in ".{0,40}", other in -1_i64..9) {
            let now = Timestamp::from_millis(0);
            let minute = Duration::from_secs(60);
            for value in [json!(text), json!(other), json!(null), json!([text]), json!({ "x": text })] {
                let alert = json!({
                    "labels": { &name: value, "a": "b" }, "annotations": value, "startsAt": value,
                    "endsAt": text, "generatorURL": value,
                });
                drop(read_alert(alert, now, minute));
                drop(read_alert(value, now, minute));
            }
        }
    }
}
