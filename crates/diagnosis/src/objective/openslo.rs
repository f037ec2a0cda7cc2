//! OpenSLO v1 documents to objectives, and back.
//!
//! What has no counterpart here is told with its line: it is either left out, or, where leaving it
//! out would change what the objective means, the objective is refused. What OpenSLO has no word
//! for stands in annotations that begin with `pyrometer/`; docs/formats/objectives.md lists them.

mod document;
mod metric;
mod time;
mod write;

use std::collections::BTreeMap;

use super::{
    Counting, Indicator, MINUTE_TARGET, OBJECTIVES_MAX, Objective, ObjectiveId, Target, Window,
};
use crate::notify::Zone;
use crate::reader::YAML_BYTES_MAX;
use crate::yaml::{NODES_MAX, Node, Value, parse_all};

use self::document::{Found, entity_of, find, get, lines_of_unknown, number, text};
use self::metric::read_indicator;
pub use self::write::write_openslo;

/// What a file holds. One bad document costs itself only.
#[derive(Clone, Debug, Default)]
pub struct OpenSlo {
    pub objectives: Vec<Objective>,
    /// In the order of the file.
    pub remarks: Vec<Remark>,
}

/// Something in a file that is not taken as it stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {text}")]
pub struct Remark {
    pub line: usize,
    pub text: String,
    /// Whether an objective is lost by it; otherwise only this part is left out.
    pub refuses: bool,
}

/// Reads one file. `zone` gives the time zone of a name.
pub fn read_openslo(source: &str, zone: &dyn Fn(&str) -> Result<Zone, String>) -> OpenSlo {
    let mut reader = SloReader {
        zone,
        indicators: BTreeMap::new(),
        sources: BTreeMap::new(),
        found: OpenSlo::default(),
    };
    if source.len() > YAML_BYTES_MAX {
        reader.refuse(
            1,
            format!("the file is larger than {} MiB", YAML_BYTES_MAX >> 20),
        );
        return reader.found;
    }
    let (documents, error) = parse_all(source, NODES_MAX);
    let mut objects: Vec<&Node> = Vec::new();
    for document in &documents {
        match &document.value {
            Value::List(items) => objects.extend(items),
            Value::Null => {}
            Value::Map(_) | Value::Scalar(_) => objects.push(document),
        }
    }
    for node in &objects {
        reader.remember(node);
    }
    for node in &objects {
        reader.object(node);
    }
    if let Some(error) = error {
        reader.refuse(
            error.line,
            format!("no YAML from here on: {}", error.reason),
        );
    }
    reader.found.remarks.sort_by_key(|remark| remark.line);
    reader.found
}

pub(super) struct SloReader<'a> {
    zone: &'a dyn Fn(&str) -> Result<Zone, String>,
    /// `spec` of each SLI, by name.
    indicators: BTreeMap<String, &'a Node>,
    /// `type` of each data source, in lower case, by name.
    sources: BTreeMap<String, String>,
    found: OpenSlo,
}

impl<'a> SloReader<'a> {
    fn refuse(&mut self, line: usize, text: impl Into<String>) {
        self.found.remarks.push(Remark {
            line,
            text: text.into(),
            refuses: true,
        });
    }

    fn leave_out(&mut self, line: usize, text: impl Into<String>) {
        self.found.remarks.push(Remark {
            line,
            text: text.into(),
            refuses: false,
        });
    }

    /// What other objects may refer to, wherever it stands.
    fn remember(&mut self, node: &'a Node) {
        let Some(name) = find(node, &["metadata", "name"]).and_then(text) else {
            return;
        };
        match get(node, "kind").and_then(text) {
            Some("SLI") => {
                if let Some(spec) = get(node, "spec") {
                    self.indicators.insert(name.to_owned(), spec);
                }
            }
            Some("DataSource") => {
                let kind = find(node, &["spec", "type"])
                    .and_then(text)
                    .unwrap_or_default();
                self.sources.insert(name.to_owned(), kind.to_lowercase());
            }
            _ => {}
        }
    }

    fn object(&mut self, node: &'a Node) {
        let kind = get(node, "kind").and_then(text);
        let version = get(node, "apiVersion").and_then(text).unwrap_or_default();
        if node.fields().is_none() {
            return self.refuse(node.line, "an OpenSLO object is a set of fields");
        }
        if version != "openslo/v1" {
            let text = format!("apiVersion is {version:?}; only openslo/v1 is read");
            return self.refuse(node.line, text);
        }
        match kind {
            Some("SLO") => self.slo(node),
            Some("SLI" | "Service" | "DataSource") => {}
            Some(kind @ ("AlertPolicy" | "AlertCondition" | "AlertNotificationTarget")) => {
                let text = format!(
                    "{kind} is left out: every objective has three burn alerts, and routes of the \
                     notifications say who is told"
                );
                self.leave_out(node.line, text);
            }
            Some(other) => self.refuse(node.line, format!("there is no kind {other:?}")),
            None => self.refuse(node.line, "an object needs the field \"kind\""),
        }
    }

