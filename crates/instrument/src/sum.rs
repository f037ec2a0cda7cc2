//! One metric over several processes.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use crate::exemplar::Exemplar;
use crate::group::ProcessId;
use crate::key_index::KeyIndex;
use crate::merge::adds_up;
use crate::native::{BadRing, NativeSpec, NativeSum};
use crate::reading::FamilyKind;
use crate::record::{FamilyKey, GaugeMode, MOVED, Record};

mod buckets;
mod finish;
mod gauge;

pub(crate) use buckets::{widen_values, widened_cell};
use gauge::{latest, one_gauge};

/// Series of a metric from which on it makes room for many more at once.
const N_MANY: usize = 1024;

/// All series of one metric, over several processes.
///
/// Keys and values lie one behind the other, not in a box each: there may be a hundred thousand.
#[derive(Debug)]
pub(crate) struct FamilySum {
    pub(crate) key: FamilyKey,
    pub(crate) series: Vec<SeriesSum>,
    keys: Vec<u8>,
    index: KeyIndex,
    /// `n_values` a series, already added up, for kinds that add up; else a process and series.
    values: Vec<f64>,
    /// One for each row of values.
    times: Vec<f64>,
    /// The same, for kinds that do not add up.
    contributions: Vec<Contribution>,
    n_values: usize,
    /// One a series, if the metric is a native histogram.
    natives: Vec<NativeSum>,
    /// By the place of their series: the latest of each cell that has one.
    exemplars: HashMap<usize, Vec<Exemplar>>,
}

/// What all processes say of a series.
#[derive(Debug)]
pub(crate) struct SeriesSum {
    key: Range<usize>,
    /// Of the last sound record that said it; 0 for none.
    seal: u64,
    /// The first and the last of its rows of values.
    first: usize,
    last: usize,
}

/// The hash of a key that was looked for in vain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyHash(u32);

/// Whose row of values it is.
#[derive(Debug)]
struct Contribution {
    process: ProcessId,
    is_live: bool,
    /// The next one of the same series; 0 for none, since no first one is a next.
    next: usize,
}

/// A contribution with its values.
#[derive(Clone, Copy, Debug)]
struct Said<'a> {
    process: ProcessId,
    is_live: bool,
    time: f64,
    values: &'a [f64],
}

/// Whose record is added, and when it says to have begun or to have been set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source {
    pub(crate) process: ProcessId,
    pub(crate) is_live: bool,
    pub(crate) time: f64,
}

impl FamilySum {
    pub(crate) fn new(key: FamilyKey) -> Self {
        Self {
            n_values: key.n_cells() - 1,
            key,
            series: Vec::new(),
            keys: Vec::new(),
            index: KeyIndex::default(),
            values: Vec::new(),
            times: Vec::new(),
            contributions: Vec::new(),
            natives: Vec::new(),
            exemplars: HashMap::new(),
        }
    }

    /// Makes room for what another process keeps of a native histogram.
    pub(crate) fn join_native(&mut self, spec: &NativeSpec) {
        for rings in &mut self.natives {
            rings.join_spec(spec);
        }
        self.key.native = self.key.native.map(|own| own.join(*spec));
    }

    /// Adds buckets of one process to a native histogram that it has.
    pub(crate) fn add_ring(
        &mut self,
        series: usize,
        is_negative: bool,
        cells: &[f64],
    ) -> Result<(), BadRing> {
        match self.natives.get_mut(series) {
            Some(rings) => rings.add(is_negative, cells),
            None => Err(BadRing),
        }
    }

    /// The buckets of a native histogram as they are kept, with their signs, and how many
    /// observations are to move to the zero bucket.
    pub(crate) fn fold_rings(&self, series: usize) -> (f64, Vec<(bool, Vec<f64>)>) {
        let Some(mut rings) = self.natives.get(series).cloned() else {
            return (0.0, Vec::new());
        };
        let to_zero = rings.take_below_threshold();
        let cells = |is_negative| Some((is_negative, rings.ring_cells(is_negative)?));
        (
            to_zero,
            [false, true].into_iter().filter_map(cells).collect(),
        )
    }

    pub(crate) fn key_of(&self, series: &SeriesSum) -> &[u8] {
        &self.keys[series.key.clone()]
    }

    /// The place of a series, which is likely to be `guess`, or what [`Self::put`] needs.
    pub(crate) fn find(&self, guess: usize, key: &[u8]) -> Result<usize, KeyHash> {
        let is_it = |place: usize| self.key_of(&self.series[place]) == key;
        if guess < self.series.len() && is_it(guess) {
            return Ok(guess);
        }
        let hash = self.index.hash(key);
        self.index.find(hash, is_it).ok_or(KeyHash(hash))
    }

