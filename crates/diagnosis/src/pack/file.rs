//! The files of a pack to a [`Pack`].

mod dashboard;

use std::collections::BTreeMap;

use self::dashboard::{Defined, read_dashboard};
use super::{
    Detect, Entity, Evidence, Fact, Good, KPI_ANNOTATION, Kpi, Layer, Pack, PackFiles, PackProblem,
    Property, QueryText, Relation, Unit, Variant,
};
use crate::reader::{Fields, Mistake, Problem, Reader, read_document};
use crate::rules::{RuleGroup, parse_rule_file};
use crate::yaml::{Field, Node};

/// The format that this crate reads (docs/formats/pack.md): `apiVersion: pack/v1`.
const PACK_VERSION: u32 = 1;

const PACK_FIELDS: [&str; 15] = [
    "apiVersion",
    "id",
    "title",
    "version",
    "licence",
    "provenance",
    "layer",
    "detect",
    "variants",
    "conditional",
    "entities",
    "relations",
    "kpis",
    "facts",
    "dashboards",
];

pub(super) fn load(files: &PackFiles<'_>) -> Result<Pack, Vec<PackProblem>> {
    let mut problems = Vec::new();
    let mut report = |file: &str, found: Vec<Problem>| {
        problems.extend(found.into_iter().map(|problem| PackProblem {
            pack: files.id.to_owned(),
            file: file.to_owned(),
            problem,
        }));
    };
    let text = |path: &str| {
        files
            .files
            .iter()
            .find(|(name, _)| *name == path)
            .map(|(_, t)| *t)
    };
    let groups = match text("alerts.yml").map(parse_rule_file) {
        None => Vec::new(),
        Some(Ok(groups)) => groups,
        Some(Err(found)) => {
            report("alerts.yml", found);
            Vec::new()
        }
    };
    let runbooks = files.files.iter().filter_map(|(path, text)| {
        let name = path.strip_prefix("runbooks/")?.strip_suffix(".md")?;
        Some((name.to_owned(), (*text).to_owned()))
    });
    let runbooks: BTreeMap<String, String> = runbooks.collect();
    let mut reader = Reader::default();
    let pack = match read_document(text("pack.yaml").unwrap_or_default()) {
        Ok(root) => read_pack(&mut reader, &root, files.id),
        Err(problem) => {
            reader.problems.push(problem);
            None
        }
    };
    // A KPI that could not be read would be missed in every rule that is about it.
    let whole = pack.as_ref().filter(|_| reader.problems.is_empty());
    let kpis = whole.map(|pack| pack.kpis.as_slice());
    report(
        "alerts.yml",
        check_rules(files.id, &groups, &runbooks, kpis),
    );
    reader.problems.sort_by_key(|problem| problem.line);
    report("pack.yaml", reader.problems);
    match pack {
        Some(pack) if problems.is_empty() => Ok(Pack {
            groups,
            runbooks,
            ..pack
        }),
        _ => Err(problems),
    }
}

/// What a pack asks of its rules beyond what Prometheus asks.
fn check_rules(
    id: &str,
    groups: &[RuleGroup],
    runbooks: &BTreeMap<String, String>,
    kpis: Option<&[Kpi]>,
) -> Vec<Problem> {
    let mut reader = Reader::default();
    for rule in groups.iter().flat_map(|group| &group.rules) {
        let Some(alerting) = rule.alerting() else {
            continue;
        };
        let mut bad = |field: &str, found: &str, expected: &str| {
            let mistake = Mistake::BadValue {
                field: format!("{} of {}", field, alerting.name),
                found: found.to_owned(),
                expected: expected.to_owned(),
            };
            reader.report(rule.line, mistake);
        };
        if rule.label("pack") != Some(id) {
            bad("pack", rule.label("pack").unwrap_or_default(), id);
        }
        let one_of =
            |value: Option<&str>, allowed: &[&str]| value.is_some_and(|v| allowed.contains(&v));
        if !one_of(rule.label("severity"), &["critical", "warning", "info"]) {
            let found = rule.label("severity").unwrap_or_default();
            bad("severity", found, "critical, warning or info");
        }
        if !one_of(
            rule.label("kind"),
            &["symptom", "cause", "capacity", "hygiene"],
        ) {
            let found = rule.label("kind").unwrap_or_default();
            bad("kind", found, "symptom, cause, capacity or hygiene");
        }
        let annotation = |name: &str| alerting.annotations.iter().find(|(n, _)| n == name);
        if annotation("summary").is_none() {
            bad("summary", "", "a sentence");
        }
        if let Some((_, kpi)) = annotation(KPI_ANNOTATION)
            && kpis.is_some_and(|kpis| kpis.iter().all(|known| known.name != *kpi))
        {
            bad(KPI_ANNOTATION, kpi, "a KPI of the pack");
        }
        let runbook = format!("runbooks/{}.md", alerting.name);
        if annotation("runbook").is_none_or(|(_, path)| *path != runbook) {
            bad(
                "runbook",
                annotation("runbook").map_or("", |(_, path)| path),
                &runbook,
            );
        }
        if !runbooks.contains_key(&alerting.name) {
            let name = alerting.name.clone();
            reader.report(
                1,
                Mistake::Undefined {
                    what: "the runbook",
                    name,
                },
            );
        }
    }
    reader.problems
}

