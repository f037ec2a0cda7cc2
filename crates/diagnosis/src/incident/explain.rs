//! How much of an entity's trouble comes from those it depends on, or from those that call it.
//!
//! Trouble spreads in known ways: a caller is slower by what its callee is slower, fails by what
//! its callee fails, and a callee gets less traffic when its caller fails. What is left when all
//! that is taken away is an entity's own.

use std::collections::BTreeMap;
use std::time::Duration;

use model::Timestamp;

use super::symptom::{Findings, Symptom, Window, home};
use crate::assertion::Category;
use crate::graph::{EntityId, Graph, RelationKind};
use crate::kpi::KpiKind;

/// How much trouble of one sort explains trouble of another, 1 for wholly. Judgement, held by the
/// scenarios.
const ERRORS_BY_LATENCY: f64 = 0.7; // Time-outs.
const ERRORS_BY_SATURATION: f64 = 0.6;
const LATENCY_BY_ERRORS: f64 = 0.5; // Retries, and failures that take their time.
const LATENCY_BY_SATURATION: f64 = 0.6;
const LOST_TRAFFIC_BY_TROUBLE: f64 = 0.7;
const SURGE_BY_OWN_TROUBLE: f64 = 0.7; // Callers ask again.
const USE_BY_LATENCY: f64 = 0.5; // Who waits holds threads and connections.
const STATED_BY_TROUBLE: f64 = 0.85;
const TROUBLE_BY_UNMEASURED: f64 = 0.6; // All that use it suffer, and itself tells nothing.

/// An effect may be seen this much before its cause: two scrapes are not at the same moment.
const SLACK: Duration = Duration::from_secs(15);

/// Something that depends on something, among entities that stand for themselves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Dependency {
    pub dependent: EntityId,
    pub on: EntityId,
    /// Calls to `on` for each request of `dependent`, at most 1; 1 when it is not known.
    pub share: f64,
}

/// Who depends on whom, by both ends.
#[derive(Clone, Debug, Default)]
pub(super) struct Dependencies {
    /// By the dependent.
    on: BTreeMap<EntityId, Vec<Dependency>>,
    /// By what is depended on.
    of: BTreeMap<EntityId, Vec<Dependency>>,
}

impl Dependencies {
    pub(super) fn of(graph: &Graph, findings: &[Findings]) -> Self {
        let mut found = Self::default();
        for relation in graph.relations() {
            let (from, to) = (home(graph, relation.from), home(graph, relation.to));
            if from == to {
                continue;
            }
            let (dependent, on) = if relation.kind.from_depends_on_to() {
                (from, to)
            } else {
                (to, from)
            };
            let calls = relation.traffic.rate.or_else(|| {
                let (usual, _) = findings[on.0 as usize].rate?;
                Some(usual)
            });
            let share = match (calls, findings[dependent.0 as usize].rate) {
                (Some(calls), Some((rate, _))) if 0.0 < rate && is_traffic(relation.kind) => {
                    (calls / rate).clamp(0.0, 1.0)
                }
                _ => 1.0,
            };
            // That all share a machine of which nothing is known is no hint.
            let is_blank = relation.kind == RelationKind::RunsOn
                && !findings[on.0 as usize].is_measured
                && findings[on.0 as usize].stated.is_none();
            if is_blank {
                continue;
            }
            found.add(Dependency {
                dependent,
                on,
                share,
            });
            if relation.kind == RelationKind::PartOf {
                // A part goes down with its whole as well.
                found.add(Dependency {
                    dependent: on,
                    on: dependent,
                    share: 1.0,
                });
            }
        }
        found
    }

    fn add(&mut self, dependency: Dependency) {
        let known = self.on.entry(dependency.dependent).or_default();
        if let Some(known) = known.iter_mut().find(|known| known.on == dependency.on) {
            known.share = known.share.max(dependency.share);
            return;
        }
        known.push(dependency);
        self.of.entry(dependency.on).or_default().push(dependency);
    }

    /// What an entity depends on.
    pub(super) fn on(&self, dependent: EntityId) -> &[Dependency] {
        self.on.get(&dependent).map_or(&[], Vec::as_slice)
    }

