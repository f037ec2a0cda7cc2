//! `objectives`: how well services must work, how they stand, and what could be asked of them
//! (docs/api.md, "Objectives").

mod show;
mod wish;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse as _;
use axum::routing::get;
use diagnosis::objective::{
    BURN_WINDOWS, Ledger, Objective, ObjectiveId, Remark, Standing, rule_file, write_openslo,
};
use model::Timestamp;
use serde::Serialize;
use store::Snapshot;

use self::show::{DetailJson, ListedJson, SuggestionJson};
use self::wish::Wish;
use super::answer::{Answer, ApiError, success};
use super::params::Params;
use crate::app::App;
use crate::judge::RuleReport;
use crate::objectives::{
    ChangeError, Held, NoMeasure, SuggestScope, file_of, ledger, read_text, suggestions, window,
};
use crate::scrape::error_chain;

/// Points of the line that a list shows, and of the chart of one objective.
const SPARK_POINTS: u32 = 30;
const CHART_POINTS: u32 = 240;

/// Bytes of what one import may hold: the shop of a large company has a hundred objectives.
const IMPORT_BYTES_MAX: usize = 1 << 20;

/// Mounted under `/api/v1`.
pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/objectives", get(all).post(create))
        .route("/objectives/suggestions", get(suggested))
        .route("/objectives/bounds", get(bounds))
        .route("/objectives/{id}", get(one).put(replace).delete(remove))
}

#[derive(Serialize)]
struct AllJson {
    objectives: Vec<ListedJson>,
    /// When this is how they stand.
    at_ms: i64,
}

#[derive(Serialize)]
struct SuggestionsJson {
    suggestions: Vec<SuggestionJson>,
}

#[derive(Serialize)]
struct BoundsJson {
    /// Whether failures are measured.
    availability: bool,
    /// Seconds that a limit of latency can be, ascending.
    bounds: Vec<f64>,
}

#[derive(Serialize)]
struct ImportedJson {
    made: Vec<String>,
    /// Those whose name was taken, and that were replaced because `replace=true` says so.
    replaced: Vec<String>,
    remarks: Vec<RemarkJson>,
}

#[derive(Serialize)]
struct RemarkJson {
    line: usize,
    text: String,
    refuses: bool,
}

/// What the rules of an objective say now, by their place in its group.
type Reports = HashMap<String, Vec<RuleReport>>;

async fn all(State(app): State<Arc<App>>, params: Params) -> Answer {
    match params.get("format") {
        None | Some("json") => {}
        Some("openslo") => {
            let held = app.objectives.all();
            let text = write_openslo(held.iter().map(|held| &held.objective));
            return Ok(yaml("objectives.yaml", text));
        }
        Some("rules") => {
            let held = app.objectives.all();
            let texts = held.iter().map(|held| {
                let text = rule_file(&[&held.objective], window(&app, &held.objective));
                text.strip_prefix("groups:\n")
                    .unwrap_or_default()
                    .to_owned()
            });
            let groups: String = texts.collect();
            let text = if groups.is_empty() {
                "groups: []\n".to_owned()
            } else {
                format!("groups:\n{groups}")
            };
            return Ok(yaml("objectives.yml", text));
        }
        Some(other) => {
            let text = format!("there is no format {other:?}; take json, openslo or rules");
            return Err(ApiError::bad_data(text));
        }
    }
    let (now, reports) = (app.clock.now(), reports(&app));
    let held = app.objectives.all();
    let objectives = app.queries.lookup(move |snapshot| {
        held.iter()
            .map(|held| {
                let (ledger, standing) = look(snapshot, &held.objective, now)?;
                let reports = reports.get(held.objective.id.as_str());
                let line = standing.burn_down(&ledger, SPARK_POINTS);
                Ok(ListedJson::of(held, &standing, &line, reports))
            })
            .collect::<Result<Vec<_>, store::StoreError>>()
    });
    success(&AllJson {
        objectives: objectives.await?,
        at_ms: now.as_millis(),
    })
}

