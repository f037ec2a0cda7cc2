//! The window of an SLO.

use super::SloReader;
use super::document::{get, text};
use crate::objective::{Calendar, Window};
use crate::yaml::{Node, Value};

impl<'a> SloReader<'a> {
    pub(super) fn window(&mut self, spec: &'a Node) -> Option<Window> {
        let Some(list) = get(spec, "timeWindow") else {
            self.leave_out(
                spec.line,
                "timeWindow is missing; 30 days, rolling, are taken",
            );
            return Window::rolling(30).ok();
        };
        let window = match &list.value {
            Value::List(items) if items.len() == 1 => &items[0],
            // A mistake that is often seen, and clear.
            Value::Map(_) => list,
            _ => {
                self.refuse(list.line, "timeWindow is a list of exactly one window");
                return None;
            }
        };
        let duration = get(window, "duration").and_then(text).unwrap_or_default();
        let calendar = get(window, "calendar");
        let rolling = match get(window, "isRolling").and_then(text) {
            Some("true") => true,
            Some("false") => false,
            _ => calendar.is_none(),
        };
        let read = if rolling {
            rolling_window(duration)
        } else {
            self.calendar_window(window, duration, calendar)
        };
        read.map_err(|text| self.refuse(window.line, text)).ok()
    }

    fn calendar_window(
        &mut self,
        window: &Node,
        duration: &str,
        calendar: Option<&Node>,
    ) -> Result<Window, String> {
        let unit = match duration {
            "1w" | "7d" => Calendar::Week,
            "1M" => Calendar::Month,
            "1Q" | "3M" => Calendar::Quarter,
            other => {
                return Err(format!(
                    "a calendar window of {other:?} is not known here; take 1w, 1M or 1Q"
                ));
            }
        };
        let zone_name = calendar
            .and_then(|node| get(node, "timeZone"))
            .and_then(text);
        let zone_name = zone_name.unwrap_or("UTC").to_owned();
        let zone = (self.zone)(&zone_name)?;
        let start = calendar.and_then(|node| get(node, "startTime"));
        if let Some(start) = start.and_then(text)
            && !starts_a_period(unit, start)
        {
            let begin = match unit {
                Calendar::Week => "Monday",
                Calendar::Month => "the first of a month",
                Calendar::Quarter => "the first of a quarter",
            };
            let text = format!(
                "startTime is left out: a {} begins on {begin} at 0:00",
                unit.name()
            );
            self.leave_out(window.line, text);
        }
        Ok(Window::Calendar {
            unit,
            zone_name,
            zone,
        })
    }
}

fn rolling_window(duration: &str) -> Result<Window, String> {
    let refused = || {
        format!(
            "a rolling window of {duration:?} has no fixed number of days; write for example 30d \
             or 4w"
        )
    };
    let digits = duration.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u32 = digits.parse().map_err(|_| refused())?;
    let days = match &duration[digits.len()..] {
        "d" => number,
        "w" => number.saturating_mul(7),
        "h" if number.is_multiple_of(24) => number / 24,
        _ => return Err(refused()),
    };
    Window::rolling(days).map_err(|error| error.to_string())
}

/// Whether `2020-01-21 12:30:00` is the first moment of such a period.
fn starts_a_period(unit: Calendar, start: &str) -> bool {
    let Ok(moment) = start.replacen(' ', "T", 1).parse::<jiff::civil::DateTime>() else {
        return false;
    };
    let day = moment.date();
    let at_midnight = moment.time() == jiff::civil::Time::midnight();
    at_midnight
        && match unit {
            Calendar::Week => day.weekday() == jiff::civil::Weekday::Monday,
            Calendar::Month => day.day() == 1,
            Calendar::Quarter => day.day() == 1 && (day.month() - 1) % 3 == 0,
        }
}
