//! Prometheus's text format 0.0.4, byte for byte as prometheus_client writes it.

use std::fmt::Write as _;

use crate::number::{format_value, push_value};
use crate::reading::{FamilyKind, FamilyReading, GroupReading, SeriesReading, Value};

/// How names outside `[a-zA-Z0-9_:]` are written (Prometheus's escaping schemes).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Escaping {
    /// Each odd character becomes `_`.
    #[default]
    Underscores,
    /// As they are, in quotes.
    AllowUtf8,
    /// `.` becomes `_dot_`, `_` becomes `__`.
    Dots,
    /// `U__`, and each odd character as its code point.
    Values,
}

/// Writes families as text.
#[derive(Debug, Default)]
pub struct TextWriter {
    out: String,
    escaping: Escaping,
    /// Whether `_created` series are written.
    with_created: bool,
}

/// A sample of a metric that is not ours, with its full name.
#[derive(Clone, Debug)]
pub struct PlainSample {
    pub name: String,
    pub labels: Vec<(String, String)>,
    pub value: f64,
    pub timestamp_ms: Option<i64>,
}

/// The reading as Prometheus text, without `_created` series: whoever reads a group knows its
/// processes, and the series would double what is stored.
pub fn render_text(reading: &GroupReading) -> String {
    let mut writer = TextWriter::new(Escaping::Underscores, false);
    for family in &reading.families {
        writer.family(family);
    }
    writer.finish()
}

impl TextWriter {
    pub fn new(escaping: Escaping, with_created: bool) -> Self {
        Self {
            out: String::new(),
            escaping,
            with_created,
        }
    }

    pub fn finish(self) -> String {
        self.out
    }

    /// Writes a family that was read from segments.
    pub fn family(&mut self, family: &FamilyReading) {
        let (suffix, kind) = match family.kind {
            FamilyKind::Counter => ("_total", "counter"),
            FamilyKind::Gauge => ("", "gauge"),
            FamilyKind::Summary => ("", "summary"),
            FamilyKind::Histogram => ("", "histogram"),
            FamilyKind::Info => ("_info", "gauge"),
            FamilyKind::StateSet => ("", "gauge"),
        };
        let name = &*family.name;
        self.head(&format!("{name}{suffix}"), &family.help, kind);
        let full = |suffix: &str| LineName::new(self.metric_name(&format!("{name}{suffix}")));
        let names = SeriesNames {
            plain: full(suffix),
            bucket: full("_bucket"),
            count: full("_count"),
            sum: full("_sum"),
        };
        let extra = match family.kind {
            FamilyKind::Histogram => Some("le"),
            FamilyKind::StateSet => Some(name),
            _ => None,
        };
        let mut labels = LabelWriter::new(self, family, extra);
        let mut has_created = false;
        for series in &family.series {
            labels.read(self, family, series);
            has_created |= series.value.created().is_some();
            self.series(&series.value, &names, &mut labels);
        }
        if self.with_created && has_created {
            let created_name = format!("{name}_created");
            self.head(&created_name, &family.help, "gauge");
            let created_name = LineName::new(self.metric_name(&created_name));
            for series in &family.series {
                if let Some(at) = series.value.created() {
                    labels.read(self, family, series);
                    self.our_line(&created_name, &labels, at);
                }
            }
        }
    }

    fn series(&mut self, value: &Value, names: &SeriesNames, labels: &mut LabelWriter<'_>) {
        match value {
            Value::Counter { total, .. } => self.our_line(&names.plain, labels, *total),
            Value::Gauge(value) => self.our_line(&names.plain, labels, *value),
            Value::Info => self.our_line(&names.plain, labels, 1.0),
            Value::Summary { count, sum, .. } => {
                self.our_line(&names.count, labels, *count);
                self.our_line(&names.sum, labels, *sum);
            }
            Value::Histogram {
                buckets,
                sum,
                native: Some(native),
                ..
            } if buckets.is_empty() => {
                // Of a native histogram, this format can tell only so much.
                labels.choose_bound(0, f64::INFINITY);
                self.line_with_extra(&names.bucket, labels, native.count);
                self.our_line(&names.count, labels, native.count);
                self.our_line(&names.sum, labels, *sum);
            }
            Value::Histogram { buckets, sum, .. } => {
                let mut total = 0.0;
                for (place, (bound, count)) in buckets.iter().enumerate() {
                    total += count;
                    labels.choose_bound(place, *bound);
                    self.line_with_extra(&names.bucket, labels, total);
                }
                self.our_line(&names.count, labels, total);
                // A sum that can fall is no counter.
                if buckets.first().is_some_and(|(bound, _)| 0.0 <= *bound) {
                    self.our_line(&names.sum, labels, *sum);
                }
            }
            Value::StateSet(states) => {
                for (state, is_on) in states {
                    labels.choose(state);
                    self.line_with_extra(&names.plain, labels, f64::from(u8::from(*is_on)));
                }
            }
        }
    }

