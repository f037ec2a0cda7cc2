//! The wanted series of one group, from all blocks, chunks and stages in a range of time.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use model::Timestamp;

use crate::block::{Block, ChunkEntry, LoadedChunk, Tag};
use crate::codec::{ColumnReader, Presence};
use crate::head::{Chunk, Row};
use crate::state::State;
use crate::{GroupId, SeriesId, StoreError};

/// Times and values of one series.
type Samples = (Arc<[Timestamp]>, Arc<[f64]>);

/// Place among the wanted series, and column.
type Picked = Vec<(usize, usize)>;

/// The query touches more samples than it may.
struct TooMany;

pub(super) struct Gather<'a> {
    state: &'a State,
    group: GroupId,
    from: Timestamp,
    to: Timestamp,
    samples_left: usize,
    /// Ascending.
    wanted: &'a [SeriesId],
    /// The times of all rows.
    axis: Vec<Timestamp>,
    series: Vec<Found>,
    scratch: Vec<i64>,
    values: Vec<f64>,
}

/// What was found of one series.
#[derive(Default)]
struct Found {
    values: Vec<f64>,
    /// The row of each value; `None` while they are rows 0, 1, 2, …
    rows: Option<Vec<u32>>,
    /// Samples with timestamps of their own.
    loose: Vec<(Timestamp, f64)>,
}

impl<'a> Gather<'a> {
    pub(super) fn new(
        state: &'a State,
        group: GroupId,
        wanted: &'a [SeriesId],
        from: Timestamp,
        to: Timestamp,
        samples_left: usize,
    ) -> Self {
        Self {
            state,
            group,
            from,
            to,
            samples_left,
            wanted,
            axis: Vec::new(),
            series: wanted.iter().map(|_| Found::default()).collect(),
            scratch: Vec::new(),
            values: Vec::new(),
        }
    }

    pub(super) fn samples_left(&self) -> usize {
        self.samples_left
    }

    /// `None` when there are more samples than may be.
    pub(super) fn run(&mut self) -> Result<Option<()>, StoreError> {
        let state = self.state;
        let (from, to, group) = (self.from, self.to, self.group);
        for block in state.blocks.iter().filter(|block| block.overlaps(from, to)) {
            if self.add_block(block)?.is_err() {
                return Ok(None);
            }
        }
        let head = &state.groups[group.0 as usize];
        // Chunks keep their list of columns while it does not change; so does the search in it.
        let mut list: Option<(Arc<[SeriesId]>, Picked)> = None;
        for chunk in head.chunks.iter().filter(|chunk| chunk.overlaps(from, to)) {
            let picked = match list.take() {
                Some((columns, picked)) if Arc::ptr_eq(&columns, &chunk.columns) => picked,
                _ => self.pick(&chunk.columns),
            };
            if self.add_chunk(chunk, &picked).is_err() {
                return Ok(None);
            }
            list = Some((Arc::clone(&chunk.columns), picked));
        }
        if self.add_stage(&head.columns, &head.rows).is_err() {
            return Ok(None);
        }
        for place in 0..self.wanted.len() {
            let Some(loose) = head.loose.get(&self.wanted[place]) else {
                continue;
            };
            for chunk in loose.chunks.iter().filter(|chunk| chunk.overlaps(from, to)) {
                let times = chunk.times();
                if let Some(column) = chunk.column(0)
                    && self.add_loose(place, &times, column).is_err()
                {
                    return Ok(None);
                }
            }
            let staged = loose
                .stage
                .iter()
                .filter(|(at, _)| (from..=to).contains(at));
            let n = staged.clone().count();
            if self.charge(n).is_err() {
                return Ok(None);
            }
            self.series[place].push_loose(staged.copied());
        }
        Ok(Some(()))
    }

    /// The wanted series among these columns.
    fn pick(&self, columns: &[SeriesId]) -> Picked {
        let columns = columns.iter().enumerate();
        columns
            .filter_map(|(column, series)| {
                let place = self.wanted.binary_search(series).ok()?;
                Some((place, column))
            })
            .collect()
    }

    /// The rows of `times` in the range that are not on the axis yet, put on it. A row can be
    /// there already when a crash left the same samples in two blocks.
    fn extend_axis(&mut self, times: &[Timestamp]) -> Range<usize> {
        let start = match self.axis.last() {
            Some(&last) if last >= self.from => times.partition_point(|&at| at <= last),
            _ => times.partition_point(|&at| at < self.from),
        };
        let end = times.partition_point(|&at| at <= self.to).max(start);
        self.axis.extend_from_slice(&times[start..end]);
        start..end
    }

