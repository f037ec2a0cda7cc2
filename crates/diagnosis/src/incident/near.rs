//! How near two entities are, as trouble travels.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use crate::graph::{EntityId, Graph, RelationKind};

/// Farther apart, two troubles are two incidents.
pub(super) const DISTANCE_MAX: u32 = 300;

/// Passing through an entity that is well: trouble seldom does.
const THROUGH_WELL: u32 = 100;

/// Passing through a machine that is well: whoever shares one has little in common.
const THROUGH_HOST: u32 = 250;

/// In hundredths of a hop.
fn length(kind: RelationKind) -> u32 {
    match kind {
        RelationKind::Calls
        | RelationKind::ReadsFrom
        | RelationKind::WritesTo
        | RelationKind::ProducesTo
        | RelationKind::ConsumesFrom
        | RelationKind::RunsOn => 100,
        RelationKind::InstanceOf | RelationKind::PartOf => 50,
    }
}

/// The entities within [`DISTANCE_MAX`] of one, with their distance in hundredths of a hop.
/// `troubled` are those that pass trouble on.
pub(super) fn near(
    graph: &Graph,
    from: EntityId,
    troubled: &BTreeSet<EntityId>,
) -> BTreeMap<EntityId, u32> {
    let mut best = BTreeMap::from([(from, 0)]);
    let mut queue = BinaryHeap::from([Reverse((0, from))]);
    while let Some(Reverse((distance, at))) = queue.pop() {
        if best.get(&at).is_some_and(|&known| known < distance) {
            continue;
        }
        let through = if at == from || troubled.contains(&at) {
            0
        } else if graph.entity(at).key.kind.name() == "host" {
            THROUGH_HOST
        } else {
            THROUGH_WELL
        };
        for relation in graph.touching(at) {
            let next = if relation.from == at {
                relation.to
            } else {
                relation.from
            };
            let distance = distance + through + length(relation.kind);
            let is_nearer = best.get(&next).is_none_or(|&known| distance < known);
            if distance <= DISTANCE_MAX && is_nearer {
                best.insert(next, distance);
                queue.push(Reverse((distance, next)));
            }
        }
    }
    best
}
