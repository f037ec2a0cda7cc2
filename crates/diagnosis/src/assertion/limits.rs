//! The limits of one KPI: defaults, and what users say of it in `thresholds.yml`
//! (docs/formats/thresholds.md).

use crate::graph::EntityKey;
use crate::kpi::KpiKind;
use crate::reader::{Fields, Mistake, Problem, Reader, read_document};
use crate::yaml::{Node, Value};

/// Entries of a file that are read.
pub const THRESHOLDS_MAX: usize = 500;

/// Names of assertions that come from KPIs, as files, series and the API spell them.
pub const NAMES: [&str; 14] = [
    "request_rate_anomaly",
    "traffic_loss",
    "error_ratio_anomaly",
    "error_ratio_breach",
    "error_buildup",
    "client_error_anomaly",
    "latency_anomaly",
    "latency_breach",
    "latency_buildup",
    "resource_anomaly",
    "saturation",
    "saturation_forecast",
    "down",
    "change",
];

/// What one KPI of one entity is held to. Where each number comes from: docs/assertions.md.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Of errors, 0 to 1.
    pub error_ratio: f64,
    /// The limit that errors of yesterday may raise it to.
    pub error_ratio_cap: f64,
    /// Fixed limit of this latency, seconds; `None`: it is learned.
    pub latency: Option<f64>,
    /// No learned limit is below this, seconds.
    pub latency_floor: f64,
    /// A latency is too high only if it is this many times the usual.
    pub latency_factor: f64,
    pub saturation_warning: f64,
    pub saturation_critical: f64,
    /// A resource that is used up within this, seconds, is worth a word.
    pub forecast_seconds: f64,
    /// …if it is used this much already.
    pub forecast_level: f64,
    /// Share of good requests, or minutes, that the error budget is reckoned from.
    pub objective: f64,
    /// Assertions that are not judged.
    pub off: Vec<String>,
    /// Assertions of it are never told anybody, though they are judged.
    pub is_quiet: bool,
}

impl Limits {
    pub fn of(kind: &KpiKind) -> Self {
        let (warning, critical) = match kind {
            KpiKind::Saturation(resource) => match &**resource {
                // Busy is not broken; at its limit it is.
                "cpu" => (0.8, 0.95),
                "memory" | "disk" | "inodes" => (0.85, 0.95),
                _ => (0.8, 0.9),
            },
            _ => (0.8, 0.9),
        };
        Self {
            error_ratio: 0.1,
            error_ratio_cap: 0.5,
            latency: None,
            latency_floor: 0.05,
            latency_factor: 2.0,
            saturation_warning: warning,
            saturation_critical: critical,
            forecast_seconds: 4.0 * 3600.0,
            forecast_level: 0.6,
            objective: 0.99,
            off: Vec::new(),
            is_quiet: false,
        }
    }

    pub fn is_off(&self, name: &str) -> bool {
        self.off.iter().any(|off| off == name || off == "all")
    }

    /// The number that a file calls `name`, and what it may be.
    fn field(&mut self, name: &str) -> Option<(&mut f64, f64, f64)> {
        Some(match name {
            "error_ratio" => (&mut self.error_ratio, 0.0, 1.0),
            "error_ratio_cap" => (&mut self.error_ratio_cap, 0.0, 1.0),
            "latency" => (self.latency.get_or_insert(0.0), 0.0, 86_400.0),
            "latency_floor" => (&mut self.latency_floor, 0.0, 86_400.0),
            "latency_factor" => (&mut self.latency_factor, 1.0, 1000.0),
            "saturation_warning" => (&mut self.saturation_warning, 0.0, 10.0),
            "saturation_critical" => (&mut self.saturation_critical, 0.0, 10.0),
            "forecast_seconds" => (&mut self.forecast_seconds, 0.0, 30.0 * 86_400.0),
            "forecast_level" => (&mut self.forecast_level, 0.0, 1.0),
            "objective" => (&mut self.objective, 0.5, 0.99999),
            _ => return None,
        })
    }
}

/// Names of the numbers that a file can set.
const FIELDS: &str = "error_ratio, error_ratio_cap, latency, latency_floor, latency_factor, \
     saturation_warning, saturation_critical, forecast_seconds, forecast_level, objective";

/// A user's thresholds, in the order of the file: the last one that is about a KPI decides.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Thresholds(Vec<Threshold>);

/// One entry.
#[derive(Clone, Debug, PartialEq)]
struct Threshold {
    /// Lower case; `None`: any.
    kind: Option<String>,
    /// May end in `*`; `None`: any.
    name: Option<String>,
    scope: Vec<(String, String)>,
    kpi: Option<KpiKind>,
    set: Vec<(String, f64)>,
    off: Vec<String>,
    notify: Option<bool>,
}

