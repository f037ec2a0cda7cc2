//! The embedded time-series database.
//!
//! A writer asks for a group (one per scrape target, one per rule group), resolves label sets to
//! series inside it once, and appends one batch a scrape: all samples of a batch share one
//! timestamp. Readers take a [`Snapshot`], which never changes under them.
//!
//! Threads and files; no async, no clock: `now` is an argument.

mod memory;

use std::sync::Arc;

use model::{Labels, Timestamp};

pub use memory::{Snapshot, Store};

/// One writer's series: they are scraped together and share their timestamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub(crate) u32);

/// One series inside one store. Dense, so sets of them can be bitmaps.
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
}

/// What a store cannot do, and whose matter it is.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The user's query touches more samples than it may.
    #[error("the query touches more than {samples_max} samples; narrow the selector or the range")]
    TooManySamples { samples_max: usize },
    /// A target or a rule makes more series than the store may hold.
    #[error(
        "the store holds its limit of {series_max} series; a label with many values is the usual cause"
    )]
    TooManySeries { series_max: usize },
}