    fn our_line(&mut self, name: &LineName, labels: &LabelWriter<'_>, value: f64) {
        let has_labels = !(labels.before.is_empty() && labels.after.is_empty());
        name.open(&mut self.out, has_labels);
        self.out.push_str(&labels.before);
        if !(labels.before.is_empty() || labels.after.is_empty()) {
            self.out.push(',');
        }
        self.out.push_str(&labels.after);
        name.close(&mut self.out, has_labels);
        push_value(&mut self.out, value);
        self.out.push('\n');
    }

    fn line_with_extra(&mut self, name: &LineName, labels: &LabelWriter<'_>, value: f64) {
        name.open(&mut self.out, true);
        if !labels.before.is_empty() {
            self.out.push_str(&labels.before);
            self.out.push(',');
        }
        self.out.push_str(labels.extra());
        if !labels.after.is_empty() {
            self.out.push(',');
            self.out.push_str(&labels.after);
        }
        name.close(&mut self.out, true);
        push_value(&mut self.out, value);
        self.out.push('\n');
    }

    /// Writes a metric that is not ours. `name` is without `_total`; `kind` is OpenMetrics's.
    pub fn plain_family(&mut self, name: &str, help: &str, kind: &str, samples: &[PlainSample]) {
        let (suffix, text_kind) = match kind {
            "counter" => ("_total", "counter"),
            "info" => ("_info", "gauge"),
            "stateset" => ("", "gauge"),
            "gaugehistogram" => ("", "histogram"),
            "unknown" => ("", "untyped"),
            other => ("", other),
        };
        self.head(&format!("{name}{suffix}"), help, text_kind);
        // Samples that only OpenMetrics has in this family are gauges of their own here, in the
        // order of their names.
        const APART: [&str; 3] = ["_created", "_gcount", "_gsum"];
        let apart = |sample: &PlainSample| {
            APART
                .iter()
                .position(|suffix| sample.name.strip_prefix(name) == Some(suffix))
        };
        for sample in samples.iter().filter(|sample| apart(sample).is_none()) {
            self.plain_sample(sample);
        }
        for (index, suffix) in APART.iter().enumerate() {
            let mut of_suffix = samples
                .iter()
                .filter(|sample| apart(sample) == Some(index))
                .peekable();
            if of_suffix.peek().is_some() {
                self.head(&format!("{name}{suffix}"), help, "gauge");
                of_suffix.for_each(|sample| self.plain_sample(sample));
            }
        }
    }

    fn plain_sample(&mut self, sample: &PlainSample) {
        let labels = self.label_text(sample.labels.iter().map(|(a, b)| (&**a, &**b)));
        let name = self.metric_name(&sample.name);
        self.line(&name, &labels, sample.value, sample.timestamp_ms);
    }

    fn head(&mut self, name: &str, help: &str, kind: &str) {
        let name = self.metric_name(name);
        self.out.push_str("# HELP ");
        self.out.push_str(&name);
        self.out.push(' ');
        for c in help.chars() {
            match c {
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                c => self.out.push(c),
            }
        }
        // Writing to a string cannot fail; the macro's result says so by its type only.
        _ = writeln!(self.out, "\n# TYPE {name} {kind}");
    }

    fn line(&mut self, name: &str, labels: &str, value: f64, timestamp_ms: Option<i64>) {
        // A quoted name stands inside the braces, before the labels.
        if name.starts_with('"') {
            let comma = if labels.is_empty() { "" } else { "," };
            _ = write!(self.out, "{{{name}{comma}{labels}}}");
        } else {
            self.out.push_str(name);
            if !labels.is_empty() {
                self.out.push('{');
                self.out.push_str(labels);
                self.out.push('}');
            }
        }
        self.out.push(' ');
        push_value(&mut self.out, value);
        if let Some(timestamp_ms) = timestamp_ms {
            _ = write!(self.out, " {timestamp_ms}");
        }
        self.out.push('\n');
    }

    /// Labels as text, sorted by name.
    fn label_text<'a>(&self, labels: impl Iterator<Item = (&'a str, &'a str)>) -> String {
        let mut labels: Vec<(&str, &str)> = labels.collect();
        labels.sort_by(|a, b| a.0.cmp(b.0));
        let mut text = String::new();
        for (name, value) in labels {
            if !text.is_empty() {
                text.push(',');
            }
            text.push_str(&self.label_name(name));
            text.push_str("=\"");
            push_escaped(&mut text, value);
            text.push('"');
        }
        text
    }

    fn metric_name(&self, name: &str) -> String {
        let is_plain = is_plain(name, true);
        if self.escaping == Escaping::AllowUtf8 && !is_plain {
            let mut quoted = String::from("\"");
            push_escaped(&mut quoted, name);
            quoted.push('"');
            return quoted;
        }
        escape_name(name, self.escaping, is_plain, true)
    }

    fn label_name(&self, name: &str) -> String {
        let is_plain = is_plain(name, false) && !name.starts_with("__");
        if self.escaping == Escaping::AllowUtf8 && !is_plain {
            let mut quoted = String::from("\"");
            push_escaped(&mut quoted, name);
            quoted.push('"');
            return quoted;
        }
        escape_name(name, self.escaping, is_plain, false)
    }
}

