//! The minutes before an objective was made, and those in which the server was not there, as far
//! as the samples that they are counted from are stored.

use std::time::Duration;

use diagnosis::objective::{BAD_EVENTS_SERIES, EVENTS_SERIES, Objective, STEP};
use model::{Labels, METRIC_NAME, Timestamp};
use promql::{EvalOptions, Expr, Range, RangeSeries, Value};
use store::{Snapshot, Store, StoreError};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::{Held, past, window};
use crate::app::App;
use crate::scrape::error_chain;

/// Evaluated at once. A busy service's six hours of five-second scrapes fit the limits of a query
/// several times.
const CHUNK: Duration = Duration::from_secs(6 * 60 * 60);

/// The group that holds what was made up for. The judge's own writes another one, so neither
/// waits for the other; a query sees one series.
const GROUP: &str = "objectives";

/// Makes up for the past of each objective. What fails is told and left out. Blocks.
pub(super) fn all(app: &App, cancel: &CancellationToken) {
    for held in app.objectives.all().iter() {
        if cancel.is_cancelled() {
            return;
        }
        one(app, held, cancel);
    }
}

fn one(app: &App, held: &Held, cancel: &CancellationToken) {
    let objective = &held.objective;
    let now = floor(app.clock.now());
    let span = objective.window.longest().min(app.settings.retention);
    let from = floor(now.minus(span)).plus(STEP);
    let snapshot = app.store.snapshot();
    let known = match past::ledger(&snapshot, objective, from, now) {
        Ok(known) => known,
        Err(error) => {
            warn!(objective = %objective.id, error = %error_chain(&error), "no past is recorded");
            return;
        }
    };
    // Up to the newest known minute everything that can be known is.
    let start = known
        .newest()
        .map_or(from, |newest| floor(newest).plus(STEP));
    let filled = fill(
        &app.store,
        &snapshot,
        objective,
        window(app, objective),
        start,
        now,
        cancel,
    );
    match filled {
        Ok(0) => {}
        Ok(minutes) => debug!(objective = %objective.id, minutes, "the past is recorded"),
        Err(error) => {
            warn!(objective = %objective.id, error = %error_chain(&error), "no past is recorded");
        }
    }
}

/// Records the minutes from `start` to `end`; how many had something to record.
pub(crate) fn fill(
    store: &Store,
    snapshot: &Snapshot,
    objective: &Objective,
    window: Duration,
    start: Timestamp,
    end: Timestamp,
    cancel: &CancellationToken,
) -> Result<usize, StoreError> {
    let recorded = objective.recorded(window);
    let parse = |text: &str| promql::parse(text).expect("a recorded expression parses");
    let (total, bad) = (parse(&recorded.total), parse(&recorded.bad));
    let rules = objective.rule_group(window).rules;
    let group = store.group(GROUP);
    let id = |name: &str, index: usize| {
        let labels = rules[index].labels.iter();
        let mut builder = Labels::empty().builder();
        builder.set(METRIC_NAME, name);
        for (name, value) in labels {
            builder.set(name.as_str(), value.as_str());
        }
        store.resolve(group, &builder.build())
    };
    let mut minutes = 0;
    let mut from = start;
    while from <= end && !cancel.is_cancelled() {
        let range = Range {
            start: from,
            end: from.plus(CHUNK).minus(STEP).min(end),
            step: STEP,
        };
        from = range.end.plus(STEP);
        let totals = values(snapshot, &total, range);
        if totals.is_empty() {
            continue;
        }
        minutes += totals.len();
        for (name, index, values) in [
            (EVENTS_SERIES, 0, totals),
            (BAD_EVENTS_SERIES, 1, values(snapshot, &bad, range)),
        ] {
            let id = id(name, index)?;
            let samples: Vec<_> = values
                .into_iter()
                .map(|(at, value)| (id, at, value))
                .collect();
            store.append_samples(&samples)?;
        }
    }
    Ok(minutes)
}

/// The one series of an expression; what cannot be evaluated has no past.
fn values(snapshot: &Snapshot, expr: &Expr, range: Range) -> Vec<(Timestamp, f64)> {
    match promql::eval_range(snapshot, expr, range, &EvalOptions::default()) {
        Ok(evaluated) => match evaluated.value {
            Value::Matrix(series) => series.iter().flat_map(samples).collect(),
            Value::Vector(_) | Value::Scalar(_) | Value::String { .. } => Vec::new(),
        },
        Err(error) => {
            debug!(%error, "a part of the past cannot be evaluated");
            Vec::new()
        }
    }
}

fn samples(series: &RangeSeries) -> impl Iterator<Item = (Timestamp, f64)> {
    let samples = series.samples.iter();
    samples.map(|sample| (sample.timestamp, sample.value))
}

/// The minute that a moment is in begins then.
fn floor(at: Timestamp) -> Timestamp {
    let step_ms = i64::try_from(STEP.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(at.as_millis().div_euclid(step_ms) * step_ms)
}
