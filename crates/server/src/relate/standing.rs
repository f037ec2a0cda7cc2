//! How the entities of a graph are: which assertions speak of each.
//!
//! Alerts that fire and what is judged of KPIs (`crate::assertions`). Of the past only alerts.

use std::collections::HashMap;

use diagnosis::assertion::{Assertion, AssertionKey, Category, Severity};
use diagnosis::graph::{EntityId, Graph, Lookup, RelationKind};
use diagnosis::rules::{Alert, AlertState};
use model::{Labels, Timestamp};
use promql::{EvalError, EvalOptions, InstantSeries, Value, eval_instant};
use store::Snapshot;

/// By entity, what is not right with it. An entity that is not in it has nothing.
#[derive(Debug, Default)]
pub(crate) struct Standings {
    by_entity: HashMap<EntityId, Vec<Assertion>>,
    worst: HashMap<EntityId, Severity>,
}

/// How an entity is, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntityState {
    Good,
    Warning,
    Critical,
    /// Nobody measures it.
    Unknown,
}

impl EntityState {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Critical => "critical",
            Self::Unknown => "unknown",
        }
    }
}

impl Standings {
    /// Those of these assertions that speak of an entity of the graph.
    pub(crate) fn new(graph: &Graph, assertions: Vec<Assertion>) -> Self {
        let mut standings = Self::default();
        standings.add(graph, assertions);
        standings
    }

    /// And those of these.
    pub(crate) fn add(&mut self, graph: &Graph, assertions: impl IntoIterator<Item = Assertion>) {
        for assertion in assertions {
            if let Some(id) = graph.id(&assertion.key.entity) {
                self.by_entity.entry(id).or_default().push(assertion);
            }
        }
        for own in self.by_entity.values_mut() {
            own.sort_by(|a, b| (b.severity, &a.key.name).cmp(&(a.severity, &b.key.name)));
        }
        self.spread(graph);
    }

    pub(crate) fn of(&self, id: EntityId) -> &[Assertion] {
        self.by_entity.get(&id).map_or(&[], Vec::as_slice)
    }

    /// The worst of the entity and of what is part of it.
    pub(crate) fn state(&self, graph: &Graph, id: EntityId) -> EntityState {
        match self.worst.get(&id) {
            Some(Severity::Critical) => EntityState::Critical,
            Some(Severity::Warning) => EntityState::Warning,
            Some(Severity::Info) | None if graph.entity(id).key.kind.name() == "external" => {
                EntityState::Unknown
            }
            Some(Severity::Info) | None => EntityState::Good,
        }
    }

    /// A service is as bad as its instances and routes are. Parts of parts count, so this goes
    /// up as many levels as anybody nests.
    fn spread(&mut self, graph: &Graph) {
        const LEVELS_MAX: usize = 4;
        let own = self.by_entity.iter();
        let own = own.filter_map(|(id, all)| Some((*id, all.iter().map(|a| a.severity).max()?)));
        let mut reached: Vec<(EntityId, Severity)> = own.collect();
        for _ in 0..=LEVELS_MAX {
            let mut next = Vec::new();
            for (id, severity) in reached {
                let known = self.worst.get(&id).copied();
                if known >= Some(severity) {
                    continue;
                }
                self.worst.insert(id, severity);
                let up = graph.touching(id).filter(|relation| {
                    let kinds = [RelationKind::InstanceOf, RelationKind::PartOf];
                    relation.from == id && kinds.contains(&relation.kind)
                });
                next.extend(up.map(|relation| (relation.to, severity)));
            }
            reached = next;
        }
    }
}

/// The alerts that fire, as assertions about the smallest entity that their labels name.
pub(crate) fn of_alerts(graph: &Graph, lookup: &Lookup, alerts: &[Alert]) -> Vec<Assertion> {
    let firing = alerts.iter().filter_map(|alert| {
        let AlertState::Firing {
            active_at,
            fired_at,
            ..
        } = alert.state
        else {
            return None;
        };
        let text = |name: &str| {
            let mut annotations = alert.annotations.iter();
            let found = annotations.find(|(known, _)| known == name);
            found.map(|(_, text)| text.clone())
        };
        let sentence = text("sentence").or_else(|| text("summary"));
        assertion(
            graph,
            lookup,
            &alert.labels,
            (fired_at, active_at),
            sentence,
        )
    });
    firing.collect()
}

/// The alerts that fired at a past moment, from the series that were written of them.
pub(crate) fn of_past(
    graph: &Graph,
    lookup: &Lookup,
    snapshot: &Snapshot,
    at: Timestamp,
) -> Result<Vec<Assertion>, EvalError> {
    let vector = |query: &str| -> Result<Vec<InstantSeries>, EvalError> {
        let expr = promql::parse(query).expect("a plain selector");
        let evaluated = eval_instant(snapshot, &expr, at, &EvalOptions::default())?;
        Ok(match evaluated.value {
            Value::Vector(rows) => rows,
            Value::Scalar(_) | Value::String { .. } | Value::Matrix(_) => Vec::new(),
        })
    };
    let mut since: HashMap<Labels, Timestamp> = HashMap::new();
    for row in vector("ALERTS_FOR_STATE")? {
        let began = Timestamp::from_secs_f64(row.sample.value);
        since.insert(row.labels.without_metric_name(), began);
    }
    let mut found = Vec::new();
    for row in vector("ALERTS{alertstate=\"firing\"}")? {
        let labels = row.labels.drop(&[model::METRIC_NAME, "alertstate"]);
        let began = since.get(&labels).copied().unwrap_or(at);
        found.extend(assertion(graph, lookup, &labels, (began, began), None));
    }
    Ok(found)
}

fn assertion(
    graph: &Graph,
    lookup: &Lookup,
    labels: &Labels,
    (since, onset): (Timestamp, Timestamp),
    sentence: Option<String>,
) -> Option<Assertion> {
    let entity = graph.entity(lookup.entity(graph, labels)?).key.clone();
    let name = labels.get("alertname").unwrap_or_default().to_owned();
    Some(Assertion {
        category: match labels.get("kind") {
            Some("symptom") => Category::Error,
            Some("capacity") => Category::Saturation,
            // A user's own alert says that something does not work; so does a cause.
            Some(_) | None => Category::Failure,
        },
        // What is not plainly more or less is a warning, as on Home.
        severity: match labels.get("severity") {
            Some("critical" | "page") => Severity::Critical,
            Some("info" | "none") => Severity::Info,
            Some(_) | None => Severity::Warning,
        },
        since,
        onset: onset.min(since),
        end: None,
        compared: None,
        sentence: sentence.unwrap_or_else(|| name.clone()),
        key: AssertionKey {
            entity,
            name,
            kpi: None,
        },
    })
}
