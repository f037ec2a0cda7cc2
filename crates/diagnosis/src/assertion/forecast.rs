//! When a resource that grows will be used up.

use std::collections::VecDeque;
use std::time::Duration;

use model::Timestamp;

/// Five-minute means: what the line is drawn through, and how long ago a level counts as one that
/// it comes back from.
const ENTRY_MS: i64 = 300_000;
const LINE_ENTRIES: usize = 36;
const LINE_ENTRIES_MIN: usize = 12;
const KEPT: usize = 288;

/// The line must explain this much of how the values move.
const FIT_MIN: f64 = 0.8;

#[derive(Clone, Debug, Default)]
pub(super) struct Forecast {
    /// Index and mean, oldest first.
    entries: VecDeque<(i64, f32)>,
    open: Option<(i64, f64, u32)>,
}

impl Forecast {
    pub(super) fn push(&mut self, at: Timestamp, value: f64) {
        let index = at.as_millis().div_euclid(ENTRY_MS);
        if let Some((_, sum, n)) = self.open.as_mut().filter(|(open, ..)| *open == index) {
            *sum += value;
            *n += 1;
            return;
        }
        if let Some((ended, sum, n)) = self.open.replace((index, value, 1)) {
            if self.entries.len() >= KEPT {
                self.entries.pop_front();
            }
            self.entries.push_back((ended, (sum / f64::from(n)) as f32));
        }
    }

    /// How long until it is `full`, if it goes on as in the last three hours; `None` when it does
    /// not grow evenly, or was as high as this in the last day and came back.
    pub(super) fn until(&self, full: f64) -> Option<Duration> {
        let newest = self.entries.back()?.0;
        let is_on_line = |entry: &&(i64, f32)| entry.0 > newest - LINE_ENTRIES as i64;
        let line: Vec<(f64, f64)> = self
            .entries
            .iter()
            .filter(is_on_line)
            .map(|&(index, value)| ((index - newest) as f64, f64::from(value)))
            .collect();
        if line.len() < LINE_ENTRIES_MIN {
            return None;
        }
        let (slope, level, fit) = fit(&line);
        let before = self.entries.iter().filter(|entry| !is_on_line(entry));
        let was_higher = before
            .map(|(_, value)| f64::from(*value))
            .any(|was| was >= level);
        // Half of the line must show it too, or a step counts as growth.
        let (first, second) = line.split_at(line.len() / 2);
        let rises = |part: &[(f64, f64)]| self::fit(part).0 > 0.25 * slope;
        if slope <= 0.0 || fit < FIT_MIN || was_higher || !rises(first) || !rises(second) {
            return None;
        }
        let entries = (full - level).max(0.0) / slope;
        Some(Duration::from_secs_f64(
            (entries * ENTRY_MS as f64 / 1000.0).min(1e9),
        ))
    }
}

/// Least squares: the slope, the level at 0, and the share of the movement that it explains.
fn fit(points: &[(f64, f64)]) -> (f64, f64, f64) {
    let n = points.len() as f64;
    let mean_x = points.iter().map(|(x, _)| x).sum::<f64>() / n;
    let mean_y = points.iter().map(|(_, y)| y).sum::<f64>() / n;
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for (x, y) in points {
        xx += (x - mean_x) * (x - mean_x);
        xy += (x - mean_x) * (y - mean_y);
        yy += (y - mean_y) * (y - mean_y);
    }
    if xx <= 0.0 || yy <= 0.0 {
        return (0.0, mean_y, 0.0);
    }
    let slope = xy / xx;
    (slope, mean_y - slope * mean_x, xy * xy / (xx * yy))
}
