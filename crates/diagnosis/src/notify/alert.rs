//! One alert as it reaches notification, from our own rules or from somebody else's.

use std::time::Duration;

use model::{Labels, Timestamp};

use crate::rules::PostableAlert;

/// An alert: its labels make it that alert and no other.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    pub labels: Labels,
    /// Sorted by name.
    pub annotations: Vec<(String, String)>,
    pub starts_at: Timestamp,
    /// When it ended or, unless somebody speaks of it again, when it counts as ended.
    pub ends_at: Timestamp,
    pub updated_at: Timestamp,
    /// Whether `ends_at` is a guess, since the sender named none.
    pub is_timeout: bool,
    /// Where the rule can be seen; empty when nobody said.
    pub generator_url: String,
}

/// How bad it is, by the label `severity`. Worse is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    Info,
    /// No label, or one with a word of somebody's own.
    Unknown,
    Warning,
    Critical,
}

/// Why an alert is refused. Its sender mends it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAlert {
    #[error("an alert needs at least one label with a value")]
    NoLabels,
    #[error("a label name is empty")]
    EmptyName,
    #[error("label {0:?} stands twice")]
    Twice(String),
    #[error("endsAt is before startsAt")]
    EndsBeforeStart,
    #[error("labels and annotations have {bytes} bytes, more than the limit of {max}")]
    TooLong { bytes: usize, max: usize },
}

/// Bytes of labels and annotations of one alert: fifty annotations of a page each.
const ALERT_BYTES_MAX: usize = 256 << 10;

impl Alert {
    /// What a sender said, made whole: an alert without a start starts now, one without an end
    /// ends after `resolve_timeout` unless it is told again.
    pub fn new(
        labels: &[(String, String)],
        annotations: &[(String, String)],
        starts_at: Option<Timestamp>,
        ends_at: Option<Timestamp>,
        generator_url: &str,
        now: Timestamp,
        resolve_timeout: Duration,
    ) -> Result<Self, InvalidAlert> {
        let bytes = labels.iter().chain(annotations);
        let bytes = bytes.map(|(name, value)| name.len() + value.len()).sum();
        if bytes > ALERT_BYTES_MAX {
            let max = ALERT_BYTES_MAX;
            return Err(InvalidAlert::TooLong { bytes, max });
        }
        if labels.iter().any(|(name, _)| name.is_empty()) {
            return Err(InvalidAlert::EmptyName);
        }
        let pairs = labels.iter().map(|(name, value)| (name, value));
        let labels = Labels::new(pairs).map_err(|error| InvalidAlert::Twice(error.name))?;
        if labels.is_empty() {
            return Err(InvalidAlert::NoLabels);
        }
        let starts_at = starts_at.or(ends_at).unwrap_or(now);
        if ends_at.is_some_and(|ends_at| ends_at < starts_at) {
            return Err(InvalidAlert::EndsBeforeStart);
        }
        let mut annotations = annotations.to_vec();
        annotations.retain(|(_, value)| !value.is_empty());
        annotations.sort();
        Ok(Self {
            labels,
            annotations,
            starts_at,
            ends_at: ends_at.unwrap_or_else(|| now.plus(resolve_timeout)),
            updated_at: now,
            is_timeout: ends_at.is_none(),
            generator_url: generator_url.to_owned(),
        })
    }

    /// An alert of a rule of ours.
    pub fn of_rule(alert: &PostableAlert) -> Self {
        let mut annotations = alert.annotations.clone();
        annotations.sort();
        Self {
            labels: alert.labels.clone(),
            annotations,
            starts_at: alert.starts_at,
            ends_at: alert.wire_ends_at(),
            updated_at: alert.updated_at,
            is_timeout: !alert.is_resolved(),
            generator_url: alert.generator_url.clone(),
        }
    }

    pub fn is_resolved(&self, now: Timestamp) -> bool {
        self.ends_at <= now
    }

    pub fn name(&self) -> &str {
        self.labels.get("alertname").unwrap_or("an alert")
    }

    pub fn annotation(&self, name: &str) -> Option<&str> {
        let found = self
            .annotations
            .iter()
            .find(|(candidate, _)| candidate == name);
        found.map(|(_, text)| text.as_str())
    }

    pub fn severity(&self) -> Severity {
        Severity::of(&self.labels)
    }

