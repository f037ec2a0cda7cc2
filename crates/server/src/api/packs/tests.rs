//! The library of the small world, compared with `tests/api/packs.json` and `pack.json`.

use std::time::Duration;

use diagnosis::pack::Overrides;

use super::*;
use crate::api::services::tests::check_golden;
use crate::judge::world::{NOW, PACKS, World, targets};

fn library(world: &World, packs: Vec<Pack>) -> Library {
    let packs = Arc::new(packs);
    let snapshot = world.store.snapshot();
    let detections = world.detections.clone();
    let detections = Arc::new(detections.with_history(&Detections::default(), &snapshot));
    let from = NOW.minus(Duration::from_secs(300));
    Library {
        coverage: Coverage::find(packs.iter(), &detections, &snapshot, from, NOW).unwrap(),
        packs,
        detections,
        alerts: world.alerts(),
        jobs: targets().into_iter().map(|target| target.job).collect(),
        judged: true,
    }
}

/// The packs that judge this world, so that the golden answers do not grow with the library.
fn own(world: &World) -> Vec<Pack> {
    let mut packs = world.judge.packs().to_vec();
    packs.retain(|pack| PACKS.contains(&pack.id.as_str()));
    packs
}

#[test]
fn the_api_tells_where_each_pack_was_found_and_what_it_can_say() {
    let world = World::new();
    let library = library(&world, own(&world));
    check_golden("packs", packs_answer(&library).unwrap());
    check_golden("pack", pack_answer(&library, "flask").unwrap());
}

#[test]
fn a_pack_that_does_not_exist_is_not_found() {
    let world = World::new();
    let library = library(&world, own(&world));
    for id in ["", "Flask", "../flask", "flask/overview", "\u{0}"] {
        assert!(pack_answer(&library, id).is_err(), "{id:?}");
    }
}

/// How an alert of the pack `flask` stands for a service, with these overrides in force.
fn check_standing(overrides: &str, alert: &str, job: &str, expected: &str) {
    let world = World::new();
    let (overrides, problems) = Overrides::read(overrides, &own(&world));
    assert_eq!(problems, []);
    let packs = own(&world).into_iter().map(|pack| pack.tuned(&overrides));
    let library = library(&world, packs.collect());
    let pack = library
        .packs
        .iter()
        .find(|pack| pack.id == "flask")
        .unwrap();
    let alerts = alerts_of(pack);
    let alert = alerts.iter().find(|a| a.alerting.name == alert).unwrap();
    let json = alert_service_json(&library, pack, alert, job);
    assert_eq!(json.state, expected, "{:?}", json.reason);
    assert_eq!(json.needs_data_until_ms.is_some(), expected == "needs_data");
    assert_eq!(json.reason.is_some(), expected == "not_evaluable");
}

#[test]
fn an_alert_is_armed_only_for_services_that_have_its_metrics() {
    check_standing("", "FlaskErrorRatioHigh", "storefront", "armed");
    // It has shown its exporter's version, and no request yet.
    check_standing("", "FlaskErrorRatioHigh", "idle", "not_evaluable");
    check_standing("", "FlaskErrorRatioHigh", "nobody", "not_evaluable");
}

#[test]
fn an_alert_that_compares_with_days_ago_needs_data_first() {
    check_standing("", "FlaskTrafficGone", "storefront", "needs_data");
}

#[test]
fn an_alert_is_off_only_where_a_user_switched_it_off() {
    let off = "overrides: [{ pack: flask, alert: FlaskErrorRatioHigh, off: true, where: { job: storefront } }]";
    check_standing(off, "FlaskErrorRatioHigh", "storefront", "off");
    check_standing(off, "FlaskErrorRatioHigh", "catalog", "armed");
}
