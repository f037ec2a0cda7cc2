//! A small world to judge: six services, ten minutes, one fault. For tests.

use std::sync::Arc;
use std::time::Duration;

use diagnosis::rules::{Alert, GroupOptions};
use model::{Labels, Timestamp};
use promql::EvalOptions;
use store::{GroupId, Store};

use super::services::{AnnouncedService, TargetFacts};
use super::{Detections, Judge, JudgedGroup, load};

/// 2026-01-01T00:00:00Z: when everybody looks.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

pub(crate) const SCRAPE: Duration = Duration::from_secs(5);

/// One series of a service, as PromQL writes it, and its value `s` seconds after the start.
type Exposed = (&'static str, fn(f64) -> f64);

/// How much of `s` lies after the moment the fault began, six minutes after the start.
fn since_fault(s: f64) -> f64 {
    (s - 360.0).max(0.0)
}

/// 12.4 requests a second, of which 24 % fail since four minutes.
const STOREFRONT: &[Exposed] = &[
    ("up", |_| 1.0),
    (
        r#"python_info{version="3.12.1",implementation="CPython"}"#,
        |_| 1.0,
    ),
    (r#"flask_exporter_info{version="0.23.2"}"#, |_| 1.0),
    (r#"app_info{version="1.0.1"}"#, |_| 1.0),
    ("pyrometer_workers", |_| 2.0),
    ("process_start_time_seconds", |_| 1_767_225_000.0),
    (
        r#"flask_http_request_total{method="GET",status="200"}"#,
        |s| 12.4 * s - 0.24 * 12.4 * since_fault(s),
    ),
    (
        r#"flask_http_request_total{method="GET",status="500"}"#,
        |s| 0.24 * 12.4 * since_fault(s),
    ),
    (
        r#"flask_http_request_duration_seconds_count{path="/",status="200"}"#,
        |s| 12.4 * s,
    ),
    (
        r#"flask_http_request_duration_seconds_bucket{le="0.1",path="/",status="200"}"#,
        |s| 12.0 * s,
    ),
    (
        r#"flask_http_request_duration_seconds_bucket{le="+Inf",path="/",status="200"}"#,
        |s| 12.4 * s,
    ),
];

/// Well, and without a failure ever.
const CATALOG: &[Exposed] = &[
    ("up", |_| 1.0),
    (
        r#"python_info{version="3.12.1",implementation="CPython"}"#,
        |_| 1.0,
    ),
    (r#"flask_exporter_info{version="0.23.2"}"#, |_| 1.0),
    (
        r#"flask_http_request_total{method="GET",status="200"}"#,
        |s| 3.0 * s,
    ),
    (
        r#"flask_http_request_duration_seconds_count{url_rule="/<id>",status="200"}"#,
        |s| 3.0 * s,
    ),
];

/// Waits for its first request.
const IDLE: &[Exposed] = &[
    ("up", |_| 1.0),
    (r#"flask_exporter_info{version="0.23.2"}"#, |_| 1.0),
];

/// Python without HTTP.
const WORKER: &[Exposed] = &[
    ("up", |_| 1.0),
    (r#"python_info{version="3.12.1"}"#, |_| 1.0),
];

/// Something of its own.
const ODDITY: &[Exposed] = &[("up", |_| 1.0), ("oddity_things", |_| 7.0)];

/// Does not answer since two minutes and a half.
const MAILER: &[Exposed] = &[("up", |s| f64::from(s < 450.0))];

const SERVICES: [(&str, &[Exposed]); 6] = [
    ("storefront", STOREFRONT),
    ("catalog", CATALOG),
    ("idle", IDLE),
    ("worker", WORKER),
    ("oddity", ODDITY),
    ("mailer", MAILER),
];

/// The packs that the services show; the golden files do not grow with the library.
pub(crate) const PACKS: [&str; 3] = ["flask", "python", "target"];

/// Ten minutes of all services, judged every 15 seconds.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) judge: Judge,
    pub(crate) groups: Vec<Arc<JudgedGroup>>,
    pub(crate) detections: Detections,
}

impl World {
    pub(crate) fn new() -> Self {
        let store = Store::in_memory();
        let judge = Judge::new();
        let mut loaded = load::pack_groups(&judge.packs());
        loaded.retain(|group| PACKS.contains(&group.pack.as_deref().unwrap_or_default()));
        loaded.push(load::LoadedGroup {
            file: "rules/own.yml".to_owned(),
            pack: None,
            group: diagnosis::rules::parse_rule_file(OWN_RULES)
                .unwrap()
                .remove(0),
        });
        let options = GroupOptions {
            interval: Duration::from_secs(15),
            ..GroupOptions::default()
        };
        let new = |group| Arc::new(JudgedGroup::new(group, options.clone()));
        let groups: Vec<_> = loaded.into_iter().map(new).collect();
        let start = NOW.minus(Duration::from_secs(600));
        for round in 0..=120_u32 {
            let at = start.plus(SCRAPE * round);
            SERVICES
                .iter()
                .for_each(|service| scrape(&store, service, at, SCRAPE * round));
            if round % 3 == 0 {
                groups
                    .iter()
                    .for_each(|g| drop(g.evaluate(&store, at, &EvalOptions::default())));
            }
        }
        let detections = Detections::find(&judge.packs(), &groups, &store.snapshot(), NOW);
        Self {
            store,
            judge,
            groups,
            detections,
        }
    }

    pub(crate) fn alerts(&self) -> Vec<Alert> {
        let reports = self.groups.iter().map(|group| group.report());
        reports
            .flat_map(|report| report.rules.clone())
            .flat_map(|rule| rule.alerts)
            .collect()
    }
}

pub(crate) const OWN_RULES: &str = "
groups:
  - name: own
    rules:
      - record: job:requests:rate1m
        expr: sum by (job) (rate(flask_http_request_total[1m]))
        labels: { team: shop }
      - alert: Broken
        expr: up * on (job) group_left () flask_http_request_total
      - alert: Deadman
        expr: vector(1)
        labels: { severity: none }
";

fn scrape(store: &Store, service: &(&str, &[Exposed]), at: Timestamp, since_start: Duration) {
    let group: GroupId = store.group(service.0);
    let s = since_start.as_secs_f64();
    let samples: Vec<_> = service
        .1
        .iter()
        .map(|(series, value)| {
            let expr = promql::parse(series).unwrap();
            let matchers = expr.selectors().next().unwrap().matchers.iter();
            let labels = Labels::new(matchers.map(|m| (m.name(), m.value()))).unwrap();
            let mut builder = labels.builder();
            builder
                .set("job", service.0)
                .set("instance", "127.0.0.1:8001");
            (store.resolve(group, &builder.build()).unwrap(), value(s))
        })
        .collect();
    store.append(group, at, &samples).unwrap();
}

pub(crate) fn targets() -> Vec<TargetFacts> {
    let target = |(job, exposed): &(&str, &[Exposed])| {
        let down = *job == "mailer";
        TargetFacts {
            job: (*job).to_owned(),
            instance: "127.0.0.1:8001".to_owned(),
            health: if down { "down" } else { "up" },
            last_scrape: Some(NOW.minus(Duration::from_secs(3))),
            last_error: down.then(|| "connection refused".to_owned()),
            samples: exposed.len(),
            announced: (*job == "worker").then(|| AnnouncedService {
                framework: Some("celery".to_owned()),
                runtime: "python 3.12.1".to_owned(),
                version: Some("2.0".to_owned()),
                started: NOW.minus(Duration::from_secs(3600)),
                processes: 4,
            }),
        }
    };
    SERVICES.iter().map(target).collect()
}
