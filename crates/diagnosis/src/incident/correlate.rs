//! Which assertions belong together.
//!
//! Two assertions make one incident when their entities are near in the graph and they began at
//! about the same time. An incident keeps its id for its whole life: when it grows, when two of
//! them turn out to be one, and when the same trouble comes back soon after it was over.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::Timestamp;

use super::near::{DISTANCE_MAX, near};
use crate::assertion::{Assertion, AssertionKey, Category, Severity};
use crate::graph::{EntityId, EntityKey, Graph};
use crate::kpi::KpiKind;

/// Incidents that are kept, open and over.
const INCIDENTS_MAX: usize = 1000;

/// How the engine decides. The defaults suit evaluations every 15 s.
#[derive(Clone, Copy, Debug)]
pub struct IncidentOptions {
    /// Trouble that began farther apart is unrelated, however near in the graph.
    pub together: Duration,
    /// An incident is over when nothing was wrong for so long.
    pub calm: Duration,
    /// The same trouble within this time after the end is the same incident.
    pub flapping: Duration,
    /// Without an evaluation for longer, nothing is believed until it has held for `settling`.
    pub gap: Duration,
    pub settling: Duration,
    /// Whether an anomaly alone is enough to speak of an incident.
    pub opens_by_anomaly: bool,
}

