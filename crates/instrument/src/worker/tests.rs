use std::collections::BTreeSet;
use std::sync::{Arc, Barrier};

use super::*;
use crate::process::tests::{Stage, counter};
use crate::{Process, ReadLimits};

/// The numbers in the segments of a stage's folder, by pid.
fn numbers(stage: &Stage) -> Vec<Option<u32>> {
    let dir = PrivateDir::open(&stage.dir()).unwrap();
    let segments = segment_file::list(&dir, 100).unwrap();
    let number =
        |name: &segment_file::SegmentName| read_number(&dir.open_file(&name.to_string()).unwrap());
    segments.iter().map(number).collect()
}

fn begin(stage: &Stage) -> Arc<Process> {
    let process = stage.process();
    counter(&process, &[]).add(1.0);
    process
}

#[test]
fn each_process_takes_the_lowest_free_number() {
    let stage = Stage::new();
    let (_one, two, _three) = (begin(&stage), begin(&stage), begin(&stage));
    assert_eq!(numbers(&stage), [Some(1), Some(2), Some(3)]);
    two.die();
    // The fourth folds the second's segment away and goes on with its number.
    let _four = begin(&stage);
    assert_eq!(numbers(&stage), [Some(1), Some(3), Some(2)]);
}

#[test]
fn processes_that_start_at_once_have_different_numbers() {
    let stage = Stage::new();
    let processes: Vec<_> = (0..8).map(|_| stage.process()).collect();
    let barrier = Barrier::new(processes.len());
    std::thread::scope(|scope| {
        for process in &processes {
            scope.spawn(|| {
                barrier.wait();
                counter(process, &[]).add(1.0);
            });
        }
    });
    // On a busy machine one may get no turn in time.
    let found: Vec<u32> = numbers(&stage).into_iter().flatten().collect();
    let different: BTreeSet<u32> = found.iter().copied().collect();
    assert!(!found.is_empty());
    assert_eq!(different.len(), found.len(), "{found:?}");
}

#[test]
fn a_process_that_gets_no_turn_counts_without_a_number() {
    let stage = Stage::new();
    let _first = begin(&stage);
    let dir = PrivateDir::open(&stage.dir()).unwrap();
    let stopped = Turn::take(&dir);
    let second = begin(&stage);
    assert_eq!(numbers(&stage), [Some(1), None]);
    drop(stopped);
    let reading = second.read_group(&ReadLimits::default());
    assert!(reading.families.iter().any(|family| &*family.name == "c"));
    let _third = begin(&stage);
    assert_eq!(numbers(&stage), [Some(1), None, Some(2)]);
}

#[test]
fn a_number_that_nobody_gives_is_none() {
    for (word, expected) in [
        (0, None),
        (1, Some(0)),
        (8, Some(7)),
        (u64::from(WORKERS_MAX), Some(WORKERS_MAX - 1)),
        (u64::from(WORKERS_MAX) + 1, None),
        (u64::MAX, None),
    ] {
        let mut words = vec![0; HEADER_WORDS];
        words[WORKER_WORD] = word;
        assert_eq!(number_in(&words), expected, "{word}");
    }
    assert_eq!(number_in(&[]), None);
}
