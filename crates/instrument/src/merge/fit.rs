//! What the records of one process become in the sum.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use crate::record::{self, REMOVED, Record, RecordKind};
use crate::sum::FamilySum;

/// How one process's family fits into the sum's.
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
}

impl Fit {
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

/// Native histograms of one process: rings and the series that they belong to.
#[derive(Default)]
pub(super) struct RingRecords<'a> {
    /// Series of native histograms that were not removed.
    series: HashSet<(u32, &'a [u8])>,
    rings: HashMap<(u32, &'a [u8], bool), &'a [u64]>,
}

impl<'a> RingRecords<'a> {
    pub(super) fn note_series(&mut self, fit: &Fit, record: &Record<'a>) {
        if fit.is_native && !fit.is_removed && record.flags & REMOVED == 0 {
            self.series.insert((record.family, record.key));
        }
    }

    /// The last one counts: it has taken the place of those before it.
    pub(super) fn note_ring(&mut self, record: &Record<'a>) {
        let is_negative = record.kind == RecordKind::Negative;
        let place = (record.family, record.key, is_negative);
        if record.flags & REMOVED == 0 {
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
