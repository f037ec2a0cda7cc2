//! What there is to choose from for a variable.

use model::{Matcher, Timestamp};
use regex::RegexBuilder;
use store::{Snapshot, StoreError};

use super::fill::{Chosen, Values, fill};
use super::imported::{Variable, VariableKind};

/// Options of one variable; a list that long is searched, not read.
pub(crate) const OPTIONS_MAX: usize = 1_000;
/// A pattern of a dashboard is somebody's text, and is compiled for every look.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// A variable with its options and what is chosen of them.
#[derive(Clone, Debug)]
pub(crate) struct Resolved {
    pub(crate) options: Vec<Choice>,
    pub(crate) chosen: Chosen,
    /// Why there are no options, for the user.
    pub(crate) trouble: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) text: String,
    pub(crate) value: String,
}

/// Finds the options of one variable. Those of later variables may depend on what was chosen of
/// earlier ones, which `values` holds.
pub(crate) fn resolve(
    variable: &Variable,
    picked: &[String],
    values: &Values,
    snapshot: &Snapshot,
) -> Result<Resolved, StoreError> {
    let (options, trouble) = match options(variable, values, snapshot)? {
        Ok(options) => (options, None),
        Err(trouble) => (Vec::new(), Some(trouble)),
    };
    let known: Vec<String> = options.iter().map(|option| option.value.clone()).collect();
    let chosen = Chosen::of(variable, picked, &known);
    Ok(Resolved {
        options,
        chosen,
        trouble,
    })
}

type Options = Result<Vec<Choice>, String>;

fn options(
    variable: &Variable,
    values: &Values,
    snapshot: &Snapshot,
) -> Result<Options, StoreError> {
    let (from, to) = (values.start, values.end);
    let found = match &variable.kind {
        VariableKind::Text => return Ok(Ok(Vec::new())),
        VariableKind::Options { options } => {
            let choice = |(text, value): &(String, String)| Choice {
                text: text.clone(),
                value: value.clone(),
            };
            return Ok(Ok(options.iter().map(choice).collect()));
        }
        VariableKind::LabelValues { label, selector } => {
            let matchers = match selector.as_deref().map(|text| matchers(text, values)) {
                Some(Ok(matchers)) => matchers,
                Some(Err(trouble)) => return Ok(Err(trouble)),
                None => Vec::new(),
            };
            let label = fill(label, values);
            values_of(snapshot, &label, &matchers, from, to)?
        }
        VariableKind::LabelNames => snapshot.label_names(&[], from, to, OPTIONS_MAX)?.items,
        VariableKind::Metrics { regex } => {
            let names = values_of(snapshot, model::METRIC_NAME, &[], from, to)?;
            match compiled(&fill(regex, values)) {
                Ok(pattern) => names
                    .into_iter()
                    .filter(|name| pattern.is_match(name))
                    .collect(),
                Err(trouble) => return Ok(Err(trouble)),
            }
        }
    };
    Ok(picked_by(&variable.regex, found))
}

fn values_of(
    snapshot: &Snapshot,
    label: &str,
    matchers: &[Matcher],
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<String>, StoreError> {
    Ok(snapshot
        .label_values(label, matchers, from, to, OPTIONS_MAX)?
        .items)
}

fn matchers(selector: &str, values: &Values) -> Result<Vec<Matcher>, String> {
    let text = fill(selector, values);
    let expr =
        promql::parse(&text).map_err(|error| format!("{text:?} selects no series: {error}"))?;
    let mut selectors = expr.selectors();
    match (selectors.next(), selectors.next()) {
        (Some(selector), None) => Ok(selector.matchers.to_vec()),
        _ => Err(format!("{text:?} is no selector of series")),
    }
}

/// Of a pattern with a group, the group is the value.
fn picked_by(regex: &str, found: Vec<String>) -> Options {
    let inner = regex.trim();
    // Written between slashes, as in JavaScript.
    let inner = inner
        .strip_prefix('/')
        .and_then(|rest| rest.rsplit_once('/'))
        .map_or(inner, |(pattern, _flags)| pattern);
    if inner.is_empty() {
        let choice = |value: String| Choice {
            text: value.clone(),
            value,
        };
        return Ok(found.into_iter().map(choice).collect());
    }
    let pattern = compiled(inner)?;
    let mut options: Vec<Choice> = Vec::new();
    for value in found {
        let Some(captures) = pattern.captures(&value) else {
            continue;
        };
        let part = |name: &str| captures.name(name).map(|part| part.as_str().to_owned());
        let first = captures.iter().skip(1).flatten().next();
        let taken = first.map_or_else(|| value.clone(), |part| part.as_str().to_owned());
        let value = part("value").unwrap_or_else(|| taken.clone());
        let text = part("text").unwrap_or(taken);
        let option = Choice { text, value };
        if !options.contains(&option) {
            options.push(option);
        }
    }
    Ok(options)
}

fn compiled(pattern: &str) -> Result<regex::Regex, String> {
    RegexBuilder::new(pattern)
        .size_limit(REGEX_BYTES_MAX)
        .build()
        .map_err(|error| format!("the pattern {pattern:?} is not understood: {error}"))
}
