//! An SLI's metrics to an indicator.

use super::SloReader;
use super::document::{Found, annotation, find, get, lines_of_unknown, number, text};
use crate::objective::{Comparison, EventQuery, Indicator, Part, ValueQuery};
use crate::yaml::Node;

/// Engines that speak PromQL, as files name them.
const PROMQL_ENGINES: [&str; 6] = [
    "prometheus",
    "pyrometer",
    "thanos",
    "mimir",
    "cortex",
    "victoriametrics",
];

/// What other tools write for the window of a query.
const WINDOWS: [&str; 6] = [
    "{{.window}}",
    "{{ .window }}",
    "$__rate_interval",
    "$__interval",
    "${window}",
    "$window",
];

pub(super) fn read_indicator<'a>(
    reader: &mut SloReader<'a>,
    node: &'a Node,
    spec: &'a Node,
    item: &'a Node,
) -> Option<Indicator> {
    for (line, name) in lines_of_unknown(spec, &["description", "thresholdMetric", "ratioMetric"]) {
        reader.leave_out(
            line,
            format!("{name} of an indicator is not known and left out"),
        );
    }
    match (get(spec, "ratioMetric"), get(spec, "thresholdMetric")) {
        (Some(ratio), None) => ratio_metric(reader, node, ratio),
        (None, Some(metric)) => threshold_metric(reader, metric, item),
        (Some(both), Some(_)) => {
            reader.refuse(
                both.line,
                "an indicator has either ratioMetric or thresholdMetric",
            );
            None
        }
        (None, None) => {
            reader.refuse(
                spec.line,
                "an indicator needs ratioMetric or thresholdMetric",
            );
            None
        }
    }
}

fn ratio_metric<'a>(
    reader: &mut SloReader<'a>,
    node: &'a Node,
    ratio: &'a Node,
) -> Option<Indicator> {
    if let Some(raw) = get(ratio, "raw") {
        let text = "raw ratios are not read: they do not say how many events they are of; give \
                    good or bad, and total";
        reader.refuse(raw.line, text);
        return None;
    }
    let counter = get(ratio, "counter").and_then(text) == Some("true");
    let (part, field) = match (get(ratio, "good"), get(ratio, "bad")) {
        (Some(good), None) => (Part::Good as fn(EventQuery) -> Part, good),
        (None, Some(bad)) => (Part::Bad as fn(EventQuery) -> Part, bad),
        (Some(both), Some(_)) => {
            reader.refuse(both.line, "a ratioMetric has either good or bad, and total");
            return None;
        }
        (None, None) => {
            reader.refuse(ratio.line, "a ratioMetric needs good or bad, and total");
            return None;
        }
    };
    let Some(total) = get(ratio, "total") else {
        reader.refuse(ratio.line, "a ratioMetric needs total");
        return None;
    };
    let counted = events(reader, field, counter);
    let total = events(reader, total, counter);
    let (part, total) = (part(counted?), total?);
    let measures = annotation(node, "indicator");
    match measures.map(|node| (text(node), node.line)) {
        Some((Some("availability"), _)) => Some(Indicator::Availability { part, total }),
        Some((Some("latency"), line)) => {
            let limit = annotation(node, "latency-limit").map(number);
            let Some(Found::Is(limit)) = limit else {
                reader.refuse(line, "latency needs pyrometer/latency-limit, in seconds");
                return None;
            };
            Some(Indicator::Latency { limit, part, total })
        }
        Some((Some("events"), _)) | None => Some(Indicator::Events { part, total }),
        Some((_, line)) => {
            let text = "pyrometer/indicator must be availability, latency or events";
            reader.refuse(line, text);
            None
        }
    }
}

fn threshold_metric<'a>(
    reader: &mut SloReader<'a>,
    metric: &'a Node,
    item: &'a Node,
) -> Option<Indicator> {
    let query = promql_of(reader, metric);
    let op = get(item, "op").and_then(text);
    let good = Comparison::ALL
        .into_iter()
        .find(|one| Some(one.word()) == op);
    let limit = get(item, "value").map(number);
    let (Some(good), Some(Found::Is(limit))) = (good, limit) else {
        let text = "an objective of a thresholdMetric needs op (lt, lte, gt or gte) and value";
        reader.refuse(item.line, text);
        return None;
    };
    let (line, query) = query?;
    match ValueQuery::new(&query) {
        Ok(query) => Some(Indicator::Threshold { query, good, limit }),
        Err(error) => {
            reader.refuse(line, error.to_string());
            None
        }
    }
}

fn events<'a>(reader: &mut SloReader<'a>, holder: &'a Node, counter: bool) -> Option<EventQuery> {
    let (line, query) = promql_of(reader, holder)?;
    match EventQuery::new(&query, counter) {
        Ok(query) => Some(query),
        Err(error) => {
            reader.refuse(line, error.to_string());
            None
        }
    }
}

/// The query of a metric source, and its line.
fn promql_of<'a>(reader: &mut SloReader<'a>, holder: &'a Node) -> Option<(usize, String)> {
    let Some(source) = get(holder, "metricSource") else {
        reader.refuse(holder.line, "a metric needs metricSource");
        return None;
    };
    let named = get(source, "metricSourceRef").and_then(text);
    let engine = get(source, "type").and_then(text).map(str::to_lowercase);
    let engine = engine.or_else(|| reader.sources.get(named?).cloned());
    if let Some(engine) = engine.filter(|engine| !PROMQL_ENGINES.contains(&engine.as_str())) {
        let text = format!("a source of type {engine:?} cannot be asked; only PromQL can");
        reader.refuse(source.line, text);
        return None;
    }
    let spec = get(source, "spec").unwrap_or(source);
    for (line, name) in lines_of_unknown(spec, &["query", "promql", "metricSourceRef", "type"]) {
        reader.leave_out(line, format!("{name} of a metric source is left out"));
    }
    let query = find(spec, &["query"]).or_else(|| find(spec, &["promql"]));
    let Some((line, query)) = query.and_then(|node| Some((node.line, text(node)?))) else {
        reader.refuse(source.line, "a metricSource needs spec.query, in PromQL");
        return None;
    };
    let mut query = query.to_owned();
    for window in WINDOWS {
        query = query.replace(window, "$w");
    }
    Some((line, query))
}
