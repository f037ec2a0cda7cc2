//! Reading: which series, then their columns, group by group.
//!
//! All series of a group are read together, so its times are unpacked once and shared: the
//! *axis*. A series that has a value in every row of the axis points to it; another one gets
//! times of its own.

mod gather;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use model::{Labels, Matcher, Timestamp};

use crate::state::State;
use crate::{Column, GroupId, Listed, SeriesId, StoreError};
use gather::Gather;

/// A view of the store at one moment. Cheap to take and to clone; it never changes, and holds
/// what it sees until it is dropped.
#[derive(Clone, Debug)]
pub struct Snapshot {
    state: Arc<State>,
}

/// The series of a query, and where they stand in the order of labels.
#[derive(Default)]
struct Matched {
    ids: Vec<SeriesId>,
    groups: Vec<GroupId>,
    labels: Vec<Labels>,
    ranks: Vec<u32>,
}

impl Snapshot {
    pub(crate) fn new(state: Arc<State>) -> Self {
        Self { state }
    }

    /// The samples in `from..=to` of every series that passes all matchers, sorted by labels.
    /// A series without a sample in the range is left out. Series with equal labels in several
    /// groups are one column; of samples with equal times, that of the group whose name sorts
    /// first is kept.
    ///
    /// # Errors
    /// [`StoreError::TooManySamples`] before more than `samples_max` are held in memory,
    /// [`StoreError::Io`] when a block cannot be read. A damaged part of a block is a gap, and
    /// told by [`Store::damage`](crate::Store::damage).
    pub fn select(
        &self,
        matchers: &[Matcher],
        from: Timestamp,
        to: Timestamp,
        samples_max: usize,
    ) -> Result<Vec<Column>, StoreError> {
        if from > to {
            return Ok(Vec::new());
        }
        let matched = self.matched(matchers);
        let mut by_group: HashMap<GroupId, Vec<usize>> = HashMap::new();
        for (place, group) in matched.groups.iter().enumerate() {
            by_group.entry(*group).or_default().push(place);
        }
        let mut by_group: Vec<(GroupId, Vec<usize>)> = by_group.into_iter().collect();
        // By name, since ids differ after a restart and the choice among equal times must not.
        by_group.sort_unstable_by_key(|&(group, _)| &self.state.groups[group.0 as usize].name);
        let mut samples_left = samples_max;
        // Rank, and the column without its labels yet.
        let mut found = Vec::new();
        for (group, places) in by_group {
            let wanted: Vec<SeriesId> = places.iter().map(|&place| matched.ids[place]).collect();
            let mut gather = Gather::new(&self.state, group, &wanted, from, to, samples_left);
            let Some(()) = gather.run()? else {
                return Err(StoreError::TooManySamples { samples_max });
            };
            samples_left = gather.samples_left();
            for (column, place) in gather.finish().zip(places) {
                if let Some((timestamps, values)) = column {
                    let labels = matched.labels[place].clone();
                    found.push((
                        matched.ranks[place],
                        Column {
                            labels,
                            timestamps,
                            values,
                        },
                    ));
                }
            }
        }
        // Stable: columns with equal labels stay in the order of their groups.
        found.sort_by_key(|&(rank, _)| rank);
        let mut columns: Vec<Column> = Vec::with_capacity(found.len());
        for (_, column) in found {
            match columns.last_mut() {
                Some(last) if last.labels == column.labels => *last = merge(last, &column),
                _ => columns.push(column),
            }
        }
        Ok(columns)
    }

    /// The labels of every series that passes all matchers and has a sample in `from..=to`
    /// (to the precision of a chunk: up to a block's span), sorted; at most `limit`.
    pub fn series(
        &self,
        matchers: &[Matcher],
        from: Timestamp,
        to: Timestamp,
        limit: usize,
    ) -> Result<Listed<Labels>, StoreError> {
        let live = self.live(from, to);
        let matched = self.matched(matchers);
        let mut places: Vec<usize> = (0..matched.ids.len())
            .filter(|&place| is_live(&live, matched.ids[place]))
            .collect();
        places.sort_unstable_by_key(|&place| matched.ranks[place]);
        let mut labels: Vec<Labels> = places
            .into_iter()
            .map(|place| matched.labels[place].clone())
            .collect();
        labels.dedup();
        Ok(listed(labels.into_iter(), limit))
    }

