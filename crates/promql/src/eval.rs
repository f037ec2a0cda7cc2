//! Evaluates a tree over a snapshot.
//!
//! Series-major: one series is read, its windows are slid over all steps, and the row of results
//! goes on to whoever asked ([`Evaluator::each_row`]) before the next series is read. So an
//! aggregation folds ten thousand series into its groups and holds one of them at a time. Only
//! binary operations between vectors, ranks and sorts hold all rows at once, and those are charged.

mod absent;
mod aggregate;
mod binary;
mod bucket;
mod calendar;
mod fold;
mod histogram;
mod instant_function;
mod label_function;
mod label_subset;
mod limit;
mod matching;
mod meter;
mod ordering;
mod over_time;
mod range_function;
mod rank;
mod rate;
mod row;
mod scalar;
mod selector;
mod steps;
mod sum;
mod window;

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use model::{Labels, Sample, Timestamp};
use store::Snapshot;

use crate::ast::{Aggregate, Node, NodeKind, ValueType};
use crate::note::Notes;
use crate::{EvalError, EvalOptions, Evaluated, Expr, InstantSeries, RangeSeries, Value};

use meter::{Meter, Rows};
use row::{Row, is_present};
use steps::Steps;

/// The moments of a range query: `start`, `start + step`, … up to `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    pub start: Timestamp,
    /// Included when a step falls on it.
    pub end: Timestamp,
    pub step: Duration,
}

/// Evaluates at one moment.
pub fn eval_instant(
    snapshot: &Snapshot,
    expr: &Expr,
    at: Timestamp,
    options: &EvalOptions,
) -> Result<Evaluated, EvalError> {
    let steps = Steps::one(at);
    let evaluator = Evaluator::new(snapshot, options, steps, None);
    let value = match expr.value_type() {
        ValueType::Scalar => Value::Scalar(Sample {
            timestamp: at,
            value: evaluator.scalars(&expr.root, steps)?[0],
        }),
        ValueType::String => Value::String {
            at,
            text: evaluator.text(&expr.root),
        },
        ValueType::Vector => {
            let rows = evaluator.rows(&expr.root, steps)?;
            let rows = row::finish(rows.release())?;
            Value::Vector(
                rows.into_iter()
                    .filter(|row| is_present(row.values[0]))
                    .map(|row| InstantSeries {
                        sample: Sample {
                            timestamp: at,
                            value: row.values[0],
                        },
                        labels: row.labels,
                    })
                    .collect(),
            )
        }
        ValueType::Matrix => Value::Matrix(evaluator.matrix(&expr.root, at)?),
    };
    Ok(evaluator.evaluated(value, expr))
}

/// Evaluates at every step of a range. The value is a matrix; a scalar becomes one series without
/// labels.
pub fn eval_range(
    snapshot: &Snapshot,
    expr: &Expr,
    range: Range,
    options: &EvalOptions,
) -> Result<Evaluated, EvalError> {
    let steps = Steps::over(range, options.limits.steps_max)?;
    let evaluator = Evaluator::new(snapshot, options, steps, Some(range));
    let rows = match expr.value_type() {
        ValueType::Scalar => vec![Row {
            labels: Labels::empty(),
            drop_name: false,
            values: evaluator.scalars(&expr.root, steps)?,
        }],
        ValueType::Vector => evaluator.rows(&expr.root, steps)?.release(),
        other @ (ValueType::String | ValueType::Matrix) => {
            return Err(EvalError::NotForRange {
                actual: other.name(),
            });
        }
    };
    let mut series: Vec<RangeSeries> = row::finish(rows)?
        .into_iter()
        .map(|row| RangeSeries {
            samples: row.samples(steps).collect(),
            labels: row.labels,
        })
        .filter(|series| !series.samples.is_empty())
        .collect();
    series.sort_by(|a, b| a.labels.cmp(&b.labels));
    Ok(evaluator.evaluated(Value::Matrix(series), expr))
}

/// One evaluation of one expression.
struct Evaluator<'a> {
    snapshot: &'a Snapshot,
    options: &'a EvalOptions,
    /// What `@ start()` and `@ end()` mean, in subqueries too.
    whole: Steps,
    /// `None` for an instant query.
    range: Option<Range>,
    meter: Meter,
    notes: RefCell<Notes>,
}

/// Takes rows one by one, as they come.
type Sink<'s> = &'s mut dyn FnMut(Row) -> Result<(), EvalError>;

