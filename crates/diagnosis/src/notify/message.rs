//! A notification in the words, within the limits and with the escaping of each receiver.
//!
//! Every message says what broke, since when, how bad it is and what it hits, has one link to the
//! page that shows it and one to a silence that is filled in. A text that comes from a label or
//! an annotation is always shown as it is: nothing in it can mention, format or link.

mod chat;
mod fit;
mod incident;
mod mail;
mod webhook;

use model::{Labels, Matcher, Timestamp};
use serde_json::Value;

use self::fit::shortened;
use super::{Notification, Reason, Told, show_matchers};

pub use self::chat::{SlackLook, discord, slack, teams, telegram};
pub use self::incident::{
    OpsgenieCall, OpsgenieLook, PagerDutyLook, dedup_key, opsgenie, pagerduty,
};
pub use self::mail::{Mail, mail};
pub use self::webhook::{alert_json, webhook};

/// A notification with what it needs to become a message.
#[derive(Clone, Copy, Debug)]
pub struct Writing<'a> {
    pub notification: &'a Notification,
    /// Where this server is seen, without a slash at the end.
    pub external_url: &'a str,
    pub now: Timestamp,
}

/// One line that says what a notification is about, without formats.
pub fn title(notification: &Notification) -> String {
    let writing = Writing {
        notification,
        external_url: "",
        now: notification.at,
    };
    writing.heading()
}

/// A delay that is worth a word.
const LATE_MS: u128 = 60_000;

/// Labels that say what kind of alert it is, not what it hits.
const NOT_A_PLACE: [&str; 4] = ["alertname", "severity", "alertgroup", "monitor"];

/// One alert in plain words; the receiver's own escaping comes later.
#[derive(Clone, Debug, PartialEq)]
struct Line {
    mark: &'static str,
    name: String,
    severity: &'static str,
    /// What the rule says of it; may be empty.
    summary: String,
    /// `job=api, instance=10.0.0.1:80`; may be empty.
    hits: String,
    when: String,
}

impl Writing<'_> {
    /// One line that says the most: `Firing: ErrorRatioHigh on shop (3 alerts, critical)`.
    fn heading(&self) -> String {
        let notification = self.notification;
        let state = match notification.reason {
            Reason::Test => "TEST",
            Reason::Missed => "Fired and over",
            Reason::New | Reason::Changed | Reason::Repeat | Reason::Resolved | Reason::Storm => {
                if notification.is_firing() {
                    "Firing"
                } else {
                    "Resolved"
                }
            }
        };
        let names = self.names();
        let place = match self.place() {
            Some(place) => format!(" on {place}"),
            None => String::new(),
        };
        let count = match notification.firing.max(notification.resolved) {
            0 | 1 => String::new(),
            _ if notification.is_firing() => format!("{} alerts, ", notification.firing),
            _ => format!("{} alerts, ", notification.resolved),
        };
        let severity = notification.severity().name();
        format!("{state}: {names}{place} ({count}{severity})")
    }

    /// The names of the alerts, the worst first: one, two, or one and how many others.
    fn names(&self) -> String {
        let mut names: Vec<&str> = Vec::new();
        for told in &self.notification.alerts {
            if !names.contains(&told.name()) {
                names.push(told.name());
            }
        }
        let first = |name: &str| shortened(name, 80);
        match names.as_slice() {
            [] => "alerts".to_owned(),
            [one] => first(one),
            [one, two] => format!("{} and {}", first(one), first(two)),
            [one, two, rest @ ..] => {
                format!("{}, {} and {} others", first(one), first(two), rest.len())
            }
        }
    }

    /// The service all of it is about.
    fn place(&self) -> Option<String> {
        let common = &self.notification.common_labels;
        let found = ["service", "job", "instance", "namespace"];
        let found = found.iter().find_map(|name| common.get(name));
        found.map(|place| shortened(place, 60))
    }

    /// What is said once for all alerts: why now, and whether it comes late.
    fn remarks(&self) -> Vec<String> {
        let notification = self.notification;
        let mut remarks = Vec::new();
        match notification.reason {
            Reason::Test => remarks.push("This is a test. Nothing is wrong.".to_owned()),
            Reason::Storm => remarks.push(format!(
                "Many groups of alerts at once: {} firing, {} over. They are told together.",
                notification.firing, notification.resolved
            )),
            Reason::Repeat => remarks.push("It still fires.".to_owned()),
            Reason::New | Reason::Changed | Reason::Resolved | Reason::Missed => {}
        }
        let late = self.now.since(notification.at);
        if late.as_millis() >= LATE_MS && notification.reason != Reason::Test {
            remarks.push(format!(
                "Told {} late: this receiver could not be reached, or it was told much already.",
                span_in_words(late)
            ));
        }
        remarks
    }

    fn line(&self, told: &Told, text_max: usize) -> Line {
        let summary = ["summary", "description", "message", "title"];
        let summary = summary.iter().find_map(|name| told.annotation(name));
        let hits = told
            .labels
            .iter()
            .filter(|(name, _)| !NOT_A_PLACE.contains(name) && !name.starts_with("__"))
            .map(|(name, value)| format!("{name}={}", shortened(value, text_max / 2)));
        let hits: Vec<String> = hits.collect();
        Line {
            mark: match (told.is_firing(), told.severity()) {
                (false, _) => "✔",
                (true, super::Severity::Critical) => "■",
                (true, super::Severity::Warning) => "▲",
                (true, super::Severity::Unknown | super::Severity::Info) => "◇",
            },
            name: shortened(told.name(), text_max),
            severity: told.severity().name(),
            summary: shortened(summary.unwrap_or_default(), text_max),
            hits: shortened(&hits.join(", "), text_max),
            when: self.when(told),
        }
    }

    fn when(&self, told: &Told) -> String {
        match told.ends_at {
            None => format!(
                "since {} ({})",
                date(told.starts_at),
                span_in_words(self.now.since(told.starts_at))
            ),
            Some(ends_at) => format!(
                "from {} to {} ({})",
                date(told.starts_at),
                date(ends_at),
                span_in_words(ends_at.since(told.starts_at))
            ),
        }
    }

    /// The page that shows it.
    fn page(&self) -> String {
        let names: Vec<&str> = self.notification.alerts.iter().map(Told::name).collect();
        match names.first() {
            Some(first) if names.iter().all(|name| name == first) => {
                format!("{}/alerts?filter={}", self.external_url, encoded(first))
            }
            _ => format!("{}/alerts", self.external_url),
        }
    }

    /// A silence for what all of it has in common, filled in but not made.
    fn silence(&self) -> String {
        let notification = self.notification;
        let labels = if notification.common_labels.is_empty() {
            &notification.group_labels
        } else {
            &notification.common_labels
        };
        let filter = matchers_of(labels);
        format!(
            "{}/silences/new?filter={}",
            self.external_url,
            encoded(&filter)
        )
    }
}

