//! Mapping files, and the same as JSON.

mod condition;
mod measure;

use self::condition::read_matchers;
use self::measure::read_measure;
use super::{EntityFrom, Mapping, MetricName, NameFrom};
use crate::graph::EntityKind;
use crate::reader::{Fields, Mistake, Problem, Reader, read_document};
use crate::yaml::{Field, Node, Value};

/// Mappings of one file. Each is a few queries every 15 s.
pub const MAPPINGS_MAX: usize = 1000;

/// Metrics, and labels, that one mapping names.
const NAMES_MAX: usize = 32;

const MAPPING_FIELDS: [&str; 16] = [
    "name",
    "entity",
    "kpi",
    "resource",
    "metric",
    "type",
    "unit",
    "step",
    "filters",
    "errors",
    "total",
    "sum",
    "count",
    "quantiles",
    "limit",
    "reason",
];

const KPIS: [&str; 9] = [
    "request_rate",
    "errors",
    "client_errors",
    "availability",
    "latency_average",
    "latency_quantile",
    "saturation",
    "resource",
    "up",
];

/// Reads a file. A bad mapping costs itself only.
pub fn read_mapping_file(text: &str) -> (Vec<Mapping>, Vec<Problem>) {
    let root = match read_document(text) {
        Ok(root) => root,
        Err(problem) => return (Vec::new(), vec![problem]),
    };
    if root.value == Value::Null {
        return (Vec::new(), Vec::new());
    }
    let mut reader = Reader::default();
    let fields = reader.fields(&root, "a mapping file", &["mappings"]);
    let nodes = fields.map_or(&[] as &[Node], |f| reader.list(&f, "mappings"));
    let mut mappings: Vec<Mapping> = Vec::new();
    for node in nodes.iter().take(MAPPINGS_MAX) {
        let Some(mapping) = read_whole(&mut reader, node) else {
            continue;
        };
        if mappings.iter().any(|other| other.name == mapping.name) {
            let (what, name) = ("the mapping", mapping.name);
            reader.report(node.line, Mistake::Twice { what, name });
            continue;
        }
        mappings.push(mapping);
    }
    if let Some(node) = nodes.get(MAPPINGS_MAX) {
        let text = "more than 1000 mappings; this one and those below are not used";
        reader.report(node.line, Mistake::Contradiction { text });
    }
    reader.problems.sort_by_key(|problem| problem.line);
    (mappings, reader.problems)
}

/// Reads one mapping as the API takes it: the fields of a file's entry.
///
/// # Errors
/// Everything that is wrong with it; lines mean nothing here.
pub fn read_mapping_json(json: &serde_json::Value) -> Result<Mapping, Vec<Problem>> {
    let mut reader = Reader::default();
    let node = node_of(json);
    match read_whole(&mut reader, &node) {
        Some(mapping) => Ok(mapping),
        None => Err(reader.problems),
    }
}

/// `serde_json` limits the depth, so this recursion is bounded.
fn node_of(json: &serde_json::Value) -> Node {
    let value = match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(flag) => Value::Scalar(flag.to_string()),
        serde_json::Value::Number(number) => Value::Scalar(number.to_string()),
        serde_json::Value::String(text) => Value::Scalar(text.clone()),
        serde_json::Value::Array(items) => Value::List(items.iter().map(node_of).collect()),
        serde_json::Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| Field {
                line: 1,
                name: name.clone(),
                value: node_of(value),
            });
            Value::Map(fields.collect())
        }
    };
    Node { line: 1, value }
}

/// A mapping without a mistake; half of one would say something else.
fn read_whole(reader: &mut Reader, node: &Node) -> Option<Mapping> {
    let n_problems = reader.problems.len();
    let mapping = read_mapping(reader, node);
    mapping.filter(|_| reader.problems.len() == n_problems)
}

fn read_mapping(reader: &mut Reader, node: &Node) -> Option<Mapping> {
    let fields = reader.fields(node, "a mapping", &MAPPING_FIELDS)?;
    reader.text(&fields, "reason");
    let filters = read_matchers(reader, &fields, "filters");
    let entity = read_entity(reader, &fields);
    reader.required(&fields, "kpi");
    let known = |text: &str| KPIS.into_iter().find(|kpi| *kpi == text);
    let kpi = reader.parsed(
        &fields,
        "kpi",
        &format!("one of {}", KPIS.join(", ")),
        known,
    )?;
    let measure = read_measure(reader, &fields, kpi);
    let name = reader.text(&fields, "name");
    let mapping = Mapping {
        name: String::new(),
        entity: entity?,
        filters: filters?,
        measure: measure?,
    };
    check_names(reader, &fields, &mapping);
    let name = name.unwrap_or_else(|| mapping.made_name());
    Some(Mapping { name, ..mapping })
}

