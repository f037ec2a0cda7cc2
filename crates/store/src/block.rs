//! Blocks: immutable files, each with the samples of one span of time.
//!
//! Layout: docs/formats/block.md. A block holds groups; a group holds chunks; a chunk holds one
//! column of times and one column of values a series. Every piece has a checksum of its own, so
//! damage costs the column it hits; what a whole group or block hangs on (its times, its table
//! of contents) stands twice.
//!
//! In memory a block is its table of contents. Which series a group has is shared with the block
//! before when it is the same, so months of blocks cost kilobytes.
//!
//! Reading is `pread`: the kernel's page cache is the cache, and no unsafe code is needed.

mod directory;
mod write;

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::{Labels, Timestamp};

use crate::bytes::{Corrupt, Reader};
use crate::codec::{ColumnReader, ROWS_MAX, read_times};
use crate::damage::DamageLog;
use crate::report::{Damage, DamageKind};
use crate::symbols::SymbolReader;
use crate::{GroupId, SeriesId, StoreError};

pub(crate) use directory::{ChunkEntry, Directory, Tag};
pub(crate) use write::{BlockWriter, GroupSource};

/// What a block starts and ends with; the last byte is the version of the format.
const MAGIC: &[u8; 8] = b"PYROBLK\x01";

/// Bytes of the footer: table of contents (place, length), window, WAL, samples, checksum, magic.
const FOOTER_BYTES: usize = 8 + 4 + 8 + 8 + 8 + 8 + 8 + 4 + 8;

/// How far from the end an intact footer is looked for, when the last one is damaged.
const FOOTER_SEARCH_BYTES: u64 = 4 * 1024 * 1024;

/// Columns nearer than this are read in one go: a read costs about as much as copying a page.
const READ_GAP_BYTES: u64 = 4096;

/// Where a checked piece stands in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    offset: u64,
    /// Without the four bytes of checksum that follow.
    len: u64,
}

#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) path: PathBuf,
    file: File,
    file_bytes: u64,
    pub(crate) number: u64,
    /// Start of the span of time, in milliseconds; `min` and `max` lie in it.
    pub(crate) window: i64,
    pub(crate) min: Timestamp,
    pub(crate) max: Timestamp,
    pub(crate) samples: u64,
    /// Whatever WAL segments below this number hold before `wal_cut` is in blocks.
    pub(crate) wal_segment: u64,
    pub(crate) wal_cut: Timestamp,
    pub(crate) groups: HashMap<GroupId, BlockGroup>,
    damage: Arc<DamageLog>,
}

/// One group in one block.
#[derive(Clone, Debug)]
pub(crate) struct BlockGroup {
    /// By column.
    pub(crate) series: Arc<[SeriesId]>,
    directory: Place,
    pub(crate) min: Timestamp,
    pub(crate) max: Timestamp,
    /// The last row; `None` when all its samples have timestamps of their own.
    pub(crate) last_row: Option<Timestamp>,
}

/// Gives groups and series of a file their ids in this process.
pub(crate) trait Resolve {
    fn group(&mut self, name: &str) -> GroupId;
    fn series(&mut self, group: GroupId, labels: Labels) -> SeriesId;
}

/// Series lists that were read already, by group, fingerprint and length.
pub(crate) type SeriesLists = HashMap<(GroupId, u64, u64), Arc<[SeriesId]>>;

#[derive(Debug)]
struct Footer {
    contents: Place,
    window: i64,
    min: i64,
    wal_segment: u64,
    wal_cut: i64,
    samples: u64,
}

/// Why a block cannot be opened.
#[derive(Debug)]
pub(crate) enum Unopened {
    Io(StoreError),
    /// No footer, or no table of contents, is whole.
    Damaged {
        bytes: u64,
    },
}

impl From<StoreError> for Unopened {
    fn from(error: StoreError) -> Self {
        Self::Io(error)
    }
}

impl Block {
    pub(crate) fn open(
        path: &Path,
        number: u64,
        resolve: &mut impl Resolve,
        lists: &mut SeriesLists,
        damage: &Arc<DamageLog>,
    ) -> Result<Self, Unopened> {
        let io = |source| StoreError::io("read the block", path)(source);
        let file = File::open(path).map_err(io)?;
        let file_bytes = file.metadata().map_err(io)?.len();
        let mut block = Self {
            path: path.to_owned(),
            file,
            file_bytes,
            number,
            window: 0,
            min: Timestamp::MAX,
            max: Timestamp::MIN,
            samples: 0,
            wal_segment: 0,
            wal_cut: Timestamp::MIN,
            groups: HashMap::new(),
            damage: Arc::clone(damage),
        };
        // The last footer is whole but for damage; only then is more of the file searched.
        for search_bytes in [FOOTER_BYTES as u64, FOOTER_SEARCH_BYTES] {
            let tail_bytes = file_bytes.min(search_bytes);
            let Some(tail) = block.read_at(file_bytes - tail_bytes, tail_bytes)? else {
                break;
            };
            let mut end = tail.len();
            while let Some((footer, before)) = last_footer(&tail[..end]) {
                if block.read_contents(&footer, resolve, lists)? {
                    return Ok(block);
                }
                end = before;
            }
        }
        Err(Unopened::Damaged { bytes: file_bytes })
    }

