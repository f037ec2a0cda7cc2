//! Objectives that history would have met: for each service that is measured, and its routes.

use std::sync::Arc;
use std::time::Duration;

use diagnosis::graph::{EntityKey, EntityKind};
use diagnosis::objective::{
    Counting, Indicator, Objective, ObjectiveId, Sums, Target, Window, suggest_latency,
    suggest_target,
};
use diagnosis::pack::Pack;
use model::{Labels, Timestamp};
use promql::{EvalOptions, Limits, Range, Value};
use store::{Snapshot, StoreError};

use super::{Held, Measured, measured};
use crate::judge::Detections;

/// How much of the past a suggestion looks at: a weekday and a weekend day lie in three days
/// nearly always, and more costs seconds on a busy service.
const HISTORY: Duration = Duration::from_secs(3 * 24 * 60 * 60);

/// What is counted at once, so that a young history is known to be young.
const STEP: Duration = Duration::from_secs(5 * 60);

/// Days of the window that is suggested.
const DAYS: u32 = 30;

/// Services that are looked at.
const SERVICES_MAX: usize = 50;

/// Routes of a service that are looked at; the busiest of them are kept.
const ROUTES_LOOKED_AT: usize = 30;
const ROUTES_MAX: usize = 5;

/// Samples that one query may touch.
const SAMPLES_MAX: usize = 20_000_000;

/// An objective that could be made.
#[derive(Clone, Debug)]
pub(crate) struct Suggestion {
    pub(crate) objective: Objective,
    pub(crate) good_ratio: f64,
    pub(crate) history: Sums,
    /// There is one of the same entity and indicator already.
    pub(crate) exists: bool,
}

/// What is looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope<'a> {
    pub(crate) packs: &'a [Pack],
    pub(crate) detections: &'a Detections,
    pub(crate) services: &'a [String],
    pub(crate) held: &'a [Held],
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) now: Timestamp,
}

/// By service, the whole service first. A query that is too dear is left out.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn suggestions(scope: &Scope<'_>) -> Result<Vec<Suggestion>, StoreError> {
    let mut all = Vec::new();
    for service in scope.services.iter().take(SERVICES_MAX) {
        let entity = EntityKey::new("service", service);
        let Some(found) = measured(scope.packs, scope.detections, &entity) else {
            continue;
        };
        of_entity(scope, &entity, &found, &mut all)?;
        let Some(label) = &found.route_label else {
            continue;
        };
        let mut routes = Vec::new();
        for route in route_names(scope, &found, label)? {
            let entity = EntityKey {
                kind: EntityKind::new("route"),
                name: Arc::from(route.as_str()),
                scope: Labels::new([("service", service.as_str())]).expect("one name"),
            };
            let found = measured(scope.packs, scope.detections, &entity);
            let events = found.as_ref().and_then(|found| {
                let (_, total) = found.availability.as_ref()?;
                counted(scope, total)
            });
            routes.push((events.map_or(0.0, |sums| sums.total), entity, found));
        }
        routes.sort_by(|a, b| b.0.total_cmp(&a.0));
        for (_, entity, found) in routes.into_iter().take(ROUTES_MAX) {
            if let Some(found) = found {
                of_entity(scope, &entity, &found, &mut all)?;
            }
        }
    }
    Ok(all)
}

fn route_names(
    scope: &Scope<'_>,
    found: &Measured,
    label: &str,
) -> Result<Vec<String>, StoreError> {
    let Some((_, total)) = &found.availability else {
        return Ok(Vec::new());
    };
    let Ok(expr) = promql::parse(&total.replace("$w", "1m")) else {
        return Ok(Vec::new());
    };
    let Some(selector) = expr.selectors().next() else {
        return Ok(Vec::new());
    };
    let from = scope.now.minus(HISTORY);
    let listed =
        scope
            .snapshot
            .label_values(label, selector.matchers, from, scope.now, ROUTES_LOOKED_AT)?;
    // Names in brackets are what no route matched.
    let names = listed.items.into_iter().map(|name| name.to_string());
    Ok(names
        .filter(|name| !name.is_empty() && !name.starts_with('<'))
        .collect())
}

