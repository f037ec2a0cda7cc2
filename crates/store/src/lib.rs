//! The embedded time-series database.
//!
//! A writer asks for a group (one per scrape target, one per rule group), resolves label sets to
//! series inside it once, and appends one batch a scrape: all samples of a batch share one
//! timestamp. Readers take a [`Snapshot`], which never changes under them.
//!
//! Threads and files; no async, no clock: `now` is an argument of [`Store::open`] and
//! [`Store::maintain`], and the store keeps the last one to bound what it accepts.

#![forbid(unsafe_code)]

mod options;
mod report;

mod bytes;
mod codec;
mod disk;
mod lock;
mod symbols;

mod damage;
mod head;
mod index;
mod state;
mod table;

mod block;
mod wal;

mod maintain;
mod recover;
mod snapshot;
mod store;
mod writer;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::{Labels, Timestamp};

pub use options::{
    AHEAD_MAX_DEFAULT, BLOCK_DURATION_DEFAULT, RETENTION_DEFAULT, SERIES_MAX_DEFAULT, StoreOptions,
    WAL_SEGMENT_BYTES_DEFAULT,
};
pub use report::{Damage, DamageKind, Listed, Maintenance, Recovery, Stats};
pub use snapshot::Snapshot;
pub use store::Store;

/// One writer's series: they are scraped together and share their timestamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub(crate) u32);

/// One series inside one store. Dense, so sets of them can be bitmaps.
///
/// Valid as long as the store is open and the series had a sample, or was resolved, within
/// retention; later its samples are counted as [`Appended::unknown`], and it must be resolved
/// again. An id is never given to another series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesId(pub(crate) u32);

/// The samples of one series in a range of time, oldest first; stale markers included.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    pub labels: Labels,
    /// Strictly ascending; one allocation is shared by all series of a group that have no gaps,
    /// so a caller can slide a window once for all of them (`Arc::ptr_eq`).
    pub timestamps: Arc<[Timestamp]>,
    /// As many as `timestamps`.
    pub values: Arc<[f64]>,
}

/// What became of a batch. What was refused is counted by reason and never stops the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Appended {
    pub stored: usize,
    /// Not after the newest sample of the series.
    pub out_of_order: usize,
    /// Further ahead of the clock than `StoreOptions::ahead_max`, or older than retention.
    pub out_of_bounds: usize,
    /// The series was dropped since it was resolved; see [`SeriesId`].
    pub unknown: usize,
}

/// What a store cannot do, and whose matter it is.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The user's query touches more samples than it may.
    #[error("the query touches more than {samples_max} samples; narrow the selector or the range")]
    TooManySamples { samples_max: usize },
    /// A target or a rule makes more series than the store may hold.
    #[error(
        "the store holds its limit of {series_max} series; \
         a label with many values is the usual cause"
    )]
    TooManySeries { series_max: usize },
    /// Another process has the folder open.
    #[error(
        "the data folder {} is in use by {}; stop it or choose another folder",
        dir.display(),
        holder(*pid)
    )]
    Locked {
        dir: PathBuf,
        /// `None` when the holder's number cannot be read.
        pid: Option<u32>,
    },
    /// The path given as data folder is a file or something else.
    #[error("the data folder {} is not a folder", dir.display())]
    NotAFolder { dir: PathBuf },
    /// The options contradict themselves.
    #[error("the store cannot work with {option} = {value}: {reason}")]
    InvalidOption {
        option: &'static str,
        value: String,
        reason: &'static str,
    },
    /// The disk said no: full, read-only, gone. The store stays consistent and the call may be
    /// repeated.
    #[error("cannot {action} {}", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// For `map_err`: what was tried, and on which file.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(
        || "another process".to_owned(),
        |pid| format!("process {pid}"),
    )
}
