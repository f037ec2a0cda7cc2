//! Columns: the timestamps and the values of a chunk, each in as few bytes as they need.
//!
//! Most values of a scrape are whole numbers or short decimals (47 of 100 series on a real node
//! exporter and Flask scrape), many never change (37 of 100), few use a full mantissa (9). So a
//! column is one of
//!
//! ```text
//! column   = head:u8 (bit 7: runs follow)  [runs]  values
//! runs     = n:varint  n × length:varint      absent, present, absent, … rows; in all: the rows
//! values   = head 0: signed varint             every value is this whole number
//!          | head 1: 8 bytes                   every value has these bits
//!          | head 2: stream                    the bits of the values as integers
//!          | head 16+e: exceptions  stream     integers; a value is the integer / 10^e
//! exceptions = n:varint  n × (rows since the last one:varint, 8 bytes)
//! times    = stream                            milliseconds, strictly ascending
//! ```
//!
//! INVARIANT: what is read has the bits of what was written, for every f64: NaN payloads, the
//! stale marker, -0.0 and infinities included. An integer is used only where dividing it gives
//! the same bits; a stale marker among integers is an exception and does not spoil its column.

mod pack;

use model::Timestamp;

use crate::bytes::{Corrupt, Reader, put_signed, put_varint};

/// The most rows of one chunk: a bound for whoever reads a count from a file.
pub(crate) const ROWS_MAX: usize = 1 << 16;

const RUNS_FOLLOW: u8 = 0x80;
const CONSTANT_INTEGER: u8 = 0;
const CONSTANT_BITS: u8 = 1;
const BITS: u8 = 2;
const DECIMAL: u8 = 16;

/// Nine decimals are nanoseconds in seconds; a value that needs more is a full mantissa.
pub(crate) const EXPONENT_MAX: u8 = 9;

const POWERS: [f64; EXPONENT_MAX as usize + 1] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

/// Up to here every integer is a float of its own.
const INTEGER_MAX: u64 = 1 << 53;

/// The integer that divided by 10^exponent gives exactly this value.
pub(crate) fn to_integer(value: f64, exponent: u8) -> Option<i64> {
    let integer = if exponent == 0 {
        value as i64
    } else {
        let scaled = value * POWERS[usize::from(exponent)];
        (scaled + 0.5f64.copysign(scaled)) as i64
    };
    let same = from_integer(integer, exponent).to_bits() == value.to_bits();
    (same && integer.unsigned_abs() <= INTEGER_MAX).then_some(integer)
}

/// Correctly rounded, since both sides are exact: the same as reading the decimal text.
pub(crate) fn from_integer(integer: i64, exponent: u8) -> f64 {
    if exponent == 0 {
        integer as f64
    } else {
        integer as f64 / POWERS[usize::from(exponent)]
    }
}

/// The fewest decimals, at least `from`, that write this value; `None` for a full mantissa.
pub(crate) fn exponent_of(value: f64, from: u8) -> Option<u8> {
    (from..=EXPONENT_MAX).find(|&exponent| to_integer(value, exponent).is_some())
}

/// Appends a column in which every row has a value.
pub(crate) fn put_column(values: &[f64], out: &mut Vec<u8>) {
    put_values(values, 0, &[], out);
}

/// Appends a column of `present.len()` rows; `values` are those of the rows that are present.
pub(crate) fn put_sparse_column(present: &[bool], values: &[f64], out: &mut Vec<u8>) {
    if present.iter().all(|&present| present) {
        return put_column(values, out);
    }
    let mut lengths: Vec<u64> = Vec::new();
    let mut state = false;
    let mut length = 0;
    for &present in present {
        if present != state {
            lengths.push(length);
            (state, length) = (present, 0);
        }
        length += 1;
    }
    lengths.push(length);
    let mut runs = Vec::new();
    put_varint(&mut runs, lengths.len() as u64);
    lengths
        .iter()
        .for_each(|&length| put_varint(&mut runs, length));
    put_values(values, RUNS_FOLLOW, &runs, out);
}