    fn charge(&mut self, samples: usize) -> Result<(), TooMany> {
        self.samples_left = self.samples_left.checked_sub(samples).ok_or(TooMany)?;
        Ok(())
    }

    fn add_block(&mut self, block: &Block) -> Result<Result<(), TooMany>, StoreError> {
        let Some(group) = block.groups.get(&self.group) else {
            return Ok(Ok(()));
        };
        let picked = self.pick(&group.series);
        if picked.is_empty() || group.min > self.to || group.max < self.from {
            return Ok(Ok(()));
        }
        let Some(directory) = block.directory(self.group)? else {
            return Ok(Ok(()));
        };
        let place_of: HashMap<usize, usize> = picked
            .iter()
            .map(|&(place, column)| (column, place))
            .collect();
        for chunk in &directory.chunks {
            if chunk.min > self.to || chunk.max < self.from {
                continue;
            }
            let charged = match chunk.only {
                None => self.add_block_rows(block, chunk, &picked)?,
                Some(column) => match place_of.get(&column) {
                    Some(&place) => self.add_block_loose(block, chunk, place)?,
                    None => Ok(()),
                },
            };
            if charged.is_err() {
                return Ok(charged);
            }
        }
        Ok(Ok(()))
    }

    fn add_block_rows(
        &mut self,
        block: &Block,
        chunk: &ChunkEntry,
        picked: &[(usize, usize)],
    ) -> Result<Result<(), TooMany>, StoreError> {
        let loaded = block.load(chunk, picked.iter().map(|&(_, column)| column))?;
        let Some(times) = block.times(chunk, &loaded)? else {
            return Ok(Ok(()));
        };
        let start = self.axis.len();
        let rows = self.extend_axis(&times);
        for &(place, column) in picked {
            let tag = &chunk.tags[column];
            let read = loaded.column(tag);
            match read.map(|reader| self.add_column(place, reader, start, rows.clone())) {
                Some(Err(Unread::TooMany)) => return Ok(Err(TooMany)),
                Some(Err(Unread::Corrupt)) => loaded.report(tag),
                Some(Ok(())) | None => {}
            }
        }
        Ok(Ok(()))
    }

    fn add_block_loose(
        &mut self,
        block: &Block,
        chunk: &ChunkEntry,
        place: usize,
    ) -> Result<Result<(), TooMany>, StoreError> {
        let loaded: LoadedChunk<'_> = block.load(chunk, [0].into_iter())?;
        let Some(times) = block.times(chunk, &loaded)? else {
            return Ok(Ok(()));
        };
        let tag: &Tag = &chunk.tags[0];
        let read = loaded.column(tag);
        match read.map(|reader| self.add_loose(place, &times, reader)) {
            Some(Err(Unread::TooMany)) => return Ok(Err(TooMany)),
            Some(Err(Unread::Corrupt)) => loaded.report(tag),
            Some(Ok(())) | None => {}
        }
        Ok(Ok(()))
    }

    fn add_chunk(&mut self, chunk: &Chunk, picked: &[(usize, usize)]) -> Result<(), Unread> {
        if picked.is_empty() {
            return Ok(());
        }
        let start = self.axis.len();
        let times = chunk.times();
        let rows = self.extend_axis(&times);
        for &(place, column) in picked {
            if let Some(reader) = chunk.column(column) {
                self.add_column(place, reader, start, rows.clone())?;
            }
        }
        Ok(())
    }

    /// Adds the part `rows` of a column; its first row stands at `start` on the axis.
    fn add_column(
        &mut self,
        place: usize,
        reader: ColumnReader<'_>,
        start: usize,
        rows: Range<usize>,
    ) -> Result<(), Unread> {
        self.charge(reader.presence.count(rows.start, rows.end))?;
        let whole = reader.presence == Presence::All && rows.start == 0;
        let series = &mut self.series[place];
        if whole && rows.end == reader.rows() {
            let n_before = series.values.len();
            if let Err(error) = reader.read(&mut self.scratch, &mut series.values) {
                series.values.truncate(n_before);
                return Err(error.into());
            }
            series.note(n_before, start..start + rows.len());
            return Ok(());
        }
        self.values.clear();
        let presence = reader.read(&mut self.scratch, &mut self.values)?;
        let mut before = 0;
        for run in runs(&presence, rows.end) {
            let from = run.start.max(rows.start);
            let to = run.end.min(rows.end);
            if from < to {
                let skip = before + (from - run.start);
                let n_before = series.values.len();
                series
                    .values
                    .extend_from_slice(&self.values[skip..skip + (to - from)]);
                series.note(n_before, start + from - rows.start..start + to - rows.start);
            }
            before += run.len();
        }
        Ok(())
    }

