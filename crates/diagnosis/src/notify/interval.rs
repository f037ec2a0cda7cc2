//! Time intervals: at night, on weekends, in December.

use jiff::tz::TimeZone;
use model::Timestamp;

/// When something applies: at a moment at which every part that is given holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TimeInterval {
    times: Vec<TimeRange>,
    /// 0 is Sunday; both ends belong to it.
    weekdays: Vec<(i64, i64)>,
    /// From 1, or from -1 backwards.
    days_of_month: Vec<(i64, i64)>,
    months: Vec<(i64, i64)>,
    years: Vec<(i64, i64)>,
    zone: Zone,
}

/// Minutes of a day; the end does not belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRange {
    start: i64,
    end: i64,
}

/// Where days begin.
#[derive(Clone, Debug, PartialEq)]
pub struct Zone(TimeZone);

impl Default for Zone {
    fn default() -> Self {
        Self(TimeZone::UTC)
    }
}

impl Zone {
    /// A zone from the bytes of its file below `/usr/share/zoneinfo`.
    pub fn from_tzif(name: &str, bytes: &[u8]) -> Result<Self, InvalidInterval> {
        TimeZone::tzif(name, bytes).map(Self).map_err(|error| {
            invalid(
                name,
                &format!("the machine's data of this time zone cannot be read: {error}"),
            )
        })
    }

    pub(crate) fn time_zone(&self) -> &TimeZone {
        &self.0
    }
}

/// Why a text is no part of an interval.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?}: {reason}")]
pub struct InvalidInterval {
    text: String,
    reason: String,
}

fn invalid(text: &str, reason: &str) -> InvalidInterval {
    InvalidInterval {
        text: text.to_owned(),
        reason: reason.to_owned(),
    }
}

const WEEKDAYS: [&str; 7] = [
    "sunday",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
];

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

impl TimeRange {
    /// `09:00` and `17:00`; the end may be `24:00`.
    pub fn parse(start: &str, end: &str) -> Result<Self, InvalidInterval> {
        let (from, to) = (minute_of_day(start)?, minute_of_day(end)?);
        if from >= to {
            let reason = "start_time must be before end_time; write two ranges over midnight";
            return Err(invalid(&format!("{start} to {end}"), reason));
        }
        Ok(Self {
            start: from,
            end: to,
        })
    }
}

fn minute_of_day(text: &str) -> Result<i64, InvalidInterval> {
    let parts = text.split_once(':');
    let number = |part: &str| {
        let plain = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse::<i64>().ok().filter(|_| plain)
    };
    parts
        .and_then(|(hour, minute)| Some((number(hour)?, number(minute)?)))
        .filter(|&(hour, minute)| (hour < 24 && minute < 60) || (hour, minute) == (24, 0))
        .map(|(hour, minute)| hour * 60 + minute)
        .ok_or_else(|| invalid(text, "is no time of day; write for example 09:00"))
}

impl TimeInterval {
    pub fn add_time(&mut self, range: TimeRange) {
        self.times.push(range);
    }

    pub fn set_zone(&mut self, zone: Zone) {
        self.zone = zone;
    }

    /// `monday`, `monday:friday`.
    pub fn add_weekdays(&mut self, text: &str) -> Result<(), InvalidInterval> {
        let day = |part: &str| position(&WEEKDAYS, part);
        let range = range_of(text, day, "is no day of the week; write for example monday")?;
        self.weekdays.push(range);
        Ok(())
    }

    /// `1`, `1:15`, `-3:-1`.
    pub fn add_days_of_month(&mut self, text: &str) -> Result<(), InvalidInterval> {
        let day = |part: &str| {
            let day = part.parse::<i64>().ok()?;
            ((1..=31).contains(&day) || (-31..=-1).contains(&day)).then_some(day)
        };
        let reason = "is no day of a month; write 1 to 31, or -1 for the last one";
        let (start, end) = ends_of(text, day, reason)?;
        if start < 0 && end > 0 {
            return Err(invalid(text, "both ends must count from the same end"));
        }
        if start > end && (start < 0) == (end < 0) {
            return Err(invalid(text, "the start is after the end"));
        }
        self.days_of_month.push((start, end));
        Ok(())
    }

