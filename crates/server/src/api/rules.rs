//! `rules` and `alerts`: what the judge watches and what it found, in Prometheus's JSON.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use diagnosis::pack::{Pack, Readiness};
use diagnosis::rules::{Alert, AlertState, Alerting, Rule, RuleKind};
use model::{Matcher, Timestamp, format_float};
use serde::Serialize;

use super::answer::{Answer, ApiError, success};
use super::params::Params;
use super::time::format_rfc3339;
use super::value::LabelsJson;
use crate::app::App;
use crate::judge::{Detections, GroupReport, JudgedGroup, RuleReport};

/// Mounted under `/api/v1`.
pub(crate) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/rules", get(rules))
        .route("/alerts", get(alerts))
}

/// `GET /api/v1/rules`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RulesJson<'a> {
    groups: Vec<GroupJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group_next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GroupJson<'a> {
    name: &'a str,
    file: &'a str,
    rules: Vec<RuleJson<'a>>,
    /// Seconds.
    interval: f64,
    limit: usize,
    /// Seconds.
    evaluation_time: f64,
    last_evaluation: String,
}

#[derive(Serialize)]
#[serde(untagged)]
enum RuleJson<'a> {
    Alerting(Box<AlertingJson<'a>>),
    Recording(RecordingJson<'a>),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AlertingJson<'a> {
    state: &'static str,
    name: &'a str,
    query: String,
    /// `for`, in seconds.
    duration: f64,
    /// Seconds.
    keep_firing_for: f64,
    labels: PairsJson<'a>,
    annotations: PairsJson<'a>,
    alerts: Vec<AlertJson<'a>>,
    health: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<&'a str>,
    /// Seconds.
    evaluation_time: f64,
    last_evaluation: String,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pack: Option<&'a str>,
    /// Markdown.
    #[serde(skip_serializing_if = "Option::is_none")]
    runbook: Option<&'a str>,
    /// What the rule waits for before it can say anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_evaluable: Option<String>,
    /// Before this time the past is too short that the rule compares with.
    #[serde(skip_serializing_if = "Option::is_none")]
    needs_data_until: Option<String>,
    /// The series that it judges, as matchers, where a user tuned the alert for some.
    #[serde(skip_serializing_if = "String::is_empty")]
    only: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RecordingJson<'a> {
    name: &'a str,
    query: String,
    #[serde(skip_serializing_if = "PairsJson::is_empty")]
    labels: PairsJson<'a>,
    health: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<&'a str>,
    evaluation_time: f64,
    last_evaluation: String,
    r#type: &'static str,
}

/// `GET /api/v1/alerts`.
#[derive(Serialize)]
struct AlertsJson<'a> {
    alerts: Vec<AlertJson<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AlertJson<'a> {
    labels: LabelsJson<'a>,
    annotations: PairsJson<'a>,
    state: &'static str,
    active_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keep_firing_since: Option<String>,
    /// As Go's `%e`.
    value: String,
}

/// Names and texts as an object, sorted by name as Go does.
struct PairsJson<'a>(&'a [(String, String)]);

impl PairsJson<'_> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for PairsJson<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut pairs: Vec<_> = self.0.iter().map(|(name, text)| (name, text)).collect();
        pairs.sort();
        serializer.collect_map(pairs)
    }
}

/// What a request asks for. Empty lists ask for everything.
#[derive(Clone, Debug, Default)]
pub(crate) struct RulesFilter {
    /// `alerting` or `recording`.
    rule_type: Option<&'static str>,
    rule_names: Vec<String>,
    group_names: Vec<String>,
    files: Vec<String>,
    /// Of each `match[]`, all must hold on the labels that the rule sets.
    selectors: Vec<Vec<Matcher>>,
    exclude_alerts: bool,
    /// Groups in one answer.
    group_limit: Option<usize>,
    /// The answer begins with this group.
    next_token: Option<String>,
}

