//! Writing a block: group by group into a temporary file that gets its name when it is whole.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::{Labels, Timestamp};

use super::directory::{
    ChunkHead, ContentsEntry, DirectoryWriter, INLINE_BYTES_MAX, put_absent, put_inline, put_same,
    put_stored, span,
};
use super::{Block, BlockGroup, FOOTER_BYTES, MAGIC, Place};
use crate::bytes::put_varint;
use crate::codec::{Presence, put_sparse_column, put_times};
use crate::damage::DamageLog;
use crate::head::Chunk;
use crate::symbols::SymbolWriter;
use crate::{GroupId, SeriesId, StoreError, disk};

/// Rows of a chunk in a block. Longer chunks pack no better (0.717 byte a value at 480 rows,
/// 0.712 at 1024), and a short query must unpack a whole one.
pub(super) const BLOCK_ROWS: usize = 1024;

/// Bytes that are collected before they are written.
const BUFFER_BYTES: usize = 1 << 20;

/// What one group puts into a block.
#[derive(Debug)]
pub(crate) struct GroupSource<'a> {
    pub(crate) id: GroupId,
    pub(crate) name: &'a str,
    /// Sealed rows, oldest first.
    pub(crate) chunks: Vec<Arc<Chunk>>,
    /// Sealed samples with timestamps of their own, oldest first.
    pub(crate) loose: Vec<(SeriesId, Vec<Arc<Chunk>>)>,
    /// The same series in the block before, to share the list in memory.
    pub(crate) series_before: Option<Arc<[SeriesId]>>,
}

#[derive(Debug)]
pub(crate) struct BlockWriter {
    path: PathBuf,
    temporary: PathBuf,
    file: File,
    number: u64,
    window: i64,
    buffer: Vec<u8>,
    /// Bytes that have left the buffer.
    written: u64,
    contents: Vec<(String, GroupEntry)>,
    samples: u64,
    groups: HashMap<GroupId, BlockGroup>,
}

#[derive(Debug)]
struct GroupEntry {
    series: Place,
    fingerprint: u64,
    group: BlockGroup,
}

impl BlockWriter {
    pub(crate) fn create(dir: &Path, number: u64, window: i64) -> Result<Self, StoreError> {
        let path = dir.join(format!("{number:08}.block"));
        let temporary = path.with_extension("tmp");
        let file =
            disk::create_new(&temporary).map_err(StoreError::io("make the block", &temporary))?;
        Ok(Self {
            path,
            temporary,
            file,
            number,
            window,
            buffer: MAGIC.to_vec(),
            written: 0,
            contents: Vec::new(),
            samples: 0,
            groups: HashMap::new(),
        })
    }

