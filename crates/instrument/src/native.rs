//! Native histograms: buckets that grow by a factor, and are there only where something was seen.
//!
//! Bucket `k` of schema `s` ends at `2^(k / 2^s)` and begins, exclusively, where the one before it
//! ends (Prometheus's standard schemas). Halving the resolution puts buckets `2k - 1` and `2k`
//! into bucket `k`, so what two processes counted at different resolutions adds up exactly at
//! the coarser one.
//!
//! The buckets of one sign are a *ring* of cells: bucket `k` of `n` cells stands at `k mod n`, so
//! the range can grow at both ends without moving a count. What changes a ring as a whole (half
//! the resolution) makes a new record; a reader takes the last one of a series, and so never
//! sees half of a change, whenever the writer is stopped or killed.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::reading::NativeReading;
use crate::record::{FLAGS, REMOVED};

/// How a native histogram is kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NativeSpec {
    schema: i8,
    n_buckets: u16,
    zero_threshold: f64,
}

/// Prometheus's standard schemas.
pub(crate) const SCHEMA_MIN: i8 = -4;
pub(crate) const SCHEMA_MAX: i8 = 8;
/// Most buckets of one sign: 32 KiB a series.
const BUCKETS_MAX: u16 = 4096;
/// Cells that hold any two numbers at the lowest resolution: its buckets go from -67 to 65.
const RING_MIN: usize = 133;

impl NativeSpec {
    /// `None` for a factor that is not above 1, for fewer than one bucket or more than 4096 of a
    /// sign, and for a threshold that is no number from 0 on.
    pub fn new(factor: f64, n_buckets: u16, zero_threshold: f64) -> Option<Self> {
        if !(1.0 < factor && factor.is_finite()) {
            return None;
        }
        // The greatest growth that is not above the factor: 2^(2^-schema).
        let schema = -factor.log2().log2().floor();
        let schema = schema.clamp(f64::from(SCHEMA_MIN), f64::from(SCHEMA_MAX));
        Self::of_schema(schema as i8, n_buckets, zero_threshold)
    }

    pub(crate) fn of_schema(schema: i8, n_buckets: u16, zero_threshold: f64) -> Option<Self> {
        let is_sound = (SCHEMA_MIN..=SCHEMA_MAX).contains(&schema)
            && (1..=BUCKETS_MAX).contains(&n_buckets)
            && (0.0..f64::INFINITY).contains(&zero_threshold);
        is_sound.then_some(Self {
            schema,
            n_buckets,
            zero_threshold,
        })
    }

    pub fn schema(&self) -> i8 {
        self.schema
    }

    pub(crate) fn n_buckets(&self) -> u16 {
        self.n_buckets
    }

    pub(crate) fn zero_threshold(&self) -> f64 {
        self.zero_threshold
    }

    /// What holds the observations of both.
    pub(crate) fn join(self, other: Self) -> Self {
        Self {
            schema: self.schema.min(other.schema),
            n_buckets: self.n_buckets.max(other.n_buckets),
            zero_threshold: self.zero_threshold.max(other.zero_threshold),
        }
    }

    /// Cells of a ring's record: the window, and the counts.
    pub(crate) fn n_ring_cells(&self) -> usize {
        1 + usize::from(self.n_buckets).max(RING_MIN)
    }

    /// Buckets that a ring may span: as many as were asked for, but for the lowest resolution,
    /// which cannot give way any more.
    fn span_max(&self, schema: i8) -> usize {
        if schema == SCHEMA_MIN {
            self.n_ring_cells() - 1
        } else {
            usize::from(self.n_buckets)
        }
    }
}

/// The bucket of a number above zero; infinity has the one after the greatest number's.
pub(crate) fn bucket_of(value: f64, schema: i8) -> i32 {
    if value.is_infinite() {
        return bucket_of(f64::MAX, schema) + 1;
    }
    let (fraction, exponent) = split(value);
    if 0 < schema {
        let bounds = bounds();
        let step = 8 - u32::from(schema.unsigned_abs());
        // Every `2^step`-th bound is one of this schema.
        let place = bounds.partition_point(|bound| *bound < fraction);
        let n_bounds = 1 << schema;
        (place.div_ceil(1 << step)) as i32 + (exponent - 1) * n_bounds
    } else {
        let key = exponent - i32::from(fraction == 0.5);
        let shift = u32::from(schema.unsigned_abs());
        (key + (1 << shift) - 1) >> shift
    }
}

