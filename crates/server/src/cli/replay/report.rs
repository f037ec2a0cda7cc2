//! What a replay found, for people and as JSON.

use diagnosis::graph::EntityKey;
use diagnosis::incident::{Evidence, Suspect, words};
use diagnosis::replay::{Moment, MomentKind, Replayed};
use serde::Serialize;

use crate::api::{LabelsJson, format_rfc3339};
use crate::cli::style::{Style, clean, counted, print};

/// Suspects and moments that are shown to people; JSON has all.
const SUSPECTS_SHOWN: usize = 3;

/// `pyrometer replay --json` (docs/replay.md). Renaming a field here breaks whoever reads it.
#[derive(Serialize)]
struct ReplayJson<'a> {
    incidents: Vec<IncidentJson<'a>>,
}

#[derive(Serialize)]
struct IncidentJson<'a> {
    id: &'a str,
    title: &'a str,
    severity: &'static str,
    /// When the first numbers turned.
    start: String,
    /// When there was enough to say so.
    opened: String,
    /// `null` while it lasts at the end of the recording.
    end: Option<String>,
    members: Vec<EntityJson<'a>>,
    suspects: Vec<SuspectJson<'a>>,
    timeline: Vec<MomentJson<'a>>,
}

#[derive(Serialize)]
struct EntityJson<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<LabelsJson<'a>>,
}

#[derive(Serialize)]
struct SuspectJson<'a> {
    entity: EntityJson<'a>,
    score: f64,
    terms: Vec<TermJson<'a>>,
    evidence: Vec<EvidenceJson<'a>>,
}

#[derive(Serialize)]
struct TermJson<'a> {
    name: &'a str,
    value: f64,
    sentence: &'a str,
}

#[derive(Serialize)]
struct EvidenceJson<'a> {
    sentence: &'a str,
    entity: EntityJson<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kpi: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'static str>,
    onset: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usual: Option<f64>,
}

#[derive(Serialize)]
struct MomentJson<'a> {
    time: String,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    entity: Option<EntityJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<&'static str>,
    text: &'a str,
}

pub(super) fn print_all(found: &[Replayed], json: bool) {
    if json {
        let incidents = found.iter().map(incident_json).collect();
        // Numbers are finite and keys are words.
        let text = serde_json::to_string_pretty(&ReplayJson { incidents }).unwrap_or_default();
        print(&format!("{text}\n"));
    } else {
        print(&text(found, Style::of_stdout()));
    }
}

fn text(found: &[Replayed], style: Style) -> String {
    let mut text = format!("{}\n", counted(found.len(), "incident"));
    for replayed in found {
        let incident = &replayed.incident;
        let lasted = incident.end.map_or_else(
            || "lasts".to_owned(),
            |end| words::span(end.since(incident.start)),
        );
        text += &format!(
            "\n{} {}\n  {} since {}, {lasted}; {}\n",
            style.bad("■"),
            clean(&replayed.title),
            incident.severity().name(),
            format_rfc3339(incident.start),
            style.dim(&incident.id),
        );
        let suspects = replayed.explanation.suspects.iter().enumerate();
        for (idx, suspect) in suspects.take(SUSPECTS_SHOWN) {
            text += &format!(
                "  {}. {} {}\n",
                idx + 1,
                clean(&suspect.entity.to_string()),
                style.dim(&format!("{:.2}", suspect.score)),
            );
            for term in &suspect.terms {
                text += &format!("       {:+.2} {}\n", term.value, clean(&term.sentence));
            }
        }
    }
    text
}

fn incident_json(replayed: &Replayed) -> IncidentJson<'_> {
    let incident = &replayed.incident;
    let mut members: Vec<&EntityKey> = incident.members.keys().map(|key| &key.entity).collect();
    members.dedup();
    IncidentJson {
        id: &incident.id,
        title: &replayed.title,
        severity: incident.severity().name(),
        start: format_rfc3339(incident.start),
        opened: format_rfc3339(incident.opened),
        end: incident.end.map(format_rfc3339),
        members: members.into_iter().map(entity_json).collect(),
        suspects: replayed
            .explanation
            .suspects
            .iter()
            .map(suspect_json)
            .collect(),
        timeline: replayed.timeline.iter().map(moment_json).collect(),
    }
}

fn entity_json(key: &EntityKey) -> EntityJson<'_> {
    EntityJson {
        kind: key.kind.name(),
        name: &key.name,
        scope: (!key.scope.is_empty()).then_some(LabelsJson(&key.scope)),
    }
}

fn suspect_json(suspect: &Suspect) -> SuspectJson<'_> {
    SuspectJson {
        entity: entity_json(&suspect.entity),
        score: suspect.score,
        terms: suspect
            .terms
            .iter()
            .map(|term| TermJson {
                name: term.name,
                value: term.value,
                sentence: &term.sentence,
            })
            .collect(),
        evidence: suspect.evidence.iter().map(evidence_json).collect(),
    }
}

fn evidence_json(evidence: &Evidence) -> EvidenceJson<'_> {
    EvidenceJson {
        sentence: &evidence.sentence,
        entity: entity_json(&evidence.entity),
        kpi: evidence.kpi.as_ref().map(|kind| kind.name()),
        unit: evidence.kpi.as_ref().map(|kind| kind.unit().name()),
        onset: format_rfc3339(evidence.onset),
        value: evidence.value,
        usual: evidence.usual,
    }
}

fn moment_json(moment: &Moment) -> MomentJson<'_> {
    let (kind, assertion) = match &moment.kind {
        MomentKind::Assertion(assertion) => ("assertion", Some(assertion)),
        MomentKind::End(assertion) => ("end", Some(assertion)),
        MomentKind::State => ("state", None),
    };
    MomentJson {
        time: format_rfc3339(moment.at),
        kind,
        entity: assertion.map(|assertion| entity_json(&assertion.key.entity)),
        category: assertion.map(|assertion| assertion.category.name()),
        severity: assertion.map(|assertion| assertion.severity.name()),
        text: &moment.text,
    }
}
