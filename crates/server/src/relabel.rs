//! Relabelling: rules that rewrite, keep or drop a label set, as Prometheus documents them.
//!
//! Pure. The same rules shape targets (`relabel_configs`) and series (`metric_relabel_configs`).

mod md5;

use model::LabelsBuilder;
use regex::{Captures, Regex};

/// One rule, checked when the configuration was read.
#[derive(Clone, Debug)]
pub(crate) struct RelabelRule {
    pub(crate) source_labels: Vec<String>,
    /// Joins the values of the source labels.
    pub(crate) separator: String,
    /// Anchored at both ends.
    pub(crate) regex: Regex,
    pub(crate) action: Action,
}

/// What a rule does when it applies. `target` and `replacement` may hold `$1` and `${name}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Replace { target: String, replacement: String },
    Lowercase { target: String },
    Uppercase { target: String },
    Keep,
    Drop,
    KeepEqual { target: String },
    DropEqual { target: String },
    HashMod { target: String, modulus: u64 },
    LabelMap { replacement: String },
    LabelDrop,
    LabelKeep,
}

/// The regex of a rule that names none.
pub(crate) const DEFAULT_REGEX: &str = "(.*)";

/// Applies the rules in order. False when one of them drops the label set.
pub(crate) fn relabel(labels: &mut LabelsBuilder, rules: &[RelabelRule]) -> bool {
    rules.iter().all(|rule| rule.apply(labels))
}

impl RelabelRule {
    /// False when the label set is dropped.
    fn apply(&self, labels: &mut LabelsBuilder) -> bool {
        match &self.action {
            Action::Replace {
                target,
                replacement,
            } => {
                let source = self.source(labels);
                if let Some(captures) = self.regex.captures(&source) {
                    let target = expand(&captures, target);
                    if !target.is_empty() {
                        set(labels, &target, expand(&captures, replacement));
                    }
                }
            }
            Action::Lowercase { target } => {
                set(labels, target, self.source(labels).to_lowercase());
            }
            Action::Uppercase { target } => {
                set(labels, target, self.source(labels).to_uppercase());
            }
            Action::Keep => return self.regex.is_match(&self.source(labels)),
            Action::Drop => return !self.regex.is_match(&self.source(labels)),
            Action::KeepEqual { target } => return self.source(labels) == value(labels, target),
            Action::DropEqual { target } => return self.source(labels) != value(labels, target),
            Action::HashMod { target, modulus } => {
                let digest = md5::md5(self.source(labels).as_bytes());
                let (_, low) = digest.split_at(8);
                let low = low.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte));
                set(labels, target, (low % modulus).to_string());
            }
            Action::LabelMap { replacement } => {
                let mapped: Vec<(String, String)> = labels
                    .iter()
                    .filter_map(|(name, value)| {
                        let captures = self.regex.captures(name)?;
                        Some((expand(&captures, replacement), value.to_owned()))
                    })
                    .collect();
                for (name, value) in mapped {
                    if !name.is_empty() {
                        set(labels, &name, value);
                    }
                }
            }
            Action::LabelDrop => self.remove_names(labels, true),
            Action::LabelKeep => self.remove_names(labels, false),
        }
        true
    }

    fn source(&self, labels: &LabelsBuilder) -> String {
        let values: Vec<&str> = self
            .source_labels
            .iter()
            .map(|name| value(labels, name))
            .collect();
        values.join(&self.separator)
    }

    fn remove_names(&self, labels: &mut LabelsBuilder, matching: bool) {
        let gone: Vec<String> = labels
            .iter()
            .filter(|(name, _)| self.regex.is_match(name) == matching)
            .map(|(name, _)| name.to_owned())
            .collect();
        for name in gone {
            labels.remove(&name);
        }
    }
}

fn value<'a>(labels: &'a LabelsBuilder, name: &str) -> &'a str {
    labels.get(name).unwrap_or_default()
}

/// An empty value is no label.
fn set(labels: &mut LabelsBuilder, name: &str, value: String) {
    if value.is_empty() {
        labels.remove(name);
    } else {
        labels.set(name, value);
    }
}

fn expand(captures: &Captures<'_>, template: &str) -> String {
    let mut expanded = String::new();
    captures.expand(template, &mut expanded);
    expanded
}

#[cfg(test)]
mod tests;
