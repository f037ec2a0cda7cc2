//! Latency: above its limit, above the usual, and minutes that add up.

use model::Timestamp;

use super::{Beside, Finding, Turn, Watch};
use crate::assertion::band::Side;
use crate::assertion::burn::FAST;
use crate::assertion::condition::Standing;
use crate::assertion::{AssertionOptions, Category, Compared, Severity, words};

/// Of fewer requests in the hold no mean and no quantile says anything.
const REQUESTS_MIN: f64 = 10.0;

/// With less than a day of history a limit is a guess.
const YOUNG_FACTOR: f64 = 1.5;

/// Minutes of the last hour that must be bad at least.
const BAD_MINUTES_MIN: f64 = 5.0;

impl Watch {
    pub(super) fn latency(
        &mut self,
        at: Timestamp,
        value: f64,
        beside: Beside,
        options: &AssertionOptions,
    ) -> Vec<Finding> {
        self.feed_band(at, value);
        let hold_seconds = options.band.hold.as_secs_f64();
        let is_busy = beside
            .rate
            .is_none_or(|rate| rate * hold_seconds >= REQUESTS_MIN);
        let mut findings = self.band_findings("latency_anomaly", &[Side::Above], value);
        for finding in &mut findings {
            finding.is_active &= is_busy;
        }
        let usual = self.past.quantile(0.5);
        let (limit, why) = self.latency_limit(options);
        let standing = match limit {
            Some(limit) if is_busy => Standing::above(value, limit, options.back),
            Some(_) => Standing::Between,
            None => Standing::Within,
        };
        let is_breach = self.step(
            "latency_breach",
            at,
            standing,
            options.latency_hold,
            options,
        );
        let kind = self.key.kind.clone();
        let shown = |value| words::value(&kind, value);
        let subject = words::subject(&kind);
        let compared = Compared {
            value,
            usual,
            limit,
            deviation: 0.0,
        };
        let shown_limit = shown(limit.unwrap_or(0.0));
        findings.push(Finding {
            name: "latency_breach",
            category: Category::Error,
            severity: Severity::Critical,
            is_active: is_breach,
            compared,
            sentence: format!(
                "{subject} {}, its limit is {shown_limit} ({why})",
                shown(value)
            ),
            turn: Turn::Rise,
        });
        let is_bad = standing == Standing::Beyond;
        findings.push(self.latency_buildup(at, is_bad, compared, options));
        if !is_breach {
            self.past.push(at, value);
        }
        findings
    }

    /// Minutes are good or bad; each counts as one however many requests it had.
    fn latency_buildup(
        &mut self,
        at: Timestamp,
        is_bad: bool,
        compared: Compared,
        options: &AssertionOptions,
    ) -> Finding {
        self.burn
            .push(at, 1.0 / 60.0, if is_bad { 1.0 } else { 0.0 });
        let burning = self.burn.over(at, FAST, 1.0 / 60.0);
        let most = FAST.factor * (1.0 - self.limits.objective);
        let is_burning =
            burning.long > most && burning.short > most && burning.bad >= BAD_MINUTES_MIN;
        let standing = if is_burning {
            Standing::Beyond
        } else {
            Standing::Within
        };
        let name = "latency_buildup";
        let is_active = self.step(name, at, standing, options.buildup_hold, options);
        let kind = &self.key.kind;
        Finding {
            name,
            category: Category::Error,
            severity: Severity::Critical,
            is_active,
            compared,
            sentence: format!(
                "{} was above its limit of {} in {:.0} minutes of the last hour",
                words::subject(kind),
                words::value(kind, compared.limit.unwrap_or(0.0)),
                burning.bad,
            ),
            turn: Turn::Rise,
        }
    }

    /// The limit and where it comes from; `None` while too little is known.
    fn latency_limit(&self, options: &AssertionOptions) -> (Option<f64>, String) {
        if let Some(limit) = self.limits.latency {
            return (Some(limit), "set by hand".to_owned());
        }
        let is_known = self.past.n_minutes() >= options.past_minutes_min;
        let quantiles = self.past.quantile(0.95).zip(self.past.quantile(0.5));
        let Some((high, middle)) = quantiles.filter(|_| is_known) else {
            return (None, String::new());
        };
        let factor = match self.past.is_a_day() {
            true => self.limits.latency_factor,
            false => self.limits.latency_factor * YOUNG_FACTOR,
        };
        let by_effect = factor * middle;
        let floor = self.limits.latency_floor;
        let why = match high {
            high if high >= by_effect.max(floor) => "95 % of the last 7 days".to_owned(),
            _ if by_effect >= floor => format!("{factor} times the usual"),
            _ => "the least limit there is".to_owned(),
        };
        (Some(high.max(by_effect).max(floor)), why)
    }
}
