//! The table of contents of a block, and the directory of a group in it.
//!
//! ```text
//! contents  = n:varint  n × ( name:text  series:place  fingerprint:u64  directory:place
//!             min:signed  max - min:varint  rows:varint (0: none, else max - last row + 1) )
//! place     = offset:varint  length:varint
//! directory = n:varint  n × chunk   n_series × lag:varint
//! chunk     = only:varint (0: all columns, k + 1: column k)  rows:varint  min:signed
//!             max - min:varint  data:varint  times:varint  tag a column
//! tag       = varint; lowest two bits:
//!             0 no samples · 1 inline, rest = length, bytes follow · 2 stored, rest = length
//!             · 3 the same as the column `rest` before
//! ```
//!
//! A chunk's data begins at `data`: its times, its stored columns in order, its times again;
//! each is followed by a checksum. A lag tells by how much a series ended before its group.

use model::Timestamp;

use super::Place;
use crate::bytes::{Corrupt, Reader, put_bytes, put_signed, put_varint};
use crate::codec::ROWS_MAX;

/// Columns up to this length stand in the directory: a checksum would nearly double them.
pub(super) const INLINE_BYTES_MAX: usize = 6;

const ABSENT: u64 = 0;
const INLINE: u64 = 1;
const STORED: u64 = 2;
const SAME: u64 = 3;

/// Where the column of a series is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tag {
    Absent,
    Inline(Box<[u8]>),
    Stored { offset: u64, len: u64 },
}

#[derive(Clone, Debug)]
pub(crate) struct ChunkEntry {
    /// The one column of a chunk of samples with timestamps of their own.
    pub(crate) only: Option<usize>,
    pub(crate) rows: usize,
    pub(crate) min: Timestamp,
    pub(crate) max: Timestamp,
    data: u64,
    times_bytes: u64,
    times_again: u64,
    /// By column; a single one if `only` is set.
    pub(crate) tags: Vec<Tag>,
}

impl ChunkEntry {
    pub(super) fn times(&self) -> Place {
        Place {
            offset: self.data,
            len: self.times_bytes,
        }
    }

