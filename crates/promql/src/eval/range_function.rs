//! Functions of a range vector: a window of samples becomes one value.

use model::Timestamp;

use super::ordering;
use super::over_time as over;
use super::rate::{self, Increase};
use super::row::{Row, absent, is_present};
use super::selector::WindowSeries;
use super::steps::Steps;
use super::window::Windows;
use super::{Evaluator, Sink};
use crate::EvalError;
use crate::ast::{Call, Node, ValueType};

/// The samples that one step looks at, at least one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window<'a> {
    pub(super) timestamps: &'a [Timestamp],
    pub(super) values: &'a [f64],
}

/// A window may be months long and slide ten thousand times: one series can take minutes. A million
/// samples take some milliseconds, 0.1 s where they must be sorted.
const SAMPLES_BETWEEN_CHECKS: usize = 1_000_000;

/// How a function works on a window.
enum Kernel<'a> {
    /// [`absent`] where the window is too short.
    Plain(fn(Window<'_>) -> f64),
    Increase(Increase),
    /// With arguments that may differ from step to step.
    Stepwise(Box<dyn Fn(usize, Window<'_>) -> f64 + 'a>),
}

fn plain(name: &str) -> Option<fn(Window<'_>) -> f64> {
    Some(match name {
        "avg_over_time" => over::avg,
        "changes" => over::changes,
        "count_over_time" => over::count,
        "deriv" => over::deriv,
        "first_over_time" => over::first,
        "idelta" => rate::idelta,
        "irate" => rate::irate,
        "last_over_time" => over::last,
        "mad_over_time" => over::mad,
        "max_over_time" => over::max,
        "min_over_time" => over::min,
        "present_over_time" => over::present,
        "resets" => over::resets,
        "stddev_over_time" => over::stddev,
        "stdvar_over_time" => over::stdvar,
        "sum_over_time" => over::sum,
        "ts_of_first_over_time" => over::ts_of_first,
        "ts_of_last_over_time" => over::ts_of_last,
        "ts_of_max_over_time" => over::ts_of_max,
        "ts_of_min_over_time" => over::ts_of_min,
        _ => return None,
    })
}

/// Whether the function turns windows into values one series at a time.
pub(super) fn is_range_function(call: &Call) -> bool {
    let takes_matrix = call.function.args.contains(&ValueType::Matrix);
    takes_matrix && call.function.name != "absent_over_time"
}

impl Evaluator<'_> {
    pub(super) fn each_range_function_row(
        &self,
        call: &Call,
        steps: Steps,
        sink: Sink<'_>,
    ) -> Result<(), EvalError> {
        let kernel = self.kernel(call, steps)?;
        let matrix = range_argument(call);
        let keeps_name = matches!(call.function.name, "first_over_time" | "last_over_time");
        let counts = matches!(call.function.name, "rate" | "increase");
        self.each_window_series(matrix, steps, &mut |series, windows| {
            let values = match &kernel {
                Kernel::Increase(increase) => increase.over(series, windows),
                Kernel::Plain(function) => {
                    self.each_window(series, windows, |_, window| function(window))?
                }
                Kernel::Stepwise(function) => self.each_window(series, windows, function)?,
            };
            if !values.iter().any(|&value| is_present(value)) {
                return Ok(());
            }
            if counts && !series.drop_name {
                self.note_if_not_a_counter(series.labels.metric_name(), matrix);
            }
            sink(Row {
                labels: series.labels.clone(),
                drop_name: series.drop_name || !keeps_name,
                values,
            })
        })
    }

    /// The value of every window; [`absent`] where no sample is in it.
    fn each_window(
        &self,
        series: &WindowSeries,
        windows: &Windows,
        function: impl Fn(usize, Window<'_>) -> f64,
    ) -> Result<Vec<f64>, EvalError> {
        let mut samples = 0;
        let each = windows.iter().enumerate().map(|(step, window)| {
            samples += window.len();
            if samples > SAMPLES_BETWEEN_CHECKS {
                samples = 0;
                self.options.cancel.check()?;
            }
            if window.is_empty() {
                return Ok(absent());
            }
            let view = Window {
                timestamps: &series.timestamps[window.clone()],
                values: &series.values[window.clone()],
            };
            Ok(function(step, view))
        });
        each.collect()
    }

    fn kernel(&self, call: &Call, steps: Steps) -> Result<Kernel<'_>, EvalError> {
        let matrix = range_argument(call);
        let name = call.function.name;
        if let Some(function) = plain(name) {
            return Ok(Kernel::Plain(function));
        }
        let scalar = |index: usize| self.scalars(&call.args[index], steps);
        Ok(match name {
            "rate" | "increase" | "delta" => Kernel::Increase(Increase {
                counter: name != "delta",
                per_second: name == "rate",
                looks: self.looks(matrix, steps),
                range_ms: range_ms(matrix),
            }),
            "quantile_over_time" => {
                let quantiles = scalar(0)?;
                self.warn_of_quantiles(&quantiles, &call.args[0]);
                Kernel::Stepwise(Box::new(move |step, window| {
                    ordering::quantile(quantiles[step], &mut window.values.to_vec())
                }))
            }
            "predict_linear" => {
                let ahead = scalar(1)?;
                Kernel::Stepwise(Box::new(move |step, window| {
                    over::predict(window, steps.at(step), ahead[step])
                }))
            }
            "double_exponential_smoothing" => {
                let (levels, trends) = (scalar(1)?, scalar(2)?);
                check_factors("smoothing", "sf", &levels)?;
                check_factors("trend", "tf", &trends)?;
                Kernel::Stepwise(Box::new(move |step, window| {
                    over::smooth(window, levels[step], trends[step])
                }))
            }
            other => unreachable!("{other} has no kernel"),
        })
    }

    /// Where the windows of a range argument end.
    fn looks(&self, matrix: &Node, steps: Steps) -> Steps {
        let shift = match &matrix.without_parens().kind {
            crate::ast::NodeKind::Range(range) => range.selector.shift,
            crate::ast::NodeKind::Subquery(subquery) => subquery.shift,
            _ => Default::default(),
        };
        steps.shifted(shift, self.whole)
    }

    /// A counter's name tells what it is; a rate over anything else is likely a mistake.
    fn note_if_not_a_counter(&self, name: &str, matrix: &Node) {
        let suffixes = ["_total", "_sum", "_count", "_bucket"];
        if name.is_empty() || suffixes.iter().any(|suffix| name.ends_with(suffix)) {
            return;
        }
        self.notes.borrow_mut().info(
            matrix.span,
            format!(
                "metric might not be a counter, name does not end in \
                 _total/_sum/_count/_bucket: {name:?}"
            ),
        );
    }
}

fn range_argument(call: &Call) -> &Node {
    let position = call
        .function
        .args
        .iter()
        .position(|&arg| arg == ValueType::Matrix)
        .expect("only functions with a range argument come here");
    &call.args[position]
}

fn range_ms(matrix: &Node) -> i64 {
    match &matrix.without_parens().kind {
        crate::ast::NodeKind::Range(range) => range.range_ms,
        crate::ast::NodeKind::Subquery(subquery) => subquery.range_ms,
        _ => unreachable!("the checker gives type range vector to these two only"),
    }
}

fn check_factors(
    which: &'static str,
    symbol: &'static str,
    factors: &[f64],
) -> Result<(), EvalError> {
    let outside = |&&factor: &&f64| factor.is_nan() || factor <= 0.0 || factor >= 1.0;
    match factors.iter().find(outside) {
        Some(&value) => Err(EvalError::InvalidFactor {
            which,
            symbol,
            value,
        }),
        None => Ok(()),
    }
}
