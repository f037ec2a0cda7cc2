//! RFC 3339, in and out. Pure: dates are counted, no time zone is known but offsets.

use model::Timestamp;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Reads `2026-01-02T03:04:05.678Z` or with an offset such as `+02:00`. `None` when it is none.
pub(crate) fn parse_rfc3339(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    if !text.is_ascii() || bytes.len() < 20 {
        return None;
    }
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = text.get(from..to)?;
        digits
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| digits.parse().ok())?
    };
    let separated = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')]
        .iter()
        .all(|&(at, separator)| bytes[at] == separator)
        && matches!(bytes[10], b'T' | b't');
    if !separated {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    // 60 is a leap second, which Unix time counts as the first of the next minute.
    if !(1..=12).contains(&month)
        || !(1..=days_in_month(year, month)).contains(&day)
        || hour > 23
        || minute > 59
        || second > 60
    {
        return None;
    }
    let mut rest = &text[19..];
    let mut millis = 0;
    if let Some(fraction) = rest.strip_prefix('.') {
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return None;
        }
        let shown = format!("{:0<3}", &fraction[..digits.min(3)]);
        millis = shown.parse().ok()?;
        rest = &fraction[digits..];
    }
    let offset_ms = parse_offset(rest)?;
    let seconds = (hour * 60 + minute) * 60 + second;
    let local_ms = model::day_of_date(year, month, day) * DAY_MS + seconds * 1000 + millis;
    Some(Timestamp::from_millis(local_ms - offset_ms))
}

fn parse_offset(text: &str) -> Option<i64> {
    if matches!(text, "Z" | "z") {
        return Some(0);
    }
    let (sign, rest) = match text.as_bytes().first()? {
        b'+' => (1, &text[1..]),
        b'-' => (-1, &text[1..]),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let number = |digits: &str, max: i64| {
        let plain = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits
            .parse::<i64>()
            .ok()
            .filter(|&number| plain && number <= max)
    };
    Some(sign * (number(hours, 23)? * 60 + number(minutes, 59)?) * 60_000)
}

/// Writes a time as Go's JSON does, in UTC and milliseconds.
pub(crate) fn format_rfc3339(at: Timestamp) -> String {
    let millis = at.as_millis();
    let (days, in_day) = (millis.div_euclid(DAY_MS), millis.rem_euclid(DAY_MS));
    let (year, month, day) = model::date_of_day(days);
    let (seconds, fraction) = (in_day / 1000, in_day % 1000);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{fraction:03}Z",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        let shown = parse_rfc3339(text).map(format_rfc3339);
        assert_eq!(shown.as_deref(), expected, "{text}");
    }

    #[test]
    fn dates_are_read_and_written() {
        check("1970-01-01T00:00:00Z", Some("1970-01-01T00:00:00.000Z"));
        check(
            "2024-02-29T23:59:59.9999Z",
            Some("2024-02-29T23:59:59.999Z"),
        );
        check(
            "2000-03-01T00:00:00+02:00",
            Some("2000-02-29T22:00:00.000Z"),
        );
        check(
            "1969-12-31T23:59:59.5-00:30",
            Some("1970-01-01T00:29:59.500Z"),
        );
        check("2023-02-29T00:00:00Z", None);
        check("2023-13-01T00:00:00Z", None);
        check("2023-01-01T24:00:00Z", None);
        check("2023-01-01 00:00:00Z", None);
        check("2023-01-01T00:00:00", None);
        check("2023-01-01T00:00:00.Z", None);
        check("ä023-01-01T00:00:00Z", None);
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(millis in -30_000_000_000_000_i64..100_000_000_000_000) {
            let at = Timestamp::from_millis(millis);
            prop_assert_eq!(parse_rfc3339(&format_rfc3339(at)), Some(at));
        }

        #[test]
        fn no_text_makes_it_panic(text in "[0-9TZ:+.\\-ä]{0,32}") {
            parse_rfc3339(&text);
        }
    }
}
