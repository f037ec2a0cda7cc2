use std::time::Duration;

use model::Timestamp;
use promql::{EvalOptions, Value, eval_instant};
use store::Store;

use super::*;
use crate::graph::{PackJobs, built_in_rules, parse_model_file, questions};
use crate::pack::{Pack, SeriesIndex, detect, embedded};

const STEP_S: i64 = 5;
const LAST_S: i64 = 300;

/// A store that was scraped for five minutes. Each line is a series as PromQL writes it and what
/// it does: `7` stays, `+0.5` grows so much a second.
fn store_of(series: &str) -> Store {
    let store = Store::in_memory();
    let group = store.group("t");
    let parsed = series
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty());
    let parsed: Vec<(Labels, bool, f64)> = parsed
        .map(|line| {
            let (text, value) = line.rsplit_once(' ').unwrap();
            let expr = promql::parse(text).unwrap();
            let selector = expr.selectors().next().unwrap();
            let pairs = selector.matchers.iter().map(|m| (m.name(), m.value()));
            let rate = value.strip_prefix('+');
            let number = rate.unwrap_or(value).parse().unwrap();
            (Labels::new(pairs).unwrap(), rate.is_some(), number)
        })
        .collect();
    for second in (0..=LAST_S).step_by(STEP_S as usize) {
        let batch = parsed.iter().map(|(labels, grows, number)| {
            let id = store.resolve(group, labels).unwrap();
            (
                id,
                if *grows {
                    number * second as f64
                } else {
                    *number
                },
            )
        });
        let batch: Vec<_> = batch.collect();
        let at = Timestamp::from_millis(second * 1000);
        store.append(group, at, &batch).unwrap();
    }
    store
}

/// What the built-in rules, the packs that fit, and `own` rules make of some series.
fn derived(series: &str, own: &str, known: &Graph, limits: Limits) -> Derivation {
    let store = store_of(series);
    let snapshot = store.snapshot();
    let now = Timestamp::from_millis(LAST_S * 1000);
    let packs: Vec<Pack> = embedded().iter().map(|f| Pack::load(f).unwrap()).collect();
    let mut index = SeriesIndex::new(&packs);
    let all = snapshot.series(&[], Timestamp::from_millis(0), now, 10_000);
    all.unwrap()
        .items
        .iter()
        .for_each(|labels| index.add(labels));
    let mut jobs = Vec::new();
    for (job, series) in index.jobs() {
        jobs.extend(detect(&packs, series).into_iter().map(|found| PackJobs {
            pack: found.pack,
            sel: format!("job={job:?}"),
            jobs: vec![job.to_owned()],
            variants: found.variants,
        }));
    }
    let file = RuleSource::File("own.yml".to_owned());
    let mut sources = vec![(file, parse_model_file(own).unwrap())];
    sources.extend(packs.into_iter().map(|p| (RuleSource::Pack(p.id), p.model)));
    sources.push((RuleSource::BuiltIn, built_in_rules()));
    let sources: Vec<SourcedRules> = sources
        .into_iter()
        .map(|(source, rules)| SourcedRules { source, rules })
        .collect();
    let asked = questions(&sources, &jobs, Duration::from_secs(60));
    let answers: Vec<Answer> = asked
        .iter()
        .map(|question| {
            let expr = question.expr.as_ref().ok_or("not filled")?;
            match eval_instant(&snapshot, expr, now, &EvalOptions::default()) {
                Ok(evaluated) => match evaluated.value {
                    Value::Vector(rows) => Ok(rows
                        .into_iter()
                        .map(|row| (row.labels, row.sample.value))
                        .collect()),
                    other => Err(format!("{other:?}")),
                },
                Err(error) => Err(error.to_string()),
            }
        })
        .collect();
    let locality = Locality {
        hostname: "box".to_owned(),
    };
    derive(&sources, &asked, &answers, known, &locality, limits)
}

