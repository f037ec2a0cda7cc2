//! Whether something holds for long enough, with two thresholds so that it does not flap.

use std::time::Duration;

use model::Timestamp;

/// Where a value stands to its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Beyond,
    /// Not beyond any more, but not clearly back either.
    Between,
    Within,
}

impl Standing {
    /// Beyond `limit`; within from `back` share of it on.
    pub(super) fn above(value: f64, limit: f64, back: f64) -> Self {
        match value {
            value if value > limit => Self::Beyond,
            value if value > limit * back => Self::Between,
            _ => Self::Within,
        }
    }
}

/// How long is long enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Patience {
    /// Before it begins.
    pub(super) hold: Duration,
    /// Before it ends.
    pub(super) keep: Duration,
    /// What is longer than this between two values is a gap: nobody knows what was meanwhile.
    pub(super) gap: Duration,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) is_active: bool,
    /// Since when it goes the other way than `is_active` says.
    turning_since: Option<Timestamp>,
    last: Option<Timestamp>,
}

impl Condition {
    /// Takes one more look; whether it is active after it.
    pub(super) fn step(&mut self, at: Timestamp, standing: Standing, patience: Patience) -> bool {
        let is_gap = self.last.is_some_and(|last| at.since(last) > patience.gap);
        self.last = Some(at);
        let turns = match (self.is_active, standing) {
            (false, Standing::Beyond) | (true, Standing::Within) => true,
            (false, Standing::Between | Standing::Within)
            | (true, Standing::Between | Standing::Beyond) => false,
        };
        if !turns {
            self.turning_since = None;
            return self.is_active;
        }
        let since = match self.turning_since {
            Some(since) if !is_gap => since,
            _ => at,
        };
        self.turning_since = Some(since);
        let needed = if self.is_active {
            patience.keep
        } else {
            patience.hold
        };
        if at.since(since) >= needed {
            self.is_active = !self.is_active;
            self.turning_since = None;
        }
        self.is_active
    }
}
