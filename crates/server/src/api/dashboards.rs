//! `dashboards`: what was imported from other tools (docs/api.md, "Dashboards").

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse as _;
use axum::routing::get;
use serde::Serialize;

use super::answer::{Answer, ApiError, success};
use super::params::Params;
use crate::app::App;
use crate::exchange::{
    ALL, DASHBOARD_BYTES_MAX, ImportReport, Imported, NoDashboard, Resolved, Shelf, ShelfError,
    Values, View, grafana_dashboard, perses_dashboard, read_grafana, resolve, view,
};
use crate::scrape::error_chain;

/// What is shown when no range is given.
const RANGE_DEFAULT: Duration = Duration::from_secs(3600);

/// Mounted under `/api/v1`.
pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/dashboards", get(all).post(import))
        .route("/dashboards/{uid}", get(one).delete(remove))
        .route("/packs/{id}/dashboards/{dashboard}", get(exported))
        .layer(DefaultBodyLimit::max(DASHBOARD_BYTES_MAX))
}

#[derive(Serialize)]
struct ListedJson {
    uid: String,
    title: String,
    tags: Vec<String>,
    panels: usize,
    shown: usize,
    /// Why it cannot be shown (any more).
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Serialize)]
struct ImportedJson {
    uid: String,
    title: String,
    /// Whether a dashboard of this uid was there before.
    replaced: bool,
    report: ImportReport,
}

#[derive(Serialize)]
struct DashboardJson<'a> {
    uid: &'a str,
    title: &'a str,
    help: &'a str,
    tags: &'a [String],
    variables: Vec<VariableJson<'a>>,
    rows: Vec<View<'a>>,
    report: ImportReport,
}

#[derive(Serialize)]
struct VariableJson<'a> {
    name: &'a str,
    label: &'a str,
    options: Vec<OptionJson<'a>>,
    chosen: Vec<&'a str>,
    multi: bool,
    include_all: bool,
    hidden: bool,
    /// Whether anything may be typed.
    free: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<&'a str>,
}

#[derive(Serialize)]
struct OptionJson<'a> {
    text: &'a str,
    value: &'a str,
}

async fn all(State(app): State<Arc<App>>) -> Answer {
    let shelf = shelf(&app);
    let listed = blocking(move || {
        let uids = shelf.uids()?;
        uids.into_iter().map(|uid| listed(&shelf, uid)).collect()
    });
    let listed: Vec<ListedJson> = listed.await?;
    success(&listed)
}

fn listed(shelf: &Shelf, uid: String) -> Result<ListedJson, ApiError> {
    let text = shelf.read(&uid)?.unwrap_or_default();
    Ok(match read_grafana(&text) {
        Ok(imported) => {
            let report = ImportReport::of(&imported);
            ListedJson {
                uid,
                title: imported.title,
                tags: imported.tags,
                panels: report.panels,
                shown: report.shown,
                error: None,
            }
        }
        Err(error) => ListedJson {
            title: uid.clone(),
            uid,
            tags: Vec::new(),
            panels: 0,
            shown: 0,
            error: Some(error_chain(&error)),
        },
    })
}

/// A form of another page cannot send JSON's type without being asked for leave first.
pub(super) fn refuse_forms(headers: &HeaderMap) -> Result<(), ApiError> {
    let kind = headers.get(header::CONTENT_TYPE);
    if kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/json")) {
        return Ok(());
    }
    Err(ApiError::bad_data(
        "send it as it is, with Content-Type: application/json",
    ))
}

