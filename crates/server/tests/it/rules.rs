//! Rules: promtool's verdicts, and alerts of a server that is killed.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use crate::harness::{Exposed, Home, wait_until};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The files of a folder whose names end so, sorted.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path());
    let is_wanted = |path: &PathBuf| path.to_string_lossy().ends_with(ending);
    let mut files: Vec<_> = entries.filter(is_wanted).collect();
    files.sort();
    files
}

fn pyrometer(args: &[&str], file: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pyrometer"));
    command.args(args).arg(file).output().unwrap()
}

/// `None`, said aloud, where promtool is not installed; CI must have it.
fn promtool(args: &[&str], file: &Path) -> Option<Output> {
    match Command::new("promtool").args(args).arg(file).output() {
        Ok(output) => Some(output),
        Err(error) => {
            assert!(
                std::env::var_os("CI").is_none(),
                "promtool is needed in CI: {error}"
            );
            eprintln!("SKIPPED: promtool is not installed (apt-get install prometheus)");
            None
        }
    }
}

/// Both tools end with the same code, which is the one expected.
fn check_verdict(args: &[&str], file: &Path, expected: i32) {
    let ours = pyrometer(args, file);
    let shown = String::from_utf8_lossy(&ours.stdout).into_owned();
    assert_eq!(
        ours.status.code(),
        Some(expected),
        "{}: {shown}",
        file.display()
    );
    if let Some(theirs) = promtool(args, file) {
        let printed = [theirs.stdout, theirs.stderr].concat();
        let printed = String::from_utf8_lossy(&printed).into_owned();
        assert_eq!(
            theirs.status.code(),
            Some(expected),
            "{}: {printed}",
            file.display()
        );
    }
}

#[test]
fn tests_that_pass_in_promtool_pass_here() {
    let found = files(&folder("tests/it/rule_tests/pass"), ".test.yml");
    assert!(found.len() >= 5, "{found:?}");
    for file in found {
        check_verdict(&["test", "rules"], &file, 0);
    }
}

#[test]
fn tests_that_fail_in_promtool_fail_here() {
    let found = files(&folder("tests/it/rule_tests/fail"), ".test.yml");
    assert!(found.len() >= 20, "{found:?}");
    for file in found {
        check_verdict(&["test", "rules"], &file, 1);
    }
}

#[test]
fn rule_files_are_judged_as_promtool_judges_them() {
    let home = Home::new();
    for (rule, expected) in [
        (
            "{ alert: A, expr: up == 0, for: 5m, keep_firing_for: 1m }",
            0,
        ),
        ("{ record: 'a:b', expr: up, labels: { a: '{{' } }", 0),
        (
            "{ alert: A, expr: up, labels: { a: '{{ $labels.b }}' } }",
            0,
        ),
        ("{ alert: A, expr: up, annotations: { a: '{{ $value' } }", 1),
        (
            "{ alert: A, expr: up, annotations: { a: '{{ nope }}' } }",
            1,
        ),
        (
            "{ alert: A, expr: up, annotations: { a: '{{ $nope }}' } }",
            1,
        ),
        ("{ alert: A, expr: up, annotations: { a: '{{ end }}' } }", 1),
        ("{ alert: A, expr: up, annotations: { 'a-b': x } }", 1),
        ("{ alert: A, expr: up, labels: { __name__: x } }", 1),
        ("{ alert: A, expr: 'up ==' }", 1),
        ("{ alert: A, record: b, expr: up }", 1),
        ("{ alert: A }", 1),
        ("{ record: b, expr: up, for: 5m }", 1),
        ("{ record: b, expr: up, annotations: { a: b } }", 1),
        ("{ alert: A, expr: up, fore: 5m }", 1),
        ("{ alert: A, expr: up, for: 5 }", 1),
    ] {
        let text = format!("groups: [{{ name: g, rules: [{rule}] }}]\n");
        let file = home.write("rules.yml", &text);
        check_verdict(&["check", "rules"], &file, expected);
    }
}