fn read_pack(reader: &mut Reader, root: &Node, folder: &str) -> Option<Pack> {
    let fields = reader.fields(root, "a pack", &PACK_FIELDS)?;
    let exactly = |reader: &mut Reader, name: &'static str, value: &str| {
        reader.required(&fields, name);
        reader.parsed(&fields, name, value, |text| (text == value).then_some(()));
    };
    exactly(reader, "apiVersion", &format!("pack/v{PACK_VERSION}"));
    exactly(reader, "id", folder);
    exactly(reader, "licence", "Apache-2.0");
    let variants: Vec<Variant> = reader
        .list(&fields, "variants")
        .iter()
        .filter_map(|node| read_variant(reader, node))
        .collect();
    let names: Vec<String> = variants
        .iter()
        .map(|variant| variant.name.clone())
        .collect();
    let kpis = read_kpis(reader, &fields, &names);
    let entities = read_entities(reader, &fields);
    let dashboards = reader.list(&fields, "dashboards").iter();
    let dashboards = dashboards
        .filter_map(|node| {
            read_dashboard(
                reader,
                node,
                &Defined {
                    kpis: &kpis,
                    variants: &names,
                },
            )
        })
        .collect();
    let conditional = read_texts_by_name(reader, &fields, "conditional");
    // Everything is read before the first `?`, so that one mistake hides no other.
    let (title, version) = (
        reader.required_text(&fields, "title"),
        reader.required_text(&fields, "version"),
    );
    reader.required(&fields, "layer");
    let layer = |text: &str| Layer::ALL.into_iter().find(|layer| layer.name() == text);
    let expected = Layer::ALL.map(Layer::name).join(", ");
    let layer = reader.parsed(&fields, "layer", &format!("one of {expected}"), layer);
    let detect = read_detect(reader, &fields);
    let (relations, facts) = (
        read_relations(reader, &fields),
        read_facts(reader, &fields, &names),
    );
    Some(Pack {
        id: folder.to_owned(),
        title: title?,
        version: version?,
        layer: layer?,
        detect: detect?,
        variants,
        conditional,
        relations,
        entities,
        facts,
        kpis,
        dashboards,
        groups: Vec::new(),
        runbooks: BTreeMap::new(),
    })
}

fn read_detect(reader: &mut Reader, fields: &Fields<'_>) -> Option<Detect> {
    let node = reader.required(fields, "detect")?;
    let detect = reader.fields(node, "detect", &["any", "all"])?;
    let mut evidence = |name| {
        let nodes = reader.list(&detect, name).iter();
        nodes
            .filter_map(|node| read_evidence(reader, node))
            .collect::<Vec<_>>()
    };
    let (any, all) = (evidence("any"), evidence("all"));
    if any.is_empty() && all.is_empty() {
        let text = "detect needs at least one metric under any or all";
        reader.report(node.line, Mistake::Contradiction { text });
    }
    Some(Detect { any, all })
}

fn read_evidence(reader: &mut Reader, node: &Node) -> Option<Evidence> {
    let fields = reader.fields(node, "a detection", &["metric", "labels"])?;
    let labels = read_texts_by_name(reader, &fields, "labels");
    Some(Evidence {
        metric: reader.required_text(&fields, "metric")?,
        labels,
    })
}

/// A map from free names to texts.
fn read_texts_by_name(
    reader: &mut Reader,
    fields: &Fields<'_>,
    name: &str,
) -> Vec<(String, String)> {
    let entries = reader.entries(fields, name).iter();
    entries
        .filter_map(|field| {
            let text = reader.scalar(&field.value, &field.name)?;
            Some((field.name.clone(), text.to_owned()))
        })
        .collect()
}

