//! Mappings: what a user says about metrics of their own, so that they become KPIs without PromQL.
//!
//! A mapping names metrics, the labels that name the entity, and what the numbers mean. From that
//! follow [`Formula`]s, and each of them can be asked as PromQL ([`Mapping::queries`]) or be worked
//! out over recorded samples ([`Mapping::apply`]). Format: docs/formats/mapping.md.

mod apply;
mod expression;
mod formula;
mod read;
mod write;

use std::sync::Arc;
use std::time::Duration;

use model::{Labels, Matcher};

use crate::graph::{EntityKey, EntityKind};

pub use apply::RawSeries;
pub use expression::MappedQuery;
pub use formula::{Fold, Formula, Reading, Term};
pub use read::{MAPPINGS_MAX, read_mapping_file, read_mapping_json};

/// The place of the entity's name in the name of a metric.
pub const ENTITY_PLACE: &str = "{entity}";

/// What makes KPIs of metrics.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// What people call it; once in a file.
    pub name: String,
    pub entity: EntityFrom,
    /// Series that do not pass all of them are left out.
    pub filters: Vec<Matcher>,
    pub measure: Measure,
}

/// Whose KPI a series is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityFrom {
    pub kind: EntityKind,
    pub name: NameFrom,
    /// Labels of the entity's scope, and the labels of the series that hold their values.
    pub scope: Vec<(String, String)>,
}

/// What an entity is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameFrom {
    /// The first of these labels that is not empty.
    Labels(Vec<String>),
    /// What stands at [`ENTITY_PLACE`] in the names of the metrics.
    Metric,
    /// All series are about this one.
    Fixed(String),
}

/// What the numbers mean.
#[derive(Clone, Debug)]
pub enum Measure {
    RequestRate(Source),
    Errors {
        /// Whether the mistake was the client's.
        of_client: bool,
        from: RatioFrom,
    },
    /// Like errors, of which it is the rest.
    Availability(RatioFrom),
    LatencyAverage(AverageFrom),
    LatencyQuantiles {
        source: Source,
        /// 0 to 1; one alone if the source is a gauge.
        quantiles: Vec<f64>,
    },
    Saturation {
        resource: Arc<str>,
        used: Source,
        /// `None`: the numbers are shares already.
        limit: Option<Limit>,
    },
    Resource {
        resource: Arc<str>,
        amount: Source,
    },
    /// 1 while it works, 0 while not.
    Up(Source),
}

/// Metrics that are read alike; those of one entity are taken together.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// Never empty.
    pub metrics: Vec<MetricName>,
    pub metric_type: MetricType,
    pub unit: ValueUnit,
    /// How long the interval is of which a value per step tells; `None`: from sample to sample.
    pub step: Option<Duration>,
}

/// A metric's name, in which a part may be the name of the entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricName {
    prefix: String,
    /// What follows the entity's name, if it stands in here.
    suffix: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricType {
    Counter,
    Gauge,
    /// Named without `_bucket`, `_sum` and `_count`.
    Histogram,
    /// Named without `_sum` and `_count`.
    Summary,
}

/// What a value counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueUnit {
    /// 0 to 1.
    Ratio,
    /// 0 to 100.
    Percent,
    Seconds,
    Milliseconds,
    Microseconds,
    Nanoseconds,
    PerSecond,
    PerMinute,
    /// So many since the sample before.
    PerStep,
    Bytes,
    /// Pieces, or whatever the metric counts.
    None,
}

/// Where a share of all comes from.
#[derive(Clone, Debug)]
pub enum RatioFrom {
    /// The numbers are shares.
    Ready(Source),
    /// The series of `all` that pass the condition, of all of them.
    Condition { all: Source, part: Matcher },
    /// One metric of another.
    Counts { part: Source, all: Source },
}

/// Where an average comes from.
#[derive(Clone, Debug)]
pub enum AverageFrom {
    Ready(Source),
    /// A histogram or a summary.
    Distribution(Source),
    SumAndCount {
        sum: Source,
        count: Source,
    },
}

/// What a resource ends at.
#[derive(Clone, Debug)]
pub enum Limit {
    Number(f64),
    Metric(Source),
}

impl Mapping {
    /// Whose KPI a series with these labels is; `None` for one that the mapping is not about.
    pub fn entity_of(&self, labels: &Labels, captured: Option<&str>) -> Option<EntityKey> {
        let name = match &self.entity.name {
            NameFrom::Labels(names) => names.iter().find_map(|name| labels.get(name))?,
            NameFrom::Metric => captured?,
            NameFrom::Fixed(name) => name,
        };
        let scope = self.entity.scope.iter();
        let scope = scope.filter_map(|(name, from)| Some((name, labels.get(from)?)));
        Some(EntityKey {
            kind: self.entity.kind.clone(),
            name: Arc::from(name),
            // Reading a mapping made sure that no name stands twice.
            scope: Labels::new(scope).ok()?,
        })
    }

