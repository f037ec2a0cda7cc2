//! Reading what a target exposes: Prometheus text 0.0.4 and 1.0.0, OpenMetrics text 1.0.
//!
//! [`Lines`] walks a body and borrows from it. The text of a series is handed out as it stands,
//! so a scrape loop can look it up in the last scrape's cache and never split labels again;
//! [`parse_series`] splits it when it is new. [`parse`] collects a whole body at once.
//!
//! INVARIANT: a bad line costs itself, never its neighbours. Nothing here fails as a whole.

mod line;
mod series;

use std::borrow::Cow;

use crate::{Labels, Timestamp};

pub use line::Lines;
pub use series::parse_series;

/// Which of the two grammars a body is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `text/plain; version=0.0.4` or `1.0.0`: timestamps are milliseconds.
    Text,
    /// `application/openmetrics-text`: timestamps are seconds, exemplars, `# EOF` at the end.
    OpenMetrics,
}

impl Format {
    /// The format a `Content-Type` names. An absent or unknown type is read as text, as
    /// Prometheus 2 did and `fallback_scrape_protocol` still can.
    pub fn of_content_type(content_type: &str) -> Self {
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        if media_type.eq_ignore_ascii_case("application/openmetrics-text") {
            Self::OpenMetrics
        } else {
            Self::Text
        }
    }
}

/// What a `# TYPE` line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MetricType {
    Counter,
    Gauge,
    Histogram,
    GaugeHistogram,
    Summary,
    Info,
    StateSet,
    Unknown,
}

impl MetricType {
    /// The word as Prometheus's API writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::GaugeHistogram => "gaugehistogram",
            Self::Summary => "summary",
            Self::Info => "info",
            Self::StateSet => "stateset",
            Self::Unknown => "unknown",
        }
    }

    /// `untyped` is the old text format's word for unknown.
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "counter" => Self::Counter,
            "gauge" => Self::Gauge,
            "histogram" => Self::Histogram,
            "gaugehistogram" => Self::GaugeHistogram,
            "summary" => Self::Summary,
            "info" => Self::Info,
            "stateset" => Self::StateSet,
            "unknown" | "untyped" => Self::Unknown,
            _ => return None,
        })
    }
}

/// One meaningful line of a body.
#[derive(Clone, Debug, PartialEq)]
pub enum Line<'a> {
    Sample(SampleLine<'a>),
    Type {
        family: Cow<'a, str>,
        kind: MetricType,
    },
    Help {
        family: Cow<'a, str>,
        help: Cow<'a, str>,
    },
    Unit {
        family: Cow<'a, str>,
        unit: &'a str,
    },
    /// `# EOF`: the body is whole. Nothing after it is read.
    Eof,
    Rejected(Rejected),
}

/// A sample as it stands in the body.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SampleLine<'a> {
    /// From 1.
    pub line: usize,
    /// The name and labels as written, for example `up{job="a"}`; see [`parse_series`].
    pub series: &'a str,
    pub value: f64,
    pub timestamp: Option<Timestamp>,
    /// What follows `# ` behind the value, as written.
    pub exemplar: Option<&'a str>,
}

/// A line that was left out, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// From 1.
    pub line: usize,
    /// The line's beginning, at most [`REJECTED_TEXT_MAX`] bytes.
    pub text: String,
    pub reason: Reason,
}

/// Enough to recognise a line on the targets page, little enough to keep five of them.
pub const REJECTED_TEXT_MAX: usize = 120;

/// Why a line was left out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    #[error("not valid UTF-8")]
    NotUtf8,
    #[error("a sample needs a value behind its name")]
    NoValue,
    #[error("{0:?} is not a number")]
    BadValue(String),
    #[error("{0:?} is not a timestamp")]
    BadTimestamp(String),
    #[error("{0:?} does not belong behind a sample")]
    Trailing(String),
    #[error("the labels are not closed by }}")]
    UnclosedLabels,
    #[error("a label value is not closed by a quote")]
    UnclosedQuote,
    #[error("the sample has no metric name")]
    NoName,
    #[error("{0:?} is not a metric name; quote it if it is meant")]
    BadName(String),
    #[error("{0:?} is not a label name; quote it if it is meant")]
    BadLabelName(String),
    #[error("label {0:?} needs = and a quoted value")]
    NoLabelValue(String),
    #[error("label {0:?} stands twice")]
    DuplicateLabel(String),
    #[error("expected , or }} before {0:?}")]
    NoComma(String),
    #[error("{0:?} is not a metric type")]
    BadType(String),
    #[error("not a comment this format knows")]
    BadComment,
}

/// What one body held.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exposition {
    /// In the body's order.
    pub samples: Vec<(Labels, f64, Option<Timestamp>)>,
    /// By family name, in the body's order.
    pub families: Vec<MetricFamily>,
    pub rejected: Vec<Rejected>,
}

/// What a body says about all series of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricFamily {
    pub name: String,
    pub kind: MetricType,
    pub help: String,
    pub unit: String,
}

/// Reads a whole body. For bodies that come again and again, walk [`Lines`] with a cache.
pub fn parse(body: &[u8], format: Format) -> Exposition {
    let mut exposition = Exposition::default();
    for line in Lines::new(body, format) {
        match line {
            Line::Sample(sample) => match parse_series(sample.series) {
                Ok(labels) => {
                    exposition
                        .samples
                        .push((labels, sample.value, sample.timestamp));
                }
                Err(reason) => exposition.rejected.push(sample.reject(reason)),
            },
            Line::Type { family, kind } => exposition.family(&family).kind = kind,
            Line::Help { family, help } => exposition.family(&family).help = help.into_owned(),
            Line::Unit { family, unit } => exposition.family(&family).unit = unit.to_owned(),
            Line::Eof => {}
            Line::Rejected(rejected) => exposition.rejected.push(rejected),
        }
    }
    exposition
}

impl Exposition {
    /// The lines of one family stand together, so looking at the last one is enough; a body that
    /// scatters them gets a second entry.
    fn family(&mut self, name: &str) -> &mut MetricFamily {
        if self.families.last().is_none_or(|last| last.name != name) {
            self.families.push(MetricFamily {
                name: name.to_owned(),
                kind: MetricType::Unknown,
                help: String::new(),
                unit: String::new(),
            });
        }
        self.families.last_mut().expect("pushed above")
    }
}

impl SampleLine<'_> {
    /// The line as a rejected one, for a series text that does not split into labels.
    pub fn reject(&self, reason: Reason) -> Rejected {
        Rejected {
            line: self.line,
            text: line::beginning(self.series),
            reason,
        }
    }
}

#[cfg(test)]
mod tests;
