//! When a KPI left its usual range, and how far.
//!
//! A rule says that something is wrong once its window and its patience have passed; who broke
//! first is seen in the raw samples only. Everything here is robust: medians, not means, so that
//! neither a spike in the past nor one sample of an outage decides.

use std::time::Duration;

use model::Timestamp;

use crate::kpi::KpiKind;

/// Samples of the past that say what is usual: so many, or as many as fit in this time, whichever
/// is more. Older ones belong to another time of the day.
const USUAL_SAMPLES: usize = 60;
const USUAL_SPAN: Duration = Duration::from_secs(3600);

/// Fewer samples tell nothing of how much a number moves.
const USUAL_SAMPLES_MIN: usize = 3;

/// How far a sample lies from the usual, in scales, to count as out of range. Five in a row by
/// chance are out of question; heavy tails are caught by the scale, see [`Usual::of`].
const DEVIATION_MIN: f64 = 4.0;

/// A shift is believed when three of so many samples in a row are out of range: as many as lie in
/// half a minute, within these bounds. An outage may be as short as five samples.
const SAMPLES_MIN: usize = 3;
const SAMPLES_MAX: usize = 4;
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// What lasted less than half a minute must be this far out of range.
const DEVIATION_MIN_SHORT: f64 = 8.0;

/// Deviations beyond are not told apart.
const DEVIATION_MAX: f64 = 1e6;

/// What a KPI usually is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usual {
    pub median: f64,
    /// How much it usually moves, never zero.
    pub scale: f64,
}

/// A time during which a KPI was out of its usual range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shift {
    /// When the samples turned.
    pub onset: Timestamp,
    /// When they were back; `None` when they never were.
    pub end: Option<Timestamp>,
    /// The median of the samples meanwhile.
    pub value: f64,
    pub usual: f64,
    /// How far that lies from the usual, in scales; negative below.
    pub deviation: f64,
}

impl Usual {
    /// From the samples before `until`. `events` is how many requests stand behind one sample of a
    /// ratio: one failure of three requests is chance, not 33 %.
    pub fn of(
        kind: &KpiKind,
        samples: &[(Timestamp, f64)],
        until: Timestamp,
        events: Option<f64>,
    ) -> Option<Self> {
        let past = samples.partition_point(|&(at, _)| at < until);
        let past = &samples[..past];
        let first_in_span = past.partition_point(|&(at, _)| until.since(at) > USUAL_SPAN);
        let first = first_in_span.min(past.len().saturating_sub(USUAL_SAMPLES));
        let mut values: Vec<f64> = past[first..].iter().map(|&(_, value)| value).collect();
        if values.len() < USUAL_SAMPLES_MIN {
            return None;
        }
        values.sort_by(f64::total_cmp);
        let median = quantile(&values, 0.5);
        let mut away: Vec<f64> = values.iter().map(|value| (value - median).abs()).collect();
        away.sort_by(f64::total_cmp);
        // 1.4826 makes a median of distances, 1/1.64 their 90 % quantile the standard deviation of
        // a normal distribution; the greater of them knows of heavy tails.
        let spread = (1.4826 * quantile(&away, 0.5)).max(quantile(&away, 0.9) / 1.64);
        let scale = spread
            .max(least_move(kind, median))
            .max(chance(kind, median, events));
        Some(Self { median, scale })
    }

    /// How far a value lies from the usual, in scales.
    pub fn deviation(&self, value: f64) -> f64 {
        ((value - self.median) / self.scale).clamp(-DEVIATION_MAX, DEVIATION_MAX)
    }
}

/// What a KPI may move without anybody having to care.
fn least_move(kind: &KpiKind, median: f64) -> f64 {
    let size = median.abs();
    match kind {
        KpiKind::RequestRate => (0.05 * size).max(1e-9),
        KpiKind::ErrorRatio | KpiKind::ClientErrorRatio => (0.1 * size).max(0.002),
        KpiKind::LatencyAverage | KpiKind::LatencyQuantile(_) => (0.05 * size).max(1e-4),
        KpiKind::Saturation(_) => 0.02,
        KpiKind::Resource(_) => (0.05 * size).max(1e-9),
        KpiKind::Up => 0.05,
    }
}

