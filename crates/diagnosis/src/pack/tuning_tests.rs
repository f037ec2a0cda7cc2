use model::Labels;

use super::*;
use crate::rules::Rule;

const PACK: &str = "
apiVersion: pack/v1
id: db
title: DB
version: 1
licence: Apache-2.0
provenance: [own scrape]
tier: 1
verified: real
layer: exporter
detect: { any: [{ metric: db_up }] }
parameters:
  - { name: age_max, title: Longest transaction, unit: s, default: 600, min: 10, max: 86400 }
  - { name: used_max, title: Connections in use, unit: percentunit, default: 0.8, min: 0.1, max: 1 }
dashboards:
  - id: d
    title: D
    entity: Service
    rows:
      - title: R
        panels:
          - { id: a, title: A, help: H, type: stat, unit: s, width: 8,
              thresholds: [{ value: $age_max, severity: warning, name: long }],
              queries: [{ expr: 'db_age{$sel}' }] }
";

const ALERTS: &str = "groups: [{ name: g, rules: [
  { alert: Old, expr: 'max by (job, db) (db_age) > $age_max and db_used < $used_max',
    labels: { pack: db, severity: info, kind: cause },
    annotations: { summary: S, sentence: S, runbook: runbooks/Old.md } },
  { alert: Full, expr: 'db_used > $used_max', labels: { pack: db, severity: info, kind: cause },
    annotations: { summary: S, sentence: S, runbook: runbooks/Full.md } }] }]";

fn load(pack: &str, alerts: &str) -> Result<Pack, Vec<PackProblem>> {
    let files = vec![
        ("pack.yaml", pack),
        ("alerts.yml", alerts),
        ("runbooks/Old.md", "x"),
        ("runbooks/Full.md", "x"),
    ];
    Pack::load(&PackFiles { id: "db", files })
}

fn tuned(overrides: &str) -> (Pack, Vec<String>) {
    let pack = load(PACK, ALERTS).unwrap();
    let (overrides, problems) = Overrides::read(overrides, std::slice::from_ref(&pack));
    let problems = problems.iter().map(ToString::to_string).collect();
    (pack.tuned(&overrides), problems)
}

fn rules(pack: &Pack) -> impl Iterator<Item = &Rule> {
    pack.groups.iter().flat_map(|group| &group.rules)
}

/// The expressions by which an alert is judged for series with these labels.
fn check_judged(overrides: &str, alert: &str, labels: &[(&str, &str)], expected: &[&str]) {
    let (pack, problems) = tuned(overrides);
    assert_eq!(problems, Vec::<String>::new());
    let labels = Labels::new(labels.iter().copied()).unwrap();
    let judging = rules(&pack).filter(|rule| rule.name() == alert && rule.judged.has(&labels));
    let shown: Vec<String> = judging.map(|rule| rule.expr.to_string()).collect();
    assert_eq!(shown, expected, "{overrides}");
}

const FULL: &[&str] = &["db_used > 0.8"];

#[test]
fn a_threshold_is_its_default_until_somebody_sets_it() {
    check_judged("", "Full", &[("job", "a")], FULL);
    check_judged("overrides:", "Full", &[("job", "a")], FULL);
    let for_all = "overrides: [{ pack: db, set: { used_max: 0.9 } }]";
    check_judged(for_all, "Full", &[("job", "a")], &["db_used > 0.9"]);
}

#[test]
fn an_override_for_some_series_leaves_the_others() {
    let some = "overrides: [{ pack: db, where: { job: [a, b] }, set: { used_max: 0.5 } }]";
    check_judged(some, "Full", &[("job", "a")], &["db_used > 0.5"]);
    check_judged(some, "Full", &[("job", "b")], &["db_used > 0.5"]);
    check_judged(some, "Full", &[("job", "c")], FULL);
    check_judged(some, "Full", &[], FULL);
}

