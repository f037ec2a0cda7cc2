//! The OpenMetrics text format, versions 1.0 and 2.0, byte for byte as prometheus_client writes it.

use std::collections::HashSet;
use std::fmt::Write as _;

use crate::escaping::{Escaping, push_escaped};
use crate::exemplar::Exemplar;
use crate::lines::{
    Asked, AskedSamples, LabelWriter, LineName, SampleNames, has_sum, sorted_labels,
};
use crate::number::{push_repr, push_value};
use crate::reading::{FamilyKind, FamilyReading, NativeReading, SeriesReading, Value};

/// Writes families as OpenMetrics.
#[derive(Debug, Default)]
pub struct OpenMetricsWriter {
    out: String,
    escaping: Escaping,
    with_created: bool,
    with_native: bool,
}

impl OpenMetricsWriter {
    /// `with_created`: whether `_created` samples are written; `with_native`: whether native
    /// histograms are, which version 2.0 is the first to have.
    pub fn new(escaping: Escaping, with_created: bool, with_native: bool) -> Self {
        Self {
            out: String::new(),
            escaping,
            with_created,
            with_native,
        }
    }

    /// The text, with the line that ends it.
    pub fn finish(mut self) -> String {
        self.out.push_str("# EOF\n");
        self.out
    }

    /// Whole lines that somebody else wrote.
    pub fn append(&mut self, lines: &str) {
        self.out.push_str(lines);
    }

    /// Writes a family that was read from segments; with `asked` only its samples of these full
    /// names, and nothing when it has none.
    pub fn family(&mut self, family: &FamilyReading, asked: Option<&HashSet<String>>) {
        let samples = AskedSamples::new(family, asked, self.with_created);
        if asked.is_some() && !samples.is_any_of(family) {
            return;
        }
        self.head(family, asked);
        let names = SampleNames::new(family, self.escaping, &samples);
        let mut labels = LabelWriter::new(self.escaping, family);
        for series in &family.series {
            labels.read(family, series);
            self.series(series, &names, &mut labels);
            if let Some(at) = series.value.created() {
                self.line(names.created.as_ref(), &labels, at, None);
            }
        }
    }

    fn head(&mut self, family: &FamilyReading, asked: Asked<'_>) {
        let kind = match family.kind {
            FamilyKind::Counter => "counter",
            FamilyKind::Gauge => "gauge",
            FamilyKind::Summary => "summary",
            FamilyKind::Histogram => "histogram",
            FamilyKind::Info => "info",
            FamilyKind::StateSet => "stateset",
        };
        let name = self.escaping.metric_name(&family.name);
        // Writing to a string cannot fail; the macro's result says so by its type only.
        _ = write!(self.out, "# HELP {name} ");
        push_escaped(&mut self.out, &family.help);
        _ = writeln!(self.out, "\n# TYPE {name} {kind}");
        // prometheus_client's restricted registry knows no units.
        if !family.unit.is_empty() && asked.is_none() {
            _ = writeln!(self.out, "# UNIT {name} {}", family.unit);
        }
    }

    fn series(
        &mut self,
        series: &SeriesReading,
        names: &SampleNames,
        labels: &mut LabelWriter<'_>,
    ) {
        let plain = names.plain.as_ref();
        match &series.value {
            Value::Counter { total, .. } => {
                self.line(plain, labels, *total, exemplar_of(series, 0));
            }
            Value::Gauge(value) => self.line(plain, labels, *value, None),
            Value::Info => self.line(plain, labels, 1.0, None),
            Value::Summary { count, sum, .. } => {
                self.line(names.count.as_ref(), labels, *count, None);
                self.line(names.sum.as_ref(), labels, *sum, None);
            }
            Value::Histogram {
                buckets,
                sum,
                native,
                ..
            } => {
                let mut total = 0.0;
                for (place, (bound, count)) in buckets.iter().enumerate() {
                    total += count;
                    labels.choose_bound(place, *bound);
                    self.line_with_extra(names, labels, total, exemplar_of(series, 1 + place));
                }
                if let (Some(native), true) = (native, buckets.is_empty()) {
                    total = native.count;
                    labels.choose_bound(0, f64::INFINITY);
                    self.line_with_extra(names, labels, total, None);
                }
                self.line(names.count.as_ref(), labels, total, None);
                if has_sum(buckets) {
                    self.line(names.sum.as_ref(), labels, *sum, None);
                }
                if let (Some(native), Some(name), true) = (native, plain, self.with_native) {
                    labels.push_line(&mut self.out, name);
                    push_native(&mut self.out, *sum, native);
                    self.out.push('\n');
                }
            }
            Value::StateSet(states) => {
                let Some(name) = plain else { return };
                for (state, is_on) in states {
                    labels.choose(state);
                    labels.push_line_with_extra(&mut self.out, name);
                    self.out.push_str(if *is_on { "1.0\n" } else { "0.0\n" });
                }
            }
        }
    }

