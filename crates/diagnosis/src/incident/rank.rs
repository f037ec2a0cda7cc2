//! Who is suspected, and why.
//!
//! A ranking shows its working: each suspect has its terms, the score is only their sum, and
//! nobody is suspected without evidence that can be drawn. The weights are judgement, measured by
//! the scenarios and by `cargo xtask bench incidents`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use model::Timestamp;

use super::explain::{Dependencies, explain};
use super::symptom::{Findings, Symptom, Window, findings, home, state};
use super::words;
use crate::assertion::{Assertion, Category};
use crate::graph::{EntityId, EntityKey, Graph};
use crate::kpi::{KpiKind, KpiSeries};

/// What each term can add at most. They sum up to one.
const OWN: f64 = 0.45;
const EXPLAINS: f64 = 0.25;
const EARLIEST: f64 = 0.15;
const CHANGE: f64 = 0.15;

/// Taken away from who had the same trouble long before.
const CHRONIC: f64 = 0.25;
const CHRONIC_AFTER: Duration = Duration::from_secs(30 * 60);

/// A change this long before the first trouble may be its cause.
const CHANGE_BEFORE: Duration = Duration::from_secs(30 * 60);

/// How far trouble is followed from where it shows.
const HOPS_MAX: u32 = 6;

/// What an unmeasured entity is suspected for at most: only others speak of it.
const UNMEASURED: f64 = 0.7;

/// How much trouble it is that all samples ended.
const SILENCE: f64 = 0.8;

const OWN_MIN: f64 = 0.02;

/// Suspects of an incident.
pub const SUSPECTS_MAX: usize = 10;

/// Evidence of one suspect.
const EVIDENCE_MAX: usize = 8;

#[derive(Clone, Debug, PartialEq)]
pub struct Suspect {
    pub entity: EntityKey,
    /// The sum of the terms, 0 to 1.
    pub score: f64,
    pub terms: Vec<Term>,
    /// Never empty, the strongest first.
    pub evidence: Vec<Evidence>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    pub name: &'static str,
    pub value: f64,
    pub sentence: String,
}

/// Something that can be looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    pub sentence: String,
    /// Whose number it is: the suspect, a part of it, or one of those that depend on it.
    pub entity: EntityKey,
    /// `None` for what an alert says.
    pub kpi: Option<KpiKind>,
    pub onset: Timestamp,
    pub value: Option<f64>,
    pub usual: Option<f64>,
}

/// All that is known when an incident is explained.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// Knows every entity of `kpis`.
    pub graph: &'a Graph,
    pub kpis: &'a [KpiSeries],
    /// Active within the window, changes among them.
    pub assertions: &'a [Assertion],
    pub window: Window,
    /// Whose assertions make the incident; empty for everybody who is affected.
    pub members: &'a BTreeSet<EntityKey>,
}

/// What the KPIs say, entity by entity, and who is suspected, the best first.
#[derive(Clone, Debug, Default)]
pub struct Explanation {
    pub suspects: Vec<Suspect>,
    /// By entity of the graph.
    pub findings: Vec<Findings>,
}

pub fn explain_scene(scene: &Scene<'_>) -> Explanation {
    let mut findings = findings(scene.graph, scene.kpis, &scene.window);
    state(&mut findings, scene.graph, scene.assertions);
    let dependencies = Dependencies::of(scene.graph, &findings);
    explain(&mut findings, &dependencies, &scene.window);
    let ranking = Ranking {
        scene,
        findings: &findings,
        dependencies: &dependencies,
        changes: changes(scene),
        chronic: chronic(scene),
    };
    let suspects = ranking.suspects();
    Explanation { suspects, findings }
}

/// The newest change of each entity before or at the start of the trouble.
fn changes(scene: &Scene<'_>) -> BTreeMap<EntityId, Assertion> {
    let mut changes: BTreeMap<EntityId, Assertion> = BTreeMap::new();
    for change in scene.assertions {
        if change.category != Category::Amend {
            continue;
        }
        if let Some(id) = scene.graph.id(&change.key.entity) {
            let known = changes
                .entry(home(scene.graph, id))
                .or_insert_with(|| change.clone());
            if known.onset < change.onset {
                *known = change.clone();
            }
        }
    }
    changes
}

