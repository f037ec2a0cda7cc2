//! What flows along relations, added up over all rows that are about the same two entities.

use std::collections::{HashMap, HashSet};

use super::Derivation;
use crate::graph::{EntityId, Measure, Note, Relation, RelationKind, Traffic};

#[derive(Default)]
struct Sum {
    /// Per second; `None` until somebody measured it.
    rate: Option<f64>,
    errors: Option<f64>,
    seconds: Option<f64>,
    place: String,
}

/// The source of the rule, and the relation. Rules of one source measure parts of it (HTTP and
/// gRPC between the same two) and add up; another source would count the same calls again.
type EdgeKey = (usize, RelationKind, EntityId, EntityId);

/// Relations under way.
#[derive(Default)]
pub(super) struct Edges {
    sums: HashMap<EdgeKey, Sum>,
    /// In the order in which they were met, so that a graph is made the same each time.
    order: Vec<EdgeKey>,
    /// Sources and kinds that measure errors: silence about a relation is none then.
    measures_errors: HashSet<(usize, RelationKind)>,
}

impl Edges {
    /// A query for errors was answered.
    pub(super) fn counts_errors(&mut self, source: usize, kind: RelationKind) {
        self.measures_errors.insert((source, kind));
    }

    pub(super) fn measured(
        &mut self,
        kind: RelationKind,
        (from, to): (EntityId, EntityId),
        (source, measure): (usize, Measure),
        value: f64,
        place: &str,
    ) {
        let key = (source, kind, from, to);
        // A share of nothing is no relation.
        let shows = matches!(measure, Measure::Presence | Measure::Rate);
        if !shows && !self.sums.contains_key(&key) {
            return;
        }
        let order = &mut self.order;
        let sum = self.sums.entry(key).or_insert_with(|| {
            order.push(key);
            Sum {
                place: place.to_owned(),
                ..Sum::default()
            }
        });
        let total = match measure {
            Measure::Presence => return,
            Measure::Rate => &mut sum.rate,
            Measure::Errors => &mut sum.errors,
            Measure::Seconds => &mut sum.seconds,
        };
        if value.is_finite() {
            *total = Some(total.unwrap_or(0.0) + value);
        }
    }

    pub(super) fn add_to(self, out: &mut Derivation, relations_max: usize) {
        for key in &self.order {
            let &(source, kind, from, to) = key;
            let sum = &self.sums[key];
            if from == to {
                out.notes.push(Note::SelfLoop {
                    entity: out.graph.entity(from).key.to_string(),
                    relation: kind.name(),
                    rate: sum.rate,
                    place: sum.place.clone(),
                });
                continue;
            }
            let known = out.graph.relation(kind, from, to);
            // The first source that measures speaks.
            if known.is_some_and(|known| known.traffic.rate.is_some() || sum.rate.is_none()) {
                continue;
            }
            if known.is_none() && out.graph.relations().len() >= relations_max {
                let (what, limit) = ("relations", relations_max);
                out.notes.push(Note::LimitHit { what, limit });
                return;
            }
            let counts_errors = self.measures_errors.contains(&(source, kind));
            out.graph.relate(Relation {
                kind,
                from,
                to,
                traffic: sum.traffic(counts_errors),
            });
        }
    }
}

impl Sum {
    fn traffic(&self, counts_errors: bool) -> Traffic {
        let calls = self.rate.filter(|rate| *rate > 0.0);
        let errors = self.errors.or(counts_errors.then_some(0.0));
        Traffic {
            rate: self.rate,
            error_ratio: calls
                .zip(errors)
                .map(|(calls, errors)| (errors / calls).clamp(0.0, 1.0)),
            latency: calls.zip(self.seconds).map(|(calls, s)| s / calls),
        }
    }
}
