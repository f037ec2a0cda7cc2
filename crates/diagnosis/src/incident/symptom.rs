//! What is out of its usual range, entity by entity.

use std::collections::BTreeMap;
use std::time::Duration;

use model::Timestamp;

use super::shift::{Shift, Usual, shifts};
use crate::assertion::{Assertion, Category, Severity};
use crate::graph::{EntityId, EntityKey, Graph, RelationKind};
use crate::kpi::{KpiKind, KpiSeries};

/// Of the steps of its past, how many a series must have had a sample at for its silence to mean
/// something: one that often has none is idle, not gone.
const STEADY_MIN: f64 = 0.9;

/// Steps without a sample after which a steady series is silent.
const SILENT_STEPS: u32 = 3;

/// A deviation this far from the usual is as strong as any, by [`strength`].
const DEVIATION_FULL: f64 = 100.0;
const DEVIATION_HALF: f64 = 4.0;

/// The time that is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// What was before is the usual.
    pub normal_until: Timestamp,
    /// The newest time that is known.
    pub to: Timestamp,
    /// Between two samples.
    pub step: Duration,
}

/// One KPI out of its usual range.
#[derive(Clone, Debug, PartialEq)]
pub struct Symptom {
    pub kind: KpiKind,
    /// Whose KPI it is: the entity itself, or a route or an instance of it.
    pub key: EntityKey,
    pub shift: Shift,
    /// How much of it others explain, 0 to 1.
    pub explained: f64,
    pub explained_by: Option<EntityId>,
}

/// What is known of one entity within the window.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Findings {
    pub symptoms: Vec<Symptom>,
    /// When its samples ended, if all did that came steadily before.
    pub silent_since: Option<Timestamp>,
    /// Whether any KPI of it is known at all.
    pub is_measured: bool,
    /// Requests per second: usual, and within the window.
    pub rate: Option<(f64, f64)>,
    /// What an alert says outright: it is down, it is full.
    pub stated: Option<Stated>,
}

/// Trouble that is told by a rule of its technology and not by a KPI.
#[derive(Clone, Debug, PartialEq)]
pub struct Stated {
    /// 0 to 1.
    pub strength: f64,
    pub onset: Timestamp,
    pub sentence: String,
    pub category: Category,
    /// How much of it others explain, 0 to 1.
    pub explained: f64,
}

impl Findings {
    pub fn symptom(&self, kind: &KpiKind) -> Option<&Symptom> {
        self.symptoms.iter().find(|symptom| symptom.kind == *kind)
    }

    pub fn latency(&self) -> Option<&Symptom> {
        let mut rising = self.symptoms.iter().filter(|symptom| {
            matches!(
                symptom.kind,
                KpiKind::LatencyAverage | KpiKind::LatencyQuantile(_)
            ) && symptom.shift.deviation > 0.0
        });
        // Sorted by kind: the average first, then the lowest quantile.
        rising.next()
    }

    pub fn onset(&self) -> Option<Timestamp> {
        let shifts = self.symptoms.iter().map(|symptom| symptom.shift.onset);
        let stated = self.stated.as_ref().map(|stated| stated.onset);
        shifts.chain(self.silent_since).chain(stated).min()
    }

    /// Whether anything is out of range in the direction that hurts.
    pub fn is_affected(&self) -> bool {
        self.silent_since.is_some() || self.stated.is_some() || !self.symptoms.is_empty()
    }
}

impl Symptom {
    /// How strong it is for itself, 0 to 1.
    pub fn strength(&self) -> f64 {
        weight(&self.kind, self.shift.deviation) * strength(self.shift.deviation)
    }

    /// How much of it nobody explains, 0 to 1.
    pub fn own_strength(&self) -> f64 {
        self.strength() * (1.0 - self.explained)
    }

    /// By how much the value changed, in the unit of the KPI.
    pub fn change(&self) -> f64 {
        self.shift.value - self.shift.usual
    }

    /// By how much the value changed, as a share of the usual.
    pub fn relative_change(&self) -> f64 {
        self.change() / self.shift.usual.abs().max(1e-9)
    }
}

