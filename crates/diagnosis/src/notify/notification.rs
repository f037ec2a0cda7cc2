//! One notification: what one receiver is to be told of one group, at one moment.

use std::collections::HashMap;

use model::{Labels, LabelsBuilder, Timestamp};
use serde_json::{Map, Value, json};

use super::{Alert, Severity};

/// What a receiver is told. Alerts stand worst first, what fires before what is over.
#[derive(Clone, Debug, PartialEq)]
pub struct Notification {
    pub receiver: String,
    /// Alertmanager's name of the group: the route, a colon, the group's labels.
    pub group_key: String,
    pub group_labels: Labels,
    pub common_labels: Labels,
    pub common_annotations: Vec<(String, String)>,
    /// At most as many as the limit says.
    pub alerts: Vec<Told>,
    /// Of all alerts, also those left out.
    pub firing: usize,
    pub resolved: usize,
    pub reason: Reason,
    pub at: Timestamp,
}

/// One alert as it stood at that moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    pub labels: Labels,
    pub annotations: Vec<(String, String)>,
    pub starts_at: Timestamp,
    /// `None` while it fires.
    pub ends_at: Option<Timestamp>,
    pub generator_url: String,
}

/// Why it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The group fires and was not told of before.
    New,
    /// Alerts came to the group, or some of it ended.
    Changed,
    /// All of it ended.
    Resolved,
    /// It fired and ended while nobody could tell; receivers with incidents open and close one.
    Missed,
    /// It still fires after `repeat_interval`.
    Repeat,
    /// Somebody pressed a button.
    Test,
    /// Many groups in one message.
    Storm,
}

impl Reason {
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Changed => "changed",
            Self::Resolved => "resolved",
            Self::Missed => "missed",
            Self::Repeat => "repeat",
            Self::Test => "test",
            Self::Storm => "storm",
        }
    }

    pub fn of_name(name: &str) -> Option<Self> {
        const ALL: [Reason; 7] = [
            Reason::New,
            Reason::Changed,
            Reason::Resolved,
            Reason::Missed,
            Reason::Repeat,
            Reason::Test,
            Reason::Storm,
        ];
        ALL.into_iter().find(|reason| reason.name() == name)
    }
}

impl Told {
    pub fn of(alert: &Alert, now: Timestamp) -> Self {
        Self {
            labels: alert.labels.clone(),
            annotations: alert.annotations.clone(),
            starts_at: alert.starts_at,
            ends_at: alert.is_resolved(now).then_some(alert.ends_at),
            generator_url: alert.generator_url.clone(),
        }
    }

    pub fn is_firing(&self) -> bool {
        self.ends_at.is_none()
    }

    pub fn name(&self) -> &str {
        self.labels.get("alertname").unwrap_or("an alert")
    }

    pub fn severity(&self) -> Severity {
        Severity::of(&self.labels)
    }

    pub fn annotation(&self, name: &str) -> Option<&str> {
        let found = self.annotations.iter().find(|(known, _)| known == name);
        found.map(|(_, text)| text.as_str())
    }
}

impl Notification {
    /// Of all alerts of a group; keeps the worst `alerts_max` of them.
    pub fn new(
        receiver: &str,
        group_key: &str,
        group_labels: Labels,
        alerts: Vec<Told>,
        reason: Reason,
        at: Timestamp,
        alerts_max: usize,
    ) -> Self {
        let firing = alerts.iter().filter(|told| told.is_firing()).count();
        let mut notification = Self {
            receiver: receiver.to_owned(),
            group_key: group_key.to_owned(),
            group_labels,
            common_labels: common_labels(&alerts),
            common_annotations: common_annotations(&alerts),
            firing,
            resolved: alerts.len() - firing,
            alerts,
            reason,
            at,
        };
        notification.cut(alerts_max);
        notification
    }

    fn cut(&mut self, alerts_max: usize) {
        worst_first(&mut self.alerts);
        self.alerts.truncate(alerts_max);
    }

    pub fn is_firing(&self) -> bool {
        self.firing > 0
    }

