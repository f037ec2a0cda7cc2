//! One label set of a metric: the cells that are counted in.
//!
//! Counting is one load to see that no fork lies between, one to find the cells, and one
//! compare-and-swap for each cell. All cells are `f64`: an integer lane beside it was measured
//! and gains nothing (docs/decisions/cells-in-mapped-memory.md).

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use crate::family::Family;
use crate::mapping::Place;
use crate::reading::FamilyKind;
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
    me: Weak<Self>,
}

impl Series {
    pub(crate) fn new(family: &Arc<Family>, key: Vec<u8>, now: f64) -> Arc<Self> {
        let process = family.process();
        let mut state = process.lock();
        let is_shared = family.is_shared();
        let placed = is_shared.then(|| process.try_place(&mut state, family, &key));
        let place = match placed.flatten() {
            Some(words) => Place::in_mapping(words),
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
            me: Weak::clone(me),
        });
        series.begin(series.place.words());
        if is_shared && !has_room {
            state.add_unshared(&series);
        }
        series
    }

    /// Adds to a counter or to a sum.
    #[inline]
    pub fn add(&self, amount: f64) {
        add(&self.words()[VALUES], amount);
    }

    /// Moves a gauge.
    #[inline]
    pub fn gauge_add(&self, amount: f64) {
        let words = self.words();
        add(&words[VALUES], amount);
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
        add(&words[VALUES], 1.0);
        add(&words[VALUES + 1], amount);
    }

    /// Records an observation of a histogram, and tells its bucket; NaN falls in none.
    #[inline]
    pub fn histogram_observe(&self, amount: f64) -> Option<usize> {
        let bounds = self.family.bounds();
        let words = self.words();
        add(&words[VALUES], amount);
        let bucket = bounds.iter().position(|bound| amount <= *bound)?;
        add(&words[VALUES + 1 + bucket], 1.0);
        Some(bucket)
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
            add(word, amount);
        }
    }

    /// Sets a value cell.
    pub fn set_cell(&self, index: usize, value: f64) {
        if let Some(word) = self.words().get(VALUES + index) {
            word.store(value.to_bits(), Ordering::Relaxed);
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
        for word in &words[VALUES..] {
            word.store(0, Ordering::Relaxed);
        }
        words[TIME].store(now.to_bits(), Ordering::Relaxed);
    }

    /// Moves a series that exists into shared memory, with what it has counted, after its family
    /// was shared.
    pub fn share(&self) {
        let process = self.family.process();
        let mut state = process.lock();
        if !self.family.is_shared() || self.is_detached.load(Ordering::Acquire) {
            return;
        }
        if let Some(words) = process.place(&mut state, self) {
            for (to, from) in words.iter().zip(self.place.words()).skip(TIME) {
                to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
            }
            words[FLAGS].store(0, Ordering::Release);
            self.place.move_to_mapping(words);
        }
        self.epoch.store(process.epoch(), Ordering::Release);
    }

    /// Takes the series out of the sum. Whoever still holds it counts for himself.
    pub fn remove(&self) {
        let mut state = self.family.process().lock();
        if !self.is_detached.swap(true, Ordering::AcqRel) {
            state.hide_series(self);
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
        if self.family.is_shared() && !self.is_detached.load(Ordering::Acquire) {
            match process.place(&mut state, self) {
                Some(words) => {
                    self.begin(words);
                    self.place.move_to_mapping(words);
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

#[inline]
fn add(word: &AtomicU64, amount: f64) {
    let mut bits = word.load(Ordering::Relaxed);
    loop {
        let sum = (f64::from_bits(bits) + amount).to_bits();
        match word.compare_exchange_weak(bits, sum, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => return,
            Err(now) => bits = now,
        }
    }
}
