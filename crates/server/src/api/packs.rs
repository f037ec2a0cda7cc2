//! `packs`: the curated library, where each pack was found and what its alerts can say there
//! (docs/api.md, "Packs").

mod coverage;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use diagnosis::pack::{Detection, Evidence, Override, Pack, Parameter};
use diagnosis::rules::Alert;
use model::Timestamp;
use serde::Serialize;

use self::coverage::{Coverage, PackAlert, Standing, alerts_of};
use super::answer::{Answer, ApiError, success};
use crate::app::App;
use crate::judge::Detections;

/// Mounted under `/api/v1`.
pub(crate) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/packs", get(all))
        .route("/packs/{id}", get(one))
}

/// `GET /api/v1/packs`.
#[derive(Serialize)]
struct PacksJson<'a> {
    packs: Vec<PackJson<'a>>,
    /// All services, for those that no pack but `target` knows.
    services: BTreeSet<&'a str>,
    /// Whether packs are judged at all (`--no-packs`).
    judged: bool,
}

#[derive(Serialize)]
struct PackJson<'a> {
    id: &'a str,
    title: &'a str,
    version: &'a str,
    layer: &'static str,
    tier: u8,
    /// `real` or `reference`: whether the real software was there when it was made.
    verified: &'static str,
    looks_for: LooksForJson<'a>,
    /// Those in which it was found.
    services: Vec<PackServiceJson<'a>>,
    /// Alerts that the pack has.
    alerts: usize,
    dashboards: Vec<DashboardJson<'a>>,
}

#[derive(Serialize)]
struct LooksForJson<'a> {
    any: Vec<EvidenceJson<'a>>,
    all: Vec<EvidenceJson<'a>>,
}

#[derive(Serialize)]
struct EvidenceJson<'a> {
    metric: &'a str,
    labels: BTreeMap<&'a str, &'a str>,
}

#[derive(Serialize)]
struct PackServiceJson<'a> {
    service: &'a str,
    /// The series that showed it.
    why: &'a str,
    variants: &'a BTreeMap<String, String>,
    /// Alerts by how they stand; their sum is all of the pack's.
    armed: usize,
    needs_data: usize,
    not_evaluable: usize,
    off: usize,
    /// Instances of alerts, of those that are armed.
    firing: usize,
    pending: usize,
    /// The gravest of those that fire, or else of those that are pending.
    severity: Option<&'a str>,
}

#[derive(Serialize)]
struct DashboardJson<'a> {
    id: String,
    title: &'a str,
    panels: usize,
}

/// `GET /api/v1/packs/<id>`.
#[derive(Serialize)]
struct PackDetailJson<'a> {
    pack: PackJson<'a>,
    judged: bool,
    provenance: &'a [String],
    parameters: Vec<ParameterJson<'a>>,
    overrides: Vec<OverrideJson<'a>>,
    conditional: Vec<ConditionalJson<'a>>,
    kpis: Vec<KpiJson<'a>>,
    alerts: Vec<AlertJson<'a>>,
}

#[derive(Serialize)]
struct ParameterJson<'a> {
    name: &'a str,
    title: &'a str,
    unit: &'static str,
    default: f64,
    min: f64,
    max: f64,
    /// What is in force where no narrower override says something else.
    value: f64,
}

/// What a user changed, in the order of the file: the later one wins.
#[derive(Serialize)]
struct OverrideJson<'a> {
    line: usize,
    /// All alerts of the pack if `None`.
    alert: Option<&'a str>,
    /// Matchers of the series that it is about; empty for all.
    r#where: String,
    set: BTreeMap<&'a str, f64>,
    off: Option<bool>,
}

#[derive(Serialize)]
struct ConditionalJson<'a> {
    metric: &'a str,
    reason: &'a str,
}

#[derive(Serialize)]
struct KpiJson<'a> {
    name: &'a str,
    unit: &'static str,
    /// With its places unfilled, as the pack has it.
    query: &'a str,
}

#[derive(Serialize)]
struct AlertJson<'a> {
    name: &'a str,
    severity: Option<&'a str>,
    kind: Option<&'a str>,
    query: String,
    /// `for`, in seconds.
    hold_s: f64,
    keep_firing_for_s: f64,
    /// A template.
    summary: Option<&'a str>,
    /// Markdown.
    runbook: Option<&'a str>,
    /// What it reads.
    metrics: Vec<&'a str>,
    services: Vec<AlertServiceJson<'a>>,
}

#[derive(Serialize)]
struct AlertServiceJson<'a> {
    service: &'a str,
    /// `armed`, `needs_data`, `not_evaluable`, `off`.
    state: &'static str,
    reason: Option<String>,
    needs_data_until_ms: Option<i64>,
    firing: usize,
    pending: usize,
}

async fn all(State(app): State<Arc<App>>) -> Answer {
    let library = Library::of(&app, None).await?;
    packs_answer(&library)
}

