//! Holds the alerts, groups them, and says who is to be told what, and when.
//!
//! The order for each group, as in Alertmanager: time intervals, inhibition, silences, then what
//! the log says was told already. One thing differs: an alert that began and ended unseen (this
//! server was down in between) although it lasted longer than `group_wait` is told all the same.

mod decide;
mod view;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use model::{Fingerprint, Labels, Timestamp};

use self::decide::{Standing, decide};
pub use self::view::{AlertState, GroupView, WhyQuiet};
use super::inhibit::Causes;
use super::{Alert, Inhibition, Notification, RouteId, RouteTree, Silences, TimeInterval, Told};

/// What decides about notifications: the file, made whole.
#[derive(Clone, Debug)]
pub struct Policy {
    pub tree: RouteTree,
    pub inhibitions: Vec<Inhibition>,
    pub intervals: BTreeMap<String, Vec<TimeInterval>>,
    /// Every receiver that a route names.
    pub receivers: BTreeMap<String, Vec<ReceiverPlan>>,
}

/// One way in which a receiver is told: one of its mail addresses, one of its channels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiverPlan {
    /// Unique, and the same after a restart: `team/slack[0]`.
    pub integration: String,
    pub send_resolved: bool,
}

/// What may be held.
#[derive(Clone, Copy, Debug)]
pub struct SourceLimits {
    /// Alerts at once. One takes about a kilobyte.
    pub alerts_max: usize,
    /// Alerts that one notification names; the rest is a number.
    pub told_max: usize,
}

/// What became of an alert that arrived.
#[derive(Clone, Debug, PartialEq)]
pub enum Taken {
    /// As it stands now; to be stored.
    Stored(Arc<Alert>),
    /// Over before anybody knew of it.
    Over,
    /// As many alerts as may be are here already.
    Full,
}

/// Whom a log entry is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LogKey {
    pub integration: String,
    pub group_key: String,
}

/// What was told last; the fingerprints are sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogEntry {
    pub firing: Vec<u64>,
    pub resolved: Vec<u64>,
    pub at: Timestamp,
}

/// What is due, and what changed with it; to be stored together.
#[derive(Debug, Default)]
pub struct Flushed {
    pub due: Vec<Due>,
    /// What is told now, also where there is nothing to send.
    pub log: Vec<(LogKey, LogEntry)>,
    /// Alerts that are over and told.
    pub forgotten: Vec<Fingerprint>,
}

/// One notification for one integration.
#[derive(Clone, Debug, PartialEq)]
pub struct Due {
    pub integration: String,
    pub notification: Notification,
    /// False: the end of a group is not sent, only noted in what still waits.
    pub send: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct GroupId(u64);

#[derive(Debug)]
struct Group {
    route: RouteId,
    labels: Labels,
    key: String,
    alerts: BTreeSet<Fingerprint>,
    next: Timestamp,
    flushed: bool,
}

#[derive(Debug)]
struct Entry {
    alert: Arc<Alert>,
    /// Groups that have not told of its end yet.
    groups: Vec<GroupId>,
}

/// All alerts and groups. The one place that decides what is sent.
#[derive(Debug)]
pub struct Dispatcher {
    policy: Policy,
    limits: SourceLimits,
    alerts: HashMap<Fingerprint, Entry>,
    groups: HashMap<GroupId, Group>,
    by_labels: HashMap<(RouteId, Labels), GroupId>,
    timers: BTreeSet<(Timestamp, GroupId)>,
    log: HashMap<LogKey, LogEntry>,
    last_id: u64,
}

impl Dispatcher {
    /// With what was told before a restart.
    pub fn new(
        policy: Policy,
        limits: SourceLimits,
        log: impl IntoIterator<Item = (LogKey, LogEntry)>,
    ) -> Self {
        Self {
            policy,
            limits,
            alerts: HashMap::new(),
            groups: HashMap::new(),
            by_labels: HashMap::new(),
            timers: BTreeSet::new(),
            log: log.into_iter().collect(),
            last_id: 0,
        }
    }

    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Goes on under another policy: all alerts are grouped anew; what was told stays told.
    pub fn set_policy(&mut self, policy: Policy, now: Timestamp) {
        self.policy = policy;
        self.groups.clear();
        self.by_labels.clear();
        self.timers.clear();
        let mut alerts: Vec<Arc<Alert>> = Vec::with_capacity(self.alerts.len());
        for (_, entry) in self.alerts.drain() {
            alerts.push(entry.alert);
        }
        alerts.sort_by(|a, b| a.labels.cmp(&b.labels));
        for alert in alerts {
            self.place(alert, now);
        }
    }

