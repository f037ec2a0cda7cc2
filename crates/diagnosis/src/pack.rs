//! Packs: what is known about one technology, as data.
//!
//! A pack says how to recognise the technology in a job's series, which numbers matter (KPIs),
//! what to draw and when to alert. Format: docs/formats/pack.md. A pack never names a job: its
//! rules and queries are grouped by job, and it is used only where it was detected.

mod dashboard;
mod detect;
mod embedded;
mod file;
mod inhibit;
mod overrides;
mod parameter;
mod query;
mod readiness;

use std::collections::BTreeMap;

use crate::graph::{EntityKind, EntityQuery, ModelRules};
use crate::kpi::KpiKind;
use crate::notify::Inhibition;
use crate::reader::Problem;
use crate::rules::RuleGroup;

pub use dashboard::{Dashboard, Panel, PanelQuery, PanelType, Row, Threshold};
pub use detect::{Detection, EVIDENCE_SERIES_MAX, JobSeries, SeriesIndex, detect};
pub use embedded::embedded;
pub use inhibit::parse_inhibit_file;
pub use overrides::{OVERRIDES_MAX, Override, Overrides, SwitchedOff};
pub use parameter::Parameter;
pub use query::{QueryScope, QueryText};
pub use readiness::Readiness;

/// The annotation of an alert that names the KPI it is about.
pub const KPI_ANNOTATION: &str = "kpi";

/// A loaded pack: every query in it parses, every name in it is defined.
#[derive(Clone, Debug)]
pub struct Pack {
    pub id: String,
    pub title: String,
    pub version: String,
    /// Where the names and numbers come from, sentences for people.
    pub provenance: Vec<String>,
    /// 1 to 3: how many of those who run Python services also run this.
    pub tier: u8,
    pub verified: Verified,
    pub parameters: Vec<Parameter>,
    pub layer: Layer,
    pub detect: Detect,
    pub variants: Vec<Variant>,
    /// Metrics that a healthy target may lack, with the reason; a rule that waits for one says it.
    pub conditional: Vec<(String, String)>,
    /// Which entities and relations its series tell of.
    pub model: ModelRules,
    /// Of services, one number a job.
    pub kpis: Vec<Kpi>,
    /// Of everything else: routes, hosts, queues, instances; each has [`Kpi::of`].
    pub entity_kpis: Vec<Kpi>,
    pub facts: Vec<Fact>,
    /// Recording rules first.
    pub groups: Vec<RuleGroup>,
    /// Consequences that stay quiet while their cause fires.
    pub inhibitions: Vec<Inhibition>,
    pub dashboards: Vec<Dashboard>,
    /// By the name of the alert, Markdown.
    pub runbooks: BTreeMap<String, String>,
    /// What a user changed, see [`Pack::tuned`].
    pub overrides: Vec<Override>,
    /// Alerts that are judged for nothing because of that.
    pub off: Vec<SwitchedOff>,
}

/// What a pack was tried with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verified {
    /// The real software: its fixtures are scrapes.
    Real,
    /// Its documentation and source only: its fixtures are written by hand.
    Reference,
}

/// How specific a pack is; the most specific one speaks first for a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// The exporter of one product: it says what the target is.
    Exporter,
    /// A framework that the service is written with.
    Framework,
    /// The language it runs on. Exporters are written in some language too.
    Runtime,
    /// Any target at all.
    Scrape,
}

/// What a job's series must show.
#[derive(Clone, Debug, PartialEq)]
pub struct Detect {
    /// One of them suffices; an empty list asks for nothing.
    pub any: Vec<Evidence>,
    pub all: Vec<Evidence>,
}

/// A metric that must be there, with these labels if any are named.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    pub metric: String,
    pub labels: Vec<(String, String)>,
}

/// A label whose name depends on how the exporter is configured, resolved once per job.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// `$name` in queries.
    pub name: String,
    /// The metric that carries the label.
    pub metric: String,
    /// The first of these that the metric has.
    pub first_of: Vec<String>,
    /// If it has none of them: its one label that is not among these.
    pub besides: Vec<String>,
}