async fn one(State(app): State<Arc<App>>, Path(id): Path<String>) -> Answer {
    let library = Library::of(&app, Some(id.clone())).await?;
    pack_answer(&library, &id)
}

/// Everything that the answers need, so that tests need no server.
pub(crate) struct Library {
    pub(crate) packs: Arc<Vec<Pack>>,
    pub(crate) detections: Arc<Detections>,
    pub(crate) alerts: Vec<Alert>,
    /// The jobs that have a target now.
    pub(crate) jobs: Vec<String>,
    pub(crate) coverage: Coverage,
    pub(crate) judged: bool,
}

impl Library {
    /// Looks at the metrics of the packs that were found; of one pack if `id` names it.
    async fn of(app: &Arc<App>, id: Option<String>) -> Result<Self, ApiError> {
        let detections = app.judge.detections();
        let packs = app.judge.packs();
        let (looked_for, found) = (Arc::clone(&packs), Arc::clone(&detections));
        let (now, lookback) = (app.clock.now(), app.queries.limits().lookback);
        let coverage = app.queries.lookup(move |snapshot| {
            let packs = looked_for.iter();
            let wanted = packs.filter(|pack| id.as_ref().is_none_or(|id| *id == pack.id));
            Coverage::find(wanted, &found, snapshot, now.minus(lookback), now)
        });
        let targets = app.targets.active();
        Ok(Self {
            packs,
            coverage: coverage.await?,
            detections,
            alerts: app.judge.alerts(),
            jobs: targets.iter().map(|t| t.service().to_owned()).collect(),
            judged: app.settings.packs,
        })
    }

    /// Where a pack was found, by name of the service.
    fn found(&self, pack: &Pack) -> Vec<(&str, &Detection)> {
        let jobs = self.detections.jobs_with(&pack.id).into_iter();
        let detection_of = |job: &str| {
            let mut detections = self.detections.of(job).iter();
            detections.find(|detection| detection.pack == pack.id)
        };
        jobs.filter_map(|job| Some((job, detection_of(job)?)))
            .collect()
    }

    /// How many of an alert's instances fire and are pending for a job.
    fn raised(&self, pack: &Pack, name: &str, job: &str) -> (usize, usize) {
        let of_alert = |alert: &&Alert| {
            let is = |label: &str, value: &str| alert.labels.get(label) == Some(value);
            is("alertname", name) && is("pack", &pack.id) && is("job", job)
        };
        let in_state = |state: &str| {
            let alerts = self.alerts.iter().filter(of_alert);
            alerts.filter(|alert| alert.state.name() == state).count()
        };
        (in_state("firing"), in_state("pending"))
    }
}

pub(crate) fn packs_answer(library: &Library) -> Answer {
    let mut services: BTreeSet<&str> = library.jobs.iter().map(String::as_str).collect();
    for pack in library.packs.iter() {
        services.extend(library.detections.jobs_with(&pack.id));
    }
    success(&PacksJson {
        packs: library
            .packs
            .iter()
            .map(|pack| pack_json(library, pack))
            .collect(),
        services,
        judged: library.judged,
    })
}

pub(crate) fn pack_answer(library: &Library, id: &str) -> Answer {
    let pack = library.packs.iter().find(|pack| pack.id == id);
    let pack = pack.ok_or_else(|| {
        ApiError::not_found(format!("there is no pack {id:?}; see /api/v1/packs"))
    })?;
    let found = library.found(pack);
    let conditional = pack.conditional.iter();
    let kpis = pack.kpis.iter().map(|kpi| KpiJson {
        name: &kpi.name,
        unit: kpi.unit.name(),
        query: kpi.query.as_str(),
    });
    let alerts = alerts_of(pack);
    let alerts = alerts.iter().map(|alert| AlertJson {
        services: found
            .iter()
            .map(|(job, _)| alert_service_json(library, pack, alert, job))
            .collect(),
        ..alert_json(pack, alert)
    });
    let parameters = pack.parameters.iter();
    success(&PackDetailJson {
        pack: pack_json(library, pack),
        judged: library.judged,
        provenance: &pack.provenance,
        parameters: parameters.map(|p| parameter_json(pack, p)).collect(),
        overrides: pack.overrides.iter().map(override_json).collect(),
        conditional: conditional
            .map(|(metric, reason)| ConditionalJson { metric, reason })
            .collect(),
        kpis: kpis.collect(),
        alerts: alerts.collect(),
    })
}

fn parameter_json<'a>(pack: &Pack, parameter: &'a Parameter) -> ParameterJson<'a> {
    let set = |entry: &Override| {
        let mut set = entry.set.iter();
        let found = set.find(|(name, _)| *name == parameter.name);
        found.map(|(_, value)| *value)
    };
    let for_all = |entry: &&Override| entry.alert.is_none() && entry.scope.is_all();
    let value = pack.overrides.iter().filter(for_all).rev().find_map(set);
    ParameterJson {
        name: &parameter.name,
        title: &parameter.title,
        unit: parameter.unit.name(),
        default: parameter.default,
        min: parameter.min,
        max: parameter.max,
        value: value.unwrap_or(parameter.default),
    }
}

