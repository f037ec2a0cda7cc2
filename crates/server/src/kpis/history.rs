//! KPIs of the past: as they were written, and from raw series where they were not yet.

use std::collections::BTreeMap;
use std::time::Duration;

use diagnosis::kpi::collect::{Collected, KPI_METRIC};
use diagnosis::kpi::{KpiKey, KpiSeries};
use model::{METRIC_NAME, Matcher, Timestamp, is_stale};
use promql::{Range, Value, eval_range};
use store::Snapshot;
use tracing::{debug, warn};

use super::{KpiSources, SAMPLES_MAX, options};
use crate::scrape::error_chain;

type Samples = Vec<(Timestamp, f64)>;

/// The KPIs from `from` to `to`, one value a step at most, by entity and kind. Blocks.
///
/// What was written is taken; before the first of it the queries are asked over the raw series, so
/// that what is new here knows the past of what is not.
pub(crate) fn history(
    sources: &KpiSources,
    snapshot: &Snapshot,
    from: Timestamp,
    to: Timestamp,
    step: Duration,
) -> Vec<KpiSeries> {
    let mut kpis = written(snapshot, from, to, step);
    let first = kpis
        .values()
        .filter_map(|samples| samples.first())
        .map(|(at, _)| *at)
        .min();
    // A step of slack, since the grid of what is asked is not that of what was written.
    let asked_until = first.map_or(to, |first| first.minus(step));
    if from < asked_until {
        for asked in asked(sources, snapshot, from, asked_until, step) {
            let samples = kpis.entry(asked.key).or_default();
            let mut all = asked.samples;
            all.append(samples);
            *samples = all;
        }
    }
    kpis.into_iter()
        .map(|(key, samples)| KpiSeries { key, samples })
        .collect()
}

fn written(
    snapshot: &Snapshot,
    from: Timestamp,
    to: Timestamp,
    step: Duration,
) -> BTreeMap<KpiKey, Samples> {
    let name = [Matcher::equal(METRIC_NAME, KPI_METRIC)];
    let columns = match snapshot.select(&name, from, to, SAMPLES_MAX) {
        Ok(columns) => columns,
        Err(error) => {
            warn!(error = %error_chain(&error), "stored KPIs cannot be read, raw series are");
            return BTreeMap::new();
        }
    };
    let step_ms = i64::try_from(step.as_millis()).unwrap_or(i64::MAX).max(1);
    let mut kpis: BTreeMap<KpiKey, Samples> = BTreeMap::new();
    for column in columns {
        let Some(key) = KpiKey::of_labels(&column.labels) else {
            continue;
        };
        let samples = kpis.entry(key).or_default();
        for (at, value) in column.timestamps.iter().zip(column.values.iter()) {
            if is_stale(*value) {
                continue;
            }
            let place = |at: Timestamp| at.as_millis().div_euclid(step_ms);
            match samples.last_mut() {
                Some(last) if place(last.0) == place(*at) => *last = (*at, *value),
                _ => samples.push((*at, *value)),
            }
        }
    }
    kpis.retain(|_, samples| !samples.is_empty());
    for samples in kpis.values_mut() {
        samples.sort_by_key(|(at, _)| *at);
        samples.dedup_by_key(|(at, _)| *at);
    }
    kpis
}

fn asked(
    sources: &KpiSources,
    snapshot: &Snapshot,
    from: Timestamp,
    to: Timestamp,
    step: Duration,
) -> Vec<KpiSeries> {
    let range = Range {
        start: from,
        end: to,
        step,
    };
    let mut collected = Collected::default();
    for query in sources.queries() {
        match eval_range(snapshot, &query.expr, range, &options()).map(|found| found.value) {
            Ok(Value::Matrix(matrix)) => {
                for series in matrix {
                    let samples = series.samples.iter().map(|s| (s.timestamp, s.value));
                    collected.add(&query, &series.labels, samples, &sources.machine);
                }
            }
            Ok(Value::Vector(_) | Value::Scalar(_) | Value::String { .. }) => {}
            Err(error) => debug!(query = query.origin, %error, "a KPI has no past"),
        }
    }
    collected.finish()
}
