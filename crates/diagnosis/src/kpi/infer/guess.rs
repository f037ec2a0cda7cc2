//! What the numbers of one family mean.

use std::collections::BTreeSet;

use model::Matcher;

use super::Proposal;
use super::entity::{Named, Naming};
use super::family::Family;
use super::meaning::{failed_by_outcome, of_distribution, of_slice};
use super::slice::{Slice, Sort, slices, sort_of};
use super::words::Statistic;
use crate::kpi::mapping::{Mapping, Measure, MetricType, RatioFrom, Source};

/// A meaning that fits a family, or a part of it.
#[derive(Debug)]
pub(super) struct Guess<'a> {
    pub(super) family: &'a Family<'a>,
    pub(super) named: Named,
    pub(super) filters: Vec<Matcher>,
    pub(super) meaning: Meaning,
    /// 0 for what a name says; the higher the less sure.
    pub(super) doubt: u8,
    pub(super) because: String,
    /// The greatest value, by which pairs are checked.
    pub(super) max: f64,
    /// Whether a word says the unit.
    pub(super) says_unit: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Meaning {
    Is(Measure),
    /// Failures of which the total is still to be found.
    Failed {
        source: Source,
        of_client: bool,
    },
}

/// Series that tell nothing of an entity's work, by how their names begin or end.
const NO_KPI_STARTS: [&str; 4] = ["pyrometer:", "ALERTS", "scrape_", "python_info"];
const NO_KPI_ENDS: [&str; 5] = [
    "_info",
    "_created",
    "_timestamp",
    "_timestamp_seconds",
    "_time_seconds",
];

pub(super) fn guesses<'a>(family: &'a Family<'a>, naming: &Naming) -> Vec<Guess<'a>> {
    let name = family.name.as_str();
    let is_none = NO_KPI_STARTS.iter().any(|start| name.starts_with(start))
        || NO_KPI_ENDS.iter().any(|end| name.ends_with(end))
        || name.contains(crate::kpi::mapping::ENTITY_PLACE) && family.rest.is_none();
    if is_none {
        return Vec::new();
    }
    let named = naming.name(family);
    let entity_label = named.entity.name.labels().first().cloned();
    let mut found = Vec::new();
    for slices in slices(family, &named.words, entity_label.as_deref()) {
        let sort = sort_of(family, &slices[0], named.entity.kind.name());
        if family.metric_type == MetricType::Histogram || family.metric_type == MetricType::Summary
        {
            found.extend(of_distribution(family, &named, &slices[0], sort));
            continue;
        }
        let mut ranked: Vec<&Slice<'_>> = slices.iter().collect();
        ranked.sort_by_key(|slice| rank(sort, slice.statistic));
        if sort == Sort::Time {
            ranked.retain(|slice| slice.statistic.is_none_or(is_latency));
        } else {
            // The same numbers taken together in another way are the same KPI.
            ranked.truncate(1);
        }
        for slice in ranked {
            found.extend(of_slice(family, &named, slice, sort));
        }
    }
    found
}

fn is_latency(statistic: Statistic) -> bool {
    matches!(statistic, Statistic::Average | Statistic::Quantile(_))
}

/// Which of several statistics of the same numbers is the KPI; the least.
fn rank(sort: Sort, statistic: Option<Statistic>) -> u8 {
    let adds_up = matches!(sort, Sort::Errors | Sort::Requests | Sort::PerhapsRequests);
    match statistic {
        None => 0,
        Some(Statistic::Sum) => {
            if adds_up {
                1
            } else {
                3
            }
        }
        Some(Statistic::Count) => {
            if adds_up {
                2
            } else {
                4
            }
        }
        Some(Statistic::Average) => {
            if adds_up {
                3
            } else {
                1
            }
        }
        Some(Statistic::Quantile(_)) => 5,
        Some(Statistic::Other) => 6,
    }
}

