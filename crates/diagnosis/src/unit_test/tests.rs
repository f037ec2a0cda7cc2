use model::is_stale;
use promql::EvalOptions;
use proptest::prelude::*;
use store::Store;

use super::*;
use crate::rules::parse_rule_file;

const RULES: &str = r#"
groups:
  - name: second
    rules:
      - alert: Many
        expr: job:errors:sum > 5
        for: 2m
        labels: { severity: page }
        annotations: { summary: "{{ $labels.job }}: {{ $value }} at {{ $externalLabels.site }}" }
  - name: first
    rules:
      - record: job:errors:sum
        expr: sum by (job) (errors)
"#;

/// The failures of a file of which all tests run over [`RULES`].
fn failures(text: &str) -> Vec<String> {
    let file = parse_unit_test_file(text).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let groups = parse_rule_file(RULES).unwrap();
    let mut failures = Vec::new();
    for test in &file.tests {
        let store = Store::in_memory();
        let group = store.group("test");
        let mut append = |at: Timestamp, samples: &[(Labels, f64)]| {
            let resolve =
                |(labels, value): &(Labels, f64)| (store.resolve(group, labels).unwrap(), *value);
            let batch: Vec<_> = samples.iter().map(resolve).collect();
            store
                .append(group, at, &batch)
                .map(drop)
                .map_err(|error| error.to_string())
        };
        let mut query = |expr: &Expr, at: Timestamp| {
            promql::eval_instant(&store.snapshot(), expr, at, &EvalOptions::default())
        };
        let mut bench = Bench {
            append: &mut append,
            query: &mut query,
        };
        failures.extend(
            run(&file, test, &groups, &mut bench)
                .iter()
                .map(ToString::to_string),
        );
    }
    failures
}

const TEST: &str = r#"
evaluation_interval: 1m
group_eval_order: [first, second]
tests:
  - interval: 1m
    external_labels: { site: b }
    input_series:
      - { series: 'errors{job="a"}', values: '0x2 10x5 stale' }
      - { series: 'errors{job="b"}', values: '1+1x3 _x2 3' }
    alert_rule_test:
      - { eval_time: 4m, alertname: Many, exp_alerts: [] }
      - eval_time: 5m30s
        alertname: Many
        exp_alerts:
          - exp_labels: { job: a, severity: page }
            exp_annotations: { summary: "a: 10 at b" }
    promql_expr_test:
      - expr: job:errors:sum
        eval_time: 3m
        exp_samples:
          - { labels: 'job:errors:sum{job="a"}', value: 10 }
          - { labels: 'job:errors:sum{job="b"}', value: 4 }
      - { expr: count(errors), eval_time: 9m, exp_samples: [{ value: 1 }] }
"#;

#[test]
fn what_comes_true_fails_nothing() {
    assert_eq!(failures(TEST), Vec::<String>::new());
}

#[test]
fn what_does_not_come_true_is_told_with_its_line_and_what_came_instead() {
    for (from, to, expected) in [
        (
            "eval_time: 5m30s",
            "eval_time: 4m59s",
            "line 12: alertname: Many, time: 4m59s\n      expected:\n        {alertname=\"Many\", \
             job=\"a\", severity=\"page\"} annotations {summary=\"a: 10 at b\"}\n      got: nothing",
        ),
        (
            "value: 4",
            "value: 5",
            "line 18: expr: \"job:errors:sum\", time: 3m\n      expected:\n        \
             job:errors:sum{job=\"a\"} 10\n        job:errors:sum{job=\"b\"} 5\n      got:\n        \
             job:errors:sum{job=\"a\"} 10\n        job:errors:sum{job=\"b\"} 4",
        ),
        (
            "expr: count(errors)",
            "expr: '\"text\"'",
            "line 23: expr: \"\\\"text\\\"\", time: 9m\n      error: the result is neither a \
             vector nor a scalar",
        ),
        (
            "[first, second]",
            "[second, first]",
            "line 12: alertname: Many, time: 5m30s",
        ),
        (
            "eval_time: 9m",
            "eval_time: 9000w",
            "line 5: needs 90720000 evaluations, more than the limit of 2000000",
        ),
    ] {
        let found = failures(&TEST.replace(from, to));
        assert!(
            found.len() == 1 && found[0].starts_with(expected),
            "{found:#?}"
        );
    }
}

#[test]
fn fuzzy_comparison_lets_the_last_bit_differ() {
    let test = |fuzzy: bool, value: &str| {
        format!(
            "fuzzy_compare: {fuzzy}\ntests: [{{ promql_expr_test: [{{ expr: 'vector(0.1) + 0.2', \
             exp_samples: [{{ value: {value} }}] }}] }}]"
        )
    };
    assert_eq!(failures(&test(true, "0.3")), Vec::<String>::new());
    assert_eq!(failures(&test(false, "0.3")).len(), 1);
    assert_eq!(failures(&test(true, "0.301")).len(), 1);
    assert_eq!(
        failures(&test(true, ".nan")).len(),
        1,
        "a NaN is equal to nothing"
    );
}