/// Where a bucket ends.
pub(crate) fn upper_bound(bucket: i32, schema: i8) -> f64 {
    (f64::from(bucket) * (-f64::from(schema)).exp2()).exp2()
}

/// A number above zero as a fraction from 0.5 to below 1, and a power of two.
fn split(value: f64) -> (f64, i32) {
    const SUBNORMAL_SHIFT: i32 = 54;
    if value < f64::MIN_POSITIVE {
        let (fraction, exponent) = split(value * f64::from(SUBNORMAL_SHIFT).exp2());
        return (fraction, exponent - SUBNORMAL_SHIFT);
    }
    let bits = value.to_bits();
    let exponent = (bits >> 52 & 0x7ff) as i32 - 1022;
    (f64::from_bits(bits & !(0x7ff << 52) | 1022 << 52), exponent)
}

/// The bounds of the highest resolution between 0.5 and 1; those of the others are among them.
fn bounds() -> &'static [f64; 256] {
    static BOUNDS: OnceLock<[f64; 256]> = OnceLock::new();
    BOUNDS.get_or_init(|| std::array::from_fn(|place| (place as f64 / 256.0 - 1.0).exp2()))
}

/// The bucket that takes this one's counts at half the resolution.
fn halved(bucket: i32) -> i32 {
    (bucket + 1).div_euclid(2)
}

/// The range of buckets that a ring holds, and their schema. One cell, so that it changes whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Window {
    schema: i8,
    first: i32,
    last: i32,
}

/// Bits of a bucket's number: at schema 8 there are half a million buckets.
const BUCKET_BITS: u32 = 21;
const BUCKET_ZERO: i32 = 1 << (BUCKET_BITS - 1);
/// Added to a schema, so that no window is 0, which stands for an empty ring.
const SCHEMA_ZERO: i8 = 8;

impl Window {
    /// An integer that an `f64` holds exactly.
    fn pack(self) -> f64 {
        let schema = u64::from((self.schema + SCHEMA_ZERO).unsigned_abs());
        let first = u64::from((self.first + BUCKET_ZERO).unsigned_abs());
        let last = u64::from((self.last + BUCKET_ZERO).unsigned_abs());
        (schema << (2 * BUCKET_BITS) | first << BUCKET_BITS | last) as f64
    }

    /// `Ok(None)`: empty.
    fn unpack(cell: f64, n_counts: usize) -> Result<Option<Self>, BadRing> {
        if cell == 0.0 {
            return Ok(None);
        }
        if !(0.0..f64::from(1 << 5) * f64::from(2 * BUCKET_BITS).exp2()).contains(&cell) {
            return Err(BadRing);
        }
        let bits = cell as u64;
        let bucket = |bits: u64| (bits & ((1 << BUCKET_BITS) - 1)) as i32 - BUCKET_ZERO;
        let window = Self {
            schema: (bits >> (2 * BUCKET_BITS)) as i8 - SCHEMA_ZERO,
            first: bucket(bits >> BUCKET_BITS),
            last: bucket(bits),
        };
        let is_sound = (SCHEMA_MIN..=SCHEMA_MAX).contains(&window.schema)
            && window.first <= window.last
            && window.span() <= n_counts;
        is_sound.then_some(Some(window)).ok_or(BadRing)
    }

    fn span(self) -> usize {
        usize::try_from(self.last - self.first).unwrap_or(usize::MAX - 1) + 1
    }

    fn with(self, bucket: i32) -> Self {
        Self {
            first: self.first.min(bucket),
            last: self.last.max(bucket),
            ..self
        }
    }

    fn halved(self) -> Self {
        Self {
            schema: self.schema - 1,
            first: halved(self.first),
            last: halved(self.last),
        }
    }
}

/// The cells of a ring do not fit together.
#[derive(Debug)]
pub(crate) struct BadRing;

fn place(bucket: i32, n_counts: usize) -> usize {
    let n_counts = i32::try_from(n_counts).expect("a ring has at most 4096 cells");
    bucket.rem_euclid(n_counts) as usize
}

/// The words of a ring, from the flags on. One thread at a time changes them.
#[derive(Debug)]
pub(crate) enum Ring {
    Heap(Box<[AtomicU64]>),
    Mapped(&'static [AtomicU64]),
}

const WINDOW: usize = FLAGS + 1;
const COUNTS: usize = WINDOW + 1;

impl Ring {
    pub(crate) fn on_heap(cells: &[f64]) -> Self {
        let cells = cells.iter().map(|cell| AtomicU64::new(cell.to_bits()));
        Self::Heap(std::iter::once(AtomicU64::new(0)).chain(cells).collect())
    }

