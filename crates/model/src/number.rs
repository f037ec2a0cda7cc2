//! Floating-point text as Go, and so every Prometheus, reads and writes it.

/// Writes a value as Prometheus's API does: shortest digits that read back the same, exponent
/// form below 1e-6 and from 1e21 on, `+Inf`, `-Inf`, `NaN`.
pub fn format_float(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        let text = format!("{value:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, digits) = match exponent.strip_prefix('-') {
            Some(digits) => ('-', digits),
            None => ('+', exponent),
        };
        return format!("{mantissa}e{sign}{digits:0>2}");
    }
    format!("{value}")
}

/// Reads a value as Go's `strconv.ParseFloat` does for exposition text: decimal, exponent, hex
/// float is not accepted, `Inf`, `+Inf`, `-Inf`, `NaN` in any case. `None` when it is no number.
pub fn parse_float(text: &str) -> Option<f64> {
    // Rust also reads "infinity" and "nan"; so does Go. Only an empty text and spaces differ.
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_go_writes_them() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.5, "1.5"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (1e-6, "0.000001"),
            (1.5e-7, "1.5e-07"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(format_float(value), text);
        }
    }

    #[test]
    fn values_read_as_go_reads_them() {
        for (text, value) in [
            ("+Inf", Some(f64::INFINITY)),
            ("1e3", Some(1000.0)),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(parse_float(text), value, "{text}");
        }
        assert!(parse_float("NaN").is_some_and(f64::is_nan));
    }
}
