//! Assertions: what is not as it should be with one entity, as a signal. Nobody is paged by one.

mod band;
mod burn;
mod changes;
mod condition;
mod engine;
mod forecast;
mod limits;
mod onset;
mod options;
mod past;
mod traffic;
mod watch;
mod words;

pub use band::{Abstention, Band, BandOptions, Expectation, Model, Noise, Outside, Side};
pub use changes::{Change, ChangeKind, Fact, FactValue};
pub use engine::{
    AssertionTransition, Assertions, EntityAlert, KPIS_MAX, ReportPoint, TransitionKind,
};
pub use limits::{Limits, NAMES, THRESHOLDS_MAX, Thresholds};
pub use options::AssertionOptions;
pub use traffic::{Silence, TrafficWatch};

use model::Timestamp;

use crate::graph::EntityKey;
use crate::kpi::KpiKind;

/// What sort of trouble, by how it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    /// A resource nears its limit.
    Saturation,
    /// Something was changed: a version, a configuration, a number of replicas. No trouble in
    /// itself.
    Amend,
    /// A number is not as it usually is.
    Anomaly,
    /// It is down, or says itself that it does not work.
    Failure,
    /// Its users get errors, or wait too long.
    Error,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    Info,
    Warning,
    Critical,
}

/// What makes an assertion that one, over its whole life.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AssertionKey {
    pub entity: EntityKey,
    /// `error_ratio_breach`, `latency_anomaly`, or the name of the alert that it comes from.
    pub name: String,
    /// What it is about, `None` for one that comes from an alert or a change.
    pub kpi: Option<KpiKind>,
}

/// What is compared with what.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Compared {
    /// The newest value, in the unit of the KPI.
    pub value: f64,
    /// What it usually is, if that is known.
    pub usual: Option<f64>,
    /// What it must not pass, for a rule with a limit; for a band the bound that was passed.
    pub limit: Option<f64>,
    /// How far it lies from the usual, in units of how much it usually moves. Zero when unknown.
    pub deviation: f64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Assertion {
    pub key: AssertionKey,
    pub category: Category,
    pub severity: Severity,
    /// When it was judged to be so.
    pub since: Timestamp,
    /// When the raw numbers turned, as far as that is known; never after `since`.
    pub onset: Timestamp,
    /// When it was over; `None` while it lasts.
    pub end: Option<Timestamp>,
    pub compared: Option<Compared>,
    /// One sentence for a person: "Errors 24 %, usually 0.1 %".
    pub sentence: String,
}

impl Category {
    pub const ALL: [Self; 5] = [
        Self::Saturation,
        Self::Amend,
        Self::Anomaly,
        Self::Failure,
        Self::Error,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Saturation => "saturation",
            Self::Amend => "amend",
            Self::Anomaly => "anomaly",
            Self::Failure => "failure",
            Self::Error => "error",
        }
    }
}

impl Severity {
    pub const ALL: [Self; 3] = [Self::Info, Self::Warning, Self::Critical];

    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

#[cfg(test)]
mod tests;
