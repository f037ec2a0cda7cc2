//! Runs a script: keeps what is loaded, evaluates, compares.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::{Labels, METRIC_NAME, Timestamp};
use promql::{EvalOptions, Expr, Range};
use store::{Snapshot, Store};

use crate::expect;
use crate::script::{self, Command, Eval, When};
use crate::series::Written;

#[derive(Debug)]
pub(crate) enum Outcome {
    Passed,
    Skipped(&'static str),
    Failed(String),
}

/// What became of every evaluation of the script, by line.
pub(crate) fn run(text: &str) -> Vec<(usize, Outcome)> {
    let mut loaded = Loaded::default();
    let mut outcomes = Vec::new();
    for (line, command) in script::parse(text) {
        match command {
            Ok(Command::Clear) => loaded = Loaded::default(),
            Ok(Command::Load {
                step,
                with_nhcb,
                series,
            }) => loaded.load(step, with_nhcb, series),
            Ok(Command::Eval(eval)) => outcomes.push((eval.line, loaded.eval(&eval))),
            Err(error) => outcomes.push((line, Outcome::Failed(format!("script: {error}")))),
        }
    }
    outcomes
}

#[derive(Default)]
struct Loaded {
    samples: BTreeMap<Labels, BTreeMap<Timestamp, f64>>,
    /// Series that have a native histogram somewhere.
    histograms: BTreeSet<Labels>,
    /// Made anew after each load.
    snapshot: Option<Snapshot>,
}

impl Loaded {
    fn load(&mut self, step: Duration, with_nhcb: bool, series: Vec<(Labels, Vec<Written>)>) {
        self.snapshot = None;
        for (labels, values) in series {
            if with_nhcb {
                self.histograms.extend(native_name(&labels));
            }
            let samples = self.samples.entry(labels.clone()).or_default();
            let mut at = Timestamp::from_millis(0);
            for value in values {
                match value {
                    Written::Nothing => {}
                    Written::Float(value) => {
                        samples.insert(at, value);
                    }
                    Written::Histogram => {
                        self.histograms.insert(labels.clone());
                    }
                }
                at = at.plus(step);
            }
        }
    }

    /// All series in one group, one batch for each moment, as a scrape loop would append them.
    fn snapshot(&mut self) -> Snapshot {
        let samples = &self.samples;
        self.snapshot
            .get_or_insert_with(|| {
                let store = Store::in_memory();
                let group = store.group("script");
                let mut batches: BTreeMap<Timestamp, Vec<_>> = BTreeMap::new();
                for (labels, samples) in samples {
                    let id = store.resolve(group, labels).expect("few series");
                    for (&at, &value) in samples {
                        batches.entry(at).or_default().push((id, value));
                    }
                }
                for (at, batch) in batches {
                    let appended = store.append(group, at, &batch).expect("few samples");
                    assert_eq!(appended.stored, batch.len(), "the store took every sample");
                }
                store.snapshot()
            })
            .clone()
    }

    fn eval(&mut self, eval: &Eval) -> Outcome {
        let histogram_expected = eval
            .expected
            .series
            .iter()
            .any(|(_, values)| values.contains(&Written::Histogram));
        if histogram_expected {
            return Outcome::Skipped("expects a native histogram");
        }
        let expr = match promql::parse(&eval.query) {
            Ok(expr) => expr,
            Err(error) => return of_result(expect::error(&eval.expected, &error.to_string())),
        };
        if self.selects_a_histogram(&expr) {
            return Outcome::Skipped("selects a native histogram");
        }
        let snapshot = self.snapshot();
        of_result(check(&snapshot, &expr, eval))
    }

    fn selects_a_histogram(&self, expr: &Expr) -> bool {
        expr.selectors().any(|selector| {
            self.histograms.iter().any(|labels| {
                selector
                    .matchers
                    .iter()
                    .all(|matcher| matcher.matches_labels(labels))
            })
        })
    }
}

fn of_result(result: Result<(), String>) -> Outcome {
    match result {
        Ok(()) => Outcome::Passed,
        Err(message) => Outcome::Failed(message),
    }
}

/// The native histogram that `load_with_nhcb` makes of a series of a classic one.
fn native_name(labels: &Labels) -> Option<Labels> {
    let name = labels.metric_name();
    let name = ["_bucket", "_sum", "_count"]
        .into_iter()
        .find_map(|suffix| name.strip_suffix(suffix))?;
    let mut builder = labels.builder();
    builder.remove("le").set(METRIC_NAME, name);
    Some(builder.build())
}

fn check(snapshot: &Snapshot, expr: &Expr, eval: &Eval) -> Result<(), String> {
    let options = EvalOptions::default();
    match eval.when {
        When::Over(range) => match promql::eval_range(snapshot, expr, range, &options) {
            Ok(evaluated) => expect::range(&eval.expected, &evaluated, range),
            Err(error) => expect::error(&eval.expected, &error.to_string()),
        },
        When::At(at) => {
            match promql::eval_instant(snapshot, expr, at, &options) {
                Ok(evaluated) => expect::instant(&eval.expected, &evaluated, at)?,
                Err(error) => return expect::error(&eval.expected, &error.to_string()),
            }
            check_as_range(snapshot, expr, eval, at)
        }
    }
}

/// As upstream does: an instant query has the same value at the middle step of a range query.
fn check_as_range(
    snapshot: &Snapshot,
    expr: &Expr,
    eval: &Eval,
    at: Timestamp,
) -> Result<(), String> {
    let is_value = matches!(
        expr.value_type(),
        promql::ValueType::Scalar | promql::ValueType::Vector
    );
    // The bounds of the query are what these functions tell.
    let tells_bounds = ["start()", "end()", "range()", "step()"]
        .iter()
        .any(|call| eval.query.contains(call));
    if !is_value || tells_bounds {
        return Ok(());
    }
    let minute = Duration::from_secs(60);
    let range = Range {
        start: at.minus(minute),
        end: at.plus(minute),
        step: minute,
    };
    match promql::eval_range(snapshot, expr, range, &EvalOptions::default()) {
        Ok(evaluated) => expect::step_of_range(&eval.expected, &evaluated, at)
            .map_err(|message| format!("as a range query: {message}")),
        // At another step the series may collide, which the instant query does not meet.
        Err(promql::EvalError::DuplicateLabels) => Ok(()),
        Err(error) => Err(format!("as a range query: {error}")),
    }
}