    /// Takes an alert in, or what is new of one that is here.
    pub fn take(&mut self, alert: Alert, now: Timestamp) -> Taken {
        let fingerprint = alert.labels.fingerprint();
        match self.alerts.get(&fingerprint) {
            Some(known) => {
                let merged = known.alert.merged(&alert);
                // One that ended, was not told yet and begins anew begins a new wait too.
                self.place(Arc::new(merged), now)
            }
            None if alert.is_resolved(now) => Taken::Over,
            None if self.alerts.len() >= self.limits.alerts_max => Taken::Full,
            None => self.place(Arc::new(alert), now),
        }
    }

    /// Takes in an alert that was stored before a restart, also one that is over by now.
    pub fn restore(&mut self, alert: Alert, now: Timestamp) {
        if self.alerts.len() < self.limits.alerts_max {
            self.place(Arc::new(alert), now);
        }
    }

    fn place(&mut self, alert: Arc<Alert>, now: Timestamp) -> Taken {
        let fingerprint = alert.labels.fingerprint();
        let mut groups = match self.alerts.get_mut(&fingerprint) {
            Some(entry) => std::mem::take(&mut entry.groups),
            None => Vec::new(),
        };
        if groups.is_empty() {
            for route in self.policy.tree.matching(&alert.labels) {
                groups.push(self.group_for(route, &alert, now));
            }
        }
        let entry = Entry {
            alert: Arc::clone(&alert),
            groups,
        };
        self.alerts.insert(fingerprint, entry);
        Taken::Stored(alert)
    }

    fn group_for(&mut self, route: RouteId, alert: &Alert, now: Timestamp) -> GroupId {
        let policy = self.policy.tree.get(route);
        let labels = policy.group_by.group_labels(&alert.labels);
        let waited = alert.starts_at.plus(policy.group_wait);
        let fingerprint = alert.labels.fingerprint();
        if let Some(&id) = self.by_labels.get(&(route, labels.clone())) {
            let group = self.groups.get_mut(&id).expect("the index names groups");
            group.alerts.insert(fingerprint);
            if !group.flushed && waited < group.next {
                self.timers.remove(&(group.next, id));
                group.next = waited.max(now);
                self.timers.insert((group.next, id));
            }
            return id;
        }
        let key = format!("{}:{}", self.policy.tree.key(route), show_labels(&labels));
        // A group that was told before a restart or a reload keeps its pace.
        let plans = self.policy.receivers.get(&policy.receiver);
        let told = plans.into_iter().flatten().filter_map(|plan| {
            let entry = self.log.get(&log_key(&plan.integration, &key))?;
            (!entry.firing.is_empty()).then_some(entry.at)
        });
        let told = told.max();
        let next = match told {
            Some(at) => at.plus(policy.group_interval).max(now),
            None if waited < now => now,
            None => waited.min(now.plus(policy.group_wait)),
        };
        self.last_id += 1;
        let id = GroupId(self.last_id);
        self.by_labels.insert((route, labels.clone()), id);
        self.timers.insert((next, id));
        let group = Group {
            route,
            labels,
            key,
            alerts: BTreeSet::from([fingerprint]),
            next,
            flushed: told.is_some(),
        };
        self.groups.insert(id, group);
        id
    }

    /// When the next group is due.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.timers.first().map(|&(at, _)| at)
    }

    /// What is due by now. The caller stores all of it before anything is sent.
    pub fn flush(&mut self, now: Timestamp, silences: &Silences) -> Flushed {
        let mut due = Vec::new();
        while let Some(&(at, id)) = self.timers.first() {
            if at > now {
                break;
            }
            self.timers.remove(&(at, id));
            due.push(id);
        }
        let mut flushed = Flushed::default();
        if due.is_empty() {
            return flushed;
        }
        let inhibitions = self.policy.inhibitions.clone();
        let firing = self.alerts.values().map(|entry| &*entry.alert);
        let causes = Causes::of(&inhibitions, firing.filter(|alert| !alert.is_resolved(now)));
        for id in due {
            self.flush_group(id, now, silences, &causes, &mut flushed);
        }
        flushed
    }

    fn flush_group(
        &mut self,
        id: GroupId,
        now: Timestamp,
        silences: &Silences,
        causes: &Causes<'_>,
        flushed: &mut Flushed,
    ) {
        let Some(group) = self.groups.get(&id) else {
            return;
        };
        let alerts = group.alerts.iter();
        let alerts = alerts.filter_map(|fingerprint| self.alerts.get(fingerprint));
        let alerts: Vec<Arc<Alert>> = alerts.map(|entry| Arc::clone(&entry.alert)).collect();
        if !self.is_quiet_time(group.route, now) {
            let loud: Vec<Arc<Alert>> = alerts
                .iter()
                .filter(|alert| causes.inhibiting(&alert.labels).is_empty())
                .filter(|alert| silences.silencing(&alert.labels, now).next().is_none())
                .cloned()
                .collect();
            if !loud.is_empty() {
                self.tell(id, &loud, now, flushed);
            }
        }
        self.end_flush(id, &alerts, now, flushed);
    }

