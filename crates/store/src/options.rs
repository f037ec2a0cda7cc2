//! What a store may cost and how long it keeps things.

use std::time::Duration;

/// How long samples are kept. Two weeks hold "the same hour last week" twice, which is what a
/// person compares an incident with; the long tier keeps what matters for longer.
pub const RETENTION_DEFAULT: Duration = Duration::from_secs(15 * 24 * 60 * 60);

/// The span of one block. Prometheus's own choice: short enough that the head and the WAL stay
/// small, long enough that a label set is written only twelve times a day.
pub const BLOCK_DURATION_DEFAULT: Duration = Duration::from_secs(2 * 60 * 60);

/// How far ahead of the clock a sample may be. Prometheus's bound: beyond it a wrong clock is
/// likelier than a true sample, and one sample ten years ahead would shut its series for years.
pub const AHEAD_MAX_DEFAULT: Duration = Duration::from_secs(10 * 60);

/// How many series the store may hold. A million cost about a gigabyte of memory.
pub const SERIES_MAX_DEFAULT: usize = 1_000_000;

/// Size at which a WAL segment is closed. At 10,000 series every 15 s a segment lasts about
/// eight hours, so the time of the flush decides; the bound holds when a sender floods us.
pub const WAL_SEGMENT_BYTES_DEFAULT: u64 = 32 * 1024 * 1024;

/// The limits of a store. Every field has a named default with its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreOptions {
    /// Older samples are refused, and blocks that hold only older ones are deleted.
    pub retention: Duration,
    /// The oldest blocks are deleted while all blocks together are larger. `None`: no bound.
    pub bytes_max: Option<u64>,
    /// The span of one block; at least a second.
    pub block_duration: Duration,
    /// Samples further ahead of `now` are refused, each for itself.
    pub ahead_max: Duration,
    /// New series are refused above this.
    pub series_max: usize,
    /// A WAL segment is closed once it is this large.
    pub wal_segment_bytes: u64,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            retention: RETENTION_DEFAULT,
            bytes_max: None,
            block_duration: BLOCK_DURATION_DEFAULT,
            ahead_max: AHEAD_MAX_DEFAULT,
            series_max: SERIES_MAX_DEFAULT,
            wal_segment_bytes: WAL_SEGMENT_BYTES_DEFAULT,
        }
    }
}