    fn slo(&mut self, node: &'a Node) {
        let before = self
            .found
            .remarks
            .iter()
            .filter(|remark| remark.refuses)
            .count();
        let Some(spec) = get(node, "spec").filter(|spec| spec.fields().is_some()) else {
            return self.refuse(node.line, "an SLO needs the field \"spec\"");
        };
        for (line, name) in lines_of_unknown(spec, &SPEC_FIELDS) {
            self.leave_out(line, format!("spec.{name} is not known and left out"));
        }
        if let Some(policies) = get(spec, "alertPolicies")
            && !matches!(&policies.value, Value::List(items) if items.is_empty())
        {
            let text = "alertPolicies are left out: every objective has three burn alerts";
            self.leave_out(policies.line, text);
        }
        let window = self.window(spec);
        let list = match get(spec, "objectives").map(|node| (&node.value, node.line)) {
            Some((Value::List(items), _)) if !items.is_empty() => items,
            _ => {
                return self.refuse(
                    spec.line,
                    "an SLO needs \"objectives\", a list of one or more",
                );
            }
        };
        let mut made = Vec::new();
        for (index, item) in list.iter().enumerate() {
            made.extend(self.objective(node, spec, item, index, list.len(), window.as_ref()));
        }
        let after = self
            .found
            .remarks
            .iter()
            .filter(|remark| remark.refuses)
            .count();
        if after == before {
            for objective in made {
                self.keep(node.line, objective);
            }
        }
    }

    fn keep(&mut self, line: usize, objective: Objective) {
        if self.found.objectives.len() >= OBJECTIVES_MAX {
            let text = format!("there are more than {OBJECTIVES_MAX} objectives");
            return self.refuse(line, text);
        }
        let same = |other: &Objective| other.id == objective.id;
        if self.found.objectives.iter().any(same) {
            return self.refuse(line, format!("the name {} stands twice", objective.id));
        }
        self.found.objectives.push(objective);
    }

    fn objective(
        &mut self,
        node: &'a Node,
        spec: &'a Node,
        item: &'a Node,
        index: usize,
        count: usize,
        window: Option<&Window>,
    ) -> Option<Objective> {
        for (line, name) in lines_of_unknown(item, &OBJECTIVE_FIELDS) {
            self.leave_out(line, format!("{name} of an objective is left out"));
        }
        let id = self.id(node, index)?;
        let target = self.target(item)?;
        let source = self.indicator_spec(spec, item)?;
        let indicator = read_indicator(self, node, source, item)?;
        let counting = self.counting(spec, item, &indicator)?;
        let entity = match entity_of(node, spec) {
            Ok(entity) => entity,
            Err((line, text)) => {
                self.refuse(line, text);
                return None;
            }
        };
        let words = |at: &'a Node, path: &[&str]| find(at, path).and_then(text);
        let title = words(node, &["metadata", "displayName"]).unwrap_or(id.as_str());
        let title = match words(item, &["displayName"]) {
            Some(own) if count > 1 => format!("{title}: {own}"),
            _ => title.to_owned(),
        };
        let floor = document::annotation(node, "floor");
        let floor = match floor.map(|node| (number(node), node.line)) {
            None => counting.default_floor(),
            Some((Found::Is(floor), _)) => floor,
            Some((Found::Not, line)) => {
                self.refuse(line, "pyrometer/floor must be a number");
                return None;
            }
        };
        let objective = Objective {
            title,
            description: words(spec, &["description"]).unwrap_or_default().to_owned(),
            id,
            entity,
            indicator,
            counting,
            target,
            window: window?.clone(),
            floor,
        };
        let problems = objective.problems();
        for problem in &problems {
            self.refuse(item.line, problem.to_string());
        }
        problems.is_empty().then_some(objective)
    }

    fn id(&mut self, node: &'a Node, index: usize) -> Option<ObjectiveId> {
        let Some(name) = find(node, &["metadata", "name"]).and_then(text) else {
            self.refuse(node.line, "an SLO needs metadata.name");
            return None;
        };
        match ObjectiveId::new(name) {
            Ok(id) if index == 0 => Some(id),
            Ok(id) => Some(id.numbered(index + 1)),
            Err(error) => {
                let line = find(node, &["metadata", "name"]).map_or(node.line, |name| name.line);
                self.refuse(line, error.to_string());
                None
            }
        }
    }

