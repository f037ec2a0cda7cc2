//! What a query gets, and what it costs.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use model::{MatchOp, Matcher, Timestamp};
use store::{Column, GroupId, Store, StoreError};

use crate::{at, everything, labels, open, series};

/// Appends one row: `None` for a series that the scrape lacks.
fn row(store: &Store, group: GroupId, seconds: i64, values: &[Option<f64>]) {
    let samples: Vec<_> = values
        .iter()
        .enumerate()
        .filter_map(|(number, value)| {
            Some((store.resolve(group, &series(number)).unwrap(), (*value)?))
        })
        .collect();
    let appended = store.append(group, at(seconds), &samples).unwrap();
    assert_eq!(appended.stored, samples.len());
}

fn shares(columns: &[Column], a: usize, b: usize) -> bool {
    Arc::ptr_eq(&columns[a].timestamps, &columns[b].timestamps)
}

#[test]
fn series_without_gaps_share_their_times_through_blocks_chunks_and_stage() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    let group = store.group("a");
    for number in 0..900 {
        let gap = (number != 500).then_some(3.0);
        // Two series that come late together.
        let late = (number >= 700).then_some(4.0);
        row(
            &store,
            group,
            number * 15,
            &[Some(1.0), Some(number as f64), gap, late, late],
        );
    }
    assert_eq!(store.maintain(at(900 * 15)).unwrap().blocks_written, 1);
    assert!(store.stats().head_samples > 0);
    let columns = everything(&store);
    assert_eq!(columns[0].timestamps.len(), 900);
    assert!(shares(&columns, 0, 1));
    assert!(!shares(&columns, 0, 2));
    assert_eq!(columns[2].timestamps.len(), 899);
    assert!(shares(&columns, 3, 4));
    assert_eq!(columns[3].timestamps[0], at(700 * 15));
}

#[test]
fn a_scrape_in_parts_is_one_row() {
    let store = Store::in_memory();
    let group = store.group("a");
    for number in 0..10 {
        row(&store, group, number, &[Some(1.0)]);
        row(&store, group, number, &[None, Some(2.0)]);
    }
    let columns = everything(&store);
    assert_eq!(columns[1].values.len(), 10);
    assert!(shares(&columns, 0, 1));
}

#[test]
fn a_query_over_its_limit_is_refused_and_one_at_it_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    let group = store.group("a");
    for number in 0..600 {
        row(
            &store,
            group,
            number * 15,
            &[Some(1.0), (number % 2 == 0).then_some(1.0)],
        );
    }
    store.maintain(at(600 * 15)).unwrap();
    let snapshot = store.snapshot();
    let select = |samples_max| snapshot.select(&[], at(0), at(600 * 15), samples_max);
    assert_eq!(select(900).unwrap().len(), 2);
    let error = select(899).unwrap_err();
    assert!(matches!(
        error,
        StoreError::TooManySamples { samples_max: 899 }
    ));
    assert!(snapshot.select(&[], at(9), at(8), 0).unwrap().is_empty());
}

#[test]
fn equal_labels_of_two_groups_are_one_column() {
    let store = Store::in_memory();
    let (first, second) = (store.group("a"), store.group("b"));
    row(&store, second, 2, &[Some(20.0)]);
    row(&store, second, 3, &[Some(30.0)]);
    row(&store, first, 1, &[Some(1.0)]);
    row(&store, first, 2, &[Some(2.0)]);
    let columns = everything(&store);
    assert_eq!(columns.len(), 1);
    assert_eq!(*columns[0].timestamps, [at(1), at(2), at(3)]);
    assert_eq!(*columns[0].values, [1.0, 2.0, 30.0]);
}

#[test]
fn a_snapshot_sees_what_was_there_whatever_happens_then() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    let group = store.group("a");
    let mut snapshots = Vec::new();
    for number in 0..1500 {
        row(
            &store,
            group,
            number * 15,
            &[Some(number as f64), Some(1.0)],
        );
        if number % 100 == 7 {
            snapshots.push((number + 1, store.snapshot()));
            store.maintain(at(number * 15)).unwrap();
        }
    }
    store.close().unwrap();
    for (n, snapshot) in snapshots {
        let columns = snapshot
            .select(
                &[Matcher::equal("n", "0")],
                Timestamp::MIN,
                Timestamp::MAX,
                usize::MAX,
            )
            .unwrap();
        let expected: Vec<f64> = (0..n).map(|number| number as f64).collect();
        assert_eq!(*columns[0].values, expected[..]);
    }
}

#[test]
fn series_keep_their_identity_through_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    for run in 0..3 {
        let (store, _) = open(dir.path());
        let group = store.group("a");
        for number in 0..500 {
            row(
                &store,
                group,
                (run * 500 + number) * 15,
                &[Some(1.0), Some(2.0)],
            );
        }
        store.maintain(at((run + 1) * 500 * 15)).unwrap();
        assert_eq!(store.stats().series, 2);
        assert_eq!(store.stats().groups, 1);
        // Killed, in effect: nothing is closed.
        drop(store);
    }
    let (store, recovery) = open(dir.path());
    assert!(recovery.blocks >= 3 && recovery.samples > 0, "{recovery:?}");
    let columns = everything(&store);
    assert_eq!(columns.len(), 2);
    assert_eq!(columns[0].values.len(), 1500);
    assert!(shares(&columns, 0, 1));
    let group = store.group("a");
    let id = store.resolve(group, &series(0)).unwrap();
    let late = store.append(group, at(100 * 15), &[(id, 9.0)]).unwrap();
    assert_eq!(late.out_of_order, 1);
}

