//! What dead processes counted, in one file, and the end of dead groups.
//!
//! A service that replaces its workers leaves a segment for each. A process that starts folds
//! the dead ones of its group into `archive.seg`: the sum of their counters, and of their gauges
//! what the mode keeps. Then it removes them.
//!
//! Order against crashes and readers: the new archive gets its name in one rename, and it names
//! the files that it holds; only then are those removed. A reader skips files that the archive
//! names, so nothing counts twice, whenever somebody stops. Readers that listed the folder before
//! the rename see another archive after it, and start again (`snapshot::undisturbed`).

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use crate::announce::ANNOUNCE_NAME;
use crate::exemplar;
use crate::find::FindLimits;
use crate::group::{GroupKey, Proc, ProcessId};
use crate::merge::Merger;
use crate::private_fs::PrivateDir;
use crate::reading::{ReadLimits, Registries};
use crate::record::{
    self, BadHeader, Found, HEADER_WORDS, NATIVE_CELLS, RecordKind, TOLD_WORD, USED_CHECK_WORD,
    USED_WORD, encode_cells, encode_record,
};
use crate::segment_file::{self, SegmentName};
use crate::snapshot::Snapshot;
use crate::told;
use crate::worker;
use model::Timestamp;

pub(crate) const ARCHIVE_NAME: &str = "archive.seg";
/// An archive that could not be read.
const DAMAGED_NAME: &str = "archive.damaged";
const LOCK_NAME: &str = "archive.lock";
/// Says since when nobody of the group lives.
const GONE_NAME: &str = "gone";

/// Tells one archive from the next; none when there is none.
pub(crate) fn stamp(dir: &PrivateDir) -> Option<(u64, i64, i64)> {
    let meta = dir.open_file(ARCHIVE_NAME).ok()?.metadata().ok()?;
    // The number alone could be given to the next file; not within the same nanosecond.
    Some((meta.ino(), meta.mtime(), meta.mtime_nsec()))
}

fn is_absent(dir: &PrivateDir) -> bool {
    dir.open_file(ARCHIVE_NAME)
        .is_err_and(|error| error.is_absent())
}

/// Names of the files that an archive holds.
pub(crate) fn folded(words: &[u64]) -> HashSet<String> {
    folded_records(words)
        .filter_map(|(name, _)| (!name.is_empty()).then_some(name))
        .collect()
}

/// How many processes an archive holds.
pub(crate) fn n_folded(words: &[u64]) -> u64 {
    let count = folded_records(words).find(|(name, _)| name.is_empty());
    count.map_or(0, |(_, count)| count as u64)
}

fn folded_records(words: &[u64]) -> impl Iterator<Item = (String, f64)> {
    record::walk(words, HEADER_WORDS).filter_map(|found| match found {
        Found::Record(record) if record.kind == RecordKind::Folded => {
            let count = f64::from_bits(record.cells.first().copied().unwrap_or_default());
            Some((std::str::from_utf8(record.key).ok()?.to_owned(), count))
        }
        Found::Record(_) | Found::Damage { .. } => None,
    })
}

/// Folds the segments of dead processes. On any trouble they stay as they are and are read one
/// by one, as before. Returns what is to be told.
pub(crate) fn fold_dead(dir: &PrivateDir, proc: &Proc) -> Option<String> {
    let _lock = lock(dir)?;
    remove_unfinished(dir, proc);
    let lost = set_aside_damaged(dir);
    fold_all(dir, proc);
    lost
}

/// An archive without a sound header can never be read again, and nothing was folded while it had
/// the name. Whoever wants to look finds it under another one.
fn set_aside_damaged(dir: &PrivateDir) -> Option<String> {
    let mut bytes = Vec::new();
    let file = dir.open_file(ARCHIVE_NAME).ok()?;
    file.take((HEADER_WORDS * size_of::<u64>()) as u64)
        .read_to_end(&mut bytes)
        .ok()?;
    let (words, _cut) = bytes.as_chunks::<8>();
    let header: Vec<u64> = words.iter().map(|word| u64::from_ne_bytes(*word)).collect();
    let is_damaged = match record::read_header(&header) {
        Ok(_) => !record::is_header_of(&header, identity().process, identity().index),
        Err(BadHeader::TooShort | BadHeader::Rubbish) => true,
        Err(BadHeader::Future) => false,
    };
    if !is_damaged {
        return None;
    }
    dir.rename(ARCHIVE_NAME, DAMAGED_NAME).ok()?;
    let kept = dir.join(DAMAGED_NAME);
    Some(format!(
        "what dead workers counted is lost: the header of {ARCHIVE_NAME} was damaged; it is kept \
         as {}",
        kept.display()
    ))
}

