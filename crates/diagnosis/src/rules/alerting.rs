//! One evaluation of an alerting rule: series to alerts, alerts from state to state.

use std::cell::RefCell;
use std::collections::BTreeMap;

use model::{Labels, LabelsBuilder, METRIC_NAME, Timestamp};
use promql::{EvalError, Evaluated, Expr, Value};

use super::group::{Query, check_limit};
use super::sight::Sight;
use super::{
    Alert, AlertKey, AlertState, Alerting, GroupOptions, Rule, RuleError, RuleState, Transition,
    TransitionKind, step,
};
use crate::template::{TemplateData, TemplateError, TemplateSample, expand};

/// The series of alerts that are pending or firing, with the label `alertstate`.
pub(super) const ALERTS: &str = "ALERTS";
/// Since when each of them holds, in Unix seconds: what a restart reads.
pub(super) const ALERTS_FOR_STATE: &str = "ALERTS_FOR_STATE";

/// One alerting rule at one moment.
pub(super) struct AlertScope<'a, 'q> {
    pub(super) rule: &'a Rule,
    pub(super) alerting: &'a Alerting,
    pub(super) options: &'a GroupOptions,
    pub(super) limit: Option<usize>,
    /// The moment of the evaluation.
    pub(super) now: Timestamp,
    /// Where the expression looks: `now` without the group's offset.
    pub(super) at: Timestamp,
    pub(super) query: &'a RefCell<&'a mut Query<'q>>,
}

type Advanced = (Vec<(Labels, f64)>, Vec<Transition>);

/// The alerts that an expression yields, and what was wrong with their texts.
pub(super) type Breached = (BTreeMap<AlertKey, Alert>, Vec<TemplateError>);

impl AlertScope<'_, '_> {
    pub(super) fn advance(
        &self,
        state: &mut RuleState,
        series: Vec<(Labels, f64)>,
    ) -> Result<Advanced, RuleError> {
        let (breached, errors) = self.breached(series)?;
        state.template_errors = errors;
        let mut transitions = Vec::new();
        let mut previous = std::mem::take(&mut state.alerts);
        for (key, mut alert) in breached {
            let before = previous.remove(&key).map(|alert| alert.state);
            state.unwatched.remove(&key);
            let before = before.unwrap_or(AlertState::Inactive);
            self.step_alert(&mut alert, before, true, &mut transitions);
            state.alerts.insert(key, alert);
        }
        let sight = self.sight(&previous);
        for (key, mut alert) in previous {
            if !self.is_kept_unwatched(state, &key, sight.as_ref()) {
                state.unwatched.remove(&key);
                let before = alert.state;
                self.step_alert(&mut alert, before, false, &mut transitions);
            }
            if alert.state != AlertState::Inactive {
                state.alerts.insert(key, alert);
            }
        }
        if let Err(error) = check_limit(self.limit, state.alerts.len(), "alerts") {
            // As in Prometheus: over the limit a rule has no alerts at all.
            state.alerts.clear();
            state.unwatched.clear();
            return Err(error);
        }
        let samples = state.alerts.values().flat_map(alert_samples).collect();
        Ok((samples, transitions))
    }

    /// What is watched, if it matters: some alert would end.
    fn sight(&self, ending: &BTreeMap<AlertKey, Alert>) -> Option<Sight> {
        if ending.is_empty() || self.options.unwatched_max.is_zero() {
            return None;
        }
        Some(Sight::look(self.rule, self.at, &mut self.ask()))
    }

    /// Whether an alert that its expression does not yield stays as it is, because no target of
    /// it can be seen, and was seen not long ago.
    fn is_kept_unwatched(
        &self,
        state: &mut RuleState,
        key: &AlertKey,
        sight: Option<&Sight>,
    ) -> bool {
        if sight.is_none_or(|sight| sight.sees(key)) {
            return false;
        }
        let since = *state.unwatched.entry(key.clone()).or_insert(self.now);
        self.now.since(since) < self.options.unwatched_max
    }

    fn ask(&self) -> impl FnMut(&Expr, Timestamp) -> Result<Evaluated, EvalError> + '_ {
        |expr, at| (self.query.borrow_mut())(expr, at)
    }

    /// What `query` of a template finds.
    fn template_query(&self, text: &str) -> Result<Vec<TemplateSample>, String> {
        let expr = promql::parse(text).map_err(|error| error.to_string())?;
        // As in Prometheus at the moment of the evaluation, whatever the group's offset.
        let evaluated = (self.ask())(&expr, self.now).map_err(|error| error.to_string())?;
        let sample = |labels, value| TemplateSample { labels, value };
        match evaluated.value {
            Value::Vector(series) => {
                let series = series.into_iter();
                Ok(series.map(|s| sample(s.labels, s.sample.value)).collect())
            }
            Value::Scalar(found) => Ok(vec![sample(Labels::empty(), found.value)]),
            Value::String { .. } | Value::Matrix(_) => {
                Err("rule result is not a vector or scalar".to_owned())
            }
        }
    }

    /// The alerts that the expression yields, state still open.
    pub(super) fn breached(&self, series: Vec<(Labels, f64)>) -> Result<Breached, RuleError> {
        let mut errors = Vec::new();
        let mut alerts = BTreeMap::new();
        let query = |text: &str| self.template_query(text);
        for (labels, value) in series {
            let public = labels.without_metric_name();
            if !self.rule.judged.has(&public) {
                continue;
            }
            let data = TemplateData {
                labels: &labels,
                external_labels: &self.options.external_labels,
                external_url: &self.options.external_url,
                value,
                now: self.now,
                query: Some(&query),
            };
            let mut expanded = |text: &str| {
                let (text, error) = expand(text, &data);
                errors.extend(error);
                text
            };
            let mut builder: LabelsBuilder = public.builder();
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
