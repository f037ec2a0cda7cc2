//! The writer's table of groups and series: who is who, and how far each has come.

use std::collections::HashMap;
use std::sync::Arc;

use model::{Labels, Timestamp};

use crate::wal::Names;
use crate::{GroupId, SeriesId};

/// A series that has no column in its group's current generation.
pub(crate) const NO_COLUMN: u32 = u32::MAX;

#[derive(Debug)]
pub(crate) struct SeriesInfo {
    pub(crate) group: GroupId,
    pub(crate) labels: Labels,
    pub(crate) column: u32,
    /// The newest sample.
    pub(crate) last: Timestamp,
    /// When it was last resolved, by the clock of the last maintenance.
    pub(crate) resolved: Timestamp,
}

#[derive(Debug)]
pub(crate) struct GroupInfo {
    pub(crate) name: Arc<str>,
    /// The series of the current generation, by column; readers see the same list.
    pub(crate) columns: Arc<[SeriesId]>,
    pub(crate) generation: u64,
    /// The newest row, sealed or flushed ones included.
    pub(crate) last_row: Timestamp,
}

#[derive(Debug, Default)]
pub(crate) struct Table {
    names: HashMap<Arc<str>, GroupId>,
    pub(crate) groups: Vec<GroupInfo>,
    ids: HashMap<(GroupId, Labels), SeriesId>,
    /// By id; `None` for a series that was dropped.
    pub(crate) series: Vec<Option<SeriesInfo>>,
    n_series: usize,
}

impl Table {
    /// The group of this name, and whether it is new.
    pub(crate) fn group(&mut self, name: &str) -> (GroupId, bool) {
        if let Some(&id) = self.names.get(name) {
            return (id, false);
        }
        let id = GroupId(u32::try_from(self.groups.len()).expect("fewer than 2^32 groups"));
        let name: Arc<str> = name.into();
        self.names.insert(Arc::clone(&name), id);
        self.groups.push(GroupInfo {
            name,
            columns: Arc::from([]),
            generation: 0,
            last_row: Timestamp::MIN,
        });
        (id, true)
    }

    pub(crate) fn find(&self, group: GroupId, labels: &Labels) -> Option<SeriesId> {
        self.ids.get(&(group, labels.clone())).copied()
    }

    pub(crate) fn add(&mut self, group: GroupId, labels: &Labels, now: Timestamp) -> SeriesId {
        let id = SeriesId(u32::try_from(self.series.len()).expect("fewer than 2^32 series"));
        self.ids.insert((group, labels.clone()), id);
        self.series.push(Some(SeriesInfo {
            group,
            labels: labels.clone(),
            column: NO_COLUMN,
            last: Timestamp::MIN,
            resolved: now,
        }));
        self.n_series += 1;
        id
    }

    pub(crate) fn remove(&mut self, id: SeriesId) {
        if let Some(info) = self.series[id.0 as usize].take() {
            self.ids.remove(&(info.group, info.labels));
            self.n_series -= 1;
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.n_series
    }

    pub(crate) fn get(&self, id: SeriesId) -> Option<&SeriesInfo> {
        self.series.get(id.0 as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, id: SeriesId) -> Option<&mut SeriesInfo> {
        self.series.get_mut(id.0 as usize)?.as_mut()
    }

    /// Starts a generation of the group with these columns, if they are not the current ones.
    pub(crate) fn set_columns(&mut self, group: GroupId, keep: impl Fn(usize) -> bool) {
        let info = &mut self.groups[group.0 as usize];
        let old = Arc::clone(&info.columns);
        let kept: Vec<SeriesId> = old
            .iter()
            .enumerate()
            .filter(|&(column, _)| keep(column))
            .map(|(_, &series)| series)
            .collect();
        if kept.len() == old.len() {
            return;
        }
        info.columns = kept.into();
        info.generation += 1;
        let columns = Arc::clone(&info.columns);
        for &series in &*old {
            if let Some(info) = self.get_mut(series) {
                info.column = NO_COLUMN;
            }
        }
        for (column, &series) in columns.iter().enumerate() {
            if let Some(info) = self.get_mut(series) {
                info.column = column as u32;
            }
        }
    }
}

impl Names for Table {
    fn labels(&self, series: SeriesId) -> &Labels {
        let info = self.get(series);
        &info.expect("only known series are written").labels
    }

    fn group_name(&self, series: SeriesId) -> &str {
        let info = self.get(series).expect("only known series are written");
        &self.groups[info.group.0 as usize].name
    }
}
