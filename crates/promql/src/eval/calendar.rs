//! Parts of a date in UTC, from seconds since the epoch.

/// The function of this name.
pub(super) fn part(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "day_of_month" => |seconds| at(seconds, |date| date.day),
        "day_of_week" => |seconds| at(seconds, |date| date.weekday),
        "day_of_year" => |seconds| at(seconds, Date::day_of_year),
        "days_in_month" => |seconds| at(seconds, |date| days_in_month(date.year, date.month)),
        "hour" => |seconds| at(seconds, |date| date.second_of_day / 3600),
        "minute" => |seconds| at(seconds, |date| date.second_of_day % 3600 / 60),
        "month" => |seconds| at(seconds, |date| date.month),
        "year" => |seconds| at(seconds, |date| date.year),
        _ => return None,
    })
}

#[derive(Clone, Copy, Debug)]
struct Date {
    year: i64,
    /// 1 to 12.
    month: i64,
    /// 1 to 31.
    day: i64,
    /// 0 is Sunday.
    weekday: i64,
    second_of_day: i64,
}

/// Beyond this no date makes sense, and the arithmetic below could overflow: ±3 million years.
const SECONDS_MAX: f64 = 1e14;

fn at(seconds: f64, part: impl Fn(Date) -> i64) -> f64 {
    if seconds.is_nan() || seconds.abs() > SECONDS_MAX {
        return f64::NAN;
    }
    part(Date::of(seconds as i64)) as f64
}

impl Date {
    fn of(seconds: i64) -> Self {
        let days = seconds.div_euclid(86_400);
        let (year, month, day) = model::date_of_day(days);
        Self {
            year,
            month,
            day,
            // 1970-01-01 was a Thursday.
            weekday: (days + 4).rem_euclid(7),
            second_of_day: seconds.rem_euclid(86_400),
        }
    }

    fn day_of_year(self) -> i64 {
        let before: i64 = (1..self.month)
            .map(|month| days_in_month(self.year, month))
            .sum();
        before + self.day
    }
}

fn days_in_month(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, date) in [
            (0, [1970, 1, 1, 4, 1]),
            (-1, [1969, 12, 31, 3, 365]),
            (951_782_400, [2000, 2, 29, 2, 60]),
            (4_107_542_400, [2100, 3, 1, 1, 60]),
            (1_483_191_420, [2016, 12, 31, 6, 366]),
        ] {
            let found = Date::of(seconds);
            let found = [
                found.year,
                found.month,
                found.day,
                found.weekday,
                found.day_of_year(),
            ];
            assert_eq!(found, date, "{seconds}");
        }
        assert!(part("year").is_some_and(|year| year(f64::INFINITY).is_nan()));
    }
}