    /// False when the table of contents that the footer tells of is damaged.
    fn read_contents(
        &mut self,
        footer: &Footer,
        resolve: &mut impl Resolve,
        lists: &mut SeriesLists,
    ) -> Result<bool, StoreError> {
        let Some(contents) = self.piece(footer.contents)? else {
            return Ok(false);
        };
        let Ok(entries) = directory::read_contents(&contents) else {
            return Ok(false);
        };
        self.window = footer.window;
        self.samples = footer.samples;
        self.wal_segment = footer.wal_segment;
        self.wal_cut = Timestamp::from_millis(footer.wal_cut);
        self.min = Timestamp::from_millis(footer.min);
        for entry in entries {
            let group = resolve.group(entry.name);
            self.max = self.max.max(entry.max);
            let key = (group, entry.fingerprint, entry.series.len);
            let series = match lists.get(&key) {
                Some(series) => Arc::clone(series),
                None => {
                    let Some(series) = self.read_series(entry.series, group, resolve)? else {
                        continue;
                    };
                    lists.insert(key, Arc::clone(&series));
                    series
                }
            };
            self.groups.insert(
                group,
                BlockGroup {
                    series,
                    directory: entry.directory,
                    min: entry.min,
                    max: entry.max,
                    last_row: entry.last_row,
                },
            );
        }
        Ok(true)
    }

    fn read_series(
        &self,
        place: Place,
        group: GroupId,
        resolve: &mut impl Resolve,
    ) -> Result<Option<Arc<[SeriesId]>>, StoreError> {
        let read = |bytes: &[u8], resolve: &mut dyn FnMut(Labels) -> SeriesId| {
            let mut reader = Reader::new(bytes);
            let mut symbols = SymbolReader::default();
            let n = reader.count()?;
            let mut series = Vec::with_capacity(n);
            for _ in 0..n {
                series.push(resolve(symbols.read_labels(&mut reader)?));
            }
            Ok::<_, Corrupt>(series)
        };
        let series = self
            .piece(place)?
            .and_then(|bytes| read(&bytes, &mut |labels| resolve.series(group, labels)).ok());
        if series.is_none() {
            self.report(place, DamageKind::BlockGroup);
        }
        Ok(series.map(Arc::from))
    }

    /// The directory of a group; `None` when it has none here, or a damaged one.
    pub(crate) fn directory(&self, group: GroupId) -> Result<Option<Directory>, StoreError> {
        let Some(group) = self.groups.get(&group) else {
            return Ok(None);
        };
        let directory = self
            .piece(group.directory)?
            .and_then(|bytes| Directory::read(&bytes, group.series.len()).ok());
        if directory.is_none() {
            self.report(group.directory, DamageKind::BlockGroup);
        }
        Ok(directory)
    }

    /// Reads the bytes of a chunk's times and wanted columns.
    pub(crate) fn load(
        &self,
        chunk: &ChunkEntry,
        wanted: impl Iterator<Item = usize>,
    ) -> Result<LoadedChunk<'_>, StoreError> {
        let mut places: Vec<Place> = wanted
            .filter_map(|column| match chunk.tags[column] {
                Tag::Stored { offset, len } => Some(Place { offset, len }),
                Tag::Absent | Tag::Inline(_) => None,
            })
            .chain([chunk.times()])
            .collect();
        places.sort_unstable_by_key(|place| place.offset);
        let mut spans: Vec<(u64, u64)> = Vec::new();
        for place in places {
            let end = place.offset.saturating_add(place.len).saturating_add(4);
            match spans.last_mut() {
                Some(span) if place.offset <= span.1.saturating_add(READ_GAP_BYTES) => {
                    span.1 = span.1.max(end);
                }
                _ => spans.push((place.offset, end)),
            }
        }
        let mut loaded = LoadedChunk {
            block: self,
            spans: Vec::with_capacity(spans.len()),
            rows: chunk.rows,
        };
        for (start, end) in spans {
            if let Some(bytes) = self.read_at(start, end - start)? {
                loaded.spans.push((start, bytes));
            }
        }
        Ok(loaded)
    }

    /// The times of a loaded chunk; the second copy stands in for a damaged first.
    pub(crate) fn times(
        &self,
        chunk: &ChunkEntry,
        loaded: &LoadedChunk<'_>,
    ) -> Result<Option<Vec<Timestamp>>, StoreError> {
        let first = loaded
            .checked(chunk.times())
            .and_then(|bytes| read_times(bytes, chunk.rows).ok());
        if first.is_some() {
            return Ok(first);
        }
        self.report(chunk.times(), DamageKind::BlockColumn);
        let second = self.piece(chunk.times_again())?;
        let second = second.and_then(|bytes| read_times(&bytes, chunk.rows).ok());
        if second.is_none() {
            self.report(chunk.times_again(), DamageKind::BlockColumn);
        }
        Ok(second)
    }

    /// The last sample of every series of a group, by column.
    pub(crate) fn last_times(&self, id: GroupId) -> Result<Vec<(SeriesId, Timestamp)>, StoreError> {
        let Some(group) = self.groups.get(&id) else {
            return Ok(Vec::new());
        };
        let directory = self.directory(id)?;
        Ok(group
            .series
            .iter()
            .enumerate()
            .map(|(column, &series)| {
                let lag = directory
                    .as_ref()
                    .map_or(0, |directory| directory.lags[column]);
                (series, group.max.plus_millis(-lag))
            })
            .collect())
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.file_bytes
    }

    pub(crate) fn overlaps(&self, from: Timestamp, to: Timestamp) -> bool {
        self.min <= to && from <= self.max
    }

    /// A piece whose checksum holds; `None` when it does not.
    fn piece(&self, place: Place) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(mut bytes) = self.read_at(place.offset, place.len.saturating_add(4))? else {
            return Ok(None);
        };
        let whole = checked(&bytes).is_some();
        bytes.truncate(place.len as usize);
        Ok(whole.then_some(bytes))
    }

    /// `None` when the file is not that long.
    fn read_at(&self, offset: u64, len: u64) -> Result<Option<Vec<u8>>, StoreError> {
        if offset
            .checked_add(len)
            .is_none_or(|end| end > self.file_bytes)
        {
            return Ok(None);
        }
        let mut bytes = vec![0; len as usize];
        match self.file.read_exact_at(&mut bytes, offset) {
            Ok(()) => Ok(Some(bytes)),
            // Cut short since it was opened.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(source) => Err(StoreError::io("read the block", &self.path)(source)),
        }
    }

    fn report(&self, place: Place, kind: DamageKind) {
        self.damage.add(Damage {
            path: self.path.clone(),
            offset: place.offset,
            bytes: place.len,
            kind,
        });
    }
}

