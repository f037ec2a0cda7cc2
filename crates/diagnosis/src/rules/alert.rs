//! The states of one alert and what carries it over a restart.

use std::time::Duration;

use model::Timestamp;

/// Where an alert stands. An alert is one label set that a rule's expression yields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertState {
    Inactive,
    /// The expression holds, but not for as long as the rule asks.
    Pending {
        active_at: Timestamp,
    },
    Firing {
        /// Since when the expression holds.
        active_at: Timestamp,
        /// When `for` had passed.
        fired_at: Timestamp,
        /// Since when the expression does not hold any more, while `keep_firing_for` runs.
        clear_since: Option<Timestamp>,
    },
}

impl AlertState {
    /// Since when the expression holds; `None` when it does not.
    pub fn active_at(self) -> Option<Timestamp> {
        match self {
            Self::Inactive => None,
            Self::Pending { active_at } | Self::Firing { active_at, .. } => Some(active_at),
        }
    }

    /// The same state after the wall clock jumped. A jump ahead (the machine slept, a wrong clock
    /// was set) changes nothing about since when an alert fires.
    pub(super) fn moved(self, by_ms: i64) -> Self {
        let back_ms = by_ms.min(0);
        match self {
            Self::Inactive => Self::Inactive,
            Self::Pending { active_at } => Self::Pending {
                active_at: active_at.plus_millis(by_ms),
            },
            Self::Firing {
                active_at,
                fired_at,
                clear_since,
            } => Self::Firing {
                active_at: active_at.plus_millis(back_ms),
                fired_at: fired_at.plus_millis(back_ms),
                clear_since: clear_since.map(|since| since.plus_millis(by_ms)),
            },
        }
    }

    /// As the API and `ALERTS` spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Inactive => "inactive",
            Self::Pending { .. } => "pending",
            Self::Firing { .. } => "firing",
        }
    }
}

/// Advances one alert by one evaluation. Pure: no clock, no store, no notifier.
pub fn step(
    state: AlertState,
    breached: bool,
    now: Timestamp,
    hold: Duration,
    keep_firing_for: Duration,
) -> AlertState {
    match (state, breached) {
        (AlertState::Inactive | AlertState::Pending { .. }, false) => AlertState::Inactive,
        (AlertState::Inactive, true) => pending_or_firing(now, now, hold),
        (AlertState::Pending { active_at }, true) => pending_or_firing(active_at, now, hold),
        (
            AlertState::Firing {
                active_at,
                fired_at,
                ..
            },
            true,
        ) => AlertState::Firing {
            active_at,
            fired_at,
            clear_since: None,
        },
        (
            AlertState::Firing {
                active_at,
                fired_at,
                clear_since,
            },
            false,
        ) => {
            let clear_since = clear_since.unwrap_or(now);
            if now.since(clear_since) < keep_firing_for {
                AlertState::Firing {
                    active_at,
                    fired_at,
                    clear_since: Some(clear_since),
                }
            } else {
                AlertState::Inactive
            }
        }
    }
}

fn pending_or_firing(active_at: Timestamp, now: Timestamp, hold: Duration) -> AlertState {
    if now.since(active_at) >= hold {
        AlertState::Firing {
            active_at,
            fired_at: now,
            clear_since: None,
        }
    } else {
        AlertState::Pending { active_at }
    }
}

/// Across a gap of this length a query itself still sees the old samples (the engine's lookback),
/// so an alert's clock runs on as well and it fires when it would have fired without the gap.
/// The time of a longer one does not count towards `for`: nobody saw whether the expression held.
pub const OUTAGE_COUNTED_MAX: Duration = Duration::from_secs(5 * 60);

/// After an outage longer than this the old state says nothing about now
/// (Prometheus: `--rules.alert.for-outage-tolerance`).
pub const RESTORE_OUTAGE_MAX: Duration = Duration::from_secs(60 * 60);