    /// The names of the labels of those series, sorted; at most `limit`.
    pub fn label_names(
        &self,
        matchers: &[Matcher],
        from: Timestamp,
        to: Timestamp,
        limit: usize,
    ) -> Result<Listed<String>, StoreError> {
        let live = self.live(from, to);
        let index = self
            .state
            .index
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let ids = wanted(&index.matching(matchers), &live, index.len());
        let names = index.names(&ids).into_iter().map(str::to_owned);
        Ok(listed(names, limit))
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
        let live = self.live(from, to);
        let index = self
            .state
            .index
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let ids = wanted(&index.matching(matchers), &live, index.len());
        Ok(listed(index.values(name, &ids).map(str::to_owned), limit))
    }

    fn matched(&self, matchers: &[Matcher]) -> Matched {
        let index = self
            .state
            .index
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let ranks = index.ranks();
        let n_groups = self.state.groups.len();
        let mut matched = Matched::default();
        for id in index.matching(matchers) {
            let group = index.group(id).expect("a posting names a series");
            // A group that came after this snapshot has nothing in it.
            if (group.0 as usize) < n_groups {
                let labels = index.labels(id).expect("a posting names a series");
                matched.ids.push(id);
                matched.groups.push(group);
                matched.labels.push(labels.clone());
                matched.ranks.push(ranks[id.0 as usize]);
            }
        }
        matched
    }

    /// By id: whether a chunk or a block that overlaps the range has samples of the series.
    fn live(&self, from: Timestamp, to: Timestamp) -> Vec<bool> {
        let mut live = Vec::new();
        let mut mark = |series: SeriesId| {
            let place = series.0 as usize;
            if place >= live.len() {
                live.resize(place + 1, false);
            }
            live[place] = true;
        };
        for block in self.state.blocks.iter() {
            if block.overlaps(from, to) {
                for group in block.groups.values() {
                    if group.min <= to && from <= group.max {
                        group.series.iter().copied().for_each(&mut mark);
                    }
                }
            }
        }
        for group in &self.state.groups {
            let loose = group.loose.values().flat_map(|loose| &loose.chunks);
            for chunk in group.chunks.iter().chain(loose) {
                if chunk.overlaps(from, to) {
                    let columns = chunk.columns.iter().enumerate();
                    let present = columns.filter(|&(column, _)| chunk.has(column));
                    present.for_each(|(_, &series)| mark(series));
                }
            }
            for row in group
                .rows
                .iter()
                .filter(|row| from <= row.at && row.at <= to)
            {
                for (column, &series) in group.columns.iter().enumerate() {
                    if row.get(column).is_some() {
                        mark(series);
                    }
                }
            }
            for (&series, loose) in &*group.loose {
                if loose.stage.iter().any(|&(at, _)| from <= at && at <= to) {
                    mark(series);
                }
            }
        }
        live
    }
}

fn is_live(live: &[bool], series: SeriesId) -> bool {
    live.get(series.0 as usize).copied().unwrap_or(false)
}

/// By id: whether a series matched and is live.
fn wanted(matched: &[SeriesId], live: &[bool], n_series: usize) -> Vec<bool> {
    let mut wanted = vec![false; n_series];
    for &series in matched {
        wanted[series.0 as usize] = is_live(live, series);
    }
    wanted
}

fn listed<T>(mut items: impl Iterator<Item = T>, limit: usize) -> Listed<T> {
    Listed {
        items: items.by_ref().take(limit).collect(),
        truncated: items.next().is_some(),
    }
}

/// Both columns in order of time; of samples with equal times, the first column's.
fn merge(first: &Column, second: &Column) -> Column {
    let samples = |column: &Column| -> Vec<(Timestamp, f64)> {
        let times = column.timestamps.iter().copied();
        times.zip(column.values.iter().copied()).collect()
    };
    let mut merged = samples(first);
    merged.extend(samples(second));
    // Stable, so the first column's sample comes first.
    merged.sort_by_key(|&(at, _)| at);
    merged.dedup_by_key(|&mut (at, _)| at);
    let (timestamps, values): (Vec<_>, Vec<_>) = merged.into_iter().unzip();
    Column {
        labels: first.labels.clone(),
        timestamps: timestamps.into(),
        values: values.into(),
    }
}
