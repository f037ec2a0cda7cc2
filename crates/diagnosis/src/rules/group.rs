//! What a group of rules knows between two evaluations, and one evaluation.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use model::{Labels, LabelsBuilder, METRIC_NAME, Sample, Timestamp, stale_marker};
use promql::{EvalError, Evaluated, Expr, Note, Value};

use super::postable::{Telling, Told};
use super::{AlertState, Alerting, PostableAlert, RESEND_DELAY, Rule, RuleGroup, RuleKind};
use super::{generator_url, restored_active_at, step};
use crate::template::{TemplateData, TemplateError, expand};

/// The series of alerts that are pending or firing, with the label `alertstate`.
const ALERTS: &str = "ALERTS";
/// Since when each of them holds, in Unix seconds: what a restart reads.
const ALERTS_FOR_STATE: &str = "ALERTS_FOR_STATE";

/// The labels of an alert, `alertname` among them: what tells it from others.
pub type AlertKey = Labels;

/// What a group is told of the server that evaluates it.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupOptions {
    /// Between evaluations, where the group names no interval of its own.
    pub interval: Duration,
    /// How long a notifier may hear nothing of an alert that goes on firing.
    pub resend_delay: Duration,
    /// `$externalLabels` of templates.
    pub external_labels: Labels,
    /// Where people reach the server; links begin with it.
    pub external_url: String,
}

impl Default for GroupOptions {
    /// Prometheus's defaults: a minute between evaluations, no external labels, no URL.
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(60),
            resend_delay: RESEND_DELAY,
            external_labels: Labels::empty(),
            external_url: String::new(),
        }
    }
}

/// The state of all rules of one group.
#[derive(Debug)]
pub struct GroupState {
    group: RuleGroup,
    options: GroupOptions,
    rules: Vec<RuleState>,
    /// Alert series of before a restart that no rule has written since.
    orphans: HashSet<Labels>,
}

/// The state of one rule.
#[derive(Debug, Default)]
pub struct RuleState {
    pub health: Health,
    /// The time that the newest evaluation stood for.
    pub evaluated_at: Option<Timestamp>,
    /// How long the newest evaluation took; the caller measures and sets it.
    pub took: Duration,
    /// What the newest evaluation remarked on its query.
    pub notes: Vec<Note>,
    /// What was wrong with labels or annotations of the newest evaluation, at most one a text.
    pub template_errors: Vec<TemplateError>,
    alerts: BTreeMap<AlertKey, Alert>,
    /// What the newest evaluation that succeeded wrote.
    written: HashSet<Labels>,
    /// The newest `ALERTS_FOR_STATE` samples of before a restart, until the first evaluation.
    remembered: HashMap<AlertKey, Sample>,
    told: Told,
}

/// How a rule's newest evaluation went.
#[derive(Debug, Default)]
pub enum Health {
    #[default]
    Unknown,
    Ok,
    Failed(RuleError),
}

/// Why a rule could not be evaluated. It costs this rule only.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    #[error(transparent)]
    Query(#[from] EvalError),
    #[error("rule result is not a vector or scalar")]
    NotAVector,
    /// A label that tells two series apart is set to one value by the rule.
    #[error(
        "vector contains metrics with the same labelset after applying {what} labels: {labels}"
    )]
    SameLabels { what: &'static str, labels: Labels },
    #[error("exceeded limit of {limit} with {found} {what}")]
    Limit {
        limit: usize,
        found: usize,
        what: &'static str,
    },
}

/// One alert that is pending or firing.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    pub labels: AlertKey,
    pub annotations: Vec<(String, String)>,
    pub state: AlertState,
    /// Of the newest evaluation at which the expression held.
    pub value: f64,
}

/// What one evaluation of one rule brought about.
#[derive(Debug, Default)]
pub struct RuleOutcome {
    /// The timestamp of all samples.
    pub at: Timestamp,
    /// To be written: results, and stale markers for what is no more.
    pub samples: Vec<(Labels, f64)>,
    pub transitions: Vec<Transition>,
    /// What a notifier must hear now.
    pub postable: Vec<PostableAlert>,
}

/// An alert changed its state.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    pub kind: TransitionKind,
    pub at: Timestamp,
    /// As of now; for an alert that ended, as it was last.
    pub alert: Alert,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransitionKind {
    Pending,
    Firing,
    /// A pending alert ended before it fired.
    Cleared,
    /// A firing alert ended.
    Resolved,
}

