use proptest::prelude::*;

use super::*;
use crate::kpi::mapping::{RawSeries, read_mapping_json};

type Recorded = Vec<(Labels, Vec<(Timestamp, f64)>)>;

/// One series for each line: selector and values.
fn recorded(lines: &str) -> Recorded {
    let lines = lines.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let (selector, values) = line.rsplit_once(" = ").unwrap();
            let expr = promql::parse(selector).unwrap();
            let selector = expr.selectors().next().unwrap();
            let pairs = selector.matchers.iter().map(|m| (m.name(), m.value()));
            let at = |idx: usize| Timestamp::from_millis(idx as i64 * 60_000);
            let values = values.split(' ').enumerate();
            let samples = values.map(|(idx, word)| (at(idx), word.parse().unwrap()));
            (Labels::new(pairs).unwrap(), samples.collect())
        })
        .collect()
}

fn inferred(recorded: &Recorded) -> Vec<Proposal> {
    let summaries = recorded.iter();
    let summaries: Vec<SeriesSummary> = summaries
        .map(|(labels, samples)| SeriesSummary::new(labels.clone(), None, samples))
        .collect();
    infer(&summaries)
}

/// The names of what is inferred, and each KPI that comes of it, as entity, KPI and last value.
fn check(lines: &str, expected: &[&str]) {
    let recorded = recorded(lines);
    let proposals = inferred(&recorded);
    let mut found: Vec<String> = Vec::new();
    for proposal in &proposals {
        let series = recorded.iter();
        let series = series.map(|(labels, samples)| RawSeries { labels, samples });
        for kpi in proposal.mapping.apply(series) {
            let last = kpi
                .samples
                .last()
                .map(|(_, value)| (value * 1e6).round() / 1e6);
            let last = last.unwrap_or_default();
            found.push(format!("{} {} {last}", kpi.key.entity, kpi.key.kind.name()));
        }
    }
    found.sort();
    let whys: Vec<&str> = proposals
        .iter()
        .map(|proposal| proposal.why.as_str())
        .collect();
    assert_eq!(found, expected, "{whys:#?}");
}

#[test]
fn ready_made_gauges_with_a_statistic_are_kpis_of_their_services() {
    check(
        r#"
        availability{microservice="orders"} = 100 99.5 60
        availability{microservice="carts"} = 100 100 100
        requests{microservice="orders",stat="Sum"} = 600 660 300
        requests{microservice="orders",stat="Average"} = 1 1 1
        requests{microservice="carts",stat="Sum"} = 60 60 60
        latency{microservice="orders",stat="p95"} = 120 130 900
        latency{microservice="carts",stat="p95"} = 12 13 9
        latency{microservice="orders",stat="Average"} = 80 90 600
        latency{microservice="orders",stat="Maximum"} = 800 900 6000
        "#,
        &[
            "service/carts error_ratio 0",
            "service/carts latency_p95 0.009",
            "service/carts request_rate 1",
            "service/orders error_ratio 0.4",
            "service/orders latency_average 0.6",
            "service/orders latency_p95 0.9",
            "service/orders request_rate 5",
        ],
    );
}

#[test]
fn a_metric_that_begins_with_its_entity_is_cut() {
    check(
        "
        cartservice_cpu = 0.1 0.2 0.15
        cartservice_latency_p90 = 0.01 0.02 0.5
        cartservice_latency_50 = 0.01 0.02 0.1
        cartservice_workload = 10.5 11.5 12.5
        cartservice_error = 0 0 0.5
        front_end_cpu = 1.5 1.2 1.1
        front_end_latency_p90 = 0.01 0.02 0.03
        front_end_latency_50 = 0.01 0.02 0.03
        front_end_workload = 100.5 101.5 102.5
        front_end_error = 0 0 0
        front_end_odd = 3 4 5
        time = 1 2 3
        ",
        &[
            "service/cartservice error_ratio 0.5",
            "service/cartservice latency_p50 0.1",
            "service/cartservice latency_p90 0.5",
            "service/cartservice request_rate 12.5",
            "service/cartservice resource:cpu 0.15",
            "service/front_end error_ratio 0",
            "service/front_end latency_p50 0.03",
            "service/front_end latency_p90 0.03",
            "service/front_end request_rate 102.5",
            "service/front_end resource:cpu 1.1",
            "service/front_end resource:odd 5",
            "service/recording resource:time 3",
        ],
    );
}

#[test]
fn failures_are_a_share_of_the_requests_beside_them() {
    check(
        r#"
        api_requests{app="a"} = 10 20 40
        api_requests{app="b"} = 1 2 4
        api_failures{app="a"} = 0 0 10
        api_failures{app="b"} = 0 1 1
        "#,
        &[
            "service/a error_ratio 0.25",
            "service/a request_rate 0.666667",
            "service/b error_ratio 0.25",
            "service/b request_rate 0.066667",
        ],
    );
    check(
        r#"
        failures{app="a"} = 0 0 10
        failures{app="b"} = 0 1 1
        "#,
        &[
            "service/a resource:errors 0.166667",
            "service/b resource:errors 0.016667",
        ],
    );
}

#[test]
fn counters_are_told_by_their_name_or_by_how_they_grow() {
    check(
        r#"
        http_requests_total{service="a",status="200"} = 0 60 120
        http_requests_total{service="a",status="503"} = 0 0 60
        http_requests_total{service="b",status="200"} = 0 60 120
        hits{service="a"} = 0 60 120 180 240 300 360 420 480 540 600
        hits{service="b"} = 0 1 2 3 4 5 6 7 8 9 10
        "#,
        &[
            "service/a error_ratio 0.5",
            "service/a request_rate 1",
            "service/a resource:http_requests_total 2",
            "service/b error_ratio 0",
            "service/b request_rate 0.016667",
            "service/b resource:http_requests_total 1",
        ],
    );
}

