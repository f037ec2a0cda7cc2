//! `printf`.

use super::value::Value;
use super::{TemplateData, TemplateError, float};

/// A field width or precision beyond this is a mistake or an attack; Go would allocate it.
const WIDTH_MAX: usize = 1024;

/// One verb of a format: `%-6.2f`.
struct Verb {
    left: bool,
    plus: bool,
    space: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
    letter: char,
}

/// Go's `fmt.Sprintf` for the values that templates know.
pub(super) fn printf(
    arguments: &[Value],
    data: &TemplateData<'_>,
) -> Result<String, TemplateError> {
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
            Some(value) => shown.push_str(&pad(&apply(&verb, value, data), &verb)),
            None => shown.push_str(&format!("%!{}(MISSING)", verb.letter)),
        }
    }
    let extra: Vec<String> = values
        .map(|value| format!("{}={}", value.type_name(), value.show(data)))
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
        space: false,
        zero: false,
        width: 0,
        precision: None,
        letter: ' ',
    };
    while let Some(flag) = chars.next_if(|c| "+-# 0".contains(*c)) {
        verb.left |= flag == '-';
        verb.plus |= flag == '+';
        verb.space |= flag == ' ';
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

fn apply(verb: &Verb, value: &Value, data: &TemplateData<'_>) -> String {
    let text = match (verb.letter, value) {
        ('f' | 'F', Value::Float(number)) => float::fixed(*number, verb.precision.unwrap_or(6)),
        ('e', Value::Float(number)) => float::scientific(*number, verb.precision.unwrap_or(6)),
        ('E', Value::Float(number)) => {
            float::scientific(*number, verb.precision.unwrap_or(6)).to_uppercase()
        }
        ('g' | 'v', Value::Float(number)) => float::general(*number, verb.precision),
        ('G', Value::Float(number)) => float::general(*number, verb.precision).to_uppercase(),
        ('d' | 'v', Value::Integer(number)) => number.to_string(),
        ('x', Value::Integer(number)) => signed(*number, &format!("{:x}", number.unsigned_abs())),
        ('X', Value::Integer(number)) => signed(*number, &format!("{:X}", number.unsigned_abs())),
        ('o', Value::Integer(number)) => signed(*number, &format!("{:o}", number.unsigned_abs())),
        ('b', Value::Integer(number)) => signed(*number, &format!("{:b}", number.unsigned_abs())),
        ('c', Value::Integer(number)) => {
            let character = u32::try_from(*number).ok().and_then(char::from_u32);
            character.unwrap_or(char::REPLACEMENT_CHARACTER).to_string()
        }
        ('s' | 'v', Value::Text(text)) => match verb.precision {
            Some(precision) => text.chars().take(precision).collect(),
            None => text.clone(),
        },
        ('q', Value::Text(text)) => format!("{text:?}"),
        ('x', Value::Text(text)) => text.bytes().map(|byte| format!("{byte:02x}")).collect(),
        ('t', Value::Bool(value)) => value.to_string(),
        ('T', value) => value.type_name().to_owned(),
        ('v', value) => value.show(data),
        ('s', Value::Labels(_) | Value::Moment(_) | Value::Span(_)) => value.show(data),
        (letter, value) => format!("%!{letter}({}={})", value.type_name(), value.show(data)),
    };
    let is_number = matches!(value, Value::Float(_) | Value::Integer(_));
    if is_number && verb.plus && !text.starts_with(['-', '+', '%']) {
        return format!("+{text}");
    }
    if is_number && verb.space && !text.starts_with(['-', '+', '%']) {
        return format!(" {text}");
    }
    text
}

fn signed(number: i64, digits: &str) -> String {
    format!("{}{digits}", if number < 0 { "-" } else { "" })
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