    /// Whether this record says word for word what a sound one said of the series at this place,
    /// so that it is sound as well. The two have as many cells.
    pub(crate) fn is_known(&self, place: usize, record: &Record<'_>) -> bool {
        self.series.get(place).is_some_and(|series| {
            let seal = record.seal();
            seal != 0
                && series.seal == seal
                && self.key_of(series) == record.key
                && record.is_padded()
        })
    }

    /// Remembers a sound record, whose key and cells are as they are here.
    pub(crate) fn seal(&mut self, place: usize, record: &Record<'_>) {
        self.series[place].seal = record.seal();
    }

    /// Adds what one process says of a series that was looked for; its place.
    pub(crate) fn put(
        &mut self,
        found: Result<usize, KeyHash>,
        key: &[u8],
        from: Source,
        values: impl ExactSizeIterator<Item = f64>,
    ) -> usize {
        match found {
            Ok(place) => {
                self.add(place, from, values);
                place
            }
            Err(hash) => self.push(hash, key, from, values),
        }
    }

    /// Adds what one process says of the series at this place.
    pub(crate) fn add(
        &mut self,
        place: usize,
        from: Source,
        values: impl ExactSizeIterator<Item = f64>,
    ) {
        let series = &mut self.series[place];
        if adds_up(self.key.kind) {
            let sum = &mut self.values[series.first * self.n_values..];
            for (to, from) in sum.iter_mut().zip(values) {
                *to += from;
            }
            let time = &mut self.times[series.first];
            *time = time.min(from.time);
        } else if self.contributions[series.last].process == from.process {
            // One name in two registries that are read as one, or two metrics that share their
            // cells: what was made later says more, unless nobody touched it.
            if MOVED <= from.time {
                let last = series.last;
                self.say_anew(last, from, values);
            }
        } else {
            let next = self.times.len();
            self.contributions[series.last].next = next;
            series.last = next;
            self.contribute(from, values);
        }
    }

    /// Adds a series that nobody had; its place.
    fn push(
        &mut self,
        KeyHash(hash): KeyHash,
        key: &[u8],
        from: Source,
        values: impl ExactSizeIterator<Item = f64>,
    ) -> usize {
        let start = self.keys.len();
        self.keys.extend_from_slice(key);
        let first = self.times.len();
        self.series.push(SeriesSum {
            key: start..self.keys.len(),
            seal: 0,
            first,
            last: first,
        });
        self.index.push(hash);
        self.natives
            .extend(self.key.native.as_ref().map(NativeSum::new));
        self.contribute(from, values);
        self.series.len() - 1
    }

    fn contribute(&mut self, from: Source, values: impl ExactSizeIterator<Item = f64>) {
        debug_assert_eq!(values.len(), self.n_values);
        self.values.extend(values);
        self.times.push(from.time);
        if !adds_up(self.key.kind) {
            self.contributions.push(Contribution {
                process: from.process,
                is_live: from.is_live,
                next: 0,
            });
        }
    }

    /// Makes room for series to come, where there are so many that growing step by step would
    /// move megabytes.
    pub(crate) fn reserve(&mut self, n_series: usize, key_bytes: usize) {
        let len = self.series.len();
        if len == self.series.capacity() && N_MANY <= len {
            self.series.reserve(n_series);
            self.times.reserve(n_series);
            self.values.reserve(n_series.saturating_mul(self.n_values));
            self.keys.reserve(n_series.saturating_mul(key_bytes));
            self.index.reserve(n_series);
        }
    }

    fn say_anew(&mut self, at: usize, from: Source, values: impl Iterator<Item = f64>) {
        let known = &mut self.values[at * self.n_values..][..self.n_values];
        for (to, from) in known.iter_mut().zip(values) {
            *to = from;
        }
        self.contributions[at].is_live = from.is_live;
        self.times[at] = from.time;
    }

    pub(crate) fn add_exemplar(&mut self, series: usize, exemplar: Exemplar) {
        let known = self.exemplars.entry(series).or_default();
        match known.iter_mut().find(|one| one.cell == exemplar.cell) {
            Some(known) if exemplar.is_later_than(known) => *known = exemplar,
            Some(_) => {}
            None => known.push(exemplar),
        }
    }

    pub(crate) fn exemplars_of(&self, series: usize) -> &[Exemplar] {
        self.exemplars.get(&series).map_or(&[], Vec::as_slice)
    }

