//! Who depends on whom: entities and the relations between them.
//!
//! A graph is derived, never a second truth: it is built from series (see docs/graph.md) for one
//! moment and thrown away.

mod address;
mod built_in;
mod derive;
mod doctor;
mod file;
mod focus;
mod kept;
mod lookup;
mod note;
mod question;
mod report;
mod rule;
mod search;
mod series;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use model::Labels;

pub use address::{Address, Locality};
pub use built_in::built_in_rules;
pub use derive::{Answer, Derivation, Limits, derive};
pub use doctor::{Check, CheckState, DoctorScope, examine};
pub use file::parse_model_file;
pub(crate) use file::{RuleContext, read_model};
pub use focus::{Focus, Part};
pub use kept::Kept;
pub use lookup::Lookup;
pub use note::Note;
pub use question::{Measure, PackJobs, Question, Role, RuleSource, SourcedRules, questions};
pub use report::RuleReport;
pub use rule::{
    EndRule, EntityQuery, EntityRule, ModelRules, RelationRule, RelationWay, TextChoice,
};
pub use search::{Searched, Standing, search};
pub use series::{FROM_SERIES, GRAPH_METRICS, from_series, to_samples};

/// What an entity is: `service`, `instance`, `route`, `host`, `container`, `pod`, `database`,
/// `cache`, `queue`, `topic`, `external`, or what a model rule calls it. Lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityKind(Arc<str>);

/// What makes an entity that one: two rules that say the same key speak of the same thing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityKey {
    pub kind: EntityKind,
    pub name: Arc<str>,
    /// What keeps equal names apart: environment, namespace, the service of a route. Often empty.
    pub scope: Labels,
}

/// An entity within one [`Graph`]. Dense, so tables of entities are vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityId(pub u32);

#[derive(Clone, Debug, PartialEq)]
pub struct Entity {
    pub key: EntityKey,
    /// `version`, `framework`, `address`, …
    pub properties: BTreeMap<String, String>,
    /// Properties that are numbers in their base unit and change all the time: `memory_bytes`, …
    pub measures: BTreeMap<String, f64>,
}

/// How one entity hangs on another. `from` is the subject: `from` calls `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RelationKind {
    Calls,
    ReadsFrom,
    WritesTo,
    ProducesTo,
    ConsumesFrom,
    InstanceOf,
    PartOf,
    RunsOn,
}

/// What flows along a relation, as far as it is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Traffic {
    /// Per second.
    pub rate: Option<f64>,
    /// 0 to 1.
    pub error_ratio: Option<f64>,
    /// Seconds, on average.
    pub latency: Option<f64>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Relation {
    pub kind: RelationKind,
    pub from: EntityId,
    pub to: EntityId,
    pub traffic: Traffic,
}

/// Entities and relations at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    entities: Vec<Entity>,
    ids: HashMap<EntityKey, EntityId>,
    relations: Vec<Relation>,
    /// Indices into `relations`: the entity that everybody calls has thousands, so the one
    /// between two entities is not looked for among them.
    by_ends: HashMap<(RelationKind, EntityId, EntityId), u32>,
    /// Indices into `relations`, by the entity at either end.
    touching: Vec<Vec<u32>>,
}

impl EntityKind {
    pub fn new(name: &str) -> Self {
        Self(Arc::from(name.to_lowercase()))
    }

    pub fn name(&self) -> &str {
        &self.0
    }
}

impl EntityKey {
    /// An entity whose name says it all.
    pub fn new(kind: &str, name: &str) -> Self {
        Self {
            kind: EntityKind::new(kind),
            name: Arc::from(name),
            scope: Labels::default(),
        }
    }

    #[must_use]
    pub fn scoped(mut self, scope: Labels) -> Self {
        self.scope = scope;
        self
    }

    /// Without the scope, for a sentence: `route//checkout`.
    pub fn short(&self) -> String {
        format!("{}/{}", self.kind.name(), self.name)
    }
}

/// `type/name`, and with a scope `type/name{namespace="x"}`.
impl fmt::Display for EntityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.name(), self.name)?;
        if self.scope.is_empty() {
            return Ok(());
        }
        write!(f, "{}", self.scope)
    }
}

impl RelationKind {
    pub const ALL: [Self; 8] = [
        Self::Calls,
        Self::ReadsFrom,
        Self::WritesTo,
        Self::ProducesTo,
        Self::ConsumesFrom,
        Self::InstanceOf,
        Self::PartOf,
        Self::RunsOn,
    ];

