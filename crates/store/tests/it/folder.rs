//! The data folder: who may have it, and what is said when it cannot be had.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use store::{Store, StoreError, StoreOptions};

use crate::{at, open, options, series};

#[test]
fn a_second_opener_is_told_who_has_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    let error = Store::open(dir.path(), options(), at(0)).unwrap_err();
    let StoreError::Locked { pid, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(*pid, Some(std::process::id()));
    let text = error.to_string();
    assert!(text.contains(&dir.path().display().to_string()), "{text}");
    assert!(text.contains(&std::process::id().to_string()), "{text}");
    store.close().unwrap();
    open(dir.path());
}

#[test]
fn a_closed_store_refuses_and_still_reads() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    let group = store.group("a");
    let id = store.resolve(group, &series(1)).unwrap();
    store.append(group, at(0), &[(id, 1.0)]).unwrap();
    let snapshot = store.snapshot();
    store.close().unwrap();
    assert!(matches!(
        store.append(group, at(1), &[(id, 1.0)]),
        Err(StoreError::Closed)
    ));
    assert!(matches!(store.maintain(at(1)), Err(StoreError::Closed)));
    let columns = snapshot.select(&[], at(0), at(9), 10).unwrap();
    assert_eq!(columns.len(), 1);
    store.close().unwrap();
}

#[test]
fn a_folder_that_cannot_be_had_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Store::open(&file, options(), at(0)).unwrap_err();
    assert!(matches!(error, StoreError::NotAFolder { .. }), "{error}");

    let orphan = dir.path().join("missing").join("data");
    let error = Store::open(&orphan, options(), at(0)).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("make the data folder"), "{text}");
    assert!(text.contains(&orphan.display().to_string()), "{text}");
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn a_folder_without_the_right_to_write_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let closed = dir.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o500)).unwrap();
    if fs::write(closed.join("probe"), "").is_ok() {
        let skipped = "SKIPPED: a_folder_without…: this user may write anywhere";
        writeln!(io::stderr(), "{skipped}").unwrap();
        return;
    }
    let error = Store::open(&closed, options(), at(0)).unwrap_err();
    assert!(error.to_string().contains("lock"), "{error}");
}

#[test]
fn an_option_that_cannot_be_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let wrong = StoreOptions {
        block_duration: Duration::from_millis(10),
        ..options()
    };
    let error = Store::open(dir.path(), wrong, at(0)).unwrap_err();
    assert!(
        error.to_string().contains("block_duration = 10ms"),
        "{error}"
    );
}

#[test]
fn too_many_series_are_refused_and_old_ones_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let few = StoreOptions {
        series_max: 2,
        ..options()
    };
    let (store, _) = Store::open(dir.path(), few, at(0)).unwrap();
    let group = store.group("a");
    let first = store.resolve(group, &series(1)).unwrap();
    store.resolve(group, &series(2)).unwrap();
    let error = store.resolve(group, &series(3)).unwrap_err();
    assert!(error.to_string().contains("limit of 2 series"), "{error}");
    assert_eq!(store.resolve(group, &series(1)).unwrap(), first);
    assert_eq!(
        store.append(group, at(0), &[(first, 1.0)]).unwrap().stored,
        1
    );
}
