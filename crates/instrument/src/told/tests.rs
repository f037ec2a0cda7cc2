use std::fs;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::process::tests::{ROOT, Stage, counter};
use crate::record::TOLD_WORD;
use crate::{GroupReading, Proc, Process, ProcessId, ReadLimits, Value, read_group_with};

/// A group whose root is 50000000, and a `/proc` that says what the test wants.
struct Told {
    stage: Stage,
    root: tempfile::TempDir,
}

impl Told {
    fn new() -> Self {
        let (stage, root) = (Stage::new(), tempfile::tempdir().unwrap());
        fs::write(root.path().join("stat"), "btime 1000\n").unwrap();
        Self { stage, root }
    }

    fn proc(&self) -> Proc {
        Proc::at(self.root.path())
    }

    /// A process that has counted, so that it has a segment.
    fn process(&self) -> Arc<Process> {
        let process = self.stage.process_in(self.proc());
        counter(&process, &[]).add(1.0);
        process
    }

    /// User time of a process, and of its children that were waited for, in ticks; its state is
    /// `S`, or `Z` for a zombie.
    fn say(&self, id: ProcessId, state: &str, ticks: u64, of_children: u64) {
        let dir = self.root.path().join(id.pid.to_string());
        fs::create_dir_all(&dir).unwrap();
        let start = id.start;
        let stat = format!(
            "{} (app) {state} 1 1 1 0 -1 0 0 0 0 0 {ticks} 0 {of_children} 0 20 0 1 0 {start} 8192 2",
            id.pid
        );
        fs::write(dir.join("stat"), stat).unwrap();
    }

    fn forget(&self, id: ProcessId) {
        fs::remove_dir_all(self.root.path().join(id.pid.to_string())).unwrap();
    }

    fn read(&self, from: &HighWater) -> f64 {
        let (dir, limits) = (self.stage.dir(), ReadLimits::default());
        ticks(&read_group_with(&dir, &self.proc(), &limits, from).unwrap())
    }
}

fn worker(n: u32) -> ProcessId {
    let pid = ROOT.pid + n;
    let start = u64::from(n);
    ProcessId { pid, start }
}

fn inside(process: &Process) -> f64 {
    ticks(&process.read_group(&ReadLimits::default()))
}

/// What is told of processor time, in ticks.
fn ticks(reading: &GroupReading) -> f64 {
    let mut families = reading.families.iter();
    let family = families.find(|family| *family.name == *"process_cpu_seconds");
    match family.unwrap().series[0].value {
        Value::Counter { total, .. } => {
            (total * rustix::param::clock_ticks_per_second() as f64).round()
        }
        _ => f64::NAN,
    }
}

#[test]
fn whoever_answers_tells_no_less_than_was_told_before() {
    let group = Told::new();
    let (one, two) = (group.process(), group.process());
    group.say(ROOT, "S", 5, 0);
    group.say(worker(1), "S", 100, 3);
    group.say(worker(2), "S", 20, 0);
    assert_eq!(inside(&one), 128.0);
    // The worker that told it ends, and its parent has not all of it.
    one.die();
    group.forget(worker(1));
    group.say(ROOT, "S", 5, 99);
    assert_eq!(inside(&two), 128.0);
    let outside = HighWater::default();
    assert_eq!(group.read(&outside), 128.0);
    group.say(worker(2), "S", 30, 0);
    assert_eq!(inside(&two), 134.0);
    // What a dead process told is kept when it is folded.
    group.say(worker(2), "S", 20, 0);
    two.die();
    group.forget(worker(2));
    let three = group.process();
    group.say(worker(3), "S", 1, 0);
    assert_eq!(
        group.stage.segments().len(),
        2,
        "the archive and one process"
    );
    assert_eq!(inside(&three), 134.0);
    assert_eq!(group.read(&outside), 134.0);
}

#[test]
fn who_reads_from_outside_remembers_what_it_told() {
    let group = Told::new();
    let _processes = [group.process(), group.process()];
    group.say(ROOT, "S", 5, 50);
    let (one, other) = (HighWater::default(), HighWater::default());
    assert_eq!(group.read(&one), 55.0);
    group.say(ROOT, "S", 5, 49);
    assert_eq!((group.read(&one), group.read(&other)), (55.0, 54.0));
    group.say(ROOT, "S", 7, 49);
    assert_eq!((group.read(&one), group.read(&other)), (56.0, 56.0));
}

#[test]
fn a_zombie_still_has_the_time_of_its_children() {
    let group = Told::new();
    let (one, _two) = (group.process(), group.process());
    group.say(ROOT, "S", 5, 0);
    group.say(worker(1), "S", 10, 30);
    assert_eq!(group.read(&HighWater::default()), 45.0);
    one.die();
    group.say(worker(1), "Z", 10, 30);
    assert_eq!(group.read(&HighWater::default()), 45.0);
}

#[test]
fn a_damaged_word_tells_nothing() {
    let group = Told::new();
    let _processes = [group.process(), group.process()];
    group.say(ROOT, "S", 5, 0);
    let path = group.stage.dir().join(&group.stage.segments()[0]);
    for word in [u64::MAX, 1, 1 << 63, encode(7) ^ 1 << 50] {
        write_word(&path, word);
        assert_eq!(group.read(&HighWater::default()), 5.0, "{word:x}");
    }
    write_word(&path, encode(7));
    assert_eq!(group.read(&HighWater::default()), 7.0);
}

fn write_word(path: &Path, word: u64) {
    use std::os::unix::fs::FileExt as _;
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    let at = TOLD_WORD as u64 * 8;
    file.write_all_at(&word.to_ne_bytes(), at).unwrap();
}

proptest! {
    #[test]
    fn what_fits_reads_back_and_a_flipped_bit_is_noticed(ticks in 0_u64..1 << 44, bit in 0_u32..64) {
        let word = encode(ticks);
        prop_assert_eq!(decode(word), ticks);
        prop_assert_eq!(decode(word ^ 1 << bit), 0);
        prop_assert_eq!(encode(ticks | 1 << 44), 0);
    }
}
