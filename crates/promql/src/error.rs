//! Why an expression does not parse, and why one does not evaluate.

use std::ops::Range;

use model::format_float;

/// The text is no valid expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: parse error: {message}")]
pub struct ParseError {
    pub message: String,
    /// The part of the query that is at fault, in bytes.
    pub start: usize,
    pub end: usize,
    /// From 1.
    pub line: usize,
    /// From 1, in bytes.
    pub column: usize,
}

impl ParseError {
    pub fn range(&self) -> Range<usize> {
        self.start..self.end
    }
}

/// Who must act on an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The query meets data that it is not made for: 422.
    Query,
    /// The query costs more than it may: 422, or 503 where the limit protects others.
    Limit,
    /// Somebody stopped it: 499 or 503.
    Cancelled,
    /// The store could not read what it holds: 500.
    Store,
}

/// Why an expression does not evaluate. The texts of the variants that Prometheus has too are
/// Prometheus's, since people search for them.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    #[error("the query was cancelled")]
    Cancelled,
    #[error(transparent)]
    Store(#[from] store::StoreError),
    #[error(
        "query processing would load too many samples into memory: more than {samples_max}; narrow \
         the selector or the range, or take a longer step"
    )]
    TooManySamples { samples_max: usize },
    #[error("a range of {steps} steps exceeds the limit of {steps_max}; take a longer step")]
    TooManySteps { steps: u64, steps_max: usize },
    #[error("a step must be at least a millisecond long")]
    NoStep,
    #[error("the end of a range must not be before its start")]
    EndBeforeStart,
    #[error("invalid expression type {actual:?} for range query, must be scalar or instant vector")]
    NotForRange { actual: &'static str },
    #[error("vector cannot contain metrics with the same labelset")]
    DuplicateLabels,
    #[error(
        "found duplicate series for the match group {group} on the {side} hand-side of the \
         operation: [{first}, {second}];many-to-many matching not allowed: matching labels must \
         be unique on one side"
    )]
    ManyToMany {
        group: String,
        side: &'static str,
        first: String,
        second: String,
    },
    #[error(
        "multiple matches for labels: many-to-one matching must be explicit \
         (group_left/group_right)"
    )]
    ImplicitManyToOne,
    #[error("multiple matches for labels: grouping labels must ensure unique matches")]
    GroupingNotUnique,
    #[error("invalid regular expression in label_replace(): {pattern}")]
    InvalidRegex {
        pattern: String,
        #[source]
        source: regex::Error,
    },
    #[error("invalid label name {name:?}")]
    InvalidLabelName { name: String },
    #[error("Parameter value is NaN")]
    ParameterNaN,
    #[error("Ratio value is NaN")]
    RatioNaN,
    #[error("Scalar value {} overflows int64", format_float(*.value))]
    ParameterOverflow { value: f64 },
    #[error("invalid {which} factor. Expected: 0 < {symbol} < 1, got: {value:.6}")]
    InvalidFactor {
        which: &'static str,
        symbol: &'static str,
        value: f64,
    },
}

impl EvalError {
    pub fn fault(&self) -> Fault {
        match self {
            Self::Cancelled => Fault::Cancelled,
            Self::Store(store::StoreError::TooManySamples { .. })
            | Self::TooManySamples { .. }
            | Self::TooManySteps { .. } => Fault::Limit,
            Self::Store(_) => Fault::Store,
            Self::NoStep
            | Self::EndBeforeStart
            | Self::NotForRange { .. }
            | Self::DuplicateLabels
            | Self::ManyToMany { .. }
            | Self::ImplicitManyToOne
            | Self::GroupingNotUnique
            | Self::InvalidRegex { .. }
            | Self::InvalidLabelName { .. }
            | Self::ParameterNaN
            | Self::RatioNaN
            | Self::ParameterOverflow { .. }
            | Self::InvalidFactor { .. } => Fault::Query,
        }
    }
}
