//! A graph as series, and back: so it can be asked at any past moment and survives a restart.

use model::{Labels, METRIC_NAME};

use super::{EntityKey, EntityKind, Graph, Relation, RelationKind, Traffic};

const ENTITY: &str = "pyrometer:entity";
const MEASURE: &str = "pyrometer:entity_value";
const RELATION: &str = "pyrometer:relation";
const RATE: &str = "pyrometer:relation_rate";
const ERROR_RATIO: &str = "pyrometer:relation_error_ratio";
const LATENCY: &str = "pyrometer:relation_latency_seconds";

/// The metrics that hold a graph.
pub const GRAPH_METRICS: [&str; 6] = [ENTITY, MEASURE, RELATION, RATE, ERROR_RATIO, LATENCY];

/// PromQL that selects them all.
pub const FROM_SERIES: &str = "{__name__=~\"pyrometer:(entity(_value)?|\
    relation(_rate|_error_ratio|_latency_seconds)?)\"}";

const PROPERTY: &str = "property_";

/// The samples that hold this graph.
pub fn to_samples(graph: &Graph) -> Vec<(Labels, f64)> {
    let mut samples = Vec::with_capacity(graph.len() + 3 * graph.relations().len());
    for (_, entity) in graph.entities() {
        let key = &entity.key;
        let named = [("entity_type", key.kind.name()), ("entity", &*key.name)];
        let own = || named.into_iter().chain(key.scope.iter());
        let properties = entity.properties.iter();
        let properties: Vec<(String, &str)> = properties
            .map(|(name, value)| (format!("{PROPERTY}{name}"), value.as_str()))
            .collect();
        let properties = properties
            .iter()
            .map(|(name, value)| (name.as_str(), *value));
        add(&mut samples, ENTITY, own().chain(properties), 1.0);
        for (name, value) in &entity.measures {
            let with = own().chain([("property", name.as_str())]);
            add(&mut samples, MEASURE, with, *value);
        }
    }
    for relation in graph.relations() {
        let labels = ends(graph, relation);
        let labels = || labels.iter().map(|(name, value)| (name.as_str(), *value));
        add(&mut samples, RELATION, labels(), 1.0);
        let Traffic {
            rate,
            error_ratio,
            latency,
        } = relation.traffic;
        for (metric, value) in [(RATE, rate), (ERROR_RATIO, error_ratio), (LATENCY, latency)] {
            if let Some(value) = value {
                add(&mut samples, metric, labels(), value);
            }
        }
    }
    samples
}

fn ends<'a>(graph: &'a Graph, relation: &Relation) -> Vec<(String, &'a str)> {
    let mut labels = vec![("relation".to_owned(), relation.kind.name())];
    for (end, id) in [("from", relation.from), ("to", relation.to)] {
        let key = &graph.entity(id).key;
        labels.push((format!("{end}_type"), key.kind.name()));
        labels.push((end.to_owned(), &key.name));
        let scope = key.scope.iter();
        labels.extend(scope.map(|(name, value)| (format!("{end}_{name}"), value)));
    }
    labels
}

fn add<'a>(
    samples: &mut Vec<(Labels, f64)>,
    metric: &'a str,
    labels: impl Iterator<Item = (&'a str, &'a str)>,
    value: f64,
) {
    // Rules cannot name a scope as one of our labels, so no label stands twice.
    if let Ok(labels) = Labels::new(labels.chain([(METRIC_NAME, metric)])) {
        samples.push((labels, value));
    }
}

/// The graph that the samples of [`to_samples`] hold; others are passed over.
pub fn from_series<'a>(samples: impl IntoIterator<Item = (&'a Labels, f64)> + Clone) -> Graph {
    let mut graph = Graph::default();
    for (labels, value) in samples.clone() {
        match labels.metric_name() {
            ENTITY => read_entity(&mut graph, labels),
            MEASURE => read_measure(&mut graph, labels, value),
            _ => {}
        }
    }
    for (labels, _) in samples.clone() {
        if labels.metric_name() == RELATION {
            update(&mut graph, labels, |_| {});
        }
    }
    for (labels, value) in samples {
        let value = Some(value);
        match labels.metric_name() {
            RATE => update(&mut graph, labels, |traffic| traffic.rate = value),
            ERROR_RATIO => update(&mut graph, labels, |traffic| traffic.error_ratio = value),
            LATENCY => update(&mut graph, labels, |traffic| traffic.latency = value),
            _ => {}
        }
    }
    graph
}

fn read_entity(graph: &mut Graph, labels: &Labels) {
    let Some(key) = key_of(labels, &[]) else {
        return;
    };
    let id = graph.add(key);
    for (name, value) in labels.iter() {
        if let Some(name) = name.strip_prefix(PROPERTY) {
            graph.set_property(id, name, value);
        }
    }
}