#[test]
fn a_test_begins_when_its_file_says() {
    for start in [
        "1700000000",
        "2023-11-14T22:13:20Z",
        "2023-11-15T00:13:20.0+02:00",
    ] {
        let text = format!(
            "tests: [{{ start_timestamp: '{start}', input_series: [{{ series: x, values: '1x9' }}], \
             promql_expr_test: [{{ expr: 'timestamp(x)', eval_time: 5m, exp_samples: \
             [{{ value: 1.7000003e9 }}] }}] }}]"
        );
        assert_eq!(failures(&text), Vec::<String>::new(), "{start}");
    }
}

/// `NaN` is written as `stale` when it is the stale marker.
fn check_values(text: &str, expected: Result<&str, &str>) {
    let shown = values::parse_values(text, 100).map(|values| {
        let shown = values.into_iter().map(|value| match value {
            None => "_".to_owned(),
            Some(value) if is_stale(value) => "stale".to_owned(),
            Some(value) => model::format_float(value),
        });
        shown.collect::<Vec<_>>().join(" ")
    });
    let expected = expected.map(str::to_owned).map_err(str::to_owned);
    assert_eq!(shown, expected, "{text}");
}

#[test]
fn values_expand_as_in_promtool() {
    for (text, expected) in [
        ("1 2", "1 2"),
        ("0+10x2", "0 10 20"),
        ("300-80x1 5", "300 220 5"),
        ("0x2", "0 0 0"),
        ("-1e+2 Inf -inf NaN", "-100 +Inf -Inf NaN"),
        ("_x2 1 _ stale", "_ _ 1 _ stale"),
        ("1-2x1 -1-2x1", "1 -1 -1 -3"),
        ("1.5e-1+.5x1", "0.15 0.65"),
        ("", ""),
    ] {
        check_values(text, Ok(expected));
    }
    for (text, error) in [
        ("x", "cannot read \"x\""),
        ("1+-2x1", "cannot read \"1+-2x1\""),
        ("1+2", "cannot read \"1+2\""),
        ("0x1F", "cannot read \"0x1F\""),
        ("1x", "cannot read \"1x\""),
        ("1x-1", "cannot read \"1x-1\""),
        ("stalex3", "cannot read \"stalex3\""),
        (
            "1e999999999999999999x99999999999999999999",
            "cannot read \"1e999999999999999999x99999999999999999999\"",
        ),
        (
            "1x18446744073709551615",
            "more values than the limit of 100",
        ),
        ("1x99 1", "more values than the limit of 100"),
        ("{{schema:1}}x3", "native histograms are not supported"),
    ] {
        check_values(text, Err(error));
    }
}

#[test]
fn all_problems_of_a_test_file_are_told_at_once() {
    let text = "
rule_file: [a]
evaluation_interval: 5
group_eval_order: [a, a]
tests:
  - input_series:
      - { series: 'x{a!=\"b\"}', values: '1' }
      - { series: 'x', values: '1 y' }
      - { values: '1' }
      - { series: 'x offset 5m', values: '1' }
    alert_rule_test:
      - { eval_time: 1m, exp_alerts: [] }
      - { eval_time: 1m, alertname: A, exp_alerts: [{ exp_label: { a: b } }] }
    promql_expr_test:
      - { expr: 'up ==', exp_samples: [{ labels: '{', value: x }] }
      - { expr: up, exp_samples: [{ histogram: '{{}}' }] }
    start_timestamp: yesterday
";
    let problems = parse_unit_test_file(text).unwrap_err();
    let shown: Vec<_> = problems.iter().map(ToString::to_string).collect();
    let expected = [
        "2: a test file has no field \"rule_file\"",
        "3: \"evaluation_interval\"",
        "4: in group_eval_order \"a\" stands twice",
        "7: \"series\"",
        "8: \"values\"",
        "9: an input series needs the field \"series\"",
        "10: \"series\"",
        "12: an alert test needs the field \"alertname\"",
        "13: an expected alert has no field \"exp_label\"",
        "15: the expression of \"up ==\"",
        "15: \"value\"",
        "15: \"labels\"",
        "16: native histograms are not supported",
        "17: \"start_timestamp\"",
    ];
    assert_eq!(shown.len(), expected.len(), "{shown:#?}");
    for (shown, expected) in shown.iter().zip(expected) {
        assert!(shown.starts_with(&format!("line {expected}")), "{shown}");
    }
}

proptest! {
    #[test]
    fn no_values_make_the_reader_panic(text in r#"([0-9+\-x_. e]|stale|inf|nan|0x|\{\{|é){0,20}"#) {
        if let Ok(values) = values::parse_values(&text, 1000) {
            prop_assert!(values.len() <= 1000);
        }
    }

    #[test]
    fn no_test_file_makes_the_reader_panic(text in r#"(tests:|rule_files:|- |interval: |input_series:|series: |values: |eval_time: |start_timestamp: |exp_alerts: |\[|\]|\{|\}|,|\n|  |'|"|[0-9a-z:.TZ+-]|é){0,60}"#) {
        let problems = parse_unit_test_file(&text).err().unwrap_or_default();
        prop_assert!(problems.iter().all(|problem| problem.line >= 1));
        prop_assert!(problems.iter().all(|problem| !problem.to_string().is_empty()));
    }
}
