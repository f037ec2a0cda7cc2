//! Records: what one append writes, readable whatever happened to its neighbours.
//!
//! A value is written as its difference to the *base row* of its group, not to the row before: a
//! chain of differences would break at the first lost record. Base rows and definitions of series
//! stand in two records each, so one damaged record orphans none.
//!
//! ```text
//! rows     = 1:u8  group:varint  generation:varint  columns:varint  time:signed
//!            definitions  base:varint  has_base:u8  [base row]
//!            2 bits a column, four to a byte, lowest first:
//!              0 as in the base row · 1 integer difference · 2 raw · 3 absent
//!            the differences (signed) and raw values (8 bytes), in column order
//! definitions = first:varint  n:varint  [name of the group:text  n × labels]
//! base row = n:varint  n × value               columns after the n-th have the base 0
//! value    = e:u8 < 10  integer:signed         integer / 10^e
//!          | 15:u8  8 bytes
//! samples  = 2:u8  n:varint  n × (series:varint  group:text  labels)
//!            n:varint  n × (series:varint  time since the last one:signed  value)
//! ```

use std::collections::HashMap;

use model::{Labels, Timestamp};

use super::entry::Replayed;
use crate::bytes::{Corrupt, Reader, put_signed, put_varint};
use crate::codec::{EXPONENT_MAX, exponent_of, from_integer, to_integer};
use crate::head::Row;
use crate::symbols::{SymbolReader, SymbolWriter};
use crate::{GroupId, SeriesId};

const ROWS: u8 = 1;
const SAMPLES: u8 = 2;

const AS_BASE: u8 = 0;
const DIFFERENCE: u8 = 1;
const RAW: u8 = 2;
const ABSENT: u8 = 3;

const VALUE_RAW: u8 = 15;

/// Rows until a new base row. It costs three to four bytes a series, twice; without one the
/// differences of counters grow. On the benchmark's set a sample costs 2.68 bytes with 16 rows,
/// 2.61 with 32, 2.63 with 64 and 2.67 with 128.
const BASE_ROWS: u32 = 32;

/// Rows until all definitions are repeated, so that a damaged stretch that takes both copies
/// costs a group 256 rows at most.
const DEFINITION_ROWS: u32 = 256;

/// One value of the base row.
#[derive(Clone, Copy, Debug)]
struct Base {
    bits: u64,
    integer: i64,
    exponent: u8,
}

const ZERO: Base = Base {
    bits: 0,
    integer: 0,
    exponent: 0,
};

/// Where one group stands in the current segment.
#[derive(Debug)]
pub(super) struct Stream {
    generation: u64,
    /// Definitions of the columns below stand in two records, or one.
    defined_twice: usize,
    defined_once: usize,
    rows: u32,
    base: Vec<Base>,
    base_number: u64,
    /// How many records hold the base row.
    base_copies: u32,
    base_rows: u32,
    /// The most decimals seen, by column: a counter of seconds must not turn raw at 12.5.
    exponents: Vec<u8>,
}

/// What a record of rows tells about its group.
#[derive(Debug)]
pub(super) struct RowsContext<'a> {
    pub(super) group: GroupId,
    pub(super) name: &'a str,
    pub(super) generation: u64,
    pub(super) columns: &'a [SeriesId],
}

impl Stream {
    /// `number` is unique among the base rows of the segment.
    pub(super) fn new(generation: u64) -> Self {
        Self {
            generation,
            defined_twice: 0,
            defined_once: 0,
            rows: 0,
            base: Vec::new(),
            base_number: 0,
            base_copies: 0,
            base_rows: BASE_ROWS,
            exponents: Vec::new(),
        }
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// Appends the payload of a record. `next_base` numbers base rows.
    pub(super) fn put_rows<'l>(
        &mut self,
        context: &RowsContext<'_>,
        row: &Row,
        labels_of: impl Fn(SeriesId) -> &'l Labels,
        next_base: &mut u64,
        out: &mut Vec<u8>,
    ) {
        let columns = context.columns;
        out.push(ROWS);
        put_varint(out, u64::from(context.group.0));
        put_varint(out, context.generation);
        put_varint(out, columns.len() as u64);
        put_signed(out, row.at.as_millis());
        if self.rows.is_multiple_of(DEFINITION_ROWS) {
            (self.defined_twice, self.defined_once) = (0, 0);
        }
        self.rows = self.rows.wrapping_add(1);
        put_varint(out, self.defined_twice as u64);
        put_varint(out, (columns.len() - self.defined_twice) as u64);
        if self.defined_twice < columns.len() {
            let mut symbols = SymbolWriter::default();
            symbols.put(context.name, out);
            for &series in &columns[self.defined_twice..] {
                symbols.put_labels(labels_of(series), out);
            }
        }
        (self.defined_twice, self.defined_once) = (self.defined_once, columns.len());
        self.exponents.resize(columns.len(), 0);
        self.base_rows += 1;
        if self.base_rows > BASE_ROWS {
            self.rebase(row);
            self.base_number = *next_base;
            *next_base += 1;
        }
        put_varint(out, self.base_number);
        let has_base = self.base_copies < 2;
        out.push(u8::from(has_base));
        if has_base {
            self.base_copies += 1;
            put_varint(out, self.base.len() as u64);
            for base in &self.base {
                put_base(base, out);
            }
        }
        self.put_values(row, columns.len(), out);
    }

