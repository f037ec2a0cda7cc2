//! What there is to say of each service: state, sentence, KPIs, alerts.
//!
//! Each KPI is evaluated once for all services of its pack, so the cost grows with the packs and
//! not with the services. Pure: a snapshot and what the judge knows go in.

mod kpis;
mod state;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use diagnosis::pack::{Detection, Layer, Pack, QueryScope, Unit};
use diagnosis::rules::Alert;
use model::{METRIC_NAME, Matcher, Timestamp};
use promql::{EvalOptions, Limits, Range};
use store::Snapshot;

use super::Detections;

pub(crate) use self::kpis::steps_of;
pub(crate) use self::state::ServiceState;

/// Samples that all queries behind one answer may touch, each. A day of a thousand series,
/// scraped every five seconds, is 17 million; beyond, an answer comes too late to be looked at.
const SAMPLES_MAX: usize = 20_000_000;

/// Services in one answer; beyond, a list is no overview any more.
const SERVICES_MAX: usize = 10_000;

/// What a report is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServiceScope<'a> {
    pub(crate) packs: &'a [Pack],
    pub(crate) detections: &'a Detections,
    /// Pending and firing ones, of all services.
    pub(crate) alerts: &'a [Alert],
    pub(crate) targets: &'a [TargetFacts],
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) now: Timestamp,
    /// For the series of the KPIs; `None` leaves them out.
    pub(crate) range: Option<Range>,
    /// For `rate` and its like.
    pub(crate) window: Duration,
}

/// What a target says of its service.
#[derive(Clone, Debug, Default)]
pub(crate) struct TargetFacts {
    pub(crate) job: String,
    pub(crate) instance: String,
    /// `up`, `down`, `unknown`.
    pub(crate) health: &'static str,
    pub(crate) last_scrape: Option<Timestamp>,
    pub(crate) last_error: Option<String>,
    pub(crate) samples: usize,
    pub(crate) announced: Option<AnnouncedService>,
}

/// What a process group says of itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct AnnouncedService {
    pub(crate) framework: Option<String>,
    /// With its version: `python 3.12.1`.
    pub(crate) runtime: String,
    pub(crate) version: Option<String>,
    pub(crate) started: Timestamp,
    pub(crate) processes: usize,
}

/// One service.
#[derive(Clone, Debug)]
pub(crate) struct ServiceReport {
    pub(crate) name: String,
    pub(crate) nature: ServiceNature,
    /// Those that know more than that it is scraped, the most specific first.
    pub(crate) packs: Vec<String>,
    pub(crate) state: ServiceState,
    pub(crate) sentence: Option<String>,
    pub(crate) since: Option<Timestamp>,
    pub(crate) instances_up: usize,
    pub(crate) instances: usize,
    /// The gravest first.
    pub(crate) alerts: Vec<Alert>,
    pub(crate) kpis: BTreeMap<String, KpiReport>,
    pub(crate) note: Option<String>,
}

/// What a service is, as far as it can be told.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServiceNature {
    pub(crate) framework: Option<String>,
    pub(crate) runtime: Option<String>,
    /// Its own; two while a deploy is under way.
    pub(crate) version: Option<String>,
    pub(crate) workers: Option<u64>,
    /// When its newest process started.
    pub(crate) changed: Option<Timestamp>,
}

/// One number of one service.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct KpiReport {
    pub(crate) unit: Unit,
    pub(crate) now: Option<f64>,
    /// One a step of the range; `None` without a range.
    pub(crate) values: Option<Vec<Option<f64>>>,
}

/// The reports of all services, worst first, then by rate, then by name.
pub(crate) fn services(scope: &ServiceScope<'_>) -> Vec<ServiceReport> {
    let numbers = kpis::Numbers::of(scope);
    let mut reports: Vec<ServiceReport> = service_names(scope)
        .into_iter()
        .map(|name| report(scope, &numbers, name))
        .collect();
    let rate = |report: &ServiceReport| {
        let rate = report.kpis.get("rate").and_then(|kpi| kpi.now);
        rate.unwrap_or_default()
    };
    reports.sort_by(|a, b| {
        let by_state = a.state.cmp(&b.state);
        by_state
            .then(rate(b).total_cmp(&rate(a)))
            .then_with(|| a.name.cmp(&b.name))
    });
    reports
}

/// The report of one service; `None` when it has no target now and none in the range.
pub(crate) fn service(scope: &ServiceScope<'_>, name: &str) -> Option<ServiceReport> {
    let known = service_names(scope).contains(name);
    known.then(|| report(scope, &kpis::Numbers::of(scope), name.to_owned()))
}

/// The jobs that have a target now, or that have `up` samples in the range or its lookback.
fn service_names(scope: &ServiceScope<'_>) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = scope.targets.iter().map(|t| t.job.clone()).collect();
    let end = scope.range.map_or(scope.now, |range| range.end);
    let start = scope.range.map_or(end, |range| range.start);
    let from = start.minus(EvalOptions::default().lookback);
    let up = [Matcher::equal(METRIC_NAME, "up")];
    match scope.snapshot.select(&up, from, end, SAMPLES_MAX) {
        Ok(columns) => {
            let jobs = columns.iter().filter_map(|column| column.labels.get("job"));
            names.extend(jobs.map(str::to_owned));
        }
        // Too many samples: the store's listing costs none, but counts up to two hours before.
        Err(_) => {
            let listed = scope
                .snapshot
                .label_values("job", &up, from, end, SERVICES_MAX);
            names.extend(listed.map(|listed| listed.items).unwrap_or_default());
        }
    }
    names.remove("");
    names
}

