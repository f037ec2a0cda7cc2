//! What is worked out, whether by PromQL or over recorded samples.

use std::sync::Arc;
use std::time::Duration;

use model::Matcher;

use super::{
    AverageFrom, Limit, Mapping, Measure, MetricName, MetricType, RatioFrom, Source, ValueUnit,
};
use crate::kpi::{KpiKind, Percent};

/// How a KPI comes from terms.
#[derive(Clone, Debug)]
pub enum Formula {
    Value(Term),
    /// One less the term.
    Complement(Term),
    /// The part is zero where it has no series: what never failed shows no failures.
    Ratio {
        part: Term,
        all: Term,
    },
    ComplementOfRatio {
        part: Term,
        all: Term,
    },
    /// Of the buckets of histograms, their rates added.
    Quantile {
        quantile: f64,
        buckets: Term,
    },
}

/// One number for each entity.
#[derive(Clone, Debug)]
pub struct Term {
    pub metrics: Vec<MetricName>,
    /// Beside the mapping's own filters.
    pub matchers: Vec<Matcher>,
    pub reading: Reading,
    /// Turns the metric's unit into the KPI's.
    pub divisor: f64,
    pub fold: Fold,
}

/// How samples of one series become values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    Value,
    /// Of a counter, per second.
    Rate,
    /// Each sample counts what came since the one before, or within this time. Becomes per second.
    PerStep(Option<Duration>),
}

/// How the series of one entity become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fold {
    Sum,
    Mean,
    Max,
}

impl Mapping {
    /// Each KPI that the mapping makes, and how.
    pub fn formulas(&self) -> Vec<(KpiKind, Formula)> {
        match &self.measure {
            Measure::RequestRate(source) => {
                vec![(KpiKind::RequestRate, Formula::Value(Term::flow(source)))]
            }
            Measure::Errors { of_client, from } => {
                let kind = if *of_client {
                    KpiKind::ClientErrorRatio
                } else {
                    KpiKind::ErrorRatio
                };
                vec![(kind, ratio(from))]
            }
            Measure::Availability(from) => vec![(KpiKind::ErrorRatio, ratio(from).complement())],
            Measure::LatencyAverage(from) => vec![(KpiKind::LatencyAverage, average(from))],
            Measure::LatencyQuantiles { source, quantiles } => quantiles
                .iter()
                .filter_map(|&quantile| {
                    let percent = Percent::from_quantile(quantile)?;
                    let formula = quantile_of(source, quantile);
                    Some((KpiKind::LatencyQuantile(percent), formula))
                })
                .collect(),
            Measure::Saturation {
                resource,
                used,
                limit,
            } => vec![(
                KpiKind::Saturation(Arc::clone(resource)),
                saturation(used, limit.as_ref()),
            )],
            Measure::Resource { resource, amount } => vec![(
                KpiKind::Resource(Arc::clone(resource)),
                Formula::Value(Term::amount(amount)),
            )],
            Measure::Up(source) => {
                vec![(KpiKind::Up, Formula::Value(Term::new(source, Fold::Mean)))]
            }
        }
    }
}

fn ratio(from: &RatioFrom) -> Formula {
    match from {
        RatioFrom::Ready(source) => Formula::Value(Term::new(source, Fold::Mean)),
        RatioFrom::Condition { all, part } => {
            let all = Term::flow(all);
            let mut failed = all.clone();
            failed.matchers.push(part.clone());
            Formula::Ratio { part: failed, all }
        }
        RatioFrom::Counts { part, all } => Formula::Ratio {
            part: Term::flow(part),
            all: Term::flow(all),
        },
    }
}

fn average(from: &AverageFrom) -> Formula {
    match from {
        AverageFrom::Ready(source) => Formula::Value(Term::new(source, Fold::Mean)),
        AverageFrom::Distribution(source) => {
            let mut all = Term::rate(source, "_count");
            all.divisor = 1.0;
            let part = Term::rate(source, "_sum");
            Formula::Ratio { part, all }
        }
        AverageFrom::SumAndCount { sum, count } => Formula::Ratio {
            part: Term::new(sum, Fold::Sum),
            all: Term::flow(count),
        },
    }
}

fn quantile_of(source: &Source, quantile: f64) -> Formula {
    match source.metric_type {
        MetricType::Histogram => Formula::Quantile {
            quantile,
            buckets: Term::rate(source, "_bucket"),
        },
        MetricType::Summary => {
            let mut term = Term::new(source, Fold::Max);
            let value = model::format_float(quantile);
            term.matchers.push(Matcher::equal("quantile", value));
            term.reading = Reading::Value;
            Formula::Value(term)
        }
        MetricType::Counter | MetricType::Gauge => Formula::Value(Term::new(source, Fold::Max)),
    }
}

fn saturation(used: &Source, limit: Option<&Limit>) -> Formula {
    match limit {
        // The fullest one is what trouble begins with.
        None => Formula::Value(Term::new(used, Fold::Max)),
        Some(Limit::Number(number)) => {
            let mut term = Term::new(used, Fold::Max);
            term.divisor *= number;
            Formula::Value(term)
        }
        Some(Limit::Metric(limit)) => Formula::Ratio {
            part: Term::new(used, Fold::Sum),
            all: Term::new(limit, Fold::Sum),
        },
    }
}

impl Formula {
    fn complement(self) -> Self {
        match self {
            Self::Value(term) => Self::Complement(term),
            Self::Ratio { part, all } => Self::ComplementOfRatio { part, all },
            other => other,
        }
    }
}

impl Term {
    fn new(source: &Source, fold: Fold) -> Self {
        let reading = match (source.metric_type, source.unit) {
            (MetricType::Counter, _) => Reading::Rate,
            (_, ValueUnit::PerStep) => Reading::PerStep(source.step),
            _ => Reading::Value,
        };
        Self {
            metrics: source.metrics.clone(),
            matchers: Vec::new(),
            reading,
            divisor: source.unit.divisor(),
            fold,
        }
    }

    /// Events per second.
    fn flow(source: &Source) -> Self {
        match source.metric_type {
            MetricType::Histogram | MetricType::Summary => Self {
                divisor: 1.0,
                ..Self::rate(source, "_count")
            },
            MetricType::Counter | MetricType::Gauge => Self::new(source, Fold::Sum),
        }
    }

    /// What adds up is added up, what does not is averaged.
    fn amount(source: &Source) -> Self {
        let adds_up = source.metric_type == MetricType::Counter
            || !(source.unit.is_share() || source.unit.is_time());
        let fold = if adds_up { Fold::Sum } else { Fold::Mean };
        Self::new(source, fold)
    }

    /// The rate of one of the series families of a histogram or summary.
    fn rate(source: &Source, suffix: &str) -> Self {
        let metrics = source.metrics.iter();
        Self {
            metrics: metrics.map(|name| name.with_suffix(suffix)).collect(),
            matchers: Vec::new(),
            reading: Reading::Rate,
            divisor: source.unit.divisor(),
            fold: Fold::Sum,
        }
    }
}