    fn rebase(&mut self, row: &Row) {
        self.base.clear();
        self.base.resize(row.values.len(), ZERO);
        for (column, base) in self.base.iter_mut().enumerate() {
            let Some(value) = row.get(column) else {
                continue;
            };
            let exponent = &mut self.exponents[column];
            *exponent = exponent_of(value, *exponent)
                .or_else(|| exponent_of(value, 0))
                .unwrap_or(*exponent);
            *base = Base {
                bits: value.to_bits(),
                integer: to_integer(value, *exponent).unwrap_or(0),
                exponent: *exponent,
            };
        }
        self.base_copies = 0;
        self.base_rows = 0;
    }

    fn put_values(&mut self, row: &Row, n_columns: usize, out: &mut Vec<u8>) {
        let controls = out.len();
        out.resize(controls + n_columns.div_ceil(4), 0);
        for column in 0..n_columns {
            let control = match row.get(column) {
                None => ABSENT,
                Some(value) => {
                    let base = self.base.get(column).unwrap_or(&ZERO);
                    if value.to_bits() == base.bits {
                        AS_BASE
                    } else if let Some(integer) = to_integer(value, base.exponent) {
                        put_signed(out, integer - base.integer);
                        DIFFERENCE
                    } else {
                        if let Some(exponent) = exponent_of(value, base.exponent) {
                            self.exponents[column] = exponent;
                        }
                        out.extend_from_slice(&value.to_bits().to_le_bytes());
                        RAW
                    }
                }
            };
            out[controls + column / 4] |= control << (column % 4 * 2);
        }
    }
}

fn put_base(base: &Base, out: &mut Vec<u8>) {
    if base.bits == from_integer(base.integer, base.exponent).to_bits() {
        out.push(base.exponent);
        put_signed(out, base.integer);
    } else {
        out.push(VALUE_RAW);
        out.extend_from_slice(&base.bits.to_le_bytes());
        // A full mantissa has no integer; its exponent still says how the next values are read.
        out.push(base.exponent);
    }
}

fn read_base(reader: &mut Reader<'_>) -> Result<Base, Corrupt> {
    match reader.u8()? {
        VALUE_RAW => {
            let bits = reader.u64()?;
            let exponent = reader.u8()?;
            if exponent > EXPONENT_MAX {
                return Err(Corrupt);
            }
            Ok(Base {
                bits,
                integer: 0,
                exponent,
            })
        }
        exponent @ 0..=EXPONENT_MAX => {
            let integer = reader.signed()?;
            Ok(Base {
                bits: from_integer(integer, exponent).to_bits(),
                integer,
                exponent,
            })
        }
        _ => Err(Corrupt),
    }
}

fn put_value(value: f64, out: &mut Vec<u8>) {
    match exponent_of(value, 0) {
        Some(exponent) => {
            out.push(exponent);
            put_signed(out, to_integer(value, exponent).unwrap_or(0));
        }
        None => {
            out.push(VALUE_RAW);
            out.extend_from_slice(&value.to_bits().to_le_bytes());
        }
    }
}

fn read_value(reader: &mut Reader<'_>) -> Result<f64, Corrupt> {
    match reader.u8()? {
        VALUE_RAW => Ok(f64::from_bits(reader.u64()?)),
        exponent @ 0..=EXPONENT_MAX => Ok(from_integer(reader.signed()?, exponent)),
        _ => Err(Corrupt),
    }
}

/// How often each series was defined in explicit records of the current segment.
#[derive(Debug, Default)]
pub(super) struct Defined {
    record: u64,
    /// The last record that held the series, and how many did.
    series: HashMap<SeriesId, (u64, u32)>,
}

/// Appends the payload of a record of samples with their own timestamps.
pub(super) fn put_samples<'l>(
    samples: &[(SeriesId, Timestamp, f64)],
    defined: &mut Defined,
    series_of: impl Fn(SeriesId) -> (&'l str, &'l Labels),
    out: &mut Vec<u8>,
) {
    out.push(SAMPLES);
    defined.record += 1;
    let mut undefined = Vec::new();
    for &(series, _, _) in samples {
        let (last_record, records) = defined.series.entry(series).or_insert((0, 0));
        if *last_record == defined.record {
            continue;
        }
        *last_record = defined.record;
        if *records % DEFINITION_ROWS < 2 {
            undefined.push(series);
        }
        *records = records.wrapping_add(1);
    }
    put_varint(out, undefined.len() as u64);
    let mut symbols = SymbolWriter::default();
    for series in undefined {
        let (group, labels) = series_of(series);
        put_varint(out, u64::from(series.0));
        symbols.put(group, out);
        symbols.put_labels(labels, out);
    }
    put_varint(out, samples.len() as u64);
    let mut last = 0i64;
    for &(series, at, value) in samples {
        put_varint(out, u64::from(series.0));
        put_signed(out, at.as_millis().wrapping_sub(last));
        last = at.as_millis();
        put_value(value, out);
    }
}

