//! What a damaged byte costs: its record or its column, nothing else.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use model::{Matcher, Timestamp};
use proptest::prelude::*;
use store::{DamageKind, Store};

use crate::{at, everything, files, n_samples, open, series};

const GROUPS: usize = 4;
const SERIES: usize = 10;

/// Appends `batches` scrapes of every group, one group after the other, 15 s apart.
fn fill(store: &Store, batches: usize) {
    for batch in 0..batches {
        for group in 0..GROUPS {
            let id = store.group(&format!("target {group}"));
            let samples: Vec<_> = (0..SERIES)
                .map(|number| {
                    let series = store.resolve(id, &series(group * SERIES + number)).unwrap();
                    (series, value(batch, number))
                })
                .collect();
            let time = at(batch as i64 * 15 + group as i64);
            store.append(id, time, &samples).unwrap();
        }
    }
}

/// Counters, a decimal, a full mantissa, a constant.
fn value(batch: usize, number: usize) -> f64 {
    match number {
        0 => 1.0,
        1 => batch as f64 / 100.0,
        2 => (batch as f64).sqrt(),
        _ => (batch * number * 3 + batch * batch % 5) as f64,
    }
}

/// Every sample that is there is the one that was appended.
fn assert_no_lie(store: &Store) {
    for column in everything(store) {
        let number: usize = column.labels.get("n").unwrap().parse().unwrap();
        for (&time, &found) in column.timestamps.iter().zip(&*column.values) {
            let seconds = (time.as_millis() - at(0).as_millis()) / 1000;
            let batch = seconds as usize / 15;
            assert_eq!(
                found,
                value(batch, number % SERIES),
                "{} at {time}",
                column.labels
            );
        }
    }
}

fn written(batches: usize) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    fill(&store, batches);
    store.close().unwrap();
    dir
}

/// Written once, and copied for every case.
static WRITTEN_60: LazyLock<tempfile::TempDir> = LazyLock::new(|| written(60));
static WRITTEN_300: LazyLock<tempfile::TempDir> = LazyLock::new(|| written(300));
static WRITTEN_1500: LazyLock<tempfile::TempDir> = LazyLock::new(|| written(1500));
static FLUSHED: LazyLock<tempfile::TempDir> = LazyLock::new(flushed);

/// Leaves the folder as a process leaves it that is killed.
fn copy(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    for folder in ["wal", "blocks"] {
        fs::create_dir(to.path().join(folder)).unwrap();
        for entry in fs::read_dir(from.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(
                &path,
                to.path().join(folder).join(path.file_name().unwrap()),
            )
            .unwrap();
        }
    }
    to
}

fn flip(path: &Path, place: usize, bits: u8, len: usize) {
    let mut bytes = fs::read(path).unwrap();
    let end = bytes.len().min(place + len);
    bytes[place..end].iter_mut().for_each(|byte| *byte ^= bits);
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_log_cut_short_loses_its_last_record_at_most() {
    // Every length is tried in the log's own tests; here on files.
    let dir = written(12);
    let segment = files(dir.path(), "wal").remove(0);
    let whole = fs::read(&segment).unwrap();
    let mut kept_before = GROUPS * SERIES * 12;
    for len in (0..whole.len()).rev().step_by(31) {
        let cut = copy(dir.path());
        fs::write(files(cut.path(), "wal").remove(0), &whole[..len]).unwrap();
        let (store, recovery) = open(cut.path());
        let kept = n_samples(&everything(&store));
        assert_eq!(kept % SERIES, 0, "a record is there or not");
        assert!(
            kept <= kept_before && kept + SERIES >= kept_before,
            "{len}: {kept}"
        );
        assert!(recovery.damage.len() <= 1);
        assert!(
            recovery
                .damage
                .iter()
                .all(|damage| damage.kind == DamageKind::TornTail)
        );
        kept_before = kept;
        assert_no_lie(&store);
    }
    assert!(kept_before <= SERIES);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_damaged_byte_of_the_log_costs_one_record(place: proptest::sample::Index, bits in 1u8..) {
        let dir = copy(WRITTEN_300.path());
        let segment = files(dir.path(), "wal").remove(0);
        let len = fs::metadata(&segment).unwrap().len() as usize;
        let place = place.index(len);
        flip(&segment, place, bits, 1);
        let (store, recovery) = open(dir.path());
        let lost = GROUPS * SERIES * 300 - n_samples(&everything(&store));
        // The head of the file is no record.
        prop_assert!(lost == SERIES || (lost == 0 && place < 8), "{lost} lost");
        prop_assert_eq!(recovery.damage.len(), 1);
        assert_no_lie(&store);
        // What comes after the repair is kept as ever.
        fill(&store, 301);
        store.close().unwrap();
        let (store, _) = open(dir.path());
        // The last record of a group can be appended again; another one cannot.
        let lost_now = GROUPS * SERIES * 301 - n_samples(&everything(&store));
        prop_assert!(lost_now == lost || lost_now == 0, "{lost_now} lost");
    }

    #[test]
    fn a_damaged_page_of_the_log_costs_little_more(place: proptest::sample::Index, bits in 1u8..) {
        let dir = copy(WRITTEN_1500.path());
        let segment = files(dir.path(), "wal").remove(0);
        let len = fs::metadata(&segment).unwrap().len() as usize;
        flip(&segment, place.index(len), bits, 4096);
        let (store, _) = open(dir.path());
        let kept = n_samples(&everything(&store));
        // The page itself holds about 90 records; a base row that it takes costs 31 more of its
        // group, definitions at the very start 255.
        let lost = (GROUPS * SERIES * 1500 - kept) / SERIES;
        prop_assert!(lost <= 120 + GROUPS * 256, "{lost} records lost");
        assert_no_lie(&store);
    }
}

/// A folder whose samples all stand in one block.
fn flushed() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    fill(&store, 400);
    let done = store.maintain(at(3 * 60 * 60)).unwrap();
    assert_eq!(
        (done.blocks_written, done.samples_written),
        (1, GROUPS * SERIES * 400)
    );
    store.close().unwrap();
    dir
}

