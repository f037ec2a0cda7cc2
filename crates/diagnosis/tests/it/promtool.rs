//! Rule files stay Prometheus's own, and each alert does what its tests say.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::fixture::{Proven, files_of, packs};

/// Runs promtool on files; what it prints belongs to a failure.
fn promtool(arguments: &[&str], files: &[PathBuf]) {
    let output = Command::new("promtool")
        .args(arguments)
        .args(files)
        .output();
    let output = output.expect("promtool was found before");
    let printed = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&printed)
    );
}

/// The pack's rule files with the defaults in the places of parameters, and its tests, in a
/// folder of their own.
fn filled(proven: &Proven) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("packs")
        .join(&proven.pack.id);
    let tests = folder.join("tests");
    std::fs::create_dir_all(&tests).unwrap();
    for path in files_of(&proven.folder, |path| {
        path.ends_with("alerts.yml") || path.ends_with("records.yml")
    }) {
        let mut text = std::fs::read_to_string(&path).unwrap();
        let mut parameters: Vec<_> = proven.pack.parameters.iter().collect();
        // The longest name first: one may begin with another.
        parameters.sort_by_key(|parameter| std::cmp::Reverse(parameter.name.len()));
        for parameter in parameters {
            text = text.replace(
                &format!("${}", parameter.name),
                &parameter.default.to_string(),
            );
        }
        std::fs::write(folder.join(path.file_name().unwrap()), text).unwrap();
    }
    for path in test_files(proven) {
        std::fs::copy(&path, tests.join(path.file_name().unwrap())).unwrap();
    }
    folder
}

pub(crate) fn test_files(proven: &Proven) -> Vec<PathBuf> {
    let is_test = |path: &Path| path.to_string_lossy().ends_with(".test.yml");
    files_of(&proven.folder.join("tests"), is_test)
}

#[test]
fn promtool_accepts_and_tests_every_rule_file() {
    if Command::new("promtool").arg("--version").output().is_err() {
        assert!(
            std::env::var("CI").is_err_and(|_| true),
            "promtool is missing; install Debian's package prometheus"
        );
        println!("SKIPPED: promtool is not installed, no rule file was tested");
        return;
    }
    for proven in packs()
        .iter()
        .filter(|proven| !proven.pack.groups.is_empty())
    {
        let folder = filled(proven);
        let rules = files_of(&folder, |path| path.is_file());
        promtool(&["check", "rules"], &rules);
        let tests = files_of(&folder.join("tests"), |_| true);
        assert!(
            !tests.is_empty(),
            "{} has rules and no tests",
            proven.pack.id
        );
        promtool(&["test", "rules"], &tests);
    }
}

#[test]
fn every_alert_is_tested_to_fire_and_not_to() {
    for proven in packs() {
        let tests: String = test_files(proven)
            .iter()
            .map(|path| std::fs::read_to_string(path).unwrap())
            .collect();
        let rules = proven.pack.groups.iter().flat_map(|group| &group.rules);
        for alert in rules.filter(|rule| rule.alerting().is_some()) {
            let name = alert.name();
            let quiet = format!("alertname: {name}, exp_alerts: [] }}");
            assert!(
                tests.contains(&format!("alertname: {name}\n")),
                "{name} is never seen to fire"
            );
            assert!(
                tests.matches(&quiet).count() >= 2,
                "{name} is not seen before and after"
            );
        }
    }
}

#[test]
fn inhibitions_name_alerts_that_some_pack_has() {
    for proven in packs() {
        for inhibition in &proven.pack.inhibitions {
            let matchers = inhibition.source.iter().chain(&inhibition.target);
            for matcher in matchers.filter(|matcher| matcher.name() == "alertname") {
                for name in matcher.value().split('|') {
                    let known = packs().iter().any(|other| other.pack.has_alert(name));
                    assert!(known, "{}: {name} is no alert", proven.pack.id);
                }
            }
        }
    }
}