struct SeriesNames {
    plain: LineName,
    bucket: LineName,
    count: LineName,
    sum: LineName,
}

/// A metric's name at the start of a line. A quoted one stands inside the braces.
struct LineName {
    name: String,
    is_quoted: bool,
}

impl LineName {
    fn new(name: String) -> Self {
        Self {
            is_quoted: name.starts_with('"'),
            name,
        }
    }

    fn open(&self, out: &mut String, has_labels: bool) {
        if self.is_quoted {
            out.push('{');
        }
        out.push_str(&self.name);
        if has_labels {
            out.push(if self.is_quoted { ',' } else { '{' });
        }
    }

    fn close(&self, out: &mut String, has_labels: bool) {
        out.push_str(if has_labels || self.is_quoted {
            "} "
        } else {
            " "
        });
    }
}

/// The labels of one series after the other, sorted by name. All that is the same for all series
/// of a family is made once: there may be a hundred thousand.
struct LabelWriter<'a> {
    /// In the order of the text: which of the family's labels, and its name with `="`.
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
    fn new(writer: &TextWriter, family: &FamilyReading, extra: Option<&str>) -> Self {
        let start = |name: &str| format!("{}=\"", writer.label_name(name));
        let mut names: Vec<(usize, &str)> = family
            .label_names
            .iter()
            .map(|name| &**name)
            .enumerate()
            .collect();
        names.sort_by(|a, b| a.1.cmp(b.1));
        let is_before = |(_, name): &&(usize, &str)| extra.is_none_or(|extra| *name < extra);
        Self {
            n_before: names.iter().take_while(is_before).count(),
            sorted: names
                .into_iter()
                .map(|(place, name)| (place, start(name)))
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

    fn read(&mut self, writer: &TextWriter, family: &'a FamilyReading, series: &SeriesReading) {
        self.before.clear();
        self.after.clear();
        if family.kind == FamilyKind::Info || series.pid.is_some() {
            // Labels of their own, in an order of their own.
            let labels = family.labels(series);
            let pairs = labels.iter().map(|(name, value)| (*name, &**value));
            self.before = writer.label_text(pairs);
            return;
        }
        family.texts(series, &mut self.texts);
        for (index, (place, name)) in self.sorted.iter().enumerate() {
            let text = if index < self.n_before {
                &mut self.before
            } else {
                &mut self.after
            };
            if !text.is_empty() {
                text.push(',');
            }
            text.push_str(name);
            push_escaped(text, self.texts.get(*place).copied().unwrap_or_default());
            text.push('"');
        }
    }

    fn choose(&mut self, value: &str) {
        self.chosen = None;
        self.other.clear();
        self.other.push_str(&self.extra_name);
        push_escaped(&mut self.other, value);
        self.other.push('"');
    }

    /// Chooses the bound of a bucket; nearly always the same bound as in the last series.
    fn choose_bound(&mut self, place: usize, bound: f64) {
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

fn is_plain_char(c: char, at: usize, with_colon: bool) -> bool {
    c.is_ascii_alphabetic()
        || c == '_'
        || (c.is_ascii_digit() && 0 < at)
        || (with_colon && c == ':')
}

fn is_plain(name: &str, with_colon: bool) -> bool {
    !name.is_empty()
        && name
            .chars()
            .enumerate()
            .all(|(at, c)| is_plain_char(c, at, with_colon))
}

fn escape_name(name: &str, escaping: Escaping, is_plain: bool, with_colon: bool) -> String {
    if name.is_empty() || (is_plain && escaping != Escaping::Dots) {
        return name.to_owned();
    }
    let mut text = String::new();
    if escaping == Escaping::Values {
        text.push_str("U__");
    }
    for (at, c) in name.chars().enumerate() {
        let keeps = is_plain_char(c, at, with_colon);
        match escaping {
            Escaping::AllowUtf8 => text.push(c),
            Escaping::Underscores => text.push(if keeps { c } else { '_' }),
            Escaping::Dots => match c {
                '_' => text.push_str("__"),
                '.' => text.push_str("_dot_"),
                c if keeps => text.push(c),
                _ => text.push_str("__"),
            },
            Escaping::Values => match c {
                '_' => text.push_str("__"),
                c if keeps => text.push(c),
                c => _ = write!(text, "_{:x}_", u32::from(c)),
            },
        }
    }
    text
}

fn push_escaped(out: &mut String, value: &str) {
    if !value
        .bytes()
        .any(|byte| matches!(byte, b'\\' | b'\n' | b'"'))
    {
        return out.push_str(value);
    }
    for c in value.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' => out.push_str("\\\""),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests;
