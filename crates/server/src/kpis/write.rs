//! KPIs as series of the store.

use std::collections::{BTreeMap, BTreeSet};

use diagnosis::kpi::{KpiKey, KpiSeries};
use model::{Timestamp, stale_marker};
use store::{GroupId, SeriesId, Store, StoreError};

/// Writes rounds; a KPI that is not there any more ends with a stale marker.
#[derive(Debug)]
pub(super) struct KpiWriter {
    group: GroupId,
    series: BTreeMap<KpiKey, SeriesId>,
    /// The KPIs of the round before.
    before: BTreeSet<KpiKey>,
}

impl KpiWriter {
    pub(super) fn new(store: &Store) -> Self {
        Self {
            group: store.group("pyrometer/kpis"),
            series: BTreeMap::new(),
            before: BTreeSet::new(),
        }
    }

    pub(super) fn write(
        &mut self,
        store: &Store,
        at: Timestamp,
        kpis: &[KpiSeries],
    ) -> Result<(), StoreError> {
        let mut values: Vec<(&KpiKey, f64)> = Vec::with_capacity(kpis.len());
        for kpi in kpis {
            values.extend(kpi.samples.last().map(|(_, value)| (&kpi.key, *value)));
        }
        let now: BTreeSet<KpiKey> = values.iter().map(|(key, _)| (*key).clone()).collect();
        let ended: Vec<KpiKey> = self.before.difference(&now).cloned().collect();
        values.extend(ended.iter().map(|key| (key, stale_marker())));
        if values.is_empty() {
            return Ok(());
        }
        let batch = self.resolve(store, &values)?;
        let appended = store.append(self.group, at, &batch)?;
        if appended.unknown > 0 {
            // The store forgot series that were silent for all of retention.
            self.series.clear();
            let batch = self.resolve(store, &values)?;
            store.append(self.group, at, &batch)?;
        }
        for key in &ended {
            self.series.remove(key);
        }
        self.before = now;
        Ok(())
    }

    fn resolve(
        &mut self,
        store: &Store,
        values: &[(&KpiKey, f64)],
    ) -> Result<Vec<(SeriesId, f64)>, StoreError> {
        let mut batch = Vec::with_capacity(values.len());
        for (key, value) in values {
            let id = match self.series.get(*key) {
                Some(id) => *id,
                None => {
                    let id = store.resolve(self.group, &key.labels())?;
                    self.series.insert((*key).clone(), id);
                    id
                }
            };
            batch.push((id, *value));
        }
        Ok(batch)
    }
}