    /// `firing` or `resolved`, as Alertmanager's webhook says it.
    pub fn status(&self) -> &'static str {
        if self.is_firing() {
            "firing"
        } else {
            "resolved"
        }
    }

    /// Alerts that no longer fit.
    pub fn left_out(&self) -> usize {
        (self.firing + self.resolved).saturating_sub(self.alerts.len())
    }

    /// The worst of what fires; of what is over when nothing fires.
    pub fn severity(&self) -> Severity {
        let worst = self.alerts.first().map(Told::severity);
        worst.unwrap_or(Severity::Unknown)
    }

    /// Since when the first of its alerts holds.
    pub fn since(&self) -> Option<Timestamp> {
        self.alerts.iter().map(|told| told.starts_at).min()
    }

    /// Takes over what an older, undelivered notification of the same group had to say: alerts
    /// that are in that one only, so that none is lost when the two go out as one.
    pub fn absorb(&mut self, older: &Self, alerts_max: usize) {
        let mut known: HashMap<Labels, ()> = HashMap::new();
        known.extend(self.alerts.iter().map(|told| (told.labels.clone(), ())));
        let left_out = self.left_out().max(older.left_out());
        let missing = older
            .alerts
            .iter()
            .filter(|told| !known.contains_key(&told.labels));
        self.alerts.extend(missing.cloned());
        self.common_labels = intersect(&self.common_labels, &older.common_labels);
        let firing = self.alerts.iter().filter(|told| told.is_firing()).count();
        self.resolved = (self.alerts.len() - firing).max(self.resolved);
        self.firing = firing.max(self.firing.min(firing + left_out));
        self.cut(alerts_max);
    }

    /// Many groups as one: a group of groups. `firing` and `resolved` count all alerts of all.
    pub fn storm(
        receiver: &str,
        worst: Vec<Told>,
        (firing, resolved): (usize, usize),
        key: &str,
        at: Timestamp,
    ) -> Self {
        let mut storm = Self::new(
            receiver,
            key,
            Labels::empty(),
            worst,
            Reason::Storm,
            at,
            usize::MAX,
        );
        storm.firing = firing;
        storm.resolved = resolved;
        storm
    }

    /// As a row of the outbox holds it (docs/formats/notifications.md).
    pub fn to_json(&self) -> String {
        let alerts: Vec<Value> = self.alerts.iter().map(told_json).collect();
        json!({
            "receiver": self.receiver,
            "groupKey": self.group_key,
            "groupLabels": labels_json(&self.group_labels),
            "commonLabels": labels_json(&self.common_labels),
            "commonAnnotations": pairs_json(&self.common_annotations),
            "alerts": alerts,
            "firing": self.firing,
            "resolved": self.resolved,
            "reason": self.reason.name(),
            "at": self.at.as_millis(),
        })
        .to_string()
    }

    /// `None` when the text was written by something else.
    pub fn from_json(text: &str) -> Option<Self> {
        let json: Value = serde_json::from_str(text).ok()?;
        let alerts = json["alerts"].as_array()?;
        Some(Self {
            receiver: json["receiver"].as_str()?.to_owned(),
            group_key: json["groupKey"].as_str()?.to_owned(),
            group_labels: labels_of(&json["groupLabels"])?,
            common_labels: labels_of(&json["commonLabels"])?,
            common_annotations: pairs_of(&json["commonAnnotations"])?,
            alerts: alerts.iter().map(told_of).collect::<Option<_>>()?,
            firing: usize::try_from(json["firing"].as_u64()?).ok()?,
            resolved: usize::try_from(json["resolved"].as_u64()?).ok()?,
            reason: Reason::of_name(json["reason"].as_str()?)?,
            at: Timestamp::from_millis(json["at"].as_i64()?),
        })
    }
}

fn told_json(told: &Told) -> Value {
    json!({
        "labels": labels_json(&told.labels),
        "annotations": pairs_json(&told.annotations),
        "startsAt": told.starts_at.as_millis(),
        "endsAt": told.ends_at.map(Timestamp::as_millis),
        "generatorURL": told.generator_url,
    })
}

fn told_of(json: &Value) -> Option<Told> {
    Some(Told {
        labels: labels_of(&json["labels"])?,
        annotations: pairs_of(&json["annotations"])?,
        starts_at: Timestamp::from_millis(json["startsAt"].as_i64()?),
        ends_at: json["endsAt"].as_i64().map(Timestamp::from_millis),
        generator_url: json["generatorURL"].as_str()?.to_owned(),
    })
}

/// Labels as a JSON object.
pub(super) fn labels_json(labels: &Labels) -> Value {
    let pairs = labels
        .iter()
        .map(|(name, value)| (name.to_owned(), value.into()));
    Value::Object(pairs.collect::<Map<String, Value>>())
}

pub(super) fn pairs_json(pairs: &[(String, String)]) -> Value {
    let pairs = pairs
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().into()));
    Value::Object(pairs.collect::<Map<String, Value>>())
}