    fn words(&self) -> &[AtomicU64] {
        match self {
            Self::Heap(words) => words,
            Self::Mapped(words) => words,
        }
    }

    pub(crate) fn cells(&self) -> Vec<f64> {
        let cell = |word: &AtomicU64| f64::from_bits(word.load(Ordering::Relaxed));
        self.words()[WINDOW..].iter().map(cell).collect()
    }

    /// Counts a number above zero. Where that takes a lower resolution, nothing is changed, and
    /// the cells of the ring that is to take its place are returned.
    pub(crate) fn count(&self, value: f64, spec: &NativeSpec) -> Option<Vec<f64>> {
        let words = self.words();
        let (window, counts) = (&words[WINDOW], &words[COUNTS..]);
        let old = Window::unpack(f64::from_bits(window.load(Ordering::Relaxed)), counts.len());
        let Ok(Some(old)) = old else {
            // Empty, or somebody wrote into it: it begins anew.
            for count in counts {
                count.store(0, Ordering::Relaxed);
            }
            let bucket = bucket_of(value, spec.schema);
            let new = Window {
                schema: spec.schema,
                first: bucket,
                last: bucket,
            };
            window.store(new.pack().to_bits(), Ordering::Relaxed);
            add_one(&counts[place(bucket, counts.len())]);
            return None;
        };
        let bucket = bucket_of(value, old.schema);
        let new = old.with(bucket);
        if spec.span_max(old.schema) < new.span() {
            let mut sum = NativeSum::new(spec);
            // What was unpacked above unpacks again.
            drop(sum.add(false, &self.cells()));
            sum.positive
                .entry(bucket)
                .and_modify(|count| *count += 1.0)
                .or_insert(1.0);
            return sum.ring_cells(false);
        }
        // The window first: a count outside of it does not count yet.
        if new != old {
            window.store(new.pack().to_bits(), Ordering::Release);
        }
        add_one(&counts[place(bucket, counts.len())]);
        None
    }

    pub(crate) fn clear(&self) {
        for word in &self.words()[WINDOW..] {
            word.store(0, Ordering::Relaxed);
        }
    }

    /// Goes on with the same counts on the heap; what it leaves in shared memory is returned.
    pub(crate) fn detach(&mut self) -> Option<&'static [AtomicU64]> {
        let Self::Mapped(words) = *self else {
            return None;
        };
        *self = Self::on_heap(&self.cells());
        Some(words)
    }
}

fn add_one(word: &AtomicU64) {
    let count = f64::from_bits(word.load(Ordering::Relaxed));
    word.store((count + 1.0).to_bits(), Ordering::Relaxed);
}

/// The rings of one series in this process.
#[derive(Debug, Default)]
pub(crate) struct Rings {
    pub(crate) positive: Option<Ring>,
    pub(crate) negative: Option<Ring>,
    /// Records that a later one has taken the place of.
    pub(crate) replaced: Vec<&'static [AtomicU64]>,
}

impl Rings {
    pub(crate) fn of(&mut self, is_negative: bool) -> &mut Option<Ring> {
        if is_negative {
            &mut self.negative
        } else {
            &mut self.positive
        }
    }

    /// Goes on on the heap, and takes what it leaves out of the reading. The last records are
    /// returned, with their signs.
    pub(crate) fn detach(&mut self) -> Vec<(bool, &'static [AtomicU64])> {
        for words in self.replaced.drain(..) {
            words[FLAGS].store(REMOVED, Ordering::Release);
        }
        let mut left = Vec::new();
        for is_negative in [false, true] {
            if let Some(words) = self.of(is_negative).as_mut().and_then(Ring::detach) {
                words[FLAGS].store(REMOVED, Ordering::Release);
                left.push((is_negative, words));
            }
        }
        left
    }
}

/// The buckets of one series over several processes.
#[derive(Clone, Debug)]
pub(crate) struct NativeSum {
    spec: NativeSpec,
    schema: i8,
    positive: BTreeMap<i32, f64>,
    negative: BTreeMap<i32, f64>,
}

