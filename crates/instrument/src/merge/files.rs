//! What the records of files become in the sum.
//!
//! Most records of a group say what records before them said, but for their cells: workers of one
//! program have the same series, mostly made in the same order. Those are compared with what was
//! seen where the process before them had its record, word for word, and need no checksum, no
//! hash and no look-up. Whatever differs is read as if nobody had been there before.

use std::path::Path;

use super::fit::{Fit, Fits, RingRecords};
use super::{FamilySum, Merger};
use crate::exemplar::Exemplar;
use crate::group::ProcessId;
use crate::native::BadRing;
use crate::reading::{Damage, FamilyKind};
use crate::record::{self, Found, HEADER_WORDS, Record, RecordKind};
use crate::sum::{Source, widen_values, widened_cell};

/// The process whose records are added, and what is known of it so far.
struct Adding<'w> {
    process: ProcessId,
    is_live: bool,
    fits: Fits,
    rings: RingRecords<'w>,
}

impl Merger {
    pub(super) fn add_files(&mut self, process: ProcessId, is_live: bool, files: &[&[u64]]) {
        let mut adding = Adding {
            process,
            is_live,
            fits: std::mem::take(&mut self.fits),
            rings: RingRecords::default(),
        };
        adding
            .fits
            .begin(files.iter().map(|words| words.len()).sum());
        for (index, words) in files.iter().enumerate() {
            let mut walk = record::walk(words, HEADER_WORDS);
            loop {
                if let Some(seen) = walk.unchecked()
                    && self.add_known(&mut adding, &seen.record)
                {
                    walk.pass(&seen);
                    continue;
                }
                let said = match walk.next() {
                    None => break,
                    Some(Found::Record(record)) => {
                        let added = self.add_sound(&mut adding, record, walk.n_words_left());
                        added.map_err(|what| (None, what))
                    }
                    Some(Found::Damage { word }) => {
                        Err((Some(word as u64 * 8), "a record is damaged"))
                    }
                };
                if let Err((offset, what)) = said {
                    let path = format!("{process}.{index}.seg");
                    self.damage(Path::new(&path), offset, what);
                }
            }
        }
        let Adding {
            mut fits, rings, ..
        } = adding;
        for (family, key, is_negative, cells) in rings.whole() {
            if let Some(Some(fit)) = fits.get(family)
                && self
                    .add_ring(fit, (key, is_negative), cells, process)
                    .is_err()
            {
                let what = "a histogram's buckets are damaged";
                self.damage(Path::new(&process.to_string()), None, what);
            }
        }
        self.fits = fits;
    }

