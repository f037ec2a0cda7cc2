//! What a group takes over from before a restart.
//!
//! `ALERTS` and `ALERTS_FOR_STATE` say which alerts there were and since when. The rest (value,
//! texts) comes from evaluating the rule once more at the moment at which they were written.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use model::{Labels, METRIC_NAME, Sample, Timestamp};

use super::alerting::{ALERTS, ALERTS_FOR_STATE, AlertScope};
use super::group::{Query, series_of};
use super::postable::Telling;
use super::{
    Alert, AlertKey, AlertState, GroupState, OUTAGE_COUNTED_MAX, RESTORE_OUTAGE_MAX, Rule,
    generator_url,
};

/// What is known of an alert of before a restart.
#[derive(Clone, Copy, Debug, Default)]
struct Remembered {
    fired: bool,
    /// When it was written and, as value in seconds, since when the expression held.
    since: Option<Sample>,
}

/// An alert as its expression yielded it last.
#[derive(Debug)]
struct Held {
    alert: Alert,
    /// The first evaluation afterwards that did not yield it.
    clear_since: Option<Timestamp>,
}

/// Evaluations that are looked back at for what `keep_firing_for` kept.
const KEPT_ROUNDS_MAX: u32 = 40;

impl GroupState {
    /// Takes over what was written before a restart: the newest sample of each `ALERTS` and
    /// `ALERTS_FOR_STATE` series of this group's alerts. Call it before the first evaluation.
    ///
    /// An outage of up to [`OUTAGE_COUNTED_MAX`] counts towards `for`, a longer one does not, and
    /// after [`RESTORE_OUTAGE_MAX`] alerts start anew.
    pub fn restore(&mut self, found: &[(Labels, Sample)], now: Timestamp, query: &mut Query<'_>) {
        let mut remembered: BTreeMap<AlertKey, Remembered> = BTreeMap::new();
        for (labels, sample) in found {
            let key = labels.drop(&[METRIC_NAME, "alertstate"]);
            let is_ours = self.group.rules.iter().any(|rule| is_of(&key, rule));
            if !is_ours || model::is_stale(sample.value) {
                continue;
            }
            self.orphans.insert(labels.clone());
            let alert = remembered.entry(key).or_default();
            match labels.metric_name() {
                ALERTS => alert.fired |= labels.get("alertstate") == Some("firing"),
                ALERTS_FOR_STATE => alert.since = Some(*sample),
                _ => {}
            }
        }
        let breached: Vec<BTreeMap<AlertKey, Held>> = (0..self.group.rules.len())
            .map(|index| self.held_before(index, &remembered, query))
            .collect();
        for (key, remembered) in remembered {
            let of = |index: &usize| is_of(&key, &self.group.rules[*index]);
            let mut owners = (0..self.group.rules.len()).filter(of);
            let first = owners.clone().next();
            let sure = owners.find(|index| breached[*index].contains_key(&key));
            if let Some(index) = sure.or(first) {
                let before = breached[index].get(&key);
                self.take_over(index, key, remembered, before, now);
            }
        }
    }

    /// The alerts that a rule yielded when its alerts were last written; and those that were only
    /// kept by `keep_firing_for` then, as they were when the expression yielded them last.
    fn held_before(
        &self,
        index: usize,
        remembered: &BTreeMap<AlertKey, Remembered>,
        query: &mut Query<'_>,
    ) -> BTreeMap<AlertKey, Held> {
        let rule = &self.group.rules[index];
        let ours: Vec<_> = remembered
            .iter()
            .filter(|(key, _)| is_of(key, rule))
            .collect();
        let last = ours
            .iter()
            .filter_map(|(_, alert)| Some(alert.since?.timestamp));
        let (Some(alerting), Some(last)) = (rule.alerting(), last.max()) else {
            return BTreeMap::new();
        };
        let interval = self.group.interval.unwrap_or(self.options.interval);
        let kept_rounds = alerting.keep_firing_for.as_millis() / interval.as_millis().max(1);
        let rounds = u32::try_from(kept_rounds)
            .unwrap_or(u32::MAX)
            .min(KEPT_ROUNDS_MAX);
        let mut held: BTreeMap<AlertKey, Held> = BTreeMap::new();
        let mut later = None;
        for round in 0..=rounds {
            let at = last.minus(interval.saturating_mul(round));
            for (key, alert) in self.breached_at(index, at, query) {
                held.entry(key).or_insert(Held {
                    alert,
                    clear_since: later,
                });
            }
            let is_missing =
                |(key, alert): &(&AlertKey, &Remembered)| alert.fired && !held.contains_key(*key);
            if !ours.iter().any(is_missing) {
                break;
            }
            later = Some(at.plus(self.group.query_offset));
        }
        held
    }

