//! Whether a group's standing is news to an integration.

use std::sync::Arc;
use std::time::Duration;

use model::Timestamp;

use super::LogEntry;
use crate::notify::{Alert, Reason};

/// The alerts of a group that may be told, at one moment.
#[derive(Debug)]
pub(super) struct Standing<'a> {
    /// Fingerprints, sorted.
    pub(super) firing: Vec<u64>,
    resolved: Vec<u64>,
    over: Vec<&'a Alert>,
}

impl<'a> Standing<'a> {
    pub(super) fn of(alerts: &'a [Arc<Alert>], now: Timestamp) -> Self {
        let (over, firing): (Vec<&Alert>, Vec<&Alert>) = alerts
            .iter()
            .map(|alert| &**alert)
            .partition(|alert| alert.is_resolved(now));
        let prints = |alerts: &[&Alert]| {
            let prints = alerts.iter().map(|alert| alert.labels.fingerprint().0);
            let mut prints: Vec<u64> = prints.collect();
            prints.sort_unstable();
            prints
        };
        Self {
            firing: prints(&firing),
            resolved: prints(&over),
            over,
        }
    }

    pub(super) fn entry(&self, now: Timestamp) -> LogEntry {
        LogEntry {
            firing: self.firing.clone(),
            resolved: self.resolved.clone(),
            at: now,
        }
    }

    /// Whether something began after `told` and ended unseen although it lasted.
    fn has_missed(&self, told: Option<Timestamp>, group_wait: Duration) -> bool {
        self.over.iter().any(|alert| {
            let lasted = alert.ends_at.since(alert.starts_at) >= group_wait;
            lasted && told.is_none_or(|told| alert.starts_at > told)
        })
    }
}

/// Why the integration is told; `None` when it knows.
pub(super) fn decide(
    last: Option<&LogEntry>,
    now_is: &Standing<'_>,
    send_resolved: bool,
    repeat_interval: Duration,
    group_wait: Duration,
    now: Timestamp,
) -> Option<Reason> {
    let Some(last) = last.filter(|last| !last.firing.is_empty()) else {
        return if !now_is.firing.is_empty() {
            Some(Reason::New)
        } else if now_is.has_missed(last.map(|last| last.at), group_wait) {
            Some(Reason::Missed)
        } else {
            None
        };
    };
    if now_is.firing.is_empty() {
        return Some(Reason::Resolved);
    }
    let is_subset = |part: &[u64], of: &[u64]| part.iter().all(|p| of.binary_search(p).is_ok());
    if !is_subset(&now_is.firing, &last.firing) {
        return Some(Reason::Changed);
    }
    if send_resolved && !is_subset(&now_is.resolved, &last.resolved) {
        return Some(Reason::Changed);
    }
    (last.at.plus(repeat_interval) <= now).then_some(Reason::Repeat)
}