#[test]
fn the_last_entry_decides_on_top_of_those_that_are_about_more() {
    let entries = "overrides:
      - { pack: db, set: { used_max: 0.7 } }
      - { pack: db, where: { job: a }, set: { age_max: 60 } }
      - { pack: db, where: { job: a, db: x }, set: { used_max: 0.2 } }
      - { pack: db, where: { db: x }, alert: Full, set: { used_max: 0.3 } }";
    let old = |age, used| {
        vec![format!(
            "max by (job, db) (db_age) > {age} and db_used < {used}"
        )]
    };
    let check = |labels: &[(&str, &str)], expected: Vec<String>| {
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        check_judged(entries, "Old", labels, &expected);
    };
    check(&[("job", "b"), ("db", "x")], old(600, 0.7));
    check(&[("job", "a"), ("db", "y")], old(60, 0.7));
    check(&[("job", "a"), ("db", "x")], old(60, 0.2));
    let full = [("job", "a"), ("db", "x")];
    check_judged(entries, "Full", &full, &["db_used > 0.3"]);
}

#[test]
fn an_alert_is_switched_off_for_all_or_for_some_and_on_again() {
    let off = "overrides: [{ pack: db, alert: Full, off: true, reason: known }]";
    check_judged(off, "Full", &[("job", "a")], &[]);
    assert_eq!(
        tuned(off).0.off,
        [SwitchedOff {
            alert: "Full".to_owned(),
            line: 1
        }]
    );
    let but_one = "overrides: [{ pack: db, alert: Full, off: true }, \
                   { pack: db, alert: Full, where: { job: a }, off: false }]";
    check_judged(but_one, "Full", &[("job", "a")], FULL);
    check_judged(but_one, "Full", &[("job", "b")], &[]);
    let one = "overrides: [{ pack: db, where: { job: a }, off: true }]";
    check_judged(one, "Full", &[("job", "a")], &[]);
    check_judged(one, "Full", &[("job", "b")], FULL);
}

#[test]
fn a_jobs_own_value_moves_the_line_in_its_panels() {
    let (pack, _) = tuned(
        "overrides: [{ pack: db, where: { job: a }, set: { age_max: 60 } }, \
         { pack: db, where: { db: x }, set: { age_max: 30 } }]",
    );
    let threshold = &pack.dashboards[0].rows[0].panels[0].thresholds[0];
    assert_eq!(pack.threshold(threshold, "a"), 60.0);
    assert_eq!(pack.threshold(threshold, "b"), 600.0);
}

#[test]
fn each_bad_override_is_told_with_its_line_and_costs_itself_only() {
    let (pack, problems) = tuned(
        "overrides:
  - { pack: nope, set: { used_max: 0.9 } }
  - { pack: db, alert: Nope, off: true }
  - { pack: db, set: { nope: 1 } }
  - { pack: db, set: { used_max: 7 } }
  - { pack: db, set: { used_max: NaN } }
  - { pack: db }
  - { pack: db, were: { job: a }, off: true }
  - { pack: db, where: { job: [] }, off: true }
  - { pack: db, where: { job: a }, off: perhaps }
  - 7
  - { pack: db, set: { used_max: 0.6 } }
",
    );
    let expected = [
        "line 2: the pack \"nope\"",
        "line 3: the alert \"Nope\"",
        "line 4: the parameter \"nope\"",
        "line 5: \"used_max\" is \"7\"; it must be a number from 0.1 to 1",
        "line 6: \"used_max\" is \"NaN\"",
        "line 7: an override sets parameters",
        "line 8: an override has no field \"were\"",
        "line 9: a label of where needs a value",
        "line 10: \"off\" is \"perhaps\"",
        "line 11: \"an override\" must be a set of fields",
    ];
    assert_eq!(problems.len(), expected.len(), "{problems:#?}");
    for (problem, expected) in problems.iter().zip(expected) {
        assert!(problem.starts_with(expected), "{problem}\n{expected}");
    }
    let full = rules(&pack).find(|rule| rule.name() == "Full").unwrap();
    assert_eq!(full.expr.to_string(), "db_used > 0.6");
    for text in ["overrides: 7", "[", "over: []", "overrides: [{ pack: db"] {
        assert_eq!(tuned(text).1.len(), 1, "{text}");
    }
}

#[test]
fn overrides_beyond_the_limit_are_not_used() {
    let entry = "  - { pack: db, set: { used_max: 0.6 } }\n";
    let (pack, problems) = tuned(&format!("overrides:\n{}", entry.repeat(OVERRIDES_MAX + 3)));
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(
        problems[0].starts_with("line 502: more than 500"),
        "{problems:?}"
    );
    assert_eq!(pack.overrides.len(), OVERRIDES_MAX);
}

