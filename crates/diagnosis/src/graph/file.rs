//! Reads model rules: the `entities:` and `relations:` of a pack and of a user's model file.

use super::{
    EndRule, EntityKind, EntityQuery, EntityRule, ModelRules, RelationKind, RelationRule,
    RelationWay, TextChoice,
};
use crate::pack::QueryText;
use crate::reader::{Fields, Mistake, Problem, Reader, read_document};
use crate::yaml::{Node, Value};

/// Rules of one file; the widest pack has twenty.
const RULES_MAX: usize = 500;

/// Labels of one choice, names of one scope, properties of one query.
const PARTS_MAX: usize = 32;

/// What a rule may name.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RuleContext<'a> {
    /// Names of the pack's variants.
    pub(crate) variants: &'a [String],
}

/// Reads a user's model file: `entities` and `relations`, as in a pack.
///
/// # Errors
/// Every problem of it, with its line.
pub fn parse_model_file(text: &str) -> Result<ModelRules, Vec<Problem>> {
    let root = read_document(text).map_err(|problem| vec![problem])?;
    if root.value == Value::Null {
        return Ok(ModelRules::default());
    }
    let mut reader = Reader::default();
    let known = ["entities", "relations"];
    let Some(fields) = reader.fields(&root, "a model file", &known) else {
        return Err(reader.problems);
    };
    let rules = read_model(&mut reader, &fields, RuleContext::default());
    if reader.problems.is_empty() {
        return Ok(rules);
    }
    reader.problems.sort_by_key(|problem| problem.line);
    Err(reader.problems)
}

pub(crate) fn read_model(
    reader: &mut Reader,
    fields: &Fields<'_>,
    context: RuleContext<'_>,
) -> ModelRules {
    let mut rules = ModelRules::default();
    for node in limited(reader, fields, "entities") {
        rules.entities.extend(read_entity(reader, node, context));
    }
    for node in limited(reader, fields, "relations") {
        rules.relations.extend(read_relation(reader, node, context));
    }
    rules
}

fn limited<'a>(reader: &mut Reader, fields: &Fields<'a>, name: &'static str) -> &'a [Node] {
    let nodes = reader.list(fields, name);
    if let Some(beyond) = nodes.get(RULES_MAX) {
        let text = "a file holds at most 500 entities and 500 relations; split it";
        reader.report(beyond.line, Mistake::Contradiction { text });
    }
    &nodes[..nodes.len().min(RULES_MAX)]
}

fn read_entity(reader: &mut Reader, node: &Node, context: RuleContext<'_>) -> Option<EntityRule> {
    let known = [
        "type",
        "name",
        "scope",
        "lookup",
        "defined_by",
        "enriched_by",
    ];
    let fields = reader.fields(node, "an entity", &known)?;
    let kind = read_kind(reader, &fields);
    reader.required(&fields, "name");
    let name = choice(reader, &fields, "name", context);
    let scope = choices(reader, &fields, "scope", context);
    check_scope(reader, &fields, &scope);
    let mut lookup = Vec::new();
    for node in reader.list(&fields, "lookup") {
        if let Some(fields) = reader.fields(node, "a lookup", &["name", "scope"]) {
            reader.required(&fields, "name");
            let scope = choices(reader, &fields, "scope", context);
            lookup.push((choice(reader, &fields, "name", context), scope));
        }
    }
    let mut queries = |name| {
        let nodes = reader.list(&fields, name).iter();
        nodes
            .filter_map(|node| read_query(reader, node, context))
            .collect::<Vec<_>>()
    };
    let (defined_by, enriched_by) = (queries("defined_by"), queries("enriched_by"));
    let made_of = ["defined_by", "enriched_by", "lookup"];
    if made_of.iter().all(|name| fields.get(name).is_none()) {
        let text = "an entity needs defined_by, enriched_by or lookup: it is made of nothing";
        reader.report(node.line, Mistake::Contradiction { text });
    }
    Some(EntityRule {
        line: node.line,
        kind: kind?,
        name,
        scope,
        lookup,
        defined_by,
        enriched_by,
    })
}

