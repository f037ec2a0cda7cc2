//! Increase of a counter, change of a gauge.

use super::range_function::Window;
use super::row::absent;
use super::selector::WindowSeries;
use super::steps::Steps;
use super::window::Windows;

/// `rate`, `increase` and `delta`.
///
/// Prometheus's rule (`promql/functions.go`, `extrapolatedRate`): the change between the first and
/// the last sample is stretched to the whole window when the samples come close to its edges, to
/// within 1.1 times their average distance, and by half that distance otherwise. A counter is not
/// stretched back beyond the moment it would have been zero.
#[derive(Clone, Copy, Debug)]
pub(super) struct Increase {
    /// A fall is a reset, and the counter started again at zero.
    pub(super) counter: bool,
    pub(super) per_second: bool,
    /// Where the windows end.
    pub(super) looks: Steps,
    pub(super) range_ms: i64,
}

impl Increase {
    pub(super) fn over(&self, series: &WindowSeries, windows: &Windows) -> Vec<f64> {
        let resets = if self.counter {
            resets_of(&series.values)
        } else {
            Vec::new()
        };
        // Windows move forward only, and so do the first resets inside them.
        let mut first_reset = 0;
        windows
            .iter()
            .enumerate()
            .map(|(step, window)| {
                if window.len() < 2 {
                    return absent();
                }
                // A fall counts when both its samples are inside.
                while resets
                    .get(first_reset)
                    .is_some_and(|&at| at <= window.start)
                {
                    first_reset += 1;
                }
                let before_resets = resets[first_reset..]
                    .iter()
                    .take_while(|&&at| at < window.end)
                    .map(|&at| series.values[at - 1]);
                let view = Window {
                    timestamps: &series.timestamps[window.clone()],
                    values: &series.values[window.clone()],
                };
                self.at(view, before_resets, self.looks.at(step))
            })
            .collect()
    }

    fn at(&self, window: Window<'_>, before_resets: impl Iterator<Item = f64>, end: i64) -> f64 {
        let (timestamps, values) = (window.timestamps, window.values);
        let last = values.len() - 1;
        let mut change = values[last] - values[0];
        for value in before_resets {
            change += value;
        }
        let (first_at, last_at) = (timestamps[0].as_millis(), timestamps[last].as_millis());
        let start = end.saturating_sub(self.range_ms);
        let mut to_start = first_at.saturating_sub(start) as f64 / 1000.0;
        let mut to_end = end.saturating_sub(last_at) as f64 / 1000.0;
        let sampled = (last_at - first_at) as f64 / 1000.0;
        let distance = sampled / last as f64;
        // 1.1: jitter of a scrape must not decide whether the window counts as covered.
        let near = distance * 1.1;
        if to_start >= near {
            to_start = distance / 2.0;
        }
        if self.counter && change > 0.0 && values[0] >= 0.0 {
            let to_zero = sampled * (values[0] / change);
            to_start = to_start.min(to_zero);
        }
        if to_end >= near {
            to_end = distance / 2.0;
        }
        let mut factor = (sampled + to_start + to_end) / sampled;
        if self.per_second {
            factor /= self.range_ms as f64 / 1000.0;
        }
        change * factor
    }
}

/// Indexes of the samples that are below the one before them; most counters have none.
fn resets_of(values: &[f64]) -> Vec<usize> {
    values
        .windows(2)
        .enumerate()
        .filter(|(_, pair)| pair[1] < pair[0])
        .map(|(index, _)| index + 1)
        .collect()
}

/// Change per second between the two newest samples of a counter.
pub(super) fn irate(window: Window<'_>) -> f64 {
    let Some([before, last]) = newest_two(window.values) else {
        return absent();
    };
    let seconds = match newest_two(window.timestamps) {
        Some([before, last]) => (last.as_millis() - before.as_millis()) as f64 / 1000.0,
        None => return absent(),
    };
    let change = if last < before { last } else { last - before };
    change / seconds
}

/// Change between the two newest samples of a gauge.
pub(super) fn idelta(window: Window<'_>) -> f64 {
    newest_two(window.values).map_or(absent(), |[before, last]| last - before)
}

fn newest_two<T: Copy>(items: &[T]) -> Option<[T; 2]> {
    items.last_chunk().copied()
}

#[cfg(test)]
mod tests;