fn shown(graph: &Graph) -> Vec<String> {
    let mut lines: Vec<String> = graph
        .relations()
        .iter()
        .map(|relation| {
            let Traffic {
                rate,
                error_ratio,
                latency,
            } = relation.traffic;
            let mut line = format!(
                "{} {} {}",
                graph.entity(relation.from).key,
                relation.kind.name(),
                graph.entity(relation.to).key
            );
            let numbers = [("/s", rate), (" failing", error_ratio), ("s", latency)];
            for (unit, number) in numbers {
                if let Some(number) = number {
                    line.push_str(&format!(" {}{unit}", (number * 1000.0).round() / 1000.0));
                }
            }
            line
        })
        .collect();
    lines.sort();
    lines
}

use crate::graph::Traffic;

/// Relations of some kinds that series make.
fn check(series: &str, kinds: &[&str], expected: &[&str]) {
    let out = derived(series, "", &Graph::default(), Limits::default());
    let mut lines = shown(&out.graph);
    lines.retain(|line| kinds.iter().any(|kind| line.contains(&format!(" {kind} "))));
    assert_eq!(lines, expected, "{series}");
    let failed = out.reports.iter().filter(|report| report.error.is_some());
    assert_eq!(failed.collect::<Vec<_>>(), Vec::<&RuleReport>::new());
}

const OUT: [&str; 4] = ["calls", "reads_from", "writes_to", "produces_to"];

#[test]
fn a_target_is_an_instance_of_its_service_on_a_host() {
    check(
        r#"up{job="cart",instance="127.0.0.1:8102"} 1
           up{job="cart",instance="box/0"} 0
           up{job="db",instance="10.0.0.7:9187",node="n1"} 1
           up{job="odd",instance="has spaces"} 1"#,
        &["instance_of", "runs_on"],
        &[
            "instance/10.0.0.7:9187{job=\"db\"} instance_of service/db",
            "instance/10.0.0.7:9187{job=\"db\"} runs_on host/n1",
            "instance/127.0.0.1:8102{job=\"cart\"} instance_of service/cart",
            "instance/127.0.0.1:8102{job=\"cart\"} runs_on host/box",
            "instance/box/0{job=\"cart\"} instance_of service/cart",
            "instance/box/0{job=\"cart\"} runs_on host/box",
            "instance/has spaces{job=\"odd\"} instance_of service/odd",
        ],
    );
}

#[test]
fn a_call_leads_to_whoever_listens_there() {
    check(
        r#"up{job="cart",instance="127.0.0.1:8102"} 1
           up{job="payments",instance="localhost:8103"} 1
           up{job="mails",instance="10.0.0.9:80"} 1
           http_client_request_duration_seconds_count{job="cart",instance="127.0.0.1:8102",server_address="127.0.0.1",server_port="8103",http_response_status_code="200"} +3
           http_client_request_duration_seconds_sum{job="cart",instance="127.0.0.1:8102",server_address="127.0.0.1",server_port="8103",http_response_status_code="200"} +0.3
           http_client_request_duration_seconds_count{job="cart",instance="127.0.0.1:8102",server_address="127.0.0.1",server_port="8103",error_type="502",http_response_status_code="502"} +1
           http_client_request_duration_seconds_sum{job="cart",instance="127.0.0.1:8102",server_address="127.0.0.1",server_port="8103",error_type="502",http_response_status_code="502"} +0.1
           rpc_client_call_duration_seconds_count{job="cart",instance="127.0.0.1:8102",server_address="localhost",server_port="8103"} +4
           http_client_request_duration_seconds_count{job="cart",instance="127.0.0.1:8102",server_address="mails",server_port="80",error_type="404"} +1
           http_client_request_duration_seconds_count{job="cart",instance="127.0.0.1:8102",server_address="api.cart.example",server_port="443"} +0
           http_client_request_duration_seconds_count{job="cart",instance="127.0.0.1:8102",server_address="_other"} +1"#,
        &OUT,
        &[
            "service/cart calls external/_other 1/s 0 failing",
            "service/cart calls external/api.cart.example:443 0/s",
            "service/cart calls service/mails 1/s 0 failing",
            "service/cart calls service/payments 8/s 0.125 failing 0.05s",
        ],
    );
}

