//! Exemplars: one observation each that stands for a cell, with labels that lead to its trace.
//!
//! An exemplar has a record of its own, made when its cell first gets one, so that series without
//! exemplars pay nothing. Its first cell holds a checksum over the others: a reader copies a file
//! once and cannot look again, so what a writer was just changing must show in the copy itself,
//! as damage does. Either costs this exemplar and nothing else.
//!
//! ```text
//! key         cell (u16, as `Series::cell` counts them), then the key of the series
//! cell 0      CRC-32 of what follows (low half), bytes of the labels (high half)
//! cell 1      value
//! cell 2      seconds since the epoch; NaN: unknown
//! cell 3..    label names and values in turn, as a series' key holds texts, then zero bytes
//! ```

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::record::{FLAGS, REMOVED, Record, decode_texts, encode_texts};

/// Bytes of labels, with their lengths. OpenMetrics allows 128 characters, which are at most 512
/// bytes of UTF-8 in at most 256 texts.
pub(crate) const LABEL_BYTES_MAX: usize = 512 + 256 * 4;
/// Labels at first get this room, and twice as much when they outgrow it. A trace's identifier
/// with its name needs 52 bytes.
const LABEL_BYTES_MIN: usize = 64;
const HEAD_WORDS: usize = 3;
const WORD_BYTES: usize = size_of::<u64>();

/// An observation that stands for one cell of a series.
#[derive(Clone, Debug, PartialEq)]
pub struct Exemplar {
    /// Which cell, as [`crate::Series::cell`] counts them.
    pub cell: u16,
    pub labels: Vec<(Arc<str>, Arc<str>)>,
    pub value: f64,
    /// Seconds since the epoch, where it is known.
    pub time: Option<f64>,
}

impl Exemplar {
    /// The cells of its record. `None`: it has more labels than OpenMetrics allows.
    pub(crate) fn encode(&self) -> Option<Vec<u64>> {
        let pairs = self.labels.iter();
        let labels = encode_texts(pairs.flat_map(|(name, value)| [&**name, &**value]));
        if LABEL_BYTES_MAX < labels.len() {
            return None;
        }
        let time = self.time.unwrap_or(f64::NAN);
        let mut words = vec![0, self.value.to_bits(), time.to_bits()];
        for chunk in labels.chunks(WORD_BYTES) {
            let mut word = [0; WORD_BYTES];
            word[..chunk.len()].copy_from_slice(chunk);
            words.push(u64::from_ne_bytes(word));
        }
        words[0] = u64::from(checksum(&words[1..])) | (labels.len() as u64) << 32;
        Some(words)
    }

    /// Reads a record: the exemplar and the key of its series. `None`: damaged, never written, or
    /// caught while it was written.
    pub(crate) fn decode<'a>(record: &Record<'a>) -> Option<(Self, &'a [u8])> {
        let (cell, series_key) = record.key.split_first_chunk()?;
        let words = record.cells;
        let len = (*words.first()? >> 32) as usize;
        let used = words.get(..HEAD_WORDS + len.div_ceil(WORD_BYTES))?;
        if checksum(&used[1..]) != used[0] as u32 {
            return None;
        }
        let text_words = used[HEAD_WORDS..].iter();
        let mut texts: Vec<u8> = text_words.flat_map(|word| word.to_ne_bytes()).collect();
        texts.truncate(len);
        let texts = decode_texts(&texts)?;
        let (pairs, rest) = texts.as_chunks::<2>();
        let pair = |[name, value]: &[&str; 2]| (Arc::from(*name), Arc::from(*value));
        let time = f64::from_bits(used[2]);
        let exemplar = Self {
            cell: u16::from_le_bytes(*cell),
            labels: pairs.iter().map(pair).collect(),
            value: f64::from_bits(used[1]),
            time: (!time.is_nan()).then_some(time),
        };
        rest.is_empty().then_some((exemplar, series_key))
    }

    /// Whether it takes the place of another one of the same cell.
    pub(crate) fn is_later_than(&self, other: &Self) -> bool {
        other.time.unwrap_or(f64::MIN) <= self.time.unwrap_or(f64::MIN)
    }
}

/// The key of an exemplar's record.
pub(crate) fn record_key(cell: u16, series_key: &[u8]) -> Vec<u8> {
    [&cell.to_le_bytes(), series_key].concat()
}

/// How many cells a record gets that is to hold these.
pub(crate) fn n_cells(words: &[u64]) -> usize {
    let bytes = (words.len() - HEAD_WORDS) * WORD_BYTES;
    let room = bytes.next_power_of_two().max(LABEL_BYTES_MIN);
    HEAD_WORDS + room / WORD_BYTES
}

fn checksum(words: &[u64]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    for word in words {
        hasher.update(&word.to_ne_bytes());
    }
    hasher.finalize()
}

/// A record from the flags on.
type Row = &'static [AtomicU64];
/// The number of a family in this process, and the key of one of its series.
type SeriesId = (u32, Box<[u8]>);

/// Where this process's exemplars are: the rows of each family's number and series' key.
#[derive(Debug, Default)]
pub(crate) struct ExemplarRows {
    /// Cell and row of each exemplar.
    rows: HashMap<SeriesId, Vec<(u16, Row)>>,
}

impl ExemplarRows {
    /// Writes into the row of a cell; false when there is none with enough room.
    pub(crate) fn write(&self, family: u32, key: &[u8], cell: u16, words: &[u64]) -> bool {
        let rows = self.rows.get(&(family, Box::from(key)));
        let row = rows.and_then(|rows| rows.iter().find(|(of, _)| *of == cell));
        match row {
            Some((_, row)) if words.len() < row.len() => {
                write(row, words);
                true
            }
            _ => false,
        }
    }

    /// Takes a new row for a cell, which is written, and lets go of one that is too short.
    pub(crate) fn add(&mut self, family: u32, key: &[u8], cell: u16, row: Row, words: &[u64]) {
        write(row, words);
        let rows = self.rows.entry((family, Box::from(key))).or_default();
        match rows.iter_mut().find(|(of, _)| *of == cell) {
            Some((_, old)) => {
                old[FLAGS].store(REMOVED, Ordering::Release);
                *old = row;
            }
            None => rows.push((cell, row)),
        }
    }

    /// A removed series takes its exemplars along; their rows are there for the same labels.
    pub(crate) fn hide(&self, family: u32, key: &[u8]) {
        for (_, row) in self
            .rows
            .get(&(family, Box::from(key)))
            .into_iter()
            .flatten()
        {
            row[FLAGS].store(REMOVED, Ordering::Release);
        }
    }

    /// Forgets a family that is gone, whose record says so for all that belongs to it.
    pub(crate) fn forget(&mut self, family: u32) {
        self.rows.retain(|(number, _), _| *number != family);
    }
}

fn write(row: Row, words: &[u64]) {
    let cells = &row[FLAGS + 1..];
    for (cell, word) in cells.iter().zip(words).skip(1) {
        cell.store(*word, Ordering::Relaxed);
    }
    cells[0].store(words[0], Ordering::Release);
    row[FLAGS].store(0, Ordering::Release);
}

#[cfg(test)]
mod tests;
