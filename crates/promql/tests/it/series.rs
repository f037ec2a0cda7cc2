//! Series as the scripts write them: `metric{a="b"} 0+10x5 _ stale`.

use std::collections::HashMap;

use model::{Labels, MatchOp, stale_marker};

/// One value of a written series.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Written {
    /// `_`.
    Nothing,
    Float(f64),
    /// `{{…}}`.
    Histogram,
}

/// Parts a line into labels and values.
pub(crate) fn parse_series(line: &str) -> Result<(Labels, Vec<Written>), String> {
    let end = end_of_labels(line);
    let (labels, values) = line.split_at(end);
    Ok((parse_labels(labels.trim())?, parse_values(values)?))
}

/// Where the metric and its braces end.
fn end_of_labels(line: &str) -> usize {
    let mut quote = None;
    let mut escaped = false;
    let mut depth = 0;
    for (index, c) in line.char_indices() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(open) => {
                escaped = c == '\\' && open != '`';
                if c == open {
                    quote = None;
                }
            }
            None => match c {
                '"' | '\'' | '`' => quote = Some(c),
                '{' => depth += 1,
                '}' => {
                    depth -= 1;
                    if depth == 0 {
                        return index + 1;
                    }
                }
                c if c.is_whitespace() && depth == 0 => return index,
                _ => {}
            },
        }
    }
    line.len()
}

pub(crate) fn parse_labels(text: &str) -> Result<Labels, String> {
    if text == "{}" {
        return Ok(Labels::empty());
    }
    let expr = promql::parse(text).map_err(|error| format!("{text}: {error}"))?;
    let selector = expr
        .selectors()
        .next()
        .ok_or(format!("{text}: no series"))?;
    let mut pairs = HashMap::new();
    for matcher in selector.matchers {
        if matcher.op() != MatchOp::Equal {
            return Err(format!("{text}: a series has no matchers"));
        }
        pairs.insert(matcher.name().to_owned(), matcher.value().to_owned());
    }
    Labels::new(pairs).map_err(|error| error.to_string())
}

fn parse_values(text: &str) -> Result<Vec<Written>, String> {
    let mut values = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        rest = item(rest, &mut values)?.trim_start();
    }
    Ok(values)
}

/// Reads one item, `_x3`, `stale`, `1+2x5`, `{{…}}+{{…}}x5`; gives what follows it.
fn item<'a>(text: &'a str, values: &mut Vec<Written>) -> Result<&'a str, String> {
    if let Some(rest) = text.strip_prefix('_') {
        let (times, rest) = repeat(rest)?;
        values.extend(vec![Written::Nothing; times.unwrap_or(1)]);
        return Ok(rest);
    }
    if let Some(rest) = text.strip_prefix("stale") {
        values.push(Written::Float(stale_marker()));
        return Ok(rest);
    }
    if text.starts_with("{{") {
        let mut rest = after_histogram(text)?;
        if let Some(increment) = rest.strip_prefix(['+', '-']) {
            rest = after_histogram(increment)?;
        }
        let (times, rest) = repeat(rest)?;
        values.extend(vec![Written::Histogram; times.map_or(1, |times| times + 1)]);
        return Ok(rest);
    }
    let (first, rest) = number(text)?;
    if rest.starts_with(['+', '-']) {
        let (increment, rest) = number(rest)?;
        let (times, rest) = repeat(rest)?;
        let times = times.ok_or(format!("{text}: an increment needs a count"))?;
        let mut value = first;
        for _ in 0..=times {
            values.push(Written::Float(value));
            value += increment;
        }
        return Ok(rest);
    }
    let (times, rest) = repeat(rest)?;
    values.extend(vec![
        Written::Float(first);
        times.map_or(1, |times| times + 1)
    ]);
    Ok(rest)
}

fn after_histogram(text: &str) -> Result<&str, String> {
    text.split_once("}}")
        .map(|(_, rest)| rest)
        .ok_or(format!("{text}: a histogram without an end"))
}

/// `x5`.
fn repeat(text: &str) -> Result<(Option<usize>, &str), String> {
    let Some(rest) = text.strip_prefix('x') else {
        return Ok((None, text));
    };
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    let times = rest[..end]
        .parse()
        .map_err(|_| format!("{text}: no count"))?;
    Ok((Some(times), &rest[end..]))
}

fn number(text: &str) -> Result<(f64, &str), String> {
    let unsigned = text.trim_start_matches(['+', '-']);
    let sign = text.len() - unsigned.len();
    let word = ["inf", "nan"].into_iter().find(|word| {
        unsigned
            .get(..3)
            .is_some_and(|start| start.eq_ignore_ascii_case(word))
    });
    let end = sign + word.map_or_else(|| digits(unsigned), str::len);
    let value = text[..end]
        .parse()
        .map_err(|_| format!("{text:?}: no number"))?;
    Ok((value, &text[end..]))
}

/// Bytes of a decimal number with an exponent.
fn digits(text: &str) -> usize {
    let bytes = text.as_bytes();
    let run = |from: usize| {
        bytes[from..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit() || **byte == b'.')
            .count()
    };
    let mantissa = run(0);
    if !matches!(bytes.get(mantissa), Some(b'e' | b'E')) {
        return mantissa;
    }
    let sign = usize::from(matches!(bytes.get(mantissa + 1), Some(b'+' | b'-')));
    mantissa + 1 + sign + run(mantissa + 1 + sign)
}

#[test]
fn values_expand_as_in_prometheus() {
    let floats = |values: &[f64]| {
        values
            .iter()
            .copied()
            .map(Written::Float)
            .collect::<Vec<_>>()
    };
    for (text, expected) in [
        ("1 2", floats(&[1.0, 2.0])),
        ("0+10x2", floats(&[0.0, 10.0, 20.0])),
        ("300-80x1 5", floats(&[300.0, 220.0, 5.0])),
        ("0x2", floats(&[0.0, 0.0, 0.0])),
        (
            "-1e+2 Inf -inf",
            floats(&[-100.0, f64::INFINITY, f64::NEG_INFINITY]),
        ),
        (
            "_x2 1",
            [vec![Written::Nothing; 2], floats(&[1.0])].concat(),
        ),
        ("{{a:1}}+{{a:[1 2]}}x1 {{}}", vec![Written::Histogram; 3]),
    ] {
        assert_eq!(parse_values(text), Ok(expected), "{text}");
    }
    assert!(parse_values("x").is_err());
}