    /// Whether something without numbers of its own is used by several that all have trouble.
    pub(super) fn all_suffer(&self, on: EntityId, findings: &[Findings]) -> bool {
        let of = |dependency: &Dependency| &findings[dependency.dependent.0 as usize];
        let mut measured = self
            .dependents(on)
            .iter()
            .map(of)
            .filter(|found| found.is_measured);
        !findings[on.0 as usize].is_measured
            && 2 <= measured.clone().count()
            && measured.all(Findings::is_affected)
    }

    /// Those that depend on an entity.
    pub(super) fn dependents(&self, on: EntityId) -> &[Dependency] {
        self.of.get(&on).map_or(&[], Vec::as_slice)
    }
}

fn is_traffic(kind: RelationKind) -> bool {
    match kind {
        RelationKind::Calls
        | RelationKind::ReadsFrom
        | RelationKind::WritesTo
        | RelationKind::ProducesTo
        | RelationKind::ConsumesFrom => true,
        RelationKind::InstanceOf | RelationKind::PartOf | RelationKind::RunsOn => false,
    }
}

/// Fills in how much of each symptom others explain.
pub(super) fn explain(findings: &mut [Findings], dependencies: &Dependencies, window: &Window) {
    let slack = SLACK.max(window.step * 2);
    let explained: Vec<Vec<Explained>> = (0..)
        .map(EntityId)
        .zip(findings.iter())
        .map(|(id, own)| {
            let view = View {
                findings,
                dependencies,
                slack,
                id,
                own,
            };
            own.symptoms.iter().map(|s| view.explained(s)).collect()
        })
        .collect();
    let stated: Vec<f64> = (0..)
        .map(EntityId)
        .take(findings.len())
        .map(|id| stated_by_others(id, findings, dependencies, slack))
        .collect();
    for (findings, explained) in findings.iter_mut().zip(stated) {
        if let Some(stated) = &mut findings.stated {
            stated.explained = explained;
        }
    }
    for (findings, explained) in findings.iter_mut().zip(explained) {
        for (symptom, explained) in findings.symptoms.iter_mut().zip(explained) {
            symptom.explained = explained.share;
            symptom.explained_by = explained.by;
        }
    }
}

/// How much of what an alert says of an entity comes from those it uses: that its calls fail is
/// said of the caller.
fn stated_by_others(
    id: EntityId,
    findings: &[Findings],
    dependencies: &Dependencies,
    slack: Duration,
) -> f64 {
    let Some(stated) = &findings[id.0 as usize].stated else {
        return 0.0;
    };
    if stated.category != Category::Failure {
        return 0.0;
    }
    let trouble = dependencies.on(id).iter().map(|dependency| {
        let callee = &findings[dependency.on.0 as usize];
        let in_time = callee
            .onset()
            .is_some_and(|onset| onset <= stated.onset.plus(slack * 4));
        if !in_time {
            return 0.0;
        }
        let says = callee.stated.as_ref().map_or(0.0, |stated| stated.strength);
        let gone = if callee.silent_since.is_some() {
            1.0
        } else {
            0.0
        };
        let shows = callee
            .symptoms
            .iter()
            .filter(|symptom| !matches!(symptom.kind, KpiKind::RequestRate | KpiKind::Resource(_)))
            .map(Symptom::strength);
        shows.fold(says.max(gone), f64::max)
    });
    trouble.fold(0.0, f64::max) * STATED_BY_TROUBLE
}

/// How much is explained, and by whom most.
#[derive(Clone, Copy, Debug, Default)]
struct Explained {
    share: f64,
    by: Option<EntityId>,
}

impl Explained {
    fn or(self, share: f64, by: EntityId) -> Self {
        if self.share < share {
            Self {
                share: share.min(1.0),
                by: Some(by),
            }
        } else {
            self
        }
    }
}

/// One entity among the others.
struct View<'a> {
    findings: &'a [Findings],
    dependencies: &'a Dependencies,
    slack: Duration,
    id: EntityId,
    own: &'a Findings,
}

