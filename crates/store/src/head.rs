//! The head: samples that are not in a block yet, by group.
//!
//! All series of a scrape share its timestamp, so a group keeps *rows*: one timestamp and one
//! value a series. 120 rows are the *stage*; then they are turned into columns and packed
//! (*sealed*), because a column of one series is what packs well and what a query reads.
//!
//! ```text
//! group ── chunks:  [t₀ … t₁₁₉ │ a │ b │ c ]  [ … ]      sealed, packed, shared with readers
//!       ├─ stage:   columns a b c d
//!       │           row t₁₂₀:  1 2 3              d was not there yet
//!       │           row t₁₂₁:  1 2 3 4
//!       └─ loose:   e → chunks, stage             samples with timestamps of their own
//! ```
//!
//! What changes in a group:
//! * A new series becomes a new last column of the stage; rows before are just shorter.
//! * A series that a scrape lacks is absent in its row (`present`), and in the packed column.
//! * Sealing starts a new *generation*: columns that had no sample in the sealed chunk are left
//!   out, so a group whose series come and go does not widen for ever.
//! * A sample that does not fit the rows (a timestamp of its own, or not after the last row)
//!   goes to `loose`, where a chunk is the same thing with one column.
//!
//! A chunk never crosses a block's border: the stage is sealed there, too.
//!
//! Readers hold `Arc`s. The writer changes a group by copying what it changes: at most 120 row
//! pointers and the list of chunks, and only if a reader holds the group.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::Timestamp;

use crate::SeriesId;
use crate::codec::{ColumnReader, put_column, put_sparse_column, put_times, read_times};

/// Rows of a full stage, as in Prometheus's chunks: packing gains little beyond (0.741 byte a
/// value at 120 rows, 0.712 at 1024), and a row costs 8 bytes a series until it is sealed.
pub(crate) const STAGE_ROWS: usize = 120;

/// Values at which a stage is sealed before it has all its rows: 8 MiB. It bounds the memory of
/// a target with tens of thousands of series.
const STAGE_VALUES: usize = 1 << 20;

/// One scrape of one group.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) at: Timestamp,
    /// One value a column; columns that came later are missing at the end.
    pub(crate) values: Box<[f64]>,
    /// Which values count; `None`: all.
    pub(crate) present: Option<Box<[bool]>>,
}

impl Row {
    pub(crate) fn get(&self, column: usize) -> Option<f64> {
        let value = *self.values.get(column)?;
        match &self.present {
            Some(present) if !present[column] => None,
            _ => Some(value),
        }
    }

    pub(crate) fn n_present(&self) -> usize {
        self.present.as_ref().map_or(self.values.len(), |present| {
            present.iter().filter(|&&present| present).count()
        })
    }

    /// The row with the values of `other` where it has none itself; both have the same time.
    pub(crate) fn filled_from(&self, other: &Self) -> Self {
        let n = self.values.len().max(other.values.len());
        let merged: Vec<Option<f64>> = (0..n)
            .map(|column| self.get(column).or_else(|| other.get(column)))
            .collect();
        let all = merged.iter().all(Option::is_some);
        Self {
            at: self.at,
            values: merged.iter().map(|value| value.unwrap_or(0.0)).collect(),
            present: (!all).then(|| merged.iter().map(Option::is_some).collect()),
        }
    }
}

/// Rows as packed columns.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) columns: Arc<[SeriesId]>,
    pub(crate) rows: usize,
    pub(crate) samples: usize,
    pub(crate) min: Timestamp,
    pub(crate) max: Timestamp,
    /// Times first, then the columns; equal columns stand once.
    bytes: Box<[u8]>,
    /// Where each column begins; [`NO_COLUMN`] for one without samples.
    offsets: Box<[u32]>,
}

const NO_COLUMN: u32 = u32::MAX;

