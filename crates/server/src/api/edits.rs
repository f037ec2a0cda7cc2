//! `/api/v1/mappings` and `/api/v1/overrides`: what people change without a file.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::routing::{get, post, put};
use diagnosis::kpi::mapping::{Mapping, read_mapping_json};
use diagnosis::pack::{Override, Pack};
use model::Timestamp;
use promql::EvalOptions;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::answer::{Answer, ApiError, success};
use super::params::Params;
use super::status::is_cross_origin;
use super::time::format_rfc3339;
use crate::app::App;
use crate::edits::{AuditLine, Edit, EditError, EditKind};
use crate::kpis::sources;
use crate::scrape::error_chain;

/// Bytes of a body; a mapping is a few hundred.
const BODY_BYTES_MAX: usize = 64 << 10;

/// Entities that a preview names.
const PREVIEW_MAX: usize = 100;

/// Newest lines of who changed what.
const AUDIT_SHOWN: usize = 100;

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/mappings", get(mappings).post(make_mapping))
        .route("/mappings/preview", post(preview))
        .route("/mappings/{id}", put(change_mapping).delete(delete_mapping))
        .route("/overrides", get(overrides).post(make_override))
        .route(
            "/overrides/{id}",
            put(change_override).delete(delete_override),
        )
}

/// What a person sends: an entry and who they are.
#[derive(Deserialize)]
struct WishJson {
    by: String,
    #[serde(alias = "mapping", alias = "override")]
    entry: Value,
}

#[derive(Serialize)]
struct QueryJson {
    kpi: String,
    unit: &'static str,
    query: String,
}

#[derive(Serialize)]
struct MappingJson {
    /// `None` for one of the file.
    id: Option<u64>,
    source: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    mapping: Value,
    queries: Vec<QueryJson>,
}

#[derive(Serialize)]
struct AuditJson {
    at: String,
    by: String,
    what: String,
}

#[derive(Serialize)]
struct MappingsJson {
    mappings: Vec<MappingJson>,
    audit: Vec<AuditJson>,
}

/// `GET /api/v1/mappings`.
async fn mappings(State(app): State<Arc<App>>) -> Answer {
    blocking(move || {
        let edited = app.edits.all();
        let sources = sources(&app);
        let queries = |mapping: &Mapping| query_jsons(&sources, mapping);
        let of_file = app.kpis.file_mappings();
        let mut found: Vec<MappingJson> = of_file
            .iter()
            .map(|mapping| MappingJson {
                id: None,
                source: "file",
                by: None,
                at: None,
                mapping: mapping.to_json(),
                queries: queries(mapping),
            })
            .collect();
        found.extend(edited.mappings.iter().map(|edit| MappingJson {
            id: Some(edit.id),
            source: "api",
            by: Some(edit.by.clone()),
            at: Some(time(edit.at)),
            mapping: edit.fields.clone(),
            queries: read_mapping_json(&edit.fields).map_or_else(|_| Vec::new(), |m| queries(&m)),
        }));
        success(&MappingsJson {
            mappings: found,
            audit: audit(&edited.audit, "mapping"),
        })
    })
    .await
}

fn query_jsons(sources: &crate::kpis::KpiSources, mapping: &Mapping) -> Vec<QueryJson> {
    let queries = mapping.queries(sources.window, sources.step).into_iter();
    queries
        .map(|query| QueryJson {
            kpi: query.kind.name(),
            unit: query.kind.unit().name(),
            query: query.expr,
        })
        .collect()
}

fn time(millis: i64) -> String {
    format_rfc3339(Timestamp::from_millis(millis))
}

/// The newest first.
fn audit(lines: &[AuditLine], about: &str) -> Vec<AuditJson> {
    let about = format!(" {about} ");
    let lines = lines.iter().rev().filter(|line| line.what.contains(&about));
    lines
        .take(AUDIT_SHOWN)
        .map(|line| AuditJson {
            at: time(line.at),
            by: line.by.clone(),
            what: line.what.clone(),
        })
        .collect()
}