fn put_values(values: &[f64], flag: u8, runs: &[u8], out: &mut Vec<u8>) {
    let head = |out: &mut Vec<u8>, head: u8| {
        out.push(head | flag);
        out.extend_from_slice(runs);
    };
    let Some(&first) = values.first() else {
        head(out, CONSTANT_INTEGER);
        return put_signed(out, 0);
    };
    if values
        .iter()
        .all(|value| value.to_bits() == first.to_bits())
    {
        match to_integer(first, 0) {
            Some(integer) => {
                head(out, CONSTANT_INTEGER);
                put_signed(out, integer);
            }
            None => {
                head(out, CONSTANT_BITS);
                out.extend_from_slice(&first.to_bits().to_le_bytes());
            }
        }
        return;
    }
    let decimal = Decimal::of(values);
    let simple = decimal
        .as_ref()
        .is_some_and(|decimal| decimal.exponent == 0 && decimal.exceptions.is_empty());
    let decimal = decimal.map(|decimal| {
        let mut bytes = Vec::new();
        decimal.put(&mut bytes);
        (DECIMAL + decimal.exponent, bytes)
    });
    // Whole numbers never lose against their bits; with decimals or exceptions, both are tried.
    let as_bits = (!simple).then(|| {
        let bits: Vec<i64> = values.iter().map(|value| value.to_bits() as i64).collect();
        let mut bytes = Vec::new();
        pack::pack(&bits, &mut bytes);
        (BITS, bytes)
    });
    let (kind, bytes) = [decimal, as_bits]
        .into_iter()
        .flatten()
        .min_by_key(|(_, bytes)| bytes.len())
        .expect("bits are tried wherever decimals cannot be");
    head(out, kind);
    out.extend_from_slice(&bytes);
}

/// Values as integers of one scale, but for a few.
struct Decimal {
    exponent: u8,
    integers: Vec<i64>,
    /// Row and bits.
    exceptions: Vec<(usize, u64)>,
}

impl Decimal {
    /// `None` when more than an eighth of the values do not fit: bits are smaller then.
    fn of(values: &[f64]) -> Option<Self> {
        let exceptions_max = values.len() / 8 + 1;
        let mut exponent = 0;
        let mut misfits = 0;
        for &value in values {
            if to_integer(value, exponent).is_some() {
                continue;
            }
            match exponent_of(value, exponent) {
                Some(larger) => exponent = larger,
                None => misfits += 1,
            }
            if misfits > exceptions_max {
                return None;
            }
        }
        let mut integers = Vec::with_capacity(values.len());
        let mut exceptions = Vec::new();
        // An exception repeats its neighbour, so that it costs no width.
        let mut last = values
            .iter()
            .find_map(|&value| to_integer(value, exponent))?;
        for (row, &value) in values.iter().enumerate() {
            match to_integer(value, exponent) {
                Some(integer) => last = integer,
                None => exceptions.push((row, value.to_bits())),
            }
            integers.push(last);
        }
        (exceptions.len() <= exceptions_max).then_some(Self {
            exponent,
            integers,
            exceptions,
        })
    }

    fn put(&self, out: &mut Vec<u8>) {
        put_varint(out, self.exceptions.len() as u64);
        let mut next = 0;
        for &(row, bits) in &self.exceptions {
            put_varint(out, (row - next) as u64);
            out.extend_from_slice(&bits.to_le_bytes());
            next = row + 1;
        }
        pack::pack(&self.integers, out);
    }
}

/// Which rows of a column have a value, as half-open ranges in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    All,
    Runs(Vec<(u32, u32)>),
}

impl Presence {
    /// How many rows in `start..end` have a value.
    pub(crate) fn count(&self, start: usize, end: usize) -> usize {
        match self {
            Self::All => end - start,
            Self::Runs(runs) => runs
                .iter()
                .map(|&(from, to)| {
                    let (from, to) = (from as usize, to as usize);
                    to.min(end).saturating_sub(from.max(start))
                })
                .sum(),
        }
    }
}

/// A column whose head has been read: it can say how much it holds before it costs memory.
#[derive(Clone, Debug)]
pub(crate) struct ColumnReader<'a> {
    kind: u8,
    rows: usize,
    pub(crate) presence: Presence,
    rest: Reader<'a>,
}