/// How much a ratio of few events moves by chance.
fn chance(kind: &KpiKind, median: f64, events: Option<f64>) -> f64 {
    match (kind, events) {
        (KpiKind::ErrorRatio | KpiKind::ClientErrorRatio, Some(events)) if events > 0.0 => {
            let ratio = median.clamp(0.005, 0.5);
            (ratio * (1.0 - ratio) / events).sqrt()
        }
        _ => 0.0,
    }
}

/// The shifts of a KPI from `after` on, by onset.
pub fn shifts(
    samples: &[(Timestamp, f64)],
    usual: &Usual,
    after: Timestamp,
    step: Duration,
) -> Vec<Shift> {
    let first = samples.partition_point(|&(at, _)| at < after);
    let patience = samples_in(PATIENCE, step).clamp(SAMPLES_MIN, SAMPLES_MAX);
    let mut found = Vec::new();
    let mut idx = first;
    while let Some((start, side)) = next_start(samples, usual, idx, patience) {
        let end = find_end(samples, usual, start, side, patience);
        let onset = find_onset(samples, usual, first, start, side, patience);
        let during = &samples[start..end.unwrap_or(samples.len())];
        let mut values: Vec<f64> = during.iter().map(|&(_, value)| value).collect();
        values.sort_by(f64::total_cmp);
        let value = quantile(&values, 0.5);
        let shift = Shift {
            onset: samples[onset].0,
            end: end.map(|end| samples[end].0),
            value,
            usual: usual.median,
            deviation: usual.deviation(value),
        };
        let lasted = during
            .last()
            .map(|&(at, _)| at.plus(step).since(shift.onset));
        let is_short = lasted.is_some_and(|lasted| lasted < PATIENCE);
        if !is_short || DEVIATION_MIN_SHORT <= shift.deviation.abs() {
            found.push(shift);
        }
        match end {
            Some(end) => idx = end,
            None => break,
        }
    }
    found
}

fn samples_in(span: Duration, step: Duration) -> usize {
    let step_ms = step.as_millis().max(1);
    usize::try_from(span.as_millis() / step_ms).unwrap_or(usize::MAX)
}

/// The first sample out of range, and on which side, from which on three of four are.
fn next_start(
    samples: &[(Timestamp, f64)],
    usual: &Usual,
    from: usize,
    patience: usize,
) -> Option<(usize, f64)> {
    (from..samples.len()).find_map(|idx| {
        let deviation = usual.deviation(samples[idx].1);
        if deviation.abs() < DEVIATION_MIN {
            return None;
        }
        let side = deviation.signum();
        let window = samples.get(idx..idx + patience)?;
        let out = window
            .iter()
            .filter(|&&(_, value)| side * usual.deviation(value) >= DEVIATION_MIN);
        (out.count() * 4 >= window.len() * 3).then_some((idx, side))
    })
}

/// The first sample from which on three of four are back.
fn find_end(
    samples: &[(Timestamp, f64)],
    usual: &Usual,
    start: usize,
    side: f64,
    patience: usize,
) -> Option<usize> {
    let is_back = |value: f64| side * usual.deviation(value) < DEVIATION_MIN / 2.0;
    (start + 1..samples.len()).find(|&idx| {
        let Some(window) = samples.get(idx..idx + patience) else {
            return false;
        };
        let back = window.iter().filter(|&&(_, value)| is_back(value)).count();
        is_back(samples[idx].1) && back * 4 >= window.len() * 3
    })
}

/// Goes back from the first sample out of range to the one where the turn began: a ramp is out of
/// range long after it began.
fn find_onset(
    samples: &[(Timestamp, f64)],
    usual: &Usual,
    first: usize,
    start: usize,
    side: f64,
    patience: usize,
) -> usize {
    let least = first.max(start.saturating_sub(patience * 4));
    let mut onset = start;
    while onset > least {
        let value = samples[onset - 1].1;
        if side * usual.deviation(value) < DEVIATION_MIN / 2.0 {
            break;
        }
        onset -= 1;
    }
    onset
}

