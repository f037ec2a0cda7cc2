//! The bytes of a segment file: a header, then records. Layout: docs/formats/segment.md.
//!
//! A file is an array of native 64-bit words, so that every cell is one aligned atomic. Records
//! are only ever appended. What a record *is* (its kind, its key, how many cells it has) never
//! changes and is covered by a checksum; what it *says* (flags and cells) changes all the time
//! and is not. A reader needs no end mark: a record counts when its checksum does.
//!
//! ```text
//! word 0      magic (low half), CRC-32 of words 1 to 2 and the key (high half)
//! word 1      length in words (low half), kind (16 bits), number of cells (16 bits)
//! word 2      length of the key in bytes (low half), family number (high half)
//! word 3..    key, padded with zero bytes to a whole word
//! then        flags (1 word)
//! then        cells (1 word each, f64)
//! ```

use std::sync::Arc;

use crate::group::ProcessId;
use crate::mapping::bytes_of;
use crate::native::NativeSpec;
use crate::reading::FamilyKind;

mod texts;
mod walk;

pub(crate) use texts::{count_texts, decode_texts, encode_texts, push_texts};
use texts::{put_count, put_text, take, take_count, take_text};
pub(crate) use walk::{Found, walk};

/// `pyromseg` as a little-endian word; on a machine of the other byte order it does not match,
/// and such a file was not written on this machine.
pub(crate) const FILE_MAGIC: u64 = u64::from_le_bytes(*b"pyromseg");
/// Readers refuse a greater one.
pub(crate) const FORMAT_VERSION: u32 = 1;
/// Words before the first record. More than are used, so that a later version has room.
pub(crate) const HEADER_WORDS: usize = 16;
/// Header words that change: how many words hold records, and the same with all bits turned.
pub(crate) const USED_WORD: usize = 6;
pub(crate) const USED_CHECK_WORD: usize = 7;
/// Header word: series of the process that found no room in shared memory.
pub(crate) const UNSHARED_WORD: usize = 8;
/// Header word: panics that were caught at the host's border.
pub(crate) const PANICS_WORD: usize = 9;
/// Header word: the worker number of the process plus one; 0 where it has none.
pub(crate) const WORKER_WORD: usize = 10;
/// Header word: the most processor time that this process told of its group (`told.rs`).
pub(crate) const TOLD_WORD: usize = 11;

const RECORD_MAGIC: u32 = u32::from_le_bytes(*b"prec");
const RECORD_HEADER_WORDS: usize = 3;
/// Longest record. A series with a longer key stays out of shared memory.
pub(crate) const RECORD_WORDS_MAX: usize = 1 << 17;

/// Flag of a record: it was removed, its cells do not count.
pub(crate) const REMOVED: u64 = 1;

/// Where things stand in the words from the flags on.
pub(crate) const FLAGS: usize = 0;
/// Seconds since the epoch: when a counter, summary or histogram began; when a gauge or state was
/// last set, or one of the two below.
pub(crate) const TIME: usize = 1;
/// The time of a gauge that was last moved by inc or dec.
pub(crate) const MOVED: f64 = 0.0;
/// The time of a gauge that exists and was never set or moved.
pub(crate) const UNTOUCHED: f64 = -1.0;
/// The first value cell.
pub(crate) const VALUES: usize = 2;

/// Numbers from here on are of registries that no process shows as its own: what
/// prometheus_client's multi-process mode counts outside the default registry.
pub const OUTSIDE_REGISTRIES: u16 = 0x8000;

/// How a gauge's values in several processes become one (prometheus_client's
/// `multiprocess_mode`, and `Auto`, the default here).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GaugeMode {
    /// Last moved by inc or dec anywhere: the sum over the living. Else what was set last.
    Auto,
    /// One series a living process, with a `pid` label.
    All,
    LiveAll,
    Min,
    LiveMin,
    Max,
    LiveMax,
    Sum,
    LiveSum,
    MostRecent,
    LiveMostRecent,
}

impl GaugeMode {
    pub const EVERY: [(&str, Self); 11] = [
        ("auto", Self::Auto),
        ("all", Self::All),
        ("liveall", Self::LiveAll),
        ("min", Self::Min),
        ("livemin", Self::LiveMin),
        ("max", Self::Max),
        ("livemax", Self::LiveMax),
        ("sum", Self::Sum),
        ("livesum", Self::LiveSum),
        ("mostrecent", Self::MostRecent),
        ("livemostrecent", Self::LiveMostRecent),
    ];

    fn code(self) -> u8 {
        let place = Self::EVERY.iter().position(|(_, mode)| *mode == self);
        u8::try_from(place.expect("EVERY lists every mode")).expect("there are eleven modes")
    }
}

/// The code of a histogram that is native, whose key tells how.
const NATIVE_CODE: u8 = 6;

const KINDS: [FamilyKind; 6] = [
    FamilyKind::Counter,
    FamilyKind::Gauge,
    FamilyKind::Summary,
    FamilyKind::Histogram,
    FamilyKind::Info,
    FamilyKind::StateSet,
];

