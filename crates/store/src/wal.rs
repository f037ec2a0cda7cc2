//! Write-ahead log: what the head holds, in the order it arrived, safe against a crash.
//!
//! Layout: docs/formats/wal.md. A log is a folder of numbered segments. Every segment explains
//! itself: series are defined in it before or with their first sample, so segments are deleted
//! one by one and a damaged one costs nothing in another.
//!
//! INVARIANT: a record is whole in the file before its samples can be seen, so a killed process
//! loses nothing acknowledged. [`Wal::begin_sync`] makes it safe against a power cut.
//!
//! INVARIANT: a file is synced at most until its first failure. Then its unsynced records are
//! written again to a fresh segment: the kernel may have dropped the pages.

mod entry;
mod frame;
mod record;

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::{Labels, Timestamp};

use crate::report::{Damage, DamageKind};
use crate::{GroupId, SeriesId, StoreError, disk};
use frame::{Piece, SEGMENT_HEAD, pieces, put_frame};
use record::{Decoder, Defined, RowsContext, Stream, Undecoded, put_samples};

pub(crate) use entry::{Entry, Names, Replayed};

const EXTENSION: &str = "wal";

/// A damaged segment keeps its bytes under this name when it is no longer needed.
const QUARANTINE: &str = "wal.damaged";

/// Records that may wait for a sync before the log syncs by itself: the bound on what is kept
/// in memory to be written again.
const UNSYNCED_MAX: usize = 65_536;

#[derive(Debug)]
pub(crate) struct Wal {
    dir: PathBuf,
    segment_bytes: u64,
    /// All segments on disk, the current one included.
    segments: BTreeMap<u64, Segment>,
    next_number: u64,
    current: Option<Current>,
    /// Files with bytes that are not synced, closed segments first.
    unsynced_files: Vec<(u64, Arc<File>)>,
    /// Records in those files.
    unsynced: Vec<Entry>,
    /// How many records have left `unsynced`, ever: tells a sync under way which are its own.
    drained: u64,
    /// Records of a file that could not be synced; they go before all others.
    rescue: Vec<Entry>,
    folder_changed: bool,
    buffer: Vec<u8>,
}

#[derive(Debug)]
struct Segment {
    bytes: u64,
    max_time: Timestamp,
    damaged: bool,
}

/// The segment that is written, and what its reader will know by then.
#[derive(Debug)]
struct Current {
    number: u64,
    file: Arc<File>,
    path: PathBuf,
    bytes: u64,
    streams: HashMap<GroupId, Stream>,
    defined: Defined,
    next_base: u64,
}

/// A sync under way; see [`Wal::begin_sync`].
#[derive(Debug)]
pub(crate) struct PendingSync {
    dir: PathBuf,
    files: Vec<(u64, Arc<File>)>,
    /// The records that will be safe: those before this one, counted from the first ever.
    upto: u64,
    folder: bool,
}

impl PendingSync {
    /// Waits for the disk; to be called without any lock.
    pub(crate) fn wait(&self) -> io::Result<()> {
        for (_, file) in &self.files {
            disk::sync_data(file)?;
        }
        if self.folder {
            disk::sync_folder(&self.dir)?;
        }
        Ok(())
    }
}

/// What reading a log found.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    pub(crate) segments: usize,
    pub(crate) records: usize,
    pub(crate) damage: Vec<Damage>,
}

impl Wal {
    /// Finds the segments in `dir`, which is made when it is missing. Reads none of them.
    pub(crate) fn open(dir: PathBuf, segment_bytes: u64) -> Result<Self, StoreError> {
        if !dir.is_dir() {
            fs::create_dir(&dir).map_err(StoreError::io("make the WAL folder", &dir))?;
        }
        let mut segments = BTreeMap::new();
        let entries = fs::read_dir(&dir).map_err(StoreError::io("list the WAL folder", &dir))?;
        let mut number_max = 0;
        for entry in entries {
            let entry = entry.map_err(StoreError::io("list the WAL folder", &dir))?;
            let path = entry.path();
            let Some((number, extension)) = number_of(&path) else {
                continue;
            };
            number_max = number_max.max(number);
            if extension == EXTENSION {
                let bytes = entry.metadata().map_or(0, |metadata| metadata.len());
                let segment = Segment {
                    bytes,
                    max_time: Timestamp::MIN,
                    damaged: false,
                };
                segments.insert(number, segment);
            }
        }
        Ok(Self {
            dir,
            segment_bytes,
            segments,
            next_number: number_max + 1,
            current: None,
            unsynced_files: Vec::new(),
            unsynced: Vec::new(),
            drained: 0,
            rescue: Vec::new(),
            folder_changed: false,
            buffer: Vec::new(),
        })
    }