impl View<'_> {
    fn explained(&self, symptom: &Symptom) -> Explained {
        match &symptom.kind {
            KpiKind::LatencyAverage | KpiKind::LatencyQuantile(_) => self.latency(symptom),
            KpiKind::ErrorRatio => self.errors(symptom),
            KpiKind::RequestRate if symptom.shift.deviation < 0.0 => self.lost_traffic(symptom),
            KpiKind::RequestRate => self.surge(symptom),
            KpiKind::Saturation(_) | KpiKind::Resource(_) => self.used(symptom),
            KpiKind::ClientErrorRatio => self.of_those_it_uses(symptom, 0.5),
            KpiKind::Up => Explained::default(),
        }
    }

    /// Trouble that began long after its effect is no cause of it.
    fn in_time(&self, cause: Timestamp, effect: Timestamp) -> f64 {
        if cause <= effect.plus(self.slack) {
            1.0
        } else {
            0.4
        }
    }

    fn latency(&self, symptom: &Symptom) -> Explained {
        let mut delays = Vec::new();
        let mut explained = self.of_those_it_uses(symptom, LATENCY_BY_ERRORS);
        for dependency in self.dependencies.on(self.id) {
            let callee = &self.findings[dependency.on.0 as usize];
            if let Some(slower) = callee.symptom(&symptom.kind).or_else(|| callee.latency()) {
                let in_time = self.in_time(slower.shift.onset, symptom.shift.onset);
                let delay = dependency.share * slower.change().max(0.0) * in_time;
                delays.push((delay, dependency.on));
            }
            if let Some((share, onset)) = saturation(callee) {
                let in_time = self.in_time(onset, symptom.shift.onset);
                explained = explained.or(LATENCY_BY_SATURATION * share * in_time, dependency.on);
            }
        }
        self.summed(explained, &delays, symptom.change())
    }

    fn errors(&self, symptom: &Symptom) -> Explained {
        let mut failures = Vec::new();
        let mut explained = self.of_those_it_uses(symptom, 0.0);
        for dependency in self.dependencies.on(self.id) {
            let callee = &self.findings[dependency.on.0 as usize];
            if let Some(failing) = callee.symptom(&KpiKind::ErrorRatio) {
                let in_time = self.in_time(failing.shift.onset, symptom.shift.onset);
                let failed = dependency.share * failing.change().max(0.0) * in_time;
                failures.push((failed, dependency.on));
            }
            if let Some(slower) = callee.latency() {
                let in_time = self.in_time(slower.shift.onset, symptom.shift.onset);
                let share = ERRORS_BY_LATENCY * slower.strength() * in_time;
                explained = explained.or(share, dependency.on);
            }
            if let Some((share, onset)) = saturation(callee) {
                let in_time = self.in_time(onset, symptom.shift.onset);
                explained = explained.or(ERRORS_BY_SATURATION * share * in_time, dependency.on);
            }
        }
        self.summed(explained, &failures, symptom.change())
    }

    /// Those it depends on are down or gone, or fail.
    fn of_those_it_uses(&self, symptom: &Symptom, by_errors: f64) -> Explained {
        let mut explained = Explained::default();
        for dependency in self.dependencies.on(self.id) {
            let callee = &self.findings[dependency.on.0 as usize];
            let down = callee.symptom(&KpiKind::Up).map(|down| down.shift.onset);
            let stated = callee.stated.as_ref();
            let stated = stated.filter(|stated| stated.category == Category::Failure);
            let stated = stated.map(|stated| stated.onset);
            if let Some(onset) = down.or(callee.silent_since).or(stated) {
                let in_time = self.in_time(onset, symptom.shift.onset);
                explained = explained.or(0.95 * in_time, dependency.on);
            }
            if self.dependencies.all_suffer(dependency.on, self.findings) {
                explained = explained.or(TROUBLE_BY_UNMEASURED, dependency.on);
            }
            if let Some(failing) = callee.symptom(&KpiKind::ErrorRatio) {
                let in_time = self.in_time(failing.shift.onset, symptom.shift.onset);
                let share = by_errors * failing.strength() * in_time;
                explained = explained.or(share, dependency.on);
            }
        }
        explained
    }

    /// What several explain together. The root makes much of a small part: a caller that asks
    /// three times in turn is slower by more than its callee.
    fn summed(&self, other: Explained, parts: &[(f64, EntityId)], whole: f64) -> Explained {
        let sum: f64 = parts.iter().map(|(part, _)| part).sum();
        let most = parts.iter().max_by(|a, b| a.0.total_cmp(&b.0));
        match most {
            Some(&(part, by)) if 0.0 < part && 0.0 < whole => {
                other.or((sum / whole).min(1.0).sqrt(), by)
            }
            _ => other,
        }
    }

    fn lost_traffic(&self, symptom: &Symptom) -> Explained {
        let mut explained = Explained::default();
        for dependency in self.dependencies.dependents(self.id) {
            let caller = &self.findings[dependency.dependent.0 as usize];
            if let Some(less) = caller.symptom(&KpiKind::RequestRate)
                && less.shift.deviation < 0.0
            {
                let share = less.relative_change() / symptom.relative_change();
                let in_time = self.in_time(less.shift.onset, symptom.shift.onset);
                explained = explained.or(share.min(1.0) * in_time, dependency.dependent);
            }
            let trouble = caller.symptoms.iter().filter(|trouble| {
                !matches!(trouble.kind, KpiKind::RequestRate | KpiKind::Resource(_))
            });
            for trouble in trouble {
                let in_time = self.in_time(trouble.shift.onset, symptom.shift.onset);
                let share = LOST_TRAFFIC_BY_TROUBLE * trouble.strength() * in_time;
                explained = explained.or(share, dependency.dependent);
            }
            if caller.silent_since.is_some() {
                explained = explained.or(0.95, dependency.dependent);
            }
        }
        explained
    }

    fn surge(&self, symptom: &Symptom) -> Explained {
        let mut explained = Explained::default();
        let own_trouble = self.own.symptoms.iter().filter(|trouble| {
            matches!(trouble.kind, KpiKind::ErrorRatio | KpiKind::Up)
                && trouble.shift.onset <= symptom.shift.onset.plus(self.slack)
        });
        for trouble in own_trouble {
            explained = explained.or(SURGE_BY_OWN_TROUBLE * trouble.strength(), self.id);
        }
        for dependency in self.dependencies.dependents(self.id) {
            let caller = &self.findings[dependency.dependent.0 as usize];
            if let Some(more) = caller.symptom(&KpiKind::RequestRate)
                && more.shift.deviation > 0.0
            {
                let share = more.relative_change() / symptom.relative_change();
                let in_time = self.in_time(more.shift.onset, symptom.shift.onset);
                explained = explained.or(share.min(1.0) * in_time, dependency.dependent);
            }
        }
        explained
    }

    /// More work needs more of everything, and waiting holds what is waited with.
    fn used(&self, symptom: &Symptom) -> Explained {
        let mut explained = Explained::default();
        let relative = symptom.relative_change();
        if let Some(traffic) = self.own.symptom(&KpiKind::RequestRate)
            && traffic.relative_change().signum() == relative.signum()
        {
            let share = traffic.relative_change() / relative;
            explained = explained.or(share.min(1.0), self.id);
        }
        for dependency in self.dependencies.on(self.id) {
            let callee = &self.findings[dependency.on.0 as usize];
            if let Some(slower) = callee.latency() {
                let in_time = self.in_time(slower.shift.onset, symptom.shift.onset);
                let share = USE_BY_LATENCY * slower.strength() * in_time;
                explained = explained.or(share, dependency.on);
            }
        }
        explained
    }
}

/// The strongest saturation of an entity, and since when.
fn saturation(findings: &Findings) -> Option<(f64, Timestamp)> {
    findings
        .symptoms
        .iter()
        .filter(|symptom| matches!(symptom.kind, KpiKind::Saturation(_)))
        .map(|symptom| (symptom.strength(), symptom.shift.onset))
        .max_by(|a, b| a.0.total_cmp(&b.0))
}
