//! The rules that no compiler knows. Each is a function from the tree to its complaints, and has
//! tests that feed it a bad tree.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail};

use crate::files;

mod budgets;
mod formats;
mod graph;
mod links;
mod ratchet;
mod size;
mod words;

/// What people write, as text; anything else is not read.
const TEXT_ENDINGS: [&str; 13] = [
    "css", "html", "js", "json", "lock", "md", "mjs", "py", "rs", "sh", "toml", "ts", "tsx",
];
/// Rule files and packs.
const YAML_ENDINGS: [&str; 2] = ["yaml", "yml"];

/// The repository as the rules see it: paths from its root with `/`, and texts.
#[derive(Debug, Default)]
struct Tree {
    files: Vec<File>,
}

#[derive(Debug)]
struct File {
    path: String,
    text: String,
}

impl Tree {
    fn read(root: &Path) -> anyhow::Result<Self> {
        let mut tree = Self::default();
        for path in files::below(root)? {
            let relative = path.strip_prefix(root).unwrap_or(&path);
            let name = relative.to_string_lossy().replace('\\', "/");
            let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
            let is_text = TEXT_ENDINGS.contains(&ending)
                || YAML_ENDINGS.contains(&ending)
                || name == ".ci/run"
                || name == ratchet::PATH;
            // What is no text is there, for links and folder names, but has nothing to read.
            let text = if is_text {
                fs::read_to_string(&path).with_context(|| format!("read {name} as text"))?
            } else {
                String::new()
            };
            tree.files.push(File { path: name, text });
        }
        Ok(tree)
    }

    fn get(&self, path: &str) -> Option<&str> {
        self.files
            .iter()
            .find(|file| file.path == path)
            .map(|file| &*file.text)
    }

    fn with_ending<'a>(&'a self, endings: &'a [&str]) -> impl Iterator<Item = &'a File> {
        self.files
            .iter()
            .filter(|file| endings.contains(&file.ending()))
    }
}

impl File {
    fn ending(&self) -> &str {
        self.path.rsplit_once('.').map_or("", |(_, ending)| ending)
    }

    /// Whether the whole file is test code, by where it lies.
    fn is_test(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        let in_dir = |dir: &str| self.path.split('/').any(|part| part == dir);
        in_dir("tests")
            || in_dir("benches")
            // A made-up server for working on the UI: answers as data.
            || self.path.starts_with("ui/dev/")
            || name == "tests.rs"
            || name == "conftest.py"
            || name.starts_with("test_")
            || name.contains(".test.")
    }
}

/// Prints every complaint; fails when there is one.
pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    let tree = Tree::read(root)?;
    let mut complaints = Vec::new();
    complaints.extend(size::complaints(&tree));
    complaints.extend(words::complaints(&tree));
    complaints.extend(graph::complaints(&tree));
    complaints.extend(links::complaints(&tree));
    complaints.extend(formats::complaints(&tree));
    complaints.extend(budgets::complaints(&tree));
    for complaint in &complaints {
        println!("  {complaint}");
    }
    match complaints.len() {
        0 => {
            println!(
                "  tidy: {} files, nothing to complain about",
                tree.files.len()
            );
            Ok(())
        }
        n => bail!("tidy has {n} complaints"),
    }
}

/// Feeds a rule a tree and compares its complaints.
#[cfg(test)]
fn check(rule: fn(&Tree) -> Vec<String>, files: &[(&str, &str)], expected: &[&str]) {
    let files = files
        .iter()
        .map(|&(path, text)| File {
            path: path.to_owned(),
            text: text.to_owned(),
        })
        .collect();
    assert_eq!(rule(&Tree { files }), expected);
}