impl<'a> Evaluator<'a> {
    fn new(
        snapshot: &'a Snapshot,
        options: &'a EvalOptions,
        whole: Steps,
        range: Option<Range>,
    ) -> Self {
        Self {
            snapshot,
            options,
            whole,
            range,
            meter: Meter::new(options.limits.samples_max),
            notes: RefCell::new(Notes::default()),
        }
    }

    fn evaluated(self, value: Value, expr: &Expr) -> Evaluated {
        Evaluated {
            value,
            notes: self.notes.into_inner().into_notes(&expr.text),
        }
    }

    /// The value of a string expression: a literal, maybe in parentheses.
    fn text(&self, node: &Node) -> Arc<str> {
        match &node.without_parens().kind {
            NodeKind::String(text) => Arc::clone(text),
            _ => unreachable!("the checker gives type string to literals only"),
        }
    }

    /// All rows of a vector expression, held and charged.
    fn rows(&self, node: &Node, steps: Steps) -> Result<Rows<'_>, EvalError> {
        let mut rows = Rows::new(&self.meter);
        self.each_row(node, steps, &mut |row| rows.push(row))?;
        Ok(rows)
    }

    /// Gives every row of a vector expression to the sink. Two rows may have the same labels only
    /// where their names are to be dropped and differ.
    fn each_row(&self, node: &Node, steps: Steps, sink: Sink<'_>) -> Result<(), EvalError> {
        if steps.count > 1 && is_step_invariant(node) {
            return self.each_row(node, steps.first(), &mut |mut row| {
                row.values = vec![row.values[0]; steps.count];
                sink(row)
            });
        }
        match &node.kind {
            NodeKind::Paren(inner) => self.each_row(inner, steps, sink),
            NodeKind::Selector(selector) => self.select_instant(selector, steps, sink),
            NodeKind::Negate(inner) => self.each_row(inner, steps, &mut |mut row| {
                row.map(|value| -value);
                sink(row)
            }),
            NodeKind::Binary(_) => self.each_binary_row(node, steps, sink),
            NodeKind::Call(call) => self.each_call_row(node, call, steps, sink),
            NodeKind::Aggregate(aggregate) => self.each_group(aggregate, steps, sink),
            NodeKind::Number(_)
            | NodeKind::String(_)
            | NodeKind::Range(_)
            | NodeKind::Subquery(_) => {
                unreachable!("the checker lets only vectors stand where rows are asked for")
            }
        }
    }

    fn each_group(
        &self,
        aggregate: &Aggregate,
        steps: Steps,
        sink: Sink<'_>,
    ) -> Result<(), EvalError> {
        self.aggregate(aggregate, steps)?
            .into_iter()
            .try_for_each(sink)
    }

    /// Raw samples of a range selector, or the values of a subquery.
    fn matrix(&self, node: &Node, at: Timestamp) -> Result<Vec<RangeSeries>, EvalError> {
        let steps = Steps::one(at);
        let mut rows = Vec::new();
        self.each_window_series(node.without_parens(), steps, &mut |series, windows| {
            let window = windows[0].clone();
            if window.is_empty() {
                return Ok(());
            }
            let labels = if series.drop_name {
                series.labels.without_metric_name()
            } else {
                series.labels.clone()
            };
            rows.push(RangeSeries {
                labels,
                samples: window
                    .map(|index| Sample {
                        timestamp: series.timestamps[index],
                        value: series.values[index],
                    })
                    .collect(),
            });
            Ok(())
        })?;
        rows.sort_by(|a, b| a.labels.cmp(&b.labels));
        if rows.windows(2).any(|pair| pair[0].labels == pair[1].labels) {
            return Err(EvalError::DuplicateLabels);
        }
        Ok(rows)
    }
}

/// Whether the expression has the same value at every step: all its selectors are pinned by `@`
/// and nothing in it asks for the time of the step.
fn is_step_invariant(node: &Node) -> bool {
    let mut pinned = false;
    let mut waiting = vec![node];
    while let Some(node) = waiting.pop() {
        let shift = match &node.kind {
            NodeKind::Selector(selector) => Some(selector.shift),
            NodeKind::Range(range) => Some(range.selector.shift),
            NodeKind::Subquery(subquery) => Some(subquery.shift),
            NodeKind::Call(call) => {
                if instant_function::asks_for_time(call) {
                    return false;
                }
                None
            }
            _ => None,
        };
        match shift {
            Some(shift) if shift.at.is_none() => return false,
            // What stands inside a pinned subquery is evaluated at the subquery's steps.
            Some(_) => pinned = true,
            None => waiting.extend(node.children()),
        }
    }
    pinned
}

#[cfg(test)]
mod tests;