    /// Adds a group; `labels_of` gives the labels of its series.
    pub(crate) fn add<'l>(
        &mut self,
        source: &GroupSource<'_>,
        labels_of: impl Fn(SeriesId) -> &'l Labels,
    ) -> Result<(), StoreError> {
        let sealed = source.chunks.iter().filter(|chunk| chunk.samples > 0);
        let mut series: Vec<SeriesId> = sealed
            .flat_map(|chunk| {
                let columns = chunk.columns.iter().enumerate();
                columns
                    .filter(|&(column, _)| chunk.has(column))
                    .map(|(_, &series)| series)
            })
            .chain(source.loose.iter().map(|&(series, _)| series))
            .collect();
        series.sort_unstable();
        series.dedup();
        if series.is_empty() {
            return Ok(());
        }
        // By labels, so that the columns of one metric stand together on disk.
        series.sort_by_key(|&series| labels_of(series));
        let mut group = GroupWriter {
            block: self,
            last: vec![Timestamp::MIN; series.len()],
            series: &series,
            directory: DirectoryWriter::default(),
            min: Timestamp::MAX,
        };
        group.put_rows(&source.chunks)?;
        let last_row = source.chunks.iter().map(|chunk| chunk.max).max();
        for (loose, chunks) in &source.loose {
            let column = series.iter().position(|series| series == loose);
            group.put_loose(column.expect("the list has every loose series"), chunks)?;
        }
        let GroupWriter {
            directory,
            min,
            last,
            ..
        } = group;
        let max = last.iter().copied().max().expect("there are series");
        let directory = directory.finish(last.iter().map(|&last| span(last, max)));
        let mut list = Vec::new();
        put_varint(&mut list, series.len() as u64);
        let mut symbols = SymbolWriter::default();
        for &series in &series {
            symbols.put_labels(labels_of(series), &mut list);
        }
        let entry = GroupEntry {
            fingerprint: fingerprint(&list),
            series: self.put_piece(&list)?,
            group: BlockGroup {
                directory: self.put_piece(&directory)?,
                series: match &source.series_before {
                    Some(before) if **before == *series => Arc::clone(before),
                    _ => series.into(),
                },
                min,
                max,
                last_row,
            },
        };
        self.groups.insert(source.id, entry.group.clone());
        self.contents.push((source.name.to_owned(), entry));
        Ok(())
    }

    fn offset(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    fn put_piece(&mut self, payload: &[u8]) -> Result<Place, StoreError> {
        let place = Place {
            offset: self.offset(),
            len: payload.len() as u64,
        };
        self.buffer.extend_from_slice(payload);
        self.buffer
            .extend_from_slice(&crc32fast::hash(payload).to_le_bytes());
        if self.buffer.len() >= BUFFER_BYTES {
            self.flush()?;
        }
        Ok(place)
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        disk::write_all(&self.file, &self.buffer)
            .map_err(StoreError::io("write the block", &self.temporary))?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Makes the block durable and gives it its name. `None` when there was nothing to write.
    pub(crate) fn finish(
        mut self,
        wal_segment: u64,
        wal_cut: Timestamp,
        damage: &Arc<DamageLog>,
    ) -> Result<Option<Block>, StoreError> {
        if self.contents.is_empty() {
            return Ok(None);
        }
        let mut contents = Vec::new();
        put_varint(&mut contents, self.contents.len() as u64);
        let (mut min, mut max) = (Timestamp::MAX, Timestamp::MIN);
        for (name, entry) in &self.contents {
            min = min.min(entry.group.min);
            max = max.max(entry.group.max);
            ContentsEntry {
                name,
                series: entry.series,
                fingerprint: entry.fingerprint,
                directory: entry.group.directory,
                min: entry.group.min,
                max: entry.group.max,
                last_row: entry.group.last_row,
            }
            .put(&mut contents);
        }
        // Twice, since a whole block hangs on it.
        for _ in 0..2 {
            let place = self.put_piece(&contents)?;
            let mut footer = Vec::with_capacity(FOOTER_BYTES);
            footer.extend(place.offset.to_le_bytes());
            footer.extend((contents.len() as u32).to_le_bytes());
            footer.extend(self.window.to_le_bytes());
            footer.extend(min.as_millis().to_le_bytes());
            footer.extend(wal_segment.to_le_bytes());
            footer.extend(wal_cut.as_millis().to_le_bytes());
            footer.extend(self.samples.to_le_bytes());
            self.put_piece(&footer)?;
            self.buffer.extend_from_slice(MAGIC);
        }
        self.flush()?;
        disk::sync_data(&self.file).map_err(StoreError::io("sync the block", &self.temporary))?;
        disk::rename(&self.temporary, &self.path)
            .map_err(StoreError::io("name the block", &self.path))?;
        let dir = self.path.parent().expect("a block lies in a folder");
        if let Err(source) = disk::sync_folder(dir) {
            // It will be written again, so it must not be there twice. Where it stays all the
            // same, readers leave out what they have seen.
            drop(disk::remove(&self.path));
            return Err(StoreError::io("sync the block folder", dir)(source));
        }
        let file = File::open(&self.path).map_err(StoreError::io("open the block", &self.path))?;
        Ok(Some(Block {
            file,
            file_bytes: self.written,
            number: self.number,
            window: self.window,
            min,
            max,
            samples: self.samples,
            wal_segment,
            wal_cut,
            groups: std::mem::take(&mut self.groups),
            damage: Arc::clone(damage),
            path: std::mem::take(&mut self.path),
        }))
    }
}

/// An unfinished block leaves nothing behind.
impl Drop for BlockWriter {
    fn drop(&mut self) {
        // After `finish` the name is gone already, and that is well.
        drop(disk::remove(&self.temporary));
    }
}

struct GroupWriter<'a> {
    block: &'a mut BlockWriter,
    series: &'a [SeriesId],
    directory: DirectoryWriter,
    min: Timestamp,
    /// Newest sample by column.
    last: Vec<Timestamp>,
}

