//! Where rule groups come from: the packs and the files that the configuration names.

use std::path::{Path, PathBuf};

use diagnosis::pack::Pack;
use diagnosis::rules::{RuleGroup, parse_rule_file};

use crate::config::{expand_pattern, read_file};

/// A group and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct LoadedGroup {
    /// The file's path; for a pack its place in the repository.
    pub(crate) file: String,
    pub(crate) pack: Option<String>,
    pub(crate) group: RuleGroup,
}

/// What the rule files of a configuration hold. One bad file costs itself only.
#[derive(Debug, Default)]
pub(crate) struct LoadedRules {
    pub(crate) groups: Vec<LoadedGroup>,
    pub(crate) problems: Vec<RuleFileProblem>,
}

/// A rule file that cannot be used.
#[derive(Debug)]
pub(crate) struct RuleFileProblem {
    pub(crate) file: PathBuf,
    /// With the line where there is one.
    pub(crate) reason: String,
}

impl RuleFileProblem {
    pub(crate) fn is_of(&self, file: &str) -> bool {
        self.file == Path::new(file)
    }
}

/// Reads every file that the patterns name.
pub(crate) fn rule_files(patterns: &[PathBuf]) -> LoadedRules {
    let mut loaded = LoadedRules::default();
    let mut files: Vec<PathBuf> = patterns.iter().flat_map(|p| expand_pattern(p)).collect();
    files.sort();
    files.dedup();
    for file in files {
        let parsed = match read_file(&file) {
            Ok(text) => parse_rule_file(&text),
            Err(error) => {
                loaded.problems.push(RuleFileProblem {
                    file,
                    reason: error.to_string(),
                });
                continue;
            }
        };
        match parsed {
            Ok(groups) => loaded
                .groups
                .extend(groups.into_iter().map(|group| LoadedGroup {
                    file: file.display().to_string(),
                    pack: None,
                    group,
                })),
            Err(problems) => {
                loaded
                    .problems
                    .extend(problems.iter().map(|problem| RuleFileProblem {
                        file: file.clone(),
                        reason: problem.to_string(),
                    }))
            }
        }
    }
    loaded
}

/// The groups of all packs.
pub(crate) fn pack_groups(packs: &[Pack]) -> Vec<LoadedGroup> {
    let groups = packs
        .iter()
        .flat_map(|pack| pack.groups.iter().map(move |group| (pack, group)));
    groups
        .map(|(pack, group)| LoadedGroup {
            file: format!("packs/{}/alerts.yml", pack.id),
            pack: Some(pack.id.clone()),
            group: group.clone(),
        })
        .collect()
}
