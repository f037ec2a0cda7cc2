//! Functions of instant vectors that look at one value at a time, and the way to all others.

use model::Labels;

use super::calendar;
use super::range_function::is_range_function;
use super::row::{Row, absent};
use super::steps::Steps;
use super::{Evaluator, Sink, label_function, row};
use crate::EvalError;
use crate::ast::{Call, Node, NodeKind};

/// Functions that need nothing but the value.
fn of_value(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "abs" => f64::abs,
        "acos" => f64::acos,
        "acosh" => f64::acosh,
        "asin" => f64::asin,
        "asinh" => f64::asinh,
        "atan" => f64::atan,
        "atanh" => f64::atanh,
        "ceil" => f64::ceil,
        "cos" => f64::cos,
        "cosh" => f64::cosh,
        "deg" => f64::to_degrees,
        "exp" => f64::exp,
        "floor" => f64::floor,
        "ln" => f64::ln,
        "log10" => f64::log10,
        "log2" => f64::log2,
        "rad" => f64::to_radians,
        "sgn" => sgn,
        "sin" => f64::sin,
        "sinh" => f64::sinh,
        "sqrt" => f64::sqrt,
        "tan" => f64::tan,
        "tanh" => f64::tanh,
        _ => return calendar::part(name),
    })
}

fn sgn(value: f64) -> f64 {
    if value < 0.0 {
        -1.0
    } else if value > 0.0 {
        1.0
    } else {
        // 0, -0 and NaN are their own sign.
        value
    }
}

/// Whether the value of the call depends on the time of the step.
pub(super) fn asks_for_time(call: &Call) -> bool {
    let name = call.function.name;
    matches!(name, "time" | "predict_linear" | "timestamp")
        || (call.args.is_empty() && calendar::part(name).is_some())
}

impl Evaluator<'_> {
    pub(super) fn each_call_row(
        &self,
        node: &Node,
        call: &Call,
        steps: Steps,
        sink: Sink<'_>,
    ) -> Result<(), EvalError> {
        if is_range_function(call) {
            return self.each_range_function_row(call, steps, sink);
        }
        if let Some(function) = of_value(call.function.name) {
            return match call.args.first() {
                Some(vector) => self.each_row(vector, steps, &mut |mut row| {
                    row.map(function);
                    sink(row)
                }),
                // The parts of a date without an argument are those of the step's time.
                None => sink(unlabelled(
                    steps
                        .iter()
                        .map(|at| function(at as f64 / 1000.0))
                        .collect(),
                )),
            };
        }
        match call.function.name {
            "absent" | "absent_over_time" => self.absent(call, steps, sink),
            "clamp" | "clamp_max" | "clamp_min" => self.clamp(call, steps, sink),
            // Floats have no such parts; only native histograms do, and none are stored.
            "histogram_avg" | "histogram_count" | "histogram_stddev" | "histogram_stdvar"
            | "histogram_sum" => self.each_row(&call.args[0], steps, &mut |_| Ok(())),
            "histogram_fraction" | "histogram_quantile" | "histogram_quantiles" => {
                self.histogram(call, steps, sink)
            }
            "label_join" | "label_replace" => {
                let change = label_function::Change::of(self, call)?;
                let mut rows = super::Rows::new(&self.meter);
                self.each_row(&call.args[0], steps, &mut |row| {
                    rows.push(change.apply(row))
                })?;
                row::merge(rows.release())?.into_iter().try_for_each(sink)
            }
            "round" => self.round(call, steps, sink),
            "sort" | "sort_by_label" | "sort_by_label_desc" | "sort_desc" => {
                self.sort(node, call, steps, sink)
            }
            "timestamp" => self.timestamp(&call.args[0], steps, sink),
            "vector" => sink(unlabelled(self.scalars(&call.args[0], steps)?)),
            other => unreachable!("{other} is no vector function"),
        }
    }

    fn clamp(&self, call: &Call, steps: Steps, sink: Sink<'_>) -> Result<(), EvalError> {
        let unbounded = |bound: f64| Ok(vec![bound; steps.count]);
        let (least, most) = match call.function.name {
            "clamp_min" => (self.scalars(&call.args[1], steps), unbounded(f64::INFINITY)),
            "clamp_max" => (
                unbounded(f64::NEG_INFINITY),
                self.scalars(&call.args[1], steps),
            ),
            _ => (
                self.scalars(&call.args[1], steps),
                self.scalars(&call.args[2], steps),
            ),
        };
        let (least, most) = (least?, most?);
        self.each_row(&call.args[0], steps, &mut |mut row| {
            row.drop_name = true;
            row.map_steps(|step, value| {
                let (least, most) = (least[step], most[step]);
                if least > most {
                    absent()
                } else if least.is_nan() || most.is_nan() || value.is_nan() {
                    f64::NAN
                } else {
                    value.min(most).max(least)
                }
            });
            sink(row)
        })
    }

    /// To the nearest multiple, halves up.
    fn round(&self, call: &Call, steps: Steps, sink: Sink<'_>) -> Result<(), EvalError> {
        let multiples = match call.args.get(1) {
            Some(multiple) => self.scalars(multiple, steps)?,
            None => vec![1.0; steps.count],
        };
        self.each_row(&call.args[0], steps, &mut |mut row| {
            row.drop_name = true;
            row.map_steps(|step, value| {
                // Multiplying by the inverse keeps 0.1 exact where dividing by it would not.
                let inverse = 1.0 / multiples[step];
                (value * inverse + 0.5).floor() / inverse
            });
            sink(row)
        })
    }

    /// The time of the sample behind a selector, the time of the step behind anything else.
    fn timestamp(&self, vector: &Node, steps: Steps, sink: Sink<'_>) -> Result<(), EvalError> {
        if let NodeKind::Selector(selector) = &vector.without_parens().kind {
            return self.select_timestamps(selector, steps, sink);
        }
        self.each_row(vector, steps, &mut |mut row| {
            row.drop_name = true;
            row.map_steps(|step, _| steps.at(step) as f64 / 1000.0);
            sink(row)
        })
    }
}

pub(super) fn unlabelled(values: Vec<f64>) -> Row {
    Row {
        labels: Labels::empty(),
        drop_name: false,
        values,
    }
}
