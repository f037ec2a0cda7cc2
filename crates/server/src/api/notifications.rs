//! What the UI shows of notification: receivers and their health, routes, the history, tests.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::{get, post};
use diagnosis::notify::{GroupBy, RouteId, RouteTree, matches_all, parse_matchers, show_matchers};
use model::{Labels, Timestamp, format_duration};
use serde_json::{Value, json};

use super::alertmanager::{alert_json, labels_json};
use super::answer::{Answer, ApiError, success};
use super::params::Params;
use super::status::is_cross_origin;
use super::time::format_rfc3339;
use crate::app::App;
use crate::notify::{HistoryRow, NotifyConfig, OutboxError};
use crate::scrape::error_chain;

/// Messages of one page of the history.
const PAGE_DEFAULT: usize = 100;
const PAGE_MAX: usize = 1000;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/notifications", get(history))
        .route("/notifications/receivers", get(receivers))
        .route("/notifications/routes", get(routes))
        .route("/notifications/route", get(route))
        .route("/notifications/preview", get(preview))
        .route("/notifications/test", post(test))
}

impl From<OutboxError> for ApiError {
    fn from(error: OutboxError) -> Self {
        Self::unavailable(error_chain(&error))
    }
}

/// Runs what blocks on the database.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, OutboxError> + Send + 'static,
) -> Result<T, ApiError> {
    let worked = tokio::task::spawn_blocking(work).await;
    Ok(worked.map_err(|panicked| ApiError::unavailable(panicked.to_string()))??)
}

/// `GET /api/v1/notifications`: what was sent when to whom and why, newest first.
async fn history(State(app): State<Arc<App>>, params: Params) -> Answer {
    let limit = params.limit("limit")?;
    let limit = if limit == usize::MAX {
        PAGE_DEFAULT
    } else {
        limit.min(PAGE_MAX)
    };
    let before = params.get("before").map(str::parse).transpose();
    let before = before.map_err(|_| ApiError::bad_data("before is the id of a notification"))?;
    let receiver = params.get("receiver").map(str::to_owned);
    let notifier = Arc::clone(&app.notifier);
    let rows = blocking(move || notifier.history(receiver.as_deref(), before, limit)).await?;
    let next = rows
        .last()
        .filter(|_| rows.len() == limit)
        .map(|row| row.id);
    let shown: Vec<Value> = rows.iter().map(row_json).collect();
    success(&json!({ "notifications": shown, "next": next }))
}

fn row_json(row: &HistoryRow) -> Value {
    json!({
        "id": row.id,
        "receiver": row.integration.rsplit_once('/').map(|(receiver, _)| receiver),
        "integration": row.integration,
        "groupKey": row.group_key,
        "title": row.title,
        "state": row.state,
        "reason": row.reason,
        "severity": row.severity.name(),
        "firing": row.firing,
        "resolved": row.resolved,
        "attempts": row.attempts,
        "createdAt": format_rfc3339(row.created_at),
        "finishedAt": row.finished_at.map(format_rfc3339),
        "sentWith": row.sent_with,
        "answer": row.answer,
    })
}

/// `GET /api/v1/notifications/receivers`: each way to tell somebody, and how it does.
async fn receivers(State(app): State<Arc<App>>) -> Answer {
    let config = app.notifier.config();
    let mut shown = Vec::new();
    for receiver in &config.receivers {
        let mut ways = Vec::new();
        for integration in &receiver.integrations {
            let (notifier, id) = (Arc::clone(&app.notifier), integration.id.clone());
            let health = blocking(move || notifier.health(&id)).await?;
            let failed = health.last_failed.as_ref();
            let state = match (health.last_answer.is_some(), health.last_sent, failed) {
                (true, _, _) => "failing",
                (false, sent, Some((at, _))) if sent.is_none_or(|sent| sent < *at) => "failed",
                (false, None, _) => "unused",
                (false, Some(_), _) => "good",
            };
            ways.push(json!({
                "integration": integration.id,
                "kind": integration.kind,
                "sendResolved": integration.send_resolved,
                "state": state,
                "waiting": health.waiting,
                "oldestWaiting": health.oldest_waiting.map(format_rfc3339),
                "lastSent": health.last_sent.map(format_rfc3339),
                "lastFailed": failed.map(|(at, _)| format_rfc3339(*at)),
                "lastError": health.last_answer.as_ref().or(failed.map(|(_, answer)| answer)),
            }));
        }
        shown.push(json!({ "name": receiver.name, "integrations": ways }));
    }
    let alertmanagers = app.notifier.forward().health().into_iter().map(|health| {
        json!({
            "url": health.url,
            "sent": health.sent,
            "errors": health.errors,
            "dropped": health.dropped,
            "lastSent": health.last_sent.map(format_rfc3339),
            "lastError": health.last_error,
        })
    });
    success(&json!({
        "file": config.path.as_ref().map(|path| path.display().to_string()),
        "receivers": shown,
        "alertmanagers": alertmanagers.collect::<Vec<Value>>(),
    }))
}

/// `GET /api/v1/notifications/routes`: the routing tree.
async fn routes(State(app): State<Arc<App>>) -> Answer {
    let config = app.notifier.config();
    success(&route_json(&config.policy.tree, RouteId(0)))
}

