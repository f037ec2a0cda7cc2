//! This process as a writer: its place in the group, its segment, what happens at a fork.
//!
//! Nothing touches a disk before the first series of a shared family is made, and nothing that
//! goes wrong is the caller's trouble: cells then live on the heap, and the trouble is told once.
//!
//! Locks: one mutex, taken only when a series is made, moved or removed, gets an exemplar, and
//! when the group is read. Counting never takes it. Nothing is called while it is held that could
//! wait for the host (for Python's interpreter lock in particular).

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::announce::{ANNOUNCE_NAME, Announcement};
use crate::archive;
use crate::exemplar::ExemplarRows;
use crate::family::Family;
use crate::group::{GroupKey, Proc, ProcessId};
use crate::mapping::{HeldFile, Replaceable, fork_word};
use crate::private_fs::{PrivateDir, Untrusted};
use crate::record::{FLAGS, REMOVED, RecordKind};
use crate::segment::{NoRoom, Segment, SegmentLimits};
use crate::series::Series;
use crate::worker;

mod exemplars;
mod outside;
mod reading;
mod rings;

use outside::{Outside, joins_its_like, place_outside};

/// How a process keeps its cells.
#[derive(Clone, Debug)]
pub struct ProcessOptions {
    /// Where groups live; none keeps every cell on the heap and nothing on disk.
    pub runtime_dir: Option<PathBuf>,
    pub limits: SegmentLimits,
    pub proc: Proc,
    /// Who this process is, for tests that play several; none asks the system.
    pub identity: Option<(GroupKey, ProcessId)>,
    pub writers: Writers,
}

/// Who may count in one series of a process at the same moment.
///
/// With `OneAtATime` the host promises that its threads take turns, as Python's do while they
/// hold the interpreter lock: an addition is then a load and a store. Where that is not true
/// additions are lost, nothing worse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Writers {
    #[default]
    Many,
    OneAtATime,
}

/// One process that measures itself. A program has one; it outlives forks.
#[derive(Debug)]
pub struct Process {
    options: ProcessOptions,
    /// The epoch of `inner`, or 0 in a forked child that has not noticed: a series of another
    /// epoch belongs to the parent's file.
    epoch: &'static AtomicU64,
    inner: Replaceable<Inner>,
    /// Inherited by forked children, also by those whose parent is gone when they first ask.
    group: Replaceable<Option<GroupKey>>,
}

/// What is of one process and not of its children.
#[derive(Debug)]
struct Inner {
    pid: u32,
    /// Counts forks.
    epoch: u64,
    lock_file: HeldFile,
    panics: AtomicU64,
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
    outside: Outside,
    exemplars: ExemplarRows,
    /// Words that exemplars took of the segment.
    exemplar_words: usize,
    /// The most ticks of processor time that this process told of its group.
    told_ticks: u64,
    /// Series that should be shared and found no room.
    unshared: HashMap<usize, Arc<Series>>,
}

/// Where a series was placed.
pub(crate) struct Placed {
    pub(crate) words: &'static [AtomicU64],
    /// Whether nobody counts in these cells yet.
    pub(crate) is_new: bool,
}

#[derive(Debug)]
struct Home {
    dir: PrivateDir,
    segment: Segment,
}

impl Process {
    pub fn new(options: ProcessOptions) -> Arc<Self> {
        let group = options.identity.map(|(group, _)| group);
        let inner = Inner::new(1);
        let epoch = fork_word();
        epoch.store(inner.epoch, Ordering::Release);
        Arc::new(Self {
            options,
            epoch,
            inner: Replaceable::new(inner),
            group: Replaceable::new(group),
        })
    }

    /// To be called in a forked child. Takes no lock: the thread that held it may not exist here.
    ///
    /// A child that has counted already (the garbage collector ran between the fork and this call,
    /// and its pauses are measured) has noticed by itself. To begin once more would make its own
    /// files look like those of a program that this one replaced, and what dead workers counted
    /// would be forgotten with them.
    pub fn after_fork(&self) {
        let old = self.inner.get();
        if self.epoch() == 0 || old.pid != std::process::id() {
            self.begin_anew(old);
        }
    }

    /// Several threads of a child may notice the fork at once; they agree on one `Inner`.
    fn begin_anew(&self, old: &'static Inner) {
        old.lock_file.close();
        self.inner.replace_old(old, Inner::new(old.epoch + 1));
        let epoch = self.inner.get().epoch;
        self.epoch.fetch_max(epoch, Ordering::AcqRel);
    }

