//! What has to be done from time to time: flush the head to blocks, cut the log, delete what
//! left retention, forget series without samples.
//!
//! A crash at any point is harmless: a block counts once it has its name, and it says which part
//! of the log it makes superfluous, so replay leaves that out whether it was deleted or not.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, PoisonError};

use model::Timestamp;

use crate::block::{Block, BlockWriter, GroupSource};
use crate::head::{Chunk, Loose, window_of};
use crate::recover::{insert_block, next_block_number, rebuild_index};
use crate::state::State;
use crate::store::Shared;
use crate::writer::Writer;
use crate::{GroupId, Maintenance, SeriesId, StoreError, disk};

/// A block is written when its span is over by an eighth of it (15 minutes of 2 hours), so that
/// late samples still find it open.
const FLUSH_LAG_DIVISOR: i64 = 8;

pub(crate) fn maintain(shared: &Shared, now: Timestamp) -> Result<Maintenance, StoreError> {
    let mut done = Maintenance::default();
    {
        let mut writer = shared.writer();
        if writer.closed {
            return Err(StoreError::Closed);
        }
        // First of all, so that a full disk never makes the bound on new samples stand still.
        writer.now = Some(now);
    }
    let oldest = now.minus(shared.options.retention);
    // Before anything is written: it makes room.
    let dropped = drop_blocks(shared, now, &mut done);
    match &shared.block_dir {
        Some(dir) => flush(shared, dir, now, &mut done)?,
        None => drop_chunks(shared, oldest),
    }
    dropped?;
    if done.blocks_dropped > 0 || shared.block_dir.is_none() {
        done.series_dropped = drop_series(shared, oldest);
    }
    Ok(done)
}

/// Deletes the blocks that are too old or too many, oldest first.
///
/// Age is counted from the newest block, if that is older than the clock: a clock that jumps
/// years ahead must not empty the store. Until a block with such times is written there are
/// hours to set it right.
fn drop_blocks(shared: &Shared, now: Timestamp, done: &mut Maintenance) -> Result<(), StoreError> {
    let blocks = Arc::clone(&shared.current.get().blocks);
    let newest = blocks.iter().map(|block| block.max).max();
    let now = newest.map_or(now, |newest| newest.min(now));
    let oldest = now.minus(shared.options.retention);
    let mut bytes: u64 = blocks.iter().map(|block| block.bytes()).sum();
    let bytes_max = shared.options.bytes_max.unwrap_or(u64::MAX);
    for block in blocks.iter() {
        if block.max >= oldest && bytes <= bytes_max {
            continue;
        }
        // Readers that have the file open can go on reading it.
        disk::remove(&block.path).map_err(StoreError::io("delete the block", &block.path))?;
        bytes -= block.bytes();
        done.blocks_dropped += 1;
        shared.current.change(|state| {
            Arc::make_mut(&mut state.blocks).retain(|other| !Arc::ptr_eq(other, block));
        });
    }
    Ok(())
}

/// Retention of a store in memory.
fn drop_chunks(shared: &Shared, oldest: Timestamp) {
    let _writer = shared.writer();
    shared.current.change(|state| {
        for group in &mut state.groups {
            let is_old = |chunk: &Arc<Chunk>| chunk.max < oldest;
            let any_old = group.chunks.iter().any(is_old)
                || group
                    .loose
                    .values()
                    .any(|loose| loose.chunks.iter().any(is_old));
            if !any_old {
                continue;
            }
            let group = Arc::make_mut(group);
            group.chunks.retain(|chunk| !is_old(chunk));
            let loose = Arc::make_mut(&mut group.loose);
            loose.retain(|_, loose| {
                let loose = Arc::make_mut(loose);
                loose.chunks.retain(|chunk| !is_old(chunk));
                !loose.chunks.is_empty() || !loose.stage.is_empty()
            });
        }
    });
}

