//! Moments and spans as Prometheus writes them.

use std::fmt;
use std::time::Duration;

/// Milliseconds since the Unix epoch: the only clock unit that is stored or sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    pub const MIN: Self = Self(i64::MIN);
    pub const MAX: Self = Self(i64::MAX);

    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Rounds to the nearest millisecond; out of range saturates, NaN is the epoch.
    pub fn from_secs_f64(seconds: f64) -> Self {
        Self((seconds * 1000.0).round() as i64)
    }

    pub const fn as_millis(self) -> i64 {
        self.0
    }

    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// Saturates at the ends of the range.
    #[must_use]
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        self.plus_millis(millis_of(span))
    }

    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(millis_of(span)))
    }

    /// Time gone by since `earlier`; zero when `earlier` is later (the clock stepped back).
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

fn millis_of(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// Why a text is not a duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDuration {
    #[error("a duration is empty; write for example 30s or 5m")]
    Empty,
    #[error("{text:?} is not a duration; write for example 30s, 5m or 1h30m")]
    Syntax { text: String },
    #[error("in {text:?} each unit may stand once, in the order y w d h m s ms")]
    Order { text: String },
    #[error("{text:?} is longer than 292 years")]
    TooLong { text: String },
}

/// Longest unit first; a year is 365 days, as in Prometheus.
const UNITS: [(&str, u64); 7] = [
    ("y", 365 * 24 * 60 * 60 * 1000),
    ("w", 7 * 24 * 60 * 60 * 1000),
    ("d", 24 * 60 * 60 * 1000),
    ("h", 60 * 60 * 1000),
    ("m", 60 * 1000),
    ("s", 1000),
    ("ms", 1),
];

/// 292 years: what Go's duration, and so every Prometheus, can hold.
const DURATION_MS_MAX: u64 = 9_223_372_036_854;

/// Reads a duration as Prometheus writes it: `1h30m`, `500ms`, `0`.
pub fn parse_duration(text: &str) -> Result<Duration, InvalidDuration> {
    if text.is_empty() {
        return Err(InvalidDuration::Empty);
    }
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let syntax = || InvalidDuration::Syntax {
        text: text.to_owned(),
    };
    let too_long = || InvalidDuration::TooLong {
        text: text.to_owned(),
    };
    let mut rest = text;
    let mut total_ms: u64 = 0;
    let mut units_left = &UNITS[..];
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let letters = rest[digits..]
            .bytes()
            .take_while(u8::is_ascii_alphabetic)
            .count();
        if digits == 0 || letters == 0 {
            return Err(syntax());
        }
        let (number, unit) = rest[..digits + letters].split_at(digits);
        if !UNITS.iter().any(|&(name, _)| name == unit) {
            return Err(syntax());
        }
        let Some(position) = units_left.iter().position(|&(name, _)| name == unit) else {
            return Err(InvalidDuration::Order {
                text: text.to_owned(),
            });
        };
        let part_ms = number
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(units_left[position].1))
            .ok_or_else(too_long)?;
        total_ms = total_ms.checked_add(part_ms).ok_or_else(too_long)?;
        if total_ms > DURATION_MS_MAX {
            return Err(too_long());
        }
        units_left = &units_left[position + 1..];
        rest = &rest[digits + letters..];
    }
    Ok(Duration::from_millis(total_ms))
}

/// Writes a duration as Prometheus does: `1h30m`, `0s`. Parts below a millisecond are dropped.
pub fn format_duration(span: Duration) -> String {
    let mut left_ms = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    if left_ms == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (unit, unit_ms) in UNITS {
        // Weeks and years only where they are exact: 10d stays 10d, 14d becomes 2w.
        if matches!(unit, "y" | "w") && !left_ms.is_multiple_of(unit_ms) {
            continue;
        }
        let count = left_ms / unit_ms;
        if count > 0 {
            text.push_str(&format!("{count}{unit}"));
            left_ms -= count * unit_ms;
        }
    }
    text
}

/// Seconds with up to three decimals, as the HTTP API writes timestamps.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let millis = self.0.unsigned_abs();
        match (millis / 1000, millis % 1000) {
            (seconds, 0) => write!(f, "{sign}{seconds}"),
            (seconds, rest) => {
                let text = format!("{sign}{seconds}.{rest:03}");
                f.write_str(text.trim_end_matches('0'))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected_ms: Option<u64>) {
        let parsed = parse_duration(text).ok();
        assert_eq!(parsed, expected_ms.map(Duration::from_millis), "{text}");
    }

    #[test]
    fn durations_read_as_in_prometheus() {
        check("30s", Some(30_000));
        check("1h30m", Some(5_400_000));
        check("1m30ms", Some(60_030));
        check("0", Some(0));
        check("1y", Some(31_536_000_000));
        check("", None);
        check("5", None);
        check("m5", None);
        check("1.5h", None);
        check("30s1m", None);
        check("1s1s", None);
        check("999999999999999999999y", None);
        check("-5m", None);
    }

    #[test]
    fn durations_are_written_as_in_prometheus() {
        for text in ["0s", "30s", "1h30m", "1m30ms", "2w", "10d", "1y", "1h"] {
            assert_eq!(format_duration(parse_duration(text).unwrap()), text);
        }
    }

    #[test]
    fn timestamps_are_written_in_seconds() {
        for (millis, text) in [(0, "0"), (1500, "1.5"), (1001, "1.001"), (-250, "-0.25")] {
            assert_eq!(Timestamp::from_millis(millis).to_string(), text);
        }
    }
}
