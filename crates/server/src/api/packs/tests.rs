//! The library of the small world, compared with `tests/api/packs.json` and `pack.json`.

use std::time::Duration;

use super::*;
use crate::api::services::tests::check_golden;
use crate::judge::world::{NOW, World, targets};

fn library(world: &World) -> Library<'_> {
    let packs = world.judge.packs();
    let detections = Arc::new(world.detections.clone());
    let from = NOW.minus(Duration::from_secs(300));
    let snapshot = world.store.snapshot();
    Library {
        coverage: Coverage::find(packs.iter(), &detections, &snapshot, from, NOW).unwrap(),
        packs,
        detections,
        alerts: world.alerts(),
        jobs: targets().into_iter().map(|target| target.job).collect(),
        judged: true,
    }
}

#[test]
fn the_api_tells_where_each_pack_was_found_and_what_it_can_say() {
    let world = World::new();
    let library = library(&world);
    check_golden("packs", packs_answer(&library).unwrap());
    check_golden("pack", pack_answer(&library, "flask").unwrap());
}

#[test]
fn a_pack_that_does_not_exist_is_not_found() {
    let world = World::new();
    let library = library(&world);
    for id in ["", "Flask", "../flask", "flask/overview", "\u{0}"] {
        assert!(pack_answer(&library, id).is_err(), "{id:?}");
    }
}

/// How an alert of the pack `flask` stands for a service.
fn check_standing(alert: &str, job: &str, armed: bool) {
    let world = World::new();
    let library = library(&world);
    let pack = world.judge.pack("flask").unwrap();
    let (rule, _) = alerts_of(pack)
        .find(|(rule, _)| rule.name() == alert)
        .unwrap();
    let standing = library.coverage.standing(pack, rule, job);
    assert_eq!(standing == Standing::Armed, armed, "{standing:?}");
}

#[test]
fn an_alert_is_armed_only_for_services_that_have_its_metrics() {
    check_standing("FlaskErrorRatioHigh", "storefront", true);
    // It has shown its exporter's version, and no request yet.
    check_standing("FlaskErrorRatioHigh", "idle", false);
    check_standing("FlaskErrorRatioHigh", "nobody", false);
}
