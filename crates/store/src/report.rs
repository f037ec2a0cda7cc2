//! What the store tells about itself: recovery, maintenance, state, damage.

use std::path::PathBuf;

use model::Timestamp;

/// What opening a store found on disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Blocks that were opened.
    pub blocks: usize,
    /// WAL segments that were read.
    pub segments: usize,
    /// Whole WAL records that were read.
    pub records: usize,
    /// Samples that the WAL gave back to the head; those that blocks already hold not counted.
    pub samples: usize,
    /// What could not be read, at most a hundred places. It is left where it is or put aside,
    /// never deleted.
    pub damage: Vec<Damage>,
}

/// A part of a file that cannot be read, and that costs nothing but itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    pub path: PathBuf,
    /// First byte in the file.
    pub offset: u64,
    /// How many bytes.
    pub bytes: u64,
    pub kind: DamageKind,
}

/// What sort of thing is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DamageKind {
    /// The last WAL record was cut short: the usual trace of a crash, nothing acknowledged.
    TornTail,
    /// WAL bytes that are no whole record.
    WalFrame,
    /// A whole WAL record that cannot be understood without one that is damaged.
    WalOrphan,
    /// A whole block; its file is moved aside.
    Block,
    /// The list of one group's series in one block.
    BlockGroup,
    /// Samples of one series (or the times of one group) in one block.
    BlockColumn,
}

/// What [`Store::maintain`](crate::Store::maintain) did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Maintenance {
    pub blocks_written: usize,
    /// Samples that went from the head to blocks.
    pub samples_written: usize,
    /// Blocks deleted because they left retention.
    pub blocks_dropped: usize,
    pub wal_segments_dropped: usize,
    /// Series without any sample left, taken out of the index.
    pub series_dropped: usize,
}

/// The state of a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    pub series: usize,
    pub groups: usize,
    /// Samples that are not in a block yet.
    pub head_samples: usize,
    /// Memory that the samples of the head take, indexes not counted.
    pub head_bytes: u64,
    pub blocks: usize,
    pub block_samples: u64,
    pub block_bytes: u64,
    pub wal_segments: usize,
    pub wal_bytes: u64,
    /// The oldest sample's time, to the start of its block; `None` in an empty store.
    pub min_time: Option<Timestamp>,
    pub max_time: Option<Timestamp>,
    /// Damaged parts met since the store was opened; [`Store::damage`](crate::Store::damage)
    /// tells which.
    pub damaged: u64,
}

/// A list that was cut at a limit, or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed<T> {
    pub items: Vec<T>,
    /// There were more than the limit.
    pub truncated: bool,
}
