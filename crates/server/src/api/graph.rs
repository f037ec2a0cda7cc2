//! `graph`, `entity`, `entities`, `doctor`: who depends on whom, what is wrong with it, and why
//! something is missing (docs/api.md, "The entity graph").

mod entity;
mod json;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use diagnosis::assertion::{Assertion, Category};
use diagnosis::graph::{DoctorScope, EntityId, EntityKind, Focus, Graph, Part, examine, search};
use diagnosis::pack::Layer;
use model::Timestamp;

use self::json::{DoctorJson, EntitiesJson, EntityJson, GraphJson, RelationJson, SearchJson};
use super::answer::{Answer, ApiError, success};
use super::params::Params;
use super::time::format_rfc3339;
use crate::app::App;
use crate::relate::standing::{Standings, of_alerts, of_past};
use crate::relate::{Related, graph_at};

/// Entities of one answer: as many as a browser can lay out.
const ENTITIES_MAX: usize = 2_000;

/// Steps around a focus when the request names none.
const HOPS_DEFAULT: usize = 2;

/// Beyond, everything is near everything.
const HOPS_MAX: usize = 10;

/// Mounted under `/api/v1`.
pub(crate) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/graph", get(graph))
        .route("/entity", get(entity::one))
        .route("/entities", get(entities))
        .route("/doctor", get(doctor))
}

/// A graph of one moment, and how its entities are.
pub(crate) struct Seen {
    pub(crate) at: Timestamp,
    pub(crate) related: Arc<Related>,
    pub(crate) standings: Standings,
}

impl Seen {
    /// The newest graph, or with `time` that of a past moment.
    async fn of(app: &Arc<App>, params: &Params) -> Result<Self, ApiError> {
        let newest = app.relator.newest();
        let Some(at) = params.time("time")? else {
            return Ok(Self::now(app));
        };
        let lookup = Arc::clone(&newest.lookup);
        let read = app.queries.lookup(move |snapshot| {
            let past = graph_at(snapshot, at).and_then(|graph| {
                let assertions = of_past(&graph, &lookup, snapshot, at)?;
                let standings = Standings::new(&graph, assertions);
                Ok((graph, lookup, standings))
            });
            Ok(past)
        });
        let (graph, lookup, standings) = read.await?.map_err(crate::query::QueryError::from)?;
        let related = Related {
            at: Some(at),
            graph,
            lookup,
            ..Related::default()
        };
        Ok(Self {
            at,
            related: Arc::new(related),
            standings,
        })
    }

    /// The newest graph, with what holds now.
    pub(crate) fn now(app: &App) -> Self {
        let related = app.relator.newest();
        let alerts = of_alerts(&related.graph, &related.lookup, &app.judge.alerts());
        let mut seen = Self::newest(related, alerts, app.clock.now());
        // Alerts are told by the moment, what is judged of KPIs four times a minute.
        let asserted = app.asserter.newest();
        let of_kpis = asserted
            .lasting
            .iter()
            .filter(|one| one.key.kpi.is_some() || one.category == Category::Amend);
        seen.standings.add(&seen.related.graph, of_kpis.cloned());
        seen
    }

    pub(crate) fn newest(
        related: Arc<Related>,
        assertions: Vec<Assertion>,
        now: Timestamp,
    ) -> Self {
        Self {
            at: related.at.unwrap_or(now),
            standings: Standings::new(&related.graph, assertions),
            related,
        }
    }

    fn graph(&self) -> &Graph {
        &self.related.graph
    }
}

async fn graph(State(app): State<Arc<App>>, params: Params) -> Answer {
    let seen = Seen::of(&app, &params).await?;
    let focus = focus_of(seen.graph(), &params)?;
    graph_answer(&seen, &focus)
}

fn focus_of(graph: &Graph, params: &Params) -> Result<Focus, ApiError> {
    let mut around = Vec::new();
    for id in params.all("focus").into_iter().filter(|id| !id.is_empty()) {
        around.push(find(graph, id)?);
    }
    let hops = match params.get("hops") {
        None => HOPS_DEFAULT,
        Some(text) => text
            .parse()
            .ok()
            .filter(|n| *n <= HOPS_MAX)
            .ok_or_else(|| {
                ApiError::bad_data(format!(
                    "invalid parameter \"hops\": {text:?} is no number from 0 to {HOPS_MAX}"
                ))
            })?,
    };
    let kinds = params.all("kinds").into_iter();
    let kinds = kinds.flat_map(|list| list.split(','));
    let kinds = kinds.map(str::trim).filter(|kind| !kind.is_empty());
    Ok(Focus {
        around,
        hops,
        kinds: kinds.map(EntityKind::new).collect(),
        entities_max: params.limit("limit")?.min(ENTITIES_MAX),
    })
}

