//! `/api/v1/kpis`: the newest KPIs of all entities, or of one.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use diagnosis::kpi::KpiSeries;
use serde::Serialize;

use super::answer::{Answer, ApiError, success};
use super::params::Params;
use super::time::format_rfc3339;
use crate::app::App;
use crate::kpis::{KPI_INTERVAL, history, sources};

/// KPIs of one answer; more are asked for by type or name.
const KPIS_MAX: usize = 20_000;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/kpis", get(kpis))
        .route("/kpis/range", get(range))
}

#[derive(Serialize)]
struct KpiJson<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    entity: &'a str,
    scope: BTreeMap<&'a str, &'a str>,
    kpi: String,
    unit: &'static str,
    value: f64,
}

#[derive(Serialize)]
struct KpisJson<'a> {
    /// `None` before the first round.
    time: Option<String>,
    kpis: Vec<KpiJson<'a>>,
    truncated: bool,
    /// Entities beyond the limit, which are not watched.
    refused: usize,
    took_seconds: f64,
}

/// Steps of one answer, as many as a range query has.
const STEPS_MAX: u128 = 11_000;

#[derive(Serialize)]
struct KpiRangeJson {
    #[serde(rename = "type")]
    kind: String,
    entity: String,
    scope: BTreeMap<String, String>,
    kpi: String,
    unit: &'static str,
    /// Unix seconds and values.
    values: Vec<(f64, f64)>,
}

/// `GET /api/v1/kpis/range?start=&end=&step=&type=&name=`: the past, also of before KPIs were
/// written.
async fn range(State(app): State<Arc<App>>, params: Params) -> Answer {
    let required = |name: &str| -> Result<_, ApiError> {
        let missing = || ApiError::bad_data(format!("the parameter {name:?} is missing"));
        params.time(name)?.ok_or_else(missing)
    };
    let (start, end) = (required("start")?, required("end")?);
    let step = params.duration("step")?.unwrap_or(KPI_INTERVAL);
    if step.is_zero() || end < start {
        return Err(ApiError::bad_data("end lies before start, or step is zero"));
    }
    if end.since(start).as_millis() / step.as_millis().max(1) > STEPS_MAX {
        let text = format!("more than {STEPS_MAX} steps; take a longer step");
        return Err(ApiError::bad_data(text));
    }
    let (kind, name) = (params.get("type"), params.get("name"));
    let (kind, name) = (kind.map(str::to_owned), name.map(str::to_owned));
    let asked = tokio::task::spawn_blocking(move || {
        let kpis = history(&sources(&app), &app.store.snapshot(), start, end, step);
        let wanted = |kpi: &KpiSeries| {
            let entity = &kpi.key.entity;
            kind.as_deref()
                .is_none_or(|kind| kind == entity.kind.name())
                && name.as_deref().is_none_or(|name| name == &*entity.name)
        };
        let kpis = kpis.into_iter().filter(wanted).take(KPIS_MAX);
        kpis.map(range_json).collect::<Vec<_>>()
    });
    match asked.await {
        Ok(kpis) => success(&serde_json::json!({ "kpis": kpis })),
        Err(_) => Err(ApiError::execution("the server failed at this request")),
    }
}

fn range_json(kpi: KpiSeries) -> KpiRangeJson {
    let scope = kpi.key.entity.scope.iter();
    let samples = kpi.samples.iter();
    KpiRangeJson {
        kind: kpi.key.entity.kind.name().to_owned(),
        entity: kpi.key.entity.name.to_string(),
        scope: scope.map(|(n, v)| (n.to_owned(), v.to_owned())).collect(),
        kpi: kpi.key.kind.name(),
        unit: kpi.key.kind.unit().name(),
        values: samples
            .map(|(at, value)| (at.as_secs_f64(), *value))
            .collect(),
    }
}

/// `GET /api/v1/kpis?type=&name=`.
async fn kpis(State(app): State<Arc<App>>, params: Params) -> Answer {
    let round = app.kpis.newest();
    let (kind, name) = (params.get("type"), params.get("name"));
    let asked = |kpi: &&KpiSeries| {
        let entity = &kpi.key.entity;
        kind.is_none_or(|kind| kind == entity.kind.name())
            && name.is_none_or(|name| name == &*entity.name)
    };
    let found: Vec<&KpiSeries> = round.kpis.iter().filter(asked).collect();
    let shown = found.iter().take(KPIS_MAX).filter_map(|kpi| {
        let (_, value) = *kpi.samples.last()?;
        Some(KpiJson {
            kind: kpi.key.entity.kind.name(),
            entity: &kpi.key.entity.name,
            scope: kpi.key.entity.scope.iter().collect(),
            kpi: kpi.key.kind.name(),
            unit: kpi.key.kind.unit().name(),
            value,
        })
    });
    success(&KpisJson {
        time: round.at.map(format_rfc3339),
        kpis: shown.collect(),
        truncated: found.len() > KPIS_MAX,
        refused: round.refused,
        took_seconds: round.took.as_secs_f64(),
    })
}
