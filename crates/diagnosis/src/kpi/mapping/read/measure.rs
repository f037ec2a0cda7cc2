//! The part of a mapping that says what its numbers mean.

use super::condition::read_matcher;
use super::read_names;
use crate::kpi::mapping::{
    AverageFrom, ENTITY_PLACE, Limit, Measure, MetricName, MetricType, RatioFrom, Source, ValueUnit,
};
use crate::reader::{Fields, Mistake, Reader};
use crate::yaml::Value;

/// Quantiles of one mapping; each is one query.
const QUANTILES_MAX: usize = 8;

pub(super) fn read_measure(reader: &mut Reader, fields: &Fields<'_>, kpi: &str) -> Option<Measure> {
    match kpi {
        "request_rate" => {
            let source = read_source(reader, fields, "metric", Wanted::Events)?;
            Some(Measure::RequestRate(source))
        }
        "errors" | "client_errors" => Some(Measure::Errors {
            of_client: kpi == "client_errors",
            from: read_ratio(reader, fields)?,
        }),
        "availability" => Some(Measure::Availability(read_ratio(reader, fields)?)),
        "latency_average" => Some(Measure::LatencyAverage(read_average(reader, fields)?)),
        "latency_quantile" => read_quantiles(reader, fields),
        "saturation" => {
            let resource = reader.required_text(fields, "resource");
            let limit = read_limit(reader, fields);
            let wanted = match fields.get("limit") {
                None => Wanted::Share,
                Some(_) => Wanted::Amount,
            };
            let used = read_source(reader, fields, "metric", wanted)?;
            if limit.is_none() && fields.get("limit").is_some() {
                return None;
            }
            let resource = resource?.into();
            Some(Measure::Saturation {
                resource,
                used,
                limit,
            })
        }
        "resource" => {
            let resource = reader.required_text(fields, "resource");
            let amount = read_source(reader, fields, "metric", Wanted::Amount)?;
            let resource = resource?.into();
            Some(Measure::Resource { resource, amount })
        }
        _ => {
            let source = read_source(reader, fields, "metric", Wanted::Share)?;
            Some(Measure::Up(source))
        }
    }
}

/// What a source is asked for; it decides which types and units make sense.
#[derive(Clone, Copy, PartialEq)]
enum Wanted {
    /// Counters, gauges per time, or the count of a distribution.
    Events,
    /// Gauges of ratio or percent.
    Share,
    /// Gauges of a time.
    Time,
    /// A counter or a gauge of a time: the sum of an average.
    TimeSum,
    /// A histogram or a summary of a time.
    TimeDistribution,
    /// Whatever there is.
    Amount,
}

fn read_source(
    reader: &mut Reader,
    fields: &Fields<'_>,
    field: &'static str,
    wanted: Wanted,
) -> Option<Source> {
    let node = reader.required(fields, field)?;
    let names = read_names(reader, fields, field);
    let line = node.line;
    if names
        .iter()
        .any(|name| name.matches(ENTITY_PLACE).count() > 1)
    {
        let text = "{entity} stands at most once in the name of a metric";
        reader.report(line, Mistake::Contradiction { text });
    }
    let metric_type = read_type(reader, fields, &names)?;
    let unit = read_metric_unit(reader, fields, metric_type, wanted)?;
    let step = reader.duration(fields, "step");
    if step.is_some_and(|step| step.is_zero() || unit != ValueUnit::PerStep) {
        let text = "step is how long an interval is, for values of the unit per_step only";
        reader.report(line, Mistake::Contradiction { text });
    }
    let fits = match wanted {
        Wanted::Events | Wanted::Amount => true,
        Wanted::Share | Wanted::Time => metric_type == MetricType::Gauge,
        Wanted::TimeSum => matches!(metric_type, MetricType::Gauge | MetricType::Counter),
        Wanted::TimeDistribution => true,
    };
    if !fits || (wanted == Wanted::Amount && is_distribution(metric_type)) {
        let found = metric_type.name().to_owned();
        let (field, expected) = ("type".to_owned(), "gauge for this KPI".to_owned());
        let mistake = Mistake::BadValue {
            field,
            found,
            expected,
        };
        reader.report(line, mistake);
    }
    (!names.is_empty()).then(|| Source {
        metrics: names.iter().map(|name| MetricName::new(name)).collect(),
        metric_type,
        unit,
        step,
    })
}

fn is_distribution(metric_type: MetricType) -> bool {
    matches!(metric_type, MetricType::Histogram | MetricType::Summary)
}

/// As it is said; otherwise a counter if the name says so, else a gauge.
fn read_type(reader: &mut Reader, fields: &Fields<'_>, names: &[String]) -> Option<MetricType> {
    if fields.get("type").is_none() {
        let counts = |name: &String| {
            let ends = ["_total", "_count", "_sum"];
            ends.iter().any(|end| name.ends_with(end))
        };
        let counter = !names.is_empty() && names.iter().all(counts);
        return Some(match counter {
            true => MetricType::Counter,
            false => MetricType::Gauge,
        });
    }
    let expected = MetricType::ALL.map(MetricType::name).join(", ");
    let known = |text: &str| MetricType::ALL.into_iter().find(|kind| kind.name() == text);
    reader.parsed(fields, "type", &format!("one of {expected}"), known)
}