    fn breached_at(
        &self,
        index: usize,
        at: Timestamp,
        query: &mut Query<'_>,
    ) -> BTreeMap<AlertKey, Alert> {
        let rule = &self.group.rules[index];
        let (Some(alerting), Ok(evaluated)) = (rule.alerting(), query(&rule.expr, at)) else {
            return BTreeMap::new();
        };
        let scope = AlertScope {
            rule,
            alerting,
            options: &self.options,
            limit: None,
            now: at.plus(self.group.query_offset),
            at,
            query: &RefCell::new(query),
        };
        let breached = series_of(evaluated.value).and_then(|series| scope.breached(series));
        breached.map_or_else(|_| BTreeMap::new(), |(alerts, _)| alerts)
    }

    fn take_over(
        &mut self,
        index: usize,
        key: AlertKey,
        remembered: Remembered,
        before: Option<&Held>,
        now: Timestamp,
    ) {
        let (rule, state) = (&self.group.rules[index], &mut self.rules[index]);
        let (Some(alerting), Some(since)) = (rule.alerting(), remembered.since) else {
            return;
        };
        let interval = self.group.interval.unwrap_or(self.options.interval);
        let last = Sample {
            timestamp: since.timestamp.plus(self.group.query_offset),
            value: since.value,
        };
        let hold = alerting.hold;
        let Some(restored) = restored(last, remembered.fired, now, hold, interval) else {
            return;
        };
        // What its expression never yielded in reach was kept; since when is not known, so it is
        // kept a little longer rather than ended too early.
        let clear_since = before.map_or(Some(last.timestamp), |held| held.clear_since);
        let before = before.map(|held| &held.alert);
        let state_now = match restored {
            AlertState::Firing {
                active_at,
                fired_at,
                ..
            } => AlertState::Firing {
                active_at,
                fired_at,
                clear_since,
            },
            other => other,
        };
        let alert = Alert {
            labels: key.clone(),
            annotations: before
                .map(|alert| alert.annotations.clone())
                .unwrap_or_default(),
            state: state_now,
            value: before.map_or(f64::NAN, |alert| alert.value),
        };
        let telling = Telling {
            now: last.timestamp,
            interval,
            resend_delay: self.options.resend_delay,
            generator_url: &generator_url(&self.options.external_url, &rule.expr.to_string()),
        };
        state.told.remember(&alert, &telling);
        state.alerts.insert(key, alert);
    }
}

/// What an alert of before a restart is now; `None` to start anew.
///
/// `last` says when it was written and, as value in seconds, since when its expression held.
pub(super) fn restored(
    last: Sample,
    fired: bool,
    now: Timestamp,
    hold: Duration,
    interval: Duration,
) -> Option<AlertState> {
    let outage = now.since(last.timestamp);
    let active_at = Timestamp::from_secs_f64(last.value);
    if !last.value.is_finite() || outage > RESTORE_OUTAGE_MAX || active_at > last.timestamp {
        return None;
    }
    if fired {
        // The first evaluation at which `for` had passed.
        let interval_ms = interval.as_millis().max(1);
        let rounds = hold.as_millis().div_ceil(interval_ms);
        let waited = i64::try_from(rounds.saturating_mul(interval_ms)).unwrap_or(i64::MAX);
        return Some(AlertState::Firing {
            active_at,
            fired_at: active_at.plus_millis(waited).min(last.timestamp),
            clear_since: None,
        });
    }
    let skipped = if outage > OUTAGE_COUNTED_MAX {
        outage
    } else {
        Duration::ZERO
    };
    Some(AlertState::Pending {
        active_at: active_at.plus(skipped),
    })
}

/// Whether an alert can come from a rule: the name and every label without a template agree.
fn is_of(key: &AlertKey, rule: &Rule) -> bool {
    rule.alerting()
        .is_some_and(|alerting| key.get("alertname") == Some(&alerting.name))
        && rule.judged.has(key)
        && rule.labels.iter().all(|(name, value)| {
            name == "alertname"
                || value.contains("{{")
                || key.get(name).unwrap_or_default() == value
        })
}