    pub(super) fn times_again(&self) -> Place {
        Place {
            offset: self.times_again,
            len: self.times_bytes,
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Directory {
    pub(crate) chunks: Vec<ChunkEntry>,
    /// Milliseconds from the last sample of each series to the last of the group.
    pub(crate) lags: Vec<i64>,
}

impl Directory {
    pub(super) fn read(bytes: &[u8], n_series: usize) -> Result<Self, Corrupt> {
        let mut reader = Reader::new(bytes);
        let n = reader.count()?;
        let mut chunks = Vec::with_capacity(n);
        for _ in 0..n {
            chunks.push(read_chunk(&mut reader, n_series)?);
        }
        let mut lags = Vec::with_capacity(n_series.min(reader.remaining()));
        for _ in 0..n_series {
            lags.push(i64::try_from(reader.varint()?).map_err(|_| Corrupt)?);
        }
        Ok(Self { chunks, lags })
    }
}

fn read_chunk(reader: &mut Reader<'_>, n_series: usize) -> Result<ChunkEntry, Corrupt> {
    let only = match reader.size()? {
        0 => None,
        column if column <= n_series => Some(column - 1),
        _ => return Err(Corrupt),
    };
    let rows = reader.size()?;
    if rows == 0 || rows > ROWS_MAX {
        return Err(Corrupt);
    }
    let min = reader.signed()?;
    let max = min.checked_add_unsigned(reader.varint()?).ok_or(Corrupt)?;
    let data = reader.varint()?;
    let times_bytes = reader.varint()?;
    let mut next = place_after(data, times_bytes)?;
    let n_tags = if only.is_some() { 1 } else { n_series };
    let mut tags: Vec<Tag> = Vec::with_capacity(n_tags.min(reader.remaining()));
    for column in 0..n_tags {
        let head = reader.varint()?;
        let rest = head >> 2;
        tags.push(match head & 3 {
            ABSENT => Tag::Absent,
            INLINE => Tag::Inline(reader.take(rest as usize)?.into()),
            STORED => {
                let offset = next;
                next = place_after(offset, rest)?;
                Tag::Stored { offset, len: rest }
            }
            _ => {
                let back = usize::try_from(rest).map_err(|_| Corrupt)?;
                let same = column.checked_sub(back).filter(|_| back > 0);
                tags[same.ok_or(Corrupt)?].clone()
            }
        });
    }
    Ok(ChunkEntry {
        only,
        rows,
        min: Timestamp::from_millis(min),
        max: Timestamp::from_millis(max),
        data,
        times_bytes,
        times_again: next,
        tags,
    })
}

fn place_after(offset: u64, len: u64) -> Result<u64, Corrupt> {
    offset
        .checked_add(len)
        .and_then(|end| end.checked_add(4))
        .ok_or(Corrupt)
}

/// Collects the directory of a group while its chunks are written.
#[derive(Debug, Default)]
pub(super) struct DirectoryWriter {
    n_chunks: u64,
    bytes: Vec<u8>,
}

/// What a chunk's entry starts with.
#[derive(Clone, Copy, Debug)]
pub(super) struct ChunkHead {
    pub(super) only: Option<usize>,
    pub(super) rows: usize,
    pub(super) min: Timestamp,
    pub(super) max: Timestamp,
    pub(super) data: u64,
    pub(super) times_bytes: usize,
}

impl DirectoryWriter {
    /// `tags` are those of the chunk's columns, written by the functions below.
    pub(super) fn put_chunk(&mut self, head: ChunkHead, tags: &[u8]) {
        self.n_chunks += 1;
        let out = &mut self.bytes;
        put_varint(out, head.only.map_or(0, |column| column as u64 + 1));
        put_varint(out, head.rows as u64);
        put_signed(out, head.min.as_millis());
        put_varint(out, span(head.min, head.max));
        put_varint(out, head.data);
        put_varint(out, head.times_bytes as u64);
        out.extend_from_slice(tags);
    }

    pub(super) fn finish(self, lags: impl Iterator<Item = u64>) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.bytes.len() + 16);
        put_varint(&mut out, self.n_chunks);
        out.extend_from_slice(&self.bytes);
        lags.for_each(|lag| put_varint(&mut out, lag));
        out
    }
}

pub(super) fn put_absent(tags: &mut Vec<u8>) {
    put_varint(tags, ABSENT);
}

pub(super) fn put_inline(tags: &mut Vec<u8>, column: &[u8]) {
    put_varint(tags, INLINE | (column.len() as u64) << 2);
    tags.extend_from_slice(column);
}

pub(super) fn put_stored(tags: &mut Vec<u8>, len: usize) {
    put_varint(tags, STORED | (len as u64) << 2);
}

pub(super) fn put_same(tags: &mut Vec<u8>, back: usize) {
    put_varint(tags, SAME | (back as u64) << 2);
}

pub(super) fn span(min: Timestamp, max: Timestamp) -> u64 {
    max.as_millis().abs_diff(min.as_millis())
}

/// One group in the table of contents.
#[derive(Clone, Debug)]
pub(super) struct ContentsEntry<'a> {
    pub(super) name: &'a str,
    pub(super) series: Place,
    pub(super) fingerprint: u64,
    pub(super) directory: Place,
    pub(super) min: Timestamp,
    pub(super) max: Timestamp,
    pub(super) last_row: Option<Timestamp>,
}

impl ContentsEntry<'_> {
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        put_bytes(out, self.name.as_bytes());
        put_place(out, self.series);
        out.extend_from_slice(&self.fingerprint.to_le_bytes());
        put_place(out, self.directory);
        put_signed(out, self.min.as_millis());
        put_varint(out, span(self.min, self.max));
        put_varint(out, self.last_row.map_or(0, |row| span(row, self.max) + 1));
    }
}

pub(super) fn read_contents(bytes: &[u8]) -> Result<Vec<ContentsEntry<'_>>, Corrupt> {
    let mut reader = Reader::new(bytes);
    let n = reader.count()?;
    let mut entries = Vec::with_capacity(n);
    for _ in 0..n {
        let name = reader.text()?;
        let series = read_place(&mut reader)?;
        let fingerprint = reader.u64()?;
        let directory = read_place(&mut reader)?;
        let min = reader.signed()?;
        let max = min.checked_add_unsigned(reader.varint()?).ok_or(Corrupt)?;
        let last_row = match reader.varint()? {
            0 => None,
            lag => Some(max.checked_sub_unsigned(lag - 1).ok_or(Corrupt)?),
        };
        entries.push(ContentsEntry {
            name,
            series,
            fingerprint,
            directory,
            min: Timestamp::from_millis(min),
            max: Timestamp::from_millis(max),
            last_row: last_row.map(Timestamp::from_millis),
        });
    }
    Ok(entries)
}

fn put_place(out: &mut Vec<u8>, place: Place) {
    put_varint(out, place.offset);
    put_varint(out, place.len);
}

fn read_place(reader: &mut Reader<'_>) -> Result<Place, Corrupt> {
    Ok(Place {
        offset: reader.varint()?,
        len: reader.varint()?,
    })
}
