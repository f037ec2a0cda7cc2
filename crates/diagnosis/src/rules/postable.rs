//! What a rule tells a notifier of its alerts, and when.
//!
//! As Prometheus does (`rules/alerting.go`, `rules/manager.go`): an alert that fires is told at
//! once and again after each resend delay; one that is over is told for fifteen more minutes, so
//! that a notifier that was away hears of it too.

use std::collections::BTreeMap;
use std::time::Duration;

use model::Timestamp;

use super::{Alert, AlertKey, AlertState};

/// How long a notifier may hear nothing of an alert that goes on firing
/// (Prometheus: `--rules.alert.resend-delay`).
pub const RESEND_DELAY: Duration = Duration::from_secs(60);

/// How long the end of an alert is told again and again (Prometheus: `resolvedRetention`).
pub const RESOLVED_RETENTION: Duration = Duration::from_secs(15 * 60);

/// Alerts of one rule that are remembered beyond those that fire: above it, the end of an alert is
/// told once. Labels that change with every evaluation would otherwise fill the memory.
const TOLD_MAX: usize = 10_000;

/// Two evaluations or deliveries in a row may fail before a notifier takes an alert for over.
const VALID_DELAYS: u32 = 4;

/// An alert as a notifier gets it: fires, or was over a moment ago.
///
/// The name is that of Alertmanager's API. External labels are not among the labels: whoever
/// sends adds them, as in Prometheus.
#[derive(Clone, Debug, PartialEq)]
pub struct PostableAlert {
    /// `alertname` among them; what tells this alert from others.
    pub labels: AlertKey,
    /// Expanded, of the newest evaluation at which the expression held.
    pub annotations: Vec<(String, String)>,
    /// Since when it fires.
    pub starts_at: Timestamp,
    /// When it was over; `None` while it fires.
    pub ends_at: Option<Timestamp>,
    /// An alert that fires is over at this moment unless it is told again before.
    pub valid_until: Timestamp,
    /// The evaluation that told it.
    pub updated_at: Timestamp,
    /// A page that shows the rule's expression.
    pub generator_url: String,
    /// Of the newest evaluation at which the expression held.
    pub value: f64,
}

impl PostableAlert {
    pub fn is_resolved(&self) -> bool {
        self.ends_at.is_some()
    }

    /// `endsAt` of Alertmanager's API: when it was over, or until when it is known to fire.
    pub fn wire_ends_at(&self) -> Timestamp {
        self.ends_at.unwrap_or(self.valid_until)
    }
}

/// When one rule tells what. Times are those of the group's evaluations.
#[derive(Clone, Copy, Debug)]
pub(super) struct Telling<'a> {
    pub(super) now: Timestamp,
    /// Between evaluations of the group.
    pub(super) interval: Duration,
    pub(super) resend_delay: Duration,
    pub(super) generator_url: &'a str,
}

/// What one rule has told and still has to tell.
#[derive(Debug, Default)]
pub(super) struct Told {
    alerts: BTreeMap<AlertKey, ToldAlert>,
}

#[derive(Debug)]
struct ToldAlert {
    /// As last told.
    alert: PostableAlert,
    /// `None`: told before a restart, nobody knows when.
    last_told_at: Option<Timestamp>,
}

impl Told {
    pub(super) fn is_empty(&self) -> bool {
        self.alerts.is_empty()
    }

    /// An alert that fired before a restart: its end must be told even if it never fires again.
    pub(super) fn remember(&mut self, alert: &Alert, telling: &Telling<'_>) {
        if let AlertState::Firing { fired_at, .. } = alert.state {
            let told = ToldAlert {
                alert: postable(alert, fired_at, telling),
                last_told_at: None,
            };
            self.alerts.insert(alert.labels.clone(), told);
        }
    }

    /// The wall clock jumped. After a jump ahead everything is due again soon, which is right:
    /// a notifier has forgotten what it heard an hour ago.
    pub(super) fn moved(&mut self, by_ms: i64) {
        let by_ms = by_ms.min(0);
        for told in self.alerts.values_mut() {
            let ends_at = told.alert.ends_at.map(|at| at.plus_millis(by_ms));
            told.alert.ends_at = ends_at;
            told.last_told_at = told.last_told_at.map(|at| at.plus_millis(by_ms));
        }
    }

    /// What is due now, given all alerts of the rule after its evaluation.
    pub(super) fn due(
        &mut self,
        alerts: &BTreeMap<AlertKey, Alert>,
        telling: &Telling<'_>,
    ) -> Vec<PostableAlert> {
        let now = telling.now;
        let mut due = Vec::new();
        for (key, told) in &mut self.alerts {
            if !alerts.contains_key(key) && told.alert.ends_at.is_none() {
                told.alert.ends_at = Some(now);
                told.last_told_at = None;
            }
        }
        let crowded = self.alerts.len() > TOLD_MAX;
        // A resolved alert that is pending again is no longer over, and not yet news.
        self.alerts.retain(|key, told| match told.alert.ends_at {
            Some(ends_at) => {
                let is_kept = !crowded || told.last_told_at.is_none();
                is_kept && !alerts.contains_key(key) && now.since(ends_at) <= RESOLVED_RETENTION
            }
            None => true,
        });
        for alert in alerts.values() {
            let AlertState::Firing { fired_at, .. } = alert.state else {
                continue;
            };
            let last_told_at = self.alerts.get(&alert.labels).and_then(|t| t.last_told_at);
            let told = ToldAlert {
                alert: postable(alert, fired_at, telling),
                last_told_at,
            };
            self.alerts.insert(alert.labels.clone(), told);
        }
        for told in self.alerts.values_mut() {
            let is_due = |last: Timestamp| last.plus(telling.resend_delay) < now;
            if told.last_told_at.is_none_or(is_due) {
                told.last_told_at = Some(now);
                told.alert.updated_at = now;
                due.push(told.alert.clone());
            }
        }
        due
    }
}

fn postable(alert: &Alert, starts_at: Timestamp, telling: &Telling<'_>) -> PostableAlert {
    let delay = telling.interval.max(telling.resend_delay);
    PostableAlert {
        labels: alert.labels.clone(),
        annotations: alert.annotations.clone(),
        starts_at,
        ends_at: None,
        valid_until: telling.now.plus(delay.saturating_mul(VALID_DELAYS)),
        updated_at: telling.now,
        generator_url: telling.generator_url.to_owned(),
        value: alert.value,
    }
}

/// The page of an expression below an external URL, as Prometheus writes it.
pub fn generator_url(external_url: &str, expr: &str) -> String {
    let base = external_url.trim_end_matches('/');
    format!("{base}/graph?g0.expr={}&g0.tab=1", query_escaped(expr))
}

/// As Go's `url.QueryEscape`.
pub(crate) fn query_escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                escaped.push(char::from(byte));
            }
            b' ' => escaped.push('+'),
            other => escaped.push_str(&format!("%{other:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