fn labels_of(json: &Value) -> Option<Labels> {
    Labels::new(pairs_of(json)?).ok()
}

fn pairs_of(json: &Value) -> Option<Vec<(String, String)>> {
    let pairs = json.as_object()?.iter();
    let pairs = pairs.map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
    pairs.collect()
}

/// What fires first, then the worst, then the oldest, then by labels.
pub fn worst_first(alerts: &mut [Told]) {
    alerts.sort_by(|a, b| {
        let key = |told: &Told| (!told.is_firing(), std::cmp::Reverse(told.severity()));
        let by_weight = key(a).cmp(&key(b)).then(a.starts_at.cmp(&b.starts_at));
        by_weight.then_with(|| a.labels.cmp(&b.labels))
    });
}

fn common_labels(alerts: &[Told]) -> Labels {
    let mut alerts = alerts.iter();
    let Some(first) = alerts.next() else {
        return Labels::empty();
    };
    let mut common = first.labels.clone();
    for told in alerts {
        if common.is_empty() {
            break;
        }
        common = intersect(&common, &told.labels);
    }
    common
}

fn intersect(a: &Labels, b: &Labels) -> Labels {
    let mut common = LabelsBuilder::new();
    for (name, value) in a.iter().filter(|&(name, value)| b.get(name) == Some(value)) {
        common.set(name, value);
    }
    common.build()
}

fn common_annotations(alerts: &[Told]) -> Vec<(String, String)> {
    let Some(first) = alerts.first() else {
        return Vec::new();
    };
    let in_all = |pair: &&(String, String)| {
        let (name, text) = pair;
        alerts
            .iter()
            .all(|told| told.annotation(name) == Some(text))
    };
    first.annotations.iter().filter(in_all).cloned().collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// `name severity start end` with `-` for no end.
    pub(in crate::notify) fn told(text: &str) -> Told {
        let parts: Vec<&str> = text.split(' ').collect();
        let millis = |text: &str| Timestamp::from_millis(text.parse().unwrap());
        Told {
            labels: Labels::new([("alertname", parts[0]), ("severity", parts[1])]).unwrap(),
            annotations: vec![("summary".into(), format!("{} is bad", parts[0]))],
            starts_at: millis(parts[2]),
            ends_at: Some(parts[3]).filter(|end| *end != "-").map(millis),
            generator_url: String::new(),
        }
    }

    fn notification(alerts: &[&str], max: usize) -> Notification {
        let alerts = alerts.iter().map(|text| told(text)).collect();
        let at = Timestamp::from_millis(1000);
        Notification::new("r", "{}:{}", Labels::empty(), alerts, Reason::New, at, max)
    }

    fn names(notification: &Notification) -> String {
        let names: Vec<&str> = notification.alerts.iter().map(Told::name).collect();
        names.join(" ")
    }

    #[test]
    fn the_worst_stands_first_and_the_rest_is_counted() {
        let alerts = [
            "a info 1 -",
            "b critical 9 20",
            "c warning 2 -",
            "d critical 5 -",
        ];
        let cut = notification(&alerts, 3);
        assert_eq!((names(&cut).as_str(), cut.left_out()), ("d c a", 1));
        assert_eq!((cut.firing, cut.resolved, cut.status()), (3, 1, "firing"));
    }

    #[test]
    fn what_all_alerts_share_is_common() {
        let one = notification(&["a info 1 -", "b info 2 -"], 9);
        assert_eq!(one.common_labels.to_string(), "{severity=\"info\"}");
        assert!(one.common_annotations.is_empty());
        assert_eq!(notification(&["a info 1 -"], 9).common_annotations.len(), 1);
    }

    #[test]
    fn a_newer_notification_takes_over_what_an_older_one_had_to_say() {
        let mut newer = notification(&["a info 1 50", "c info 3 -"], 9);
        newer.absorb(&notification(&["a info 1 -", "b info 2 -"], 9), 9);
        assert_eq!(names(&newer), "b c a");
        assert_eq!((newer.firing, newer.resolved), (2, 1));
    }

    #[test]
    fn a_notification_survives_its_row() {
        let mut one = notification(&["a info 1 -", "b info 2 7"], 9);
        one.alerts[0].annotations[0].1 = "\"<ü>\n".into();
        assert_eq!(Notification::from_json(&one.to_json()), Some(one));
        for text in ["", "{}", "[]", "{\"receiver\":1}"] {
            assert_eq!(Notification::from_json(text), None, "{text}");
        }
    }
}
