//! `services`: everything Home shows, in one answer, and one service with its dashboards
//! (docs/api.md, "Services").

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use diagnosis::pack::{Detection, KPI_ANNOTATION, Pack, Panel, QueryScope, Threshold};
use diagnosis::rules::Alert;
use model::{Matcher, Timestamp};
use promql::Range;
use serde::Serialize;

use super::answer::{Answer, ApiError, success};
use super::params::Params;
use crate::app::App;
use crate::judge::services::{
    self, AnnouncedService, KpiReport, ServiceReport, ServiceScope, TargetFacts,
};
use crate::targets::Target;

/// Points of a KPI's series. Home draws 120 pixels; a wide chart of one service has a thousand.
const STEPS_MAX: i64 = 2_000;

/// Shortest window of a rate; the default is four scrapes, as long as that is more.
const WINDOW_MIN: Duration = Duration::from_secs(60);

/// Mounted under `/api/v1`.
pub(crate) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/services", get(all))
        .route("/services/{name}", get(one))
}

/// `GET /api/v1/services`.
#[derive(Serialize)]
struct ServicesJson<'a> {
    services: Vec<ServiceJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    steps_ms: Option<Vec<i64>>,
    scrape_interval_s: f64,
}

#[derive(Serialize)]
struct ServiceJson<'a> {
    name: &'a str,
    framework: Option<&'a str>,
    runtime: Option<&'a str>,
    version: Option<&'a str>,
    packs: &'a [String],
    state: &'static str,
    sentence: Option<&'a str>,
    since_ms: Option<i64>,
    instances: InstancesJson,
    workers: Option<u64>,
    changed_ms: Option<i64>,
    alerts: Vec<ServiceAlertJson<'a>>,
    kpis: BTreeMap<&'a str, KpiJson<'a>>,
    note: Option<&'a str>,
}

#[derive(Serialize)]
struct InstancesJson {
    up: usize,
    total: usize,
}

#[derive(Serialize)]
struct ServiceAlertJson<'a> {
    name: &'a str,
    severity: &'a str,
    state: &'static str,
    active_at_ms: Option<i64>,
    summary: Option<&'a str>,
    kpi: Option<&'a str>,
    value: Option<f64>,
}

#[derive(Serialize)]
struct KpiJson<'a> {
    unit: &'static str,
    now: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<&'a [Option<f64>]>,
}

/// `GET /api/v1/services/<name>`.
#[derive(Serialize)]
struct ServiceDetailJson<'a> {
    service: ServiceJson<'a>,
    instances: Vec<InstanceJson<'a>>,
    detections: Vec<DetectionJson<'a>>,
    dashboards: Vec<DashboardJson<'a>>,
}

#[derive(Serialize)]
struct InstanceJson<'a> {
    instance: &'a str,
    health: &'static str,
    last_scrape_ms: Option<i64>,
    last_error: Option<&'a str>,
    samples: usize,
}

#[derive(Serialize)]
struct DetectionJson<'a> {
    pack: &'a str,
    title: &'a str,
    why: &'a str,
    variants: &'a BTreeMap<String, String>,
    /// `real`, or `reference` where the pack was not tried with the software itself.
    verified: &'static str,
}

#[derive(Serialize)]
struct DashboardJson<'a> {
    id: String,
    title: &'a str,
    rows: Vec<RowJson<'a>>,
}

#[derive(Serialize)]
struct RowJson<'a> {
    title: &'a str,
    panels: Vec<PanelJson<'a>>,
}

#[derive(Serialize)]
struct PanelJson<'a> {
    id: &'a str,
    title: &'a str,
    help: &'a str,
    r#type: &'static str,
    unit: &'static str,
    width: usize,
    stack: bool,
    from_zero: bool,
    thresholds: Vec<ThresholdJson<'a>>,
    queries: Vec<QueryJson>,
}

#[derive(Serialize)]
struct ThresholdJson<'a> {
    value: f64,
    severity: &'a str,
    name: &'a str,
}

#[derive(Serialize)]
struct QueryJson {
    expr: String,
    legend: String,
    instant: bool,
}

async fn all(State(app): State<Arc<App>>, params: Params) -> Answer {
    let range = range_of(&params)?;
    let interval = app.settings.scrape_interval;
    let seen = Seen::of(&app);
    let running = Arc::clone(&app);
    let reports = app.queries.lookup(move |snapshot| {
        let window = window_of(interval);
        Ok(services::services(&seen.scope(
            &running.judge.packs(),
            snapshot,
            range,
            window,
        )))
    });
    services_answer(&reports.await?, range, interval)
}

