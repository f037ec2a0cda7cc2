//! What the lines of both text formats have in common: the name of the sample, and its labels.

use std::collections::HashSet;

use crate::escaping::{Escaping, push_escaped};
use crate::number::format_value;
use crate::reading::{FamilyKind, FamilyReading, SeriesReading, Value};

/// The full names of the samples that are asked for; none: all.
pub(crate) type Asked<'a> = Option<&'a HashSet<String>>;

/// Which samples of a family are asked for.
pub(crate) struct AskedSamples {
    /// The value where it is one, the states, the native histogram.
    pub(crate) plain: bool,
    pub(crate) bucket: bool,
    pub(crate) count: bool,
    pub(crate) sum: bool,
    pub(crate) created: bool,
}

impl AskedSamples {
    pub(crate) fn new(family: &FamilyReading, asked: Asked<'_>, with_created: bool) -> Self {
        let is_asked = |suffix: &str| {
            asked.is_none_or(|names| names.contains(&format!("{}{suffix}", family.name)))
        };
        Self {
            plain: is_asked(plain_suffix(family.kind)),
            bucket: is_asked("_bucket"),
            count: is_asked("_count"),
            sum: is_asked("_sum"),
            created: with_created && is_asked("_created"),
        }
    }

    /// Whether one of a family's samples is asked for, whatever the format can tell of it.
    pub(crate) fn is_any_of(&self, family: &FamilyReading) -> bool {
        family
            .series
            .iter()
            .any(|series| self.is_any(&series.value))
    }

    /// The same of one series.
    pub(crate) fn is_any(&self, value: &Value) -> bool {
        let created = self.created && value.created().is_some();
        match value {
            Value::Counter { .. } => self.plain || created,
            Value::Gauge(_) | Value::Info | Value::StateSet(_) => self.plain,
            Value::Summary { .. } => self.count || self.sum || created,
            Value::Histogram {
                native, buckets, ..
            } => {
                let sum = self.sum && has_sum(buckets);
                let native = self.plain && native.is_some();
                self.bucket || self.count || sum || native || created
            }
        }
    }
}

/// Whether a histogram has a sum: one that can fall is no counter.
pub(crate) fn has_sum(buckets: &[(f64, f64)]) -> bool {
    buckets.first().is_none_or(|(bound, _)| 0.0 <= *bound)
}

/// What the one value of a series has behind the family's name, where it is one value.
pub(crate) fn plain_suffix(kind: FamilyKind) -> &'static str {
    match kind {
        FamilyKind::Counter => "_total",
        FamilyKind::Info => "_info",
        FamilyKind::Gauge | FamilyKind::Summary | FamilyKind::Histogram | FamilyKind::StateSet => {
            ""
        }
    }
}

/// The name of the label that differs within a series: the bound of a bucket, the state.
pub(crate) fn extra_label(family: &FamilyReading) -> Option<&str> {
    match family.kind {
        FamilyKind::Histogram => Some("le"),
        FamilyKind::StateSet => Some(&family.name),
        FamilyKind::Counter | FamilyKind::Gauge | FamilyKind::Summary | FamilyKind::Info => None,
    }
}

/// Name and value of each label of a series, sorted by name. Of two of one name, the one that
/// was declared later counts.
pub(crate) fn sorted_labels<V>(labels: Vec<(&str, V)>) -> Vec<(&str, V)> {
    let mut sorted: Vec<(&str, V)> = labels.into_iter().rev().collect();
    sorted.sort_by(|a, b| a.0.cmp(b.0));
    sorted.dedup_by(|later, kept| later.0 == kept.0);
    sorted
}

/// Labels as text, sorted by name.
pub(crate) fn label_text(escaping: Escaping, labels: Vec<(&str, &str)>) -> String {
    let mut text = String::new();
    for (name, value) in sorted_labels(labels) {
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(&escaping.label_name(name));
        text.push_str("=\"");
        push_escaped(&mut text, value);
        text.push('"');
    }
    text
}

/// The names of a family's samples; none of those that are not asked for.
pub(crate) struct SampleNames {
    pub(crate) plain: Option<LineName>,
    pub(crate) bucket: Option<LineName>,
    pub(crate) count: Option<LineName>,
    pub(crate) sum: Option<LineName>,
    pub(crate) created: Option<LineName>,
}

impl SampleNames {
    pub(crate) fn new(family: &FamilyReading, escaping: Escaping, asked: &AskedSamples) -> Self {
        let full = |is_asked: bool, suffix: &str| {
            let name = format!("{}{suffix}", family.name);
            is_asked.then(|| LineName::new(escaping.metric_name(&name)))
        };
        Self {
            plain: full(asked.plain, plain_suffix(family.kind)),
            bucket: full(asked.bucket, "_bucket"),
            count: full(asked.count, "_count"),
            sum: full(asked.sum, "_sum"),
            created: full(asked.created, "_created"),
        }
    }
}

/// A sample's name as a line begins. A quoted one stands inside the braces.
pub(crate) struct LineName {
    /// Where no labels follow, with the space before the value.
    alone: String,
    /// Where labels follow.
    open: String,
}

