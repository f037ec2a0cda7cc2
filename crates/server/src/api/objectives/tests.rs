//! Objectives of the small world, compared with `tests/api/*.json`, which the UI's tests import
//! too.

use std::time::Duration;

use diagnosis::objective::STEP;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::api::services::tests::check_golden;
use crate::judge::world::{NOW, World};
use crate::objectives::{Source, fill};

fn wish(world: &World, json: &str) -> Result<Objective, ApiError> {
    let wish: Wish = serde_json::from_str(json).unwrap();
    let packs = world.judge.packs();
    let snapshot = world.store.snapshot();
    let scope = wish::Scope {
        packs: &packs,
        detections: &world.detections,
        snapshot: &snapshot,
        now: NOW,
        taken: &|id| id.as_str() == "storefront-latency",
    };
    wish.objective(&scope, None)
}

const AVAILABILITY: &str = r#"{"title": "storefront answers", "target": 0.995,
    "entity": {"type": "service", "name": "storefront"}, "indicator": {"kind": "availability"}}"#;

#[test]
fn the_api_tells_how_an_objective_stands() {
    let world = World::new();
    let objective = wish(&world, AVAILABILITY).unwrap();
    let from = NOW.minus(Duration::from_secs(600));
    let (snapshot, cancel) = (world.store.snapshot(), CancellationToken::new());
    fill(
        &world.store,
        &snapshot,
        &objective,
        STEP,
        from,
        NOW,
        &cancel,
    )
    .unwrap();
    let (ledger, standing) = look(&world.store.snapshot(), &objective, NOW).unwrap();
    let held = Held {
        objective: objective.clone(),
        source: Source::Stored,
    };
    let spark = standing.burn_down(&ledger, 4);
    let listed = || ListedJson::of(&held, &standing, &spark, None);
    check_golden(
        "objectives",
        success(&AllJson {
            objectives: vec![listed()],
            at_ms: NOW.as_millis(),
        })
        .unwrap(),
    );
    let day = Duration::from_secs(24 * 60 * 60);
    let detail = DetailJson::of(listed(), &objective, &standing, &spark, STEP, 15 * day);
    check_golden("objective", success(&detail).unwrap());
}

#[test]
fn the_api_suggests_what_was_met() {
    let world = World::new();
    let packs = world.judge.packs();
    let services: Vec<String> = world.detections.job_names().map(str::to_owned).collect();
    let found = suggestions(&SuggestScope {
        packs: &packs,
        detections: &world.detections,
        services: &services,
        held: &[],
        snapshot: &world.store.snapshot(),
        now: NOW,
    });
    let suggestions = found.unwrap();
    let shown: Vec<String> = suggestions
        .iter()
        .map(|one| format!("{} {}", one.objective.id, one.objective.target.ratio()))
        .collect();
    // The storefront fails too much for any target.
    assert!(
        shown.contains(&"catalog-availability 0.999".to_owned()),
        "{shown:?}"
    );
    assert!(
        !shown
            .iter()
            .any(|one| one.starts_with("storefront-availability")),
        "{shown:?}"
    );
    check_golden(
        "objective-suggestions",
        success(&SuggestionsJson {
            suggestions: suggestions.iter().map(SuggestionJson::of).collect(),
        })
        .unwrap(),
    );
}

/// The answer to a bad wish, which must name `part`.
fn check_refused(world: &World, json: &str, part: &str) {
    let text = match wish(world, json) {
        Ok(objective) => panic!("{json} is taken as {objective:?}"),
        Err(error) => format!("{error:?}"),
    };
    assert!(text.contains(part), "{json}: {text}");
}

