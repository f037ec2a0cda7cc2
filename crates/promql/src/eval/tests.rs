mod agreement;

use model::Labels;
use store::Store;

use super::*;
use crate::{Cancel, Fault, Limits, Severity, parse};

fn secs(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

/// Series named by a selector, one sample every 15 seconds from 0 on; `None` is a scrape without
/// the series.
fn snapshot(series: &[(&str, &[Option<f64>])]) -> Snapshot {
    let store = Store::in_memory();
    let group = store.group("test");
    let length = series
        .iter()
        .map(|(_, values)| values.len())
        .max()
        .unwrap_or(0);
    let ids: Vec<_> = series
        .iter()
        .map(|(text, _)| {
            let expr = parse(text).unwrap();
            let matchers = expr.selectors().next().unwrap().matchers;
            let labels = Labels::new(matchers.iter().map(|m| (m.name(), m.value()))).unwrap();
            store.resolve(group, &labels).unwrap()
        })
        .collect();
    for scrape in 0..length {
        let batch: Vec<_> = series
            .iter()
            .zip(&ids)
            .filter_map(|((_, values), &id)| Some((id, (*values.get(scrape)?)?)))
            .collect();
        let at = secs(15 * i64::try_from(scrape).unwrap());
        store.append(group, at, &batch).unwrap();
    }
    store.snapshot()
}

fn values(values: &[f64]) -> Vec<Option<f64>> {
    values.iter().copied().map(Some).collect()
}

fn counters() -> Snapshot {
    snapshot(&[
        (
            "a_total{job=\"x\"}",
            &values(&[0.0, 15.0, 30.0, 45.0, 60.0]),
        ),
        (
            "a_total{job=\"y\"}",
            &values(&[100.0, 130.0, 10.0, 40.0, 70.0]),
        ),
        ("b{job=\"x\"}", &values(&[5.0, 4.0, f64::NAN, 2.0, 1.0])),
    ])
}

/// `labels value` for each series, joined.
fn show(value: &Value) -> String {
    let shown: Vec<String> = match value {
        Value::Scalar(sample) => vec![sample.value.to_string()],
        Value::String { text, .. } => vec![text.to_string()],
        Value::Vector(series) => series
            .iter()
            .map(|series| format!("{} {}", series.labels, series.sample.value))
            .collect(),
        Value::Matrix(series) => series
            .iter()
            .map(|series| {
                let samples: Vec<String> = series
                    .samples
                    .iter()
                    .map(|sample| format!("{}@{}", sample.value, sample.timestamp))
                    .collect();
                format!("{} {}", series.labels, samples.join(" "))
            })
            .collect(),
    };
    shown.join("; ")
}

fn check(query: &str, at: i64, expected: &str) {
    let options = EvalOptions::default();
    let shown = match eval_instant(&counters(), &parse(query).unwrap(), secs(at), &options) {
        Ok(evaluated) => show(&evaluated.value),
        Err(error) => format!("error: {error}"),
    };
    assert_eq!(shown, expected, "{query} at {at}");
}

fn range(start: i64, end: i64, step: i64) -> Range {
    Range {
        start: secs(start),
        end: secs(end),
        step: Duration::from_secs(step.unsigned_abs()),
    }
}

fn check_range(query: &str, range: Range, expected: &str) {
    let options = EvalOptions::default();
    let shown = match eval_range(&counters(), &parse(query).unwrap(), range, &options) {
        Ok(evaluated) => show(&evaluated.value),
        Err(error) => format!("error: {error}"),
    };
    assert_eq!(shown, expected, "{query} over {range:?}");
}

#[test]
fn a_selector_gives_the_newest_sample_within_the_lookback() {
    check("b", 61, "b{job=\"x\"} 1");
    check("b", 359, "b{job=\"x\"} 1");
    check("b", 360, "");
    check("b offset -30s", 0, "b{job=\"x\"} NaN");
    check("b @ 15", 0, "b{job=\"x\"} 4");
    check("b[31s]", 45, "b{job=\"x\"} 4@15 NaN@30 2@45");
    check("b[30s]", 45, "b{job=\"x\"} NaN@30 2@45");
}

#[test]
fn values_of_every_type_come_back() {
    check("1 + 1", 0, "2");
    check("\"a\\n\"", 0, "a\n");
    check("(\"a\")", 0, "a");
    check("vector(time())", 7, "{} 7");
    check(
        "a_total{job=\"x\"}[15s:5s]",
        20,
        "a_total{job=\"x\"} 0@10 15@15 15@20",
    );
    check_range("1", range(0, 10, 5), "{} 1@0 1@5 1@10");
    check_range("b * 2", range(30, 60, 15), "{job=\"x\"} NaN@30 4@45 2@60");
    check_range(
        "\"a\"",
        range(0, 1, 1),
        "error: invalid expression type \"string\" for range query, must be scalar or instant \
         vector",
    );
    check_range(
        "1",
        range(1, 0, 1),
        "error: the end of a range must not be before its start",
    );
    check_range(
        "1",
        range(0, 1, 0),
        "error: a step must be at least a millisecond long",
    );
}

#[test]
fn names_are_dropped_at_the_end_and_collide_there() {
    check("sum(rate(a_total[1m]))", 60, "{} 2.5555555555555554");
    check("-a_total", 60, "{job=\"x\"} -60; {job=\"y\"} -70");
    let error = "error: vector cannot contain metrics with the same labelset";
    check("-{job=\"x\"}", 60, error);
    check("sum(-{job=\"x\"})", 60, "{} -61");
}

#[test]
fn ranks_and_sorts_order_an_instant_vector() {
    check("topk(1, a_total)", 60, "a_total{job=\"y\"} 70");
    check(
        "topk(9, a_total)",
        60,
        "a_total{job=\"y\"} 70; a_total{job=\"x\"} 60",
    );
    check(
        "bottomk(9, a_total)",
        60,
        "a_total{job=\"x\"} 60; a_total{job=\"y\"} 70",
    );
    check("topk(0, a_total)", 60, "");
    check("topk(-1, a_total)", 60, "");
    check("topk(NaN, none)", 60, "error: Parameter value is NaN");
    check(
        "topk(1e30, a_total)",
        60,
        "error: Scalar value 1e+30 overflows int64",
    );
    check(
        "sort_desc(a_total)",
        60,
        "a_total{job=\"y\"} 70; a_total{job=\"x\"} 60",
    );
    check(
        "sort_by_label_desc(a_total, \"job\")",
        0,
        "a_total{job=\"y\"} 100; a_total{job=\"x\"} 0",
    );
}

#[test]
fn matching_errors_are_those_of_prometheus() {
    check(
        "b * on(job) {job=\"x\"}",
        60,
        "error: found duplicate series for the match group {job=\"x\"} on the right hand-side of \
         the operation: [{__name__=\"a_total\", job=\"x\"}, {__name__=\"b\", job=\"x\"}];\
         many-to-many matching not allowed: matching labels must be unique on one side",
    );
    check(
        "{job=\"x\"} * on(job) group_right b",
        60,
        "error: found duplicate series for the match group {job=\"x\"} on the left hand-side of \
         the operation: [{__name__=\"a_total\", job=\"x\"}, {__name__=\"b\", job=\"x\"}];\
         many-to-many matching not allowed: matching labels must be unique on one side",
    );
    check(
        "{job=\"x\"} > on(job) b",
        60,
        "error: multiple matches for labels: many-to-one matching must be explicit \
         (group_left/group_right)",
    );
    check(
        "{job=\"x\"} + on(job) group_left b",
        60,
        "error: multiple matches for labels: grouping labels must ensure unique matches",
    );
    check("a_total and on() none", 60, "");
    check(
        "a_total unless on() none",
        0,
        "a_total{job=\"x\"} 0; a_total{job=\"y\"} 100",
    );
    check(
        "none or a_total",
        0,
        "a_total{job=\"x\"} 0; a_total{job=\"y\"} 100",
    );
}

#[test]
fn errors_know_whose_fault_they_are() {
    let with = |options: &EvalOptions, query: &str| {
        eval_instant(&counters(), &parse(query).unwrap(), secs(60), options)
            .map(|evaluated| show(&evaluated.value))
            .map_err(|error| error.fault())
    };
    let cancel = Cancel::new();
    let options = EvalOptions {
        cancel: cancel.clone(),
        ..EvalOptions::default()
    };
    assert!(with(&options, "a_total").is_ok());
    cancel.cancel();
    assert_eq!(with(&options, "a_total"), Err(Fault::Cancelled));
    let few = |samples_max: usize| EvalOptions {
        limits: Limits {
            samples_max,
            ..Limits::default()
        },
        ..EvalOptions::default()
    };
    assert_eq!(with(&few(5), "sum(a_total)"), Err(Fault::Limit));
    assert!(with(&few(1000), "sum(a_total)").is_ok());
    // Rows of a subquery stream through, so their number does not count; held ones do.
    assert!(with(&few(1000), "sum_over_time(a_total[1h:1s])").is_ok());
    let held = "sum_over_time((a_total + a_total)[1h:1s])";
    assert_eq!(with(&few(1000), held), Err(Fault::Limit));
}

#[test]
fn a_subquery_may_not_have_endless_steps() {
    let evaluated = eval_instant(
        &counters(),
        &parse("sum_over_time(b[10y:1ms])").unwrap(),
        secs(60),
        &EvalOptions::default(),
    );
    assert!(
        matches!(evaluated, Err(EvalError::TooManySteps { .. })),
        "{evaluated:?}"
    );
}

#[test]
fn notes_have_a_place_and_come_once() {
    let notes = |query: &str| -> Vec<String> {
        let expr = parse(query).unwrap();
        let evaluated =
            eval_instant(&counters(), &expr, secs(60), &EvalOptions::default()).unwrap();
        evaluated.notes.iter().map(ToString::to_string).collect()
    };
    let not_a_counter = "PromQL info: metric might not be a counter, name does not end in \
                         _total/_sum/_count/_bucket: \"b\" (1:10)";
    assert_eq!(notes("sum(rate(b[1m]))"), [not_a_counter]);
    assert_eq!(notes("sum(rate(a_total[1m]))"), Vec::<String>::new());
    assert_eq!(
        notes("1 +\n  quantile(2, a_total) + quantile(2, a_total)"),
        [
            "PromQL warning: quantile value should be between 0 and 1, got 2 (2:12)",
            "PromQL warning: quantile value should be between 0 and 1, got 2 (2:35)",
        ]
    );
    let expr = parse("quantile(2, a_total)").unwrap();
    let evaluated = eval_range(&counters(), &expr, range(0, 60, 1), &EvalOptions::default());
    let notes = evaluated.unwrap().notes;
    assert_eq!(notes.len(), 1, "one note for all steps");
    assert_eq!(
        (notes[0].severity, notes[0].range()),
        (Severity::Warning, 9..10)
    );
}

#[test]
fn what_the_parser_lets_nest_evaluates_on_a_small_stack() {
    let nested = |open: &str, close: &str| format!("{}b{}", open.repeat(60), close.repeat(60));
    for query in [
        nested("abs(abs(", "))"),
        nested("(1+", ")"),
        nested("-(1+", ")"),
        nested("b^b^", ""),
        nested("sum(max(", "))"),
        nested("label_join(abs(", "),\"x\",\"\")"),
        nested("sum_over_time(sum_over_time(", "[1s:1s])[1s:1s])"),
        vec!["b"; 1000].join(" or "),
        vec!["1"; 1000].join(" + "),
        vec!["b + 1"; 500].join(" + "),
        "(".repeat(9000) + "b" + &")".repeat(9000),
    ] {
        // The name tells which query it was when the stack overflows.
        let name = query.chars().take(30).collect();
        let run = move || {
            let expr = parse(&query).unwrap();
            let printed = expr.to_string();
            let evaluated = eval_instant(&counters(), &expr, secs(60), &EvalOptions::default());
            evaluated.unwrap();
            assert!(expr.clone() == expr && !printed.is_empty());
        };
        // A thread of a server's pool has 2 MB; this one has 1.5.
        let thread = std::thread::Builder::new().stack_size(3 << 19).name(name);
        thread.spawn(run).unwrap().join().unwrap();
    }
}

#[test]
fn pinned_selectors_give_the_same_at_every_step() {
    check_range("b @ 15", range(0, 30, 15), "b{job=\"x\"} 4@0 4@15 4@30");
    check_range("sum(b @ end())", range(0, 60, 30), "{} 1@0 1@30 1@60");
    check_range(
        "timestamp(b @ 15)",
        range(0, 30, 15),
        "{job=\"x\"} 15@0 15@15 15@30",
    );
    check_range(
        "b @ 15 + time()",
        range(0, 30, 15),
        "{job=\"x\"} 4@0 19@15 34@30",
    );
}

#[test]
fn a_gap_in_a_series_is_a_gap_in_the_result() {
    let snapshot = snapshot(&[(
        "g",
        &[
            Some(1.0),
            Some(model::stale_marker()),
            None,
            Some(4.0),
            Some(5.0),
        ],
    )]);
    let expr = parse("g + 0").unwrap();
    let evaluated = eval_range(&snapshot, &expr, range(0, 60, 15), &EvalOptions::default());
    assert_eq!(show(&evaluated.unwrap().value), "{} 1@0 4@45 5@60");
}

#[test]
fn series_that_follow_each_other_are_one_partner() {
    let snapshot = snapshot(&[
        ("many{x=\"1\"}", &values(&[1.0, 2.0, 3.0, 4.0])),
        (
            "one{pod=\"a\"}",
            &[Some(10.0), Some(10.0), Some(model::stale_marker())],
        ),
        ("one{pod=\"b\"}", &[None, None, Some(20.0), Some(20.0)]),
    ]);
    let check = |query: &str, expected: &str| {
        let expr = parse(query).unwrap();
        let evaluated = eval_range(&snapshot, &expr, range(0, 45, 15), &EvalOptions::default());
        assert_eq!(show(&evaluated.unwrap().value), expected, "{query}");
    };
    check("many * on() one", "{} 10@0 20@15 60@30 80@45");
    check(
        "many * on() group_left one",
        "{x=\"1\"} 10@0 20@15 60@30 80@45",
    );
    check(
        "many * on() group_left(pod) one",
        "{pod=\"a\", x=\"1\"} 10@0 20@15; {pod=\"b\", x=\"1\"} 60@30 80@45",
    );
}

#[test]
fn a_clash_counts_only_where_both_sides_are_there() {
    let snapshot = snapshot(&[
        ("many", &[None, Some(1.0)]),
        ("one{pod=\"a\"}", &values(&[1.0, 1.0])),
        ("one{pod=\"b\"}", &[Some(1.0), Some(model::stale_marker())]),
    ]);
    let at = |seconds: i64| {
        let expr = parse("many + on() one").unwrap();
        eval_instant(&snapshot, &expr, secs(seconds), &EvalOptions::default())
            .map(|evaluated| show(&evaluated.value))
            .map_err(|error| error.fault())
    };
    assert_eq!(at(0), Ok(String::new()));
    assert_eq!(at(15), Ok("{} 2".to_owned()));
}
