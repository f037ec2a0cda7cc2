//! Numbers as Go's `fmt` writes them with `%g`, `%v`, `%e` and `%f`.

/// `%.<digits>g`; without digits the shortest text that reads back the same, as `%v` and `%g`.
///
/// Exponent form below 1e-4 and from 10^digits on, where the shortest form counts as six digits
/// (Go: `strconv.FormatFloat` with `'g'`).
pub(super) fn general(value: f64, digits: Option<usize>) -> String {
    if !value.is_finite() || value == 0.0 {
        return model::format_float(value);
    }
    let scientific = match digits {
        Some(digits) => format!("{value:.*e}", digits.max(1) - 1),
        None => format!("{value:e}"),
    };
    let (mantissa, exponent) = split_exponent(&scientific);
    let limit = match digits {
        Some(digits) => i32::try_from(digits.max(1)).unwrap_or(i32::MAX),
        None => SHORTEST_EXPONENT,
    };
    let mantissa_digits = mantissa.bytes().filter(u8::is_ascii_digit).count();
    if (-4..limit).contains(&exponent) {
        let decimals = i32::try_from(mantissa_digits).unwrap_or(i32::MAX) - 1 - exponent;
        let decimals = usize::try_from(decimals).unwrap_or(0);
        return without_trailing_zeros(&format!("{value:.decimals$}")).to_owned();
    }
    exponent_form(without_trailing_zeros(mantissa), exponent)
}

/// From this exponent on the shortest form has an exponent.
const SHORTEST_EXPONENT: i32 = 6;

/// `%.<decimals>e`: the exponent has a sign and at least two digits.
pub(super) fn scientific(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return model::format_float(value);
    }
    let text = format!("{value:.decimals$e}");
    let (mantissa, exponent) = split_exponent(&text);
    exponent_form(mantissa, exponent)
}

/// `%.<decimals>f`.
pub(super) fn fixed(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return model::format_float(value);
    }
    format!("{value:.decimals$}")
}

fn split_exponent(text: &str) -> (&str, i32) {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    (mantissa, exponent.parse().unwrap_or(0))
}

fn exponent_form(mantissa: &str, exponent: i32) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
}

fn without_trailing_zeros(text: &str) -> &str {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        text
    }
}