impl Chunk {
    /// `rows` is not empty, and strictly ascending in time.
    pub(crate) fn seal(columns: &Arc<[SeriesId]>, rows: &[Arc<Row>]) -> Self {
        let times: Vec<Timestamp> = rows.iter().map(|row| row.at).collect();
        let mut builder = ChunkBuilder::new(&times);
        let mut values = Vec::with_capacity(rows.len());
        let mut present = Vec::with_capacity(rows.len());
        for column in 0..columns.len() {
            values.clear();
            present.clear();
            for row in rows {
                let value = row.get(column);
                present.push(value.is_some());
                values.extend(value);
            }
            builder.push(&present, &values);
        }
        builder.finish(Arc::clone(columns), &times)
    }

    /// A chunk of one series; `samples` is not empty, and strictly ascending in time.
    pub(crate) fn seal_loose(series: SeriesId, samples: &[(Timestamp, f64)]) -> Self {
        let (times, values): (Vec<_>, Vec<_>) = samples.iter().copied().unzip();
        let mut builder = ChunkBuilder::new(&times);
        builder.push(&vec![true; values.len()], &values);
        builder.finish(Arc::from([series]), &times)
    }

    pub(crate) fn times(&self) -> Vec<Timestamp> {
        read_times(&self.bytes, self.rows).expect("the head's own bytes are never damaged")
    }

    pub(crate) fn has(&self, column: usize) -> bool {
        self.offsets[column] != NO_COLUMN
    }

    pub(crate) fn column(&self, column: usize) -> Option<ColumnReader<'_>> {
        let offset = self.offsets[column];
        (offset != NO_COLUMN).then(|| {
            ColumnReader::new(&self.bytes[offset as usize..], self.rows)
                .expect("the head's own bytes are never damaged")
        })
    }

    pub(crate) fn bytes(&self) -> u64 {
        (self.bytes.len() + size_of_val(&*self.offsets)) as u64
    }

    pub(crate) fn overlaps(&self, from: Timestamp, to: Timestamp) -> bool {
        self.min <= to && from <= self.max
    }
}

struct ChunkBuilder {
    bytes: Vec<u8>,
    offsets: Vec<u32>,
    samples: usize,
    /// Where a column with this checksum stands, to store equal columns once.
    seen: std::collections::HashMap<u32, (usize, usize)>,
}

impl ChunkBuilder {
    fn new(times: &[Timestamp]) -> Self {
        let mut bytes = Vec::new();
        put_times(times, &mut bytes);
        Self {
            bytes,
            offsets: Vec::new(),
            samples: 0,
            seen: std::collections::HashMap::new(),
        }
    }

    fn push(&mut self, present: &[bool], values: &[f64]) {
        if values.is_empty() {
            self.offsets.push(NO_COLUMN);
            return;
        }
        self.samples += values.len();
        let start = self.bytes.len();
        if values.len() == present.len() {
            put_column(values, &mut self.bytes);
        } else {
            put_sparse_column(present, values, &mut self.bytes);
        }
        let end = self.bytes.len();
        let seen = self
            .seen
            .entry(crc32fast::hash(&self.bytes[start..]))
            .or_insert((start, end));
        let at = if seen.0 != start && self.bytes[seen.0..seen.1] == self.bytes[start..] {
            self.bytes.truncate(start);
            seen.0
        } else {
            start
        };
        self.offsets
            .push(u32::try_from(at).expect("a stage of 8 MiB packs into less than 4 GiB"));
    }

    fn finish(self, columns: Arc<[SeriesId]>, times: &[Timestamp]) -> Chunk {
        Chunk {
            columns,
            rows: times.len(),
            samples: self.samples,
            min: times[0],
            max: times[times.len() - 1],
            bytes: self.bytes.into_boxed_slice(),
            offsets: self.offsets.into_boxed_slice(),
        }
    }
}

/// The head of one group, as readers see it.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) name: Arc<str>,
    /// Oldest first.
    pub(crate) chunks: Vec<Arc<Chunk>>,
    pub(crate) columns: Arc<[SeriesId]>,
    /// Oldest first.
    pub(crate) rows: Vec<Arc<Row>>,
    pub(crate) loose: Arc<BTreeMap<SeriesId, Arc<Loose>>>,
}

