//! The most processor time that anybody told of a group: a counter that must never fall.
//!
//! The sum over `/proc` can fall for a moment, and longer: a worker that ended is in nobody's
//! entry once its segment is folded until its parent waits for it, and never is when the parent
//! ignores its end. So each process writes what it told into a word of its own segment before it
//! answers, and whoever reads the segments next tells no less. Nobody waits for anybody, and no
//! word has two writers.

use std::sync::atomic::{AtomicU64, Ordering};

/// Bits of the word that tell damage: the header's checksum does not cover words that change, and
/// a number that is far too high would stand for ever. The other 44 bits hold 5,500 years.
const CHECK_BITS: u32 = 20;

/// The word for this many ticks; 0, which says nothing, for more than fit.
pub(crate) fn encode(ticks: u64) -> u64 {
    if ticks >> (u64::BITS - CHECK_BITS) != 0 {
        return 0;
    }
    ticks << CHECK_BITS | check(ticks)
}

/// The ticks in such a word; 0 when it says nothing or is damaged.
pub(crate) fn decode(word: u64) -> u64 {
    let ticks = word >> CHECK_BITS;
    if encode(ticks) == word { ticks } else { 0 }
}

fn check(ticks: u64) -> u64 {
    u64::from(crc32fast::hash(&ticks.to_le_bytes())) & ((1 << CHECK_BITS) - 1)
}

/// What a reader outside the group remembers from one reading to the next, since it writes
/// nothing there.
#[derive(Debug, Default)]
pub struct HighWater(AtomicU64);

impl HighWater {
    /// The highest so far, this one included.
    pub(crate) fn raise(&self, ticks: u64) -> u64 {
        self.0.fetch_max(ticks, Ordering::AcqRel).max(ticks)
    }
}

#[cfg(test)]
mod tests;