/// Of sorted values; linear between them.
pub(super) fn quantile(sorted: &[f64], q: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    // Within the slice, so the casts keep the value.
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )]
    {
        let rank = q.clamp(0.0, 1.0) * last as f64;
        let below = rank.floor() as usize;
        let above = rank.ceil() as usize;
        sorted[below] + (sorted[above] - sorted[below]) * (rank - rank.floor())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Samples as in PromQL's test language without expanding: `0.1x60 5x5 0.1x9`, one a step;
    /// `_x3` is a gap.
    fn samples(script: &str, step_s: i64) -> Vec<(Timestamp, f64)> {
        let mut samples = Vec::new();
        let mut at = 0;
        for part in script.split_whitespace() {
            let (value, times) = part.split_once('x').expect("a value and how often");
            for k in 0..times.parse::<i64>().expect("a count") {
                if let Ok(value) = value.parse::<f64>() {
                    // A little noise, the same each time.
                    let noise = 1.0 + 0.01 * f64::from(i32::try_from(k % 5).expect("small") - 2);
                    samples.push((Timestamp::from_millis(at * 1000), value * noise));
                }
                at += step_s;
            }
        }
        samples
    }

    fn check(kind: &str, script: &str, step_s: i64, normal_until_s: i64, expected: &str) {
        let kind = KpiKind::parse(kind).expect("a kind");
        let samples = samples(script, step_s);
        let until = Timestamp::from_millis(normal_until_s * 1000);
        let usual = Usual::of(&kind, &samples, until, None).expect("a past");
        let step = Duration::from_secs(u64::try_from(step_s).expect("positive"));
        let mut found = String::new();
        for shift in shifts(&samples, &usual, until, step) {
            let side = if shift.deviation > 0.0 { "up" } else { "down" };
            found += &format!("{side}@{}", shift.onset.as_millis() / 1000);
            if let Some(end) = shift.end {
                found += &format!("-{}", end.as_millis() / 1000);
            }
            found.push(' ');
        }
        assert_eq!(found.trim(), expected);
    }

    #[test]
    fn five_samples_are_enough_for_an_outage() {
        check(
            "latency_average",
            "0.1x60 0.3x5 0.1x9",
            300,
            18_000,
            "up@18000-19500",
        );
    }

    #[test]
    fn one_sample_is_no_outage() {
        check(
            "latency_average",
            "0.1x60 3x1 0.1x9 3x2 0.1x9",
            300,
            18_000,
            "",
        );
    }

    #[test]
    fn lost_traffic_is_a_shift_down() {
        check("request_rate", "50x60 0x20", 15, 900, "down@900");
    }

    #[test]
    fn a_slow_rise_began_before_it_was_out_of_range() {
        check(
            "latency_average",
            "0.1x60 0.11x2 0.12x2 0.13x2 0.2x9",
            60,
            3600,
            "up@3720",
        );
    }

    #[test]
    fn a_gap_within_an_outage_does_not_end_it() {
        check(
            "error_ratio",
            "0x60 0.5x4 _x9 0.5x4 0x9",
            15,
            900,
            "up@900-1155",
        );
    }

    #[test]
    fn a_few_seconds_are_an_outage_when_they_are_far_out() {
        check(
            "latency_p90",
            "0.1x600 0.9x5 0.1x60 0.9x60",
            1,
            600,
            "up@600-605 up@665",
        );
        check("latency_p90", "0.1x600 0.13x5 0.1x60", 1, 600, "");
    }

    #[test]
    fn a_failure_of_few_requests_is_chance() {
        let kind = KpiKind::ErrorRatio;
        let samples = samples("0x60", 15);
        let until = Timestamp::from_millis(900_000);
        let few = Usual::of(&kind, &samples, until, Some(3.0)).expect("a past");
        let many = Usual::of(&kind, &samples, until, Some(3000.0)).expect("a past");
        assert!(few.deviation(0.1) < 3.0, "{few:?}");
        assert!(many.deviation(0.1) > 30.0, "{many:?}");
    }

    #[test]
    fn too_short_a_past_says_nothing() {
        let samples = samples("1x2", 15);
        assert_eq!(
            Usual::of(&KpiKind::RequestRate, &samples, Timestamp::MAX, None),
            None
        );
    }
}
