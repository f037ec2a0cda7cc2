//! Errors and client errors: too many, unusually many, and a budget that burns.

use model::Timestamp;

use super::{Beside, Finding, Turn, Watch};
use crate::assertion::burn::{FAST, Pace, SLOW};
use crate::assertion::condition::Standing;
use crate::assertion::{AssertionOptions, Category, Compared, Severity, words};

/// So many bad requests are more than a bad moment.
const BAD_MIN: f64 = 5.0;

/// In the long window of a burn rate: a page about less is a page about nobody.
const BURN_BAD_MIN: f64 = 10.0;

/// An unusual ratio lies this far beyond the 99 % of the last days, and this much above the
/// middle, of errors and of client errors.
const BEYOND_USUAL: f64 = 1.5;
const EFFECT_MIN: f64 = 0.01;
const CLIENT_EFFECT_MIN: f64 = 0.05;

/// Bad requests must be this many standard deviations of a Poisson law more than usual.
const SIGMAS: f64 = 4.0;

/// The window that a KPI is a mean of, at least, seconds: what its noise follows from.
const WINDOW_SECONDS: f64 = 60.0;

impl Watch {
    pub(super) fn error_ratio(
        &mut self,
        at: Timestamp,
        value: f64,
        beside: Beside,
        options: &AssertionOptions,
    ) -> Vec<Finding> {
        let mut findings = vec![self.error_breach(at, value, beside, options)];
        let is_breach = findings[0].is_active;
        findings.push(self.unusual_ratio(
            "error_ratio_anomaly",
            EFFECT_MIN,
            at,
            value,
            beside,
            options,
        ));
        self.burn.push(at, beside.rate.unwrap_or(1.0), value);
        findings.push(self.error_buildup(at, value, beside, options));
        if !is_breach && !self.is_active("error_ratio_anomaly") {
            self.past.push(at, value);
        }
        findings
    }

    fn error_breach(
        &mut self,
        at: Timestamp,
        value: f64,
        beside: Beside,
        options: &AssertionOptions,
    ) -> Finding {
        let seconds = self.seconds_since_last(at, options);
        let yesterday = self.past.yesterday(0.75).unwrap_or(0.0);
        let raised = yesterday.min(self.limits.error_ratio_cap);
        let limit = self.limits.error_ratio.max(raised);
        // Bad requests since it is beyond the limit; of an unknown rate one a second.
        self.bad = match value > limit {
            true => self.bad + value * beside.rate.unwrap_or(1.0) * seconds,
            false => 0.0,
        };
        let mut standing = Standing::above(value, limit, options.back);
        if standing == Standing::Beyond
            && self.bad < BAD_MIN
            && !self.is_active("error_ratio_breach")
        {
            standing = Standing::Between;
        }
        // The floor of bad requests is the patience; a moment more where they are many.
        let hold = options.error_hold;
        let is_breach = self.step("error_ratio_breach", at, standing, hold, options);
        let usual = self.past.quantile(0.5);
        let kind = self.key.kind.clone();
        let shown = |value| words::value(&kind, value);
        let why = if raised > self.limits.error_ratio {
            " (what yesterday had a quarter of the time)"
        } else {
            ""
        };
        Finding {
            name: "error_ratio_breach",
            category: Category::Error,
            severity: Severity::Critical,
            is_active: is_breach,
            compared: Compared {
                value,
                usual,
                limit: Some(limit),
                deviation: 0.0,
            },
            sentence: match usual {
                Some(usual) => format!(
                    "Errors {}, usually {}; the limit is {}{why}",
                    shown(value),
                    shown(usual),
                    shown(limit),
                ),
                None => format!(
                    "Errors {}; the limit is {}{why}",
                    shown(value),
                    shown(limit)
                ),
            },
            turn: Turn::Rise,
        }
    }