    /// As series, the API and pack files spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Calls => "calls",
            Self::ReadsFrom => "reads_from",
            Self::WritesTo => "writes_to",
            Self::ProducesTo => "produces_to",
            Self::ConsumesFrom => "consumes_from",
            Self::InstanceOf => "instance_of",
            Self::PartOf => "part_of",
            Self::RunsOn => "runs_on",
        }
    }

    /// The kind that [`Self::name`] spells.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether trouble of `to` becomes trouble of `from`. An instance does not suffer with its
    /// service, the service suffers with its instances: those relations carry it the other way.
    pub fn from_depends_on_to(self) -> bool {
        match self {
            Self::Calls
            | Self::ReadsFrom
            | Self::WritesTo
            | Self::ProducesTo
            | Self::ConsumesFrom
            | Self::RunsOn => true,
            Self::InstanceOf | Self::PartOf => false,
        }
    }
}

impl Graph {
    /// The entity's id; it is there from now on.
    pub fn add(&mut self, key: EntityKey) -> EntityId {
        if let Some(&id) = self.ids.get(&key) {
            return id;
        }
        // A graph is limited far below 2³² by what derives it.
        let id = EntityId(u32::try_from(self.entities.len()).unwrap_or(u32::MAX));
        self.ids.insert(key.clone(), id);
        self.entities.push(Entity {
            key,
            properties: BTreeMap::new(),
            measures: BTreeMap::new(),
        });
        self.touching.push(Vec::new());
        id
    }

    pub fn set_property(&mut self, id: EntityId, name: &str, value: &str) {
        if let Some(entity) = self.entities.get_mut(id.0 as usize) {
            entity.properties.insert(name.to_owned(), value.to_owned());
        }
    }

    pub fn set_measure(&mut self, id: EntityId, name: &str, value: f64) {
        if let Some(entity) = self.entities.get_mut(id.0 as usize) {
            entity.measures.insert(name.to_owned(), value);
        }
    }

    /// Adds a relation, or lets its traffic take the place of what is known of the same one. An
    /// entity has no relation to itself.
    pub fn relate(&mut self, relation: Relation) {
        let (from, to) = (relation.from, relation.to);
        if from == to {
            return;
        }
        let ends = (relation.kind, from, to);
        if let Some(&idx) = self.by_ends.get(&ends) {
            self.relations[idx as usize].traffic = relation.traffic;
            return;
        }
        let idx = u32::try_from(self.relations.len()).unwrap_or(u32::MAX);
        self.relations.push(relation);
        self.by_ends.insert(ends, idx);
        self.touching[from.0 as usize].push(idx);
        self.touching[to.0 as usize].push(idx);
    }

    pub fn id(&self, key: &EntityKey) -> Option<EntityId> {
        self.ids.get(key).copied()
    }

    pub fn entity(&self, id: EntityId) -> &Entity {
        &self.entities[id.0 as usize]
    }

    pub fn entities(&self) -> impl Iterator<Item = (EntityId, &Entity)> {
        (0..).map(EntityId).zip(&self.entities)
    }

    pub fn relation(&self, kind: RelationKind, from: EntityId, to: EntityId) -> Option<&Relation> {
        let idx = self.by_ends.get(&(kind, from, to))?;
        self.relations.get(*idx as usize)
    }

    pub fn relations(&self) -> &[Relation] {
        &self.relations
    }

    /// The relations at either end of which the entity stands.
    pub fn touching(&self, id: EntityId) -> impl Iterator<Item = &Relation> {
        self.touching[id.0 as usize]
            .iter()
            .map(|&idx| &self.relations[idx as usize])
    }

    pub fn len(&self) -> usize {
        self.entities.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entities.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relation_is_there_once_and_shows_the_newest_traffic() {
        let mut graph = Graph::default();
        let from = graph.add(EntityKey::new("service", "cart"));
        let to = graph.add(EntityKey::new("Database", "orders"));
        assert_eq!(graph.add(EntityKey::new("service", "cart")), from);
        for rate in [1.0, 2.0] {
            graph.relate(Relation {
                kind: RelationKind::ReadsFrom,
                from,
                to,
                traffic: Traffic {
                    rate: Some(rate),
                    ..Traffic::default()
                },
            });
        }
        graph.relate(Relation {
            kind: RelationKind::Calls,
            from,
            to: from,
            traffic: Traffic::default(),
        });
        assert_eq!(graph.relations().len(), 1);
        assert_eq!(graph.relations()[0].traffic.rate, Some(2.0));
        assert_eq!(graph.touching(to).count(), 1);
        assert_eq!(graph.entity(to).key.to_string(), "database/orders");
    }
}
