use diagnosis::kpi::KpiKind;

use super::*;
use crate::judge::world::{NOW, World};

fn sources_of(world: &World, mappings: &str) -> KpiSources {
    let (mappings, problems) = read_mapping_file(mappings);
    assert_eq!(problems, []);
    KpiSources {
        packs: world.judge.packs(),
        detections: Arc::new(world.detections.clone()),
        mappings,
        window: WINDOW_MIN,
        step: Duration::from_secs(5),
        machine: "box".to_owned(),
    }
}

fn value_of(kpis: &[KpiSeries], entity: &str, kind: &str) -> Option<f64> {
    let kind = KpiKind::parse(kind).unwrap();
    let mut found = kpis.iter().filter(|kpi| kpi.key.kind == kind);
    let found = found.find(|kpi| kpi.key.entity.to_string() == entity);
    found
        .and_then(|kpi| kpi.samples.last())
        .map(|(_, value)| (value * 1e3).round() / 1e3)
}

const ODDITY: &str = "mappings: [{ entity: { type: queue, label: job }, kpi: resource,
    resource: things, metric: oddity_things }]";

#[test]
fn a_round_has_the_kpis_of_services_routes_instances_and_mappings() {
    let world = World::new();
    let round = round(&sources_of(&world, ODDITY), &world.store.snapshot(), NOW);
    for (entity, kind, expected) in [
        ("service/storefront", "request_rate", Some(12.4)),
        ("service/storefront", "error_ratio", Some(0.24)),
        ("service/catalog", "error_ratio", Some(0.0)),
        ("service/storefront", "latency_p95", Some(0.098)),
        (
            "route//{service=\"storefront\"}",
            "request_rate",
            Some(12.4),
        ),
        (
            "route//<id>{service=\"catalog\"}",
            "request_rate",
            Some(3.0),
        ),
        ("service/mailer", "up", Some(0.0)),
        ("instance/127.0.0.1:8001{job=\"mailer\"}", "up", Some(0.0)),
        ("queue/oddity", "resource:things", Some(7.0)),
        ("service/idle", "error_ratio", None),
    ] {
        let found = value_of(&round.kpis, entity, kind);
        assert_eq!(found, expected, "{entity} {kind}: {:#?}", round.kpis);
    }
    assert_eq!(round.refused, 0);
}

#[test]
fn a_users_mapping_is_believed_before_a_pack() {
    let world = World::new();
    let own = "mappings: [{ entity: { type: service, label: job }, kpi: request_rate,
        metric: oddity_things, unit: per_second }, { name: other, entity: { type: service, name: storefront },
        kpi: request_rate, metric: oddity_things, unit: per_second }]";
    let round = round(&sources_of(&world, own), &world.store.snapshot(), NOW);
    assert_eq!(
        value_of(&round.kpis, "service/storefront", "request_rate"),
        Some(7.0)
    );
}

#[test]
fn the_past_is_what_was_written_and_before_that_what_raw_series_say() {
    let world = World::new();
    let sources = sources_of(&world, ODDITY);
    let step = Duration::from_secs(60);
    let from = NOW.minus(Duration::from_secs(300));
    let asked = history(&sources, &world.store.snapshot(), from, NOW, step);
    let rate = |kpis: &[KpiSeries]| -> Vec<(i64, i64)> {
        let found = kpis.iter().find(|kpi| {
            kpi.key.entity.to_string() == "service/storefront"
                && kpi.key.kind == KpiKind::ErrorRatio
        });
        let samples = found.map(|kpi| kpi.samples.clone()).unwrap_or_default();
        let ago = |at: Timestamp| (at.as_millis() - NOW.as_millis()) / 1000;
        samples
            .iter()
            .map(|(at, value)| (ago(*at), (value * 100.0).round() as i64))
            .collect()
    };
    assert_eq!(
        rate(&asked),
        [
            (-300, 0),
            (-240, 0),
            (-180, 24),
            (-120, 24),
            (-60, 24),
            (0, 24)
        ]
    );

    let mut writer = KpiWriter::new(&world.store);
    for ago in [60, 45, 30, 15, 0] {
        let at = NOW.minus(Duration::from_secs(ago));
        let mut round = round(&sources, &world.store.snapshot(), at);
        for kpi in &mut round.kpis {
            if kpi.key.kind == KpiKind::ErrorRatio {
                kpi.samples[0].1 = 0.99;
            }
        }
        writer.write(&world.store, at, &round.kpis).unwrap();
    }
    let both = history(&sources, &world.store.snapshot(), from, NOW, step);
    assert_eq!(
        rate(&both),
        [
            (-300, 0),
            (-240, 0),
            (-180, 24),
            (-120, 24),
            (-15, 99),
            (0, 99)
        ]
    );
}

#[test]
fn a_kpi_that_is_gone_ends_with_a_stale_marker() {
    let world = World::new();
    let sources = sources_of(&world, "");
    let mut writer = KpiWriter::new(&world.store);
    let kpis = round(&sources, &world.store.snapshot(), NOW).kpis;
    writer.write(&world.store, NOW, &kpis).unwrap();
    let later = NOW.plus(KPI_INTERVAL);
    let left: Vec<KpiSeries> = kpis.iter().skip(1).cloned().collect();
    writer.write(&world.store, later, &left).unwrap();
    let expr = promql::parse("count(pyrometer:kpi)").unwrap();
    let count = |at| match eval_instant(&world.store.snapshot(), &expr, at, &options()) {
        Ok(found) => match found.value {
            Value::Vector(series) => series[0].sample.value as usize,
            other => panic!("{other:?}"),
        },
        Err(error) => panic!("{error}"),
    };
    assert_eq!((count(NOW), count(later)), (kpis.len(), kpis.len() - 1));
}
