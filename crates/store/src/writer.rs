//! The one that changes things: takes batches, logs them, puts them into the head.
//!
//! INVARIANT: the log is written before the head changes. A crash between the two replays the
//! record; the other way round it would lose samples that a query may already have shown.
//!
//! The store has no clock: `now` is that of the last [`open`](crate::Store::open) or
//! [`maintain`](crate::Store::maintain), so the bound on samples from the future is late by one
//! maintenance, seconds against ten minutes. A store in memory has no `now` and no bound until
//! it is maintained.

use std::sync::{Arc, PoisonError};

use model::{Labels, Timestamp};

use crate::head::{Chunk, Group, Row, window_of};
use crate::lock::FolderLock;
use crate::state::Current;
use crate::table::{NO_COLUMN, Table};
use crate::wal::{Entry, Replayed, Wal};
use crate::{Appended, GroupId, SeriesId, StoreError, StoreOptions};

#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) table: Table,
    pub(crate) now: Option<Timestamp>,
    /// `None` in memory.
    pub(crate) wal: Option<Wal>,
    pub(crate) lock: Option<FolderLock>,
    pub(crate) closed: bool,
    /// Span of a block in milliseconds.
    pub(crate) window: i64,
}

/// What a batch will change once it is logged.
#[derive(Debug, Default)]
struct Plan {
    row: Option<Arc<Row>>,
    /// The row completes the last one instead of following it.
    completes: bool,
    loose: Vec<(SeriesId, Timestamp, f64)>,
    /// The newest sample of series before this plan, to take it back.
    before: Vec<(SeriesId, Timestamp)>,
    appended: Appended,
}

impl Writer {
    pub(crate) fn new(options: &StoreOptions) -> Self {
        let window = i64::try_from(options.block_duration.as_millis()).unwrap_or(i64::MAX);
        Self {
            table: Table::default(),
            now: None,
            wal: None,
            lock: None,
            closed: false,
            window: window.max(1),
        }
    }

    pub(crate) fn group(&mut self, current: &Current, name: &str) -> GroupId {
        let (id, is_new) = self.table.group(name);
        if is_new {
            current.change(|state| state.groups.push(Arc::new(Group::new(name))));
        }
        id
    }

    /// Resolves without a limit on the number of series.
    pub(crate) fn resolve(
        &mut self,
        current: &Current,
        group: GroupId,
        labels: &Labels,
    ) -> SeriesId {
        let now = self.now.unwrap_or(Timestamp::MIN);
        if let Some(id) = self.table.find(group, labels) {
            if let Some(info) = self.table.get_mut(id) {
                info.resolved = now;
            }
            return id;
        }
        let id = self.table.add(group, labels, now);
        let state = current.get();
        let mut index = state.index.write().unwrap_or_else(PoisonError::into_inner);
        index.push(group, labels);
        id
    }

    /// Appends a scrape.
    pub(crate) fn append(
        &mut self,
        current: &Current,
        options: &StoreOptions,
        group: GroupId,
        at: Timestamp,
        samples: &[(SeriesId, f64)],
    ) -> Result<Appended, StoreError> {
        if self.closed {
            return Err(StoreError::Closed);
        }
        if self.is_out_of_bounds(options, at) {
            return Ok(Appended {
                out_of_bounds: samples.len(),
                ..Appended::default()
            });
        }
        let plan = self.plan_row(current, group, at, samples);
        self.carry_out(current, group, plan)
    }

    /// Appends samples with their own timestamps.
    pub(crate) fn append_samples(
        &mut self,
        current: &Current,
        options: &StoreOptions,
        samples: &[(SeriesId, Timestamp, f64)],
    ) -> Result<Appended, StoreError> {
        if self.closed {
            return Err(StoreError::Closed);
        }
        let mut plan = Plan::default();
        for &(series, at, value) in samples {
            if self.is_out_of_bounds(options, at) {
                plan.appended.out_of_bounds += 1;
            } else {
                self.plan_loose(&mut plan, series, at, value);
            }
        }
        self.carry_out(current, GroupId(0), plan)
    }

