//! Which instance a local process group is. Pure: what was found goes in, identities come out.
//!
//! A service (`job`) has instances. A group that listens is `127.0.0.1:<port>`, which is what its
//! user calls it; one that does not is `<hostname>/<n>` with the lowest free number, so that the
//! same script started again is the same instance again.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use instrument::{GroupKey, ProcessGroup};
use model::Timestamp;

/// How long a group that does not listen yet is given before it gets a number: a web server binds
/// its port after the import that announced it, and would otherwise be two instances in turn.
const SETTLE: Duration = Duration::from_secs(3);

/// How long a group that listened is shown as down after its last process ended. Long enough for
/// an alert with `for: 5m` to fire, short enough to forget an app somebody has just stopped.
const GONE_KEPT: Duration = Duration::from_secs(15 * 60);

/// A process group with its identity.
#[derive(Clone, Debug)]
pub(crate) struct Instance {
    pub(crate) group: ProcessGroup,
    pub(crate) name: String,
    /// Since when no process of the group lives.
    pub(crate) gone_since: Option<Timestamp>,
}

/// Remembers identities from one look to the next.
#[derive(Debug, Default)]
pub(crate) struct Announced {
    instances: HashMap<GroupKey, Known>,
    /// Every group ever seen that is still in its folder.
    seen: HashSet<GroupKey>,
    looked: bool,
}

#[derive(Debug)]
struct Known {
    group: ProcessGroup,
    place: Place,
    gone_since: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Place {
    /// Not named yet: it may still bind a port.
    Settling,
    Port(u16),
    Slot(usize),
}

impl Announced {
    /// Takes in what one look found, each group with whether it lives; `port_of` is asked for
    /// groups whose port is not known yet.
    pub(crate) fn update(
        &mut self,
        found: Vec<(ProcessGroup, bool)>,
        mut port_of: impl FnMut(&ProcessGroup) -> Option<u16>,
        hostname: &str,
        now: Timestamp,
    ) -> Vec<Instance> {
        let in_folder: HashSet<GroupKey> = found.iter().map(|(group, _)| group.key).collect();
        for (group, alive) in found {
            self.take_in(group, alive, now);
        }
        for (key, known) in &mut self.instances {
            if !in_folder.contains(key) {
                known.gone_since.get_or_insert(now);
            }
        }
        self.seen.retain(|key| in_folder.contains(key));
        self.looked = true;
        self.place_all(&mut port_of, now);
        self.forget(now);
        self.named(hostname)
    }

    fn take_in(&mut self, group: ProcessGroup, alive: bool, now: Timestamp) {
        let new = self.seen.insert(group.key);
        if let Some(known) = self.instances.get_mut(&group.key) {
            known.gone_since = match known.gone_since {
                _ if alive => None,
                Some(since) => Some(since),
                None => Some(now),
            };
            known.group = group;
            return;
        }
        // A script that came and went between two looks is read once; what was already dead when
        // this server started is history.
        if alive || (new && self.looked) {
            let known = Known {
                place: Place::Settling,
                gone_since: None,
                group,
            };
            self.instances.insert(known.group.key, known);
        }
    }

    fn place_all(
        &mut self,
        port_of: &mut impl FnMut(&ProcessGroup) -> Option<u16>,
        now: Timestamp,
    ) {
        let mut keys: Vec<(Timestamp, GroupKey)> = self
            .instances
            .iter()
            .map(|(&key, known)| (known.group.announcement.started, key))
            .collect();
        keys.sort();
        for (started, key) in keys {
            let known = &self.instances[&key];
            if matches!(known.place, Place::Port(_)) {
                continue;
            }
            let alive = known.gone_since.is_none();
            let port = alive.then(|| port_of(&known.group)).flatten();
            let place = match (port, known.place) {
                (Some(port), _) => Place::Port(port),
                (None, Place::Slot(slot)) => Place::Slot(slot),
                (None, _) if known.group.processes.is_empty() || now.since(started) >= SETTLE => {
                    Place::Slot(self.free_slot(&known.group.announcement.service))
                }
                (None, _) => Place::Settling,
            };
            if let Some(known) = self.instances.get_mut(&key) {
                known.place = place;
            }
        }
    }

    fn free_slot(&self, service: &str) -> usize {
        let taken: HashSet<usize> = self
            .instances
            .values()
            .filter(|known| known.group.announcement.service == service)
            .filter(|known| known.gone_since.is_none())
            .filter_map(|known| match known.place {
                Place::Slot(slot) => Some(slot),
                Place::Settling | Place::Port(_) => None,
            })
            .collect();
        (0..).find(|slot| !taken.contains(slot)).unwrap_or(0)
    }

    /// Who listened was expected to live and is shown as down; a script that ended has ended.
    fn forget(&mut self, now: Timestamp) {
        let live: HashSet<(String, Place)> = self
            .instances
            .values()
            .filter(|known| known.gone_since.is_none())
            .map(|known| (known.group.announcement.service.clone(), known.place))
            .collect();
        self.instances
            .retain(|_, known| match (known.gone_since, known.place) {
                (None, _) => true,
                (Some(_), Place::Slot(_) | Place::Settling) => false,
                (Some(since), Place::Port(_)) => {
                    let successor = (known.group.announcement.service.clone(), known.place);
                    now.since(since) < GONE_KEPT && !live.contains(&successor)
                }
            });
    }

