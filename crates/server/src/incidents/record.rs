//! What is said of an incident, as it is kept and as the API gives it.

use std::collections::BTreeMap;

use diagnosis::assertion::{Assertion, AssertionKey, Category, Compared, Severity};
use diagnosis::graph::{EntityKey, EntityKind};
use diagnosis::incident::{Evidence, Explanation, Impact, Incident, Suspect};
use diagnosis::kpi::{KpiKey, KpiKind};
use model::{Labels, Timestamp};
use serde::{Deserialize, Serialize};

use super::query_of;
use crate::api::format_rfc3339;

/// Events of one incident: comments and what became of it.
const EVENTS_MAX: usize = 500;

/// Everything about an incident that its members do not say.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Record {
    pub(crate) title: String,
    pub(crate) acknowledged_by: Option<String>,
    pub(crate) suspects: Vec<SuspectJson>,
    pub(crate) impact: ImpactJson,
    pub(crate) events: Vec<EventJson>,
    /// Milliseconds; when it was explained last.
    pub(crate) explained_at: Option<i64>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct ImpactJson {
    pub(crate) services: usize,
    pub(crate) routes: usize,
    pub(crate) requests: Option<f64>,
    pub(crate) ratio: Option<f64>,
}

#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub(crate) struct EntityJson {
    pub(crate) r#type: String,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) scope: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct SuspectJson {
    pub(crate) entity: EntityJson,
    pub(crate) score: f64,
    pub(crate) terms: Vec<TermJson>,
    pub(crate) evidence: Vec<EvidenceJson>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct TermJson {
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) sentence: String,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct EvidenceJson {
    pub(crate) sentence: String,
    pub(crate) entity: EntityJson,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) query: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) kpi: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) unit: Option<String>,
    pub(crate) onset: String,
    pub(crate) value: Option<f64>,
    pub(crate) usual: Option<f64>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct EventJson {
    /// Milliseconds.
    pub(crate) at: i64,
    /// `state`, `comment`, `notification`.
    pub(crate) kind: String,
    pub(crate) text: String,
}

/// A member as it is kept.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct MemberJson {
    entity: EntityJson,
    name: String,
    kpi: Option<String>,
    category: String,
    severity: String,
    since: i64,
    onset: i64,
    end: Option<i64>,
    value: Option<f64>,
    usual: Option<f64>,
    deviation: f64,
    sentence: String,
}

impl Record {
    pub(super) fn explain(
        &mut self,
        title: String,
        explanation: &Explanation,
        impact: &Impact,
        now: Timestamp,
    ) {
        self.title = title;
        self.suspects = explanation.suspects.iter().map(suspect_json).collect();
        self.impact = ImpactJson {
            services: impact.services.len(),
            routes: impact.routes.len(),
            requests: impact.requests,
            ratio: impact.ratio,
        };
        self.explained_at = Some(now.as_millis());
    }

    pub(super) fn note(&mut self, now: Timestamp, kind: &str, text: &str) {
        if EVENTS_MAX <= self.events.len() {
            self.events.remove(0);
        }
        self.events.push(EventJson {
            at: now.as_millis(),
            kind: kind.to_owned(),
            text: text.to_owned(),
        });
    }

    pub(super) fn absorb(&mut self, gone: Self) {
        self.events.extend(gone.events);
        self.events.sort_by_key(|event| event.at);
        let acknowledged = self.acknowledged_by.take();
        self.acknowledged_by = acknowledged.or(gone.acknowledged_by);
    }

    pub(super) fn seen(&self) -> Option<Timestamp> {
        self.explained_at.map(Timestamp::from_millis)
    }

    /// For a message: who is suspected and why, and whom it hits.
    pub(super) fn words(&self) -> String {
        let mut words = String::new();
        for (idx, suspect) in self.suspects.iter().take(3).enumerate() {
            let why = suspect.terms.first().map_or("", |term| &term.sentence);
            words += &format!("{}. {}: {why}\n", idx + 1, suspect.entity.name);
        }
        words += &format!("Hits {} services", self.impact.services);
        if let Some(ratio) = self.impact.ratio.filter(|ratio| 0.0 < *ratio) {
            words += &format!(", {:.1} % of requests", ratio * 100.0);
        }
        words
    }
}

pub(crate) fn entity_json(key: &EntityKey) -> EntityJson {
    EntityJson {
        r#type: key.kind.name().to_owned(),
        name: key.name.to_string(),
        scope: key
            .scope
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
    }
}

impl EntityJson {
    pub(crate) fn key(&self) -> Option<EntityKey> {
        Some(EntityKey {
            kind: EntityKind::new(&self.r#type),
            name: self.name.as_str().into(),
            scope: Labels::new(&self.scope).ok()?,
        })
    }
}

fn suspect_json(suspect: &Suspect) -> SuspectJson {
    SuspectJson {
        entity: entity_json(&suspect.entity),
        score: suspect.score,
        terms: suspect
            .terms
            .iter()
            .map(|term| TermJson {
                name: term.name.to_owned(),
                value: term.value,
                sentence: term.sentence.clone(),
            })
            .collect(),
        evidence: suspect.evidence.iter().map(evidence_json).collect(),
    }
}

fn evidence_json(evidence: &Evidence) -> EvidenceJson {
    let kpi = evidence.kpi.as_ref();
    EvidenceJson {
        sentence: evidence.sentence.clone(),
        entity: entity_json(&evidence.entity),
        query: kpi.map(|kind| {
            query_of(&KpiKey {
                entity: evidence.entity.clone(),
                kind: kind.clone(),
            })
        }),
        kpi: kpi.map(KpiKind::name),
        unit: kpi.map(|kind| kind.unit().name().to_owned()),
        onset: format_rfc3339(evidence.onset),
        value: evidence.value,
        usual: evidence.usual,
    }
}

pub(super) fn members_json(incident: &Incident) -> Vec<MemberJson> {
    let members = incident.members.values();
    members
        .map(|member| MemberJson {
            entity: entity_json(&member.key.entity),
            name: member.key.name.clone(),
            kpi: member.key.kpi.as_ref().map(KpiKind::name),
            category: member.category.name().to_owned(),
            severity: member.severity.name().to_owned(),
            since: member.since.as_millis(),
            onset: member.onset.as_millis(),
            end: member.end.map(Timestamp::as_millis),
            value: member.compared.map(|compared| compared.value),
            usual: member.compared.and_then(|compared| compared.usual),
            deviation: member.compared.map_or(0.0, |compared| compared.deviation),
            sentence: member.sentence.clone(),
        })
        .collect()
}

impl MemberJson {
    pub(super) fn assertion(self) -> Option<Assertion> {
        let category = Category::ALL
            .into_iter()
            .find(|category| category.name() == self.category)?;
        let severity = Severity::ALL
            .into_iter()
            .find(|severity| severity.name() == self.severity)?;
        Some(Assertion {
            key: AssertionKey {
                entity: self.entity.key()?,
                name: self.name,
                kpi: self.kpi.as_deref().and_then(KpiKind::parse),
            },
            category,
            severity,
            since: Timestamp::from_millis(self.since),
            onset: Timestamp::from_millis(self.onset),
            end: self.end.map(Timestamp::from_millis),
            compared: self.value.map(|value| Compared {
                value,
                usual: self.usual,
                limit: None,
                deviation: self.deviation,
            }),
            sentence: self.sentence,
        })
    }
}