#[test]
fn databases_and_caches_hang_on_what_their_exporters_tell_of() {
    check(
        r#"up{job="cart",instance="10.0.0.5:8102"} 1
           up{job="redis",instance="10.0.0.5:9121"} 1
           redis_up{job="redis",instance="10.0.0.5:9121"} 1
           redis_instance_info{job="redis",instance="10.0.0.5:9121",tcp_port="6379"} 1
           up{job="postgres",instance="10.0.0.6:9187"} 1
           pg_up{job="postgres",instance="10.0.0.6:9187"} 1
           pg_database_size_bytes{job="postgres",instance="10.0.0.6:9187",server="localhost:5432",datname="orders"} 1
           db_client_operation_duration_seconds_count{job="cart",instance="10.0.0.5:8102",server_address="localhost",server_port="6379",db_system_name="redis",db_namespace="0",db_operation_name="GET"} +5
           db_client_operation_duration_seconds_count{job="cart",instance="10.0.0.5:8102",server_address="localhost",server_port="6379",db_system_name="redis",db_namespace="1",db_operation_name="SET"} +1
           db_client_operation_duration_seconds_count{job="cart",instance="10.0.0.5:8102",server_address="10.0.0.6",server_port="5432",db_system_name="postgresql",db_namespace="orders",db_operation_name="SELECT"} +2
           db_client_operation_duration_seconds_count{job="cart",instance="10.0.0.5:8102",server_address="10.0.0.6",server_port="5432",db_system_name="postgresql",db_namespace="orders",db_operation_name="INSERT",error_type="UniqueViolation"} +1
           db_client_operation_duration_seconds_count{job="cart",instance="10.0.0.5:8102",db_system_name="sqlite",db_namespace="cart.sqlite",db_operation_name="SELECT"} +2
           messaging_client_operation_duration_seconds_count{job="cart",instance="10.0.0.5:8102",server_address="localhost",server_port="6379",messaging_system="redis",messaging_destination_name="mails"} +1
           messaging_client_operation_duration_seconds_count{job="cart",instance="10.0.0.5:8102",server_address="kafka",server_port="9092",messaging_system="kafka",messaging_destination_name="orders"} +1"#,
        &["reads_from", "writes_to", "produces_to", "runs_on"],
        &[
            "cache/10.0.0.5:6379 runs_on service/redis",
            "database/orders{server=\"10.0.0.6:5432\"} runs_on service/postgres",
            "instance/10.0.0.5:8102{job=\"cart\"} runs_on host/10.0.0.5",
            "instance/10.0.0.5:9121{job=\"redis\"} runs_on host/10.0.0.5",
            "instance/10.0.0.6:9187{job=\"postgres\"} runs_on host/10.0.0.6",
            "queue/mails{server=\"10.0.0.5:6379\"} runs_on cache/10.0.0.5:6379",
            "service/cart produces_to queue/mails{server=\"10.0.0.5:6379\"} 1/s 0 failing",
            "service/cart produces_to topic/orders 1/s 0 failing",
            "service/cart reads_from cache/10.0.0.5:6379 5/s 0 failing",
            "service/cart reads_from database/cart.sqlite{service=\"cart\"} 2/s 0 failing",
            "service/cart reads_from database/orders{server=\"10.0.0.6:5432\"} 2/s 0 failing",
            "service/cart writes_to cache/10.0.0.5:6379 1/s 0 failing",
            "service/cart writes_to database/orders{server=\"10.0.0.6:5432\"} 1/s 1 failing",
        ],
    );
}

