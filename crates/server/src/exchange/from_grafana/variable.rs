//! One variable.

use serde_json::Value;

use super::{is_true, list, text_of};
use crate::exchange::imported::{Variable, VariableKind};

/// Reads a variable; `None` for one that has no meaning here, an error for one that has and
/// cannot be taken over.
pub(super) fn read(value: &Value) -> Result<Option<Variable>, String> {
    let name = text_of(value, "name").unwrap_or_default();
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(legal) {
        return Err("its name is no word of letters, digits and underscores".to_owned());
    }
    let kind = match text_of(value, "type").unwrap_or_default() {
        "datasource" => return Ok(None),
        "query" => query(value)?,
        "custom" | "interval" => VariableKind::Options {
            options: options(value),
        },
        "constant" => {
            let fixed = text_of(value, "query").unwrap_or_default().to_owned();
            VariableKind::Options {
                options: vec![(fixed.clone(), fixed)],
            }
        }
        "textbox" => VariableKind::Text,
        "adhoc" => {
            return Err("filters that are added to every query are not known here".to_owned());
        }
        other => {
            return Err(format!(
                "variables of the type {other:?} are not known here"
            ));
        }
    };
    let label = text_of(value, "label").filter(|label| !label.is_empty());
    Ok(Some(Variable {
        name: name.to_owned(),
        label: label.unwrap_or(name).to_owned(),
        current: current(value, &kind),
        kind,
        multi: is_true(value, "multi"),
        include_all: is_true(value, "includeAll"),
        all_value: text_of(value, "allValue")
            .filter(|all| !all.is_empty())
            .map(str::to_owned),
        regex: text_of(value, "regex").unwrap_or_default().to_owned(),
        // 1 hides the label only.
        hidden: value.get("hide").and_then(Value::as_u64) == Some(2),
    }))
}

/// `label_values(…)` and its like, as text or inside an object.
fn query(value: &Value) -> Result<VariableKind, String> {
    let query = value.get("query").unwrap_or(&Value::Null);
    let text = query.as_str().or_else(|| text_of(query, "query"));
    let text = text
        .or_else(|| text_of(value, "definition"))
        .unwrap_or_default();
    let text = text.trim();
    let call = text.split_once('(').and_then(|(function, rest)| {
        let arguments = rest.trim_end().strip_suffix(')')?;
        Some((function.trim(), arguments.trim()))
    });
    match call {
        Some(("label_values", arguments)) => {
            let (selector, label) = match arguments.rsplit_once(',') {
                Some((selector, label)) => (Some(selector.trim().to_owned()), label.trim()),
                None => (None, arguments),
            };
            let label = label.trim_matches(['"', '\'']).to_owned();
            Ok(VariableKind::LabelValues { label, selector })
        }
        Some(("label_names", _)) => Ok(VariableKind::LabelNames),
        Some(("metrics", regex)) => Ok(VariableKind::Metrics {
            regex: regex.to_owned(),
        }),
        Some(("query_result", _)) => {
            Err("values that an expression yields are not known here".to_owned())
        }
        _ => Err(format!("its query is not known here: {text:?}")),
    }
}

/// `a, b, shown : value`; a comma inside a value is written `\,`.
fn options(value: &Value) -> Vec<(String, String)> {
    let text = text_of(value, "query").unwrap_or_default();
    let mut parts = vec![String::new()];
    let mut escaped = false;
    for c in text.chars() {
        match c {
            '\\' if !escaped => escaped = true,
            ',' if !escaped => parts.push(String::new()),
            c => {
                let part = parts.last_mut().expect("there is one from the beginning");
                if escaped && c != ',' {
                    part.push('\\');
                }
                escaped = false;
                part.push(c);
            }
        }
    }
    parts
        .iter()
        .map(|part| part.trim())
        .filter(|part| !part.is_empty())
        .map(|part| match part.split_once(" : ") {
            Some((shown, value)) => (shown.trim().to_owned(), value.trim().to_owned()),
            None => (part.to_owned(), part.to_owned()),
        })
        .collect()
}

fn current(value: &Value, kind: &VariableKind) -> Vec<String> {
    let current = value.pointer("/current/value");
    let chosen: Vec<String> = match current {
        Some(Value::String(one)) if !one.is_empty() => vec![one.clone()],
        Some(Value::Array(several)) => several
            .iter()
            .filter_map(|one| one.as_str().map(str::to_owned))
            .collect(),
        _ => Vec::new(),
    };
    match kind {
        _ if !chosen.is_empty() => chosen,
        VariableKind::Text => vec![text_of(value, "query").unwrap_or_default().to_owned()],
        VariableKind::Options { options } => {
            let selected = list(value, "options").unwrap_or_default().iter();
            let selected = selected.filter(|option| is_true(option, "selected"));
            let selected = selected.filter_map(|option| text_of(option, "value"));
            let first = options.first().map(|(_, value)| value.clone());
            match selected.map(str::to_owned).next().or(first) {
                Some(one) => vec![one],
                None => Vec::new(),
            }
        }
        _ => Vec::new(),
    }
}
