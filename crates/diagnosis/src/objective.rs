//! Service level objectives: how well a thing must work, and how much may go wrong meanwhile.
//!
//! An objective becomes a group of plain Prometheus rules (see [`Objective::rule_file`]): two that
//! record, each minute, how many events there were and how many of them were bad, and three that
//! alert when the error budget burns too fast. What the rules recorded is a [`Ledger`], and
//! [`Standing`] is what it says at a time. Why so: docs/decisions/objectives.md.

mod indicator;
mod ledger;
mod openslo;
mod rules;
mod standing;
mod suggest;
mod window;

use std::fmt;
use std::time::Duration;

use crate::graph::EntityKey;

pub use indicator::{Comparison, EventQuery, Indicator, InvalidQuery, Part, Recorded, ValueQuery};
pub use ledger::{Ledger, Minute, Sums};
pub use openslo::{OpenSlo, Remark, read_openslo, write_openslo};
pub use rules::{BAD_EVENTS_SERIES, BURNS, BurnPolicy, EVENTS_SERIES, inhibit_file, rule_file};
pub use standing::{BURN_WINDOWS, Budget, BurnAlert, BurnRate, Coverage, Standing, State};
pub use suggest::{LatencySuggestion, suggest_latency, suggest_target};
pub use window::{Calendar, InvalidWindow, Period, Window};

/// How often events are counted, and what a minute is.
pub const STEP: Duration = Duration::from_secs(60);

/// Objectives of one server. Each costs five rules a minute.
pub const OBJECTIVES_MAX: usize = 500;

/// Fewer bad events in the long window of a burn alert than this and one more tell nothing: with
/// ten requests an hour a single failure would be a burn of a hundred.
pub const BAD_EVENTS_FLOOR: f64 = 10.0;

/// The same for bad minutes: one alone wakes nobody.
pub const BAD_MINUTES_FLOOR: f64 = 1.0;

/// The share of a minute's requests that must be good for a good minute, when nobody says.
pub const MINUTE_TARGET: f64 = 0.95;

/// What must hold of one entity.
#[derive(Clone, Debug, PartialEq)]
pub struct Objective {
    pub id: ObjectiveId,
    pub title: String,
    pub description: String,
    pub entity: EntityKey,
    pub indicator: Indicator,
    pub counting: Counting,
    pub target: Target,
    pub window: Window,
    /// A burn alerts only above so many bad events in its long window.
    pub floor: f64,
}

/// What tells objectives apart: a DNS label, as OpenSLO has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectiveId(String);

/// What is counted against the target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Counting {
    /// Each event by itself.
    Requests,
    /// Minutes, as far as there were events in them.
    Minutes {
        /// The share of good events that makes a minute a good one; a threshold has no use for it.
        good_from: f64,
    },
}

/// The share of what is counted that must be good, between 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Target(f64);

/// Why something cannot be part of an objective.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum InvalidObjective {
    #[error(
        "{0:?} is no name for an objective: 1 to 63 characters, lower-case letters, digits and \
         dashes inside"
    )]
    Id(String),
    #[error("the target must lie between 0 and 1, such as 0.995 for 99.5 %, not {0}")]
    Target(f64),
    #[error("a minute is good from a share between 0 and 1 on, not from {0}")]
    MinuteTarget(f64),
    #[error("the floor of bad events must be 0 or more, not {0}")]
    Floor(f64),
    #[error("a threshold is judged by the minute, not by requests")]
    ThresholdByRequests,
    #[error("{what} has {bytes} bytes, more than the limit of {bytes_max}")]
    TooLong {
        what: &'static str,
        bytes: usize,
        bytes_max: usize,
    },
}

/// Bytes of a title.
const TITLE_BYTES_MAX: usize = 200;
/// Bytes of a description: OpenSLO allows 1050 characters.
const DESCRIPTION_BYTES_MAX: usize = 4200;
/// Bytes of an entity's name.
const ENTITY_BYTES_MAX: usize = 512;