impl Default for IncidentOptions {
    fn default() -> Self {
        Self {
            together: Duration::from_secs(15 * 60),
            calm: Duration::from_secs(5 * 60),
            flapping: Duration::from_secs(15 * 60),
            gap: Duration::from_secs(120),
            settling: Duration::from_secs(120),
            opens_by_anomaly: false,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Incident {
    /// The same over its whole life, restarts included: made of when and with what it began.
    pub id: String,
    /// When the first numbers turned.
    pub start: Timestamp,
    /// When there was enough to say so.
    pub opened: Timestamp,
    pub end: Option<Timestamp>,
    pub members: BTreeMap<AssertionKey, Assertion>,
    /// Ids of incidents that turned out to be this one.
    pub merged: Vec<String>,
    /// Whether we lost sight of most of what we watch, rather than that it broke.
    pub is_monitoring_gap: bool,
    /// Since when nothing is wrong any more.
    pub calm_since: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transition {
    Opened {
        id: String,
    },
    /// Somebody joined.
    Grew {
        id: String,
    },
    Merged {
        id: String,
        into: String,
    },
    Resolved {
        id: String,
    },
    Reopened {
        id: String,
    },
}

/// All incidents, and what carries them from one evaluation to the next.
#[derive(Clone, Debug, Default)]
pub struct Incidents {
    options: IncidentOptions,
    /// By start.
    incidents: Vec<Incident>,
    observed: Option<Timestamp>,
    settled: Option<Timestamp>,
}

impl Incident {
    pub fn is_open(&self) -> bool {
        self.end.is_none()
    }

    pub fn severity(&self) -> Severity {
        let severities = self.members.values().map(|member| member.severity);
        severities.max().unwrap_or(Severity::Info)
    }

    /// Whose assertions it is made of.
    pub fn entities(&self) -> BTreeSet<EntityKey> {
        self.members.keys().map(|key| key.entity.clone()).collect()
    }

    /// Those that last, newest first among equals; all of them once it is over.
    fn lasting(&self) -> impl Iterator<Item = &Assertion> {
        self.members.values().filter(|member| member.end.is_none())
    }
}

impl Incidents {
    pub fn new(options: IncidentOptions) -> Self {
        Self {
            options,
            ..Self::default()
        }
    }

    /// Takes over what was known before a restart.
    pub fn restore(&mut self, incidents: Vec<Incident>, observed: Timestamp) {
        self.incidents = incidents;
        self.incidents.sort_by_key(|incident| incident.start);
        self.observed = Some(observed);
    }

    pub fn all(&self) -> &[Incident] {
        &self.incidents
    }

    pub fn get(&self, id: &str) -> Option<&Incident> {
        let is_it = |incident: &&Incident| {
            incident.id == id || incident.merged.iter().any(|merged| merged == id)
        };
        self.incidents.iter().find(is_it)
    }

    /// Advances by one evaluation. `active` are all assertions that hold now.
    pub fn observe(
        &mut self,
        now: Timestamp,
        active: &[Assertion],
        graph: &Graph,
    ) -> Vec<Transition> {
        let was_blind = self
            .observed
            .is_none_or(|observed| self.options.gap < now.since(observed));
        if was_blind && self.observed.is_some() {
            self.settled = Some(now.plus(self.options.settling));
        }
        self.observed = Some(now);
        let active: Vec<&Assertion> = active
            .iter()
            .filter(|assertion| is_signal(assertion))
            .collect();
        let mut transitions = Vec::new();
        self.update_members(now, &active, &mut transitions);
        if self.settled.is_some_and(|settled| now < settled) {
            return transitions;
        }
        self.place(now, &active, graph, &mut transitions);
        self.resolve(now, &mut transitions);
        self.forget();
        transitions
    }

    /// Ends an incident by hand. It comes back when any of its trouble does.
    pub fn resolve_by_hand(&mut self, id: &str, now: Timestamp) -> bool {
        let found = self.incidents.iter_mut().find(|incident| incident.id == id);
        found.is_some_and(|incident| {
            incident.end = incident.end.or(Some(now));
            true
        })
    }

    /// Makes one incident of two; the older one keeps its id.
    pub fn merge(&mut self, one: &str, other: &str) -> Option<Transition> {
        let place = |id: &str| self.incidents.iter().position(|incident| incident.id == id);
        let (one, other) = (place(one)?, place(other)?);
        if one == other {
            return None;
        }
        let (older, younger) = (one.min(other), one.max(other));
        let merged = self.incidents.remove(younger);
        let into = &mut self.incidents[older];
        let id = merged.id.clone();
        into.merged.extend(merged.merged);
        into.merged.push(merged.id);
        for (key, member) in merged.members {
            into.members.entry(key).or_insert(member);
        }
        into.start = into.start.min(merged.start);
        if merged.end.is_none() {
            into.end = None;
        }
        Some(Transition::Merged {
            id,
            into: into.id.clone(),
        })
    }

    /// Makes an incident of its own of some members.
    pub fn split(
        &mut self,
        id: &str,
        entities: &BTreeSet<EntityKey>,
        now: Timestamp,
    ) -> Option<Transition> {
        let incident = self
            .incidents
            .iter_mut()
            .find(|incident| incident.id == id)?;
        let (out, kept): (BTreeMap<_, _>, BTreeMap<_, _>) = std::mem::take(&mut incident.members)
            .into_iter()
            .partition(|(key, _)| entities.contains(&key.entity));
        incident.members = kept;
        let first = out.values().min_by_key(|member| member.onset).cloned();
        let Some(first) = first.filter(|_| !incident.members.is_empty()) else {
            incident.members.extend(out);
            return None;
        };
        let mut split = open(&first, now);
        split.members = out;
        let id = split.id.clone();
        self.insert(split);
        Some(Transition::Opened { id })
    }

    /// Ends the assertions that hold no more, and brings back those that do again.
    fn update_members(
        &mut self,
        now: Timestamp,
        active: &[&Assertion],
        transitions: &mut Vec<Transition>,
    ) {
        let active: BTreeMap<&AssertionKey, &&Assertion> =
            active.iter().map(|active| (&active.key, active)).collect();
        let flapping = self.options.flapping;
        for incident in &mut self.incidents {
            let is_recent = incident.end.is_none_or(|end| now.since(end) <= flapping);
            if !is_recent {
                continue;
            }
            let mut is_back = false;
            for (key, member) in &mut incident.members {
                match active.get(key) {
                    Some(found) => {
                        is_back |= found.since > incident.end.unwrap_or(Timestamp::MAX);
                        let onset = member.onset.min(found.onset);
                        *member = (**found).clone();
                        member.onset = onset;
                    }
                    None => {
                        member.end.get_or_insert(now);
                    }
                }
            }
            if is_back && incident.end.is_some() {
                incident.end = None;
                incident.calm_since = None;
                transitions.push(Transition::Reopened {
                    id: incident.id.clone(),
                });
            }
        }
    }

    /// Gives each assertion that is in no incident one.
    fn place(
        &mut self,
        now: Timestamp,
        active: &[&Assertion],
        graph: &Graph,
        transitions: &mut Vec<Transition>,
    ) {
        let mut homeless: Vec<&Assertion> = active
            .iter()
            .copied()
            .filter(|assertion| !self.holds(assertion))
            .collect();
        if homeless.is_empty() {
            return;
        }
        // Those that can open an incident come first, the earliest of them foremost, so that the
        // others find something to join.
        homeless.sort_by_key(|assertion| (!self.opens(assertion), assertion.onset));
        let troubled: BTreeSet<EntityId> = active
            .iter()
            .filter_map(|assertion| graph.id(&assertion.key.entity))
            .collect();
        let lost_sight = self.lost_sight(&homeless, graph);
        for assertion in homeless {
            let near = graph
                .id(&assertion.key.entity)
                .map(|id| near(graph, id, &troubled))
                .unwrap_or_default();
            let touched =
                self.touched(assertion, graph, &near, lost_sight.contains(&assertion.key));
            match touched.split_first() {
                Some((first, others)) => {
                    let incident = &mut self.incidents[*first];
                    let id = incident.id.clone();
                    incident.start = incident.start.min(assertion.onset);
                    incident
                        .members
                        .insert(assertion.key.clone(), assertion.clone());
                    let grew = Transition::Grew { id: id.clone() };
                    if !transitions.contains(&grew) {
                        transitions.push(grew);
                    }
                    let others: Vec<String> = others
                        .iter()
                        .map(|&other| self.incidents[other].id.clone())
                        .collect();
                    for other in others {
                        transitions.extend(self.merge(&id, &other));
                    }
                }
                None if self.opens(assertion) => {
                    let mut incident = open(assertion, now);
                    incident.is_monitoring_gap = lost_sight.contains(&assertion.key);
                    transitions.push(Transition::Opened {
                        id: incident.id.clone(),
                    });
                    self.insert(incident);
                }
                None => {}
            }
        }
    }

    /// Whether an assertion is enough to speak of an incident: somebody is hurt, or soon will be.
    /// An anomaly alone is not.
    fn opens(&self, assertion: &Assertion) -> bool {
        match assertion.category {
            Category::Error | Category::Failure => true,
            Category::Saturation => assertion.severity == Severity::Critical,
            Category::Anomaly => self.options.opens_by_anomaly,
            Category::Amend => false,
        }
    }

    /// Whether an incident has it: an open one, or one that was ended by hand meanwhile.
    fn holds(&self, assertion: &Assertion) -> bool {
        self.incidents.iter().any(|incident| {
            incident.end.is_none_or(|end| assertion.since <= end)
                && incident.members.contains_key(&assertion.key)
        })
    }

    /// The open incidents that an assertion belongs to, the oldest first.
    fn touched(
        &self,
        assertion: &Assertion,
        graph: &Graph,
        near: &BTreeMap<EntityId, u32>,
        is_lost: bool,
    ) -> Vec<usize> {
        // Where nothing is known of who depends on whom, time alone has to do.
        let is_unrelated = graph.relations().is_empty();
        let touches = |incident: &Incident| {
            if incident.is_monitoring_gap || is_lost {
                return incident.is_monitoring_gap && is_lost;
            }
            incident.members.values().any(|member| {
                if member.key.entity == assertion.key.entity {
                    return true;
                }
                let distance = graph
                    .id(&member.key.entity)
                    .and_then(|id| near.get(&id))
                    .copied()
                    .or(is_unrelated.then_some(DISTANCE_MAX));
                let apart = member
                    .onset
                    .since(assertion.onset)
                    .max(assertion.onset.since(member.onset));
                let apart = apart.as_secs_f64() / self.options.together.as_secs_f64();
                // Who is far must be close in time, and the other way round.
                distance.is_some_and(|distance| {
                    apart + f64::from(distance) / f64::from(2 * DISTANCE_MAX) <= 1.0
                })
            })
        };
        let open = self.incidents.iter().enumerate();
        open.filter(|(_, incident)| incident.is_open() && touches(incident))
            .map(|(idx, _)| idx)
            .collect()
    }

    /// The assertions of a moment at which most of what is watched went away at once: then it is
    /// more likely us.
    fn lost_sight(&self, homeless: &[&Assertion], graph: &Graph) -> BTreeSet<AssertionKey> {
        let is_gone = |assertion: &&&Assertion| {
            assertion.category == Category::Failure && assertion.key.kpi == Some(KpiKind::Up)
        };
        let gone: Vec<&&Assertion> = homeless.iter().filter(is_gone).collect();
        let instances = graph
            .entities()
            .filter(|(_, entity)| entity.key.kind.name() == "instance")
            .count();
        let is_mass = 5 <= gone.len() && instances <= gone.len() * 2;
        gone.into_iter()
            .filter(|_| is_mass)
            .map(|assertion| assertion.key.clone())
            .collect()
    }

    fn resolve(&mut self, now: Timestamp, transitions: &mut Vec<Transition>) {
        for incident in &mut self.incidents {
            if incident.end.is_some() {
                continue;
            }
            if incident.lasting().next().is_some() {
                incident.calm_since = None;
                continue;
            }
            let calm_since = *incident.calm_since.get_or_insert(now);
            if self.options.calm <= now.since(calm_since) {
                incident.end = Some(calm_since);
                transitions.push(Transition::Resolved {
                    id: incident.id.clone(),
                });
            }
        }
    }

    fn insert(&mut self, incident: Incident) {
        let place = self
            .incidents
            .partition_point(|known| known.start <= incident.start);
        self.incidents.insert(place, incident);
    }

    /// Drops the oldest that are over.
    fn forget(&mut self) {
        while INCIDENTS_MAX < self.incidents.len() {
            let oldest = self
                .incidents
                .iter()
                .position(|incident| !incident.is_open());
            self.incidents.remove(oldest.unwrap_or(0));
        }
    }
}

/// Whether an assertion is trouble at all: changes are none, they explain some.
fn is_signal(assertion: &Assertion) -> bool {
    assertion.category != Category::Amend && Severity::Warning <= assertion.severity
}

fn open(first: &Assertion, now: Timestamp) -> Incident {
    Incident {
        id: id(first),
        start: first.onset,
        opened: now,
        end: None,
        members: BTreeMap::from([(first.key.clone(), first.clone())]),
        merged: Vec::new(),
        is_monitoring_gap: false,
        calm_since: None,
    }
}

/// Made of when it began and with what: the same history gives the same id.
fn id(first: &Assertion) -> String {
    let mut hash: u32 = 0x811c_9dc5; // FNV-1a.
    let text = format!(
        "{} {} {:?}",
        first.key.entity, first.key.name, first.key.kpi
    );
    for byte in text.bytes() {
        hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    }
    let minutes = first.onset.as_millis().div_euclid(60_000);
    let (year, month, day) = model::date_of_day(minutes.div_euclid(24 * 60));
    let minute = minutes.rem_euclid(24 * 60);
    format!(
        "{year:04}{month:02}{day:02}-{:02}{:02}-{:04x}",
        minute / 60,
        minute % 60,
        (hash >> 16) ^ (hash & 0xffff)
    )
}
