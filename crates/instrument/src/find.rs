//! Which process groups live below a runtime folder.

use std::path::{Path, PathBuf};

use crate::announce::{ANNOUNCE_NAME, Announcement, InvalidAnnouncement};
use crate::group::{GroupKey, Proc, ProcessId};
use crate::private_fs::{PrivateDir, Untrusted};
use crate::segment_file;

/// A process whose segment lock is held.
pub type LiveProcess = ProcessId;

/// A process group that announced itself.
#[derive(Clone, Debug)]
pub struct ProcessGroup {
    pub key: GroupKey,
    pub dir: PathBuf,
    pub announcement: Announcement,
    /// Sorted by pid. Empty: all are gone, and what the folder holds are their last values.
    pub processes: Vec<LiveProcess>,
}

/// Something below the runtime folder that was left alone.
#[derive(Debug)]
pub struct Rejected {
    pub path: PathBuf,
    pub reason: Rejection,
}

/// Why it was left alone.
#[derive(Debug, thiserror::Error)]
pub enum Rejection {
    #[error(transparent)]
    Untrusted(#[from] Untrusted),
    #[error("the announcement is not usable")]
    Announcement(#[source] InvalidAnnouncement),
    #[error("it is no folder of a process group")]
    Name,
    #[error("there are more than {max} entries; the others were not looked at")]
    TooMany { max: usize },
}

/// What one look may cost.
#[derive(Clone, Copy, Debug)]
pub struct FindLimits {
    /// Names read from the runtime folder. Reading 65,536 names takes about 20 ms.
    pub entries_max: usize,
    /// Groups looked into; each costs a few system calls.
    pub groups_max: usize,
    /// Names read from one group's folder.
    pub files_max: usize,
    /// Size of an announcement; a real one has 300 bytes.
    pub announcement_bytes_max: u64,
    /// Rejections reported; the rest is only not found.
    pub rejected_max: usize,
}

impl Default for FindLimits {
    fn default() -> Self {
        Self {
            entries_max: 65_536,
            groups_max: 1024,
            files_max: 65_536,
            announcement_bytes_max: 64 * 1024,
            rejected_max: 100,
        }
    }
}

/// Looks for process groups. A folder that is missing holds none; a bad entry costs itself.
pub fn find_groups(runtime_dir: &Path, limits: &FindLimits) -> (Vec<ProcessGroup>, Vec<Rejected>) {
    let mut groups = Vec::new();
    let mut rejected = Vec::new();
    let mut reject = |path: PathBuf, reason: Rejection| {
        if rejected.len() < limits.rejected_max {
            rejected.push(Rejected { path, reason });
        }
    };
    let names = PrivateDir::open(runtime_dir).and_then(|dir| dir.names(limits.entries_max));
    let (mut names, is_cut) = match names {
        Ok(names) => names,
        Err(error) => {
            if !error.is_absent() {
                reject(runtime_dir.to_owned(), error.into());
            }
            return (groups, rejected);
        }
    };
    if is_cut {
        let max = limits.entries_max;
        reject(runtime_dir.to_owned(), Rejection::TooMany { max });
    }
    names.sort_unstable();
    for name in names {
        let path = runtime_dir.join(&name);
        let Some(key) = GroupKey::parse(&name) else {
            reject(path, Rejection::Name);
            continue;
        };
        if groups.len() == limits.groups_max {
            let max = limits.groups_max;
            reject(runtime_dir.to_owned(), Rejection::TooMany { max });
            break;
        }
        match look_into(key, &path, limits) {
            Ok(group) => groups.push(group),
            // Made a moment ago and not announced yet, or removed while we looked.
            Err(Rejection::Untrusted(error)) if error.is_absent() => {}
            Err(reason) => reject(path, reason),
        }
    }
    (groups, rejected)
}

fn look_into(key: GroupKey, path: &Path, limits: &FindLimits) -> Result<ProcessGroup, Rejection> {
    let dir = PrivateDir::open(path)?;
    let bytes = dir.read_file(ANNOUNCE_NAME, limits.announcement_bytes_max)?;
    let announcement = Announcement::parse(&bytes).map_err(Rejection::Announcement)?;
    Ok(ProcessGroup {
        key,
        dir: path.to_owned(),
        announcement,
        processes: segment_file::live_processes(&dir, &Proc::default(), limits.files_max)?,
    })
}
