//! Relabelling rules as they stand in the file.

use diagnosis::yaml::Node;
use model::anchored_regex;

use super::problem::Problems;
use super::section::Section;
use crate::relabel::{Action, DEFAULT_REGEX, RelabelRule};

/// Reads a list of rules; a rule with a problem is left out.
pub(super) fn read_rules(nodes: &[Node], what: &str, problems: &mut Problems) -> Vec<RelabelRule> {
    nodes
        .iter()
        .filter_map(|node| read_rule(node, what, problems))
        .collect()
}

fn read_rule(node: &Node, what: &str, problems: &mut Problems) -> Option<RelabelRule> {
    let mut section = Section::open(node, format!("a rule in {what}"), &[], problems)?;
    let source_labels = section
        .texts("source_labels", problems)
        .into_iter()
        .map(|(_, name)| name)
        .collect();
    // Not `text`: an empty separator, regex or replacement is a value, not an absence.
    let separator = section.text("separator", problems);
    let regex = section.parsed("regex", problems, |pattern| {
        anchored_regex(pattern).map_err(|error| {
            // The crate draws a picture over several lines; the last one says what is wrong.
            let drawn = error.to_string();
            let reason = drawn.lines().last().unwrap_or_default();
            let reason = reason.trim_start_matches("error: ");
            format!("{pattern:?} is no regular expression: {reason}")
        })
    });
    let target = section.text("target_label", problems);
    let replacement = section.text("replacement", problems);
    let modulus = section.count("modulus", problems);
    let name = section.text("action", problems);
    let name = name.map_or("replace".to_owned(), |name| name.to_lowercase());
    let line = section.line_of("action");
    let given = Given {
        target,
        replacement,
        modulus,
    };
    let action = given.into_action(&name, &section).map_err(|reason| {
        problems.error(line, format!("action {name} in {what} {reason}"));
    });
    section.finish(problems);
    Some(RelabelRule {
        source_labels,
        separator: separator.unwrap_or_else(|| ";".to_owned()),
        regex: regex.unwrap_or_else(|| anchored_regex(DEFAULT_REGEX).expect("a constant pattern")),
        action: action.ok()?,
    })
}

struct Given {
    target: Option<String>,
    replacement: Option<String>,
    modulus: Option<u64>,
}

/// Fields a rule may have besides `action`.
const FIELDS: [&str; 6] = [
    "source_labels",
    "separator",
    "regex",
    "target_label",
    "replacement",
    "modulus",
];

/// What an action takes, where Prometheus is strict about it; all fields otherwise.
fn fields_of(action: &str) -> &'static [&'static str] {
    match action {
        "lowercase" | "uppercase" => &["source_labels", "separator", "regex", "target_label"],
        "keepequal" | "dropequal" => &["source_labels", "target_label"],
        "labeldrop" | "labelkeep" => &["regex"],
        _ => &FIELDS,
    }
}

impl Given {
    fn into_action(self, name: &str, section: &Section<'_>) -> Result<Action, String> {
        let taken = fields_of(name);
        if let Some(field) = FIELDS
            .iter()
            .find(|field| section.has(field) && !taken.contains(field))
        {
            return Err(format!("takes no {field}; remove it"));
        }
        let target = self
            .target
            .filter(|target| !target.is_empty())
            .ok_or("needs target_label: the label to write or to compare");
        let replacement = self.replacement.unwrap_or_else(|| "$1".to_owned());
        Ok(match name {
            "replace" => Action::Replace {
                target: target?,
                replacement,
            },
            "lowercase" => Action::Lowercase { target: target? },
            "uppercase" => Action::Uppercase { target: target? },
            "keep" => Action::Keep,
            "drop" => Action::Drop,
            "keepequal" => Action::KeepEqual { target: target? },
            "dropequal" => Action::DropEqual { target: target? },
            "hashmod" => Action::HashMod {
                target: target?,
                modulus: self
                    .modulus
                    .filter(|&modulus| modulus > 0)
                    .ok_or("needs modulus: a number above 0")?,
            },
            "labelmap" => Action::LabelMap { replacement },
            "labeldrop" => Action::LabelDrop,
            "labelkeep" => Action::LabelKeep,
            _ => {
                return Err(
                    "is unknown; it is one of replace, lowercase, uppercase, keep, drop, \
                    keepequal, dropequal, hashmod, labelmap, labeldrop, labelkeep"
                        .to_owned(),
                );
            }
        })
    }
}
