//! This process as a writer: its place in the group, its segment, what happens at a fork.
//!
//! Nothing touches a disk before the first series of a shared family is made, and nothing that
//! goes wrong is the caller's trouble: cells then live on the heap, and the trouble is told once.
//!
//! Locks: one mutex, taken only when a series is made, moved or removed and when the group is
//! read. Counting never takes it. Nothing is called while it is held that could wait for the
//! host (for Python's interpreter lock in particular).

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::announce::{ANNOUNCE_NAME, Announcement};
use crate::family::Family;
use crate::group::{GroupKey, Proc, ProcessId};
use crate::mapping::{HeldFile, Replaceable};
use crate::merge::Merger;
use crate::native::Rings;
use crate::private_fs::{PrivateDir, Untrusted};
use crate::reading::{GroupReading, ReadLimits};
use crate::record::{FLAGS, REMOVED, RecordKind};
use crate::segment::{NoRoom, Segment, SegmentLimits};
use crate::series::Series;
use crate::snapshot::Snapshot;
use crate::{archive, segment_file};

/// How a process keeps its cells.
#[derive(Clone, Debug)]
pub struct ProcessOptions {
    /// Where groups live; none keeps every cell on the heap and nothing on disk.
    pub runtime_dir: Option<PathBuf>,
    pub limits: SegmentLimits,
    pub proc: Proc,
    /// Who this process is, for tests that play several; none asks the system.
    pub identity: Option<(GroupKey, ProcessId)>,
}

/// One process that measures itself. A program has one; it outlives forks.
#[derive(Debug)]
pub struct Process {
    options: ProcessOptions,
    /// Counts forks. A series that was placed in an earlier epoch belongs to the parent's file.
    epoch: AtomicU64,
    inner: Replaceable<Inner>,
    /// Inherited by forked children, also by those whose parent is gone when they first ask.
    group: Replaceable<Option<GroupKey>>,
    lock_file: HeldFile,
    panics: AtomicU64,
}

#[derive(Debug)]
struct Inner {
    pid: u32,
    state: Mutex<State>,
}

/// What a record is for: its kind, its family's number, its key.
type RecordPlace = (RecordKind, u32, Box<[u8]>);

#[derive(Debug, Default)]
pub(crate) struct State {
    home: Option<Home>,
    /// Set at the first failure: what failed once is not tried on every new series.
    has_failed: bool,
    /// Told once by whoever can log; what follows from the same trouble is not.
    notice: Option<String>,
    has_notice: bool,
    /// Number and record of each family in this process's segment.
    families: HashMap<u64, (u32, &'static [AtomicU64])>,
    /// The family that holds a name in a registry.
    names: HashMap<(u16, Arc<str>), u64>,
    /// Removed records, to be used again for the same labels.
    removed: HashMap<RecordPlace, &'static [AtomicU64]>,
    /// Series that should be shared and found no room.
    unshared: HashMap<usize, Arc<Series>>,
}

#[derive(Debug)]
struct Home {
    dir: PrivateDir,
    segment: Segment,
}

impl Process {
    pub fn new(options: ProcessOptions) -> Arc<Self> {
        let group = options.identity.map(|(group, _)| group);
        Arc::new(Self {
            options,
            epoch: AtomicU64::new(1),
            inner: Replaceable::new(Inner::new()),
            group: Replaceable::new(group),
            lock_file: HeldFile::none(),
            panics: AtomicU64::new(0),
        })
    }

    /// To be called in a forked child before it counts anything. Takes no lock: the thread that
    /// held it may not exist here.
    pub fn after_fork(&self) {
        self.lock_file.close();
        self.inner.replace(Inner::new());
        self.epoch.fetch_add(1, Ordering::AcqRel);
    }

    /// Whether any cell of this process may be in shared memory.
    pub fn is_enabled(&self) -> bool {
        self.options.runtime_dir.is_some()
    }

    #[inline]
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    pub(crate) fn lock(&self) -> MutexGuard<'static, State> {
        let mut inner = self.inner.get();
        // A fork that ran no hook (from C) shows here, before a lock that may never be freed.
        if inner.pid != std::process::id() {
            self.after_fork();
            inner = self.inner.get();
        }
        // A panic while the lock was held left maps that are still maps.
        inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to be said to the host's log, once.
    pub fn take_notice(&self) -> Option<String> {
        self.lock().notice.take()
    }

    /// The folder of this process's group, once something was shared.
    pub fn group_dir(&self) -> Option<PathBuf> {
        let state = self.lock();
        Some(state.home.as_ref()?.dir.path().to_owned())
    }

    /// Says who this group is, unless something better was said already (another process of the
    /// group may know the application's name). Trouble is a notice, not an error.
    pub fn announce(&self, announcement: &Announcement) {
        let mut state = self.lock();
        let Some(home) = self.home(&mut state) else {
            return;
        };
        let known = home
            .dir
            .read_file(ANNOUNCE_NAME, 64 * 1024)
            .ok()
            .and_then(|bytes| Announcement::parse(&bytes).ok());
        let mut announcement = announcement.clone();
        if let Some(known) = known {
            // The first start counts; the better name wins; an equal one is newer.
            announcement.started = known.started.min(announcement.started);
            if announcement.service_from < known.service_from {
                return;
            }
            announcement.version = announcement.version.or(known.version);
            announcement.framework = announcement.framework.or(known.framework);
        }
        let process = home.segment.process();
        if let Err(error) = announcement.write(&home.dir, process.pid) {
            state.note(format!("cannot announce this service to a server: {error}"));
        }
    }

