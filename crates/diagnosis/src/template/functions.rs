//! The functions that Prometheus adds to Go's.

use std::collections::BTreeMap;
use std::rc::Rc;

use regex::{Regex, RegexBuilder};

use super::builtins;
use super::humanize::{self, general_4};
use super::value::Value;
use super::{EXPANDED_BYTES_MAX, TemplateData, TemplateError};
use crate::rules::query_escaped;

/// Bytes of a compiled regular expression: what the engine's own default allows a tenth of.
const REGEX_BYTES_MAX: usize = 1 << 20;

const NAMES: [&str; 29] = [
    "query",
    "first",
    "label",
    "value",
    "strvalue",
    "args",
    "sortByLabel",
    "match",
    "reReplaceAll",
    "title",
    "toUpper",
    "toLower",
    "stripPort",
    "stripDomain",
    "humanize",
    "humanize1024",
    "humanizeDuration",
    "humanizePercentage",
    "humanizeTimestamp",
    "toTime",
    "toDuration",
    "now",
    "parseDuration",
    "graphLink",
    "tableLink",
    "externalURL",
    "pathPrefix",
    "urlQueryEscape",
    "safeHtml",
];

pub(super) fn is_known(name: &str) -> bool {
    NAMES.contains(&name) || builtins::NAMES.contains(&name)
}

pub(super) fn call(
    name: &str,
    arguments: &[Value],
    data: &TemplateData<'_>,
) -> Result<Value, TemplateError> {
    let Some(name) = NAMES.into_iter().find(|known| *known == name) else {
        return builtins::call(name, arguments, data);
    };
    let given = Arguments {
        function: name,
        values: arguments,
        data,
    };
    let text = match name {
        "query" | "first" | "label" | "value" | "strvalue" | "args" | "sortByLabel" => {
            return samples(&given);
        }
        "match" => {
            given.count(2)?;
            let (pattern, text) = (given.text(0)?, given.text(1)?);
            return Ok(Value::Bool(given.regex(pattern)?.is_match(text)));
        }
        "reReplaceAll" => given.replaced()?,
        "title" => title(given.one_text()?),
        "toUpper" => given.one_text()?.to_uppercase(),
        "toLower" => given.one_text()?.to_lowercase(),
        "stripPort" => split_host_port(given.one_text()?).0.to_owned(),
        "stripDomain" => strip_domain(given.one_text()?),
        "humanize" => humanize::decimal(given.one_number()?),
        "humanize1024" => humanize::binary(given.one_number()?),
        "humanizeDuration" => humanize::duration(given.one_number()?),
        "humanizePercentage" => format!("{}%", general_4(given.one_number()? * 100.0)),
        "humanizeTimestamp" => humanize::timestamp(given.one_number()?)?,
        "toTime" => {
            let seconds = given.one_number()?;
            // Refuses what has no calendar, as `humanizeTimestamp` does.
            humanize::timestamp(seconds).map_err(|_| given.wrong(0))?;
            return Ok(Value::Moment(seconds));
        }
        "toDuration" => return Ok(Value::Span(given.one_number()?)),
        "now" => {
            given.count(0)?;
            return Ok(Value::Float(data.now.as_secs_f64()));
        }
        "parseDuration" => {
            let span = model::parse_duration(given.one_text()?).map_err(|_| given.wrong(0))?;
            return Ok(Value::Float(span.as_secs_f64()));
        }
        "graphLink" => link(given.one_text()?, 0),
        "tableLink" => link(given.one_text()?, 1),
        "urlQueryEscape" => query_escaped(given.one_text()?),
        "safeHtml" => given.one_text()?.to_owned(),
        "externalURL" => {
            given.count(0)?;
            data.external_url.to_owned()
        }
        _ => {
            given.count(0)?;
            url_path(data.external_url).to_owned()
        }
    };
    Ok(Value::Text(text))
}

/// The functions of query results.
fn samples(given: &Arguments<'_>) -> Result<Value, TemplateError> {
    Ok(match given.function {
        "query" => {
            let expr = given.one_text()?;
            let found = given.data.query(expr)?;
            Value::Samples(found.into_iter().map(Rc::new).collect())
        }
        "first" => {
            given.count(1)?;
            let Value::Samples(samples) = &given.values[0] else {
                return Err(given.wrong(0));
            };
            let first = samples.first().ok_or(TemplateError::EmptyVector)?;
            Value::Sample(Rc::clone(first))
        }
        "label" => {
            given.count(2)?;
            let label = given.text(0)?;
            let Value::Sample(sample) = &given.values[1] else {
                return Err(given.wrong(1));
            };
            Value::Text(sample.labels.get(label).unwrap_or_default().to_owned())
        }
        "args" => {
            let named = given.values.iter().enumerate();
            let named = named.map(|(index, value)| (format!("arg{index}"), value.clone()));
            Value::Arguments(Rc::new(named.collect::<BTreeMap<_, _>>()))
        }
        "sortByLabel" => {
            given.count(2)?;
            let label = given.text(0)?;
            let Value::Samples(samples) = &given.values[1] else {
                return Err(given.wrong(1));
            };
            let mut sorted = samples.to_vec();
            sorted.sort_by(|a, b| a.labels.get(label).cmp(&b.labels.get(label)));
            Value::Samples(sorted.into())
        }
        function => {
            given.count(1)?;
            let Value::Sample(sample) = &given.values[0] else {
                return Err(given.wrong(0));
            };
            match function {
                "value" => Value::Float(sample.value),
                // As in Prometheus: `query` refuses the string that `strvalue` would show.
                _ => Value::Text(
                    sample
                        .labels
                        .get("__value__")
                        .unwrap_or_default()
                        .to_owned(),
                ),
            }
        }
    })
}