async fn one(State(app): State<Arc<App>>, Path(name): Path<String>, params: Params) -> Answer {
    let window = params
        .duration("window")?
        .filter(|window| !window.is_zero());
    let window = window.unwrap_or_else(|| window_of(app.settings.scrape_interval));
    let seen = Arc::new(Seen::of(&app));
    let packs = app.judge.packs();
    let (judged, looking, wanted) = (Arc::clone(&packs), Arc::clone(&seen), name.clone());
    let report = app.queries.lookup(move |snapshot| {
        let scope = looking.scope(&judged, snapshot, None, window);
        Ok(services::service(&scope, &wanted))
    });
    let report = report.await?.ok_or_else(|| {
        ApiError::not_found(format!(
            "there is no service {name:?} now; see /api/v1/services"
        ))
    })?;
    let packs: Vec<(&Pack, &Detection)> = seen
        .detections
        .of(&name)
        .iter()
        .filter_map(|detection| {
            let pack = packs.iter().find(|pack| pack.id == detection.pack)?;
            Some((pack, detection))
        })
        .collect();
    service_answer(&report, &seen.targets, &packs, window)
}

/// What the server knows apart from the store, at one moment.
struct Seen {
    detections: Arc<crate::judge::Detections>,
    alerts: Vec<Alert>,
    targets: Vec<TargetFacts>,
    now: Timestamp,
}

impl Seen {
    fn of(app: &App) -> Self {
        Self {
            detections: app.judge.detections(),
            alerts: app.judge.alerts(),
            targets: app
                .targets
                .active()
                .iter()
                .map(|target| facts_of(target))
                .collect(),
            now: app.clock.now(),
        }
    }

    fn scope<'a>(
        &'a self,
        packs: &'a [Pack],
        snapshot: &'a store::Snapshot,
        range: Option<Range>,
        window: Duration,
    ) -> ServiceScope<'a> {
        ServiceScope {
            packs,
            detections: &self.detections,
            alerts: &self.alerts,
            targets: &self.targets,
            snapshot,
            now: self.now,
            range,
            window,
        }
    }
}

fn facts_of(target: &Target) -> TargetFacts {
    let status = target.status();
    TargetFacts {
        job: target.service().to_owned(),
        instance: target.instance().to_owned(),
        health: status.health.as_str(),
        last_scrape: status.last_scrape,
        last_error: status.error,
        samples: status.samples,
        announced: target.announced().map(|facts| AnnouncedService {
            framework: facts.framework,
            runtime: facts.runtime,
            version: facts.version,
            started: facts.started,
            processes: facts.processes,
        }),
    }
}

/// All three parameters or none.
fn range_of(params: &Params) -> Result<Option<Range>, ApiError> {
    let range = (
        params.time("start")?,
        params.time("end")?,
        params.duration("step")?,
    );
    let (start, end, step) = match range {
        (None, None, None) => return Ok(None),
        (Some(start), Some(end), Some(step)) => (start, end, step),
        _ => {
            return Err(ApiError::bad_data(
                "start, end and step are given together or not at all",
            ));
        }
    };
    if end < start {
        return Err(ApiError::bad_data(
            "end timestamp must not be before start time",
        ));
    }
    let step_ms = i64::try_from(step.as_millis()).unwrap_or(i64::MAX);
    if step_ms == 0 {
        return Err(ApiError::bad_data("step must be at least a millisecond"));
    }
    let span_ms = end.as_millis().saturating_sub(start.as_millis());
    if span_ms / step_ms >= STEPS_MAX {
        return Err(ApiError::bad_data(format!(
            "more than {STEPS_MAX} points a series; take a longer step"
        )));
    }
    Ok(Some(Range { start, end, step }))
}

/// A rate needs two samples; four keep it steady when one is missed.
fn window_of(scrape_interval: Duration) -> Duration {
    WINDOW_MIN.max(scrape_interval * 4)
}

pub(crate) fn services_answer(
    reports: &[ServiceReport],
    range: Option<Range>,
    scrape_interval: Duration,
) -> Answer {
    let steps = range.map(services::steps_of);
    success(&ServicesJson {
        services: reports.iter().map(service_json).collect(),
        steps_ms: steps.map(|steps| steps.map(Timestamp::as_millis).collect()),
        scrape_interval_s: scrape_interval.as_secs_f64(),
    })
}

pub(crate) fn service_answer(
    report: &ServiceReport,
    targets: &[TargetFacts],
    packs: &[(&Pack, &Detection)],
    window: Duration,
) -> Answer {
    let instances = targets.iter().filter(|target| target.job == report.name);
    let detections = packs.iter().map(|(pack, detection)| DetectionJson {
        pack: &pack.id,
        title: &pack.title,
        why: &detection.why,
        variants: &detection.variants,
        verified: pack.verified.name(),
    });
    success(&ServiceDetailJson {
        service: service_json(report),
        instances: instances.map(instance_json).collect(),
        detections: detections.collect(),
        dashboards: dashboards_json(&report.name, packs, window),
    })
}

