//! What the API says of a small shop, compared with `tests/api/*.json`, which the UI's tests
//! import too. `UPDATE_GOLDEN=1 cargo test -p server` writes them anew.

use std::time::Duration;

use diagnosis::graph::{EntityKey, Kept, Locality, RuleSource, SourcedRules, parse_model_file};
use diagnosis::rules::{Alert, AlertState};
use model::Labels;
use promql::Cancel;
use store::Store;

use super::*;
use crate::api::services::tests::check_golden;
use crate::judge::world::NOW;
use crate::judge::{Detections, Judge};
use crate::relate::rules::Rules;
use crate::relate::standing::of_alerts;
use crate::relate::{Round, relate};

const STEP_S: i64 = 5;
const SPAN_S: i64 = 600;

/// Series of the shop as PromQL writes them; `+2` grows by two a second.
const SHOP: &str = r#"
up{job="storefront",instance="127.0.0.1:8101"} 1
up{job="cart",instance="127.0.0.1:8102"} 1
up{job="payments",instance="127.0.0.1:8103",env="demo"} 1
up{job="redis",instance="127.0.0.1:9121"} 1
flask_exporter_info{job="storefront",instance="127.0.0.1:8101",version="0.23.2"} 1
flask_exporter_info{job="cart",instance="127.0.0.1:8102",version="0.23.2"} 1
flask_http_request_total{job="cart",instance="127.0.0.1:8102",method="GET",status="200"} +8
flask_http_request_duration_seconds_count{job="cart",instance="127.0.0.1:8102",url_rule="/cart/<cart>",status="200"} +8
process_resident_memory_bytes{job="cart",instance="127.0.0.1:8102"} 600000000
http_client_request_duration_seconds_count{job="storefront",instance="127.0.0.1:8101",server_address="127.0.0.1",server_port="8102",http_response_status_code="200"} +8
http_client_request_duration_seconds_sum{job="storefront",instance="127.0.0.1:8101",server_address="127.0.0.1",server_port="8102",http_response_status_code="200"} +0.16
http_client_request_duration_seconds_count{job="cart",instance="127.0.0.1:8102",server_address="127.0.0.1",server_port="8103",http_response_status_code="200"} +3
http_client_request_duration_seconds_count{job="cart",instance="127.0.0.1:8102",server_address="127.0.0.1",server_port="8103",error_type="500",http_response_status_code="500"} +1
http_client_request_duration_seconds_sum{job="cart",instance="127.0.0.1:8102",server_address="127.0.0.1",server_port="8103",http_response_status_code="200"} +0.2
http_client_request_duration_seconds_count{job="cart",instance="127.0.0.1:8102",server_address="127.0.0.1",server_port="8999",error_type="ConnectionError"} +1
db_client_operation_duration_seconds_count{job="cart",instance="127.0.0.1:8102",db_system_name="sqlite",db_namespace="cart.sqlite",db_operation_name="SELECT"} +12
db_client_operation_duration_seconds_count{job="cart",instance="127.0.0.1:8102",db_system_name="redis",db_namespace="0",db_operation_name="GET",server_address="localhost",server_port="6379"} +5
redis_up{job="redis",instance="127.0.0.1:9121"} 1
redis_instance_info{job="redis",instance="127.0.0.1:9121",tcp_port="6379",redis_version="7.0.15",role="master"} 1
"#;

const OWN: &str = "
entities:
  - type: service
    name: [job]
    enriched_by:
      - { query: 'sum by (job) (process_resident_memory_bytes)', value: memory_bytes }
relations:
  - type: calls
    from: { type: service, name: [caller] }
    to: { type: service, name: [callee] }
    rate: 'rate(our_calls_total[$w])'
";

fn shop() -> Store {
    let store = Store::in_memory();
    let group = store.group("shop");
    let lines = SHOP.lines().filter(|line| !line.is_empty());
    let series = lines.map(|line| {
        let (text, value) = line.rsplit_once(' ').unwrap();
        let expr = promql::parse(text).unwrap();
        let matchers = expr.selectors().next().unwrap().matchers.iter();
        let labels = Labels::new(matchers.map(|m| (m.name(), m.value()))).unwrap();
        let id = store.resolve(group, &labels).unwrap();
        let grows = value.strip_prefix('+');
        let number: f64 = grows.unwrap_or(value).parse().unwrap();
        (id, grows.is_some(), number)
    });
    let series: Vec<_> = series.collect();
    for second in (0..=SPAN_S).step_by(STEP_S as usize) {
        let at = NOW.plus_millis((second - SPAN_S) * 1000);
        let value = |(id, grows, number): &(_, bool, f64)| {
            (
                *id,
                if *grows {
                    number * second as f64
                } else {
                    *number
                },
            )
        };
        let batch: Vec<_> = series.iter().map(value).collect();
        store.append(group, at, &batch).unwrap();
    }
    store
}

