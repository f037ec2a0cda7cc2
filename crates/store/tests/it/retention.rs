//! What is kept for how long, and what is refused.

use std::time::Duration;

use model::Matcher;
use store::{Appended, Store, StoreOptions};

use crate::{at, everything, files, n_samples, series};

const HOUR: i64 = 60 * 60;

fn two_days() -> StoreOptions {
    StoreOptions {
        retention: Duration::from_secs(48 * 3600),
        ..StoreOptions::default()
    }
}

/// One sample a minute of one series, maintained every ten, from hour to hour.
fn run(store: &Store, number: usize, hours: std::ops::Range<i64>) {
    let group = store.group("a");
    let id = store.resolve(group, &series(number)).unwrap();
    store.maintain(at(hours.start * HOUR)).unwrap();
    for minute in hours.start * 60..hours.end * 60 {
        let appended = store.append(group, at(minute * 60), &[(id, 1.0)]).unwrap();
        assert_eq!(appended.stored, 1, "minute {minute}");
        if minute % 10 == 0 {
            store.maintain(at(minute * 60)).unwrap();
        }
    }
}

#[test]
fn whole_blocks_go_when_they_leave_retention() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(dir.path(), two_days(), at(0)).unwrap();
    run(&store, 1, 0..100);
    let stats = store.stats();
    // The newest block ends at 97:59, so what reaches 49:59 is kept.
    assert_eq!(stats.min_time, Some(at(48 * HOUR)));
    assert_eq!(stats.blocks, 25);
    assert_eq!(files(dir.path(), "block").len(), 25);
    assert!(stats.wal_segments <= 3, "{} segments", stats.wal_segments);
    assert!(stats.head_samples <= 60 * 5);
}

#[test]
fn a_clock_that_jumps_ahead_deletes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(dir.path(), two_days(), at(0)).unwrap();
    run(&store, 1, 0..10);
    let ten_years = at(10 * 365 * 24 * HOUR);
    store.maintain(ten_years).unwrap();
    assert_eq!(n_samples(&everything(&store)), 600);
    store.close().unwrap();
    let (store, _) = Store::open(dir.path(), two_days(), ten_years).unwrap();
    store.maintain(ten_years).unwrap();
    assert_eq!(n_samples(&everything(&store)), 600);
    store.maintain(at(10 * HOUR)).unwrap();
    let group = store.group("a");
    let id = store.resolve(group, &series(1)).unwrap();
    assert_eq!(
        store
            .append(group, at(10 * HOUR), &[(id, 1.0)])
            .unwrap()
            .stored,
        1
    );
}

#[test]
fn the_oldest_blocks_go_when_all_are_too_large() {
    let dir = tempfile::tempdir().unwrap();
    let options = StoreOptions {
        bytes_max: Some(5000),
        ..two_days()
    };
    let (store, _) = Store::open(dir.path(), options, at(0)).unwrap();
    run(&store, 1, 0..40);
    let stats = store.stats();
    assert!(
        stats.blocks >= 2 && stats.blocks <= 18,
        "{} blocks",
        stats.blocks
    );
    assert!(stats.block_bytes <= 5500, "{} bytes", stats.block_bytes);
}

#[test]
fn a_series_without_samples_is_forgotten_and_can_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(dir.path(), two_days(), at(0)).unwrap();
    let group = store.group("a");
    let old = store.resolve(group, &series(7)).unwrap();
    store.append(group, at(0), &[(old, 1.0)]).unwrap();
    run(&store, 1, 1..60);
    assert_eq!(store.stats().series, 1);
    let now = at(60 * HOUR);
    let unknown = Appended {
        unknown: 1,
        ..Appended::default()
    };
    assert_eq!(store.append(group, now, &[(old, 1.0)]).unwrap(), unknown);
    let new = store.resolve(group, &series(7)).unwrap();
    assert_ne!(new, old);
    assert_eq!(store.append(group, now, &[(new, 1.0)]).unwrap().stored, 1);
    let columns = store
        .snapshot()
        .select(&[Matcher::equal("n", "7")], at(0), now, 10)
        .unwrap();
    assert_eq!(n_samples(&columns), 1);
}

#[test]
fn a_store_in_memory_forgets_too() {
    let store = Store::in_memory();
    run(&store, 1, 0..24 * 20);
    let samples = store.stats().head_samples as i64;
    assert!(samples >= 15 * 24 * 60, "{samples}");
    assert!(samples <= 15 * 24 * 60 + 240, "{samples}");
}

#[test]
fn far_samples_are_refused_one_by_one() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(dir.path(), two_days(), at(0)).unwrap();
    let group = store.group("a");
    let id = store.resolve(group, &series(1)).unwrap();
    let ten_years = at(10 * 365 * 24 * HOUR);
    let samples = [
        (id, at(-49 * HOUR), 0.0),
        (id, at(-HOUR), 1.0),
        (id, ten_years, 2.0),
        (id, at(600), 3.0),
        (id, at(601), 4.0),
    ];
    let appended = store.append_samples(&samples).unwrap();
    assert_eq!((appended.stored, appended.out_of_bounds), (2, 3));
    assert_eq!(
        store
            .append(group, ten_years, &[(id, 5.0)])
            .unwrap()
            .out_of_bounds,
        1
    );
    // The far sample did not move the series ahead.
    store.maintain(at(HOUR)).unwrap();
    assert_eq!(
        store.append(group, at(HOUR), &[(id, 6.0)]).unwrap().stored,
        1
    );
    assert_eq!(*everything(&store)[0].values, [1.0, 3.0, 6.0]);
}
