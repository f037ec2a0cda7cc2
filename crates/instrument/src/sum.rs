//! One metric over several processes.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use crate::exemplar::Exemplar;
use crate::group::ProcessId;
use crate::key_index::KeyIndex;
use crate::merge::adds_up;
use crate::native::{BadRing, NativeSpec, NativeSum};
use crate::reading::{FamilyKind, FamilyReading, NativeReading, SeriesReading, Value};
use crate::record::{self, FamilyKey, GaugeMode, MOVED, NATIVE_CELLS};

mod gauge;

use gauge::{latest, one_gauge};

/// All series of one metric, over several processes.
///
/// Keys and values lie one behind the other, not in a box each: there may be a hundred thousand.
#[derive(Debug)]
pub(crate) struct FamilySum {
    pub(crate) key: FamilyKey,
    pub(crate) series: Vec<SeriesSum>,
    keys: Vec<u8>,
    index: KeyIndex,
    /// One a series, already added up, for kinds that add up; else one a process and series.
    contributions: Vec<Contribution>,
    /// `n_values` for each contribution.
    values: Vec<f64>,
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
    /// The first and the last of its contributions.
    first: usize,
    last: usize,
}

/// What one process says of a series.
#[derive(Debug)]
struct Contribution {
    process: ProcessId,
    is_live: bool,
    time: f64,
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
            contributions: Vec::new(),
            values: Vec::new(),
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

    pub(crate) fn hash(&self, key: &[u8]) -> u32 {
        self.index.hash(key)
    }

    pub(crate) fn find(&self, hash: u32, key: &[u8]) -> Option<usize> {
        self.index
            .find(hash, |place| self.key_of(&self.series[place]) == key)
    }

    /// Adds what one process says of series `found`, or of a new one with this key.
    pub(crate) fn add(
        &mut self,
        found: Option<usize>,
        (hash, key): (u32, &[u8]),
        from: Source,
        values: impl ExactSizeIterator<Item = f64>,
    ) {
        let next = self.contributions.len();
        match found {
            Some(place) if adds_up(self.key.kind) => {
                let at = self.series[place].first;
                let sum = &mut self.values[at * self.n_values..];
                for (to, from) in sum.iter_mut().zip(values) {
                    *to += from;
                }
                let time = &mut self.contributions[at].time;
                *time = time.min(from.time);
                return;
            }
            // One name in two registries that are read as one, or two metrics that share their
            // cells: what was made later says more, unless nobody touched it.
            Some(place) if self.contributions[self.series[place].last].process == from.process => {
                if MOVED <= from.time {
                    self.say_anew(self.series[place].last, from, values);
                }
                return;
            }
            Some(place) => {
                self.contributions[self.series[place].last].next = next;
                self.series[place].last = next;
            }
            None => {
                let start = self.keys.len();
                self.keys.extend_from_slice(key);
                self.series.push(SeriesSum {
                    key: start..self.keys.len(),
                    first: next,
                    last: next,
                });
                self.index.push(hash);
                self.natives
                    .extend(self.key.native.as_ref().map(NativeSum::new));
            }
        }
        debug_assert_eq!(values.len(), self.n_values);
        self.values.extend(values);
        self.contributions.push(Contribution {
            process: from.process,
            is_live: from.is_live,
            time: from.time,
            next: 0,
        });
    }

    fn say_anew(&mut self, at: usize, from: Source, values: impl Iterator<Item = f64>) {
        let known = &mut self.values[at * self.n_values..][..self.n_values];
        for (to, from) in known.iter_mut().zip(values) {
            *to = from;
        }
        let contribution = &mut self.contributions[at];
        contribution.is_live = from.is_live;
        contribution.time = from.time;
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
        new
    }

    pub(crate) fn finish(mut self, is_many: bool) -> FamilyReading {
        let mut series = Vec::with_capacity(self.series.len());
        let told = self.told();
        for place in 0..self.series.len() {
            if !told.contains(self.key_of(&self.series[place])) {
                self.finish_series(place, is_many, &mut series);
            }
        }
        let keys = std::mem::take(&mut self.keys);
        FamilyReading::of_keys(&self.key, keys, series)
    }

    /// For an info: keys without any fact for which some process has told facts. Who has not
    /// said anything yet says nothing then.
    fn told(&self) -> HashSet<Vec<u8>> {
        if self.key.kind != FamilyKind::Info {
            return HashSet::new();
        }
        let n_own = 2 * self.key.label_names.len();
        let keys = self.series.iter();
        let facts = keys.filter_map(|series| record::decode_texts(self.key_of(series)));
        let facts = facts.filter(|texts| n_own < texts.len());
        facts
            .map(|texts| record::encode_texts(texts[..n_own].iter().copied()))
            .collect()
    }