#[test]
fn a_pack_says_what_is_wrong_with_its_parameters() {
    let check = |from: &str, to: &str, expected: &str| {
        let problems = load(&PACK.replace(from, to), ALERTS).unwrap_err();
        let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(shown.iter().any(|p| p.contains(expected)), "{shown:#?}");
    };
    check("default: 600", "default: 5", "lies between min and max");
    check("default: 600", "default: soon", "\"default\" is \"soon\"");
    check("min: 10, ", "", "needs the field \"min\"");
    check("name: age_max", "name: Age", "a word of a-z");
    check(
        "name: age_max",
        "name: used_max",
        "\"used_max\" stands twice",
    );
    check("value: $age_max", "value: $nope", "the parameter \"nope\"");
    check("value: $age_max", "value: high", "\"value\" is \"high\"");
    check("tier: 1", "tier: 4", "1, 2 or 3");
    check("verified: real", "verified: maybe", "real or reference");
    let unused = ALERTS.replace("$age_max", "600");
    let problems = load(PACK, &unused).unwrap_err();
    assert!(
        problems[0]
            .to_string()
            .ends_with("the parameter \"age_max\" is used nowhere")
    );
    let unknown = ALERTS.replace("$age_max", "$nope");
    let problems = load(PACK, &unknown).unwrap_err();
    assert!(
        problems[0].to_string().contains("\"Old\" cannot be parsed"),
        "{problems:?}"
    );
}

#[test]
fn inhibitions_are_alertmanagers_own() {
    let parsed = parse_inhibit_file(
        "inhibit_rules:
  - source_matchers: ['alertname=\"PostgresDown\"']
    target_matchers: [pack = postgresql, 'severity =~ \"warning|info\"', kind != symptom]
    equal: [job, instance]
",
    );
    let inhibition = parsed.unwrap().remove(0);
    assert_eq!(
        inhibition.source[0].to_string(),
        "alertname=\"PostgresDown\""
    );
    let target: Vec<String> = inhibition.target.iter().map(ToString::to_string).collect();
    let expected = [
        "pack=\"postgresql\"",
        "severity=~\"warning|info\"",
        "kind!=\"symptom\"",
    ];
    assert_eq!(target, expected);
    assert_eq!(inhibition.equal, ["job", "instance"]);
    for (text, expected) in [
        (
            "inhibit_rules: [{ target_matchers: [a=b] }]",
            "needs the field \"source_matchers\"",
        ),
        (
            "inhibit_rules: [{ source_matchers: [a], target_matchers: [a=b] }]",
            "\"source_matchers\" is \"a\"",
        ),
        (
            "inhibit_rules: [{ source_matchers: ['a=~\"(\"'], target_matchers: [a=b] }]",
            "must be a matcher",
        ),
        (
            "inhibit_rules: [{ source_match: { a: b } }]",
            "has no field \"source_match\"",
        ),
        ("inhibit: []", "has no field \"inhibit\""),
    ] {
        let problems = parse_inhibit_file(text).unwrap_err();
        assert!(problems[0].to_string().contains(expected), "{problems:?}");
    }
}

#[test]
fn a_rule_that_compares_with_last_week_waits_for_a_week() {
    let alerts = ALERTS.replace(
        "db_used > $used_max",
        "db_used > $used_max * (db_used offset 7d)",
    );
    let pack = load(PACK, &alerts).unwrap();
    let full = rules(&pack).find(|rule| rule.name() == "Full").unwrap();
    let (hour, now) = (3_600_000, model::Timestamp::from_millis(1_000_000_000));
    let since = now.plus_millis(-hour);
    let all = |_: &str| true;
    let until = since.plus_millis(7 * 24 * hour);
    let ready = pack.readiness(full, &all, Some(since), now);
    assert_eq!(ready, Readiness::NeedsData { until });
    assert_eq!(
        pack.readiness(full, &all, Some(since), until),
        Readiness::Armed
    );
    let old = rules(&pack).find(|rule| rule.name() == "Old").unwrap();
    assert_eq!(pack.readiness(old, &all, Some(now), now), Readiness::Armed);
    let missing = Readiness::NotEvaluable("no target exposes db_age".to_owned());
    assert_eq!(
        pack.readiness(old, &|name| name == "db_used", None, now),
        missing
    );
}
