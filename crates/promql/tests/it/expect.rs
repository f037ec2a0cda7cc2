//! Compares what came with what a script demands.

use std::collections::BTreeMap;

use model::{Labels, Sample, Timestamp, is_stale};
use promql::{Evaluated, InstantSeries, Range, RangeSeries, Severity, Value};

use crate::script::{Expected, Pattern};
use crate::series::Written;

/// Upstream's tolerance, `promqltest.defaultEpsilon`.
const TOLERANCE: f64 = 1e-6;

fn same(a: f64, b: f64) -> bool {
    if a == b || (a.is_nan() && b.is_nan() && is_stale(a) == is_stale(b)) {
        return true;
    }
    let (sum, difference) = (a.abs() + b.abs(), (a - b).abs());
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < TOLERANCE * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < TOLERANCE
}

pub(crate) fn error(expected: &Expected, message: &str) -> Result<(), String> {
    if expected.fail.is_empty() {
        return Err(format!("unexpected error: {message}"));
    }
    if expected.fail.iter().any(|pattern| pattern.matches(message)) {
        return Ok(());
    }
    Err(format!("error {message:?} is not {:?}", expected.fail))
}

pub(crate) fn instant(
    expected: &Expected,
    evaluated: &Evaluated,
    at: Timestamp,
) -> Result<(), String> {
    success(expected, evaluated)?;
    match &evaluated.value {
        Value::Scalar(sample) => match expected.scalar {
            Some(value) if same(value, sample.value) => Ok(()),
            _ => Err(format!(
                "scalar {} is not {:?}",
                sample.value, expected.scalar
            )),
        },
        Value::String { text, .. } => {
            let literal = expected.string.as_deref().ok_or("unexpected string")?;
            let literal = promql::parse(literal).map_err(|error| error.to_string())?;
            let printed = promql::parse(&format!("{text:?}")).map_err(|error| error.to_string())?;
            if literal == printed {
                return Ok(());
            }
            Err(format!("string {text:?} is not {literal}"))
        }
        Value::Vector(series) => vector(expected, series, at),
        Value::Matrix(series) => {
            let range = expected.range_vector.ok_or("unexpected range vector")?;
            matrix(expected, series, range)
        }
    }
}

fn vector(expected: &Expected, series: &[InstantSeries], at: Timestamp) -> Result<(), String> {
    let mut wanted: Vec<(&Labels, f64)> = Vec::new();
    for (labels, values) in &expected.series {
        match values.as_slice() {
            [Written::Float(value)] => wanted.push((labels, *value)),
            _ => return Err(format!("{labels}: one value must stand here")),
        }
    }
    if series.iter().any(|series| series.sample.timestamp != at) {
        return Err(format!("a sample is not at {at}: {series:?}"));
    }
    let mut got: Vec<(&Labels, f64)> = series
        .iter()
        .map(|series| (&series.labels, series.sample.value))
        .collect();
    if !expected.ordered {
        got.sort_by(|a, b| a.0.cmp(b.0));
        wanted.sort_by(|a, b| a.0.cmp(b.0));
    }
    let equal = got.len() == wanted.len()
        && got
            .iter()
            .zip(&wanted)
            .all(|(got, wanted)| got.0 == wanted.0 && same(got.1, wanted.1));
    if equal {
        return Ok(());
    }
    Err(format!("vectors differ\n  got  {got:?}\n  want {wanted:?}"))
}

pub(crate) fn range(
    expected: &Expected,
    evaluated: &Evaluated,
    range: Range,
) -> Result<(), String> {
    success(expected, evaluated)?;
    match &evaluated.value {
        Value::Matrix(series) => matrix(expected, series, range),
        other => Err(format!("not a matrix: {other:?}")),
    }
}

fn matrix(expected: &Expected, series: &[RangeSeries], range: Range) -> Result<(), String> {
    let mut wanted: BTreeMap<&Labels, Vec<Sample>> = BTreeMap::new();
    for (labels, values) in &expected.series {
        let mut timestamp = range.start;
        let samples = wanted.entry(labels).or_default();
        for value in values {
            if let Written::Float(value) = *value {
                samples.push(Sample { timestamp, value });
            }
            timestamp = timestamp.plus(range.step);
        }
    }
    wanted.retain(|_, samples| !samples.is_empty());
    let got: BTreeMap<&Labels, &Vec<Sample>> = series
        .iter()
        .map(|series| (&series.labels, &series.samples))
        .collect();
    let equal = got.len() == series.len()
        && got.len() == wanted.len()
        && got.iter().zip(&wanted).all(|(got, wanted)| {
            got.0 == wanted.0
                && got.1.len() == wanted.1.len()
                && got.1.iter().zip(wanted.1).all(|(got, wanted)| {
                    got.timestamp == wanted.timestamp && same(got.value, wanted.value)
                })
        });
    if equal {
        return Ok(());
    }
    Err(format!(
        "matrices differ\n  got  {got:?}\n  want {wanted:?}"
    ))
}

/// One step of a range query against what an instant query must give. Order does not count.
pub(crate) fn step_of_range(
    expected: &Expected,
    evaluated: &Evaluated,
    at: Timestamp,
) -> Result<(), String> {
    let Value::Matrix(series) = &evaluated.value else {
        return Err("not a matrix".into());
    };
    let at_step: Vec<InstantSeries> = series
        .iter()
        .filter_map(|series| {
            let sample = series
                .samples
                .iter()
                .find(|sample| sample.timestamp == at)?;
            Some(InstantSeries {
                labels: series.labels.clone(),
                sample: *sample,
            })
        })
        .collect();
    if let Some(scalar) = expected.scalar {
        return match at_step.as_slice() {
            [one] if one.labels.is_empty() && same(one.sample.value, scalar) => Ok(()),
            other => Err(format!("scalar {scalar} is not {other:?}")),
        };
    }
    let unordered = Expected {
        series: expected.series.clone(),
        ..Expected::default()
    };
    vector(&unordered, &at_step, at)
}

/// No error was wanted, and the notes are those that were.
fn success(expected: &Expected, evaluated: &Evaluated) -> Result<(), String> {
    if !expected.fail.is_empty() {
        return Err(format!("expected an error, got {:?}", evaluated.value));
    }
    let notes_of = |severity: Severity| -> Vec<String> {
        evaluated
            .notes
            .iter()
            .filter(|note| note.severity == severity)
            .map(ToString::to_string)
            .collect()
    };
    let (warnings, infos) = (notes_of(Severity::Warning), notes_of(Severity::Info));
    notes("warnings", &expected.warn, expected.no_warn, &warnings)?;
    notes("infos", &expected.info, expected.no_info, &infos)
}

fn notes(kind: &str, wanted: &[Pattern], none: bool, got: &[String]) -> Result<(), String> {
    if none && !got.is_empty() {
        return Err(format!("unexpected {kind}: {got:?}"));
    }
    if let Some(missing) = wanted
        .iter()
        .find(|pattern| !got.iter().any(|note| pattern.matches(note)))
    {
        return Err(format!("{kind}: {missing:?} is not in {got:?}"));
    }
    let other = got
        .iter()
        .find(|note| !wanted.iter().any(|pattern| pattern.matches(note)));
    match other {
        Some(other) if !wanted.is_empty() => Err(format!("{kind}: {other:?} was not expected")),
        _ => Ok(()),
    }
}
