//! Rule files stay plain Prometheus files, and each alert does what its tests say.

use std::path::PathBuf;
use std::process::Command;

use crate::packs::{files_of, packs_dir};

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
    for pack in files_of(&packs_dir(), |path| path.is_dir()) {
        let rules = files_of(&pack, |path| path.ends_with("alerts.yml"));
        if rules.is_empty() {
            continue;
        }
        promtool(&["check", "rules"], &rules);
        let is_test = |path: &std::path::Path| path.to_string_lossy().ends_with(".test.yml");
        let tests = files_of(&pack.join("tests"), is_test);
        assert!(
            !tests.is_empty(),
            "{} has rules and no tests",
            pack.display()
        );
        promtool(&["test", "rules"], &tests);
    }
}

#[test]
fn every_alert_is_tested_to_fire_and_not_to() {
    for pack in files_of(&packs_dir(), |path| path.is_dir()) {
        let tests: String = files_of(&pack.join("tests"), |_| true)
            .iter()
            .map(|path| std::fs::read_to_string(path).unwrap())
            .collect();
        for alert in crate::packs::load(&pack)
            .groups
            .iter()
            .flat_map(|group| &group.rules)
        {
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
