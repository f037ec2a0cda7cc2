//! The group's sum, as one of its processes reads it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Process;
use crate::group::GroupKey;
use crate::merge::Merger;
use crate::private_fs::PrivateDir;
use crate::reading::{GroupReading, ReadLimits, Registries};
use crate::series::Series;
use crate::snapshot::Snapshot;

impl Process {
    /// Sums the group as seen from inside: this process's cells wherever they are, and the
    /// segments of the others.
    pub fn read_group(&self, limits: &ReadLimits) -> GroupReading {
        self.read_groups(limits, Registries::Apart, &[])
    }

    /// The same with some registries read as one, and with other groups, which are other
    /// programs that count for the same sum. One that is gone costs nothing.
    pub fn read_groups(
        &self,
        limits: &ReadLimits,
        registries: Registries,
        others: &[GroupKey],
    ) -> GroupReading {
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
        let mut merger = Merger::new(*limits, registries);
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
        self.add_others(&mut merger, limits, group, others);
        let process = match own {
            Some((process, words)) => {
                merger.add_process(process, true, &words);
                process
            }
            // Without a segment, nobody else says what this process cannot share.
            None => {
                let n_panics = self.inner().panics.load(Ordering::Relaxed);
                merger.note_trouble(unshared.len() as f64, n_panics as f64);
                self.options.proc.identify(std::process::id())
            }
        };
        for series in &unshared {
            merger.add_unshared(process, series);
        }
        merger.finish(group.map(|group| (group, &self.options.proc)))
    }

    fn add_others(
        &self,
        merger: &mut Merger,
        limits: &ReadLimits,
        own: Option<GroupKey>,
        others: &[GroupKey],
    ) {
        let Some(runtime_dir) = &self.options.runtime_dir else {
            return;
        };
        for other in others.iter().filter(|other| Some(**other) != own) {
            let path = runtime_dir.join(other.to_string());
            let snapshot = PrivateDir::open(&path)
                .and_then(|dir| Snapshot::take(&dir, &self.options.proc, limits, None));
            match snapshot {
                Ok(snapshot) => merger.add_snapshot(snapshot),
                Err(error) if error.is_absent() => {}
                Err(error) => merger.damage(&path, None, error.to_string()),
            }
        }
    }
}
