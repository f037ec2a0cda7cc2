//! Summing processes: many segments in, one reading out.
//!
//! Counters, summaries and histograms add up, whether their process lives or not. Gauges follow
//! their mode. Whatever two processes disagree about (a kind, a set of label names) costs the
//! later one that metric, and is reported.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use crate::archive;
use crate::exemplar::Exemplar;
use crate::group::{GroupKey, Proc, ProcessId};
use crate::process_metrics;
use crate::reading::{Damage, FamilyKind, FamilyReading, GroupReading, ReadLimits, Registries};
use crate::record::{self, FamilyKey, Found, HEADER_WORDS, REMOVED, Record, RecordKind};
use crate::series::Series;
use crate::snapshot::Snapshot;
use crate::sum::{Contribution, SeriesSum, widened_cell};
use crate::worker;

/// A sum in the making.
#[derive(Debug)]
pub(crate) struct Merger {
    limits: ReadLimits,
    registries: Registries,
    families: Vec<FamilySum>,
    by_name: HashMap<(u16, Arc<str>), usize>,
    live: Vec<ProcessId>,
    /// The worker numbers of the living that have one.
    workers: Vec<(u32, ProcessId)>,
    /// Zombies and the like: dead, and still to be found in `/proc`.
    dead: Vec<ProcessId>,
    /// Processes that ever belonged to the group.
    n_started: u64,
    n_series: usize,
    /// Cells that may still be made. No group has more of them than it has words, but for
    /// histograms of one name whose bounds differ: each series gets the bounds of all.
    cells_left: usize,
    /// Whether a limit left something out.
    is_full: bool,
    n_unshared: f64,
    n_panics: f64,
    damaged: Vec<Damage>,
}

#[derive(Debug)]
pub(crate) struct FamilySum {
    pub(crate) key: FamilyKey,
    pub(crate) series: Vec<SeriesSum>,
    by_key: HashMap<Arc<[u8]>, usize>,
}

/// How one process's family fits into the sum's.
struct Fit {
    family: usize,
    n_cells: usize,
    is_removed: bool,
    /// Where each label value goes, when the names stand in another order.
    label_order: Option<Vec<usize>>,
    /// Where each bucket goes, when the bounds differ.
    buckets: Option<Vec<usize>>,
}

impl Merger {
    pub(crate) fn new(limits: ReadLimits, registries: Registries) -> Self {
        Self {
            limits,
            registries,
            families: Vec::new(),
            by_name: HashMap::new(),
            live: Vec::new(),
            workers: Vec::new(),
            dead: Vec::new(),
            n_started: 0,
            n_series: 0,
            is_full: false,
            cells_left: usize::try_from(limits.bytes_max / 8).unwrap_or(usize::MAX),
            n_unshared: 0.0,
            n_panics: 0.0,
            damaged: Vec::new(),
        }
    }

    pub(crate) fn damage(&mut self, path: &Path, offset: Option<u64>, what: impl Into<String>) {
        if self.damaged.len() < self.limits.damaged_max {
            self.damaged.push(Damage {
                path: path.to_owned(),
                offset,
                what: what.into(),
            });
        }
    }

    /// Adds what was read of a folder.
    pub(crate) fn add_snapshot(&mut self, snapshot: Snapshot) {
        self.damaged.extend(snapshot.damaged);
        if let Some(words) = snapshot.archive {
            self.n_started = self.n_started.saturating_add(archive::n_folded(&words));
            let nobody = ProcessId { pid: 0, start: 0 };
            self.add_files(nobody, false, &[words]);
        }
        for files in snapshot.processes {
            self.add_process(files.process, files.is_live, &files.files);
        }
    }

    /// Whether the limits of series and cells left something out.
    pub(crate) fn is_full(&self) -> bool {
        self.is_full || self.n_series == self.limits.series_max
    }

    pub(crate) fn n_started(&self) -> u64 {
        self.n_started
    }

    /// Adds one process.
    pub(crate) fn add_process(&mut self, process: ProcessId, is_live: bool, files: &[Vec<u64>]) {
        self.n_started = self.n_started.saturating_add(1);
        if let Some(words) = files.first() {
            let word = |word: usize| words.get(word).copied().unwrap_or_default() as f64;
            let n_unshared = if is_live {
                word(record::UNSHARED_WORD)
            } else {
                0.0
            };
            self.note_trouble(n_unshared, word(record::PANICS_WORD));
        }
        if is_live {
            self.live.push(process);
            let words = files.first().map_or(&[][..], Vec::as_slice);
            let number = worker::number_in(words);
            self.workers.extend(number.map(|number| (number, process)));
        } else {
            self.dead.push(process);
        }
        self.add_files(process, is_live, files);
    }

    pub(crate) fn note_trouble(&mut self, n_unshared: f64, n_panics: f64) {
        self.n_unshared += n_unshared;
        self.n_panics += n_panics;
    }