    /// Whether the route's time intervals keep it quiet now.
    fn is_quiet_time(&self, route: RouteId, now: Timestamp) -> bool {
        let route = self.policy.tree.get(route);
        let in_any = |names: &[String]| {
            let intervals = names
                .iter()
                .filter_map(|name| self.policy.intervals.get(name));
            intervals.flatten().any(|interval| interval.contains(now))
        };
        in_any(&route.mute_in) || !(route.active_in.is_empty() || in_any(&route.active_in))
    }

    fn tell(&mut self, id: GroupId, alerts: &[Arc<Alert>], now: Timestamp, flushed: &mut Flushed) {
        let group = &self.groups[&id];
        let route = self.policy.tree.get(group.route);
        let standing = Standing::of(alerts, now);
        let plans = self.policy.receivers.get(&route.receiver);
        for plan in plans.into_iter().flatten() {
            let key = log_key(&plan.integration, &group.key);
            let last = self.log.get(&key);
            let repeat = route.repeat_interval;
            let Some(reason) = decide(
                last,
                &standing,
                plan.send_resolved,
                repeat,
                route.group_wait,
                now,
            ) else {
                continue;
            };
            let missed = reason == super::Reason::Missed;
            let shown = alerts.iter().map(|alert| Told::of(alert, now));
            let shown = shown.filter(|told| {
                plan.send_resolved || missed || told.is_firing() || standing.firing.is_empty()
            });
            let notification = Notification::new(
                &route.receiver,
                &group.key,
                group.labels.clone(),
                shown.collect(),
                reason,
                now,
                self.limits.told_max,
            );
            flushed.due.push(Due {
                integration: plan.integration.clone(),
                notification,
                send: plan.send_resolved || missed || !standing.firing.is_empty(),
            });
            let entry = standing.entry(now);
            self.log.insert(key.clone(), entry.clone());
            flushed.log.push((key, entry));
        }
    }

    /// Lets go what is over and winds the group's timer.
    fn end_flush(
        &mut self,
        id: GroupId,
        alerts: &[Arc<Alert>],
        now: Timestamp,
        flushed: &mut Flushed,
    ) {
        let over: HashSet<Fingerprint> = alerts
            .iter()
            .filter(|alert| alert.is_resolved(now))
            .map(|alert| alert.labels.fingerprint())
            .collect();
        for fingerprint in &over {
            let Some(entry) = self.alerts.get_mut(fingerprint) else {
                continue;
            };
            entry.groups.retain(|group| *group != id);
            if entry.groups.is_empty() {
                self.alerts.remove(fingerprint);
                flushed.forgotten.push(*fingerprint);
            }
        }
        let Some(group) = self.groups.get_mut(&id) else {
            return;
        };
        group
            .alerts
            .retain(|fingerprint| !over.contains(fingerprint));
        group.flushed = true;
        if group.alerts.is_empty() {
            let key = (group.route, group.labels.clone());
            self.by_labels.remove(&key);
            self.groups.remove(&id);
        } else {
            let interval = self.policy.tree.get(group.route).group_interval;
            group.next = now.plus(interval.max(std::time::Duration::from_millis(1)));
            self.timers.insert((group.next, id));
        }
    }

    /// Forgets what was told of groups that are gone, once nobody could be told the same again.
    pub fn forget_log(&mut self, before: Timestamp) -> Vec<LogKey> {
        let alive: HashSet<&str> = self
            .groups
            .values()
            .map(|group| group.key.as_str())
            .collect();
        let is_old = |(key, entry): &(&LogKey, &LogEntry)| {
            entry.at < before && !alive.contains(key.group_key.as_str())
        };
        let old: Vec<LogKey> = self
            .log
            .iter()
            .filter(is_old)
            .map(|(key, _)| key.clone())
            .collect();
        for key in &old {
            self.log.remove(key);
        }
        old
    }
}

fn log_key(integration: &str, group_key: &str) -> LogKey {
    LogKey {
        integration: integration.to_owned(),
        group_key: group_key.to_owned(),
    }
}

/// `{a="b", c="d"}`, as a group's key has it.
fn show_labels(labels: &Labels) -> String {
    let shown: Vec<String> = labels
        .iter()
        .map(|(name, value)| format!("{name}={value:?}"))
        .collect();
    format!("{{{}}}", shown.join(", "))
}

#[cfg(test)]
mod tests;
