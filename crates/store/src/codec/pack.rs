//! Streams of integers in as few bits as their spread needs.
//!
//! Counters grow by nearly the same step, gauges stay near a level, timestamps grow by a step
//! that itself hardly changes. So a stream is written as values, as differences, or as
//! differences of differences, whichever is smallest, in runs of 128:
//!
//! ```text
//! stream = order:u8  first values: `order` signed varints  run*
//! run    = smallest:signed varint  width:u8 (bit 7: a shift follows)  [shift:u8]
//!          packed: length of run × width bits, lowest bit first, padded to a byte
//! ```
//!
//! Each run has a smallest value and a width of its own, so a counter reset costs its run only.
//! The shift drops zero bits that all values of the run end in (sizes in pages, short mantissas).
//! Arithmetic wraps, so any 64 bits survive, also the bits of floats.

use crate::bytes::{Corrupt, Reader, put_signed, varint_len, zigzag};

/// Values per run: near the 120 rows of a head chunk, so a sealed column is one run.
const RUN: usize = 128;

/// The highest order of differences that is tried.
const ORDER_MAX: usize = 2;

const SHIFT_FOLLOWS: u8 = 0x80;

/// How one run is written.
#[derive(Clone, Copy)]
struct Frame {
    smallest: i64,
    width: u32,
    shift: u32,
}

impl Frame {
    fn of(run: &[i64]) -> Self {
        let (mut smallest, mut largest) = (i64::MAX, i64::MIN);
        for &value in run {
            smallest = smallest.min(value);
            largest = largest.max(value);
        }
        let spread = largest.wrapping_sub(smallest) as u64;
        if spread == 0 {
            return Self {
                smallest,
                width: 0,
                shift: 0,
            };
        }
        let bits = run
            .iter()
            .fold(0, |bits, &value| bits | value.wrapping_sub(smallest) as u64);
        let shift = bits.trailing_zeros();
        Self {
            smallest,
            width: 64 - (spread >> shift).leading_zeros(),
            shift,
        }
    }

    fn len(self, n: usize) -> usize {
        varint_len(zigzag(self.smallest))
            + 1
            + usize::from(self.shift > 0)
            + (n * self.width as usize).div_ceil(8)
    }
}

/// Appends the stream of `values` to `out`.
pub(super) fn pack(values: &[i64], out: &mut Vec<u8>) {
    let mut stream = values.to_vec();
    let mut best = (cost(values), 0, values.to_vec());
    let mut firsts = Vec::new();
    for order in 1..=ORDER_MAX.min(values.len()) {
        firsts.push(stream[0]);
        for index in 1..stream.len() {
            stream[index - 1] = stream[index].wrapping_sub(stream[index - 1]);
        }
        stream.pop();
        let firsts_len: usize = firsts.iter().map(|&first| varint_len(zigzag(first))).sum();
        let cost = cost(&stream) + firsts_len;
        if cost < best.0 {
            best = (cost, order, stream.clone());
        }
    }
    let (_, order, stream) = best;
    out.push(order as u8);
    firsts[..order]
        .iter()
        .for_each(|&first| put_signed(out, first));
    for run in stream.chunks(RUN) {
        pack_run(run, out);
    }
}

fn cost(stream: &[i64]) -> usize {
    stream
        .chunks(RUN)
        .map(|run| Frame::of(run).len(run.len()))
        .sum()
}

fn pack_run(run: &[i64], out: &mut Vec<u8>) {
    let frame = Frame::of(run);
    put_signed(out, frame.smallest);
    if frame.shift > 0 {
        out.extend([frame.width as u8 | SHIFT_FOLLOWS, frame.shift as u8]);
    } else {
        out.push(frame.width as u8);
    }
    if frame.width == 0 {
        return;
    }
    let end = out.len() + (run.len() * frame.width as usize).div_ceil(8);
    let mut word = 0u64;
    let mut used = 0;
    for &value in run {
        let bits = value.wrapping_sub(frame.smallest) as u64 >> frame.shift;
        word |= bits << used;
        if used + frame.width >= 64 {
            out.extend_from_slice(&word.to_le_bytes());
            // `used` is 0 when a value fills the word exactly from its start.
            word = if used == 0 { 0 } else { bits >> (64 - used) };
            used = used + frame.width - 64;
        } else {
            used += frame.width;
        }
    }
    out.extend_from_slice(&word.to_le_bytes());
    out.truncate(end);
}

/// Appends the `n` values of a stream to `out`. The caller bounds `n`.
pub(super) fn unpack(reader: &mut Reader<'_>, n: usize, out: &mut Vec<i64>) -> Result<(), Corrupt> {
    let order = usize::from(reader.u8()?);
    if order > ORDER_MAX || order > n {
        return Err(Corrupt);
    }
    let mut firsts = [0; ORDER_MAX];
    for first in &mut firsts[..order] {
        *first = reader.signed()?;
    }
    let start = out.len();
    out.extend_from_slice(&firsts[..order]);
    let mut left = n - order;
    while left > 0 {
        let len = left.min(RUN);
        unpack_run(reader, len, out)?;
        left -= len;
    }
    let stream = &mut out[start..];
    match order {
        1 => sum_up(stream),
        2 => {
            // The second value stands as the first difference.
            sum_up(&mut stream[1..]);
            sum_up(stream);
        }
        _ => {}
    }
    Ok(())
}

fn sum_up(stream: &mut [i64]) {
    let mut sum = 0i64;
    for value in stream {
        sum = sum.wrapping_add(*value);
        *value = sum;
    }
}

fn unpack_run(reader: &mut Reader<'_>, n: usize, out: &mut Vec<i64>) -> Result<(), Corrupt> {
    let smallest = reader.signed()?;
    let head = reader.u8()?;
    let width = usize::from(head & !SHIFT_FOLLOWS);
    let shift = if head & SHIFT_FOLLOWS != 0 {
        u32::from(reader.u8()?)
    } else {
        0
    };
    if width > 64 || shift > 63 {
        return Err(Corrupt);
    }
    if width == 0 {
        out.extend(std::iter::repeat_n(smallest, n));
        return Ok(());
    }
    let packed = reader.take((n * width).div_ceil(8))?;
    // A copy with room at the end lets every value be read as whole words without a branch.
    let mut padded = [0u8; RUN * 8 + 16];
    padded[..packed.len()].copy_from_slice(packed);
    if width <= 56 {
        // Seven bits of offset and 56 of value fit one word.
        let mask = (1u64 << width) - 1;
        out.extend((0..n).map(|index| {
            let bit = index * width;
            let word = u64::from_le_bytes(word_at(&padded, bit / 8));
            let bits = (word >> (bit % 8)) & mask;
            smallest.wrapping_add((bits << shift) as i64)
        }));
    } else {
        let mask = u128::MAX >> (128 - width);
        out.extend((0..n).map(|index| {
            let bit = index * width;
            let word = u128::from_le_bytes(word_at(&padded, bit / 8));
            let bits = ((word >> (bit % 8)) & mask) as u64;
            smallest.wrapping_add((bits << shift) as i64)
        }));
    }
    Ok(())
}

fn word_at<const N: usize>(padded: &[u8], at: usize) -> [u8; N] {
    *padded[at..]
        .first_chunk()
        .expect("the padding is as long as the longest word")
}