async fn import(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Answer {
    refuse_forms(&headers)?;
    let text = String::from_utf8(body.to_vec())
        .map_err(|_| ApiError::bad_data("the dashboard is not UTF-8"))?;
    let imported = read_grafana(&text)?;
    let shelf = shelf(&app);
    let report = ImportReport::of(&imported);
    let Imported { uid, title, .. } = imported;
    let name = uid.clone();
    let replaced = blocking(move || {
        let replaced = shelf.read(&name)?.is_some();
        shelf.write(&name, &text)?;
        Ok(replaced)
    });
    success(&ImportedJson {
        uid,
        title,
        replaced: replaced.await?,
        report,
    })
}

async fn remove(State(app): State<Arc<App>>, Path(uid): Path<String>) -> Answer {
    let shelf = shelf(&app);
    let wanted = uid.clone();
    if blocking(move || Ok(shelf.remove(&wanted)?)).await? {
        success(&serde_json::json!({"removed": uid}))
    } else {
        Err(no_such(&uid))
    }
}

async fn one(State(app): State<Arc<App>>, Path(uid): Path<String>, params: Params) -> Answer {
    let shelf = shelf(&app);
    let wanted = uid.clone();
    let text = blocking(move || Ok(shelf.read(&wanted)?)).await?;
    let imported = read_grafana(&text.ok_or_else(|| no_such(&uid))?)?;
    let values = values_of(&app, &params)?;
    let picked: Vec<Vec<String>> = imported
        .variables
        .iter()
        .map(|variable| {
            // As Grafana writes it into its addresses.
            let given = params.all(&format!("var-{}", variable.name));
            given.into_iter().map(str::to_owned).collect()
        })
        .collect();
    let imported = Arc::new(imported);
    let looking = Arc::clone(&imported);
    let resolved = app.queries.lookup(move |snapshot| {
        let mut values = values;
        let mut resolved = Vec::new();
        for (variable, picked) in looking.variables.iter().zip(&picked) {
            let one = resolve(variable, picked, &values, snapshot)?;
            values.chosen.push(one.chosen.clone());
            resolved.push(one);
        }
        Ok((resolved, values))
    });
    let (resolved, values) = resolved.await?;
    let variables = imported.variables.iter().zip(&resolved);
    let variables = variables.map(|(variable, resolved)| VariableJson {
        name: &variable.name,
        label: &variable.label,
        options: options_json(resolved),
        chosen: chosen_json(resolved),
        multi: variable.multi,
        include_all: variable.include_all,
        hidden: variable.hidden,
        free: variable.is_free(),
        trouble: resolved.trouble.as_deref(),
    });
    success(&DashboardJson {
        uid: &uid,
        title: &imported.title,
        help: &imported.help,
        tags: &imported.tags,
        variables: variables.collect(),
        rows: view(&imported, &values),
        report: ImportReport::of(&imported),
    })
}

/// A pack's dashboard for another tool, as a file to be saved.
async fn exported(
    State(app): State<Arc<App>>,
    Path((id, name)): Path<(String, String)>,
    params: Params,
) -> Answer {
    let packs = app.judge.packs();
    let found = packs.iter().find(|pack| pack.id == id).and_then(|pack| {
        let dashboard = pack.dashboards.iter().find(|one| one.id == name);
        Some((pack, dashboard?))
    });
    let (pack, dashboard) = found
        .ok_or_else(|| ApiError::not_found(format!("the pack {id:?} has no dashboard {name:?}")))?;
    let format = params.get("format").unwrap_or("grafana");
    let model = match format {
        "grafana" => grafana_dashboard(pack, dashboard),
        "perses" => perses_dashboard(pack, dashboard),
        other => {
            return Err(ApiError::bad_data(format!(
                "there is no format {other:?}; take grafana or perses"
            )));
        }
    };
    let kind = (header::CONTENT_TYPE, "application/json".to_owned());
    let file = format!("attachment; filename=\"{id}-{name}.{format}.json\"");
    let file = (header::CONTENT_DISPOSITION, file);
    Ok(([kind, file], format!("{model:#}\n")).into_response())
}

fn options_json(resolved: &Resolved) -> Vec<OptionJson<'_>> {
    let options = resolved.options.iter();
    options
        .map(|option| OptionJson {
            text: &option.text,
            value: &option.value,
        })
        .collect()
}

fn chosen_json(resolved: &Resolved) -> Vec<&str> {
    match resolved.chosen.is_all {
        true => vec![ALL],
        false => resolved.chosen.values.iter().map(String::as_str).collect(),
    }
}

fn values_of(app: &App, params: &Params) -> Result<Values, ApiError> {
    let end = params.time("end")?.unwrap_or_else(|| app.clock.now());
    let start = params
        .time("start")?
        .unwrap_or_else(|| end.minus(RANGE_DEFAULT));
    if end < start {
        return Err(ApiError::bad_data(
            "end timestamp must not be before start time",
        ));
    }
    let scrape = app.settings.scrape_interval;
    let interval = params.duration("step")?.unwrap_or(scrape);
    Ok(Values {
        chosen: Vec::new(),
        interval,
        rate_interval: (interval + scrape).max(scrape * 4),
        start,
        end,
    })
}

fn shelf(app: &App) -> Shelf {
    Shelf::new(&app.settings.data_dir)
}

/// Files are read and written beside the tasks that answer others.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(ApiError::execution("the work broke off")))
}

fn no_such(uid: &str) -> ApiError {
    ApiError::not_found(format!(
        "there is no imported dashboard {uid:?}; see /api/v1/dashboards"
    ))
}

impl From<NoDashboard> for ApiError {
    fn from(error: NoDashboard) -> Self {
        Self::bad_data(error_chain(&error))
    }
}

impl From<ShelfError> for ApiError {
    fn from(error: ShelfError) -> Self {
        match &error {
            ShelfError::Name(_) | ShelfError::Full => Self::bad_data(error.to_string()),
            ShelfError::Io { .. } => Self::unavailable(error_chain(&error)),
        }
    }
}
