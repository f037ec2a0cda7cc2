//! The functions of Go's text/template, and methods of what Prometheus's functions return.

use std::cmp::Ordering;
use std::rc::Rc;

use super::functions::Arguments;
use super::humanize::Calendar;
use super::printf::printf;
use super::value::Value;
use super::{TemplateData, TemplateError};
use crate::rules::query_escaped;

pub(super) const NAMES: [&str; 19] = [
    "and", "or", "not", "eq", "ne", "lt", "le", "gt", "ge", "len", "index", "slice", "print",
    "printf", "println", "html", "js", "urlquery", "call",
];

/// `and` and `or` do not come here: they evaluate only what they need.
pub(super) fn call(
    name: &str,
    arguments: &[Value],
    data: &TemplateData<'_>,
) -> Result<Value, TemplateError> {
    let known = NAMES.into_iter().find(|known| *known == name);
    let function = known.ok_or_else(|| TemplateError::UnknownFunction {
        name: name.to_owned(),
    })?;
    let given = Arguments {
        function,
        values: arguments,
        data,
    };
    let text = match function {
        "not" => {
            given.count(1)?;
            return Ok(Value::Bool(!arguments[0].is_true()));
        }
        "eq" | "ne" | "lt" | "le" | "gt" | "ge" => return compare(&given),
        "len" => return len(&given),
        "index" => return index(&given),
        "slice" => return slice(&given),
        "print" => print(&given),
        "println" => {
            let shown: Vec<_> = arguments.iter().map(|value| value.show(data)).collect();
            format!("{}\n", shown.join(" "))
        }
        "printf" => printf(arguments, data)?,
        "html" => escape_html(&print(&given)),
        "js" => escape_js(&print(&given)),
        "urlquery" => query_escaped(&print(&given)),
        // Nothing that a template can hold is a function.
        _ => return Err(TemplateError::NotAFunction),
    };
    Ok(Value::Text(text))
}

/// Go's `fmt.Sprint`: a space between two values of which none is a text.
fn print(given: &Arguments<'_>) -> String {
    let mut shown = String::new();
    let mut after_text = true;
    for value in given.values {
        let is_text = matches!(value, Value::Text(_));
        if !shown.is_empty() && !after_text && !is_text {
            shown.push(' ');
        }
        shown.push_str(&value.show(given.data));
        after_text = is_text;
    }
    shown
}