fn read_query(reader: &mut Reader, node: &Node, context: RuleContext<'_>) -> Option<EntityQuery> {
    let known = [
        "query",
        "address",
        "host",
        "properties",
        "literals",
        "value",
    ];
    let fields = reader.fields(node, "a query", &known)?;
    reader.required(&fields, "query");
    let query = promql(reader, &fields, "query", context);
    let literals = reader.entries(&fields, "literals").iter();
    let literals: Vec<(String, String)> = literals
        .filter_map(|field| {
            let text = reader.scalar(&field.value, &field.name)?;
            Some((field.name.clone(), text.to_owned()))
        })
        .collect();
    let properties = choices(reader, &fields, "properties", context);
    let value = reader.parsed(&fields, "value", WORD, word);
    let (address, host) = (
        place(reader, &fields, "address"),
        place(reader, &fields, "host"),
    );
    let names = properties.iter().map(|(name, _)| name);
    let names = names.chain(literals.iter().map(|(name, _)| name));
    for name in names {
        check_word(reader, node.line, "the name of a property", name);
    }
    Some(EntityQuery {
        line: node.line,
        query: query?,
        address,
        host,
        properties,
        literals,
        value,
    })
}

fn read_relation(
    reader: &mut Reader,
    node: &Node,
    context: RuleContext<'_>,
) -> Option<RelationRule> {
    let known = [
        "type",
        "from",
        "to",
        "match",
        "address",
        "host",
        "defined_by",
        "rate",
        "errors",
        "seconds",
    ];
    let fields = reader.fields(node, "a relation", &known)?;
    reader.required(&fields, "type");
    let expected = format!("one of {}", RelationKind::ALL.map(|k| k.name()).join(", "));
    let kind = reader.parsed(&fields, "type", &expected, RelationKind::parse);
    let is_match = fields.get("match").is_some();
    let mut end = |name: &'static str| {
        let node = reader.required(&fields, name)?;
        read_end(reader, node, is_match, context)
    };
    let (from, to) = (end("from"), end("to"));
    let way = if is_match {
        read_match(reader, &fields)
    } else {
        read_series(reader, &fields, context)
    };
    Some(RelationRule {
        line: node.line,
        kind: kind?,
        from: from?,
        to: to?,
        way: way?,
    })
}

fn read_match(reader: &mut Reader, fields: &Fields<'_>) -> Option<RelationWay> {
    let series = ["address", "host", "defined_by", "rate", "errors", "seconds"];
    if series.iter().any(|name| fields.get(name).is_some()) {
        let text = "a relation is found by match or by queries, not by both";
        reader.report(fields.line, Mistake::Contradiction { text });
    }
    let entries = reader.entries(fields, "match").iter();
    let pairs: Vec<(String, String)> = entries
        .filter_map(|field| {
            let text = reader.scalar(&field.value, &field.name)?;
            Some((field.name.clone(), text.to_owned()))
        })
        .collect();
    if pairs.is_empty() {
        let text = "match needs at least one property of from with one of to";
        reader.report(fields.line, Mistake::Contradiction { text });
        return None;
    }
    Some(RelationWay::Match(pairs))
}

fn read_series(
    reader: &mut Reader,
    fields: &Fields<'_>,
    context: RuleContext<'_>,
) -> Option<RelationWay> {
    let mut query = |name| promql(reader, fields, name, context);
    let (defined_by, rate) = (query("defined_by"), query("rate"));
    let (errors, seconds) = (query("errors"), query("seconds"));
    if fields.get("defined_by").is_none() && fields.get("rate").is_none() {
        let text = "a relation needs match, defined_by or rate";
        reader.report(fields.line, Mistake::Contradiction { text });
        return None;
    }
    Some(RelationWay::Series {
        address: place(reader, fields, "address"),
        host: place(reader, fields, "host"),
        defined_by,
        rate,
        errors,
        seconds,
    })
}

fn read_end(
    reader: &mut Reader,
    node: &Node,
    is_match: bool,
    context: RuleContext<'_>,
) -> Option<EndRule> {
    let known: &[&str] = if is_match {
        &["type"]
    } else {
        &["type", "name", "scope", "properties", "resolve", "known"]
    };
    let fields = reader.fields(node, "an end of a relation", known)?;
    let kind = read_kind(reader, &fields);
    if !is_match {
        reader.required(&fields, "name");
    }
    let scope = choices(reader, &fields, "scope", context);
    check_scope(reader, &fields, &scope);
    let properties = choices(reader, &fields, "properties", context);
    for (name, _) in &properties {
        check_word(reader, node.line, "the name of a property", name);
    }
    Some(EndRule {
        kind: kind?,
        name: choice(reader, &fields, "name", context),
        scope,
        properties,
        resolve: reader.flag(&fields, "resolve").unwrap_or(false),
        known: reader.flag(&fields, "known").unwrap_or(false),
    })
}

