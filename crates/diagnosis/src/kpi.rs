//! KPIs: the few numbers by which every entity is judged, whatever its exporter calls them.

pub mod collect;
pub mod infer;
pub mod mapping;

use std::fmt;
use std::sync::Arc;

use model::Timestamp;

use crate::graph::EntityKey;
use crate::pack::Unit;

/// What a KPI measures. Values are in the unit of [`Self::unit`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KpiKind {
    /// Requests, operations or messages per second.
    RequestRate,
    /// Failed of all, 0 to 1. Availability is one less this.
    ErrorRatio,
    /// Refused for a mistake of the client (4xx) of all, 0 to 1.
    ClientErrorRatio,
    /// Seconds, on average.
    LatencyAverage,
    /// Seconds that this many percent of the requests stay below: 50, 90, 95, 99, 99.9.
    LatencyQuantile(Percent),
    /// How much of a resource is used, 0 to 1: `cpu`, `memory`, `disk`, `connections`, …
    Saturation(Arc<str>),
    /// A resource in its own unit, without a known limit, judged by its own past only: `cpu`
    /// seconds, `network` bytes, `queue` length, …
    Resource(Arc<str>),
    /// Whether it is there: 0 to 1, the share of its instances that answer.
    Up,
}

/// A quantile in thousandths: 95 % is 950.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(u16);

/// One KPI of one entity.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KpiKey {
    pub entity: EntityKey,
    pub kind: KpiKind,
}

/// A KPI's values, by time, each time once. A gap is a time that is not there.
#[derive(Clone, Debug, PartialEq)]
pub struct KpiSeries {
    pub key: KpiKey,
    pub samples: Vec<(Timestamp, f64)>,
}

impl Percent {
    /// From a quantile, 0.95, as `histogram_quantile` takes it.
    pub fn from_quantile(quantile: f64) -> Option<Self> {
        // In range, so the cast keeps the value.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        (0.0..=1.0)
            .contains(&quantile)
            .then(|| Self((quantile * 1000.0).round() as u16))
    }

    pub fn quantile(self) -> f64 {
        f64::from(self.0) / 1000.0
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", f64::from(self.0) / 10.0)
    }
}

impl KpiKind {
    /// As series and the API spell it: `request_rate`, `latency_p95`, `saturation:cpu`.
    pub fn name(&self) -> String {
        match self {
            Self::RequestRate => "request_rate".to_owned(),
            Self::ErrorRatio => "error_ratio".to_owned(),
            Self::ClientErrorRatio => "client_error_ratio".to_owned(),
            Self::LatencyAverage => "latency_average".to_owned(),
            Self::LatencyQuantile(percent) => format!("latency_p{percent}"),
            Self::Saturation(resource) => format!("saturation:{resource}"),
            Self::Resource(resource) => format!("resource:{resource}"),
            Self::Up => "up".to_owned(),
        }
    }

    /// The kind that [`Self::name`] spells.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "request_rate" => Self::RequestRate,
            "error_ratio" => Self::ErrorRatio,
            "client_error_ratio" => Self::ClientErrorRatio,
            "latency_average" => Self::LatencyAverage,
            "up" => Self::Up,
            _ => {
                if let Some(percent) = name.strip_prefix("latency_p") {
                    let percent: f64 = percent.parse().ok()?;
                    Self::LatencyQuantile(Percent::from_quantile(percent / 100.0)?)
                } else if let Some(resource) = name.strip_prefix("saturation:") {
                    Self::Saturation(Arc::from(resource))
                } else {
                    Self::Resource(Arc::from(name.strip_prefix("resource:")?))
                }
            }
        })
    }

    /// The value as this KPI can have it: a share of requests is cut to 0 to 1, which rates that
    /// were read a moment apart leave by a little. `None` for what is no number.
    pub fn accepted(&self, value: f64) -> Option<f64> {
        let value = match self {
            Self::ErrorRatio | Self::ClientErrorRatio | Self::Up => value.clamp(0.0, 1.0),
            Self::RequestRate
            | Self::LatencyAverage
            | Self::LatencyQuantile(_)
            | Self::Saturation(_)
            | Self::Resource(_) => value,
        };
        value.is_finite().then_some(value)
    }

    pub fn unit(&self) -> Unit {
        match self {
            Self::RequestRate => Unit::RequestsPerSecond,
            Self::ErrorRatio | Self::ClientErrorRatio | Self::Saturation(_) | Self::Up => {
                Unit::Ratio
            }
            Self::LatencyAverage | Self::LatencyQuantile(_) => Unit::Seconds,
            Self::Resource(_) => Unit::Short,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_which_kpi_it_is() {
        for name in [
            "request_rate",
            "error_ratio",
            "client_error_ratio",
            "latency_average",
            "latency_p50",
            "latency_p99.9",
            "saturation:cpu",
            "resource:network_rx",
            "up",
        ] {
            let kind = KpiKind::parse(name);
            assert_eq!(kind.map(|kind| kind.name()), Some(name.to_owned()));
        }
        for name in ["", "latency_p", "latency_p101", "latency_pNaN", "cpu"] {
            assert_eq!(KpiKind::parse(name), None, "{name}");
        }
    }
}
