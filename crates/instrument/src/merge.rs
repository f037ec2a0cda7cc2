//! Summing processes: many segments in, one reading out.
//!
//! Counters, summaries and histograms add up, whether their process lives or not. Gauges follow
//! their mode. Whatever two processes disagree about (a kind, a set of label names) costs the
//! later one that metric, and is reported.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use crate::archive;
use crate::group::{GroupKey, Proc, ProcessId};
use crate::process_metrics;
use crate::reading::{Damage, FamilyKind, FamilyReading, GroupReading, ReadLimits, Registries};
use crate::record::{self, FamilyKey, Record, RecordKind};
use crate::series::Series;
use crate::snapshot::Sink;
use crate::sum::FamilySum;
use crate::told;
use crate::worker;

mod files;
mod fit;

use fit::{Fit, Fits};

/// A sum in the making.
#[derive(Debug)]
pub(crate) struct Merger {
    limits: ReadLimits,
    registries: Registries,
    families: Vec<FamilySum>,
    fits: Fits,
    by_name: HashMap<(u16, Arc<str>), usize>,
    live: Vec<ProcessId>,
    /// The worker numbers of the living that have one.
    workers: Vec<(u32, ProcessId)>,
    /// Zombies and the like: dead, and still to be found in `/proc`.
    dead: Vec<ProcessId>,
    /// Processes that ever belonged to the group.
    n_started: u64,
    /// The most ticks of processor time that anybody told of the group.
    told_ticks: u64,
    n_series: usize,
    /// Cells that may still be made. No group has more of them than it has words, but for
    /// histograms of one name whose buckets differ: each series gets the buckets of all.
    cells_left: usize,
    /// Whether a limit left something out.
    is_full: bool,
    n_unshared: f64,
    n_panics: f64,
    damaged: Vec<Damage>,
}

impl Sink for Merger {
    fn archive(&mut self, words: &[u64]) {
        self.n_started = self.n_started.saturating_add(archive::n_folded(words));
        self.note_told(words);
        self.add_files(archive::identity().process, false, &[words]);
    }

    fn process(&mut self, process: ProcessId, is_live: bool, files: &[&[u64]]) {
        self.add_process(process, is_live, files);
    }

    fn damage(&mut self, path: &Path, offset: Option<u64>, what: &str) {
        Self::damage(self, path, offset, what);
    }
}