/// Reads the records of one segment.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    streams: HashMap<u64, Decoding>,
    series: HashMap<u64, SeriesId>,
}

#[derive(Debug, Default)]
struct Decoding {
    generation: u64,
    columns: Vec<Option<SeriesId>>,
    base: Vec<Base>,
    base_number: Option<u64>,
}

/// Why a whole record gives nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Undecoded {
    Corrupt,
    /// Some or all of its samples need a definition or a base row that was lost.
    Orphan,
}

impl From<Corrupt> for Undecoded {
    fn from(_: Corrupt) -> Self {
        Self::Corrupt
    }
}

/// Samples, and whether some are missing because their series is not known.
type Decoded = (Replayed, bool);

impl Decoder {
    /// `resolve` gives the series of a group's name and labels.
    pub(super) fn read(
        &mut self,
        payload: &[u8],
        resolve: &mut impl FnMut(&str, Labels) -> SeriesId,
    ) -> Result<Decoded, Undecoded> {
        let mut reader = Reader::new(payload);
        match reader.u8()? {
            ROWS => self.read_rows(&mut reader, resolve),
            SAMPLES => self.read_samples(&mut reader, resolve),
            _ => Err(Undecoded::Corrupt),
        }
    }

    fn read_rows(
        &mut self,
        reader: &mut Reader<'_>,
        resolve: &mut impl FnMut(&str, Labels) -> SeriesId,
    ) -> Result<Decoded, Undecoded> {
        let group = reader.varint()?;
        let generation = reader.varint()?;
        let n_columns = reader.size()?;
        // Four columns need a byte of controls at least: a hostile count allocates nothing.
        if n_columns.div_ceil(4) > reader.remaining() {
            return Err(Undecoded::Corrupt);
        }
        let at = Timestamp::from_millis(reader.signed()?);
        let stream = self.streams.entry(group).or_default();
        if stream.generation != generation {
            *stream = Decoding {
                generation,
                ..Decoding::default()
            };
        }
        stream
            .columns
            .resize(n_columns.max(stream.columns.len()), None);
        let first = reader.size()?;
        let n_definitions = reader.size()?;
        if first.checked_add(n_definitions) != Some(n_columns) {
            return Err(Undecoded::Corrupt);
        }
        if n_definitions > 0 {
            let mut symbols = SymbolReader::default();
            let name = symbols.read(reader)?;
            for column in &mut stream.columns[first..n_columns] {
                *column = Some(resolve(name, symbols.read_labels(reader)?));
            }
        }
        let number = reader.varint()?;
        if reader.u8()? != 0 {
            let n = reader.count()?;
            stream.base_number = None;
            stream.base.clear();
            for _ in 0..n {
                stream.base.push(read_base(reader)?);
            }
            stream.base_number = Some(number);
        }
        if stream.base_number != Some(number) {
            return Err(Undecoded::Orphan);
        }
        stream.read_values(reader, n_columns, at)
    }

    fn read_samples(
        &mut self,
        reader: &mut Reader<'_>,
        resolve: &mut impl FnMut(&str, Labels) -> SeriesId,
    ) -> Result<Decoded, Undecoded> {
        let mut symbols = SymbolReader::default();
        for _ in 0..reader.count()? {
            let number = reader.varint()?;
            let group = symbols.read(reader)?;
            let labels = symbols.read_labels(reader)?;
            self.series.insert(number, resolve(group, labels));
        }
        let n = reader.count()?;
        let mut samples = Vec::with_capacity(n);
        let mut at = 0i64;
        for _ in 0..n {
            let number = reader.varint()?;
            at = at.wrapping_add(reader.signed()?);
            let value = read_value(reader)?;
            if let Some(&series) = self.series.get(&number) {
                samples.push((series, Timestamp::from_millis(at), value));
            }
        }
        let orphans = samples.len() < n;
        Ok((Replayed::Samples(samples), orphans))
    }
}

impl Decoding {
    fn read_values(
        &self,
        reader: &mut Reader<'_>,
        n_columns: usize,
        at: Timestamp,
    ) -> Result<Decoded, Undecoded> {
        let controls = reader.take(n_columns.div_ceil(4))?;
        let mut samples = Vec::with_capacity(n_columns);
        let mut orphans = false;
        for (column, series) in self.columns[..n_columns].iter().enumerate() {
            let base = self.base.get(column).unwrap_or(&ZERO);
            let value = match controls[column / 4] >> (column % 4 * 2) & 3 {
                AS_BASE => f64::from_bits(base.bits),
                DIFFERENCE => {
                    from_integer(base.integer.wrapping_add(reader.signed()?), base.exponent)
                }
                RAW => f64::from_bits(reader.u64()?),
                _ => continue,
            };
            match series {
                Some(series) => samples.push((*series, value)),
                None => orphans = true,
            }
        }
        Ok((Replayed::Rows { at, samples }, orphans))
    }
}