/// A matcher for each label that tells these alerts from others. A link must stay one that mail
/// programs accept, so long values are left out.
fn matchers_of(labels: &Labels) -> String {
    let matchers = labels
        .iter()
        .filter(|(name, value)| *name != "severity" && value.len() <= 200)
        .take(12)
        .map(|(name, value)| Matcher::equal(name, value));
    show_matchers(&matchers.collect::<Vec<Matcher>>())
}

/// For a value in a query.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// `2026-11-27 10:02 UTC`.
fn date(at: Timestamp) -> String {
    match jiff::Timestamp::from_millisecond(at.as_millis()) {
        Ok(at) => at.strftime("%Y-%m-%d %H:%M UTC").to_string(),
        Err(_) => "an unknown time".to_owned(),
    }
}

/// RFC 3339 with milliseconds, as wires have it.
fn rfc3339(at: Timestamp) -> String {
    match jiff::Timestamp::from_millisecond(at.as_millis()) {
        Ok(at) => at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
        Err(_) => "0001-01-01T00:00:00Z".to_owned(),
    }
}

/// The two longest units: `3 d 4 h`, `12 min`, `40 s`.
fn span_in_words(span: std::time::Duration) -> String {
    let seconds = span.as_secs();
    let units = [("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)];
    let Some(first) = units.iter().position(|&(_, length)| seconds >= length) else {
        return "0 s".to_owned();
    };
    let (unit, length) = units[first];
    let mut text = format!("{} {unit}", seconds / length);
    // Seconds beside minutes are noise.
    if let Some(&(unit, next)) = units.get(first + 1).filter(|(unit, _)| *unit != "s") {
        let rest = seconds % length / next;
        if rest > 0 {
            text.push_str(&format!(" {rest} {unit}"));
        }
    }
    text
}

/// Okabe and Ito's vermilion, orange, grey and bluish green: safe for colour-blind eyes.
fn colour(notification: &Notification) -> u32 {
    match (notification.is_firing(), notification.severity()) {
        (false, _) => 0x00_9e_73,
        (true, super::Severity::Critical) => 0xd5_5e_00,
        (true, super::Severity::Warning) => 0xe6_9f_00,
        (true, super::Severity::Unknown | super::Severity::Info) => 0x7f_7f_7f,
    }
}

/// Sets fields that a user configured, where there is something to set.
fn set(json: &mut Value, name: &str, text: &str) {
    if !text.is_empty() {
        json[name] = text.into();
    }
}

#[cfg(test)]
mod tests;
