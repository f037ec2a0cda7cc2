//! One series over several processes.

use std::sync::Arc;

use crate::exemplar::Exemplar;
use crate::group::ProcessId;
use crate::merge::adds_up;
use crate::reading::{FamilyKind, SeriesReading, Value};
use crate::record::{FamilyKey, GaugeMode, MOVED, decode_texts};

/// What one process says of a series.
#[derive(Clone, Debug)]
pub(crate) struct Contribution {
    pub(crate) process: ProcessId,
    pub(crate) is_live: bool,
    pub(crate) time: f64,
    pub(crate) values: Vec<f64>,
}

/// What all processes say of it.
#[derive(Debug)]
pub(crate) struct SeriesSum {
    pub(crate) key: Arc<[u8]>,
    /// One, already added up, for kinds that add up; else one a process.
    contributions: Vec<Contribution>,
    /// The latest of each cell that has one.
    exemplars: Vec<Exemplar>,
}

impl SeriesSum {
    pub(crate) fn new(key: Arc<[u8]>) -> Self {
        Self {
            key,
            contributions: Vec::new(),
            exemplars: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, kind: FamilyKind, contribution: Contribution) {
        match self.contributions.first_mut() {
            Some(sum) if adds_up(kind) => {
                for (to, from) in sum.values.iter_mut().zip(&contribution.values) {
                    *to += from;
                }
                sum.time = sum.time.min(contribution.time);
            }
            _ => match self.contributions.last_mut() {
                // One name in two registries that are read as one, or two metrics that share
                // their cells: what was made later says more, unless nobody touched it.
                Some(known) if known.process == contribution.process => {
                    if MOVED <= contribution.time {
                        *known = contribution;
                    }
                }
                _ => self.contributions.push(contribution),
            },
        }
    }

    pub(crate) fn add_exemplar(&mut self, exemplar: Exemplar) {
        let known = self.exemplars.iter_mut();
        match known.into_iter().find(|one| one.cell == exemplar.cell) {
            Some(known) if exemplar.is_later_than(known) => *known = exemplar,
            Some(_) => {}
            None => self.exemplars.push(exemplar),
        }
    }

    pub(crate) fn exemplars(&self) -> &[Exemplar] {
        &self.exemplars
    }

    /// Moves bucket `i` of each contribution to `places[i]` of `n` buckets.
    pub(crate) fn widen(&mut self, places: &[usize], n: usize) {
        for contribution in &mut self.contributions {
            let mut wide = vec![0.0; 1 + n];
            wide[0] = contribution.values[0];
            for (place, value) in places.iter().zip(&contribution.values[1..]) {
                wide[1 + place] += value;
            }
            contribution.values = wide;
        }
        for exemplar in &mut self.exemplars {
            exemplar.cell = widened_cell(exemplar.cell, places).unwrap_or(exemplar.cell);
        }
    }

    /// Appends the readings that this series becomes: one, none when no process that counts has
    /// it, or one a process.
    pub(crate) fn finish(&self, key: &FamilyKey, is_many: bool, out: &mut Vec<SeriesReading>) {
        let Some(labels) = labels(key, &self.key) else {
            return;
        };
        let Some(first) = self.contributions.first() else {
            return;
        };
        let value = match key.kind {
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
                buckets: std::iter::zip(&key.bounds, &first.values[1..])
                    .map(|(bound, count)| (*bound, *count))
                    .collect(),
                sum: first.values[0],
                created: created(first.time),
            },
            FamilyKind::Info => Value::Info,
            FamilyKind::StateSet => {
                let latest = latest(&self.contributions).unwrap_or(first);
                let is_on = latest.values.iter().map(|value| *value != 0.0);
                Value::StateSet(key.states.iter().cloned().zip(is_on).collect())
            }
            FamilyKind::Gauge => return self.finish_gauge(key.mode, &labels, is_many, out),
        };
        out.push(SeriesReading {
            labels,
            value,
            exemplars: self.exemplars.clone(),
        });
    }

    fn finish_gauge(
        &self,
        mode: GaugeMode,
        labels: &[(Arc<str>, Arc<str>)],
        is_many: bool,
        out: &mut Vec<SeriesReading>,
    ) {
        if is_many && matches!(mode, GaugeMode::All | GaugeMode::LiveAll) {
            for contribution in self.contributions.iter().filter(|one| one.is_live) {
                let mut labels = labels.to_vec();
                labels.push(("pid".into(), contribution.process.pid.to_string().into()));
                let value = Value::Gauge(contribution.values[0]);
                out.push(SeriesReading {
                    labels,
                    value,
                    exemplars: Vec::new(),
                });
            }
        } else if let Some((value, _)) = one_gauge(mode, &self.contributions) {
            out.push(SeriesReading {
                labels: labels.to_vec(),
                value: Value::Gauge(value),
                exemplars: Vec::new(),
            });
        }
    }