async fn one(State(app): State<Arc<App>>, Path(id): Path<String>, params: Params) -> Answer {
    let held = app.objectives.find(&id)?;
    if params.get("format") == Some("openslo") {
        let file = format!("{}.yaml", held.objective.id);
        return Ok(yaml(&file, write_openslo([&held.objective])));
    }
    let now = params.time("time")?.unwrap_or_else(|| app.clock.now());
    let reports = reports(&app);
    let window = window(&app, &held.objective);
    let retention = app.settings.retention;
    let detail = app.queries.lookup(move |snapshot| {
        let (ledger, standing) = look(snapshot, &held.objective, now)?;
        let reports = reports.get(held.objective.id.as_str());
        let line = standing.burn_down(&ledger, CHART_POINTS);
        let spark = standing.burn_down(&ledger, SPARK_POINTS);
        let listed = ListedJson::of(&held, &standing, &spark, reports);
        Ok(DetailJson::of(
            listed,
            &held.objective,
            &standing,
            &line,
            window,
            retention,
        ))
    });
    success(&detail.await?)
}

async fn create(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let text = text_of(&body)?;
    let mut pairs = query.as_deref().unwrap_or_default().split('&');
    let replace = pairs.any(|pair| pair == "replace=true");
    if is(&headers, "application/yaml") {
        return import(&app, &text, replace).await;
    }
    let objective = wished(&app, &headers, &text, None).await?;
    let id = objective.id.clone();
    change(&app, move |app| app.objectives.create(objective)).await?;
    success(&serde_json::json!({"id": id.as_str()}))
}

async fn replace(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let text = text_of(&body)?;
    let id = app.objectives.find(&id)?.objective.id;
    let objective = wished(&app, &headers, &text, Some(id.clone())).await?;
    change(&app, move |app| app.objectives.replace(objective)).await?;
    success(&serde_json::json!({"id": id.as_str()}))
}

async fn remove(State(app): State<Arc<App>>, Path(id): Path<String>) -> Answer {
    let wanted = id.clone();
    change(&app, move |app| app.objectives.remove(&wanted)).await?;
    success(&serde_json::json!({"removed": id}))
}

async fn suggested(State(app): State<Arc<App>>, params: Params) -> Answer {
    let (packs, detections) = (app.judge.packs(), app.judge.detections());
    let held = app.objectives.all();
    let now = app.clock.now();
    let mut services: Vec<String> = detections.job_names().map(str::to_owned).collect();
    if let Some(service) = params.get("service") {
        services.retain(|name| name == service);
    }
    let found = app.queries.lookup(move |snapshot| {
        suggestions(&SuggestScope {
            packs: &packs,
            detections: &detections,
            services: &services,
            held: &held,
            snapshot,
            now,
        })
    });
    let suggestions = found.await?;
    success(&SuggestionsJson {
        suggestions: suggestions.iter().map(SuggestionJson::of).collect(),
    })
}

/// What can be asked of an entity, for a form.
async fn bounds(State(app): State<Arc<App>>, params: Params) -> Answer {
    let entity = wish::entity_of_params(&params)?;
    let found = crate::objectives::measured(&app.judge.packs(), &app.judge.detections(), &entity);
    let found = found.unwrap_or_default();
    let now = app.clock.now();
    let availability = found.availability.is_some();
    let bounds = app
        .queries
        .lookup(move |snapshot| found.bounds(snapshot, now));
    success(&BoundsJson {
        availability,
        bounds: bounds
            .await?
            .0
            .into_iter()
            .map(|(bound, _)| bound)
            .collect(),
    })
}

async fn import(app: &Arc<App>, text: &str, replace: bool) -> Answer {
    if text.len() > IMPORT_BYTES_MAX {
        return Err(ApiError::bad_data(
            "an import has at most 1 MiB; split the file",
        ));
    }
    let found = read_text(text);
    let mut remarks: Vec<Remark> = found.remarks;
    let changed = change(app, move |app| {
        let (mut made, mut replaced) = (Vec::new(), Vec::new());
        for objective in found.objectives {
            let id = objective.id.to_string();
            match app.objectives.create(objective.clone()) {
                Ok(()) => made.push(id),
                Err(ChangeError::Taken(_)) if replace => {
                    app.objectives.replace(objective)?;
                    replaced.push(id);
                }
                Err(error @ ChangeError::Taken(_)) => remarks.push(Remark {
                    line: 1,
                    text: format!("{error}; replace=true puts this one in its place"),
                    refuses: true,
                }),
                Err(error) => return Err(error),
            }
        }
        Ok((made, replaced, remarks))
    });
    let (made, replaced, remarks) = changed.await?;
    let remarks = remarks.into_iter().map(|remark| RemarkJson {
        line: remark.line,
        text: remark.text,
        refuses: remark.refuses,
    });
    success(&ImportedJson {
        made,
        replaced,
        remarks: remarks.collect(),
    })
}

