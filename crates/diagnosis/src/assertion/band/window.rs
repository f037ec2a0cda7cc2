//! The last buckets, and how far they stayed from what was expected.

use std::collections::VecDeque;

use super::Side;

/// A mean of fewer is not slow.
const SLOW_POINTS_MIN: usize = 5;

/// One bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    /// Its number since the epoch.
    pub(super) index: i64,
    pub(super) value: f64,
    /// The residual by each model, in units of its level; `None` where the model had nothing.
    pub(super) residuals: [Option<f64>; 3],
}

/// How far all of the last buckets lay outside, or their mean did: none of it for most moments.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sustained {
    /// The least of the hold, above zero and below it.
    pub(super) fast: Option<(f64, f64)>,
    /// The mean of all that is kept, in the direction above.
    pub(super) slow: Option<f64>,
}

#[derive(Clone, Debug)]
pub(super) struct Window {
    points: VecDeque<Point>,
    hold: usize,
    kept: usize,
}

impl Sustained {
    /// Never below zero.
    pub(super) fn of(&self, side: Side, slow: bool) -> Option<f64> {
        let distance = match (side, slow) {
            (Side::Above, false) => self.fast.map(|(above, _)| above),
            (Side::Below, false) => self.fast.map(|(_, below)| below),
            (Side::Above, true) => self.slow,
            (Side::Below, true) => self.slow.map(|mean| -mean),
        };
        distance.map(|distance| distance.max(0.0))
    }
}

impl Window {
    pub(super) fn new(hold: usize, kept: usize) -> Self {
        Self {
            points: VecDeque::with_capacity(kept),
            hold,
            kept,
        }
    }

    /// Adds a point, and returns the one that has just become as old as the hold.
    pub(super) fn push(&mut self, point: Point) -> Option<Point> {
        self.points.push_back(point);
        let span = i64::try_from(self.kept).unwrap_or(i64::MAX);
        while let Some(first) = self.points.front() {
            let is_old = first.index <= point.index.saturating_sub(span);
            if !is_old && self.points.len() <= self.kept {
                break;
            }
            self.points.pop_front();
        }
        let n_held = self.held().count().max(self.hold.min(2));
        let place = self.points.len().checked_sub(n_held + 1)?;
        self.points.get(place).copied()
    }

    pub(super) fn clear(&mut self) {
        self.points.clear();
    }

    /// The points of the hold: those that reach back over all of it, two at least; none when too
    /// much of it is missing.
    fn held(&self) -> impl Iterator<Item = &Point> {
        let newest = self.points.back().map_or(0, |point| point.index);
        let hold = i64::try_from(self.hold).unwrap_or(i64::MAX);
        let ago = |point: &Point| newest.saturating_sub(point.index);
        let reaches = |point: &Point| ago(point) >= hold - 1;
        let oldest = self.points.iter().rev().skip(1).position(reaches);
        let n = oldest.map_or(0, |place| place + 2);
        let is_whole = n > 0
            && self
                .points
                .get(self.points.len() - n)
                .is_some_and(|oldest| ago(oldest) <= hold.saturating_mul(5) / 2);
        let n = if is_whole { n } else { 0 };
        self.points.iter().rev().take(n)
    }

    /// `far`: residuals above and below count as this in the mean at most, or one minute decides
    /// over half an hour.
    pub(super) fn sustained(
        &self,
        residual: impl Fn(&Point) -> Option<f64>,
        far: (f64, f64),
    ) -> Sustained {
        let nearest = self.nearest(&residual);
        let (mut sum, mut n) = (0.0, 0_usize);
        for residual in self.points.iter().filter_map(&residual) {
            sum += residual.clamp(-far.1, far.0);
            n += 1;
        }
        Sustained {
            fast: nearest.map(|(min, max)| (min, -max)),
            slow: (n >= SLOW_POINTS_MIN && self.span() >= self.kept / 2).then(|| sum / n as f64),
        }
    }

    /// Buckets from the oldest to the newest.
    fn span(&self) -> usize {
        let ends = self.points.front().zip(self.points.back());
        let span = ends.map_or(0, |(first, last)| last.index.saturating_sub(first.index));
        usize::try_from(span).unwrap_or(0)
    }

    /// The least and the greatest residual of the hold.
    pub(super) fn nearest(&self, residual: impl Fn(&Point) -> Option<f64>) -> Option<(f64, f64)> {
        let mut bounds: Option<(f64, f64)> = None;
        for point in self.held() {
            let residual = residual(point)?;
            let (min, max) = bounds.unwrap_or((residual, residual));
            bounds = Some((min.min(residual), max.max(residual)));
        }
        bounds
    }

    /// The mean value of the hold.
    pub(super) fn mean(&self) -> f64 {
        self.mean_of(|point| Some(point.value))
    }

    pub(super) fn mean_of(&self, of: impl Fn(&Point) -> Option<f64>) -> f64 {
        let (mut sum, mut n) = (0.0, 0_u32);
        for value in self.points.iter().rev().take(self.hold).filter_map(of) {
            sum += value;
            n += 1;
        }
        sum / f64::from(n.max(1))
    }
}
