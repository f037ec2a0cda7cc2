//! `/api/v1/kpis`: the newest KPIs of all entities, or of one.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use diagnosis::kpi::KpiSeries;
use serde::Serialize;

use super::answer::{Answer, success};
use super::params::Params;
use super::time::format_rfc3339;
use crate::app::App;

/// KPIs of one answer; more are asked for by type or name.
const KPIS_MAX: usize = 20_000;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new().route("/kpis", get(kpis))
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
