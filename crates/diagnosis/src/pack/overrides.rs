//! What users change about packs: thresholds tuned and alerts switched off, for everything or for
//! some series. Format: docs/formats/overrides.md.

use super::parameter::ParameterValues;
use super::{Pack, Threshold};
use crate::places;
use crate::reader::{Fields, Mistake, Problem, Reader, read_document};
use crate::rules::{Rule, RuleGroup, Scope};
use crate::yaml::{Node, Value};
use model::Labels;

/// Entries that are read. Each one with `where` is one more evaluation of the rules it is about.
pub const OVERRIDES_MAX: usize = 500;

/// The entries of a file that can be used, in its order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overrides(Vec<Override>);

/// One entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Override {
    /// Of the entry in its file; 0 for one that stands in no file.
    pub line: usize,
    pub pack: String,
    /// `None`: all alerts of the pack.
    pub alert: Option<String>,
    /// `where`: the series it is about.
    pub scope: Scope,
    /// Parameters and their values.
    pub set: Vec<(String, f64)>,
    /// Whether the alert is switched off, or on again; `None` leaves it.
    pub off: Option<bool>,
}

/// An alert that an override switched off for everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwitchedOff {
    pub alert: String,
    /// Of the entry that did it.
    pub line: usize,
}

impl Overrides {
    /// In the order in which they are read.
    pub fn iter(&self) -> impl Iterator<Item = &Override> {
        self.0.iter()
    }

    /// These without their places, then those of a file, which decide where both are about a
    /// series.
    #[must_use]
    pub fn followed_by(mut self, file: Self) -> Self {
        for entry in &mut self.0 {
            entry.line = 0;
        }
        self.0.extend(file.0);
        self
    }

    /// Reads a file against the packs that it tunes. A bad entry costs itself only.
    pub fn read(text: &str, packs: &[Pack]) -> (Self, Vec<Problem>) {
        let root = match read_document(text) {
            Ok(root) => root,
            Err(problem) => return (Self::default(), vec![problem]),
        };
        let mut reader = Reader::default();
        if root.value == Value::Null {
            return (Self::default(), Vec::new());
        }
        let fields = reader.fields(&root, "an overrides file", &["overrides"]);
        let nodes = fields.map_or(&[] as &[Node], |f| reader.list(&f, "overrides"));
        let mut entries = Vec::new();
        for node in nodes.iter().take(OVERRIDES_MAX) {
            let n_problems = reader.problems.len();
            let entry = read_override(&mut reader, node, packs);
            entries.extend(entry.filter(|_| reader.problems.len() == n_problems));
        }
        if let Some(node) = nodes.get(OVERRIDES_MAX) {
            let text = "more than 500 overrides; this one and those below are not used";
            reader.report(node.line, Mistake::Contradiction { text });
        }
        reader.problems.sort_by_key(|problem| problem.line);
        (Self(entries), reader.problems)
    }
}

fn read_override(reader: &mut Reader, node: &Node, packs: &[Pack]) -> Option<Override> {
    let known = ["pack", "alert", "where", "set", "off", "reason"];
    let fields = reader.fields(node, "an override", &known)?;
    let undefined = |reader: &mut Reader, line, what, name: &str| {
        let name = name.to_owned();
        reader.report(line, Mistake::Undefined { what, name });
    };
    let pack_id = reader.required_text(&fields, "pack")?;
    let Some(pack) = packs.iter().find(|pack| pack.id == pack_id) else {
        undefined(reader, fields.line, "the pack", &pack_id);
        return None;
    };
    let alert = reader.text(&fields, "alert");
    if let Some(name) = alert.as_deref().filter(|name| !pack.has_alert(name)) {
        undefined(reader, fields.line, "the alert", name);
    }
    let off = reader.flag(&fields, "off");
    reader.text(&fields, "reason");
    let set = read_values(reader, &fields, pack);
    if fields.get("off").is_none() && fields.get("set").is_none() {
        let text = "an override sets parameters (set) or switches alerts off (off)";
        reader.report(node.line, Mistake::Contradiction { text });
    }
    Some(Override {
        line: node.line,
        pack: pack_id,
        alert,
        scope: read_scope(reader, &fields),
        set,
        off,
    })
}

fn read_scope(reader: &mut Reader, fields: &Fields<'_>) -> Scope {
    let mut labels = Vec::new();
    for field in reader.entries(fields, "where") {
        let values: Vec<String> = match &field.value.value {
            Value::List(items) => items
                .iter()
                .filter_map(|item| reader.scalar(item, &field.name).map(str::to_owned))
                .collect(),
            Value::Null | Value::Scalar(_) | Value::Map(_) => {
                let value = reader.scalar(&field.value, &field.name);
                value.map(str::to_owned).into_iter().collect()
            }
        };
        if values.is_empty() {
            let text = "a label of where needs a value or a list of values";
            reader.report(field.line, Mistake::Contradiction { text });
        }
        labels.push((field.name.clone(), values));
    }
    Scope::new(labels)
}

