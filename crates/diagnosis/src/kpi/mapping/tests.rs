use std::time::Duration;

use model::Timestamp;
use promql::{EvalOptions, eval_instant};
use proptest::prelude::*;
use store::Store;

use super::*;
use crate::kpi::{KpiKind, KpiSeries};

fn mapping(fields: &str) -> Mapping {
    let (mut mappings, problems) = read_mapping_file(&format!("mappings: [{{ {fields} }}]"));
    assert_eq!(problems, [], "{fields}");
    mappings.remove(0)
}

const SERVICE: &str = "entity: { type: service, label: service }";

fn labels(text: &str) -> Labels {
    let expr = promql::parse(text).unwrap();
    let selector = expr.selectors().next().unwrap();
    Labels::new(selector.matchers.iter().map(|m| (m.name(), m.value()))).unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

/// Series with a value every `step` seconds; `_` is a gap.
fn recorded(series: &[(&str, &str)], step: i64) -> Vec<(Labels, Vec<(Timestamp, f64)>)> {
    let values = |text: &str| {
        let values = text.split(' ').enumerate();
        let values = values.filter(|(_, word)| *word != "_");
        values
            .map(|(idx, word)| (at(idx as i64 * step), word.parse().unwrap()))
            .collect()
    };
    series
        .iter()
        .map(|(name, text)| (labels(name), values(text)))
        .collect()
}

fn applied(mapping: &Mapping, recorded: &[(Labels, Vec<(Timestamp, f64)>)]) -> Vec<KpiSeries> {
    mapping.apply(
        recorded
            .iter()
            .map(|(labels, samples)| RawSeries { labels, samples }),
    )
}

fn show(series: &KpiSeries) -> String {
    let rounded = |value: f64| (value * 1e6).round() / 1e6;
    let samples = series.samples.iter();
    let samples: Vec<String> = samples
        .map(|(at, value)| format!("{}:{}", at.as_millis() / 1000, rounded(*value)))
        .collect();
    let key = &series.key;
    format!("{} {} {}", key.entity, key.kind.name(), samples.join(" "))
}

fn check_applied(fields: &str, step: i64, series: &[(&str, &str)], expected: &[&str]) {
    let recorded = recorded(series, step);
    let found = applied(&mapping(fields), &recorded);
    let shown: Vec<String> = found.iter().map(show).collect();
    assert_eq!(shown, expected, "{fields}");
}

#[test]
fn availability_in_percent_becomes_an_error_ratio() {
    check_applied(
        &format!("{SERVICE}, kpi: availability, metric: availability, unit: percent"),
        300,
        &[
            (r#"availability{service="x"}"#, "100 98 _ 25 100.5"),
            (r#"availability{service="y"}"#, "100 NaN Inf"),
            (r#"availability{other="z"}"#, "1"),
            (r#"availabilities{service="x"}"#, "1"),
        ],
        &[
            "service/x error_ratio 0:0 300:0.02 900:0.75 1200:0",
            "service/y error_ratio 0:0",
        ],
    );
}

#[test]
fn requests_per_step_are_divided_by_the_time_between_samples() {
    let requests = format!("{SERVICE}, kpi: request_rate, metric: requests, unit: per_step");
    let series = [(r#"requests{service="x"}"#, "600 _ 300 0 900")];
    let expected = ["service/x request_rate 0:2 600:1 900:0 1200:3"];
    check_applied(&requests, 300, &series, &expected);
    let said = format!("{requests}, step: 1m");
    let expected = ["service/x request_rate 0:10 600:5 900:0 1200:15"];
    check_applied(&said, 300, &series, &expected);
    check_applied(&requests, 300, &[(r#"requests{service="x"}"#, "600")], &[]);
}

#[test]
fn a_statistic_label_is_a_filter() {
    check_applied(
        &format!(
            "{SERVICE}, kpi: latency_quantile, metric: latency, unit: milliseconds, \
             filters: ['stat=\"p95\"'], quantiles: 0.95"
        ),
        1,
        &[
            (r#"latency{service="x",stat="p95"}"#, "250 500"),
            (r#"latency{service="x",stat="average"}"#, "100 100"),
        ],
        &["service/x latency_p95 0:0.25 1:0.5"],
    );
}

#[test]
fn instances_are_taken_together_as_the_kpi_adds_up() {
    let series = [
        (r#"m{service="x",instance="a"}"#, "1 1 _ 1"),
        (r#"m{service="x",instance="b"}"#, "3 5 5 5"),
    ];
    let kpi = |text: &str| format!("{SERVICE}, metric: m, {text}");
    let check = |text: &str, expected: &str| check_applied(&kpi(text), 60, &series, &[expected]);
    check(
        "kpi: request_rate, unit: per_second",
        "service/x request_rate 0:4 60:6 120:6 180:6",
    );
    check(
        "kpi: latency_average, unit: seconds",
        "service/x latency_average 0:2 60:3 120:3 180:3",
    );
    check(
        "kpi: saturation, resource: cpu, limit: 10",
        "service/x saturation:cpu 0:0.3 60:0.5 120:0.5 180:0.5",
    );
    check(
        "kpi: resource, resource: threads",
        "service/x resource:threads 0:4 60:6 120:6 180:6",
    );
}

#[test]
fn series_that_are_read_at_different_times_are_one_entity() {
    let one = (
        labels(r#"m{service="x",instance="a"}"#),
        vec![(at(0), 1.0), (at(60), 1.0)],
    );
    let other = (
        labels(r#"m{service="x",instance="b"}"#),
        vec![(at(7), 2.0), (at(67), 2.0)],
    );
    let rate = mapping(&format!(
        "{SERVICE}, kpi: request_rate, metric: m, unit: per_second"
    ));
    let found = applied(&rate, &[one, other]);
    assert_eq!(show(&found[0]), "service/x request_rate 7:3 67:3");
}

#[test]
fn counters_become_rates_from_sample_to_sample() {
    let series = [
        (r#"requests_total{service="x",code="200"}"#, "0 60 _ 180 30"),
        (r#"requests_total{service="x",code="500"}"#, "0 0 _ 60 10"),
        (r#"requests_total{service="y",code="200"}"#, "0 60"),
    ];
    check_applied(
        &format!("{SERVICE}, kpi: request_rate, metric: requests_total"),
        60,
        &series,
        &[
            "service/x request_rate 60:1 180:1.5 240:0.666667",
            "service/y request_rate 60:1",
        ],
    );
    check_applied(
        &format!("{SERVICE}, kpi: errors, metric: requests_total, errors: 'code=~\"5..\"'"),
        60,
        &series,
        &[
            "service/x error_ratio 60:0 180:0.333333 240:0.25",
            "service/y error_ratio 60:0",
        ],
    );
}

#[test]
fn failures_of_one_metric_are_a_share_of_another() {
    check_applied(
        &format!("{SERVICE}, kpi: errors, metric: failed, total: requests, unit: per_minute"),
        60,
        &[
            (r#"failed{service="x"}"#, "_ 5 _ 50"),
            (r#"requests{service="x"}"#, "10 10 0 10"),
            (r#"failed{service="none"}"#, "1 1 1 1"),
        ],
        &["service/x error_ratio 0:0 60:0.5 180:1"],
    );
}

#[test]
fn an_average_comes_of_a_sum_and_a_count() {
    check_applied(
        &format!("{SERVICE}, kpi: latency_average, sum: s_sum, count: s_count, unit: milliseconds"),
        10,
        &[
            (r#"s_sum{service="x"}"#, "0 1000 4000"),
            (r#"s_count{service="x"}"#, "0 10 20"),
        ],
        &["service/x latency_average 10:0.1 20:0.3"],
    );
    check_applied(
        &format!("{SERVICE}, kpi: latency_average, metric: s, type: histogram"),
        10,
        &[
            (r#"s_sum{service="x"}"#, "0 1 4"),
            (r#"s_count{service="x"}"#, "0 10 20"),
        ],
        &["service/x latency_average 10:0.1 20:0.3"],
    );
}

#[test]
fn the_name_of_a_metric_may_hold_the_entity() {
    check_applied(
        "entity: { type: service }, kpi: latency_quantile, metric: '{entity}_latency_p90', \
         unit: seconds, quantiles: [0.9]",
        1,
        &[
            ("cart_latency_p90", "1"),
            ("_latency_p90", "2"),
            ("pay_latency_p90", "3"),
        ],
        &[
            "service/cart latency_p90 0:1",
            "service/pay latency_p90 0:3",
        ],
    );
}

#[test]
fn a_scope_keeps_equal_names_apart() {
    check_applied(
        "entity: { type: route, label: [route, path], scope: { service: job } }, \
         kpi: request_rate, metric: m, unit: per_second",
        1,
        &[
            (r#"m{job="web",route="/a",path="/x"}"#, "1"),
            (r#"m{job="api",path="/a"}"#, "2"),
            (r#"m{job="api"}"#, "4"),
        ],
        &[
            r#"route//a{service="api"} request_rate 0:2"#,
            r#"route//a{service="web"} request_rate 0:1"#,
        ],
    );
}

/// The queries of the mapping give the same entities and, for steady series, the same values as
/// [`Mapping::apply`].
fn check_queries(fields: &str, series: &[(&str, &str)], exprs: &[&str], expected: &[&str]) {
    let mapping = mapping(fields);
    let queries = mapping.queries(Duration::from_secs(60), Duration::from_secs(15));
    let shown: Vec<&str> = queries.iter().map(|query| query.expr.as_str()).collect();
    assert_eq!(shown, exprs);
    let store = Store::in_memory();
    for (labels, samples) in recorded(series, 15) {
        let group = store.group(&labels.to_string());
        let id = store.resolve(group, &labels).unwrap();
        for (at, value) in samples {
            store.append(group, at, &[(id, value)]).unwrap();
        }
    }
    let mut found = Vec::new();
    for query in &queries {
        let expr = promql::parse(&query.expr).unwrap();
        let evaluated = eval_instant(&store.snapshot(), &expr, at(60), &EvalOptions::default());
        let promql::Value::Vector(vector) = evaluated.unwrap().value else {
            panic!("{} gives no vector", query.expr);
        };
        for series in vector {
            if let Some(entity) = mapping.entity_in(&series.labels) {
                let value = (series.sample.value * 1e6).round() / 1e6;
                found.push(format!("{entity} {} {value}", query.kind.name()));
            }
        }
    }
    found.sort();
    assert_eq!(found, expected, "{shown:?}");
}

#[test]
fn a_mapping_is_a_query() {
    check_queries(
        &format!("{SERVICE}, kpi: errors, metric: requests_total, errors: 'code=~\"5..\"'"),
        &[
            (r#"requests_total{service="x",code="200"}"#, "0 15 30 45 60"),
            (r#"requests_total{service="x",code="503"}"#, "0 5 10 15 20"),
            (r#"requests_total{service="y",code="200"}"#, "0 15 30 45 60"),
            (r#"requests_total{code="200"}"#, "0 15 30 45 60"),
        ],
        &["label_replace((sum by (service) \
             (rate(requests_total{service!=\"\",code=~\"5..\"}[1m])) or \
             0 * sum by (service) (rate(requests_total{service!=\"\"}[1m]))) / \
             sum by (service) (rate(requests_total{service!=\"\"}[1m])), \
             \"entity\", \"$1\", \"service\", \"(.*)\")"],
        &["service/x error_ratio 0.25", "service/y error_ratio 0"],
    );
}

#[test]
fn several_labels_and_a_scope_are_a_query() {
    check_queries(
        "entity: { type: route, label: [route, path], scope: { service: job } }, \
         kpi: request_rate, metric: [a, b], unit: per_step",
        &[
            (r#"a{job="web",route="/a",entity="liar"}"#, "15 15 15 15 30"),
            (r#"b{job="web",path="/a"}"#, "15 15 15 15 15"),
            (r#"a{job="web",entity="liar"}"#, "1 1 1 1 1"),
        ],
        &[
            "label_replace(sum by (entity, job) (label_replace(label_replace(label_replace(\
             {__name__=~\"a|b\"}, \"entity\", \"\", \"\", \"\"), \
             \"entity\", \"$1\", \"path\", \"(.+)\"), \"entity\", \"$1\", \"route\", \"(.+)\")) \
             / 15, \"service\", \"$1\", \"job\", \"(.*)\")",
        ],
        &[r#"route//a{service="web"} request_rate 3"#],
    );
}

#[test]
fn a_name_in_the_metric_is_a_query_even_of_counters() {
    check_queries(
        "entity: { type: service }, kpi: request_rate, metric: '{entity}_requests_total'",
        &[
            ("cart_requests_total", "0 15 30 45 60"),
            (r#"pay_requests_total{code="a"}"#, "0 30 60 90 120"),
        ],
        &[
            "sum by (entity) (label_replace(rate({__name__=~\".+_requests_total\"}[1m]), \
             \"entity\", \"$1\", \"__name__\", \"(.+)_requests_total\"))",
        ],
        &["service/cart request_rate 1", "service/pay request_rate 2"],
    );
}

#[test]
fn a_histogram_has_quantiles_and_odd_names_are_quoted() {
    check_queries(
        "entity: { type: service, name: 'the \"shop\"' }, kpi: latency_quantile, \
         metric: http.server.duration, type: histogram, unit: milliseconds, quantiles: [0.5, 0.95], \
         filters: [{ label: http.method, op: '!=', values: [GET, HEAD] }]",
        &[
            (
                r#"{"http.server.duration_bucket",le="100"}"#,
                "0 10 20 30 40",
            ),
            (
                r#"{"http.server.duration_bucket",le="+Inf"}"#,
                "0 10 20 30 40",
            ),
            (
                r#"{"http.server.duration_bucket","http.method"="GET",le="+Inf"}"#,
                "0 9 18 27 36",
            ),
        ],
        &[
            "histogram_quantile(0.5, sum by (le) (rate({\"http.server.duration_bucket\",\
             \"http.method\"!~\"GET|HEAD\"}[1m]))) / 1000",
            "histogram_quantile(0.95, sum by (le) (rate({\"http.server.duration_bucket\",\
             \"http.method\"!~\"GET|HEAD\"}[1m]))) / 1000",
        ],
        &[
            "service/the \"shop\" latency_p50 0.05",
            "service/the \"shop\" latency_p95 0.095",
        ],
    );
}

#[test]
fn what_is_left_to_reach_a_limit_is_a_query() {
    check_queries(
        &format!("{SERVICE}, kpi: saturation, resource: pool, metric: used, limit: size"),
        &[
            (r#"used{service="x",pod="1"}"#, "1 1 1 1 9"),
            (r#"used{service="x",pod="2"}"#, "1 1 1 1 1"),
            (r#"size{service="x",pod="1"}"#, "10 10 10 10 10"),
            (r#"size{service="x",pod="2"}"#, "10 10 10 10 10"),
        ],
        &[
            "label_replace((sum by (service) (used{service!=\"\"}) or 0 * sum by (service) \
             (size{service!=\"\"})) / sum by (service) (size{service!=\"\"}), \
             \"entity\", \"$1\", \"service\", \"(.*)\")",
        ],
        &["service/x saturation:pool 0.5"],
    );
}

#[test]
fn each_mistake_is_told_with_its_line_and_costs_its_mapping_only() {
    let (mappings, problems) = read_mapping_file(
        "mappings:
  - { entity: { type: service, label: s }, kpi: speed, metric: m }
  - { entity: { type: service, label: s, name: x }, kpi: up, metric: m, unit: ratio }
  - { entity: { type: service }, kpi: up, metric: m, unit: ratio }
  - { entity: { type: service, label: s }, kpi: request_rate, metric: m }
  - { entity: { type: service, label: s }, kpi: request_rate, metric: m, unit: seconds }
  - { entity: { type: service, label: s }, kpi: saturation, metric: m, unit: percent }
  - { entity: { type: service, label: s }, kpi: errors, metric: m_total, errors: 'a=~\"(\"' }
  - { entity: { type: service, label: s }, kpi: latency_quantile, metric: m, unit: seconds, quantiles: [2] }
  - { entity: { type: service, label: s }, kpi: latency_quantile, metric: m, unit: seconds, quantiles: [0.5, 0.9] }
  - { entity: { type: service, label: s, scope: { entity: a } }, kpi: resource, resource: r, metric: m }
  - { entity: { type: service, label: s }, kpi: resource, resource: r, metric: m, step: 5m }
  - { entity: { type: service, label: s }, kpi: saturation, resource: r, metric: m, limit: -1 }
  - { entity: { type: service, label: s }, kpi: resource, resource: r, metric: '{entity}_m' }
  - { entity: { type: service, label: s }, kpi: errors, metric: m, total: n, errors: 'a=\"b\"' }
  - 7
  - { name: good, entity: { type: service, label: s }, kpi: resource, resource: r, metric: m }
  - { name: good, entity: { type: service, label: s }, kpi: resource, resource: r, metric: m }
",
    );
    let expected = [
        "line 2: \"kpi\" is \"speed\"; it must be one of request_rate, errors,",
        "line 3: an entity is named by labels (label) or has one name",
        "line 4: without a name of the entity each metric must hold {entity}",
        "line 5: a mapping needs the field \"unit\"",
        "line 6: \"unit\" is \"seconds\"; it must be one of per_second, per_minute, per_step",
        "line 7: a mapping needs the field \"resource\"",
        "line 8: \"errors\" is \"a=~\\\"(\\\"\"; it must be a matcher",
        "line 9: \"quantiles\" is \"2\"; it must be a number from 0 to 1",
        "line 9: a gauge is one quantile",
        "line 10: a gauge is one quantile",
        "line 11: a label of the scope has a name other than",
        "line 12: step is how long an interval is",
        "line 13: \"limit\" is \"-1\"",
        "line 14: a metric holds {entity}, so the entity needs no other name",
        "line 15: errors is a condition",
        "line 16: \"a mapping\" must be a set of fields",
        "line 18: the mapping \"good\" stands twice",
    ];
    let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(shown.len(), expected.len(), "{shown:#?}");
    for (problem, expected) in shown.iter().zip(expected) {
        assert!(problem.starts_with(expected), "{problem}\n{expected}");
    }
    assert_eq!(mappings.len(), 1);
    for text in ["mappings: 7", "[", "mapping: []", "7"] {
        assert_eq!(read_mapping_file(text).1.len(), 1, "{text}");
    }
    assert_eq!(read_mapping_file("# nothing\n").1, []);
}

#[test]
fn a_mapping_is_written_as_it_is_read() {
    for fields in [
        "kpi: request_rate, metric: [a, b], unit: per_step, step: 5m",
        "kpi: errors, metric: m_total, errors: { label: code, op: '=~', values: ['5..', '-1'] }",
        "kpi: client_errors, metric: a, total: b, unit: per_minute",
        "kpi: availability, metric: a, unit: percent, filters: ['x!=\"y\"', { label: z, value: q }]",
        "kpi: latency_average, sum: a_sum, count: a_count, unit: microseconds",
        "kpi: latency_average, metric: a, type: summary",
        "kpi: latency_quantile, metric: a, type: histogram, quantiles: [0.5, 0.999]",
        "kpi: saturation, resource: cpu, metric: a, unit: percent",
        "kpi: saturation, resource: pool, metric: a, limit: 20",
        "kpi: saturation, resource: pool, metric: a, limit: b",
        "kpi: resource, resource: net, metric: a_total",
        "kpi: up, metric: a, unit: ratio",
    ] {
        let first = mapping(&format!("{SERVICE}, {fields}"));
        let again = read_mapping_json(&first.to_json()).unwrap();
        assert_eq!(format!("{first:?}"), format!("{again:?}"), "{fields}");
        assert_eq!(first.to_json(), again.to_json(), "{fields}");
    }
}

fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z_]{1,8}",
        "\\PC{0,12}",
        Just("{entity}".to_owned()),
        Just("a\"b\\c\nd{}$1(".to_owned()),
        Just("on".to_owned()),
        Just("NaN".to_owned()),
    ]
}

proptest! {
    /// Whatever is typed: refused, or a mapping whose queries parse.
    #[test]
    fn each_mapping_that_is_taken_is_valid_promql(
        kpi in proptest::sample::select(&[
            "request_rate", "errors", "availability", "latency_average", "latency_quantile",
            "saturation", "resource", "up",
        ][..]),
        metric in hostile(),
        label in hostile(),
        scope in hostile(),
        filter in (hostile(), hostile()),
        metric_type in proptest::sample::select(&["counter", "gauge", "histogram", "summary"][..]),
        unit in proptest::sample::select(&ValueUnit::ALL[..]),
        shape in 0..8_u8,
    ) {
        let mut json = serde_json::json!({
            "entity": { "type": "service", "label": [&label, "job"], "scope": { "a": scope } },
            "kpi": kpi,
            "resource": &metric,
            "metric": [&metric, "other"],
            "type": metric_type,
            "unit": unit.name(),
            "filters": [{ "label": filter.0, "op": "=~", "value": filter.1 }],
        });
        if kpi == "latency_quantile" {
            json["quantiles"] = serde_json::json!(0.9);
        }
        if shape & 1 == 1 {
            json["entity"] = serde_json::json!({ "type": "service", "label": label });
            json["metric"] = serde_json::json!(metric);
        }
        if shape & 2 == 2 {
            json["entity"] = serde_json::json!({ "type": "service" });
            json["metric"] = serde_json::json!(format!("{metric}{{entity}}"));
        }
        if shape & 4 == 4 {
            json["errors"] = serde_json::json!({ "label": &filter.0, "value": &filter.1 });
        }
        if let Ok(mapping) = read_mapping_json(&json) {
            for query in mapping.queries(Duration::from_secs(60), Duration::from_secs(15)) {
                let parsed = promql::parse(&query.expr);
                prop_assert!(parsed.is_ok(), "{}: {:?}", query.expr, parsed.err());
            }
            let again = read_mapping_json(&mapping.to_json());
            prop_assert!(again.is_ok(), "{json}: {:?}", again.err());
        }
    }

    /// Whatever was recorded: no panic, times in order, values that are numbers.
    #[test]
    fn recorded_samples_become_ordered_finite_values(
        series in proptest::collection::vec(
            proptest::collection::vec((0_i64..5_000_000, prop_oneof![
                -1e9..1e9_f64, Just(f64::NAN), Just(f64::INFINITY), Just(0.0), Just(f64::MAX),
            ]), 0..20),
            0..4,
        ),
        fields in proptest::sample::select(&[
            "kpi: request_rate, metric: m, unit: per_step",
            "kpi: request_rate, metric: m, type: counter",
            "kpi: errors, metric: m, unit: percent",
            "kpi: errors, metric: m, type: counter, errors: 'i=\"1\"'",
            "kpi: saturation, resource: r, metric: m, limit: 3",
            "kpi: resource, resource: r, metric: m",
        ][..]),
    ) {
        let recorded: Vec<_> = series
            .into_iter()
            .enumerate()
            .map(|(idx, mut samples)| {
                samples.sort_by_key(|sample| sample.0);
                samples.dedup_by_key(|sample| sample.0);
                let samples = samples.into_iter();
                let samples = samples.map(|(ms, value)| (Timestamp::from_millis(ms), value));
                (labels(&format!("m{{service=\"x\",i=\"{idx}\"}}")), samples.collect::<Vec<_>>())
            })
            .collect();
        for found in applied(&mapping(&format!("{SERVICE}, {fields}")), &recorded) {
            prop_assert!(found.samples.windows(2).all(|pair| pair[0].0 < pair[1].0));
            prop_assert!(found.samples.iter().all(|(_, value)| value.is_finite()));
            if found.key.kind == KpiKind::ErrorRatio {
                prop_assert!(found.samples.iter().all(|(_, value)| (0.0..=1.0).contains(value)));
            }
        }
    }
}
