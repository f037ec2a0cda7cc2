//! A rule file's text to groups.

use promql::Expr;

use super::{Alerting, Judged, Rule, RuleGroup, RuleKind};
use crate::reader::{Fields, Mistake, Problem, Reader, read_document};
use crate::template::Template;
use crate::yaml::{Field, Node};

const GROUP_FIELDS: [&str; 6] = [
    "name",
    "interval",
    "query_offset",
    "limit",
    "labels",
    "rules",
];
const RULE_FIELDS: [&str; 7] = [
    "record",
    "alert",
    "expr",
    "for",
    "keep_firing_for",
    "labels",
    "annotations",
];

/// Reads a rule file as Prometheus does, but tells every problem, not the first.
///
/// # Errors
/// All problems, in the order of the file. A template that fails over its data is none: that
/// shows in the annotation when the alert fires.
pub fn parse_rule_file(text: &str) -> Result<Vec<RuleGroup>, Vec<Problem>> {
    parse_rule_file_with(text, &str::to_owned)
}

/// Reads a rule file whose expressions `fill` makes PromQL; each keeps its text as it stands.
pub(crate) fn parse_rule_file_with(
    text: &str,
    fill: &dyn Fn(&str) -> String,
) -> Result<Vec<RuleGroup>, Vec<Problem>> {
    let root = read_document(text).map_err(|problem| vec![problem])?;
    let mut reader = Reader::default();
    let mut groups: Vec<RuleGroup> = Vec::new();
    if let Some(fields) = reader.fields(&root, "a rule file", &["groups"]) {
        for node in reader.list(&fields, "groups") {
            let Some(group) = read_group(&mut reader, node, fill) else {
                continue;
            };
            if groups.iter().any(|other| other.name == group.name) {
                let name = group.name.clone();
                reader.report(
                    node.line,
                    Mistake::Twice {
                        what: "the group",
                        name,
                    },
                );
            }
            groups.push(group);
        }
    }
    if reader.problems.is_empty() {
        return Ok(groups);
    }
    reader.problems.sort_by_key(|problem| problem.line);
    Err(reader.problems)
}

fn read_group(
    reader: &mut Reader,
    node: &Node,
    fill: &dyn Fn(&str) -> String,
) -> Option<RuleGroup> {
    let fields = reader.fields(node, "a rule group", &GROUP_FIELDS)?;
    let labels = read_labels(reader, &fields, false);
    let rules = reader.list(&fields, "rules").iter();
    let rules = rules
        .filter_map(|node| read_rule(reader, node, &labels, fill))
        .collect();
    Some(RuleGroup {
        name: reader.required_text(&fields, "name")?,
        interval: reader
            .duration(&fields, "interval")
            .filter(|span| !span.is_zero()),
        query_offset: reader.duration(&fields, "query_offset").unwrap_or_default(),
        // As in Prometheus, 0 is no limit.
        limit: reader.count(&fields, "limit").filter(|&limit| limit > 0),
        rules,
    })
}

fn read_rule(
    reader: &mut Reader,
    node: &Node,
    group_labels: &[(String, String)],
    fill: &dyn Fn(&str) -> String,
) -> Option<Rule> {
    let fields = reader.fields(node, "a rule", &RULE_FIELDS)?;
    let kind = read_kind(reader, &fields);
    let name = match &kind {
        Some(RuleKind::Recording { record }) => record.as_str(),
        Some(RuleKind::Alerting(alerting)) => alerting.name.as_str(),
        None => "?",
    };
    let expr = read_expr(reader, &fields, name, fill);
    let is_alert = matches!(kind, Some(RuleKind::Alerting(_)));
    let own_labels = read_labels(reader, &fields, is_alert);
    let group_labels = group_labels
        .iter()
        .filter(|(name, _)| !own_labels.iter().any(|(own, _)| own == name));
    let labels = group_labels.chain(&own_labels).cloned().collect();
    let (expr, expr_text) = expr?;
    Some(Rule {
        line: node.line,
        kind: kind?,
        expr,
        expr_text,
        judged: Judged::default(),
        labels,
    })
}