impl NativeSum {
    pub(crate) fn new(spec: &NativeSpec) -> Self {
        Self {
            spec: *spec,
            schema: spec.schema,
            positive: BTreeMap::new(),
            negative: BTreeMap::new(),
        }
    }

    pub(crate) fn join_spec(&mut self, spec: &NativeSpec) {
        self.spec = self.spec.join(*spec);
    }

    /// Adds the cells of a ring.
    pub(crate) fn add(&mut self, is_negative: bool, cells: &[f64]) -> Result<(), BadRing> {
        let (window, counts) = cells.split_first().ok_or(BadRing)?;
        if usize::from(BUCKETS_MAX) < counts.len() {
            return Err(BadRing);
        }
        let Some(window) = Window::unpack(*window, counts.len())? else {
            return Ok(());
        };
        self.coarsen(window.schema);
        let n_halvings = window.schema - self.schema;
        let buckets = self.of(is_negative);
        for bucket in window.first..=window.last {
            let count = counts[place(bucket, counts.len())];
            if count != 0.0 {
                let bucket = (0..n_halvings).fold(bucket, |bucket, _| halved(bucket));
                *buckets.entry(bucket).or_insert(0.0) += count;
            }
        }
        Ok(())
    }

    /// Cells that it takes to keep counts of this sign, unless there are some.
    pub(crate) fn n_new_cells(&self, is_negative: bool) -> usize {
        let buckets = if is_negative {
            &self.negative
        } else {
            &self.positive
        };
        if buckets.is_empty() {
            self.spec.n_ring_cells()
        } else {
            0
        }
    }

    /// The cells of one ring with the counts of this sign; none when there are none.
    pub(crate) fn ring_cells(&mut self, is_negative: bool) -> Option<Vec<f64>> {
        let mut window = self.window(is_negative)?;
        while self.spec.span_max(window.schema) < window.span() {
            window = window.halved();
        }
        self.coarsen(window.schema);
        let mut cells = vec![0.0; self.spec.n_ring_cells()];
        let (first, counts) = cells.split_first_mut().expect("a ring has cells");
        *first = window.pack();
        let n_counts = counts.len();
        for (bucket, count) in self.of(is_negative) {
            counts[place(*bucket, n_counts)] += *count;
        }
        Some(cells)
    }

    /// What a reader gets. `zero` and `outside` (NaN) are numbers of observations in no ring.
    pub(crate) fn finish(mut self, zero: f64, outside: f64) -> NativeReading {
        let zero = zero + self.take_below_threshold();
        let n_max = usize::from(self.spec.n_buckets);
        while SCHEMA_MIN < self.schema && n_max < self.positive.len().max(self.negative.len()) {
            self.coarsen(self.schema - 1);
        }
        let (positive, negative): (Vec<_>, Vec<_>) = (
            self.positive.into_iter().collect(),
            self.negative.into_iter().collect(),
        );
        let in_buckets: f64 = positive
            .iter()
            .chain(&negative)
            .map(|(_, count)| count)
            .sum();
        NativeReading {
            schema: self.schema,
            zero_threshold: self.spec.zero_threshold,
            zero_count: zero,
            count: zero + outside + in_buckets,
            positive,
            negative,
        }
    }

    /// Takes out what lies in a zero bucket that is wider than the one it was counted beside.
    pub(crate) fn take_below_threshold(&mut self) -> f64 {
        let (schema, threshold) = (self.schema, self.spec.zero_threshold);
        let mut taken = 0.0;
        for buckets in [&mut self.positive, &mut self.negative] {
            buckets.retain(|bucket, count| {
                let stays = threshold < upper_bound(*bucket, schema);
                taken += if stays { 0.0 } else { *count };
                stays
            });
        }
        taken
    }

    fn of(&mut self, is_negative: bool) -> &mut BTreeMap<i32, f64> {
        if is_negative {
            &mut self.negative
        } else {
            &mut self.positive
        }
    }

    fn window(&mut self, is_negative: bool) -> Option<Window> {
        let schema = self.schema;
        let buckets = self.of(is_negative);
        Some(Window {
            schema,
            first: *buckets.first_key_value()?.0,
            last: *buckets.last_key_value()?.0,
        })
    }

    fn coarsen(&mut self, schema: i8) {
        while schema < self.schema {
            self.schema -= 1;
            for buckets in [&mut self.positive, &mut self.negative] {
                for (bucket, count) in std::mem::take(buckets) {
                    *buckets.entry(halved(bucket)).or_insert(0.0) += count;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