/// All metrics of a mapping carry the name of the entity, or none does.
fn check_names(reader: &mut Reader, fields: &Fields<'_>, mapping: &Mapping) {
    let sources = mapping.sources();
    let mut metrics = sources.iter().flat_map(|source| &source.metrics);
    let text = match mapping.entity.name {
        NameFrom::Metric if !metrics.all(MetricName::names_entity) => {
            "without a name of the entity each metric must hold {entity}"
        }
        NameFrom::Labels(_) | NameFrom::Fixed(_) if metrics.any(MetricName::names_entity) => {
            "a metric holds {entity}, so the entity needs no other name"
        }
        NameFrom::Metric | NameFrom::Labels(_) | NameFrom::Fixed(_) => return,
    };
    reader.report(fields.line, Mistake::Contradiction { text });
}

fn read_entity(reader: &mut Reader, fields: &Fields<'_>) -> Option<EntityFrom> {
    let node = reader.required(fields, "entity")?;
    let known = ["type", "label", "name", "scope"];
    let fields = reader.fields(node, "an entity", &known)?;
    reader.required(&fields, "type");
    let word = |text: &str| {
        let legal = |c: char| c.is_alphanumeric() || "_-. ".contains(c);
        let is_word = !text.trim().is_empty() && text.chars().all(legal);
        is_word.then(|| EntityKind::new(text.trim()))
    };
    let kind = reader.parsed(&fields, "type", "a word", word);
    let labels = read_names(reader, &fields, "label");
    let name = reader.text(&fields, "name").filter(|name| !name.is_empty());
    let name = match (labels.is_empty(), name) {
        (true, None) => NameFrom::Metric,
        (true, Some(name)) => NameFrom::Fixed(name),
        (false, None) => NameFrom::Labels(labels),
        (false, Some(_)) => {
            let text = "an entity is named by labels (label) or has one name (name), not both";
            reader.report(fields.line, Mistake::Contradiction { text });
            return None;
        }
    };
    let scope = read_entity_scope(reader, &fields);
    Some(EntityFrom {
        kind: kind?,
        name,
        scope,
    })
}

/// A list of labels, or a map from labels of the scope to labels of the series.
fn read_entity_scope(reader: &mut Reader, fields: &Fields<'_>) -> Vec<(String, String)> {
    let is_map = fields
        .get("scope")
        .is_some_and(|node| matches!(node.value, Value::Map(_)));
    let mut scope: Vec<(String, String)> = Vec::new();
    if is_map {
        for field in reader.entries(fields, "scope") {
            if let Some(from) = reader.scalar(&field.value, &field.name) {
                scope.push((field.name.clone(), from.to_owned()));
            }
        }
    } else {
        let names = read_names(reader, fields, "scope");
        scope.extend(names.into_iter().map(|name| (name.clone(), name)));
    }
    let line = fields.get("scope").map_or(fields.line, |node| node.line);
    for idx in 0..scope.len() {
        let name = scope[idx].0.clone();
        if scope[..idx].iter().any(|(other, _)| *other == name) {
            let what = "the label of the scope";
            reader.report(line, Mistake::Twice { what, name });
        } else if ["", "entity", "entity_type"].contains(&name.as_str()) || scope[idx].1.is_empty()
        {
            let text = "a label of the scope has a name other than entity and entity_type";
            reader.report(line, Mistake::Contradiction { text });
        }
    }
    scope
}

/// One text or a list of them, none empty, none twice.
fn read_names(reader: &mut Reader, fields: &Fields<'_>, field: &str) -> Vec<String> {
    let Some(node) = fields.get(field) else {
        return Vec::new();
    };
    let names: Vec<String> = match &node.value {
        Value::List(_) => reader.texts(fields, field),
        Value::Null | Value::Scalar(_) | Value::Map(_) => reader
            .scalar(node, field)
            .map(str::to_owned)
            .into_iter()
            .collect(),
    };
    for (idx, name) in names.iter().enumerate() {
        if name.is_empty() || idx == NAMES_MAX {
            let mistake = Mistake::BadValue {
                field: field.to_owned(),
                found: name.clone(),
                expected: format!("one of at most {NAMES_MAX} names"),
            };
            reader.report(node.line, mistake);
            break;
        }
        if names[..idx].contains(name) {
            let (what, name) = ("the name", name.clone());
            reader.report(node.line, Mistake::Twice { what, name });
        }
    }
    names
}
