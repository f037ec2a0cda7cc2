//! Programs that run beside us, each in a process group of its own, none left behind.

use std::collections::HashSet;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal};

use crate::interrupt::{Hopeless, Interrupt, doze};
use crate::steps::{line, tail};

/// gunicorn gives requests under way 3 s (`examples/shop/gunicorn.conf.py`), the server writes its
/// log: after this they are killed.
const STOP_LIMIT: Duration = Duration::from_secs(8);

/// A program and its process group; dropping it stops the whole group.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) name: String,
    child: Child,
    log: PathBuf,
    log_read_bytes: usize,
    typed: String,
}

impl Service {
    /// Starts `command` with its output in `<logs>/<name>.log`.
    pub(crate) fn start(name: &str, mut command: Command, logs: &Path) -> anyhow::Result<Self> {
        let log = logs.join(format!("{name}.log"));
        let out = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .with_context(|| format!("open {}", log.display()))?;
        let log_read_bytes = usize::try_from(out.metadata()?.len()).unwrap_or(0);
        // A group of its own: Ctrl-C in the terminal reaches only us, and we end them in order.
        command
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .process_group(0);
        let typed = line(&command);
        let child = command
            .spawn()
            .with_context(|| format!("start {name}: {typed}"))?;
        Ok(Self {
            name: name.to_owned(),
            child,
            log,
            log_read_bytes,
            typed,
        })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Fails for good, with the end of the log, when the program has ended.
    pub(crate) fn check_alive(&mut self) -> anyhow::Result<()> {
        match self.ended()? {
            None => Ok(()),
            Some(status) => Err(Hopeless(format!(
                "{} ended: {status}\n  {}\n{}",
                self.name,
                self.typed,
                tail(&self.log)
            ))
            .into()),
        }
    }

    /// How the program ended, if it did.
    pub(crate) fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        self.child
            .try_wait()
            .with_context(|| format!("look after {}", self.name))
    }

    /// The whole lines written to the log since the last call.
    pub(crate) fn new_lines(&mut self) -> Vec<String> {
        let text = fs::read(&self.log).unwrap_or_default();
        let fresh = text.get(self.log_read_bytes..).unwrap_or_default();
        let Some(end) = fresh.iter().rposition(|&byte| byte == b'\n') else {
            return Vec::new();
        };
        self.log_read_bytes += end + 1;
        String::from_utf8_lossy(&fresh[..end])
            .lines()
            .map(str::to_owned)
            .collect()
    }

    /// SIGKILL to the program alone, as the kernel's out-of-memory killer would.
    pub(crate) fn kill(&mut self) -> anyhow::Result<()> {
        self.child
            .kill()
            .with_context(|| format!("kill {}", self.name))?;
        self.child
            .wait()
            .with_context(|| format!("wait for {}", self.name))?;
        Ok(())
    }

    /// Asks the group to end, and after `limit` kills what is left of it.
    fn stop(&mut self, limit: Duration) {
        self.signal_group(Signal::TERM);
        let start = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && start.elapsed() < limit {
            doze(Duration::from_millis(20));
        }
        // Also what the leader left behind.
        self.signal_group(Signal::KILL);
        drop(self.child.wait());
    }

    fn signal_group(&self, signal: Signal) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // Fails only when the group is gone already, which is what we want.
            let _gone = rustix::process::kill_process_group(group, signal);
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop(STOP_LIMIT);
    }
}

/// Programs that belong together; dropped last started first.
#[derive(Debug, Default)]
pub(crate) struct Fleet {
    services: Vec<Service>,
}

impl Fleet {
    pub(crate) fn add(&mut self, service: Service) {
        self.services.push(service);
    }

    pub(crate) fn get(&mut self, name: &str) -> anyhow::Result<&mut Service> {
        let found = self
            .services
            .iter_mut()
            .find(|service| service.name == name);
        found.with_context(|| format!("{name} does not run"))
    }

    /// Stops one and forgets it.
    pub(crate) fn remove(&mut self, name: &str) {
        self.services.retain(|service| service.name != name);
    }

    /// Fails when any has ended, naming it.
    pub(crate) fn check_alive(&mut self) -> anyhow::Result<()> {
        self.services.iter_mut().try_for_each(Service::check_alive)
    }

    /// Waits for `ready`, but not longer than all live.
    pub(crate) fn until<T>(
        &mut self,
        interrupt: &Interrupt,
        what: &str,
        limit: Duration,
        mut ready: impl FnMut() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        interrupt.until(what, limit, || {
            self.check_alive()?;
            ready()
        })
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        // All are asked at once, then each is waited for: as slow as the slowest, not as the sum.
        for service in &self.services {
            service.signal_group(Signal::TERM);
        }
        while let Some(service) = self.services.pop() {
            drop(service);
        }
    }
}

/// A loopback address that nobody listens on: `wanted` if it is free, else one the kernel picks.
pub(crate) fn free_address(wanted: Option<u16>) -> anyhow::Result<SocketAddr> {
    let try_port = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let listener = match wanted.map(try_port) {
        Some(Ok(listener)) => listener,
        Some(Err(_)) | None => try_port(0).context("find a free port")?,
    };
    Ok(listener.local_addr()?)
}