/// Changes are written beside the tasks that answer others; the judge takes them over.
async fn change<T: Send + 'static>(
    app: &Arc<App>,
    work: impl FnOnce(&App) -> Result<T, ChangeError> + Send + 'static,
) -> Result<T, ApiError> {
    let working = Arc::clone(app);
    let done = tokio::task::spawn_blocking(move || work(&working)).await;
    let done = done.map_err(|_| ApiError::execution("the work broke off"))??;
    app.objectives.tell(app);
    Ok(done)
}

/// The objective that a body describes, its queries found where it gives none.
async fn wished(
    app: &Arc<App>,
    headers: &HeaderMap,
    text: &str,
    id: Option<ObjectiveId>,
) -> Result<Objective, ApiError> {
    // A form of another page cannot send this type without being asked for leave first.
    if !is(headers, "application/json") {
        return Err(ApiError::bad_data(
            "send an objective with Content-Type: application/json, or OpenSLO documents with \
             application/yaml",
        ));
    }
    let wish: Wish = serde_json::from_str(text)
        .map_err(|error| ApiError::bad_data(format!("this is no objective: {error}")))?;
    let (packs, detections) = (app.judge.packs(), app.judge.detections());
    let now = app.clock.now();
    let held = app.objectives.all();
    let objective = app.queries.lookup(move |snapshot| {
        let scope = wish::Scope {
            packs: &packs,
            detections: &detections,
            snapshot,
            now,
            taken: &|id| held.iter().any(|held| held.objective.id == *id),
        };
        Ok(wish.objective(&scope, id))
    });
    objective.await?
}

/// The ledger as far back as anything asks, and how the objective stands.
fn look(
    snapshot: &Snapshot,
    objective: &Objective,
    now: Timestamp,
) -> Result<(Ledger, Standing), store::StoreError> {
    let longest = BURN_WINDOWS.iter().copied().max().unwrap_or_default();
    // A burn that goes on for its long window looks back another one.
    let from = now.minus(objective.window.longest().max(2 * longest));
    let ledger = ledger(snapshot, objective, from, now)?;
    let standing = Standing::of(objective, &ledger, now);
    Ok((ledger, standing))
}

/// The newest reports of all objectives' groups, by name.
fn reports(app: &App) -> Reports {
    let held: HashMap<String, String> = app
        .objectives
        .all()
        .iter()
        .map(|held: &Held| (file_of(&held.objective), held.objective.id.to_string()))
        .collect();
    let groups = app.judge.groups().into_iter();
    let found = groups.filter_map(|group| {
        let id = held.get(&group.file)?;
        Some((id.clone(), group.report().rules.clone()))
    });
    found.collect()
}

fn is(headers: &HeaderMap, kind: &str) -> bool {
    let given = headers.get(header::CONTENT_TYPE);
    given.is_some_and(|given| given.as_bytes().starts_with(kind.as_bytes()))
}

fn text_of(body: &Bytes) -> Result<String, ApiError> {
    String::from_utf8(body.to_vec()).map_err(|_| ApiError::bad_data("the body is not UTF-8"))
}

fn yaml(file: &str, text: String) -> axum::response::Response {
    let kind = (header::CONTENT_TYPE, "application/yaml".to_owned());
    let file = format!("attachment; filename=\"{file}\"");
    let file = (header::CONTENT_DISPOSITION, file);
    ([kind, file], text).into_response()
}

impl From<ChangeError> for ApiError {
    fn from(error: ChangeError) -> Self {
        let message = error_chain(&error);
        match error {
            ChangeError::Missing(_) => Self::not_found(message),
            ChangeError::Taken(_) | ChangeError::ReadOnly { .. } | ChangeError::Full => {
                Self::bad_data(message)
            }
            ChangeError::Shelf(_) => Self::unavailable(message),
        }
    }
}

impl From<NoMeasure> for ApiError {
    fn from(error: NoMeasure) -> Self {
        let message = error_chain(&error);
        match error {
            NoMeasure::Store(_) => Self::execution(message),
            NoMeasure::Nothing { .. } | NoMeasure::NoBucket { .. } | NoMeasure::NoBounds { .. } => {
                Self::bad_data(message)
            }
        }
    }
}
