//! Prometheus's own test scripts as the judge of the evaluator.
//!
//! The scripts are found in `$PYROMETER_SHARED/promqltest` or `../shared/promqltest` beside the
//! workspace. `skipped.txt` and `failing.txt` say which lines do not count, and must say so
//! exactly: a line that starts to pass has to leave its list. `PYROMETER_BLESS=1` rewrites both.

mod expect;
mod runner;
mod script;
mod series;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use runner::Outcome;

/// Must pass in full, apart from what needs native histograms.
const REQUIRED: [&str; 6] = [
    "literals",
    "operators",
    "range_queries",
    "selectors",
    "staleness",
    "subquery",
];

/// May have lines in `failing.txt`. Scripts that are not named here test syntax that Prometheus
/// itself keeps behind feature flags (duration expressions, `anchored`, `fill`, `info`,
/// start timestamps, type and unit labels) or native histograms alone.
const RATCHETED: [&str; 8] = [
    "aggregators",
    "at_modifier",
    "collision",
    "functions",
    "histograms",
    "limit",
    "name_label_dropping",
    "trig_functions",
];

fn scripts_folder() -> PathBuf {
    match std::env::var_os("PYROMETER_SHARED") {
        Some(shared) => PathBuf::from(shared).join("promqltest"),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/promqltest"),
    }
}

fn list_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it")
        .join(name)
}

/// The `file:line` at the start of each line of a list; the rest of the line is the reason.
fn listed(name: &str) -> BTreeSet<String> {
    std::fs::read_to_string(list_file(name))
        .expect("the list stands beside the test")
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split(' ').next().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn the_test_scripts_of_prometheus_pass() {
    let folder = scripts_folder();
    if !folder.is_dir() {
        eprintln!("NOT RUN: no PromQL test scripts in {}", folder.display());
        assert!(
            std::env::var_os("CI").is_none(),
            "CI must have the test scripts"
        );
        return;
    }
    let mut skipped = Vec::new();
    let mut failing = Vec::new();
    let mut unlisted = Vec::new();
    let known_failing = listed("failing.txt");
    for name in REQUIRED.into_iter().chain(RATCHETED) {
        let path = folder.join(format!("{name}.test"));
        let text = std::fs::read_to_string(&path).expect("the script can be read");
        let (mut n_passed, mut n_failed, mut skipped_lines) = (0, 0, Vec::new());
        for (line, outcome) in runner::run(&text) {
            let place = format!("{name}.test:{line}");
            match outcome {
                Outcome::Passed => n_passed += 1,
                Outcome::Skipped(reason) => {
                    skipped_lines.push(line);
                    skipped.push(format!("{place} {reason}"));
                }
                Outcome::Failed(message) => {
                    n_failed += 1;
                    if REQUIRED.contains(&name) || !known_failing.contains(&place) {
                        unlisted.push(format!("{place}: {message}"));
                    }
                    let first_line = message.lines().next().unwrap_or_default().to_owned();
                    failing.push(format!("{place} {first_line}"));
                }
            }
        }
        eprintln!(
            "{name}: {n_passed} passed, {n_failed} failed, {} skipped {skipped_lines:?}",
            skipped_lines.len()
        );
    }
    if std::env::var_os("PYROMETER_BLESS").is_some() {
        bless(
            "skipped.txt",
            "Needs native histograms, which are not stored yet.",
            &skipped,
        );
        bless(
            "failing.txt",
            "Known failures; this list may only shrink.",
            &failing,
        );
        return;
    }
    assert!(unlisted.is_empty(), "{}", unlisted.join("\n"));
    let places = |lines: &[String]| -> BTreeSet<String> {
        lines
            .iter()
            .map(|line| line.split(' ').next().unwrap_or_default().to_owned())
            .collect()
    };
    assert_eq!(
        places(&skipped),
        listed("skipped.txt"),
        "skipped.txt is not true"
    );
    assert_eq!(places(&failing), known_failing, "failing.txt is not true");
}

fn bless(name: &str, head: &str, lines: &[String]) {
    let text = format!("# {head}\n{}\n", lines.join("\n"));
    std::fs::write(list_file(name), text).expect("the list can be written");
}
