//! Exceptions from the size limits: a list that may only shrink.
//!
//! A line is `file LINES PATH` or `function LINES PATH NAME`. A thing that grew beyond its line is
//! refused like a new one; a thing that shrank must have its line lowered or removed, so that what
//! was won is kept.

use std::collections::BTreeMap;

pub(super) const PATH: &str = "xtask/tidy-ratchet.txt";

/// What is measured: `file PATH` or `function PATH NAME`, and its lines.
pub(super) type Sizes = BTreeMap<String, usize>;

/// Compares everything above its limit with the list.
pub(super) fn compare(above_limit: &Sizes, limit_of: fn(&str) -> usize, list: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let (allowed, bad_lines) = read(list);
    complaints.extend(bad_lines);
    for (what, &lines) in above_limit {
        match allowed.get(what) {
            None => complaints.push(format!(
                "{what}: {lines} lines, {} are allowed",
                limit_of(what)
            )),
            Some(&allowed) if lines > allowed => {
                complaints.push(format!("{what}: {lines} lines, its exception is {allowed}"));
            }
            Some(&allowed) if lines < allowed => {
                complaints.push(format!(
                    "{what}: shrank to {lines}; lower its line in {PATH}"
                ));
            }
            Some(_) => {}
        }
    }
    for what in allowed
        .keys()
        .filter(|what| !above_limit.contains_key(*what))
    {
        complaints.push(format!(
            "{what}: needs no exception any more; remove its line in {PATH}"
        ));
    }
    complaints
}

fn read(list: &str) -> (Sizes, Vec<String>) {
    let mut sizes = Sizes::new();
    let mut bad = Vec::new();
    for line in list
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let mut words = line.splitn(3, ' ');
        let parsed = (|| {
            let kind = words.next()?;
            let lines = words.next()?.parse().ok()?;
            Some((format!("{kind} {}", words.next()?), lines))
        })();
        match parsed {
            Some((what, lines)) => {
                sizes.insert(what, lines);
            }
            None => bad.push(format!("{PATH}: not understood: {line}")),
        }
    }
    (sizes, bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sizes: &[(&str, usize)], list: &str, expected: &[&str]) {
        let sizes = sizes
            .iter()
            .map(|&(what, lines)| (what.to_owned(), lines))
            .collect();
        assert_eq!(compare(&sizes, |_| 70, list), expected, "{list}");
    }

    #[test]
    fn exceptions_may_only_shrink() {
        let found = [("function a.rs f", 80)];
        check(&found, "function 80 a.rs f\n", &[]);
        check(&found, "", &["function a.rs f: 80 lines, 70 are allowed"]);
        check(
            &found,
            "function 79 a.rs f\n",
            &["function a.rs f: 80 lines, its exception is 79"],
        );
        check(
            &found,
            "function 81 a.rs f\n",
            &["function a.rs f: shrank to 80; lower its line in xtask/tidy-ratchet.txt"],
        );
        check(
            &[],
            "# Why.\nfunction 80 a.rs f\n",
            &[
                "function a.rs f: needs no exception any more; remove its line in \
               xtask/tidy-ratchet.txt",
            ],
        );
        check(
            &[],
            "function f\n",
            &["xtask/tidy-ratchet.txt: not understood: function f"],
        );
    }
}