    /// Sums the group as seen from inside: this process's cells wherever they are, and the
    /// segments of the others.
    pub fn read_group(&self, limits: &ReadLimits) -> GroupReading {
        let mut state = self.lock();
        let group = *self.group.get();
        if group.is_some() {
            // A child that was just forked has not counted yet; it answers for all the same.
            self.home(&mut state);
        }
        let own = state.home.as_ref().map(|home| &home.segment);
        let own = own.map(|segment| (segment.process(), segment.copy_words()));
        let unshared: Vec<Arc<Series>> = state.unshared.values().map(Arc::clone).collect();
        // The files of the others are read without the lock: a thread that wants to make a
        // series must not wait for a folder.
        drop(state);
        let mut merger = Merger::new(*limits);
        if let (Some(group), Some(runtime_dir)) = (group, &self.options.runtime_dir) {
            let path = runtime_dir.join(group.to_string());
            let except = own.as_ref().map(|(process, _)| *process);
            let others = PrivateDir::open(&path)
                .and_then(|dir| Snapshot::take(&dir, &self.options.proc, limits, except));
            match others {
                Ok(snapshot) => merger.add_snapshot(snapshot),
                // Without the folder (somebody removed it) there are still this process's own.
                Err(error) => merger.damage(&path, None, error.to_string()),
            }
        }
        let process = match own {
            Some((process, words)) => {
                merger.add_process(process, true, &words);
                process
            }
            // Without a segment, nobody else says what this process cannot share.
            None => {
                let n_panics = self.panics.load(Ordering::Relaxed);
                merger.note_trouble(unshared.len() as f64, n_panics as f64);
                self.options.proc.identify(std::process::id())
            }
        };
        for series in &unshared {
            merger.add_unshared(process, series);
        }
        merger.finish(group.map(|group| (group, &self.options.proc)))
    }

    /// Counts a panic that was caught at the host's border.
    pub fn note_panic(&self) {
        let n_panics = self.panics.fetch_add(1, Ordering::Relaxed) + 1;
        // The lock may be held by the very thread that panicked; then the next one says it.
        if let Ok(state) = self.inner.get().state.try_lock()
            && let Some(home) = &state.home
        {
            home.segment.set_panics(n_panics);
        }
    }

    /// Places a series of a shared family. `None`: no room, it stays on the heap.
    pub(crate) fn place(&self, state: &mut State, series: &Series) -> Option<&'static [AtomicU64]> {
        let placed = self.try_place(state, series.family(), series.key());
        if placed.is_none() {
            state.add_unshared(&series.me());
        }
        placed
    }

    pub(crate) fn try_place(
        &self,
        state: &mut State,
        family: &Family,
        key: &[u8],
    ) -> Option<&'static [AtomicU64]> {
        self.home(state)?;
        let number = match state.families.get(&family.uid()) {
            Some((number, _)) => *number,
            None => self.place_family(state, family)?,
        };
        let place = (RecordKind::Series, number, Box::from(key));
        if let Some(words) = state.removed.remove(&place) {
            return Some(words);
        }
        let cells = vec![0.0; family.key().n_cells()];
        append(state, RecordKind::Series, number, key, &cells)
    }

    /// Places a ring of a native histogram that has its series in this segment. `None`: no room.
    pub(crate) fn place_ring(
        &self,
        state: &mut State,
        series: &Series,
        is_negative: bool,
        cells: &[f64],
    ) -> Option<&'static [AtomicU64]> {
        let (number, _) = *state.families.get(&series.family().uid())?;
        let kind = RecordKind::of_ring(is_negative);
        let place = (kind, number, Box::from(series.key()));
        let Some(words) = state.removed.remove(&place) else {
            return append(state, kind, number, series.key(), cells);
        };
        for (word, cell) in words[FLAGS + 1..].iter().zip(cells) {
            word.store(cell.to_bits(), Ordering::Relaxed);
        }
        words[FLAGS].store(0, Ordering::Release);
        Some(words)
    }

    /// Takes a native histogram for which there is no more room out of shared memory: the sum
    /// must not show half of it.
    pub(crate) fn leave(&self, state: &mut State, series: &Series, rings: &mut Rings) {
        state.hide_rings(series, rings);
        if state.families.contains_key(&series.family().uid()) {
            state.hide_series(series);
            state.add_unshared(&series.me());
        }
    }

    fn place_family(&self, state: &mut State, family: &Family) -> Option<u32> {
        let registry = family.registry()?;
        let number = state.home.as_mut()?.segment.next_family();
        let key = crate::record::FamilyKey {
            registry,
            ..family.key().clone()
        };
        let words = append(state, RecordKind::Family, number, &key.encode(), &[])?;
        // A test or a reload made the metric anew: what the old one counted is not its.
        let name = (registry, Arc::clone(&key.name));
        if let Some(old) = state.names.insert(name, family.uid()) {
            state.hide_family(old);
        }
        state.families.insert(family.uid(), (number, words));
        Some(number)
    }

    /// Opens the group's folder and makes this process's segment, at most once an epoch.
    fn home<'a>(&self, state: &'a mut State) -> Option<&'a mut Home> {
        if state.home.is_none() && !state.has_failed {
            let runtime_dir = self.options.runtime_dir.as_ref()?;
            match self.settle(runtime_dir) {
                Ok((home, lock_file)) => {
                    self.lock_file.hold(lock_file);
                    state.home = Some(home);
                }
                Err(error) => state.fail(&error),
            }
        }
        state.home.as_mut()
    }

    fn settle(&self, runtime_dir: &Path) -> Result<(Home, File), NoHome> {
        let (group, process) = match self.options.identity {
            Some(identity) => identity,
            None => {
                let pid = std::process::id();
                let known = *self.group.get();
                let group = known.unwrap_or_else(|| self.options.proc.group_of(pid));
                (group, self.options.proc.identify(pid))
            }
        };
        self.group.replace(Some(group));
        PrivateDir::open_or_create(runtime_dir)?;
        let dir = PrivateDir::open_or_create(&runtime_dir.join(group.to_string()))?;
        let is_ours = |segment: &segment_file::SegmentName| segment.process == process;
        if segment_file::list(&dir, usize::MAX)?.iter().any(is_ours) {
            // Files of this very process that it does not hold: it has called exec. What the
            // program before it counted is not this program's.
            archive::remove_dead(&dir, &self.options.proc);
        } else {
            archive::fold_dead(&dir, &self.options.proc);
        }
        let (segment, lock_file) = Segment::create(&dir, process, self.options.limits)?;
        Ok((Home { dir, segment }, lock_file))
    }
}

