//! Prometheus's text format 0.0.4, byte for byte as prometheus_client writes it.

use std::collections::HashSet;
use std::fmt::Write as _;

use crate::escaping::Escaping;
use crate::lines::{
    AskedSamples, LabelWriter, LineName, SampleNames, has_sum, label_text, plain_suffix,
};
use crate::number::push_value;
use crate::reading::{FamilyKind, FamilyReading, GroupReading, Value};

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
        writer.family(family, None);
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

    /// Whole lines that somebody else wrote.
    pub fn append(&mut self, lines: &str) {
        self.out.push_str(lines);
    }

    /// Writes a family that was read from segments; with `asked` only its samples of these full
    /// names, and nothing when it has none.
    pub fn family(&mut self, family: &FamilyReading, asked: Option<&HashSet<String>>) {
        let kind = match family.kind {
            FamilyKind::Counter => "counter",
            FamilyKind::Summary => "summary",
            FamilyKind::Histogram => "histogram",
            FamilyKind::Gauge | FamilyKind::Info | FamilyKind::StateSet => "gauge",
        };
        let samples = AskedSamples::new(family, asked, self.with_created);
        if asked.is_some() && !samples.is_any_of(family) {
            return;
        }
        let name = format!("{}{}", family.name, plain_suffix(family.kind));
        self.head(&name, &family.help, kind);
        let names = SampleNames::new(family, self.escaping, &samples);
        let mut labels = LabelWriter::new(self.escaping, family);
        let mut has_created = false;
        for series in &family.series {
            labels.read(family, series);
            has_created |= series.value.created().is_some();
            self.series(&series.value, &names, &mut labels);
        }
        if let (Some(created), true) = (&names.created, has_created) {
            self.head(&format!("{}_created", family.name), &family.help, "gauge");
            for series in &family.series {
                if let Some(at) = series.value.created() {
                    labels.read(family, series);
                    self.our_line(Some(created), &labels, at);
                }
            }
        }
    }

    fn series(&mut self, value: &Value, names: &SampleNames, labels: &mut LabelWriter<'_>) {
        let plain = names.plain.as_ref();
        let (count_name, sum_name) = (names.count.as_ref(), names.sum.as_ref());
        match value {
            Value::Counter { total, .. } => self.our_line(plain, labels, *total),
            Value::Gauge(value) => self.our_line(plain, labels, *value),
            Value::Info => self.our_line(plain, labels, 1.0),
            Value::Summary { count, sum, .. } => {
                self.our_line(count_name, labels, *count);
                self.our_line(sum_name, labels, *sum);
            }
            Value::Histogram {
                buckets,
                sum,
                native: Some(native),
                ..
            } if buckets.is_empty() => {
                // Of a native histogram, this format can tell only so much.
                labels.choose_bound(0, f64::INFINITY);
                self.line_with_extra(names.bucket.as_ref(), labels, native.count);
                self.our_line(count_name, labels, native.count);
                self.our_line(sum_name, labels, *sum);
            }
            Value::Histogram { buckets, sum, .. } => {
                let mut total = 0.0;
                for (place, (bound, count)) in buckets.iter().enumerate() {
                    total += count;
                    labels.choose_bound(place, *bound);
                    self.line_with_extra(names.bucket.as_ref(), labels, total);
                }
                self.our_line(count_name, labels, total);
                if has_sum(buckets) {
                    self.our_line(sum_name, labels, *sum);
                }
            }
            Value::StateSet(states) => {
                for (state, is_on) in states {
                    labels.choose(state);
                    self.line_with_extra(plain, labels, f64::from(u8::from(*is_on)));
                }
            }
        }
    }

    fn our_line(&mut self, name: Option<&LineName>, labels: &LabelWriter<'_>, value: f64) {
        if let Some(name) = name {
            labels.push_line(&mut self.out, name);
            push_value(&mut self.out, value);
            self.out.push('\n');
        }
    }

    fn line_with_extra(&mut self, name: Option<&LineName>, labels: &LabelWriter<'_>, value: f64) {
        if let Some(name) = name {
            labels.push_line_with_extra(&mut self.out, name);
            push_value(&mut self.out, value);
            self.out.push('\n');
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
        let labels = sample.labels.iter();
        let labels = labels.map(|(name, value)| (&**name, &**value)).collect();
        let labels = label_text(self.escaping, labels);
        let name = LineName::new(self.escaping.metric_name(&sample.name));
        name.push_line(&mut self.out, &labels);
        push_value(&mut self.out, sample.value);
        if let Some(timestamp_ms) = sample.timestamp_ms {
            _ = write!(self.out, " {timestamp_ms}");
        }
        self.out.push('\n');
    }

    fn head(&mut self, name: &str, help: &str, kind: &str) {
        let name = self.escaping.metric_name(name);
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
}

#[cfg(test)]
mod tests;