fn read_kind(reader: &mut Reader, fields: &Fields<'_>) -> Option<RuleKind> {
    let record = reader.text(fields, "record");
    let alert = reader.text(fields, "alert");
    let hold = reader.duration(fields, "for");
    let keep_firing_for = reader.duration(fields, "keep_firing_for");
    let annotations = read_pairs(reader, fields, "annotations", true);
    if let Some((name, _)) = annotations.iter().find(|(name, _)| !is_label_name(name)) {
        let mistake = Mistake::BadValue {
            field: "annotations".to_owned(),
            found: name.clone(),
            expected: "a name as labels have them".to_owned(),
        };
        reader.report(fields.line, mistake);
    }
    let contradiction = |reader: &mut Reader, text| {
        reader.report(fields.line, Mistake::Contradiction { text });
    };
    match (record, alert) {
        (Some(record), None) => {
            if hold.is_some() || keep_firing_for.is_some() || !annotations.is_empty() {
                contradiction(
                    reader,
                    "a recording rule has no for, no keep_firing_for and no annotations",
                );
            }
            if !is_metric_name(&record) {
                let mistake = Mistake::BadValue {
                    field: "record".to_owned(),
                    found: record.clone(),
                    expected: "a metric name".to_owned(),
                };
                reader.report(fields.line, mistake);
            }
            Some(RuleKind::Recording { record })
        }
        (None, Some(name)) => Some(RuleKind::Alerting(Alerting {
            name,
            hold: hold.unwrap_or_default(),
            keep_firing_for: keep_firing_for.unwrap_or_default(),
            annotations,
        })),
        (Some(_), Some(_)) => {
            contradiction(reader, "a rule has either record or alert, not both");
            None
        }
        (None, None) => {
            contradiction(reader, "a rule needs record or alert");
            None
        }
    }
}

fn read_expr(
    reader: &mut Reader,
    fields: &Fields<'_>,
    name: &str,
    fill: &dyn Fn(&str) -> String,
) -> Option<(Expr, String)> {
    let node = reader.required(fields, "expr")?;
    let text = reader.scalar(node, "expr")?;
    match promql::parse(&fill(text)) {
        Ok(expr) => Some((expr, text.trim().to_owned())),
        Err(error) => {
            let line = node.line + error.line.saturating_sub(1);
            let mistake = Mistake::Expr {
                name: name.to_owned(),
                message: error.to_string(),
            };
            reader.report(line, mistake);
            None
        }
    }
}

/// Labels of recording rules are no templates, whatever braces they hold.
fn read_labels(reader: &mut Reader, fields: &Fields<'_>, templates: bool) -> Vec<(String, String)> {
    let labels = read_pairs(reader, fields, "labels", templates);
    for (name, _) in &labels {
        if !is_label_name(name) || name == model::METRIC_NAME {
            let mistake = Mistake::BadValue {
                field: "labels".to_owned(),
                found: name.clone(),
                expected: "a label name other than __name__".to_owned(),
            };
            reader.report(fields.line, mistake);
        }
    }
    labels
}

fn read_pairs(
    reader: &mut Reader,
    fields: &Fields<'_>,
    field: &str,
    templates: bool,
) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for Field {
        name: key,
        value: node,
        ..
    } in reader.entries(fields, field)
    {
        let Some(text) = reader.scalar(node, key) else {
            continue;
        };
        let parsed = if templates {
            Template::parse(text).err()
        } else {
            None
        };
        if let Some(error) = parsed.filter(|error| error.is_of_parsing()) {
            let mistake = Mistake::Template {
                field: key.clone(),
                message: error.to_string(),
            };
            reader.report(node.line, mistake);
        }
        pairs.push((key.clone(), text.to_owned()));
    }
    pairs
}

fn is_label_name(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.starts_with(|c: char| legal(c) && !c.is_ascii_digit()) && name.chars().all(legal)
}

fn is_metric_name(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    name.starts_with(|c: char| legal(c) && !c.is_ascii_digit()) && name.chars().all(legal)
}
