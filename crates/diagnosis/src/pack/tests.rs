use model::Labels;
use std::time::Duration;

use super::*;

fn packs() -> Vec<Pack> {
    embedded()
        .iter()
        .map(|files| Pack::load(files).unwrap())
        .collect()
}

/// Series of one job, one a line, as PromQL writes them; the packs found with their variants.
fn check_detected(series: &str, expected: &str) {
    let packs = packs();
    let mut index = SeriesIndex::new(&packs);
    for line in series
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        let expr = promql::parse(line).unwrap();
        let selector = expr.selectors().next().unwrap();
        let pairs = selector
            .matchers
            .iter()
            .map(|matcher| (matcher.name(), matcher.value()));
        let labels = Labels::new(pairs).unwrap();
        index.add(
            &labels
                .builder()
                .set("job", "shop")
                .set("instance", "h:1")
                .clone()
                .build(),
        );
    }
    let found: Vec<String> = index
        .jobs()
        .flat_map(|(_, series)| detect(&packs, series))
        .map(|detection| {
            let variants = detection.variants.iter().map(|(k, v)| format!(" {k}={v}"));
            format!(
                "{}: {}{}",
                detection.pack,
                detection.why,
                variants.collect::<String>()
            )
        })
        .collect();
    assert_eq!(found.join("\n"), expected);
}

#[test]
fn the_framework_speaks_before_the_runtime_and_each_says_why() {
    check_detected(
        r#"up
           python_info{version="3.11.7"}
           flask_exporter_info{version="0.23.2"}
           flask_http_request_duration_seconds_count{method="GET",status="200",url_rule="/"}"#,
        "flask: flask_exporter_info{version=\"0.23.2\"} endpoint_label=url_rule\n\
         python: python_info{version=\"3.11.7\"}\n\
         target: up",
    );
}