#[derive(Serialize)]
struct PreviewKpiJson {
    entity: String,
    #[serde(rename = "type")]
    kind: String,
    scope: std::collections::BTreeMap<String, String>,
    kpi: String,
    value: f64,
}

#[derive(Serialize)]
struct PreviewJson {
    mapping: Value,
    queries: Vec<QueryJson>,
    /// What each entity has now; at most a hundred.
    kpis: Vec<PreviewKpiJson>,
    n_kpis: usize,
}

/// `POST /api/v1/mappings/preview`: what a mapping would yield, without saving it.
async fn preview(
    State(app): State<Arc<App>>,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Answer {
    let fields: Value = read_body(body)?;
    let mapping = read_mapping_json(&fields).map_err(|problems| {
        let problems: Vec<String> = problems.iter().map(|p| p.mistake.to_string()).collect();
        ApiError::bad_data(problems.join("; "))
    })?;
    blocking(move || {
        let sources = sources(&app);
        let now = app.clock.now();
        let snapshot = app.store.snapshot();
        let mut kpis = Vec::new();
        for query in mapping.queries(sources.window, sources.step) {
            let expr = promql::parse(&query.expr)
                .map_err(|error| ApiError::bad_data(error.to_string()))?;
            let options = EvalOptions::default();
            let found = promql::eval_instant(&snapshot, &expr, now, &options)
                .map_err(|error| ApiError::execution(error_chain(&error)))?;
            let promql::Value::Vector(series) = found.value else {
                continue;
            };
            for series in series {
                let value = query.kind.accepted(series.sample.value);
                let Some((entity, value)) = mapping.entity_in(&series.labels).zip(value) else {
                    continue;
                };
                let scope = entity.scope.iter();
                kpis.push(PreviewKpiJson {
                    entity: entity.name.to_string(),
                    kind: entity.kind.name().to_owned(),
                    scope: scope.map(|(n, v)| (n.to_owned(), v.to_owned())).collect(),
                    kpi: query.kind.name(),
                    value,
                });
            }
        }
        let n_kpis = kpis.len();
        kpis.truncate(PREVIEW_MAX);
        success(&PreviewJson {
            mapping: mapping.to_json(),
            queries: query_jsons(&sources, &mapping),
            kpis,
            n_kpis,
        })
    })
    .await
}

type Body = Result<Bytes, axum::extract::rejection::BytesRejection>;

async fn make_mapping(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Answer {
    put_entry(app, &headers, EditKind::Mapping, None, body).await
}

async fn change_mapping(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    put_entry(app, &headers, EditKind::Mapping, Some(read_id(&id)?), body).await
}

async fn delete_mapping(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    params: Params,
) -> Answer {
    delete_entry(app, &headers, EditKind::Mapping, &id, &params).await
}

async fn make_override(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Answer {
    put_entry(app, &headers, EditKind::Override, None, body).await
}

async fn change_override(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    put_entry(app, &headers, EditKind::Override, Some(read_id(&id)?), body).await
}

async fn delete_override(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    params: Params,
) -> Answer {
    delete_entry(app, &headers, EditKind::Override, &id, &params).await
}

#[derive(Serialize)]
struct OverrideJson {
    id: Option<u64>,
    source: &'static str,
    /// Of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    pack: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    alert: Option<String>,
    /// As sentences show it; empty for everything.
    r#where: String,
    set: std::collections::BTreeMap<String, f64>,
    off: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Serialize)]
struct OverridesJson {
    /// Those made by the API, then those of the file, which decide.
    overrides: Vec<OverrideJson>,
    file: Option<String>,
    audit: Vec<AuditJson>,
}

/// `GET /api/v1/overrides`.
async fn overrides(State(app): State<Arc<App>>) -> Answer {
    let packs = app.judge.packs();
    let edited = app.edits.all();
    let mut found: Vec<OverrideJson> = Vec::new();
    for edit in &edited.overrides {
        let (read, _) = diagnosis::pack::Overrides::read(
            &serde_json::json!({ "overrides": [edit.fields] }).to_string(),
            &packs,
        );
        found.extend(read.iter().map(|entry| override_json(entry, Some(edit))));
    }
    let of_file = packs.iter().flat_map(|pack: &Pack| &pack.overrides);
    let mut of_file: Vec<&Override> = of_file.filter(|entry| entry.line > 0).collect();
    of_file.sort_by_key(|entry| entry.line);
    found.extend(of_file.into_iter().map(|entry| override_json(entry, None)));
    let file = app.settings.pack_sources.overrides.as_ref();
    success(&OverridesJson {
        overrides: found,
        file: file.map(|path| path.display().to_string()),
        audit: audit(&edited.audit, "override"),
    })
}

fn override_json(entry: &Override, edit: Option<&Edit>) -> OverrideJson {
    let reason = edit.and_then(|edit| edit.fields.get("reason")?.as_str());
    OverrideJson {
        id: edit.map(|edit| edit.id),
        source: if edit.is_some() { "api" } else { "file" },
        line: edit.is_none().then_some(entry.line),
        by: edit.map(|edit| edit.by.clone()),
        at: edit.map(|edit| time(edit.at)),
        pack: entry.pack.clone(),
        alert: entry.alert.clone(),
        r#where: entry.scope.to_string(),
        set: entry.set.iter().cloned().collect(),
        off: entry.off,
        reason: reason.map(str::to_owned),
    }
}

#[derive(Serialize)]
struct MadeJson {
    id: u64,
}

async fn put_entry(
    app: Arc<App>,
    headers: &HeaderMap,
    kind: EditKind,
    id: Option<u64>,
    body: Body,
) -> Answer {
    refuse_others(headers)?;
    let wish: WishJson = read_body(body)?;
    blocking(move || {
        let (now, packs) = (app.clock.now(), app.judge.packs());
        let made = app.edits.put(kind, id, wish.entry, &wish.by, now, &packs)?;
        took_effect(&app, kind);
        success(&MadeJson { id: made.id })
    })
    .await
}

async fn delete_entry(
    app: Arc<App>,
    headers: &HeaderMap,
    kind: EditKind,
    id: &str,
    params: &Params,
) -> Answer {
    refuse_others(headers)?;
    let id = read_id(id)?;
    let by = params.get("by").unwrap_or_default().to_owned();
    blocking(move || {
        app.edits.delete(kind, id, &by, app.clock.now())?;
        took_effect(&app, kind);
        success(&MadeJson { id })
    })
    .await
}

/// Mappings are read each round; rules are made anew of packs.
fn took_effect(app: &App, kind: EditKind) {
    if kind == EditKind::Override {
        app.judge.reload();
    }
}

fn refuse_others(headers: &HeaderMap) -> Result<(), ApiError> {
    match is_cross_origin(headers) {
        true => Err(ApiError::forbidden("requests from other sites are refused")),
        false => Ok(()),
    }
}

fn read_id(id: &str) -> Result<u64, ApiError> {
    let unknown = || ApiError::not_found(format!("there is no entry {id:?}"));
    id.parse().map_err(|_| unknown())
}

fn read_body<T: serde::de::DeserializeOwned>(body: Body) -> Result<T, ApiError> {
    let body = body.map_err(|error| ApiError::bad_data(error.to_string()))?;
    if body.len() > BODY_BYTES_MAX {
        return Err(ApiError::bad_data(format!(
            "the body has more than {BODY_BYTES_MAX} bytes"
        )));
    }
    serde_json::from_slice(&body).map_err(|error| ApiError::bad_data(format!("no JSON: {error}")))
}

async fn blocking(work: impl FnOnce() -> Answer + Send + 'static) -> Answer {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(ApiError::execution("the server failed at this request")))
}

impl From<EditError> for ApiError {
    fn from(error: EditError) -> Self {
        match error {
            EditError::Invalid(_) | EditError::Full => Self::bad_data(error.to_string()),
            EditError::Unknown(_) => Self::not_found(error.to_string()),
            EditError::Io { .. } => Self::execution(error_chain(&error)),
        }
    }
}