#[test]
fn labels_are_listed_for_series_that_live_in_the_range() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    let group = store.group("a");
    for (zone, seconds) in [("x", 0), ("y", 4 * 60 * 60), ("z", 8 * 60 * 60)] {
        for job in ["api", "web"] {
            let set = labels(&[("__name__", "m"), ("zone", zone), ("job", job), (zone, "1")]);
            let id = store.resolve(group, &set).unwrap();
            store.append(group, at(seconds), &[(id, 1.0)]).unwrap();
        }
    }
    store.maintain(at(7 * 60 * 60)).unwrap();
    assert_eq!(store.stats().blocks, 2);
    let snapshot = store.snapshot();
    let all = (Timestamp::MIN, Timestamp::MAX);
    let late = (at(3 * 60 * 60), Timestamp::MAX);
    let web = Matcher::equal("job", "web");
    let not_y = Matcher::new(MatchOp::NotEqual, "zone", "y").unwrap();
    for (matchers, (from, to), limit, expected, truncated) in [
        (vec![], all, 9, &["x", "y", "z"][..], false),
        (vec![], all, 3, &["x", "y", "z"], false),
        (vec![], all, 2, &["x", "y"], true),
        (vec![], late, 9, &["y", "z"], false),
        (vec![web.clone(), not_y], late, 9, &["z"], false),
        (vec![Matcher::equal("job", "none")], all, 9, &[], false),
    ] {
        let listed = snapshot
            .label_values("zone", &matchers, from, to, limit)
            .unwrap();
        assert_eq!(
            (&listed.items[..], listed.truncated),
            (
                &expected
                    .iter()
                    .map(|value| (*value).to_owned())
                    .collect::<Vec<_>>()[..],
                truncated
            )
        );
    }
    let names = snapshot.label_names(&[], late.0, late.1, 9).unwrap().items;
    assert_eq!(names, ["__name__", "job", "y", "z", "zone"]);
    let listed = snapshot.series(&[web], all.0, all.1, 2).unwrap();
    assert_eq!(listed.items.len(), 2);
    assert!(listed.truncated);
    assert_eq!(listed.items[0].get("zone"), Some("x"));
}

#[test]
fn a_group_whose_series_come_and_go_stays_narrow() {
    let store = Store::in_memory();
    let group = store.group("a");
    // Each row has one steady series and one that lives for ten rows.
    for number in 0..5000usize {
        let steady = store
            .resolve(group, &labels(&[("__name__", "steady")]))
            .unwrap();
        let churned = store.resolve(group, &series(number / 10)).unwrap();
        let samples = [(steady, number as f64), (churned, number as f64)];
        store
            .append(group, at(number as i64 * 15), &samples)
            .unwrap();
    }
    let stats = store.stats();
    assert_eq!(stats.head_samples, 10_000);
    assert!(stats.head_bytes < 10_000 * 8, "{} bytes", stats.head_bytes);
    assert_eq!(everything(&store).len(), 500);
    assert!(
        everything(&store)
            .iter()
            .all(|column| column.values.len() == 10)
    );
}

#[test]
fn writers_readers_and_maintenance_work_at_the_same_time() {
    const ROWS: i64 = 3000;
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    let (store, written) = (&store, &AtomicI64::new(0));
    std::thread::scope(|scope| {
        for name in ["a", "b"] {
            scope.spawn(move || {
                let group = store.group(name);
                let set = labels(&[("__name__", "m"), ("group", name)]);
                let id = store.resolve(group, &set).unwrap();
                for number in 0..ROWS {
                    let sample = [(id, number as f64)];
                    assert_eq!(
                        store
                            .append(group, at(number * 15), &sample)
                            .unwrap()
                            .stored,
                        1
                    );
                    written.store(number, Ordering::Relaxed);
                }
            });
        }
        scope.spawn(move || {
            while written.load(Ordering::Relaxed) < ROWS - 1 {
                store.sync().unwrap();
                store
                    .maintain(at(written.load(Ordering::Relaxed) * 15))
                    .unwrap();
            }
        });
        scope.spawn(move || {
            // By group: the first column is the other's once that has written too.
            let mut seen = std::collections::HashMap::new();
            while written.load(Ordering::Relaxed) < ROWS - 1 {
                for column in &everything(store) {
                    let group = column.labels.get("group").unwrap().to_owned();
                    let before = seen.entry(group).or_insert(0);
                    let n = column.values.len();
                    assert!(n >= *before, "nothing that was seen goes away");
                    let whole = (0..n).all(|number| column.values[number] == number as f64);
                    assert!(whole, "no gap, nothing twice");
                    *before = n;
                }
            }
        });
    });
    store.maintain(at(ROWS * 15)).unwrap();
    assert_eq!(crate::n_samples(&everything(store)) as i64, 2 * ROWS);
    assert!(store.stats().blocks >= 5);
}