fn compare(given: &Arguments<'_>) -> Result<Value, TemplateError> {
    let function = given.function;
    let [first, others @ ..] = given.values else {
        return Err(TemplateError::ArgumentCount { function });
    };
    if others.is_empty() || (function != "eq" && others.len() != 1) {
        return Err(TemplateError::ArgumentCount { function });
    }
    let mut holds = false;
    for other in others {
        let order = match (first, other) {
            (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
            (Value::Integer(a), Value::Integer(b)) => Some(a.cmp(b)),
            (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
            (Value::Bool(a), Value::Bool(b)) if function == "eq" || function == "ne" => {
                Some(a.cmp(b))
            }
            // As in Go an integer is never equal to a float: `gt $value 0` must be `0.0`.
            (a, b) => {
                return Err(TemplateError::Incomparable {
                    function,
                    left: a.type_name(),
                    right: b.type_name(),
                });
            }
        };
        holds |= match function {
            "eq" => order == Some(Ordering::Equal),
            "ne" => order != Some(Ordering::Equal),
            "lt" => order == Some(Ordering::Less),
            "le" => matches!(order, Some(Ordering::Less | Ordering::Equal)),
            "gt" => order == Some(Ordering::Greater),
            _ => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        };
    }
    Ok(Value::Bool(holds))
}

fn len(given: &Arguments<'_>) -> Result<Value, TemplateError> {
    given.count(1)?;
    let len = match &given.values[0] {
        Value::Text(text) => text.len(),
        Value::Labels(labels) => labels.len(),
        Value::Samples(samples) => samples.len(),
        Value::Arguments(arguments) => arguments.len(),
        Value::Nil
        | Value::Bool(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Data
        | Value::Sample(_)
        | Value::Moment(_)
        | Value::Span(_) => return Err(given.wrong(0)),
    };
    Ok(Value::Integer(i64::try_from(len).unwrap_or(i64::MAX)))
}

fn index(given: &Arguments<'_>) -> Result<Value, TemplateError> {
    let [first, keys @ ..] = given.values else {
        return Err(TemplateError::ArgumentCount {
            function: given.function,
        });
    };
    let mut value = first.clone();
    for (position, key) in keys.iter().enumerate() {
        let place = match key {
            Value::Integer(place) => usize::try_from(*place).ok(),
            _ => None,
        };
        let found = match (&value, key, place) {
            (Value::Labels(labels), Value::Text(name), _) => {
                Some(Value::Text(labels.get(name).unwrap_or_default().to_owned()))
            }
            (Value::Arguments(arguments), Value::Text(name), _) => {
                Some(arguments.get(name).cloned().unwrap_or(Value::Nil))
            }
            (Value::Samples(samples), _, Some(place)) => samples
                .get(place)
                .map(|sample| Value::Sample(Rc::clone(sample))),
            (Value::Text(text), _, Some(place)) => {
                let byte = text.as_bytes().get(place);
                byte.map(|byte| Value::Integer(i64::from(*byte)))
            }
            _ => None,
        };
        value = found.ok_or_else(|| given.wrong(position + 1))?;
    }
    Ok(value)
}

fn slice(given: &Arguments<'_>) -> Result<Value, TemplateError> {
    let text = given.text(0)?;
    let mut bounds = [0, text.len()];
    if given.values.len() > 3 {
        return Err(TemplateError::ArgumentCount {
            function: given.function,
        });
    }
    for (index, value) in given.values.iter().enumerate().skip(1) {
        match value {
            Value::Integer(place) if usize::try_from(*place).is_ok() => {
                bounds[index - 1] = usize::try_from(*place).unwrap_or(0);
            }
            _ => return Err(given.wrong(index)),
        }
    }
    // Go cuts bytes; a cut inside a character has no text.
    let cut = text.get(bounds[0]..bounds[1]);
    cut.map(|text| Value::Text(text.to_owned()))
        .ok_or_else(|| given.wrong(0))
}

fn escape_html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&#34;"),
            '\'' => escaped.push_str("&#39;"),
            '\0' => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

fn escape_js(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '\'' | '"' => escaped.extend(['\\', c]),
            '<' | '>' | '&' | '=' => escaped.push_str(&format!("\\u{:04X}", u32::from(c))),
            c if c.is_control() => escaped.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A method of a moment or of a span.
pub(super) fn method(
    receiver: &Value,
    name: &str,
    arguments: &[Value],
) -> Result<Value, TemplateError> {
    let unknown = || TemplateError::Field {
        field: name.to_owned(),
        of: receiver.type_name(),
    };
    let integer = |number: f64| Ok(Value::Integer(number as i64));
    match (receiver, name, arguments) {
        (Value::Moment(seconds), "Format", [Value::Text(layout)]) => {
            Ok(Value::Text(format_moment(*seconds, layout)))
        }
        (Value::Moment(seconds), "Unix", []) => integer(seconds.floor()),
        (Value::Moment(seconds), "UnixMilli", []) => integer((seconds * 1000.0).floor()),
        (Value::Moment(seconds), part, []) => {
            let moment = Calendar::of(*seconds);
            let number = match part {
                "Year" => moment.year,
                "Month" => return Ok(Value::Text(month_name(moment.month).to_owned())),
                "Weekday" => return Ok(Value::Text(weekday_name(*seconds).to_owned())),
                "UTC" => return Ok(receiver.clone()),
                "Day" => moment.day,
                "Hour" => moment.hour,
                "Minute" => moment.minute,
                "Second" => moment.second,
                _ => return Err(unknown()),
            };
            Ok(Value::Integer(number))
        }
        (Value::Span(seconds), "Seconds", []) => Ok(Value::Float(*seconds)),
        (Value::Span(seconds), "Minutes", []) => Ok(Value::Float(seconds / 60.0)),
        (Value::Span(seconds), "Hours", []) => Ok(Value::Float(seconds / 3600.0)),
        (Value::Span(seconds), "Milliseconds", []) => integer(seconds * 1000.0),
        _ => Err(unknown()),
    }
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// From the epoch on, which was a Thursday.
const WEEKDAYS: [&str; 7] = [
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
];

fn month_name(month: i64) -> &'static str {
    let index = usize::try_from(month - 1).unwrap_or(0);
    MONTHS.get(index).copied().unwrap_or_default()
}

fn weekday_name(seconds: f64) -> &'static str {
    let days = (seconds / 86_400.0).floor() as i64;
    WEEKDAYS[usize::try_from(days.rem_euclid(7)).unwrap_or(0)]
}

/// Go's layouts: the parts of its reference moment stand for those of this one. Times are UTC.
fn format_moment(seconds: f64, layout: &str) -> String {
    let moment = Calendar::of(seconds);
    let hour_12 = (moment.hour + 11) % 12 + 1;
    // Longer parts first where one begins like another.
    let parts = [
        ("2006", format!("{:04}", moment.year)),
        ("January", month_name(moment.month).to_owned()),
        ("Jan", month_name(moment.month)[..3].to_owned()),
        ("Monday", weekday_name(seconds).to_owned()),
        ("Mon", weekday_name(seconds)[..3].to_owned()),
        ("MST", "UTC".to_owned()),
        ("01", format!("{:02}", moment.month)),
        ("02", format!("{:02}", moment.day)),
        ("03", format!("{hour_12:02}")),
        ("04", format!("{:02}", moment.minute)),
        ("05", format!("{:02}", moment.second)),
        ("06", format!("{:02}", moment.year.rem_euclid(100))),
        ("15", format!("{:02}", moment.hour)),
        ("PM", if moment.hour < 12 { "AM" } else { "PM" }.to_owned()),
        ("pm", if moment.hour < 12 { "am" } else { "pm" }.to_owned()),
        ("-0700", "+0000".to_owned()),
        ("-07:00", "+00:00".to_owned()),
        ("Z07:00", "Z".to_owned()),
        ("Z0700", "Z".to_owned()),
        (".000", format!(".{:03}", moment.millis)),
        ("_2", format!("{:2}", moment.day)),
        ("1", moment.month.to_string()),
        ("2", moment.day.to_string()),
        ("3", hour_12.to_string()),
        ("4", moment.minute.to_string()),
        ("5", moment.second.to_string()),
    ];
    let mut text = String::new();
    let mut rest = layout;
    while let Some(c) = rest.chars().next() {
        match parts.iter().find(|(part, _)| rest.starts_with(part)) {
            Some((part, shown)) => {
                text.push_str(shown);
                rest = &rest[part.len()..];
            }
            None => {
                text.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    text
}