#[test]
fn shares_of_resources_are_saturations_and_the_rest_is_told_by_its_past() {
    check(
        r#"
        cpu_utilization_percent{node="n1"} = 10 20 95
        cpu_utilization_percent{node="n2"} = 10 20 30
        memory_usage_ratio{node="n1"} = 0.1 0.2 0.3
        node_load1{node="n1"} = 1 2 3
        disk_read_bytes{node="n1"} = 1000 2000 3000
        heap_used{node="n1"} = 5 5 5
        up{node="n1"} = 1 1 0
        node_boot_time_seconds{node="n1"} = 1 1 1
        build_info{node="n1"} = 1 1 1
        "#,
        &[
            "host/n1 resource:disk_read 3000",
            "host/n1 resource:heap 5",
            "host/n1 resource:load1 3",
            "host/n1 saturation:cpu 0.95",
            "host/n1 saturation:memory 0.3",
            "host/n1 up 0",
            "host/n2 saturation:cpu 0.3",
        ],
    );
}

#[test]
fn a_label_that_names_the_measure_splits_a_metric() {
    check(
        r#"
        value{cmdb_id="a",kpi_name="rps"} = 1.5 2.5 3.5
        value{cmdb_id="b",kpi_name="rps"} = 1.5 2.5 4.5
        value{cmdb_id="a",kpi_name="avg_response_time_ms"} = 100 200 300
        value{cmdb_id="a",kpi_name="success_rate"} = 1 1 0.5
        "#,
        &[
            "service/a error_ratio 0.5",
            "service/a latency_average 0.3",
            "service/a request_rate 3.5",
            "service/b request_rate 4.5",
        ],
    );
}

#[test]
fn a_histogram_is_latency_and_requests() {
    check(
        r#"
        http_request_duration_seconds_bucket{service="a",le="0.1",code="200"} = 0 60 120
        http_request_duration_seconds_bucket{service="a",le="+Inf",code="200"} = 0 60 120
        http_request_duration_seconds_sum{service="a",code="200"} = 0 6 12
        http_request_duration_seconds_count{service="a",code="200"} = 0 60 120
        "#,
        &[
            "service/a error_ratio 0",
            "service/a latency_average 0.1",
            "service/a request_rate 1",
        ],
    );
}

#[test]
fn words_of_statistics_and_numbers_are_understood() {
    for (word, expected) in [
        ("p95", Some(0.95)),
        ("P999", Some(0.999)),
        ("p99.9", Some(0.999)),
        ("p99_9", Some(0.999)),
        ("95th", Some(0.95)),
        ("q50", Some(0.5)),
        ("median", Some(0.5)),
        ("p100", Some(1.0)),
        ("p5", Some(0.05)),
        ("pod", None),
        ("p", None),
        ("p9x", None),
        ("p999999999", None),
    ] {
        let found = match words::statistic(word) {
            Some(words::Statistic::Quantile(quantile)) => Some(quantile),
            _ => None,
        };
        assert_eq!(found, expected, "{word}");
    }
    assert_eq!(
        words::words("responseTime-p95_ms"),
        ["response", "time", "p95", "ms"]
    );
}

#[test]
fn each_proposal_says_why() {
    let recorded = recorded("latency{service=\"a\"} = 120 130\nlatency{service=\"b\"} = 1 2");
    let proposals = inferred(&recorded);
    let why = "latency: its name says a time; values around 130 are milliseconds; \
               the label service names the entity (2 values).";
    assert_eq!(proposals[0].why, why);
    assert_eq!(proposals[0].mapping.name, "latency_average of latency");
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-c]{1,2}_(cpu|latency|latency_p90|errors|requests|x)(_total|_sum|_count|_bucket)?",
        "\\PC{0,10}",
        Just("{entity}_cpu".to_owned()),
        Just("_".to_owned()),
    ]
}

proptest! {
    /// Whatever a recording holds: no panic, and each proposal is a mapping that can be used.
    #[test]
    fn each_proposal_is_a_mapping_that_is_read_back(
        series in proptest::collection::vec((
            name(),
            proptest::sample::select(&["service", "job", "le", "quantile", "stat", "kpi", "x y"][..]),
            prop_oneof!["[ab]", "p9[0-9]{0,3}", "\\PC{0,5}", Just("0.99".to_owned())],
            proptest::collection::vec(prop_oneof![-1e3..1e9_f64, Just(f64::NAN), 0.0..1.0_f64], 0..12),
        ), 0..12),
    ) {
        let recorded: Recorded = series
            .iter()
            .filter_map(|(name, label, value, values)| {
                let labels = Labels::new([(model::METRIC_NAME, name), (*label, value)]).ok()?;
                let at = |idx: usize| Timestamp::from_millis(idx as i64 * 1000);
                let values = values.iter().enumerate();
                Some((labels, values.map(|(idx, value)| (at(idx), *value)).collect()))
            })
            .collect();
        for proposal in inferred(&recorded) {
            let json = proposal.mapping.to_json();
            let again = read_mapping_json(&json);
            prop_assert!(again.is_ok(), "{json}: {:?}", again.err());
            let series = recorded.iter();
            let series = series.map(|(labels, samples)| RawSeries { labels, samples });
            for kpi in proposal.mapping.apply(series) {
                prop_assert!(kpi.samples.iter().all(|(_, value)| value.is_finite()));
            }
        }
    }
}
