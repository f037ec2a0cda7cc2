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

mod mapping;
mod private_fs;
mod record; // The bytes.
mod runtime_dir;
mod segment;
mod segment_file;
mod worker;

mod announce;
mod find;
mod group; // Who belongs together.

mod exemplar;
mod family;
mod native;
mod process; // Writing.
mod series;

mod archive;
mod key_index;
mod merge;
mod process_metrics;
mod reading; // Reading.
mod snapshot;
mod sum;
mod told;

mod escaping;
mod lines;
mod number;
mod openmetrics; // Exposing.
mod protobuf;
mod text;

pub use announce::{Announcement, InvalidAnnouncement, ServiceSource};
pub use archive::{Swept, sweep_groups};
pub use escaping::Escaping;
pub use exemplar::Exemplar;
pub use family::{Family, FamilySpec};
pub use find::{FindLimits, LiveProcess, ProcessGroup, Rejected, Rejection, find_groups};
pub use group::{GroupKey, Proc, ProcessId};
pub use native::NativeSpec;
pub use number::format_value;
pub use openmetrics::OpenMetricsWriter;
pub use private_fs::Untrusted;
pub use process::{Process, ProcessOptions, Writers};
pub use protobuf::ProtobufWriter;
pub use reading::{
    Damage, FamilyKind, FamilyReading, GroupReading, NativeReading, ReadError, ReadLimits,
    Registries, SeriesReading, Value,
};
pub use record::{GaugeMode, OUTSIDE_REGISTRIES};
pub use runtime_dir::{RUNTIME_DIR_VARIABLE, runtime_dir};
pub use segment::SegmentLimits;
pub use series::Series;
pub use text::{PlainSample, TextWriter, render_text};
pub use told::HighWater;

use std::path::Path;

/// Sums a process group: its segments, and its processes' numbers from `/proc`.
///
/// Live or dead, a group can be read as long as its folder stands. Damage costs the record it is
/// in, and is reported in the reading.
pub fn read_group(dir: &Path, limits: &ReadLimits) -> Result<GroupReading, ReadError> {
    read_group_above(dir, limits, &HighWater::default())
}

/// The same for whoever reads a group again and again: no counter falls from one reading with the
/// same `high_water` to the next.
pub fn read_group_above(
    dir: &Path,
    limits: &ReadLimits,
    high_water: &HighWater,
) -> Result<GroupReading, ReadError> {
    read_group_with(dir, &Proc::default(), limits, high_water)
}

fn read_group_with(
    dir: &Path,
    proc: &Proc,
    limits: &ReadLimits,
    high_water: &HighWater,
) -> Result<GroupReading, ReadError> {
    let key = dir
        .file_name()
        .and_then(|name| GroupKey::parse(name.to_str()?));
    let dir = private_fs::PrivateDir::open(dir)?;
    let merger = snapshot::undisturbed(&[&dir], || {
        let mut merger = merge::Merger::new(*limits, Registries::OutsideWithDefault);
        snapshot::read_folder(&dir, proc, limits, None, &mut merger).map(|_| merger)
    })?;
    let tell = |ticks| high_water.raise(ticks);
    Ok(merger.finish(key.map(|key| (key, proc)), tell))
}
