//! How patient judging is. Limits are in [`super::Limits`].

use std::time::Duration;

use super::band::BandOptions;

#[derive(Clone, Debug, PartialEq)]
pub struct AssertionOptions {
    pub band: BandOptions,
    /// What is over must stay over for this long.
    pub keep: Duration,
    /// What is longer than this between two values is a gap.
    pub gap: Duration,
    /// It is over within this share of the limit.
    pub back: f64,
    /// The same of a saturation, whose two levels lie close to each other.
    pub saturation_back: f64,
    pub error_hold: Duration,
    pub latency_hold: Duration,
    /// Of ratios; bands have their own.
    pub anomaly_hold: Duration,
    pub saturation_hold: Duration,
    pub forecast_hold: Duration,
    pub down_hold: Duration,
    pub buildup_hold: Duration,
    /// Minutes of history that a learned limit needs.
    pub past_minutes_min: u32,
    /// How long a change is worth a word.
    pub change_lasts: Duration,
    /// An assertion about something that nobody measures any more ends after this.
    pub unseen_max: Duration,
}

impl Default for AssertionOptions {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            band: BandOptions::default(),
            keep: seconds(120),
            gap: seconds(120),
            back: 0.8,
            saturation_back: 0.95,
            error_hold: seconds(30),
            latency_hold: seconds(180),
            anomaly_hold: seconds(180),
            saturation_hold: seconds(120),
            forecast_hold: seconds(900),
            down_hold: seconds(45),
            buildup_hold: seconds(60),
            past_minutes_min: 60,
            change_lasts: seconds(1800),
            unseen_max: seconds(3600),
        }
    }
}

impl AssertionOptions {
    /// For values that come once in `step`, seconds to minutes.
    #[must_use]
    pub fn for_step(step: Duration) -> Self {
        let default = Self::default();
        Self {
            gap: default.gap.max(step * 4),
            ..default
        }
    }
}