/// Writes every span of time that is over as a block, and cuts the log.
fn flush(
    shared: &Shared,
    dir: &Path,
    now: Timestamp,
    done: &mut Maintenance,
) -> Result<(), StoreError> {
    let window = shared.writer().window;
    let cut = window_of(now.plus_millis(-(window / FLUSH_LAG_DIVISOR)), window);
    let cut = Timestamp::from_millis(cut);
    let Some((segment, state)) = seal_before(shared, cut) else {
        // Nothing in the head is that old, so the segments that hold nothing else may go.
        return truncate(shared, u64::MAX, cut, done);
    };
    let windows: BTreeSet<i64> = chunks(&state)
        .filter(|chunk| chunk.min < cut)
        .map(|chunk| window_of(chunk.min, window))
        .collect();
    for start in windows {
        let end = Timestamp::from_millis(start).plus_millis(window);
        let number = next_block_number(dir)?;
        let writer = BlockWriter::create(dir, number, start)?;
        let block = write_block(shared, &state, writer, end, window, segment)?;
        done.blocks_written += usize::from(block.is_some());
        let _writer = shared.writer();
        shared.current.change(|current| {
            if let Some(block) = block {
                done.samples_written += block.samples as usize;
                insert_block(Arc::make_mut(&mut current.blocks), Arc::new(block));
            }
            forget_chunks(current, &state, start, window);
        });
    }
    truncate(shared, segment, cut, done)
}

fn truncate(
    shared: &Shared,
    segment: u64,
    cut: Timestamp,
    done: &mut Maintenance,
) -> Result<(), StoreError> {
    if let Some(wal) = &mut shared.writer().wal {
        done.wal_segments_dropped += wal.truncate(segment, cut)?;
    }
    Ok(())
}

/// Seals what is older than `cut` and ends the log's segment: what is logged later is not in
/// the state returned. `None` when nothing is that old.
fn seal_before(shared: &Shared, cut: Timestamp) -> Option<(u64, Arc<State>)> {
    let n_groups = shared.current.get().groups.len();
    // Group by group, so that appending goes on in between …
    for id in 0..n_groups {
        seal_group(&mut shared.writer(), shared, GroupId(id as u32), cut);
    }
    // … and once more in one go for what came meanwhile, which is little.
    let mut writer = shared.writer();
    let mut found = false;
    for id in 0..shared.current.get().groups.len() {
        found |= seal_group(&mut writer, shared, GroupId(id as u32), cut);
    }
    let wal = writer.wal.as_mut().filter(|_| found)?;
    let segment = wal.roll();
    Some((segment, shared.current.get()))
}

/// True when the group has sealed samples older than `cut`.
fn seal_group(writer: &mut Writer, shared: &Shared, id: GroupId, cut: Timestamp) -> bool {
    let group = Arc::clone(&shared.current.get().groups[id.0 as usize]);
    let mut found = group.chunks.first().is_some_and(|chunk| chunk.min < cut);
    let loose_is_old = |loose: &Loose| loose.stage.first().is_some_and(|&(at, _)| at < cut);
    let old_rows = group.rows.first().is_some_and(|row| row.at < cut);
    let old_loose = group.loose.values().any(|loose| loose_is_old(loose));
    found |= group
        .loose
        .values()
        .any(|loose| loose.chunks.iter().any(|chunk| chunk.min < cut));
    drop(group);
    if old_rows {
        writer.seal(&shared.current, id);
    }
    if old_loose {
        shared.current.change(|state| {
            let loose = Arc::make_mut(&mut state.group_mut(id).loose);
            let old = loose.iter_mut().filter(|(_, loose)| loose_is_old(loose));
            for (&series, loose) in old {
                Arc::make_mut(loose).seal(series);
            }
        });
    }
    found || old_rows || old_loose
}

fn chunks(state: &State) -> impl Iterator<Item = &Arc<Chunk>> {
    state.groups.iter().flat_map(|group| {
        let loose = group.loose.values().flat_map(|loose| &loose.chunks);
        group.chunks.iter().chain(loose)
    })
}

fn write_block(
    shared: &Shared,
    state: &State,
    mut block: BlockWriter,
    end: Timestamp,
    window: i64,
    segment: u64,
) -> Result<Option<Block>, StoreError> {
    let start = window_of(end.plus_millis(-1), window);
    let inside = |chunk: &&Arc<Chunk>| window_of(chunk.min, window) == start;
    let labels = {
        let index = state.index.read().unwrap_or_else(PoisonError::into_inner);
        index.all_labels()
    };
    for (id, group) in state.groups.iter().enumerate() {
        let id = GroupId(id as u32);
        let loose: Vec<(SeriesId, Vec<Arc<Chunk>>)> = group
            .loose
            .iter()
            .map(|(&series, loose)| {
                (
                    series,
                    loose.chunks.iter().filter(inside).cloned().collect(),
                )
            })
            .filter(|(_, chunks): &(_, Vec<_>)| !chunks.is_empty())
            .collect();
        let source = GroupSource {
            id,
            name: &group.name,
            chunks: group.chunks.iter().filter(inside).cloned().collect(),
            loose,
            series_before: state
                .blocks
                .last()
                .and_then(|block| block.groups.get(&id))
                .map(|group| Arc::clone(&group.series)),
        };
        block.add(&source, |series| {
            let labels = labels.get(series.0 as usize).and_then(Option::as_ref);
            labels.expect("a series with samples is not dropped")
        })?;
    }
    block.finish(segment, end, &shared.damage)
}

