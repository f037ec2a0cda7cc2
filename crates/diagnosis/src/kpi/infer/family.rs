//! Series with one metric name, or those of one histogram or summary.

use std::collections::{BTreeMap, BTreeSet};

use super::SeriesSummary;
use crate::kpi::mapping::{ENTITY_PLACE, MetricType};

/// Samples below which a gauge that happens to rise is no counter.
const COUNTER_SAMPLES_MIN: usize = 10;

/// Values of one label that are looked at.
const VALUES_MAX: usize = 10_000;

/// What belongs together.
#[derive(Debug)]
pub(super) struct Family<'a> {
    /// Of a histogram or summary without `_bucket`, `_sum` and `_count`.
    pub(super) name: String,
    pub(super) metric_type: MetricType,
    pub(super) series: Vec<&'a SeriesSummary>,
    /// What follows the entity's name, if that stands in the metric's.
    pub(super) rest: Option<String>,
    /// The values of each label.
    pub(super) labels: BTreeMap<&'a str, BTreeSet<&'a str>>,
}

/// Groups series by what they belong to, by name.
pub(super) fn families(series: &[SeriesSummary]) -> Vec<Family<'_>> {
    let mut by_name: BTreeMap<&str, Vec<&SeriesSummary>> = BTreeMap::new();
    for one in series {
        let name = one.labels.metric_name();
        if !name.is_empty() {
            by_name.entry(name).or_default().push(one);
        }
    }
    let names: BTreeSet<&str> = by_name.keys().copied().collect();
    let mut families: BTreeMap<String, Family<'_>> = BTreeMap::new();
    for (name, series) in by_name {
        let (base, metric_type) = belongs_to(name, &names, &series);
        let family = families.entry(base.to_owned()).or_insert_with(|| Family {
            name: base.to_owned(),
            metric_type,
            series: Vec::new(),
            rest: None,
            labels: BTreeMap::new(),
        });
        // Buckets say more than the sum beside them.
        if metric_type == MetricType::Histogram {
            family.metric_type = metric_type;
        }
        for (label, value) in series.iter().flat_map(|one| one.labels.iter()) {
            let values = family.labels.entry(label).or_default();
            if values.len() < VALUES_MAX {
                values.insert(value);
            }
        }
        family.series.extend(series);
    }
    families.into_values().collect()
}

fn belongs_to<'n>(
    name: &'n str,
    names: &BTreeSet<&str>,
    series: &[&SeriesSummary],
) -> (&'n str, MetricType) {
    let has = |base: &str, end: &str| names.contains(format!("{base}{end}").as_str());
    let ends = ["_bucket", "_sum", "_count"];
    for end in ends {
        let Some(base) = name.strip_suffix(end).filter(|base| !base.is_empty()) else {
            continue;
        };
        if end == "_bucket" && series.iter().any(|one| one.labels.get("le").is_some()) {
            return (base, MetricType::Histogram);
        }
        if end != "_bucket" && has(base, "_sum") && has(base, "_count") {
            return (base, MetricType::Summary);
        }
    }
    if has(name, "_sum") && has(name, "_count") {
        return (name, MetricType::Summary);
    }
    (name, type_of(name, series))
}

fn type_of(name: &str, series: &[&SeriesSummary]) -> MetricType {
    let said = series.iter().find_map(|one| one.metric_type);
    if let Some(said @ (MetricType::Counter | MetricType::Gauge)) = said {
        return said;
    }
    if name.ends_with("_total") {
        return MetricType::Counter;
    }
    let rises = |one: &&&SeriesSummary| one.grows && one.is_whole;
    let is_still = |one: &SeriesSummary| one.min == one.max;
    let rising = series.iter().filter(rises);
    let long_enough = rising
        .clone()
        .any(|one| one.n_samples >= COUNTER_SAMPLES_MIN);
    let n_rising = rising.count();
    let all = series
        .iter()
        .all(|one| (one.grows && one.is_whole) || is_still(one));
    // One series alone may be a gauge on its way up.
    match all && long_enough && n_rising >= 2 {
        true => MetricType::Counter,
        false => MetricType::Gauge,
    }
}

/// Takes families that differ in the entity's name only together, as `{entity}` and the rest.
pub(super) fn merged<'a>(
    families: Vec<Family<'a>>,
    rests: &BTreeMap<String, String>,
) -> Vec<Family<'a>> {
    let mut merged: BTreeMap<String, Family<'a>> = BTreeMap::new();
    for mut family in families {
        if let Some(rest) = rests.get(&family.name) {
            family.name = format!("{ENTITY_PLACE}{rest}");
            family.rest = Some(rest.clone());
        }
        let Some(known) = merged.get_mut(&family.name) else {
            merged.insert(family.name.clone(), family);
            continue;
        };
        // Where one counts and another does not, rates of neither would mislead.
        if known.metric_type != family.metric_type {
            known.metric_type = MetricType::Gauge;
        }
        known.series.append(&mut family.series);
        for (label, values) in family.labels {
            known.labels.entry(label).or_default().extend(values);
        }
    }
    merged.into_values().collect()
}
