//! What is wrong with a file, all of it at once, each with its line and what to do.

use std::fmt;

/// One finding in a configuration file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Problem {
    /// Counted from 1.
    pub(crate) line: usize,
    pub(crate) severity: Severity,
    pub(crate) text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    /// The file cannot be used.
    Error,
    /// The file is used without this part, which Prometheus knows and we do not.
    Ignored,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.severity {
            Severity::Error => write!(f, "line {}: {}", self.line, self.text),
            Severity::Ignored => write!(f, "line {}: ignored: {}", self.line, self.text),
        }
    }
}

/// Collects findings while a file is read.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    found: Vec<Problem>,
}

impl Problems {
    pub(crate) fn error(&mut self, line: usize, text: impl Into<String>) {
        self.add(line, Severity::Error, text.into());
    }

    pub(crate) fn ignored(&mut self, line: usize, text: impl Into<String>) {
        self.add(line, Severity::Ignored, text.into());
    }

    fn add(&mut self, line: usize, severity: Severity, text: String) {
        self.found.push(Problem {
            line,
            severity,
            text,
        });
    }

    pub(crate) fn any_error(&self) -> bool {
        self.found
            .iter()
            .any(|problem| problem.severity == Severity::Error)
    }

    /// By line; an alias can bring the same finding twice.
    pub(crate) fn into_sorted(mut self) -> Vec<Problem> {
        self.found.sort();
        self.found.dedup();
        self.found
    }
}

/// The known name nearest to a misspelt one: at most a third of its letters differ.
pub(crate) fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|&candidate| (edits(name, candidate), candidate))
        .filter(|&(edits, candidate)| edits <= candidate.len() / 3)
        .min()
        .map(|(_, candidate)| candidate)
}

/// The Levenshtein distance, one row at a time.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_gets_the_nearest_known_one() {
        let known = ["scrape_interval", "scrape_timeout", "job_name"];
        for (name, expected) in [
            ("scrape_intervall", Some("scrape_interval")),
            ("scrap_timeout", Some("scrape_timeout")),
            ("jobname", Some("job_name")),
            ("colour", None),
        ] {
            assert_eq!(nearest(name, &known), expected, "{name}");
        }
    }
}
