//! The last day in 288 means: of five minutes where a bucket is a minute.

use std::collections::VecDeque;
use std::time::Duration;

/// Five-minute means of a day.
const ENTRIES_MAX: usize = 288;

/// Entries that make an hour.
const HOUR_ENTRIES: usize = 12;

/// So many entries make the level of a day worth more than that of an hour.
const DAY_ENTRIES_MIN: usize = 264;

/// Buckets of one entry, unless a bucket is five minutes long itself.
const ENTRY_BUCKETS: i64 = 5;
const ENTRY_MS_MAX: i64 = 300_000;

#[derive(Clone, Debug)]
pub(super) struct Recent {
    bucket_ms: i64,
    entry_buckets: i64,
    /// Not a number where nothing was measured; whether it was outside the band.
    entries: VecDeque<(f32, bool)>,
    open: Option<Entry>,
    level: Option<f64>,
    peak: f64,
    least: f64,
    is_a_day: bool,
    is_mostly_zero: bool,
}

/// The entry that buckets still go to.
#[derive(Clone, Copy, Debug)]
struct Entry {
    index: i64,
    sum: f64,
    n: u32,
    is_outside: bool,
}

impl Recent {
    pub(super) fn new(bucket_ms: i64) -> Self {
        let fits = ENTRY_MS_MAX / bucket_ms.max(1);
        Self {
            bucket_ms,
            entry_buckets: fits.clamp(1, ENTRY_BUCKETS),
            entries: VecDeque::new(),
            open: None,
            level: None,
            peak: 0.0,
            least: 0.0,
            is_a_day: false,
            is_mostly_zero: false,
        }
    }

    /// Takes the value of a bucket; whether an entry was completed by it.
    pub(super) fn push(&mut self, bucket: i64, value: f64, is_outside: bool) -> bool {
        let index = bucket.div_euclid(self.entry_buckets);
        if let Some(open) = self.open.as_mut().filter(|open| open.index == index) {
            open.sum += value;
            open.n += 1;
            open.is_outside |= is_outside;
            return false;
        }
        let ended = self.open.replace(Entry {
            index,
            sum: value,
            n: 1,
            is_outside,
        });
        let Some(ended) = ended else {
            return false;
        };
        self.add((ended.sum / f64::from(ended.n)) as f32, ended.is_outside);
        let missing = index.saturating_sub(ended.index).saturating_sub(1);
        let missing = usize::try_from(missing).unwrap_or(0);
        for _ in 0..missing.min(ENTRIES_MAX) {
            self.add(f32::NAN, false);
        }
        // The level of a day does not move much in twenty minutes.
        if !self.is_a_day || index % 4 == 0 {
            self.sum_up();
        }
        true
    }

    fn add(&mut self, entry: f32, is_outside: bool) {
        if self.entries.len() >= ENTRIES_MAX {
            self.entries.pop_front();
        }
        self.entries.push_back((entry, is_outside));
    }

    /// The entries that count, newest first.
    fn usual(&self) -> impl Iterator<Item = f32> {
        let entries = self.entries.iter().rev();
        entries
            .filter(|(entry, is_outside)| !is_outside && !entry.is_nan())
            .map(|(entry, _)| *entry)
    }

    fn sum_up(&mut self) {
        let mut known: Vec<f32> = self.usual().collect();
        if known.is_empty() {
            return;
        }
        self.is_a_day = self.entries.len() >= DAY_ENTRIES_MIN;
        if !self.is_a_day {
            let mut hour: Vec<f32> = known.iter().take(HOUR_ENTRIES).copied().collect();
            self.level = middle(&mut hour);
        }
        let n_zero = known.iter().filter(|entry| **entry == 0.0).count();
        self.is_mostly_zero = 2 * n_zero > known.len();
        known.sort_unstable_by(f32::total_cmp);
        if self.is_a_day {
            self.level = known.get(known.len() / 2).map(|&level| f64::from(level));
        }
        let high = known.get(known.len().saturating_sub(1) * 95 / 100);
        self.peak = high.map_or(0.0, |&high| f64::from(high).abs());
        self.least = known.first().map_or(0.0, |&least| f64::from(least));
    }

    /// The median of the last day, or of the last hour while there is less than a day.
    pub(super) fn level(&self) -> Option<f64> {
        self.level
    }

    /// The median of the last hour, and the same with what was outside the band.
    pub(super) fn last_hour(&self) -> (Option<f64>, Option<f64>) {
        let last = self.entries.iter().rev().take(HOUR_ENTRIES);
        let last = last.filter(|(entry, _)| !entry.is_nan());
        let usual = last.clone().filter(|(_, is_outside)| !is_outside);
        let mut usual: Vec<f32> = usual.map(|(entry, _)| *entry).collect();
        let mut all: Vec<f32> = last.map(|(entry, _)| *entry).collect();
        (middle(&mut usual), middle(&mut all))
    }

    /// What was outside the band is usual from now on. The medians of the hours of the last day,
    /// the newest first.
    pub(super) fn accept(&mut self) -> Vec<Option<f64>> {
        for (_, is_outside) in &mut self.entries {
            *is_outside = false;
        }
        self.sum_up();
        let newest_first: Vec<f32> = self.usual_or_nan().collect();
        let hours = newest_first.chunks(HOUR_ENTRIES);
        let known = |hour: &[f32]| {
            hour.iter()
                .copied()
                .filter(|e| !e.is_nan())
                .collect::<Vec<_>>()
        };
        hours.map(|hour| middle(&mut known(hour))).collect()
    }

    fn usual_or_nan(&self) -> impl Iterator<Item = f32> {
        self.entries.iter().rev().map(|(entry, _)| *entry)
    }

    pub(super) fn is_a_day(&self) -> bool {
        self.is_a_day
    }

    pub(super) fn is_mostly_zero(&self) -> bool {
        self.is_mostly_zero
    }

    /// What is passed a twentieth of the time only.
    pub(super) fn peak(&self) -> f64 {
        self.peak
    }

    pub(super) fn least(&self) -> f64 {
        self.least
    }

    /// Oldest first, those outside the band too.
    pub(super) fn entries(&self) -> impl Iterator<Item = f64> {
        self.entries.iter().map(|(entry, _)| f64::from(*entry))
    }

    pub(super) fn entry(&self) -> Duration {
        let ms = self.entry_buckets * self.bucket_ms;
        Duration::from_millis(u64::try_from(ms).unwrap_or(0))
    }
}

fn middle(values: &mut [f32]) -> Option<f64> {
    values.sort_by(f32::total_cmp);
    values.get(values.len() / 2).map(|&value| f64::from(value))
}