/// Takes the chunks that were written out of the head; what came since stays.
fn forget_chunks(current: &mut State, written: &State, start: i64, window: i64) {
    let inside = |chunk: &Chunk| window_of(chunk.min, window) == start;
    for (id, old) in written.groups.iter().enumerate() {
        let is_written = |list: &[Arc<Chunk>], chunk: &Arc<Chunk>| {
            inside(chunk) && list.iter().any(|written| Arc::ptr_eq(written, chunk))
        };
        let group = &mut current.groups[id];
        if group
            .chunks
            .iter()
            .any(|chunk| is_written(&old.chunks, chunk))
        {
            Arc::make_mut(group)
                .chunks
                .retain(|chunk| !is_written(&old.chunks, chunk));
        }
        if old
            .loose
            .values()
            .any(|loose| loose.chunks.iter().any(|chunk| inside(chunk)))
        {
            let loose = Arc::make_mut(&mut Arc::make_mut(group).loose);
            loose.retain(|series, loose| {
                if let Some(old) = old.loose.get(series) {
                    let loose = Arc::make_mut(loose);
                    loose.chunks.retain(|chunk| !is_written(&old.chunks, chunk));
                }
                !loose.chunks.is_empty() || !loose.stage.is_empty()
            });
        }
    }
}

/// Forgets the series that have no sample and were not asked for since `oldest`.
fn drop_series(shared: &Shared, oldest: Timestamp) -> usize {
    let mut writer = shared.writer();
    let state = shared.current.get();
    let mut live = vec![false; writer.table.series.len()];
    let mut mark = |series: &SeriesId| live[series.0 as usize] = true;
    for block in state.blocks.iter() {
        let groups = block.groups.values();
        groups.flat_map(|group| &*group.series).for_each(&mut mark);
    }
    for group in &state.groups {
        group.loose.keys().for_each(&mut mark);
        group
            .chunks
            .iter()
            .flat_map(|chunk| &*chunk.columns)
            .for_each(&mut mark);
        if !group.rows.is_empty() {
            group.columns.iter().for_each(&mut mark);
        }
    }
    // Resolved before there was a clock: counts as resolved now.
    let now = writer.now.unwrap_or(Timestamp::MIN);
    for info in writer.table.series.iter_mut().flatten() {
        if info.resolved == Timestamp::MIN {
            info.resolved = now;
        }
    }
    let series = writer.table.series.iter().zip(&live).enumerate();
    let gone: Vec<SeriesId> = series
        .filter(|&(_, (info, &live))| {
            let is_old = |time: Timestamp| time < oldest;
            let mut info = info.iter();
            !live && info.any(|info| is_old(info.last) && is_old(info.resolved))
        })
        .map(|(id, _)| SeriesId(id as u32))
        .collect();
    if gone.is_empty() {
        return 0;
    }
    drop(state);
    for &series in &gone {
        writer.table.remove(series);
    }
    drop_columns(&mut writer, shared);
    rebuild_index(&writer, &shared.current);
    gone.len()
}

/// Takes series that were dropped out of the columns of their groups.
fn drop_columns(writer: &mut Writer, shared: &Shared) {
    for id in 0..writer.table.groups.len() {
        let group = GroupId(id as u32);
        let columns = Arc::clone(&writer.table.groups[id].columns);
        let known: Vec<bool> = columns
            .iter()
            .map(|&series| writer.table.get(series).is_some())
            .collect();
        if known.contains(&false) {
            writer.table.set_columns(group, |column| known[column]);
            let columns = Arc::clone(&writer.table.groups[id].columns);
            shared
                .current
                .change(|state| state.group_mut(group).columns = columns);
        }
    }
}
