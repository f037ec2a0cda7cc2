//! Prometheus's protobuf format: `io.prometheus.client.MetricFamily`, each after its length.
//!
//! Numbers of fields are those of `io/prometheus/client/metrics.proto`.

use std::collections::HashSet;

use crate::escaping::Escaping;
use crate::exemplar::Exemplar;
use crate::lines::{AskedSamples, extra_label, has_sum, plain_suffix, sorted_labels};
use crate::openmetrics::{exemplar_of, spans};
use crate::reading::{FamilyKind, FamilyReading, NativeReading, SeriesReading, Value};

/// Writes families as delimited protobuf messages.
#[derive(Debug, Default)]
pub struct ProtobufWriter {
    out: Vec<u8>,
    escaping: Escaping,
    /// Whether it is told when a series began.
    with_created: bool,
}

impl ProtobufWriter {
    pub fn new(escaping: Escaping, with_created: bool) -> Self {
        Self {
            out: Vec::new(),
            escaping,
            with_created,
        }
    }

    pub fn finish(self) -> Vec<u8> {
        self.out
    }

    /// Whole messages that somebody else wrote, each after its length.
    pub fn append(&mut self, messages: &[u8]) {
        self.out.extend_from_slice(messages);
    }

    /// Writes a family that was read from segments; with `asked` only its samples of these full
    /// names, and nothing when it has none.
    pub fn family(&mut self, family: &FamilyReading, asked: Option<&HashSet<String>>) {
        let samples = AskedSamples::new(family, asked, self.with_created);
        if asked.is_some() && !samples.is_any_of(family) {
            return;
        }
        let name = format!("{}{}", family.name, plain_suffix(family.kind));
        let kind = match family.kind {
            FamilyKind::Counter => 0,
            FamilyKind::Gauge | FamilyKind::Info | FamilyKind::StateSet => 1,
            FamilyKind::Summary => 2,
            FamilyKind::Histogram => 4,
        };
        let mut body = Message::default();
        body.bytes(1, self.escaping.bare_metric_name(&name).as_bytes());
        body.bytes(2, family.help.as_bytes());
        body.uint(3, kind);
        let mut labels = LabelMessages::new(self.escaping, family);
        let (mut metric, mut value) = (Message::default(), Message::default());
        for series in &family.series {
            labels.read(family, series);
            if let Value::StateSet(states) = &series.value {
                for (state, is_on) in states.iter().filter(|_| samples.plain) {
                    metric.0.clear();
                    labels.push(&mut metric, Some(state));
                    value.0.clear();
                    value.double(1, f64::from(u8::from(*is_on)));
                    metric.bytes(2, &value.0);
                    body.bytes(4, &metric.0);
                }
                continue;
            }
            value.0.clear();
            if let Some(field) = self.value(series, &samples, &mut value) {
                metric.0.clear();
                labels.push(&mut metric, None);
                metric.bytes(field, &value.0);
                body.bytes(4, &metric.0);
            }
        }
        // prometheus_client's restricted registry knows no units.
        if !family.unit.is_empty() && asked.is_none() {
            body.bytes(5, family.unit.as_bytes());
        }
        let mut length = Message::default();
        length.varint(body.0.len() as u64);
        self.out.extend_from_slice(&length.0);
        self.out.extend_from_slice(&body.0);
    }

    /// Writes what a series says, and tells the field that it belongs to. `None`: nothing that is
    /// asked for.
    fn value(
        &self,
        series: &SeriesReading,
        asked: &AskedSamples,
        out: &mut Message,
    ) -> Option<u32> {
        let created = series.value.created().filter(|_| asked.created);
        if !asked.is_any(&series.value) {
            return None;
        }
        match &series.value {
            Value::Counter { total, .. } => {
                if !asked.plain {
                    return None;
                }
                out.double(1, *total);
                if let Some(exemplar) = exemplar_of(series, 0) {
                    self.exemplar(2, exemplar, out);
                }
                out.time(3, created);
                Some(3)
            }
            Value::Gauge(value) => {
                out.double(1, *value);
                Some(2)
            }
            Value::Info => {
                out.double(1, 1.0);
                Some(2)
            }
            // Its states are metrics of their own.
            Value::StateSet(_) => None,
            Value::Summary { count, sum, .. } => {
                if asked.count {
                    out.uint(1, whole(*count));
                }
                if asked.sum {
                    out.double(2, *sum);
                }
                out.time(4, created);
                Some(4)
            }
            Value::Histogram {
                buckets,
                sum,
                native,
                ..
            } => {
                let native = native.as_deref().filter(|_| asked.plain);
                self.histogram(series, (buckets, *sum, native), asked, out);
                out.time(15, created);
                Some(7)
            }
        }
    }