impl GroupWriter<'_> {
    fn put_rows(&mut self, chunks: &[Arc<Chunk>]) -> Result<(), StoreError> {
        let times: Vec<Timestamp> = chunks.iter().flat_map(|chunk| chunk.times()).collect();
        if times.is_empty() {
            return Ok(());
        }
        let columns_of: Vec<HashMap<SeriesId, usize>> = chunks
            .iter()
            .map(|chunk| {
                let columns = chunk.columns.iter().enumerate();
                columns.map(|(column, &series)| (series, column)).collect()
            })
            .collect();
        let mut parts: Vec<ChunkParts> = times.chunks(BLOCK_ROWS).map(ChunkParts::new).collect();
        let (mut scratch, mut values) = (Vec::new(), Vec::new());
        for (column, series) in self.series.iter().enumerate() {
            values.clear();
            let mut present = vec![false; times.len()];
            let mut start = 0;
            for (chunk, columns) in chunks.iter().zip(&columns_of) {
                if let Some(reader) = columns.get(series).and_then(|&column| chunk.column(column)) {
                    let presence = reader
                        .read(&mut scratch, &mut values)
                        .expect("the head's own bytes are never damaged");
                    mark(&presence, &mut present[start..start + chunk.rows]);
                }
                start += chunk.rows;
            }
            if let Some(row) = present.iter().rposition(|&present| present) {
                self.last[column] = self.last[column].max(times[row]);
            }
            let mut rest = &values[..];
            for (part, present) in parts.iter_mut().zip(present.chunks(BLOCK_ROWS)) {
                let n = present.iter().filter(|&&present| present).count();
                let (values, after) = rest.split_at(n);
                part.push(present, values);
                rest = after;
            }
        }
        parts
            .into_iter()
            .try_for_each(|part| self.put_part(None, part))
    }

    fn put_loose(&mut self, column: usize, chunks: &[Arc<Chunk>]) -> Result<(), StoreError> {
        let times: Vec<Timestamp> = chunks.iter().flat_map(|chunk| chunk.times()).collect();
        let (mut scratch, mut values) = (Vec::new(), Vec::new());
        for reader in chunks.iter().filter_map(|chunk| chunk.column(0)) {
            reader
                .read(&mut scratch, &mut values)
                .expect("the head's own bytes are never damaged");
        }
        if let Some(&last) = times.last() {
            self.last[column] = self.last[column].max(last);
        }
        for (times, values) in times.chunks(BLOCK_ROWS).zip(values.chunks(BLOCK_ROWS)) {
            let mut part = ChunkParts::new(times);
            part.push(&vec![true; values.len()], values);
            self.put_part(Some(column), part)?;
        }
        Ok(())
    }

    fn put_part(&mut self, only: Option<usize>, part: ChunkParts) -> Result<(), StoreError> {
        let head = ChunkHead {
            only,
            rows: part.rows,
            min: part.min,
            max: part.max,
            data: self.block.offset(),
            times_bytes: part.times.len(),
        };
        self.min = self.min.min(part.min);
        self.block.samples += part.samples;
        self.block.put_piece(&part.times)?;
        self.block.buffer.extend_from_slice(&part.columns);
        self.block.put_piece(&part.times)?;
        self.directory.put_chunk(head, &part.tags);
        Ok(())
    }
}

/// One chunk while its columns are collected.
struct ChunkParts {
    rows: usize,
    min: Timestamp,
    max: Timestamp,
    samples: u64,
    times: Vec<u8>,
    /// Stored columns, each with its checksum.
    columns: Vec<u8>,
    tags: Vec<u8>,
    n_columns: usize,
    /// Place and number of the columns that are stored, by checksum.
    stored: HashMap<u32, (usize, usize, usize)>,
    column: Vec<u8>,
}

impl ChunkParts {
    fn new(times: &[Timestamp]) -> Self {
        let mut packed = Vec::new();
        put_times(times, &mut packed);
        Self {
            rows: times.len(),
            min: times[0],
            max: times[times.len() - 1],
            samples: 0,
            times: packed,
            columns: Vec::new(),
            tags: Vec::new(),
            n_columns: 0,
            stored: HashMap::new(),
            column: Vec::new(),
        }
    }

    fn push(&mut self, present: &[bool], values: &[f64]) {
        let number = self.n_columns;
        self.n_columns += 1;
        self.samples += values.len() as u64;
        if values.is_empty() {
            return put_absent(&mut self.tags);
        }
        self.column.clear();
        put_sparse_column(present, values, &mut self.column);
        if self.column.len() <= INLINE_BYTES_MAX {
            return put_inline(&mut self.tags, &self.column);
        }
        let crc = crc32fast::hash(&self.column);
        if let Some(&(start, end, same)) = self.stored.get(&crc)
            && self.columns[start..end] == self.column
        {
            return put_same(&mut self.tags, number - same);
        }
        let start = self.columns.len();
        self.columns.extend_from_slice(&self.column);
        self.stored.insert(crc, (start, self.columns.len(), number));
        self.columns.extend_from_slice(&crc.to_le_bytes());
        put_stored(&mut self.tags, self.column.len());
    }
}

fn mark(presence: &Presence, present: &mut [bool]) {
    match presence {
        Presence::All => present.fill(true),
        Presence::Runs(runs) => {
            for &(from, to) in runs {
                present[from as usize..to as usize].fill(true);
            }
        }
    }
}

/// FNV-1a: two lists of one group with equal fingerprints and lengths are taken for the same.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
