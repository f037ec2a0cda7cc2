//! What was recorded: bad events of all, by minute, summed over any stretch at once.

use model::Timestamp;

use super::Period;

/// One recorded minute, the one that ends at `at`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Minute {
    pub at: Timestamp,
    pub bad: f64,
    pub total: f64,
}

/// Minutes by time, each once; one that was not recorded is not there.
#[derive(Clone, Debug)]
pub struct Ledger {
    minutes: Vec<Minute>,
    /// Of all minutes before the one with this index; one more than there are minutes.
    before: Vec<Sums>,
}

/// What happened in a stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sums {
    pub bad: f64,
    pub total: f64,
    /// Minutes that were recorded.
    pub minutes: u32,
}

impl Default for Ledger {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl Ledger {
    /// Takes minutes in any order. What is no number of events is left out; of two at one time the
    /// later one counts.
    pub fn new(mut minutes: Vec<Minute>) -> Self {
        minutes.retain(|m| m.bad.is_finite() && m.total.is_finite() && m.total >= 0.0);
        minutes.sort_by_key(|minute| minute.at);
        minutes.reverse();
        minutes.dedup_by_key(|minute| minute.at);
        minutes.reverse();
        let mut sums = Sums::default();
        let mut before = Vec::with_capacity(minutes.len() + 1);
        before.push(sums);
        for minute in &mut minutes {
            minute.bad = minute.bad.clamp(0.0, minute.total);
            sums.bad += minute.bad;
            sums.total += minute.total;
            sums.minutes += 1;
            before.push(sums);
        }
        Self { minutes, before }
    }

    pub fn minutes(&self) -> &[Minute] {
        &self.minutes
    }

    /// After the start, up to and with the end.
    pub fn sum(&self, period: Period) -> Sums {
        let index = |at| self.minutes.partition_point(|minute| minute.at <= at);
        let (from, to) = (index(period.start), index(period.end));
        let (from, to) = (self.before[from], self.before[to.max(from)]);
        Sums {
            bad: (to.bad - from.bad).max(0.0),
            total: (to.total - from.total).max(0.0),
            minutes: to.minutes - from.minutes,
        }
    }

    /// The first minute within the period up to which more than `bad_max` bad events came.
    pub fn exceeds(&self, period: Period, bad_max: f64) -> Option<Timestamp> {
        let from = self
            .minutes
            .partition_point(|minute| minute.at <= period.start);
        let to = self
            .minutes
            .partition_point(|minute| minute.at <= period.end);
        let limit = self.before[from].bad + bad_max;
        let index = self.before[from + 1..=to.max(from)].partition_point(|sums| sums.bad <= limit);
        self.minutes[from..to.max(from)]
            .get(index)
            .map(|minute| minute.at)
    }

    pub fn newest(&self) -> Option<Timestamp> {
        self.minutes.last().map(|minute| minute.at)
    }

    pub fn oldest(&self) -> Option<Timestamp> {
        self.minutes.first().map(|minute| minute.at)
    }
}

impl Sums {
    /// Good of all; `None` when nothing happened.
    pub fn good_ratio(&self) -> Option<f64> {
        (self.total > 0.0).then(|| 1.0 - self.bad / self.total)
    }

    /// Events a minute, as far as minutes were recorded.
    pub fn per_minute(&self) -> f64 {
        if self.minutes == 0 {
            0.0
        } else {
            self.total / f64::from(self.minutes)
        }
    }
}