    fn line(
        &mut self,
        name: Option<&LineName>,
        labels: &LabelWriter<'_>,
        value: f64,
        exemplar: Option<&Exemplar>,
    ) {
        if let Some(name) = name {
            labels.push_line(&mut self.out, name);
            self.end_line(value, exemplar);
        }
    }

    fn line_with_extra(
        &mut self,
        names: &SampleNames,
        labels: &LabelWriter<'_>,
        value: f64,
        exemplar: Option<&Exemplar>,
    ) {
        if let Some(name) = &names.bucket {
            labels.push_line_with_extra(&mut self.out, name);
            self.end_line(value, exemplar);
        }
    }

    fn end_line(&mut self, value: f64, exemplar: Option<&Exemplar>) {
        push_value(&mut self.out, value);
        if let Some(exemplar) = exemplar {
            push_exemplar(&mut self.out, exemplar);
        }
        self.out.push('\n');
    }
}

/// The exemplar of a cell, as [`crate::Series::cell`] counts them.
pub(crate) fn exemplar_of(series: &SeriesReading, cell: usize) -> Option<&Exemplar> {
    let mut exemplars = series.exemplars.iter();
    exemplars.find(|exemplar| usize::from(exemplar.cell) == cell)
}

/// Names of an exemplar's labels are under no escaping scheme.
fn push_exemplar(out: &mut String, exemplar: &Exemplar) {
    out.push_str(" # {");
    let labels = exemplar.labels.iter();
    let labels = labels.map(|(name, value)| (&**name, &**value)).collect();
    for (at, (name, value)) in sorted_labels(labels).into_iter().enumerate() {
        out.push_str(if at == 0 { "" } else { "," });
        out.push_str(name);
        out.push_str("=\"");
        push_escaped(out, value);
        out.push('"');
    }
    out.push_str("} ");
    push_value(out, exemplar.value);
    if let Some(time) = exemplar.time {
        out.push(' ');
        push_repr(out, time);
    }
}

fn push_native(out: &mut String, sum: f64, native: &NativeReading) {
    _ = write!(out, "{{count:{},sum:", native.count as u128);
    push_repr(out, sum);
    _ = write!(out, ",schema:{},zero_threshold:", native.schema);
    push_repr(out, native.zero_threshold);
    _ = write!(out, ",zero_count:{}", native.zero_count as u128);
    for (sign, buckets) in [
        ("negative", &native.negative),
        ("positive", &native.positive),
    ] {
        let (spans, deltas) = spans(buckets);
        if !spans.is_empty() {
            let spans = spans.iter().map(|(offset, n)| format!("{offset}:{n}"));
            let spans: Vec<String> = spans.collect();
            let deltas: Vec<String> = deltas.iter().map(i128::to_string).collect();
            let (spans, deltas) = (spans.join(","), deltas.join(","));
            _ = write!(out, ",{sign}_spans:[{spans}],{sign}_deltas:[{deltas}]");
        }
    }
    out.push('}');
}

/// Runs of buckets that follow each other (distance from the run before, length), and by how
/// much each count differs from the one before it.
pub(crate) fn spans(buckets: &[(i32, f64)]) -> (Vec<(i32, u32)>, Vec<i128>) {
    let mut spans: Vec<(i32, u32)> = Vec::new();
    let mut deltas = Vec::with_capacity(buckets.len());
    let (mut after, mut last_count) = (0, 0);
    for (bucket, count) in buckets {
        match spans.last_mut() {
            Some((_, n)) if *bucket == after => *n += 1,
            _ => spans.push((bucket.saturating_sub(after), 1)),
        }
        let count = *count as i128;
        deltas.push(count.saturating_sub(last_count));
        (after, last_count) = (bucket.saturating_add(1), count);
    }
    (spans, deltas)
}

#[cfg(test)]
mod tests;
