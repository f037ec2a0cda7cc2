//! Objectives and how they stand, as the wire has them.

use std::time::Duration;

use diagnosis::objective::{BAD_EVENTS_SERIES, BURNS, Budget, EVENTS_SERIES, Objective, Standing};
use model::Timestamp;
use serde::Serialize;

use super::wish::Wish;
use crate::judge::RuleReport;
use crate::objectives::{Held, Source, Suggestion};

/// Where the first alert stands among an objective's rules: after the two that record.
const FIRST_ALERT: usize = 2;

#[derive(Serialize)]
pub(super) struct ListedJson {
    #[serde(flatten)]
    objective: Wish,
    /// The `job` label by which it belongs to a service.
    service: Option<String>,
    /// The file that it comes from; only there it can be changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    /// `the last 30 days`, `this month`.
    window_words: String,
    standing: StandingJson,
}

#[derive(Serialize)]
struct StandingJson {
    state: &'static str,
    sentence: String,
    since_ms: Option<i64>,
    start_ms: i64,
    end_ms: i64,
    /// Good of all; `null` when nothing was recorded.
    good_ratio: Option<f64>,
    bad: f64,
    total: f64,
    measured_seconds: u64,
    elapsed_seconds: u64,
    newest_ms: Option<i64>,
    budget: Option<BudgetJson>,
    burns: Vec<BurnJson>,
    alerts: Vec<AlertJson>,
    /// The share of the budget that was left, at even steps from the start to now.
    spark: Vec<f64>,
}

#[derive(Serialize)]
struct BudgetJson {
    /// In events, or minutes.
    total: f64,
    spent: f64,
    left: f64,
    left_ratio: f64,
    /// As if everything failed so long.
    total_seconds: f64,
    left_seconds: f64,
    exhausted_in_seconds: Option<f64>,
}

#[derive(Serialize)]
struct BurnJson {
    window_seconds: u64,
    rate: Option<f64>,
    bad: f64,
    total: f64,
}

#[derive(Serialize)]
struct AlertJson {
    name: &'static str,
    burn: &'static str,
    severity: &'static str,
    factor: f64,
    long_seconds: u64,
    short_seconds: u64,
    /// As the judge has it: `inactive`, `firing`, or `unknown` before its first evaluation.
    state: &'static str,
    since_ms: Option<i64>,
    /// Whether it can fire at all with this target.
    can_fire: bool,
}

