//! Which processes belong together: all that were forked from one exec.
//!
//! A gunicorn master and its workers are one program that runs several times. The kernel places
//! the vDSO and the stack anew at every exec and a fork copies them, so `/proc/<pid>/auxv` (which
//! holds both addresses) is the same bytes in exactly the processes of one exec. Climbing the
//! parents while it stays the same finds the process that was started; no hook, no variable.

use std::fmt;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// A process, told from a later one that got the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessId {
    pub pid: u32,
    /// Start time in clock ticks since boot (`/proc/<pid>/stat`, field 22); 0 where unknown.
    pub start: u64,
}

/// Names a process group: its root process. Written `<pid>-<start>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupKey(pub ProcessId);

impl fmt::Display for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.pid, self.start)
    }
}

impl fmt::Display for GroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ProcessId {
    /// Reads what `Display` writes, and nothing else: one spelling for one process.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (pid, start) = text.split_once('-')?;
        let id = Self {
            pid: pid.parse().ok()?,
            start: start.parse().ok()?,
        };
        (id.to_string() == text).then_some(id)
    }
}

impl GroupKey {
    /// Reads a group folder's name.
    pub fn parse(text: &str) -> Option<Self> {
        ProcessId::parse(text).map(Self)
    }
}

/// Parents climbed at most; a real tree of workers is two or three deep.
const CLIMB_MAX: usize = 64;

/// Longest text read of a process; `limits` has 1.3 KB, `stat` 0.3.
const TEXT_BYTES_MAX: usize = 4096;

/// The `/proc` of this machine, or of a test.
#[derive(Clone, Debug)]
pub struct Proc {
    root: PathBuf,
}

/// The numbers of `/proc/<pid>/stat` that are used here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ProcStat {
    pub(crate) parent: u32,
    pub(crate) start: u64,
    pub(crate) is_zombie: bool,
    /// User plus system time of the process itself, in ticks.
    pub(crate) cpu_ticks: u64,
    /// The same of its children that ended and were waited for, and of theirs.
    pub(crate) children_cpu_ticks: u64,
    pub(crate) n_threads: u64,
    pub(crate) virtual_bytes: u64,
    pub(crate) resident_pages: u64,
}

impl Default for Proc {
    fn default() -> Self {
        Self::at("/proc")
    }
}

impl Proc {
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    pub(crate) fn path(&self, pid: u32, name: &str) -> PathBuf {
        self.root.join(pid.to_string()).join(name)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn stat(&self, pid: u32) -> Option<ProcStat> {
        self.read(pid, "stat", parse_stat)
    }

    /// Reads a text of a process, with one call: the kernel writes the text anew for each.
    pub(crate) fn read<T>(
        &self,
        pid: u32,
        name: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let mut bytes = [0; TEXT_BYTES_MAX];
        let len = File::open(self.path(pid, name))
            .and_then(|mut file| file.read(&mut bytes))
            .ok()?;
        // The name of a process may be any bytes.
        parse(&String::from_utf8_lossy(&bytes[..len]))
    }

    /// The process with this number; start 0 where there is no `/proc`.
    pub fn identify(&self, pid: u32) -> ProcessId {
        let start = self.stat(pid).map_or(0, |stat| stat.start);
        ProcessId { pid, start }
    }

    /// Whether exactly this process still has an entry, be it as a zombie.
    pub(crate) fn exists(&self, id: ProcessId) -> bool {
        self.stat(id.pid).is_some_and(|stat| stat.start == id.start)
    }

    /// Whether exactly this process still runs: a zombie does not.
    pub(crate) fn is_running(&self, id: ProcessId) -> bool {
        let stat = self.stat(id.pid);
        stat.is_some_and(|stat| stat.start == id.start && !stat.is_zombie)
    }

    /// The root of the group that a process belongs to.
    ///
    /// A child of `multiprocessing`'s spawn or forkserver was exec'd, but is a worker all the
    /// same; it is told by its command line and joins its parent's group.
    pub fn group_of(&self, pid: u32) -> GroupKey {
        let mut root = pid;
        for _ in 0..CLIMB_MAX {
            let Some(parent) = self.stat(root).map(|stat| stat.parent) else {
                break;
            };
            // 0: there is no parent in this PID namespace. A 1 is a parent like any other: in a
            // container it is the service itself.
            let is_ours = || self.same_exec(root, parent) || self.is_spawned_by(root, parent);
            if parent == 0 || !is_ours() {
                break;
            }
            root = parent;
        }
        GroupKey(self.identify(root))
    }

    fn same_exec(&self, a: u32, b: u32) -> bool {
        let both = |name| {
            let read = |pid| fs::read(self.path(pid, name)).ok();
            // A kernel thread or another user's process has an empty or no answer.
            Some((read(a)?, read(b)?)).filter(|(a, b)| !a.is_empty() && !b.is_empty())
        };
        match both("auxv") {
            Some((a, b)) => a == b,
            // Hidden (hidepid, ptrace scope): the same command line is the next best sign.
            None => both("cmdline").is_some_and(|(a, b)| a == b),
        }
    }

    fn is_spawned_by(&self, pid: u32, parent: u32) -> bool {
        let Ok(line) = fs::read(self.path(pid, "cmdline")) else {
            return false;
        };
        // Init adopts what others spawned; a service that is the first process runs the same
        // interpreter as its workers.
        let exe = |pid| fs::read_link(self.path(pid, "exe")).ok();
        if parent == 1 && (exe(pid).is_none() || exe(pid) != exe(parent)) {
            return false;
        }
        let line = String::from_utf8_lossy(&line);
        // CPython's multiprocessing/spawn.py and forkserver.py start their interpreters so.
        line.split('\0').any(|argument| {
            argument == "--multiprocessing-fork"
                || argument.starts_with("from multiprocessing.forkserver import main")
        })
    }
}

/// Reads `/proc/<pid>/stat` (proc_pid_stat(5)). The name in parentheses may hold anything, so
/// fields are counted from the last parenthesis: index 0 is field 3, the state.
fn parse_stat(text: &str) -> Option<ProcStat> {
    let (_, text) = text.rsplit_once(')')?;
    let mut fields = [""; 22];
    for (place, field) in fields.iter_mut().zip(text.split_ascii_whitespace()) {
        *place = field;
    }
    let number = |field: usize| fields[field - 3].parse::<u64>().ok();
    Some(ProcStat {
        parent: u32::try_from(number(4)?).ok()?,
        start: number(22)?,
        is_zombie: matches!(fields[0], "Z" | "X"),
        cpu_ticks: number(14)? + number(15)?,
        children_cpu_ticks: number(16)? + number(17)?,
        n_threads: number(20)?,
        virtual_bytes: number(23)?,
        resident_pages: number(24)?,
    })
}

#[cfg(test)]
mod tests;
