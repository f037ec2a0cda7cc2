//! Who listens at an address.

use std::collections::HashMap;

use crate::graph::{Address, Entity, EntityKey, Graph, Note};

/// Entities by the address at which they listen. An instance stands for its service: whoever
/// calls it does not choose.
pub(super) struct Peers(HashMap<String, EntityKey>);

impl Peers {
    /// Of the graph that is being made; where it is silent, of the one before.
    pub(super) fn of(graph: &Graph, known: &Graph, notes: &mut Vec<Note>) -> Self {
        let mut peers: HashMap<String, EntityKey> = HashMap::new();
        let mut shared: HashMap<String, Vec<String>> = HashMap::new();
        for (_, entity) in graph.entities() {
            let Some((address, key)) = listening(entity) else {
                continue;
            };
            let first = peers
                .entry(address.to_owned())
                .or_insert_with(|| key.clone());
            if *first != key {
                let named = shared
                    .entry(address.to_owned())
                    .or_insert_with(|| vec![first.short()]);
                named.push(key.short());
                // The same one whatever the order of the series.
                if key < *first {
                    *first = key;
                }
            }
        }
        let mut shared: Vec<_> = shared.into_iter().collect();
        shared.sort();
        notes.extend(shared.into_iter().map(|(address, mut entities)| {
            entities.sort();
            entities.dedup();
            Note::AddressShared { address, entities }
        }));
        for (_, entity) in known.entities() {
            if let Some((address, key)) = listening(entity) {
                peers.entry(address.to_owned()).or_insert(key);
            }
        }
        Self(peers)
    }

    /// Who is called there. Where nobody is known to listen, the service whose name the host is:
    /// container networks and clusters name services that way.
    pub(super) fn at(&self, address: &Address, graph: &Graph) -> Option<EntityKey> {
        if let Some(key) = self.0.get(&address.to_string()) {
            return Some(key.clone());
        }
        let key = EntityKey::new("service", address.service_name()?);
        graph.id(&key).map(|_| key)
    }
}

fn listening(entity: &Entity) -> Option<(&str, EntityKey)> {
    let address = entity.properties.get("address")?;
    let is_probe = entity.properties.get("probe").is_some_and(|p| p == "true");
    match entity.key.kind.name() {
        // Nothing is known of it but that it is called; a probe only looks at others.
        "external" => None,
        "instance" if is_probe => None,
        "instance" => {
            let job = entity.key.scope.get("job")?;
            Some((address, EntityKey::new("service", job)))
        }
        _ => Some((address, entity.key.clone())),
    }
}
