use std::time::Duration;

use diagnosis::graph::EntityKey;
use diagnosis::kpi::{KpiKey, KpiKind};
use model::Timestamp;
use store::Store;

use super::*;
use crate::relate::write::SeriesWriter;

fn write_kpi(store: &Store, writer: &mut SeriesWriter, at: Timestamp, value: f64) {
    let entity = EntityKey::new("service", "web");
    let mut pairs = kpi_labels(&entity, &KpiKind::ErrorRatio);
    pairs.push((model::METRIC_NAME.to_owned(), "pyrometer:kpi".to_owned()));
    writer
        .write(store, at, &[(series::of_pairs(&pairs), value)])
        .unwrap();
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
    memory.learn(&store.snapshot(), at(420));
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

#[test]
fn old_history_is_thinned_and_new_is_not() {
    let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
    let mut samples: Vec<_> = (0..100).map(|n| (at(n * 15), n as f64)).collect();
    series::thin(&mut samples, Duration::from_secs(300), at(1200));
    let shown: Vec<f64> = samples.iter().map(|(_, value)| *value).collect();
    let mut expected = vec![19.0, 39.0, 59.0, 79.0];
    expected.extend((80..100).map(f64::from));
    assert_eq!(shown, expected);
}