impl RulesFilter {
    fn of(params: &Params) -> Result<Self, ApiError> {
        let texts = |name: &str| params.all(name).into_iter().map(str::to_owned).collect();
        let rule_type = match params.get("type").map(str::to_lowercase).as_deref() {
            None => None,
            Some("alert") => Some("alerting"),
            Some("record") => Some("recording"),
            Some(other) => {
                return Err(ApiError::bad_data(format!("not supported value {other:?}")));
            }
        };
        let limit = params.limit("group_limit")?;
        let selectors = params.all("match[]").into_iter().map(selector_of);
        Ok(Self {
            rule_type,
            rule_names: texts("rule_name[]"),
            group_names: texts("rule_group[]"),
            files: texts("file[]"),
            selectors: selectors.collect::<Result<_, _>>()?,
            exclude_alerts: params.get("exclude_alerts") == Some("true"),
            group_limit: (limit < usize::MAX).then_some(limit),
            next_token: params.get("group_next_token").map(str::to_owned),
        })
    }

    fn wants_group(&self, group: &JudgedGroup) -> bool {
        let among = |wanted: &[String], name: &str| {
            wanted.is_empty() || wanted.iter().any(|candidate| candidate == name)
        };
        among(&self.group_names, group.name()) && among(&self.files, &group.file)
    }

    /// Whether something is asked of rules, so that a group may have none that fits.
    fn chooses_rules(&self) -> bool {
        self.rule_type.is_some() || !self.rule_names.is_empty() || !self.selectors.is_empty()
    }

    fn wants_rule(&self, rule: &Rule) -> bool {
        // A template's value is known only once it fired.
        let label = |name: &str| rule.label(name).filter(|value| !value.contains("{{"));
        let holds = |matcher: &Matcher| matcher.matches(label(matcher.name()).unwrap_or_default());
        let selected = |matchers: &Vec<Matcher>| matchers.iter().all(holds);
        let kind = if rule.alerting().is_some() {
            "alerting"
        } else {
            "recording"
        };
        self.rule_type.is_none_or(|wanted| wanted == kind)
            && (self.selectors.is_empty() || self.selectors.iter().any(selected))
            && (self.rule_names.is_empty() || self.rule_names.iter().any(|n| n == rule.name()))
    }
}

fn selector_of(text: &str) -> Result<Vec<Matcher>, ApiError> {
    let bad =
        |reason: String| ApiError::bad_data(format!("invalid parameter \"match[]\": {reason}"));
    let expr = promql::parse(text).map_err(|error| bad(error.to_string()))?;
    let mut selectors = expr.selectors();
    match (selectors.next(), selectors.next()) {
        (Some(selector), None) => Ok(selector.matchers.to_vec()),
        _ => Err(bad(format!("{text:?} is not one series selector"))),
    }
}

async fn rules(State(app): State<Arc<App>>, params: Params) -> Answer {
    let filter = RulesFilter::of(&params)?;
    rules_answer(
        app.judge.groups(),
        &app.judge.packs(),
        &app.judge.detections(),
        &filter,
    )
}

/// Everything the answer needs, so that tests need no server.
pub(crate) fn rules_answer(
    mut groups: Vec<Arc<JudgedGroup>>,
    packs: &[Pack],
    detections: &Detections,
    filter: &RulesFilter,
) -> Answer {
    groups.retain(|group| filter.wants_group(group));
    groups.sort_by(|a, b| (&a.file, a.name()).cmp(&(&b.file, b.name())));
    if let Some(token) = &filter.next_token {
        let start = groups.iter().position(|group| token_of(group) == *token);
        let start = start.ok_or_else(|| {
            ApiError::bad_data("invalid group_next_token: the rules have changed, begin anew")
        })?;
        groups.drain(..start);
    }
    let limit = filter.group_limit.unwrap_or(usize::MAX);
    let group_next_token = groups.get(limit).map(|group| token_of(group));
    groups.truncate(limit);
    let reports: Vec<Arc<GroupReport>> = groups.iter().map(|group| group.report()).collect();
    let groups = groups.iter().zip(&reports).map(|(group, report)| {
        let pack = group
            .pack
            .as_deref()
            .and_then(|id| packs.iter().find(|pack| pack.id == id));
        group_json(group, report, pack, detections, filter)
    });
    // Prometheus leaves out groups in which a filter on rules found nothing.
    let filtered = filter.chooses_rules();
    let groups = groups
        .filter(|group| !filtered || !group.rules.is_empty())
        .collect();
    success(&RulesJson {
        groups,
        group_next_token,
    })
}

