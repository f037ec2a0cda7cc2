//! How an objective stands at a time: budget, burn, what was violated since when.

use std::time::Duration;

use model::Timestamp;

use super::rules::percent;
use super::{BURNS, BurnPolicy, Ledger, Objective, Period, STEP, Sums};

/// Over which the burn is told.
pub const BURN_WINDOWS: [Duration; 5] = [
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(60 * 60),
    Duration::from_secs(6 * 60 * 60),
    Duration::from_secs(3 * 24 * 60 * 60),
];

/// Nothing recorded for so long: what is told is of then, not of now. A query looks back as far.
const STALE: Duration = Duration::from_secs(5 * 60);

/// Minutes recorded below which nothing is said but that it is too early.
const MINUTES_MIN: u32 = 5;

/// How an objective stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    pub at: Timestamp,
    pub state: State,
    /// One sentence for a person.
    pub sentence: String,
    /// Since when it is missed or burns; `None` while all is well.
    pub since: Option<Timestamp>,
    pub period: Period,
    pub coverage: Coverage,
    /// What was recorded in the period.
    pub sums: Sums,
    /// `None` while nothing was recorded.
    pub budget: Option<Budget>,
    pub burns: Vec<BurnRate>,
    pub alerts: Vec<BurnAlert>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Good,
    /// It burns slowly.
    Warning,
    /// It burns fast, or is missed.
    Critical,
    /// Too little was recorded to say.
    Unknown,
}

/// How much of the period is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Coverage {
    /// Of the period up to now.
    pub elapsed: Duration,
    /// Of that, what was recorded.
    pub measured: Duration,
    pub newest: Option<Timestamp>,
}

/// What may go wrong in the whole period.
///
/// Time that was not recorded, or is still to come, counts as good, with as many events as there
/// usually are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// Bad events that the target allows.
    pub events: f64,
    pub spent: f64,
    /// Of 1; negative when more was spent than there is.
    pub left_ratio: f64,
    /// The same in time: as if everything failed so long.
    pub time: Duration,
    /// When the rest is used up at the burn of the last hour; `None` when it lasts.
    pub exhausted_in: Option<Duration>,
}

/// How many times as fast as it may the budget burns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BurnRate {
    pub window: Duration,
    /// `None` when nothing was recorded in the window.
    pub rate: Option<f64>,
    pub sums: Sums,
}

/// What the ledger says of an alert. The alert itself is the judge's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BurnAlert {
    pub policy: BurnPolicy,
    /// `None` while it does not burn so fast.
    pub since: Option<Timestamp>,
}

impl State {
    pub fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Critical => "critical",
            Self::Unknown => "unknown",
        }
    }
}

impl Budget {
    pub fn left(&self) -> f64 {
        self.events - self.spent
    }
}

impl Standing {
    pub fn of(objective: &Objective, ledger: &Ledger, now: Timestamp) -> Self {
        let period = objective.window.period(now);
        let elapsed = Period {
            start: period.start,
            end: now.min(period.end),
        };
        let sums = ledger.sum(elapsed);
        let burns = BURN_WINDOWS.map(|window| burn_rate(objective, ledger, now, window));
        let budget = budget(objective, &period, &sums, &burns);
        let alerts = BURNS.map(|policy| BurnAlert {
            since: burns_since(objective, ledger, now, &policy),
            policy,
        });
        let mut standing = Self {
            at: now,
            state: State::Unknown,
            sentence: String::new(),
            since: None,
            period,
            coverage: Coverage {
                elapsed: elapsed.length(),
                measured: STEP * sums.minutes,
                newest: ledger.newest(),
            },
            sums,
            budget,
            burns: burns.to_vec(),
            alerts: alerts.to_vec(),
        };
        standing.judge(objective, ledger, elapsed);
        standing
    }

    /// The share of the budget that was left at each of `points` moments of the period so far.
    pub fn burn_down(&self, ledger: &Ledger, points: u32) -> Vec<(Timestamp, f64)> {
        let Some(budget) = self.budget.filter(|budget| budget.events > 0.0) else {
            return Vec::new();
        };
        let start = self.period.start;
        let length = self.coverage.elapsed;
        let moments = (0..=points).map(|index| start.plus(length * index / points.max(1)));
        moments
            .map(|end| {
                let spent = ledger.sum(Period { start, end }).bad;
                (end, 1.0 - spent / budget.events)
            })
            .collect()
    }

    fn judge(&mut self, objective: &Objective, ledger: &Ledger, elapsed: Period) {
        let burning = self
            .alerts
            .iter()
            .find(|alert| alert.since.is_some())
            .copied();
        let missed = self
            .budget
            .filter(|budget| budget.left() < 0.0 && budget.spent > objective.floor);
        self.since = match (missed, burning) {
            (Some(budget), _) => ledger.exceeds(elapsed, budget.events),
            (None, Some(alert)) => alert.since,
            (None, None) => None,
        };
        self.state = if self.sums.minutes < MINUTES_MIN || self.budget.is_none() {
            State::Unknown
        } else if missed.is_some() {
            State::Critical
        } else if let Some(alert) = burning {
            match alert.policy.severity {
                crate::assertion::Severity::Critical => State::Critical,
                crate::assertion::Severity::Warning | crate::assertion::Severity::Info => {
                    State::Warning
                }
            }
        } else if self.is_stale() {
            State::Unknown
        } else {
            State::Good
        };
        self.sentence = self.words(objective, missed, burning);
    }

