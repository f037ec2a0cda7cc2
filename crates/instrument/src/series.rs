//! One label set of a metric: the cells that are counted in.
//!
//! Counting is one load to see that no fork lies between, one to find the cells, and one addition
//! for each cell: compare-and-swap, or a load and a store where the host takes turns (see
//! [`Writers`]). All cells are `f64`: an integer lane beside it was measured and gains nothing
//! (docs/decisions/cells-in-mapped-memory.md).

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::exemplar::Exemplar;
use crate::family::Family;
use crate::mapping::{Place, Renewable};
use crate::merge::adds_up;
use crate::native::{NativeSum, Ring, Rings};
use crate::process::{State, Writers};
use crate::reading::{FamilyKind, NativeReading};
use crate::record::{FLAGS, MOVED, TIME, UNTOUCHED, VALUES};

/// One label set of a metric.
#[derive(Debug)]
pub struct Series {
    family: Arc<Family>,
    /// The label values, as a record holds them.
    key: Box<[u8]>,
    place: Place,
    /// The process's epoch in which `place` was chosen.
    epoch: AtomicU64,
    /// Seconds since the epoch, as bits.
    created: AtomicU64,
    /// Removed from its family: counts for itself from then on.
    is_detached: AtomicBool,
    /// Of a native histogram. Taken before the process's lock, and held while nothing is called
    /// that could wait for the host. Replaced at a fork: a thread that is gone may have held it.
    rings: Option<Renewable<Mutex<Rings>>>,
    me: Weak<Self>,
}

impl Series {
    pub(crate) fn new(family: &Arc<Family>, key: Vec<u8>, now: f64) -> Arc<Self> {
        let process = family.process();
        let mut state = process.lock();
        let is_shared = family.is_shared();
        let placed = is_shared.then(|| process.try_place(&mut state, family, &key));
        let placed = placed.flatten();
        let is_new = placed.as_ref().is_none_or(|placed| placed.is_new);
        let place = match placed {
            Some(placed) => Place::in_mapping(placed.words),
            None => Place::on_heap(1 + family.key().n_cells()),
        };
        let has_room = !place.is_on_heap();
        let series = Arc::new_cyclic(|me| Self {
            family: Arc::clone(family),
            key: key.into(),
            place,
            epoch: AtomicU64::new(process.epoch()),
            created: AtomicU64::new(now.to_bits()),
            is_detached: AtomicBool::new(false),
            rings: (family.key().native).map(|_| Renewable::new(Mutex::default())),
            me: Weak::clone(me),
        });
        if is_new {
            series.begin(series.place.words());
        }
        if is_shared && !has_room {
            state.add_unshared(&series);
        }
        series
    }

    /// Counts for itself alone, and is made without a lock or a file.
    pub(crate) fn apart(family: &Arc<Family>, key: Vec<u8>, now: f64) -> Arc<Self> {
        let series = Arc::new_cyclic(|me| Self {
            family: Arc::clone(family),
            key: key.into(),
            place: Place::on_heap(1 + family.key().n_cells()),
            epoch: AtomicU64::new(family.process().epoch()),
            created: AtomicU64::new(now.to_bits()),
            is_detached: AtomicBool::new(true),
            rings: (family.key().native).map(|_| Renewable::new(Mutex::default())),
            me: Weak::clone(me),
        });
        series.begin(series.place.words());
        series
    }

    /// Adds to a counter or to a sum.
    #[inline]
    pub fn add(&self, amount: f64) {
        self.add_to(&self.words()[VALUES], amount);
    }

    /// Moves a gauge.
    #[inline]
    pub fn gauge_add(&self, amount: f64) {
        let words = self.words();
        self.add_to(&words[VALUES], amount);
        // Says that this gauge counts up and down; usually it says so already.
        if words[TIME].load(Ordering::Relaxed) != MOVED.to_bits() {
            words[TIME].store(MOVED.to_bits(), Ordering::Relaxed);
        }
    }

    /// Sets a gauge at a time, in seconds since the epoch.
    #[inline]
    pub fn gauge_set(&self, value: f64, now: f64) {
        let words = self.words();
        words[VALUES].store(value.to_bits(), Ordering::Relaxed);
        words[TIME].store(now.to_bits(), Ordering::Relaxed);
    }

