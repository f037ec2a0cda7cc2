//! How far values stayed from what was expected in the past, and how far is too far.
//!
//! Of every block of time the farthest is kept. The farthest of blocks follows an extreme-value
//! law whatever the values follow, so the bound is where a Gumbel law through the median and the
//! ninth decile of the blocks puts once in [`RETURN_BUCKETS`]; the one or two worst blocks do not
//! move it, so an old outage does not make the band blind. Blocks double in length as history
//! grows, so that memory stays the same.

use std::collections::VecDeque;

use super::Side;
use super::window::Sustained;

/// Blocks that are kept; when there are as many, pairs become one.
const BLOCKS_MAX: usize = 32;

/// Buckets of the first blocks. Nine, doubled seven times, are most of a day of minutes.
const BLOCK_BUCKETS_MIN: u32 = 9;

/// Blocks stop doubling at half a day, so that each has its share of a daily job.
const BLOCK_MS_MAX: i64 = 12 * 3600 * 1000;

/// Fewer blocks say nothing of how they differ.
const BLOCKS_MIN: usize = 4;

/// By chance alone, values shall leave a band on one side once in this many buckets: five years
/// of minutes.
const RETURN_BUCKETS: f64 = 2.6e6;

/// The bound lies beyond the second farthest ever (the third, of many) by this much, whatever the
/// law says: tails may be heavier than its own, and a slope through few blocks is a guess.
const BEYOND_MIN: f64 = 1.35;
const SLOW_BEYOND_MIN: f64 = 1.4;
const BEYOND_MAX: f64 = 1.6;

/// A bound is at least this many usual distances.
const SPREADS_MIN: f64 = 3.0;

/// Quantiles of the Gumbel law: −ln(−ln q).
const GUMBEL_50: f64 = 0.366_512_920_581_664_3;
const GUMBEL_90: f64 = 2.250_367_327_312_445;

/// Buckets over which the usual distance is averaged: two days of minutes.
const SPREAD_BUCKETS: f64 = 2880.0;

#[derive(Clone, Debug)]
pub(super) struct Calibration {
    bucket_ms: i64,
    blocks: VecDeque<Farthest>,
    open: Farthest,
    n_open: u32,
    block_buckets: u32,
    /// Of the first and the last one that counts, and how many do: buckets may be missing.
    first_index: i64,
    last_index: i64,
    n: i64,
    /// The mean distance of values, in units of their level.
    spread: f64,
    n_spread: f64,
    /// Cached: they change with a block.
    bounds: Option<Farthest>,
}

/// Above fast, above slow, below fast, below slow.
type Farthest = [f64; 4];

const PLACES: [(Side, bool); 4] = [
    (Side::Above, false),
    (Side::Above, true),
    (Side::Below, false),
    (Side::Below, true),
];

fn place(side: Side, slow: bool) -> usize {
    match (side, slow) {
        (Side::Above, false) => 0,
        (Side::Above, true) => 1,
        (Side::Below, false) => 2,
        (Side::Below, true) => 3,
    }
}

impl Calibration {
    pub(super) fn new(bucket_ms: i64) -> Self {
        Self {
            bucket_ms,
            blocks: VecDeque::with_capacity(BLOCKS_MAX),
            open: Farthest::default(),
            n_open: 0,
            block_buckets: BLOCK_BUCKETS_MIN,
            first_index: 0,
            last_index: 0,
            n: 0,
            spread: 0.0,
            n_spread: 0.0,
            bounds: None,
        }
    }

    /// Takes one bucket. However long an outside lasts it is one block's farthest, no more, and
    /// the bounds stay as they are meanwhile.
    pub(super) fn record(
        &mut self,
        index: i64,
        sustained: Sustained,
        residual: Option<f64>,
        is_outside: bool,
    ) {
        let Some(residual) = residual else {
            return;
        };
        if !is_outside {
            self.n_spread = (self.n_spread + 1.0).min(SPREAD_BUCKETS);
            self.spread += (residual.abs() - self.spread) / self.n_spread;
        }
        for (idx, (side, slow)) in PLACES.into_iter().enumerate() {
            let far = sustained.of(side, slow).unwrap_or(0.0);
            self.open[idx] = self.open[idx].max(far);
        }
        if is_outside {
            return;
        }
        if self.n == 0 {
            self.first_index = index;
        }
        self.last_index = index;
        self.n += 1;
        self.n_open += 1;
        if self.n_open >= self.block_buckets {
            self.end_block();
        }
    }

    /// How much history it has seen.
    pub(super) fn len_ms(&self) -> i64 {
        let span = self.last_index.saturating_sub(self.first_index);
        span.saturating_mul(self.bucket_ms)
    }

    /// The usual distance of a value, in units of its level.
    pub(super) fn spread(&self) -> f64 {
        self.spread
    }

    /// The distance beyond which values do not stay by chance, in units of their level.
    pub(super) fn bound(&self, side: Side, slow: bool) -> Option<f64> {
        let bounds = self.bounds?;
        let least = if slow { 1.0 } else { SPREADS_MIN };
        Some(bounds[place(side, slow)].max(least * self.spread))
    }

    /// The bounds above and below, infinite while they are not known.
    pub(super) fn far(&self) -> (f64, f64) {
        let far = |side| self.bound(side, false).unwrap_or(f64::INFINITY);
        (far(Side::Above), far(Side::Below))
    }

    /// From bound to bound.
    pub(super) fn width(&self) -> f64 {
        let (above, below) = self.far();
        above + below
    }

    fn end_block(&mut self) {
        self.blocks.push_back(self.open);
        (self.open, self.n_open) = (Farthest::default(), 0);
        if self.blocks.len() >= BLOCKS_MAX {
            let step_ms = self.len_ms() / self.n.max(1);
            let block_ms = i64::from(self.block_buckets).saturating_mul(step_ms);
            if block_ms < BLOCK_MS_MAX {
                self.merge();
            } else {
                self.blocks.pop_front();
            }
        }
        if self.blocks.len() >= BLOCKS_MIN {
            self.bounds = Some(std::array::from_fn(|idx| self.bound_of(idx)));
        }
    }

    fn merge(&mut self) {
        let blocks: Vec<_> = self.blocks.drain(..).collect();
        let farther = |pair: &[Farthest]| {
            std::array::from_fn(|idx| pair.iter().map(|block| block[idx]).fold(0.0, f64::max))
        };
        self.blocks.extend(blocks.chunks(2).map(farther));
        self.block_buckets *= 2;
    }

    fn bound_of(&self, idx: usize) -> f64 {
        let mut far: Vec<f64> = self.blocks.iter().map(|block| block[idx]).collect();
        far.sort_by(f64::total_cmp);
        let at = |quantile: f64| far[((far.len() - 1) as f64 * quantile).round() as usize];
        let (middle, high) = (at(0.5), at(0.9));
        let slope = (high - middle) / (GUMBEL_90 - GUMBEL_50);
        let rare = (RETURN_BUCKETS / f64::from(self.block_buckets)).ln();
        let second = far.len() - if far.len() >= 20 { 3 } else { 2 };
        let by_law = middle + slope * (rare - GUMBEL_50).max(0.0);
        let (_, slow) = PLACES[idx];
        let least = if slow { SLOW_BEYOND_MIN } else { BEYOND_MIN };
        by_law.clamp(least * far[second], BEYOND_MAX * far[second])
    }
}
