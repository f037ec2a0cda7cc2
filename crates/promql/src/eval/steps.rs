//! The moments at which an expression is evaluated.

use model::{Sample, Timestamp};

use super::{Range, Row};
use crate::EvalError;
use crate::ast::{At, Shift};

/// Evenly spaced moments in milliseconds, at least one.
///
/// A step of zero stands for the same moment over and over: where a selector pinned by `@` looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Steps {
    pub(super) start: i64,
    pub(super) step: i64,
    pub(super) count: usize,
}

impl Steps {
    pub(super) fn one(at: Timestamp) -> Self {
        Self {
            start: at.as_millis(),
            step: 0,
            count: 1,
        }
    }

    pub(super) fn over(range: Range, steps_max: usize) -> Result<Self, EvalError> {
        if range.end < range.start {
            return Err(EvalError::EndBeforeStart);
        }
        let step = i64::try_from(range.step.as_millis()).unwrap_or(i64::MAX);
        if step == 0 {
            return Err(EvalError::NoStep);
        }
        Self::between(
            range.start.as_millis(),
            range.end.as_millis(),
            step,
            steps_max,
        )
    }

    /// `start`, `start + step`, … up to `end`, which is not before `start`.
    fn between(start: i64, end: i64, step: i64, steps_max: usize) -> Result<Self, EvalError> {
        let steps = (end.abs_diff(start) / step.unsigned_abs()).saturating_add(1);
        let count = usize::try_from(steps)
            .ok()
            .filter(|&count| count <= steps_max)
            .ok_or(EvalError::TooManySteps { steps, steps_max })?;
        Ok(Self { start, step, count })
    }

    /// The steps of a subquery: multiples of `step` in `(first look - range, last look]`, so that
    /// two queries at different times meet the same moments. `None` when there are none.
    pub(super) fn of_subquery(
        looks: Self,
        range: i64,
        step: i64,
        steps_max: usize,
    ) -> Result<Option<Self>, EvalError> {
        let after = looks.start.saturating_sub(range);
        let start = (after.div_euclid(step).saturating_add(1)).saturating_mul(step);
        let end = looks.last();
        if start > end {
            return Ok(None);
        }
        Self::between(start, end, step, steps_max).map(Some)
    }

    pub(super) fn first(self) -> Self {
        Self { count: 1, ..self }
    }

    pub(super) fn at(self, index: usize) -> i64 {
        let index = i64::try_from(index).unwrap_or(i64::MAX);
        self.start.saturating_add(self.step.saturating_mul(index))
    }

    pub(super) fn last(self) -> i64 {
        self.at(self.count - 1)
    }

    pub(super) fn iter(self) -> impl Iterator<Item = i64> {
        (0..self.count).map(move |index| self.at(index))
    }

    /// Where a selector looks at each of these steps; `whole` is the query's own range.
    pub(super) fn shifted(self, shift: Shift, whole: Self) -> Self {
        let pinned = match shift.at {
            None => None,
            Some(At::Time(at)) => Some(at.as_millis()),
            Some(At::Start) => Some(whole.start),
            Some(At::End) => Some(whole.last()),
        };
        Self {
            start: pinned.unwrap_or(self.start).saturating_sub(shift.offset_ms),
            step: if pinned.is_some() { 0 } else { self.step },
            count: self.count,
        }
    }
}

impl Row {
    /// The values that are there, with their times.
    pub(super) fn samples(&self, steps: Steps) -> impl Iterator<Item = Sample> {
        steps
            .iter()
            .zip(&self.values)
            .filter(|&(_, &value)| super::is_present(value))
            .map(|(millis, &value)| Sample {
                timestamp: Timestamp::from_millis(millis),
                value,
            })
    }
}