#[test]
fn tests_can_be_chosen_by_name_and_written_as_junit() {
    let home = Home::new();
    let text = "tests:\n  - name: one\n    promql_expr_test: [{ expr: '1 < bool 2', exp_samples: \
         [{ value: 1 }] }]\n  - name: two & three\n    promql_expr_test: [{ expr: '1', \
         exp_samples: [{ value: 2 }] }]\n";
    let file = home.write("a.test.yml", text);
    let junit = home.path("junit.xml");
    let args = ["test", "rules", "--junit", junit.to_str().unwrap()];
    assert_eq!(pyrometer(&args, &file).status.code(), Some(1));
    let xml = std::fs::read_to_string(&junit).unwrap();
    assert!(xml.contains("tests=\"2\" failures=\"1\""), "{xml}");
    assert!(
        xml.contains("<testcase name=\"two &amp; three\"><failure>line 5: expr:"),
        "{xml}"
    );
    let chosen = pyrometer(&["test", "rules", "--run", "^one$"], &file);
    assert_eq!(chosen.status.code(), Some(0));
    let missing = pyrometer(&["test", "rules"], &home.path("nowhere.yml"));
    assert_eq!(missing.status.code(), Some(1));
}

const HOLD_RULES: &str = "
groups:
  - name: g
    interval: 1s
    rules:
      - alert: Bad
        expr: a > 0
        for: 8s
";

/// The states that were written, with their first moment in seconds.
fn first_seen(server: &crate::harness::Server, state: &str) -> Option<f64> {
    let query = format!(
        "min_over_time(timestamp(ALERTS{{alertname=\"Bad\",alertstate=\"{state}\"}})[2m:1s])"
    );
    let found = server.query(&query);
    found.first().map(|(_, value)| value.parse().unwrap())
}

