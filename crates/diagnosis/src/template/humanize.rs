//! The `humanize` family: numbers, durations and moments as Prometheus writes them for people.
//!
//! Outputs were compared with promtool 2.42 over the values in `tests.rs`.

use super::{TemplateError, float};

pub(super) fn general_4(value: f64) -> String {
    float::general(value, Some(4))
}

pub(super) fn decimal(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return general_4(value);
    }
    let mut value = value;
    let mut unit = "";
    if value.abs() >= 1.0 {
        for prefix in ["k", "M", "G", "T", "P", "E", "Z", "Y"] {
            if value.abs() < 1000.0 {
                break;
            }
            unit = prefix;
            value /= 1000.0;
        }
    } else {
        (value, unit) = small(value);
    }
    format!("{}{unit}", general_4(value))
}

/// A value below one in thousandths, millionths and so on.
fn small(mut value: f64) -> (f64, &'static str) {
    let mut unit = "";
    for prefix in ["m", "u", "n", "p", "f", "a", "z", "y"] {
        if value.abs() >= 1.0 {
            break;
        }
        unit = prefix;
        value *= 1000.0;
    }
    (value, unit)
}

pub(super) fn binary(mut value: f64) -> String {
    let mut unit = "";
    if value.is_finite() && value.abs() > 1.0 {
        for prefix in ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"] {
            if value.abs() < 1024.0 {
                break;
            }
            unit = prefix;
            value /= 1024.0;
        }
    }
    format!("{}{unit}", general_4(value))
}

pub(super) fn duration(value: f64) -> String {
    if !value.is_finite() {
        return general_4(value);
    }
    if value == 0.0 {
        return "0s".to_owned();
    }
    if value.abs() < 1.0 {
        let (value, unit) = small(value);
        return format!("{}{unit}s", general_4(value));
    }
    let (sign, value) = if value < 0.0 {
        ("-", -value)
    } else {
        ("", value)
    };
    // Saturates where Go overflows into negative parts; both say no more than "very long".
    let whole = value as i64;
    let (days, hours) = (whole / 86_400, whole / 3600 % 24);
    let (minutes, seconds) = (whole / 60 % 60, whole % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{sign}{}s", general_4(value)),
        (0, 0, _) => format!("{sign}{minutes}m {seconds}s"),
        (0, _, _) => format!("{sign}{hours}h {minutes}m {seconds}s"),
        (_, _, _) => format!("{sign}{days}d {hours}h {minutes}m {seconds}s"),
    }
}

/// `2006-01-02 15:04:05.999 +0000 UTC`, cut to milliseconds.
pub(super) fn timestamp(seconds: f64) -> Result<String, TemplateError> {
    if !seconds.is_finite() {
        return Ok(general_4(seconds));
    }
    // Go's nanoseconds in 64 bits end in the year 2262.
    if seconds.abs() > 9_223_372_036.0 {
        return Err(TemplateError::Argument {
            function: "humanizeTimestamp",
            argument: float::general(seconds, None),
        });
    }
    let moment = Calendar::of(seconds);
    let Calendar {
        year,
        month,
        day,
        hour,
        minute,
        second,
        millis,
    } = moment;
    let fraction = format!(".{millis:03}");
    let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
    Ok(format!(
        "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}{fraction} +0000 UTC"
    ))
}

/// A moment in UTC.
#[derive(Clone, Copy, Debug)]
pub(super) struct Calendar {
    pub(super) year: i64,
    /// From 1.
    pub(super) month: i64,
    pub(super) day: i64,
    pub(super) hour: i64,
    pub(super) minute: i64,
    pub(super) second: i64,
    pub(super) millis: i64,
}

impl Calendar {
    /// `seconds` since the epoch, cut to milliseconds; beyond what an `i64` holds it saturates.
    pub(super) fn of(seconds: f64) -> Self {
        let since_epoch_ms = (seconds * 1000.0).trunc() as i64;
        let days = since_epoch_ms.div_euclid(86_400_000);
        let day_ms = since_epoch_ms.rem_euclid(86_400_000);
        let (year, month, day) = model::date_of_day(days);
        Self {
            year,
            month,
            day,
            hour: day_ms / 3_600_000,
            minute: day_ms / 60_000 % 60,
            second: day_ms / 1000 % 60,
            millis: day_ms % 1000,
        }
    }
}

/// As Go's `time.Duration` shows itself: `1h1m1.5s`.
pub(super) fn go_duration(seconds: f64) -> String {
    let nanos = (seconds.abs() * 1e9).round();
    let sign = if seconds < 0.0 && nanos > 0.0 {
        "-"
    } else {
        ""
    };
    if nanos == 0.0 {
        return "0s".to_owned();
    }
    if nanos < 1e9 {
        let (value, unit) = match nanos {
            nanos if nanos < 1e3 => (nanos, "ns"),
            nanos if nanos < 1e6 => (nanos / 1e3, "µs"),
            nanos => (nanos / 1e6, "ms"),
        };
        return format!("{sign}{}{unit}", float::general(value, Some(9)));
    }
    let whole = (nanos / 1e9).trunc();
    let (hours, minutes) = ((whole / 3600.0).trunc(), (whole / 60.0).trunc() % 60.0);
    let fraction = format!("{:.9}", (nanos / 1e9).fract());
    let fraction = fraction
        .trim_start_matches('0')
        .trim_end_matches('0')
        .trim_end_matches('.');
    let seconds = format!("{}{fraction}s", whole % 60.0);
    match (hours > 0.0, minutes > 0.0) {
        (true, _) => format!("{sign}{hours}h{minutes}m{seconds}"),
        (false, true) => format!("{sign}{minutes}m{seconds}"),
        (false, false) => format!("{sign}{seconds}"),
    }
}
