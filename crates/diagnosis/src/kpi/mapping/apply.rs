//! Formulas over recorded samples: no windows, no lookback, so that a value stands where its sample
//! stood, whatever the step, and a gap stays one.

use std::collections::BTreeMap;

use model::{Labels, Timestamp};

use super::{Fold, Formula, Mapping, Reading, Term};
use crate::graph::EntityKey;
use crate::kpi::{KpiKey, KpiSeries};

/// A series as it was recorded, by time.
#[derive(Clone, Copy, Debug)]
pub struct RawSeries<'a> {
    /// With the metric's name.
    pub labels: &'a Labels,
    pub samples: &'a [(Timestamp, f64)],
}

type Samples = Vec<(Timestamp, f64)>;
type ByEntity = BTreeMap<EntityKey, Samples>;

impl Mapping {
    /// Whether [`Self::apply`] makes KPIs of it. Quantiles of histograms need [`Self::queries`].
    pub fn is_direct(&self) -> bool {
        let formulas = self.formulas();
        let mut formulas = formulas.iter().map(|(_, formula)| formula);
        formulas.all(|formula| !matches!(formula, Formula::Quantile { .. }))
    }

    /// The KPIs of all entities that the series tell of, by entity and kind. Series that the
    /// mapping is not about are passed over.
    pub fn apply<'a>(&self, series: impl IntoIterator<Item = RawSeries<'a>>) -> Vec<KpiSeries> {
        let series: Vec<RawSeries<'a>> = series.into_iter().collect();
        let mut found = Vec::new();
        for (kind, formula) in self.formulas() {
            for (entity, samples) in self.work_out(&formula, &series) {
                let kept = samples.into_iter();
                let kept = kept.filter_map(|(at, value)| Some((at, kind.accepted(value)?)));
                let samples: Samples = kept.collect();
                let kind = kind.clone();
                if !samples.is_empty() {
                    let key = KpiKey { entity, kind };
                    found.push(KpiSeries { key, samples });
                }
            }
        }
        found.sort_by(|a, b| a.key.cmp(&b.key));
        found
    }

    fn work_out(&self, formula: &Formula, series: &[RawSeries<'_>]) -> ByEntity {
        match formula {
            Formula::Value(term) => self.term(term, series),
            Formula::Complement(term) => complement(self.term(term, series)),
            Formula::Ratio { part, all } => self.ratio(part, all, series),
            Formula::ComplementOfRatio { part, all } => complement(self.ratio(part, all, series)),
            Formula::Quantile { .. } => ByEntity::new(),
        }
    }

    fn ratio(&self, part: &Term, all: &Term, series: &[RawSeries<'_>]) -> ByEntity {
        let (parts, mut ratios) = (self.term(part, series), self.term(all, series));
        let none = Samples::new();
        for (entity, samples) in &mut ratios {
            let parts = parts.get(entity).unwrap_or(&none);
            let tolerance = usual_step(samples.iter().map(|(at, _)| *at)) / 2;
            for (at, value) in samples.iter_mut() {
                *value = nearest(parts, *at, tolerance).unwrap_or(0.0) / *value;
            }
        }
        ratios
    }

    fn term(&self, term: &Term, series: &[RawSeries<'_>]) -> ByEntity {
        let mut by_entity: BTreeMap<EntityKey, Vec<Samples>> = BTreeMap::new();
        for raw in series {
            let mut metrics = term.metrics.iter();
            let metric = raw.labels.metric_name();
            let Some(captured) = metrics.find_map(|name| name.captures(metric)) else {
                continue;
            };
            let mut matchers = self.filters.iter().chain(&term.matchers);
            if !matchers.all(|matcher| matcher.matches_labels(raw.labels)) {
                continue;
            }
            let Some(entity) = self.entity_of(raw.labels, captured) else {
                continue;
            };
            let samples = read(term, raw.samples);
            by_entity.entry(entity).or_default().push(samples);
        }
        let folded = by_entity.into_iter();
        folded
            .map(|(entity, series)| (entity, fold(term.fold, series)))
            .collect()
    }
}

fn complement(mut by_entity: ByEntity) -> ByEntity {
    let samples = by_entity.values_mut().flatten();
    samples.for_each(|(_, value)| *value = 1.0 - *value);
    by_entity
}

fn read(term: &Term, samples: &[(Timestamp, f64)]) -> Samples {
    let finite = samples.iter().filter(|(_, value)| value.is_finite());
    let values = finite.copied();
    match term.reading {
        Reading::Value => values
            .map(|(at, value)| (at, value / term.divisor))
            .collect(),
        Reading::Rate => {
            let samples: Samples = values.collect();
            let rates = samples.windows(2).filter_map(|pair| {
                let ((before, from), (at, to)) = (pair[0], pair[1]);
                let seconds = at.since(before).as_secs_f64();
                // A counter that fell was started anew, at zero.
                let more = if to < from { to } else { to - from };
                (seconds > 0.0).then(|| (at, more / seconds / term.divisor))
            });
            rates.collect()
        }
        Reading::PerStep(step) => {
            let samples: Samples = values.collect();
            let usual = usual_step(samples.iter().map(|(at, _)| *at)) as f64 / 1e3;
            let seconds = step.map_or(usual, |step| step.as_secs_f64());
            // One sample alone does not say how long a step is.
            if seconds <= 0.0 {
                return Samples::new();
            }
            let divisor = term.divisor * seconds;
            samples
                .into_iter()
                .map(|(at, value)| (at, value / divisor))
                .collect()
        }
    }
}

/// The time that most samples lie apart, in milliseconds: the lower median, which gaps do not
/// stretch. Zero for less than two.
fn usual_step(times: impl Iterator<Item = Timestamp> + Clone) -> i64 {
    let later = times.clone().skip(1);
    let mut steps: Vec<i64> = times
        .zip(later)
        .map(|(before, at)| at.as_millis().saturating_sub(before.as_millis()))
        .filter(|step| *step > 0)
        .collect();
    steps.sort_unstable();
    steps
        .get(steps.len().saturating_sub(1) / 2)
        .copied()
        .unwrap_or(0)
}

fn nearest(samples: &Samples, at: Timestamp, tolerance: i64) -> Option<f64> {
    let after = samples.partition_point(|(time, _)| *time < at);
    let near = samples[after.saturating_sub(1)..].iter().take(2);
    let distance = |time: Timestamp| (time.as_millis().saturating_sub(at.as_millis())).abs();
    let nearest = near.min_by_key(|(time, _)| distance(*time))?;
    (distance(nearest.0) <= tolerance).then_some(nearest.1)
}

/// The series of one entity as one. Series need not share their times: what lies within one step
/// stands together, and a series that misses one step is taken as it was, so that a lost scrape of
/// one instance is no fall of the whole.
fn fold(fold: Fold, mut series: Vec<Samples>) -> Samples {
    if series.len() == 1 {
        return series.pop().unwrap_or_default();
    }
    let times = |samples: &Samples| -> Vec<Timestamp> { samples.iter().map(|s| s.0).collect() };
    let steps = series
        .iter()
        .map(|samples| usual_step(times(samples).into_iter()));
    let step = steps.filter(|step| *step > 0).min().unwrap_or(1);
    let firsts = series.iter().filter_map(|samples| samples.first());
    let Some(start) = firsts.map(|(at, _)| at.as_millis()).min() else {
        return Samples::new();
    };
    let place = |at: Timestamp| {
        let since = at
            .as_millis()
            .saturating_sub(start)
            .saturating_add(step / 2);
        since.div_euclid(step)
    };
    let mut places: BTreeMap<i64, Timestamp> = BTreeMap::new();
    for (at, _) in series.iter().flatten() {
        let newest = places.entry(place(*at)).or_insert(*at);
        *newest = (*newest).max(*at);
    }
    let placed: Vec<BTreeMap<i64, f64>> = series
        .iter()
        .map(|samples| {
            samples
                .iter()
                .map(|(at, value)| (place(*at), *value))
                .collect()
        })
        .collect();
    let ends: Vec<Option<i64>> = placed
        .iter()
        .map(|p| p.keys().next_back().copied())
        .collect();
    places
        .into_iter()
        .filter_map(|(place, at)| {
            let values = placed.iter().zip(&ends).filter_map(|(values, end)| {
                let bridged = || {
                    let within = end.is_some_and(|end| place < end);
                    within.then(|| values.get(&(place - 1))).flatten()
                };
                values.get(&place).or_else(bridged).copied()
            });
            let values: Vec<f64> = values.collect();
            let n_values = values.len() as f64;
            let folded = match fold {
                Fold::Sum => values.iter().sum(),
                Fold::Mean => values.iter().sum::<f64>() / n_values,
                Fold::Max => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            };
            folded.is_finite().then_some((at, folded))
        })
        .collect()
}
