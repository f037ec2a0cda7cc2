//! Forwards the alerts of our rules to existing Alertmanagers, as a Prometheus does.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use diagnosis::notify::Alert;
use diagnosis::notify::forward::Forwarder;
use diagnosis::notify::queue::back_off;
use diagnosis::rules::PostableAlert;
use model::{Fingerprint, Labels, Timestamp};
use serde_json::{Map, Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::post::Post;
use super::{ALERTS_MAX, Notifier, random};
use crate::api::format_rfc3339;
use crate::clock::Clock;
use crate::config::{AlertingConfig, AlertmanagerConfig};
use crate::relabel::{RelabelRule, relabel};

/// All Alertmanagers and what each has.
#[derive(Debug)]
pub(crate) struct Forward {
    pub(super) alertmanagers: Vec<AlertmanagerConfig>,
    relabel: Vec<RelabelRule>,
    forwarder: Mutex<Forwarder>,
    health: Mutex<Vec<ForwardHealth>>,
    news: watch::Sender<u64>,
}

/// How one Alertmanager does.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ForwardHealth {
    pub(crate) url: String,
    /// Alerts it took, and requests that failed.
    pub(crate) sent: u64,
    pub(crate) errors: u64,
    pub(crate) last_sent: Option<Timestamp>,
    /// Of the last request, if that failed.
    pub(crate) last_error: Option<String>,
    /// Whether it refused the newest batch for good.
    pub(crate) dropped: u64,
}

impl Forward {
    pub(crate) fn new(config: &AlertingConfig) -> Self {
        let health = config
            .alertmanagers
            .iter()
            .map(|alertmanager| ForwardHealth {
                url: alertmanager.url.clone(),
                ..ForwardHealth::default()
            });
        Self {
            forwarder: Mutex::new(Forwarder::new(config.alertmanagers.len(), ALERTS_MAX)),
            health: Mutex::new(health.collect()),
            alertmanagers: config.alertmanagers.clone(),
            relabel: config.relabel.clone(),
            news: watch::Sender::new(0),
        }
    }

    /// With what is known of the same Alertmanagers.
    pub(super) fn going_on_from(self, old: &Self) -> Self {
        if self.alertmanagers == old.alertmanagers {
            std::mem::swap(&mut *self.lock(), &mut *old.lock());
            std::mem::swap(&mut *self.lock_health(), &mut *old.lock_health());
        }
        self
    }

    fn lock(&self) -> MutexGuard<'_, Forwarder> {
        self.forwarder
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_health(&self) -> MutexGuard<'_, Vec<ForwardHealth>> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn health(&self) -> Vec<ForwardHealth> {
        self.lock_health().clone()
    }

    /// Takes over what the rules say. An alert's own labels win over external ones.
    pub(super) fn take(&self, said: &[PostableAlert], external_labels: &Labels) {
        if self.alertmanagers.is_empty() {
            return;
        }
        let mut forwarder = self.lock();
        let mut full = 0;
        for alert in said {
            let mut labels = alert.labels.builder();
            for (name, value) in external_labels.iter() {
                if labels.get(name).is_none() {
                    labels.set(name, value);
                }
            }
            if !relabel(&mut labels, &self.relabel) {
                continue;
            }
            let mut alert = Alert::of_rule(alert);
            alert.labels = labels.build();
            full += usize::from(!forwarder.take(alert));
        }
        drop(forwarder);
        if full > 0 {
            warn!(
                alerts = full,
                "too many alerts are to be forwarded, these are not"
            );
        }
        self.news.send_modify(|count| *count += 1);
    }

    pub(super) fn forget_old(&self, now: Timestamp) {
        let lost = self.lock().forget_old(now);
        if lost > 0 {
            warn!(
                alerts = lost,
                "an Alertmanager was away too long to learn that these ended"
            );
        }
    }
}