/// The processes whose parent is `parent` (Linux only).
pub(crate) fn children(parent: u32) -> anyhow::Result<HashSet<u32>> {
    let mut found = HashSet::new();
    for entry in fs::read_dir("/proc").context("list /proc")? {
        let entry = entry.context("list /proc")?;
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<u32>().ok())
        else {
            continue;
        };
        // A process may end between the listing and the reading.
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        if stat_field(&stat, 1) == Some(u64::from(parent)) {
            found.insert(pid);
        }
    }
    Ok(found)
}

/// SIGKILL to any process of ours.
pub(crate) fn kill(pid: u32) -> anyhow::Result<()> {
    let pid = i32::try_from(pid)
        .ok()
        .and_then(Pid::from_raw)
        .context("not a process id")?;
    rustix::process::kill_process(pid, Signal::KILL).context("kill a process")
}

/// What a process has cost so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) cpu_seconds: f64,
    pub(crate) resident_bytes: u64,
}

/// Reads `/proc/<pid>/stat` (Linux only): user and system time of all threads, resident memory.
pub(crate) fn cost(pid: u32) -> anyhow::Result<Cost> {
    let path = format!("/proc/{pid}/stat");
    let stat = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
    // proc_pid_stat(5): utime, stime and rss are fields 14, 15 and 24; `stat_field` counts from 3.
    let field = |index| stat_field(&stat, index).with_context(|| format!("read {path}"));
    let ticks = field(11)? + field(12)?;
    Ok(Cost {
        cpu_seconds: ticks as f64 / rustix::param::clock_ticks_per_second() as f64,
        resident_bytes: field(21)? * rustix::param::page_size() as u64,
    })
}

/// A number of a stat line, counted from the process state, which follows the name in brackets.
/// The name may itself hold spaces and brackets, hence the search from the right.
fn stat_field(stat: &str, index: usize) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(index)?.parse().ok()
}

/// Fails with who is to blame when a fixed port is taken.
pub(crate) fn require_free(address: SocketAddr) -> anyhow::Result<()> {
    if let Err(error) = TcpListener::bind(address) {
        bail!("{address} cannot be listened on ({error}); choose another with --listen");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    fn is_running(pid: u32) -> bool {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // A killed orphan may stay a zombie where nobody reaps it.
        stat.rsplit_once(')')
            .is_some_and(|(_, fields)| !fields.trim_start().starts_with('Z'))
    }

    #[test]
    fn dropping_a_service_ends_its_whole_group() {
        let logs = tempfile::tempdir().unwrap();
        let script = "trap '' TERM; sleep 1000 & echo $!; wait";
        let mut service = Service::start("deaf", shell(script), logs.path()).unwrap();
        let lines = Interrupt::listen()
            .unwrap()
            .until("the child's pid", Duration::from_secs(10), || {
                let lines = service.new_lines();
                if lines.is_empty() {
                    bail!("no line yet")
                } else {
                    Ok(lines)
                }
            })
            .unwrap();
        let grandchild = lines[0].parse().unwrap();
        assert!(children(service.pid()).unwrap().contains(&grandchild));
        assert!(is_running(grandchild));
        service.stop(Duration::ZERO);
        let interrupt = Interrupt::listen().unwrap();
        let gone = interrupt.until("the end", Duration::from_secs(10), || {
            if is_running(grandchild) {
                bail!("{grandchild} runs")
            } else {
                Ok(())
            }
        });
        gone.unwrap();
    }

    #[test]
    fn a_service_that_ended_is_named_with_its_log() {
        let logs = tempfile::tempdir().unwrap();
        let mut fleet = Fleet::default();
        fleet.add(Service::start("brief", shell("echo sorry; exit 7"), logs.path()).unwrap());
        let interrupt = Interrupt::listen().unwrap();
        let waited = fleet.until(&interrupt, "a sign", Duration::from_secs(60), || {
            bail!("none yet") as anyhow::Result<()>
        });
        let text = format!("{:#}", waited.unwrap_err());
        assert!(text.starts_with("brief ended: exit status: 7\n"), "{text}");
        assert!(text.ends_with("  | sorry\n"), "{text}");
    }

    #[test]
    fn a_stat_line_is_read_past_any_name() {
        let stat = "42 (a (b) c d) S 7 42 42 0 -1 4194304 1 2 3 4 50 60 0 0 20 0 1 0 9 1000 200 0";
        assert_eq!(stat_field(stat, 1), Some(7));
        assert_eq!(stat_field(stat, 11), Some(50));
        assert_eq!(stat_field(stat, 12), Some(60));
        assert_eq!(stat_field(stat, 21), Some(200));
        assert_eq!(stat_field("", 1), None);
    }

    #[test]
    fn our_own_cost_can_be_read() {
        assert!(cost(std::process::id()).unwrap().resident_bytes > 100_000);
    }
}
