//! Prometheus's text format 0.0.4, byte for byte as prometheus_client writes it.

use std::fmt::Write as _;
use std::sync::Arc;

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
        let full = |suffix: &str| self.metric_name(&format!("{name}{suffix}"));
        let names = SeriesNames {
            plain: full(suffix),
            bucket: full("_bucket"),
            count: full("_count"),
            sum: full("_sum"),
        };
        let mut created = Vec::new();
        for series in &family.series {
            let labels = self.label_text(series.labels.iter().map(pair));
            self.series(series, &names, &labels, name);
            if let Value::Counter { created: at, .. }
            | Value::Summary { created: at, .. }
            | Value::Histogram { created: at, .. } = series.value
            {
                created.extend(at.map(|at| (labels, at)));
            }
        }
        if self.with_created && !created.is_empty() {
            let created_name = format!("{name}_created");
            self.head(&created_name, &family.help, "gauge");
            let created_name = self.metric_name(&created_name);
            for (labels, at) in created {
                self.line(&created_name, &labels, at, None);
            }
        }
    }

    fn series(&mut self, series: &SeriesReading, names: &SeriesNames, labels: &str, family: &str) {
        match &series.value {
            Value::Counter { total, .. } => self.line(&names.plain, labels, *total, None),
            Value::Gauge(value) => self.line(&names.plain, labels, *value, None),
            Value::Info => self.line(&names.plain, labels, 1.0, None),
            Value::Summary { count, sum, .. } => {
                self.line(&names.count, labels, *count, None);
                self.line(&names.sum, labels, *sum, None);
            }
            Value::Histogram { buckets, sum, .. } => {
                let mut total = 0.0;
                for (bound, count) in buckets {
                    total += count;
                    let le = format_value(*bound);
                    let labels = self.with_label(series, labels, "le", &le);
                    self.line(&names.bucket, &labels, total, None);
                }
                self.line(&names.count, labels, total, None);
                // A sum that can fall is no counter.
                if buckets.first().is_some_and(|(bound, _)| 0.0 <= *bound) {
                    self.line(&names.sum, labels, *sum, None);
                }
            }
            Value::StateSet(states) => {
                for (state, is_on) in states {
                    let labels = self.with_label(series, labels, family, state);
                    self.line(&names.plain, &labels, f64::from(u8::from(*is_on)), None);
                }
            }
        }
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

    /// The labels of a series and one more, at its place.
    fn with_label(&self, series: &SeriesReading, labels: &str, name: &str, value: &str) -> String {
        if labels.is_empty() {
            return self.label_text(std::iter::once((name, value)));
        }
        // The usual case needs no sorting: the new name comes last.
        if series.labels.iter().all(|(other, _)| &**other < name) {
            let mut text = labels.to_owned();
            text.push(',');
            text.push_str(&self.label_name(name));
            text.push_str("=\"");
            push_escaped(&mut text, value);
            text.push('"');
            return text;
        }
        let more = std::iter::once((name, value));
        self.label_text(series.labels.iter().map(pair).chain(more))
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
    plain: String,
    bucket: String,
    count: String,
    sum: String,
}

fn pair((name, value): &(Arc<str>, Arc<str>)) -> (&str, &str) {
    (name, value)
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
    for c in value.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' => out.push_str("\\\""),
            c => out.push(c),
        }
    }
}

/// A value as prometheus_client writes it: Python's `repr`, but for positive numbers of a million
/// and more, which get Go's exponent (`floatToGoString` in `utils.py`).
pub fn format_value(value: f64) -> String {
    let mut out = String::new();
    push_value(&mut out, value);
    out
}

/// The shortest digits that read back the same, in Rust's Debug form, which has Python's bounds
/// for the exponent (1e-4 and 1e16).
///
/// Of 16 and 17 digits there may be two that read back and are equally near; Python takes the
/// even one, Rust's shortest the greater. Rust's exact rounding is Python's.
fn python_digits(value: f64) -> String {
    let shortest = format!("{value:?}");
    let mantissa = shortest.split('e').next().unwrap_or_default();
    let digits = mantissa
        .bytes()
        .filter(u8::is_ascii_digit)
        .collect::<Vec<u8>>();
    let leading = digits.iter().take_while(|digit| **digit == b'0').count();
    let n_digits = digits.len() - leading;
    if n_digits < 16 {
        return shortest;
    }
    let exact = format!("{value:.*e}", n_digits - 1);
    let (exact_digits, _) = exact.split_once('e').unwrap_or((&exact, ""));
    let exact_digits: Vec<u8> = exact_digits.bytes().filter(u8::is_ascii_digit).collect();
    if exact.parse() != Ok(value) || exact_digits == digits[leading..] {
        return shortest;
    }
    // The digits differ and their places do not: a carry would have made a shorter number.
    let mut exact_digits = exact_digits.into_iter();
    let mut seen = 0;
    shortest
        .chars()
        .map(|c| match c {
            'e' => {
                seen = usize::MAX;
                c
            }
            c if c.is_ascii_digit() && seen < digits.len() => {
                seen += 1;
                if seen <= leading {
                    c
                } else {
                    exact_digits.next().map_or(c, char::from)
                }
            }
            c => c,
        })
        .collect()
}

fn push_value(out: &mut String, value: f64) {
    if value.is_nan() {
        return out.push_str("NaN");
    }
    if value.is_infinite() {
        return out.push_str(if 0.0 < value { "+Inf" } else { "-Inf" });
    }
    let text = python_digits(value);
    match (text.split_once('e'), text.find('.')) {
        (Some((mantissa, exponent)), _) => {
            let (sign, digits) = match exponent.strip_prefix('-') {
                Some(digits) => ('-', digits),
                None => ('+', exponent),
            };
            _ = write!(out, "{mantissa}e{sign}{digits:0>2}");
        }
        (None, Some(dot)) if 0.0 < value && 6 < dot => {
            let digits = format!("{}{}", &text[1..dot], &text[dot + 1..]);
            let digits = digits.trim_end_matches('0');
            let point = if digits.is_empty() { "" } else { "." };
            _ = write!(out, "{}{point}{digits}e+{:02}", &text[..1], dot - 1);
        }
        (None, _) => out.push_str(&text),
    }
}

#[cfg(test)]
mod tests;
