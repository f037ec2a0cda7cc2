//! Alertmanager's webhook, version 4, field by field.

use serde_json::{Value, json};

use super::{Writing, rfc3339};
use crate::notify::Told;
use crate::notify::notification::{labels_json, pairs_json};

/// Go's zero time: an alert that has not ended.
const NO_TIME: &str = "0001-01-01T00:00:00Z";

/// The body of a webhook. At most `alerts_max` alerts when that is not 0.
pub fn webhook(writing: &Writing<'_>, alerts_max: usize) -> Value {
    let notification = writing.notification;
    let kept = match alerts_max {
        0 => notification.alerts.len(),
        max => notification.alerts.len().min(max),
    };
    let alerts: Vec<Value> = notification.alerts[..kept].iter().map(alert_json).collect();
    json!({
        "receiver": notification.receiver,
        "status": notification.status(),
        "alerts": alerts,
        "groupLabels": labels_json(&notification.group_labels),
        "commonLabels": labels_json(&notification.common_labels),
        "commonAnnotations": pairs_json(&notification.common_annotations),
        "externalURL": writing.external_url,
        "version": "4",
        "groupKey": notification.group_key,
        "truncatedAlerts": notification.firing + notification.resolved - kept,
    })
}

/// One alert as Alertmanager's templates and webhooks have it.
pub fn alert_json(told: &Told) -> Value {
    json!({
        "status": if told.is_firing() { "firing" } else { "resolved" },
        "labels": labels_json(&told.labels),
        "annotations": pairs_json(&told.annotations),
        "startsAt": rfc3339(told.starts_at),
        "endsAt": told.ends_at.map_or_else(|| NO_TIME.to_owned(), rfc3339),
        "generatorURL": told.generator_url,
        "fingerprint": format!("{:016x}", told.labels.fingerprint().0),
    })
}
