//! The naive store: what every answer is compared with.

use std::collections::BTreeMap;

use model::{Labels, Matcher, Timestamp};

/// Samples by group and labels, one by one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Oracle {
    series: BTreeMap<(String, Labels), BTreeMap<Timestamp, u64>>,
}

/// Labels, times, bits of the values.
pub(crate) type Answer = Vec<(Labels, Vec<Timestamp>, Vec<u64>)>;

impl Oracle {
    /// True when the sample is stored: it is newer than the series.
    pub(crate) fn append(
        &mut self,
        group: &str,
        labels: &Labels,
        at: Timestamp,
        value: f64,
    ) -> bool {
        let series = self
            .series
            .entry((group.to_owned(), labels.clone()))
            .or_default();
        let newer = series.last_key_value().is_none_or(|(&last, _)| at > last);
        if newer {
            series.insert(at, value.to_bits());
        }
        newer
    }

    pub(crate) fn select(&self, matchers: &[Matcher], from: Timestamp, to: Timestamp) -> Answer {
        let mut merged: BTreeMap<Labels, BTreeMap<Timestamp, u64>> = BTreeMap::new();
        for ((_, labels), samples) in &self.series {
            if matchers
                .iter()
                .all(|matcher| matcher.matches_labels(labels))
                && from <= to
            {
                let merged = merged.entry(labels.clone()).or_default();
                for (&at, &bits) in samples.range(from..=to) {
                    merged.entry(at).or_insert(bits);
                }
            }
        }
        merged
            .into_iter()
            .filter(|(_, samples)| !samples.is_empty())
            .map(|(labels, samples)| {
                let (times, bits) = samples.into_iter().unzip();
                (labels, times, bits)
            })
            .collect()
    }
}

pub(crate) fn answer(columns: Vec<store::Column>) -> Answer {
    columns
        .into_iter()
        .map(|column| {
            let bits = column.values.iter().map(|value| value.to_bits()).collect();
            (column.labels, column.timestamps.to_vec(), bits)
        })
        .collect()
}
