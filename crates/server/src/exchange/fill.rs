//! Grafana's variables in the text of a query or legend.
//!
//! Syntax and formats: Grafana's documentation, "Variable syntax". `$name`, `${name}`,
//! `${name:format}`, `[[name]]`.

use std::time::Duration;

use model::Timestamp;

use super::imported::{ALL, Variable, VariableKind};

/// What the variables of a dashboard stand for.
#[derive(Clone, Debug)]
pub(crate) struct Values {
    pub(crate) chosen: Vec<Chosen>,
    /// Between two points of the chart.
    pub(crate) interval: Duration,
    /// Long enough for a rate: four scrapes, or a scrape more than the interval.
    pub(crate) rate_interval: Duration,
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
}

/// The value of one variable, or several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub(crate) name: String,
    pub(crate) values: Vec<String>,
    /// Whether several may be chosen: then values are put in as a regular expression.
    pub(crate) is_regex: bool,
    /// Put in as it is, instead of the values.
    pub(crate) literal: Option<String>,
    pub(crate) is_all: bool,
}

impl Chosen {
    /// What somebody chose of a variable's options; nothing chosen means what the dashboard says,
    /// and if it says nothing, the first option.
    pub(crate) fn of(variable: &Variable, picked: &[String], options: &[String]) -> Self {
        let picked = match picked {
            [] => &variable.current,
            picked => picked,
        };
        let is_all = picked.iter().any(|one| one == ALL);
        let literal = variable.all_value.clone().filter(|_| is_all);
        let values = match () {
            // With nothing to choose from, "all" is whatever there is.
            () if is_all && options.is_empty() => {
                return Self {
                    name: variable.name.clone(),
                    values: Vec::new(),
                    is_regex: true,
                    literal: literal.or_else(|| Some(".*".to_owned())),
                    is_all,
                };
            }
            () if is_all => options.to_vec(),
            () if picked.is_empty() => options.first().cloned().into_iter().collect(),
            () => picked.to_vec(),
        };
        Self {
            name: variable.name.clone(),
            values,
            is_regex: variable.multi || variable.include_all,
            literal,
            is_all,
        }
    }

    /// A value that makes a query whole, for looking at it without any data.
    pub(crate) fn sample(variable: &Variable) -> Self {
        let options: Vec<String> = match &variable.kind {
            VariableKind::Options { options } => {
                options.iter().map(|(_, value)| value.clone()).collect()
            }
            _ => Vec::new(),
        };
        let mut chosen = Self::of(variable, &[], &options);
        if chosen.literal.is_none() && chosen.values.iter().all(String::is_empty) {
            chosen.values = vec!["value".to_owned()];
        }
        chosen
    }
}

/// Puts the values into a text. A name that no variable has stays as it is.
pub(crate) fn fill(text: &str, values: &Values) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(['$', '[']) {
        filled.push_str(&rest[..start]);
        let place = &rest[start..];
        match reference(place).and_then(|found| Some((found, values.value(&found)?))) {
            Some((found, value)) => {
                filled.push_str(&value);
                rest = &place[found.len..];
            }
            None => {
                filled.push_str(&place[..1]);
                rest = &place[1..];
            }
        }
    }
    filled.push_str(rest);
    filled
}

/// A name in a text, with how its value is to be written.
#[derive(Clone, Copy)]
struct Reference<'a> {
    name: &'a str,
    format: Option<&'a str>,
    len: usize,
}

fn reference(text: &str) -> Option<Reference<'_>> {
    let enclosed = |open: &str, close: &str| {
        let inner = text.strip_prefix(open)?;
        let inner = &inner[..inner.find(close)?];
        let (name, format) = match inner.split_once(':') {
            Some((name, format)) => (name, Some(format)),
            None => (inner, None),
        };
        let len = open.len() + inner.len() + close.len();
        is_name(name).then_some(Reference { name, format, len })
    };
    let bare = || {
        let rest = text.strip_prefix('$')?;
        let end = rest.find(|c: char| !is_name_char(c)).unwrap_or(rest.len());
        let name = &rest[..end];
        is_name(name).then_some(Reference {
            name,
            format: None,
            len: 1 + end,
        })
    };
    enclosed("${", "}")
        .or_else(|| enclosed("[[", "]]"))
        .or_else(bare)
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(is_name_char)
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

impl Values {
    fn value(&self, reference: &Reference<'_>) -> Option<String> {
        if let Some(chosen) = self.chosen.iter().find(|one| one.name == reference.name) {
            return Some(chosen.written(reference.format));
        }
        let span = |span: Duration| model::format_duration(whole(span));
        let range = self.end.since(self.start);
        Some(match reference.name {
            "__interval" => span(self.interval),
            "__interval_ms" => self.interval.as_millis().to_string(),
            "__rate_interval" => span(self.rate_interval),
            "__range" => span(Duration::from_secs(range.as_secs().max(1))),
            "__range_s" => range.as_secs().max(1).to_string(),
            "__range_ms" => range.as_millis().max(1).to_string(),
            "__from" => self.start.as_millis().to_string(),
            "__to" => self.end.as_millis().to_string(),
            // Of an interval variable with the choice "auto".
            name if name.starts_with("__auto_interval_") => span(self.interval),
            _ => return None,
        })
    }
}

/// PromQL has no duration of nothing.
fn whole(span: Duration) -> Duration {
    span.max(Duration::from_millis(1))
}

impl Chosen {
    fn written(&self, format: Option<&str>) -> String {
        if let Some(literal) = &self.literal {
            return literal.clone();
        }
        let joined = |with: &str, each: &dyn Fn(&String) -> String| {
            let parts: Vec<String> = self.values.iter().map(each).collect();
            parts.join(with)
        };
        match format {
            Some("regex") => joined("|", &|value| escape_regex(value)),
            Some("pipe") => joined("|", &String::clone),
            Some("doublequote") => joined(",", &|value| format!("{value:?}")),
            Some("singlequote") => {
                joined(",", &|value| format!("'{}'", value.replace('\'', "\\'")))
            }
            Some(_) => joined(",", &String::clone),
            None if self.is_regex => match self.values.as_slice() {
                [one] => escape_in_string(&escape_regex(one)),
                _ => format!(
                    "({})",
                    joined("|", &|value| escape_in_string(&escape_regex(value)))
                ),
            },
            None => joined(",", &|value| escape_in_string(value)),
        }
    }
}

fn escape_regex(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for c in value.chars() {
        if r"\^$*+?.()|[]{}".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// A query's strings are written with backslashes of their own.
fn escape_in_string(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', r#"\""#)
}