/// What a family is: the key of its record.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FamilyKey {
    pub(crate) registry: u16,
    pub(crate) kind: FamilyKind,
    pub(crate) mode: GaugeMode,
    pub(crate) name: Arc<str>,
    pub(crate) help: Arc<str>,
    pub(crate) unit: Arc<str>,
    pub(crate) label_names: Vec<Arc<str>>,
    /// Upper bounds of a histogram's buckets.
    pub(crate) bounds: Vec<f64>,
    /// States of a state set.
    pub(crate) states: Vec<Arc<str>>,
    /// Of a histogram that is native, too or only.
    pub(crate) native: Option<NativeSpec>,
}

/// Cells of a native histogram behind its buckets: observations in the zero bucket, and NaNs.
pub(crate) const NATIVE_CELLS: usize = 2;

impl FamilyKey {
    /// Number of cells of each of its series, the time included.
    pub(crate) fn n_cells(&self) -> usize {
        1 + match self.kind {
            FamilyKind::Counter | FamilyKind::Gauge | FamilyKind::Info => 1,
            FamilyKind::Summary => 2,
            FamilyKind::Histogram => {
                1 + self.bounds.len() + self.native.map_or(0, |_| NATIVE_CELLS)
            }
            FamilyKind::StateSet => self.states.len(),
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend_from_slice(&self.registry.to_le_bytes());
        let kind = KINDS.iter().position(|kind| *kind == self.kind);
        let kind = u8::try_from(kind.expect("KINDS lists every kind")).expect("there are six");
        out.push(self.native.map_or(kind, |_| NATIVE_CODE));
        out.push(self.mode.code());
        for text in [&self.name, &self.help, &self.unit] {
            put_text(&mut out, text);
        }
        for texts in [&self.label_names, &self.states] {
            put_count(&mut out, texts.len());
            for text in texts {
                put_text(&mut out, text);
            }
        }
        put_count(&mut out, self.bounds.len());
        for bound in &self.bounds {
            out.extend_from_slice(&bound.to_le_bytes());
        }
        if let Some(native) = &self.native {
            out.extend_from_slice(&native.schema().to_le_bytes());
            out.extend_from_slice(&native.n_buckets().to_le_bytes());
            out.extend_from_slice(&native.zero_threshold().to_le_bytes());
        }
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let registry = u16::from_le_bytes(take(&mut rest)?);
        let [kind, mode] = take(&mut rest)?;
        let mut text = || take_text(&mut rest).map(Arc::from);
        let (name, help, unit) = (text()?, text()?, text()?);
        let mut texts = || -> Option<Vec<Arc<str>>> {
            let count = take_count(&mut rest)?;
            (0..count)
                .map(|_| take_text(&mut rest).map(Arc::from))
                .collect()
        };
        let (label_names, states) = (texts()?, texts()?);
        let count = take_count(&mut rest)?;
        let bounds = (0..count)
            .map(|_| take(&mut rest).map(f64::from_le_bytes))
            .collect::<Option<Vec<f64>>>()?;
        let (kind, native) = if kind == NATIVE_CODE {
            let schema = i8::from_le_bytes(take(&mut rest)?);
            let n_buckets = u16::from_le_bytes(take(&mut rest)?);
            let zero_threshold = f64::from_le_bytes(take(&mut rest)?);
            let native = NativeSpec::of_schema(schema, n_buckets, zero_threshold)?;
            (FamilyKind::Histogram, Some(native))
        } else {
            (*KINDS.get(usize::from(kind))?, None)
        };
        // What sums them relies on it.
        let is_sound = match kind {
            FamilyKind::Histogram => states.is_empty(),
            FamilyKind::StateSet => bounds.is_empty(),
            FamilyKind::Counter | FamilyKind::Gauge | FamilyKind::Summary | FamilyKind::Info => {
                states.is_empty() && bounds.is_empty()
            }
        };
        (rest.is_empty() && is_sound).then_some(Self {
            registry,
            kind,
            mode: GaugeMode::EVERY.get(usize::from(mode))?.1,
            name,
            help,
            unit,
            label_names,
            bounds,
            states,
            native,
        })
    }
}

/// What a record holds besides cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum RecordKind {
    Family,
    Series,
    /// Buckets of a native histogram for observations above zero, and for those below. Of
    /// several with the same key in one process, the last one counts.
    Positive,
    Negative,
    /// In an archive: a process whose segments were folded into it. The key is its file name.
    Folded,
    /// What stands for a cell of a series (`exemplar.rs`).
    Exemplar,
}

impl RecordKind {
    const EVERY: [Self; 6] = [
        Self::Family,
        Self::Series,
        Self::Folded,
        Self::Exemplar,
        Self::Positive,
        Self::Negative,
    ];

    /// The kind that holds buckets of this sign.
    pub(crate) fn of_ring(is_negative: bool) -> Self {
        if is_negative {
            Self::Negative
        } else {
            Self::Positive
        }
    }

    fn code(self) -> u16 {
        match self {
            Self::Family => 1,
            Self::Series => 2,
            Self::Folded => 3,
            Self::Exemplar => 4,
            Self::Positive => 5,
            Self::Negative => 6,
        }
    }