    /// Cells that its series need beyond their own when the buckets of this metric join them.
    pub(crate) fn n_more_cells(&self, other: &FamilyKey) -> usize {
        let mut n_a_series = 0;
        if let (Some(own), Some(other)) = (self.key.native, other.native) {
            n_a_series += 2 * (own.join(other).n_ring_cells() - own.n_ring_cells());
        }
        if self.key.bounds != other.bounds {
            n_a_series += self.n_more_bounds(&other.bounds);
        }
        n_a_series.saturating_mul(self.series.len())
    }

    /// Cells that a ring needs that is to be added.
    pub(crate) fn n_ring_cells(&self, series: usize, is_negative: bool) -> usize {
        let rings = self.natives.get(series);
        rings.map_or(0, |rings| rings.n_new_cells(is_negative))
    }

    fn n_more_bounds(&self, bounds: &[f64]) -> usize {
        let known: HashSet<u64> = self
            .key
            .bounds
            .iter()
            .map(|bound| bound.to_bits())
            .collect();
        let is_new = |bound: &&f64| !known.contains(&bound.to_bits());
        bounds.iter().filter(is_new).count()
    }

    /// Where the buckets of another process go whose bounds are all among these.
    pub(crate) fn places(&self, bounds: &[f64]) -> Vec<usize> {
        let place = |bound: &f64| {
            let among = &self.key.bounds;
            let found = among.binary_search_by(|other| other.total_cmp(bound));
            // Bounds that stood in no order before they were joined may stand elsewhere.
            found.unwrap_or_else(|next| next.min(among.len().saturating_sub(1)))
        };
        bounds.iter().map(place).collect()
    }

    /// Makes room for bounds that another process has, and tells where its buckets go.
    pub(crate) fn widen(&mut self, bounds: &[f64]) -> Vec<usize> {
        let mut union: Vec<f64> = self.key.bounds.iter().chain(bounds).copied().collect();
        union.sort_by(f64::total_cmp);
        union.dedup_by(|a, b| a.total_cmp(b).is_eq());
        let place = |bound: &f64| {
            let found = union.binary_search_by(|other| other.total_cmp(bound));
            found.expect("the union holds every bound")
        };
        let old: Vec<usize> = self.key.bounds.iter().map(place).collect();
        let new = bounds.iter().map(place).collect();
        let widen = |values: &[f64]| widen_values(values, &old, union.len());
        self.values = self
            .values
            .chunks_exact(self.n_values)
            .flat_map(widen)
            .collect();
        for exemplar in self.exemplars.values_mut().flatten() {
            exemplar.cell = widened_cell(exemplar.cell, &old).unwrap_or(exemplar.cell);
        }
        self.key.bounds = union;
        self.n_values = self.key.n_cells() - 1;
        for series in &mut self.series {
            // What was sealed had another number of cells.
            series.seal = 0;
        }
        new
    }

    /// What is kept of dead processes: the time and the values of one that stands for them all.
    pub(crate) fn fold(&self, sum: &SeriesSum) -> Option<(f64, Vec<f64>)> {
        match self.key.kind {
            FamilyKind::Counter | FamilyKind::Summary | FamilyKind::Histogram => {
                let (time, values) = self.row(sum.first);
                Some((time, values.to_vec()))
            }
            FamilyKind::StateSet => {
                let all: Vec<Said<'_>> = self.all_said(sum).collect();
                let latest = latest(&all)?;
                Some((latest.time, latest.values.to_vec()))
            }
            // An info of a process that is gone informs nobody.
            FamilyKind::Info => None,
            FamilyKind::Gauge => match self.key.mode {
                GaugeMode::All
                | GaugeMode::LiveAll
                | GaugeMode::LiveMin
                | GaugeMode::LiveMax
                | GaugeMode::LiveSum
                | GaugeMode::LiveMostRecent => None,
                GaugeMode::Auto
                | GaugeMode::Min
                | GaugeMode::Max
                | GaugeMode::Sum
                | GaugeMode::MostRecent => {
                    let all: Vec<Said<'_>> = self.all_said(sum).collect();
                    let (value, time) = one_gauge(self.key.mode, &all)?;
                    Some((time, vec![value]))
                }
            },
        }
    }

    fn row(&self, at: usize) -> (f64, &[f64]) {
        (
            self.times[at],
            &self.values[at * self.n_values..][..self.n_values],
        )
    }

    fn said(&self, at: usize) -> Said<'_> {
        let contribution = &self.contributions[at];
        let (time, values) = self.row(at);
        Said {
            process: contribution.process,
            is_live: contribution.is_live,
            time,
            values,
        }
    }

    fn all_said(&self, sum: &SeriesSum) -> impl Iterator<Item = Said<'_>> {
        let next = |at: &usize| Some(self.contributions[*at].next).filter(|next| *next != 0);
        std::iter::successors(Some(sum.first), next).map(|at| self.said(at))
    }
}
