//! What an operand stands for.

use std::collections::BTreeMap;
use std::rc::Rc;

use model::Labels;

use super::{TemplateData, TemplateSample, float, humanize};

#[derive(Clone, Debug)]
pub(super) enum Value {
    Nil,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    Labels(Labels),
    /// Everything that the text of an alert can speak of.
    Data,
    Sample(Rc<TemplateSample>),
    /// What `query` found.
    Samples(Rc<[Rc<TemplateSample>]>),
    /// What `args` packed.
    Arguments(Rc<BTreeMap<String, Self>>),
    /// Seconds since the epoch, of `toTime`.
    Moment(f64),
    /// Seconds, of `toDuration`.
    Span(f64),
}

impl Value {
    /// Go's truth: not zero, not empty.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(value) => *value,
            Self::Integer(number) => *number != 0,
            Self::Float(number) => *number != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::Labels(labels) => !labels.is_empty(),
            Self::Samples(samples) => !samples.is_empty(),
            Self::Arguments(arguments) => !arguments.is_empty(),
            Self::Data | Self::Sample(_) | Self::Moment(_) | Self::Span(_) => true,
        }
    }

    /// As Go's `%v`.
    pub(super) fn show(&self, data: &TemplateData<'_>) -> String {
        match self {
            Self::Nil => "<no value>".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Integer(number) => number.to_string(),
            Self::Float(number) => float::general(*number, None),
            Self::Text(text) => text.clone(),
            Self::Labels(labels) => show_labels(labels),
            Self::Data => format!(
                "{{{} {} {} {}}}",
                show_labels(data.labels),
                show_labels(data.external_labels),
                data.external_url,
                float::general(data.value, None)
            ),
            Self::Sample(sample) => show_sample(sample),
            Self::Samples(samples) => {
                let shown: Vec<_> = samples.iter().map(|sample| show_sample(sample)).collect();
                format!("[{}]", shown.join(" "))
            }
            Self::Arguments(arguments) => {
                let pairs = arguments.iter();
                let pairs: Vec<_> = pairs
                    .map(|(name, value)| format!("{name}:{}", value.show(data)))
                    .collect();
                format!("map[{}]", pairs.join(" "))
            }
            Self::Moment(seconds) => humanize::timestamp(*seconds).unwrap_or_default(),
            Self::Span(seconds) => humanize::go_duration(*seconds),
        }
    }

    /// Go's name of its type.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Bool(_) => "bool",
            Self::Integer(_) => "int",
            Self::Float(_) => "float64",
            Self::Text(_) => "string",
            Self::Labels(_) => "map[string]string",
            Self::Data => "struct",
            Self::Sample(_) => "*template.sample",
            Self::Samples(_) => "template.queryResult",
            Self::Arguments(_) => "map[string]interface {}",
            Self::Moment(_) => "*time.Time",
            Self::Span(_) => "*time.Duration",
        }
    }
}

fn show_labels(labels: &Labels) -> String {
    let pairs: Vec<_> = labels.iter().map(|(n, v)| format!("{n}:{v}")).collect();
    format!("map[{}]", pairs.join(" "))
}

fn show_sample(sample: &TemplateSample) -> String {
    let value = float::general(sample.value, None);
    format!("&{{{} {value}}}", show_labels(&sample.labels))
}