fn service_json(report: &ServiceReport) -> ServiceJson<'_> {
    let kpis = report
        .kpis
        .iter()
        .map(|(name, kpi)| (name.as_str(), kpi_json(kpi)));
    let alerts = report.alerts.iter();
    let alerts = alerts.map(|alert| alert_json(alert, &report.kpis));
    ServiceJson {
        name: &report.name,
        framework: report.nature.framework.as_deref(),
        runtime: report.nature.runtime.as_deref(),
        version: report.nature.version.as_deref(),
        packs: &report.packs,
        state: report.state.as_str(),
        sentence: report.sentence.as_deref(),
        since_ms: report.since.map(Timestamp::as_millis),
        instances: InstancesJson {
            up: report.instances_up,
            total: report.instances,
        },
        workers: report.nature.workers,
        changed_ms: report.nature.changed.map(Timestamp::as_millis),
        alerts: alerts.collect(),
        kpis: kpis.collect(),
        note: report.note.as_deref(),
    }
}

fn kpi_json(kpi: &KpiReport) -> KpiJson<'_> {
    KpiJson {
        unit: kpi.unit.name(),
        now: kpi.now,
        values: kpi.values.as_deref(),
    }
}

fn alert_json<'a>(alert: &'a Alert, kpis: &BTreeMap<String, KpiReport>) -> ServiceAlertJson<'a> {
    let annotation = |wanted: &str| {
        let mut annotations = alert.annotations.iter();
        let found = annotations.find(|(name, _)| name == wanted);
        found.map(|(_, text)| text.as_str())
    };
    ServiceAlertJson {
        name: alert.labels.get("alertname").unwrap_or_default(),
        severity: alert.labels.get("severity").unwrap_or_default(),
        state: alert.state.name(),
        active_at_ms: alert.state.active_at().map(Timestamp::as_millis),
        summary: annotation("summary"),
        kpi: annotation(KPI_ANNOTATION).filter(|name| kpis.contains_key(*name)),
        value: alert.value.is_finite().then_some(alert.value),
    }
}

fn instance_json(target: &TargetFacts) -> InstanceJson<'_> {
    InstanceJson {
        instance: &target.instance,
        health: target.health,
        last_scrape_ms: target.last_scrape.map(Timestamp::as_millis),
        last_error: target.last_error.as_deref(),
        samples: target.samples,
    }
}

fn dashboards_json<'a>(
    job: &str,
    packs: &[(&'a Pack, &Detection)],
    window: Duration,
) -> Vec<DashboardJson<'a>> {
    let sel = Matcher::equal("job", job).to_string();
    let mut shown = Vec::new();
    for (pack, detection) in packs {
        // What could not be told yet takes its usual name: the query then finds nothing, as it
        // should before the first request, and is right from the first one on.
        let mut variants = detection.variants.clone();
        for variant in &pack.variants {
            if let Some(usual) = variant.first_of.first() {
                variants
                    .entry(variant.name.clone())
                    .or_insert_with(|| usual.clone());
            }
        }
        let scope = QueryScope {
            sel: &sel,
            window,
            variants: &variants,
        };
        shown.extend(pack.dashboards.iter().map(|dashboard| {
            DashboardJson {
                id: format!("{}/{}", pack.id, dashboard.id),
                title: &dashboard.title,
                rows: dashboard
                    .rows
                    .iter()
                    .map(|row| RowJson {
                        title: &row.title,
                        panels: row
                            .panels
                            .iter()
                            .map(|panel| panel_json(panel, &scope, |t| pack.threshold(t, job)))
                            .collect(),
                    })
                    .collect(),
            }
        }));
    }
    shown
}

fn panel_json<'a>(
    panel: &'a Panel,
    scope: &QueryScope<'_>,
    value_of: impl Fn(&Threshold) -> f64,
) -> PanelJson<'a> {
    let thresholds = panel.thresholds.iter().map(|threshold| ThresholdJson {
        value: value_of(threshold),
        severity: &threshold.severity,
        name: &threshold.name,
    });
    let queries = panel.queries.iter().map(|query| QueryJson {
        expr: query.query.filled(scope),
        legend: query.legend.filled(scope),
        instant: query.instant,
    });
    PanelJson {
        id: &panel.id,
        title: &panel.title,
        help: &panel.help,
        r#type: panel.panel_type.name(),
        unit: panel.unit.name(),
        width: panel.width,
        stack: panel.stack,
        from_zero: panel.from_zero,
        thresholds: thresholds.collect(),
        queries: queries.collect(),
    }
}

#[cfg(test)]
pub(super) mod tests;
