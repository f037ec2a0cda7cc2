//! Reads series from the snapshot: one sample a step, or a window of samples a step.

use std::sync::Arc;

use model::{Labels, Timestamp, is_stale};
use store::{Column, StoreError};

use super::row::{Row, absent};
use super::steps::Steps;
use super::window::{Slider, Windows};
use super::{Evaluator, Sink, meter::Charge};
use crate::EvalError;
use crate::ast::{Node, NodeKind, RangeSelector, Selector, Subquery};

/// A series as functions over time see it: no stale markers.
#[derive(Debug)]
pub(super) struct WindowSeries {
    pub(super) labels: Labels,
    pub(super) drop_name: bool,
    pub(super) timestamps: Arc<[Timestamp]>,
    pub(super) values: Arc<[f64]>,
}

/// Takes the series of a range selector or a subquery one by one, with its windows.
pub(super) type WindowSink<'s> =
    &'s mut dyn FnMut(&WindowSeries, &Windows) -> Result<(), EvalError>;

impl Evaluator<'_> {
    /// The newest sample of each series that is not older than the lookback, at every step.
    pub(super) fn select_instant(
        &self,
        selector: &Selector,
        steps: Steps,
        sink: Sink<'_>,
    ) -> Result<(), EvalError> {
        self.each_instant_column(selector, steps, &mut |column, windows| {
            let values = windows
                .iter()
                .map(|window| match window.is_empty() {
                    true => absent(),
                    // A stale marker here is what `absent` is made of.
                    false => column.values[window.end - 1],
                })
                .collect();
            sink(Row {
                labels: column.labels.clone(),
                drop_name: false,
                values,
            })
        })
    }

    /// Like [`Evaluator::select_instant`], but gives the times of the samples, in seconds.
    pub(super) fn select_timestamps(
        &self,
        selector: &Selector,
        steps: Steps,
        sink: Sink<'_>,
    ) -> Result<(), EvalError> {
        self.each_instant_column(selector, steps, &mut |column, windows| {
            let values = windows
                .iter()
                .map(|window| {
                    if window.is_empty() || is_stale(column.values[window.end - 1]) {
                        return absent();
                    }
                    column.timestamps[window.end - 1].as_secs_f64()
                })
                .collect();
            sink(Row {
                labels: column.labels.clone(),
                drop_name: true,
                values,
            })
        })
    }

    fn each_instant_column(
        &self,
        selector: &Selector,
        steps: Steps,
        sink: &mut dyn FnMut(&Column, &Windows) -> Result<(), EvalError>,
    ) -> Result<(), EvalError> {
        let lookback = i64::try_from(self.options.lookback.as_millis()).unwrap_or(i64::MAX);
        let mut slider = Slider::new(steps.shifted(selector.shift, self.whole), lookback);
        let (columns, _charge) = self.select(selector, &slider)?;
        for column in &columns {
            self.options.cancel.check()?;
            sink(column, &slider.windows(&column.timestamps))?;
        }
        Ok(())
    }

    fn select(
        &self,
        selector: &Selector,
        slider: &Slider,
    ) -> Result<(Vec<Column>, Charge<'_>), EvalError> {
        self.options.cancel.check()?;
        let (from, to) = slider.hull();
        let columns = self
            .snapshot
            .select(&selector.matchers, from, to, self.meter.left())
            .map_err(|error| match error {
                // The store knows what is left; the user knows the limit.
                StoreError::TooManySamples { .. } => self.meter.exceeded(),
                other => EvalError::Store(other),
            })?;
        let samples = columns.iter().map(|column| column.values.len()).sum();
        Ok((columns, self.meter.charge(samples)?))
    }

    /// Every series of a range selector or a subquery, with its windows.
    pub(super) fn each_window_series(
        &self,
        node: &Node,
        steps: Steps,
        sink: WindowSink<'_>,
    ) -> Result<(), EvalError> {
        match &node.without_parens().kind {
            NodeKind::Range(range) => self.each_range_series(range, steps, sink),
            NodeKind::Subquery(subquery) => self.each_subquery_series(subquery, steps, sink),
            _ => unreachable!("the checker gives type range vector to these two only"),
        }
    }

    fn each_range_series(
        &self,
        range: &RangeSelector,
        steps: Steps,
        sink: WindowSink<'_>,
    ) -> Result<(), EvalError> {
        let looks = steps.shifted(range.selector.shift, self.whole);
        let mut slider = Slider::new(looks, range.range_ms);
        let (columns, _charge) = self.select(&range.selector, &slider)?;
        for column in columns {
            self.options.cancel.check()?;
            let series = without_stale_markers(column);
            sink(&series, &slider.windows(&series.timestamps))?;
        }
        Ok(())
    }

    fn each_subquery_series(
        &self,
        subquery: &Subquery,
        steps: Steps,
        sink: WindowSink<'_>,
    ) -> Result<(), EvalError> {
        let looks = steps.shifted(subquery.shift, self.whole);
        let step = subquery.step_ms.unwrap_or_else(|| {
            i64::try_from(self.options.subquery_step.as_millis())
                .unwrap_or(i64::MAX)
                .max(1)
        });
        let steps_max = self.options.limits.steps_max;
        let Some(inner_steps) = Steps::of_subquery(looks, subquery.range_ms, step, steps_max)?
        else {
            return Ok(());
        };
        let mut slider = Slider::new(looks, subquery.range_ms);
        let all_timestamps: Arc<[Timestamp]> =
            inner_steps.iter().map(Timestamp::from_millis).collect();
        self.each_row(&subquery.inner, inner_steps, &mut |row| {
            self.options.cancel.check()?;
            let series = of_row(row, &all_timestamps);
            sink(&series, &slider.windows(&series.timestamps))
        })
    }
}

/// Functions over time skip stale markers. Most columns have none and keep their allocations.
fn without_stale_markers(column: Column) -> WindowSeries {
    let (timestamps, values) = if any_stale(&column.values) {
        not_stale(&column.timestamps, &column.values)
    } else {
        (column.timestamps, column.values)
    };
    WindowSeries {
        labels: column.labels,
        drop_name: false,
        timestamps,
        values,
    }
}

/// The values of a subquery's steps that are there, as samples.
fn of_row(row: Row, all_timestamps: &Arc<[Timestamp]>) -> WindowSeries {
    let (timestamps, values) = if any_stale(&row.values) {
        not_stale(all_timestamps, &row.values)
    } else {
        (Arc::clone(all_timestamps), Arc::from(row.values))
    };
    WindowSeries {
        labels: row.labels,
        drop_name: row.drop_name,
        timestamps,
        values,
    }
}

/// Looks at every value: without a way out early, the loop compares several at once.
fn any_stale(values: &[f64]) -> bool {
    values
        .iter()
        .fold(false, |found, &value| found | is_stale(value))
}

fn not_stale(timestamps: &[Timestamp], values: &[f64]) -> (Arc<[Timestamp]>, Arc<[f64]>) {
    let (timestamps, values): (Vec<_>, Vec<_>) = timestamps
        .iter()
        .zip(values)
        .filter(|&(_, &value)| !is_stale(value))
        .unzip();
    (timestamps.into(), values.into())
}