    /// Whether nothing was recorded lately.
    pub fn is_stale(&self) -> bool {
        let newest = self.coverage.newest;
        newest.is_none_or(|newest| self.at.since(newest) > STALE)
    }

    fn words(
        &self,
        objective: &Objective,
        missed: Option<Budget>,
        burning: Option<BurnAlert>,
    ) -> String {
        let Some(good) = self.sums.good_ratio() else {
            return match self.coverage.newest {
                None => "Nothing was measured yet.".to_owned(),
                Some(_) => "Nothing happened that could be counted.".to_owned(),
            };
        };
        if self.sums.minutes < MINUTES_MIN {
            return "Measured for less than five minutes: too early to say.".to_owned();
        }
        let mut words = match (missed, burning) {
            (Some(_), _) => format!(
                "Missed: {} were good, {} should be.",
                percent_of(good, objective),
                percent(objective.target.ratio())
            ),
            (None, Some(alert)) => {
                let window = alert.policy.long;
                let rate = self.burns.iter().find(|burn| burn.window == window);
                let rate = rate.and_then(|burn| burn.rate).unwrap_or_default();
                format!(
                    "Burns {rate:.1} times as fast as it may over {}.",
                    model::format_duration(window)
                )
            }
            (None, None) => {
                let left = self.budget.map_or(1.0, |budget| budget.left_ratio.max(0.0));
                format!(
                    "{:.0} % of the error budget is left.",
                    (left * 100.0).floor()
                )
            }
        };
        let measured = self.coverage.measured.as_secs_f64();
        if measured < 0.9 * self.coverage.elapsed.as_secs_f64() {
            let measured = in_words(self.coverage.measured);
            let elapsed = in_words(self.coverage.elapsed);
            words.push_str(&format!(" Measured are {measured} of {elapsed}."));
        }
        words
    }
}

/// With as many digits as tell it from the target.
fn percent_of(good: f64, objective: &Objective) -> String {
    let digits = (-objective.target.budget().log10()).ceil().clamp(1.0, 6.0);
    // Between 1 and 6, so the cast keeps the value.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let digits = digits as usize;
    // Never rounded up to what was not reached.
    let scale = 10_f64.powi(i32::try_from(digits).unwrap_or(6));
    format!("{:.digits$} %", (good * 100.0 * scale).floor() / scale)
}

/// The largest unit that says it: `3 d`, `5 h`, `12 min`.
fn in_words(span: Duration) -> String {
    let minutes = span.as_secs() / 60;
    match minutes {
        0..=119 => format!("{minutes} min"),
        120..=2879 => format!("{} h", minutes / 60),
        _ => format!("{} d", minutes / 1440),
    }
}

fn before(now: Timestamp, window: Duration) -> Period {
    Period {
        start: now.minus(window),
        end: now,
    }
}

/// As [`Objective::burn_query`] has it.
fn rate_of(objective: &Objective, sums: &Sums, window: Duration) -> Option<f64> {
    let expected = sums.per_minute() * window.as_secs_f64() / 60.0;
    (expected > 0.0).then(|| sums.bad / expected / objective.target.budget())
}

fn burn_rate(objective: &Objective, ledger: &Ledger, now: Timestamp, window: Duration) -> BurnRate {
    let sums = ledger.sum(before(now, window));
    BurnRate {
        window,
        rate: rate_of(objective, &sums, window),
        sums,
    }
}

fn budget(
    objective: &Objective,
    period: &Period,
    sums: &Sums,
    burns: &[BurnRate],
) -> Option<Budget> {
    if sums.minutes == 0 || sums.total <= 0.0 {
        return None;
    }
    let allowed = objective.target.budget();
    let events = sums.per_minute() * period.minutes() * allowed;
    let left_ratio = 1.0 - sums.bad / events;
    let hour = burns.iter().find(|burn| burn.window.as_secs() == 3600);
    let rate = hour.and_then(|burn| burn.rate).unwrap_or_default();
    let length = period.length().as_secs_f64();
    let exhausted_in = (rate > 1.0 && left_ratio > 0.0)
        .then(|| Duration::from_secs_f64(left_ratio * length / rate));
    Some(Budget {
        events,
        spent: sums.bad,
        left_ratio,
        time: period.length().mul_f64(allowed),
        exhausted_in,
    })
}

fn burns_at(objective: &Objective, ledger: &Ledger, now: Timestamp, policy: &BurnPolicy) -> bool {
    let over = |window| {
        let sums = ledger.sum(before(now, window));
        let rate = rate_of(objective, &sums, window).unwrap_or_default();
        (rate > policy.factor, sums.bad)
    };
    let (long, bad) = over(policy.long);
    long && bad > objective.floor && over(policy.short).0
}

/// The first minute of the stretch, up to now, in which it burned without a pause.
fn burns_since(
    objective: &Objective,
    ledger: &Ledger,
    now: Timestamp,
    policy: &BurnPolicy,
) -> Option<Timestamp> {
    if !burns_at(objective, ledger, now, policy) {
        return None;
    }
    let mut since = now;
    // Beyond its long window nobody asks when a burn began.
    let earliest = now.minus(policy.long);
    while since > earliest && burns_at(objective, ledger, since.minus(STEP), policy) {
        since = since.minus(STEP);
    }
    Some(since)
}