    fn named(&self, hostname: &str) -> Vec<Instance> {
        let mut known: Vec<&Known> = self.instances.values().collect();
        known.sort_by_key(|known| (known.group.announcement.started, known.group.key));
        let mut taken = HashSet::new();
        known
            .into_iter()
            .filter_map(|known| {
                let name = match known.place {
                    Place::Settling => return None,
                    Place::Port(port) => format!("127.0.0.1:{port}"),
                    Place::Slot(slot) => format!("{hostname}/{slot}"),
                };
                let service = known.group.announcement.service.clone();
                // Two groups can share a port (SO_REUSEPORT); the older one keeps the plain name.
                let name = if taken.insert((service, name.clone())) {
                    name
                } else {
                    format!("{name}/{}", known.group.key.0.pid)
                };
                Some(Instance {
                    group: known.group.clone(),
                    name,
                    gone_since: known.gone_since,
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use instrument::{Announcement, ProcessId, ServiceSource};

    use super::*;

    /// `shop:10:8001` is a live group of service shop with root pid 10 that listens on 8001;
    /// without a port it does not listen; `shop:10:dead` has no process left.
    fn group(text: &str) -> (ProcessGroup, Option<u16>) {
        let fields: Vec<&str> = text.split(':').collect();
        let id = ProcessId {
            pid: fields[1].parse().unwrap(),
            start: 1,
        };
        let rest = fields.get(2).copied().unwrap_or_default();
        let group = ProcessGroup {
            key: GroupKey(id),
            dir: PathBuf::new(),
            announcement: Announcement {
                service: fields[0].to_owned(),
                service_from: ServiceSource::App,
                framework: None,
                python_version: "3.12".to_owned(),
                package_version: "1".to_owned(),
                version: None,
                started: Timestamp::from_millis(i64::from(id.pid)),
            },
            processes: if rest == "dead" { Vec::new() } else { vec![id] },
        };
        (group, rest.parse().ok())
    }

    /// Each step is `second: groups => instances`, a `-` behind an instance that is down.
    fn check(steps: &[&str]) {
        let mut announced = Announced::default();
        for step in steps {
            let (input, expected) = step.split_once("=>").unwrap();
            let (second, groups) = input.split_once('|').unwrap();
            let now = Timestamp::from_millis(second.trim().parse::<i64>().unwrap() * 1000);
            let groups: Vec<_> = groups.split_whitespace().map(group).collect();
            let ports: HashMap<GroupKey, Option<u16>> = groups
                .iter()
                .map(|(group, port)| (group.key, *port))
                .collect();
            let found = groups.into_iter().map(|(group, _)| {
                let alive = !group.processes.is_empty();
                (group, alive)
            });
            let instances =
                announced.update(found.collect(), |group| ports[&group.key], "box", now);
            let shown: Vec<String> = instances
                .iter()
                .map(|instance| {
                    let down = if instance.gone_since.is_some() {
                        "-"
                    } else {
                        ""
                    };
                    format!(
                        "{}@{}{down}",
                        instance.group.announcement.service, instance.name
                    )
                })
                .collect();
            assert_eq!(shown.join(" "), expected.trim(), "{step}");
        }
    }

    #[test]
    fn a_group_that_listens_is_its_port() {
        check(&["1 | shop:10:8001 cart:11:8002 => shop@127.0.0.1:8001 cart@127.0.0.1:8002"]);
    }

    #[test]
    fn a_group_without_a_port_waits_a_moment_and_gets_the_lowest_free_number() {
        check(&[
            "1 | job:10 job:11 =>",
            "5 | job:10 job:11 => job@box/0 job@box/1",
            "7 | job:11 => job@box/1",
            "20 | job:11 job:12 => job@box/1 job@box/0",
        ]);
    }

    #[test]
    fn a_port_that_is_bound_late_is_still_taken() {
        check(&[
            "5 | shop:10 => shop@box/0",
            "7 | shop:10:8001 => shop@127.0.0.1:8001",
        ]);
    }

    #[test]
    fn who_listened_is_down_until_a_successor_or_the_time_is_up() {
        check(&[
            "1 | shop:10:8001 => shop@127.0.0.1:8001",
            "3 | shop:10:dead => shop@127.0.0.1:8001-",
            "9 | => shop@127.0.0.1:8001-",
            "11 | shop:20:8001 => shop@127.0.0.1:8001",
            "13 | => shop@127.0.0.1:8001-",
            "900 | => shop@127.0.0.1:8001-",
            "914 | =>",
        ]);
    }

    #[test]
    fn groups_that_share_a_port_stay_apart() {
        check(&["1 | shop:10:80 shop:11:80 => shop@127.0.0.1:80 shop@127.0.0.1:80/11"]);
    }

    #[test]
    fn a_script_between_two_looks_is_read_once_and_history_never() {
        check(&[
            "5 | old:9:dead =>",
            "7 | old:9:dead quick:10:dead => quick@box/0",
            "9 | old:9:dead quick:10:dead =>",
        ]);
    }
}
