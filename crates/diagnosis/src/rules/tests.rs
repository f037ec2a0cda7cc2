use std::collections::BTreeMap;

use model::{Labels, Sample, Timestamp, format_float, is_stale};
use promql::{Evaluated, InstantSeries, Value};

use super::*;

mod scenarios;

fn secs(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

/// One alert, evaluated at the seconds named; what it is after each evaluation.
fn check_alert(hold_s: u64, script: &str, expected: &str) {
    check_alert_kept(hold_s, 0, script, expected);
}

fn check_alert_kept(hold_s: u64, keep_s: u64, script: &str, expected: &str) {
    let mut state = AlertState::Inactive;
    let mut shown = Vec::new();
    for entry in script.split_whitespace() {
        let (at, what) = entry.split_once(':').unwrap();
        let now = secs(at.parse().unwrap());
        let (hold, keep) = (Duration::from_secs(hold_s), Duration::from_secs(keep_s));
        state = step(state, what == "bad", now, hold, keep);
        shown.push(match state {
            AlertState::Inactive => "inactive".to_owned(),
            AlertState::Pending { active_at } => format!("pending@{active_at}"),
            AlertState::Firing {
                fired_at,
                clear_since: None,
                ..
            } => format!("firing@{fired_at}"),
            AlertState::Firing {
                clear_since: Some(since),
                ..
            } => format!("kept@{since}"),
        });
    }
    assert_eq!(shown.join(" "), expected, "{script}");
}

#[test]
fn an_alert_fires_after_its_hold() {
    check_alert(
        30,
        "0:bad 15:bad 30:bad 45:bad",
        "pending@0 pending@0 firing@30 firing@30",
    );
}

#[test]
fn an_alert_without_a_hold_fires_at_once() {
    check_alert(0, "0:bad 15:ok", "firing@0 inactive");
}

#[test]
fn a_good_sample_clears_a_pending_alert() {
    check_alert(30, "0:bad 15:ok 30:bad", "pending@0 inactive pending@30");
}

#[test]
fn an_evaluation_that_comes_late_counts_the_time_not_the_rounds() {
    check_alert(30, "0:bad 300:bad", "pending@0 firing@300");
}

#[test]
fn a_clock_that_steps_back_fires_nothing() {
    check_alert(
        30,
        "100:bad 10:bad 130:bad",
        "pending@100 pending@100 firing@130",
    );
}

#[test]
fn a_kept_alert_outlasts_a_short_recovery() {
    check_alert_kept(
        0,
        60,
        "0:bad 15:ok 30:bad 45:ok 90:ok 105:ok",
        "firing@0 kept@15 firing@0 kept@45 kept@45 inactive",
    );
    check_alert_kept(30, 60, "0:bad 15:ok", "pending@0 inactive");
}

const GROUP: &str = r#"
groups:
  - name: g
    limit: 3
    labels: { team: shop, severity: info }
    rules:
      - record: job:x:sum
        expr: sum by (job) (x)
        labels: { kind: kpi }
      - alert: High
        expr: x > 1
        for: 30s
        keep_firing_for: 15s
        labels: { severity: page, at: "{{ $labels.job }}" }
        annotations:
          summary: "{{ $labels.job }} is {{ $value | humanize }}"
          odd: "{{ query $value }}"
"#;

/// A group, fed with what its queries would give: `"job=a 2, job=b 3"`; `"!"` is an error.
struct Bench {
    state: GroupState,
    shown: BTreeMap<String, String>,
}

impl Bench {
    fn new(text: &str) -> Self {
        let group = parse_rule_file(text).unwrap().remove(0);
        Self {
            state: GroupState::new(group, GroupOptions::default()),
            shown: BTreeMap::new(),
        }
    }

    /// Evaluates one rule; the answer is what it writes and what changed.
    fn run(&mut self, index: usize, at: i64, vector: &str) -> String {
        let mut query = |_: &Expr, now: Timestamp| {
            if vector == "!" {
                return Err(promql::EvalError::Cancelled);
            }
            let series = vector
                .split(", ")
                .filter(|text| !text.is_empty())
                .map(|text| {
                    let (labels, value) = text.split_once(' ').unwrap();
                    let labels = labels.split(',').map(|pair| pair.split_once('=').unwrap());
                    InstantSeries {
                        labels: Labels::new(labels).unwrap(),
                        sample: Sample {
                            timestamp: now,
                            value: value.parse().unwrap(),
                        },
                    }
                });
            Ok(Evaluated {
                value: Value::Vector(series.collect()),
                notes: Vec::new(),
            })
        };
        let outcome = self.state.evaluate(index, secs(at), &mut query);
        let mut lines: Vec<String> = outcome
            .samples
            .iter()
            .map(|(labels, value)| {
                let value = if is_stale(*value) {
                    "stale".to_owned()
                } else {
                    format_float(*value)
                };
                format!("{labels} {value}")
            })
            .collect();
        lines.sort();
        for transition in &outcome.transitions {
            lines.push(format!("{:?} {}", transition.kind, transition.alert.labels));
            self.shown
                .extend(transition.alert.annotations.iter().cloned());
        }
        lines.join("\n")
    }
}

const ALERT_A: &str = r#"{alertname="High", at="a", job="a", severity="page", team="shop"}"#;

fn series(name: &str, alertstate: &str) -> String {
    let state = match alertstate {
        "" => String::new(),
        state => format!(r#"alertstate="{state}", "#),
    };
    let labels = ALERT_A.replace(r#"at="a""#, &format!(r#"{state}at="a""#));
    format!("{name}{labels}")
}

#[test]
fn a_recording_rule_names_and_labels_its_series_and_ends_those_that_vanish() {
    let mut bench = Bench::new(GROUP);
    assert_eq!(
        bench.run(0, 0, "job=a 2, job=b 3"),
        "job:x:sum{job=\"a\", kind=\"kpi\", severity=\"info\", team=\"shop\"} 2\n\
         job:x:sum{job=\"b\", kind=\"kpi\", severity=\"info\", team=\"shop\"} 3"
    );
    assert_eq!(
        bench.run(0, 15, "job=a 5"),
        "job:x:sum{job=\"a\", kind=\"kpi\", severity=\"info\", team=\"shop\"} 5\n\
         job:x:sum{job=\"b\", kind=\"kpi\", severity=\"info\", team=\"shop\"} stale"
    );
}

#[test]
fn an_alert_is_written_from_pending_to_its_end() {
    let mut bench = Bench::new(GROUP);
    let (pending, firing) = (series("ALERTS", "pending"), series("ALERTS", "firing"));
    let since = series("ALERTS_FOR_STATE", "");
    assert_eq!(
        bench.run(1, 100, "__name__=x,job=a 2000"),
        format!("{since} 100\n{pending} 1\nPending {ALERT_A}")
    );
    assert_eq!(bench.shown["summary"], "a is 2k");
    assert_eq!(
        bench.shown["odd"],
        "<error expanding template: query cannot take 2000>"
    );
    assert_eq!(
        bench.run(1, 130, "job=a 3"),
        format!("{since} 100\n{firing} 1\n{pending} stale\nFiring {ALERT_A}")
    );
    assert_eq!(bench.run(1, 140, ""), format!("{since} 100\n{firing} 1"));
    assert_eq!(
        bench.run(1, 155, ""),
        format!("{since} stale\n{firing} stale\nResolved {ALERT_A}")
    );
    assert_eq!(bench.shown["summary"], "a is 3");
    assert_eq!(bench.run(1, 170, ""), "");
}

#[test]
fn an_error_costs_one_evaluation_and_ends_nothing() {
    let mut bench = Bench::new(GROUP);
    bench.run(1, 0, "job=a 2");
    assert_eq!(bench.run(1, 15, "!"), "");
    let (_, state) = bench.state.rules().nth(1).unwrap();
    assert!(matches!(&state.health, Health::Failed(RuleError::Query(_))));
    assert_eq!(state.worst(), "pending");
    assert!(bench.run(1, 30, "job=a 2").contains("Firing"));
}

#[test]
fn series_that_become_one_and_series_over_the_limit_are_errors_of_their_rule() {
    let same = GROUP.replace("kind: kpi", "job: one");
    let mut bench = Bench::new(&same);
    assert_eq!(bench.run(0, 0, "job=a 2, job=b 3"), "");
    let (_, state) = bench.state.rules().next().unwrap();
    let Health::Failed(error) = &state.health else {
        panic!("{state:?}")
    };
    assert!(
        error
            .to_string()
            .contains("same labelset after applying rule labels"),
        "{error}"
    );
    assert_eq!(bench.run(1, 0, "job=a 2, job=b 2, job=c 2, job=d 2"), "");
    let (_, state) = bench.state.rules().nth(1).unwrap();
    let Health::Failed(error) = &state.health else {
        panic!("{state:?}")
    };
    assert_eq!(error.to_string(), "exceeded limit of 3 with 4 alerts");
}

/// Every problem of the file as `line: text`, a part of the text suffices.
fn check_problems(text: &str, expected: &[&str]) {
    let problems = parse_rule_file(text).unwrap_err();
    let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(shown.len(), expected.len(), "{shown:#?}");
    for (shown, expected) in shown.iter().zip(expected) {
        let (line, part) = expected.split_once(": ").unwrap();
        assert!(
            shown.starts_with(&format!("line {line}: ")) && shown.contains(part),
            "{shown}"
        );
    }
}

#[test]
fn all_problems_of_a_rule_file_are_told_at_once() {
    check_problems(
        "groups:
  - name: a
    interval: 5
    every: 1m
    rules:
      - alert: A
        expr: |
          up ==
          0 )
        fore: 5m
      - record: a-b
        expr: up
        for: 5m
      - alert: B
        record: c
        expr: up
      - alert: C
        expr: up
        labels: { 'a-b': x }
        annotations: { s: '{{ $value' }
  - name: a
    rules: 5
",
        &[
            "3: not a duration",
            "4: no field \"every\"",
            "9: parse error",
            "10: no field \"fore\"",
            "11: has no for",
            "11: a metric name",
            "14: either record or alert",
            "17: a label name",
            "20: unclosed action",
            "21: stands twice",
            "22: must be a list",
        ],
    );
    check_problems("groups: 5", &["1: must be a list"]);
    check_problems("group: []", &["1: no field \"group\""]);
    check_problems("groups: [", &["1: "]);
}

#[test]
fn group_labels_reach_every_rule_and_lose_to_its_own() {
    let group = parse_rule_file(GROUP).unwrap().remove(0);
    assert_eq!(group.rules[0].label("severity"), Some("info"));
    assert_eq!(group.rules[1].label("severity"), Some("page"));
    assert_eq!(group.rules[1].label("team"), Some("shop"));
    assert!(parse_rule_file("groups: []").unwrap().is_empty());
}
