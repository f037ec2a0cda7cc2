//! Watches KPIs one sample at a time, each against its own past.

use std::collections::VecDeque;
use std::time::Duration;

use model::Timestamp;

use super::shift::{PATIENCE, Shift, Usual, shifts};
use super::words;
use crate::assertion::{Assertion, AssertionKey, Category, Compared, Severity};
use crate::kpi::{KpiKey, KpiKind};

/// Samples after which the past is learned anew, unless something is out of range.
const LEARN_EVERY: usize = 20;

/// Samples that are learned from before the first is judged.
const LEARN_FIRST: usize = 20;

/// Samples that are kept: four hours at 15 s. Who is out of range for longer is compared with
/// what was usual when it began.
const SAMPLES_MAX: usize = 960;

/// A latency that rose by less than this share hurts nobody.
const LATENCY_RISE_MIN: f64 = 0.3;
/// Unless it rose this far out of its usual range.
const LATENCY_DEVIATION: f64 = 12.0;
/// Below this nobody waits, however much it rose.
const LATENCY_MIN: f64 = 0.001;
const ERROR_RATIO_RISE_MIN: f64 = 0.01;
const ERROR_RATIO_CRITICAL: f64 = 0.1;
/// Fewer failed requests are chance or one user.
const ERRORS_MIN: f64 = 5.0;
const TRAFFIC_LOST: f64 = 0.9;
const TRAFFIC_CHANGE_MIN: f64 = 0.3;
const SATURATION_WARNING: f64 = 0.8;
const SATURATION_CRITICAL: f64 = 0.95;

/// One KPI under watch.
#[derive(Clone, Debug)]
pub struct Watch {
    kind: KpiKind,
    samples: VecDeque<(Timestamp, f64)>,
    usual: Option<Usual>,
    /// Samples until the past is learned anew.
    learn_in: usize,
    /// Judged from here on.
    learned_at: Timestamp,
    /// Does not learn any more: somebody said what is normal.
    is_fixed: bool,
    open: Option<Shift>,
}

impl Watch {
    pub fn new(kind: KpiKind) -> Self {
        Self {
            kind,
            samples: VecDeque::new(),
            usual: None,
            learn_in: LEARN_FIRST,
            learned_at: Timestamp::MIN,
            is_fixed: false,
            open: None,
        }
    }

    /// Takes what was seen until now as what is normal, for good.
    pub fn fix(&mut self, until: Timestamp, events: Option<f64>) {
        self.samples.make_contiguous();
        self.usual = Usual::of(&self.kind, self.samples.as_slices().0, until, events);
        self.learned_at = until;
        self.is_fixed = true;
    }

    /// The newest sample, never older than the one before, and how many requests stand behind it.
    pub fn observe(&mut self, at: Timestamp, value: f64, events: Option<f64>, step: Duration) {
        if self.samples.back().is_some_and(|&(last, _)| at <= last) || !value.is_finite() {
            return;
        }
        if SAMPLES_MAX <= self.samples.len() {
            self.samples.pop_front();
        }
        self.samples.push_back((at, value));
        self.learn(at, events);
        self.judge(step);
    }

    /// What is out of range now, or was until the newest sample.
    pub fn shift(&self) -> Option<&Shift> {
        self.open.as_ref()
    }

    pub fn samples(&self) -> impl Iterator<Item = (Timestamp, f64)> {
        self.samples.iter().copied()
    }

    fn learn(&mut self, at: Timestamp, events: Option<f64>) {
        if self.is_fixed || self.is_out() {
            return;
        }
        self.learn_in = self.learn_in.saturating_sub(1);
        if 0 < self.learn_in {
            return;
        }
        self.samples.make_contiguous();
        let usual = Usual::of(&self.kind, self.samples.as_slices().0, at, events);
        if usual.is_some() {
            self.usual = usual;
            self.learned_at = at;
        }
        self.learn_in = LEARN_EVERY;
    }