/// The bytes of a chunk that a query wants.
#[derive(Debug)]
pub(crate) struct LoadedChunk<'a> {
    block: &'a Block,
    /// First byte in the file, bytes; ascending.
    spans: Vec<(u64, Vec<u8>)>,
    rows: usize,
}

impl LoadedChunk<'_> {
    /// `None` when the column has no samples, or damaged ones.
    pub(crate) fn column<'s>(&'s self, tag: &'s Tag) -> Option<ColumnReader<'s>> {
        let bytes = match tag {
            Tag::Absent => return None,
            Tag::Inline(bytes) => bytes,
            &Tag::Stored { offset, len } => {
                let place = Place { offset, len };
                let Some(bytes) = self.checked(place) else {
                    self.block.report(place, DamageKind::BlockColumn);
                    return None;
                };
                bytes
            }
        };
        ColumnReader::new(bytes, self.rows).ok()
    }

    /// Tells of a column whose checksum holds and that still cannot be read.
    pub(crate) fn report(&self, tag: &Tag) {
        if let &Tag::Stored { offset, len } = tag {
            self.block
                .report(Place { offset, len }, DamageKind::BlockColumn);
        }
    }

    fn checked(&self, place: Place) -> Option<&[u8]> {
        let index = self
            .spans
            .partition_point(|&(start, _)| start <= place.offset)
            .checked_sub(1)?;
        let (start, bytes) = &self.spans[index];
        let from = usize::try_from(place.offset - start).ok()?;
        let to = from.checked_add(usize::try_from(place.len).ok()?)?;
        checked(bytes.get(from..to.checked_add(4)?)?)
    }
}

/// The payload of a piece, if its checksum holds.
fn checked(piece: &[u8]) -> Option<&[u8]> {
    let (payload, crc) = piece.split_last_chunk::<4>()?;
    (crc32fast::hash(payload) == u32::from_le_bytes(*crc)).then_some(payload)
}

/// The last whole footer in these bytes, and where it begins.
fn last_footer(tail: &[u8]) -> Option<(Footer, usize)> {
    let mut end = tail.len();
    while end >= FOOTER_BYTES {
        if tail[..end].ends_with(MAGIC) {
            let start = end - FOOTER_BYTES;
            if let Some(footer) = read_footer(&tail[start..end - MAGIC.len()]) {
                return Some((footer, start));
            }
        }
        end -= 1;
    }
    None
}

fn read_footer(bytes: &[u8]) -> Option<Footer> {
    let mut reader = Reader::new(checked(bytes)?);
    let read = |reader: &mut Reader<'_>| {
        Ok::<_, Corrupt>(Footer {
            contents: Place {
                offset: reader.u64()?,
                len: u64::from(reader.u32()?),
            },
            window: reader.i64()?,
            min: reader.i64()?,
            wal_segment: reader.u64()?,
            wal_cut: reader.i64()?,
            samples: reader.u64()?,
        })
    };
    read(&mut reader).ok()
}

const _: () = assert!(ROWS_MAX >= write::BLOCK_ROWS);

#[cfg(test)]
mod tests;
