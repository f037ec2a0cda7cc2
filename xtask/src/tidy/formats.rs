//! A format on disk and its page know each other.
//!
//! A page in `docs/formats` tells the format's version; the code that declares the version
//! names the page. So whoever changes one is led to the other.

use super::Tree;
use super::size::code_lines;

const FOLDER: &str = "docs/formats/";

pub(super) fn complaints(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    let code: Vec<_> = tree
        .with_ending(&["rs"])
        .filter(|file| !file.is_test())
        .collect();
    for page in tree
        .with_ending(&["md"])
        .filter(|file| file.path.starts_with(FOLDER))
    {
        let naming: Vec<_> = code
            .iter()
            .filter(|file| file.text.contains(&page.path))
            .collect();
        let versions: Vec<&str> = naming
            .iter()
            .flat_map(|file| versions(&file.text))
            .collect();
        if naming.is_empty() {
            found.push(format!("{}: no code names this page", page.path));
        } else if versions.is_empty() {
            found.push(format!(
                "{}: the code that names it declares no VERSION",
                page.path
            ));
        } else if !versions
            .iter()
            .any(|version| page.text.contains(&format!("version {version}")))
        {
            found.push(format!(
                "{}: does not say \"version {}\", which the code declares",
                page.path,
                versions.join("\" or \"version ")
            ));
        }
    }
    for file in code {
        for (number, line) in (1..).zip(code_lines(file)) {
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

/// The numbers of `const VERSION: u8 = 1;` and `const SEGMENT_VERSION: u32 = 2;`.
fn versions(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let (name, value) = line.split_once(": u")?;
        let is_version = name.contains("const ") && name.ends_with("VERSION");
        let (_, number) = value.split_once(" = ")?;
        is_version.then(|| number.trim_end_matches(';'))
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
            &["docs/formats/wal.md: does not say \"version 2\", which the code declares"],
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
        check(
            complaints,
            &[(PAGE, "version 2"), ("a.rs", "// docs/formats/wal.md")],
            &["docs/formats/wal.md: the code that names it declares no VERSION"],
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
