use diagnosis::graph::EntityKey;
use diagnosis::kpi::{KpiKey, KpiKind};
use model::Timestamp;
use store::Store;

use super::*;
use crate::relate::write::SeriesWriter;

fn write_kpi(store: &Store, writer: &mut SeriesWriter, at: Timestamp, value: f64) {
    let key = KpiKey {
        entity: EntityKey::new("service", "web"),
        kind: KpiKind::ErrorRatio,
    };
    writer.write(store, at, &[(key.labels(), value)]).unwrap();
}

#[test]
fn kpis_that_were_written_are_learned_and_what_lasts_is_written_and_read_again() {
    let store = Store::in_memory();
    let mut writer = SeriesWriter::of("kpis");
    let start = Timestamp::from_millis(1_767_225_600_000);
    let at = |round: u32| start.plus(INTERVAL * round);
    for round in 0..400 {
        write_kpi(&store, &mut writer, at(round), 0.001);
    }
    for round in 400..420 {
        write_kpi(&store, &mut writer, at(round), 0.5);
    }
    let mut memory = Memory::new();
    let snapshot = store.snapshot();
    memory.learn(at(420), &|from, to, _| {
        series::kpis(&snapshot, from, to).unwrap()
    });
    let names: Vec<_> = memory
        .assertions
        .active()
        .map(|one| one.key.name.clone())
        .collect();
    assert!(
        names.contains(&"error_ratio_breach".to_owned()),
        "{names:?}"
    );
    let lasting: Vec<_> = memory.assertions.active().map(series::sample).collect();
    memory.lasting.write(&store, at(420), &lasting).unwrap();
    memory.lasting.write(&store, at(421), &lasting).unwrap();
    memory.lasting.write(&store, at(422), &[]).unwrap();
    let found = lasted(&store.snapshot(), at(0), at(430)).unwrap();
    let breach = found
        .iter()
        .find(|one| one.name == "error_ratio_breach")
        .unwrap();
    assert_eq!((breach.since, breach.end), (at(420), Some(at(422))));
    assert_eq!(breach.kpi, Some(KpiKind::ErrorRatio));
    let known = KpiKey {
        entity: EntityKey::new("service", "web"),
        kind: KpiKind::ErrorRatio,
    };
    assert_eq!(memory.assertions.last(&known), Some(at(419)));
}