impl Merger {
    pub(crate) fn new(limits: ReadLimits, registries: Registries) -> Self {
        // Places in a family's index are 32 bits wide.
        let series_max = limits.series_max.min(i32::MAX as usize);
        Self {
            limits: ReadLimits {
                series_max,
                ..limits
            },
            registries,
            families: Vec::new(),
            fits: Fits::default(),
            by_name: HashMap::new(),
            live: Vec::new(),
            workers: Vec::new(),
            dead: Vec::new(),
            n_started: 0,
            told_ticks: 0,
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

    /// Whether the limits of series and cells left something out.
    pub(crate) fn is_full(&self) -> bool {
        self.is_full || self.n_series == self.limits.series_max
    }

    pub(crate) fn n_started(&self) -> u64 {
        self.n_started
    }

    /// Adds one process.
    pub(crate) fn add_process(&mut self, process: ProcessId, is_live: bool, files: &[&[u64]]) {
        self.n_started = self.n_started.saturating_add(1);
        let words = files.first().copied().unwrap_or_default();
        self.note_told(words);
        if !words.is_empty() {
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
            let number = worker::number_in(words);
            self.workers.extend(number.map(|number| (number, process)));
        } else {
            self.dead.push(process);
        }
        self.add_files(process, is_live, files);
    }

    fn note_told(&mut self, header: &[u64]) {
        let word = header.get(record::TOLD_WORD).copied().unwrap_or_default();
        self.told_ticks = self.told_ticks.max(told::decode(word));
    }

    pub(crate) fn told_ticks(&self) -> u64 {
        self.told_ticks
    }

    pub(crate) fn note_trouble(&mut self, n_unshared: f64, n_panics: f64) {
        self.n_unshared += n_unshared;
        self.n_panics += n_panics;
    }

    /// Takes cells of the limit. What finds none is left out, which is said once.
    fn take_cells(&mut self, n_cells: usize, process: ProcessId) -> bool {
        let Some(cells_left) = self.cells_left.checked_sub(n_cells) else {
            if !std::mem::replace(&mut self.is_full, true) {
                let what = "the group has more cells than the limit";
                self.damage(Path::new(&process.to_string()), None, what);
            }
            return false;
        };
        self.cells_left = cells_left;
        true
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
        if let Ok(mut fit) = self.fit_key(key, false) {
            let cells = series.cells();
            let record = Record {
                kind: RecordKind::Series,
                family: 0,
                key: series.key(),
                flags: 0,
                cells: &cells,
                head: &[],
            };
            self.add_record(&mut fit, &record, (process, true), 0);
            for (is_negative, cells) in series.ring_cells() {
                // A ring of this very process is whole.
                drop(self.add_ring(&fit, (series.key(), is_negative), &cells, process));
            }
        }
    }

    fn fit(&mut self, record: &Record<'_>) -> Result<Fit, &'static str> {
        let key = FamilyKey::decode(record.key).ok_or("a metric's description is damaged")?;
        self.fit_key(key, record.is_removed())
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
            bounds: key.bounds.clone(),
            n_bounds: key.bounds.len(),
            is_native: key.native.is_some(),
            next: 0,
        };
        if is_removed {
            return Ok(fit);
        }
        let Some(&known) = self.by_name.get(&name) else {
            self.by_name.insert(name, self.families.len());
            self.families.push(FamilySum::new(key));
            return Ok(fit);
        };
        fit.family = known;
        let sum = &mut self.families[known];
        if sum.key.kind != key.kind
            || sum.key.states != key.states
            || sum.key.native.is_some() != key.native.is_some()
        {
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
        self.join_buckets(&mut fit, &key)?;
        Ok(fit)
    }

    /// Makes room in the sum for the buckets of another process.
    fn join_buckets(&mut self, fit: &mut Fit, key: &FamilyKey) -> Result<(), &'static str> {
        let sum = &mut self.families[fit.family];
        let Some(cells_left) = self.cells_left.checked_sub(sum.n_more_cells(key)) else {
            self.is_full = true;
            return Err("the buckets of several processes together are beyond the limit");
        };
        self.cells_left = cells_left;
        if let Some(native) = &key.native
            && sum.key.native != key.native
        {
            sum.join_native(native);
        }
        if sum.key.bounds != key.bounds {
            fit.buckets = Some(sum.widen(&key.bounds));
            fit.n_bounds = sum.key.bounds.len();
        }
        Ok(())
    }

    pub(crate) fn into_families(self) -> Vec<FamilySum> {
        self.families
    }

    /// The reading; with the group's own process metrics where `/proc` is at hand.
    ///
    /// `tell` hears the ticks of processor time that nobody may tell less of from now on, and says
    /// what is told.
    pub(crate) fn finish(
        mut self,
        group: Option<(GroupKey, &Proc)>,
        tell: impl FnOnce(u64) -> u64,
    ) -> GroupReading {
        let is_many = 1 < self.n_started || matches!(self.registries, Registries::All { .. });
        let mut families: Vec<FamilyReading> = self
            .families
            .into_iter()
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
            let told = self.told_ticks;
            let tell = |ticks: u64| tell(ticks.max(told));
            families.extend(process_metrics::families(proc, &present, tell));
            families.extend(process_metrics::trouble(self.n_unshared, self.n_panics));
        }
        GroupReading {
            families,
            processes: self.live,
            damaged: self.damaged,
        }
    }
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