#[test]
fn an_alert_fires_when_it_would_have_although_the_server_is_killed_in_the_middle() {
    let home = Home::new();
    let exposed = Exposed::text("a 1\n");
    let rules = home.write("rules.yml", HOLD_RULES);
    let config = format!("rule_files: [{}]\n{}", rules.display(), exposed.config(""));
    let server = home.start_with(&config);
    let pending = wait_until("a pending alert", || {
        first_seen(&server, "pending").ok_or_else(|| "none".to_owned())
    });
    // In the middle of `for`: the alert has been pending for three seconds.
    wait_until("three seconds of it", || {
        let found = server.query("time() - ALERTS_FOR_STATE{alertname=\"Bad\"}");
        match found
            .first()
            .map(|(_, value)| value.parse::<f64>().unwrap())
        {
            Some(held) if held >= 3.0 => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    server.kill();
    let server = home.start_with(&config);
    let ready: f64 = server.query("vector(time())")[0].1.parse().unwrap();
    let fired = wait_until("a firing alert", || {
        first_seen(&server, "firing").ok_or_else(|| "none".to_owned())
    });
    // Eight seconds after it began, or as soon as a slow machine had started the server again.
    let expected = (pending + 8.0).max(ready);
    assert!(
        (pending + 7.0..=expected + 2.0).contains(&fired),
        "pending at {pending}, ready again at {ready}, fired at {fired}"
    );
}

#[test]
fn a_backtest_finds_what_a_running_server_saw_and_what_its_folder_holds() {
    let home = Home::new();
    let body = Arc::new(Mutex::new("a 0\n".to_owned()));
    let exposed = Exposed::changing(&body);
    let server = home.start_with(&exposed.config(""));
    server.wait_for_value("a", "0");
    *body.lock().unwrap() = "a 5\n".to_owned();
    server.wait_for_value("a", "5");
    server.wait_for_value("max_over_time(a[3s]) - min_over_time(a[3s])", "0");
    *body.lock().unwrap() = "a 0\n".to_owned();
    server.wait_for_value("a", "0");
    let rules = "groups:\n- name: g\n  rules:\n  - { alert: High, expr: a > 1, for: 1s, labels: { \
         severity: page } }\n  - { alert: Never, expr: a > 10 }\n  - { alert: Missing, expr: b > \
         0 }\n  - { alert: Absent, expr: absent(b) }\n";
    let rules = home.write("rules.yml", rules);
    let url = server.url();
    let args = [
        "backtest", "--from", "5m", "--step", "250ms", "--json", "--url", &url, "--rules",
    ];
    check_backtest(&pyrometer(&args, &rules));
    assert_eq!(server.stop(), Some(0));
    let data = home.path("data");
    let data = data.to_str().unwrap();
    let args = [
        "backtest", "--from", "5m", "--step", "250ms", "--json", "--data", data, "--rules",
    ];
    check_backtest(&pyrometer(&args, &rules));
    // Every rule of every pack, over history that knows none of their metrics but `up`.
    let args = ["backtest", "--from", "5m", "--data"];
    let packs = pyrometer(&args, &home.path("data"));
    let shown = String::from_utf8_lossy(&packs.stdout).into_owned();
    assert_eq!(packs.status.code(), Some(0), "{shown}");
    assert!(
        shown.contains("target: TargetDown (warning): never fired"),
        "{shown}"
    );
    assert!(shown.contains("not evaluable, metric"), "{shown}");
}

fn check_backtest(output: &Output) {
    let json = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let rules: serde_json::Value = serde_json::from_str(&json).unwrap();
    let rule = |index: usize| &rules[index];
    assert_eq!(rule(0)["fired"], 1, "{json}");
    let firing = &rule(0)["firings"][0];
    assert_eq!(firing["peak"], "5", "{json}");
    assert_eq!(firing["labels"]["severity"], "page", "{json}");
    let lasted = rule(0)["firingSeconds"].as_f64().unwrap();
    assert!((1.0..60.0).contains(&lasted), "{json}");
    assert_eq!(rule(1)["fired"], 0, "{json}");
    let why = rule(2)["notEvaluable"].as_str().unwrap();
    assert!(why.contains("metric b is missing"), "{json}");
    assert!(rule(3)["fired"].as_u64().unwrap() >= 1, "{json}");
    let progress = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(progress.contains("1 of 4: High"), "{progress}");
}

#[test]
fn a_backtest_that_cannot_begin_says_why() {
    let home = Home::new();
    let rules = home.write("rules.yml", HOLD_RULES);
    let nowhere = home.path("nowhere");
    let nowhere = nowhere.to_str().unwrap();
    for (args, expected) in [
        (vec!["--from", "yesterday"], "\"yesterday\" is no time"),
        (
            vec!["--from", "1h", "--to", "2h"],
            "--from must lie before --to",
        ),
        (
            vec!["--from", "1h", "--pack", "nope"],
            "there is no pack \"nope\"",
        ),
        (
            vec!["--from", "1h", "--data", nowhere],
            "there is no data folder",
        ),
        (
            vec!["--from", "1h", "--url", "http://127.0.0.1:1"],
            "cannot reach",
        ),
        (
            vec![
                "--from",
                "10y",
                "--step",
                "1s",
                "--url",
                "http://127.0.0.1:1",
            ],
            "the limit of",
        ),
    ] {
        let args = [vec!["backtest"], args, vec!["--rules"]].concat();
        let output = pyrometer(&args, &rules);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn a_rule_whose_metric_is_missing_is_never_shown_as_well() {
    let home = Home::new();
    let exposed = Exposed::text("a 1\n");
    let rules = "groups:\n- name: g\n  interval: 1s\n  rules:\n  - { alert: There, expr: a > 5 }\n  \
         - { alert: Missing, expr: nowhere > 5 and a > 5 }\n  - { alert: Absent, expr: \
         absent(a) }\n";
    let rules = home.write("rules.yml", rules);
    let config = format!("rule_files: [{}]\n{}", rules.display(), exposed.config(""));
    let server = home.start_with(&config);
    let not_evaluable = wait_until("a look at what there is", || {
        let answer = server.data("/api/v1/rules?rule_group[]=g");
        let rules = answer["groups"][0]["rules"].as_array();
        let rules = rules.ok_or("the rules are not read yet")?;
        let found: Vec<_> = rules
            .iter()
            .map(|rule| rule["notEvaluable"].as_str().unwrap_or("-").to_owned())
            .collect();
        // Until the first scrape `a` is missing too.
        if found[0] == "-" {
            Ok(found)
        } else {
            Err(found.join("; "))
        }
    });
    let missing = "metric nowhere is missing: no target exposes it";
    assert_eq!(not_evaluable, ["-", missing, "-"]);
    let bad = home.up(&["--external-url", "ftp://h"]).output().unwrap();
    assert_eq!(bad.status.code(), Some(2), "{bad:?}");
}
