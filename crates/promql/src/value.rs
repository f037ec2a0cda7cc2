//! What an evaluation gives back.

use std::sync::Arc;

use model::{Labels, Sample};

use crate::Note;

/// The value of an expression and what its reader should know about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluated {
    pub value: Value,
    /// Warnings first, then infos, each in the order of the query's text, none twice.
    pub notes: Vec<Note>,
}

/// The value of an expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Only instant queries give a scalar; over a range it becomes a matrix of one series.
    Scalar(Sample),
    String {
        at: model::Timestamp,
        text: Arc<str>,
    },
    /// In the order the expression asks for (`sort`, `topk`), otherwise by labels.
    Vector(Vec<InstantSeries>),
    /// Sorted by labels, no label set twice, no series without a sample.
    Matrix(Vec<RangeSeries>),
}

/// One series of an instant vector.
#[derive(Clone, Debug, PartialEq)]
pub struct InstantSeries {
    pub labels: Labels,
    /// Its timestamp is that of the evaluation, not that of the stored sample.
    pub sample: Sample,
}

/// One series of a matrix.
#[derive(Clone, Debug, PartialEq)]
pub struct RangeSeries {
    pub labels: Labels,
    /// Oldest first, at least one.
    pub samples: Vec<Sample>,
}
