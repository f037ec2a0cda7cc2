//! Worker numbers: small ones, so that what is told of each process has few label values.
//!
//! A group's root is worker 0, whether it measures anything or not. Every other process takes the
//! lowest number that no living one has, when it makes its segment, and keeps it while it lives.
//! The next process gets the number of one that died, and with it its series.

use std::fs::File;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};

use crate::find::FindLimits;
use crate::group::{GroupKey, Proc, ProcessId};
use crate::private_fs::PrivateDir;
use crate::record::{HEADER_WORDS, WORKER_WORD};
use crate::segment_file;

pub(crate) const LOCK_NAME: &str = "workers.lock";

/// Numbers given at most; further processes have none. More workers than this do not fit on one
/// machine, and each number is a label value.
pub(crate) const WORKERS_MAX: u32 = 1024;

/// How long a process waits for its turn. One turn takes some 20 µs a living process, so that this
/// is enough for 64 that start at once; a process that was stopped in its turn costs the others
/// no more than this and their number.
const WAIT_MAX: Duration = Duration::from_millis(100);
const PAUSE: Duration = Duration::from_millis(1);

/// The right to choose a number, which one process of a group has at a time.
#[derive(Debug)]
pub(crate) struct Turn(Option<File>);

impl Turn {
    /// Waits for the turn, within bounds.
    pub(crate) fn take(dir: &PrivateDir) -> Self {
        let Ok(file) = dir.open_lock(LOCK_NAME) else {
            return Self(None);
        };
        let began = Instant::now();
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Self(Some(file)),
                Err(_) if began.elapsed() < WAIT_MAX => std::thread::park_timeout(PAUSE),
                Err(_) => return Self(None),
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(file) = &self.0 {
            // Closing is not enough: a child that another thread forked meanwhile has it open.
            let freed = flock(file, FlockOperation::Unlock);
            debug_assert!(freed.is_ok(), "a lock that was taken can be freed");
        }
    }
}

/// A number for a process whose segment is there and has none. `None`: it was not its turn, or
/// all are taken.
pub(crate) fn choose(
    dir: &PrivateDir,
    proc: &Proc,
    group: GroupKey,
    process: ProcessId,
    turn: &Turn,
) -> Option<u32> {
    if group.0 == process {
        return Some(0);
    }
    turn.0.as_ref()?;
    let segments = segment_file::list(dir, FindLimits::default().files_max).ok()?;
    let taken: Vec<u32> = segments
        .iter()
        .filter(|segment| segment.index == 0 && segment.process != process)
        .filter_map(|segment| {
            let file = dir.open_file(&segment.to_string()).ok()?;
            let number = read_number(&file)?;
            segment_file::is_live(&file, segment.process, proc).then_some(number)
        })
        .collect();
    (1..WORKERS_MAX).find(|number| !taken.contains(number))
}

/// The number in a segment's words, if there is one that was given by the rules.
pub(crate) fn number_in(words: &[u64]) -> Option<u32> {
    let number = words.get(WORKER_WORD)?.checked_sub(1)?;
    let number = u32::try_from(number).ok()?;
    (number < WORKERS_MAX).then_some(number)
}

fn read_number(file: &File) -> Option<u32> {
    use std::os::unix::fs::FileExt as _;
    let mut bytes = [0; HEADER_WORDS * 8];
    file.read_exact_at(&mut bytes, 0).ok()?;
    let (words, _) = bytes.as_chunks::<8>();
    let words: Vec<u64> = words.iter().map(|word| u64::from_ne_bytes(*word)).collect();
    number_in(&words)
}

#[cfg(test)]
mod tests;