/// Names a group in the middle of a list; opaque to clients.
fn token_of(group: &JudgedGroup) -> String {
    format!("{:016x}", group.key().fingerprint().0)
}

fn group_json<'a>(
    group: &'a JudgedGroup,
    report: &'a GroupReport,
    pack: Option<&'a Pack>,
    detections: &Detections,
    filter: &RulesFilter,
) -> GroupJson<'a> {
    let rules = group
        .rules(report)
        .filter(|(rule, _)| filter.wants_rule(rule));
    let rules = rules.map(|(rule, report)| match &rule.kind {
        RuleKind::Recording { record } => RuleJson::Recording(RecordingJson {
            name: record,
            query: rule.expr.to_string(),
            labels: PairsJson(&rule.labels),
            health: report.health,
            last_error: report.last_error.as_deref(),
            evaluation_time: report.took.as_secs_f64(),
            last_evaluation: time(report.evaluated_at),
            r#type: "recording",
        }),
        RuleKind::Alerting(alerting) => {
            let exists = |name: &str| detections.has_metric(name);
            let ready = pack.map(|pack| {
                let (since, now) = (detections.pack_since(&pack.id), detections.looked_at());
                pack.readiness(rule, &exists, since, now)
            });
            let mut json = alerting_json(rule, alerting, report, pack);
            match ready {
                Some(Readiness::NotEvaluable(reason)) => json.not_evaluable = Some(reason),
                Some(Readiness::NeedsData { until }) => {
                    json.needs_data_until = Some(time(Some(until)));
                }
                Some(Readiness::Armed) => {}
                None => json.not_evaluable = rule.not_evaluable(&exists),
            }
            if filter.exclude_alerts {
                json.alerts = Vec::new();
            }
            RuleJson::Alerting(Box::new(json))
        }
    });
    GroupJson {
        name: group.name(),
        file: &group.file,
        rules: rules.collect(),
        interval: group.interval.as_secs_f64(),
        limit: group.limit().unwrap_or(0),
        evaluation_time: report.took.as_secs_f64(),
        last_evaluation: time(report.evaluated_at),
    }
}

fn alerting_json<'a>(
    rule: &'a Rule,
    alerting: &'a Alerting,
    report: &'a RuleReport,
    pack: Option<&'a Pack>,
) -> AlertingJson<'a> {
    AlertingJson {
        state: report.worst,
        name: &alerting.name,
        query: rule.expr.to_string(),
        duration: alerting.hold.as_secs_f64(),
        keep_firing_for: alerting.keep_firing_for.as_secs_f64(),
        labels: PairsJson(&rule.labels),
        annotations: PairsJson(&alerting.annotations),
        alerts: report.alerts.iter().map(alert_json).collect(),
        health: report.health,
        last_error: report.last_error.as_deref(),
        evaluation_time: report.took.as_secs_f64(),
        last_evaluation: time(report.evaluated_at),
        r#type: "alerting",
        pack: pack.map(|pack| pack.id.as_str()),
        runbook: pack
            .and_then(|pack| pack.runbooks.get(&alerting.name))
            .map(String::as_str),
        not_evaluable: None,
        needs_data_until: None,
        only: rule.judged.only.to_string(),
    }
}

