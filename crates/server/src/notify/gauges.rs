//! What notification counts of itself.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use diagnosis::notify::SilenceState;
use diagnosis::notify::queue::{Failure, FailureKind};
use model::Timestamp;

use super::Notifier;
use super::forward::ForwardHealth;

/// Counters since the start.
#[derive(Debug, Default)]
pub(super) struct NotifyCounts {
    received_firing: AtomicU64,
    received_resolved: AtomicU64,
    stores_failed: AtomicU64,
    /// Bounded by the configuration.
    integrations: Mutex<BTreeMap<String, IntegrationGauges>>,
}

/// One integration.
#[derive(Clone, Debug, Default)]
pub(crate) struct IntegrationGauges {
    /// Alertmanager's word: `slack`, `email`, …
    pub(crate) kind: &'static str,
    pub(crate) sent: u64,
    /// Given up, since the receiver will never take them.
    pub(crate) failed: u64,
    pub(crate) attempts: u64,
    pub(crate) attempts_failed: u64,
    /// Seconds from the decision to the receiver's answer, of what was sent.
    pub(crate) latency_seconds: f64,
}

/// All of it at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct NotifyGauges {
    pub(crate) received_firing: u64,
    pub(crate) received_resolved: u64,
    pub(crate) stores_failed: u64,
    pub(crate) integrations: Vec<(String, IntegrationGauges)>,
    pub(crate) alerts_active: usize,
    pub(crate) alerts_suppressed: usize,
    pub(crate) groups: usize,
    /// Active, pending, expired.
    pub(crate) silences: [usize; 3],
    /// Messages that wait, by integration.
    pub(crate) waiting: Vec<(String, i64)>,
    pub(crate) forward: Vec<ForwardHealth>,
}

impl NotifyCounts {
    pub(super) fn received(&self, resolved: bool) {
        let counter = if resolved {
            &self.received_resolved
        } else {
            &self.received_firing
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn store_failed(&self) {
        self.stores_failed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn attempted(
        &self,
        integration: &str,
        kind: &'static str,
        outcome: &Result<String, Failure>,
        waited: Duration,
    ) {
        let mut all = self
            .integrations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let gauges = all.entry(integration.to_owned()).or_default();
        gauges.kind = kind;
        gauges.attempts += 1;
        match outcome {
            Ok(_) => {
                gauges.sent += 1;
                gauges.latency_seconds += waited.as_secs_f64();
            }
            Err(failure) => {
                gauges.attempts_failed += 1;
                gauges.failed += u64::from(failure.kind == FailureKind::Lasting);
            }
        }
    }
}

impl Notifier {
    /// Blocks on the database for a moment.
    pub(crate) fn gauges(&self, now: Timestamp) -> NotifyGauges {
        let alerts = self.alerts(now);
        let suppressed = alerts.iter().filter(|alert| alert.quiet.is_quiet()).count();
        let mut silences = [0; 3];
        for silence in self.silences() {
            silences[match silence.state(now) {
                SilenceState::Active => 0,
                SilenceState::Pending => 1,
                SilenceState::Expired => 2,
            }] += 1;
        }
        let config = self.config();
        let mut known = self
            .counts
            .integrations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let mut waiting = Vec::new();
        let mut integrations = Vec::new();
        for integration in config.integrations() {
            let health = self.outbox.health(&integration.id).unwrap_or_default();
            waiting.push((integration.id.clone(), health.waiting));
            let mut gauges = known.remove(&integration.id).unwrap_or_default();
            gauges.kind = integration.kind;
            integrations.push((integration.id.clone(), gauges));
        }
        let groups = self.lock().dispatcher.n_groups();
        NotifyGauges {
            received_firing: self.counts.received_firing.load(Ordering::Relaxed),
            received_resolved: self.counts.received_resolved.load(Ordering::Relaxed),
            stores_failed: self.counts.stores_failed.load(Ordering::Relaxed),
            integrations,
            alerts_active: alerts.len() - suppressed,
            alerts_suppressed: suppressed,
            groups,
            silences,
            waiting,
            forward: self.forward().health(),
        }
    }
}