    /// Records an observation of a summary.
    #[inline]
    pub fn summary_observe(&self, amount: f64) {
        let words = self.words();
        self.add_to(&words[VALUES], 1.0);
        self.add_to(&words[VALUES + 1], amount);
    }

    /// Records an observation of a histogram, and tells its bucket; NaN falls in none.
    #[inline]
    pub fn histogram_observe(&self, amount: f64) -> Option<usize> {
        let bounds = self.family.bounds();
        let words = self.words();
        self.add_to(&words[VALUES], amount);
        if self.rings.is_some() {
            self.native_observe(words, amount);
        }
        if amount.is_nan() {
            return None;
        }
        // The last bound is +Inf; a histogram that is only native has none.
        let bucket = bucket_of(bounds, amount);
        if bucket == bounds.len() {
            return None;
        }
        self.add_to(&words[VALUES + 1 + bucket], 1.0);
        Some(bucket)
    }

    fn native_observe(&self, words: &[AtomicU64], amount: f64) {
        let (Some(spec), Some([.., zero, outside])) = (&self.family.key().native, Some(words))
        else {
            return;
        };
        let size = amount.abs();
        if amount.is_nan() {
            return self.add_to(outside, 1.0);
        }
        if size <= spec.zero_threshold() {
            return self.add_to(zero, 1.0);
        }
        let Some(mut rings) = self.lock_rings() else {
            return;
        };
        let is_negative = amount < 0.0;
        let cells = match rings.of(is_negative) {
            Some(ring) => ring.count(size, spec),
            None => {
                let first = Ring::on_heap(&vec![0.0; spec.n_ring_cells()]);
                drop(first.count(size, spec));
                Some(first.cells())
            }
        };
        if let Some(cells) = cells {
            self.put_ring(&mut rings, is_negative, &cells);
        }
    }

    /// Makes a ring with these cells, in the place of the one that there may be.
    #[cold]
    fn put_ring(&self, rings: &mut Rings, is_negative: bool, cells: &[f64]) {
        let mut new = None;
        if !self.place.is_on_heap() {
            let process = self.family.process();
            let mut state = process.lock();
            let placed = process.place_ring(&mut state, self, is_negative, cells);
            new = placed.map(Ring::Mapped);
            if new.is_none() {
                process.leave(&mut state, self, rings);
            }
        }
        let new = new.unwrap_or_else(|| Ring::on_heap(cells));
        if let Some(Ring::Mapped(old)) = rings.of(is_negative).replace(new) {
            rings.replaced.push(old);
        }
    }

    fn lock_rings(&self) -> Option<MutexGuard<'_, Rings>> {
        let rings = self.rings.as_ref()?.get();
        // A panic while it was held left counts that are still counts.
        Some(rings.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The same before the series found its place after a fork.
    fn lock_rings_early(&self) -> Option<MutexGuard<'_, Rings>> {
        if self.epoch.load(Ordering::Acquire) != self.family.process().epoch() {
            self.renew_rings(false);
        }
        self.lock_rings()
    }

    /// The bits of the cells of its rings, with their signs.
    pub(crate) fn ring_cells(&self) -> Vec<(bool, Vec<u64>)> {
        let Some(mut rings) = self.lock_rings() else {
            return Vec::new();
        };
        let bits = |cells: Vec<f64>| cells.into_iter().map(f64::to_bits).collect();
        [false, true]
            .into_iter()
            .filter_map(|sign| Some((sign, bits(rings.of(sign).as_ref()?.cells()))))
            .collect()
    }

    /// What this process alone has counted with a native histogram.
    pub fn native(&self) -> Option<NativeReading> {
        let mut sum = NativeSum::new(self.family.key().native.as_ref()?);
        let [.., zero, outside] = *self.cells() else {
            return None;
        };
        for (is_negative, cells) in self.ring_cells() {
            let cells: Vec<f64> = cells.into_iter().map(f64::from_bits).collect();
            // A ring of this very process is whole.
            drop(sum.add(is_negative, &cells));
        }
        Some(sum.finish(f64::from_bits(zero), f64::from_bits(outside)))
    }

