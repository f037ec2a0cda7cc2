//! The store as its users see it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::{Labels, Timestamp};

use crate::damage::DamageLog;
use crate::snapshot::Snapshot;
use crate::state::Current;
use crate::writer::Writer;
use crate::{
    Appended, Damage, GroupId, Maintenance, Recovery, SeriesId, Stats, StoreError, StoreOptions,
    maintain, recover,
};

/// A store. Cloning shares it; every method may be called from any thread.
#[derive(Clone, Debug)]
pub struct Store {
    shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: StoreOptions,
    /// Where the blocks are; `None` in memory.
    pub(crate) block_dir: Option<PathBuf>,
    pub(crate) current: Current,
    pub(crate) writer: Mutex<Writer>,
    /// One maintenance at a time; see the lock order at [`Current`].
    pub(crate) maintaining: Mutex<()>,
    /// One sync at a time.
    syncing: Mutex<()>,
    pub(crate) damage: Arc<DamageLog>,
}

impl Shared {
    pub(crate) fn new(
        options: StoreOptions,
        block_dir: Option<PathBuf>,
        current: Current,
        writer: Writer,
        damage: Arc<DamageLog>,
    ) -> Self {
        Self {
            options,
            block_dir,
            current,
            writer: Mutex::new(writer),
            maintaining: Mutex::new(()),
            syncing: Mutex::new(()),
            damage,
        }
    }

    pub(crate) fn writer(&self) -> MutexGuard<'_, Writer> {
        lock(&self.writer)
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store {
    /// A store that keeps everything in memory and forgets it at the end.
    pub fn in_memory() -> Self {
        let options = StoreOptions::default();
        let writer = Writer::new(&options);
        let current = Current::default();
        Self {
            shared: Arc::new(Shared::new(options, None, current, writer, Arc::default())),
        }
    }

    /// Opens the store in `dir`, which is made when it is missing (its parent must be there).
    ///
    /// # Errors
    /// [`StoreError::Locked`] at once when another process has it open, [`StoreError::Io`] with
    /// the path when a file cannot be read or made, [`StoreError::InvalidOption`]. Damaged files
    /// are no error: they are told in the [`Recovery`].
    pub fn open(
        dir: &Path,
        options: StoreOptions,
        now: Timestamp,
    ) -> Result<(Self, Recovery), StoreError> {
        let (shared, recovery) = recover::open(dir, options, now)?;
        let shared = Arc::new(shared);
        Ok((Self { shared }, recovery))
    }

    /// The group of this name, made when it is new.
    pub fn group(&self, name: &str) -> GroupId {
        self.shared.writer().group(&self.shared.current, name)
    }

    /// The series of this group with these labels, made when it is new.
    ///
    /// # Errors
    /// [`StoreError::TooManySeries`] for a new one above [`StoreOptions::series_max`].
    pub fn resolve(&self, group: GroupId, labels: &Labels) -> Result<SeriesId, StoreError> {
        let mut writer = self.shared.writer();
        let series_max = self.shared.options.series_max;
        if writer.table.len() >= series_max && writer.table.find(group, labels).is_none() {
            return Err(StoreError::TooManySeries { series_max });
        }
        Ok(writer.resolve(&self.shared.current, group, labels))
    }

    /// Appends one scrape: every sample has the time `at`. When it returns, a killed process
    /// does not lose it; after the next [`Store::sync`], a power cut does not either.
    ///
    /// A scrape may be appended in parts. A sample whose series is of another group is stored
    /// there.
    ///
    /// # Errors
    /// [`StoreError::Io`] when it cannot be logged: then nothing of it is stored, and the same
    /// batch may be tried again.
    pub fn append(
        &self,
        group: GroupId,
        at: Timestamp,
        samples: &[(SeriesId, f64)],
    ) -> Result<Appended, StoreError> {
        let Shared {
            current, options, ..
        } = &*self.shared;
        self.shared
            .writer()
            .append(current, options, group, at, samples)
    }

    /// Appends samples that bring their own timestamps (remote write, `honor_timestamps`), of
    /// any groups. Samples of one series must stand in order of time.
    ///
    /// # Errors
    /// As [`Store::append`].
    pub fn append_samples(
        &self,
        samples: &[(SeriesId, Timestamp, f64)],
    ) -> Result<Appended, StoreError> {
        let Shared {
            current, options, ..
        } = &*self.shared;
        self.shared
            .writer()
            .append_samples(current, options, samples)
    }

    /// Makes what was appended so far safe against a power cut. The caller does it every second.
    /// Appending goes on meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Io`]: the records were written to a fresh file, or will be with the next
    /// append; the next call tells whether that one is safe.
    pub fn sync(&self) -> Result<(), StoreError> {
        let _one = lock(&self.shared.syncing);
        let pending = {
            let mut writer = self.shared.writer();
            let writer = &mut *writer;
            let Some(wal) = &mut writer.wal else {
                return Ok(());
            };
            wal.append(&[], &writer.table)?;
            wal.begin_sync()
        };
        let Some(pending) = pending else {
            return Ok(());
        };
        let outcome = pending.wait();
        let mut writer = self.shared.writer();
        let writer = &mut *writer;
        match &mut writer.wal {
            Some(wal) => wal.end_sync(&pending, outcome, &writer.table),
            None => Ok(()),
        }
    }

    /// Seals, flushes, deletes what left retention; sets the clock that bounds new samples.
    /// The caller does it every 15 seconds or so.
    ///
    /// # Errors
    /// [`StoreError::Io`]: what was not done is tried again by the next call.
    pub fn maintain(&self, now: Timestamp) -> Result<Maintenance, StoreError> {
        let _one = lock(&self.shared.maintaining);
        maintain::maintain(&self.shared, now)
    }

    /// Syncs and lets go of the folder. Later appends are refused; snapshots stay readable.
    ///
    /// # Errors
    /// As [`Store::sync`]; the store is closed all the same.
    pub fn close(&self) -> Result<(), StoreError> {
        let _one = lock(&self.shared.maintaining);
        let synced = self.sync();
        let mut writer = self.shared.writer();
        writer.closed = true;
        writer.wal = None;
        writer.lock = None;
        synced
    }

    pub fn stats(&self) -> Stats {
        let state = self.shared.current.get();
        let writer = self.shared.writer();
        let wal = writer.wal.as_ref();
        let mut stats = Stats {
            series: writer.table.len(),
            groups: state.groups.len(),
            blocks: state.blocks.len(),
            wal_segments: wal.map_or(0, |wal| wal.n_segments()),
            wal_bytes: wal.map_or(0, |wal| wal.bytes()),
            damaged: self.shared.damage.count(),
            ..Stats::default()
        };
        drop(writer);
        let mut spans = Vec::new();
        for group in &state.groups {
            stats.head_samples += group.samples();
            stats.head_bytes += group.bytes();
            spans.extend(group.span());
        }
        for block in state.blocks.iter() {
            stats.block_samples += block.samples;
            stats.block_bytes += block.bytes();
            spans.push((block.min, block.max));
        }
        stats.min_time = spans.iter().map(|&(min, _)| min).min();
        stats.max_time = spans.iter().map(|&(_, max)| max).max();
        stats
    }

    /// The damage met last, at most a hundred places.
    pub fn damage(&self) -> Vec<Damage> {
        self.shared.damage.places()
    }

    /// What is stored now. Taking it copies a pointer.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::new(self.shared.current.get())
    }
}

#[cfg(test)]
mod tests;
