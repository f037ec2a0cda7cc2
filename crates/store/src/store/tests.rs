//! Every disk operation fails once, and for ever from some moment on.

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::disk::faults::{self, Fails};

const SERIES: usize = 4;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_700_006_400_000 + seconds * 1000)
}

fn options() -> StoreOptions {
    StoreOptions {
        block_duration: Duration::from_secs(600),
        wal_segment_bytes: 1500,
        ..StoreOptions::default()
    }
}

/// Time and values of the batches, by batch number.
type Batches = BTreeMap<i64, [f64; SERIES]>;

/// Appends, syncs and maintains; returns what was acknowledged.
fn work(store: &Store, numbers: std::ops::Range<i64>) -> Batches {
    let mut acknowledged = Batches::new();
    let group = store.group("g");
    for number in numbers {
        let values: [f64; SERIES] =
            std::array::from_fn(|series| ((number * 7 + series as i64) as f64).sqrt());
        let samples: Vec<_> = values
            .iter()
            .enumerate()
            .map(|(series, &value)| {
                let labels = Labels::new([("n", series.to_string())]).unwrap();
                (store.resolve(group, &labels).unwrap(), value)
            })
            .collect();
        if store.append(group, at(number * 30), &samples).is_ok() {
            acknowledged.insert(number, values);
        }
        if number % 5 == 0 {
            drop(store.sync());
        }
        if number % 10 == 0 {
            drop(store.maintain(at(number * 30)));
        }
    }
    acknowledged
}

fn stored(store: &Store) -> Batches {
    let snapshot = store.snapshot();
    let columns = snapshot
        .select(&[], Timestamp::MIN, Timestamp::MAX, usize::MAX)
        .unwrap();
    let mut batches = Batches::new();
    for (series, column) in columns.iter().enumerate() {
        assert!(
            column.timestamps.is_sorted_by(|a, b| a < b),
            "nothing twice"
        );
        for (time, &value) in column.timestamps.iter().zip(&*column.values) {
            let number = (time.as_millis() - at(0).as_millis()) / 30_000;
            batches.entry(number).or_insert([f64::NAN; SERIES])[series] = value;
        }
    }
    batches
}

/// True when the fault was met.
fn check(after: u64, fails: Fails) -> bool {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(dir.path(), options(), at(0)).unwrap();
    let mut acknowledged = work(&store, 0..3);
    faults::set(after, fails);
    acknowledged.extend(work(&store, 3..60));
    let met = faults::seen() > after;
    assert_eq!(
        stored(&store),
        acknowledged,
        "while it fails: {after} {fails:?}"
    );
    faults::set(0, Fails::Never);
    // There is room again: all is taken, and no reopening is needed.
    let after_it = work(&store, 60..100);
    assert_eq!(after_it.len(), 40, "{after} {fails:?}");
    acknowledged.extend(after_it);
    assert_eq!(stored(&store), acknowledged, "after it: {after} {fails:?}");
    drop(store);
    let (store, recovery) = Store::open(dir.path(), options(), at(3000)).unwrap();
    assert_eq!(
        stored(&store),
        acknowledged,
        "reopened: {after} {fails:?} {recovery:?}"
    );
    met
}

#[test]
fn a_disk_operation_that_fails_once_loses_nothing_acknowledged() {
    let mut after = 0;
    while check(after, Fails::Once) {
        after += 1;
    }
    assert!(after > 80, "{after} operations");
}

#[test]
fn a_disk_that_fails_from_some_moment_on_loses_nothing_acknowledged() {
    let mut after = 0;
    while check(after, Fails::ForEver) {
        after += 7;
    }
    assert!(after > 80, "{after} operations");
}

#[test]
fn a_record_whose_sync_failed_is_written_to_a_fresh_segment() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(dir.path(), options(), at(0)).unwrap();
    let acknowledged = work(&store, 1..4);
    faults::set(0, Fails::Once);
    assert!(store.sync().is_err());
    faults::set(0, Fails::Never);
    store.sync().unwrap();
    // The power cut: what was not synced is gone, with the whole first segment.
    let wal = dir.path().join("wal");
    std::fs::remove_file(wal.join("00000001.wal")).unwrap();
    drop(store);
    let (store, _) = Store::open(dir.path(), options(), at(200)).unwrap();
    assert_eq!(stored(&store), acknowledged);
}
