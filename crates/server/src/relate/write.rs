//! Writes derived series: what is there now, and stale markers for what was there and is gone.

use std::collections::{HashMap, HashSet};

use model::{Labels, Timestamp, stale_marker};
use store::{SeriesId, Store, StoreError};

/// All series of the graph share their timestamps.
const GRAPH: &str = "graph";

/// Remembers what was written last.
#[derive(Debug)]
pub(crate) struct SeriesWriter {
    /// Series of one group share their timestamps.
    group: &'static str,
    /// `None` for series of before a start that were not resolved yet.
    series: HashMap<Labels, Option<SeriesId>>,
}

/// That of the graph.
impl Default for SeriesWriter {
    fn default() -> Self {
        Self::of(GRAPH)
    }
}

impl SeriesWriter {
    pub(crate) fn of(group: &'static str) -> Self {
        Self {
            group,
            series: HashMap::new(),
        }
    }

    /// These were written by an earlier process and are not ended.
    pub(crate) fn wrote(&mut self, series: impl IntoIterator<Item = Labels>) {
        self.series
            .extend(series.into_iter().map(|labels| (labels, None)));
    }

    /// Appends the samples, and an end for each series that has none any more.
    pub(crate) fn write(
        &mut self,
        store: &Store,
        at: Timestamp,
        samples: &[(Labels, f64)],
    ) -> Result<(), StoreError> {
        let now: HashSet<&Labels> = samples.iter().map(|(labels, _)| labels).collect();
        let is_gone = |labels: &&Labels| !now.contains(labels);
        let gone: Vec<Labels> = self.series.keys().filter(is_gone).cloned().collect();
        let ends = gone.iter().map(|labels| (labels, stale_marker()));
        let values = samples.iter().map(|(labels, value)| (labels, *value));
        let all: Vec<(&Labels, f64)> = values.chain(ends).collect();
        let batch = self.resolve(store, &all)?;
        let group = store.group(self.group);
        if store.append(group, at, &batch)?.unknown > 0 {
            // The store forgot series that were silent for all of retention.
            self.series.values_mut().for_each(|id| *id = None);
            let batch = self.resolve(store, &all)?;
            store.append(group, at, &batch)?;
        }
        for labels in gone {
            self.series.remove(&labels);
        }
        Ok(())
    }

    fn resolve(
        &mut self,
        store: &Store,
        all: &[(&Labels, f64)],
    ) -> Result<Vec<(SeriesId, f64)>, StoreError> {
        let group = store.group(self.group);
        let mut batch = Vec::with_capacity(all.len());
        for (labels, value) in all {
            let id = match self.series.get(*labels) {
                Some(Some(id)) => *id,
                Some(None) | None => {
                    let id = store.resolve(group, labels)?;
                    self.series.insert((*labels).clone(), Some(id));
                    id
                }
            };
            batch.push((id, *value));
        }
        Ok(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{METRIC_NAME, Matcher, is_stale};

    fn labels(name: &str) -> Labels {
        Labels::new([(METRIC_NAME, "pyrometer:entity"), ("entity", name)]).unwrap()
    }

    #[test]
    fn a_series_ends_when_its_entity_does_also_across_a_restart() {
        let store = Store::in_memory();
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        let mut writer = SeriesWriter::default();
        let both = [(labels("a"), 1.0), (labels("b"), 1.0)];
        writer.write(&store, at(0), &both).unwrap();
        writer.write(&store, at(15), &both[..1]).unwrap();
        let mut next = SeriesWriter::default();
        next.wrote([labels("a")]);
        next.write(&store, at(30), &[]).unwrap();
        next.write(&store, at(45), &both[1..]).unwrap();
        for (name, expected) in [("a", "1 1 end"), ("b", "1 end 1")] {
            let matchers = [
                Matcher::equal(METRIC_NAME, "pyrometer:entity"),
                Matcher::equal("entity", name),
            ];
            let columns = store
                .snapshot()
                .select(&matchers, at(0), at(60), 100)
                .unwrap();
            let values = columns[0].values.iter();
            let shown = values.map(|v| {
                if is_stale(*v) {
                    "end".to_owned()
                } else {
                    v.to_string()
                }
            });
            assert_eq!(shown.collect::<Vec<_>>().join(" "), expected, "{name}");
        }
    }
}