impl Thresholds {
    /// Reads a file. A bad entry costs itself only.
    pub fn read(text: &str) -> (Self, Vec<Problem>) {
        let root = match read_document(text) {
            Ok(root) => root,
            Err(problem) => return (Self::default(), vec![problem]),
        };
        if root.value == Value::Null {
            return (Self::default(), Vec::new());
        }
        let mut reader = Reader::default();
        let fields = reader.fields(&root, "a thresholds file", &["thresholds"]);
        let nodes = fields.map_or(&[] as &[Node], |f| reader.list(&f, "thresholds"));
        let mut entries = Vec::new();
        for node in nodes.iter().take(THRESHOLDS_MAX) {
            let n_problems = reader.problems.len();
            let entry = read_threshold(&mut reader, node);
            entries.extend(entry.filter(|_| reader.problems.len() == n_problems));
        }
        if let Some(node) = nodes.get(THRESHOLDS_MAX) {
            let text = "more than 500 thresholds; this one and those below are not used";
            reader.report(node.line, Mistake::Contradiction { text });
        }
        reader.problems.sort_by_key(|problem| problem.line);
        (Self(entries), reader.problems)
    }

    /// Entries that can be used.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn limits(&self, entity: &EntityKey, kind: &KpiKind) -> Limits {
        let mut limits = Limits::of(kind);
        for entry in self.0.iter().filter(|entry| entry.is_about(entity, kind)) {
            for (name, value) in &entry.set {
                if let Some((field, _, _)) = limits.field(name) {
                    *field = *value;
                }
            }
            limits.off.extend(entry.off.iter().cloned());
            limits.is_quiet = entry.notify.map_or(limits.is_quiet, |notify| !notify);
        }
        limits
    }
}

impl Threshold {
    fn is_about(&self, entity: &EntityKey, kind: &KpiKind) -> bool {
        let names = |name: &String| match name.strip_suffix('*') {
            Some(start) => entity.name.starts_with(start),
            None => *entity.name == **name,
        };
        self.kind
            .as_deref()
            .is_none_or(|kind| kind == entity.kind.name())
            && self.name.as_ref().is_none_or(names)
            && self.kpi.as_ref().is_none_or(|kpi| kpi == kind)
            && self
                .scope
                .iter()
                .all(|(name, value)| entity.scope.get(name) == Some(value))
    }
}

fn read_threshold(reader: &mut Reader, node: &Node) -> Option<Threshold> {
    let known = [
        "entity", "name", "where", "kpi", "set", "off", "notify", "reason",
    ];
    let fields = reader.fields(node, "a threshold", &known)?;
    reader.text(&fields, "reason");
    let expected = "a KPI, such as error_ratio, latency_p95 or saturation:cpu";
    let entry = Threshold {
        kind: reader
            .text(&fields, "entity")
            .map(|kind| kind.to_lowercase()),
        name: reader.text(&fields, "name"),
        scope: read_scope(reader, &fields),
        kpi: reader.parsed(&fields, "kpi", expected, KpiKind::parse),
        set: read_set(reader, &fields),
        off: read_off(reader, &fields),
        notify: reader.flag(&fields, "notify"),
    };
    if ["set", "off", "notify"]
        .iter()
        .all(|name| fields.get(name).is_none())
    {
        let text = "a threshold sets limits (set), takes assertions away (off) or says whether \
                    they may be told (notify)";
        reader.report(node.line, Mistake::Contradiction { text });
    }
    Some(entry)
}

fn read_scope(reader: &mut Reader, fields: &Fields<'_>) -> Vec<(String, String)> {
    let mut scope = Vec::new();
    for field in reader.entries(fields, "where") {
        if let Some(value) = reader.scalar(&field.value, &field.name) {
            scope.push((field.name.clone(), value.to_owned()));
        }
    }
    scope
}

fn read_set(reader: &mut Reader, fields: &Fields<'_>) -> Vec<(String, f64)> {
    let mut set = Vec::new();
    for field in reader.entries(fields, "set") {
        let Some(text) = reader.scalar(&field.value, &field.name) else {
            continue;
        };
        let mut limits = Limits::of(&KpiKind::ErrorRatio);
        let Some((_, min, max)) = limits.field(&field.name) else {
            let mistake = Mistake::UnknownField {
                context: "set",
                field: field.name.clone(),
                known: FIELDS.to_owned(),
            };
            reader.report(field.line, mistake);
            continue;
        };
        match text.parse::<f64>().ok().filter(|v| (min..=max).contains(v)) {
            Some(value) => set.push((field.name.clone(), value)),
            None => {
                let mistake = Mistake::BadValue {
                    field: field.name.clone(),
                    found: text.to_owned(),
                    expected: format!("a number from {min} to {max}"),
                };
                reader.report(field.line, mistake);
            }
        }
    }
    set
}

fn read_off(reader: &mut Reader, fields: &Fields<'_>) -> Vec<String> {
    let line = fields.get("off").map_or(fields.line, |node| node.line);
    let names = match fields.get("off").map(|node| &node.value) {
        Some(Value::Scalar(text)) => vec![text.clone()],
        _ => reader.texts(fields, "off"),
    };
    for name in &names {
        if name != "all" && !NAMES.contains(&name.as_str()) {
            let mistake = Mistake::BadValue {
                field: "off".to_owned(),
                found: name.clone(),
                expected: format!("all or one of {}", NAMES.join(", ")),
            };
            reader.report(line, mistake);
        }
    }
    names
}