fn override_json(entry: &Override) -> OverrideJson<'_> {
    let set = entry.set.iter();
    OverrideJson {
        line: entry.line,
        alert: entry.alert.as_deref(),
        r#where: entry.scope.to_string(),
        set: set.map(|(name, value)| (name.as_str(), *value)).collect(),
        off: entry.off,
    }
}

fn pack_json<'a>(library: &'a Library, pack: &'a Pack) -> PackJson<'a> {
    let evidence = |evidence: &'a [Evidence]| evidence.iter().map(evidence_json).collect();
    let found = library.found(pack).into_iter();
    PackJson {
        id: &pack.id,
        title: &pack.title,
        version: &pack.version,
        layer: pack.layer.name(),
        tier: pack.tier,
        verified: pack.verified.name(),
        looks_for: LooksForJson {
            any: evidence(&pack.detect.any),
            all: evidence(&pack.detect.all),
        },
        services: found
            .map(|(job, detection)| service_json(library, pack, job, detection))
            .collect(),
        alerts: alerts_of(pack).len(),
        dashboards: pack
            .dashboards
            .iter()
            .map(|dashboard| DashboardJson {
                id: format!("{}/{}", pack.id, dashboard.id),
                title: &dashboard.title,
                panels: dashboard.rows.iter().map(|row| row.panels.len()).sum(),
            })
            .collect(),
    }
}

fn evidence_json(evidence: &Evidence) -> EvidenceJson<'_> {
    let labels = evidence.labels.iter();
    EvidenceJson {
        metric: &evidence.metric,
        labels: labels.map(|(n, v)| (n.as_str(), v.as_str())).collect(),
    }
}

fn service_json<'a>(
    library: &Library,
    pack: &'a Pack,
    job: &'a str,
    detection: &'a Detection,
) -> PackServiceJson<'a> {
    let mut json = PackServiceJson {
        service: job,
        why: &detection.why,
        variants: &detection.variants,
        armed: 0,
        needs_data: 0,
        not_evaluable: 0,
        off: 0,
        firing: 0,
        pending: 0,
        severity: None,
    };
    let mut gravest = None;
    for alert in alerts_of(pack) {
        match library
            .coverage
            .standing(&library.detections, pack, &alert, job)
        {
            Standing::Armed => json.armed += 1,
            Standing::NeedsData(_) => json.needs_data += 1,
            Standing::NotEvaluable(_) => json.not_evaluable += 1,
            Standing::Off => json.off += 1,
        }
        let (firing, pending) = library.raised(pack, &alert.alerting.name, job);
        json.firing += firing;
        json.pending += pending;
        if firing + pending > 0 {
            let severity = alert.rule().label("severity").unwrap_or_default();
            let gravity = (firing > 0, gravity_of(severity));
            if gravest.is_none_or(|(before, _)| gravity > before) {
                gravest = Some((gravity, severity));
            }
        }
    }
    json.severity = gravest.map(|(_, severity)| severity);
    json
}

/// Packs know three severities; `info` is the least.
fn gravity_of(severity: &str) -> u8 {
    match severity {
        "critical" => 2,
        "warning" => 1,
        _ => 0,
    }
}

fn alert_json<'a>(pack: &'a Pack, alert: &PackAlert<'a>) -> AlertJson<'a> {
    let (rule, alerting) = (alert.rule(), alert.alerting);
    let mut annotations = alerting.annotations.iter();
    let summary = annotations.find(|(name, _)| name == "summary");
    AlertJson {
        name: &alerting.name,
        severity: rule.label("severity"),
        kind: rule.label("kind"),
        query: rule.expr.to_string(),
        hold_s: alerting.hold.as_secs_f64(),
        keep_firing_for_s: alerting.keep_firing_for.as_secs_f64(),
        summary: summary.map(|(_, text)| text.as_str()),
        runbook: pack.runbooks.get(&alerting.name).map(String::as_str),
        metrics: rule.metrics(),
        services: Vec::new(),
    }
}

fn alert_service_json<'a>(
    library: &Library,
    pack: &Pack,
    alert: &PackAlert<'_>,
    job: &'a str,
) -> AlertServiceJson<'a> {
    let coverage = &library.coverage;
    let standing = coverage.standing(&library.detections, pack, alert, job);
    let (state, reason, until) = match standing {
        Standing::Armed => ("armed", None, None),
        Standing::NeedsData(until) => ("needs_data", None, Some(until)),
        Standing::NotEvaluable(reason) => ("not_evaluable", Some(reason), None),
        Standing::Off => ("off", None, None),
    };
    let (firing, pending) = library.raised(pack, &alert.alerting.name, job);
    AlertServiceJson {
        service: job,
        state,
        reason,
        needs_data_until_ms: until.map(Timestamp::as_millis),
        firing,
        pending,
    }
}

#[cfg(test)]
mod tests;
