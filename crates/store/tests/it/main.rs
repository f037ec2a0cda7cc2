//! The store through its public face, on real files.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "all of this file is tests; helpers count as tests, too"
)]

mod crash;
mod damage;
mod disk_full;
mod folder;
mod model_based;
mod oracle;
mod reading;
mod retention;

use std::path::{Path, PathBuf};
use std::time::Duration;

use model::{Labels, Matcher, Timestamp};
use store::{Column, Recovery, Store, StoreOptions};

/// A moment that blocks of two hours start at.
const START: i64 = 1_700_006_400_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(START + seconds * 1000)
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::new(pairs.iter().copied()).unwrap()
}

fn series(number: usize) -> Labels {
    labels(&[("__name__", "m"), ("n", &number.to_string())])
}

fn options() -> StoreOptions {
    StoreOptions {
        // Longer than the tests' times are old or young.
        retention: Duration::from_secs(10 * 365 * 24 * 60 * 60),
        ahead_max: Duration::from_secs(10 * 365 * 24 * 60 * 60),
        ..StoreOptions::default()
    }
}

fn open(dir: &Path) -> (Store, Recovery) {
    Store::open(dir, options(), at(0)).unwrap()
}

fn everything(store: &Store) -> Vec<Column> {
    select(store, &[Matcher::equal("__name__", "m")])
}

fn select(store: &Store, matchers: &[Matcher]) -> Vec<Column> {
    store
        .snapshot()
        .select(matchers, Timestamp::MIN, Timestamp::MAX, usize::MAX)
        .unwrap()
}

fn n_samples(columns: &[Column]) -> usize {
    columns.iter().map(|column| column.values.len()).sum()
}

/// The files of a data folder with this extension, sorted.
fn files(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for folder in ["wal", "blocks"] {
        for entry in std::fs::read_dir(dir.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|found| found == extension) {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}
