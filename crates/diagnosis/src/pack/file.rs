//! The files of a pack to a [`Pack`].

mod dashboard;
mod kpis;
mod rules;

use std::collections::BTreeMap;

use self::dashboard::{Defined, read_dashboard};
use self::kpis::read_kpis;
use self::rules::{check_alerts, check_records};
use super::inhibit::parse_inhibit_file;
use super::parameter::ParameterValues;
use super::{
    Detect, Evidence, Fact, Layer, Pack, PackFiles, PackProblem, Parameter, QueryText, Unit,
    Variant, Verified,
};
use crate::graph::{RuleContext, read_model};
use crate::places;
use crate::reader::{Fields, Mistake, Problem, Reader, read_document};
use crate::rules::{RuleGroup, parse_rule_file_with};
use crate::yaml::{Field, Node};

/// The format that this crate reads (docs/formats/pack.md): `apiVersion: pack/v1`.
const PACK_VERSION: u32 = 1;

const PACK_FIELDS: [&str; 18] = [
    "apiVersion",
    "id",
    "title",
    "version",
    "licence",
    "provenance",
    "tier",
    "verified",
    "parameters",
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
    let mut problems = Problems {
        pack: files.id,
        found: Vec::new(),
    };
    let runbooks = files.files.iter().filter_map(|(path, text)| {
        let name = path.strip_prefix("runbooks/")?.strip_suffix(".md")?;
        Some((name.to_owned(), (*text).to_owned()))
    });
    let runbooks: BTreeMap<String, String> = runbooks.collect();
    let mut reader = Reader::default();
    let pack = match read_document(files.text("pack.yaml").unwrap_or_default()) {
        Ok(root) => read_pack(&mut reader, &root, files.id),
        Err(problem) => {
            reader.problems.push(problem);
            None
        }
    };
    let parameters = pack.as_ref().map(|pack| &pack.parameters[..]);
    let values = ParameterValues::defaults(parameters.unwrap_or_default());
    // A pack.yaml that cannot be read must not make every `$name` of the rules a mistake too.
    let fill = |text: &str| match parameters {
        Some(_) => values.fill(text),
        None => places::fill(text, |name| (!name.is_empty()).then_some("1")),
    };
    let mut rules_of = |file: &'static str| {
        let read = |text| parse_rule_file_with(text, &fill);
        let groups = files.text(file).map_or(Ok(Vec::new()), read);
        groups.unwrap_or_else(|found| problems.report(file, found))
    };
    let (records, alerts) = (rules_of("records.yml"), rules_of("alerts.yml"));
    let inhibitions = files.text("inhibit.yml").map(parse_inhibit_file);
    let inhibitions = inhibitions.unwrap_or(Ok(Vec::new()));
    let inhibitions = inhibitions.unwrap_or_else(|found| problems.report("inhibit.yml", found));
    problems.report::<()>("records.yml", check_records(&records));
    // What could not be read would be missed in every rule that is about it.
    let whole = pack.as_ref().filter(|_| reader.problems.is_empty());
    let kpis = whole.map(|pack| pack.kpis.as_slice());
    problems.report::<()>(
        "alerts.yml",
        check_alerts(files.id, &alerts, &runbooks, kpis),
    );
    if let Some(pack) = whole.filter(|_| problems.found.is_empty()) {
        check_used(&mut reader, pack, &alerts);
    }
    reader.problems.sort_by_key(|problem| problem.line);
    problems.report::<()>("pack.yaml", reader.problems);
    match pack {
        Some(pack) if problems.found.is_empty() => Ok(Pack {
            // An alert may read what a recording rule wrote.
            groups: records.into_iter().chain(alerts).collect(),
            inhibitions,
            runbooks,
            ..pack
        }),
        _ => Err(problems.found),
    }
}

impl<'a> PackFiles<'a> {
    fn text(&self, path: &str) -> Option<&'a str> {
        let file = self.files.iter().find(|(name, _)| *name == path);
        file.map(|(_, text)| *text)
    }
}

/// The problems of all files of a pack.
struct Problems<'a> {
    pack: &'a str,
    found: Vec<PackProblem>,
}

impl Problems<'_> {
    /// Takes note; nothing of the file is left.
    fn report<T>(&mut self, file: &str, found: Vec<Problem>) -> Vec<T> {
        self.found
            .extend(found.into_iter().map(|problem| PackProblem {
                pack: self.pack.to_owned(),
                file: file.to_owned(),
                problem,
            }));
        Vec::new()
    }
}