    fn add_stage(&mut self, columns: &[SeriesId], rows: &[Arc<Row>]) -> Result<(), Unread> {
        let picked = self.pick(columns);
        if picked.is_empty() {
            return Ok(());
        }
        let times: Vec<Timestamp> = rows.iter().map(|row| row.at).collect();
        let start = self.axis.len();
        let range = self.extend_axis(&times);
        for &(place, column) in &picked {
            let n = rows[range.clone()]
                .iter()
                .filter(|row| row.get(column).is_some())
                .count();
            self.charge(n)?;
            let series = &mut self.series[place];
            for (row, stage_row) in rows[range.clone()].iter().enumerate() {
                if let Some(value) = stage_row.get(column) {
                    let n_before = series.values.len();
                    series.values.push(value);
                    series.note(n_before, start + row..start + row + 1);
                }
            }
        }
        Ok(())
    }

    fn add_loose(
        &mut self,
        place: usize,
        times: &[Timestamp],
        reader: ColumnReader<'_>,
    ) -> Result<(), Unread> {
        let start = times.partition_point(|&at| at < self.from);
        let end = times.partition_point(|&at| at <= self.to).max(start);
        self.charge(reader.presence.count(start, end))?;
        self.values.clear();
        if reader.read(&mut self.scratch, &mut self.values)? != Presence::All {
            return Err(Unread::Corrupt);
        }
        let times = times[start..end].iter().copied();
        let values = self.values[start..end].iter().copied();
        self.series[place].push_loose(times.zip(values));
        Ok(())
    }

    /// The samples of every wanted series; `None` for one without any.
    pub(super) fn finish(self) -> impl Iterator<Item = Option<Samples>> {
        let axis: Arc<[Timestamp]> = self.axis.into();
        // Series that came or went together share their times, too.
        let mut last: (Vec<u32>, Arc<[Timestamp]>) = (Vec::new(), Arc::from([]));
        self.series.into_iter().map(move |found| {
            if found.values.is_empty() && found.loose.is_empty() {
                return None;
            }
            let times = match found.rows {
                None if found.values.len() == axis.len() => Arc::clone(&axis),
                None => axis[..found.values.len()].into(),
                Some(rows) if rows == last.0 => Arc::clone(&last.1),
                Some(rows) => {
                    let times: Arc<[Timestamp]> =
                        rows.iter().map(|&row| axis[row as usize]).collect();
                    last = (rows, Arc::clone(&times));
                    times
                }
            };
            if found.loose.is_empty() {
                return Some((times, found.values.into()));
            }
            let mut samples: Vec<(Timestamp, f64)> = times
                .iter()
                .copied()
                .zip(found.values)
                .chain(found.loose)
                .collect();
            samples.sort_by_key(|&(at, _)| at);
            samples.dedup_by_key(|&mut (at, _)| at);
            let (times, values): (Vec<_>, Vec<_>) = samples.into_iter().unzip();
            Some((times.into(), values.into()))
        })
    }
}

/// Why a column gave nothing.
enum Unread {
    TooMany,
    Corrupt,
}

impl From<TooMany> for Unread {
    fn from(_: TooMany) -> Self {
        Self::TooMany
    }
}

impl From<crate::bytes::Corrupt> for Unread {
    fn from(_: crate::bytes::Corrupt) -> Self {
        Self::Corrupt
    }
}

impl Found {
    /// Takes note that the values from the `n_before`-th on stand in these rows of the axis.
    fn note(&mut self, n_before: usize, rows: Range<usize>) {
        match &mut self.rows {
            None if rows.start == n_before => {}
            None => {
                let before = 0..n_before;
                self.rows = Some(before.chain(rows).map(|row| row as u32).collect());
            }
            Some(list) => list.extend(rows.map(|row| row as u32)),
        }
    }

    /// Leaves out what is there already; see [`Gather::extend_axis`].
    fn push_loose(&mut self, samples: impl Iterator<Item = (Timestamp, f64)>) {
        let last = self.loose.last().map(|&(at, _)| at);
        self.loose
            .extend(samples.filter(|&(at, _)| last.is_none_or(|last| at > last)));
    }
}

/// The ranges of rows that have values, up to row `end`.
fn runs(presence: &Presence, end: usize) -> impl Iterator<Item = Range<usize>> {
    let (all, runs) = match presence {
        Presence::All => (Some(0..end), &[][..]),
        Presence::Runs(runs) => (None, &runs[..]),
    };
    let runs = runs.iter().map(|&(from, to)| from as usize..to as usize);
    all.into_iter().chain(runs)
}