/// Runs an expression at a moment.
pub type Query<'q> = dyn FnMut(&Expr, Timestamp) -> Result<Evaluated, EvalError> + 'q;

impl GroupState {
    pub fn new(group: RuleGroup, options: GroupOptions) -> Self {
        let rules = group.rules.iter().map(|_| RuleState::default()).collect();
        Self {
            group,
            options,
            rules,
            orphans: HashSet::new(),
        }
    }

    pub fn group(&self) -> &RuleGroup {
        &self.group
    }

    /// Each rule with its state, in the order of evaluation.
    pub fn rules(&self) -> impl ExactSizeIterator<Item = (&Rule, &RuleState)> {
        self.group.rules.iter().zip(&self.rules)
    }

    /// Takes over what was written before a restart: the newest sample of each `ALERTS` and
    /// `ALERTS_FOR_STATE` series of this group's alerts. Call it before the first evaluation.
    pub fn restore(&mut self, found: &[(Labels, Sample)]) {
        for (labels, sample) in found {
            let key = labels.drop(&[METRIC_NAME, "alertstate"]);
            let owner = self.group.rules.iter().position(|rule| is_of(&key, rule));
            let Some(index) = owner.filter(|_| !model::is_stale(sample.value)) else {
                continue;
            };
            self.orphans.insert(labels.clone());
            if labels.metric_name() == ALERTS_FOR_STATE {
                self.rules[index].remembered.insert(key, *sample);
            }
        }
    }

    /// Evaluates one rule at `now`. The caller writes the samples before it evaluates the next
    /// rule of the group, which may read them, and ends the round with [`Self::end_round`].
    ///
    /// # Panics
    /// When `index` is not below the number of rules.
    pub fn evaluate(&mut self, index: usize, now: Timestamp, query: &mut Query<'_>) -> RuleOutcome {
        let at = now.minus(self.group.query_offset);
        let (rule, state) = (&self.group.rules[index], &mut self.rules[index]);
        state.evaluated_at = Some(now);
        state.template_errors.clear();
        let outcome = query(&rule.expr, at).map_err(RuleError::from);
        let outcome = outcome.and_then(|evaluated| {
            state.notes = evaluated.notes;
            let series = series_of(evaluated.value)?;
            match &rule.kind {
                RuleKind::Recording { record } => {
                    let samples = recorded(record, rule, series, self.group.limit)?;
                    Ok((samples, Vec::new()))
                }
                RuleKind::Alerting(alerting) => {
                    let scope = AlertScope {
                        rule,
                        alerting,
                        external_labels: &self.options.external_labels,
                        limit: self.group.limit,
                        now,
                    };
                    scope.advance(state, series)
                }
            }
        });
        let postable = self.due(index, now);
        let state = &mut self.rules[index];
        match outcome {
            Ok((mut samples, transitions)) => {
                state.health = Health::Ok;
                let written: HashSet<Labels> =
                    samples.iter().map(|(labels, _)| labels.clone()).collect();
                samples.extend(ended(state.written.difference(&written).cloned()));
                state.written = written;
                RuleOutcome {
                    at,
                    samples,
                    transitions,
                    postable,
                }
            }
            // As in Prometheus: alerts stay as they are, nothing is written, nothing ends.
            // Unlike there, what fires is still told: silence would end it at the notifier.
            Err(error) => {
                state.health = Health::Failed(error);
                RuleOutcome {
                    at,
                    postable,
                    ..RuleOutcome::default()
                }
            }
        }
    }

    /// What a notifier must hear of a rule's alerts as they are now.
    fn due(&mut self, index: usize, now: Timestamp) -> Vec<PostableAlert> {
        let (rule, state) = (&self.group.rules[index], &mut self.rules[index]);
        if rule.alerting().is_none() {
            return Vec::new();
        }
        let telling = Telling {
            now,
            interval: self.group.interval.unwrap_or(self.options.interval),
            resend_delay: self.options.resend_delay,
            generator_url: &generator_url(&self.options.external_url, &rule.expr.to_string()),
        };
        state.told.due(&state.alerts, &telling)
    }