fn read_metric_unit(
    reader: &mut Reader,
    fields: &Fields<'_>,
    metric_type: MetricType,
    wanted: Wanted,
) -> Option<ValueUnit> {
    let fits = |unit: ValueUnit| match wanted {
        Wanted::Events if metric_type == MetricType::Gauge => unit.is_flow(),
        Wanted::Events if is_distribution(metric_type) => unit == ValueUnit::None || unit.is_time(),
        Wanted::Events => unit == ValueUnit::None,
        Wanted::Share => unit.is_share(),
        Wanted::Time | Wanted::TimeDistribution => unit.is_time(),
        Wanted::TimeSum => unit.is_time(),
        Wanted::Amount => metric_type == MetricType::Gauge || !unit.is_flow(),
    };
    let units: Vec<ValueUnit> = ValueUnit::ALL.into_iter().filter(|u| fits(*u)).collect();
    if fields.get("unit").is_none() {
        // What can be meant is meant; a gauge of a time must say which.
        if fits(ValueUnit::None) {
            return Some(ValueUnit::None);
        }
        if wanted == Wanted::TimeDistribution {
            return Some(ValueUnit::Seconds);
        }
        reader.required(fields, "unit");
        return None;
    }
    let expected: Vec<&str> = units.iter().map(|unit| unit.name()).collect();
    let known = |text: &str| units.iter().copied().find(|unit| unit.name() == text);
    reader.parsed(
        fields,
        "unit",
        &format!("one of {}", expected.join(", ")),
        known,
    )
}

fn read_ratio(reader: &mut Reader, fields: &Fields<'_>) -> Option<RatioFrom> {
    match (fields.get("errors"), fields.get("total")) {
        (Some(node), Some(_)) => {
            let text = "errors is a condition on the metric of all, total another metric: not both";
            reader.report(node.line, Mistake::Contradiction { text });
            None
        }
        (Some(node), None) => {
            let part = read_matcher(reader, node, "errors");
            let all = read_source(reader, fields, "metric", Wanted::Events)?;
            Some(RatioFrom::Condition { all, part: part? })
        }
        (None, Some(_)) => {
            let part = read_source(reader, fields, "metric", Wanted::Events);
            let all = read_source(reader, fields, "total", Wanted::Events);
            Some(RatioFrom::Counts {
                part: part?,
                all: all?,
            })
        }
        (None, None) => {
            let source = read_source(reader, fields, "metric", Wanted::Share)?;
            Some(RatioFrom::Ready(source))
        }
    }
}

fn read_average(reader: &mut Reader, fields: &Fields<'_>) -> Option<AverageFrom> {
    if fields.get("sum").is_some() || fields.get("count").is_some() {
        let sum = read_source(reader, fields, "sum", Wanted::TimeSum);
        // The unit is that of the sum; what is counted has none.
        let count = read_source(reader, fields, "count", Wanted::TimeSum);
        let unit = ValueUnit::None;
        let count = count.map(|count| Source { unit, ..count })?;
        return Some(AverageFrom::SumAndCount { sum: sum?, count });
    }
    let is_spread = fields.get("type").is_some_and(|node| {
        matches!(&node.value, Value::Scalar(text) if text == "histogram" || text == "summary")
    });
    if is_spread {
        let source = read_source(reader, fields, "metric", Wanted::TimeDistribution)?;
        return Some(AverageFrom::Distribution(source));
    }
    let source = read_source(reader, fields, "metric", Wanted::Time)?;
    Some(AverageFrom::Ready(source))
}

fn read_quantiles(reader: &mut Reader, fields: &Fields<'_>) -> Option<Measure> {
    let source = read_source(reader, fields, "metric", Wanted::TimeDistribution);
    let node = reader.required(fields, "quantiles")?;
    let mut quantiles: Vec<f64> = Vec::new();
    for text in read_names(reader, fields, "quantiles") {
        let quantile = text.parse::<f64>().ok();
        match quantile.filter(|q| (0.0..=1.0).contains(q)) {
            Some(quantile) => quantiles.push(quantile),
            None => {
                let mistake = Mistake::BadValue {
                    field: "quantiles".to_owned(),
                    found: text,
                    expected: "a number from 0 to 1".to_owned(),
                };
                reader.report(node.line, mistake);
            }
        }
    }
    let source = source?;
    let text = match source.metric_type {
        MetricType::Counter => Some("a counter has no quantiles; name a histogram or a gauge"),
        MetricType::Gauge if quantiles.len() != 1 => {
            Some("a gauge is one quantile; the others are mappings of their own")
        }
        _ if quantiles.is_empty() || quantiles.len() > QUANTILES_MAX => {
            Some("one to eight quantiles are asked for")
        }
        MetricType::Gauge | MetricType::Histogram | MetricType::Summary => None,
    };
    if let Some(text) = text {
        reader.report(node.line, Mistake::Contradiction { text });
    }
    Some(Measure::LatencyQuantiles { source, quantiles })
}

/// A number, or the name of a metric.
fn read_limit(reader: &mut Reader, fields: &Fields<'_>) -> Option<Limit> {
    let node = fields.get("limit")?;
    let text = reader.scalar(node, "limit")?;
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 => Some(Limit::Number(number)),
        Ok(_) => {
            let mistake = Mistake::BadValue {
                field: "limit".to_owned(),
                found: text.to_owned(),
                expected: "a number above 0, or the name of a metric".to_owned(),
            };
            reader.report(node.line, mistake);
            None
        }
        Err(_) => Some(Limit::Metric(Source {
            metrics: vec![MetricName::new(text)],
            metric_type: MetricType::Gauge,
            unit: ValueUnit::None,
            step: None,
        })),
    }
}
