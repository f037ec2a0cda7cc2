//! Functions of one window: extremes, means, spread, trend.
//!
//! A window has at least one sample. NaN follows Prometheus: it counts, and loses to any number as
//! an extreme.

use model::Timestamp;

use super::ordering;
use super::range_function::Window;
use super::row::absent;
use super::sum::{Mean, Sum};

pub(super) fn avg(window: Window<'_>) -> f64 {
    let mut mean = Mean::default();
    window.values.iter().for_each(|&value| mean.add(value));
    mean.mean()
}

pub(super) fn sum(window: Window<'_>) -> f64 {
    let mut sum = Sum::default();
    window.values.iter().for_each(|&value| sum.add(value));
    sum.total()
}

pub(super) fn count(window: Window<'_>) -> f64 {
    window.values.len() as f64
}

pub(super) fn present(_: Window<'_>) -> f64 {
    1.0
}

pub(super) fn first(window: Window<'_>) -> f64 {
    window.values[0]
}

pub(super) fn last(window: Window<'_>) -> f64 {
    window.values[window.values.len() - 1]
}

pub(super) fn min(window: Window<'_>) -> f64 {
    window.values[position_of(window, |value, least| value < least)]
}

pub(super) fn max(window: Window<'_>) -> f64 {
    window.values[position_of(window, |value, most| value > most)]
}

/// In seconds, like all `ts_of_…`; the newest of several.
pub(super) fn ts_of_min(window: Window<'_>) -> f64 {
    window.timestamps[position_of(window, |value, least| value <= least)].as_secs_f64()
}

pub(super) fn ts_of_max(window: Window<'_>) -> f64 {
    window.timestamps[position_of(window, |value, most| value >= most)].as_secs_f64()
}

pub(super) fn ts_of_first(window: Window<'_>) -> f64 {
    window.timestamps[0].as_secs_f64()
}

pub(super) fn ts_of_last(window: Window<'_>) -> f64 {
    window.timestamps[window.timestamps.len() - 1].as_secs_f64()
}

/// Index of the value that beats all others; NaN is beaten by any.
fn position_of(window: Window<'_>, beats: impl Fn(f64, f64) -> bool) -> usize {
    let mut best = 0;
    for (index, &value) in window.values.iter().enumerate() {
        if beats(value, window.values[best]) || window.values[best].is_nan() {
            best = index;
        }
    }
    best
}

/// How often the value differs from the one before; NaN equals NaN.
pub(super) fn changes(window: Window<'_>) -> f64 {
    let differs = |pair: &&[f64]| pair[0] != pair[1] && !(pair[0].is_nan() && pair[1].is_nan());
    window.values.windows(2).filter(differs).count() as f64
}

/// How often the value falls.
pub(super) fn resets(window: Window<'_>) -> f64 {
    let falls = |pair: &&[f64]| pair[1] < pair[0];
    window.values.windows(2).filter(falls).count() as f64
}

pub(super) fn stddev(window: Window<'_>) -> f64 {
    stdvar(window).sqrt()
}

/// Population variance by Welford's method, with compensated sums.
pub(super) fn stdvar(window: Window<'_>) -> f64 {
    let (mut mean, mut squares) = (Sum::default(), Sum::default());
    for (index, &value) in window.values.iter().enumerate() {
        let delta = value - (mean.sum + mean.lost);
        mean.add(delta / (index + 1) as f64);
        squares.add(delta * (value - (mean.sum + mean.lost)));
    }
    (squares.sum + squares.lost) / window.values.len() as f64
}

/// Median of the distances from the median. A NaN makes it NaN.
pub(super) fn mad(window: Window<'_>) -> f64 {
    if window.values.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    let median = ordering::quantile(0.5, &mut window.values.to_vec());
    let mut distances: Vec<f64> = window
        .values
        .iter()
        .map(|&value| (value - median).abs())
        .collect();
    ordering::quantile(0.5, &mut distances)
}

/// Slope per second of the line through the samples.
pub(super) fn deriv(window: Window<'_>) -> f64 {
    if window.values.len() < 2 {
        return absent();
    }
    // From the first sample on: seconds since the epoch would cost the slope its low digits.
    line(window, window.timestamps[0].as_millis()).slope
}

/// Where the line through the samples will be, `ahead` seconds after `now` in milliseconds.
pub(super) fn predict(window: Window<'_>, now: i64, ahead: f64) -> f64 {
    if window.values.len() < 2 {
        return absent();
    }
    let line = line(window, now);
    line.slope * ahead + line.value
}

struct Line {
    /// Per second.
    slope: f64,
    /// At the origin.
    value: f64,
}

/// Least squares, time counted from `origin` in milliseconds.
fn line(window: Window<'_>, origin: i64) -> Line {
    let first = window.values[0];
    if window.values.iter().all(|&value| value == first) {
        // A flat line must not pick up rounding, and an infinite one has no slope.
        return match first.is_infinite() {
            true => Line {
                slope: f64::NAN,
                value: f64::NAN,
            },
            false => Line {
                slope: 0.0,
                value: first,
            },
        };
    }
    let [mut x, mut y, mut xy, mut xx] = [Sum::default(); 4];
    let seconds = |at: &Timestamp| at.as_millis().saturating_sub(origin) as f64 / 1000.0;
    for (at, &value) in window.timestamps.iter().map(seconds).zip(window.values) {
        x.add(at);
        y.add(value);
        xy.add(at * value);
        xx.add(at * at);
    }
    let n = window.values.len() as f64;
    let [x, y, xy, xx] = [x, y, xy, xx].map(|sum| sum.sum + sum.lost);
    let slope = (xy - x * y / n) / (xx - x * x / n);
    Line {
        slope,
        value: y / n - slope * x / n,
    }
}

/// Holt's linear method: `level` and `trend` are its smoothing factors, between 0 and 1.
pub(super) fn smooth(window: Window<'_>, level: f64, trend: f64) -> f64 {
    let values = window.values;
    if values.len() < 2 {
        return absent();
    }
    let mut before = 0.0;
    let mut smoothed = values[0];
    let mut slope = values[1] - values[0];
    for (index, &value) in values.iter().enumerate().skip(1) {
        if index > 1 {
            slope = trend * (smoothed - before) + (1.0 - trend) * slope;
        }
        let next = level * value + (1.0 - level) * (smoothed + slope);
        (before, smoothed) = (smoothed, next);
    }
    smoothed
}
