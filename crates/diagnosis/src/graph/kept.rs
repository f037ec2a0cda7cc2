//! What was seen a moment ago is still there: a missed scrape takes nothing out of the graph.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use model::Timestamp;

use super::{Entity, EntityKey, Graph, Relation, RelationKind, Traffic};

/// Remembers when entities and relations were last seen.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    entities: HashMap<EntityKey, (Timestamp, Entity)>,
    relations: HashMap<(RelationKind, EntityKey, EntityKey), Timestamp>,
}

impl Kept {
    /// As if `graph` had been derived at `at`: after a start, from the series of before.
    pub fn from_graph(graph: &Graph, at: Timestamp) -> Self {
        let mut kept = Self::default();
        kept.see(graph, at);
        kept
    }

    /// Adds to `graph`, which was derived at `now`, what was last seen less than `keep` ago:
    /// entities with their properties, relations without traffic. What is older is forgotten.
    pub fn complete(&mut self, graph: &mut Graph, now: Timestamp, keep: Duration) {
        self.see(graph, now);
        let is_fresh = |at: &Timestamp| now.since(*at) < keep;
        self.entities.retain(|_, (at, _)| is_fresh(at));
        self.relations.retain(|_, at| is_fresh(at));
        self.forget_found(graph);
        // In order, so that the same graph gets the same ids.
        let mut gone: Vec<&(Timestamp, Entity)> = self.entities.values().collect();
        gone.retain(|(_, entity)| graph.id(&entity.key).is_none());
        gone.sort_by(|(_, a), (_, b)| a.key.cmp(&b.key));
        for (_, entity) in gone {
            let id = graph.add(entity.key.clone());
            for (name, value) in &entity.properties {
                graph.set_property(id, name, value);
            }
        }
        let mut missing: Vec<_> = self.relations.keys().collect();
        missing.sort();
        for (kind, from, to) in missing {
            let Some((from, to)) = graph.id(from).zip(graph.id(to)) else {
                continue;
            };
            if graph.relation(*kind, from, to).is_none() {
                let (kind, traffic) = (*kind, Traffic::default());
                graph.relate(Relation {
                    kind,
                    from,
                    to,
                    traffic,
                });
            }
        }
    }

    /// An address at which somebody was found to listen is nobody else's any more.
    fn forget_found(&mut self, graph: &Graph) {
        let all = graph.entities();
        let found = all.filter(|(_, entity)| entity.key.kind.name() != "external");
        let found: HashSet<&str> = found
            .filter_map(|(_, entity)| Some(entity.properties.get("address")?.as_str()))
            .collect();
        self.entities.retain(|key, _| {
            let is_external = key.kind.name() == "external" && graph.id(key).is_none();
            !(is_external && found.contains(&*key.name))
        });
    }

    fn see(&mut self, graph: &Graph, at: Timestamp) {
        for (_, entity) in graph.entities() {
            match self.entities.get_mut(&entity.key) {
                Some(known) => *known = (at, entity.clone()),
                None => {
                    let key = entity.key.clone();
                    self.entities.insert(key, (at, entity.clone()));
                }
            }
        }
        for relation in graph.relations() {
            let from = graph.entity(relation.from).key.clone();
            let to = graph.entity(relation.to).key.clone();
            self.relations.insert((relation.kind, from, to), at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn graph(calls: bool) -> Graph {
        let mut graph = Graph::default();
        let cart = graph.add(EntityKey::new("service", "cart"));
        if calls {
            let payments = graph.add(EntityKey::new("service", "payments"));
            graph.set_property(payments, "framework", "flask");
            graph.relate(Relation {
                kind: RelationKind::Calls,
                from: cart,
                to: payments,
                traffic: Traffic {
                    rate: Some(3.0),
                    ..Traffic::default()
                },
            });
        }
        graph
    }

    #[test]
    fn whoever_was_found_to_listen_is_not_external_any_more() {
        let mut kept = Kept::default();
        let keep = Duration::from_secs(300);
        let mut before = Graph::default();
        before.add(EntityKey::new("external", "127.0.0.1:80"));
        before.add(EntityKey::new("external", "127.0.0.1:81"));
        kept.complete(&mut before, at(0), keep);
        let mut after = Graph::default();
        let shop = after.add(EntityKey::new("instance", "localhost:80"));
        after.set_property(shop, "address", "127.0.0.1:80");
        kept.complete(&mut after, at(15), keep);
        let names = after.entities().map(|(_, entity)| entity.key.to_string());
        let names: Vec<String> = names.collect();
        assert_eq!(names, ["instance/localhost:80", "external/127.0.0.1:81"]);
    }

    #[test]
    fn what_is_missed_stays_for_a_while_and_then_goes() {
        let mut kept = Kept::default();
        let keep = Duration::from_secs(300);
        for (seconds, calls, entities, rate) in [
            (0, true, 2, Some(Some(3.0))),
            (15, false, 2, Some(None)),
            (299, false, 2, Some(None)),
            (300, false, 1, None),
            (315, true, 2, Some(Some(3.0))),
        ] {
            let mut seen = graph(calls);
            kept.complete(&mut seen, at(seconds), keep);
            assert_eq!(seen.len(), entities, "{seconds}");
            let relation = seen.relations().first();
            assert_eq!(relation.map(|r| r.traffic.rate), rate, "{seconds}");
            if let Some(id) = seen.id(&EntityKey::new("service", "payments")) {
                let framework = seen.entity(id).properties.get("framework");
                assert_eq!(framework.map(String::as_str), Some("flask"), "{seconds}");
            }
        }
    }
}