    /// Adds what says word for word what a sound record said; false for anything else.
    #[inline]
    fn add_known<'w>(&mut self, adding: &mut Adding<'w>, record: &Record<'w>) -> bool {
        match record.kind {
            RecordKind::Family => adding.fits.recall(record),
            RecordKind::Series => {
                let Some(Some(fit)) = adding.fits.get(record.family) else {
                    return false;
                };
                // Of a metric that was removed there is no sum.
                let Some(family) = self.families.get_mut(fit.family) else {
                    return false;
                };
                let place = fit.next;
                if fit.is_removed
                    || !fit.is_same(family)
                    || record.cells.len() != fit.n_cells
                    || !family.is_known(place, record)
                {
                    return false;
                }
                fit.next += 1;
                if !record.is_removed() {
                    adding.rings.note_series(fit, record);
                    let (source, values) = said(record, adding.process, adding.is_live);
                    family.add(place, source, values);
                }
                true
            }
            RecordKind::Positive
            | RecordKind::Negative
            | RecordKind::Folded
            | RecordKind::Exemplar => false,
        }
    }

    /// Adds a record whose checksum fits, and behind which this many words stand in its file.
    fn add_sound<'w>(
        &mut self,
        adding: &mut Adding<'w>,
        record: Record<'w>,
        n_words_left: usize,
    ) -> Result<(), &'static str> {
        let number = record.family;
        match record.kind {
            RecordKind::Family => {
                let fit = self.fit(&record);
                let said = fit.as_ref().map(|_| ()).map_err(|what| *what);
                adding.fits.insert(number, record.head, fit.ok());
                return said;
            }
            RecordKind::Series => match adding.fits.get(number) {
                Some(Some(fit)) => {
                    adding.rings.note_series(fit, &record);
                    let n_more_max = n_words_left / (record.head.len() + 1 + record.cells.len());
                    let whose = (adding.process, adding.is_live);
                    self.add_record(fit, &record, whose, n_more_max);
                }
                Some(None) => {}
                None => {
                    // Said once a metric, not once a series.
                    adding.fits.insert(number, &[], None);
                    return Err("the metric of a series is missing");
                }
            },
            RecordKind::Exemplar => {
                if let Some(Some(fit)) = adding.fits.get(number) {
                    self.add_exemplar(fit, &record);
                }
            }
            RecordKind::Positive | RecordKind::Negative => adding.rings.note_ring(&record),
            RecordKind::Folded => {}
        }
        Ok(())
    }

    /// Adds a series, behind which stand at most `n_more_max` like it.
    pub(super) fn add_record(
        &mut self,
        fit: &mut Fit,
        record: &Record<'_>,
        (process, is_live): (ProcessId, bool),
        n_more_max: usize,
    ) {
        if fit.is_removed || record.is_removed() || record.cells.len() != fit.n_cells {
            return;
        }
        let Some(key) = fit.key(record.key) else {
            return;
        };
        let key = &*key;
        let family = &self.families[fit.family];
        let found = family.find(fit.next, key);
        if found.is_err() && !self.take_series(fit.family, key, process) {
            return;
        }
        let (source, values) = said(record, process, is_live);
        let family = &mut self.families[fit.family];
        fit.keep_up(family);
        family.reserve(n_more_max, key.len());
        let place = match &fit.buckets {
            None => family.put(found, key, source, values),
            Some(places) => {
                let values: Vec<f64> = values.collect();
                let wide = widen_values(&values, places, family.key.bounds.len());
                family.put(found, key, source, wide.into_iter())
            }
        };
        if fit.is_same(family) {
            family.seal(place, record);
        }
        fit.next = place + 1;
    }

    /// Takes a series of the limit, and its cells.
    fn take_series(&mut self, family: usize, key: &[u8], process: ProcessId) -> bool {
        let family = &self.families[family];
        if self.n_series == self.limits.series_max || !is_key(key, family) {
            return false;
        }
        if !self.take_cells(family.key.n_cells() - 1, process) {
            return false;
        }
        self.n_series += 1;
        if self.n_series == self.limits.series_max {
            let what = "the group has more series than the limit";
            self.damaged.push(Damage {
                path: process.to_string().into(),
                offset: None,
                what: what.to_owned(),
            });
        }
        true
    }

    pub(super) fn add_ring(
        &mut self,
        fit: &Fit,
        (key, is_negative): (&[u8], bool),
        cells: &[u64],
        process: ProcessId,
    ) -> Result<(), BadRing> {
        let Some(key) = fit.key(key) else {
            return Ok(());
        };
        let family = &self.families[fit.family];
        // A series beyond the limit is not there.
        let Ok(series) = family.find(fit.next, &key) else {
            return Ok(());
        };
        let n_cells = family.n_ring_cells(series, is_negative);
        if !self.take_cells(n_cells, process) {
            return Ok(());
        }
        let cells: Vec<f64> = cells.iter().map(|bits| f64::from_bits(*bits)).collect();
        self.families[fit.family].add_ring(series, is_negative, &cells)
    }

    /// Adds an exemplar to its series, which stands before it; without one it says nothing.
    fn add_exemplar(&mut self, fit: &mut Fit, record: &Record<'_>) {
        if fit.is_removed || record.is_removed() {
            return;
        }
        let Some((mut exemplar, key)) = Exemplar::decode(record) else {
            return;
        };
        let Some(key) = fit.key(key) else {
            return;
        };
        let family = &mut self.families[fit.family];
        fit.keep_up(family);
        if let Some(places) = &fit.buckets {
            match widened_cell(exemplar.cell, places) {
                Some(cell) => exemplar.cell = cell,
                None => return,
            }
        }
        if let Ok(series) = family.find(fit.next.saturating_sub(1), &key) {
            family.add_exemplar(series, exemplar);
        }
    }
}

/// When a series' record says to have begun or to have been set, and its values.
fn said<'w>(
    record: &Record<'w>,
    process: ProcessId,
    is_live: bool,
) -> (Source, impl ExactSizeIterator<Item = f64> + use<'w>) {
    let (&time, values) = record.cells.split_first().expect("a series has a time");
    let source = Source {
        process,
        is_live,
        time: f64::from_bits(time),
    };
    (source, values.iter().map(|bits| f64::from_bits(*bits)))
}

/// Whether these bytes are label values of this family.
fn is_key(key: &[u8], family: &FamilySum) -> bool {
    let n_texts = record::count_texts(key);
    match family.key.kind {
        FamilyKind::Info => n_texts.is_some_and(|n_texts| n_texts.is_multiple_of(2)),
        _ => n_texts == Some(family.key.label_names.len()),
    }
}