/// Sends to one Alertmanager until `cancel`.
pub(super) async fn run(
    notifier: Arc<Notifier>,
    index: usize,
    clock: Clock,
    cancel: CancellationToken,
) {
    let forward = notifier.forward();
    let Some(alertmanager) = forward.alertmanagers.get(index) else {
        return;
    };
    let mut news = forward.news.subscribe();
    let mut failures = 0;
    while !cancel.is_cancelled() {
        news.borrow_and_update();
        let (words, body) = batch(&forward, index);
        if words.is_empty() {
            tokio::select! {
                () = cancel.cancelled() => return,
                changed = news.changed() => drop(changed),
            }
            continue;
        }
        let now = clock.now();
        let post = Post {
            url: alertmanager.url.clone(),
            auth: alertmanager.auth.as_ref(),
            tls: &alertmanager.tls,
            authorization: None,
            body,
        };
        let posting = notifier.poster.post(post, now);
        let posting = tokio::time::timeout(alertmanager.timeout, posting);
        let Some(posted) = cancel.run_until_cancelled(posting).await else {
            return;
        };
        let posted = posted.unwrap_or_else(|_| {
            let span = model::format_duration(alertmanager.timeout);
            Err(super::post::passing(format!("no answer within {span}")))
        });
        let wait = note(&forward, index, &words, posted, &mut failures, clock.now());
        if let Some(wait) = wait
            && cancel
                .run_until_cancelled(tokio::time::sleep(wait))
                .await
                .is_none()
        {
            return;
        }
    }
}

/// Writes down how it went; how long to wait before the next request.
fn note(
    forward: &Forward,
    index: usize,
    words: &[(Fingerprint, Timestamp)],
    posted: Result<super::post::Answer, diagnosis::notify::queue::Failure>,
    failures: &mut u32,
    now: Timestamp,
) -> Option<Duration> {
    use diagnosis::notify::queue::FailureKind;
    let mut health = forward.lock_health();
    let health = &mut health[index];
    match posted {
        Ok(_) => {
            *failures = 0;
            health.sent += words.len() as u64;
            health.last_sent = Some(now);
            health.last_error = None;
            forward.lock().took(index, words);
            None
        }
        Err(failure) => {
            health.errors += 1;
            warn!(alertmanager = %health.url, reason = %failure.reason, "alerts were not taken");
            health.last_error = Some(failure.reason);
            match failure.kind {
                // It took what is good and will never take the rest.
                FailureKind::Lasting => {
                    health.dropped += words.len() as u64;
                    forward.lock().took(index, words);
                    None
                }
                FailureKind::Passing(retry_after) => {
                    *failures += 1;
                    Some(back_off(
                        *failures,
                        retry_after,
                        random() as f64 / u64::MAX as f64,
                    ))
                }
            }
        }
    }
}

/// The next request's body, with the word of each alert in it.
fn batch(forward: &Forward, index: usize) -> (Vec<(Fingerprint, Timestamp)>, String) {
    let forwarder = forward.lock();
    let alerts = forwarder.batch(index);
    let words = alerts
        .iter()
        .map(|alert| (alert.labels.fingerprint(), alert.updated_at));
    let body: Vec<Value> = alerts.iter().map(|alert| postable_json(alert)).collect();
    (words.collect(), Value::from(body).to_string())
}

/// `PostableAlert` of Alertmanager's API.
fn postable_json(alert: &Alert) -> Value {
    let labels = alert
        .labels
        .iter()
        .map(|(name, value)| (name.to_owned(), value.into()));
    let annotations = alert.annotations.iter();
    let annotations = annotations.map(|(name, text)| (name.clone(), text.as_str().into()));
    json!({
        "labels": labels.collect::<Map<String, Value>>(),
        "annotations": annotations.collect::<Map<String, Value>>(),
        "startsAt": format_rfc3339(alert.starts_at),
        "endsAt": format_rfc3339(alert.ends_at),
        "generatorURL": alert.generator_url,
    })
}