    /// Ends the series of before a restart that no rule has written: call it after each round.
    pub fn end_round(&mut self) -> Vec<(Labels, f64)> {
        let orphans = std::mem::take(&mut self.orphans);
        let all_ok = self
            .rules
            .iter()
            .all(|rule| matches!(rule.health, Health::Ok));
        if !all_ok {
            // A rule that failed may still be the one that goes on with them.
            self.orphans = orphans;
            return Vec::new();
        }
        let written = |labels: &Labels| self.rules.iter().any(|r| r.written.contains(labels));
        ended(orphans.into_iter().filter(|labels| !written(labels)))
    }

    /// How long the newest evaluation of a rule took.
    pub fn set_took(&mut self, index: usize, took: Duration) {
        if let Some(rule) = self.rules.get_mut(index) {
            rule.took = took;
        }
    }
}

impl RuleState {
    /// Alerts that are pending or firing, by labels.
    pub fn alerts(&self) -> impl ExactSizeIterator<Item = &Alert> {
        self.alerts.values()
    }

    /// The gravest state of any alert.
    pub fn worst(&self) -> &'static str {
        let firing = |alert: &Alert| matches!(alert.state, AlertState::Firing { .. });
        match (self.alerts.is_empty(), self.alerts.values().any(firing)) {
            (true, _) => "inactive",
            (false, false) => "pending",
            (false, true) => "firing",
        }
    }
}

/// Stale markers for series that are no more, in a fixed order.
fn ended(labels: impl Iterator<Item = Labels>) -> Vec<(Labels, f64)> {
    let mut gone: Vec<_> = labels.map(|labels| (labels, stale_marker())).collect();
    gone.sort_by(|(a, _), (b, _)| a.cmp(b));
    gone
}

/// Whether an alert can come from a rule: the name and every label without a template agree.
fn is_of(key: &AlertKey, rule: &Rule) -> bool {
    rule.alerting()
        .is_some_and(|alerting| key.get("alertname") == Some(&alerting.name))
        && rule.labels.iter().all(|(name, value)| {
            name == "alertname"
                || value.contains("{{")
                || key.get(name).unwrap_or_default() == value
        })
}

fn series_of(value: Value) -> Result<Vec<(Labels, f64)>, RuleError> {
    match value {
        Value::Vector(series) => Ok(series
            .into_iter()
            .map(|series| (series.labels, series.sample.value))
            .collect()),
        Value::Scalar(sample) => Ok(vec![(Labels::empty(), sample.value)]),
        Value::String { .. } | Value::Matrix(_) => Err(RuleError::NotAVector),
    }
}

fn recorded(
    record: &str,
    rule: &Rule,
    series: Vec<(Labels, f64)>,
    limit: Option<usize>,
) -> Result<Vec<(Labels, f64)>, RuleError> {
    check_limit(limit, series.len(), "series")?;
    let mut seen = HashSet::with_capacity(series.len());
    let mut samples = Vec::with_capacity(series.len());
    for (labels, value) in series {
        let mut builder = labels.builder();
        builder.set(METRIC_NAME, record);
        for (name, value) in &rule.labels {
            builder.set(name, value);
        }
        let labels = builder.build();
        if !seen.insert(labels.clone()) {
            return Err(RuleError::SameLabels {
                what: "rule",
                labels,
            });
        }
        samples.push((labels, value));
    }
    Ok(samples)
}

fn check_limit(limit: Option<usize>, found: usize, what: &'static str) -> Result<(), RuleError> {
    match limit {
        Some(limit) if found > limit => Err(RuleError::Limit { limit, found, what }),
        _ => Ok(()),
    }
}

/// One alerting rule at one moment.
struct AlertScope<'a> {
    rule: &'a Rule,
    alerting: &'a Alerting,
    external_labels: &'a Labels,
    limit: Option<usize>,
    now: Timestamp,
}

type Advanced = (Vec<(Labels, f64)>, Vec<Transition>);

