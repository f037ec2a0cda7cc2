//! What the API says of a small world, compared with `tests/api/*.json`, which the UI's tests
//! import too. `UPDATE_GOLDEN=1 cargo test -p server` writes them anew.

use std::path::Path;

use axum::response::Response;

use super::*;
use crate::api::rules::{RulesFilter, alerts_answer, rules_answer};
use crate::judge::world::{NOW, SCRAPE, World, targets};

/// Compares an answer with a golden file, or writes the file.
pub(in crate::api) fn check_golden(name: &str, answer: Response) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let body = runtime
        .block_on(axum::body::to_bytes(answer.into_body(), 1 << 20))
        .unwrap();
    let mut json: serde_json::Value = serde_json::from_slice(&body).unwrap();
    forget_durations(&mut json);
    let text = format!("{}\n", serde_json::to_string_pretty(&json).unwrap());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/api");
    let path = folder.join(format!("{name}.json"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(&path, &text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        text,
        golden,
        "{} differs; UPDATE_GOLDEN=1 writes it anew",
        path.display()
    );
}

/// How long an evaluation took differs from run to run.
fn forget_durations(json: &mut serde_json::Value) {
    match json {
        serde_json::Value::Object(fields) => {
            for (name, value) in fields {
                if name == "evaluationTime" {
                    *value = serde_json::json!(0.0005);
                }
                forget_durations(value);
            }
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(forget_durations),
        _ => {}
    }
}

#[test]
fn the_api_tells_what_the_judge_found() {
    let world = World::new();
    let (packs, groups) = (&world.judge.packs(), world.groups.clone());
    let rules = rules_answer(groups, packs, &world.detections, &RulesFilter::default());
    check_golden("rules", rules.unwrap());
    let alerts = world.alerts();
    check_golden("alerts", alerts_answer(&alerts).unwrap());
    let (targets, snapshot) = (targets(), world.store.snapshot());
    let minute = Duration::from_secs(60);
    let range = Range {
        start: NOW.minus(minute * 8),
        end: NOW,
        step: minute * 2,
    };
    let scope = ServiceScope {
        packs,
        detections: &world.detections,
        alerts: &alerts,
        targets: &targets,
        snapshot: &snapshot,
        now: NOW,
        range: Some(range),
        window: minute,
    };
    let reports = services::services(&scope);
    check_golden(
        "services",
        services_answer(&reports, Some(range), SCRAPE).unwrap(),
    );
    let without_series = ServiceScope {
        range: None,
        ..scope
    };
    let report = services::service(&without_series, "storefront").unwrap();
    let found: Vec<(&Pack, &Detection)> = services::packs_of(&scope, "storefront");
    let answer = service_answer(&report, &targets, &found, minute);
    check_golden("service", answer.unwrap());
    assert!(services::service(&scope, "nobody").is_none());
}
