//! The files of the repository that people write.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// What is made, fetched or kept by tools; never read by tidy, never part of a stamp.
const NOT_OURS: [&str; 11] = [
    ".git",
    ".venv",
    ".demo",
    ".bench",
    ".pytest_cache",
    "__pycache__",
    "dist",
    "node_modules",
    "pyrometer.data",
    "target",
    ".hypothesis",
];

/// All files below `dir` in a fixed order, without what tools made.
pub(crate) fn below(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    collect(dir, &mut found)?;
    found.sort();
    Ok(found)
}

fn collect(dir: &Path, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let entries = fs::read_dir(dir).with_context(|| format!("read {}", dir.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("read {}", dir.display()))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let kind = entry
            .file_type()
            .with_context(|| format!("look at {name}"))?;
        let made = NOT_OURS.contains(&&*name)
            || name.ends_with(".egg-info")
            || name.ends_with(".so")
            || name.ends_with(".pyc");
        if made {
            continue;
        }
        if kind.is_dir() {
            collect(&entry.path(), found)?;
        } else if kind.is_file() {
            found.push(entry.path());
        }
    }
    Ok(())
}