impl AlertScope<'_> {
    fn advance(
        &self,
        state: &mut RuleState,
        series: Vec<(Labels, f64)>,
    ) -> Result<Advanced, RuleError> {
        let (breached, errors) = self.breached(series)?;
        state.template_errors = errors;
        let mut transitions = Vec::new();
        let mut previous = std::mem::take(&mut state.alerts);
        let remembered = std::mem::take(&mut state.remembered);
        for (key, mut alert) in breached {
            let before = match previous.remove(&key) {
                Some(alert) => alert.state,
                None => self.remembered_state(remembered.get(&key)),
            };
            self.step_alert(&mut alert, before, true, &mut transitions);
            state.alerts.insert(key, alert);
        }
        for (key, mut alert) in previous {
            let before = alert.state;
            self.step_alert(&mut alert, before, false, &mut transitions);
            if alert.state != AlertState::Inactive {
                state.alerts.insert(key, alert);
            }
        }
        if let Err(error) = check_limit(self.limit, state.alerts.len(), "alerts") {
            // As in Prometheus: over the limit a rule has no alerts at all.
            state.alerts.clear();
            return Err(error);
        }
        let samples = state.alerts.values().flat_map(alert_samples).collect();
        Ok((samples, transitions))
    }

    /// The alerts that the expression yields now, state still open, and failed templates.
    fn breached(
        &self,
        series: Vec<(Labels, f64)>,
    ) -> Result<(BTreeMap<AlertKey, Alert>, Vec<TemplateError>), RuleError> {
        let mut errors = Vec::new();
        let mut alerts = BTreeMap::new();
        for (labels, value) in series {
            let labels = labels.without_metric_name();
            let data = TemplateData {
                labels: &labels,
                external_labels: self.external_labels,
                value,
            };
            let mut expanded = |text: &str| {
                let (text, error) = expand(text, &data);
                errors.extend(error);
                text
            };
            let mut builder: LabelsBuilder = labels.builder();
            for (name, template) in &self.rule.labels {
                builder.set(name, expanded(template));
            }
            builder.set("alertname", &self.alerting.name);
            let annotations = self.alerting.annotations.iter();
            let annotations = annotations
                .map(|(name, template)| (name.clone(), expanded(template)))
                .collect();
            let key = builder.build();
            let alert = Alert {
                labels: key.clone(),
                annotations,
                state: AlertState::Inactive,
                value,
            };
            if alerts.insert(key.clone(), alert).is_some() {
                return Err(RuleError::SameLabels {
                    what: "alert",
                    labels: key,
                });
            }
        }
        errors.dedup();
        Ok((alerts, errors))
    }

    /// The state of an alert that is new, or that was here before a restart.
    fn remembered_state(&self, last: Option<&Sample>) -> AlertState {
        let hold = self.alerting.hold;
        let active_at = last.and_then(|last| restored_active_at(*last, self.now, hold));
        match active_at.zip(last) {
            None => AlertState::Inactive,
            // It fired before the restart: firing now is no news.
            Some((active_at, last)) if last.timestamp.since(active_at) >= hold => {
                AlertState::Firing {
                    active_at,
                    fired_at: active_at.plus(hold),
                    clear_since: None,
                }
            }
            Some((active_at, _)) => AlertState::Pending { active_at },
        }
    }

    fn step_alert(
        &self,
        alert: &mut Alert,
        before: AlertState,
        breached: bool,
        transitions: &mut Vec<Transition>,
    ) {
        let (hold, keep) = (self.alerting.hold, self.alerting.keep_firing_for);
        let after = step(before, breached, self.now, hold, keep);
        let kind = match (before, after) {
            (AlertState::Inactive, AlertState::Pending { .. }) => Some(TransitionKind::Pending),
            (AlertState::Inactive | AlertState::Pending { .. }, AlertState::Firing { .. }) => {
                Some(TransitionKind::Firing)
            }
            (AlertState::Pending { .. }, AlertState::Inactive) => Some(TransitionKind::Cleared),
            (AlertState::Firing { .. }, AlertState::Inactive) => Some(TransitionKind::Resolved),
            // `step` never leads from firing back to pending.
            (AlertState::Inactive, AlertState::Inactive)
            | (AlertState::Pending { .. }, AlertState::Pending { .. })
            | (AlertState::Firing { .. }, AlertState::Pending { .. })
            | (AlertState::Firing { .. }, AlertState::Firing { .. }) => None,
        };
        alert.state = after;
        transitions.extend(kind.map(|kind| Transition {
            kind,
            at: self.now,
            alert: alert.clone(),
        }));
    }
}

fn alert_samples(alert: &Alert) -> [(Labels, f64); 2] {
    let mut shown = alert.labels.builder();
    shown
        .set(METRIC_NAME, ALERTS)
        .set("alertstate", alert.state.name());
    let mut since = alert.labels.builder();
    since.set(METRIC_NAME, ALERTS_FOR_STATE);
    let active_at = alert.state.active_at().unwrap_or_default();
    [
        (shown.build(), 1.0),
        (since.build(), active_at.as_secs_f64()),
    ]
}
