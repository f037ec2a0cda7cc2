//! A mapping as the fields of its file, which `read` takes back.

use model::Matcher;
use serde_json::{Map, Value, json};

use super::{AverageFrom, Limit, Mapping, Measure, NameFrom, RatioFrom, Source, ValueUnit};

impl Mapping {
    /// The fields of a file's entry.
    pub fn to_json(&self) -> Value {
        let mut fields = Map::new();
        let mut set = |name: &str, value: Value| {
            fields.insert(name.to_owned(), value);
        };
        set("name", json!(self.name));
        set("entity", self.entity_json());
        set("kpi", json!(self.measure.name()));
        match &self.measure {
            Measure::Saturation { resource, .. } | Measure::Resource { resource, .. } => {
                set("resource", json!(&**resource));
            }
            _ => {}
        }
        let sources = self.sources();
        let names: &[&str] = match &self.measure {
            Measure::LatencyAverage(AverageFrom::SumAndCount { .. }) => &["sum", "count"],
            Measure::Saturation { .. } => &["metric", "limit"],
            _ => &["metric", "total"],
        };
        for (source, name) in sources.iter().zip(names) {
            set(name, metrics_json(source));
        }
        if let Some(first) = sources.first() {
            set("type", json!(first.metric_type.name()));
            if first.unit != ValueUnit::None {
                set("unit", json!(first.unit.name()));
            }
            if let Some(step) = first.step {
                set("step", json!(model::format_duration(step)));
            }
        }
        if !self.filters.is_empty() {
            set("filters", self.filters.iter().map(matcher_json).collect());
        }
        if let Some(part) = self.measure.condition() {
            set("errors", matcher_json(part));
        }
        if let Measure::LatencyQuantiles { quantiles, .. } = &self.measure {
            set("quantiles", json!(quantiles));
        }
        if let Measure::Saturation {
            limit: Some(Limit::Number(number)),
            ..
        } = &self.measure
        {
            set("limit", json!(number));
        }
        Value::Object(fields)
    }

    fn entity_json(&self) -> Value {
        let mut entity = Map::new();
        entity.insert("type".to_owned(), json!(self.entity.kind.name()));
        match &self.entity.name {
            NameFrom::Labels(names) => entity.insert("label".to_owned(), json!(names)),
            NameFrom::Fixed(name) => entity.insert("name".to_owned(), json!(name)),
            NameFrom::Metric => None,
        };
        if !self.entity.scope.is_empty() {
            let scope = self.entity.scope.iter();
            let scope: Map<String, Value> = scope
                .map(|(name, from)| (name.clone(), json!(from)))
                .collect();
            entity.insert("scope".to_owned(), Value::Object(scope));
        }
        Value::Object(entity)
    }
}

impl Measure {
    /// As files and the API spell it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::RequestRate(_) => "request_rate",
            Self::Errors {
                of_client: false, ..
            } => "errors",
            Self::Errors {
                of_client: true, ..
            } => "client_errors",
            Self::Availability(_) => "availability",
            Self::LatencyAverage(_) => "latency_average",
            Self::LatencyQuantiles { .. } => "latency_quantile",
            Self::Saturation { .. } => "saturation",
            Self::Resource { .. } => "resource",
            Self::Up(_) => "up",
        }
    }

    fn condition(&self) -> Option<&Matcher> {
        match self {
            Self::Errors { from, .. } | Self::Availability(from) => match from {
                RatioFrom::Condition { part, .. } => Some(part),
                RatioFrom::Ready(_) | RatioFrom::Counts { .. } => None,
            },
            _ => None,
        }
    }
}

fn metrics_json(source: &Source) -> Value {
    let names: Vec<String> = source.metrics.iter().map(ToString::to_string).collect();
    match names.as_slice() {
        [name] => json!(name),
        names => json!(names),
    }
}

fn matcher_json(matcher: &Matcher) -> Value {
    let op = match matcher.op() {
        model::MatchOp::Equal => "=",
        model::MatchOp::NotEqual => "!=",
        model::MatchOp::Matches => "=~",
        model::MatchOp::NotMatches => "!~",
    };
    json!({ "label": matcher.name(), "op": op, "value": matcher.value() })
}
