#![no_main]

//! Damages the write-ahead log of a small store. The store must open, and must not show a series
//! or a value that was never stored.

use std::fs;
use std::path::{Path, PathBuf};

use libfuzzer_sys::fuzz_target;
use model::{Labels, Timestamp};
use store::{Store, StoreOptions};

const SERIES: u32 = 5;
const SCRAPES: u32 = 20;
const START_MS: i64 = 1_700_000_000_000;

fuzz_target!(|damage: &[u8]| {
    let dir = tempfile::tempdir().expect("a temporary folder can be made");
    let data = dir.path().join("data");
    fill(&data);
    for segment in segments(&data) {
        let mut bytes = fs::read(&segment).expect("a segment can be read");
        spoil(&mut bytes, damage);
        fs::write(&segment, bytes).expect("a segment can be written");
    }

    let now = Timestamp::from_millis(START_MS).plus_millis(i64::from(SCRAPES) * 15_000);
    let (store, _recovery) =
        Store::open(&data, StoreOptions::default(), now).expect("a damaged log is no error");
    let snapshot = store.snapshot();
    let columns = snapshot
        .select(&[], Timestamp::MIN, Timestamp::MAX, 1_000_000)
        .expect("few samples");
    for column in &columns {
        let name = column.labels.get("series").unwrap_or_default();
        let series: u32 = name.parse().expect("only series that were stored");
        for value in column.values.iter() {
            assert!(is_stored(series, *value), "series {series} never was {value}");
        }
    }
});

fn fill(dir: &Path) {
    let start = Timestamp::from_millis(START_MS);
    let (store, _) =
        Store::open(dir, StoreOptions::default(), start).expect("an empty folder opens");
    let group = store.group("fuzz");
    let ids: Vec<_> = (0..SERIES)
        .map(|series| {
            let pairs = [("__name__", "fuzzed".to_owned()), ("series", series.to_string())];
            let labels = Labels::new(pairs).expect("no label twice");
            store.resolve(group, &labels).expect("few series")
        })
        .collect();
    for scrape in 0..SCRAPES {
        let at = start.plus_millis(i64::from(scrape) * 15_000);
        let samples: Vec<_> =
            (0..SERIES).zip(&ids).map(|(series, &id)| (id, value(series, scrape))).collect();
        store.append(group, at, &samples).expect("in order");
    }
    // No close, which would flush: the log alone holds the samples, as after kill -9.
    store.sync().expect("a file can be synced");
}

fn value(series: u32, scrape: u32) -> f64 {
    f64::from(series * 1000 + scrape)
}

fn is_stored(series: u32, found: f64) -> bool {
    (0..SCRAPES).any(|scrape| value(series, scrape) == found)
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir.join("wal")).expect("a store has a log");
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// Reads the input as orders of four bytes: where (two bytes), how (flip, cut, insert), with what.
fn spoil(bytes: &mut Vec<u8>, damage: &[u8]) {
    for order in damage.chunks_exact(4) {
        if bytes.is_empty() {
            return;
        }
        let at = usize::from(u16::from_le_bytes([order[0], order[1]])) % bytes.len();
        match order[2] % 3 {
            0 => bytes[at] ^= order[3].max(1),
            1 => bytes.truncate(at),
            _ => bytes.insert(at, order[3]),
        }
    }
}
