//! Numbers as prometheus_client writes them: Python's `repr`, but for positive numbers of a
//! million and more, which get Go's exponent (`floatToGoString` in `utils.py`).

use std::fmt::Write as _;

/// A value as prometheus_client writes it.
pub fn format_value(value: f64) -> String {
    let mut out = String::new();
    push_value(&mut out, value);
    out
}

pub(crate) fn push_value(out: &mut String, value: f64) {
    // Most values of a service are counts.
    if value.abs() < INTEGER_MAX && value.trunc() == value && (value != 0.0) {
        return push_integer(out, value);
    }
    if value.is_nan() {
        return out.push_str("NaN");
    }
    if value.is_infinite() {
        return out.push_str(if 0.0 < value { "+Inf" } else { "-Inf" });
    }
    let text = python_digits(value);
    let text = text.as_str();
    match text.find('.') {
        Some(dot) if 0.0 < value && 6 < dot && !text.contains('e') => {
            out.push_str(&text[..1]);
            let fraction = text[dot + 1..].trim_end_matches('0');
            let whole = if fraction.is_empty() {
                text[1..dot].trim_end_matches('0')
            } else {
                &text[1..dot]
            };
            if !(whole.is_empty() && fraction.is_empty()) {
                out.push('.');
            }
            out.push_str(whole);
            out.push_str(fraction);
            push_exponent(out, dot - 1);
        }
        _ => push_python(out, text),
    }
}

/// A number as Python's `repr` writes it.
pub(crate) fn push_repr(out: &mut String, value: f64) {
    if value.is_nan() {
        return out.push_str("nan");
    }
    if value.is_infinite() {
        return out.push_str(if 0.0 < value { "inf" } else { "-inf" });
    }
    push_python(out, python_digits(value).as_str());
}

/// Digits with an exponent of Python's form, which has a sign and at least two digits.
fn push_python(out: &mut String, digits: &str) {
    match digits.split_once('e') {
        Some((mantissa, exponent)) => {
            let (sign, exponent) = match exponent.strip_prefix('-') {
                Some(exponent) => ('-', exponent),
                None => ('+', exponent),
            };
            // Writing to a string cannot fail; the macro's result says so by its type only.
            _ = write!(out, "{mantissa}e{sign}{exponent:0>2}");
        }
        None => out.push_str(digits),
    }
}

/// Below it, an integer and all its digits are exact.
const INTEGER_MAX: f64 = (1_u64 << 53) as f64;

/// Where Go's exponent begins.
const EXPONENT_FROM: f64 = 1e6;

fn push_integer(out: &mut String, value: f64) {
    let mut digits = [0; 16];
    let mut at = digits.len();
    let mut rest = value.abs() as u64;
    while rest != 0 {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    let digits = std::str::from_utf8(&digits[at..]).unwrap_or_default();
    if value < EXPONENT_FROM {
        if value < 0.0 {
            out.push('-');
        }
        out.push_str(digits);
        out.push_str(".0");
        return;
    }
    let (first, rest) = digits.split_at(1);
    out.push_str(first);
    let rest = rest.trim_end_matches('0');
    if !rest.is_empty() {
        out.push('.');
        out.push_str(rest);
    }
    push_exponent(out, digits.len() - 1);
}

fn push_exponent(out: &mut String, exponent: usize) {
    out.push_str(if exponent < 10 { "e+0" } else { "e+" });
    _ = write!(out, "{exponent}");
}

/// Room for the longest `f64`: 17 digits, sign, point, exponent, and four zeros after the point.
#[derive(Debug, Default)]
struct Digits {
    bytes: [u8; 32],
    len: usize,
}

impl Digits {
    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }
}

impl std::fmt::Write for Digits {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let end = self.len + text.len();
        let room = self.bytes.get_mut(self.len..end).ok_or(std::fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

/// The shortest digits that read back the same, in Rust's Debug form, which has Python's bounds
/// for the exponent (1e-4 and 1e16).
///
/// Of 16 and 17 digits there may be two that read back and are equally near; Python takes the
/// even one, Rust's shortest the greater. Rust's exact rounding is Python's.
fn python_digits(value: f64) -> Digits {
    let mut shortest = Digits::default();
    _ = write!(shortest, "{value:?}");
    if !may_be_tie(value, shortest.as_str()) {
        return shortest;
    }
    let text = shortest.as_str();
    let mantissa = text.split('e').next().unwrap_or_default();
    let digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).collect();
    let leading = digits.iter().take_while(|digit| **digit == b'0').count();
    let n_digits = digits.len() - leading;
    let exact = format!("{value:.*e}", n_digits - 1);
    let (exact_digits, _) = exact.split_once('e').unwrap_or((&exact, ""));
    let exact_digits: Vec<u8> = exact_digits.bytes().filter(u8::is_ascii_digit).collect();
    if exact.parse() != Ok(value) || exact_digits == digits[leading..] {
        return shortest;
    }
    // The digits differ and their places do not: a carry would have made a shorter number.
    let mut exact_digits = exact_digits.into_iter();
    let mut seen = 0;
    let mut even = Digits::default();
    for c in text.chars() {
        let c = match c {
            'e' => {
                seen = usize::MAX;
                c
            }
            c if c.is_ascii_digit() && seen < digits.len() => {
                seen += 1;
                if seen <= leading {
                    c
                } else {
                    exact_digits.next().map_or(c, char::from)
                }
            }
            c => c,
        };
        _ = even.write_char(c);
    }
    even
}

/// Whether a number may lie exactly between two of this length. One with `n` binary places after
/// the point has `n` decimal ones, so such a number has exactly one more than the text.
fn may_be_tie(value: f64, text: &str) -> bool {
    let mantissa = text.split('e').next().unwrap_or_default();
    let n_digits = mantissa.bytes().filter(u8::is_ascii_digit).count();
    if n_digits < 16 {
        return false;
    }
    if text.contains('e') {
        return true;
    }
    let n_places = text.len() - text.find('.').map_or(text.len(), |dot| dot + 1);
    let bits = value.to_bits();
    let exponent = (bits >> 52 & 0x7ff) as i64;
    let n_zeros = i64::from((bits | 1 << 52).trailing_zeros());
    let n_binary_places = 1075 - exponent - n_zeros;
    n_binary_places == n_places as i64 + 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The short way and the long one say the same.
        #[test]
        fn integers_are_written_as_other_numbers(value in -(1_i64 << 53)..(1_i64 << 53)) {
            let value = value as f64;
            let mut short = String::new();
            push_integer(&mut short, value);
            let text = format!("{value:?}");
            let digits = text.trim_start_matches('-').trim_end_matches(".0");
            if value < EXPONENT_FROM {
                prop_assert_eq!(short, text);
            } else {
                let exponent = format!("e+{:02}", digits.len() - 1);
                prop_assert!(short.ends_with(&exponent), "{}", short);
                prop_assert_eq!(short.parse::<f64>().unwrap(), value);
            }
        }

        #[test]
        fn every_number_reads_back(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            let read = format_value(value).replace("Inf", "inf").parse::<f64>().unwrap();
            prop_assert!(read == value || (read.is_nan() && value.is_nan()));
        }
    }
}