impl LineName {
    pub(crate) fn new(name: String) -> Self {
        if name.starts_with('"') {
            Self {
                alone: format!("{{{name}}} "),
                open: format!("{{{name},"),
            }
        } else {
            Self {
                open: format!("{name}{{"),
                alone: name + " ",
            }
        }
    }

    /// A line up to its value, with labels as text.
    pub(crate) fn push_line(&self, out: &mut String, labels: &str) {
        if labels.is_empty() {
            return out.push_str(&self.alone);
        }
        out.push_str(&self.open);
        out.push_str(labels);
        out.push_str("} ");
    }
}

/// The labels of one series after the other, sorted by name. All that is the same for all series
/// of a family is made once: there may be a hundred thousand.
pub(crate) struct LabelWriter<'a> {
    escaping: Escaping,
    /// In the order of the text: which of the family's labels, and its name with `="`, and with a
    /// comma before it where another label of the same part stands there.
    sorted: Vec<(usize, String)>,
    /// How many of them stand before the label that differs within a series (`le`, the state).
    n_before: usize,
    /// The name of that label, with `="`.
    extra_name: String,
    /// Bounds that were written, as labels.
    bounds: Vec<(f64, String)>,
    /// The one that was chosen: among `bounds`, or `other`.
    chosen: Option<usize>,
    other: String,
    /// The labels of the series that was read.
    before: String,
    after: String,
    texts: Vec<&'a str>,
}

impl<'a> LabelWriter<'a> {
    pub(crate) fn new(escaping: Escaping, family: &FamilyReading) -> Self {
        let extra = extra_label(family);
        let start = |name: &str| format!("{}=\"", escaping.label_name(name));
        let names = family.label_names.iter().map(|name| &**name).enumerate();
        // The state of a state set takes the place of a label of its name.
        let names = names.filter(|(_, name)| extra != Some(*name));
        let mut names: Vec<(usize, &str)> = names.collect();
        names.sort_by(|a, b| a.1.cmp(b.1));
        let is_before = |(_, name): &&(usize, &str)| extra.is_none_or(|extra| *name < extra);
        let n_before = names.iter().take_while(is_before).count();
        let comma = |at: usize| if at == 0 || at == n_before { "" } else { "," };
        Self {
            escaping,
            n_before,
            sorted: names
                .into_iter()
                .enumerate()
                .map(|(at, (place, name))| (place, format!("{}{}", comma(at), start(name))))
                .collect(),
            extra_name: extra.map(start).unwrap_or_default(),
            bounds: Vec::new(),
            chosen: None,
            other: String::new(),
            before: String::new(),
            after: String::new(),
            texts: Vec::new(),
        }
    }

    pub(crate) fn read(&mut self, family: &'a FamilyReading, series: &SeriesReading) {
        self.before.clear();
        self.after.clear();
        if family.kind == FamilyKind::Info || series.pid.is_some() {
            // Labels of their own, in an order of their own.
            let labels = family.labels(series);
            let pairs = labels.iter().map(|(name, value)| (*name, &**value));
            self.before = label_text(self.escaping, pairs.collect());
            return;
        }
        family.texts(series, &mut self.texts);
        for (index, (place, name)) in self.sorted.iter().enumerate() {
            let text = if index < self.n_before {
                &mut self.before
            } else {
                &mut self.after
            };
            text.push_str(name);
            push_escaped(text, self.texts.get(*place).copied().unwrap_or_default());
            text.push('"');
        }
    }

    /// A line up to its value, without the label that differs within the series.
    pub(crate) fn push_line(&self, out: &mut String, name: &LineName) {
        if self.after.is_empty() {
            return name.push_line(out, &self.before);
        }
        out.push_str(&name.open);
        if !self.before.is_empty() {
            out.push_str(&self.before);
            out.push(',');
        }
        out.push_str(&self.after);
        out.push_str("} ");
    }

    /// A line up to its value, with the label that was chosen.
    pub(crate) fn push_line_with_extra(&self, out: &mut String, name: &LineName) {
        out.push_str(&name.open);
        if !self.before.is_empty() {
            out.push_str(&self.before);
            out.push(',');
        }
        out.push_str(self.extra());
        if !self.after.is_empty() {
            out.push(',');
            out.push_str(&self.after);
        }
        out.push_str("} ");
    }

    pub(crate) fn choose(&mut self, value: &str) {
        self.chosen = None;
        self.other.clear();
        self.other.push_str(&self.extra_name);
        push_escaped(&mut self.other, value);
        self.other.push('"');
    }

    /// Chooses the bound of a bucket; nearly always the same bound as in the last series.
    pub(crate) fn choose_bound(&mut self, place: usize, bound: f64) {
        if self.bounds.len() <= place {
            self.choose(&format_value(bound));
            self.bounds.push((bound, self.other.clone()));
        }
        if self.bounds[place].0.to_bits() == bound.to_bits() {
            self.chosen = Some(place);
        } else {
            self.choose(&format_value(bound));
        }
    }

    fn extra(&self) -> &str {
        self.chosen
            .map_or(&*self.other, |place| &*self.bounds[place].1)
    }
}