    fn histogram(
        &self,
        series: &SeriesReading,
        (buckets, sum, native): (&[(f64, f64)], f64, Option<&NativeReading>),
        asked: &AskedSamples,
        out: &mut Message,
    ) {
        if native.is_none() {
            let native_count = match &series.value {
                Value::Histogram { native, .. } => native.as_ref().map(|native| native.count),
                _ => None,
            };
            let total = match native_count {
                Some(count) if buckets.is_empty() => count,
                _ => buckets.iter().map(|(_, count)| count).sum(),
            };
            if asked.count {
                out.uint(1, whole(total));
            }
            if asked.sum && has_sum(buckets) {
                out.double(2, sum);
            }
            if buckets.is_empty() && native_count.is_some() && asked.bucket {
                let mut bucket = Message::default();
                bucket.uint(1, whole(total));
                bucket.double(2, f64::INFINITY);
                out.bytes(3, &bucket.0);
            }
        }
        // One bucket is all there is to tell beside the native ones: what text has in their place.
        if asked.bucket && !(native.is_some() && buckets.len() == 1) {
            let mut bucket = Message::default();
            let mut total = 0.0;
            for (place, (bound, count)) in buckets.iter().enumerate() {
                total += count;
                bucket.0.clear();
                bucket.uint(1, whole(total));
                bucket.double(2, *bound);
                if let Some(exemplar) = exemplar_of(series, 1 + place) {
                    self.exemplar(3, exemplar, &mut bucket);
                }
                out.bytes(3, &bucket.0);
            }
        }
        if let Some(native) = native {
            push_native(sum, native, out);
        }
    }

    fn exemplar(&self, field: u32, exemplar: &Exemplar, out: &mut Message) {
        let mut message = Message::default();
        let labels = exemplar.labels.iter();
        let labels = labels.map(|(name, value)| (&**name, &**value)).collect();
        for (name, value) in sorted_labels(labels) {
            message.label(1, &self.escaping.bare_label_name(name), value);
        }
        message.double(2, exemplar.value);
        message.time(3, exemplar.time);
        out.bytes(field, &message.0);
    }
}

fn push_native(sum: f64, native: &NativeReading, out: &mut Message) {
    out.uint(1, whole(native.count));
    out.double(2, sum);
    out.sint(5, i64::from(native.schema));
    out.double(6, native.zero_threshold);
    out.uint(7, whole(native.zero_count));
    let (negative, negative_deltas) = spans(&native.negative);
    let (mut positive, positive_deltas) = spans(&native.positive);
    let is_empty = positive.is_empty() && negative.is_empty();
    if is_empty && native.zero_threshold == 0.0 && whole(native.zero_count) == 0 {
        // Tells that it is native, though it has nothing.
        positive.push((0, 0));
    }
    for (field, spans) in [(9, negative), (12, positive)] {
        for (offset, length) in spans {
            let mut span = Message::default();
            span.sint(1, i64::from(offset));
            span.uint(2, u64::from(length));
            out.bytes(field, &span.0);
        }
    }
    for (field, deltas) in [(10, negative_deltas), (13, positive_deltas)] {
        for delta in deltas {
            let delta = i64::try_from(delta);
            out.sint(field, delta.unwrap_or(i64::MAX));
        }
    }
}

/// A count as a whole number; 0 for what is none.
fn whole(count: f64) -> u64 {
    if count.is_finite() { count as u64 } else { 0 }
}