    /// Appends the readings that a series becomes: one, none when no process that counts has
    /// it, or one a process.
    fn finish_series(&self, place: usize, is_many: bool, out: &mut Vec<SeriesReading>) {
        let sum = &self.series[place];
        let first = self.said(sum.first);
        let value = match self.key.kind {
            FamilyKind::Counter => Value::Counter {
                total: first.values[0],
                created: created(first.time),
            },
            FamilyKind::Summary => Value::Summary {
                count: first.values[0],
                sum: first.values[1],
                created: created(first.time),
            },
            FamilyKind::Histogram => Value::Histogram {
                buckets: std::iter::zip(&self.key.bounds, &first.values[1..])
                    .map(|(bound, count)| (*bound, *count))
                    .collect(),
                sum: first.values[0],
                created: created(first.time),
                native: self.finish_native(place, first.values),
            },
            FamilyKind::Info => Value::Info,
            FamilyKind::StateSet => {
                let all: Vec<Said<'_>> = self.all_said(sum).collect();
                let latest = latest(&all).unwrap_or(&first);
                let is_on = latest.values.iter().map(|value| *value != 0.0);
                Value::StateSet(self.key.states.iter().cloned().zip(is_on).collect())
            }
            FamilyKind::Gauge => return self.finish_gauge(sum, is_many, out),
        };
        out.push(SeriesReading {
            exemplars: self.exemplars_of(place).to_vec(),
            ..SeriesReading::new(sum.key.clone(), None, value)
        });
    }

    fn finish_native(&self, place: usize, values: &[f64]) -> Option<Box<NativeReading>> {
        let rings = self.natives.get(place)?;
        let (zero, outside) = native_values(values)?;
        Some(Box::new(rings.clone().finish(zero, outside)))
    }

    fn finish_gauge(&self, sum: &SeriesSum, is_many: bool, out: &mut Vec<SeriesReading>) {
        let key = || sum.key.clone();
        let mode = self.key.mode;
        if is_many && matches!(mode, GaugeMode::All | GaugeMode::LiveAll) {
            for one in self.all_said(sum).filter(|one| one.is_live) {
                let value = Value::Gauge(one.values[0]);
                out.push(SeriesReading::new(key(), Some(one.process.pid), value));
            }
            return;
        }
        let first = self.said(sum.first);
        let value = if sum.first == sum.last && first.is_live {
            // What one living process says is the answer in every mode.
            Some(if MOVED <= first.time {
                first.values[0]
            } else {
                0.0
            })
        } else {
            let all: Vec<Said<'_>> = self.all_said(sum).collect();
            one_gauge(mode, &all).map(|(value, _)| value)
        };
        let value = value.map(Value::Gauge);
        out.extend(value.map(|value| SeriesReading::new(key(), None, value)));
    }

    /// What is kept of dead processes: the time and the values of one that stands for them all.
    pub(crate) fn fold(&self, sum: &SeriesSum) -> Option<(f64, Vec<f64>)> {
        let first = self.said(sum.first);
        let all: Vec<Said<'_>> = self.all_said(sum).collect();
        match self.key.kind {
            FamilyKind::Counter | FamilyKind::Summary | FamilyKind::Histogram => {
                Some((first.time, first.values.to_vec()))
            }
            FamilyKind::StateSet => {
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
                    let (value, time) = one_gauge(self.key.mode, &all)?;
                    Some((time, vec![value]))
                }
            },
        }
    }

    fn said(&self, at: usize) -> Said<'_> {
        let contribution = &self.contributions[at];
        Said {
            process: contribution.process,
            is_live: contribution.is_live,
            time: contribution.time,
            values: &self.values[at * self.n_values..][..self.n_values],
        }
    }

    fn all_said(&self, sum: &SeriesSum) -> impl Iterator<Item = Said<'_>> {
        let next = |at: &usize| Some(self.contributions[*at].next).filter(|next| *next != 0);
        std::iter::successors(Some(sum.first), next).map(|at| self.said(at))
    }
}

/// Observations in the zero bucket and NaNs of a native histogram.
fn native_values(values: &[f64]) -> Option<(f64, f64)> {
    let [zero, outside] = *values.last_chunk::<NATIVE_CELLS>()?;
    Some((zero, outside))
}

/// Moves bucket `i` to `places[i]` of `n` buckets; what stands before and behind them stays so.
pub(crate) fn widen_values(values: &[f64], places: &[usize], n: usize) -> Vec<f64> {
    let behind = &values[1 + places.len()..];
    let mut wide = vec![0.0; 1 + n];
    wide[0] = values[0];
    for (place, value) in places.iter().zip(&values[1..]) {
        wide[1 + place] += value;
    }
    wide.extend_from_slice(behind);
    wide
}

/// Where a histogram's cell goes when bucket `i` goes to `places[i]`: the sum stays the first.
pub(crate) fn widened_cell(cell: u16, places: &[usize]) -> Option<u16> {
    let Some(bucket) = cell.checked_sub(1) else {
        return Some(0);
    };
    let place = places.get(usize::from(bucket))?;
    u16::try_from(1 + place).ok()
}

/// Families that have no beginning worth telling begin at 0.
fn created(time: f64) -> Option<f64> {
    (0.0 < time).then_some(time)
}