fn read_values(reader: &mut Reader, fields: &Fields<'_>, pack: &Pack) -> Vec<(String, f64)> {
    let mut set = Vec::new();
    for field in reader.entries(fields, "set") {
        let Some(text) = reader.scalar(&field.value, &field.name) else {
            continue;
        };
        let known = pack.parameters.iter().find(|p| p.name == field.name);
        let Some(parameter) = known else {
            let name = field.name.clone();
            let what = "the parameter";
            reader.report(field.line, Mistake::Undefined { what, name });
            continue;
        };
        let (min, max) = (parameter.min, parameter.max);
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

impl Override {
    fn is_about(&self, rule: &Rule) -> bool {
        let alert = self.alert.as_deref();
        let used = |name: &str| places::names(&rule.expr_text).any(|used| used == name);
        alert.is_none_or(|name| name == rule.name())
            && (self.off.is_some() || self.set.iter().any(|(name, _)| used(name)))
    }
}

impl Pack {
    pub fn has_alert(&self, name: &str) -> bool {
        let mut rules = self.groups.iter().flat_map(|group| &group.rules);
        rules.any(|rule| rule.alerting().is_some() && rule.name() == name)
    }

    /// This pack, as loaded, with what a user changed about it. A rule that is tuned for some
    /// series becomes one rule for each entry and one for the rest. Where several entries are about
    /// a series, the last one decides, on top of those that are about more than it.
    #[must_use]
    pub fn tuned(&self, overrides: &Overrides) -> Self {
        let mut tuned = self.clone();
        tuned.overrides = overrides.0.clone();
        tuned.overrides.retain(|entry| entry.pack == self.id);
        if tuned.overrides.is_empty() {
            return tuned;
        }
        let mut off = Vec::new();
        for group in &mut tuned.groups {
            let rules = std::mem::take(&mut group.rules);
            let tune = |rule| self.tune(rule, &tuned.overrides, &mut off);
            *group = RuleGroup {
                rules: rules.into_iter().flat_map(tune).collect(),
                ..group.clone()
            };
        }
        tuned.off = off;
        tuned
    }

    fn tune(&self, rule: Rule, entries: &[Override], off: &mut Vec<SwitchedOff>) -> Vec<Rule> {
        let about: Vec<&Override> = match rule.alerting() {
            None => return vec![rule],
            Some(_) => entries.iter().filter(|e| e.is_about(&rule)).collect(),
        };
        let all = Scope::default();
        let scopes = about.iter().map(|entry| &entry.scope);
        let narrow: Vec<&Scope> = scopes.filter(|scope| !scope.is_all()).collect();
        let mut rules = Vec::with_capacity(narrow.len() + 1);
        for (place, scope) in std::iter::once(&all)
            .chain(narrow.iter().copied())
            .enumerate()
        {
            let mut values = ParameterValues::defaults(&self.parameters);
            let mut switched = None;
            for entry in about.iter().filter(|entry| entry.scope.covers(scope)) {
                entry
                    .set
                    .iter()
                    .for_each(|(name, value)| values.set(name, *value));
                switched = entry.off.map(|off| off.then_some(entry.line)).or(switched);
            }
            if let Some(Some(line)) = switched {
                if scope.is_all() {
                    let alert = rule.name().to_owned();
                    off.push(SwitchedOff { alert, line });
                }
                continue;
            }
            let mut rule = rule.clone();
            // A number stands where the default stood, so it parses as that did.
            if let Ok(expr) = promql::parse(&values.fill(&rule.expr_text)) {
                rule.expr = expr;
            }
            rule.judged.only = scope.clone();
            rule.judged.except = narrow[place..].iter().copied().cloned().collect();
            rules.push(rule);
        }
        rules
    }

    /// What a panel's threshold is for a job.
    pub fn threshold(&self, threshold: &Threshold, job: &str) -> f64 {
        let Some(name) = &threshold.parameter else {
            return threshold.value;
        };
        let labels = Labels::new([("job", job)]).unwrap_or_else(|_| Labels::empty());
        let entries = self
            .overrides
            .iter()
            .filter(|entry| entry.scope.has(&labels));
        let mut values = entries.flat_map(|entry| &entry.set);
        let last = values.rfind(|(set, _)| set == name);
        last.map_or(threshold.value, |(_, value)| *value)
    }
}
