//! One panel.

use serde_json::Value;

use super::{LegacyPlace, is_true, list, number_of, text_of};
use crate::exchange::imported::{Panel, PanelKind, Place, Query, Threshold};

/// Grafana's types and what shows them here. The second group is of versions before 8 and of
/// plug-ins that Grafana itself took over.
const KINDS: [(&str, PanelKind); 19] = [
    ("timeseries", PanelKind::Timeseries),
    ("trend", PanelKind::Timeseries),
    ("stat", PanelKind::Stat),
    ("gauge", PanelKind::Gauge),
    ("bargauge", PanelKind::Bar),
    ("barchart", PanelKind::Bar),
    ("piechart", PanelKind::Bar),
    ("table", PanelKind::Table),
    ("heatmap", PanelKind::Heatmap),
    ("histogram", PanelKind::Heatmap),
    ("state-timeline", PanelKind::States),
    ("status-history", PanelKind::States),
    ("text", PanelKind::Text),
    ("graph", PanelKind::Timeseries),
    ("singlestat", PanelKind::Stat),
    ("table-old", PanelKind::Table),
    ("grafana-piechart-panel", PanelKind::Bar),
    ("grafana-polystat-panel", PanelKind::Stat),
    ("natel-discrete-panel", PanelKind::States),
];

/// What Grafana shows and this cannot, and why.
const WITHOUT: [(&str, &str); 12] = [
    ("logs", "it shows logs, which are not kept here"),
    ("traces", "it shows traces, which are not kept here"),
    ("flamegraph", "it shows profiles, which are not kept here"),
    ("alertlist", "it lists alerts: see the page Alerts"),
    ("dashlist", "it lists dashboards: see the page Dashboards"),
    ("annolist", "it lists annotations, which are not kept here"),
    ("news", "it reads a feed from the network"),
    ("geomap", "maps are not drawn here"),
    (
        "nodeGraph",
        "graphs of nodes are not drawn from queries here",
    ),
    ("canvas", "free drawings are not shown here"),
    ("candlestick", "candlesticks are not drawn here"),
    (
        "xychart",
        "charts over something else than time are not drawn here",
    ),
];

pub(super) fn title(value: &Value) -> String {
    let title = text_of(value, "title").filter(|title| !title.is_empty());
    title.unwrap_or("Untitled panel").to_owned()
}

/// Reads a panel, or says why it cannot be shown.
pub(super) fn read(value: &Value, id: u64, place: Option<LegacyPlace>) -> Result<Panel, String> {
    let kind = kind(value)?;
    let mut remarks = Vec::new();
    let queries = queries(value, &mut remarks)?;
    if kind != PanelKind::Text && queries.is_empty() {
        return Err("it has no query".to_owned());
    }
    let defaults = value
        .pointer("/fieldConfig/defaults")
        .unwrap_or(&Value::Null);
    let axis = value.pointer("/yaxes/0").unwrap_or(&Value::Null);
    let either = |field: &str| {
        defaults
            .get(field)
            .or_else(|| axis.get(field))
            .and_then(number_of)
    };
    let unit = text_of(defaults, "unit").or_else(|| text_of(axis, "format"));
    let unit = unit
        .or_else(|| text_of(value, "format"))
        .unwrap_or_default();
    remark_simplified(value, &mut remarks);
    Ok(Panel {
        id,
        title: text_of(value, "title").unwrap_or_default().to_owned(),
        help: text_of(value, "description").unwrap_or_default().to_owned(),
        kind,
        unit: unit.to_owned(),
        decimals: defaults
            .get("decimals")
            .or_else(|| value.get("decimals"))
            .and_then(Value::as_u64),
        min: either("min"),
        max: either("max"),
        stack: is_stacked(value, defaults),
        thresholds: thresholds(value, defaults),
        queries,
        text: match kind {
            PanelKind::Text => text(value),
            _ => String::new(),
        },
        repeat: text_of(value, "repeat")
            .filter(|name| !name.is_empty())
            .map(str::to_owned),
        place: place_of(value, place),
        remarks,
    })
}

fn kind(value: &Value) -> Result<PanelKind, String> {
    if value.get("libraryPanel").is_some() && list(value, "targets").is_none() {
        return Err(
            "it is a library panel: its queries are in Grafana, not in this file".to_owned(),
        );
    }
    let Some(name) = text_of(value, "type") else {
        return Err("it has no type".to_owned());
    };
    let known = KINDS.iter().find(|(candidate, _)| *candidate == name);
    if let Some((_, kind)) = known {
        return Ok(*kind);
    }
    let reason = WITHOUT.iter().find(|(candidate, _)| *candidate == name);
    Err(match reason {
        Some((_, reason)) => (*reason).to_owned(),
        None => format!("panels of the type {name:?} are not known here"),
    })
}

