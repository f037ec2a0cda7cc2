//! Numbers, durations and strings, as Go writes them.

use model::{InvalidDuration, parse_duration};

/// Bytes at the start of the text that could belong to a number or a duration.
pub(super) fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let hex = text.starts_with("0x") || text.starts_with("0X");
    let mut length = 0;
    while let Some(&byte) = bytes.get(length) {
        let sign_of_exponent = matches!(byte, b'+' | b'-')
            && !hex
            && length > 0
            && matches!(bytes[length - 1], b'e' | b'E')
            && bytes.get(length + 1).is_some_and(u8::is_ascii_digit);
        if !(byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_') || sign_of_exponent) {
            break;
        }
        length += 1;
    }
    length
}

/// Reads a number: decimal, with exponent, `0x1f`, and `017` in octal, as Go's
/// `strconv.ParseInt` with base 0 and then `ParseFloat`. Underscores may part digits.
pub(crate) fn number(text: &str) -> Option<f64> {
    let digits = without_underscores(text)?;
    let lower = digits.to_ascii_lowercase();
    if let Some(hex) = lower.strip_prefix("0x") {
        return i64::from_str_radix(hex, 16).ok().map(|value| value as f64);
    }
    if lower.len() > 1
        && lower.starts_with('0')
        && let Ok(octal) = i64::from_str_radix(&lower, 8)
    {
        return Some(octal as f64);
    }
    let only_number = |c: char| c.is_ascii_digit() || matches!(c, '.' | 'e' | '+' | '-');
    if !lower.chars().all(only_number) {
        return None;
    }
    lower.parse().ok()
}

/// `None` when an underscore does not stand between two digits (or after `0x`).
fn without_underscores(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    for (index, _) in text.match_indices('_') {
        let before = index.checked_sub(1).map(|before| bytes[before]);
        let joins = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b'x' | b'X');
        if !before.is_some_and(joins) || !bytes.get(index + 1).is_some_and(u8::is_ascii_hexdigit) {
            return None;
        }
    }
    Some(text.replace('_', ""))
}

/// Reads a duration in milliseconds.
pub(crate) fn duration_ms(text: &str) -> Result<i64, InvalidDuration> {
    // The parser of the model bounds a duration to 292 years, far below i64::MAX milliseconds.
    parse_duration(text).map(|span| i64::try_from(span.as_millis()).unwrap_or(i64::MAX))
}

/// Reads a string that starts with its quote: the text and the bytes it took.
pub(super) fn string(text: &str) -> Result<(String, usize), String> {
    let quote = text.as_bytes()[0];
    let mut bytes = Vec::new();
    let mut rest = &text[1..];
    loop {
        let Some(c) = rest.chars().next() else {
            return Err(unterminated(quote));
        };
        rest = &rest[c.len_utf8()..];
        match c {
            _ if c == char::from(quote) => {
                let text_of = String::from_utf8(bytes)
                    .map_err(|_| "a string must be UTF-8 once its escapes are resolved".to_owned());
                return Ok((text_of?, text.len() - rest.len()));
            }
            '\n' if quote != b'`' => return Err(unterminated(quote)),
            '\\' if quote != b'`' => rest = escape(rest, quote, &mut bytes)?,
            c => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

fn unterminated(quote: u8) -> String {
    if quote == b'`' {
        "unterminated raw string".to_owned()
    } else {
        "unterminated quoted string".to_owned()
    }
}

/// Resolves the escape that stands after a backslash; gives what follows it.
fn escape<'a>(rest: &'a str, quote: u8, bytes: &mut Vec<u8>) -> Result<&'a str, String> {
    let Some(c) = rest.chars().next() else {
        return Err("escape sequence not terminated".to_owned());
    };
    let simple = match c {
        'a' => Some(0x07),
        'b' => Some(0x08),
        'f' => Some(0x0c),
        'n' => Some(b'\n'),
        'r' => Some(b'\r'),
        't' => Some(b'\t'),
        'v' => Some(0x0b),
        '\\' => Some(b'\\'),
        c if c == char::from(quote) => Some(quote),
        _ => None,
    };
    if let Some(byte) = simple {
        bytes.push(byte);
        return Ok(&rest[1..]);
    }
    let (skip, digits, radix) = match c {
        '0'..='7' => (0, 3, 8),
        'x' => (1, 2, 16),
        'u' => (1, 4, 16),
        'U' => (1, 8, 16),
        _ => return Err(format!("unknown escape sequence {c:?}")),
    };
    let invalid = || format!("invalid escape sequence {:?}", format!("\\{c}"));
    let code = rest
        .get(skip..skip + digits)
        .filter(|digits| digits.chars().all(|digit| digit.is_digit(radix)))
        .and_then(|digits| u32::from_str_radix(digits, radix).ok())
        .ok_or_else(invalid)?;
    if matches!(c, 'u' | 'U') {
        let c = char::from_u32(code).ok_or("escape sequence is an invalid Unicode code point")?;
        bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    } else {
        // Octal and hex escapes are bytes of the string, not code points.
        bytes.push(u8::try_from(code).map_err(|_| invalid())?);
    }
    Ok(&rest[skip + digits..])
}
