//! `label_replace` and `label_join`: new labels, same values.

use model::METRIC_NAME;
use regex::Regex;

use super::Evaluator;
use super::row::Row;
use crate::EvalError;
use crate::ast::Call;

/// How the labels of each row change.
#[derive(Debug)]
pub(super) enum Change {
    Replace {
        target: String,
        /// With `$1` and `${name}`.
        template: String,
        source: String,
        /// Must match the whole value; where it does not, the row stays as it is.
        pattern: Regex,
    },
    Join {
        target: String,
        separator: String,
        sources: Vec<String>,
    },
}

impl Change {
    pub(super) fn of(evaluator: &Evaluator<'_>, call: &Call) -> Result<Self, EvalError> {
        let text = |index: usize| evaluator.text(&call.args[index]).to_string();
        let target = text(1);
        if target.is_empty() {
            return Err(EvalError::InvalidLabelName { name: target });
        }
        if call.function.name == "label_join" {
            return Ok(Self::Join {
                target,
                separator: text(2),
                sources: (3..call.args.len()).map(text).collect(),
            });
        }
        let pattern = text(4);
        let compiled = model::anchored_regex(&pattern)
            .map_err(|source| EvalError::InvalidRegex { pattern, source })?;
        Ok(Self::Replace {
            target,
            template: text(2),
            source: text(3),
            pattern: compiled,
        })
    }

    pub(super) fn apply(&self, row: Row) -> Row {
        let mut row = row;
        let value_of = |name: &str| row.labels.get(name).unwrap_or_default();
        let (target, value) = match self {
            Self::Replace {
                target,
                template,
                source,
                pattern,
            } => {
                let Some(captures) = pattern.captures(value_of(source)) else {
                    return row;
                };
                let mut value = String::new();
                captures.expand(template, &mut value);
                (target, value)
            }
            Self::Join {
                target,
                separator,
                sources,
            } => {
                let values: Vec<&str> = sources.iter().map(|name| value_of(name)).collect();
                (target, values.join(separator))
            }
        };
        let mut labels = row.labels.builder();
        labels.set(target.as_str(), value);
        row.labels = labels.build();
        // A name that was set on purpose stays.
        row.drop_name &= target != METRIC_NAME;
        row
    }
}