    fn add_files(&mut self, process: ProcessId, is_live: bool, files: &[Vec<u64>]) {
        let mut fits: HashMap<u32, Option<Fit>> = HashMap::new();
        for (index, words) in files.iter().enumerate() {
            let path = format!("{process}.{index}.seg");
            for found in record::walk(words, HEADER_WORDS) {
                let record = match found {
                    Found::Record(record) => record,
                    Found::Damage { word } => {
                        let offset = Some(word as u64 * 8);
                        self.damage(Path::new(&path), offset, "a record is damaged");
                        continue;
                    }
                };
                match record.kind {
                    RecordKind::Family => {
                        let fit = self.fit(&record);
                        if let Err(what) = &fit {
                            self.damage(Path::new(&path), None, *what);
                        }
                        fits.insert(record.family, fit.ok());
                    }
                    RecordKind::Series => match fits.get(&record.family) {
                        Some(Some(fit)) => self.add_record(fit, record, process, is_live),
                        Some(None) => {}
                        None => {
                            self.damage(
                                Path::new(&path),
                                None,
                                "the metric of a series is missing",
                            );
                            // Said once a metric, not once a series.
                            fits.insert(record.family, None);
                        }
                    },
                    RecordKind::Exemplar => {
                        if let Some(Some(fit)) = fits.get(&record.family) {
                            self.add_exemplar(fit, &record);
                        }
                    }
                    RecordKind::Folded => {}
                }
            }
        }
    }

    /// Adds a series that has no record.
    pub(crate) fn add_unshared(&mut self, process: ProcessId, series: &Series) {
        let Some(registry) = series.family().registry() else {
            return;
        };
        let key = FamilyKey {
            registry,
            ..series.family().key().clone()
        };
        if let Ok(fit) = self.fit_key(key, false) {
            let record = Record {
                kind: RecordKind::Series,
                family: 0,
                key: series.key().to_vec(),
                flags: 0,
                cells: series.cells(),
            };
            self.add_record(&fit, record, process, true);
        }
    }

    fn fit(&mut self, record: &Record) -> Result<Fit, &'static str> {
        let key = FamilyKey::decode(&record.key).ok_or("a metric's description is damaged")?;
        self.fit_key(key, record.flags & REMOVED != 0)
    }

    fn fit_key(&mut self, mut key: FamilyKey, is_removed: bool) -> Result<Fit, &'static str> {
        let n_cells = key.n_cells();
        let registry = self.registries.number(key.registry);
        let is_removed = is_removed || registry.is_none();
        key.registry = registry.unwrap_or(key.registry);
        let name = (key.registry, Arc::clone(&key.name));
        let mut fit = Fit {
            family: self.families.len(),
            n_cells,
            is_removed,
            label_order: None,
            buckets: None,
        };
        if is_removed {
            return Ok(fit);
        }
        let Some(&known) = self.by_name.get(&name) else {
            self.by_name.insert(name, self.families.len());
            self.families.push(FamilySum {
                key,
                series: Vec::new(),
                by_key: HashMap::new(),
            });
            return Ok(fit);
        };
        fit.family = known;
        let sum = &mut self.families[known];
        if sum.key.kind != key.kind || sum.key.states != key.states {
            return Err("two processes give one metric name to different kinds of metric");
        }
        if sum.key.label_names != key.label_names {
            let place = |name| sum.key.label_names.iter().position(|known| known == name);
            let order: Option<Vec<usize>> = key.label_names.iter().map(place).collect();
            fit.label_order = order.filter(|order| order.len() == sum.key.label_names.len());
            if fit.label_order.is_none() {
                return Err("two processes give one metric different label names");
            }
        }
        if sum.key.bounds != key.bounds {
            let n_more = sum
                .n_more_bounds(&key.bounds)
                .saturating_mul(sum.series.len());
            let Some(cells_left) = self.cells_left.checked_sub(n_more) else {
                self.is_full = true;
                return Err("the buckets of several processes together are beyond the limit");
            };
            self.cells_left = cells_left;
            fit.buckets = Some(sum.widen(&key.bounds));
        }
        Ok(fit)
    }

    fn add_record(&mut self, fit: &Fit, record: Record, process: ProcessId, is_live: bool) {
        if fit.is_removed || record.flags & REMOVED != 0 || record.cells.len() != fit.n_cells {
            return;
        }
        let key = match &fit.label_order {
            None => record.key,
            Some(order) => match reorder(&record.key, order) {
                Some(key) => key,
                None => return,
            },
        };
        let family = &mut self.families[fit.family];
        let (&time, values) = record.cells.split_first().expect("a series has a time");
        let n_bounds = family.key.bounds.len();
        let values = match &fit.buckets {
            None => values.to_vec(),
            Some(places) => {
                let mut wide = vec![0.0; 1 + n_bounds];
                wide[0] = values[0];
                for (place, value) in places.iter().zip(&values[1..]) {
                    wide[1 + place] += value;
                }
                wide
            }
        };
        let index = match family.by_key.get(key.as_slice()) {
            Some(index) => *index,
            None => {
                if self.n_series == self.limits.series_max {
                    return;
                }
                let Some(cells_left) = self.cells_left.checked_sub(values.len()) else {
                    if !std::mem::replace(&mut self.is_full, true) {
                        let what = "the group has more cells than the limit";
                        self.damage(Path::new(&process.to_string()), None, what);
                    }
                    return;
                };
                self.cells_left = cells_left;
                self.n_series += 1;
                if self.n_series == self.limits.series_max {
                    self.damaged.push(Damage {
                        path: process.to_string().into(),
                        offset: None,
                        what: "the group has more series than the limit".to_owned(),
                    });
                }
                let key: Arc<[u8]> = key.into();
                family.by_key.insert(Arc::clone(&key), family.series.len());
                family.series.push(SeriesSum::new(key));
                family.series.len() - 1
            }
        };
        family.series[index].add(
            family.key.kind,
            Contribution {
                process,
                is_live,
                time,
                values,
            },
        );
    }

    /// Adds an exemplar to its series, which stands before it; without one it says nothing.
    fn add_exemplar(&mut self, fit: &Fit, record: &Record) {
        if fit.is_removed || record.flags & REMOVED != 0 {
            return;
        }
        let Some((mut exemplar, key)) = Exemplar::decode(record) else {
            return;
        };
        let reordered = fit.label_order.as_ref().map(|order| reorder(key, order));
        let key = match &reordered {
            None => key,
            Some(Some(key)) => key,
            Some(None) => return,
        };
        if let Some(places) = &fit.buckets {
            match widened_cell(exemplar.cell, places) {
                Some(cell) => exemplar.cell = cell,
                None => return,
            }
        }
        let family = &mut self.families[fit.family];
        if let Some(index) = family.by_key.get(key) {
            family.series[*index].add_exemplar(exemplar);
        }
    }

    pub(crate) fn into_families(self) -> Vec<FamilySum> {
        self.families
    }

    /// The reading; with the group's own process metrics where `/proc` is at hand.
    pub(crate) fn finish(mut self, group: Option<(GroupKey, &Proc)>) -> GroupReading {
        let is_many = 1 < self.n_started || matches!(self.registries, Registries::All { .. });
        let mut families: Vec<FamilyReading> = self
            .families
            .iter()
            .map(|family| family.finish(is_many))
            .collect();
        self.live.sort_unstable();
        self.live.dedup();
        if let Some((group, proc)) = group {
            let present = process_metrics::Present {
                group,
                live: &self.live,
                workers: &self.workers,
                dead: &self.dead,
                n_started: self.n_started,
            };
            families.extend(process_metrics::families(proc, &present));
            families.extend(process_metrics::trouble(self.n_unshared, self.n_panics));
        }
        GroupReading {
            families,
            processes: self.live,
            damaged: self.damaged,
        }
    }
}

