//! Mappings for a recording of which nobody said what it means.
//!
//! Names of metrics and labels, types and ranges of values tell most of it: this module proposes
//! mappings and says why for each, so that a person can judge them. What it does not understand
//! becomes a resource of its entity, which is compared with its own past only.

mod entity;
mod family;
mod guess;
mod meaning;
mod slice;
mod words;

use std::collections::BTreeSet;

use model::{Labels, Timestamp};

use self::entity::Naming;
use self::family::{families, merged};
use self::guess::{Guess, guesses};
use crate::kpi::mapping::{Mapping, MetricType};

/// A series of a recording, as far as it shows what it means.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesSummary {
    /// With the metric's name.
    pub labels: Labels,
    /// What the recording says, if it does.
    pub metric_type: Option<MetricType>,
    pub n_samples: usize,
    /// Of finite values; zero if there are none.
    pub min: f64,
    pub max: f64,
    pub median: f64,
    /// No value is below the one before, and one is above.
    pub grows: bool,
    /// All values are whole numbers.
    pub is_whole: bool,
}

/// A mapping that fits, and why it is believed to.
#[derive(Clone, Debug)]
pub struct Proposal {
    pub mapping: Mapping,
    /// One sentence for a person.
    pub why: String,
}

impl SeriesSummary {
    pub fn new(
        labels: Labels,
        metric_type: Option<MetricType>,
        samples: &[(Timestamp, f64)],
    ) -> Self {
        let values = samples.iter().map(|(_, value)| *value);
        let values: Vec<f64> = values.filter(|value| value.is_finite()).collect();
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (sorted.first().copied(), sorted.last().copied());
        let never_falls = values.windows(2).all(|pair| pair[0] <= pair[1]);
        Self {
            labels,
            metric_type,
            n_samples: values.len(),
            min: min.unwrap_or_default(),
            max: max.unwrap_or_default(),
            median: sorted.get(sorted.len() / 2).copied().unwrap_or_default(),
            grows: never_falls && min < max,
            is_whole: values.iter().all(|value| value.fract() == 0.0),
        }
    }
}

/// Proposes mappings for series of which nothing else is known. Each KPI of an entity comes from
/// one of them only: the likeliest, which the others of its kind become resources beside.
pub fn infer(series: &[SeriesSummary]) -> Vec<Proposal> {
    let families = families(series);
    let naming = Naming::of(&families);
    let families = merged(families, &naming.rests);
    let mut guessed: Vec<Guess<'_>> = families
        .iter()
        .flat_map(|family| guesses(family, &naming))
        .collect();
    guess::pair_errors(&mut guessed);
    // A metric whose name says more is asked before one that is only likely.
    guessed.sort_by(|a, b| (a.doubt, &a.family.name).cmp(&(b.doubt, &b.family.name)));
    let mut taken: BTreeSet<(String, String)> = BTreeSet::new();
    let mut names: BTreeSet<String> = BTreeSet::new();
    let mut proposals: Vec<Proposal> = Vec::new();
    for guess in guessed {
        let Some(proposal) = guess.proposal(&mut taken) else {
            continue;
        };
        if names.insert(proposal.mapping.name.clone()) {
            proposals.push(proposal);
        }
    }
    proposals
}

#[cfg(test)]
mod tests;
