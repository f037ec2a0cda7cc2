//! An objective as an OpenSLO v1 document; reading it back gives the same objective.

use super::document::PREFIX;
use crate::objective::rules::quoted;
use crate::objective::{Counting, EventQuery, Indicator, Objective, Part, Window};

/// The YAML text of one document for each objective.
pub fn write_openslo<'a>(objectives: impl IntoIterator<Item = &'a Objective>) -> String {
    let documents: Vec<String> = objectives.into_iter().map(document).collect();
    documents.join("---\n")
}

/// Lines with their depth.
#[derive(Default)]
struct Lines(String);

impl Lines {
    fn put(&mut self, depth: usize, text: impl AsRef<str>) {
        self.0.push_str(&"  ".repeat(depth));
        self.0.push_str(text.as_ref());
        self.0.push('\n');
    }

    fn field(&mut self, depth: usize, name: &str, value: &str) {
        self.put(depth, format!("{name}: {}", quoted(value)));
    }
}

fn document(objective: &Objective) -> String {
    let mut out = Lines::default();
    out.put(0, "apiVersion: openslo/v1");
    out.put(0, "kind: SLO");
    out.put(0, "metadata:");
    out.field(1, "name", objective.id.as_str());
    out.field(1, "displayName", &objective.title);
    out.put(1, "annotations:");
    for (name, value) in annotations(objective) {
        out.field(2, &format!("{PREFIX}{name}"), &value);
    }
    out.put(0, "spec:");
    if !objective.description.is_empty() {
        out.field(1, "description", &objective.description);
    }
    // Everything has a service in OpenSLO; what has none here stands for itself.
    out.field(
        1,
        "service",
        objective.service().unwrap_or(&objective.entity.name),
    );
    indicator(&mut out, objective);
    window(&mut out, &objective.window);
    let method = match objective.counting {
        Counting::Requests => "Occurrences",
        Counting::Minutes { .. } => "Timeslices",
    };
    out.put(1, format!("budgetingMethod: {method}"));
    out.put(1, "objectives:");
    out.put(2, format!("- target: {}", objective.target.ratio()));
    if let Counting::Minutes { good_from } = objective.counting {
        out.put(3, "timeSliceWindow: 1m");
        out.put(3, format!("timeSliceTarget: {good_from}"));
    }
    if let Indicator::Threshold { good, limit, .. } = &objective.indicator {
        out.put(3, format!("op: {}", good.word()));
        out.put(3, format!("value: {limit}"));
    }
    out.0
}

fn annotations(objective: &Objective) -> Vec<(String, String)> {
    let entity = &objective.entity;
    let mut all = vec![
        ("entity-type".to_owned(), entity.kind.name().to_owned()),
        ("entity".to_owned(), entity.name.to_string()),
    ];
    let scope = entity.scope.iter();
    all.extend(scope.map(|(name, value)| (format!("scope.{name}"), value.to_owned())));
    match &objective.indicator {
        Indicator::Availability { .. } | Indicator::Events { .. } => {
            all.push((
                "indicator".to_owned(),
                objective.indicator.name().to_owned(),
            ));
        }
        Indicator::Latency { limit, .. } => {
            all.push(("indicator".to_owned(), "latency".to_owned()));
            all.push(("latency-limit".to_owned(), limit.to_string()));
        }
        Indicator::Threshold { .. } => {}
    }
    all.push(("floor".to_owned(), objective.floor.to_string()));
    all
}

fn indicator(out: &mut Lines, objective: &Objective) {
    out.put(1, "indicator:");
    out.put(2, "metadata:");
    out.field(3, "name", objective.id.as_str());
    out.put(2, "spec:");
    if let Some((part, total)) = objective.indicator.events() {
        out.put(3, "ratioMetric:");
        let counter = part.query().is_counter() || total.is_counter();
        out.put(4, format!("counter: {counter}"));
        let name = match part {
            Part::Bad(_) => "bad",
            Part::Good(_) => "good",
        };
        source(out, 4, name, part.query());
        source(out, 4, "total", total);
    } else if let Indicator::Threshold { query, .. } = &objective.indicator {
        out.put(3, "thresholdMetric:");
        metric_source(out, 4, query.text());
    }
}

fn source(out: &mut Lines, depth: usize, name: &str, query: &EventQuery) {
    out.put(depth, format!("{name}:"));
    metric_source(out, depth + 1, query.text());
}

fn metric_source(out: &mut Lines, depth: usize, query: &str) {
    out.put(depth, "metricSource:");
    out.put(depth + 1, "type: Prometheus");
    out.put(depth + 1, "spec:");
    out.field(depth + 2, "query", query);
}

fn window(out: &mut Lines, window: &Window) {
    out.put(1, "timeWindow:");
    match window {
        Window::Rolling { days } => {
            out.put(2, format!("- duration: {days}d"));
            out.put(3, "isRolling: true");
        }
        Window::Calendar {
            unit, zone_name, ..
        } => {
            use crate::objective::Calendar::{Month, Quarter, Week};
            // The first Monday that began a year of this century.
            let (duration, start) = match unit {
                Week => ("1w", "2001-01-01 00:00:00"),
                Month => ("1M", "2001-01-01 00:00:00"),
                Quarter => ("1Q", "2001-01-01 00:00:00"),
            };
            out.put(2, format!("- duration: {duration}"));
            out.put(3, "calendar:");
            out.field(4, "startTime", start);
            out.field(4, "timeZone", zone_name);
            out.put(3, "isRolling: false");
        }
    }
}