    /// What is kept of dead processes: the time and the values of one that stands for them all.
    pub(crate) fn fold(&self, key: &FamilyKey) -> Option<(f64, Vec<f64>)> {
        let first = self.contributions.first()?;
        match key.kind {
            FamilyKind::Counter | FamilyKind::Summary | FamilyKind::Histogram => {
                Some((first.time, first.values.clone()))
            }
            FamilyKind::StateSet => {
                let latest = latest(&self.contributions)?;
                Some((latest.time, latest.values.clone()))
            }
            // An info of a process that is gone informs nobody.
            FamilyKind::Info => None,
            FamilyKind::Gauge => match key.mode {
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
                    let (value, time) = one_gauge(key.mode, &self.contributions)?;
                    Some((time, vec![value]))
                }
            },
        }
    }
}

/// Where a histogram's cell goes when bucket `i` goes to `places[i]`: the sum stays the first.
pub(crate) fn widened_cell(cell: u16, places: &[usize]) -> Option<u16> {
    let Some(bucket) = cell.checked_sub(1) else {
        return Some(0);
    };
    let place = places.get(usize::from(bucket))?;
    u16::try_from(1 + place).ok()
}

/// The value of a gauge over processes, and when it was set.
fn one_gauge(mode: GaugeMode, all: &[Contribution]) -> Option<(f64, f64)> {
    let is_live_mode = match mode {
        GaugeMode::LiveMin
        | GaugeMode::LiveMax
        | GaugeMode::LiveSum
        | GaugeMode::LiveMostRecent
        | GaugeMode::All
        | GaugeMode::LiveAll => true,
        GaugeMode::Auto
        | GaugeMode::Min
        | GaugeMode::Max
        | GaugeMode::Sum
        | GaugeMode::MostRecent => false,
    };
    let counted: Vec<&Contribution> = all
        .iter()
        .filter(|one| one.is_live || !is_live_mode)
        .collect();
    // A process that only has the gauge says nothing about its value, unless all of them do so.
    let touched: Vec<&Contribution> = counted
        .iter()
        .copied()
        .filter(|one| MOVED <= one.time)
        .collect();
    if touched.is_empty() {
        let is_there = counted
            .iter()
            .any(|one| one.is_live || mode != GaugeMode::Auto);
        return is_there.then_some((0.0, counted.first()?.time));
    }
    let values = touched.iter().map(|one| one.values[0]);
    let time = touched.iter().map(|one| one.time).fold(MOVED, f64::max);
    let value = match mode {
        GaugeMode::Min | GaugeMode::LiveMin => values.fold(f64::INFINITY, f64::min),
        GaugeMode::Max | GaugeMode::LiveMax => values.fold(f64::NEG_INFINITY, f64::max),
        GaugeMode::Sum | GaugeMode::LiveSum => values.sum(),
        GaugeMode::MostRecent | GaugeMode::LiveMostRecent | GaugeMode::All | GaugeMode::LiveAll => {
            latest(touched.iter().copied())?.values[0]
        }
        GaugeMode::Auto => return auto_gauge(&touched),
    };
    Some((value, time))
}

/// A gauge that counts up and down (requests in progress) adds up over the living; one that is
/// set (a temperature, a time of last success) is worth what was set last, by whomever.
fn auto_gauge(touched: &[&Contribution]) -> Option<(f64, f64)> {
    let live = touched.iter().filter(|one| one.is_live);
    if live.clone().any(|one| one.time == MOVED) {
        return Some((live.map(|one| one.values[0]).sum(), MOVED));
    }
    let set = touched.iter().copied().filter(|one| one.time != MOVED);
    let latest = latest(set)?;
    Some((latest.values[0], latest.time))
}

/// Families that have no beginning worth telling begin at 0.
fn created(time: f64) -> Option<f64> {
    (0.0 < time).then_some(time)
}

fn latest<'a>(of: impl IntoIterator<Item = &'a Contribution>) -> Option<&'a Contribution> {
    of.into_iter().max_by(|a, b| a.time.total_cmp(&b.time))
}

fn labels(key: &FamilyKey, values: &[u8]) -> Option<Vec<(Arc<str>, Arc<str>)>> {
    let texts = decode_texts(values)?;
    if key.kind == FamilyKind::Info {
        let (pairs, rest) = texts.as_chunks::<2>();
        let pair = |[name, value]: &[&str; 2]| (Arc::from(*name), Arc::from(*value));
        return rest.is_empty().then(|| pairs.iter().map(pair).collect());
    }
    if texts.len() != key.label_names.len() {
        return None;
    }
    let pair = |(name, value): (&Arc<str>, &str)| (Arc::clone(name), Arc::from(value));
    Some(key.label_names.iter().zip(texts).map(pair).collect())
}