#[test]
fn a_damaged_byte_of_a_block_costs_one_column_or_one_group() {
    let dir = copy(FLUSHED.path());
    let block = files(dir.path(), "block").remove(0);
    let whole = fs::read(&block).unwrap();
    let mut total_lost = 0;
    let places: Vec<usize> = (0..whole.len()).step_by(37).collect();
    for &place in &places {
        let mut bytes = whole.clone();
        bytes[place] ^= 0x55;
        fs::write(&block, bytes).unwrap();
        let (store, recovery) = open(dir.path());
        assert_eq!(recovery.blocks, 1, "the table of contents stands twice");
        let lost = GROUPS * SERIES * 400 - n_samples(&everything(&store));
        assert!(
            [0, 400, SERIES * 400].contains(&lost),
            "byte {place} costs {lost} samples"
        );
        if lost > 0 {
            assert!(store.stats().damaged > 0, "byte {place} is told");
            let kind = store.damage()[0].kind;
            let group = kind == DamageKind::BlockGroup;
            assert_eq!(lost == SERIES * 400, group, "byte {place}: {kind:?}");
        }
        total_lost += lost;
        assert_no_lie(&store);
        store.close().unwrap();
    }
    assert!(total_lost > 0);
}

#[test]
fn a_block_that_is_no_block_is_put_aside() {
    let dir = copy(FLUSHED.path());
    let block = files(dir.path(), "block").remove(0);
    for content in [&b""[..], b"PYROBLK\x01", &[0xff; 5000]] {
        fs::write(&block, content).unwrap();
        let (store, recovery) = open(dir.path());
        assert_eq!(recovery.blocks, 0);
        assert_eq!(recovery.damage[0].kind, DamageKind::Block);
        assert_eq!(everything(&store), []);
        assert_eq!(
            fs::read(files(dir.path(), "damaged").remove(0)).unwrap(),
            content
        );
        store.close().unwrap();
    }
}

#[test]
fn a_block_cut_short_while_open_is_a_gap() {
    let dir = copy(FLUSHED.path());
    let (store, _) = open(dir.path());
    let block = files(dir.path(), "block").remove(0);
    let file = fs::OpenOptions::new().write(true).open(block).unwrap();
    file.set_len(3000).unwrap();
    assert!(n_samples(&everything(&store)) < GROUPS * SERIES * 400);
    assert!(store.stats().damaged > 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn hostile_files_never_stop_the_store(
        seed in any::<u64>(), block in any::<bool>(), splices in 1..20usize,
    ) {
        let dir = copy(if block { FLUSHED.path() } else { WRITTEN_60.path() });
        let path = files(dir.path(), if block { "block" } else { "wal" }).remove(0);
        let mut bytes = fs::read(&path).unwrap();
        let mut state = seed;
        let mut next = |n: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as usize % n.max(1)
        };
        for _ in 0..splices {
            let (to, from, len) = (next(bytes.len()), next(bytes.len()), next(200));
            let end = bytes.len().min(from + len);
            let piece = bytes[from..end].to_vec();
            bytes.splice(to..to, piece);
        }
        fs::write(&path, bytes).unwrap();
        let (store, _) = open(dir.path());
        let snapshot = store.snapshot();
        let all = Matcher::equal("__name__", "m");
        let columns = snapshot.select(&[all], Timestamp::MIN, Timestamp::MAX, usize::MAX).unwrap();
        for column in columns {
            prop_assert!(column.timestamps.is_sorted_by(|a, b| a < b));
            prop_assert_eq!(column.timestamps.len(), column.values.len());
        }
        let id = store.group("target 0");
        let series = store.resolve(id, &series(0)).unwrap();
        prop_assert_eq!(store.append(id, at(1_000_000), &[(series, 1.0)]).unwrap().stored, 1);
    }
}
