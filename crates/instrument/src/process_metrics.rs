//! The process metrics of a whole group, read from `/proc` by whoever reads the group.
//!
//! prometheus_client gives these for the process that happens to answer; here they are the same
//! whoever is asked. Names and help are prometheus_client's (`process_collector.py`).

use std::fs;

use crate::group::{GroupKey, Proc, ProcStat, ProcessId};
use crate::reading::{FamilyKind, FamilyReading, Value};

/// Who of a group is there.
#[derive(Debug)]
pub(crate) struct Present<'a> {
    pub(crate) group: GroupKey,
    pub(crate) live: &'a [ProcessId],
    pub(crate) dead: &'a [ProcessId],
    /// Processes that ever belonged to the group.
    pub(crate) n_started: u64,
}

/// Descriptors looked at in one process: listing more takes milliseconds.
const FDS_MAX: usize = 1 << 20;

pub(crate) fn families(proc: &Proc, present: &Present<'_>) -> Vec<FamilyReading> {
    let mut families = proc_families(proc, present);
    families.push(gauge(
        "pyrometer_workers",
        "Live processes of the group that do its work: all but a master.",
        n_workers(present) as f64,
    ));
    families.push(counter(
        "pyrometer_process_starts",
        "Processes of the group that ever measured something.",
        present.n_started as f64,
    ));
    families
}

/// What went wrong with measuring itself.
pub(crate) fn trouble(n_unshared: f64, n_panics: f64) -> [FamilyReading; 2] {
    [
        gauge(
            "pyrometer_unshared_series",
            "Series that found no room in shared memory and show on their own process only.",
            n_unshared,
        ),
        counter(
            "pyrometer_internal_errors",
            "Errors of the measuring library itself, kept from the application.",
            n_panics,
        ),
    ]
}

/// A root process that has others beside it manages them; alone it does the work itself.
fn n_workers(present: &Present<'_>) -> usize {
    let others = present
        .live
        .iter()
        .filter(|process| **process != present.group.0)
        .count();
    if others == 0 {
        present.live.len()
    } else {
        others
    }
}

fn proc_families(proc: &Proc, present: &Present<'_>) -> Vec<FamilyReading> {
    let root = present.group.0;
    // The root belongs to the group also when it never loads the package (a gunicorn master
    // without preload does not).
    let mut ids: Vec<ProcessId> = present.live.to_vec();
    if !ids.contains(&root) {
        ids.push(root);
    }
    let stats = |ids: &[ProcessId]| -> Vec<(ProcessId, ProcStat)> {
        let stat = |id: &ProcessId| Some((*id, proc.stat(id.pid)?));
        let own = |(id, stat): &(ProcessId, ProcStat)| stat.start == id.start;
        ids.iter().filter_map(stat).filter(own).collect()
    };
    let (live, dead) = (stats(&ids), stats(present.dead));
    if live.is_empty() {
        return Vec::new();
    }
    let sum = |of: fn(&ProcStat) -> u64| live.iter().map(|(_, stat)| of(stat) as f64).sum::<f64>();
    let page = rustix::param::page_size() as f64;
    let mut families = vec![
        gauge(
            "process_virtual_memory_bytes",
            "Virtual memory size in bytes.",
            sum(|stat| stat.virtual_bytes),
        ),
        gauge(
            "process_resident_memory_bytes",
            "Resident memory size in bytes.",
            sum(|stat| stat.resident_pages) * page,
        ),
    ];
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    if let Some(boot) = boot_time(proc) {
        // Of a group whose root is gone: of the oldest that is left.
        let start = live
            .iter()
            .map(|(id, _)| id.start)
            .min()
            .unwrap_or_default();
        families.push(gauge(
            "process_start_time_seconds",
            "Start time of the process since unix epoch in seconds.",
            start as f64 / ticks + boot,
        ));
    }
    families.push(counter(
        "process_cpu_seconds",
        "Total user and system CPU time spent in seconds.",
        cpu_ticks(present, &live, &dead) / ticks,
    ));
    families.extend(fd_families(proc, &live));
    families
}

/// Ticks of the living, and of those that ended: their parent got them when it waited for them
/// (`cutime`, `cstime`), and until then they are zombies whose own ticks can still be read. So
/// the sum never falls when a worker dies. A process that was always alone counts only itself,
/// as prometheus_client does; in a group, other children that were waited for count too.
fn cpu_ticks(
    present: &Present<'_>,
    live: &[(ProcessId, ProcStat)],
    dead: &[(ProcessId, ProcStat)],
) -> f64 {
    let is_alone = present.n_started <= 1 && live.len() == 1;
    let own: u64 = live
        .iter()
        .chain(dead)
        .map(|(_, stat)| stat.cpu_ticks)
        .sum();
    let of_children: u64 = live.iter().map(|(_, stat)| stat.children_cpu_ticks).sum();
    (if is_alone { own } else { own + of_children }) as f64
}

/// Of the process that is nearest to its limit: the first one to fail is what matters.
fn fd_families(proc: &Proc, live: &[(ProcessId, ProcStat)]) -> Vec<FamilyReading> {
    let usage = |id: &ProcessId| {
        let open = fs::read_dir(proc.path(id.pid, "fd"))
            .ok()?
            .take(FDS_MAX)
            .count();
        let max = max_fds(&fs::read_to_string(proc.path(id.pid, "limits")).ok()?)?;
        Some((open as f64, max))
    };
    let fullest = live
        .iter()
        .filter_map(|(id, _)| usage(id))
        .max_by(|a, b| (a.0 / a.1).total_cmp(&(b.0 / b.1)));
    let Some((open, max)) = fullest else {
        return Vec::new();
    };
    vec![
        gauge("process_open_fds", "Number of open file descriptors.", open),
        gauge(
            "process_max_fds",
            "Maximum number of open file descriptors.",
            max,
        ),
    ]
}

fn max_fds(limits: &str) -> Option<f64> {
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open file"))?;
    match line.split_ascii_whitespace().nth(3)? {
        "unlimited" => Some(f64::INFINITY),
        number => number.parse().ok(),
    }
}

fn boot_time(proc: &Proc) -> Option<f64> {
    let stat = fs::read_to_string(proc.root().join("stat")).ok()?;
    let line = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
    line.trim().parse().ok()
}

fn gauge(name: &str, help: &str, value: f64) -> FamilyReading {
    family(FamilyKind::Gauge, name, help, Value::Gauge(value))
}

fn counter(name: &str, help: &str, total: f64) -> FamilyReading {
    let value = Value::Counter {
        total,
        created: None,
    };
    family(FamilyKind::Counter, name, help, value)
}

fn family(kind: FamilyKind, name: &str, help: &str, value: Value) -> FamilyReading {
    FamilyReading::of_rows((kind, name, help), &[], [(Vec::new(), value)])
}