/// The file's nesting is limited by the YAML parser, so this recursion is bounded.
fn route_json(tree: &RouteTree, id: RouteId) -> Value {
    let route = tree.get(id);
    let children = tree
        .children(id)
        .iter()
        .map(|&child| route_json(tree, child));
    json!({
        "id": id.0,
        "key": tree.key(id),
        "receiver": route.receiver,
        "matchers": show_matchers(&route.matchers),
        "continue": route.continues,
        "groupBy": match &route.group_by {
            GroupBy::All => vec!["...".to_owned()],
            GroupBy::Labels(names) => names.clone(),
        },
        "groupWait": format_duration(route.group_wait),
        "groupInterval": format_duration(route.group_interval),
        "repeatInterval": format_duration(route.repeat_interval),
        "muteTimeIntervals": route.mute_in,
        "activeTimeIntervals": route.active_in,
        "routes": children.collect::<Vec<Value>>(),
    })
}

/// `GET /api/v1/notifications/route?alertname=…`: the routes an alert with these labels takes.
async fn route(State(app): State<Arc<App>>, params: Params) -> Answer {
    let labels = Labels::new(params.pairs());
    let labels = labels.map_err(|error| ApiError::bad_data(error.to_string()))?;
    let config = app.notifier.config();
    let now = app.clock.now();
    let taken = config.policy.tree.matching(&labels).into_iter();
    let taken: Vec<Value> = taken
        .map(|id| taken_json(&config, id, &labels, now))
        .collect();
    success(&json!({ "labels": labels_json(&labels), "routes": taken }))
}

fn taken_json(config: &NotifyConfig, id: RouteId, labels: &Labels, now: Timestamp) -> Value {
    let tree = &config.policy.tree;
    let route = tree.get(id);
    let in_any = |names: &[String]| {
        let intervals = names
            .iter()
            .filter_map(|name| config.policy.intervals.get(name));
        intervals.flatten().any(|interval| interval.contains(now))
    };
    let own = config
        .receivers
        .iter()
        .find(|receiver| receiver.name == route.receiver);
    let own = own.into_iter().flat_map(|receiver| &receiver.integrations);
    let ways: Vec<&str> = own.map(|integration| integration.id.as_str()).collect();
    json!({
        "id": id.0,
        "key": tree.key(id),
        "receiver": route.receiver,
        "integrations": ways,
        "groupLabels": labels_json(&route.group_by.group_labels(labels)),
        "quietNow": in_any(&route.mute_in)
            || !(route.active_in.is_empty() || in_any(&route.active_in)),
    })
}

/// `GET /api/v1/notifications/preview?filter=…`: the alerts a silence would match now.
async fn preview(State(app): State<Arc<App>>, params: Params) -> Answer {
    let mut matchers = Vec::new();
    for text in params.all("filter") {
        let more = parse_matchers(text).map_err(|error| ApiError::bad_data(error.to_string()))?;
        matchers.extend(more);
    }
    if matchers.is_empty() {
        return Err(ApiError::bad_data(
            "filter is missing: the matchers of the silence",
        ));
    }
    let now = app.clock.now();
    let notifier = Arc::clone(&app.notifier);
    let states = blocking(move || Ok(notifier.alerts(now))).await?;
    let found: Vec<_> = states
        .iter()
        .filter(|state| matches_all(&matchers, &state.alert.labels))
        .collect();
    let shown: Vec<Value> = found
        .iter()
        .take(PAGE_MAX)
        .map(|state| alert_json(state))
        .collect();
    success(&json!({
        "matchers": show_matchers(&matchers),
        "total": found.len(),
        "alerts": shown,
    }))
}

/// `POST /api/v1/notifications/test`: a marked test alert for one receiver.
async fn test(State(app): State<Arc<App>>, headers: HeaderMap, params: Params) -> Answer {
    if is_cross_origin(&headers) {
        return Err(ApiError::forbidden("requests from other sites are refused"));
    }
    let Some(receiver) = params.get("receiver") else {
        return Err(ApiError::bad_data("receiver is missing"));
    };
    let config = app.notifier.config();
    let Some(known) = config.receivers.iter().find(|known| known.name == receiver) else {
        let names: Vec<&str> = config
            .receivers
            .iter()
            .map(|known| known.name.as_str())
            .collect();
        let text = match names.as_slice() {
            [] => "no receiver is configured; start with --notifications FILE".to_owned(),
            names => format!(
                "there is no receiver {receiver:?}; there are {}",
                names.join(", ")
            ),
        };
        return Err(ApiError::not_found(text));
    };
    if known.integrations.is_empty() {
        return Err(ApiError::bad_data(format!(
            "receiver {receiver:?} tells nobody"
        )));
    }
    let results = app.notifier.test(receiver, app.clock.now()).await;
    let shown: Vec<Value> = results
        .into_iter()
        .map(|(integration, outcome)| {
            json!({
                "integration": integration.id,
                "ok": outcome.is_ok(),
                "answer": outcome.unwrap_or_else(|reason| reason),
            })
        })
        .collect();
    success(&json!({ "receiver": receiver, "results": shown }))
}
