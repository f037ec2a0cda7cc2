//! Looking into a tree of YAML by path, and whom an objective is about.

use std::sync::Arc;

use model::Labels;

use crate::graph::{EntityKey, EntityKind};
use crate::yaml::{Node, Value};

/// The prefix of annotations that are ours.
pub(super) const PREFIX: &str = "pyrometer/";

pub(super) enum Found {
    Is(f64),
    Not,
}

/// A field that has a value.
pub(super) fn get<'a>(node: &'a Node, name: &str) -> Option<&'a Node> {
    let field = node.fields()?.iter().find(|field| field.name == name)?;
    Some(&field.value).filter(|value| value.value != Value::Null)
}

pub(super) fn find<'a>(node: &'a Node, path: &[&str]) -> Option<&'a Node> {
    path.iter().try_fold(node, |node, name| get(node, name))
}

pub(super) fn text(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Scalar(text) => Some(text),
        Value::Null | Value::List(_) | Value::Map(_) => None,
    }
}

pub(super) fn number(node: &Node) -> Found {
    let parsed = text(node).and_then(|text| text.parse::<f64>().ok());
    match parsed.filter(|number| number.is_finite()) {
        Some(number) => Found::Is(number),
        None => Found::Not,
    }
}

/// The fields outside `known`, with their lines.
pub(super) fn lines_of_unknown(node: &Node, known: &[&str]) -> Vec<(usize, String)> {
    let fields = node.fields().unwrap_or_default().iter();
    fields
        .filter(|field| !known.contains(&field.name.as_str()))
        .map(|field| (field.line, field.name.clone()))
        .collect()
}

/// One of our annotations.
pub(super) fn annotation<'a>(node: &'a Node, name: &str) -> Option<&'a Node> {
    let all = find(node, &["metadata", "annotations"])?;
    get(all, &format!("{PREFIX}{name}"))
}

/// The entity that the annotations name, or else the service.
pub(super) fn entity_of(node: &Node, spec: &Node) -> Result<EntityKey, (usize, String)> {
    let service = get(spec, "service").and_then(text);
    let service = service.filter(|name| !name.is_empty()).ok_or_else(|| {
        let words = "an SLO needs the field \"service\"".to_owned();
        (spec.line, words)
    })?;
    let of = |name: &str| annotation(node, name).and_then(text);
    let (Some(kind), Some(name)) = (of("entity-type"), of("entity")) else {
        return Ok(EntityKey::new("service", service));
    };
    let all = find(node, &["metadata", "annotations"]);
    let fields = all.and_then(Node::fields).unwrap_or_default().iter();
    let scope = fields.filter_map(|field| {
        let name = field.name.strip_prefix(PREFIX)?.strip_prefix("scope.")?;
        Some((name.to_owned(), text(&field.value)?.to_owned()))
    });
    let scope = Labels::new(scope).map_err(|_| (node.line, "a scope stands twice".to_owned()))?;
    Ok(EntityKey {
        kind: EntityKind::new(kind),
        name: Arc::from(name),
        scope,
    })
}
