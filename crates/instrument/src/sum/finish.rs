//! What a metric's sum becomes in a reading.

use std::collections::HashSet;

use super::gauge::{latest, one_gauge};
use super::{FamilySum, Said, SeriesSum};
use crate::reading::{FamilyKind, FamilyReading, NativeReading, SeriesReading, Value};
use crate::record::{self, GaugeMode, MOVED, NATIVE_CELLS};

impl FamilySum {
    pub(crate) fn finish(mut self, is_many: bool) -> FamilyReading {
        let mut series = Vec::with_capacity(self.series.len());
        let told = self.told();
        for place in 0..self.series.len() {
            if !told.contains(self.key_of(&self.series[place])) {
                self.finish_series(place, is_many, &mut series);
            }
        }
        let keys = std::mem::take(&mut self.keys);
        FamilyReading::of_keys(&self.key, keys, series)
    }

    /// For an info: keys without any fact for which some process has told facts. Who has not
    /// said anything yet says nothing then.
    fn told(&self) -> HashSet<Vec<u8>> {
        if self.key.kind != FamilyKind::Info {
            return HashSet::new();
        }
        let n_own = 2 * self.key.label_names.len();
        let keys = self.series.iter();
        let facts = keys.filter_map(|series| record::decode_texts(self.key_of(series)));
        let facts = facts.filter(|texts| n_own < texts.len());
        facts
            .map(|texts| record::encode_texts(texts[..n_own].iter().copied()))
            .collect()
    }

    /// Appends the readings that a series becomes: one, none when no process that counts has
    /// it, or one a process.
    fn finish_series(&self, place: usize, is_many: bool, out: &mut Vec<SeriesReading>) {
        let sum = &self.series[place];
        let (time, values) = self.row(sum.first);
        let value = match self.key.kind {
            FamilyKind::Counter => Value::Counter {
                total: values[0],
                created: created(time),
            },
            FamilyKind::Summary => Value::Summary {
                count: values[0],
                sum: values[1],
                created: created(time),
            },
            FamilyKind::Histogram => Value::Histogram {
                buckets: std::iter::zip(&self.key.bounds, &values[1..])
                    .map(|(bound, count)| (*bound, *count))
                    .collect(),
                sum: values[0],
                created: created(time),
                native: self.finish_native(place, values),
            },
            FamilyKind::Info => Value::Info,
            FamilyKind::StateSet => {
                let all: Vec<Said<'_>> = self.all_said(sum).collect();
                let latest = latest(&all).map_or(values, |latest| latest.values);
                let is_on = latest.iter().map(|value| *value != 0.0);
                Value::StateSet(self.key.states.iter().cloned().zip(is_on).collect())
            }
            FamilyKind::Gauge => return self.finish_gauge(sum, is_many, out),
        };
        out.push(SeriesReading {
            exemplars: self.exemplars_of(place).to_vec(),
            ..SeriesReading::new(sum.key.clone(), None, value)
        });
    }

    fn finish_native(&self, place: usize, values: &[f64]) -> Option<Box<NativeReading>> {
        let rings = self.natives.get(place)?;
        let (zero, outside) = native_values(values)?;
        Some(Box::new(rings.clone().finish(zero, outside)))
    }

    fn finish_gauge(&self, sum: &SeriesSum, is_many: bool, out: &mut Vec<SeriesReading>) {
        let key = || sum.key.clone();
        let mode = self.key.mode;
        if is_many && matches!(mode, GaugeMode::All | GaugeMode::LiveAll) {
            for one in self.all_said(sum).filter(|one| one.is_live) {
                let value = Value::Gauge(one.values[0]);
                out.push(SeriesReading::new(key(), Some(one.process.pid), value));
            }
            return;
        }
        let first = self.said(sum.first);
        let value = if sum.first == sum.last && first.is_live {
            // What one living process says is the answer in every mode.
            Some(if MOVED <= first.time {
                first.values[0]
            } else {
                0.0
            })
        } else {
            let all: Vec<Said<'_>> = self.all_said(sum).collect();
            one_gauge(mode, &all).map(|(value, _)| value)
        };
        let value = value.map(Value::Gauge);
        out.extend(value.map(|value| SeriesReading::new(key(), None, value)));
    }
}

/// Observations in the zero bucket and NaNs of a native histogram.
fn native_values(values: &[f64]) -> Option<(f64, f64)> {
    let [zero, outside] = *values.last_chunk::<NATIVE_CELLS>()?;
    Some((zero, outside))
}

/// Families that have no beginning worth telling begin at 0.
fn created(time: f64) -> Option<f64> {
    (0.0 < time).then_some(time)
}
