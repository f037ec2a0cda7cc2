//! One KPI of one entity: what is judged of it, and how.

mod errors;
mod latency;

use std::time::Duration;

use model::Timestamp;

use super::band::{Band, BandOptions, Noise, Side};
use super::burn::Burn;
use super::condition::{Condition, Patience, Standing};
use super::forecast::Forecast;
use super::limits::Limits;
use super::onset::Tail;
use super::past::Past;
use super::traffic::TrafficWatch;
use super::{AssertionOptions, Category, Compared, Severity, words};
use crate::kpi::{KpiKey, KpiKind};

/// Traffic is low only if it is below this share of the lowest that is known of this time.
const KNOWN_LOW: f64 = 0.7;

/// What is found of one assertion after one more value.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    pub(super) name: &'static str,
    pub(super) category: Category,
    pub(super) severity: Severity,
    /// Whether it lasts.
    pub(super) is_active: bool,
    pub(super) compared: Compared,
    pub(super) sentence: String,
    /// The onset, or the direction in which to look for it.
    pub(super) turn: Turn,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Turn {
    At(Timestamp),
    Rise,
    Fall,
}

/// What else is known at the moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Beside {
    /// Requests per second of the same entity.
    pub(super) rate: Option<f64>,
}

#[derive(Clone, Debug)]
pub(super) struct Watch {
    pub(super) key: KpiKey,
    pub(super) limits: Limits,
    pub(super) tail: Tail,
    pub(super) last: Option<Timestamp>,
    band: Option<Band>,
    traffic: Option<TrafficWatch>,
    past: Past,
    burn: Burn,
    forecast: Forecast,
    conditions: Vec<(&'static str, Condition)>,
    /// Bad requests since the ratio is beyond its limit.
    bad: f64,
    /// Of those that answer, when not all did the last time.
    up_share: f64,
}

impl Watch {
    pub(super) fn new(key: KpiKey, limits: Limits, options: &AssertionOptions) -> Self {
        let band = |noise, floor| {
            Band::new(BandOptions {
                noise,
                floor,
                ..options.band
            })
        };
        let (band, traffic) = match key.kind {
            KpiKind::RequestRate => (
                Some(band(Noise::Counted, 0.0)),
                Some(TrafficWatch::new(options.band.hold)),
            ),
            // Nobody feels five milliseconds.
            KpiKind::LatencyAverage | KpiKind::LatencyQuantile(_) => {
                (Some(band(Noise::Relative, 0.005)), None)
            }
            KpiKind::Resource(_) => (Some(band(Noise::Relative, 0.0)), None),
            KpiKind::ErrorRatio
            | KpiKind::ClientErrorRatio
            | KpiKind::Saturation(_)
            | KpiKind::Up => (None, None),
        };
        Self {
            key,
            limits,
            tail: Tail::default(),
            last: None,
            band,
            traffic,
            past: Past::default(),
            burn: Burn::default(),
            forecast: Forecast::default(),
            conditions: Vec::new(),
            bad: 0.0,
            up_share: 0.0,
        }
    }

    /// Takes a value. One that is no number, or not later than the one before, is nothing.
    pub(super) fn observe(
        &mut self,
        at: Timestamp,
        value: f64,
        beside: Beside,
        options: &AssertionOptions,
    ) -> Vec<Finding> {
        let Some(value) = self
            .key
            .kind
            .accepted(value)
            .filter(|value| value.is_finite())
        else {
            return Vec::new();
        };
        if self.last.is_some_and(|last| at <= last) {
            return Vec::new();
        }
        let value = value.clamp(-1e30, 1e30);
        let findings = match self.key.kind {
            KpiKind::RequestRate => self.request_rate(at, value),
            KpiKind::ErrorRatio => self.error_ratio(at, value, beside, options),
            KpiKind::ClientErrorRatio => self.client_errors(at, value, beside, options),
            KpiKind::LatencyAverage | KpiKind::LatencyQuantile(_) => {
                self.latency(at, value, beside, options)
            }
            KpiKind::Resource(_) => {
                self.feed_band(at, value);
                self.band_findings("resource_anomaly", &[Side::Above, Side::Below], value)
            }
            KpiKind::Saturation(_) => self.saturation(at, value, options),
            KpiKind::Up => self.up(at, value, options),
        };
        self.tail.push(at, value);
        self.last = Some(at);
        let mut findings = findings;
        for finding in &mut findings {
            finding.is_active &= !self.limits.is_off(finding.name);
        }
        findings
    }