#[test]
fn meshes_traces_and_proxies_name_both_ends() {
    check(
        r#"traces_service_graph_request_total{client="web",server="cart"} +4
           traces_service_graph_request_failed_total{client="web",server="cart"} +1
           traces_service_graph_request_server_seconds_sum{client="web",server="cart"} +0.4
           traces_service_graph_request_total{client="cart",server="orders",connection_type="database"} +2
           traces_service_graph_request_total{client="user",server="web"} +9
           istio_requests_total{job="mesh",reporter="destination",source_workload="a",destination_service_name="b",response_code="200"} +3
           istio_requests_total{job="mesh",reporter="destination",source_workload="a",destination_service_name="b",response_code="503"} +1
           istio_requests_total{job="mesh",reporter="source",source_workload="a",destination_service_name="b",response_code="200"} +4
           traefik_config_reloads_total{job="edge"} 1
           traefik_service_requests_total{job="edge",service="shop@docker",code="200"} +5
           traefik_service_server_up{job="edge",service="shop@docker",url="http://10.0.0.1:8000"} 1
           up{job="shop",instance="10.0.0.1:8000"} 1
           up{job="edge",instance="10.0.0.1:8082"} 1"#,
        &OUT,
        &[
            "backend/shop@docker{service=\"edge\"} calls service/shop",
            "service/a calls service/b 4/s 0.25 failing",
            "service/cart reads_from database/orders 2/s 0 failing",
            "service/edge calls backend/shop@docker{service=\"edge\"} 5/s 0 failing",
            "service/web calls service/cart 4/s 0.25 failing 0.1s",
        ],
    );
}

#[test]
fn routes_are_part_of_the_service_whatever_their_label_is_called() {
    check(
        r#"flask_http_request_total{job="a"} +1
           flask_http_request_duration_seconds_count{job="a",url_rule="/x",status="200"} +1
           flask_http_request_duration_seconds_count{job="a",url_rule="/x",status="500"} +1
           flask_http_request_total{job="b"} +1
           flask_http_request_duration_seconds_count{job="b",path="/y",status="200"} +1
           http_server_request_duration_seconds_count{job="c",http_route="/items/{item}"} +1
           django_http_requests_before_middlewares_total{job="d"} +1
           django_http_requests_latency_seconds_by_view_method_count{job="d",view="home",method="GET"} +1
           up{job="a",instance="h:1"} 1
           up{job="b",instance="h:2"} 1
           up{job="c",instance="h:3"} 1
           up{job="d",instance="h:4"} 1"#,
        &["part_of"],
        &[
            "route//items/{item}{service=\"c\"} part_of service/c",
            "route//x{service=\"a\"} part_of service/a",
            "route//y{service=\"b\"} part_of service/b",
            "route/home{service=\"d\"} part_of service/d",
        ],
    );
}

#[test]
fn consumers_and_producers_meet_at_the_topic() {
    check(
        r#"kafka_brokers{job="kafka"} 3
           kafka_topic_partition_current_offset{job="kafka",topic="orders",partition="0"} +5
           kafka_consumergroup_lag{job="kafka",consumergroup="billing",topic="orders",partition="0"} 2
           kafka_consumergroup_current_offset{job="kafka",consumergroup="billing",topic="orders",partition="0"} +5
           up{job="kafka",instance="h:1"} 1
           up{job="billing",instance="h:2"} 1
           messaging_client_operation_duration_seconds_count{job="cart",instance="h:3",server_address="k",server_port="9092",messaging_system="kafka",messaging_destination_name="orders"} +5"#,
        &["consumes_from", "produces_to", "part_of"],
        &[
            "consumer_group/billing{service=\"kafka\"} consumes_from topic/orders 5/s",
            "consumer_group/billing{service=\"kafka\"} part_of service/billing",
            "service/cart produces_to topic/orders 5/s 0 failing",
            "topic/orders part_of service/kafka",
        ],
    );
}

