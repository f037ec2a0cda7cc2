//! The group's sum, as one of its processes reads it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Process;
use crate::group::{GroupKey, Proc, ProcessId};
use crate::merge::Merger;
use crate::private_fs::{PrivateDir, Untrusted};
use crate::reading::{GroupReading, ReadLimits, Registries};
use crate::series::Series;
use crate::snapshot::{read_folder, undisturbed};

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
        let folders = self.folders(group, others, own.as_ref().map(|(process, _)| *process));
        let dirs: Vec<&PrivateDir> = folders
            .iter()
            .filter_map(|folder| folder.dir.as_ref().ok())
            .collect();
        let mut merger = undisturbed(&dirs, || {
            let mut merger = Merger::new(*limits, registries);
            for folder in &folders {
                folder.read(&self.options.proc, limits, &mut merger);
            }
            merger
        });
        let process = match own {
            Some((process, words)) => {
                let files: Vec<&[u64]> = words.iter().map(Vec::as_slice).collect();
                merger.add_process(process, true, &files);
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
        let tell = |ticks| match others {
            [] => self.lock().tell(ticks),
            // A sum over several programs is nothing to hold any one of them to.
            [_, ..] => ticks,
        };
        merger.finish(group.map(|group| (group, &self.options.proc)), tell)
    }

    /// The folders of this process's group and of others.
    fn folders(
        &self,
        own: Option<GroupKey>,
        others: &[GroupKey],
        except: Option<ProcessId>,
    ) -> Vec<Folder> {
        let Some(runtime_dir) = &self.options.runtime_dir else {
            return Vec::new();
        };
        let folder = |group: GroupKey, is_own| {
            let path = runtime_dir.join(group.to_string());
            Folder {
                dir: PrivateDir::open(&path),
                path,
                is_own,
                except: except.filter(|_| is_own),
            }
        };
        let own_folder = own.map(|group| folder(group, true));
        let others = others.iter().filter(|other| Some(**other) != own);
        own_folder
            .into_iter()
            .chain(others.map(|group| folder(*group, false)))
            .collect()
    }
}

/// The folder of a group that counts for the sum.
struct Folder {
    dir: Result<PrivateDir, Untrusted>,
    path: PathBuf,
    is_own: bool,
    except: Option<ProcessId>,
}

impl Folder {
    fn read(&self, proc: &Proc, limits: &ReadLimits, merger: &mut Merger) {
        let done = match &self.dir {
            Ok(dir) => read_folder(dir, proc, limits, self.except, merger).map(|_| ()),
            Err(error) => return self.tell(error, merger),
        };
        if let Err(error) = done {
            self.tell(&error, merger);
        }
    }

    /// Another program that is gone costs nothing. Without its own folder (somebody removed it)
    /// there are still this process's own cells.
    fn tell(&self, error: &Untrusted, merger: &mut Merger) {
        if self.is_own || !error.is_absent() {
            merger.damage(&self.path, None, error.to_string());
        }
    }
}
