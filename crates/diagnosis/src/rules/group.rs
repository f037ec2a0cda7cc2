//! What a group of rules knows between two evaluations, and one evaluation.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use model::{Labels, METRIC_NAME, Timestamp, stale_marker};
use promql::{EvalError, Evaluated, Expr, Note, Value};

use super::alerting::AlertScope;
use super::postable::{Telling, Told};
use super::{
    AlertState, OUTAGE_COUNTED_MAX, PostableAlert, RESEND_DELAY, Rule, RuleGroup, RuleKind,
    generator_url,
};
use crate::template::TemplateError;

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
    /// How long an alert that nobody watches any more, since its targets cannot be scraped, stays
    /// as it was. Zero: it ends at once, as in Prometheus.
    pub unwatched_max: Duration,
}

impl Default for GroupOptions {
    /// Prometheus's behaviour and defaults: a minute between evaluations, no external labels.
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(60),
            resend_delay: RESEND_DELAY,
            external_labels: Labels::empty(),
            external_url: String::new(),
            unwatched_max: Duration::ZERO,
        }
    }
}

/// The state of all rules of one group.
#[derive(Debug)]
pub struct GroupState {
    pub(super) group: RuleGroup,
    pub(super) options: GroupOptions,
    pub(super) rules: Vec<RuleState>,
    /// Alert series of before a restart that no rule has written since.
    pub(super) orphans: HashSet<Labels>,
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
    pub(super) alerts: BTreeMap<AlertKey, Alert>,
    /// What the newest evaluation that succeeded wrote.
    written: HashSet<Labels>,
    /// Since when no target of an alert is watched.
    pub(super) unwatched: BTreeMap<AlertKey, Timestamp>,
    pub(super) told: Told,
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

    /// The wall clock jumped by so many milliseconds: what the alerts know of time moves along,
    /// so that `for` counts the time that went by and not the jump.
    pub fn clock_moved(&mut self, by_ms: i64) {
        for rule in &mut self.rules {
            for alert in rule.alerts.values_mut() {
                alert.state = alert.state.moved(by_ms);
            }
            for since in rule.unwatched.values_mut() {
                *since = since.plus_millis(by_ms);
            }
            rule.evaluated_at = rule.evaluated_at.map(|at| at.plus_millis(by_ms));
            rule.told.moved(by_ms);
        }
    }

    /// Evaluates one rule at `now`. The caller writes the samples before it evaluates the next
    /// rule of the group, which may read them, and ends the round with [`Self::end_round`].
    ///
    /// # Panics
    /// When `index` is not below the number of rules.
    pub fn evaluate(&mut self, index: usize, now: Timestamp, query: &mut Query<'_>) -> RuleOutcome {
        let at = now.minus(self.group.query_offset);
        let interval = self.group.interval.unwrap_or(self.options.interval);
        let (rule, state) = (&self.group.rules[index], &mut self.rules[index]);
        if let Some(before) = state.evaluated_at.replace(now) {
            state.skip_outage(now.since(before), interval);
        }
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
                        options: &self.options,
                        limit: self.group.limit,
                        now,
                        at,
                        query: &RefCell::new(query),
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
        if rule.alerting().is_none() || (state.alerts.is_empty() && state.told.is_empty()) {
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

    /// After evaluations that did not take place for long, the time between them does not count
    /// towards `for`: nobody saw whether the expression held.
    fn skip_outage(&mut self, gap: Duration, interval: Duration) {
        if gap <= OUTAGE_COUNTED_MAX.max(interval.saturating_mul(2)) {
            return;
        }
        for alert in self.alerts.values_mut() {
            if let AlertState::Pending { active_at } = alert.state {
                let active_at = active_at.plus(gap);
                alert.state = AlertState::Pending { active_at };
            }
        }
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

pub(super) fn series_of(value: Value) -> Result<Vec<(Labels, f64)>, RuleError> {
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

pub(super) fn check_limit(
    limit: Option<usize>,
    found: usize,
    what: &'static str,
) -> Result<(), RuleError> {
    match limit {
        Some(limit) if found > limit => Err(RuleError::Limit { limit, found, what }),
        _ => Ok(()),
    }
}