/// A deviation on a scale from 0 to 1, by its logarithm: ten scales are not twice as bad as five.
pub(super) fn strength(deviation: f64) -> f64 {
    let of = |deviation: f64| (deviation / DEVIATION_HALF).ln_1p();
    (of(deviation.abs()) / of(DEVIATION_FULL)).min(1.0)
}

/// How much a KPI out of range says of its entity's health.
fn weight(kind: &KpiKind, deviation: f64) -> f64 {
    match kind {
        KpiKind::Up => 1.0,
        KpiKind::ErrorRatio => 0.95,
        KpiKind::LatencyAverage | KpiKind::LatencyQuantile(_) => 0.9,
        KpiKind::Saturation(_) => 0.8,
        KpiKind::RequestRate if deviation < 0.0 => 0.45,
        KpiKind::RequestRate => 0.5,
        KpiKind::Resource(_) => 0.4,
        KpiKind::ClientErrorRatio => 0.3,
    }
}

/// Whether a shift in this direction is trouble, or its sign.
fn hurts(kind: &KpiKind, deviation: f64) -> bool {
    match kind {
        KpiKind::ErrorRatio
        | KpiKind::ClientErrorRatio
        | KpiKind::LatencyAverage
        | KpiKind::LatencyQuantile(_)
        | KpiKind::Saturation(_) => deviation > 0.0,
        KpiKind::Up => deviation < 0.0,
        KpiKind::RequestRate | KpiKind::Resource(_) => true,
    }
}

/// What to call an entity's trouble by: a route's and an instance's is its service's.
pub(super) fn home(graph: &Graph, id: EntityId) -> EntityId {
    let kind = graph.entity(id).key.kind.name();
    if kind != "route" && kind != "instance" {
        return id;
    }
    let up = graph.touching(id).find(|relation| {
        relation.from == id
            && matches!(
                relation.kind,
                RelationKind::PartOf | RelationKind::InstanceOf
            )
    });
    up.map_or(id, |relation| relation.to)
}

/// The findings of each entity of the graph, by its id. Series of entities that the graph does
/// not know are left out; the caller adds them to the graph first.
pub(super) fn findings(graph: &Graph, kpis: &[KpiSeries], window: &Window) -> Vec<Findings> {
    let mut found = vec![Findings::default(); graph.len()];
    let mut silences: BTreeMap<EntityId, Vec<Option<Timestamp>>> = BTreeMap::new();
    let rates = usual_rates(graph, kpis, window);
    for series in kpis {
        let Some(id) = graph.id(&series.key.entity) else {
            continue;
        };
        let owner = home(graph, id);
        let findings = &mut found[owner.0 as usize];
        findings.is_measured = true;
        silences
            .entry(owner)
            .or_default()
            .push(silent_since(&series.samples, window));
        let events = rates
            .get(&series.key.entity)
            .map(|(usual, _)| usual * window.step.as_secs_f64());
        let kind = &series.key.kind;
        let Some(usual) = Usual::of(kind, &series.samples, window.normal_until, events) else {
            continue;
        };
        let until = series.samples.partition_point(|&(at, _)| at <= window.to);
        let seen = &series.samples[..until];
        let worst = shifts(seen, &usual, window.normal_until, window.step)
            .into_iter()
            .filter(|shift| hurts(kind, shift.deviation))
            .max_by(|a, b| a.deviation.abs().total_cmp(&b.deviation.abs()));
        if let Some(shift) = worst {
            put(
                findings,
                Symptom {
                    kind: kind.clone(),
                    key: series.key.entity.clone(),
                    shift,
                    explained: 0.0,
                    explained_by: None,
                },
                id == owner,
            );
        }
    }
    for (key, rate) in &rates {
        if let Some(id) = graph.id(key) {
            found[id.0 as usize].rate = Some(*rate);
        }
    }
    for (id, silences) in silences {
        // It is gone when everything that came steadily ended.
        let ended: Option<Vec<Timestamp>> = silences.into_iter().collect();
        found[id.0 as usize].silent_since = ended.and_then(|ended| ended.into_iter().min());
    }
    for findings in &mut found {
        findings.symptoms.sort_by(|a, b| a.kind.cmp(&b.kind));
    }
    found
}

