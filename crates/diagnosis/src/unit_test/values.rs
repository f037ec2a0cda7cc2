//! Series as promtool's tests write them: `metric{a="b"}` and `0+10x5 _ stale`.

use std::collections::BTreeMap;

use model::{Labels, MatchOp, stale_marker};

/// Reads a series' name and labels.
pub(super) fn parse_labels(text: &str) -> Result<Labels, String> {
    let text = text.trim();
    if text.is_empty() || text == "{}" {
        return Ok(Labels::empty());
    }
    let expr = promql::parse(text).map_err(|error| error.to_string())?;
    let mut selectors = expr.selectors();
    let only = selectors.next().zip(Some(selectors.next()));
    let Some((selector, None)) = only else {
        return Err("is not one series".to_owned());
    };
    // What stands around a selector would be lost.
    if !text.ends_with('}') && text.contains([' ', '[', '(']) {
        return Err("is not one series".to_owned());
    }
    let mut pairs = BTreeMap::new();
    for matcher in selector.matchers {
        if matcher.op() != MatchOp::Equal {
            return Err("has a condition that is not =".to_owned());
        }
        pairs.insert(matcher.name().to_owned(), matcher.value().to_owned());
    }
    Labels::new(pairs).map_err(|error| error.to_string())
}

/// Reads and expands values, at most `most` of them.
pub(super) fn parse_values(text: &str, most: usize) -> Result<Vec<Option<f64>>, String> {
    let mut values = Vec::new();
    if text.contains("{{") {
        return Err("native histograms are not supported".to_owned());
    }
    for item in text.split_whitespace() {
        let item = read_item(item).ok_or_else(|| format!("cannot read {item:?}"))?;
        if values.len().saturating_add(item.count) > most {
            return Err(format!("more values than the limit of {most}"));
        }
        let mut value = item.first;
        for _ in 0..item.count {
            values.push(value);
            value = value.map(|value| value + item.increment);
        }
    }
    Ok(values)
}

struct Item {
    /// `None` for `_`.
    first: Option<f64>,
    increment: f64,
    count: usize,
}

/// `_`, `_x3`, `stale`, `5`, `5x3`, `1+2x5`.
fn read_item(text: &str) -> Option<Item> {
    if text == "stale" {
        return Some(Item {
            first: Some(stale_marker()),
            increment: 0.0,
            count: 1,
        });
    }
    let (body, times) = match text.rsplit_once('x') {
        Some((body, times)) => (body, Some(times.parse::<usize>().ok()?)),
        None => (text, None),
    };
    if body == "_" {
        return Some(Item {
            first: None,
            increment: 0.0,
            count: times.unwrap_or(1),
        });
    }
    let (first, increment) = split_increment(body);
    let increment = match increment {
        Some(increment) => {
            times?; // An increment needs a count.
            read_number(increment)?
        }
        None => 0.0,
    };
    Some(Item {
        first: Some(read_number(first)?),
        increment,
        // `5x3` is 5 and three more.
        count: times.map_or(1, |times| times.saturating_add(1)),
    })
}

/// `1+2` into `1` and `+2`; the sign of an exponent and that of the number itself split nothing.
fn split_increment(text: &str) -> (&str, Option<&str>) {
    let bytes = text.as_bytes();
    let split = (1..bytes.len()).find(|&index| {
        let before = bytes[index - 1];
        matches!(bytes[index], b'+' | b'-') && !matches!(before, b'e' | b'E')
    });
    match split {
        Some(index) => (&text[..index], Some(&text[index..])),
        None => (text, None),
    }
}

/// A number as PromQL reads it.
fn read_number(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let magnitude = match unsigned.to_ascii_lowercase().as_str() {
        "inf" => f64::INFINITY,
        "nan" => f64::NAN,
        lower if lower.starts_with(|c: char| c.is_ascii_digit() || c == '.') => {
            lower.replace('_', "").parse().ok()?
        }
        _ => return None,
    };
    Some(if text.starts_with('-') {
        -magnitude
    } else {
        magnitude
    })
}
