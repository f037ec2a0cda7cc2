//! The KPIs of a pack.yaml.

use super::{read_query, read_unit};
use crate::graph::EntityKind;
use crate::kpi::KpiKind;
use crate::pack::{Good, Kpi, KpiOf};
use crate::reader::{Fields, Mistake, Reader};
use crate::yaml::{Field, Node, Value};

/// The KPIs of services, one number a job, and those of what else the series tell of.
pub(super) fn read_kpis(
    reader: &mut Reader,
    fields: &Fields<'_>,
    variants: &[String],
) -> (Vec<Kpi>, Vec<Kpi>) {
    let (mut of_jobs, mut of_entities) = (Vec::new(), Vec::new());
    for Field { name, value, .. } in reader.entries(fields, "kpis") {
        if let Some(kpi) = read_kpi(reader, name, value, variants) {
            let list = match kpi.of {
                None => &mut of_jobs,
                Some(_) => &mut of_entities,
            };
            list.push(kpi);
        }
    }
    (of_jobs, of_entities)
}

fn read_kpi(reader: &mut Reader, name: &str, node: &Node, variants: &[String]) -> Option<Kpi> {
    let fields = reader.fields(node, "a KPI", &["unit", "good", "kind", "of", "expr"])?;
    let good = |text: &str| match text {
        "low" => Some(Good::Low),
        "high" => Some(Good::High),
        _ => None,
    };
    let good = reader.parsed(&fields, "good", "low or high", good);
    let expected = "request_rate, error_ratio, client_error_ratio, latency_average, latency_p95, \
                    saturation:NAME, resource:NAME or up";
    let kind = reader.parsed(&fields, "kind", expected, KpiKind::parse);
    let of = fields.get("of").map(|node| read_of(reader, node));
    // A number of another entity is not shown beside a service, so its kind says all of its unit.
    let unit = match (&kind, fields.get("unit")) {
        (Some(kind), None) if of.is_some() => Some(kind.unit()),
        _ => read_unit(reader, &fields),
    };
    if of.is_some() && fields.get("kind").is_none() {
        reader.required(&fields, "kind");
    }
    let query = read_query(reader, &fields, "expr", variants);
    let of = match of {
        None => None,
        Some(of) => Some(of?),
    };
    Some(Kpi {
        name: name.to_owned(),
        unit: unit?,
        good,
        query: query?,
        kind,
        of,
    })
}

/// As entities are written: `type`, `name`, `scope`; or `host`, a label that holds an address.
fn read_of(reader: &mut Reader, node: &Node) -> Option<KpiOf> {
    let fields = reader.fields(node, "an entity", &["type", "name", "scope", "host"])?;
    let kind = reader
        .required_text(&fields, "type")
        .map(|kind| EntityKind::new(&kind));
    let (name, host) = (reader.texts(&fields, "name"), reader.text(&fields, "host"));
    if name.is_empty() == host.is_none() {
        let text = "an entity is named by labels (name) or by the host of an address (host)";
        reader.report(fields.line, Mistake::Contradiction { text });
        return None;
    }
    let mut scope = Vec::new();
    for Field { name, value, .. } in reader.entries(&fields, "scope") {
        let label = match &value.value {
            Value::List(items) => items.first().and_then(|item| reader.scalar(item, name)),
            Value::Null | Value::Scalar(_) | Value::Map(_) => reader.scalar(value, name),
        };
        scope.extend(label.map(|label| (name.clone(), label.to_owned())));
    }
    Some(KpiOf {
        kind: kind?,
        name,
        host,
        scope,
    })
}
