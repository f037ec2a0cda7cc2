//! A part of a graph: what lies around some entities, what is of some kinds, and not too much.

use std::collections::{BTreeSet, VecDeque};

use super::{EntityId, EntityKind, Graph};

/// Which part of a graph is wanted.
#[derive(Clone, Debug, Default)]
pub struct Focus {
    /// Around these; empty for the whole graph.
    pub around: Vec<EntityId>,
    /// How far away from them.
    pub hops: usize,
    /// Only these kinds, and those it is around; empty for all. Hops count through the others.
    pub kinds: Vec<EntityKind>,
    pub entities_max: usize,
}

/// The part: places in the graph, and whether more would belong to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// The nearest first, then in the order of the graph.
    pub entities: Vec<EntityId>,
    /// Places in [`Graph::relations`], both ends of which are in the part.
    pub relations: Vec<usize>,
    pub truncated: bool,
}

impl Focus {
    pub fn part(&self, graph: &Graph) -> Part {
        let is_wanted = |id: &EntityId| {
            self.kinds.is_empty()
                || self.around.contains(id)
                || self.kinds.contains(&graph.entity(*id).key.kind)
        };
        let mut entities: Vec<EntityId> = if self.around.is_empty() {
            graph.entities().map(|(id, _)| id).collect()
        } else {
            self.near(graph)
        };
        entities.retain(is_wanted);
        let truncated = entities.len() > self.entities_max;
        entities.truncate(self.entities_max);
        let inside: BTreeSet<EntityId> = entities.iter().copied().collect();
        let relations = graph.relations().iter().enumerate();
        let relations = relations
            .filter(|(_, r)| inside.contains(&r.from) && inside.contains(&r.to))
            .map(|(place, _)| place)
            .collect();
        Part {
            entities,
            relations,
            truncated,
        }
    }

    fn near(&self, graph: &Graph) -> Vec<EntityId> {
        let mut seen: BTreeSet<EntityId> = self.around.iter().copied().collect();
        let mut reached: Vec<EntityId> = seen.iter().copied().collect();
        let mut waiting: VecDeque<(EntityId, usize)> = reached.iter().map(|id| (*id, 0)).collect();
        while let Some((id, hops)) = waiting.pop_front() {
            if hops >= self.hops {
                continue;
            }
            for relation in graph.touching(id) {
                let other = if relation.from == id {
                    relation.to
                } else {
                    relation.from
                };
                if seen.insert(other) {
                    reached.push(other);
                    waiting.push_back((other, hops + 1));
                }
            }
        }
        reached
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{EntityKey, Relation, RelationKind, Traffic};

    /// a → b → c → d (a database) → e.
    fn chain() -> Graph {
        let mut graph = Graph::default();
        let mut before = None;
        for (kind, name) in [
            ("service", "a"),
            ("service", "b"),
            ("service", "c"),
            ("database", "d"),
            ("service", "e"),
        ] {
            let to = graph.add(EntityKey::new(kind, name));
            if let Some(from) = before {
                let (kind, traffic) = (RelationKind::Calls, Traffic::default());
                graph.relate(Relation {
                    kind,
                    from,
                    to,
                    traffic,
                });
            }
            before = Some(to);
        }
        graph
    }

    #[test]
    fn a_part_is_what_lies_near_and_is_wanted() {
        let graph = chain();
        for (around, hops, kinds, max, expected) in [
            ("", 0, "", 9, "a b c d e 4"),
            ("", 0, "", 2, "a b 1 truncated"),
            ("c", 0, "", 9, "c 0"),
            ("c", 1, "", 9, "c b d 2"),
            ("c", 9, "", 9, "c b d a e 4"),
            ("c", 2, "service", 9, "c b a e 2"),
            ("d", 1, "service", 9, "d c e 2"),
            ("c", 2, "database", 9, "c d 1"),
            ("", 0, "nothing", 9, "0"),
        ] {
            let around = graph.entities().filter(|(_, e)| *e.key.name == *around);
            let focus = Focus {
                around: around.map(|(id, _)| id).collect(),
                hops,
                kinds: kinds.split_whitespace().map(EntityKind::new).collect(),
                entities_max: max,
            };
            let part = focus.part(&graph);
            let mut shown: Vec<String> = part
                .entities
                .iter()
                .map(|id| graph.entity(*id).key.name.to_string())
                .collect();
            shown.push(part.relations.len().to_string());
            shown.extend(part.truncated.then(|| "truncated".to_owned()));
            assert_eq!(shown.join(" "), expected, "{focus:?}");
        }
    }
}
