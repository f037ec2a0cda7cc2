//! `GET /api/v1/entity`: everything about one entity.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use diagnosis::graph::{Entity, EntityId, EntityKey, Graph};
use diagnosis::kpi::KpiKind;
use diagnosis::pack::{Good, Kpi, Pack, QueryScope};
use model::{Labels, Matcher, Timestamp};
use promql::{EvalOptions, Value, eval_instant};
use serde::Serialize;
use store::Snapshot;

use super::json::{EntityJson, RelationJson};
use super::{Seen, around, relations_json};
use crate::api::answer::{Answer, ApiError, success};
use crate::api::params::Params;
use crate::app::App;
use crate::judge::Detections;
use crate::judge::services::sel_of;

#[derive(Serialize)]
struct EntityDetailJson<'a> {
    time: String,
    entity: EntityJson<'a>,
    relations: Vec<RelationJson>,
    /// What is at the other ends of the relations.
    neighbours: Vec<EntityJson<'a>>,
    kpis: Vec<KpiJson>,
    dashboards: Vec<DashboardJson>,
    why: Vec<WhyJson<'a>>,
}

#[derive(Serialize)]
pub(super) struct KpiJson {
    name: String,
    unit: &'static str,
    good: Option<&'static str>,
    query: String,
    value: Option<f64>,
}

#[derive(Serialize)]
pub(super) struct DashboardJson {
    pack: String,
    id: String,
    title: String,
    job: String,
}

#[derive(Serialize)]
struct WhyJson<'a> {
    rule: &'a str,
    series: String,
}

pub(super) async fn one(State(app): State<Arc<App>>, params: Params) -> Answer {
    let seen = Seen::of(&app, &params).await?;
    let id = wanted(seen.graph(), &params)?;
    let job = job_of(seen.graph().entity(id)).map(str::to_owned);
    // Numbers of one job are not those of its database or route.
    let is_service = seen.graph().entity(id).key.kind.name() == "service";
    let (packs, detections) = (app.judge.packs(), app.judge.detections());
    let dashboards = job
        .as_deref()
        .map(|job| dashboards(&packs, &detections, job));
    let at = params.time("time")?.unwrap_or_else(|| app.clock.now());
    let key = seen.graph().entity(id).key.clone();
    let look = move |snapshot: &Snapshot| {
        let written = written_kpis(&key, snapshot, at);
        Ok(match job.filter(|_| is_service && written.is_empty()) {
            None => written,
            Some(job) => kpis(&packs, &detections, &job, snapshot, at),
        })
    };
    let kpis = app.queries.lookup(look).await?;
    entity_answer(&seen, id, kpis, dashboards.unwrap_or_default())
}

/// By `type`, `name` and labels of the scope; those may be left out where no other has the name.
fn wanted(graph: &Graph, params: &Params) -> Result<EntityId, ApiError> {
    let need = |name: &str| {
        let value = params.get(name);
        value.ok_or_else(|| ApiError::bad_data(format!("the parameter {name:?} is missing")))
    };
    let (kind, name) = (need("type")?, need("name")?);
    let scope = params.pairs();
    let scope = scope.filter(|(name, _)| !["type", "name", "time"].contains(name));
    let scope = Labels::new(scope)
        .map_err(|error| ApiError::bad_data(format!("invalid scope: {error}")))?;
    let key = EntityKey::new(kind, name).scoped(scope);
    match graph.id(&key) {
        Some(id) => Ok(id),
        None if key.scope.is_empty() => super::find(graph, &key.to_string()),
        None => Err(ApiError::not_found(format!(
            "there is no entity {key} at this time; see /api/v1/entities"
        ))),
    }
}

/// The job that an entity is, or is of.
fn job_of(entity: &Entity) -> Option<&str> {
    let scope = &entity.key.scope;
    match entity.key.kind.name() {
        "service" => Some(&entity.key.name),
        _ => scope.get("job").or_else(|| scope.get("service")),
    }
}

pub(super) fn entity_answer(
    seen: &Seen,
    id: EntityId,
    kpis: Vec<KpiJson>,
    dashboards: Vec<DashboardJson>,
) -> Answer {
    let part = around(seen.graph(), id);
    let others = part.entities.iter().filter(|other| **other != id);
    let why = seen.related.why.get(&id).into_iter().flatten();
    success(&EntityDetailJson {
        time: crate::api::time::format_rfc3339(seen.at),
        entity: EntityJson::new(seen, id),
        relations: relations_json(seen.graph(), &part.relations),
        neighbours: others.map(|other| EntityJson::new(seen, *other)).collect(),
        kpis,
        dashboards,
        why: why
            .map(|(rule, series)| WhyJson {
                rule,
                series: series.to_string(),
            })
            .collect(),
    })
}