    /// Whether the newest sample is out of range: nothing is learned from those.
    fn is_out(&self) -> bool {
        let newest = self.samples.back();
        let deviation = newest
            .zip(self.usual)
            .map(|(&(_, value), usual)| usual.deviation(value));
        self.open.is_some_and(|open| open.end.is_none())
            || deviation.is_some_and(|deviation| 2.0 < deviation.abs())
    }

    fn judge(&mut self, step: Duration) {
        let Some(usual) = self.usual else {
            return;
        };
        let after = match self.open {
            Some(open) if open.end.is_none() => open.onset,
            _ => self.learned_at,
        };
        self.samples.make_contiguous();
        self.open = shifts(self.samples.as_slices().0, &usual, after, step).pop();
    }
}

/// What a shift means, if it matters. `events` are the requests behind one sample.
pub fn assertion(
    key: &KpiKey,
    shift: &Shift,
    events: Option<f64>,
    step: Duration,
) -> Option<Assertion> {
    let (name, category, severity) = meaning(&key.kind, shift, events)?;
    let patience = PATIENCE.min(step * 3).max(step * 2);
    Some(Assertion {
        key: AssertionKey {
            entity: key.entity.clone(),
            name: name.to_owned(),
            kpi: Some(key.kind.clone()),
        },
        category,
        severity,
        since: shift.onset.plus(patience),
        onset: shift.onset,
        end: shift
            .end
            .map(|end| end.max(shift.onset.plus(patience + step))),
        compared: Some(Compared {
            value: shift.value,
            usual: Some(shift.usual),
            limit: None,
            deviation: shift.deviation,
        }),
        sentence: words::compared(&key.kind, shift.value, shift.usual),
    })
}

fn meaning(
    kind: &KpiKind,
    shift: &Shift,
    events: Option<f64>,
) -> Option<(&'static str, Category, Severity)> {
    let change = shift.value - shift.usual;
    let relative = change / shift.usual.abs().max(1e-9);
    let enough = events.is_none_or(|events| ERRORS_MIN <= events * shift.value);
    Some(match kind {
        KpiKind::ErrorRatio if ERROR_RATIO_RISE_MIN <= change && enough => {
            let severity = if ERROR_RATIO_CRITICAL <= shift.value {
                Severity::Critical
            } else {
                Severity::Warning
            };
            ("error_ratio_breach", Category::Error, severity)
        }
        KpiKind::LatencyAverage | KpiKind::LatencyQuantile(_)
            if LATENCY_MIN <= shift.value
                && (LATENCY_RISE_MIN <= relative
                    || LATENCY_DEVIATION <= shift.deviation && 0.0 < relative) =>
        {
            ("latency_breach", Category::Error, Severity::Warning)
        }
        KpiKind::RequestRate if relative <= -TRAFFIC_LOST => {
            ("traffic_lost", Category::Error, Severity::Critical)
        }
        KpiKind::RequestRate if TRAFFIC_CHANGE_MIN <= relative.abs() => {
            ("request_rate_anomaly", Category::Anomaly, Severity::Warning)
        }
        KpiKind::Saturation(_) if 0.0 < change => {
            if SATURATION_CRITICAL <= shift.value {
                ("saturation", Category::Saturation, Severity::Critical)
            } else if SATURATION_WARNING <= shift.value {
                ("saturation", Category::Saturation, Severity::Warning)
            } else {
                ("saturation_anomaly", Category::Anomaly, Severity::Warning)
            }
        }
        KpiKind::Resource(_) if TRAFFIC_CHANGE_MIN <= relative.abs() => {
            ("resource_anomaly", Category::Anomaly, Severity::Warning)
        }
        KpiKind::Up if change < 0.0 => ("down", Category::Failure, Severity::Critical),
        KpiKind::ClientErrorRatio if ERROR_RATIO_RISE_MIN <= change && enough => {
            ("client_error_anomaly", Category::Anomaly, Severity::Warning)
        }
        KpiKind::ErrorRatio
        | KpiKind::LatencyAverage
        | KpiKind::LatencyQuantile(_)
        | KpiKind::RequestRate
        | KpiKind::Saturation(_)
        | KpiKind::Resource(_)
        | KpiKind::Up
        | KpiKind::ClientErrorRatio => return None,
    })
}