fn report(scope: &ServiceScope<'_>, numbers: &kpis::Numbers, name: String) -> ServiceReport {
    let targets: Vec<&TargetFacts> = scope.targets.iter().filter(|t| t.job == name).collect();
    let mut found = packs_of(scope, &name);
    let kpis = numbers.of_job(&name, &found, scope.range);
    // What any target shows makes a service neither known nor unknown.
    found.retain(|(pack, _)| pack.layer != Layer::Scrape);
    let is_of = |alert: &&Alert| alert.labels.get("job") == Some(&name);
    let mut alerts: Vec<Alert> = scope.alerts.iter().filter(is_of).cloned().collect();
    alerts.sort_by_key(|alert| {
        (
            state::urgency(alert),
            alert.state.active_at(),
            alert.labels.clone(),
        )
    });
    let judged = state::judge(&state::Situation {
        name: &name,
        now: scope.now,
        window: scope.window,
        alerts: &alerts,
        kpis: &kpis,
        targets: &targets,
        has_pack: !found.is_empty(),
        down_since: || down_since(scope, &name),
    });
    let nature = nature(numbers, &name, &targets, &found);
    ServiceReport {
        packs: found.iter().map(|(pack, _)| pack.id.clone()).collect(),
        nature,
        state: judged.state,
        sentence: judged.sentence,
        since: judged.since,
        note: judged.note,
        instances_up: targets
            .iter()
            .filter(|target| target.health == "up")
            .count(),
        instances: targets.len(),
        alerts,
        kpis,
        name,
    }
}

/// What the series say of a service; where they are silent, what its processes announced.
fn nature(
    numbers: &kpis::Numbers,
    name: &str,
    targets: &[&TargetFacts],
    found: &[(&Pack, &Detection)],
) -> ServiceNature {
    let announced = || {
        targets
            .iter()
            .filter_map(|target| target.announced.as_ref())
    };
    let constant = |property: &str| constant_property(found, property);
    let runtime = announced().find_map(|facts| facts.runtime.split_whitespace().next());
    let processes: usize = announced().map(|facts| facts.processes).sum();
    let workers = numbers
        .fact(name, "workers")
        .map(|workers| workers.round() as u64);
    let started = announced().map(|facts| facts.started).max();
    let changed = numbers.fact(name, "changed").map(Timestamp::from_secs_f64);
    ServiceNature {
        framework: constant("framework")
            .or_else(|| announced().find_map(|facts| facts.framework.clone())),
        runtime: constant("runtime").or(runtime.map(str::to_owned)),
        version: numbers
            .property(name, "version")
            .or_else(|| announced().find_map(|facts| facts.version.clone())),
        workers: workers.or((processes > 0).then_some(processes as u64)),
        changed: changed.or(started),
    }
}

/// The packs that fit a job with what was detected, the most specific first.
pub(crate) fn packs_of<'a>(scope: &ServiceScope<'a>, job: &str) -> Vec<(&'a Pack, &'a Detection)> {
    let found = scope.detections.of(job).iter();
    found
        .filter_map(|detection| {
            let pack = scope.packs.iter().find(|pack| pack.id == detection.pack);
            Some((pack?, detection))
        })
        .collect()
}

fn constant_property(found: &[(&Pack, &Detection)], name: &str) -> Option<String> {
    let queries = found.iter().flat_map(|(pack, _)| pack.service_queries());
    let mut literals = queries.flat_map(|query| &query.literals);
    let found = literals.find(|(property, _)| property == name);
    found.map(|(_, value)| value.clone())
}

/// Since when no instance of a service has answered, as far as the last hour tells.
fn down_since(scope: &ServiceScope<'_>, job: &str) -> Option<Timestamp> {
    let matchers = [
        Matcher::equal(METRIC_NAME, "up"),
        Matcher::equal("job", job),
    ];
    let from = scope.now.minus(Duration::from_secs(60 * 60));
    let columns = scope
        .snapshot
        .select(&matchers, from, scope.now, SAMPLES_MAX)
        .ok()?;
    let mut since: Option<Timestamp> = None;
    for column in columns {
        let last_up = column.values.iter().rposition(|&value| value == 1.0);
        let first_down = column
            .timestamps
            .get(last_up.map_or(0, |index| index + 1))
            .copied();
        since = since.max(first_down);
    }
    since
}

/// PromQL matchers for some jobs.
pub(crate) fn sel_of(jobs: &[&str]) -> String {
    match jobs {
        [job] => Matcher::equal("job", *job).to_string(),
        jobs => {
            let names: Vec<String> = jobs.iter().map(|job| regex::escape(job)).collect();
            // Writing it as text needs no compiled regex.
            format!("job=~{:?}", names.join("|"))
        }
    }
}

fn options() -> EvalOptions {
    EvalOptions {
        limits: Limits {
            samples_max: SAMPLES_MAX,
            ..Limits::default()
        },
        ..EvalOptions::default()
    }
}

fn query_scope<'a>(
    sel: &'a str,
    window: Duration,
    variants: &'a BTreeMap<String, String>,
) -> QueryScope<'a> {
    QueryScope {
        sel,
        window,
        variants,
    }
}