const WORD: &str = "a word of a-z, 0-9 and _";

/// What may stand in the name of a label.
fn word(text: &str) -> Option<String> {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let is_word = text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(legal);
    is_word.then(|| text.to_owned())
}

fn check_word(reader: &mut Reader, line: usize, field: &str, name: &str) {
    if word(name).is_none() {
        let (field, found) = (field.to_owned(), name.to_owned());
        let expected = WORD.to_owned();
        let mistake = Mistake::BadValue {
            field,
            found,
            expected,
        };
        reader.report(line, mistake);
    }
}

/// Scopes become labels of the series that are written; those have labels of their own.
fn check_scope(reader: &mut Reader, fields: &Fields<'_>, scope: &[(String, TextChoice)]) {
    for (name, _) in scope {
        check_word(reader, fields.line, "the name of a scope", name);
        let taken = ["type", "entity", "entity_type", "relation", "from", "to"];
        if taken.contains(&name.as_str()) || name.starts_with("property_") {
            let (field, found) = ("the name of a scope".to_owned(), name.clone());
            let expected = format!(
                "none of {} and must not begin with property_",
                taken.join(", ")
            );
            let mistake = Mistake::BadValue {
                field,
                found,
                expected,
            };
            reader.report(fields.line, mistake);
        }
    }
}

fn read_kind(reader: &mut Reader, fields: &Fields<'_>) -> Option<EntityKind> {
    reader.required(fields, "type")?;
    reader.parsed(fields, "type", WORD, |text| {
        Some(EntityKind::new(&word(text)?))
    })
}

fn promql(
    reader: &mut Reader,
    fields: &Fields<'_>,
    name: &'static str,
    context: RuleContext<'_>,
) -> Option<QueryText> {
    let node = fields.get(name)?;
    let text = reader.scalar(node, name)?;
    let parsed = QueryText::new(text, context.variants);
    if let Err(error) = &parsed {
        let (name, message) = (text.to_owned(), error.to_string());
        reader.report(node.line, Mistake::Expr { name, message });
    }
    parsed.ok()
}

/// One label or a list of them.
fn choice(
    reader: &mut Reader,
    fields: &Fields<'_>,
    name: &str,
    context: RuleContext<'_>,
) -> TextChoice {
    let node = fields.get(name);
    node.map_or(TextChoice::default(), |node| {
        labels(reader, node, name, context)
    })
}

fn choices(
    reader: &mut Reader,
    fields: &Fields<'_>,
    name: &str,
    context: RuleContext<'_>,
) -> Vec<(String, TextChoice)> {
    let entries = reader.entries(fields, name);
    let entries = &entries[..entries.len().min(PARTS_MAX)];
    let read = entries.iter().map(|field| {
        let choice = labels(reader, &field.value, &field.name, context);
        (field.name.clone(), choice)
    });
    read.collect()
}

fn labels(reader: &mut Reader, node: &Node, field: &str, context: RuleContext<'_>) -> TextChoice {
    let names = texts(reader, node, field);
    for name in &names {
        let variant = name.strip_prefix('$');
        if let Some(variant) = variant.filter(|v| !context.variants.iter().any(|w| w == v)) {
            let (what, name) = ("the variant", variant.to_owned());
            reader.report(node.line, Mistake::Undefined { what, name });
        }
    }
    TextChoice(names)
}

/// A place: a label with host and port, or two labels, of which the second may be a port itself.
fn place(reader: &mut Reader, fields: &Fields<'_>, name: &'static str) -> Vec<String> {
    let Some(node) = fields.get(name) else {
        return Vec::new();
    };
    let parts = texts(reader, node, name);
    if !(1..=2).contains(&parts.len()) {
        let text = "address and host take one label with host and port, or two";
        reader.report(node.line, Mistake::Contradiction { text });
    }
    parts
}

fn texts(reader: &mut Reader, node: &Node, field: &str) -> Vec<String> {
    let nodes = match &node.value {
        Value::List(items) => &items[..items.len().min(PARTS_MAX)],
        Value::Null | Value::Scalar(_) | Value::Map(_) => std::slice::from_ref(node),
    };
    let texts = nodes.iter().filter_map(|node| reader.scalar(node, field));
    texts.map(str::to_owned).collect()
}
