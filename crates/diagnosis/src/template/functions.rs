//! The functions of templates: Go's own few and Prometheus's `humanize` family.
//!
//! Outputs were compared with promtool 2.42 over the values in `tests.rs`.

use std::cmp::Ordering;

use super::eval::Value;
use super::parse::FUNCTIONS_LATER;
use super::{TemplateError, float};

/// A field width beyond this is a mistake or an attack; Go would allocate it.
const WIDTH_MAX: usize = 1024;

pub(super) fn call<'a>(name: &str, arguments: Vec<Value<'a>>) -> Result<Value<'a>, TemplateError> {
    let text = match name {
        "humanize" => humanize(number("humanize", &arguments)?),
        "humanize1024" => humanize_1024(number("humanize1024", &arguments)?),
        "humanizeDuration" => humanize_duration(number("humanizeDuration", &arguments)?),
        "humanizePercentage" => {
            let ratio = number("humanizePercentage", &arguments)?;
            format!("{}%", general_4(ratio * 100.0))
        }
        "humanizeTimestamp" => humanize_timestamp(number("humanizeTimestamp", &arguments)?)?,
        "title" => title(&text("title", &arguments)?),
        "toUpper" => text("toUpper", &arguments)?.to_uppercase(),
        "toLower" => text("toLower", &arguments)?.to_lowercase(),
        "stripPort" => strip_port(&text("stripPort", &arguments)?),
        "print" => arguments.iter().map(Value::show).collect(),
        "printf" => printf(&arguments)?,
        "eq" | "ne" | "lt" | "le" | "gt" | "ge" => return compare(name, &arguments),
        "not" => return Ok(Value::Bool(!one("not", &arguments)?.is_true())),
        "and" => return junction("and", arguments, false),
        "or" => return junction("or", arguments, true),
        name if FUNCTIONS_LATER.contains(&name) => {
            return Err(TemplateError::Unsupported {
                name: name.to_owned(),
            });
        }
        name => {
            return Err(TemplateError::UnknownFunction {
                name: name.to_owned(),
            });
        }
    };
    Ok(Value::Text(text))
}

fn one<'v, 'a>(
    function: &'static str,
    arguments: &'v [Value<'a>],
) -> Result<&'v Value<'a>, TemplateError> {
    match arguments {
        [argument] => Ok(argument),
        _ => Err(TemplateError::ArgumentCount { function }),
    }
}

/// Prometheus's functions take numbers and texts that read as numbers.
fn number(function: &'static str, arguments: &[Value<'_>]) -> Result<f64, TemplateError> {
    let argument = one(function, arguments)?;
    let parsed = match argument {
        Value::Number(number) => Some(*number),
        Value::Text(text) => model::parse_float(text),
        Value::Bool(_) | Value::Labels(_) | Value::Data => None,
    };
    parsed.ok_or_else(|| TemplateError::Argument {
        function,
        argument: argument.show(),
    })
}

fn text(function: &'static str, arguments: &[Value<'_>]) -> Result<String, TemplateError> {
    match one(function, arguments)? {
        Value::Text(text) => Ok(text.clone()),
        other => Err(TemplateError::Argument {
            function,
            argument: other.show(),
        }),
    }
}

fn general_4(value: f64) -> String {
    float::general(value, Some(4))
}

