//! `assertions` and `changes`: what is and was not right with entities, and what was changed
//! (docs/api.md, "Assertions").

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::get;
use diagnosis::assertion::Assertion;
use diagnosis::graph::EntityKey;
use diagnosis::kpi::KpiKind;
use model::Timestamp;
use serde::{Deserialize, Serialize};

use super::answer::{Answer, ApiError, success};
use super::params::{Params, parse_time};
use super::time::format_rfc3339;
use crate::app::App;
use crate::assertions::change::KnownChange;
use crate::assertions::{Asserted, Lasted, ToldChange, kpi_labels, lasted, told_changes};

/// What is looked at when a request names no range.
const RANGE_DEFAULT: Duration = Duration::from_secs(3600);

/// Assertions or changes of one answer, the newest of them.
const LIST_MAX: usize = 5_000;

/// Bytes of the texts of a change: what a person reads in one line, and a link.
const TITLE_BYTES_MAX: usize = 200;
const NAME_BYTES_MAX: usize = 200;
const LINK_BYTES_MAX: usize = 500;

/// How far ahead of our clock a change may be: clocks differ.
const AHEAD_MAX: Duration = Duration::from_secs(300);

/// Mounted under `/api/v1`.
pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/assertions", get(assertions))
        .route("/changes", get(changes).post(tell))
}

#[derive(Serialize)]
struct EntityRefJson {
    r#type: String,
    name: String,
    scope: BTreeMap<String, String>,
}

#[derive(Serialize)]
struct AssertionJson {
    id: String,
    entity: EntityRefJson,
    name: String,
    category: String,
    severity: String,
    since: String,
    onset: String,
    end: Option<String>,
    kpi: Option<String>,
    unit: Option<&'static str>,
    value: Option<f64>,
    usual: Option<f64>,
    limit: Option<f64>,
    sentence: String,
    query: Option<String>,
}

#[derive(Serialize)]
struct AssertionsJson {
    assertions: Vec<AssertionJson>,
}

#[derive(Serialize)]
struct ChangeJson {
    entity: EntityRefJson,
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
    time: String,
}

