//! Numbers with units, as people write them: `500MB`, `1.5GiB`, `80%`, `200ms`.

/// In the base unit: bytes, seconds, 0 to 1.
pub(super) fn parse(text: &str) -> Option<f64> {
    let text = text.trim();
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-' | '+')))
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: f64 = number.parse().ok().filter(|n: &f64| n.is_finite())?;
    Some(number * factor(&unit.trim().to_lowercase())?)
}

fn factor(unit: &str) -> Option<f64> {
    const KIB: f64 = 1024.0;
    Some(match unit {
        "" | "b" | "s" | "/s" => 1.0,
        "k" | "kb" => 1e3,
        "mb" => 1e6,
        "g" | "gb" => 1e9,
        "t" | "tb" => 1e12,
        "kib" => KIB,
        "mib" => KIB * KIB,
        "gib" => KIB * KIB * KIB,
        "tib" => KIB * KIB * KIB * KIB,
        "%" => 0.01,
        "us" | "µs" => 1e-6,
        "ms" => 1e-3,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_its_unit() {
        for (text, expected) in [
            ("500MB", Some(5e8)),
            ("1.5 GiB", Some(1_610_612_736.0)),
            ("80%", Some(0.8)),
            ("200ms", Some(0.2)),
            ("-3", Some(-3.0)),
            ("1.2.3", None),
            ("5 apples", None),
            ("", None),
            ("1e999", None),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
    }
}