    /// Reads all segments, oldest first. `apply` gets the number of the segment too.
    pub(crate) fn replay(
        &mut self,
        mut resolve: impl FnMut(&str, Labels) -> SeriesId,
        mut apply: impl FnMut(u64, Replayed),
    ) -> Result<Replay, StoreError> {
        let mut replay = Replay::default();
        for (&number, segment) in &mut self.segments {
            let path = path_of(&self.dir, number);
            let bytes = fs::read(&path).map_err(StoreError::io("read the WAL segment", &path))?;
            // A killed process leaves bytes in the page cache that were never synced.
            File::open(&path)
                .and_then(|file| disk::sync_data(&file))
                .map_err(StoreError::io("sync the WAL segment", &path))?;
            replay.segments += 1;
            let mut decoder = Decoder::default();
            for piece in pieces(&bytes) {
                let (offset, len, kind) = match piece {
                    Piece::Damaged { offset, len, kind } => (offset, len, kind),
                    Piece::Payload { offset, payload } => {
                        match decoder.read(payload, &mut resolve) {
                            Ok((replayed, orphans)) => {
                                replay.records += 1;
                                segment.max_time = segment.max_time.max(replayed.max_time());
                                apply(number, replayed);
                                if !orphans {
                                    continue;
                                }
                                (offset, payload.len(), DamageKind::WalOrphan)
                            }
                            Err(Undecoded::Orphan) => {
                                (offset, payload.len(), DamageKind::WalOrphan)
                            }
                            Err(Undecoded::Corrupt) => {
                                (offset, payload.len(), DamageKind::WalFrame)
                            }
                        }
                    }
                };
                segment.damaged |= kind != DamageKind::TornTail;
                replay.damage.push(Damage {
                    path: path.clone(),
                    offset: offset as u64,
                    bytes: len as u64,
                    kind,
                });
            }
        }
        Ok(replay)
    }

    /// Writes the entries as records. After an error nothing of them counts as written, and the
    /// next call tries again with whatever room there is then.
    pub(crate) fn append(
        &mut self,
        entries: &[Entry],
        names: &impl Names,
    ) -> Result<(), StoreError> {
        if self.unsynced.len() > UNSYNCED_MAX {
            self.sync(names)?;
        }
        if !self.rescue.is_empty() {
            let rescue = std::mem::take(&mut self.rescue);
            if let Err(error) = self.write(&rescue, names) {
                self.rescue = rescue;
                return Err(error);
            }
        }
        self.write(entries, names)
    }

    fn write(&mut self, entries: &[Entry], names: &impl Names) -> Result<(), StoreError> {
        if entries.is_empty() {
            return Ok(());
        }
        let mut current = match self.current.take() {
            Some(current) if current.bytes < self.segment_bytes => current,
            _ => self.create_segment()?,
        };
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        for entry in entries {
            current.put(entry, names, &mut buffer);
        }
        let written = disk::write_all(&current.file, &buffer);
        let n_bytes = buffer.len() as u64;
        self.buffer = buffer;
        if let Err(source) = written {
            // What the reader would know is no longer certain: cut the torn record off and let
            // the streams start anew. Where it cannot be cut, the segment is left to the reader,
            // who skips the torn bytes.
            if disk::set_len(&current.file, current.bytes).is_ok() {
                current.forget();
                let path = current.path.clone();
                self.current = Some(current);
                return Err(StoreError::io("write to the WAL segment", &path)(source));
            }
            return Err(StoreError::io("write to the WAL segment", &current.path)(
                source,
            ));
        }
        current.bytes += n_bytes;
        let segment = self
            .segments
            .get_mut(&current.number)
            .expect("the current segment is listed");
        segment.bytes = current.bytes;
        for entry in entries {
            segment.max_time = segment.max_time.max(entry.max_time());
        }
        if self.unsynced_files.last().map(|&(number, _)| number) != Some(current.number) {
            self.unsynced_files
                .push((current.number, Arc::clone(&current.file)));
        }
        self.unsynced.extend_from_slice(entries);
        self.current = Some(current);
        Ok(())
    }

    fn create_segment(&mut self) -> Result<Current, StoreError> {
        let number = self.next_number;
        let path = path_of(&self.dir, number);
        let file = disk::create_new(&path).map_err(StoreError::io("make the segment", &path))?;
        if let Err(source) = disk::write_all(&file, SEGMENT_HEAD) {
            // An empty file is in nobody's way; the number is taken again if it can be removed.
            if disk::remove(&path).is_err() {
                self.next_number += 1;
            }
            return Err(StoreError::io("write to the WAL segment", &path)(source));
        }
        self.next_number += 1;
        self.folder_changed = true;
        self.segments.insert(
            number,
            Segment {
                bytes: SEGMENT_HEAD.len() as u64,
                max_time: Timestamp::MIN,
                damaged: false,
            },
        );
        Ok(Current {
            number,
            file: Arc::new(file),
            path,
            bytes: SEGMENT_HEAD.len() as u64,
            streams: HashMap::new(),
            defined: Defined::default(),
            next_base: 1,
        })
    }

    /// The first half of a sync: what there is to wait for. `None` when all is safe already.
    pub(crate) fn begin_sync(&self) -> Option<PendingSync> {
        if self.unsynced_files.is_empty() && !self.folder_changed {
            return None;
        }
        Some(PendingSync {
            dir: self.dir.clone(),
            files: self.unsynced_files.clone(),
            upto: self.drained + self.unsynced.len() as u64,
            folder: self.folder_changed,
        })
    }