#[test]
fn the_route_label_is_the_one_the_exporter_was_told_to_use() {
    for (labels, expected) in [
        (
            r#"method="GET",status="200",path="/""#,
            " endpoint_label=path",
        ),
        (
            r#"method="GET",status="200",endpoint="index""#,
            " endpoint_label=endpoint",
        ),
        (r#"status="200",by_tenant="a""#, " endpoint_label=by_tenant"),
        (r#"status="200",tenant="a",region="b""#, ""),
        (
            r#"status="200",path="/",tenant="a""#,
            " endpoint_label=path",
        ),
        (r#"method="GET",status="200""#, ""),
    ] {
        check_detected(
            &format!(
                "flask_http_request_total\nflask_http_request_duration_seconds_count{{{labels}}}"
            ),
            &format!("flask: flask_http_request_total{expected}"),
        );
    }
}

#[test]
fn a_process_of_another_language_is_no_python() {
    check_detected(
        "up\nprocess_open_fds\ngo_info{version=\"go1.19\"}",
        "target: up",
    );
    check_detected("http_request_duration_seconds_count{path=\"/\"}", "");
}

#[test]
fn a_rule_says_what_it_waits_for() {
    let packs = packs();
    let check = |pack: &str, alert: &str, exists: &[&str], expected: Option<&str>| {
        let pack = packs.iter().find(|candidate| candidate.id == pack).unwrap();
        let rules = pack.groups.iter().flat_map(|group| &group.rules);
        let rule = rules.into_iter().find(|rule| rule.name() == alert).unwrap();
        let reason = pack.not_evaluable(rule, &|name| exists.contains(&name));
        assert_eq!(reason.as_deref(), expected, "{alert}");
    };
    let cpu = ["process_cpu_seconds_total", "python_info"];
    check("python", "PythonCpuPegged", &cpu, None);
    let missing = Some("no target exposes process_cpu_seconds_total");
    check("python", "PythonCpuPegged", &["python_info"], missing);
    let waits = "waits for flask_http_request_exceptions_total: \
                 appears with the first unhandled exception";
    check("flask", "FlaskUnhandledExceptions", &[], Some(waits));
}

#[test]
fn places_of_a_query_are_filled() {
    let variants: BTreeMap<String, String> = [("route".to_owned(), "path".to_owned())].into();
    let scope = QueryScope {
        sel: "job=\"a\"",
        window: Duration::from_secs(90),
        variants: &variants,
    };
    let query = QueryText::new("sum by ($route) (rate(x{$sel}[$w]))", &["route".to_owned()]);
    assert_eq!(
        query.unwrap().filled(&scope),
        "sum by (path) (rate(x{job=\"a\"}[1m30s]))"
    );
    assert_eq!(
        QueryText::unchecked("{{$route}} $no".to_owned()).filled(&scope),
        "{{path}} $no"
    );
    assert!(QueryText::new("sum by ($nope) (x)", &[]).is_err());
}

/// Every problem of a pack as `file, line: text`; a part of the text suffices.
fn check_problems(pack: &str, alerts: &str, expected: &[&str]) {
    let files = PackFiles {
        id: "p",
        files: vec![("pack.yaml", pack), ("alerts.yml", alerts)],
    };
    let problems = Pack::load(&files).unwrap_err();
    let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(shown.len(), expected.len(), "{shown:#?}");
    for (shown, expected) in shown.iter().zip(expected) {
        let (place, part) = expected.split_once(": ").unwrap();
        let place = format!("pack p, {place}: ");
        assert!(
            shown.starts_with(&place) && shown.contains(part),
            "{shown}\n{expected}"
        );
    }
}

#[test]
fn all_problems_of_a_pack_are_told_at_once() {
    check_problems(
        "apiVersion: pack/v2
id: q
title: P
version: 1
licence: Apache-2.0
verified: seen
layer: top
detect: {}
entitys: []
variants: [{ name: l, metric: m }]
kpis:
  rate: { unit: rps, expr: 'rate(m{$sel}[$w])' }
  bad: { unit: s, expr: 'rate(m{$sel}[$w]' }
dashboards:
  - id: d
    title: D
    entity: Service
    rows:
      - title: R
        panels:
          - { id: a, title: A, help: H, type: pie, unit: s, width: 25, queries: [] }
          - { id: b, title: B, type: stat, unit: s, width: 8, queries: [{ kpi: nope }, { expr: 'x{$foo}' }] }
",
        "groups: [{ name: g, rules: [{ alert: A, expr: up == 0, labels: { pack: q, severity: high } }] }]",
        &[
            "alerts.yml, line 1: \"pack of A\" is \"q\"",
            "alerts.yml, line 1: one of critical, warning, info",
            "alerts.yml, line 1: one of symptom, cause, capacity, hygiene",
            "alerts.yml, line 1: \"summary of A\" is \"\"; it must be a sentence",
            "alerts.yml, line 1: \"sentence of A\" is \"\"; it must be a sentence",
            "alerts.yml, line 1: runbooks/A.md",
            "alerts.yml, line 1: the runbook \"A\" is named here",
            "pack.yaml, line 1: must be pack/v1",
            "pack.yaml, line 1: needs the field \"tier\"",
            "pack.yaml, line 1: needs the field \"provenance\"",
            "pack.yaml, line 2: must be p",
            "pack.yaml, line 6: real or reference",
            "pack.yaml, line 7: one of exporter, framework, runtime, scrape",
            "pack.yaml, line 8: at least one metric",
            "pack.yaml, line 9: no field \"entitys\"",
            "pack.yaml, line 10: needs the field \"first_of\"",
            "pack.yaml, line 12: must be one of reqps, ops",
            "pack.yaml, line 13: cannot be parsed",
            "pack.yaml, line 21: at least one query",
            "pack.yaml, line 21: timeseries, table or stat",
            "pack.yaml, line 21: from 1 to 24",
            "pack.yaml, line 22: the KPI \"nope\"",
            "pack.yaml, line 22: cannot be parsed",
            "pack.yaml, line 22: at least one query",
            "pack.yaml, line 22: needs the field \"help\"",
        ],
    );
    check_problems(
        "",
        "groups: [",
        &["alerts.yml, line 1: ", "pack.yaml, line 1: a set of fields"],
    );
}

#[test]
fn an_alert_is_about_a_kpi_that_its_pack_has() {
    let pack = "{ apiVersion: pack/v1, id: p, title: P, version: 1, licence: Apache-2.0,
        tier: 1, verified: real, provenance: [own scrape], layer: runtime, detect: { any: [{ metric: m }] },
        kpis: { rate: { unit: reqps, expr: 'sum by (job) (rate(m{$sel}[$w]))' } } }";
    let alerts = "groups: [{ name: g, rules: [{ alert: A, expr: up == 0,
        labels: { pack: p, severity: info, kind: cause },
        annotations: { summary: S, sentence: S, runbook: runbooks/A.md, kpi: errors } }] }]";
    check_problems(
        pack,
        alerts,
        &[
            "alerts.yml, line 1: \"kpi of A\" is \"errors\"",
            "alerts.yml, line 1: the runbook \"A\" is named here",
        ],
    );
    check_problems(
        pack,
        &alerts.replace("kpi: errors", "kpi: rate"),
        &["alerts.yml, line 1: the runbook \"A\" is named here"],
    );
}

proptest::proptest! {
    /// Real packs, cut and changed in a few places: refused or read, never a panic.
    #[test]
    fn no_damage_to_a_pack_makes_the_loader_panic(
        pack in 0_usize..64,
        edits in proptest::collection::vec((0.0..1.0_f64, "[ -~\n]{0,3}", 0_usize..4), 0..6),
        end in 0.0..1.2_f64,
    ) {
        let packs = embedded();
        let files = packs[pack % packs.len()].files.iter();
        let damaged: Vec<(&str, String)> = files
            .map(|(path, text)| {
                let mut chars: Vec<char> = text.chars().collect();
                for (place, inserted, n_removed) in &edits {
                    let at = (place * chars.len() as f64) as usize;
                    let after = (at + n_removed).min(chars.len());
                    chars.splice(at..after, inserted.chars());
                }
                chars.truncate((end * chars.len() as f64) as usize);
                (*path, chars.into_iter().collect())
            })
            .collect();
        let files = damaged.iter().map(|(path, text)| (*path, text.as_str())).collect();
        let problems = Pack::load(&PackFiles { id: packs[pack % packs.len()].id, files }).err();
        proptest::prop_assert!(problems.is_none_or(|problems| !problems.is_empty()));
    }
}