    fn feed_band(&mut self, at: Timestamp, value: f64) {
        if let Some(band) = &mut self.band {
            band.observe(at, value);
        }
    }

    fn condition(&mut self, name: &'static str) -> &mut Condition {
        let place = self.conditions.iter().position(|(known, _)| *known == name);
        let place = place.unwrap_or_else(|| {
            self.conditions.push((name, Condition::default()));
            self.conditions.len() - 1
        });
        &mut self.conditions[place].1
    }

    fn is_active(&self, name: &str) -> bool {
        let known = self.conditions.iter().find(|(known, _)| *known == name);
        known.is_some_and(|(_, condition)| condition.is_active)
    }

    fn step(
        &mut self,
        name: &'static str,
        at: Timestamp,
        standing: Standing,
        hold: Duration,
        options: &AssertionOptions,
    ) -> bool {
        let patience = Patience {
            hold,
            keep: options.keep,
            gap: options.gap,
        };
        self.condition(name).step(at, standing, patience)
    }

    fn request_rate(&mut self, at: Timestamp, value: f64) -> Vec<Finding> {
        let (Some(traffic), Some(band)) = (&mut self.traffic, &mut self.band) else {
            return Vec::new();
        };
        traffic.observe(at, value, band);
        band.observe(at, value);
        let loss = traffic.loss();
        let mut findings =
            self.band_findings("request_rate_anomaly", &[Side::Above, Side::Below], value);
        // As few as yesterday or in the weeks before at this time are no news.
        let least = self.band.as_ref().and_then(|band| band.usual_least(at));
        for finding in &mut findings {
            let is_known = least.is_some_and(|least| value >= KNOWN_LOW * least);
            finding.is_active &= finding.turn != Turn::Fall || !is_known;
        }
        let usual = loss.map(|silence| silence.usual);
        findings.push(Finding {
            name: "traffic_loss",
            category: Category::Failure,
            severity: Severity::Critical,
            is_active: loss.is_some(),
            compared: Compared {
                value,
                usual,
                limit: usual.map(|usual| 0.05 * usual),
                deviation: 0.0,
            },
            sentence: format!(
                "Requests {}, at this time there are {} or more",
                words::value(&self.key.kind, value),
                words::value(&self.key.kind, usual.unwrap_or(0.0)),
            ),
            turn: loss.map_or(Turn::Fall, |silence| Turn::At(silence.since)),
        });
        findings
    }

    /// What the band says, of the sides that matter.
    fn band_findings(&self, name: &'static str, sides: &[Side], value: f64) -> Vec<Finding> {
        let Some(band) = &self.band else {
            return Vec::new();
        };
        let outside = band
            .outside()
            .filter(|outside| sides.contains(&outside.side));
        let (compared, turn) = match outside {
            Some(outside) => (
                Compared {
                    value,
                    usual: Some(outside.expected),
                    limit: Some(outside.limit),
                    deviation: outside.deviation,
                },
                if outside.side == Side::Above {
                    Turn::Rise
                } else {
                    Turn::Fall
                },
            ),
            None => (
                Compared {
                    value,
                    usual: None,
                    limit: None,
                    deviation: 0.0,
                },
                Turn::Rise,
            ),
        };
        let kind = &self.key.kind;
        let bound = if turn == Turn::Fall {
            "at least"
        } else {
            "at most"
        };
        let sentence = format!(
            "{} {}, usually about {}, {bound} {}",
            words::subject(kind),
            words::value(kind, value),
            words::value(kind, compared.usual.unwrap_or(0.0)),
            words::value(kind, compared.limit.unwrap_or(0.0)),
        );
        vec![Finding {
            name,
            category: Category::Anomaly,
            severity: Severity::Warning,
            is_active: outside.is_some(),
            compared,
            sentence,
            turn,
        }]
    }