fn of_entity(
    scope: &Scope<'_>,
    entity: &EntityKey,
    found: &Measured,
    all: &mut Vec<Suggestion>,
) -> Result<(), StoreError> {
    let minutes = f64::from(DAYS) * 24.0 * 60.0;
    if let (Some((bad, total)), Ok(indicator)) = (&found.availability, found.availability(entity))
        && let Some(mut history) = counted(scope, total)
    {
        history.bad = counted(scope, bad).map_or(0.0, |sums| sums.total);
        if let Some(target) = suggest_target(&history, minutes) {
            add(scope, all, entity, indicator, target, history);
        }
    }
    let bounds = found.bounds(scope.snapshot, scope.now)?;
    let mut within = Vec::new();
    let mut history = None;
    for (limit, _) in &bounds.0 {
        let Ok(Indicator::Latency { part, total, .. }) = found.latency(entity, *limit, &bounds)
        else {
            continue;
        };
        if history.is_none() {
            history = counted(scope, total.text());
        }
        let good = counted(scope, part.query().text());
        within.push((*limit, good.map_or(0.0, |sums| sums.total)));
    }
    if let Some(history) = history
        && let Some(found_limit) = suggest_latency(&within, &history, minutes)
        && let Ok(indicator) = found.latency(entity, found_limit.limit, &bounds)
    {
        let history = Sums {
            bad: history.total * (1.0 - found_limit.good_ratio),
            ..history
        };
        add(scope, all, entity, indicator, found_limit.target, history);
    }
    Ok(())
}

fn add(
    scope: &Scope<'_>,
    all: &mut Vec<Suggestion>,
    entity: &EntityKey,
    indicator: Indicator,
    target: f64,
    history: Sums,
) {
    let (Ok(target), Ok(window)) = (Target::new(target), Window::rolling(DAYS)) else {
        return;
    };
    let same = |held: &Held| {
        held.objective.entity == *entity && held.objective.indicator.name() == indicator.name()
    };
    let exists = scope.held.iter().any(same);
    let taken = |id: &ObjectiveId| {
        scope.held.iter().any(|held| held.objective.id == *id)
            || all.iter().any(|other| other.objective.id == *id)
    };
    let service = entity.scope.get("service").unwrap_or_default();
    let words = format!("{service} {} {}", entity.name, indicator.name());
    let mut id = ObjectiveId::from_words(&words);
    for number in 2.. {
        if !taken(&id) {
            break;
        }
        id = ObjectiveId::from_words(&words).numbered(number);
    }
    let counting = Counting::Requests;
    all.push(Suggestion {
        good_ratio: history.good_ratio().unwrap_or_default(),
        objective: Objective {
            id,
            title: title(entity, &indicator),
            description: String::new(),
            entity: entity.clone(),
            indicator,
            counting,
            target,
            window,
            floor: counting.default_floor(),
        },
        history,
        exists,
    });
}

/// As a person would call it: `web: requests are answered`.
fn title(entity: &EntityKey, indicator: &Indicator) -> String {
    let name = match entity.scope.get("service") {
        Some(service) => format!("{service} {}", entity.name),
        None => entity.name.to_string(),
    };
    match indicator {
        Indicator::Latency { limit, .. } if *limit < 1.0 => {
            format!("{name} answers within {} ms", (limit * 1e6).round() / 1e3)
        }
        Indicator::Latency { limit, .. } => format!("{name} answers within {limit} s"),
        Indicator::Availability { .. } | Indicator::Events { .. } | Indicator::Threshold { .. } => {
            format!("{name} answers without errors")
        }
    }
}

/// Events of a query per second over the history, and the minutes in which they were counted.
fn counted(scope: &Scope<'_>, per_second: &str) -> Option<Sums> {
    let window = model::format_duration(STEP);
    let text = format!(
        "sum({}) * {}",
        per_second.replace("$w", &window),
        STEP.as_secs()
    );
    let expr = promql::parse(&text).ok()?;
    let range = Range {
        start: scope.now.minus(HISTORY).plus(STEP),
        end: scope.now,
        step: STEP,
    };
    let options = EvalOptions {
        limits: Limits {
            samples_max: SAMPLES_MAX,
            ..Limits::default()
        },
        ..EvalOptions::default()
    };
    let evaluated = promql::eval_range(scope.snapshot, &expr, range, &options).ok()?;
    let Value::Matrix(series) = evaluated.value else {
        return None;
    };
    let mut sums = Sums::default();
    for sample in series.iter().flat_map(|series| &series.samples) {
        if sample.value.is_finite() {
            sums.total += sample.value;
            sums.minutes += u32::try_from(STEP.as_secs() / 60).unwrap_or(0);
        }
    }
    (sums.minutes > 0).then_some(sums)
}
