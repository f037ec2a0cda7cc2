//! What the dispatcher shows: alerts with why they are quiet, and groups.

use std::sync::Arc;

use model::{Fingerprint, Timestamp};

use super::Dispatcher;
use crate::notify::inhibit::Causes;
use crate::notify::{Alert, RouteId, Silences};

/// An alert as it stands.
#[derive(Clone, Debug)]
pub struct AlertState {
    pub alert: Arc<Alert>,
    pub quiet: WhyQuiet,
    /// Of the groups it is in, each once.
    pub receivers: Vec<String>,
}

/// Who keeps an alert quiet; nobody when both are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WhyQuiet {
    pub silenced_by: Vec<String>,
    pub inhibited_by: Vec<Fingerprint>,
}

/// A group and the alerts in it.
#[derive(Clone, Debug)]
pub struct GroupView {
    pub route: RouteId,
    pub labels: model::Labels,
    pub key: String,
    pub next: Timestamp,
    pub alerts: Vec<Fingerprint>,
}

impl WhyQuiet {
    pub fn is_quiet(&self) -> bool {
        !self.silenced_by.is_empty() || !self.inhibited_by.is_empty()
    }
}

impl Dispatcher {
    /// The alerts that fire, by labels.
    pub fn alerts(&self, now: Timestamp, silences: &Silences) -> Vec<AlertState> {
        let firing = || {
            self.alerts
                .values()
                .filter(|entry| !entry.alert.is_resolved(now))
        };
        let causes = Causes::of(
            &self.policy.inhibitions,
            firing().map(|entry| &*entry.alert),
        );
        let mut states: Vec<AlertState> = firing()
            .map(|entry| {
                let labels = &entry.alert.labels;
                let silencing = silences.silencing(labels, now);
                let mut receivers: Vec<String> = Vec::new();
                for route in self.policy.tree.matching(labels) {
                    let receiver = &self.policy.tree.get(route).receiver;
                    if !receivers.contains(receiver) {
                        receivers.push(receiver.clone());
                    }
                }
                AlertState {
                    alert: Arc::clone(&entry.alert),
                    quiet: WhyQuiet {
                        silenced_by: silencing.map(|silence| silence.id.clone()).collect(),
                        inhibited_by: causes.inhibiting(labels),
                    },
                    receivers,
                }
            })
            .collect();
        states.sort_by(|a, b| a.alert.labels.cmp(&b.alert.labels));
        states
    }

    /// The groups, by route and labels.
    pub fn groups(&self) -> Vec<GroupView> {
        let views = self.groups.values().map(|group| GroupView {
            route: group.route,
            labels: group.labels.clone(),
            key: group.key.clone(),
            next: group.next,
            alerts: group.alerts.iter().copied().collect(),
        });
        let mut views: Vec<GroupView> = views.collect();
        views.sort_by(|a, b| (a.route, &a.labels).cmp(&(b.route, &b.labels)));
        views
    }

    /// The alerts held, also those that are over and not told yet.
    pub fn n_alerts(&self) -> usize {
        self.alerts.len()
    }

    pub fn n_groups(&self) -> usize {
        self.groups.len()
    }
}