/// An entity by its id: `type/name{scope}`; without the scope where there is but one.
fn find(graph: &Graph, id: &str) -> Result<EntityId, ApiError> {
    let mut named = Vec::new();
    for (found, entity) in graph.entities() {
        if entity.key.to_string() == id {
            return Ok(found);
        }
        if entity.key.short() == id {
            named.push((found, entity.key.to_string()));
        }
    }
    match named.as_slice() {
        [(one, _)] => Ok(*one),
        [] => Err(ApiError::not_found(format!(
            "there is no entity {id:?} at this time; see /api/v1/entities"
        ))),
        [(_, first), (_, second), ..] => Err(ApiError::bad_data(format!(
            "{id:?} is the name of several entities; say which: {first}, {second}, …"
        ))),
    }
}

pub(crate) fn graph_answer(seen: &Seen, focus: &Focus) -> Answer {
    let part = focus.part(seen.graph());
    success(&GraphJson::new(seen, &part))
}

async fn entities(State(app): State<Arc<App>>, params: Params) -> Answer {
    let seen = Seen::of(&app, &params).await?;
    let text = params.get("search").unwrap_or_default();
    entities_answer(&seen, text, params.limit("limit")?.min(ENTITIES_MAX))
}

pub(crate) fn entities_answer(seen: &Seen, text: &str, entities_max: usize) -> Answer {
    let standing = |id| seen.standings.of(id);
    let found = search(seen.graph(), text, &standing, entities_max);
    let entities = found.entities.iter();
    success(&EntitiesJson {
        time: format_rfc3339(seen.at),
        entities: entities.map(|id| EntityJson::new(seen, *id)).collect(),
        search: SearchJson {
            understood: &found.understood,
        },
        truncated: found.truncated,
    })
}

async fn doctor(State(app): State<Arc<App>>) -> Answer {
    let related = app.relator.newest();
    let (packs, detections) = (app.judge.packs(), app.judge.detections());
    let mut frameworks = BTreeMap::new();
    for pack in packs.iter().filter(|pack| pack.layer == Layer::Framework) {
        for job in detections.jobs_with(&pack.id) {
            frameworks.insert(job.to_owned(), pack.title.clone());
        }
    }
    doctor_answer(&related, &frameworks)
}

pub(crate) fn doctor_answer(related: &Related, frameworks: &BTreeMap<String, String>) -> Answer {
    let checks = match related.at {
        // The first round has not ended; nothing can be said to be missing.
        None => Vec::new(),
        Some(_) => examine(&DoctorScope {
            graph: &related.graph,
            reports: &related.reports,
            notes: &related.notes,
            sources: &related.sources,
            frameworks,
        }),
    };
    success(&DoctorJson::new(related, &checks))
}

/// A part of a graph as JSON, for other answers.
pub(crate) fn part_json<'a>(seen: &'a Seen, part: &Part) -> impl serde::Serialize + 'a {
    GraphJson::new(seen, part)
}

/// The relations in which an entity stands, with what is at the other end.
fn around(graph: &Graph, id: EntityId) -> Part {
    let relations = graph.relations().iter().enumerate();
    let own: Vec<usize> = relations
        .filter(|(_, relation)| relation.from == id || relation.to == id)
        .map(|(place, _)| place)
        .collect();
    let ends = own.iter().map(|place| &graph.relations()[*place]);
    let ends: BTreeSet<EntityId> = ends.flat_map(|r| [r.from, r.to]).collect();
    Part {
        entities: ends.into_iter().collect(),
        relations: own,
        truncated: false,
    }
}

fn relations_json(graph: &Graph, places: &[usize]) -> Vec<RelationJson> {
    let relations = places.iter().map(|place| &graph.relations()[*place]);
    relations
        .map(|relation| RelationJson::new(graph, relation))
        .collect()
}

#[cfg(test)]
mod tests;
