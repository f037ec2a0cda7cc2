//! Opening: take the lock, open the blocks, replay the log.

use std::fs;
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use model::{Labels, Timestamp};

use crate::block::{Block, Resolve, SeriesLists, Unopened};
use crate::damage::DamageLog;
use crate::lock::FolderLock;
use crate::report::{Damage, DamageKind};
use crate::state::Current;
use crate::store::Shared;
use crate::wal::Wal;
use crate::writer::Writer;
use crate::{GroupId, Recovery, SeriesId, StoreError, StoreOptions, disk};

const WAL_FOLDER: &str = "wal";
const BLOCK_FOLDER: &str = "blocks";

/// What is damaged as a whole keeps its bytes under a name with this at the end.
const QUARANTINE: &str = "block.damaged";

/// The shortest block: below, the files would outnumber the chunks.
const BLOCK_DURATION_MIN: Duration = Duration::from_secs(1);

struct Resolver<'a> {
    writer: &'a mut Writer,
    current: &'a Current,
}

impl Resolve for Resolver<'_> {
    fn group(&mut self, name: &str) -> GroupId {
        self.writer.group(self.current, name)
    }

    fn series(&mut self, group: GroupId, labels: Labels) -> SeriesId {
        self.writer.resolve(self.current, group, &labels)
    }
}

pub(crate) fn open(
    dir: &Path,
    options: StoreOptions,
    now: Timestamp,
) -> Result<(Shared, Recovery), StoreError> {
    if options.block_duration < BLOCK_DURATION_MIN {
        return Err(StoreError::InvalidOption {
            option: "block_duration",
            value: format!("{:?}", options.block_duration),
            reason: "a block spans at least a second",
        });
    }
    make_folder(dir)?;
    let lock = FolderLock::take(dir)?;
    let block_dir = dir.join(BLOCK_FOLDER);
    make_folder(&block_dir)?;
    let mut wal = Wal::open(dir.join(WAL_FOLDER), options.wal_segment_bytes)?;
    // The names of the two folders.
    disk::sync_folder(dir).map_err(StoreError::io("sync the data folder", dir))?;
    let mut recovery = Recovery::default();
    let damage = Arc::new(DamageLog::default());
    let current = Current::default();
    let mut writer = Writer::new(&options);
    writer.now = Some(now);
    let blocks = open_blocks(&block_dir, &mut writer, &current, &damage)?;
    recovery.blocks = blocks.len();
    learn_last_samples(&mut writer, &blocks)?;
    // For each block: what segments below the number hold before the cut is in blocks.
    let cuts: Vec<(u64, Timestamp)> = blocks
        .iter()
        .map(|block| (block.wal_segment, block.wal_cut))
        .collect();
    current.change(|state| state.blocks = Arc::new(blocks));

    let oldest = now.minus(options.retention);
    let writer_cell = std::cell::RefCell::new(&mut writer);
    let replay = wal.replay(
        |name, labels| {
            let mut writer = writer_cell.borrow_mut();
            let group = writer.group(&current, name);
            writer.resolve(&current, group, &labels)
        },
        |segment, replayed| {
            let cut = cuts
                .iter()
                .filter(|&&(number, _)| number > segment)
                .map(|&(_, cut)| cut)
                .fold(oldest, Timestamp::max);
            let mut writer = writer_cell.borrow_mut();
            recovery.samples += writer.replay(&current, replayed, cut);
        },
    )?;
    recovery.segments = replay.segments;
    recovery.records = replay.records;
    replay
        .damage
        .into_iter()
        .for_each(|place| damage.add(place));
    recovery.damage = damage.places();
    writer.wal = Some(wal);
    writer.lock = Some(lock);
    let shared = Shared::new(options, Some(block_dir), current, writer, damage);
    Ok((shared, recovery))
}

fn make_folder(dir: &Path) -> Result<(), StoreError> {
    match fs::create_dir(dir) {
        Ok(()) => Ok(()),
        Err(_) if dir.is_dir() => Ok(()),
        Err(_) if dir.exists() => Err(StoreError::NotAFolder {
            dir: dir.to_owned(),
        }),
        Err(source) => Err(StoreError::io("make the data folder", dir)(source)),
    }
}