/// Finds, for failures that are counted, the requests that they are a part of; and, for requests
/// that say how they ended, which of them failed.
pub(super) fn pair_errors(guesses: &mut Vec<Guess<'_>>) {
    let mut more = Vec::new();
    for guess in guesses.iter() {
        if matches!(&guess.meaning, Meaning::Is(Measure::RequestRate(source))
            if matches!(source.metric_type, MetricType::Counter | MetricType::Gauge))
        {
            more.extend(failed_by_outcome(guess.family, &guess.named));
        }
    }
    let requests: Vec<(String, Source, f64, bool, String)> = guesses
        .iter()
        .filter_map(|guess| match &guess.meaning {
            Meaning::Is(Measure::RequestRate(source)) if guess.max > 0.0 => Some((
                guess.pairing(),
                source.clone(),
                guess.max,
                guess.says_unit,
                guess.family.name.clone(),
            )),
            _ => None,
        })
        .collect();
    for guess in guesses.iter_mut() {
        let Meaning::Failed { source, of_client } = &guess.meaning else {
            continue;
        };
        let (part, of_client, pairing) = (source.clone(), *of_client, guess.pairing());
        let fits = requests.iter().find(|(other, all, max, says_unit, _)| {
            let same_unit = all.unit == part.unit || !(*says_unit && guess.says_unit);
            // More failures than requests are of something else.
            *other == pairing
                && all.metric_type == part.metric_type
                && same_unit
                && guess.max <= max * 1.05
        });
        let resource = "errors".into();
        guess.meaning = Meaning::Is(match fits {
            Some((_, all, _, says_unit, name)) => {
                let unit = if *says_unit || !guess.says_unit {
                    all.unit
                } else {
                    part.unit
                };
                guess.because.push_str(&format!("; {name} counts all"));
                let (all, part) = (
                    Source {
                        unit,
                        ..all.clone()
                    },
                    Source { unit, ..part },
                );
                let from = RatioFrom::Counts { part, all };
                Measure::Errors { of_client, from }
            }
            None => Measure::Resource {
                resource,
                amount: part,
            },
        });
    }
    guesses.extend(more);
}

impl Guess<'_> {
    /// What a part and its whole have in common.
    fn pairing(&self) -> String {
        let filters: Vec<String> = self.filters.iter().map(ToString::to_string).collect();
        format!("{:?} {filters:?}", self.named.entity)
    }

    /// The mapping, if its KPIs are not taken yet; else what it measures as a resource.
    pub(super) fn proposal(self, taken: &mut BTreeSet<(String, String)>) -> Option<Proposal> {
        let Meaning::Is(measure) = self.meaning else {
            return None;
        };
        let whose = format!("{:?}", self.named.entity);
        let mut mapping = Mapping {
            name: String::new(),
            entity: self.named.entity,
            filters: self.filters,
            measure,
        };
        let mut because = self.because;
        if !take(&mapping, &whose, taken) {
            // Quantiles and averages of a second time, and second rates, are told by the metric.
            let name = mapping.sources().first()?.metrics.first()?.to_string();
            let source = (*mapping.sources().first()?).clone();
            if matches!(
                source.metric_type,
                MetricType::Histogram | MetricType::Summary
            ) {
                return None;
            }
            let filters = mapping.filters.iter().map(ToString::to_string);
            let resource = std::iter::once(name)
                .chain(filters)
                .collect::<Vec<_>>()
                .join(" ");
            let resource = resource.replace("{entity}", "").trim_matches('_').into();
            mapping.measure = Measure::Resource {
                resource,
                amount: source,
            };
            because.push_str("; another metric is that KPI already");
            if !take(&mapping, &whose, taken) {
                return None;
            }
        }
        mapping.name = mapping.made_name();
        let why = format!("{}: {because}; {}.", self.family.name, self.named.why);
        Some(Proposal { mapping, why })
    }
}

fn take(mapping: &Mapping, whose: &str, taken: &mut BTreeSet<(String, String)>) -> bool {
    let kinds = mapping.formulas().into_iter();
    let keys: Vec<(String, String)> = kinds
        .map(|(kind, _)| (whose.to_owned(), kind.name()))
        .collect();
    let is_free = !keys.is_empty() && keys.iter().all(|key| !taken.contains(key));
    if is_free {
        taken.extend(keys);
    }
    is_free
}
