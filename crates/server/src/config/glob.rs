//! File patterns: `*`, `?` and `[a-z]` in any part of a path, as in `rule_files`.

use std::path::{Component, Path, PathBuf};

/// Files one pattern may name. More is a mistake such as `/*/*/*`.
const MATCHES_MAX: usize = 10_000;

/// The files a pattern names, sorted. A pattern without wildcards names itself, there or not, so
/// that a missing file is told and not overlooked.
pub(crate) fn expand_pattern(pattern: &Path) -> Vec<PathBuf> {
    if !pattern.to_string_lossy().contains(['*', '?', '[']) {
        return vec![pattern.to_owned()];
    }
    let mut found = vec![PathBuf::new()];
    for component in pattern.components() {
        let part = component.as_os_str().to_string_lossy();
        let wild = matches!(component, Component::Normal(_)) && part.contains(['*', '?', '[']);
        found = if wild {
            found
                .iter()
                .flat_map(|folder| matching(folder, &part))
                .take(MATCHES_MAX)
                .collect()
        } else {
            found
                .into_iter()
                .map(|folder| folder.join(component))
                .collect()
        };
    }
    found.retain(|path| path.exists());
    found.sort();
    found
}

fn matching(folder: &Path, part: &str) -> Vec<PathBuf> {
    let listed = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let Ok(entries) = std::fs::read_dir(listed) else {
        return Vec::new();
    };
    let part: Vec<char> = part.chars().collect();
    entries
        .filter_map(Result::ok)
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| {
            // As in a shell, a wildcard does not find hidden files.
            let hidden = name.starts_with('.') && part.first() != Some(&'.');
            !hidden && matches(&part, &name.chars().collect::<Vec<_>>())
        })
        .take(MATCHES_MAX)
        .map(|name| folder.join(name))
        .collect()
}

/// Goes back only to the last `*`, so the cost is the product of both lengths at most.
fn matches(pattern: &[char], name: &[char]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while n < name.len() {
        if pattern.get(p) == Some(&'*') {
            retry = Some((p + 1, n));
            p += 1;
        } else if let Some(width) = one(&pattern[p.min(pattern.len())..], name[n]) {
            p += width;
            n += 1;
        } else if let Some((after_star, from)) = retry {
            retry = Some((after_star, from + 1));
            (p, n) = (after_star, from + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

/// How many pattern characters match this one character; `None` when they do not.
fn one(pattern: &[char], c: char) -> Option<usize> {
    match pattern.first()? {
        '?' => Some(1),
        '[' => {
            let Some(close) = pattern.iter().skip(2).position(|&c| c == ']') else {
                return (c == '[').then_some(1);
            };
            let class = &pattern[1..close + 2];
            let (negated, class) = match class.first() {
                Some('^' | '!') => (true, &class[1..]),
                _ => (false, class),
            };
            let mut index = 0;
            let mut found = false;
            while index < class.len() {
                if index + 2 < class.len() && class[index + 1] == '-' {
                    found |= (class[index]..=class[index + 2]).contains(&c);
                    index += 3;
                } else {
                    found |= class[index] == c;
                    index += 1;
                }
            }
            (found != negated).then_some(close + 3)
        }
        &literal => (literal == c).then_some(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_as_in_a_shell() {
        for (pattern, name, expected) in [
            ("*.yml", "a.yml", true),
            ("*.yml", "a.yaml", false),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxbyy", false),
            ("r?le", "rule", true),
            ("r?le", "rle", false),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("[a", "[a", true),
            ("*", "", true),
            ("**a", "bba", true),
        ] {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            assert_eq!(
                matches(&chars(pattern), &chars(name)),
                expected,
                "{pattern} {name}"
            );
        }
    }

    #[test]
    fn a_pattern_names_the_files_that_are_there() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("d1")).unwrap();
        for name in ["b.yml", "a.yml", "c.json", ".hidden.yml", "d1/e.yml"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let names = |pattern: &str| -> Vec<String> {
            expand_pattern(&folder.path().join(pattern))
                .iter()
                .map(|path| {
                    path.strip_prefix(folder.path())
                        .unwrap()
                        .display()
                        .to_string()
                })
                .collect()
        };
        assert_eq!(names("*.yml"), ["a.yml", "b.yml"]);
        assert_eq!(names("d*/*.yml"), ["d1/e.yml"]);
        assert_eq!(names("missing.yml"), ["missing.yml"]);
        assert!(names("*/none").is_empty());
    }
}
