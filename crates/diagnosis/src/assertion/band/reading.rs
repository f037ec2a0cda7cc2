//! What a band is told and what it says.

use std::time::Duration;

use model::Timestamp;

/// What kind of numbers a band is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noise {
    /// Events per second: few of them are noisy by nature, as the square root of their number.
    Counted,
    /// Anything else: noise grows with the value.
    Relative,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BandOptions {
    pub noise: Noise,
    /// Values are averaged over this long before they are looked at.
    pub bucket: Duration,
    /// How long values must stay outside; at least two buckets are needed.
    pub hold: Duration,
    /// Less history than this says nothing.
    pub history_min: Duration,
    /// Smaller changes than this share of the usual are no news.
    pub effect_min: f64,
    /// What counts as nothing, in the unit of the KPI.
    pub floor: f64,
}

impl Default for BandOptions {
    fn default() -> Self {
        Self {
            noise: Noise::Relative,
            bucket: Duration::from_secs(60),
            hold: Duration::from_secs(300),
            history_min: Duration::from_secs(3600),
            effect_min: 0.3,
            floor: 0.0,
        }
    }
}

/// What is usual at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expectation {
    pub expected: f64,
    /// Values that stay below for the hold are outside.
    pub lower: f64,
    /// Values that stay above for the hold are outside.
    pub upper: f64,
    /// How far a value usually lies from `expected`.
    pub scale: f64,
    pub model: Model,
}

/// What the expected value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// The last hour; there is less than a day of history.
    Hour,
    /// The last day.
    Day,
    /// The same hour of the days before.
    HourOfDay,
    /// The same hour of the weeks before.
    HourOfWeek,
}

impl Model {
    /// Where its residuals and its calibration stand.
    pub(super) fn place(self) -> usize {
        match self {
            Self::Hour | Self::Day => 0,
            Self::HourOfDay => 1,
            Self::HourOfWeek => 2,
        }
    }
}

/// Why a band says nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Abstention {
    /// There is too little history.
    Young { seen: Duration, needed: Duration },
    /// Values lie anywhere, or are zero more often than not.
    Erratic,
    /// It goes up and down with this period, too short to be told from trouble.
    Periodic(Duration),
    /// Too few events for a rate that means something.
    TooFewEvents,
}

/// On which side of the band the values stayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Above,
    Below,
}

/// Values that are outside the band for long enough.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outside {
    pub side: Side,
    pub since: Timestamp,
    /// What was expected when it began, and the bound that was passed.
    pub expected: f64,
    pub limit: f64,
    /// The mean of the last values.
    pub value: f64,
    /// Their distance from the expected, in units of the usual distance.
    pub deviation: f64,
}