fn alert(labels: &[(&str, &str)], sentence: &str) -> Alert {
    Alert {
        labels: Labels::new(labels.iter().copied()).unwrap(),
        annotations: vec![("sentence".to_owned(), sentence.to_owned())],
        state: AlertState::Firing {
            active_at: NOW.minus(Duration::from_secs(120)),
            fired_at: NOW.minus(Duration::from_secs(60)),
            clear_since: None,
        },
        value: 1.0,
    }
}

struct Shown {
    related: Related,
    seen: Seen,
    store: Store,
    judge: Judge,
    detections: Detections,
}

fn shown() -> Shown {
    let (store, judge) = (shop(), Judge::new());
    let packs = judge.packs();
    let detections = Detections::find(&packs, &[], &store.snapshot(), NOW);
    let own = SourcedRules {
        source: RuleSource::File("model.yml".to_owned()),
        rules: parse_model_file(OWN).unwrap(),
    };
    let mut rules = Rules::of_packs(packs, vec![own]);
    let locality = Locality {
        hostname: "box".to_owned(),
    };
    let (snapshot, cancel) = (store.snapshot(), Cancel::new());
    let round = Round {
        snapshot: &snapshot,
        detections: &detections,
        now: NOW,
        window: Duration::from_secs(60),
        locality: &locality,
        cancel: &cancel,
    };
    let mut related = || {
        let mut derived = relate(&mut rules, &round, &Graph::default());
        Kept::default().complete(&mut derived.graph, NOW, Duration::from_secs(300));
        Related::new(derived, &rules, NOW)
    };
    let alerts = [
        alert(
            &[
                ("alertname", "FlaskErrors"),
                ("job", "payments"),
                ("severity", "critical"),
                ("kind", "symptom"),
            ],
            "24 % of the requests fail",
        ),
        alert(
            &[
                ("alertname", "OpenFiles"),
                ("job", "cart"),
                ("instance", "127.0.0.1:8102"),
                ("severity", "warning"),
                ("kind", "capacity"),
            ],
            "91 % of the open files are in use",
        ),
        alert(&[("alertname", "Deadman")], "always"),
    ];
    let shown = related();
    let assertions = of_alerts(&shown.graph, &shown.lookup, &alerts);
    Shown {
        seen: Seen::newest(Arc::new(shown), assertions, NOW),
        related: related(),
        store,
        judge,
        detections,
    }
}

#[test]
fn kpis_that_were_judged_are_read_from_their_series() {
    let store = Store::in_memory();
    let group = store.group("kpis");
    let mut batch = Vec::new();
    for (series, value) in [
        (
            r#"pyrometer:kpi{kpi="error_ratio",entity_type="service",entity="cart"}"#,
            0.25,
        ),
        (
            r#"pyrometer:kpi{kpi="no_such_kpi",entity_type="service",entity="cart"}"#,
            1.0,
        ),
        (
            r#"pyrometer:kpi{kpi="up",entity_type="service",entity="cart",namespace="eu"}"#,
            1.0,
        ),
        (
            r#"pyrometer:kpi{kpi="up",entity_type="service",entity="payments"}"#,
            1.0,
        ),
    ] {
        let expr = promql::parse(series).unwrap();
        let matchers = expr.selectors().next().unwrap().matchers.iter();
        let labels = Labels::new(matchers.map(|m| (m.name(), m.value()))).unwrap();
        batch.push((store.resolve(group, &labels).unwrap(), value));
    }
    store.append(group, NOW, &batch).unwrap();
    let key = EntityKey::new("service", "cart");
    let kpis = entity::written_kpis(&key, &store.snapshot(), NOW);
    let json = serde_json::to_value(&kpis).unwrap();
    let query = "pyrometer:kpi{entity=\"cart\", entity_type=\"service\", kpi=\"error_ratio\"}";
    let expected = serde_json::json!([{"name": "error_ratio", "unit": "percentunit",
        "good": "low", "query": query, "value": 0.25}]);
    assert_eq!(json, expected);
}

#[test]
fn the_api_tells_who_depends_on_whom() {
    let shown = shown();
    let seen = &shown.seen;
    let whole = Focus {
        entities_max: ENTITIES_MAX,
        ..Focus::default()
    };
    check_golden("graph", graph_answer(seen, &whole).unwrap());
    let text = "services having assertion and memory > 500MB";
    check_golden("entities_none", entities_answer(seen, text, 100).unwrap());
    let text = "services connected to cart";
    check_golden("entities", entities_answer(seen, text, 100).unwrap());
    let cart = seen.graph().id(&EntityKey::new("service", "cart")).unwrap();
    let packs = shown.judge.packs();
    let snapshot = shown.store.snapshot();
    let kpis = entity::kpis(&packs, &shown.detections, "cart", &snapshot, NOW);
    let dashboards = entity::dashboards(&packs, &shown.detections, "cart");
    let answer = entity::entity_answer(seen, cart, kpis, dashboards);
    check_golden("entity", answer.unwrap());
    let frameworks = [("cart", "Flask"), ("storefront", "Flask")];
    let frameworks = frameworks.map(|(job, pack)| (job.to_owned(), pack.to_owned()));
    let answer = doctor_answer(&shown.related, &BTreeMap::from(frameworks));
    check_golden("doctor", answer.unwrap());
}