    /// The second half of a sync: takes note of its outcome. After a failure the records go to
    /// a fresh segment at once, or with the next append if there is no room now.
    pub(crate) fn end_sync(
        &mut self,
        pending: &PendingSync,
        outcome: io::Result<()>,
        names: &impl Names,
    ) -> Result<(), StoreError> {
        let Err(source) = outcome else {
            let n = pending.upto.saturating_sub(self.drained) as usize;
            self.unsynced.drain(..n);
            self.drained += n as u64;
            // The current file stays on the list: it may have grown meanwhile.
            let current = self.current.as_ref().map(|current| current.number);
            let grown = !self.unsynced.is_empty();
            self.unsynced_files.retain(|(number, _)| {
                pending.files.iter().all(|(synced, _)| synced != number)
                    || (grown && Some(*number) == current)
            });
            self.folder_changed &= !pending.folder;
            return Ok(());
        };
        let path = pending.files.last().map_or_else(
            || self.dir.clone(),
            |&(number, _)| path_of(&self.dir, number),
        );
        self.current = None;
        self.unsynced_files.clear();
        self.drained += self.unsynced.len() as u64;
        self.rescue.append(&mut self.unsynced);
        // The folder is only told apart from a new state by another sync of the folder.
        self.folder_changed = true;
        let rescue = std::mem::take(&mut self.rescue);
        if self.write(&rescue, names).is_err() {
            self.rescue = rescue;
        }
        Err(StoreError::io("sync the WAL segment", &path)(source))
    }

    /// Syncs in one go, for callers that hold the log anyway.
    pub(crate) fn sync(&mut self, names: &impl Names) -> Result<(), StoreError> {
        if !self.rescue.is_empty() {
            let rescue = std::mem::take(&mut self.rescue);
            if let Err(error) = self.write(&rescue, names) {
                self.rescue = rescue;
                return Err(error);
            }
        }
        match self.begin_sync() {
            None => Ok(()),
            Some(pending) => {
                let outcome = pending.wait();
                self.end_sync(&pending, outcome, names)
            }
        }
    }

    /// Ends the current segment; returns the number from which on later records stand.
    pub(crate) fn roll(&mut self) -> u64 {
        self.current = None;
        self.next_number
    }

    /// Deletes the segments below `number` that hold nothing at or after `cut`.
    /// A damaged one is put aside for a person to look at.
    pub(crate) fn truncate(&mut self, number: u64, cut: Timestamp) -> Result<usize, StoreError> {
        let current = self.current.as_ref().map(|current| current.number);
        let done: Vec<u64> = self
            .segments
            .range(..number)
            .filter(|&(&number, segment)| segment.max_time < cut && Some(number) != current)
            .map(|(&number, _)| number)
            .collect();
        for &number in &done {
            let path = path_of(&self.dir, number);
            if self.segments[&number].damaged {
                disk::rename(&path, &path.with_extension(QUARANTINE))
            } else {
                disk::remove(&path)
            }
            .map_err(StoreError::io("delete the WAL segment", &path))?;
            self.segments.remove(&number);
            self.unsynced_files
                .retain(|&(unsynced, _)| unsynced != number);
        }
        Ok(done.len())
    }

    pub(crate) fn n_segments(&self) -> usize {
        self.segments.len()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.segments.values().map(|segment| segment.bytes).sum()
    }
}

impl Current {
    fn put(&mut self, entry: &Entry, names: &impl Names, buffer: &mut Vec<u8>) {
        match entry {
            Entry::Row {
                group,
                generation,
                columns,
                row,
            } => {
                let stream = self
                    .streams
                    .entry(*group)
                    .and_modify(|stream| {
                        if stream.generation() != *generation {
                            *stream = Stream::new(*generation);
                        }
                    })
                    .or_insert_with(|| Stream::new(*generation));
                let Some(&first) = columns.first() else {
                    return;
                };
                let context = RowsContext {
                    group: *group,
                    name: names.group_name(first),
                    generation: *generation,
                    columns,
                };
                let next_base = &mut self.next_base;
                put_frame(buffer, |out| {
                    stream.put_rows(&context, row, |series| names.labels(series), next_base, out);
                });
            }
            Entry::Samples(samples) => {
                let defined = &mut self.defined;
                put_frame(buffer, |out| {
                    put_samples(
                        samples,
                        defined,
                        |series| (names.group_name(series), names.labels(series)),
                        out,
                    );
                });
            }
        }
    }

    fn forget(&mut self) {
        self.streams.clear();
        self.defined = Defined::default();
    }
}

fn path_of(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:08}.{EXTENSION}"))
}

/// `00000017.wal` is 17 and `wal`.
fn number_of(path: &Path) -> Option<(u64, &str)> {
    let (number, extension) = path.file_name()?.to_str()?.split_once('.')?;
    Some((number.parse().ok()?, extension))
}

#[cfg(test)]
mod tests;
