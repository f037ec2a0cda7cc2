//! Whom an incident hits, and how much.

use std::collections::{BTreeMap, BTreeSet};

use model::Timestamp;

use super::symptom::Window;
use crate::graph::{EntityId, EntityKey, Graph};
use crate::kpi::{KpiKind, KpiSeries};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Impact {
    pub services: BTreeSet<EntityKey>,
    pub routes: BTreeSet<EntityKey>,
    /// Requests from outside that failed beyond what usually fails; `None` when nobody counts
    /// requests.
    pub requests: Option<f64>,
    /// The same as a share of all requests from outside meanwhile.
    pub ratio: Option<f64>,
}

/// From `window.normal_until` to `window.to`. Requests from outside are those of services that no
/// other service calls.
pub fn impact(
    graph: &Graph,
    kpis: &[KpiSeries],
    members: &BTreeSet<EntityKey>,
    window: &Window,
) -> Impact {
    let of_kind = |kind: &str| {
        let members = members.iter().filter(|key| key.kind.name() == kind);
        members.cloned().collect::<BTreeSet<EntityKey>>()
    };
    let mut impact = Impact {
        services: of_kind("service"),
        routes: of_kind("route"),
        ..Impact::default()
    };
    let series: BTreeMap<(&EntityKey, &KpiKind), &KpiSeries> = kpis
        .iter()
        .map(|series| ((&series.key.entity, &series.key.kind), series))
        .collect();
    let mut counted = false;
    let (mut failed, mut all) = (0.0, 0.0);
    for (id, entity) in graph.entities() {
        if entity.key.kind.name() != "service" || is_called(graph, id) {
            continue;
        }
        let Some(rate) = series.get(&(&entity.key, &KpiKind::RequestRate)) else {
            continue;
        };
        counted = true;
        let errors = series.get(&(&entity.key, &KpiKind::ErrorRatio));
        let usual = errors.map_or(0.0, |errors| usually(errors, window));
        for &(at, rate) in within(&rate.samples, window) {
            let requests = rate * window.step.as_secs_f64();
            let ratio = errors.and_then(|errors| at_time(&errors.samples, at));
            all += requests;
            failed += requests * (ratio.unwrap_or(0.0) - usual).max(0.0);
        }
    }
    impact.requests = counted.then_some(failed);
    impact.ratio = (0.0 < all).then(|| failed / all);
    impact
}

fn is_called(graph: &Graph, id: EntityId) -> bool {
    graph.touching(id).any(|relation| {
        relation.to == id
            && relation.kind.from_depends_on_to()
            && graph.entity(relation.from).key.kind.name() == "service"
    })
}

fn within<'a>(samples: &'a [(Timestamp, f64)], window: &Window) -> &'a [(Timestamp, f64)] {
    let first = samples.partition_point(|&(at, _)| at < window.normal_until);
    let last = samples.partition_point(|&(at, _)| at <= window.to);
    &samples[first.min(last)..last]
}

fn usually(errors: &KpiSeries, window: &Window) -> f64 {
    let kind = &errors.key.kind;
    super::shift::Usual::of(kind, &errors.samples, window.normal_until, None)
        .map_or(0.0, |usual| usual.median)
}

fn at_time(samples: &[(Timestamp, f64)], at: Timestamp) -> Option<f64> {
    let place = samples.binary_search_by_key(&at, |&(at, _)| at).ok()?;
    Some(samples[place].1)
}