    /// This process's own, also when it was forked without a word (from C).
    fn inner(&self) -> &'static Inner {
        let mut inner = self.inner.get();
        if inner.pid != std::process::id() {
            self.begin_anew(inner);
            inner = self.inner.get();
        }
        inner
    }

    /// Whether any cell of this process may be in shared memory.
    pub fn is_enabled(&self) -> bool {
        self.options.runtime_dir.is_some()
    }

    #[inline]
    pub(crate) fn writers(&self) -> Writers {
        self.options.writers
    }

    #[inline]
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    pub(crate) fn lock(&self) -> MutexGuard<'static, State> {
        // A panic while the lock was held left maps that are still maps.
        let state = self.inner().state.lock();
        state.unwrap_or_else(PoisonError::into_inner)
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

    /// Counts a panic that was caught at the host's border.
    pub fn note_panic(&self) {
        let inner = self.inner();
        let n_panics = inner.panics.fetch_add(1, Ordering::Relaxed) + 1;
        // The lock may be held by the very thread that panicked; then the next one says it.
        if let Ok(state) = inner.state.try_lock()
            && let Some(home) = &state.home
        {
            home.segment.set_panics(n_panics);
        }
    }

    /// Places a series of a shared family. `None`: no room, it stays on the heap.
    pub(crate) fn place(&self, state: &mut State, series: &Series) -> Option<Placed> {
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
    ) -> Option<Placed> {
        self.home(state)?;
        let number = match state.families.get(&family.uid()) {
            Some((number, _)) => *number,
            None => self.place_family(state, family)?,
        };
        let id = (number, Box::from(key));
        let is_joined = joins_its_like(family);
        if is_joined && let Some(words) = state.outside.series.get(&id) {
            let is_new = false;
            return Some(Placed { words, is_new });
        }
        let place = (RecordKind::Series, number, Box::from(key));
        let words = match state.removed.remove(&place) {
            Some(words) => words,
            None => {
                let cells = vec![0.0; family.key().n_cells()];
                append(state, RecordKind::Series, number, key, &cells)?
            }
        };
        if is_joined {
            state.outside.series.insert(id, words);
        }
        let is_new = true;
        Some(Placed { words, is_new })
    }

    fn place_family(&self, state: &mut State, family: &Family) -> Option<u32> {
        let registry = family.registry()?;
        let key = crate::record::FamilyKey {
            registry,
            ..family.key().clone()
        };
        let encoded = key.encode();
        if joins_its_like(family) {
            return place_outside(state, family.uid(), encoded);
        }
        let number = state.home.as_mut()?.segment.next_family();
        let words = append(state, RecordKind::Family, number, &encoded, &[])?;
        if family.is_outside() {
            state.families.insert(family.uid(), (number, words));
            return Some(number);
        }
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
                Ok((home, lock_file, lost)) => {
                    self.inner().lock_file.hold(lock_file);
                    state.home = Some(home);
                    if let Some(lost) = lost {
                        state.note(lost);
                    }
                }
                Err(error) => state.fail(&error),
            }
        }
        state.home.as_mut()
    }

    /// Also what an earlier process of the group left that is to be told.
    fn settle(&self, runtime_dir: &Path) -> Result<(Home, File, Option<String>), NoHome> {
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
        let lost = if archive::remove_files_of(&dir, process) {
            // Files of this very process that it does not hold: it has called exec. What the
            // program before it counted is not this program's.
            archive::remove_dead(&dir, &self.options.proc);
            None
        } else {
            archive::fold_dead(&dir, &self.options.proc)
        };
        // Held until the file has its name: whoever chooses a number next sees this one.
        let turn = worker::Turn::take(&dir);
        let (segment, lock_file) = Segment::create(&dir, process, self.options.limits)?;
        if let Some(number) = worker::choose(&dir, &self.options.proc, group, process, &turn) {
            segment.set_worker(number);
        }
        drop(turn);
        Ok((Home { dir, segment }, lock_file, lost))
    }
}

impl Inner {
    fn new(epoch: u64) -> Self {
        Self {
            pid: std::process::id(),
            epoch,
            lock_file: HeldFile::none(),
            panics: AtomicU64::new(0),
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
        if let Some((number, words)) = self.families.remove(&uid)
            && !self.families.values().any(|(other, _)| *other == number)
        {
            words[FLAGS].store(REMOVED, Ordering::Release);
            self.exemplars.forget(number);
            self.outside.forget(number);
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
            let id = (*number, Box::from(series.key()));
            self.exemplars.hide(*number, series.key());
            self.outside.series.remove(&id);
            let (number, key) = id;
            self.removed
                .insert((RecordKind::Series, number, key), words);
        }
    }

    /// What is told of the group's processor time, once it is this: never less than before.
    fn tell(&mut self, ticks: u64) -> u64 {
        self.told_ticks = self.told_ticks.max(ticks);
        if let Some(home) = &self.home {
            home.segment.set_told(self.told_ticks);
        }
        self.told_ticks
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
mod outside_tests;
#[cfg(test)]
mod pid_tests;
#[cfg(test)]
pub(crate) mod tests;