/// A number that matters, one series for each entity that it is about.
#[derive(Clone, Debug)]
pub struct Kpi {
    pub name: String,
    pub unit: Unit,
    /// Whether less or more is better; `None` for neither.
    pub good: Option<Good>,
    pub query: QueryText,
    /// What it measures, whatever the exporter calls it; `None` for what is shown only.
    pub kind: Option<KpiKind>,
    /// Whose it is; `None` for the service that `job` names.
    pub of: Option<KpiOf>,
}

/// Which labels of a KPI's series make the entity that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KpiOf {
    pub kind: EntityKind,
    /// The first that is not empty is the name. `$variant` stands for a label's name.
    pub name: Vec<String>,
    /// Instead of a name, the label whose address (`10.0.0.5:9100`) names a host.
    pub host: Option<String>,
    /// Labels of the scope and the labels that hold their values.
    pub scope: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Good {
    Low,
    High,
}

/// A number about a job that is told, not drawn: workers, the time of the last start.
#[derive(Clone, Debug)]
pub struct Fact {
    pub name: String,
    pub query: QueryText,
}

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    RequestsPerSecond,
    OperationsPerSecond,
    /// 0 to 1.
    Ratio,
    Seconds,
    Bytes,
    BytesPerSecond,
    Cores,
    Short,
}

/// The files of one pack: paths from its folder, with `/`, and texts.
#[derive(Clone, Debug, Default)]
pub struct PackFiles<'a> {
    /// The folder's name.
    pub id: &'a str,
    pub files: Vec<(&'a str, &'a str)>,
}

/// A mistake in one file of a pack.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("pack {pack}, {file}, {problem}")]
pub struct PackProblem {
    pub pack: String,
    pub file: String,
    #[source]
    pub problem: Problem,
}

impl Pack {
    /// Reads a pack.
    ///
    /// # Errors
    /// Every problem in every file of it.
    pub fn load(files: &PackFiles<'_>) -> Result<Self, Vec<PackProblem>> {
        file::load(files)
    }

    /// What the pack tells of each service that it fits, besides its numbers.
    pub fn service_queries(&self) -> impl Iterator<Item = &EntityQuery> {
        let entities = self.model.entities.iter();
        let services = entities.filter(|entity| entity.kind.name() == "service");
        services.flat_map(|entity| entity.defined_by.iter().chain(&entity.enriched_by))
    }

    pub fn kpi(&self, name: &str) -> Option<&Kpi> {
        self.kpis.iter().find(|kpi| kpi.name == name)
    }

    pub fn fact(&self, name: &str) -> Option<&Fact> {
        self.facts.iter().find(|fact| fact.name == name)
    }
}

impl Unit {
    pub const ALL: [Self; 8] = [
        Self::RequestsPerSecond,
        Self::OperationsPerSecond,
        Self::Ratio,
        Self::Seconds,
        Self::Bytes,
        Self::BytesPerSecond,
        Self::Cores,
        Self::Short,
    ];

    /// Grafana's name where it has one, so that an export needs no table.
    pub fn name(self) -> &'static str {
        match self {
            Self::RequestsPerSecond => "reqps",
            Self::OperationsPerSecond => "ops",
            Self::Ratio => "percentunit",
            Self::Seconds => "s",
            Self::Bytes => "bytes",
            Self::BytesPerSecond => "binBps",
            Self::Cores => "cores",
            Self::Short => "short",
        }
    }
}

impl Verified {
    pub const ALL: [Self; 2] = [Self::Real, Self::Reference];

    pub fn name(self) -> &'static str {
        match self {
            Self::Real => "real",
            Self::Reference => "reference",
        }
    }
}

impl Layer {
    pub const ALL: [Self; 4] = [Self::Exporter, Self::Framework, Self::Runtime, Self::Scrape];

    pub fn name(self) -> &'static str {
        match self {
            Self::Exporter => "exporter",
            Self::Framework => "framework",
            Self::Runtime => "runtime",
            Self::Scrape => "scrape",
        }
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tuning_tests;