#[test]
fn a_user_tells_who_listens_where_and_what_belongs_together() {
    let own = r#"
entities:
  - type: team
    name: [team]
    defined_by:
      - { query: 'count by (team) (up{team!=""})', value: targets }
  - type: service
    name: [job]
    enriched_by:
      - { query: 'up{job="legacy"}', address: [serves], properties: { address: address, owner: team } }
relations:
  - type: part_of
    from: { type: service }
    to: { type: team }
    match: { owner: name }
  - type: calls
    from: { type: service, name: [caller] }
    to: { type: service, name: [callee] }
    rate: 'sum by (caller, callee) (rate(calls_total[$w]))'
"#;
    let series = r#"up{job="legacy",instance="h:9100",serves="10.0.0.4:80",team="core"} 1
        calls_total{caller="x",callee="y"} +2
        traces_service_graph_request_total{client="x",server="y"} +50
        http_client_request_duration_seconds_count{job="x",instance="h:1",server_address="10.0.0.4",server_port="80"} +1"#;
    let out = derived(series, own, &Graph::default(), Limits::default());
    let lines = shown(&out.graph);
    for line in [
        "service/legacy part_of team/core",
        "service/x calls service/y 2/s",
        "service/x calls service/legacy 1/s 0 failing",
    ] {
        assert!(lines.iter().any(|l| l == line), "{line} not in {lines:#?}");
    }
    let team = out.graph.id(&EntityKey::new("team", "core")).unwrap();
    let team = out.graph.entity(team);
    assert_eq!(team.measures.get("targets"), Some(&1.0));
}

#[test]
fn odd_labels_are_told() {
    let series = r#"up{job="shop",instance="h:1",env="prod"} 1
        up{job="shop",instance="h:2",env="test"} 1
        up{job="bare",instance="h:3"} 1
        up{job="twin",instance="h:3"} 1
        traces_service_graph_request_total{client="shop",server="shop"} +2
        http_server_request_duration_seconds_count{job="bare",instance="h:3"} +1"#;
    let out = derived(series, "", &Graph::default(), Limits::default());
    let mut notes: Vec<String> = out.notes.iter().map(ToString::to_string).collect();
    notes.sort();
    assert_eq!(
        notes,
        [
            "service/bare, service/twin are all said to listen at h:3",
            "service/shop calls itself, 2.000 times a second (the built-in rules line 39)",
            "targets of 1 job have the label env, those of bare, twin have none",
            "the targets of job shop have 2 values of env: prod, test",
        ]
    );
    let lacking: Vec<_> = out.reports.iter().flat_map(|r| &r.lacking).collect();
    assert_eq!(lacking, [(&"the label http_route".to_owned(), &1)]);
}

#[test]
fn who_listened_a_moment_ago_is_still_meant() {
    let before = r#"up{job="payments",instance="127.0.0.1:8103"} 1"#;
    let known = derived(before, "", &Graph::default(), Limits::default()).graph;
    let series = r#"http_client_request_duration_seconds_count{job="cart",instance="127.0.0.1:8102",server_address="127.0.0.1",server_port="8103"} +1"#;
    let out = derived(series, "", &known, Limits::default());
    assert_eq!(
        shown(&out.graph),
        ["service/cart calls service/payments 1/s 0 failing"]
    );
}

#[test]
fn nothing_grows_beyond_its_limit() {
    let series: String = (0..50)
        .map(|n| format!("up{{job=\"j{n}\",instance=\"h{n}:1\"}} 1\n"))
        .collect();
    for (limits, expected) in [
        (
            Limits {
                entities_max: 60,
                ..Limits::default()
            },
            "more than 60 entities; the rest is left out",
        ),
        (
            Limits {
                relations_max: 7,
                ..Limits::default()
            },
            "more than 7 relations; the rest is left out",
        ),
        (
            Limits {
                rows_max: 20,
                ..Limits::default()
            },
            "more than 20 rows of one query; the rest is left out",
        ),
    ] {
        let out = derived(&series, "", &Graph::default(), limits);
        let notes: Vec<String> = out.notes.iter().map(ToString::to_string).collect();
        assert!(notes.contains(&expected.to_owned()), "{notes:?}");
        assert!(out.graph.len() <= limits.entities_max);
        assert!(out.graph.relations().len() <= limits.relations_max);
    }
}