/// Samples of one series that bring their own timestamps, oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Loose {
    pub(crate) chunks: Vec<Arc<Chunk>>,
    pub(crate) stage: Vec<(Timestamp, f64)>,
}

impl Group {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            chunks: Vec::new(),
            columns: Arc::from([]),
            rows: Vec::new(),
            loose: Arc::default(),
        }
    }

    /// Whether the stage must be sealed before another row.
    pub(crate) fn is_full(&self) -> bool {
        let values = self.rows.len() * self.columns.len();
        self.rows.len() >= STAGE_ROWS || (values >= STAGE_VALUES && self.rows.len() >= 8)
    }

    /// Takes the stage's place by its sealed chunk, and starts a generation with `columns`.
    pub(crate) fn replace_stage(&mut self, chunk: Arc<Chunk>, columns: Arc<[SeriesId]>) {
        self.chunks.push(chunk);
        self.columns = columns;
        // A new list, not a cleared one: a reader may share the old one's rows.
        self.rows = Vec::with_capacity(STAGE_ROWS);
    }

    pub(crate) fn push_loose(&mut self, series: SeriesId, at: Timestamp, value: f64, window: i64) {
        let loose = Arc::make_mut(&mut self.loose).entry(series).or_default();
        let loose = Arc::make_mut(loose);
        let crosses = loose
            .stage
            .first()
            .is_some_and(|&(first, _)| window_of(first, window) != window_of(at, window));
        if crosses || loose.stage.len() >= STAGE_ROWS {
            loose.seal(series);
        }
        loose.stage.push((at, value));
    }

    pub(crate) fn samples(&self) -> usize {
        let sealed: usize = self.chunks.iter().map(|chunk| chunk.samples).sum();
        let staged: usize = self.rows.iter().map(|row| row.n_present()).sum();
        let loose: usize = self.loose.values().map(|loose| loose.samples()).sum();
        sealed + staged + loose
    }

    pub(crate) fn bytes(&self) -> u64 {
        let sealed: u64 = self.chunks.iter().map(|chunk| chunk.bytes()).sum();
        let staged: usize = self.rows.iter().map(|row| row.values.len() * 8).sum();
        let loose: u64 = self.loose.values().map(|loose| loose.bytes()).sum();
        sealed + staged as u64 + loose
    }

    /// First and last time.
    pub(crate) fn span(&self) -> Option<(Timestamp, Timestamp)> {
        let chunks = self
            .chunks
            .iter()
            .chain(self.loose.values().flat_map(|loose| &loose.chunks))
            .map(|chunk| (chunk.min, chunk.max));
        let rows = self.rows.iter().map(|row| (row.at, row.at));
        let loose = self
            .loose
            .values()
            .flat_map(|loose| loose.stage.iter().map(|&(at, _)| (at, at)));
        chunks
            .chain(rows)
            .chain(loose)
            .reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }
}

impl Loose {
    pub(crate) fn seal(&mut self, series: SeriesId) {
        if !self.stage.is_empty() {
            let chunk = Chunk::seal_loose(series, &self.stage);
            self.chunks.push(Arc::new(chunk));
            self.stage = Vec::new();
        }
    }

    fn samples(&self) -> usize {
        let sealed: usize = self.chunks.iter().map(|chunk| chunk.samples).sum();
        sealed + self.stage.len()
    }

    fn bytes(&self) -> u64 {
        let sealed: u64 = self.chunks.iter().map(|chunk| chunk.bytes()).sum();
        sealed + size_of_val(&*self.stage) as u64
    }
}

/// The start of the block that a moment falls into, in milliseconds; `window` is its span.
pub(crate) fn window_of(at: Timestamp, window: i64) -> i64 {
    let millis = at.as_millis();
    millis.saturating_sub(millis.rem_euclid(window))
}