fn fold_all(dir: &PrivateDir, proc: &Proc) {
    let dead = dead_segments(dir, proc);
    if dead.is_empty() {
        return;
    }
    let limits = ReadLimits::default();
    let Ok(mut snapshot) = Snapshot::take(dir, proc, &limits) else {
        return;
    };
    if snapshot.is_cut || (snapshot.archive.is_none() && !is_absent(dir)) {
        // What was not read would be lost: an archive of a later version or open to others, or
        // too many bytes.
        return;
    }
    let n_files = |process| dead.iter().filter(|name| name.process == process).count();
    snapshot
        .processes
        .retain(|files| files.files.len() == n_files(files.process));
    for files in &mut snapshot.processes {
        files.is_live = false;
    }
    let read: HashSet<ProcessId> = snapshot.processes.iter().map(|one| one.process).collect();
    let folded = std::mem::take(&mut snapshot.folded);
    // A file that an earlier fold named and could not remove must go on being named.
    let done: Vec<SegmentName> = dead
        .into_iter()
        .filter(|name| read.contains(&name.process) || folded.contains(&name.to_string()))
        .collect();
    if done.is_empty() {
        return;
    }
    let mut merger = Merger::new(limits, Registries::Apart);
    snapshot.pour_into(&mut merger);
    let n_started = merger.n_started();
    if merger.is_full() {
        return;
    }
    let words = encode(merger, &done, n_started);
    if words.is_some_and(|words| write(dir, &words).is_ok()) {
        remove(dir, &done);
    }
}

/// Who an archive's header says it is of.
pub(crate) fn identity() -> SegmentName {
    let process = ProcessId { pid: 0, start: 0 };
    SegmentName { process, index: 0 }
}

fn encode(merger: Merger, named: &[SegmentName], n_started: u64) -> Option<Vec<u64>> {
    let nobody = identity().process;
    let told = told::encode(merger.told_ticks());
    let mut words = record::encode_header(nobody, 0, 0).to_vec();
    let mut count = encode_record(RecordKind::Folded, 0, &[], 1)?;
    *count.last_mut()? = (n_started as f64).to_bits();
    words.extend(count);
    for name in named {
        let name = name.to_string();
        words.extend(encode_record(RecordKind::Folded, 0, name.as_bytes(), 1)?);
    }
    for (number, family) in (1..).zip(merger.into_families()) {
        words.extend(encode_record(
            RecordKind::Family,
            number,
            &family.key.encode(),
            0,
        )?);
        for (place, series) in family.series.iter().enumerate() {
            let Some((time, mut values)) = family.fold(series) else {
                continue;
            };
            let (to_zero, rings) = family.fold_rings(place);
            if family.key.native.is_some() {
                let zero = values.len() - NATIVE_CELLS;
                values[zero] += to_zero;
            }
            values.insert(0, time);
            let key = family.key_of(series);
            words.extend(encode_cells(RecordKind::Series, number, key, &values)?);
            for (is_negative, cells) in rings {
                let kind = RecordKind::of_ring(is_negative);
                words.extend(encode_cells(kind, number, key, &cells)?);
            }
            for one in family.exemplars_of(place) {
                let Some(cells) = one.encode() else { continue };
                let cells: Vec<f64> = cells.into_iter().map(f64::from_bits).collect();
                let key = exemplar::record_key(one.cell, key);
                words.extend(encode_cells(RecordKind::Exemplar, number, &key, &cells)?);
            }
        }
    }
    let header = record::encode_header(nobody, 0, words.len());
    words[..HEADER_WORDS].copy_from_slice(&header);
    words[USED_WORD] = words.len() as u64;
    words[USED_CHECK_WORD] = !(words.len() as u64);
    words[TOLD_WORD] = told;
    Some(words)
}

fn write(dir: &PrivateDir, words: &[u64]) -> io::Result<()> {
    let temporary = "archive.new";
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
    dir.write_new(temporary, &bytes)?;
    dir.rename(temporary, ARCHIVE_NAME)
}

/// Forgets what dead processes counted. For a program that replaced itself by exec: it has the
/// same root and is another program.
pub(crate) fn remove_dead(dir: &PrivateDir, proc: &Proc) {
    if let Some(_lock) = lock(dir) {
        remove(dir, &dead_segments(dir, proc));
        // Best effort: what stays is counted, which is less bad than to stop here.
        drop(dir.remove_file(ARCHIVE_NAME));
    }
}

/// Forgets the files of one process; true when there were any.
pub(crate) fn remove_files_of(dir: &PrivateDir, process: ProcessId) -> bool {
    let first = SegmentName { process, index: 0 };
    if dir.open_file(&first.to_string()).is_err() {
        return false;
    }
    let all = segment_file::list(dir, FindLimits::default().files_max).unwrap_or_default();
    let its: Vec<SegmentName> = all
        .into_iter()
        .filter(|segment| segment.process == process)
        .collect();
    remove(dir, &its);
    true
}

/// All files of all processes that are gone, or of which only later files are left.
fn dead_segments(dir: &PrivateDir, proc: &Proc) -> Vec<SegmentName> {
    let Ok(segments) = segment_file::list(dir, FindLimits::default().files_max) else {
        return Vec::new();
    };
    let is_live = |segment: &&SegmentName| {
        let first = SegmentName {
            index: 0,
            ..**segment
        };
        match dir.open_file(&first.to_string()) {
            Ok(file) => segment_file::is_live(&file, segment.process, proc),
            // Without its first file, nobody can tell; one that runs may be about to.
            Err(_) => proc.is_running(segment.process),
        }
    };
    segments
        .iter()
        .filter(|segment| !is_live(segment))
        .copied()
        .collect()
}