fn packs_of<'a>(packs: &'a [Pack], detections: &'a Detections, job: &str) -> Vec<&'a Pack> {
    let found = detections.of(job).iter();
    let known = found.filter_map(|found| packs.iter().find(|pack| pack.id == found.pack));
    known.collect()
}

pub(super) fn dashboards(packs: &[Pack], detections: &Detections, job: &str) -> Vec<DashboardJson> {
    let found = packs_of(packs, detections, job);
    let shown = found.into_iter().flat_map(|pack| {
        pack.dashboards.iter().map(|dashboard| DashboardJson {
            pack: pack.id.clone(),
            id: format!("{}/{}", pack.id, dashboard.id),
            title: dashboard.title.clone(),
            job: job.to_owned(),
        })
    });
    shown.collect()
}

/// The KPIs that were judged for an entity, from their series.
pub(super) fn written_kpis(key: &EntityKey, snapshot: &Snapshot, at: Timestamp) -> Vec<KpiJson> {
    let own = [("entity_type", key.kind.name()), ("entity", &key.name)];
    let own = own.into_iter().chain(key.scope.iter());
    let own: Vec<String> = own
        .map(|(name, value)| Matcher::equal(name, value).to_string())
        .collect();
    let selector = format!("pyrometer:kpi{{{}}}", own.join(","));
    let expr = promql::parse(&selector).ok();
    let options = EvalOptions::default();
    let found = expr.and_then(|expr| eval_instant(snapshot, &expr, at, &options).ok());
    let Some(Value::Vector(rows)) = found.map(|evaluated| evaluated.value) else {
        return Vec::new();
    };
    // A further label is a scope of something smaller.
    let n_labels = own.len() + 2;
    let mut kpis = Vec::new();
    for row in rows.iter().filter(|row| row.labels.len() == n_labels) {
        let Some(kind) = row.labels.get("kpi").and_then(KpiKind::parse) else {
            continue;
        };
        kpis.push(KpiJson {
            name: kind.name(),
            unit: kind.unit().name(),
            good: good_of(&kind),
            query: row.labels.to_string(),
            value: Some(row.sample.value).filter(|value| value.is_finite()),
        });
    }
    kpis
}

fn good_of(kind: &KpiKind) -> Option<&'static str> {
    match kind {
        KpiKind::ErrorRatio
        | KpiKind::ClientErrorRatio
        | KpiKind::LatencyAverage
        | KpiKind::LatencyQuantile(_)
        | KpiKind::Saturation(_) => Some("low"),
        KpiKind::Up => Some("high"),
        KpiKind::RequestRate | KpiKind::Resource(_) => None,
    }
}

/// Rates of now need two samples, of whoever is scraped once a minute too.
const WINDOW: Duration = Duration::from_secs(5 * 60);

/// What the packs of a job measure; where two have the same KPI, the more specific one's.
pub(super) fn kpis(
    packs: &[Pack],
    detections: &Detections,
    job: &str,
    snapshot: &Snapshot,
    at: Timestamp,
) -> Vec<KpiJson> {
    let mut found: Vec<KpiJson> = Vec::new();
    for pack in packs_of(packs, detections, job) {
        for kpi in &pack.kpis {
            if !found.iter().any(|known| known.name == kpi.name) {
                found.push(one_kpi(kpi, job, snapshot, at));
            }
        }
    }
    found
}

fn one_kpi(kpi: &Kpi, job: &str, snapshot: &Snapshot, at: Timestamp) -> KpiJson {
    let none = std::collections::BTreeMap::new();
    let scope = QueryScope {
        sel: &sel_of(&[job]),
        window: WINDOW,
        variants: &none,
    };
    let options = EvalOptions::default();
    let expr = kpi.query.expr(&scope).ok();
    let value = expr.and_then(|expr| eval_instant(snapshot, &expr, at, &options).ok());
    let value = value.and_then(|evaluated| match evaluated.value {
        Value::Vector(rows) => rows.first().map(|row| row.sample.value),
        Value::Scalar(_) | Value::String { .. } | Value::Matrix(_) => None,
    });
    KpiJson {
        name: kpi.name.clone(),
        unit: kpi.unit.name(),
        good: kpi.good.map(|good| match good {
            Good::Low => "low",
            Good::High => "high",
        }),
        query: kpi.query.filled(&scope),
        value: value.filter(|value| value.is_finite()),
    }
}
