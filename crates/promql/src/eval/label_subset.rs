//! The labels that count: for a group, or for two series to find each other.

use model::{Labels, METRIC_NAME};

use crate::ast::{Grouping, Matching};

/// Some labels of every series.
#[derive(Clone, Debug)]
pub(super) enum LabelSubset {
    Keep(Vec<Box<str>>),
    Drop(Vec<Box<str>>),
}

impl LabelSubset {
    /// What makes a group. `without` leaves out the metric's name, too.
    pub(super) fn of_group(grouping: &Grouping) -> Self {
        match grouping {
            Grouping::By(labels) => Self::Keep(labels.clone()),
            Grouping::Without(labels) => Self::Drop(with_metric_name(labels)),
        }
    }

    /// What two series must have in common to meet. `ignoring` ignores the metric's name, too.
    pub(super) fn of_signature(matching: &Matching) -> Self {
        if matching.on {
            Self::Keep(matching.labels.clone())
        } else {
            Self::Drop(with_metric_name(&matching.labels))
        }
    }

    pub(super) fn apply(&self, labels: &Labels) -> Labels {
        match self {
            Self::Keep(names) => labels.keep(names),
            Self::Drop(names) => labels.drop(names),
        }
    }
}

fn with_metric_name(labels: &[Box<str>]) -> Vec<Box<str>> {
    labels.iter().cloned().chain([METRIC_NAME.into()]).collect()
}
