//! Long lines, unfinished business, paths of one machine, and folder names that say nothing.

use super::Tree;
use super::size::code_lines;

const LINE_CHARS_MAX: usize = 100;
const CODE_ENDINGS: [&str; 8] = ["css", "js", "mjs", "py", "rs", "sh", "ts", "tsx"];

/// Folders in which anything could lie, so that anything does.
const FOLDERS_REFUSED: [&str; 4] = ["util", "common", "helpers", "misc"];

/// Split, so that this file may be checked by its own rule.
const UNFINISHED: [&str; 3] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
];

/// Where one person's or one machine's files lie; nobody else has them.
const MACHINE_PATHS: [&str; 4] = [
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/home", "/"),
    concat!("/Use", "rs/"),
];

pub(super) fn complaints(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for file in tree.with_ending(&CODE_ENDINGS) {
        // Tests are data: a row of a table stays one line.
        let code = if file.is_test() {
            Vec::new()
        } else {
            code_lines(file)
        };
        for (number, line) in (1..).zip(code) {
            let chars = line.chars().count();
            if chars > LINE_CHARS_MAX {
                found.push(format!(
                    "{}:{number}: {chars} characters in a line",
                    file.path
                ));
            }
        }
        for (number, line) in (1..).zip(file.text.lines()) {
            if let Some(word) = UNFINISHED.iter().find(|word| has_word(line, word)) {
                found.push(format!(
                    "{}:{number}: {word}; do it or open an issue",
                    file.path
                ));
            }
        }
    }
    for file in &tree.files {
        for (number, line) in (1..).zip(file.text.lines()) {
            if let Some(path) = MACHINE_PATHS.iter().find(|path| has_path(line, path)) {
                found.push(format!(
                    "{}:{number}: {path} is a path of one machine",
                    file.path
                ));
            }
        }
    }
    let mut folders: Vec<&str> = tree
        .files
        .iter()
        .flat_map(|file| {
            file.path
                .match_indices('/')
                .map(|(end, _)| &file.path[..end])
        })
        .filter(|dir| FOLDERS_REFUSED.contains(&dir.rsplit('/').next().unwrap_or_default()))
        .collect();
    folders.sort_unstable();
    folders.dedup();
    found.extend(
        folders
            .iter()
            .map(|dir| format!("{dir}/: name it after what it holds")),
    );
    found
}

/// Whether the path stands at the beginning of one, not in the middle of another.
fn has_path(line: &str, path: &str) -> bool {
    let goes_on = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '~' | '}');
    line.match_indices(path)
        .any(|(at, _)| !line[..at].ends_with(goes_on))
}

/// Whether the word stands alone, so that a longer one does not count.
fn has_word(line: &str, word: &str) -> bool {
    line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .any(|part| part == word)
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn a_long_line_is_found_by_characters_not_bytes() {
        let fits = "ä".repeat(100);
        let long = "a".repeat(101);
        check(
            complaints,
            &[
                ("a.rs", &fits),
                ("b.py", &long),
                ("docs/c.md", &long),
                ("tests/d.rs", &long),
            ],
            &["b.py:1: 101 characters in a line"],
        );
    }

    #[test]
    fn unfinished_business_is_found() {
        let line = format!(
            "\n// {}: later\n// {}S are fine\n",
            UNFINISHED[0], UNFINISHED[0]
        );
        let expected = format!("a.ts:2: {}; do it or open an issue", UNFINISHED[0]);
        check(complaints, &[("a.ts", &line)], &[&expected]);
    }

    #[test]
    fn a_path_of_one_machine_is_found_in_documents_too() {
        let line = format!(
            "see {}notes\nsee ../src{}",
            MACHINE_PATHS[0], MACHINE_PATHS[0]
        );
        let expected = format!("docs/a.md:1: {} is a path of one machine", MACHINE_PATHS[0]);
        check(complaints, &[("docs/a.md", &line)], &[&expected]);
    }

    #[test]
    fn a_folder_that_says_nothing_is_refused_once() {
        check(
            complaints,
            &[
                ("crates/util/src/a.rs", ""),
                ("crates/util/src/b.rs", ""),
                ("src/util.rs", ""),
            ],
            &["crates/util/: name it after what it holds"],
        );
    }
}
