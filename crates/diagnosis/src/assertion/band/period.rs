//! Finds a strong period under two hours: a job that runs every hour is no trouble.

use std::time::Duration;

/// Periods that are looked for: up to two hours of five-minute means.
const LAG_MAX: usize = 24;
const LAG_MIN: usize = 2;

/// Six times the longest period must be in sight for it.
const ENTRIES_MIN: usize = 36;

/// How much alike a series must be to itself one period and two periods later, and how much more
/// than half a period later. An autocorrelated series without a period has no second rise.
const ALIKE_MIN: f64 = 0.6;
const RISE_MIN: f64 = 0.5;

pub(super) fn find(entries: impl Iterator<Item = f64>, entry: Duration) -> Option<Duration> {
    let detrended = detrended(&entries.collect::<Vec<_>>());
    if detrended.len() < ENTRIES_MIN {
        return None;
    }
    let alike: Vec<f64> = (0..=2 * LAG_MAX + 1)
        .map(|lag| correlation(&detrended, lag))
        .collect();
    let mut best: Option<(f64, usize)> = None;
    for lag in LAG_MIN..=LAG_MAX.min(detrended.len() / 6) {
        let is_peak = alike[lag] >= alike[lag - 1] && alike[lag] >= alike[lag + 1];
        let low = alike[1..lag].iter().copied().fold(f64::INFINITY, f64::min);
        let again = alike[2 * lag - 1..=2 * lag + 1]
            .iter()
            .copied()
            .fold(0.0, f64::max);
        let is_strong =
            alike[lag] >= ALIKE_MIN && again >= ALIKE_MIN && alike[lag] - low >= RISE_MIN;
        if is_peak && is_strong && best.is_none_or(|(alikeness, _)| alike[lag] > alikeness + 0.05) {
            best = Some((alike[lag], lag));
        }
    }
    best.map(|(_, lag)| entry * u32::try_from(lag).unwrap_or(1))
}

/// Less the mean of the two hours around; not a number where nothing is known.
fn detrended(values: &[f64]) -> Vec<f64> {
    let half = LAG_MAX / 2;
    (0..values.len())
        .map(|idx| {
            let around = &values[idx.saturating_sub(half)..(idx + half).min(values.len())];
            let known = around.iter().filter(|value| !value.is_nan());
            let n_known = known.clone().count().max(1);
            values[idx] - known.sum::<f64>() / n_known as f64
        })
        .collect()
}

fn correlation(values: &[f64], lag: usize) -> f64 {
    let (mut product, mut square, mut n) = (0.0, 0.0, 0.0);
    let mut n_square = 0.0;
    for (idx, &value) in values.iter().enumerate() {
        if value.is_nan() {
            continue;
        }
        square += value * value;
        n_square += 1.0;
        if let Some(&later) = values.get(idx + lag).filter(|later| !later.is_nan()) {
            product += value * later;
            n += 1.0;
        }
    }
    if square <= 0.0 || n == 0.0 {
        return 0.0;
    }
    (product / n) / (square / n_square)
}