    fn of(code: u16) -> Option<Self> {
        Self::EVERY.into_iter().find(|kind| kind.code() == code)
    }
}

/// A record with these cells. `None` when it would be too long.
pub(crate) fn encode_cells(
    kind: RecordKind,
    family: u32,
    key: &[u8],
    cells: &[f64],
) -> Option<Vec<u64>> {
    let mut words = encode_record(kind, family, key, cells.len())?;
    let first = words.len() - cells.len();
    for (word, cell) in words[first..].iter_mut().zip(cells) {
        *word = cell.to_bits();
    }
    Some(words)
}

/// A record to be appended, cells zero. `None` when it would be too long.
pub(crate) fn encode_record(
    kind: RecordKind,
    family: u32,
    key: &[u8],
    n_cells: usize,
) -> Option<Vec<u64>> {
    let n_cells = u16::try_from(n_cells).ok()?;
    let len = RECORD_HEADER_WORDS + key.len().div_ceil(8) + 1 + usize::from(n_cells);
    if RECORD_WORDS_MAX < len {
        return None;
    }
    let mut words = Vec::with_capacity(len);
    words.push(0);
    words.push(
        u64::from(u32::try_from(len).ok()?)
            | u64::from(kind.code()) << 32
            | u64::from(n_cells) << 48,
    );
    words.push(u64::from(u32::try_from(key.len()).ok()?) | u64::from(family) << 32);
    for chunk in key.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        words.push(u64::from_ne_bytes(word));
    }
    words[0] = u64::from(RECORD_MAGIC) | u64::from(checksum(&words[1..])) << 32;
    words.resize(len, 0);
    Some(words)
}

/// Where the flags stand in a record with a key of this length.
pub(crate) fn flags_at(key_len: usize) -> usize {
    RECORD_HEADER_WORDS + key_len.div_ceil(8)
}

pub(crate) fn checksum(words: &[u64]) -> u32 {
    crc32fast::hash(bytes_of(words))
}

/// A record as read, where it was read: a group may have a hundred thousand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    pub(crate) kind: RecordKind,
    pub(crate) family: u32,
    /// All words before the flags; none where there is no record.
    pub(crate) head: &'a [u64],
    pub(crate) key: &'a [u8],
    pub(crate) flags: u64,
    /// The bits of `f64`s.
    pub(crate) cells: &'a [u64],
}

impl Record<'_> {
    pub(crate) fn is_removed(&self) -> bool {
        self.flags & REMOVED != 0
    }

    /// With the key and the number of cells, this is all that the head says: checksum (high half)
    /// and family number. 0 where there is no record.
    pub(crate) fn seal(&self) -> u64 {
        let first = self.head.first().copied().unwrap_or_default();
        first >> 32 << 32 | u64::from(self.family)
    }

    /// Whether the last word of the key is filled up with zero bytes.
    pub(crate) fn is_padded(&self) -> bool {
        let padding = &bytes_of(self.head)[RECORD_HEADER_WORDS * 8 + self.key.len()..];
        padding.iter().all(|byte| *byte == 0)
    }
}

/// The header of a new file. `used` starts at the first record's place.
pub(crate) fn encode_header(process: ProcessId, index: u32, n_words: usize) -> [u64; HEADER_WORDS] {
    let mut words = [0; HEADER_WORDS];
    words[0] = FILE_MAGIC;
    words[1] = u64::from(FORMAT_VERSION) | (HEADER_WORDS as u64) << 32;
    words[2] = n_words as u64;
    words[3] = u64::from(process.pid) | u64::from(index) << 32;
    words[4] = process.start;
    words[5] = u64::from(checksum(&words[..5]));
    words[USED_WORD] = HEADER_WORDS as u64;
    words[USED_CHECK_WORD] = !(HEADER_WORDS as u64);
    words
}

/// Why a file is not read at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadHeader {
    TooShort,
    Rubbish,
    Future,
}

/// How many words of the file hold records, the header included.
///
/// A header whose changing words disagree is a writer caught in the act, or damage: then the
/// whole file is walked, and the checksums decide.
pub(crate) fn read_header(words: &[u64]) -> Result<Option<usize>, BadHeader> {
    let header = words.get(..HEADER_WORDS).ok_or(BadHeader::TooShort)?;
    if header[0] != FILE_MAGIC || header[5] != u64::from(checksum(&header[..5])) {
        return Err(BadHeader::Rubbish);
    }
    if FORMAT_VERSION < header[1] as u32 {
        return Err(BadHeader::Future);
    }
    let used = header[USED_WORD];
    let is_sound =
        used == !header[USED_CHECK_WORD] && (HEADER_WORDS as u64..=header[2]).contains(&used);
    Ok(is_sound.then_some(used as usize))
}

/// Whether a header was written for this file.
pub(crate) fn is_header_of(words: &[u64], process: ProcessId, index: u32) -> bool {
    let written = encode_header(process, index, 0);
    words.get(3..5) == Some(&written[3..5])
}

#[cfg(test)]
mod tests;
