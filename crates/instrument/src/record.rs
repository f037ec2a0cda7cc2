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

pub(crate) use texts::{count_texts, decode_texts, encode_texts, push_texts};
use texts::{put_count, put_text, take, take_count, take_text};

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

fn checksum(words: &[u64]) -> u32 {
    crc32fast::hash(bytes_of(words))
}

/// A record as read, where it was read: a group may have a hundred thousand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    pub(crate) kind: RecordKind,
    pub(crate) family: u32,
    pub(crate) key: &'a [u8],
    pub(crate) flags: u64,
    /// The bits of `f64`s.
    pub(crate) cells: &'a [u64],
}

/// A step of a walk over a file.
#[derive(Debug)]
pub(crate) enum Found<'a> {
    Record(Record<'a>),
    /// Words from this one on are no record; the walk goes on at the next thing that is one.
    Damage {
        word: usize,
    },
}

/// Walks over the records in `words`, from `at` on. Damage costs the damaged record alone: the
/// walk finds the next one by its magic and its checksum.
pub(crate) fn walk(words: &[u64], at: usize) -> impl Iterator<Item = Found<'_>> {
    let mut at = at;
    // A damaged record is summed up in vain once. Made-up heads of long records at every third
    // word would take the square of the file's length.
    let mut spare_words = words.len() + RECORD_WORDS_MAX;
    std::iter::from_fn(move || {
        let began = at;
        while at < words.len() {
            if let Some((record, len)) = decode_record(&words[at..], &mut spare_words) {
                if began < at && words[began..at].iter().any(|word| *word != 0) {
                    return Some(Found::Damage { word: began });
                }
                at += len;
                return Some(Found::Record(record));
            }
            at += 1;
        }
        let rest = words.get(began..).unwrap_or_default();
        let is_damaged = rest.iter().any(|word| *word != 0);
        (is_damaged).then_some(Found::Damage { word: began })
    })
}

/// `spare_words` may be spent on checksums that do not fit.
fn decode_record<'a>(words: &'a [u64], spare_words: &mut usize) -> Option<(Record<'a>, usize)> {
    let (&[first, second, third], _) = words.split_first_chunk()?;
    if first as u32 != RECORD_MAGIC {
        return None;
    }
    let len = second as u32 as usize;
    let kind = RecordKind::of((second >> 32) as u16)?;
    let n_cells = usize::from((second >> 48) as u16);
    let key_len = third as u32 as usize;
    let flags_at = flags_at(key_len);
    if len != flags_at + 1 + n_cells || words.len() < len || *spare_words < flags_at {
        return None;
    }
    if u64::from(checksum(&words[1..flags_at])) != first >> 32 {
        *spare_words -= flags_at;
        return None;
    }
    let record = Record {
        kind,
        family: (third >> 32) as u32,
        key: &bytes_of(&words[RECORD_HEADER_WORDS..flags_at])[..key_len],
        flags: words[flags_at],
        cells: &words[flags_at + 1..len],
    };
    Some((record, len))
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