impl Inner {
    fn new() -> Self {
        Self {
            pid: std::process::id(),
            state: Mutex::default(),
        }
    }
}

impl State {
    /// Remembers a series that found no room, for this process's own reading.
    pub(crate) fn add_unshared(&mut self, series: &Arc<Series>) {
        self.unshared.insert(series.address(), Arc::clone(series));
        if let Some(home) = &self.home {
            home.segment.set_unshared(self.unshared.len());
        }
    }

    /// Takes a family out of the reading.
    pub(crate) fn hide_family(&mut self, uid: u64) {
        if let Some((_, words)) = self.families.remove(&uid) {
            words[FLAGS].store(REMOVED, Ordering::Release);
        }
        self.unshared
            .retain(|_, series| series.family().uid() != uid);
        self.names.retain(|_, holder| *holder != uid);
    }

    /// Takes a series out of the reading and keeps its record for the same labels.
    pub(crate) fn hide_series(&mut self, series: &Series) {
        self.unshared.remove(&series.address());
        let Some((number, _)) = self.families.get(&series.family().uid()) else {
            return;
        };
        if let Some(words) = series.detach() {
            words[FLAGS].store(REMOVED, Ordering::Release);
            let place = (RecordKind::Series, *number, Box::from(series.key()));
            self.removed.insert(place, words);
        }
    }

    /// Takes the rings of a series out of the reading and keeps their records likewise.
    pub(crate) fn hide_rings(&mut self, series: &Series, rings: &mut Rings) {
        let number = self.families.get(&series.family().uid());
        let number = number.map(|(number, _)| *number);
        for (is_negative, words) in rings.detach() {
            if let Some(number) = number {
                let kind = RecordKind::of_ring(is_negative);
                let place = (kind, number, Box::from(series.key()));
                self.removed.insert(place, words);
            }
        }
    }

    fn fail(&mut self, error: &(dyn std::error::Error + 'static)) {
        self.has_failed = true;
        let mut text = format!("metrics are kept in this process only: {error}");
        let mut source = error.source();
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        self.note(text);
    }

    fn note(&mut self, notice: String) {
        if !std::mem::replace(&mut self.has_notice, true) {
            self.notice = Some(notice);
        }
    }
}

fn append(
    state: &mut State,
    kind: RecordKind,
    number: u32,
    key: &[u8],
    cells: &[f64],
) -> Option<&'static [AtomicU64]> {
    if state.has_failed {
        return None;
    }
    let home = state.home.as_mut()?;
    match home.segment.append(&home.dir, kind, number, key, cells) {
        Ok(words) => Some(words),
        Err(error @ NoRoom::RecordTooLong(_)) => {
            // Costs this series alone.
            state.note(error.to_string());
            None
        }
        Err(error @ (NoRoom::Limit { .. } | NoRoom::Io { .. })) => {
            state.fail(&error);
            None
        }
    }
}

/// Why a process has no segment.
#[derive(Debug, thiserror::Error)]
enum NoHome {
    #[error(transparent)]
    Untrusted(#[from] Untrusted),
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
}

#[cfg(test)]
pub(crate) mod tests;