    /// This alert after `newer` was told of the same labels.
    ///
    /// If the two touch in time they are one: it began when the older began, and an end that
    /// somebody named is not shortened by one that is a guess. Otherwise the newer one stands.
    #[must_use]
    pub fn merged(&self, newer: &Self) -> Self {
        let inside = |at: Timestamp| self.starts_at < at && at < self.ends_at;
        if !inside(newer.ends_at) && !inside(newer.starts_at) && newer.starts_at != self.starts_at {
            return newer.clone();
        }
        let (older, newer) = if newer.updated_at < self.updated_at {
            (newer, self)
        } else {
            (self, newer)
        };
        let mut merged = newer.clone();
        merged.starts_at = older.starts_at.min(newer.starts_at);
        let newer_over = newer.is_resolved(newer.updated_at);
        let older_over = older.is_resolved(newer.updated_at);
        let keeps_older = if newer_over {
            older_over && older.ends_at > newer.ends_at
        } else {
            older.ends_at > newer.ends_at && !older.is_timeout
        };
        if keeps_older {
            merged.ends_at = older.ends_at;
            merged.is_timeout = older.is_timeout;
        }
        merged
    }
}

impl Severity {
    pub fn of(labels: &Labels) -> Self {
        let word = labels.get("severity").unwrap_or_default();
        match word.to_ascii_lowercase().as_str() {
            "critical" | "page" | "emergency" | "fatal" | "error" | "high" | "p1" => Self::Critical,
            "warning" | "warn" | "medium" | "p2" => Self::Warning,
            "info" | "information" | "low" | "debug" | "none" | "p4" | "p5" => Self::Info,
            _ => Self::Unknown,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Unknown => "unknown",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    /// For a column that sorts.
    pub fn rank(self) -> u8 {
        match self {
            Self::Info => 0,
            Self::Unknown => 1,
            Self::Warning => 2,
            Self::Critical => 3,
        }
    }

    pub fn of_rank(rank: u8) -> Self {
        match rank {
            0 => Self::Info,
            1 => Self::Unknown,
            2 => Self::Warning,
            _ => Self::Critical,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(from: i64, to: i64, updated: i64, is_timeout: bool) -> Alert {
        Alert {
            labels: Labels::new([("alertname", "A")]).unwrap(),
            annotations: Vec::new(),
            starts_at: Timestamp::from_millis(from),
            ends_at: Timestamp::from_millis(to),
            updated_at: Timestamp::from_millis(updated),
            is_timeout,
            generator_url: String::new(),
        }
    }

    fn check(old: Alert, new: Alert, expected: (i64, i64)) {
        let merged = old.merged(&new);
        let times = (merged.starts_at.as_millis(), merged.ends_at.as_millis());
        assert_eq!(times, expected, "{old:?} {new:?}");
    }

    #[test]
    fn an_alert_that_is_told_again_keeps_its_start_and_moves_its_guessed_end() {
        check(
            alert(10, 310, 10, true),
            alert(70, 370, 70, true),
            (10, 370),
        );
    }

    #[test]
    fn an_end_ends_it_before_the_guess() {
        check(alert(10, 310, 10, true), alert(10, 70, 70, false), (10, 70));
    }

    #[test]
    fn an_end_that_was_named_is_not_shortened_by_a_guess() {
        check(
            alert(10, 500, 10, false),
            alert(20, 320, 20, true),
            (10, 500),
        );
    }

    #[test]
    fn an_alert_that_comes_back_later_is_a_new_one() {
        check(
            alert(10, 50, 50, false),
            alert(60, 360, 60, true),
            (60, 360),
        );
    }

    #[test]
    fn what_a_sender_leaves_out_is_filled_in() {
        let now = Timestamp::from_millis(1000);
        let labels = [
            ("alertname".to_owned(), "A".to_owned()),
            ("x".into(), "".into()),
        ];
        let minute = Duration::from_secs(60);
        let alert = Alert::new(&labels, &[], None, None, "", now, minute).unwrap();
        assert_eq!(
            (alert.starts_at.as_millis(), alert.ends_at.as_millis()),
            (1000, 61_000)
        );
        assert!(alert.is_timeout && alert.labels.len() == 1);
        let refused = |labels: &[(String, String)], ends: Option<i64>, expected: InvalidAlert| {
            let ends = ends.map(Timestamp::from_millis);
            let result = Alert::new(labels, &[], Some(now), ends, "", now, minute);
            assert_eq!(result, Err(expected));
        };
        refused(&[], None, InvalidAlert::NoLabels);
        refused(&[("".into(), "x".into())], None, InvalidAlert::EmptyName);
        refused(&labels, Some(999), InvalidAlert::EndsBeforeStart);
        let twice = [labels[0].clone(), labels[0].clone()];
        refused(&twice, None, InvalidAlert::Twice("alertname".into()));
        let long = [("a".to_owned(), "x".repeat(ALERT_BYTES_MAX))];
        let bytes = ALERT_BYTES_MAX + 1;
        refused(
            &long,
            None,
            InvalidAlert::TooLong {
                bytes,
                max: ALERT_BYTES_MAX,
            },
        );
    }
}
