//! Targets from files (`file_sd_configs`), looked at again and again.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use diagnosis::yaml::{self, Field, NODES_MAX, Node, Value};
use tracing::warn;

use crate::config::{
    FileDiscovery, Problems, StaticGroup, expand_pattern, read_file, read_target_group,
};

/// The last good content of each file. A file that turns bad keeps its old targets.
#[derive(Debug, Default)]
pub(crate) struct TargetFiles {
    files: HashMap<PathBuf, Loaded>,
}

#[derive(Debug)]
struct Loaded {
    /// Modification time and size when it was read.
    stamp: (Option<SystemTime>, u64),
    groups: Vec<StaticGroup>,
}

impl TargetFiles {
    /// The groups of all files of these patterns; files that did not change are not read again.
    /// A file that is gone has no targets.
    pub(crate) fn look(&mut self, discoveries: &[FileDiscovery]) -> Vec<(PathBuf, StaticGroup)> {
        let mut groups = Vec::new();
        for path in discoveries.iter().flat_map(|discovery| &discovery.patterns) {
            for path in expand_pattern(path) {
                self.refresh(&path);
                if let Some(loaded) = self.files.get(&path) {
                    groups.extend(
                        loaded
                            .groups
                            .iter()
                            .map(|group| (path.clone(), group.clone())),
                    );
                }
            }
        }
        groups
    }

    fn refresh(&mut self, path: &Path) {
        let Ok(metadata) = std::fs::metadata(path) else {
            self.files.remove(path);
            return;
        };
        let stamp = (metadata.modified().ok(), metadata.len());
        if self
            .files
            .get(path)
            .is_some_and(|loaded| loaded.stamp == stamp)
        {
            return;
        }
        let groups = match read_groups(path) {
            Ok(groups) => groups,
            Err(reason) => {
                warn!(file = %path.display(), %reason, "target file is not usable; its last good \
                    content stays");
                // Keep the old groups, but do not read and warn again until it changes.
                self.files
                    .remove(path)
                    .map(|loaded| loaded.groups)
                    .unwrap_or_default()
            }
        };
        self.files.insert(path.to_owned(), Loaded { stamp, groups });
    }
}

fn read_groups(path: &Path) -> Result<Vec<StaticGroup>, String> {
    let text = read_file(path).map_err(|error| error.to_string())?;
    let is_json = path
        .extension()
        .is_some_and(|extension| extension == "json");
    parse_groups(&text, is_json)
}

/// All problems of the file in one text.
fn parse_groups(text: &str, is_json: bool) -> Result<Vec<StaticGroup>, String> {
    let root = if is_json {
        let value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        node_of(value)
    } else {
        yaml::parse(text, NODES_MAX).map_err(|error| error.to_string())?
    };
    let items = match &root.value {
        Value::List(items) => items.as_slice(),
        Value::Null => &[],
        Value::Scalar(_) | Value::Map(_) => return Err("it must be a list of groups".to_owned()),
    };
    let mut problems = Problems::default();
    let groups = items
        .iter()
        .filter_map(|node| read_target_group(node, "the file", false, &mut problems))
        .collect();
    if problems.any_error() {
        let texts: Vec<String> = problems
            .into_sorted()
            .iter()
            .map(|problem| problem.text.clone())
            .collect();
        return Err(texts.join("; "));
    }
    Ok(groups)
}

/// serde_json limits nesting to 128, so this recursion is bounded. JSON has no lines for us.
fn node_of(json: serde_json::Value) -> Node {
    let value = match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(flag) => Value::Scalar(flag.to_string()),
        serde_json::Value::Number(number) => Value::Scalar(number.to_string()),
        serde_json::Value::String(text) => Value::Scalar(text),
        serde_json::Value::Array(items) => Value::List(items.into_iter().map(node_of).collect()),
        serde_json::Value::Object(fields) => Value::Map(
            fields
                .into_iter()
                .map(|(name, value)| Field {
                    line: 1,
                    name,
                    value: node_of(value),
                })
                .collect(),
        ),
    };
    Node { line: 1, value }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(files: &mut TargetFiles, pattern: &Path) -> Vec<String> {
        let discovery = FileDiscovery {
            patterns: vec![pattern.to_owned()],
        };
        files
            .look(&[discovery])
            .into_iter()
            .flat_map(|(_, group)| group.targets)
            .collect()
    }

    #[test]
    fn json_and_yaml_lists_are_read() {
        let json = r#"[{"targets": ["a:1", "b:2"], "labels": {"zone": "eu", "n": 1}}]"#;
        let yaml = "- targets: [a:1, b:2]\n  labels: {zone: eu, n: 1}\n";
        assert_eq!(parse_groups(json, true), parse_groups(yaml, false));
        assert_eq!(parse_groups(json, true).unwrap()[0].targets, ["a:1", "b:2"]);
        // Relabelling may make an address of it; without, the target says what is wrong.
        let probed = parse_groups("- targets: ['http://x/']", false).unwrap();
        assert_eq!(probed[0].targets, ["http://x/"]);
    }

    #[test]
    fn what_is_no_list_of_groups_says_why() {
        for (text, is_json, part) in [
            ("{", true, "EOF"),
            ("a: b", false, "list of groups"),
            ("- target: [x]", false, "did you mean \"targets\""),
        ] {
            let error = parse_groups(text, is_json).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn a_file_that_turns_bad_keeps_its_targets_and_one_that_is_gone_has_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.yml");
        let pattern = folder.path().join("*.yml");
        let mut files = TargetFiles::default();
        assert!(targets(&mut files, &pattern).is_empty());
        std::fs::write(&path, "- targets: [a:1]").unwrap();
        assert_eq!(targets(&mut files, &pattern), ["a:1"]);
        std::fs::write(&path, "- targets: [a:1").unwrap();
        assert_eq!(targets(&mut files, &pattern), ["a:1"]);
        std::fs::write(&path, "- targets: [a:1, b:22]").unwrap();
        assert_eq!(targets(&mut files, &pattern), ["a:1", "b:22"]);
        std::fs::remove_file(&path).unwrap();
        assert!(targets(&mut files, &pattern).is_empty());
    }
}
