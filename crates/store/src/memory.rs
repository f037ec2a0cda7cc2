//! The store without files.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use model::{Labels, Matcher, Timestamp};

use crate::lock::FolderLock;
use crate::{
    Appended, Column, Damage, GroupId, Listed, Maintenance, Recovery, SeriesId, Stats, StoreError,
    StoreOptions,
};

/// A store. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct Store {
    state: Arc<RwLock<Arc<State>>>,
    _lock: Option<Arc<FolderLock>>,
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

    /// Opens the store in `dir`, which is made when it is missing (its parent must be there).
    ///
    /// # Errors
    /// [`StoreError::Locked`] at once when another process has it open, [`StoreError::Io`] with
    /// the path when a file cannot be read or made. Damaged files are no error: they are told in
    /// the [`Recovery`].
    pub fn open(
        dir: &Path,
        _options: StoreOptions,
        _now: Timestamp,
    ) -> Result<(Self, Recovery), StoreError> {
        if dir.exists() && !dir.is_dir() {
            return Err(StoreError::NotAFolder {
                dir: dir.to_owned(),
            });
        }
        if !dir.exists() {
            fs::create_dir(dir).map_err(StoreError::io("make the data folder", dir))?;
        }
        let store = Self {
            _lock: Some(Arc::new(FolderLock::take(dir)?)),
            ..Self::default()
        };
        Ok((store, Recovery::default()))
    }

    /// Makes what was appended so far safe against a power cut. The caller does it every second.
    pub fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Seals, flushes, deletes what left retention; sets the clock that bounds new samples.
    /// The caller does it every 15 seconds or so, from one thread.
    pub fn maintain(&self, _now: Timestamp) -> Result<Maintenance, StoreError> {
        Ok(Maintenance::default())
    }

    /// Syncs and lets go of the folder. Later appends are refused; snapshots stay readable.
    pub fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }

    pub fn stats(&self) -> Stats {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let times = || state.series.iter().flat_map(|series| &series.timestamps);
        Stats {
            series: state.series.len(),
            groups: state.groups.len(),
            head_samples: times().count(),
            min_time: times().min().copied(),
            max_time: times().max().copied(),
            ..Stats::default()
        }
    }

    /// The damage met last, at most a hundred places.
    pub fn damage(&self) -> Vec<Damage> {
        Vec::new()
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

    /// Appends samples that bring their own timestamps (remote write, `honor_timestamps`).
    /// Samples of one series must stand in order of time.
    pub fn append_samples(
        &self,
        samples: &[(SeriesId, Timestamp, f64)],
    ) -> Result<Appended, StoreError> {
        let mut appended = Appended::default();
        for &(id, at, value) in samples {
            let one = self.append(GroupId(0), at, &[(id, value)])?;
            appended.stored += one.stored;
            appended.out_of_order += one.out_of_order;
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

    /// The labels of every series that passes all matchers and has a sample in `from..=to`
    /// (to the precision of a chunk: up to two hours), sorted; at most `limit`.
    pub fn series(
        &self,
        matchers: &[Matcher],
        from: Timestamp,
        to: Timestamp,
        limit: usize,
    ) -> Result<Listed<Labels>, StoreError> {
        let columns = self.select(matchers, from, to, usize::MAX)?;
        Ok(listed(
            columns.into_iter().map(|column| column.labels),
            limit,
        ))
    }

    /// The names of the labels of those series, sorted; at most `limit`.
    pub fn label_names(
        &self,
        matchers: &[Matcher],
        from: Timestamp,
        to: Timestamp,
        limit: usize,
    ) -> Result<Listed<String>, StoreError> {
        let all = self.series(matchers, from, to, usize::MAX)?.items;
        let names = all.iter().flat_map(Labels::iter).map(|(name, _)| name);
        let names: BTreeSet<&str> = names.collect();
        Ok(listed(names.into_iter().map(str::to_owned), limit))
    }

    /// The values of one label in those series, sorted; at most `limit`.
    pub fn label_values(
        &self,
        name: &str,
        matchers: &[Matcher],
        from: Timestamp,
        to: Timestamp,
        limit: usize,
    ) -> Result<Listed<String>, StoreError> {
        let all = self.series(matchers, from, to, usize::MAX)?.items;
        let values: BTreeSet<&str> = all.iter().filter_map(|labels| labels.get(name)).collect();
        Ok(listed(values.into_iter().map(str::to_owned), limit))
    }
}

fn listed<T>(mut items: impl Iterator<Item = T>, limit: usize) -> Listed<T> {
    Listed {
        items: items.by_ref().take(limit).collect(),
        truncated: items.next().is_some(),
    }
}
