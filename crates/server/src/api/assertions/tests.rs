use std::time::Duration;

use diagnosis::assertion::{AssertionKey, Category, Compared, Severity};
use model::Labels;

use super::*;
use crate::api::services::tests::check_golden;
use crate::judge::world::NOW;

fn asserted() -> Asserted {
    let ago = |seconds: u64| NOW.minus(Duration::from_secs(seconds));
    let key = |entity: EntityKey, name: &str, kpi: Option<&str>| AssertionKey {
        entity,
        name: name.to_owned(),
        kpi: kpi.and_then(KpiKind::parse),
    };
    let service = |name: &str| EntityKey::new("service", name);
    let route = EntityKey {
        scope: Labels::new([("service", "storefront")]).unwrap(),
        ..EntityKey::new("route", "/cart \"x\"")
    };
    let errors = Assertion {
        key: key(
            service("storefront"),
            "error_ratio_breach",
            Some("error_ratio"),
        ),
        category: Category::Error,
        severity: Severity::Critical,
        since: ago(210),
        onset: ago(240),
        end: None,
        compared: Some(Compared {
            value: 0.24,
            usual: Some(0.001),
            limit: Some(0.1),
            deviation: f64::NAN,
        }),
        sentence: "Errors 24 %, usually 0.1 %; the limit is 10 %".to_owned(),
    };
    let latency = Assertion {
        key: key(route, "latency_breach", Some("latency_p95")),
        since: ago(900),
        onset: ago(960),
        end: Some(ago(300)),
        compared: Some(Compared {
            value: 1.2,
            usual: None,
            limit: Some(f64::INFINITY),
            deviation: 0.0,
        }),
        sentence: "p95 1.2 s, its limit is 350 ms (95 % of the last 7 days)".to_owned(),
        ..errors.clone()
    };
    let deploy = Assertion {
        key: key(service("storefront"), "deploy", None),
        category: Category::Amend,
        severity: Severity::Info,
        since: ago(600),
        onset: ago(600),
        compared: None,
        sentence: "storefront 1.0.2 was deployed".to_owned(),
        ..errors.clone()
    };
    Asserted {
        lasting: vec![errors, deploy],
        over: [latency].into(),
    }
}

#[test]
fn the_api_tells_what_is_and_was_not_right() {
    let past = Lasted {
        entity: EntityKey::new("cache", "redis:6379"),
        name: "RedisDown".to_owned(),
        category: "failure".to_owned(),
        severity: "critical".to_owned(),
        kpi: None,
        since: NOW.minus(Duration::from_secs(3000)),
        end: Some(NOW.minus(Duration::from_secs(2000))),
    };
    // What is known with its numbers stands there once.
    let known = Lasted {
        entity: EntityKey::new("service", "storefront"),
        name: "error_ratio_breach".to_owned(),
        kpi: Some(KpiKind::ErrorRatio),
        since: NOW.minus(Duration::from_secs(210)),
        end: None,
        ..past.clone()
    };
    let range = (NOW.minus(RANGE_DEFAULT), NOW);
    let past = vec![past, known];
    let answer = assertions_answer(&asserted(), past.clone(), range, None);
    check_golden("assertions", answer.unwrap());
    let answer = assertions_answer(&asserted(), past, range, Some("cache/redis:6379"));
    check_golden("assertions_of_entity", answer.unwrap());
}

#[test]
fn a_told_change_is_written_and_read_again() {
    let store = store::Store::in_memory();
    let body =
        br#"{"service":"storefront","version":"1.0.2","link":"https://ci/7","time":1767225000}"#;
    let told = read_change(body, NOW).unwrap();
    let mut writer = crate::relate::write::SeriesWriter::of("changes");
    writer.write(&store, NOW, &[told.sample()]).unwrap();
    writer
        .write(&store, NOW.plus(Duration::from_secs(15)), &[])
        .unwrap();
    let end = NOW.plus(Duration::from_secs(60));
    let known = told_changes(&store.snapshot(), NOW, end).unwrap();
    check_golden("changes", changes_answer(known).unwrap());
}

#[test]
fn a_change_that_cannot_be_used_is_refused_with_a_reason() {
    let check = |body: &str, expected: &str| {
        let refused = read_change(body.as_bytes(), NOW).map(|told| told.title);
        let shown = format!("{refused:?}");
        assert!(
            refused.is_err() && shown.contains(expected),
            "{body}: {shown}"
        );
    };
    check("", "cannot be read");
    check("[]", "cannot be read");
    check("\u{0}\u{1}", "cannot be read");
    check("{\"version\": \"1\"}", "service");
    check("{\"service\": \" \"}", "empty");
    check("{\"service\": \"a\", \"colour\": 1}", "colour");
    check("{\"service\": \"a\", \"time\": \"soon\"}", "no time");
    check("{\"service\": \"a\", \"time\": [1]}", "seconds or RFC");
    check("{\"service\": \"a\", \"time\": 9e15}", "ahead");
    check(
        "{\"service\": \"a\", \"link\": \"javascript:alert(1)\"}",
        "http",
    );
    let long = "a".repeat(300);
    check(&format!("{{\"service\": \"{long}\"}}"), "longer");
    check(
        &format!("{{\"service\": \"a\", \"title\": \"{long}\"}}"),
        "longer",
    );
}
