//! Conditions on labels: `status=~"5.."`, or their parts.

use model::{MatchOp, Matcher};

use super::{NAMES_MAX, read_names};
use crate::notify::parse_matchers;
use crate::reader::{Fields, Mistake, Reader};
use crate::yaml::{Node, Value};

pub(super) fn read_matchers(
    reader: &mut Reader,
    fields: &Fields<'_>,
    field: &str,
) -> Option<Vec<Matcher>> {
    let nodes = reader.list(fields, field);
    let matchers: Vec<Matcher> = nodes
        .iter()
        .take(NAMES_MAX)
        .filter_map(|node| read_matcher(reader, node, "a filter"))
        .collect();
    (matchers.len() == nodes.len()).then_some(matchers)
}

/// `status=~"5.."`, or its parts: label, op, value or values.
pub(super) fn read_matcher(
    reader: &mut Reader,
    node: &Node,
    what: &'static str,
) -> Option<Matcher> {
    if let Value::Scalar(text) = &node.value {
        let mut parsed = parse_matchers(text).unwrap_or_default();
        if parsed.len() == 1 {
            return parsed.pop();
        }
        let mistake = Mistake::BadValue {
            field: what.to_owned(),
            found: text.clone(),
            expected: "a matcher like status=~\"5..\"".to_owned(),
        };
        reader.report(node.line, mistake);
        return None;
    }
    let fields = reader.fields(node, what, &["label", "op", "value", "values"])?;
    let label = reader.required_text(&fields, "label");
    let op = |text: &str| match text {
        "=" => Some(MatchOp::Equal),
        "!=" => Some(MatchOp::NotEqual),
        "=~" => Some(MatchOp::Matches),
        "!~" => Some(MatchOp::NotMatches),
        _ => None,
    };
    let op = match fields.get("op") {
        None => MatchOp::Equal,
        Some(_) => reader.parsed(&fields, "op", "one of =, !=, =~, !~", op)?,
    };
    let mut values = read_names(reader, &fields, "values");
    if let Some(node) = fields.get("value") {
        values.extend(reader.scalar(node, "value").map(str::to_owned));
    }
    let (op, value) = match values.as_slice() {
        [] => {
            let text = "a condition needs a value";
            reader.report(fields.line, Mistake::Contradiction { text });
            return None;
        }
        [value] => (op, value.clone()),
        values => any_of(op, values),
    };
    match Matcher::new(op, label?, value) {
        Ok(matcher) => Some(matcher),
        Err(error) => {
            let mistake = Mistake::BadValue {
                field: "value".to_owned(),
                found: error.pattern,
                expected: "a regular expression".to_owned(),
            };
            reader.report(node.line, mistake);
            None
        }
    }
}

fn any_of(op: MatchOp, values: &[String]) -> (MatchOp, String) {
    match op {
        MatchOp::Equal | MatchOp::NotEqual => {
            let escaped: Vec<String> = values.iter().map(|value| regex::escape(value)).collect();
            let op = match op {
                MatchOp::Equal => MatchOp::Matches,
                _ => MatchOp::NotMatches,
            };
            (op, escaped.join("|"))
        }
        MatchOp::Matches | MatchOp::NotMatches => {
            let grouped: Vec<String> = values.iter().map(|v| format!("(?:{v})")).collect();
            (op, grouped.join("|"))
        }
    }
}
