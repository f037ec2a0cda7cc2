//! The time that an objective is judged over.

use std::time::Duration;

use jiff::civil::{Date, DateTime, date};
use model::Timestamp;

use crate::notify::Zone;

/// Longest rolling window: a quarter and a bit. Longer ones are the matter of reports.
const ROLLING_DAYS_MAX: u32 = 100;

#[derive(Clone, Debug, PartialEq)]
pub enum Window {
    /// The last so many days.
    Rolling { days: u32 },
    /// The week, month or quarter that is now, where `zone` begins its days.
    Calendar {
        unit: Calendar,
        /// IANA's name.
        zone_name: String,
        zone: Zone,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calendar {
    /// From Monday on.
    Week,
    Month,
    Quarter,
}

/// A stretch of time; the start belongs to the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    pub start: Timestamp,
    /// In the future for a calendar period that has not ended yet.
    pub end: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a rolling window has 1 to {ROLLING_DAYS_MAX} days, not {0}")]
pub struct InvalidWindow(u32);

impl Window {
    pub fn rolling(days: u32) -> Result<Self, InvalidWindow> {
        match days {
            1..=ROLLING_DAYS_MAX => Ok(Self::Rolling { days }),
            _ => Err(InvalidWindow(days)),
        }
    }

    /// The time that counts at `now`.
    pub fn period(&self, now: Timestamp) -> Period {
        match self {
            Self::Rolling { days } => Period {
                start: now.minus(days_long(*days)),
                end: now,
            },
            Self::Calendar { unit, zone, .. } => {
                calendar_period(*unit, zone, now).unwrap_or(Period {
                    // Beyond the calendar's last year nothing is stored.
                    start: now.minus(unit.longest()),
                    end: now,
                })
            }
        }
    }

    /// How far back a period can begin at most.
    pub fn longest(&self) -> Duration {
        match self {
            Self::Rolling { days } => days_long(*days),
            Self::Calendar { unit, .. } => unit.longest(),
        }
    }

    /// `30 days`, `this month`.
    pub fn words(&self) -> String {
        match self {
            Self::Rolling { days: 1 } => "the last day".to_owned(),
            Self::Rolling { days } => format!("the last {days} days"),
            Self::Calendar { unit, .. } => format!("this {}", unit.name()),
        }
    }
}

impl Calendar {
    pub const ALL: [Self; 3] = [Self::Week, Self::Month, Self::Quarter];

    pub fn name(self) -> &'static str {
        match self {
            Self::Week => "week",
            Self::Month => "month",
            Self::Quarter => "quarter",
        }
    }

    fn longest(self) -> Duration {
        days_long(match self {
            Self::Week => 7,
            Self::Month => 31,
            Self::Quarter => 92,
        })
    }
}

impl Period {
    pub fn length(&self) -> Duration {
        self.end.since(self.start)
    }

    /// Minutes of it.
    pub fn minutes(&self) -> f64 {
        self.length().as_secs_f64() / 60.0
    }
}

fn days_long(days: u32) -> Duration {
    Duration::from_secs(u64::from(days) * 24 * 60 * 60)
}

fn calendar_period(unit: Calendar, zone: &Zone, now: Timestamp) -> Option<Period> {
    let moment = jiff::Timestamp::from_millisecond(now.as_millis()).ok()?;
    let today = jiff::ZonedDateTime::new(moment, zone.time_zone().clone()).date();
    let (first, next) = dates(unit, today)?;
    Some(Period {
        start: midnight(first, zone)?,
        end: midnight(next, zone)?,
    })
}

/// The first day of the period and of the next one.
fn dates(unit: Calendar, today: Date) -> Option<(Date, Date)> {
    let month = |year: i16, month: i8| {
        let (year, month) = if month > 12 {
            (year + 1, month - 12)
        } else {
            (year, month)
        };
        Date::new(year, month, 1).ok()
    };
    match unit {
        Calendar::Week => {
            let days = i32::from(today.weekday().to_monday_zero_offset());
            let first = shifted(today, -days)?;
            Some((first, shifted(first, 7)?))
        }
        Calendar::Month => Some((
            month(today.year(), today.month())?,
            month(today.year(), today.month() + 1)?,
        )),
        Calendar::Quarter => {
            let first = (today.month() - 1) / 3 * 3 + 1;
            Some((month(today.year(), first)?, month(today.year(), first + 3)?))
        }
    }
}

fn shifted(day: Date, days: i32) -> Option<Date> {
    let epoch_days = model::day_of_date(day.year().into(), day.month().into(), day.day().into());
    let (year, month, day) = model::date_of_day(epoch_days + i64::from(days));
    Some(date(
        year.try_into().ok()?,
        month.try_into().ok()?,
        day.try_into().ok()?,
    ))
}

/// Where a day begins; a day that has no midnight begins with its first moment.
fn midnight(day: Date, zone: &Zone) -> Option<Timestamp> {
    let start = DateTime::from_parts(day, jiff::civil::Time::midnight());
    let zoned = zone
        .time_zone()
        .to_ambiguous_timestamp(start)
        .compatible()
        .ok()?;
    Some(Timestamp::from_millis(zoned.as_millisecond()))
}