fn humanize(value: f64) -> String {
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

fn humanize_1024(mut value: f64) -> String {
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

fn humanize_duration(value: f64) -> String {
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
fn humanize_timestamp(seconds: f64) -> Result<String, TemplateError> {
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
    let millis = (seconds * 1000.0).trunc() as i64;
    let (days, day_ms) = (millis.div_euclid(86_400_000), millis.rem_euclid(86_400_000));
    let (year, month, day) = civil_date(days);
    let (hour, minute, second) = (day_ms / 3_600_000, day_ms / 60_000 % 60, day_ms / 1000 % 60);
    let fraction = format!(".{:03}", day_ms % 1000);
    let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
    Ok(format!(
        "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}{fraction} +0000 UTC"
    ))
}

/// Days since 1970-01-01 to year, month, day of the Gregorian calendar. Counts in eras of 400
/// years that begin on 1 March, so that the leap day is a year's last
/// (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`).
fn civil_date(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// The first letter of each word in upper case.
fn title(text: &str) -> String {
    let mut previous = ' ';
    let mut titled = String::with_capacity(text.len());
    for c in text.chars() {
        if previous.is_whitespace() || previous.is_ascii_punctuation() && previous != '\'' {
            titled.extend(c.to_uppercase());
        } else {
            titled.push(c);
        }
        previous = c;
    }
    titled
}

/// `host:80` and `[::1]:80` without the port; anything else unchanged.
fn strip_port(address: &str) -> String {
    let Some((host, port)) = address.rsplit_once(':') else {
        return address.to_owned();
    };
    let bracketed = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    match bracketed {
        Some(host) => host.to_owned(),
        None if host.contains(':') || port.is_empty() => address.to_owned(),
        None => host.to_owned(),
    }
}

fn compare<'a>(name: &str, arguments: &[Value<'a>]) -> Result<Value<'a>, TemplateError> {
    let [first, others @ ..] = arguments else {
        return Err(TemplateError::ArgumentCount { function: "eq" });
    };
    if others.is_empty() || (name != "eq" && others.len() != 1) {
        return Err(TemplateError::ArgumentCount { function: "eq" });
    }
    let mut holds = false;
    for other in others {
        let order = match (first, other) {
            (Value::Number(a), Value::Number(b)) => a.partial_cmp(b),
            (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
            (Value::Bool(a), Value::Bool(b)) if name == "eq" || name == "ne" => Some(a.cmp(b)),
            _ => {
                return Err(TemplateError::Argument {
                    function: "eq",
                    argument: format!("{} beside {}", first.show(), other.show()),
                });
            }
        };
        holds |= match name {
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

/// The first argument whose truth is `stop`, else the last.
fn junction<'a>(
    function: &'static str,
    arguments: Vec<Value<'a>>,
    stop: bool,
) -> Result<Value<'a>, TemplateError> {
    let last = arguments.len().checked_sub(1);
    let last = last.ok_or(TemplateError::ArgumentCount { function })?;
    let chosen = arguments
        .iter()
        .position(|argument| argument.is_true() == stop);
    let mut arguments = arguments;
    Ok(arguments.swap_remove(chosen.unwrap_or(last)))
}

/// One verb of a format: `%-6.2f`.
struct Verb {
    left: bool,
    plus: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
    letter: char,
}

fn printf(arguments: &[Value<'_>]) -> Result<String, TemplateError> {
    let [Value::Text(format), values @ ..] = arguments else {
        return Err(TemplateError::ArgumentCount { function: "printf" });
    };
    let mut values = values.iter();
    let mut shown = String::new();
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            shown.push(c);
            continue;
        }
        let verb = match read_verb(&mut chars) {
            Some(verb) if verb.letter == '%' => {
                shown.push('%');
                continue;
            }
            Some(verb) => verb,
            None => {
                shown.push_str("%!(NOVERB)");
                continue;
            }
        };
        match values.next() {
            Some(value) => shown.push_str(&pad(&apply(&verb, value), &verb)),
            None => shown.push_str(&format!("%!{}(MISSING)", verb.letter)),
        }
    }
    let extra: Vec<String> = values
        .map(|value| format!("{}={}", type_name(value), value.show()))
        .collect();
    if !extra.is_empty() {
        shown.push_str(&format!("%!(EXTRA {})", extra.join(", ")));
    }
    Ok(shown)
}

fn read_verb(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<Verb> {
    let mut verb = Verb {
        left: false,
        plus: false,
        zero: false,
        width: 0,
        precision: None,
        letter: ' ',
    };
    while let Some(flag) = chars.next_if(|c| "+-# 0".contains(*c)) {
        verb.left |= flag == '-';
        verb.plus |= flag == '+';
        verb.zero |= flag == '0';
    }
    let digits = |chars: &mut std::iter::Peekable<std::str::Chars<'_>>| {
        let mut number = 0_usize;
        while let Some(digit) = chars.next_if(char::is_ascii_digit) {
            let digit = digit.to_digit(10).map_or(0, |digit| digit as usize);
            number = (number * 10 + digit).min(WIDTH_MAX);
        }
        number
    };
    verb.width = digits(chars);
    if chars.next_if_eq(&'.').is_some() {
        verb.precision = Some(digits(chars));
    }
    verb.letter = chars.next()?;
    Some(verb)
}

fn apply(verb: &Verb, value: &Value<'_>) -> String {
    let text = match (verb.letter, value) {
        ('f' | 'F', Value::Number(number)) => float::fixed(*number, verb.precision.unwrap_or(6)),
        ('e', Value::Number(number)) => float::scientific(*number, verb.precision.unwrap_or(6)),
        ('g' | 'v', Value::Number(number)) => float::general(*number, verb.precision),
        ('s', Value::Text(text)) => match verb.precision {
            Some(precision) => text.chars().take(precision).collect(),
            None => text.clone(),
        },
        ('q', Value::Text(text)) => format!("{text:?}"),
        ('t', Value::Bool(value)) => value.to_string(),
        ('v', value) => value.show(),
        ('s', Value::Labels(_)) => value.show(),
        (letter, value) => format!("%!{letter}({}={})", type_name(value), value.show()),
    };
    if verb.plus && matches!(value, Value::Number(number) if *number >= 0.0) {
        return format!("+{text}");
    }
    text
}

fn pad(text: &str, verb: &Verb) -> String {
    let missing = verb.width.saturating_sub(text.chars().count());
    if verb.left {
        return format!("{text}{}", " ".repeat(missing));
    }
    if verb.zero {
        let (sign, digits) = text.split_at(usize::from(text.starts_with(['-', '+'])));
        return format!("{sign}{}{digits}", "0".repeat(missing));
    }
    format!("{}{text}", " ".repeat(missing))
}

fn type_name(value: &Value<'_>) -> &'static str {
    match value {
        Value::Text(_) => "string",
        Value::Number(_) => "float64",
        Value::Bool(_) => "bool",
        Value::Labels(_) => "map[string]string",
        Value::Data => "struct",
    }
}