    /// `january:march`, `1:3`.
    pub fn add_months(&mut self, text: &str) -> Result<(), InvalidInterval> {
        let month = |part: &str| {
            let number = || part.parse().ok().filter(|month| (1..=12).contains(month));
            position(&MONTHS, part)
                .map(|index| index + 1)
                .or_else(number)
        };
        let range = range_of(text, month, "is no month; write january or 1")?;
        self.months.push(range);
        Ok(())
    }

    /// `2026`, `2026:2028`.
    pub fn add_years(&mut self, text: &str) -> Result<(), InvalidInterval> {
        let year = |part: &str| part.parse().ok().filter(|year| (0..=9999).contains(year));
        let range = range_of(text, year, "is no year; write for example 2026")?;
        self.years.push(range);
        Ok(())
    }

    pub fn contains(&self, at: Timestamp) -> bool {
        let Ok(moment) = jiff::Timestamp::from_millisecond(at.as_millis()) else {
            return false; // Ten thousand years away.
        };
        let local = jiff::ZonedDateTime::new(moment, self.zone.0.clone());
        let minute = i64::from(local.hour()) * 60 + i64::from(local.minute());
        let weekday = i64::from(local.weekday().to_sunday_zero_offset());
        let (day, days) = (i64::from(local.day()), i64::from(local.days_in_month()));
        let any = |ranges: &[(i64, i64)], value: i64| {
            ranges.is_empty()
                || ranges
                    .iter()
                    .any(|&(from, to)| (from..=to).contains(&value))
        };
        let times = &self.times;
        let in_time = |range: &TimeRange| (range.start..range.end).contains(&minute);
        (times.is_empty() || times.iter().any(in_time))
            && any(&self.weekdays, weekday)
            && (self.days_of_month.is_empty()
                || self
                    .days_of_month
                    .iter()
                    .any(|&range| has_day(range, day, days)))
            && any(&self.months, i64::from(local.month()))
            && any(&self.years, i64::from(local.year()))
    }
}

/// Whether a range holds a day of a month of so many days.
fn has_day((start, end): (i64, i64), day: i64, days: i64) -> bool {
    let from_start = |at: i64| if at < 0 { days + at + 1 } else { at };
    let (start, end) = (from_start(start).max(1), from_start(end).min(days));
    (start..=end).contains(&day)
}

fn position(names: &[&str], text: &str) -> Option<i64> {
    let found = names
        .iter()
        .position(|name| name.eq_ignore_ascii_case(text));
    found.and_then(|index| i64::try_from(index).ok())
}

fn ends_of(
    text: &str,
    read: impl Fn(&str) -> Option<i64>,
    reason: &str,
) -> Result<(i64, i64), InvalidInterval> {
    let (start, end) = text.split_once(':').unwrap_or((text, text));
    let read = |part: &str| read(part.trim()).ok_or_else(|| invalid(text, reason));
    Ok((read(start)?, read(end)?))
}

