//! `incidents`: what is wrong, whom it hits, who is suspected (docs/api.md, "Incidents").

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse as _;
use axum::routing::{get, post};
use diagnosis::graph::{EntityId, Part};
use diagnosis::incident::Incident;
use model::Timestamp;
use serde::{Deserialize, Serialize};

use super::answer::{Answer, ApiError, success};
use super::graph::{Seen, part_json};
use super::params::Params;
use super::status::is_cross_origin;
use super::time::format_rfc3339;
use crate::app::App;
use crate::incidents::{
    Act, ActError, EntityJson, ImpactJson, Record, SuspectJson, TEXT_MAX, entity_json, postmortem,
};

/// Bytes of a body: a comment, or a list of members.
const BODY_BYTES_MAX: usize = 256 << 10;

/// Suspects of each incident in a list.
const SUSPECTS_LISTED: usize = 3;

/// What somebody is called.
const BY_MAX: usize = 200;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/incidents", get(list))
        .route("/incidents/{id}", get(one))
        .route("/incidents/{id}/postmortem", get(markdown))
        .route("/incidents/{id}/{act}", post(act))
}

#[derive(Serialize)]
struct ListJson {
    incidents: Vec<IncidentJson>,
}

#[derive(Serialize)]
struct IncidentJson {
    id: String,
    title: String,
    severity: &'static str,
    state: &'static str,
    acknowledged_by: Option<String>,
    start: String,
    opened: String,
    end: Option<String>,
    impact: ImpactJson,
    members: Vec<EntityJson>,
    suspects: Vec<SuspectJson>,
}

#[derive(Serialize)]
struct DetailJson<G: Serialize> {
    #[serde(flatten)]
    incident: IncidentJson,
    timeline: Vec<MomentJson>,
    graph: G,
}