/// Adds what alerts say of entities: failures and full resources are trouble of their own. Errors
/// and anomalies are left out, they are judged by the KPIs behind them.
pub(super) fn state(findings: &mut [Findings], graph: &Graph, assertions: &[Assertion]) {
    for assertion in assertions {
        let by_severity = match assertion.severity {
            Severity::Info => continue,
            Severity::Warning => 0.5,
            Severity::Critical => 0.9,
        };
        let strength = match assertion.category {
            Category::Failure => by_severity,
            Category::Saturation => 0.8 * by_severity,
            Category::Amend | Category::Anomaly | Category::Error => continue,
        };
        if assertion.key.kpi.is_some() {
            continue;
        }
        let Some(id) = graph.id(&assertion.key.entity) else {
            continue;
        };
        let stated = &mut findings[home(graph, id).0 as usize].stated;
        if stated
            .as_ref()
            .is_none_or(|known| known.strength < strength)
        {
            *stated = Some(Stated {
                strength,
                onset: assertion.onset,
                sentence: assertion.sentence.clone(),
                category: assertion.category,
                explained: 0.0,
            });
        }
    }
}

/// Keeps one symptom of each kind: the entity's own before that of a part of it, then the
/// strongest.
fn put(findings: &mut Findings, symptom: Symptom, is_own: bool) {
    let known = findings
        .symptoms
        .iter_mut()
        .find(|known| known.kind == symptom.kind);
    match known {
        None => findings.symptoms.push(symptom),
        Some(known) if is_own || known.strength() < symptom.strength() => *known = symptom,
        Some(_) => {}
    }
}

/// Requests per second of each entity: the usual, and the median within the window.
fn usual_rates(
    graph: &Graph,
    kpis: &[KpiSeries],
    window: &Window,
) -> BTreeMap<EntityKey, (f64, f64)> {
    let mut rates = BTreeMap::new();
    for series in kpis {
        if series.key.kind != KpiKind::RequestRate || graph.id(&series.key.entity).is_none() {
            continue;
        }
        let kind = &series.key.kind;
        let Some(usual) = Usual::of(kind, &series.samples, window.normal_until, None) else {
            continue;
        };
        let first = series
            .samples
            .partition_point(|&(at, _)| at < window.normal_until);
        let mut during: Vec<f64> = series.samples[first..]
            .iter()
            .filter(|&&(at, _)| at <= window.to)
            .map(|&(_, value)| value)
            .collect();
        during.sort_by(f64::total_cmp);
        let now = super::shift::quantile(&during, 0.5);
        let now = if now.is_nan() { 0.0 } else { now };
        rates.insert(series.key.entity.clone(), (usual.median, now));
    }
    rates
}

/// When a series that had a sample at nearly every step ceased to have any for a while.
fn silent_since(samples: &[(Timestamp, f64)], window: &Window) -> Option<Timestamp> {
    let past = samples.partition_point(|&(at, _)| at < window.normal_until);
    let (first, _) = samples.first()?;
    let steps = window.normal_until.since(*first).as_secs_f64() / window.step.as_secs_f64();
    // Counts far below 2⁵², so the cast keeps them.
    #[allow(clippy::cast_precision_loss)]
    let is_steady = past as f64 >= STEADY_MIN * steps && past >= 5;
    let patience = window.step * SILENT_STEPS;
    let times = samples[past.checked_sub(1)?..]
        .iter()
        .map(|&(at, _)| at)
        .take_while(|&at| at <= window.to)
        .chain([window.to]);
    let mut last: Option<Timestamp> = None;
    for at in times {
        if let Some(last) = last.filter(|&last| patience < at.since(last)) {
            return is_steady.then(|| last.plus(window.step));
        }
        last = Some(at);
    }
    None
}