    /// Makes one state the current one.
    pub fn set_state(&self, state: usize, now: f64) {
        let words = self.words();
        for (index, word) in words[VALUES..].iter().enumerate() {
            let is_on = f64::from(u8::from(index == state));
            word.store(is_on.to_bits(), Ordering::Relaxed);
        }
        words[TIME].store(now.to_bits(), Ordering::Relaxed);
    }

    /// A value cell of this process alone: of a counter or gauge 0; of a summary 0 the count and
    /// 1 the sum; of a histogram 0 the sum and from 1 on the buckets.
    pub fn cell(&self, index: usize) -> f64 {
        let word = self.words().get(VALUES + index);
        word.map_or(0.0, |word| f64::from_bits(word.load(Ordering::Relaxed)))
    }

    /// Adds to a value cell.
    pub fn add_to_cell(&self, index: usize, amount: f64) {
        if let Some(word) = self.words().get(VALUES + index) {
            self.add_to(word, amount);
        }
    }

    /// Sets a value cell.
    pub fn set_cell(&self, index: usize, value: f64) {
        if let Some(word) = self.words().get(VALUES + index) {
            word.store(value.to_bits(), Ordering::Relaxed);
        }
    }

    /// Keeps the latest exemplar of a cell where all processes see it; a series that is not in
    /// shared memory keeps none.
    pub fn set_exemplar(&self, exemplar: &Exemplar) {
        // Finds its place after a fork.
        self.words();
        let process = self.family.process();
        let mut state = process.lock();
        if self.family.is_shared() && !self.place.is_on_heap() {
            process.place_exemplar(&mut state, self, exemplar);
        }
    }

    /// Tells whether what was kept of this series beside its cells is still its own: a forked
    /// child counts a shared series anew.
    pub fn era(&self) -> u64 {
        match self.family.is_shared() {
            true => self.family.process().epoch(),
            false => 0,
        }
    }

    /// When it began, in seconds since the epoch.
    pub fn created(&self) -> f64 {
        f64::from_bits(self.created.load(Ordering::Relaxed))
    }

    /// Begins anew at zero.
    pub fn reset(&self, now: f64) {
        self.created.store(now.to_bits(), Ordering::Relaxed);
        let words = self.words();
        if let Some(rings) = self.lock_rings() {
            let rings = [&rings.positive, &rings.negative];
            rings.into_iter().flatten().for_each(Ring::clear);
        }
        for word in &words[VALUES..] {
            word.store(0, Ordering::Relaxed);
        }
        words[TIME].store(now.to_bits(), Ordering::Relaxed);
    }

    /// Moves a series that exists into shared memory, with what it has counted, after its family
    /// was shared.
    pub fn share(&self) {
        let mut rings = self.lock_rings_early();
        let process = self.family.process();
        let mut state = process.lock();
        if !self.family.is_shared() || self.is_detached.load(Ordering::Acquire) {
            return;
        }
        if let Some(placed) = process.place(&mut state, self) {
            let words = placed.words;
            if placed.is_new {
                for (to, from) in words.iter().zip(self.place.words()).skip(TIME) {
                    to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
                }
                words[FLAGS].store(0, Ordering::Release);
            } else if adds_up(self.family.key().kind) {
                // Its like counts there already.
                for (to, from) in words.iter().zip(self.place.words()).skip(VALUES) {
                    self.add_to(to, f64::from_bits(from.load(Ordering::Relaxed)));
                }
            }
            self.place.move_to_mapping(words);
            if let Some(rings) = &mut rings {
                self.share_rings(&mut state, rings);
            }
        }
        self.epoch.store(process.epoch(), Ordering::Release);
    }

    fn share_rings(&self, state: &mut State, rings: &mut Rings) {
        let process = self.family.process();
        for is_negative in [false, true] {
            let Some(ring) = rings.of(is_negative) else {
                continue;
            };
            match process.place_ring(state, self, is_negative, &ring.cells()) {
                Some(words) => *ring = Ring::Mapped(words),
                None => return process.leave(state, self, rings),
            }
        }
    }

    /// Takes the series out of the sum. Whoever still holds it counts for himself.
    pub fn remove(&self) {
        let mut rings = self.lock_rings_early();
        let mut state = self.family.process().lock();
        if !self.is_detached.swap(true, Ordering::AcqRel) {
            state.hide_series(self);
            if let Some(rings) = &mut rings {
                state.hide_rings(self, rings);
            }
        }
    }

