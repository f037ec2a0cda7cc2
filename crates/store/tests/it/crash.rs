//! A process that is killed loses nothing acknowledged and repeats nothing.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use store::{Store, StoreOptions};

use crate::{at, everything, options, series};

/// Set for the process that is to be killed: the folder, and the first batch.
const FOLDER: &str = "STORE_CRASH_FOLDER";
const FIRST: &str = "STORE_CRASH_FIRST";

const KILLS: usize = 20;
const GROUPS: usize = 3;
const SERIES: usize = 20;

/// Blocks of ten minutes and small segments: a kill meets every kind of work.
fn small() -> StoreOptions {
    StoreOptions {
        block_duration: Duration::from_secs(600),
        wal_segment_bytes: 20_000,
        ..options()
    }
}

fn value(batch: i64, number: usize) -> f64 {
    match number % 4 {
        0 => (batch * 3) as f64,
        1 => (batch as f64).sqrt(),
        2 => 7.0,
        _ => batch as f64 / 100.0,
    }
}

/// Writes for ever and says `ack <batch>` after each batch that was acknowledged.
fn write_until_killed(dir: &Path, first: i64) -> ! {
    let (store, _) = Store::open(dir, small(), at(first * 15)).unwrap();
    for batch in first.. {
        for group in 0..GROUPS {
            let id = store.group(&format!("target {group}"));
            let samples: Vec<_> = (0..SERIES)
                .map(|number| {
                    let labels = series(group * SERIES + number);
                    (store.resolve(id, &labels).unwrap(), value(batch, number))
                })
                .collect();
            let (last, scrape) = samples.split_last().unwrap();
            store.append(id, at(batch * 15), scrape).unwrap();
            // One series is written the other way.
            let samples = [(last.0, at(batch * 15), last.1)];
            store.append_samples(&samples).unwrap();
        }
        println!("\nack {batch}");
        if batch % 4 == 0 {
            store.sync().unwrap();
            store.maintain(at(batch * 15)).unwrap();
        }
    }
    unreachable!("it is killed")
}

fn start(dir: &Path, first: i64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture"])
        .arg("crash::a_killed_process_loses_nothing_acknowledged")
        .env(FOLDER, dir)
        .env(FIRST, first.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn a_killed_process_loses_nothing_acknowledged() {
    if let (Ok(dir), Ok(first)) = (std::env::var(FOLDER), std::env::var(FIRST)) {
        write_until_killed(Path::new(&dir), first.parse().unwrap());
    }
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = -1;
    for kill in 0..KILLS {
        let mut child = start(dir.path(), acknowledged + 1);
        // From "at once" to a few flushes later; the moment inside a batch is the machine's.
        let wait = 1 + kill * kill * 37 % 211;
        let mut n_acks = 0;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            if let Some(batch) = line.unwrap().strip_prefix("ack ") {
                acknowledged = batch.parse().unwrap();
                n_acks += 1;
                if n_acks == wait {
                    child.kill().unwrap();
                }
            }
        }
        child.wait().unwrap();
        assert!(n_acks >= wait, "the process ended by itself");
        acknowledged = check(dir.path(), acknowledged);
    }
}

/// All batches up to the acknowledged one are there, once and right; of the one after it, what
/// had been written. Returns the last batch that has samples.
fn check(dir: &Path, acknowledged: i64) -> i64 {
    let now = at(acknowledged * 15);
    let (store, recovery) = Store::open(dir, small(), now).unwrap();
    assert!(recovery.damage.len() <= KILLS, "{:?}", recovery.damage);
    let columns = everything(&store);
    assert_eq!(columns.len(), GROUPS * SERIES);
    let mut last_batch = acknowledged;
    for column in &columns {
        let number: usize = column.labels.get("n").unwrap().parse().unwrap();
        let n = column.values.len() as i64;
        let more = n - (acknowledged + 1);
        assert!(
            more == 0 || more == 1,
            "{}: {more} batches more",
            column.labels
        );
        last_batch = last_batch.max(n - 1);
        for batch in 0..n {
            assert_eq!(column.timestamps[batch as usize], at(batch * 15));
            assert_eq!(column.values[batch as usize], value(batch, number % SERIES));
        }
    }
    // The batch that was cut short is completed, so that the next check finds no gap.
    for group in 0..GROUPS {
        let id = store.group(&format!("target {group}"));
        for number in 0..SERIES {
            let series = store.resolve(id, &series(group * SERIES + number)).unwrap();
            let sample = (series, at(last_batch * 15), value(last_batch, number));
            store.append_samples(&[sample]).unwrap();
        }
    }
    store.close().unwrap();
    last_batch
}