#[test]
fn a_wish_that_cannot_be_met_says_why() {
    let world = World::new();
    let of = |indicator: &str, more: &str| {
        format!(
            r#"{{"entity": {{"type": "service", "name": "storefront"}}, "target": 0.99,
                "indicator": {indicator}{more}}}"#
        )
    };
    for (json, part) in [
        (
            of(r#"{"kind": "latency", "limit_seconds": 0.3}"#, ""),
            "largest one is 0.1 s",
        ),
        (
            of(r#"{"kind": "latency", "limit_seconds": 0.05}"#, ""),
            "smallest one is 0.1 s",
        ),
        (of(r#"{"kind": "latency"}"#, ""), "limit_seconds"),
        (
            of(r#"{"kind": "latency", "limit_seconds": -1}"#, ""),
            "limit_seconds",
        ),
        (of(r#"{"kind": "mood"}"#, ""), "availability, latency"),
        (of(r#"{"kind": "events"}"#, ""), "bad or good, and total"),
        (of(r#"{"kind": "events", "bad": "a"}"#, ""), "total beside"),
        (
            of(
                r#"{"kind": "events", "bad": "a", "good": "b", "total": "c"}"#,
                "",
            ),
            "either",
        ),
        (
            of(r#"{"kind": "events", "bad": "sum(", "total": "c"}"#, ""),
            "bad: the query cannot",
        ),
        (
            of(r#"{"kind": "events", "bad": "a", "total": "1"}"#, ""),
            "total: the query yields",
        ),
        (
            of(
                r#"{"kind": "threshold", "query": "a", "op": "=", "value": 1}"#,
                "",
            ),
            "op (<",
        ),
        (
            of(r#"{"kind": "availability"}"#, r#", "id": "../x""#),
            "no name for an objective",
        ),
        (
            of(
                r#"{"kind": "availability"}"#,
                r#", "window": {"kind": "rolling", "days": 0}"#,
            ),
            "1 to",
        ),
        (
            of(
                r#"{"kind": "availability"}"#,
                r#", "window": {"kind": "calendar", "unit": "year"}"#,
            ),
            "week, month or quarter",
        ),
        (
            of(
                r#"{"kind": "availability"}"#,
                r#", "window": {"kind": "calendar", "unit": "week", "zone": "../../etc/passwd"}"#,
            ),
            "no time zone",
        ),
        (
            of(
                r#"{"kind": "availability"}"#,
                r#", "by": "minutes", "minute_target": 7"#,
            ),
            "a minute",
        ),
        (
            of(r#"{"kind": "availability"}"#, r#", "floor": -1"#),
            "floor",
        ),
    ] {
        check_refused(&world, &json, part);
    }
    check_refused(
        &world,
        r#"{"entity": {"type": "service", "name": "oddity"}, "target": 0.99,
            "indicator": {"kind": "availability"}}"#,
        "no pack measures",
    );
    check_refused(
        &world,
        r#"{"entity": {"type": "service", "name": "x", "scope": {"a b": "c"}}, "target": 0.99,
            "indicator": {"kind": "events", "bad": "a", "total": "b"}}"#,
        "no name of a label",
    );
    for json in ["", "[]", "{}", r#"{"target": "x"}"#, r#"{"unknown": 1}"#] {
        assert!(serde_json::from_str::<Wish>(json).is_err(), "{json}");
    }
}

#[test]
fn what_is_shown_can_be_sent_again() {
    let world = World::new();
    for json in [
        AVAILABILITY,
        r#"{"entity": {"type": "service", "name": "storefront"}, "target": 0.9, "by": "minutes",
            "indicator": {"kind": "latency", "limit_seconds": 0.1},
            "window": {"kind": "calendar", "unit": "quarter"}}"#,
        r#"{"entity": {"type": "queue", "name": "mail", "scope": {"service": "web"}},
            "indicator": {"kind": "threshold", "query": "age", "op": "<=", "value": 30},
            "target": 0.95}"#,
    ] {
        let objective = wish(&world, json).unwrap();
        let sent = serde_json::to_string(&Wish::from(&objective)).unwrap();
        assert_eq!(wish(&world, &sent).unwrap(), objective, "{sent}");
    }
    let latency = r#"{"entity": {"type": "service", "name": "storefront"}, "target": 0.9,
        "indicator": {"kind": "latency", "limit_seconds": 0.1}}"#;
    // Its first name is taken.
    let objective = wish(&world, latency).unwrap();
    assert_eq!(objective.id.as_str(), "storefront-latency-2");
}