/// The arguments of one call.
#[derive(Clone, Copy)]
pub(super) struct Arguments<'a> {
    pub(super) function: &'static str,
    pub(super) values: &'a [Value],
    pub(super) data: &'a TemplateData<'a>,
}

impl<'a> Arguments<'a> {
    pub(super) fn count(&self, count: usize) -> Result<(), TemplateError> {
        if self.values.len() == count {
            return Ok(());
        }
        Err(TemplateError::ArgumentCount {
            function: self.function,
        })
    }

    pub(super) fn wrong(&self, index: usize) -> TemplateError {
        let value = self.values.get(index);
        TemplateError::Argument {
            function: self.function,
            argument: value.map_or_else(String::new, |value| value.show(self.data)),
        }
    }

    pub(super) fn text(&self, index: usize) -> Result<&'a str, TemplateError> {
        match self.values.get(index) {
            Some(Value::Text(text)) => Ok(text),
            _ => Err(self.wrong(index)),
        }
    }

    pub(super) fn one_text(&self) -> Result<&'a str, TemplateError> {
        self.count(1)?;
        self.text(0)
    }

    /// Prometheus's functions take numbers and texts that read as numbers.
    fn one_number(&self) -> Result<f64, TemplateError> {
        self.count(1)?;
        let number = match &self.values[0] {
            Value::Float(number) | Value::Span(number) => Some(*number),
            Value::Integer(number) => Some(*number as f64),
            Value::Text(text) => model::parse_float(text),
            Value::Nil
            | Value::Bool(_)
            | Value::Labels(_)
            | Value::Data
            | Value::Sample(_)
            | Value::Samples(_)
            | Value::Arguments(_)
            | Value::Moment(_) => None,
        };
        number.ok_or_else(|| self.wrong(0))
    }

    fn regex(&self, pattern: &str) -> Result<Regex, TemplateError> {
        let built = RegexBuilder::new(pattern)
            .size_limit(REGEX_BYTES_MAX)
            .build();
        built.map_err(|_| TemplateError::Argument {
            function: self.function,
            argument: format!("the regular expression {pattern:?}"),
        })
    }

    fn replaced(&self) -> Result<String, TemplateError> {
        self.count(3)?;
        let (pattern, replacement, text) = (self.text(0)?, self.text(1)?, self.text(2)?);
        let regex = self.regex(pattern)?;
        let mut replaced = String::new();
        let mut end = 0;
        for found in regex.captures_iter(text) {
            let Some(whole) = found.get(0) else { continue };
            replaced.push_str(&text[end..whole.start()]);
            found.expand(replacement, &mut replaced);
            end = whole.end();
            // Many matches of a long replacement would grow without a bound.
            if replaced.len() > EXPANDED_BYTES_MAX {
                return Err(TemplateError::TooLong);
            }
        }
        replaced.push_str(&text[end..]);
        Ok(replaced)
    }
}

fn link(expr: &str, tab: u8) -> String {
    format!("/graph?g0.expr={}&g0.tab={tab}", query_escaped(expr))
}

/// The path of a URL: what stands between the host and the query.
fn url_path(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest.find('/').map_or("", |start| &rest[start..]);
    path.split(['?', '#']).next().unwrap_or_default()
}

/// The first letter of each word in upper case. An apostrophe and `_` are inside words, by
/// Unicode's rules, which Prometheus follows; versions that went by Go's `strings.Title` did not.
fn title(text: &str) -> String {
    let mut previous = ' ';
    let mut titled = String::with_capacity(text.len());
    for c in text.chars() {
        if previous.is_whitespace() || previous.is_ascii_punctuation() && !"'_".contains(previous) {
            titled.extend(c.to_uppercase());
        } else {
            titled.push(c);
        }
        previous = c;
    }
    titled
}

/// `host:80` and `[::1]:80` into host and port; anything else is a host.
fn split_host_port(address: &str) -> (&str, Option<&str>) {
    let Some((host, port)) = address.rsplit_once(':') else {
        return (address, None);
    };
    let bracketed = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    match bracketed {
        Some(host) => (host, Some(port)),
        None if host.contains([':', '[', ']']) => (address, None),
        None => (host, Some(port)),
    }
}

/// `web.example.com:80` to `web:80`; addresses stay.
fn strip_domain(address: &str) -> String {
    let (host, port) = split_host_port(address);
    if host.parse::<std::net::IpAddr>().is_ok() {
        return address.to_owned();
    }
    let host = host.split('.').next().unwrap_or_default();
    match port.filter(|port| !port.is_empty()) {
        Some(port) if host.contains(':') => format!("[{host}]:{port}"),
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}