    /// What it is called if nobody says: `request_rate of requests_total`.
    pub fn made_name(&self) -> String {
        let sources = self.sources();
        let metrics = sources.iter().flat_map(|source| &source.metrics);
        let metrics: Vec<String> = metrics.map(ToString::to_string).collect();
        let mut name = format!("{} of {}", self.measure.name(), metrics.join(", "));
        for filter in &self.filters {
            name.push_str(&format!(" {filter}"));
        }
        name
    }

    /// All metrics that it reads, as they are named in it.
    pub fn sources(&self) -> Vec<&Source> {
        match &self.measure {
            Measure::RequestRate(source) | Measure::Up(source) => vec![source],
            Measure::Errors { from, .. } | Measure::Availability(from) => match from {
                RatioFrom::Ready(source) | RatioFrom::Condition { all: source, .. } => {
                    vec![source]
                }
                RatioFrom::Counts { part, all } => vec![part, all],
            },
            Measure::LatencyAverage(from) => match from {
                AverageFrom::Ready(source) | AverageFrom::Distribution(source) => vec![source],
                AverageFrom::SumAndCount { sum, count } => vec![sum, count],
            },
            Measure::LatencyQuantiles { source, .. } => vec![source],
            Measure::Saturation {
                used,
                limit: Some(Limit::Metric(limit)),
                ..
            } => vec![used, limit],
            Measure::Saturation { used, .. } => vec![used],
            Measure::Resource { amount, .. } => vec![amount],
        }
    }
}

impl NameFrom {
    /// The labels that name the entity; none if something else does.
    pub fn labels(&self) -> &[String] {
        match self {
            Self::Labels(names) => names,
            Self::Metric | Self::Fixed(_) => &[],
        }
    }
}

impl MetricName {
    /// A name in which [`ENTITY_PLACE`] may stand once.
    pub fn new(text: &str) -> Self {
        match text.split_once(ENTITY_PLACE) {
            None => Self {
                prefix: text.to_owned(),
                suffix: None,
            },
            Some((prefix, suffix)) => Self {
                prefix: prefix.to_owned(),
                suffix: Some(suffix.to_owned()),
            },
        }
    }

    /// A name in which nothing stands for another.
    pub fn literal(name: &str) -> Self {
        Self {
            prefix: name.to_owned(),
            suffix: None,
        }
    }

    pub fn names_entity(&self) -> bool {
        self.suffix.is_some()
    }

    /// The name with this behind it, `_count`.
    #[must_use]
    pub fn with_suffix(&self, more: &str) -> Self {
        let mut name = self.clone();
        name.suffix
            .as_mut()
            .unwrap_or(&mut name.prefix)
            .push_str(more);
        name
    }

    /// Whether a metric is meant, and which part of its name is the entity's.
    pub fn captures<'a>(&self, metric: &'a str) -> Option<Option<&'a str>> {
        let rest = metric.strip_prefix(self.prefix.as_str())?;
        match &self.suffix {
            None => rest.is_empty().then_some(None),
            Some(suffix) => {
                let entity = rest.strip_suffix(suffix.as_str())?;
                (!entity.is_empty()).then_some(Some(entity))
            }
        }
    }
}

impl std::fmt::Display for MetricName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.prefix)?;
        match &self.suffix {
            None => Ok(()),
            Some(suffix) => write!(f, "{ENTITY_PLACE}{suffix}"),
        }
    }
}

impl MetricType {
    pub const ALL: [Self; 4] = [Self::Counter, Self::Gauge, Self::Histogram, Self::Summary];

    pub fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Summary => "summary",
        }
    }
}

impl ValueUnit {
    pub const ALL: [Self; 11] = [
        Self::Ratio,
        Self::Percent,
        Self::Seconds,
        Self::Milliseconds,
        Self::Microseconds,
        Self::Nanoseconds,
        Self::PerSecond,
        Self::PerMinute,
        Self::PerStep,
        Self::Bytes,
        Self::None,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Ratio => "ratio",
            Self::Percent => "percent",
            Self::Seconds => "seconds",
            Self::Milliseconds => "milliseconds",
            Self::Microseconds => "microseconds",
            Self::Nanoseconds => "nanoseconds",
            Self::PerSecond => "per_second",
            Self::PerMinute => "per_minute",
            Self::PerStep => "per_step",
            Self::Bytes => "bytes",
            Self::None => "none",
        }
    }

    /// By what a value is divided to be in the base unit: ratio, seconds, per second.
    pub(crate) fn divisor(self) -> f64 {
        match self {
            Self::Percent => 100.0,
            Self::Milliseconds => 1e3,
            Self::Microseconds => 1e6,
            Self::Nanoseconds => 1e9,
            Self::PerMinute => 60.0,
            Self::Ratio
            | Self::Seconds
            | Self::PerSecond
            | Self::PerStep
            | Self::Bytes
            | Self::None => 1.0,
        }
    }

    pub(crate) fn is_share(self) -> bool {
        matches!(self, Self::Ratio | Self::Percent)
    }

    pub(crate) fn is_time(self) -> bool {
        matches!(
            self,
            Self::Seconds | Self::Milliseconds | Self::Microseconds | Self::Nanoseconds
        )
    }

    pub(crate) fn is_flow(self) -> bool {
        matches!(self, Self::PerSecond | Self::PerMinute | Self::PerStep)
    }
}

#[cfg(test)]
mod tests;