async fn alerts(State(app): State<Arc<App>>) -> Answer {
    alerts_answer(&app.judge.alerts())
}

pub(crate) fn alerts_answer(alerts: &[Alert]) -> Answer {
    success(&AlertsJson {
        alerts: alerts.iter().map(alert_json).collect(),
    })
}

fn alert_json(alert: &Alert) -> AlertJson<'_> {
    let keep_firing_since = match alert.state {
        AlertState::Firing { clear_since, .. } => clear_since.map(format_rfc3339),
        AlertState::Pending { .. } | AlertState::Inactive => None,
    };
    AlertJson {
        labels: LabelsJson(&alert.labels),
        annotations: PairsJson(&alert.annotations),
        state: alert.state.name(),
        active_at: alert.state.active_at().map(format_rfc3339),
        keep_firing_since,
        value: exponent_form(alert.value),
    }
}

/// Go's zero time for what has not happened yet.
fn time(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), format_rfc3339)
}

/// `2.4e-01`: Go's `%e` with the fewest digits that read back the same.
fn exponent_form(value: f64) -> String {
    if !value.is_finite() {
        return format_float(value);
    }
    let text = format!("{value:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    match exponent.strip_prefix('-') {
        Some(digits) => format!("{mantissa}e-{digits:0>2}"),
        None => format!("{mantissa}e+{exponent:0>2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::world::World;

    /// The rules that an answer holds, `group/rule` each.
    fn check_filter(filter: RulesFilter, expected: &str) {
        let world = World::new();
        let packs = world.judge.packs();
        let answer = rules_answer(world.groups.clone(), &packs, &world.detections, &filter);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let body = answer.unwrap().into_body();
        let body = runtime
            .block_on(axum::body::to_bytes(body, 1 << 20))
            .unwrap();
        let json: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let mut found = Vec::new();
        for group in json["data"]["groups"].as_array().unwrap() {
            for rule in group["rules"].as_array().unwrap() {
                let name = |json: &serde_json::Value| json["name"].as_str().unwrap().to_owned();
                found.push(format!("{}/{}", name(group), name(rule)));
            }
        }
        assert_eq!(found.join(" "), expected);
    }

    #[test]
    fn rules_are_chosen_by_what_the_request_names() {
        let all = RulesFilter::default;
        let recording = RulesFilter {
            rule_type: Some("recording"),
            ..all()
        };
        check_filter(recording, "own/job:requests:rate1m");
        let rule_names = vec!["TargetDown".to_owned(), "Deadman".to_owned()];
        check_filter(
            RulesFilter {
                rule_names,
                ..all()
            },
            "pack-target/TargetDown own/Deadman",
        );
        let selectors = vec![selector_of(r#"{pack="python",severity=~"crit.*"}"#).unwrap()];
        check_filter(
            RulesFilter { selectors, ..all() },
            "pack-python/PythonRestartLoop",
        );
        let group_names = vec!["own".to_owned()];
        let own = "own/job:requests:rate1m own/Broken own/Deadman";
        check_filter(
            RulesFilter {
                group_names,
                ..all()
            },
            own,
        );
        let world = World::new();
        let own_group = world
            .groups
            .iter()
            .find(|group| group.name() == "own")
            .unwrap();
        let next_token = Some(token_of(own_group));
        check_filter(
            RulesFilter {
                next_token,
                group_limit: Some(1),
                ..all()
            },
            own,
        );
        assert!(selector_of("up + up").is_err() && selector_of("1").is_err());
    }

    #[test]
    fn values_of_alerts_are_written_as_go_writes_them() {
        for (value, expected) in [
            (0.24, "2.4e-01"),
            (0.0, "0e+00"),
            (1.0, "1e+00"),
            (123_456.0, "1.23456e+05"),
            (-1e-12, "-1e-12"),
            (1e100, "1e+100"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
        ] {
            assert_eq!(exponent_form(value), expected);
        }
    }
}
