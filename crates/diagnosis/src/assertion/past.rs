//! How a KPI's values were spread over the last seven days.

use std::collections::VecDeque;

use model::Timestamp;

const DAYS: usize = 7;
const DAY_MS: i64 = 24 * 3600 * 1000;

/// Buckets grow by a tenth, from a millionth on; the first is for less.
const GROWTH: f64 = 1.1;
const LEAST: f64 = 1e-6;
const BUCKETS: usize = 300;

/// A value stands for the time since the one before, up to so many minutes.
const MINUTES_MAX: i64 = 5;

/// A histogram for each day; the quantiles are right to a tenth.
#[derive(Clone, Debug, Default)]
pub(super) struct Past {
    /// Newest last.
    days: VecDeque<(i64, Box<[u16; BUCKETS]>)>,
    minute: Option<i64>,
    first_ms: Option<i64>,
    n_minutes: u32,
}

impl Past {
    pub(super) fn push(&mut self, at: Timestamp, value: f64) {
        let ms = at.as_millis();
        let minute = ms.div_euclid(60_000);
        let before = self.minute.unwrap_or(minute.saturating_sub(1));
        if !value.is_finite() || minute <= before {
            return;
        }
        self.minute = Some(minute);
        self.first_ms.get_or_insert(ms);
        let day = ms.div_euclid(DAY_MS);
        if self.days.back().is_none_or(|(newest, _)| *newest != day) {
            self.days.push_back((day, Box::new([0; BUCKETS])));
        }
        while self
            .days
            .front()
            .is_some_and(|(oldest, _)| *oldest <= day.saturating_sub(DAYS as i64))
        {
            self.days.pop_front();
        }
        let minutes = minute.saturating_sub(before).clamp(1, MINUTES_MAX);
        self.n_minutes = self.n_minutes.saturating_add(1);
        if let Some((_, buckets)) = self.days.back_mut() {
            let bucket = &mut buckets[bucket(value)];
            *bucket = bucket.saturating_add(u16::try_from(minutes).unwrap_or(1));
        }
    }

    /// Of the last seven days.
    pub(super) fn quantile(&self, quantile: f64) -> Option<f64> {
        self.quantile_of(quantile, |_| true)
    }

    /// Of the day before the newest.
    pub(super) fn yesterday(&self, quantile: f64) -> Option<f64> {
        let newest = self.days.back()?.0;
        self.quantile_of(quantile, |day| day == newest - 1)
    }

    /// How much there is, minutes.
    pub(super) fn n_minutes(&self) -> u32 {
        self.n_minutes
    }

    /// Whether a whole day was seen.
    pub(super) fn is_a_day(&self) -> bool {
        let newest = self.minute.unwrap_or(0).saturating_mul(60_000);
        newest.saturating_sub(self.first_ms.unwrap_or(newest)) >= DAY_MS
    }

    fn quantile_of(&self, quantile: f64, counts: impl Fn(i64) -> bool) -> Option<f64> {
        let days = || self.days.iter().filter(|(day, _)| counts(*day));
        let count = |idx: usize| {
            days()
                .map(|(_, buckets)| u64::from(buckets[idx]))
                .sum::<u64>()
        };
        let total: u64 = (0..BUCKETS).map(count).sum();
        if total == 0 {
            return None;
        }
        let mut left = quantile * total as f64;
        for idx in 0..BUCKETS {
            left -= count(idx) as f64;
            if left <= 0.0 {
                return Some(upper(idx));
            }
        }
        Some(upper(BUCKETS - 1))
    }
}

fn bucket(value: f64) -> usize {
    if value <= LEAST {
        return 0;
    }
    let place = ((value / LEAST).ln() / GROWTH.ln()).ceil();
    (place as usize).min(BUCKETS - 1)
}

/// The middle of a bucket; zero for the first.
fn upper(idx: usize) -> f64 {
    match idx {
        0 => 0.0,
        _ => LEAST * GROWTH.powf(idx as f64 - 0.5),
    }
}