fn queries(value: &Value, remarks: &mut Vec<String>) -> Result<Vec<Query>, String> {
    let mut queries = Vec::new();
    let mut foreign = None;
    for target in list(value, "targets").unwrap_or_default() {
        let source = data_source(target).or_else(|| data_source(value));
        match (source, text_of(target, "expr")) {
            (Some(source), _) if !is_prometheus(source) => foreign = Some(source.to_owned()),
            (_, Some(expr)) if !expr.trim().is_empty() => {
                if is_true(target, "hide") {
                    remarks.push(format!("a hidden query is left out: {expr}"));
                    continue;
                }
                queries.push(Query {
                    expr: expr.trim().to_owned(),
                    legend: text_of(target, "legendFormat")
                        .unwrap_or_default()
                        .to_owned(),
                    instant: is_true(target, "instant"),
                });
            }
            _ => {}
        }
    }
    match foreign {
        Some(source) if queries.is_empty() => Err(format!("it asks {source}, not Prometheus")),
        Some(source) => {
            remarks.push(format!("its queries to {source} are left out"));
            Ok(queries)
        }
        None => Ok(queries),
    }
}

/// The type of a data source; none where it is named only, or by a variable.
fn data_source(value: &Value) -> Option<&str> {
    let source = value.get("datasource")?;
    if text_of(source, "uid") == Some("__expr__") {
        return Some("Grafana's expressions");
    }
    text_of(source, "type").filter(|kind| !kind.starts_with('$'))
}

fn is_prometheus(source: &str) -> bool {
    // Grafana's own mixture names no source of its own; its targets do.
    ["prometheus", "datasource", "mixed"].contains(&source)
        || source.ends_with("-prometheus-datasource")
}

fn is_stacked(value: &Value, defaults: &Value) -> bool {
    let mode = defaults
        .pointer("/custom/stacking/mode")
        .and_then(Value::as_str);
    mode.is_some_and(|mode| mode != "none") || is_true(value, "stack")
}

fn thresholds(value: &Value, defaults: &Value) -> Vec<Threshold> {
    let steps = defaults
        .pointer("/thresholds/steps")
        .and_then(Value::as_array);
    let legacy = value.get("thresholds");
    let mut found: Vec<Threshold> = match (steps, legacy) {
        (Some(steps), _) => steps.iter().filter_map(step).collect(),
        (None, Some(Value::Array(lines))) => lines.iter().filter_map(step).collect(),
        // Of a singlestat: two numbers, and three colours for what is between them.
        (None, Some(Value::String(numbers))) => {
            let colours = super::texts(value, "colors");
            let colour = |place: usize| colours.get(place + 1).cloned().unwrap_or_default();
            let numbers = numbers.split(',').enumerate();
            let threshold = |(place, text): (usize, &str)| {
                let value = text
                    .trim()
                    .parse()
                    .ok()
                    .filter(|value: &f64| value.is_finite())?;
                let colour = colour(place);
                Some(Threshold { value, colour })
            };
            numbers.filter_map(threshold).collect()
        }
        _ => Vec::new(),
    };
    found.sort_by(|a, b| a.value.total_cmp(&b.value));
    found
}

/// One with a bound; the first step of Grafana's has none.
fn step(value: &Value) -> Option<Threshold> {
    let colour = text_of(value, "color").or_else(|| text_of(value, "colorMode"));
    Some(Threshold {
        value: value.get("value").and_then(number_of)?,
        colour: colour.unwrap_or_default().to_owned(),
    })
}

fn text(value: &Value) -> String {
    let options = value.get("options").unwrap_or(value);
    let content = text_of(options, "content").or_else(|| text_of(value, "content"));
    content.unwrap_or_default().to_owned()
}

fn place_of(value: &Value, legacy: Option<LegacyPlace>) -> Place {
    let (x, y, width, height) = legacy.unwrap_or_else(|| {
        let read = |axis, otherwise| {
            let found = value.get("gridPos").and_then(|place| place.get(axis));
            found.and_then(Value::as_u64).unwrap_or(otherwise)
        };
        (read("x", 0), read("y", 0), read("w", 12), read("h", 8))
    });
    Place {
        x: x.min(23),
        y,
        width: width.clamp(1, 24),
        height: height.clamp(1, 100),
    }
}

/// What changes the look or the numbers in Grafana and does not here.
fn remark_simplified(value: &Value, remarks: &mut Vec<String>) {
    let transformations = list(value, "transformations").unwrap_or_default();
    let names: Vec<&str> = transformations
        .iter()
        .filter_map(|one| text_of(one, "id"))
        .collect();
    if !names.is_empty() {
        remarks.push(format!(
            "the data is not transformed ({}); the queries are the same",
            names.join(", ")
        ));
    }
    let overrides = value
        .pointer("/fieldConfig/overrides")
        .and_then(Value::as_array);
    if overrides.is_some_and(|overrides| !overrides.is_empty()) {
        remarks.push("settings of single series (colours, axes) are not taken over".to_owned());
    }
    if let Some(shift) = text_of(value, "timeShift").filter(|shift| !shift.is_empty()) {
        remarks.push(format!("it is not shifted in time by {shift}"));
    }
}
