//! Names of segment files, and which of their processes live.
//!
//! Each process has its own files, `<pid>-<start>.<n>.seg`, n counting from 0. File 0 is locked
//! (flock) by its process before it gets its name and for as long as the process lives; the
//! kernel lets go of the lock at its end, whatever that end was. So a lock that can be had means
//! that the process is gone, also across PID namespaces and after its number was given anew.

use std::collections::BTreeSet;
use std::fs::File;

use rustix::fs::{FlockOperation, flock};

use crate::group::{Proc, ProcessId};
use crate::private_fs::{PrivateDir, Untrusted};

/// One segment file of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SegmentName {
    pub(crate) process: ProcessId,
    /// 0 is the first; a process that needs more cells adds files.
    pub(crate) index: u32,
}

impl SegmentName {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let (process, index) = name.strip_suffix(".seg")?.split_once('.')?;
        let parsed = Self {
            process: ProcessId::parse(process)?,
            index: index.parse().ok()?,
        };
        (parsed.to_string() == name).then_some(parsed)
    }
}

impl std::fmt::Display for SegmentName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.seg", self.process, self.index)
    }
}

/// All segment files of a group, sorted: by pid, then by start, then by index.
pub(crate) fn list(dir: &PrivateDir, files_max: usize) -> Result<Vec<SegmentName>, Untrusted> {
    let (names, _) = dir.names(files_max)?;
    let mut segments: Vec<SegmentName> = names
        .iter()
        .filter_map(|name| SegmentName::parse(name))
        .collect();
    segments.sort_unstable();
    Ok(segments)
}

/// The processes of a group whose lock is held.
pub(crate) fn live_processes(
    dir: &PrivateDir,
    proc: &Proc,
    files_max: usize,
) -> Result<Vec<ProcessId>, Untrusted> {
    let mut live = BTreeSet::new();
    for segment in list(dir, files_max)? {
        if segment.index != 0 {
            continue;
        }
        // A file that cannot be opened is no live process's.
        if let Ok(file) = dir.open_file(&segment.to_string())
            && is_live(&file, segment.process, proc)
        {
            live.insert(segment.process);
        }
    }
    Ok(live.into_iter().collect())
}

/// Whether a process lives: it holds its lock, or it is still there.
///
/// The second covers a host that closed every descriptor it did not know, ours among them. In
/// another PID namespace it says no (or, by a chance of one in a million, a wrong yes, which
/// only delays the cleaning up), and the lock alone decides.
pub(crate) fn is_live(file: &File, process: ProcessId, proc: &Proc) -> bool {
    is_locked(file) || proc.is_running(process)
}

/// Whether another descriptor holds the lock. Shared, so that two readers do not see each other.
fn is_locked(file: &File) -> bool {
    match flock(file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => {
            // Closing would free it too, but the caller may read on for a while.
            let freed = flock(file, FlockOperation::Unlock);
            debug_assert!(freed.is_ok(), "a lock that was taken can be freed");
            false
        }
        Err(_) => true,
    }
}