/// Who had trouble long before, and since when.
fn chronic(scene: &Scene<'_>) -> BTreeMap<EntityId, Timestamp> {
    let long_ago = scene.window.normal_until.minus(CHRONIC_AFTER);
    let mut chronic = BTreeMap::new();
    for assertion in scene.assertions {
        if assertion.category != Category::Amend
            && assertion.onset < long_ago
            && let Some(id) = scene.graph.id(&assertion.key.entity)
        {
            let since = chronic
                .entry(home(scene.graph, id))
                .or_insert(assertion.onset);
            *since = assertion.onset.min(*since);
        }
    }
    chronic
}

struct Ranking<'a> {
    scene: &'a Scene<'a>,
    findings: &'a [Findings],
    dependencies: &'a Dependencies,
    changes: BTreeMap<EntityId, Assertion>,
    chronic: BTreeMap<EntityId, Timestamp>,
}

impl Ranking<'_> {
    fn suspects(&self) -> Vec<Suspect> {
        let candidates = self.candidates();
        let first = candidates
            .iter()
            .filter_map(|&id| self.findings[id.0 as usize].onset())
            .min();
        let mut suspects: Vec<Suspect> = candidates
            .iter()
            .filter_map(|&id| self.suspect(id, &candidates, first))
            .collect();
        suspects.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.entity.cmp(&b.entity)));
        suspects.truncate(SUSPECTS_MAX);
        suspects
    }

    /// Affected entities and those that they depend on.
    fn candidates(&self) -> BTreeSet<EntityId> {
        let affected = (0..)
            .map(EntityId)
            .zip(self.findings)
            .filter(|(_, found)| found.is_affected());
        if self.scene.members.is_empty() {
            let mut candidates: BTreeSet<EntityId> = affected.map(|(id, _)| id).collect();
            self.add_unmeasured(&mut candidates);
            return candidates;
        }
        let mut candidates = BTreeSet::new();
        let mut queue: VecDeque<(EntityId, u32)> = VecDeque::new();
        for member in self.scene.members {
            if let Some(id) = self.scene.graph.id(member) {
                queue.push_back((home(self.scene.graph, id), 0));
            }
        }
        while let Some((id, hops)) = queue.pop_front() {
            let known = &self.findings[id.0 as usize];
            if !candidates.insert(id) || hops == HOPS_MAX {
                continue;
            }
            // What is known to be well passes no trouble on.
            if known.is_measured && !known.is_affected() && 0 < hops {
                candidates.remove(&id);
                continue;
            }
            for dependency in self.dependencies.on(id) {
                queue.push_back((dependency.on, hops + 1));
            }
        }
        self.add_unmeasured(&mut candidates);
        candidates
    }

    fn add_unmeasured(&self, candidates: &mut BTreeSet<EntityId>) {
        for id in candidates.clone() {
            for dependency in self.dependencies.on(id) {
                if !self.findings[dependency.on.0 as usize].is_measured {
                    candidates.insert(dependency.on);
                }
            }
        }
    }

    fn suspect(
        &self,
        id: EntityId,
        candidates: &BTreeSet<EntityId>,
        first: Option<Timestamp>,
    ) -> Option<Suspect> {
        let findings = &self.findings[id.0 as usize];
        let entity = &self.scene.graph.entity(id).key;
        let (own, own_sentence) = if findings.is_measured || findings.stated.is_some() {
            self.own(findings)
        } else {
            self.unmeasured(id)
        };
        let evidence = self.evidence(id);
        if own <= 0.0 || evidence.is_empty() {
            return None;
        }
        let mut terms = vec![Term {
            name: "own",
            value: OWN * own,
            sentence: own_sentence,
        }];
        let (explains, explained) = self.explains(id, candidates);
        if 0.0 < explains {
            terms.push(Term {
                name: "explains",
                value: EXPLAINS * explains * own.sqrt(),
                sentence: format!("Explains the trouble of {}", words::list(&explained, 3)),
            });
        }
        terms.extend(self.earliest(id, own, first));
        terms.extend(self.change(id, own));
        if let Some(since) = self.chronic.get(&id) {
            let before = self.scene.window.normal_until.since(*since);
            terms.push(Term {
                name: "chronic",
                value: -CHRONIC,
                sentence: format!("Was like this {} before", words::span(before)),
            });
        }
        Some(Suspect {
            entity: entity.clone(),
            score: terms.iter().map(|term| term.value).sum(),
            terms,
            evidence,
        })
    }

    /// The trouble that nobody else explains, 0 to 1.
    fn own(&self, findings: &Findings) -> (f64, String) {
        let well = well(findings, None);
        let strongest = findings
            .symptoms
            .iter()
            .max_by(|a, b| a.own_strength().total_cmp(&b.own_strength()));
        let sentence = match (strongest, &findings.stated) {
            (_, Some(stated)) => stated.sentence.clone(),
            (Some(symptom), None) => {
                let compared = said(symptom);
                match symptom.explained_by.filter(|_| 0.3 < symptom.explained) {
                    Some(by) => format!(
                        "{compared}; {} of it comes from {}",
                        words::number(crate::pack::Unit::Ratio, symptom.explained),
                        self.scene.graph.entity(by).key.name
                    ),
                    None => format!("{compared}, and nothing it depends on explains that"),
                }
            }
            (None, None) => "Its samples ended".to_owned(),
        };
        // Who is affected stays in the list, however well that is explained.
        let least = if findings.is_affected() { OWN_MIN } else { 0.0 };
        ((1.0 - well).max(least), sentence)
    }

    /// An entity without numbers of its own is suspected when those that depend on it have
    /// trouble that nothing else explains.
    fn unmeasured(&self, id: EntityId) -> (f64, String) {
        let dependents = self.dependencies.dependents(id);
        let of: Vec<&Findings> = dependents
            .iter()
            .map(|dependency| &self.findings[dependency.dependent.0 as usize])
            .filter(|findings| findings.is_measured)
            .collect();
        if of.is_empty() {
            return (0.0, String::new());
        }
        let unexplained: f64 = of
            .iter()
            .map(|findings| 1.0 - well(findings, Some(id)))
            .sum();
        // A handful at most, so the cast keeps them.
        #[allow(clippy::cast_precision_loss)]
        let mean = unexplained / of.len() as f64;
        let alone = if of.len() == 1 { 0.6 } else { 1.0 };
        (
            UNMEASURED * alone * mean,
            format!(
                "Has no numbers of its own; {} of those that use it have trouble",
                of.len()
            ),
        )
    }

    /// How much of the others' trouble can come from here: those that depend on it, over entities
    /// that have trouble themselves or are not measured.
    fn explains(&self, id: EntityId, candidates: &BTreeSet<EntityId>) -> (f64, Vec<String>) {
        let total_of = |id: EntityId| {
            let findings = &self.findings[id.0 as usize];
            let well: f64 = findings
                .symptoms
                .iter()
                .map(|s| 1.0 - s.strength())
                .product();
            1.0 - well
        };
        let all: f64 = candidates
            .iter()
            .filter(|&&other| other != id)
            .map(|&other| total_of(other))
            .sum();
        if all <= 0.0 {
            return (0.0, Vec::new());
        }
        let surge = self.findings[id.0 as usize]
            .symptom(&KpiKind::RequestRate)
            .is_some_and(|symptom| symptom.explained < 0.5);
        let mut seen = BTreeMap::from([(id, 0_u32)]);
        let mut queue = VecDeque::from([(id, 0)]);
        while let Some((at, hops)) = queue.pop_front() {
            if hops == HOPS_MAX {
                continue;
            }
            let up = self.dependencies.dependents(at).iter().map(|d| d.dependent);
            // Traffic comes from above: who sends more or less of it troubles those below.
            let down = self
                .dependencies
                .on(at)
                .iter()
                .map(|d| d.on)
                .filter(|_| surge);
            for next in up.chain(down) {
                let findings = &self.findings[next.0 as usize];
                let passes = findings.is_affected() || !findings.is_measured;
                if passes && !seen.contains_key(&next) {
                    seen.insert(next, hops + 1);
                    queue.push_back((next, hops + 1));
                }
            }
        }
        let mut sum = 0.0;
        let mut named = Vec::new();
        for (&other, &hops) in seen.iter().filter(|&(&other, _)| other != id) {
            let total = if candidates.contains(&other) {
                total_of(other)
            } else {
                0.0
            };
            if 0.0 < total {
                sum += total * 0.9_f64.powi(i32::try_from(hops).unwrap_or(0) - 1);
                named.push((hops, self.scene.graph.entity(other).key.name.to_string()));
            }
        }
        named.sort();
        let named = named.into_iter().map(|(_, name)| name).collect();
        ((sum / all).min(1.0), named)
    }

    fn earliest(&self, id: EntityId, own: f64, first: Option<Timestamp>) -> Option<Term> {
        let onset = self.findings[id.0 as usize].onset()?;
        let later = onset.since(first?);
        // Two steps apart is hardly told apart, a minute at 15 s, ten minutes at five.
        let patience = (self.scene.window.step * 4).max(Duration::from_secs(30));
        let value = (-later.as_secs_f64() / patience.as_secs_f64()).exp();
        (0.01 < value).then(|| Term {
            name: "earliest",
            value: EARLIEST * value * own.sqrt(),
            sentence: if later.is_zero() {
                "Nobody had trouble before".to_owned()
            } else {
                format!("Had trouble {} after the first", words::span(later))
            },
        })
    }

    fn change(&self, id: EntityId, own: f64) -> Option<Term> {
        let change = self.changes.get(&id)?;
        let onset = self.findings[id.0 as usize].onset()?;
        let slack = self.scene.window.step * 2;
        if onset.plus(slack) < change.onset || CHANGE_BEFORE < onset.since(change.onset) {
            return None;
        }
        let before = onset.since(change.onset);
        let near = 1.0 - 0.5 * before.as_secs_f64() / CHANGE_BEFORE.as_secs_f64();
        Some(Term {
            name: "change",
            value: CHANGE * near * own.sqrt(),
            sentence: format!("{}, {} before", change.sentence, words::span(before)),
        })
    }

    fn evidence(&self, id: EntityId) -> Vec<Evidence> {
        let findings = &self.findings[id.0 as usize];
        let mut evidence = Vec::new();
        let key = &self.scene.graph.entity(id).key;
        if let Some(stated) = &findings.stated {
            evidence.push(Evidence {
                sentence: stated.sentence.clone(),
                entity: key.clone(),
                kpi: None,
                onset: stated.onset,
                value: None,
                usual: None,
            });
        }
        if let Some(since) = findings.silent_since {
            evidence.push(Evidence {
                sentence: format!("No samples of {} any more", key.name),
                entity: key.clone(),
                kpi: None,
                onset: since,
                value: None,
                usual: None,
            });
        }
        let mut symptoms: Vec<&Symptom> = findings.symptoms.iter().collect();
        if !findings.is_measured {
            for dependency in self.dependencies.dependents(id) {
                symptoms.extend(&self.findings[dependency.dependent.0 as usize].symptoms);
            }
        }
        symptoms.sort_by(|a, b| b.own_strength().total_cmp(&a.own_strength()));
        evidence.extend(symptoms.into_iter().map(|symptom| Evidence {
            sentence: if symptom.key == *key {
                said(symptom)
            } else {
                format!("{}: {}", symptom.key.name, said(symptom))
            },
            entity: symptom.key.clone(),
            kpi: Some(symptom.kind.clone()),
            onset: symptom.shift.onset,
            value: Some(symptom.shift.value),
            usual: Some(symptom.shift.usual),
        }));
        evidence.truncate(EVIDENCE_MAX);
        evidence
    }
}

/// What is left of an entity's health when the trouble that nobody explains is taken away, 0 to 1.
/// What `except` explains counts as not explained.
fn well(findings: &Findings, except: Option<EntityId>) -> f64 {
    let mut well = 1.0;
    for symptom in &findings.symptoms {
        let is_own = except.is_some() && symptom.explained_by == except;
        well *= 1.0
            - if is_own {
                symptom.strength()
            } else {
                symptom.own_strength()
            };
    }
    if let Some(stated) = &findings.stated {
        well *= 1.0 - stated.strength * (1.0 - stated.explained);
    }
    if findings.silent_since.is_some() {
        well *= 1.0 - SILENCE;
    }
    well
}

fn said(symptom: &Symptom) -> String {
    words::compared(&symptom.kind, symptom.shift.value, symptom.shift.usual)
}
