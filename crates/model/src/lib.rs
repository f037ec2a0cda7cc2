//! What every other crate speaks of: labels, samples, matchers, time.
//!
//! Pure: no clock, no disk, no network. Bad input comes back as data or as an error with a place.

pub mod exposition;

mod calendar;
mod labels;
mod matcher;
mod number;
mod sample;
mod time;

pub use calendar::{date_of_day, day_of_date};
pub use labels::{DuplicateLabel, Fingerprint, Labels, LabelsBuilder, METRIC_NAME};
pub use matcher::{InvalidRegex, MatchOp, Matcher, anchored_regex};
pub use number::{format_float, parse_float};
pub use sample::{STALE_MARKER_BITS, Sample, is_stale, stale_marker};
pub use time::{InvalidDuration, Timestamp, format_duration, parse_duration};
