//! The crates depend on one another as the picture in ARCHITECTURE.md shows.

use std::collections::{BTreeMap, BTreeSet};

use super::Tree;

/// The picture, word for word; `ARROWS` is what it says.
const PICTURE: [&str; 5] = [
    "model ◀── store ◀── promql ◀── diagnosis ◀── server ──embeds──▶ ui/dist, packs/",
    "  ▲                                            │",
    "  └────────── instrument ◀─────────────────────┤",
    "                   ▲",
    "                   └── python (wheel)",
];

/// Folder of a crate and the crates its arrows point at.
const ARROWS: [(&str, &[&str]); 7] = [
    ("crates/model", &[]),
    ("crates/store", &["model"]),
    ("crates/promql", &["store"]),
    ("crates/diagnosis", &["promql"]),
    ("crates/instrument", &["model"]),
    ("crates/server", &["diagnosis", "instrument"]),
    ("python", &["instrument"]),
];

/// Tools; nothing depends on them, and they depend on nothing of ours.
const ALONE: [&str; 1] = ["xtask"];

pub(super) fn complaints(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(text) = tree.get("ARCHITECTURE.md") {
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        let shows_it = lines.windows(PICTURE.len()).any(|window| {
            window
                .iter()
                .zip(PICTURE)
                .all(|(line, wanted)| line.strip_prefix("    ").is_some_and(|line| line == wanted))
        });
        if !shows_it {
            found.push("ARCHITECTURE.md: the picture of the crates is not tidy's".to_owned());
        }
    }
    for file in tree
        .files
        .iter()
        .filter(|file| file.path.ends_with("/Cargo.toml"))
    {
        let dir = file.path.trim_end_matches("/Cargo.toml");
        let used = dependencies(&file.text);
        match ARROWS.iter().find(|(known, _)| *known == dir) {
            Some((_, arrows)) => found.extend(compare(&file.path, arrows, &used)),
            None if ALONE.contains(&dir) => found.extend(compare(&file.path, &[], &used)),
            // Fuzz targets drive any crate, and no crate sees them.
            None if dir == "fuzz" => {}
            None => found.push(format!(
                "{}: the picture does not show this crate",
                file.path
            )),
        }
    }
    found
}

/// Every arrow is a dependency, and every dependency lies along arrows.
fn compare(path: &str, arrows: &[&str], used: &Dependencies) -> Vec<String> {
    let reachable = reachable(arrows);
    let mut found = Vec::new();
    for arrow in arrows.iter().filter(|arrow| !used.normal.contains(**arrow)) {
        found.push(format!(
            "{path}: the picture shows an arrow to {arrow}, which is not used"
        ));
    }
    for name in used.normal.union(&used.dev) {
        if !reachable.contains(&**name) {
            found.push(format!("{path}: uses {name}, against the picture's arrows"));
        }
    }
    found
}

fn reachable<'a>(arrows: &[&'a str]) -> BTreeSet<&'a str> {
    let graph: BTreeMap<&str, &[&'a str]> = ARROWS
        .iter()
        .map(|&(dir, arrows)| (dir.rsplit('/').next().unwrap_or(dir), arrows))
        .collect();
    let mut seen = BTreeSet::new();
    let mut next: Vec<&str> = arrows.to_vec();
    while let Some(name) = next.pop() {
        if seen.insert(name) {
            next.extend(graph.get(name).copied().unwrap_or_default());
        }
    }
    seen
}

/// The crates of this workspace that a manifest names.
#[derive(Debug, Default)]
struct Dependencies {
    normal: BTreeSet<String>,
    dev: BTreeSet<String>,
}

/// Reads the few forms of a dependency that our manifests use: `name.workspace = true`,
/// `name = …` and `[dependencies.name]`.
fn dependencies(manifest: &str) -> Dependencies {
    let ours: BTreeSet<&str> = ARROWS
        .iter()
        .map(|(dir, _)| dir.rsplit('/').next().unwrap_or(dir))
        .collect();
    let mut found = Dependencies::default();
    let mut section = String::new();
    for line in manifest.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            section = header.trim_end_matches(']').to_owned();
        }
        let (kind, name) = match section.rsplit_once('.') {
            Some((kind, name)) if kind.ends_with("dependencies") => (kind, name),
            _ => (
                &*section,
                line.split(['.', '=', ' ']).next().unwrap_or_default(),
            ),
        };
        if !kind.ends_with("dependencies") || !ours.contains(name) {
            continue;
        }
        let kept = if kind.ends_with("dev-dependencies") {
            &mut found.dev
        } else {
            &mut found.normal
        };
        kept.insert(name.to_owned());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    const INSTRUMENT: &str = "[dependencies]\nmodel.workspace = true\n\
        [target.'cfg(unix)'.dependencies.store]\npath = \"x\"\n";

    #[test]
    fn a_dependency_against_the_arrows_is_found() {
        check(
            complaints,
            &[
                (
                    "crates/store/Cargo.toml",
                    "[dependencies]\nmodel.workspace = true\n",
                ),
                (
                    "crates/promql/Cargo.toml",
                    "[dependencies]\nmodel = { path = \"x\" }\nstore.workspace = true\n",
                ),
                (
                    "crates/model/Cargo.toml",
                    "[dev-dependencies]\nstore.workspace = true\n",
                ),
                ("crates/instrument/Cargo.toml", INSTRUMENT),
            ],
            &[
                "crates/model/Cargo.toml: uses store, against the picture's arrows",
                "crates/instrument/Cargo.toml: uses store, against the picture's arrows",
            ],
        );
    }

    #[test]
    fn an_arrow_that_nobody_goes_is_found() {
        check(
            complaints,
            &[(
                "python/Cargo.toml",
                "[dependencies]\nserde = \"1\"\n[features]\nmodel = []\n",
            )],
            &["python/Cargo.toml: the picture shows an arrow to instrument, which is not used"],
        );
    }

    #[test]
    fn a_crate_that_the_picture_does_not_show_is_found() {
        check(
            complaints,
            &[
                ("crates/other/Cargo.toml", ""),
                ("xtask/Cargo.toml", ""),
                ("fuzz/Cargo.toml", ""),
            ],
            &["crates/other/Cargo.toml: the picture does not show this crate"],
        );
    }

    #[test]
    fn the_picture_must_be_the_one_that_is_checked() {
        let picture: String = PICTURE.iter().map(|line| format!("    {line}\n")).collect();
        check(complaints, &[("ARCHITECTURE.md", &picture)], &[]);
        let other = picture.replace("store ◀── promql", "promql ◀── store");
        let expected = ["ARCHITECTURE.md: the picture of the crates is not tidy's"];
        check(complaints, &[("ARCHITECTURE.md", &other)], &expected);
    }
}