    /// Puts back what the log holds. `cut`: what is older stands in blocks already.
    pub(crate) fn replay(
        &mut self,
        current: &Current,
        replayed: Replayed,
        cut: Timestamp,
    ) -> usize {
        let (group, plan) = match replayed {
            Replayed::Rows { at, samples } => {
                let first = samples
                    .first()
                    .and_then(|&(series, _)| self.table.get(series));
                let Some(group) = first.map(|info| info.group).filter(|_| at >= cut) else {
                    return 0;
                };
                (group, self.plan_row(current, group, at, &samples))
            }
            Replayed::Samples(samples) => {
                let mut plan = Plan::default();
                for (series, at, value) in samples {
                    if at >= cut {
                        self.plan_loose(&mut plan, series, at, value);
                    }
                }
                (GroupId(0), plan)
            }
        };
        let stored = plan.appended.stored;
        self.apply(current, group, plan);
        stored
    }

    fn is_out_of_bounds(&self, options: &StoreOptions, at: Timestamp) -> bool {
        self.now.is_some_and(|now| {
            at > now.plus(options.ahead_max) || at < now.minus(options.retention)
        })
    }

    fn plan_row(
        &mut self,
        current: &Current,
        group: GroupId,
        at: Timestamp,
        samples: &[(SeriesId, f64)],
    ) -> Plan {
        let head = Arc::clone(&current.get().groups[group.0 as usize]);
        let info = &self.table.groups[group.0 as usize];
        let follows = at > info.last_row;
        let completes = at == info.last_row && !head.rows.is_empty();
        if follows && self.must_seal(&head, at) {
            drop(head);
            self.seal(current, group);
        }
        if follows && let Some(plan) = self.plan_same_columns(group, at, samples) {
            return plan;
        }
        let mut plan = Plan {
            completes,
            ..Plan::default()
        };
        let mut columns = self.table.groups[group.0 as usize].columns.to_vec();
        let n_columns = columns.len();
        let mut values = vec![0.0; n_columns];
        let mut present = vec![false; n_columns];
        for &(series, value) in samples {
            let in_row = follows || completes;
            let info = self.table.get_mut(series);
            match info {
                Some(info) if in_row && info.group == group && info.last < at => {
                    if info.column == NO_COLUMN {
                        info.column = columns.len() as u32;
                        columns.push(series);
                        values.push(0.0);
                        present.push(false);
                    }
                    let column = info.column as usize;
                    values[column] = value;
                    present[column] = true;
                    plan.before.push((series, info.last));
                    info.last = at;
                    plan.appended.stored += 1;
                }
                _ => self.plan_loose(&mut plan, series, at, value),
            }
        }
        if columns.len() > n_columns {
            // Should the log refuse the row, the new columns stay, without a sample.
            self.table.groups[group.0 as usize].columns = columns.into();
        }
        if present.contains(&true) {
            let all = present.iter().all(|&present| present);
            plan.row = Some(Arc::new(Row {
                at,
                values: values.into(),
                present: (!all).then(|| present.into()),
            }));
        }
        plan
    }

    /// The plan for a scrape with the same series in the same order as the one before, which is
    /// nearly every scrape.
    fn plan_same_columns(
        &self,
        group: GroupId,
        at: Timestamp,
        samples: &[(SeriesId, f64)],
    ) -> Option<Plan> {
        let columns = &self.table.groups[group.0 as usize].columns;
        let same = columns.len() == samples.len()
            && !samples.is_empty()
            && columns
                .iter()
                .zip(samples)
                .all(|(column, (series, _))| column == series);
        if !same {
            return None;
        }
        let behind = |&(series, _): &(SeriesId, f64)| {
            self.table.get(series).is_some_and(|info| info.last < at)
        };
        samples.iter().all(behind).then(|| Plan {
            row: Some(Arc::new(Row {
                at,
                values: samples.iter().map(|&(_, value)| value).collect(),
                present: None,
            })),
            appended: Appended {
                stored: samples.len(),
                ..Appended::default()
            },
            ..Plan::default()
        })
    }

