//! Relations between entities whose properties are the same.

use std::collections::HashMap;

use super::Derivation;
use crate::graph::{Entity, EntityId, ModelRules, Note, Relation, RelationWay, Traffic};

/// Adds the relations of a source's rules by `match`. Each rule costs one pass over the entities.
pub(super) fn add(rules: &ModelRules, out: &mut Derivation, relations_max: usize) {
    for rule in &rules.relations {
        let RelationWay::Match(pairs) = &rule.way else {
            continue;
        };
        let mut right: HashMap<Vec<&str>, Vec<EntityId>> = HashMap::new();
        for (id, entity) in out.graph.entities() {
            let values = || {
                pairs
                    .iter()
                    .map(|(_, name)| property(entity, name))
                    .collect()
            };
            if entity.key.kind == rule.to.kind
                && let Some(values) = values()
            {
                let values: Vec<&str> = values;
                right.entry(values).or_default().push(id);
            }
        }
        let mut found = Vec::new();
        for (id, entity) in out.graph.entities() {
            let values = pairs.iter().map(|(name, _)| property(entity, name));
            let values: Option<Vec<&str>> = values.collect();
            if entity.key.kind != rule.from.kind {
                continue;
            }
            if let Some(matching) = values.and_then(|values| right.get(&values)) {
                found.extend(matching.iter().map(|to| (id, *to)));
            }
            if found.len() > relations_max {
                break;
            }
        }
        for (from, to) in found {
            if out.graph.relations().len() >= relations_max {
                let (what, limit) = ("relations", relations_max);
                out.notes.push(Note::LimitHit { what, limit });
                return;
            }
            // What a query measured is not forgotten.
            if out.graph.relation(rule.kind, from, to).is_none() {
                out.graph.relate(Relation {
                    kind: rule.kind,
                    from,
                    to,
                    traffic: Traffic::default(),
                });
            }
        }
    }
}

/// A property, the name, or a part of the scope.
fn property<'a>(entity: &'a Entity, name: &str) -> Option<&'a str> {
    if name == "name" {
        return Some(&entity.key.name);
    }
    let scope = entity.key.scope.get(name);
    scope.or_else(|| entity.properties.get(name).map(String::as_str))
}