    pub(super) fn client_errors(
        &mut self,
        at: Timestamp,
        value: f64,
        beside: Beside,
        options: &AssertionOptions,
    ) -> Vec<Finding> {
        let name = "client_error_anomaly";
        let finding = self.unusual_ratio(name, CLIENT_EFFECT_MIN, at, value, beside, options);
        if !finding.is_active {
            self.past.push(at, value);
        }
        vec![finding]
    }

    /// More than the last days had, and more than chance makes of so few requests.
    fn unusual_ratio(
        &mut self,
        name: &'static str,
        effect_min: f64,
        at: Timestamp,
        value: f64,
        beside: Beside,
        options: &AssertionOptions,
    ) -> Finding {
        let is_known = self.past.n_minutes() >= options.past_minutes_min;
        let (usual, high) = (self.past.quantile(0.5), self.past.quantile(0.99));
        let (middle, high) = (usual.unwrap_or(0.0), high.unwrap_or(0.0));
        let limit = (BEYOND_USUAL * high).max(middle + effect_min);
        let noise = beside.rate.map_or(0.0, |rate| {
            let n = (rate * WINDOW_SECONDS).max(1e-9);
            let expected = high.max(middle) * n;
            (expected + SIGMAS * expected.max(1.0).sqrt()) / n
        });
        let limit = limit.max(noise);
        let standing = match is_known {
            true => Standing::above(value, limit, options.back),
            false => Standing::Within,
        };
        let is_active = self.step(name, at, standing, options.anomaly_hold, options);
        let kind = &self.key.kind;
        Finding {
            name,
            category: Category::Anomaly,
            severity: Severity::Warning,
            is_active,
            compared: Compared {
                value,
                usual,
                limit: Some(limit),
                deviation: (value - middle) / (high - middle).max(effect_min),
            },
            sentence: format!(
                "{} {}, usually {}, hardly ever more than {}",
                words::subject(kind),
                words::value(kind, value),
                words::value(kind, middle),
                words::value(kind, high),
            ),
            turn: Turn::Rise,
        }
    }

    fn error_buildup(
        &mut self,
        at: Timestamp,
        value: f64,
        beside: Beside,
        options: &AssertionOptions,
    ) -> Finding {
        let budget = 1.0 - self.limits.objective;
        let rate = beside.rate.unwrap_or(1.0);
        let burns = |watch: &Self, pace: Pace| {
            let burning = watch.burn.over(at, pace, rate);
            let limit = pace.factor * budget;
            let is_fast = burning.long > limit && burning.short > limit;
            (
                is_fast && burning.bad >= BURN_BAD_MIN,
                burning.long / budget,
            )
        };
        let standing = |is_burning| {
            if is_burning {
                Standing::Beyond
            } else {
                Standing::Within
            }
        };
        let (fast, slow) = (burns(self, FAST), burns(self, SLOW));
        let hold = options.buildup_hold;
        let is_fast = self.step("error_buildup fast", at, standing(fast.0), hold, options);
        let is_slow = self.step("error_buildup", at, standing(slow.0), hold, options);
        let (factor, window) = if is_fast {
            (fast.1, "the last hour")
        } else {
            (slow.1, "six hours")
        };
        let kind = &self.key.kind;
        Finding {
            name: "error_buildup",
            category: Category::Error,
            severity: if is_fast {
                Severity::Critical
            } else {
                Severity::Warning
            },
            is_active: is_fast || is_slow,
            compared: Compared {
                value,
                usual: None,
                limit: Some(budget),
                deviation: 0.0,
            },
            sentence: format!(
                "Errors of {window} use up the budget of {} {factor:.0} times as fast as it lasts",
                words::value(kind, budget),
            ),
            turn: Turn::Rise,
        }
    }

    /// What the newest value stands for.
    pub(super) fn seconds_since_last(&self, at: Timestamp, options: &AssertionOptions) -> f64 {
        let since = self.last.map_or(0.0, |last| at.since(last).as_secs_f64());
        since.min(options.gap.as_secs_f64())
    }
}