    fn plan_loose(&mut self, plan: &mut Plan, series: SeriesId, at: Timestamp, value: f64) {
        let Some(info) = self.table.get_mut(series) else {
            plan.appended.unknown += 1;
            return;
        };
        if at <= info.last {
            plan.appended.out_of_order += 1;
            return;
        }
        plan.before.push((series, info.last));
        info.last = at;
        plan.loose.push((series, at, value));
        plan.appended.stored += 1;
    }

    fn carry_out(
        &mut self,
        current: &Current,
        group: GroupId,
        mut plan: Plan,
    ) -> Result<Appended, StoreError> {
        if let Some(wal) = &mut self.wal {
            let mut entries = Vec::new();
            if let Some(row) = &plan.row {
                let info = &self.table.groups[group.0 as usize];
                entries.push(Entry::Row {
                    group,
                    generation: info.generation,
                    columns: Arc::clone(&info.columns),
                    row: Arc::clone(row),
                });
            }
            if !plan.loose.is_empty() {
                entries.push(Entry::Samples(plan.loose.as_slice().into()));
            }
            if let Err(error) = wal.append(&entries, &self.table) {
                // Newest first: a series may stand there twice.
                for (series, last) in plan.before.drain(..).rev() {
                    if let Some(info) = self.table.get_mut(series) {
                        info.last = last;
                    }
                }
                return Err(error);
            }
        }
        let appended = plan.appended;
        self.apply(current, group, plan);
        Ok(appended)
    }

    fn apply(&mut self, current: &Current, group: GroupId, plan: Plan) {
        let window = self.window;
        if let Some(row) = plan.row {
            let columns = {
                let info = &mut self.table.groups[group.0 as usize];
                info.last_row = info.last_row.max(row.at);
                Arc::clone(&info.columns)
            };
            if plan.before.is_empty() {
                // Planned with all columns; see `plan_same_columns`.
                for &series in &*columns {
                    if let Some(info) = self.table.get_mut(series) {
                        info.last = row.at;
                    }
                }
            }
            current.change(|state| {
                let head = state.group_mut(group);
                if head.columns.len() != columns.len() {
                    head.columns = columns;
                }
                match head.rows.last_mut() {
                    Some(last) if plan.completes => *last = Arc::new(last.filled_from(&row)),
                    _ => head.rows.push(row),
                }
            });
        }
        if plan.loose.is_empty() {
            return;
        }
        current.change(|state| {
            for (series, at, value) in plan.loose {
                if let Some(info) = self.table.get(series) {
                    state
                        .group_mut(info.group)
                        .push_loose(series, at, value, window);
                }
            }
        });
    }

    fn must_seal(&self, head: &Group, at: Timestamp) -> bool {
        head.rows.first().is_some_and(|first| {
            head.is_full() || window_of(first.at, self.window) != window_of(at, self.window)
        })
    }

    /// Seals the stage of a group and leaves out of the next one what had no sample in it.
    /// The packing is done while readers go on with the stage.
    pub(crate) fn seal(&mut self, current: &Current, group: GroupId) {
        let head = Arc::clone(&current.get().groups[group.0 as usize]);
        if head.rows.is_empty() {
            return;
        }
        let chunk = Arc::new(Chunk::seal(&head.columns, &head.rows));
        let sealed = chunk.columns.len();
        self.table
            .set_columns(group, |column| column < sealed && chunk.has(column));
        let columns = Arc::clone(&self.table.groups[group.0 as usize].columns);
        drop(head);
        current.change(|state| state.group_mut(group).replace_stage(chunk, columns));
    }
}
