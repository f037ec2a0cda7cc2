//! Telling people: the edge of [`diagnosis::notify`].
//!
//! [`Notifier`] holds the dispatcher and its database; whatever changes one changes the other
//! before anybody is answered. One task flushes groups into the outbox, one task for each
//! integration sends what waits there, one for each Alertmanager forwards alerts. A crash at any
//! moment costs at most that one message comes twice.

mod deliver;
mod file;
mod forward;
mod gauges;
mod mail;
mod outbox;
mod post;
mod run;
mod sender;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use diagnosis::notify::{
    Alert, AlertState, Dispatcher, Flushed, GroupView, Inhibition, Notification, Policy, Reason,
    Severity, Silence, SilenceError, SilenceWish, Silences, SourceLimits, Taken, Told,
};
use model::{Fingerprint, Labels, Timestamp};
use tokio::sync::{Notify, watch};
use tracing::{error, warn};

use self::deliver::{Delivery, deliver};
pub(crate) use self::file::{Integration, NotifyConfig, NotifyConfigError, zone};
pub(crate) use self::forward::Forward;
use self::gauges::NotifyCounts;
pub(crate) use self::gauges::{IntegrationGauges, NotifyGauges};
pub(crate) use self::outbox::{HistoryRow, IntegrationHealth, OutboxError};
use self::outbox::{Outbox, TOLD_MAX};
use self::post::Poster;

/// Alerts at once: a hundred thousand take about as many kilobytes. Ten times what a storm of a
/// large site makes.
const ALERTS_MAX: usize = 100_000;

/// An alert that goes on firing is written again when its guessed end moved this far: after a
/// crash it then lives at least as long as its sender may be silent.
const REWRITE_AFTER: Duration = Duration::from_secs(60);

/// What was told of a group that is gone is kept this long, as Alertmanager keeps its log.
const LOG_KEPT: Duration = Duration::from_secs(5 * 24 * 3600);

/// The file in the data folder.
const DATABASE: &str = "notifications.db";

/// Who is told of what, running.
#[derive(Debug)]
pub(crate) struct Notifier {
    outbox: Outbox,
    state: Mutex<State>,
    config: RwLock<Arc<NotifyConfig>>,
    forward: RwLock<Arc<Forward>>,
    external_url: String,
    poster: Poster,
    /// Alerts or silences changed: when the next group is due may have changed too.
    changed: Notify,
    /// Counts what was put into the outbox; the senders watch it.
    news: watch::Sender<u64>,
    reloaded: Notify,
    counts: NotifyCounts,
}

#[derive(Debug)]
struct State {
    dispatcher: Dispatcher,
    silences: Silences,
    /// Of the packs, beside those of the file.
    pack_inhibitions: Vec<Inhibition>,
    /// The end of each alert as it was written last.
    written: HashMap<Fingerprint, Timestamp>,
    /// A flush that could not be stored, since the disk is full for example. Nothing else is
    /// flushed before it is.
    unstored: Option<Flushed>,
}

impl State {
    fn with_packs(&self, policy: &Policy) -> Policy {
        let mut policy = policy.clone();
        policy.inhibitions.extend_from_slice(&self.pack_inhibitions);
        policy
    }
}

/// What became of alerts that arrived together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TakenAlerts {
    /// Refused, since as many as may be are here.
    pub(crate) full: usize,
}

