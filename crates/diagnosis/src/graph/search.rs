//! Finding entities by a line of words: `databases connected to cart`, `memory > 500MB`,
//! `services having assertion critical`. The language: docs/graph.md.

mod quantity;
mod words;

use std::collections::BTreeSet;

use self::words::{Compare, Condition, read};
use super::{Entity, EntityId, Graph};
use crate::assertion::Assertion;

/// What is not right with an entity now.
pub type Standing<'a> = &'a dyn Fn(EntityId) -> &'a [Assertion];

/// Bytes of a search that are read.
const SEARCH_BYTES_MAX: usize = 1024;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Searched {
    /// In the order of their kind, name and scope.
    pub entities: Vec<EntityId>,
    /// How each part was understood, a sentence each.
    pub understood: Vec<String>,
    pub truncated: bool,
}

/// The entities that meet every part of `text`; an empty text is met by all.
pub fn search(graph: &Graph, text: &str, standing: Standing<'_>, entities_max: usize) -> Searched {
    let kinds: BTreeSet<&str> = graph.entities().map(|(_, e)| e.key.kind.name()).collect();
    let end = (0..=SEARCH_BYTES_MAX.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at));
    let conditions = read(&text[..end.unwrap_or(0)], &kinds);
    let met = graph.entities().filter(|(id, entity)| {
        let meets = |condition: &Condition| meets(graph, *id, entity, condition, standing);
        conditions.iter().all(meets)
    });
    let mut found: Vec<(EntityId, &Entity)> = met.collect();
    found.sort_by(|(_, a), (_, b)| a.key.cmp(&b.key));
    let truncated = found.len() > entities_max;
    found.truncate(entities_max);
    Searched {
        entities: found.into_iter().map(|(id, _)| id).collect(),
        understood: conditions.iter().map(ToString::to_string).collect(),
        truncated,
    }
}

fn meets(
    graph: &Graph,
    id: EntityId,
    entity: &Entity,
    condition: &Condition,
    standing: Standing<'_>,
) -> bool {
    match condition {
        Condition::Kind(kind) => entity.key.kind.name() == kind,
        Condition::Name(part) => {
            let name = entity.key.to_string().to_lowercase();
            name.contains(part.as_str())
        }
        Condition::Property {
            name,
            compare,
            value,
        } => has_property(entity, name, *compare, value),
        Condition::Connected(what) => graph.touching(id).any(|relation| {
            let other = if relation.from == id {
                relation.to
            } else {
                relation.from
            };
            is_called(graph.entity(other), what)
        }),
        Condition::Asserted(None) => !standing(id).is_empty(),
        Condition::Asserted(Some(what)) => standing(id).iter().any(|assertion| {
            let names = [assertion.category.name(), assertion.severity.name()];
            names.contains(&what.as_str()) || assertion.key.name.eq_ignore_ascii_case(what)
        }),
    }
}

fn is_called(entity: &Entity, what: &str) -> bool {
    let key = &entity.key;
    key.name.eq_ignore_ascii_case(what)
        || key.kind.name() == what
        || words::singular(what) == key.kind.name()
        || key.short().eq_ignore_ascii_case(what)
        || key.to_string().eq_ignore_ascii_case(what)
}

/// `memory` is `memory_bytes`, too.
fn has_property(entity: &Entity, name: &str, compare: Compare, value: &str) -> bool {
    let is_it = |own: &str| {
        let rest = own.strip_prefix(name);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    };
    let wanted = quantity::parse(value);
    let measures = entity.measures.iter().filter(|(own, _)| is_it(own));
    let mut numbers = measures.map(|(_, number)| *number);
    if wanted.is_some_and(|wanted| numbers.any(|number| compare.numbers(number, wanted))) {
        return true;
    }
    let scope = entity.key.scope.iter();
    let properties = entity.properties.iter();
    let mut texts = scope
        .chain(properties.map(|(name, text)| (name.as_str(), text.as_str())))
        .filter(|(own, _)| is_it(own));
    texts.any(|(_, text)| match (quantity::parse(text), wanted) {
        (Some(number), Some(wanted)) if compare.is_order() => compare.numbers(number, wanted),
        _ => compare.texts(&text.to_lowercase(), value),
    })
}

#[cfg(test)]
mod tests;