/// A parameter that changes nothing would mislead whoever sets it.
fn check_used(reader: &mut Reader, pack: &Pack, alerts: &[RuleGroup]) {
    let rules = alerts.iter().flat_map(|group| &group.rules);
    let used: Vec<&str> = rules
        .flat_map(|rule| places::names(&rule.expr_text))
        .collect();
    for parameter in &pack.parameters {
        if !used.contains(&parameter.name.as_str()) {
            let (what, name) = ("the parameter", parameter.name.clone());
            reader.report(1, Mistake::Unused { what, name });
        }
    }
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
    let (kpis, entity_kpis) = read_kpis(reader, &fields, &names);
    let parameters = read_parameters(reader, &fields);
    let context = RuleContext { variants: &names };
    let model = read_model(reader, &fields, context);
    let defined = Defined {
        kpis: &kpis,
        variants: &names,
        parameters: &parameters,
    };
    let dashboards = reader.list(&fields, "dashboards").iter();
    let dashboards = dashboards
        .filter_map(|node| read_dashboard(reader, node, &defined))
        .collect();
    let conditional = read_texts_by_name(reader, &fields, "conditional");
    // Everything is read before the first `?`, so that one mistake hides no other.
    let (title, version) = (
        reader.required_text(&fields, "title"),
        reader.required_text(&fields, "version"),
    );
    let layer = read_layer(reader, &fields);
    let detect = read_detect(reader, &fields);
    let (tier, verified) = (read_tier(reader, &fields), read_verified(reader, &fields));
    reader.required(&fields, "provenance");
    let provenance = reader.texts(&fields, "provenance");
    let facts = read_facts(reader, &fields, &names);
    Some(Pack {
        id: folder.to_owned(),
        title: title?,
        version: version?,
        provenance,
        tier: tier?,
        verified: verified?,
        parameters,
        layer: layer?,
        detect: detect?,
        variants,
        conditional,
        model,
        facts,
        kpis,
        entity_kpis,
        dashboards,
        groups: Vec::new(),
        inhibitions: Vec::new(),
        runbooks: BTreeMap::new(),
        overrides: Vec::new(),
        off: Vec::new(),
    })
}

fn read_layer(reader: &mut Reader, fields: &Fields<'_>) -> Option<Layer> {
    reader.required(fields, "layer")?;
    let layer = |text: &str| Layer::ALL.into_iter().find(|layer| layer.name() == text);
    let expected = Layer::ALL.map(Layer::name).join(", ");
    reader.parsed(fields, "layer", &format!("one of {expected}"), layer)
}

fn read_tier(reader: &mut Reader, fields: &Fields<'_>) -> Option<u8> {
    reader.required(fields, "tier")?;
    let tier = |text: &str| text.parse().ok().filter(|tier| (1..=3).contains(tier));
    reader.parsed(fields, "tier", "1, 2 or 3", tier)
}

fn read_verified(reader: &mut Reader, fields: &Fields<'_>) -> Option<Verified> {
    reader.required(fields, "verified")?;
    let verified = |text: &str| Verified::ALL.into_iter().find(|v| v.name() == text);
    reader.parsed(fields, "verified", "real or reference", verified)
}

fn read_parameters(reader: &mut Reader, fields: &Fields<'_>) -> Vec<Parameter> {
    let mut parameters: Vec<Parameter> = Vec::new();
    for node in reader.list(fields, "parameters") {
        let n_problems = reader.problems.len();
        let Some(parameter) = read_parameter(reader, node) else {
            continue;
        };
        if parameters.iter().any(|other| other.name == parameter.name) {
            let (what, name) = ("the parameter", parameter.name.clone());
            reader.report(node.line, Mistake::Twice { what, name });
        }
        let Parameter {
            min, default, max, ..
        } = parameter;
        if !(min <= default && default <= max) && reader.problems.len() == n_problems {
            let text = "a parameter's default lies between min and max";
            reader.report(node.line, Mistake::Contradiction { text });
        }
        parameters.push(parameter);
    }
    parameters
}

fn read_parameter(reader: &mut Reader, node: &Node) -> Option<Parameter> {
    let known = ["name", "title", "unit", "default", "min", "max"];
    let fields = reader.fields(node, "a parameter", &known)?;
    reader.required(&fields, "name");
    let word = |text: &str| {
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let is_word = text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(legal);
        is_word.then(|| text.to_owned())
    };
    let name = reader.parsed(&fields, "name", "a word of a-z, 0-9 and _", word);
    let title = reader.required_text(&fields, "title");
    let unit = read_unit(reader, &fields);
    let mut number = |name: &'static str| {
        reader.required(&fields, name)?;
        reader.number(&fields, name)
    };
    let (default, min, max) = (number("default"), number("min"), number("max"));
    Some(Parameter {
        name: name?,
        title: title?,
        unit: unit?,
        default: default?,
        min: min?,
        max: max?,
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
