//! Model rules: how entities and relations are made from series. Format: docs/graph.md.

use super::{EntityKind, RelationKind};
use crate::pack::QueryText;

/// The model rules of one pack or file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelRules {
    pub entities: Vec<EntityRule>,
    pub relations: Vec<RelationRule>,
}

/// A text of a series: the first of these labels that is not empty. A label that begins with `$`
/// is a variant of the pack.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TextChoice(pub Vec<String>);

/// One type of entity, by one way of finding it.
#[derive(Clone, Debug, PartialEq)]
pub struct EntityRule {
    /// Where it stands in its file, from 1.
    pub line: usize,
    pub kind: EntityKind,
    pub name: TextChoice,
    /// Names of the scope with where their values stand.
    pub scope: Vec<(String, TextChoice)>,
    /// Further ways in which the labels of an alert or a series name such an entity: name, scope.
    pub lookup: Vec<(TextChoice, Vec<(String, TextChoice)>)>,
    /// Each row is an entity.
    pub defined_by: Vec<EntityQuery>,
    /// Each row tells more of an entity that is there.
    pub enriched_by: Vec<EntityQuery>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct EntityQuery {
    pub line: usize,
    pub query: QueryText,
    /// Of a server: see [`super::Address`]. Known to the rest of the rule as the label `address`.
    pub address: Vec<String>,
    /// Known to the rest of the rule as the label `host`.
    pub host: Vec<String>,
    /// Name of the property, where its value stands.
    pub properties: Vec<(String, TextChoice)>,
    pub literals: Vec<(String, String)>,
    /// The property that the value of the series is.
    pub value: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct RelationRule {
    pub line: usize,
    pub kind: RelationKind,
    pub from: EndRule,
    pub to: EndRule,
    pub way: RelationWay,
}

#[derive(Clone, Debug, PartialEq)]
pub enum RelationWay {
    /// Entities of both kinds of which each pair of properties is the same; `name` and names of
    /// the scope count as properties. First that of `from`, then that of `to`.
    Match(Vec<(String, String)>),
    /// Each row is a relation.
    Series {
        address: Vec<String>,
        host: Vec<String>,
        /// Shows that it is there.
        defined_by: Option<QueryText>,
        /// Calls per second; shows that it is there, too.
        rate: Option<QueryText>,
        /// Of those, the failed ones per second.
        errors: Option<QueryText>,
        /// Seconds that the calls took, per second.
        seconds: Option<QueryText>,
    },
}

/// One end of a relation.
#[derive(Clone, Debug, PartialEq)]
pub struct EndRule {
    pub kind: EntityKind,
    pub name: TextChoice,
    pub scope: Vec<(String, TextChoice)>,
    pub properties: Vec<(String, TextChoice)>,
    /// Who listens at the rule's address is meant; this kind and name only if nobody is known to.
    pub resolve: bool,
    /// Nothing is said unless the entity is there by another rule.
    pub known: bool,
}

impl TextChoice {
    /// The first label that is not empty.
    pub fn of<'a>(&self, label: impl Fn(&str) -> Option<&'a str>) -> Option<&'a str> {
        let mut found = self.0.iter().filter_map(|name| label(name));
        found.find(|value| !value.is_empty())
    }

    /// As a person reads it: `queue, or destination`.
    pub fn shown(&self) -> String {
        self.0.join(", or ")
    }
}

impl RelationRule {
    /// The queries, by what they measure.
    pub fn queries(&self) -> Vec<(super::Measure, &QueryText)> {
        use super::Measure;
        let RelationWay::Series {
            defined_by,
            rate,
            errors,
            seconds,
            ..
        } = &self.way
        else {
            return Vec::new();
        };
        let all = [
            (Measure::Presence, defined_by),
            (Measure::Rate, rate),
            (Measure::Errors, errors),
            (Measure::Seconds, seconds),
        ];
        let named = all.into_iter();
        named
            .filter_map(|(measure, query)| Some((measure, query.as_ref()?)))
            .collect()
    }
}