    /// Two levels in one assertion: critical takes the place of the warning.
    fn saturation(
        &mut self,
        at: Timestamp,
        value: f64,
        options: &AssertionOptions,
    ) -> Vec<Finding> {
        let (warning, critical) = (
            self.limits.saturation_warning,
            self.limits.saturation_critical,
        );
        let back = options.saturation_back;
        let hold = options.saturation_hold;
        let is_warning = self.step(
            "saturation",
            at,
            Standing::above(value, warning, back),
            hold,
            options,
        );
        let standing = Standing::above(value, critical, back);
        let is_critical = self.step("saturation critical", at, standing, hold, options);
        let limit = if is_critical { critical } else { warning };
        let kind = self.key.kind.clone();
        let shown = |value| words::value(&kind, value);
        let subject = words::subject(&kind);
        let level = Finding {
            name: "saturation",
            category: Category::Saturation,
            severity: if is_critical {
                Severity::Critical
            } else {
                Severity::Warning
            },
            is_active: is_warning || is_critical,
            compared: Compared {
                value,
                usual: None,
                limit: Some(limit),
                deviation: 0.0,
            },
            sentence: format!(
                "{subject} {} used, its limit is {}",
                shown(value),
                shown(limit)
            ),
            turn: Turn::Rise,
        };
        let forecast = self.saturation_forecast(at, value, options);
        vec![level, forecast]
    }

    /// Used up before long, if it goes on so.
    fn saturation_forecast(
        &mut self,
        at: Timestamp,
        value: f64,
        options: &AssertionOptions,
    ) -> Finding {
        let name = "saturation_forecast";
        self.forecast.push(at, value);
        let left = self
            .forecast
            .until(1.0)
            .filter(|_| value >= self.limits.forecast_level);
        let is_soon = left.is_some_and(|left| left.as_secs_f64() <= self.limits.forecast_seconds);
        let standing = if is_soon {
            Standing::Beyond
        } else {
            Standing::Within
        };
        let is_active = self.step(name, at, standing, options.forecast_hold, options);
        let kind = &self.key.kind;
        Finding {
            name,
            category: Category::Saturation,
            severity: Severity::Warning,
            is_active,
            compared: Compared {
                value,
                usual: None,
                limit: Some(1.0),
                deviation: 0.0,
            },
            sentence: format!(
                "{} {} used; as it grew in the last three hours it is used up in {}",
                words::subject(kind),
                words::value(kind, value),
                words::span(left.unwrap_or_default()),
            ),
            turn: Turn::Rise,
        }
    }

    fn up(&mut self, at: Timestamp, value: f64, options: &AssertionOptions) -> Vec<Finding> {
        let standing = if value < 1.0 {
            Standing::Beyond
        } else {
            Standing::Within
        };
        let is_active = self.step("down", at, standing, options.down_hold, options);
        // While it comes back it stays what it was.
        if value < 1.0 {
            self.up_share = value;
        }
        let is_all = self.up_share <= 0.0;
        let sentence = if is_all {
            "It does not answer".to_owned()
        } else {
            format!(
                "Of its instances only {} answer",
                words::value(&self.key.kind, self.up_share)
            )
        };
        vec![Finding {
            name: "down",
            category: Category::Failure,
            severity: if is_all {
                Severity::Critical
            } else {
                Severity::Warning
            },
            is_active,
            compared: Compared {
                value,
                usual: Some(1.0),
                limit: None,
                deviation: 0.0,
            },
            sentence,
            turn: Turn::Fall,
        }]
    }
}
