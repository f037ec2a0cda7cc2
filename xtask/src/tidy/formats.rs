//! A format on disk and its page know each other.
//!
//! A page in `docs/formats` is named by the code that reads or writes the format, and where that
//! code declares the version the page tells the same. So whoever changes one is led to the other.

use super::size::code_lines;
use super::{File, Tree};

const FOLDER: &str = "docs/formats/";

pub(super) fn complaints(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    let code: Vec<(&File, String)> = tree
        .with_ending(&["rs"])
        .filter(|file| !file.is_test())
        .map(|file| (file, code_lines(file).join("\n")))
        .collect();
    for page in tree
        .with_ending(&["md"])
        .filter(|file| file.path.starts_with(FOLDER))
    {
        let naming: Vec<&String> = code
            .iter()
            .map(|(_, text)| text)
            .filter(|text| text.contains(&page.path))
            .collect();
        let declared: Vec<String> = naming.iter().flat_map(|text| versions(text)).collect();
        if naming.is_empty() {
            found.push(format!("{}: no code names this page", page.path));
        } else if !declared.is_empty() && !declared.iter().any(|v| tells(&page.text, v)) {
            found.push(format!(
                "{}: does not tell version {}, which the code declares",
                page.path,
                declared.join(" or ")
            ));
        }
    }
    for (file, text) in &code {
        for (number, line) in (1..).zip(text.lines()) {
            for after in line.split(FOLDER).skip(1) {
                let Some((name, _)) = after.split_once(".md") else {
                    continue;
                };
                let path = format!("{FOLDER}{name}.md");
                let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
                if is_name && tree.get(&path).is_none() {
                    found.push(format!("{}:{number}: {path} does not exist", file.path));
                }
            }
        }
    }
    found
}

/// What `const FORMAT_VERSION: u32 = 2;` and the magic `b"PYROWAL\x02"` declare.
fn versions(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.lines() {
        let constant = line.split_once("VERSION: u").and_then(|(_, value)| {
            let (_, number) = value.split_once(" = ")?;
            number.trim_end_matches(';').parse::<u32>().ok()
        });
        let magic = line.split_once("b\"").and_then(|(_, magic)| {
            let (_, byte) = magic.split_once('"')?.0.rsplit_once("\\x")?;
            u32::from_str_radix(byte, 16).ok()
        });
        found.extend(constant.or(magic).map(|number| number.to_string()));
    }
    found
}

/// Whether a page says `version 2` or `version:u8 = 2`.
fn tells(page: &str, version: &str) -> bool {
    page.to_lowercase().split("version").skip(1).any(|after| {
        let number = after
            .trim_start_matches(":u8")
            .trim_start_matches([' ', '=']);
        number.split(|c: char| !c.is_ascii_digit()).next() == Some(version)
    })
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    const PAGE: &str = "docs/formats/wal.md";
    const CODE: &str = "//! Layout: docs/formats/wal.md.\nconst WAL_VERSION: u8 = 2;\n";

    #[test]
    fn a_page_and_its_code_agree_on_the_version() {
        check(
            complaints,
            &[(PAGE, "This is version 2."), ("a.rs", CODE)],
            &[],
        );
        check(
            complaints,
            &[(PAGE, "This is version 1."), ("a.rs", CODE)],
            &["docs/formats/wal.md: does not tell version 2, which the code declares"],
        );
    }

    #[test]
    fn a_version_may_stand_in_the_magic() {
        let code = "// docs/formats/wal.md\nconst MAGIC: &[u8; 8] = b\"PYROWAL\\x03\";\n";
        check(
            complaints,
            &[(PAGE, "\"PYROWAL\" version:u8 = 3"), ("a.rs", code)],
            &[],
        );
        check(
            complaints,
            &[(PAGE, "\"PYROWAL\" version:u8 = 30"), ("a.rs", code)],
            &["docs/formats/wal.md: does not tell version 3, which the code declares"],
        );
    }

    #[test]
    fn a_page_that_no_code_names_is_found() {
        let other = "const WAL_VERSION: u8 = 2;";
        check(
            complaints,
            &[(PAGE, "version 2"), ("a.rs", other)],
            &["docs/formats/wal.md: no code names this page"],
        );
    }

    #[test]
    fn a_page_that_does_not_exist_is_found() {
        check(
            complaints,
            &[("a.rs", CODE)],
            &["a.rs:1: docs/formats/wal.md does not exist"],
        );
    }
}
