//! What the graph and the targets say of versions, instances and starts.

use diagnosis::assertion::{Fact, FactValue};
use diagnosis::graph::{EntityKey, Graph, RelationKind};
use model::{Labels, Timestamp};
use promql::{EvalOptions, Value, eval_instant};
use store::Snapshot;
use tracing::debug;

use crate::app::App;

pub(super) fn facts(app: &App, snapshot: &Snapshot, now: Timestamp) -> Vec<Fact> {
    let related = app.relator.newest();
    let mut facts = of_graph(&related.graph);
    facts.extend(starts(snapshot, now));
    facts
}

/// Versions are properties; a service has as many replicas as instances.
fn of_graph(graph: &Graph) -> Vec<Fact> {
    let mut facts = Vec::new();
    for (id, entity) in graph.entities() {
        let key = &entity.key;
        let mut add = |value| {
            facts.push(Fact {
                entity: key.clone(),
                value,
            });
        };
        if let Some(version) = entity.properties.get("version") {
            add(FactValue::Version(version.clone()));
        }
        let instances = graph
            .touching(id)
            .filter(|relation| relation.to == id && relation.kind == RelationKind::InstanceOf);
        if let Some(n) = u32::try_from(instances.count()).ok().filter(|n| *n > 0) {
            add(FactValue::Replicas(n));
        }
    }
    facts
}

/// When the process of each instance was started.
fn starts(snapshot: &Snapshot, now: Timestamp) -> Vec<Fact> {
    let query = "max by (job, instance) (process_start_time_seconds)";
    let expr = promql::parse(query).expect("a plain aggregation");
    let rows = match eval_instant(snapshot, &expr, now, &EvalOptions::default()) {
        Ok(evaluated) => match evaluated.value {
            Value::Vector(rows) => rows,
            Value::Scalar(_) | Value::String { .. } | Value::Matrix(_) => Vec::new(),
        },
        Err(error) => {
            debug!(%error, "starts are not known");
            Vec::new()
        }
    };
    let fact = |row: promql::InstantSeries| {
        let (job, instance) = row.labels.get("job").zip(row.labels.get("instance"))?;
        let entity = EntityKey {
            scope: Labels::new([("job", job)]).ok()?,
            ..EntityKey::new("instance", instance)
        };
        let value = FactValue::Started(row.sample.value);
        Some(Fact { entity, value })
    };
    rows.into_iter().filter_map(fact).collect()
}
