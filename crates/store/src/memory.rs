//! The store without files.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use model::{Labels, Matcher, Timestamp};

use crate::{Appended, Column, GroupId, SeriesId, StoreError};

/// A store. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct Store {
    state: Arc<RwLock<Arc<State>>>,
}

#[derive(Clone, Debug, Default)]
struct State {
    groups: HashMap<String, GroupId>,
    ids: HashMap<(GroupId, Labels), SeriesId>,
    series: Vec<Series>,
}

#[derive(Clone, Debug)]
struct Series {
    labels: Labels,
    timestamps: Vec<Timestamp>,
    values: Vec<f64>,
}

/// A view of the store at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    state: Arc<State>,
}

impl Store {
    /// A store that keeps everything in memory and forgets it at the end.
    pub fn in_memory() -> Self {
        Self::default()
    }

    /// The group of this name, made when it is new.
    pub fn group(&self, name: &str) -> GroupId {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let state = Arc::make_mut(&mut state);
        let next = GroupId(u32::try_from(state.groups.len()).expect("fewer than 2^32 groups"));
        *state.groups.entry(name.to_owned()).or_insert(next)
    }

    /// The series of this group with these labels, made when it is new.
    pub fn resolve(&self, group: GroupId, labels: &Labels) -> Result<SeriesId, StoreError> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let state = Arc::make_mut(&mut state);
        let next = SeriesId(u32::try_from(state.series.len()).expect("fewer than 2^32 series"));
        let id = *state.ids.entry((group, labels.clone())).or_insert(next);
        if id == next {
            state.series.push(Series {
                labels: labels.clone(),
                timestamps: Vec::new(),
                values: Vec::new(),
            });
        }
        Ok(id)
    }

    /// Appends one scrape: every sample has the time `at`.
    pub fn append(
        &self,
        _group: GroupId,
        at: Timestamp,
        samples: &[(SeriesId, f64)],
    ) -> Result<Appended, StoreError> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let state = Arc::make_mut(&mut state);
        let mut appended = Appended::default();
        for &(SeriesId(id), value) in samples {
            let series = &mut state.series[id as usize];
            if series.timestamps.last().is_some_and(|&last| last >= at) {
                appended.out_of_order += 1;
                continue;
            }
            series.timestamps.push(at);
            series.values.push(value);
            appended.stored += 1;
        }
        Ok(appended)
    }

    pub fn snapshot(&self) -> Snapshot {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        Snapshot {
            state: Arc::clone(&state),
        }
    }
}

impl Snapshot {
    /// The samples in `from..=to` of every series that passes all matchers, sorted by labels.
    /// A series without a sample in the range is left out.
    pub fn select(
        &self,
        matchers: &[Matcher],
        from: Timestamp,
        to: Timestamp,
        samples_max: usize,
    ) -> Result<Vec<Column>, StoreError> {
        let mut columns = Vec::new();
        let mut samples = 0;
        for series in &self.state.series {
            if !matchers
                .iter()
                .all(|matcher| matcher.matches_labels(&series.labels))
            {
                continue;
            }
            let start = series.timestamps.partition_point(|&at| at < from);
            let end = series.timestamps.partition_point(|&at| at <= to);
            if start >= end {
                continue;
            }
            samples += end - start;
            if samples > samples_max {
                return Err(StoreError::TooManySamples { samples_max });
            }
            columns.push(Column {
                labels: series.labels.clone(),
                timestamps: series.timestamps[start..end].into(),
                values: series.values[start..end].into(),
            });
        }
        columns.sort_by(|a, b| a.labels.cmp(&b.labels));
        Ok(columns)
    }
}
