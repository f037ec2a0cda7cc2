//! Alerts, silences and fingerprints as the tables hold them (docs/formats/notifications.md).

use diagnosis::notify::{Alert, Silence, parse_matchers, show_matchers};
use model::{Labels, Timestamp};
use serde_json::{Map, Value, json};

pub(super) fn alert_text(alert: &Alert) -> String {
    let labels: Map<String, Value> = alert
        .labels
        .iter()
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    let annotations: Map<String, Value> = alert
        .annotations
        .iter()
        .map(|(name, text)| (name.clone(), text.as_str().into()))
        .collect();
    json!({
        "labels": labels,
        "annotations": annotations,
        "startsAt": alert.starts_at.as_millis(),
        "endsAt": alert.ends_at.as_millis(),
        "updatedAt": alert.updated_at.as_millis(),
        "timeout": alert.is_timeout,
        "generatorURL": alert.generator_url,
    })
    .to_string()
}

/// `None` when the text is no alert.
pub(super) fn alert_of(text: &str) -> Option<Alert> {
    let json: Value = serde_json::from_str(text).ok()?;
    let labels = Labels::new(pairs(&json["labels"])?).ok()?;
    Some(Alert {
        labels,
        annotations: pairs(&json["annotations"])?,
        starts_at: time(&json["startsAt"])?,
        ends_at: time(&json["endsAt"])?,
        updated_at: time(&json["updatedAt"])?,
        is_timeout: json["timeout"].as_bool()?,
        generator_url: json["generatorURL"].as_str()?.to_owned(),
    })
}

pub(super) fn silence_text(silence: &Silence) -> String {
    json!({
        "id": silence.id,
        "matchers": show_matchers(&silence.matchers),
        "startsAt": silence.starts_at.as_millis(),
        "endsAt": silence.ends_at.as_millis(),
        "updatedAt": silence.updated_at.as_millis(),
        "createdBy": silence.created_by,
        "comment": silence.comment,
    })
    .to_string()
}

/// `None` when the text is no silence.
pub(super) fn silence_of(text: &str) -> Option<Silence> {
    let json: Value = serde_json::from_str(text).ok()?;
    let text = |name: &str| json[name].as_str().map(str::to_owned);
    Some(Silence {
        id: text("id")?,
        matchers: parse_matchers(json["matchers"].as_str()?).ok()?,
        starts_at: time(&json["startsAt"])?,
        ends_at: time(&json["endsAt"])?,
        updated_at: time(&json["updatedAt"])?,
        created_by: text("createdBy")?,
        comment: text("comment")?,
    })
}

fn time(json: &Value) -> Option<Timestamp> {
    json.as_i64().map(Timestamp::from_millis)
}

fn pairs(json: &Value) -> Option<Vec<(String, String)>> {
    let pairs = json.as_object()?.iter();
    pairs
        .map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect()
}

/// Eight bytes each, the lowest first.
pub(super) fn prints_blob(prints: &[u64]) -> Vec<u8> {
    prints
        .iter()
        .flat_map(|print| print.to_le_bytes())
        .collect()
}

pub(super) fn prints_of(blob: &[u8]) -> Vec<u64> {
    let (chunks, _) = blob.as_chunks::<8>();
    chunks
        .iter()
        .map(|chunk| u64::from_le_bytes(*chunk))
        .collect()
}