#[derive(Serialize)]
struct ChangesJson {
    changes: Vec<ChangeJson>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TellJson {
    service: String,
    version: Option<String>,
    title: Option<String>,
    /// Seconds or RFC 3339.
    time: Option<serde_json::Value>,
    link: Option<String>,
}

/// From when to when; `None` is now.
fn range(params: &Params, now: Timestamp) -> Result<(Timestamp, Timestamp), ApiError> {
    let end = params.time("end")?.unwrap_or(now);
    let start = params.time("start")?;
    let start = start.unwrap_or_else(|| end.minus(RANGE_DEFAULT));
    if end < start {
        return Err(ApiError::bad_data("end lies before start"));
    }
    Ok((start, end))
}

async fn assertions(State(app): State<Arc<App>>, params: Params) -> Answer {
    let now = app.clock.now();
    let (start, end) = range(&params, now)?;
    let known = app.asserter.newest();
    let past = app
        .queries
        .lookup(move |snapshot| lasted(snapshot, start, end))
        .await?;
    assertions_answer(&known, past, (start, end), params.get("entity"))
}

/// `entity` is `type/name`.
fn assertions_answer(
    known: &Asserted,
    past: Vec<Lasted>,
    (start, end): (Timestamp, Timestamp),
    entity: Option<&str>,
) -> Answer {
    let within = |assertion: &&Assertion| {
        assertion.since <= end && assertion.end.is_none_or(|over| over >= start)
    };
    let known = known.lasting.iter().chain(&known.over);
    let known: Vec<&Assertion> = known.filter(within).collect();
    let mut all: Vec<AssertionJson> = known.iter().map(|assertion| of_known(assertion)).collect();
    // The store tells of what was before a start, without its numbers.
    let is_known = |lasted: &Lasted| {
        known.iter().any(|assertion| {
            let key = &assertion.key;
            let is_same =
                key.entity == lasted.entity && key.name == lasted.name && key.kpi == lasted.kpi;
            is_same
                && assertion.since <= lasted.end.unwrap_or(end)
                && assertion.end.is_none_or(|over| over >= lasted.since)
        })
    };
    let before = past.iter().filter(|lasted| !is_known(lasted));
    all.extend(before.map(of_past));
    if let Some(wanted) = entity {
        all.retain(|one| format!("{}/{}", one.entity.r#type, one.entity.name) == wanted);
    }
    all.sort_by(|a, b| b.since.cmp(&a.since).then_with(|| a.id.cmp(&b.id)));
    all.truncate(LIST_MAX);
    success(&AssertionsJson { assertions: all })
}

fn of_known(assertion: &Assertion) -> AssertionJson {
    let key = &assertion.key;
    let compared = assertion.compared;
    let finite = |value: f64| value.is_finite().then_some(value);
    AssertionJson {
        id: id(&key.entity, &key.name, key.kpi.as_ref(), assertion.since),
        entity: entity_json(&key.entity),
        name: key.name.clone(),
        category: assertion.category.name().to_owned(),
        severity: assertion.severity.name().to_owned(),
        since: format_rfc3339(assertion.since),
        onset: format_rfc3339(assertion.onset),
        end: assertion.end.map(format_rfc3339),
        kpi: key.kpi.as_ref().map(KpiKind::name),
        unit: key.kpi.as_ref().map(|kind| kind.unit().name()),
        value: compared.and_then(|compared| finite(compared.value)),
        usual: compared.and_then(|compared| compared.usual.and_then(finite)),
        limit: compared.and_then(|compared| compared.limit.and_then(finite)),
        sentence: assertion.sentence.clone(),
        query: key.kpi.as_ref().map(|kind| query(&key.entity, kind)),
    }
}

fn of_past(lasted: &Lasted) -> AssertionJson {
    let kpi = lasted.kpi.as_ref();
    let words = lasted.name.replace('_', " ");
    AssertionJson {
        id: id(&lasted.entity, &lasted.name, kpi, lasted.since),
        entity: entity_json(&lasted.entity),
        name: lasted.name.clone(),
        category: lasted.category.clone(),
        severity: lasted.severity.clone(),
        since: format_rfc3339(lasted.since),
        onset: format_rfc3339(lasted.since),
        end: lasted.end.map(format_rfc3339),
        kpi: kpi.map(KpiKind::name),
        unit: kpi.map(|kind| kind.unit().name()),
        value: None,
        usual: None,
        limit: None,
        sentence: match kpi {
            Some(kind) => format!("{words} ({})", kind.name()),
            None => words,
        },
        query: kpi.map(|kind| query(&lasted.entity, kind)),
    }
}

fn entity_json(entity: &EntityKey) -> EntityRefJson {
    let scope = entity.scope.iter();
    EntityRefJson {
        r#type: entity.kind.name().to_owned(),
        name: entity.name.to_string(),
        scope: scope
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
    }
}

/// Draws the KPI.
fn query(entity: &EntityKey, kind: &KpiKind) -> String {
    let labels = kpi_labels(entity, kind);
    let matchers = labels
        .iter()
        .map(|(name, value)| format!("{name}={value:?}"));
    let matchers: Vec<String> = matchers.collect();
    format!("pyrometer:kpi{{{}}}", matchers.join(","))
}

/// The same assertion has the same id while it lasts and ever after.
fn id(entity: &EntityKey, name: &str, kpi: Option<&KpiKind>, since: Timestamp) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325; // FNV-1a.
    let scope: Vec<String> = entity
        .scope
        .iter()
        .map(|(n, v)| format!("{n}={v}"))
        .collect();
    let kpi = kpi.map(KpiKind::name).unwrap_or_default();
    let text = format!("{entity}\0{}\0{name}\0{kpi}", scope.join("\0"));
    for byte in text.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    format!("{hash:016x}-{}", since.as_millis() / 1000)
}

async fn changes(State(app): State<Arc<App>>, params: Params) -> Answer {
    let (start, end) = range(&params, app.clock.now())?;
    let known = app
        .queries
        .lookup(move |snapshot| told_changes(snapshot, start, end))
        .await?;
    changes_answer(known)
}

fn changes_answer(known: Vec<KnownChange>) -> Answer {
    let change = |change: KnownChange| ChangeJson {
        entity: entity_json(&change.entity),
        kind: change.kind,
        version: change.version,
        title: change.title,
        link: change.link,
        time: format_rfc3339(change.at),
    };
    let changes = known.into_iter().take(LIST_MAX).map(change).collect();
    success(&ChangesJson { changes })
}

async fn tell(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Answer {
    super::dashboards::refuse_forms(&headers)?;
    let change = read_change(&body, app.clock.now())?;
    if !app.asserter.tell(change) {
        return Err(ApiError::unavailable(
            "too many changes wait to be taken; try again in 15 seconds",
        ));
    }
    success(&serde_json::json!({}))
}

fn read_change(body: &[u8], now: Timestamp) -> Result<ToldChange, ApiError> {
    let told: TellJson = serde_json::from_slice(body).map_err(|error| {
        ApiError::bad_data(format!(
            "the change cannot be read: {error}; it is JSON such as \
             {{\"service\": \"shop\", \"version\": \"1.2\"}}"
        ))
    })?;
    let at = match told.time {
        None => now,
        Some(serde_json::Value::Number(seconds)) => {
            parse_time(&seconds.to_string()).ok_or_else(|| ApiError::bad_data("time is no time"))?
        }
        Some(serde_json::Value::String(text)) => {
            parse_time(&text).ok_or_else(|| ApiError::bad_data("time is no time"))?
        }
        Some(_) => return Err(ApiError::bad_data("time is seconds or RFC 3339")),
    };
    if at > now.plus(AHEAD_MAX) {
        return Err(ApiError::bad_data("time lies ahead"));
    }
    let limited = |name: &str, text: Option<String>, max: usize| match text {
        Some(text) if text.len() > max => Err(ApiError::bad_data(format!(
            "{name} is longer than {max} bytes"
        ))),
        text => Ok(text
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty())),
    };
    let service = limited("service", Some(told.service), NAME_BYTES_MAX)?;
    let service = service.ok_or_else(|| ApiError::bad_data("service is empty"))?;
    let version = limited("version", told.version, NAME_BYTES_MAX)?;
    let title = limited("title", told.title, TITLE_BYTES_MAX)?;
    let title = title.unwrap_or_else(|| match &version {
        Some(version) => format!("{service} {version} was deployed"),
        None => format!("{service} was deployed"),
    });
    let link = limited("link", told.link, LINK_BYTES_MAX)?;
    let is_web = |link: &String| link.starts_with("http://") || link.starts_with("https://");
    if link.as_ref().is_some_and(|link| !is_web(link)) {
        return Err(ApiError::bad_data(
            "link must begin with http:// or https://",
        ));
    }
    Ok(ToldChange {
        service,
        version,
        title,
        link,
        at,
    })
}

#[cfg(test)]
mod tests;