#[derive(Serialize)]
pub(super) struct DetailJson {
    #[serde(flatten)]
    listed: ListedJson,
    /// Time and the share of the budget that was left then.
    burn_down: Vec<(i64, f64)>,
    queries: QueriesJson,
    /// What keeps the window from being seen whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

#[derive(Serialize)]
struct QueriesJson {
    /// What is recorded each minute.
    recorded_events: String,
    recorded_bad_events: String,
    /// The recorded series.
    events: String,
    bad_events: String,
    /// Over `$w`.
    good_ratio: String,
    /// By `window_seconds`, as the burns.
    burns: Vec<(u64, String)>,
    /// By the alert's name.
    alerts: Vec<(&'static str, String)>,
}

#[derive(Serialize)]
pub(super) struct SuggestionJson {
    /// What to POST.
    objective: Wish,
    service: Option<String>,
    /// Over what was looked at.
    good_ratio: f64,
    events: f64,
    measured_seconds: u64,
    exists: bool,
}

impl ListedJson {
    pub(super) fn of(
        held: &Held,
        standing: &Standing,
        line: &[(Timestamp, f64)],
        reports: Option<&Vec<RuleReport>>,
    ) -> Self {
        let objective = &held.objective;
        Self {
            objective: Wish::from(objective),
            service: objective.service().map(str::to_owned),
            file: match &held.source {
                Source::Stored => None,
                Source::File(file) => Some(file.display().to_string()),
            },
            window_words: objective.window.words(),
            standing: StandingJson::of(objective, standing, line, reports),
        }
    }
}

impl StandingJson {
    fn of(
        objective: &Objective,
        standing: &Standing,
        line: &[(Timestamp, f64)],
        reports: Option<&Vec<RuleReport>>,
    ) -> Self {
        let burns = standing.burns.iter().map(|burn| BurnJson {
            window_seconds: burn.window.as_secs(),
            rate: burn.rate,
            bad: burn.sums.bad,
            total: burn.sums.total,
        });
        let alerts = BURNS.iter().enumerate().map(|(index, burn)| {
            let report = reports.and_then(|reports| reports.get(FIRST_ALERT + index));
            let active = report.and_then(|report| report.alerts.first());
            AlertJson {
                name: burn.alert,
                burn: burn.name,
                severity: burn.severity.name(),
                factor: burn.factor,
                long_seconds: burn.long.as_secs(),
                short_seconds: burn.short.as_secs(),
                state: match report {
                    Some(report) if report.evaluated_at.is_some() => report.worst,
                    Some(_) | None => "unknown",
                },
                since_ms: active
                    .and_then(|alert| alert.state.active_at())
                    .map(Timestamp::as_millis),
                can_fire: burn.can_fire(objective),
            }
        });
        Self {
            state: standing.state.name(),
            sentence: standing.sentence.clone(),
            since_ms: standing.since.map(Timestamp::as_millis),
            start_ms: standing.period.start.as_millis(),
            end_ms: standing.period.end.as_millis(),
            good_ratio: standing.sums.good_ratio(),
            bad: standing.sums.bad,
            total: standing.sums.total,
            measured_seconds: standing.coverage.measured.as_secs(),
            elapsed_seconds: standing.coverage.elapsed.as_secs(),
            newest_ms: standing.coverage.newest.map(Timestamp::as_millis),
            budget: standing.budget.as_ref().map(BudgetJson::of),
            burns: burns.collect(),
            alerts: alerts.collect(),
            spark: line.iter().map(|(_, left)| *left).collect(),
        }
    }
}

impl BudgetJson {
    fn of(budget: &Budget) -> Self {
        let total_seconds = budget.time.as_secs_f64();
        Self {
            total: budget.events,
            spent: budget.spent,
            left: budget.left(),
            left_ratio: budget.left_ratio,
            total_seconds,
            left_seconds: total_seconds * budget.left_ratio,
            exhausted_in_seconds: budget.exhausted_in.map(|span| span.as_secs_f64()),
        }
    }
}

impl DetailJson {
    pub(super) fn of(
        listed: ListedJson,
        objective: &Objective,
        standing: &Standing,
        line: &[(Timestamp, f64)],
        window: Duration,
        retention: Duration,
    ) -> Self {
        let recorded = objective.recorded(window);
        let sel = objective.selector();
        let (events, bad_events) = (
            format!("{EVENTS_SERIES}{{{sel}}}"),
            format!("{BAD_EVENTS_SERIES}{{{sel}}}"),
        );
        let good_ratio =
            format!("1 - sum_over_time({bad_events}[$w]) / (sum_over_time({events}[$w]) > 0)");
        let burns = standing.burns.iter();
        let kept = model::format_duration(retention);
        let note = (retention < objective.window.longest()).then(|| {
            format!(
                "Samples are kept for {kept} (--retention), so the window is never seen whole; \
                 time that is not seen counts as good."
            )
        });
        Self {
            listed,
            burn_down: line
                .iter()
                .map(|(at, left)| (at.as_millis(), *left))
                .collect(),
            queries: QueriesJson {
                recorded_events: recorded.total,
                recorded_bad_events: recorded.bad,
                events,
                bad_events,
                good_ratio,
                burns: burns
                    .map(|burn| (burn.window.as_secs(), objective.burn_query(burn.window)))
                    .collect(),
                alerts: BURNS
                    .iter()
                    .map(|burn| (burn.alert, objective.alert_query(burn)))
                    .collect(),
            },
            note,
        }
    }
}

impl SuggestionJson {
    pub(super) fn of(suggestion: &Suggestion) -> Self {
        Self {
            objective: Wish::from(&suggestion.objective),
            service: suggestion.objective.service().map(str::to_owned),
            good_ratio: suggestion.good_ratio,
            events: suggestion.history.total,
            measured_seconds: u64::from(suggestion.history.minutes) * 60,
            exists: suggestion.exists,
        }
    }
}
