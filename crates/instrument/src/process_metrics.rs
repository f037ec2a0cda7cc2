//! The process metrics of a whole group, read from `/proc` by whoever reads the group.
//!
//! prometheus_client gives these for the process that happens to answer; here they are the same
//! whoever is asked. Names and help are prometheus_client's (`process_collector.py`).

use std::fs;
use std::path::Path;

use crate::group::{GroupKey, Proc, ProcStat, ProcessId};
use crate::reading::{FamilyKind, FamilyReading, Value};

/// Who of a group is there.
#[derive(Debug)]
pub(crate) struct Present<'a> {
    pub(crate) group: GroupKey,
    pub(crate) live: &'a [ProcessId],
    /// Worker numbers, of those that have one; the root needs none.
    pub(crate) workers: &'a [(u32, ProcessId)],
    pub(crate) dead: &'a [ProcessId],
    /// Processes that ever belonged to the group.
    pub(crate) n_started: u64,
}

/// Descriptors looked at in one process: listing more takes milliseconds.
const FDS_MAX: usize = 1 << 20;

/// `tell` says what is told of the group's ticks of processor time.
pub(crate) fn families(
    proc: &Proc,
    present: &Present<'_>,
    tell: impl FnOnce(u64) -> u64,
) -> Vec<FamilyReading> {
    let mut families = proc_families(proc, present, tell);
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

fn proc_families(
    proc: &Proc,
    present: &Present<'_>,
    tell: impl FnOnce(u64) -> u64,
) -> Vec<FamilyReading> {
    let root = present.group.0;
    // The root belongs to the group also when it never loads the package (a gunicorn master
    // without preload does not).
    let mut ids: Vec<ProcessId> = present.live.to_vec();
    if !ids.contains(&root) {
        ids.push(root);
    }
    // Parents before their children: of one that ends meanwhile the ticks are then missing for
    // this moment. The other way round they would count twice, and be taken back later.
    ids.sort_unstable_by_key(|id| (id.start, id.pid));
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
        tell(cpu_ticks(present, &live, &dead)) as f64 / ticks,
    ));
    let fds: Vec<Option<(f64, f64)>> = live.iter().map(|(id, _)| open_fds(proc, id)).collect();
    families.extend(fd_families(&fds));
    families.extend(worker_families(present, &live, &fds));
    families
}

/// Ticks of the living, and of those that ended: their parent got them when it waited for them
/// (`cutime`, `cstime`), and until then they are zombies whose own entries can still be read. A
/// process that was always alone counts only itself, as prometheus_client does; in a group, other
/// children that were waited for count too.
fn cpu_ticks(
    present: &Present<'_>,
    live: &[(ProcessId, ProcStat)],
    dead: &[(ProcessId, ProcStat)],
) -> u64 {
    let is_alone = present.n_started <= 1 && live.len() == 1;
    let all = live.iter().chain(dead).map(|(_, stat)| stat);
    let own: u64 = all.clone().map(|stat| stat.cpu_ticks).sum();
    let of_children: u64 = all.map(|stat| stat.children_cpu_ticks).sum();
    if is_alone { own } else { own + of_children }
}

/// Of the process that is nearest to its limit: the first one to fail is what matters.
fn fd_families(fds: &[Option<(f64, f64)>]) -> Vec<FamilyReading> {
    let fullest = fds
        .iter()
        .flatten()
        .max_by(|a, b| (a.0 / a.1).total_cmp(&(b.0 / b.1)));
    let Some(&(open, max)) = fullest else {
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

/// Open descriptors of a process, and how many it may open.
fn open_fds(proc: &Proc, id: &ProcessId) -> Option<(f64, f64)> {
    let open = n_open_fds(&proc.path(id.pid, "fd"))?;
    Some((open as f64, proc.read(id.pid, "limits", max_fds)?))
}

fn n_open_fds(dir: &Path) -> Option<u64> {
    // Since Linux 6.2 the folder's length tells, and before it is 0. Listing the folder makes the
    // kernel look up each descriptor by name.
    match fs::metadata(dir).ok()?.len() {
        0 => u64::try_from(fs::read_dir(dir).ok()?.take(FDS_MAX).count()).ok(),
        n_open => Some(n_open),
    }
}

/// What each process takes, by its worker number: a process that replaces another goes on with
/// the other's series, so that there are as many as ever lived at a time. Names are those of
/// OpenTelemetry's semantic conventions for processes.
fn worker_families(
    present: &Present<'_>,
    live: &[(ProcessId, ProcStat)],
    fds: &[Option<(f64, f64)>],
) -> [FamilyReading; 4] {
    let mut workers: Vec<(u32, &ProcStat, Option<f64>)> = live
        .iter()
        .zip(fds)
        .filter_map(|((id, stat), fds)| {
            let number = if *id == present.group.0 {
                0
            } else {
                present.workers.iter().find(|(_, worker)| worker == id)?.0
            };
            Some((number, stat, fds.map(|(open, _)| open)))
        })
        .collect();
    workers.sort_by_key(|(number, ..)| *number);
    // Two with one number would be one series twice, and cost the whole scrape.
    workers.dedup_by_key(|(number, ..)| *number);
    let (page, ticks) = (
        rustix::param::page_size() as f64,
        rustix::param::clock_ticks_per_second() as f64,
    );
    let total = |total: f64| Value::Counter {
        total,
        created: None,
    };
    let by_worker =
        |kind, name: &str, help: &str, of: &dyn Fn(&ProcStat, Option<f64>) -> Option<Value>| {
            let rows: Vec<(String, Value)> = workers
                .iter()
                .filter_map(|(number, stat, fds)| Some((number.to_string(), of(stat, *fds)?)))
                .collect();
            let rows = rows.iter();
            let rows = rows.map(|(number, value)| (vec![&**number], value.clone()));
            FamilyReading::of_rows((kind, name, help), &["worker"], rows)
        };
    [
        by_worker(
            FamilyKind::Gauge,
            "process_memory_usage_bytes",
            "Resident memory of each process; worker 0 is the one that was started.",
            &|stat, _| Some(Value::Gauge(stat.resident_pages as f64 * page)),
        ),
        by_worker(
            FamilyKind::Counter,
            "process_cpu_time_seconds",
            "User and system CPU time of each process, without its children.",
            &|stat, _| Some(total(stat.cpu_ticks as f64 / ticks)),
        ),
        by_worker(
            FamilyKind::Gauge,
            "process_thread_count",
            "Threads of each process.",
            &|stat, _| Some(Value::Gauge(stat.n_threads as f64)),
        ),
        by_worker(
            FamilyKind::Gauge,
            "process_unix_file_descriptor_count",
            "Open file descriptors of each process.",
            &|_, fds| fds.map(Value::Gauge),
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