    #[inline]
    fn add_to(&self, word: &AtomicU64, amount: f64) {
        let mut bits = word.load(Ordering::Relaxed);
        if self.family.process().writers() == Writers::OneAtATime {
            word.store((f64::from_bits(bits) + amount).to_bits(), Ordering::Relaxed);
            return;
        }
        loop {
            let sum = (f64::from_bits(bits) + amount).to_bits();
            match word.compare_exchange_weak(bits, sum, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => bits = now,
            }
        }
    }

    #[inline]
    fn words(&self) -> &[AtomicU64] {
        if self.epoch.load(Ordering::Acquire) != self.family.process().epoch() {
            self.relocate();
        }
        self.place.words()
    }

    /// Finds its place in this process: after it was made, and once after each fork.
    #[cold]
    fn relocate(&self) {
        let process = self.family.process();
        let mut state = process.lock();
        let epoch = process.epoch();
        if self.epoch.load(Ordering::Acquire) == epoch {
            return;
        }
        let begins_anew = self.family.is_shared() && !self.is_detached.load(Ordering::Acquire);
        self.renew_rings(begins_anew);
        if begins_anew {
            match process.place(&mut state, self) {
                Some(placed) => {
                    if placed.is_new {
                        self.begin(placed.words);
                    }
                    self.place.move_to_mapping(placed.words);
                }
                None => {
                    // What a fork copied is counted where it was counted.
                    self.place.move_to_heap();
                    self.begin(self.place.words());
                }
            }
        } else if !self.place.is_on_heap() {
            self.detach();
        }
        self.epoch.store(epoch, Ordering::Release);
    }

    fn renew_rings(&self, begins_anew: bool) {
        let Some(old) = &self.rings else {
            return;
        };
        let mut rings = Rings::default();
        if let Ok(mut old) = old.get().try_lock()
            && !begins_anew
        {
            rings.positive = old.positive.take();
            rings.negative = old.negative.take();
            // What the parent has in shared memory is the parent's.
            for ring in [&mut rings.positive, &mut rings.negative] {
                ring.as_mut().map(Ring::detach);
            }
        }
        old.replace(Mutex::new(rings));
    }

    fn begin(&self, words: &[AtomicU64]) {
        for word in &words[VALUES..] {
            word.store(0, Ordering::Relaxed);
        }
        let time = match self.family.key().kind {
            FamilyKind::Gauge | FamilyKind::Info | FamilyKind::StateSet => UNTOUCHED.to_bits(),
            FamilyKind::Counter | FamilyKind::Summary | FamilyKind::Histogram => {
                self.created.load(Ordering::Relaxed)
            }
        };
        words[TIME].store(time, Ordering::Relaxed);
        words[FLAGS].store(0, Ordering::Release);
    }

    /// Goes on with the same values on the heap; what it leaves in shared memory is returned.
    pub(crate) fn detach(&self) -> Option<&'static [AtomicU64]> {
        if self.place.is_on_heap() {
            return None;
        }
        let old = self.place.mapped()?;
        self.place.move_to_heap();
        for (to, from) in self.place.words().iter().zip(old) {
            to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        Some(old)
    }

    pub(crate) fn family(&self) -> &Arc<Family> {
        &self.family
    }

    pub(crate) fn key(&self) -> &[u8] {
        &self.key
    }

    pub(crate) fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    pub(crate) fn me(&self) -> Arc<Self> {
        self.me
            .upgrade()
            .expect("a series is only ever held by Arc")
    }

    /// The bits of its cells as they are now, the time first.
    pub(crate) fn cells(&self) -> Vec<u64> {
        let words = &self.words()[TIME..];
        words
            .iter()
            .map(|word| word.load(Ordering::Relaxed))
            .collect()
    }
}

/// Where an amount falls: the number of bounds below it.
///
/// A few bounds are counted without a branch, several at a time; a search waits for each of its
/// comparisons in turn, which was 16 of 60 ns of a call at the usual fifteen.
#[inline]
fn bucket_of(bounds: &[f64], amount: f64) -> usize {
    if bounds.len() <= 32 {
        let below = bounds.iter().map(|bound| u64::from(*bound < amount));
        below.sum::<u64>() as usize
    } else {
        bounds.partition_point(|bound| *bound < amount)
    }
}