/// All blocks that can be read, by window, then by number.
fn open_blocks(
    dir: &Path,
    writer: &mut Writer,
    current: &Current,
    damage: &Arc<DamageLog>,
) -> Result<Vec<Arc<Block>>, StoreError> {
    let list = |source| StoreError::io("list the block folder", dir)(source);
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir).map_err(list)? {
        let path = entry.map_err(list)?.path();
        match path.extension().and_then(|extension| extension.to_str()) {
            // Whatever was not finished never counted.
            Some("tmp") => {
                disk::remove(&path)
                    .map_err(StoreError::io("delete the unfinished block", &path))?;
            }
            Some("block") => paths.push(path),
            _ => {}
        }
    }
    paths.sort();
    let mut resolver = Resolver { writer, current };
    let mut lists = SeriesLists::new();
    let mut blocks = Vec::with_capacity(paths.len());
    for path in paths {
        let Some(number) = number_of(&path) else {
            continue;
        };
        match Block::open(&path, number, &mut resolver, &mut lists, damage) {
            Ok(block) => blocks.push(Arc::new(block)),
            Err(Unopened::Io(error)) => return Err(error),
            Err(Unopened::Damaged { bytes }) => {
                let aside = path.with_extension(QUARANTINE);
                disk::rename(&path, &aside)
                    .map_err(StoreError::io("put the damaged block aside", &path))?;
                damage.add(Damage {
                    path: aside,
                    offset: 0,
                    bytes,
                    kind: DamageKind::Block,
                });
            }
        }
    }
    blocks.sort_by_key(|block| (block.window, block.number));
    Ok(blocks)
}

pub(crate) fn number_of(path: &Path) -> Option<u64> {
    path.file_stem()?.to_str()?.parse().ok()
}

/// Tells the writer how far each series has come, so that it refuses what is not newer.
/// From the newest block back, a group is read only if it has a series not met yet.
fn learn_last_samples(writer: &mut Writer, blocks: &[Arc<Block>]) -> Result<(), StoreError> {
    for block in blocks.iter().rev() {
        for (&id, group) in &block.groups {
            let info = &mut writer.table.groups[id.0 as usize];
            info.last_row = info.last_row.max(group.last_row.unwrap_or(Timestamp::MIN));
            let table = &mut writer.table;
            let is_new = |&series: &SeriesId| {
                table
                    .get(series)
                    .is_some_and(|info| info.last == Timestamp::MIN)
            };
            if !group.series.iter().any(is_new) {
                continue;
            }
            for (series, last) in block.last_times(id)? {
                if let Some(info) = table.get_mut(series) {
                    info.last = info.last.max(last);
                }
            }
        }
    }
    Ok(())
}

/// The number that the next block gets.
pub(crate) fn next_block_number(dir: &Path) -> Result<u64, StoreError> {
    let list = |source| StoreError::io("list the block folder", dir)(source);
    let mut number = 0;
    for entry in fs::read_dir(dir).map_err(list)? {
        let path = entry.map_err(list)?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let stem = name.and_then(|name| name.split('.').next());
        number = number.max(stem.and_then(|stem| stem.parse().ok()).unwrap_or(0));
    }
    Ok(number + 1)
}

/// The order in which readers expect blocks.
pub(crate) fn insert_block(blocks: &mut Vec<Arc<Block>>, block: Arc<Block>) {
    let key = |block: &Block| (block.window, block.number);
    let place = blocks.partition_point(|other| key(other) < key(&block));
    blocks.insert(place, block);
}

/// Makes a new index without the series that were dropped.
pub(crate) fn rebuild_index(writer: &Writer, current: &Current) {
    let index = Arc::new(std::sync::RwLock::new(crate::index::Index::default()));
    {
        let mut fresh = index.write().unwrap_or_else(PoisonError::into_inner);
        for info in &writer.table.series {
            match info {
                Some(info) => fresh.push(info.group, &info.labels),
                None => fresh.push_none(),
            }
        }
    }
    current.change(|state| state.index = index);
}