/// The labels of one series after the other, as messages sorted by name.
struct LabelMessages<'a> {
    escaping: Escaping,
    /// Which of the family's labels, and its name.
    sorted: Vec<(usize, String)>,
    /// How many stand before a state, and what its label is called.
    n_before: usize,
    state_name: String,
    before: Message,
    after: Message,
    texts: Vec<&'a str>,
}

impl<'a> LabelMessages<'a> {
    fn new(escaping: Escaping, family: &FamilyReading) -> Self {
        let extra = extra_label(family);
        let names = family.label_names.iter().map(|name| &**name).enumerate();
        let names = names.filter(|(_, name)| extra != Some(*name));
        let mut names: Vec<(usize, &str)> = names.collect();
        names.sort_by(|a, b| a.1.cmp(b.1));
        let state = extra.filter(|_| family.kind == FamilyKind::StateSet);
        let is_before = |(_, name): &&(usize, &str)| state.is_none_or(|state| *name < state);
        Self {
            escaping,
            n_before: names.iter().take_while(is_before).count(),
            sorted: names
                .into_iter()
                .map(|(place, name)| (place, escaping.bare_label_name(name)))
                .collect(),
            state_name: escaping.bare_label_name(state.unwrap_or_default()),
            before: Message::default(),
            after: Message::default(),
            texts: Vec::new(),
        }
    }

    fn read(&mut self, family: &'a FamilyReading, series: &SeriesReading) {
        self.before.0.clear();
        self.after.0.clear();
        if family.kind == FamilyKind::Info || series.pid.is_some() {
            // Labels of their own, in an order of their own.
            for (name, value) in sorted_labels(family.labels(series)) {
                let name = self.escaping.bare_label_name(name);
                self.before.label(1, &name, &value);
            }
            return;
        }
        family.texts(series, &mut self.texts);
        for (index, (place, name)) in self.sorted.iter().enumerate() {
            let part = if index < self.n_before {
                &mut self.before
            } else {
                &mut self.after
            };
            part.label(1, name, self.texts.get(*place).copied().unwrap_or_default());
        }
    }

    fn push(&self, out: &mut Message, state: Option<&str>) {
        out.0.extend_from_slice(&self.before.0);
        if let Some(state) = state {
            out.label(1, &self.state_name, state);
        }
        out.0.extend_from_slice(&self.after.0);
    }
}

/// The fields of a message in the wire format.
#[derive(Debug, Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while 0x7f < value {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn uint(&mut self, field: u32, value: u64) {
        self.varint(u64::from(field << 3));
        self.varint(value);
    }

    fn sint(&mut self, field: u32, value: i64) {
        self.uint(field, (value << 1 ^ value >> 63) as u64);
    }

    fn double(&mut self, field: u32, value: f64) {
        self.varint(u64::from(field << 3 | 1));
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn bytes(&mut self, field: u32, content: &[u8]) {
        self.varint(u64::from(field << 3 | 2));
        self.varint(content.len() as u64);
        self.0.extend_from_slice(content);
    }

    fn label(&mut self, field: u32, name: &str, value: &str) {
        let len = text_len(name) + text_len(value);
        self.varint(u64::from(field << 3 | 2));
        self.varint(len as u64);
        self.bytes(1, name.as_bytes());
        self.bytes(2, value.as_bytes());
    }

    /// A `google.protobuf.Timestamp` of seconds since the epoch.
    fn time(&mut self, field: u32, seconds: Option<f64>) {
        const NANOSECONDS: i128 = 1_000_000_000;
        let Some(seconds) = seconds else { return };
        let nanoseconds = (seconds * NANOSECONDS as f64).round_ties_even() as i128;
        let mut time = Self::default();
        time.uint(1, nanoseconds.div_euclid(NANOSECONDS) as u64);
        time.uint(2, nanoseconds.rem_euclid(NANOSECONDS) as u64);
        self.bytes(field, &time.0);
    }
}

/// Bytes of a text with its tag, of a field below 16, and its length.
fn text_len(text: &str) -> usize {
    let bits = usize::BITS - text.len().leading_zeros();
    1 + bits.div_ceil(7).max(1) as usize + text.len()
}

#[cfg(test)]
mod tests;