impl<'a> ColumnReader<'a> {
    /// `rows` is the number of rows of the chunk, at most [`ROWS_MAX`].
    pub(crate) fn new(bytes: &'a [u8], rows: usize) -> Result<Self, Corrupt> {
        let mut reader = Reader::new(bytes);
        let head = reader.u8()?;
        let presence = if head & RUNS_FOLLOW != 0 {
            read_runs(&mut reader, rows)?
        } else {
            Presence::All
        };
        Ok(Self {
            kind: head & !RUNS_FOLLOW,
            rows,
            presence,
            rest: reader,
        })
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Appends the values of the rows that are present. `scratch` is working memory.
    pub(crate) fn read(
        mut self,
        scratch: &mut Vec<i64>,
        out: &mut Vec<f64>,
    ) -> Result<Presence, Corrupt> {
        let n = self.presence.count(0, self.rows);
        match self.kind {
            CONSTANT_INTEGER => {
                let value = self.rest.signed()? as f64;
                out.extend(std::iter::repeat_n(value, n));
            }
            CONSTANT_BITS => {
                let value = f64::from_bits(self.rest.u64()?);
                out.extend(std::iter::repeat_n(value, n));
            }
            BITS => {
                scratch.clear();
                pack::unpack(&mut self.rest, n, scratch)?;
                out.extend(scratch.iter().map(|&bits| f64::from_bits(bits as u64)));
            }
            kind if (DECIMAL..=DECIMAL + EXPONENT_MAX).contains(&kind) => {
                read_decimal(&mut self.rest, kind - DECIMAL, n, scratch, out)?;
            }
            _ => return Err(Corrupt),
        }
        Ok(self.presence)
    }
}

fn read_runs(reader: &mut Reader<'_>, rows: usize) -> Result<Presence, Corrupt> {
    let n = reader.count()?;
    let mut runs = Vec::with_capacity(n / 2);
    let mut at = 0usize;
    for index in 0..n {
        let end = at.checked_add(reader.size()?).ok_or(Corrupt)?;
        if end > rows {
            return Err(Corrupt);
        }
        if index % 2 == 1 {
            runs.push((at as u32, end as u32));
        }
        at = end;
    }
    if at != rows {
        return Err(Corrupt);
    }
    Ok(Presence::Runs(runs))
}

fn read_decimal(
    reader: &mut Reader<'_>,
    exponent: u8,
    n: usize,
    scratch: &mut Vec<i64>,
    out: &mut Vec<f64>,
) -> Result<(), Corrupt> {
    let n_exceptions = reader.count()?;
    let mut exceptions = Vec::with_capacity(n_exceptions.min(n));
    let mut next = 0usize;
    for _ in 0..n_exceptions {
        let row = next.checked_add(reader.size()?).ok_or(Corrupt)?;
        if row >= n {
            return Err(Corrupt);
        }
        exceptions.push((row, reader.u64()?));
        next = row + 1;
    }
    scratch.clear();
    pack::unpack(reader, n, scratch)?;
    let start = out.len();
    if exponent == 0 {
        out.extend(scratch.iter().map(|&integer| integer as f64));
    } else {
        let power = POWERS[usize::from(exponent)];
        out.extend(scratch.iter().map(|&integer| integer as f64 / power));
    }
    for (row, bits) in exceptions {
        out[start + row] = f64::from_bits(bits);
    }
    Ok(())
}

/// Appends a column of strictly ascending timestamps.
pub(crate) fn put_times(times: &[Timestamp], out: &mut Vec<u8>) {
    let millis: Vec<i64> = times.iter().map(|time| time.as_millis()).collect();
    pack::pack(&millis, out);
}

/// Reads the `rows` timestamps of a chunk, at most [`ROWS_MAX`].
pub(crate) fn read_times(bytes: &[u8], rows: usize) -> Result<Vec<Timestamp>, Corrupt> {
    let mut millis = Vec::with_capacity(rows);
    pack::unpack(&mut Reader::new(bytes), rows, &mut millis)?;
    if !millis.is_sorted_by(|a, b| a < b) {
        return Err(Corrupt);
    }
    Ok(millis.into_iter().map(Timestamp::from_millis).collect())
}

#[cfg(test)]
mod tests;