    fn target(&mut self, item: &Node) -> Option<Target> {
        let (field, scale) = match (get(item, "target"), get(item, "targetPercent")) {
            (Some(field), None) => (field, 1.0),
            (None, Some(field)) => (field, 100.0),
            (Some(field), Some(_)) => {
                self.refuse(
                    field.line,
                    "an objective has either target or targetPercent",
                );
                return None;
            }
            (None, None) => {
                self.refuse(item.line, "an objective needs target or targetPercent");
                return None;
            }
        };
        let Found::Is(value) = number(field) else {
            self.refuse(field.line, "the target must be a number");
            return None;
        };
        // 99.95 / 100 has digits that nobody typed.
        match Target::new((value / scale * 1e12).round() / 1e12) {
            Ok(target) => Some(target),
            Err(error) => {
                self.refuse(field.line, error.to_string());
                None
            }
        }
    }

    fn indicator_spec(&mut self, spec: &'a Node, item: &'a Node) -> Option<&'a Node> {
        let holder = [item, spec]
            .into_iter()
            .find(|node| get(node, "indicator").is_some() || get(node, "indicatorRef").is_some());
        let Some(holder) = holder else {
            self.refuse(spec.line, "an SLO needs indicator or indicatorRef");
            return None;
        };
        if let Some(inline) = get(holder, "indicator") {
            let found = get(inline, "spec");
            if found.is_none() {
                self.refuse(inline.line, "an indicator needs the field \"spec\"");
            }
            return found;
        }
        let named = get(holder, "indicatorRef")?;
        let name = text(named).unwrap_or_default();
        let found = self.indicators.get(name).copied();
        if found.is_none() {
            let text =
                format!("indicatorRef names {name:?}, but this file has no SLI of that name");
            self.refuse(named.line, text);
        }
        found
    }

    fn counting(
        &mut self,
        spec: &'a Node,
        item: &'a Node,
        indicator: &Indicator,
    ) -> Option<Counting> {
        let method = get(spec, "budgetingMethod");
        let threshold = matches!(indicator, Indicator::Threshold { .. });
        match method.and_then(text) {
            Some("Occurrences") if threshold => {
                let line = method.map_or(spec.line, |node| node.line);
                let text = "a threshold is judged by the minute, which is Timeslices of 1m";
                self.leave_out(line, text);
                Some(Counting::Minutes {
                    good_from: MINUTE_TARGET,
                })
            }
            None if threshold => Some(Counting::Minutes {
                good_from: MINUTE_TARGET,
            }),
            None | Some("Occurrences") => Some(Counting::Requests),
            Some("Timeslices") => self.slices(item, threshold),
            Some(other) => {
                let line = method.map_or(spec.line, |node| node.line);
                let text = format!(
                    "budgetingMethod {other:?} is not known here; take Occurrences or \
                    Timeslices"
                );
                self.refuse(line, text);
                None
            }
        }
    }

    fn slices(&mut self, item: &'a Node, threshold: bool) -> Option<Counting> {
        if let Some(window) = get(item, "timeSliceWindow")
            && !matches!(text(window), Some("1m" | "1" | "60s"))
        {
            let text = "timeSliceWindow must be 1m: slices are minutes here";
            self.refuse(window.line, text);
            return None;
        }
        let good_from = match get(item, "timeSliceTarget").map(|node| (number(node), node.line)) {
            Some((Found::Is(share), _)) => share,
            Some((Found::Not, line)) => {
                self.refuse(line, "timeSliceTarget must be a number");
                return None;
            }
            None => {
                if !threshold {
                    let text = format!("timeSliceTarget is missing; {MINUTE_TARGET} is taken");
                    self.leave_out(item.line, text);
                }
                MINUTE_TARGET
            }
        };
        Some(Counting::Minutes { good_from })
    }
}

const SPEC_FIELDS: [&str; 8] = [
    "description",
    "service",
    "indicator",
    "indicatorRef",
    "timeWindow",
    "budgetingMethod",
    "objectives",
    "alertPolicies",
];

const OBJECTIVE_FIELDS: [&str; 9] = [
    "displayName",
    "op",
    "value",
    "target",
    "targetPercent",
    "timeSliceTarget",
    "timeSliceWindow",
    "indicator",
    "indicatorRef",
];
