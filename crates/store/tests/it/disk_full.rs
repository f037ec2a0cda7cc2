//! A disk that is really full, and then has room again.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;

use store::{Store, StoreError};

use crate::{at, everything, n_samples, open, series};

const DISK: &str = "size=512k";
const SERIES: usize = 50;

/// A small disk of memory; unmounted at the end.
struct Disk(tempfile::TempDir);

impl Disk {
    fn mount() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", DISK, "tmpfs"])
            .arg(dir.path())
            .output()
            .is_ok_and(|output| output.status.success());
        mounted.then_some(Self(dir))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("-l").arg(self.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()));
    }
}

fn batch(store: &Store, number: i64) -> Result<usize, StoreError> {
    let group = store.group("a");
    let samples: Vec<_> = (0..SERIES)
        .map(|place| {
            let id = store.resolve(group, &series(place)).unwrap();
            // Full mantissas fill the disk sooner.
            (id, ((number * 31 + place as i64) as f64).sqrt())
        })
        .collect();
    store
        .append(group, at(number * 15), &samples)
        .map(|appended| appended.stored)
}

#[test]
fn a_full_disk_refuses_and_loses_nothing_and_goes_on_when_there_is_room() {
    let Some(disk) = Disk::mount() else {
        writeln!(
            io::stderr(),
            "SKIPPED: a_full_disk…: this user may not mount a tmpfs"
        )
        .unwrap();
        return;
    };
    let ballast = disk.path().join("ballast");
    fs::write(&ballast, vec![0; 300_000]).unwrap();
    let dir = disk.path().join("data");
    let (store, _) = open(&dir);
    let mut stored = 0;
    let mut number = 0;
    let error = loop {
        match batch(&store, number) {
            Ok(n) => stored += n,
            Err(error) => break error,
        }
        number += 1;
        assert!(number < 100_000, "the disk never fills");
    };
    let StoreError::Io { source, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(source.kind(), io::ErrorKind::StorageFull);
    // Still full: refused again and again, while reading goes on, and the log does not grow.
    let wal_bytes = store.stats().wal_bytes;
    for _ in 0..50 {
        assert!(batch(&store, number).is_err());
        number += 1;
    }
    assert_eq!(store.stats().wal_bytes, wal_bytes);
    assert_eq!(n_samples(&everything(&store)), stored);
    // A flush does not fit either; nothing is lost by trying.
    assert!(store.maintain(at(10 * 60 * 60)).is_err());
    assert_eq!(n_samples(&everything(&store)), stored);

    fs::remove_file(&ballast).unwrap();
    stored += batch(&store, number).unwrap();
    store.sync().unwrap();
    assert!(store.maintain(at(10 * 60 * 60)).unwrap().blocks_written > 0);
    stored += batch(&store, number + 1).unwrap();
    assert_eq!(n_samples(&everything(&store)), stored);
    // Not closed: what a killed process leaves behind.
    drop(store);
    let (store, _) = open(&dir);
    assert_eq!(n_samples(&everything(&store)), stored);
}