impl ObjectiveId {
    pub fn new(text: &str) -> Result<Self, InvalidObjective> {
        let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let legal = (1..=63).contains(&text.len())
            && text.chars().all(inside)
            && !text.starts_with('-')
            && !text.ends_with('-');
        if legal {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidObjective::Id(text.to_owned()))
        }
    }

    /// The nearest legal name: `web, /checkout` becomes `web-checkout`. Never empty.
    pub fn from_words(text: &str) -> Self {
        let mut name = String::new();
        for c in text.to_lowercase().chars() {
            if c.is_ascii_alphanumeric() {
                name.push(c);
            } else if !name.is_empty() && !name.ends_with('-') {
                name.push('-');
            }
            if name.len() == 63 {
                break;
            }
        }
        let name = name.trim_end_matches('-');
        Self(if name.is_empty() { "objective" } else { name }.to_owned())
    }

    /// The same with a number after it, for the next one of that name.
    pub fn numbered(&self, number: usize) -> Self {
        let end = format!("-{number}");
        let kept = self.0.len().min(63 - end.len());
        Self(format!("{}{end}", self.0[..kept].trim_end_matches('-')))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectiveId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Target {
    pub fn new(ratio: f64) -> Result<Self, InvalidObjective> {
        // Ends excluded: without a budget nothing burns, and without a wish nothing is bad.
        if ratio > 0.0 && ratio < 1.0 && 1.0 - ratio >= 1e-9 {
            Ok(Self(ratio))
        } else {
            Err(InvalidObjective::Target(ratio))
        }
    }

    pub fn ratio(self) -> f64 {
        self.0
    }

    /// The share that may be bad. Rounded, so that 0.995 leaves 0.005 and no more digits.
    pub fn budget(self) -> f64 {
        ((1.0 - self.0) * 1e12).round() / 1e12
    }
}

impl Counting {
    pub fn is_minutes(self) -> bool {
        matches!(self, Self::Minutes { .. })
    }

    /// How many bad events tell nothing yet, when nobody says.
    pub fn default_floor(self) -> f64 {
        match self {
            Self::Requests => BAD_EVENTS_FLOOR,
            Self::Minutes { .. } => BAD_MINUTES_FLOOR,
        }
    }
}

impl Objective {
    /// Everything that no type of a field says by itself.
    pub fn problems(&self) -> Vec<InvalidObjective> {
        let mut problems = Vec::new();
        if let Counting::Minutes { good_from } = self.counting {
            if !(good_from > 0.0 && good_from <= 1.0) {
                problems.push(InvalidObjective::MinuteTarget(good_from));
            }
        } else if matches!(self.indicator, Indicator::Threshold { .. }) {
            problems.push(InvalidObjective::ThresholdByRequests);
        }
        if !(self.floor >= 0.0 && self.floor.is_finite()) {
            problems.push(InvalidObjective::Floor(self.floor));
        }
        let scope = self.entity.scope.iter();
        let scope = scope
            .map(|(name, value)| name.len() + value.len())
            .sum::<usize>();
        for (what, bytes, bytes_max) in [
            ("the title", self.title.len(), TITLE_BYTES_MAX),
            (
                "the description",
                self.description.len(),
                DESCRIPTION_BYTES_MAX,
            ),
            (
                "the entity",
                self.entity.name.len() + scope,
                ENTITY_BYTES_MAX,
            ),
        ] {
            if bytes > bytes_max {
                problems.push(InvalidObjective::TooLong {
                    what,
                    bytes,
                    bytes_max,
                });
            }
        }
        problems
    }

    /// The service that the objective is about: the entity itself, or the one it belongs to.
    pub fn service(&self) -> Option<&str> {
        match self.entity.kind.name() {
            "service" => Some(&self.entity.name),
            _ => self.entity.scope.get("service"),
        }
    }
}

#[cfg(test)]
mod tests;
