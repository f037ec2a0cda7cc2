//! Every link between our own documents leads somewhere.

use std::collections::BTreeSet;

use super::{File, Tree};

pub(super) fn complaints(tree: &Tree) -> Vec<String> {
    let mut paths: BTreeSet<String> = BTreeSet::new();
    for file in &tree.files {
        paths.insert(file.path.clone());
        paths.extend(
            file.path
                .match_indices('/')
                .map(|(end, _)| file.path[..end].to_owned()),
        );
    }
    let mut found = Vec::new();
    for file in tree.with_ending(&["md"]) {
        for (number, link) in links(&file.text) {
            if let Some(complaint) = follow(tree, &paths, file, link) {
                found.push(format!("{}:{number}: {complaint}", file.path));
            }
        }
    }
    found
}

fn follow(tree: &Tree, paths: &BTreeSet<String>, from: &File, link: &str) -> Option<String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let path = if path.is_empty() {
        from.path.clone()
    } else {
        resolve(&from.path, path)
    };
    if !path.is_empty() && !paths.contains(&path) {
        return Some(format!("the link to {link} leads nowhere"));
    }
    let text = tree.get(&path)?;
    let has_anchor = anchor.is_empty() || headings(text).any(|heading| heading == anchor);
    (!has_anchor).then(|| format!("{path} has no heading #{anchor}"))
}

/// Line numbers and targets of `[text](target)`, outside code.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut is_code = false;
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        }
        if is_code || line.starts_with("    ") {
            continue;
        }
        // Every second part between backticks is code.
        for prose in line.split('`').step_by(2) {
            for after in prose.split("](").skip(1) {
                if let Some(target) = after.split([')', ' ']).next() {
                    found.push((number, target));
                }
            }
        }
    }
    found
}

/// A path relative to a file, as a path from the root.
fn resolve(from: &str, path: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Headings as GitHub names their anchors.
fn headings(text: &str) -> impl Iterator<Item = String> {
    text.lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| {
            line.trim_start_matches('#')
                .trim()
                .chars()
                .filter_map(|c| match c {
                    ' ' => Some('-'),
                    c if c.is_alphanumeric() || c == '-' || c == '_' => {
                        Some(c.to_ascii_lowercase())
                    }
                    _ => None,
                })
                .collect()
        })
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn a_link_that_leads_nowhere_is_found() {
        check(
            complaints,
            &[
                (
                    "docs/a.md",
                    "x\n[b](b.md), [up](../README.md) and [no](no.md)\n[d](../crates)\n",
                ),
                ("docs/b.md", ""),
                ("README.md", "[out](https://example.org/no) [a](docs/a.md)"),
                ("crates/x.rs", ""),
            ],
            &["docs/a.md:2: the link to no.md leads nowhere"],
        );
    }

    #[test]
    fn a_missing_heading_is_found() {
        check(
            complaints,
            &[
                (
                    "a.md",
                    "# The way of `data`\n[here](#the-way-of-data) [not](#nowhere)",
                ),
                ("b.md", "[there](a.md#the-way-of-data) [not](a.md#gone)"),
            ],
            &[
                "a.md:2: a.md has no heading #nowhere",
                "b.md:1: a.md has no heading #gone",
            ],
        );
    }

    #[test]
    fn code_holds_no_links() {
        check(
            complaints,
            &[("a.md", "`x[0](no)`\n```\n[a](no)\n```\n    [b](no)\n")],
            &[],
        );
    }
}
