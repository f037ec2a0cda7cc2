//! When the raw numbers turned: the step that fits them best.

use std::collections::VecDeque;

use model::Timestamp;

/// Points that are kept: an hour at one in 15 s.
const POINTS: usize = 240;

/// How far before the judgement a turn is looked for.
const BEFORE_MS: i64 = 45 * 60 * 1000;

/// How long a value says something of what comes after.
const VALID_MS: i64 = 5 * 60 * 1000;

/// The newest values of one KPI.
#[derive(Clone, Debug, Default)]
pub(super) struct Tail {
    points: VecDeque<(i64, f32)>,
}

impl Tail {
    pub(super) fn push(&mut self, at: Timestamp, value: f64) {
        if self.points.len() >= POINTS {
            self.points.pop_front();
        }
        self.points.push_back((at.as_millis(), value as f32));
    }

    /// The newest value at this time, unless it is older than five minutes.
    pub(super) fn value_at(&self, at: Timestamp) -> Option<f64> {
        let ms = at.as_millis();
        let known = self.points.iter().rev().find(|(then, _)| *then <= ms)?;
        let is_new = ms.saturating_sub(known.0) <= VALID_MS;
        is_new.then(|| f64::from(known.1))
    }

    /// The first value of the new level, looking back from `since`; never after it. `rises`: only
    /// a step that way counts.
    pub(super) fn onset(&self, since: Timestamp, rises: bool) -> Timestamp {
        let since_ms = since.as_millis();
        let within = |(ms, _): &&(i64, f32)| *ms <= since_ms && *ms >= since_ms - BEFORE_MS;
        let points: Vec<(i64, f64)> = self
            .points
            .iter()
            .filter(within)
            .map(|&(ms, value)| (ms, f64::from(value)))
            .collect();
        let n = points.len();
        let total: f64 = points.iter().map(|(_, value)| value).sum();
        let mut best: Option<(f64, i64)> = None;
        let mut before = 0.0;
        for split in 1..n {
            before += points[split - 1].1;
            let mean_before = before / split as f64;
            let mean_after = (total - before) / (n - split) as f64;
            let step = mean_after - mean_before;
            // What a step here explains of the squares.
            let gain = step * step * (split * (n - split)) as f64 / n as f64;
            let is_right = (step > 0.0) == rises && gain.is_finite();
            if is_right && best.is_none_or(|(most, _)| gain > most) {
                best = Some((gain, points[split].0));
            }
        }
        best.map_or(since, |(_, ms)| Timestamp::from_millis(ms.min(since_ms)))
    }
}
