//! The numbers of all services: each query once for all jobs of its pack.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use diagnosis::graph::EntityQuery;
use diagnosis::pack::{Detection, Pack, QueryText, Unit};
use model::{Labels, Timestamp};
use promql::{Expr, Range, Value, eval_instant, eval_range};
use tracing::debug;

use super::{KpiReport, ServiceScope, options, query_scope, sel_of};

/// By job.
type ByJob<T> = HashMap<String, T>;

#[derive(Debug, Default)]
pub(super) struct Numbers {
    /// By pack and KPI.
    kpis: BTreeMap<(String, String), ByJob<KpiReport>>,
    /// By fact.
    facts: BTreeMap<String, ByJob<f64>>,
    /// By property.
    properties: BTreeMap<String, ByJob<String>>,
}

impl Numbers {
    pub(super) fn of(scope: &ServiceScope<'_>) -> Self {
        let mut numbers = Self::default();
        for pack in scope.packs {
            let jobs = scope.detections.jobs_with(&pack.id);
            if !jobs.is_empty() {
                numbers.add_pack(scope, pack, &sel_of(&jobs));
            }
        }
        numbers
    }

    /// What the packs of a job measure; where two have the same KPI, the more specific one's.
    pub(super) fn of_job(
        &self,
        job: &str,
        found: &[(&Pack, &Detection)],
        range: Option<Range>,
    ) -> BTreeMap<String, KpiReport> {
        let mut kpis = BTreeMap::new();
        for (pack, _) in found {
            for kpi in &pack.kpis {
                let reports = self.kpis.get(&(pack.id.clone(), kpi.name.clone()));
                let report = reports.and_then(|reports| reports.get(job)).cloned();
                kpis.entry(kpi.name.clone())
                    .or_insert_with(|| report.unwrap_or_else(|| KpiReport::empty(kpi.unit, range)));
            }
        }
        kpis
    }

    pub(super) fn fact(&self, job: &str, name: &str) -> Option<f64> {
        self.facts.get(name)?.get(job).copied()
    }

    pub(super) fn property(&self, job: &str, name: &str) -> Option<String> {
        self.properties.get(name)?.get(job).cloned()
    }

    fn add_pack(&mut self, scope: &ServiceScope<'_>, pack: &Pack, sel: &str) {
        for kpi in &pack.kpis {
            let Some(expr) = filled(scope, &kpi.query, sel) else {
                continue;
            };
            let mut reports: ByJob<KpiReport> = HashMap::new();
            let empty = || KpiReport::empty(kpi.unit, scope.range);
            for (labels, value) in now(scope, &expr) {
                if let Some(job) = labels.get("job") {
                    reports.entry(job.to_owned()).or_insert_with(empty).now = finite(value);
                }
            }
            for (job, values) in scope
                .range
                .map(|r| over(scope, &expr, r))
                .unwrap_or_default()
            {
                reports.entry(job).or_insert_with(empty).values = Some(values);
            }
            self.kpis
                .insert((pack.id.clone(), kpi.name.clone()), reports);
        }
        for fact in &pack.facts {
            let expr = filled(scope, &fact.query, sel);
            let found = expr.map(|expr| now(scope, &expr)).unwrap_or_default();
            let facts = self.facts.entry(fact.name.clone()).or_default();
            for (labels, value) in found {
                let job = labels.get("job").map(str::to_owned);
                if let Some((job, value)) = job.zip(finite(value)) {
                    facts.entry(job).or_insert(value);
                }
            }
        }
        for query in pack.service_queries().filter(|q| !q.properties.is_empty()) {
            self.add_properties(scope, sel, query);
        }
    }

    fn add_properties(&mut self, scope: &ServiceScope<'_>, sel: &str, query: &EntityQuery) {
        let Some(expr) = filled(scope, &query.query, sel) else {
            return;
        };
        let rows = now(scope, &expr);
        for (name, choice) in &query.properties {
            // Two values at once are a deploy under way: both are told.
            let mut found: ByJob<BTreeSet<String>> = HashMap::new();
            for (labels, _) in &rows {
                let value = choice.of(|label| labels.get(label));
                if let Some((job, value)) = labels.get("job").zip(value) {
                    found
                        .entry(job.to_owned())
                        .or_default()
                        .insert(value.to_owned());
                }
            }
            let properties = self.properties.entry(name.clone()).or_default();
            for (job, values) in found {
                let values: Vec<String> = values.into_iter().collect();
                properties.entry(job).or_insert_with(|| values.join(", "));
            }
        }
    }
}

impl KpiReport {
    /// No number at any moment.
    fn empty(unit: Unit, range: Option<Range>) -> Self {
        let values = range.map(|range| vec![None; steps_of(range).count()]);
        Self {
            unit,
            now: None,
            values,
        }
    }
}

/// KPIs and facts are per job, so they name no variant.
fn filled(scope: &ServiceScope<'_>, query: &QueryText, sel: &str) -> Option<Expr> {
    let window = scope
        .range
        .map_or(scope.window, |range| range.step.max(scope.window));
    match query.expr(&query_scope(sel, window, &BTreeMap::new())) {
        Ok(expr) => Some(expr),
        Err(error) => {
            debug!(%error, query = query.as_str(), "a pack's query does not parse once filled");
            None
        }
    }
}

fn now(scope: &ServiceScope<'_>, expr: &Expr) -> Vec<(Labels, f64)> {
    let at = scope.range.map_or(scope.now, |range| range.end);
    match eval_instant(scope.snapshot, expr, at, &options()).map(|evaluated| evaluated.value) {
        Ok(Value::Vector(series)) => series
            .into_iter()
            .map(|series| (series.labels, series.sample.value))
            .collect(),
        Ok(Value::Scalar(_) | Value::String { .. } | Value::Matrix(_)) => Vec::new(),
        Err(error) => {
            debug!(%error, "a pack's query has no answer");
            Vec::new()
        }
    }
}

fn over(scope: &ServiceScope<'_>, expr: &Expr, range: Range) -> Vec<(String, Vec<Option<f64>>)> {
    let evaluated = eval_range(scope.snapshot, expr, range, &options());
    let Ok(Value::Matrix(matrix)) = evaluated.map(|evaluated| evaluated.value) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for series in matrix {
        let Some(job) = series.labels.get("job") else {
            continue;
        };
        let mut samples = series.samples.iter().peekable();
        let values = steps_of(range).map(|step| {
            let sample = samples.next_if(|sample| sample.timestamp == step)?;
            finite(sample.value)
        });
        found.push((job.to_owned(), values.collect()));
    }
    found
}

/// The moments of a range, both ends included where the step meets them.
pub(crate) fn steps_of(range: Range) -> impl Iterator<Item = Timestamp> {
    let step_ms = i64::try_from(range.step.as_millis())
        .unwrap_or(i64::MAX)
        .max(1);
    let n_steps = (range.end.as_millis() - range.start.as_millis()) / step_ms;
    (0..=n_steps).map(move |index| range.start.plus_millis(index * step_ms))
}

/// JSON has no NaN and no infinity: a ratio of nothing is a gap.
fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}