fn read_measure(graph: &mut Graph, labels: &Labels, value: f64) {
    if let Some((key, name)) = key_of(labels, &["property"]).zip(labels.get("property")) {
        let id = graph.add(key);
        graph.set_measure(id, name, value);
    }
}

/// All labels that are not ours are the scope.
fn key_of(labels: &Labels, ours: &[&str]) -> Option<EntityKey> {
    let scope = labels.iter().filter(|(name, _)| {
        let known = [METRIC_NAME, "entity", "entity_type"];
        !known.contains(name) && !ours.contains(name) && !name.starts_with(PROPERTY)
    });
    Some(EntityKey {
        kind: EntityKind::new(labels.get("entity_type")?),
        name: labels.get("entity")?.into(),
        scope: Labels::new(scope).ok()?,
    })
}

fn update(graph: &mut Graph, labels: &Labels, change: impl FnOnce(&mut Traffic)) {
    let kind = labels.get("relation").and_then(RelationKind::parse);
    let ends = end_of(labels, "from").zip(end_of(labels, "to"));
    let Some((kind, (from, to))) = kind.zip(ends) else {
        return;
    };
    let (from, to) = (graph.add(from), graph.add(to));
    let known = graph.relation(kind, from, to).map(|known| known.traffic);
    let mut traffic = known.unwrap_or_default();
    change(&mut traffic);
    graph.relate(Relation {
        kind,
        from,
        to,
        traffic,
    });
}

fn end_of(labels: &Labels, end: &str) -> Option<EntityKey> {
    let part = |name: &str| {
        let rest = name.strip_prefix(end)?;
        rest.strip_prefix('_')
            .filter(|name| *name != "type")
            .map(str::to_owned)
    };
    let scope = labels.iter();
    let scope = scope.filter_map(|(name, value)| Some((part(name)?, value)));
    Some(EntityKey {
        kind: EntityKind::new(labels.get(&format!("{end}_type"))?),
        name: labels.get(end)?.into(),
        scope: Labels::new(scope).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_graph_comes_back_as_it_was_written() {
        let mut graph = Graph::default();
        let scope = Labels::new([("service", "cart"), ("namespace", "eu")]).unwrap();
        let route = graph.add(EntityKey::new("route", "/cart/{cart}").scoped(scope));
        let service = graph.add(EntityKey::new("service", "cart \"1\""));
        let database = graph.add(EntityKey::new("database", "orders"));
        graph.set_property(service, "version", "1.2, 1.3");
        graph.set_measure(service, "memory_bytes", 5e8);
        for (from, to, kind, rate) in [
            (route, service, RelationKind::PartOf, None),
            (service, database, RelationKind::ReadsFrom, Some(2.5)),
            (service, database, RelationKind::WritesTo, Some(0.0)),
        ] {
            let traffic = Traffic {
                rate,
                error_ratio: rate.filter(|rate| *rate > 0.0).map(|_| 0.25),
                latency: None,
            };
            graph.relate(Relation {
                kind,
                from,
                to,
                traffic,
            });
        }
        let samples = to_samples(&graph);
        let read = samples.iter().map(|(labels, value)| (labels, *value));
        assert_eq!(from_series(read), graph);
        let selector = promql::parse(FROM_SERIES).unwrap();
        let selector = selector.selectors().next().unwrap();
        for (labels, _) in &samples {
            let selects = |m: &model::Matcher| m.matches(labels.get(m.name()).unwrap_or(""));
            assert!(selector.matchers.iter().all(selects), "{labels}");
            assert!(GRAPH_METRICS.contains(&labels.metric_name()), "{labels}");
        }
    }

    #[test]
    fn series_that_hold_no_graph_are_passed_over() {
        for text in [
            "pyrometer:entity",
            "pyrometer:entity{entity=\"a\"}",
            "pyrometer:relation{relation=\"likes\",from_type=\"a\",from=\"a\",to_type=\"b\",to=\"b\"}",
            "pyrometer:relation{relation=\"calls\",from_type=\"a\",from=\"a\"}",
            "pyrometer:entity_value{entity=\"a\",entity_type=\"b\"}",
            "up{job=\"a\"}",
        ] {
            let expr = promql::parse(text).unwrap();
            let matchers = expr.selectors().next().unwrap().matchers;
            let pairs = matchers.iter().map(|m| (m.name(), m.value()));
            let labels = Labels::new(pairs).unwrap();
            let graph = from_series([(&labels, 1.0)]);
            assert!(graph.relations().is_empty() && graph.is_empty(), "{text}");
        }
    }
}
