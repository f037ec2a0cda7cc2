//! The queries of the model rules, answered from one snapshot.

use diagnosis::graph::{Answer, Question};
use promql::{EvalOptions, Limits, Value, eval_instant};

use super::Round;
use crate::scrape::error_chain;

/// Samples that one query may touch: a rate over five minutes of fifty thousand series that are
/// scraped every five seconds is 3 million.
const SAMPLES_MAX: usize = 10_000_000;

pub(super) fn all(asked: &[Question], round: &Round<'_>) -> Vec<Answer> {
    let options = EvalOptions {
        limits: Limits {
            samples_max: SAMPLES_MAX,
            ..Limits::default()
        },
        cancel: round.cancel.clone(),
        ..EvalOptions::default()
    };
    let answer = |question: &Question| one(question, round, &options);
    asked.iter().map(answer).collect()
}

fn one(question: &Question, round: &Round<'_>, options: &EvalOptions) -> Answer {
    let Some(expr) = &question.expr else {
        // A variant that is not told yet: no series shows which label it is.
        return Ok(Vec::new());
    };
    match eval_instant(round.snapshot, expr, round.now, options).map(|found| found.value) {
        Ok(Value::Vector(rows)) => Ok(rows
            .into_iter()
            .map(|row| (row.labels, row.sample.value))
            .collect()),
        Ok(Value::Scalar(_) | Value::String { .. } | Value::Matrix(_)) => {
            Err("it is no instant vector".to_owned())
        }
        Err(error) => Err(error_chain(&error)),
    }
}
