//! Silences, in Alertmanager's JSON.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use diagnosis::notify::{Silence, SilenceError, SilenceState, SilenceWish};
use model::{MatchOp, Matcher, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Refusal, axum_json, blocking, filters, refuse_others, refused};
use crate::api::params::Params;
use crate::api::time::{format_rfc3339, parse_rfc3339};
use crate::app::App;
use crate::notify::SilencingError;
use crate::scrape::error_chain;

fn silence_json(silence: &Silence, now: Timestamp) -> Value {
    let matchers = silence.matchers.iter().map(|matcher| {
        json!({
            "name": matcher.name(),
            "value": matcher.value(),
            "isRegex": matches!(matcher.op(), MatchOp::Matches | MatchOp::NotMatches),
            "isEqual": matches!(matcher.op(), MatchOp::Equal | MatchOp::Matches),
        })
    });
    json!({
        "id": silence.id,
        "status": { "state": silence.state(now).name() },
        "updatedAt": format_rfc3339(silence.updated_at),
        "comment": silence.comment,
        "createdBy": silence.created_by,
        "endsAt": format_rfc3339(silence.ends_at),
        "matchers": matchers.collect::<Vec<Value>>(),
        "startsAt": format_rfc3339(silence.starts_at),
    })
}

/// `GET /api/v2/silences`. A filter is kept by the silences that have this very matcher, or whose
/// matcher of that label would match its value.
pub(super) async fn list(State(app): State<Arc<App>>, params: Params) -> Response {
    let wanted = match filters(&params, "filter") {
        Ok(wanted) => wanted,
        Err(refusal) => return refusal.into_response(),
    };
    let now = app.clock.now();
    let found = blocking(move || {
        let mut silences = app.notifier.silences();
        silences.retain(|silence| wanted.iter().all(|filter| has(silence, filter)));
        silences.sort_by_key(|silence| {
            // What ends next comes first, what ended last comes first.
            let state = silence.state(now);
            let at = match state {
                SilenceState::Active => silence.ends_at.as_millis(),
                SilenceState::Pending => silence.starts_at.as_millis(),
                SilenceState::Expired => -silence.ends_at.as_millis(),
            };
            (state, at, silence.id.clone())
        });
        let shown = silences.iter().map(|silence| silence_json(silence, now));
        axum_json(&Value::from(shown.collect::<Vec<Value>>()))
    });
    found.await.unwrap_or_else(Refusal::into_response)
}

fn has(silence: &Silence, filter: &Matcher) -> bool {
    let mut own = silence
        .matchers
        .iter()
        .filter(|matcher| matcher.name() == filter.name());
    match filter.op() {
        MatchOp::Equal | MatchOp::NotEqual => {
            let matched = own.any(|matcher| {
                matcher.value() == filter.value()
                    || (matcher.op() == MatchOp::Matches && matcher.matches(filter.value()))
            });
            matched == (filter.op() == MatchOp::Equal)
        }
        MatchOp::Matches | MatchOp::NotMatches => {
            let op = filter.op();
            let mut values = own.map(|matcher| matcher.value()).peekable();
            if values.peek().is_none() {
                return filter.matches_empty();
            }
            match op {
                MatchOp::Matches => values.any(|value| filter.matches(value)),
                _ => values.all(|value| filter.matches(value)),
            }
        }
    }
}

/// `GET /api/v2/silence/{id}`.
pub(super) async fn show(State(app): State<Arc<App>>, Path(id): Path<String>) -> Response {
    let now = app.clock.now();
    let found = blocking(move || match app.notifier.silence_by_id(&id) {
        Some(silence) => axum_json(&silence_json(&silence, now)),
        None => refused(
            StatusCode::NOT_FOUND,
            SilenceError::NotFound(id).to_string(),
        ),
    });
    found.await.unwrap_or_else(Refusal::into_response)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SilenceWishJson {
    #[serde(default)]
    id: Option<String>,
    matchers: Vec<MatcherJson>,
    starts_at: String,
    ends_at: String,
    created_by: String,
    comment: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MatcherJson {
    name: String,
    value: String,
    is_regex: bool,
    #[serde(default)]
    is_equal: Option<bool>,
}

/// `POST /api/v2/silences`: a new one, or another shape of an old one.
pub(super) async fn make(
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
    let wish = match read(&body) {
        Ok(wish) => wish,
        Err(reason) => return refused(StatusCode::BAD_REQUEST, reason),
    };
    let now = app.clock.now();
    let made = blocking(move || match app.notifier.silence(wish, now) {
        Ok(id) => axum_json(&json!({ "silenceID": id })),
        Err(error) => silencing_error(&error),
    });
    made.await.unwrap_or_else(Refusal::into_response)
}

fn read(body: &[u8]) -> Result<SilenceWish, String> {
    let json: SilenceWishJson =
        serde_json::from_slice(body).map_err(|error| format!("the body is no silence: {error}"))?;
    let matchers = json.matchers.into_iter().map(|matcher| {
        let op = match (matcher.is_regex, matcher.is_equal.unwrap_or(true)) {
            (false, true) => MatchOp::Equal,
            (false, false) => MatchOp::NotEqual,
            (true, true) => MatchOp::Matches,
            (true, false) => MatchOp::NotMatches,
        };
        Matcher::new(op, matcher.name, matcher.value).map_err(|error| error_chain(&error))
    });
    let time = |name: &str, text: &str| {
        parse_rfc3339(text).ok_or_else(|| format!("{name}: {text:?} is no RFC 3339 time"))
    };
    Ok(SilenceWish {
        id: json.id.filter(|id| !id.is_empty()),
        matchers: matchers.collect::<Result<_, _>>()?,
        starts_at: time("startsAt", &json.starts_at)?,
        ends_at: time("endsAt", &json.ends_at)?,
        created_by: json.created_by,
        comment: json.comment,
    })
}

fn silencing_error(error: &SilencingError) -> Response {
    let status = match error {
        SilencingError::Wish(SilenceError::NotFound(_)) => StatusCode::NOT_FOUND,
        SilencingError::Wish(_) => StatusCode::BAD_REQUEST,
        SilencingError::Outbox(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    refused(status, error_chain(error))
}

/// `DELETE /api/v2/silence/{id}`. Ending one that is over is no error.
pub(super) async fn expire(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    if let Err(refusal) = refuse_others(&headers) {
        return refusal.into_response();
    }
    let now = app.clock.now();
    let ended = blocking(move || match app.notifier.expire(&id, now) {
        Ok(()) => StatusCode::OK.into_response(),
        Err(error) => silencing_error(&error),
    });
    ended.await.unwrap_or_else(Refusal::into_response)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_body_makes_it_panic(body in "[{}\\[\\]\",:a-z0-9.\\\\]{0,80}", id in ".{0,9}") {
            drop(read(body.as_bytes()));
            let whole = json!({
                "id": id, "matchers": [{ "name": body, "value": body, "isRegex": true }],
                "startsAt": body, "endsAt": "2026-01-01T00:00:00Z", "createdBy": id, "comment": id,
            });
            drop(read(whole.to_string().as_bytes()));
        }
    }
}