fn read_variant(reader: &mut Reader, node: &Node) -> Option<Variant> {
    let fields = reader.fields(
        node,
        "a variant",
        &["name", "metric", "first_of", "besides"],
    )?;
    Some(Variant {
        name: reader.required_text(&fields, "name")?,
        metric: reader.required_text(&fields, "metric")?,
        first_of: {
            reader.required(&fields, "first_of")?;
            reader.texts(&fields, "first_of")
        },
        besides: reader.texts(&fields, "besides"),
    })
}

fn read_kpis(reader: &mut Reader, fields: &Fields<'_>, variants: &[String]) -> Vec<Kpi> {
    let mut kpis = Vec::new();
    for Field {
        name: key,
        value: node,
        ..
    } in reader.entries(fields, "kpis")
    {
        let Some(fields) = reader.fields(node, "a KPI", &["unit", "good", "expr"]) else {
            continue;
        };
        let good = |text: &str| match text {
            "low" => Some(Good::Low),
            "high" => Some(Good::High),
            _ => None,
        };
        let good = reader.parsed(&fields, "good", "low or high", good);
        let unit = read_unit(reader, &fields);
        let query = read_query(reader, &fields, "expr", variants);
        kpis.extend(unit.zip(query).map(|(unit, query)| Kpi {
            name: key.clone(),
            unit,
            good,
            query,
        }));
    }
    kpis
}

fn read_facts(reader: &mut Reader, fields: &Fields<'_>, variants: &[String]) -> Vec<Fact> {
    let mut facts = Vec::new();
    for Field {
        name: key,
        value: node,
        ..
    } in reader.entries(fields, "facts")
    {
        let fields = reader.fields(node, "a fact", &["expr"]);
        let query = fields.and_then(|fields| read_query(reader, &fields, "expr", variants));
        facts.extend(query.map(|query| Fact {
            name: key.clone(),
            query,
        }));
    }
    facts
}

fn read_unit(reader: &mut Reader, fields: &Fields<'_>) -> Option<Unit> {
    reader.required(fields, "unit")?;
    let expected = Unit::ALL.map(Unit::name).join(", ");
    let unit = |text: &str| Unit::ALL.into_iter().find(|unit| unit.name() == text);
    reader.parsed(fields, "unit", &format!("one of {expected}"), unit)
}

fn read_query(
    reader: &mut Reader,
    fields: &Fields<'_>,
    name: &'static str,
    variants: &[String],
) -> Option<QueryText> {
    let node = reader.required(fields, name)?;
    let text = reader.scalar(node, name)?;
    match QueryText::new(text, variants) {
        Ok(query) => Some(query),
        Err(error) => {
            let mistake = Mistake::Expr {
                name: text.to_owned(),
                message: error.to_string(),
            };
            reader.report(node.line, mistake);
            None
        }
    }
}

fn read_entities(reader: &mut Reader, fields: &Fields<'_>) -> Vec<Entity> {
    let nodes = reader.list(fields, "entities").iter();
    nodes.filter_map(|node| read_entity(reader, node)).collect()
}

fn read_entity(reader: &mut Reader, node: &Node) -> Option<Entity> {
    let fields = reader.fields(node, "an entity", &["type", "id", "properties"])?;
    let mut properties = Vec::new();
    for Field {
        name: key,
        value: node,
        ..
    } in reader.entries(&fields, "properties")
    {
        let Some(fields) = reader.fields(node, "a property", &["const", "from", "label"]) else {
            continue;
        };
        let constant = reader.text(&fields, "const");
        let (metric, label) = (reader.text(&fields, "from"), reader.text(&fields, "label"));
        match (constant, metric, label) {
            (Some(value), None, None) => {
                properties.push((key.clone(), Property::Const(value)));
            }
            (None, Some(metric), Some(label)) => {
                properties.push((key.clone(), Property::Label { metric, label }));
            }
            _ => {
                let text = "a property has either const or both from and label";
                reader.report(node.line, Mistake::Contradiction { text });
            }
        }
    }
    Some(Entity {
        kind: reader.required_text(&fields, "type")?,
        id: reader.texts(&fields, "id"),
        properties,
    })
}

fn read_relations(reader: &mut Reader, fields: &Fields<'_>) -> Vec<Relation> {
    let mut relations = Vec::new();
    for node in reader.list(fields, "relations") {
        let fields = reader.fields(node, "a relation", &["from", "to", "kind", "by"]);
        let relation = fields.and_then(|fields| {
            Some(Relation {
                from: reader.required_text(&fields, "from")?,
                to: reader.required_text(&fields, "to")?,
                kind: reader.required_text(&fields, "kind")?,
                by: reader.required_text(&fields, "by")?,
            })
        });
        relations.extend(relation);
    }
    relations
}