fn range_of(
    text: &str,
    read: impl Fn(&str) -> Option<i64>,
    reason: &str,
) -> Result<(i64, i64), InvalidInterval> {
    let (start, end) = ends_of(text, read, reason)?;
    if start > end {
        return Err(invalid(text, "the start is after the end"));
    }
    Ok((start, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Add = fn(&mut TimeInterval, &str) -> Result<(), InvalidInterval>;

    fn at(text: &str) -> Timestamp {
        let moment: jiff::Timestamp = text.parse().unwrap();
        Timestamp::from_millis(moment.as_millisecond())
    }

    fn check(add: Add, range: &str, inside: &[&str], outside: &[&str]) {
        let mut interval = TimeInterval::default();
        add(&mut interval, range).unwrap();
        for (moments, expected) in [(inside, true), (outside, false)] {
            for moment in moments {
                assert_eq!(interval.contains(at(moment)), expected, "{range} {moment}");
            }
        }
    }

    #[test]
    fn days_months_and_years_are_ranges() {
        check(
            TimeInterval::add_weekdays,
            "Monday:friday",
            &["2026-11-27T23:59:59Z", "2026-11-23T00:00:00Z"],
            &["2026-11-28T00:00:00Z", "2026-11-29T12:00:00Z"],
        );
        check(
            TimeInterval::add_days_of_month,
            "-3:-1",
            &["2026-02-26T00:00:00Z", "2026-12-31T00:00:00Z"],
            &["2026-02-25T00:00:00Z", "2026-12-28T00:00:00Z"],
        );
        check(
            TimeInterval::add_days_of_month,
            "25:-1",
            &["2026-02-28T00:00:00Z"],
            &["2026-02-24T00:00:00Z"],
        );
        check(
            TimeInterval::add_days_of_month,
            "31",
            &["2026-01-31T00:00:00Z"],
            &["2026-02-28T00:00:00Z"],
        );
        check(
            TimeInterval::add_months,
            "june:8",
            &["2026-06-01T00:00:00Z", "2026-08-31T00:00:00Z"],
            &["2026-09-01T00:00:00Z"],
        );
        check(
            TimeInterval::add_years,
            "2026:2027",
            &["2027-01-01T00:00:00Z"],
            &["2028-01-01T00:00:00Z"],
        );
    }

    #[test]
    fn a_range_of_times_ends_before_its_end() {
        let interval = TimeInterval {
            times: vec![TimeRange::parse("09:00", "17:00").unwrap()],
            ..TimeInterval::default()
        };
        for (moment, expected) in [
            ("2026-11-27T08:59:59Z", false),
            ("2026-11-27T09:00:00Z", true),
            ("2026-11-27T16:59:59Z", true),
            ("2026-11-27T17:00:00Z", false),
        ] {
            assert_eq!(interval.contains(at(moment)), expected, "{moment}");
        }
    }

    #[test]
    fn a_zone_shifts_the_day_and_knows_summer() {
        let Ok(bytes) = std::fs::read("/usr/share/zoneinfo/Europe/Berlin") else {
            assert!(std::env::var_os("CI").is_none(), "tzdata is needed in CI");
            eprintln!("SKIPPED: no time zones on this machine");
            return;
        };
        let interval = TimeInterval {
            times: vec![TimeRange::parse("09:00", "24:00").unwrap()],
            zone: Zone::from_tzif("Europe/Berlin", &bytes).unwrap(),
            ..TimeInterval::default()
        };
        assert!(interval.contains(at("2026-07-01T07:00:00Z")));
        assert!(!interval.contains(at("2026-12-01T07:59:00Z")));
        assert!(interval.contains(at("2026-12-01T08:00:00Z")));
    }

    #[test]
    fn what_is_no_range_is_refused() {
        let mut interval = TimeInterval::default();
        for (add, text) in [
            (TimeInterval::add_weekdays as Add, "someday"),
            (TimeInterval::add_weekdays, "friday:monday"),
            (TimeInterval::add_days_of_month, "0"),
            (TimeInterval::add_days_of_month, "32"),
            (TimeInterval::add_days_of_month, "-1:5"),
            (TimeInterval::add_days_of_month, "5:1"),
            (TimeInterval::add_months, "13"),
            (TimeInterval::add_months, ""),
            (TimeInterval::add_years, "2027:2026"),
        ] {
            assert!(add(&mut interval, text).is_err(), "{text}");
        }
        for (start, end) in [("9:00", "10:00"), ("10:00", "24:01"), ("22:00", "06:00")] {
            assert!(TimeRange::parse(start, end).is_err(), "{start} {end}");
        }
        assert!(Zone::from_tzif("x", b"TZif").is_err());
        assert_eq!(interval, TimeInterval::default());
    }
}
