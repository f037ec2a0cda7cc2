//! Which TCP port a process listens on, from `/proc` (Linux; elsewhere nothing is found).

use std::collections::{HashMap, HashSet};
use std::path::Path;

/// Descriptors of one process looked at; more than any server here has open.
const DESCRIPTORS_MAX: usize = 4096;

/// Processes of a group looked at; the arbiter and its first workers share the socket anyway.
const PROCESSES_MAX: usize = 8;

/// The lowest port one of these processes listens on.
pub(crate) fn lowest_port(proc_root: &Path, pids: &[u32]) -> Option<u16> {
    pids.iter()
        .take(PROCESSES_MAX)
        .filter_map(|&pid| port_of(&proc_root.join(pid.to_string())))
        .min()
}

fn port_of(process: &Path) -> Option<u16> {
    let inodes = socket_inodes(&process.join("fd"));
    if inodes.is_empty() {
        return None;
    }
    // The table of the process's own network namespace.
    ["net/tcp", "net/tcp6"]
        .iter()
        .filter_map(|table| std::fs::read_to_string(process.join(table)).ok())
        .flat_map(|table| listening(&table))
        .filter(|(inode, _)| inodes.contains(inode))
        .map(|(_, port)| port)
        .min()
}

fn socket_inodes(descriptors: &Path) -> HashSet<u64> {
    let Ok(entries) = std::fs::read_dir(descriptors) else {
        return HashSet::new();
    };
    entries
        .filter_map(Result::ok)
        .take(DESCRIPTORS_MAX)
        .filter_map(|entry| std::fs::read_link(entry.path()).ok())
        .filter_map(|link| {
            let name = link.to_str()?;
            name.strip_prefix("socket:[")?
                .strip_suffix(']')?
                .parse()
                .ok()
        })
        .collect()
}

/// Inode → port of the listening sockets in a table as `/proc/net/tcp` writes it:
/// `sl local_address rem_address st … uid timeout inode …`, addresses and states in hex.
fn listening(table: &str) -> HashMap<u64, u16> {
    const LISTEN: &str = "0A";
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_ascii_whitespace().take(10).collect();
            let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
            if *state != LISTEN {
                return None;
            }
            let (_, port) = local.rsplit_once(':')?;
            Some((inode.parse().ok()?, u16::from_str_radix(port, 16).ok()?))
        })
        .collect()
}

/// What listens on a port of this machine, as far as this user may see: `python (pid 7)`.
pub(crate) fn holder_of_port(proc_root: &Path, port: u16) -> Option<String> {
    let processes = std::fs::read_dir(proc_root).ok()?;
    processes.filter_map(Result::ok).find_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let inodes = socket_inodes(&entry.path().join("fd"));
        let listens = ["net/tcp", "net/tcp6"].iter().any(|table| {
            let table = std::fs::read_to_string(entry.path().join(table)).unwrap_or_default();
            listening(&table)
                .iter()
                .any(|(inode, &candidate)| candidate == port && inodes.contains(inode))
        });
        if inodes.is_empty() || !listens {
            return None;
        }
        let name = std::fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        Some(format!("{} (pid {pid})", name.trim()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F41 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0
   1: 0100007F:0050 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 20 4 30 10 -1
   2: short
";

    #[test]
    fn only_listening_sockets_count() {
        assert_eq!(listening(TABLE), HashMap::from([(4711, 8001)]));
    }

    #[test]
    fn a_listener_of_this_process_is_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let proc_root = Path::new("/proc");
        let holder = holder_of_port(proc_root, port).unwrap();
        assert!(
            holder.contains(&format!("pid {}", std::process::id())),
            "{holder}"
        );
        assert!(lowest_port(proc_root, &[std::process::id()]).is_some());
        assert_eq!(lowest_port(proc_root, &[u32::MAX]), None);
    }
}