/// Files that a process was killed over before they got their names: nobody reads them, and their
/// memory is reserved.
fn remove_unfinished(dir: &PrivateDir, proc: &Proc) {
    let Ok((names, _)) = dir.names(FindLimits::default().files_max) else {
        return;
    };
    for name in names {
        let segment = name.strip_suffix(".new").and_then(SegmentName::parse);
        let announcement = name
            .strip_prefix(ANNOUNCE_NAME)
            .and_then(|rest| rest.strip_prefix('.')?.strip_suffix(".tmp")?.parse().ok());
        let is_left = match (segment, announcement) {
            (Some(segment), _) => !proc.is_running(segment.process),
            (None, Some(pid)) => proc.stat(pid).is_none(),
            (None, None) => false,
        };
        if is_left {
            // What cannot be removed is in nobody's way.
            drop(dir.remove_file(&name));
        }
    }
}

/// The later files first: without its first file a process is not read at all.
fn remove(dir: &PrivateDir, segments: &[SegmentName]) {
    for segment in segments.iter().rev() {
        // One that stays is named by the archive, and does not count.
        drop(dir.remove_file(&segment.to_string()));
    }
}

/// Whoever folds or removes is alone; whoever finds it taken has nothing to do.
fn lock(dir: &PrivateDir) -> Option<Locked> {
    let file = dir.open_lock(LOCK_NAME).ok()?;
    flock(&file, FlockOperation::NonBlockingLockExclusive).ok()?;
    Some(Locked(file))
}

struct Locked(File);

impl Drop for Locked {
    fn drop(&mut self) {
        // Closing alone would leave it locked by a child that another thread forked meanwhile.
        let freed = flock(&self.0, FlockOperation::Unlock);
        debug_assert!(freed.is_ok(), "a lock that was taken can be freed");
    }
}

/// A dead group that was removed, or is to be once its grace is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Swept {
    /// Seen dead; its last values can be read until the grace is over.
    Waiting {
        key: GroupKey,
        since: Timestamp,
    },
    Removed {
        key: GroupKey,
    },
}

/// Removes groups of which nobody has lived for `grace`. Whoever notices first leaves a note, so
/// the grace counts from then, and anyone may end it.
///
/// A group lives while one of its processes does, or its root process (a master between two
/// workers). Only files that this crate makes are removed; a folder with others stays.
pub fn sweep_groups(
    runtime_dir: &Path,
    limits: &FindLimits,
    grace: std::time::Duration,
    now: Timestamp,
) -> Vec<Swept> {
    let proc = Proc::default();
    let names = PrivateDir::open(runtime_dir).and_then(|dir| dir.names(limits.entries_max));
    let Ok((names, _)) = names else {
        return Vec::new();
    };
    let keys = names.iter().filter_map(|name| GroupKey::parse(name));
    keys.take(limits.groups_max)
        .filter_map(|key| sweep_group(runtime_dir, key, &proc, limits, grace, now))
        .collect()
}

fn sweep_group(
    runtime_dir: &Path,
    key: GroupKey,
    proc: &Proc,
    limits: &FindLimits,
    grace: std::time::Duration,
    now: Timestamp,
) -> Option<Swept> {
    let path = runtime_dir.join(key.to_string());
    let dir = PrivateDir::open(&path).ok()?;
    let is_dead = || {
        let live = segment_file::live_processes(&dir, proc, limits.files_max);
        !proc.exists(key.0) && live.is_ok_and(|live| live.is_empty())
    };
    if !is_dead() {
        return None;
    }
    let _lock = lock(&dir)?;
    let noted = dir.read_file(GONE_NAME, 32).ok();
    let noted = noted.and_then(|bytes| String::from_utf8(bytes).ok()?.parse().ok());
    let Some(since) = noted.map(Timestamp::from_millis) else {
        let note = now.as_millis().to_string();
        dir.write_new(GONE_NAME, note.as_bytes()).ok()?;
        return Some(Swept::Waiting { key, since: now });
    };
    // Asked again under the lock: the first look may have been at a group being made.
    if now.since(since) < grace || !is_dead() {
        return Some(Swept::Waiting { key, since });
    }
    let (names, _) = dir.names(limits.files_max).ok()?;
    for name in names.iter().filter(|name| is_ours(name)) {
        dir.remove_file(name).ok()?;
    }
    // Fails while there are files of others: then it stays, and is reported as rejected.
    std::fs::remove_dir(&path).ok()?;
    Some(Swept::Removed { key })
}

fn is_ours(name: &str) -> bool {
    let name = name.strip_suffix(".new").unwrap_or(name);
    SegmentName::parse(name).is_some()
        || [
            ARCHIVE_NAME,
            DAMAGED_NAME,
            LOCK_NAME,
            GONE_NAME,
            ANNOUNCE_NAME,
            "archive",
        ]
        .contains(&name)
        || name == worker::LOCK_NAME
        || (name.starts_with(ANNOUNCE_NAME) && name.ends_with(".tmp"))
}

#[cfg(test)]
mod tests;
