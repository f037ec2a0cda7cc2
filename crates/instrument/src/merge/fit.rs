//! What the records of one process become in the sum.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use crate::record::{self, Record, RecordKind};
use crate::sum::FamilySum;

/// How one process's family fits into the sum's.
#[derive(Debug)]
pub(super) struct Fit {
    pub(super) family: usize,
    pub(super) n_cells: usize,
    pub(super) is_removed: bool,
    /// Where each label value goes, when the names stand in another order.
    pub(super) label_order: Option<Vec<usize>>,
    /// Where each bucket goes, when the bounds differ.
    pub(super) buckets: Option<Vec<usize>>,
    pub(super) bounds: Vec<f64>,
    /// How many bounds the sum had when `buckets` was made.
    pub(super) n_bounds: usize,
    pub(super) is_native: bool,
    /// Where the next series is likely to stand in the sum: processes of one program mostly make
    /// their series in the same order.
    pub(super) next: usize,
}

impl Fit {
    /// Whether the series of the process have the same labels and cells as those of the sum.
    pub(super) fn is_same(&self, sum: &FamilySum) -> bool {
        let has_same_buckets = self.buckets.is_none() && self.n_bounds == sum.key.bounds.len();
        self.label_order.is_none() && has_same_buckets
    }

    /// The key as the sum has it.
    pub(super) fn key<'a>(&self, key: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        match &self.label_order {
            None => Some(Cow::Borrowed(key)),
            Some(order) => reorder(key, order).map(Cow::Owned),
        }
    }

    /// Another metric of the same name may have brought more bounds since.
    pub(super) fn keep_up(&mut self, sum: &FamilySum) {
        let n_bounds = sum.key.bounds.len();
        if self.n_bounds != n_bounds {
            self.n_bounds = n_bounds;
            self.buckets = Some(sum.places(&self.bounds));
        }
    }
}

/// The metrics of the process whose files are being read, by the numbers that it gave them.
///
/// Those of the processes before it are remembered: workers of one program mostly have the same
/// metrics under the same numbers, which need not be fitted in again.
#[derive(Debug, Default)]
pub(super) struct Fits {
    /// Places in `metrics` plus one; 0 for none.
    by_number: Vec<u32>,
    metrics: Vec<Metric>,
    /// Counts processes.
    n_processes: usize,
    number_max: usize,
}

#[derive(Debug)]
struct Metric {
    /// Of the record that told it.
    head: Box<[u64]>,
    /// None for what does not fit.
    fit: Option<Fit>,
    /// The last process that has it.
    process: usize,
}

impl Fits {
    /// From now on it is another process, whose files have this many words. Processes number their
    /// metrics from 1 on, so a number beyond is damage, and no reason to take memory for it.
    pub(super) fn begin(&mut self, n_words: usize) {
        self.n_processes += 1;
        self.number_max = n_words;
    }

    fn place(&self, number: u32) -> Option<usize> {
        let place = *self.by_number.get(number as usize)?;
        (place as usize).checked_sub(1)
    }

    /// Whether this process has told of this metric, and how it fits.
    pub(super) fn get(&mut self, number: u32) -> Option<Option<&mut Fit>> {
        let metric = self.place(number)?;
        let metric = &mut self.metrics[metric];
        (metric.process == self.n_processes).then_some(metric.fit.as_mut())
    }

    /// Takes a record for sound that says word for word what a sound one said, and fits as it.
    pub(super) fn recall(&mut self, record: &Record<'_>) -> bool {
        let Some(place) = self.place(record.family) else {
            return false;
        };
        let metric = &mut self.metrics[place];
        let known = metric.fit.as_mut();
        let known = known.filter(|fit| fit.is_removed == record.is_removed());
        let Some(fit) = known.filter(|_| *metric.head == *record.head) else {
            return false;
        };
        fit.next = 0;
        metric.process = self.n_processes;
        true
    }

    pub(super) fn insert(&mut self, number: u32, head: &[u64], fit: Option<Fit>) {
        let metric = Metric {
            head: head.into(),
            fit,
            process: self.n_processes,
        };
        if let Some(place) = self.place(number) {
            self.metrics[place] = metric;
            return;
        }
        let at = number as usize;
        if self.number_max < at {
            return;
        }
        if self.by_number.len() <= at {
            self.by_number.resize(at + 1, 0);
        }
        self.metrics.push(metric);
        self.by_number[at] = u32::try_from(self.metrics.len()).unwrap_or_default();
    }
}

/// Native histograms of one process: rings and the series that they belong to.
#[derive(Default)]
pub(super) struct RingRecords<'a> {
    /// Series of native histograms that were not removed.
    series: HashSet<(u32, &'a [u8])>,
    rings: HashMap<(u32, &'a [u8], bool), &'a [u64]>,
}

impl<'a> RingRecords<'a> {
    pub(super) fn note_series(&mut self, fit: &Fit, record: &Record<'a>) {
        if fit.is_native && !fit.is_removed && !record.is_removed() {
            self.series.insert((record.family, record.key));
        }
    }

    /// The last one counts: it has taken the place of those before it.
    pub(super) fn note_ring(&mut self, record: &Record<'a>) {
        let is_negative = record.kind == RecordKind::Negative;
        let place = (record.family, record.key, is_negative);
        if !record.is_removed() {
            self.rings.insert(place, record.cells);
        } else {
            self.rings.remove(&place);
        }
    }

    pub(super) fn whole(self) -> impl Iterator<Item = (u32, &'a [u8], bool, &'a [u64])> {
        let Self { series, rings } = self;
        rings
            .into_iter()
            .filter(move |((family, key, _), _)| series.contains(&(*family, *key)))
            .map(|((family, key, is_negative), cells)| (family, key, is_negative, cells))
    }
}

/// Puts label values into the order of the sum's label names.
fn reorder(key: &[u8], order: &[usize]) -> Option<Vec<u8>> {
    let texts = record::decode_texts(key)?;
    if texts.len() != order.len() {
        return None;
    }
    let mut ordered = vec![""; texts.len()];
    for (text, place) in texts.iter().zip(order) {
        ordered[*place] = text;
    }
    Some(record::encode_texts(ordered))
}
