//! Which alerts an existing Alertmanager is sent, as Prometheus does it.
//!
//! The rules say when an alert is to be told (`rules::PostableAlert`): at once, then after each
//! resend delay, and its end for fifteen minutes. Each word goes to every Alertmanager, again and
//! again until that one takes it. Prometheus drops what it could not deliver; here the end of an
//! alert that an Alertmanager does not know of waits for [`ENDED_KEPT`].

use std::collections::HashMap;
use std::time::Duration;

use model::{Fingerprint, Timestamp};

use super::Alert;

/// How long an end waits for an Alertmanager that is down.
pub const ENDED_KEPT: Duration = Duration::from_secs(24 * 3600);

/// Alerts of one request (Prometheus's default).
pub const BATCH_MAX: usize = 256;

/// The alerts to forward, and what each Alertmanager has of them.
#[derive(Debug)]
pub struct Forwarder {
    alerts: HashMap<Fingerprint, Alert>,
    /// By Alertmanager: of each alert, when the word that it took was said.
    taken: Vec<HashMap<Fingerprint, Timestamp>>,
    alerts_max: usize,
}

impl Forwarder {
    pub fn new(n_alertmanagers: usize, alerts_max: usize) -> Self {
        Self {
            alerts: HashMap::new(),
            taken: vec![HashMap::new(); n_alertmanagers],
            alerts_max,
        }
    }

    /// Takes in an alert of a rule. False when as many as may be are here already.
    pub fn take(&mut self, alert: Alert) -> bool {
        let fingerprint = alert.labels.fingerprint();
        let known = self.alerts.contains_key(&fingerprint);
        if !known && self.alerts.len() >= self.alerts_max {
            return false;
        }
        self.alerts.insert(fingerprint, alert);
        true
    }

    /// The next alerts for one Alertmanager, at most [`BATCH_MAX`], oldest first.
    pub fn batch(&self, alertmanager: usize) -> Vec<&Alert> {
        let Some(taken) = self.taken.get(alertmanager) else {
            return Vec::new();
        };
        let is_news = |(fingerprint, alert): &(&Fingerprint, &Alert)| {
            taken
                .get(fingerprint)
                .is_none_or(|&said| said < alert.updated_at)
        };
        let mut due: Vec<&Alert> = self.alerts.iter().filter(is_news).map(|(_, a)| a).collect();
        due.sort_by(|a, b| (a.starts_at, &a.labels).cmp(&(b.starts_at, &b.labels)));
        due.truncate(BATCH_MAX);
        due
    }

    /// Notes that an Alertmanager took these words, each with the moment it was said.
    pub fn took(&mut self, alertmanager: usize, batch: &[(Fingerprint, Timestamp)]) {
        if let Some(taken) = self.taken.get_mut(alertmanager) {
            taken.extend(batch.iter().copied());
        }
    }

    /// Forgets alerts whose end is known everywhere, or too old to be news. How many of those
    /// somebody never heard of.
    pub fn forget_old(&mut self, now: Timestamp) -> usize {
        let taken = &self.taken;
        let mut lost = 0;
        self.alerts.retain(|fingerprint, alert| {
            if !alert.is_resolved(now) {
                return true;
            }
            let known = taken.iter().all(|taken| {
                taken
                    .get(fingerprint)
                    .is_some_and(|&said| said >= alert.updated_at)
            });
            let keep = !known && now.since(alert.ends_at) < ENDED_KEPT;
            lost += usize::from(!keep && !known);
            keep
        });
        let alerts = &self.alerts;
        for taken in &mut self.taken {
            taken.retain(|fingerprint, _| alerts.contains_key(fingerprint));
        }
        lost
    }

    pub fn len(&self) -> usize {
        self.alerts.len()
    }

    pub fn is_empty(&self) -> bool {
        self.alerts.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use model::Labels;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn alert(name: &str, starts: i64, ends: i64, said: i64) -> Alert {
        Alert {
            labels: Labels::new([("alertname", name)]).unwrap(),
            annotations: Vec::new(),
            starts_at: at(starts),
            ends_at: at(ends),
            updated_at: at(said),
            is_timeout: false,
            generator_url: String::new(),
        }
    }

    fn send(forwarder: &mut Forwarder, to: usize, second: i64) -> String {
        let batch = forwarder.batch(to);
        let name = |alert: &&Alert| {
            let end = if alert.is_resolved(at(second)) {
                "!"
            } else {
                ""
            };
            format!("{}{end}", alert.labels.get("alertname").unwrap())
        };
        let names: Vec<String> = batch.iter().map(name).collect();
        let words = batch
            .iter()
            .map(|alert| (alert.labels.fingerprint(), alert.updated_at));
        let words: Vec<(Fingerprint, Timestamp)> = words.collect();
        forwarder.took(to, &words);
        names.join(" ")
    }

    #[test]
    fn each_word_is_sent_once() {
        let mut forwarder = Forwarder::new(1, 10);
        assert!(forwarder.take(alert("a", 0, 240, 0)));
        assert_eq!(send(&mut forwarder, 0, 0), "a");
        assert_eq!(send(&mut forwarder, 0, 59), "");
        assert!(forwarder.take(alert("a", 0, 300, 60)));
        assert_eq!(send(&mut forwarder, 0, 60), "a");
        assert!(forwarder.take(alert("a", 0, 70, 70)));
        assert_eq!(send(&mut forwarder, 0, 70), "a!");
        assert_eq!(send(&mut forwarder, 0, 80), "");
        assert_eq!(forwarder.forget_old(at(80)), 0);
        assert!(forwarder.is_empty());
    }

    #[test]
    fn an_alertmanager_that_was_away_learns_what_fired_and_ended_meanwhile() {
        let mut forwarder = Forwarder::new(2, 10);
        forwarder.take(alert("a", 0, 240, 0));
        assert_eq!(send(&mut forwarder, 0, 0), "a");
        forwarder.take(alert("a", 0, 30, 30));
        assert_eq!(send(&mut forwarder, 0, 30), "a!");
        assert_eq!(forwarder.forget_old(at(12 * 3600)), 0);
        assert_eq!(send(&mut forwarder, 1, 12 * 3600), "a!");
        forwarder.take(alert("b", 0, 30, 30));
        assert_eq!(forwarder.forget_old(at(25 * 3600)), 1);
        assert_eq!(forwarder.len(), 0);
    }

    #[test]
    fn a_request_holds_no_more_than_its_batch_and_memory_no_more_than_its_limit() {
        let mut forwarder = Forwarder::new(1, 300);
        for n in 0..301 {
            assert_eq!(forwarder.take(alert(&format!("a{n}"), 0, 240, 0)), n < 300);
        }
        assert_eq!(send(&mut forwarder, 0, 0).split(' ').count(), BATCH_MAX);
        assert_eq!(
            send(&mut forwarder, 0, 0).split(' ').count(),
            300 - BATCH_MAX
        );
    }
}
