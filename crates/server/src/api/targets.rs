//! `targets`: who is scraped and how it goes.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use model::{Labels, format_duration};
use serde::Serialize;

use super::answer::{Answer, success};
use super::params::Params;
use super::time::format_rfc3339;
use super::value::LabelsJson;
use crate::app::App;
use crate::targets::{RejectedLine, Source, Target};

/// `GET /api/v1/targets`. Prometheus's fields, and ours at the end (docs/api.md).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TargetsJson<'a> {
    active_targets: Vec<TargetJson<'a>>,
    dropped_targets: Vec<DroppedJson<'a>>,
    dropped_target_counts: BTreeMap<String, usize>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TargetJson<'a> {
    discovered_labels: LabelsJson<'a>,
    labels: LabelsJson<'a>,
    scrape_pool: &'a str,
    scrape_url: String,
    global_url: String,
    last_error: String,
    /// Go's zero time when there was no scrape yet.
    last_scrape: String,
    /// Seconds.
    last_scrape_duration: f64,
    health: &'static str,
    scrape_interval: String,
    scrape_timeout: String,
    service: &'a str,
    kind: &'static str,
    /// Live processes of an announced service.
    #[serde(skip_serializing_if = "Option::is_none")]
    processes: Option<usize>,
    last_samples: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    limited: Option<String>,
    rejected: Vec<RejectedJson>,
    rejected_total: usize,
}

#[derive(Serialize)]
struct RejectedJson {
    line: usize,
    text: String,
    reason: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DroppedJson<'a> {
    discovered_labels: LabelsJson<'a>,
    scrape_pool: &'a str,
}

/// How Go writes a time that was never set.
const NEVER: &str = "0001-01-01T00:00:00Z";

pub(super) async fn targets(State(app): State<Arc<App>>, params: Params) -> Answer {
    let list = app.targets.list();
    let state = params.get("state").unwrap_or("any").to_lowercase();
    let pool = params.get("scrapePool");
    let show = |wanted: &str| state == wanted || !matches!(state.as_str(), "active" | "dropped");
    let in_pool = |labels: &Labels| pool.is_none_or(|pool| labels.get("job") == Some(pool));
    let active = list
        .active
        .iter()
        .filter(|target| pool.is_none_or(|pool| pool_of(target) == pool));
    let dropped = list.dropped.iter().filter(|labels| in_pool(labels));
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for labels in list.dropped.iter() {
        *counts
            .entry(labels.get("job").unwrap_or_default().to_owned())
            .or_default() += 1;
    }
    success(&TargetsJson {
        active_targets: if show("active") {
            active.map(target_json).collect()
        } else {
            Vec::new()
        },
        dropped_targets: if show("dropped") {
            dropped
                .map(|labels| DroppedJson {
                    discovered_labels: LabelsJson(labels),
                    scrape_pool: labels.get("job").unwrap_or_default(),
                })
                .collect()
        } else {
            Vec::new()
        },
        dropped_target_counts: counts,
    })
}

/// `GET /api/v1/scrape_pools`.
pub(super) async fn scrape_pools(State(app): State<Arc<App>>) -> Answer {
    let active = app.targets.active();
    let mut pools: Vec<&str> = active.iter().map(|target| pool_of(target)).collect();
    pools.sort_unstable();
    pools.dedup();
    success(&serde_json::json!({ "scrapePools": pools }))
}

/// The configured job, or the service for an announced target.
fn pool_of(target: &Target) -> &str {
    match target.spec.announced {
        Some(_) => target.service(),
        None => &target.spec.job.name,
    }
}

fn target_json(target: &Arc<Target>) -> TargetJson<'_> {
    let spec = &target.spec;
    let status = target.status();
    let url = match &spec.source {
        Source::Http { url } => url.clone(),
        Source::Segments { dir } => format!("shm://{}", dir.display()),
        Source::Gone => "shm://".to_owned(),
    };
    TargetJson {
        discovered_labels: LabelsJson(&spec.discovered),
        labels: LabelsJson(&spec.labels),
        scrape_pool: pool_of(target),
        global_url: url.clone(),
        scrape_url: url,
        last_error: status.error.unwrap_or_default(),
        last_scrape: status.last_scrape.map_or(NEVER.to_owned(), format_rfc3339),
        last_scrape_duration: status.duration.as_secs_f64(),
        health: status.health.as_str(),
        scrape_interval: format_duration(spec.interval),
        scrape_timeout: format_duration(spec.timeout),
        service: target.service(),
        kind: spec.kind.as_str(),
        processes: target.announced().map(|facts| facts.processes),
        last_samples: status.samples,
        limited: status.limited,
        rejected: status.rejected.into_iter().map(rejected_json).collect(),
        rejected_total: status.rejected_total,
    }
}

fn rejected_json(line: RejectedLine) -> RejectedJson {
    RejectedJson {
        line: line.line,
        text: line.text,
        reason: line.reason,
    }
}