/// Why a silence is not as somebody wished.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SilencingError {
    #[error(transparent)]
    Wish(#[from] SilenceError),
    #[error(transparent)]
    Outbox(#[from] OutboxError),
}

impl Notifier {
    /// Opens the database in `data_dir` and goes on where it stopped. Blocks.
    pub(crate) fn open(
        data_dir: &Path,
        config: NotifyConfig,
        forward: Forward,
        external_url: &str,
        now: Timestamp,
    ) -> Result<Self, OutboxError> {
        let (outbox, stored) = Outbox::open(&data_dir.join(DATABASE), now)?;
        if stored.damaged > 0 {
            warn!(
                rows = stored.damaged,
                "some rows of the notification database are damaged"
            );
        }
        let limits = SourceLimits {
            alerts_max: ALERTS_MAX,
            told_max: TOLD_MAX,
        };
        let mut dispatcher = Dispatcher::new(config.policy.clone(), limits, stored.log);
        for alert in stored.alerts {
            dispatcher.restore(alert, now);
        }
        Ok(Self {
            outbox,
            state: Mutex::new(State {
                dispatcher,
                silences: Silences::new(stored.silences),
                pack_inhibitions: Vec::new(),
                written: HashMap::new(),
                unstored: None,
            }),
            config: RwLock::new(Arc::new(config)),
            forward: RwLock::new(Arc::new(forward)),
            external_url: external_url.trim_end_matches('/').to_owned(),
            poster: Poster::default(),
            changed: Notify::new(),
            news: watch::Sender::new(0),
            reloaded: Notify::new(),
            counts: NotifyCounts::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn config(&self) -> Arc<NotifyConfig> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn forward(&self) -> Arc<Forward> {
        Arc::clone(&self.forward.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Goes on under a configuration that was read anew. Blocks.
    pub(crate) fn reload(&self, config: NotifyConfig, forward: Forward, now: Timestamp) {
        let mut state = self.lock();
        let policy = state.with_packs(&config.policy);
        state.dispatcher.set_policy(policy, now);
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
        drop(state);
        let mut old = self.forward.write().unwrap_or_else(PoisonError::into_inner);
        *old = Arc::new(forward.going_on_from(&old));
        drop(old);
        self.poster.reset();
        self.reloaded.notify_one();
    }

    /// What the packs know to be a consequence of what, beside the inhibitions of the file.
    pub(crate) fn set_pack_inhibitions(&self, inhibitions: Vec<Inhibition>, now: Timestamp) {
        let mut state = self.lock();
        if state.pack_inhibitions == inhibitions {
            return;
        }
        state.pack_inhibitions = inhibitions;
        let policy = state.with_packs(&self.config().policy);
        state.dispatcher.set_policy(policy, now);
    }

    /// Takes alerts in. When this returns they are on disk. Blocks.
    pub(crate) fn take(
        &self,
        alerts: Vec<Alert>,
        now: Timestamp,
    ) -> Result<TakenAlerts, OutboxError> {
        let mut state = self.lock();
        let mut taken = TakenAlerts::default();
        let mut changed = Vec::new();
        for alert in alerts {
            self.counts.received(alert.is_resolved(now));
            let fingerprint = alert.labels.fingerprint();
            match state.dispatcher.take(alert, now) {
                Taken::Stored(alert) => {
                    let ends_at = alert.ends_at;
                    let written = state.written.get(&fingerprint).copied();
                    // A guess that moved on by little is not worth a write.
                    let is_same = written.is_some_and(|written| {
                        written <= ends_at
                            && ends_at.since(written) < REWRITE_AFTER
                            && !alert.is_resolved(now)
                    });
                    if !is_same {
                        state.written.insert(fingerprint, ends_at);
                        changed.push(alert);
                    }
                }
                Taken::Over => {}
                Taken::Full => taken.full += 1,
            }
        }
        if !changed.is_empty() {
            // Under the lock of the state, so that the rows have its order.
            let stored = self.outbox.put_alerts(changed.iter().map(|alert| &**alert));
            if let Err(error) = stored {
                for alert in &changed {
                    state.written.remove(&alert.labels.fingerprint());
                }
                return Err(error);
            }
        }
        drop(state);
        self.changed.notify_one();
        Ok(taken)
    }

    /// Makes or changes a silence and gives its id. When this returns it is on disk. Blocks.
    pub(crate) fn silence(
        &self,
        wish: SilenceWish,
        now: Timestamp,
    ) -> Result<String, SilencingError> {
        let mut state = self.lock();
        let changed = state.silences.wish(wish, &new_uuid(), now)?;
        self.outbox.put_silences(&changed)?;
        let id = changed.last().map(|silence| silence.id.clone());
        for silence in changed {
            state.silences.put(silence);
        }
        Ok(id.expect("a wish changes at least one silence"))
    }

    /// Ends a silence. When this returns that is on disk. Blocks.
    pub(crate) fn expire(&self, id: &str, now: Timestamp) -> Result<(), SilencingError> {
        let mut state = self.lock();
        if let Some(ended) = state.silences.expire(id, now)? {
            self.outbox.put_silences(std::slice::from_ref(&ended))?;
            state.silences.put(ended);
        }
        Ok(())
    }

    /// The alerts that fire, with why they are quiet.
    pub(crate) fn alerts(&self, now: Timestamp) -> Vec<AlertState> {
        let state = self.lock();
        state.dispatcher.alerts(now, &state.silences)
    }

    pub(crate) fn groups(&self) -> Vec<GroupView> {
        self.lock().dispatcher.groups()
    }

    pub(crate) fn silences(&self) -> Vec<Silence> {
        self.lock().silences.iter().cloned().collect()
    }

    pub(crate) fn silence_by_id(&self, id: &str) -> Option<Silence> {
        self.lock().silences.get(id).cloned()
    }

    pub(crate) fn history(
        &self,
        receiver: Option<&str>,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<HistoryRow>, OutboxError> {
        self.outbox.history(receiver, before, limit)
    }

    pub(crate) fn health(&self, integration: &str) -> Result<IntegrationHealth, OutboxError> {
        self.outbox.health(integration)
    }

    /// Sends a marked test alert in each way a receiver has, at once. One result each.
    pub(crate) async fn test(
        self: &Arc<Self>,
        receiver: &str,
        now: Timestamp,
    ) -> Vec<(Integration, Result<String, String>)> {
        let config = self.config();
        let mut results = Vec::new();
        let own = config
            .integrations()
            .filter(|integration| integration.receiver == receiver);
        for integration in own {
            let notification = test_notification(receiver, now);
            let delivery = Delivery {
                notification: &notification,
                id: 0,
                external_url: &self.external_url,
                now,
            };
            let outcome = deliver(&self.poster, integration, delivery).await;
            let outcome = outcome.map_err(|failure| failure.reason);
            let (notifier, id, noted) = (Arc::clone(self), integration.id.clone(), outcome.clone());
            let put = tokio::task::spawn_blocking(move || {
                notifier.outbox.put_test(&id, &notification, &noted, now)
            });
            if let Ok(Err(error)) = put.await {
                error!(%error, "the test is not in the history");
            }
            results.push((integration.clone(), outcome));
        }
        results
    }
}

/// An alert that nobody can take for a real one, which fires only for the receiver tested.
fn test_notification(receiver: &str, now: Timestamp) -> Notification {
    let pairs = [
        ("alertname", "PyrometerTest"),
        ("severity", "info"),
        ("test", "true"),
    ];
    let labels = Labels::new(pairs).expect("three names");
    let told = Told {
        labels: labels.clone(),
        annotations: vec![(
            "summary".to_owned(),
            "Somebody pressed the test button. Nothing is wrong.".to_owned(),
        )],
        starts_at: now,
        ends_at: None,
        generator_url: String::new(),
    };
    debug_assert_eq!(told.severity(), Severity::Info);
    let key = format!("test:{receiver}:{}", now.as_millis());
    Notification::new(
        receiver,
        &key,
        labels,
        vec![told],
        Reason::Test,
        now,
        TOLD_MAX,
    )
}

/// Version 4 of RFC 9562: random but for six bits.
fn new_uuid() -> String {
    let mut bytes = [0_u8; 16];
    for half in bytes.chunks_mut(8) {
        half.copy_from_slice(&random().to_le_bytes());
    }
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let hex = hex.concat();
    let parts = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    parts.join("-")
}

/// From the keys that the standard library draws for its hash maps, one apart from the next.
fn random() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silences_have_uuids() {
        let (one, other) = (new_uuid(), new_uuid());
        assert_ne!(one, other);
        let shape: String = one
            .chars()
            .map(|c| if c.is_ascii_hexdigit() { 'x' } else { c })
            .collect();
        assert_eq!(shape, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx");
        assert_eq!(&one[14..15], "4");
    }
}
