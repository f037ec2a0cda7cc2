//! The system gives a dead process's number to another one, sooner or later.

use super::tests::{spec, text_of};
use super::*;
use crate::{FamilyKind, ReadLimits};

const ROOT: ProcessId = ProcessId {
    pid: 50_000_000,
    start: 1,
};

/// Folder, and a process of the group by its number and start.
struct Group(tempfile::TempDir);

impl Group {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn process(&self, pid: u32, start: u64) -> Arc<Process> {
        Process::new(ProcessOptions {
            runtime_dir: Some(self.0.path().join("runtime")),
            limits: SegmentLimits::default(),
            proc: Proc::default(),
            identity: Some((GroupKey(ROOT), ProcessId { pid, start })),
            writers: Writers::Many,
        })
    }

    fn count(&self, process: &Arc<Process>, requests: f64, running: f64) {
        let family = Family::new(process, spec(FamilyKind::Counter, "requests", &[]));
        family.share(0);
        family.series([], 1.0).add(requests);
        let family = Family::new(process, spec(FamilyKind::Gauge, "running", &[]));
        family.share(0);
        family.series([], 1.0).gauge_add(running);
    }

    fn check(&self, expected: &str) {
        let dir = self
            .0
            .path()
            .join("runtime")
            .join(GroupKey(ROOT).to_string());
        let reading = crate::read_group(&dir, &ReadLimits::default()).unwrap();
        assert!(reading.damaged.is_empty());
        assert_eq!(text_of(&reading), expected);
    }
}

#[test]
fn a_worker_with_the_number_of_a_dead_one_counts_beside_it() {
    let group = Group::new();
    let first = group.process(50_000_001, 10);
    group.count(&first, 2.0, 1.0);
    first.die();
    let second = group.process(50_000_001, 20);
    group.count(&second, 3.0, 1.0);
    group.check("requests_total 5.0; running 1.0");
    second.die();
    let third = group.process(50_000_001, 30);
    group.count(&third, 4.0, 1.0);
    group.check("requests_total 9.0; running 1.0");
}

#[test]
fn a_stranger_with_the_number_of_a_dead_worker_does_not_bring_it_back() {
    let group = Group::new();
    // The number of a process that runs (this one), which started at another time.
    let pid = std::process::id();
    let start = Proc::default().identify(pid).start;
    let worker = group.process(pid, start + 1);
    group.count(&worker, 2.0, 1.0);
    group.check("requests_total 2.0; running 1.0");
    worker.die();
    group.check("requests_total 2.0");
}

#[test]
fn a_worker_that_lost_its_lock_lives_while_the_system_knows_it() {
    let group = Group::new();
    let pid = std::process::id();
    let start = Proc::default().identify(pid).start;
    let worker = group.process(pid, start);
    group.count(&worker, 2.0, 1.0);
    // A host that closes descriptors it does not know.
    worker.die();
    group.check("requests_total 2.0; running 1.0");
}
