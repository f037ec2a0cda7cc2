//! What the labels of targets say about how things are named.

use std::collections::{BTreeMap, BTreeSet};

use model::Labels;

use super::Answer;
use crate::graph::{Note, Question, Role, SourcedRules};

/// Labels by which people tell apart where things run.
const ENVIRONMENT_LABELS: [&str; 5] = [
    "environment",
    "env",
    "deployment_environment",
    "namespace",
    "cluster",
];

/// The rows of the built-in rule of instances: `up` with all labels of the targets.
pub(super) fn rows<'a>(
    sources: &[SourcedRules],
    questions: &[Question],
    answers: &'a [Answer],
) -> Option<&'a [(Labels, f64)]> {
    let mut asked = questions.iter().zip(answers);
    let found = asked.find(|(question, _)| {
        let sourced = &sources[question.source];
        let Role::Defines { rule, .. } = question.role else {
            return false;
        };
        let kind = &sourced.rules.entities[rule].kind;
        sourced.source.is_built_in() && kind.name() == "instance"
    });
    found?.1.as_ref().ok().map(Vec::as_slice)
}

pub(super) fn note_labels(targets: &[(Labels, f64)], notes: &mut Vec<Note>) {
    for label in ENVIRONMENT_LABELS {
        let mut jobs: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (labels, _) in targets {
            if let Some(job) = labels.get("job") {
                let value = labels.get(label).unwrap_or_default();
                jobs.entry(job).or_default().insert(value);
            }
        }
        let bare = |values: &BTreeSet<&str>| values.contains("");
        let without = jobs.iter().filter(|(_, values)| bare(values));
        let without: Vec<String> = without.map(|(job, _)| (*job).to_owned()).collect();
        let others = jobs.values().filter(|values| !bare(values)).count();
        if !without.is_empty() && others > 0 {
            notes.push(Note::LabelMissing {
                label: label.to_owned(),
                jobs: without,
                others,
            });
        }
        for (job, values) in jobs {
            let values: Vec<String> = values
                .into_iter()
                .filter(|value| !value.is_empty())
                .map(str::to_owned)
                .collect();
            if values.len() > 1 {
                notes.push(Note::NameShared {
                    job: job.to_owned(),
                    label: label.to_owned(),
                    values,
                });
            }
        }
    }
}
