//! The graph as JSON.

use std::collections::BTreeMap;

use diagnosis::assertion::Assertion;
use diagnosis::graph::{Check, CheckState, EntityId, Graph, Part, Relation};
use serde::Serialize;

use super::{Seen, relations_json};
use crate::api::time::format_rfc3339;
use crate::relate::Related;

/// `GET /api/v1/graph`.
#[derive(Serialize)]
pub(super) struct GraphJson<'a> {
    time: String,
    entities: Vec<EntityJson<'a>>,
    relations: Vec<RelationJson>,
    truncated: bool,
}

#[derive(Serialize)]
pub(super) struct EntityJson<'a> {
    id: String,
    r#type: &'a str,
    name: &'a str,
    scope: BTreeMap<&'a str, &'a str>,
    properties: BTreeMap<&'a str, String>,
    state: &'static str,
    assertions: Vec<AssertionJson<'a>>,
}

#[derive(Serialize)]
struct AssertionJson<'a> {
    name: &'a str,
    category: &'static str,
    severity: &'static str,
    since: String,
    sentence: &'a str,
}

#[derive(Serialize)]
pub(super) struct RelationJson {
    r#type: &'static str,
    from: String,
    to: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_ratio: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    latency_seconds: Option<f64>,
}

/// `GET /api/v1/entities`.
#[derive(Serialize)]
pub(super) struct EntitiesJson<'a> {
    pub(super) time: String,
    pub(super) entities: Vec<EntityJson<'a>>,
    pub(super) search: SearchJson<'a>,
    pub(super) truncated: bool,
}

#[derive(Serialize)]
pub(super) struct SearchJson<'a> {
    /// How each part was understood.
    pub(super) understood: &'a [String],
}

/// `GET /api/v1/doctor`.
#[derive(Serialize)]
pub(super) struct DoctorJson<'a> {
    /// When the graph was derived; absent before the first time.
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    /// Whether nothing is missing and nothing is odd; hints count for nothing.
    well: bool,
    checks: Vec<CheckJson<'a>>,
}

#[derive(Serialize)]
struct CheckJson<'a> {
    subject: &'a str,
    state: &'static str,
    rule: &'a str,
    looked_for: &'a str,
    found: &'a str,
    advice: &'a str,
}

impl<'a> GraphJson<'a> {
    pub(super) fn new(seen: &'a Seen, part: &Part) -> Self {
        let entities = part.entities.iter();
        Self {
            time: format_rfc3339(seen.at),
            entities: entities.map(|id| EntityJson::new(seen, *id)).collect(),
            relations: relations_json(&seen.related.graph, &part.relations),
            truncated: part.truncated,
        }
    }
}

impl<'a> EntityJson<'a> {
    pub(super) fn new(seen: &'a Seen, id: EntityId) -> Self {
        let entity = seen.related.graph.entity(id);
        let properties = entity.properties.iter();
        let properties = properties.map(|(name, value)| (name.as_str(), value.clone()));
        let measures = entity.measures.iter();
        let measures = measures.map(|(name, value)| (name.as_str(), model::format_float(*value)));
        let assertions = seen.standings.of(id).iter();
        Self {
            id: entity.key.to_string(),
            r#type: entity.key.kind.name(),
            name: &entity.key.name,
            scope: entity.key.scope.iter().collect(),
            properties: properties.chain(measures).collect(),
            state: seen.standings.state(&seen.related.graph, id).as_str(),
            assertions: assertions.map(AssertionJson::new).collect(),
        }
    }
}

impl<'a> AssertionJson<'a> {
    fn new(assertion: &'a Assertion) -> Self {
        Self {
            name: &assertion.key.name,
            category: assertion.category.name(),
            severity: assertion.severity.name(),
            since: format_rfc3339(assertion.since),
            sentence: &assertion.sentence,
        }
    }
}

impl RelationJson {
    pub(super) fn new(graph: &Graph, relation: &Relation) -> Self {
        let finite = |value: Option<f64>| value.filter(|value| value.is_finite());
        Self {
            r#type: relation.kind.name(),
            from: graph.entity(relation.from).key.to_string(),
            to: graph.entity(relation.to).key.to_string(),
            rate: finite(relation.traffic.rate),
            error_ratio: finite(relation.traffic.error_ratio),
            latency_seconds: finite(relation.traffic.latency),
        }
    }
}

impl<'a> DoctorJson<'a> {
    pub(super) fn new(related: &Related, checks: &'a [Check]) -> Self {
        let is_fine = |check: &Check| check.state <= CheckState::Hint;
        Self {
            time: related.at.map(format_rfc3339),
            well: checks.iter().all(is_fine),
            checks: checks.iter().map(CheckJson::new).collect(),
        }
    }
}

impl<'a> CheckJson<'a> {
    fn new(check: &'a Check) -> Self {
        Self {
            subject: &check.subject,
            state: check.state.name(),
            rule: &check.rule,
            looked_for: &check.looked_for,
            found: &check.found,
            advice: &check.advice,
        }
    }
}