impl FamilySum {
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

    /// Makes room for bounds that another process has, and tells where its buckets go.
    fn widen(&mut self, bounds: &[f64]) -> Vec<usize> {
        let mut union: Vec<f64> = self.key.bounds.iter().chain(bounds).copied().collect();
        union.sort_by(f64::total_cmp);
        union.dedup_by(|a, b| a.total_cmp(b).is_eq());
        let place = |bound: &f64| {
            let found = union.binary_search_by(|other| other.total_cmp(bound));
            found.expect("the union holds every bound")
        };
        let old: Vec<usize> = self.key.bounds.iter().map(place).collect();
        let new = bounds.iter().map(place).collect();
        for series in &mut self.series {
            series.widen(&old, union.len());
        }
        self.key.bounds = union;
        new
    }

    fn finish(&self, is_many: bool) -> FamilyReading {
        let key = &self.key;
        let mut series = Vec::with_capacity(self.series.len());
        let told = self.told();
        for sum in &self.series {
            if !told.contains(&*sum.key) {
                sum.finish(key, is_many, &mut series);
            }
        }
        FamilyReading {
            registry: key.registry,
            name: Arc::clone(&key.name),
            kind: key.kind,
            help: Arc::clone(&key.help),
            unit: Arc::clone(&key.unit),
            series,
        }
    }

    /// For an info: keys without any fact for which some process has told facts. Who has not
    /// said anything yet says nothing then.
    fn told(&self) -> HashSet<Vec<u8>> {
        if self.key.kind != FamilyKind::Info {
            return HashSet::new();
        }
        let n_own = 2 * self.key.label_names.len();
        let keys = self.series.iter();
        let facts = keys.filter_map(|series| record::decode_texts(&series.key));
        let facts = facts.filter(|texts| n_own < texts.len());
        facts
            .map(|texts| record::encode_texts(texts[..n_own].iter().copied()))
            .collect()
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

/// Whether a kind adds up over processes.
pub(crate) fn adds_up(kind: FamilyKind) -> bool {
    match kind {
        FamilyKind::Counter | FamilyKind::Summary | FamilyKind::Histogram => true,
        FamilyKind::Gauge | FamilyKind::Info | FamilyKind::StateSet => false,
    }
}

#[cfg(test)]
mod tests;