#[test]
fn mistakes_in_a_model_file_are_all_told_with_their_lines() {
    let text = "entities:
  - type: Queue
    name: [queue]
  - type: queue
    scope: { type: [x], Name: [y] }
    defined_by:
      - { query: 'sum(', properties: { a-b: x }, address: [a, b, c] }
      - { querry: up }
  - name: [$nope]
    type: q
    defined_by: [{ query: up }]
relations:
  - type: likes
    from: { type: a }
    to: { type: b }
    match: {}
  - type: calls
    from: { type: a, name: [x] }
    to: { type: b }
    rate: 'rate(x[$w]'
  - type: calls
    from: { type: a }
    to: { type: b }
    match: { a: b }
    rate: up
  - type: calls
    from: { type: a, name: [x], known: perhaps }
    to: { type: b, name: [x] }
";
    let problems = parse_model_file(text).unwrap_err();
    let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let expected = [
        "line 2: \"type\" is \"Queue\"; it must be a word",
        "line 2: an entity needs defined_by",
        "line 4: an entity needs the field \"name\"",
        "line 4: \"the name of a scope\" is \"type\"; it must be none of",
        "line 4: \"the name of a scope\" is \"Name\"; it must be a word",
        "line 7: the expression of \"sum(\"",
        "line 7: address and host take",
        "line 7: \"the name of a property\" is \"a-b\"",
        "line 8: a query has no field \"querry\"",
        "line 8: a query needs the field \"query\"",
        "line 9: the variant \"nope\"",
        "line 13: \"type\" is \"likes\"; it must be one of calls",
        "line 13: match needs at least one",
        "line 19: an end of a relation needs the field \"name\"",
        "line 20: the expression of",
        "line 21: a relation is found by match or by queries",
        "line 26: a relation needs match, defined_by or rate",
        "line 27: \"known\" is \"perhaps\"",
    ];
    assert_eq!(problems.len(), expected.len(), "{problems:#?}");
    let mut left: Vec<&str> = expected.to_vec();
    for problem in &problems {
        left.retain(|expected| !problem.starts_with(expected));
    }
    assert_eq!(left, Vec::<&str>::new(), "{problems:#?}");
}

proptest::proptest! {
    /// Rows of any labels are entities or reports, never a panic.
    #[test]
    fn no_labels_make_it_panic(
        rows in proptest::collection::vec(
            ("[ -~é]{0,20}", "[ -~é]{0,20}", proptest::num::f64::ANY), 0..8),
    ) {
        let sources = [SourcedRules { source: RuleSource::BuiltIn, rules: built_in_rules() }];
        let asked = questions(&sources, &[], Duration::from_secs(60));
        let rows: Vec<(Labels, f64)> = rows
            .iter()
            .map(|(a, b, value)| {
                let pairs = [("job", a), ("instance", b), ("client", a), ("server", b)];
                (Labels::new(pairs).unwrap(), *value)
            })
            .collect();
        let answers: Vec<Answer> = asked.iter().map(|_| Ok(rows.clone())).collect();
        let none = Graph::default();
        let out = derive(
            &sources, &asked, &answers, &none, &Locality::default(), Limits::default());
        let samples = crate::graph::to_samples(&out.graph);
        let read = samples.iter().map(|(labels, value)| (labels, *value));
        proptest::prop_assert_eq!(crate::graph::from_series(read).len(), out.graph.len());
    }
}