#[derive(Serialize)]
struct MomentJson {
    time: String,
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    entity: Option<EntityJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<&'static str>,
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ActJson {
    by: String,
    #[serde(default)]
    text: String,
    into: Option<String>,
    #[serde(default)]
    members: Vec<EntityJson>,
}

async fn list(State(app): State<Arc<App>>, params: Params) -> Answer {
    let (start, end) = (params.time("start")?, params.time("end")?);
    let wanted = |incident: &Incident| {
        let in_time = end.is_none_or(|end| incident.start <= end)
            && incident
                .end
                .is_none_or(|ended| start.is_none_or(|start| start <= ended));
        match params.get("state") {
            None | Some("all") => Ok(in_time),
            Some("open") => Ok(in_time && incident.is_open()),
            Some("resolved") => Ok(in_time && !incident.is_open()),
            Some(other) => Err(ApiError::bad_data(format!(
                "invalid parameter \"state\": {other:?} is none of open, resolved, all"
            ))),
        }
    };
    let mut incidents = Vec::new();
    for (incident, record) in app.incidents.all() {
        if wanted(&incident)? {
            incidents.push(IncidentJson::new(&incident, record, SUSPECTS_LISTED));
        }
    }
    success(&ListJson { incidents })
}

async fn one(State(app): State<Arc<App>>, Path(id): Path<String>) -> Answer {
    let (incident, record) = found(&app, &id)?;
    let seen = Seen::now(&app);
    let graph = &seen.related.graph;
    let mut part = Part::default();
    let mut near: BTreeSet<EntityId> = BTreeSet::new();
    for key in incident.entities() {
        if let Some(id) = graph.id(&key) {
            near.insert(id);
            near.extend(graph.touching(id).flat_map(|r| [r.from, r.to]));
        }
    }
    let relations = graph.relations().iter().enumerate();
    part.relations = relations
        .filter(|(_, r)| near.contains(&r.from) && near.contains(&r.to))
        .map(|(place, _)| place)
        .collect();
    part.entities = near.into_iter().collect();
    success(&DetailJson {
        timeline: timeline(&incident, &record),
        incident: IncidentJson::new(&incident, record, usize::MAX),
        graph: part_json(&seen, &part),
    })
}

fn found(app: &App, id: &str) -> Result<(Incident, Record), ApiError> {
    let found = app.incidents.get(id);
    found.ok_or_else(|| ApiError::not_found(format!("there is no incident {id:?}")))
}

async fn markdown(State(app): State<Arc<App>>, Path(id): Path<String>) -> Answer {
    let (incident, record) = found(&app, &id)?;
    let text = postmortem(&incident, &record, app.clock.now());
    Ok((
        [(header::CONTENT_TYPE, "text/markdown; charset=utf-8")],
        text,
    )
        .into_response())
}

async fn act(
    State(app): State<Arc<App>>,
    Path((id, act)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    if is_cross_origin(&headers) {
        return Err(ApiError::forbidden(
            "a page of another site may not do this",
        ));
    }
    if BODY_BYTES_MAX < body.len() {
        return Err(ApiError::bad_data("the body is too long"));
    }
    let wish: ActJson = serde_json::from_slice(&body)
        .map_err(|error| ApiError::bad_data(format!("the body is not understood: {error}")))?;
    let by = wish.by.trim().to_owned();
    if by.is_empty() || BY_MAX < by.len() {
        return Err(ApiError::bad_data("say with \"by\" who you are"));
    }
    if TEXT_MAX < wish.text.len() {
        return Err(ApiError::bad_data("the text is too long"));
    }
    let act = match act.as_str() {
        "acknowledge" => Act::Acknowledge,
        "comment" if wish.text.trim().is_empty() => {
            return Err(ApiError::bad_data("the comment has no \"text\""));
        }
        "comment" => Act::Comment(wish.text),
        "resolve" => Act::Resolve,
        "merge" => Act::Merge {
            into: wish
                .into
                .ok_or_else(|| ApiError::bad_data("name another incident as \"into\""))?,
        },
        "split" => Act::Split {
            members: wish.members.iter().filter_map(EntityJson::key).collect(),
        },
        other => {
            return Err(ApiError::not_found(format!(
                "nobody can {other:?} an incident; acknowledge, comment, resolve, merge or split it"
            )));
        }
    };
    let (acting, now) = (Arc::clone(&app), app.clock.now());
    let shown = id.clone();
    let acted = tokio::task::spawn_blocking(move || acting.incidents.act(&id, &by, act, now));
    match acted.await {
        Ok(Ok(())) => {
            let (incident, record) = found(&app, &shown)?;
            success(&IncidentJson::new(&incident, record, usize::MAX))
        }
        Ok(Err(unknown @ ActError::Unknown(_))) => Err(ApiError::not_found(unknown.to_string())),
        Ok(Err(refused @ ActError::Refused(_))) => Err(ApiError::bad_data(refused.to_string())),
        Err(panicked) => Err(ApiError::execution(panicked.to_string())),
    }
}

impl IncidentJson {
    fn new(incident: &Incident, record: Record, suspects_max: usize) -> Self {
        let mut suspects = record.suspects;
        suspects.truncate(suspects_max);
        Self {
            id: incident.id.clone(),
            title: record.title,
            severity: incident.severity().name(),
            state: if incident.is_open() {
                "open"
            } else {
                "resolved"
            },
            acknowledged_by: record.acknowledged_by,
            start: format_rfc3339(incident.start),
            opened: format_rfc3339(incident.opened),
            end: incident.end.map(format_rfc3339),
            impact: record.impact,
            members: incident.entities().iter().map(entity_json).collect(),
            suspects,
        }
    }
}

fn timeline(incident: &Incident, record: &Record) -> Vec<MomentJson> {
    let mut timeline: Vec<(Timestamp, MomentJson)> = Vec::new();
    for event in &record.events {
        let at = Timestamp::from_millis(event.at);
        let moment = MomentJson {
            time: format_rfc3339(at),
            kind: event.kind.clone(),
            entity: None,
            category: None,
            severity: None,
            text: event.text.clone(),
        };
        timeline.push((at, moment));
    }
    for member in incident.members.values() {
        let kind = if member.key.kpi.is_some() {
            "assertion"
        } else {
            "alert"
        };
        let moment = |at: Timestamp, text: String| MomentJson {
            time: format_rfc3339(at),
            kind: kind.to_owned(),
            entity: Some(entity_json(&member.key.entity)),
            category: Some(member.category.name()),
            severity: Some(member.severity.name()),
            text,
        };
        timeline.push((member.onset, moment(member.onset, member.sentence.clone())));
        if let Some(end) = member.end {
            timeline.push((end, moment(end, format!("Over: {}", member.sentence))));
        }
    }
    timeline.sort_by_key(|(at, _)| *at);
    timeline.into_iter().map(|(_, moment)| moment).collect()
}
