//! Splitting a body into lines, and a line into series text, value and timestamp.

use std::borrow::Cow;

use super::{Format, Line, MetricType, REJECTED_TEXT_MAX, Reason, Rejected, SampleLine};
use crate::{Timestamp, parse_float};

/// Walks the lines of a body. Blank lines and plain comments are passed over.
#[derive(Clone, Debug)]
pub struct Lines<'a> {
    rest: &'a [u8],
    /// Of the line before `rest`, from 1.
    line: usize,
    format: Format,
}

impl<'a> Lines<'a> {
    pub fn new(body: &'a [u8], format: Format) -> Self {
        // A byte order mark is an editor's, not the exporter's.
        let rest = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        Self {
            rest,
            line: 0,
            format,
        }
    }

    fn next_raw(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let (line, rest) = match memchr::memchr(b'\n', self.rest) {
            Some(end) => (&self.rest[..end], &self.rest[end + 1..]),
            None => (self.rest, &[][..]),
        };
        self.rest = rest;
        self.line += 1;
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        loop {
            let raw = self.next_raw()?;
            let Ok(text) = std::str::from_utf8(raw) else {
                let text = String::from_utf8_lossy(&raw[..raw.len().min(REJECTED_TEXT_MAX)]);
                return Some(Line::Rejected(Rejected {
                    line: self.line,
                    text: beginning(&text),
                    reason: Reason::NotUtf8,
                }));
            };
            let trimmed = text.trim_matches([' ', '\t']);
            let parsed = match trimmed.as_bytes().first() {
                None => continue,
                Some(b'#') => match comment(&trimmed[1..], self.format) {
                    Ok(None) => continue,
                    Ok(Some(Line::Eof)) => {
                        self.rest = &[];
                        Ok(Line::Eof)
                    }
                    Ok(Some(line)) => Ok(line),
                    Err(reason) => Err(reason),
                },
                Some(_) => sample(trimmed, self.line, self.format).map(Line::Sample),
            };
            return Some(parsed.unwrap_or_else(|reason| {
                Line::Rejected(Rejected {
                    line: self.line,
                    text: beginning(trimmed),
                    reason,
                })
            }));
        }
    }
}

/// The first bytes of a text, cut between characters.
pub(super) fn beginning(text: &str) -> String {
    let mut end = text.len().min(REJECTED_TEXT_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

fn sample(text: &str, line: usize, format: Format) -> Result<SampleLine<'_>, Reason> {
    let (series, rest) = text.split_at(series_end(text)?);
    let (rest, exemplar) = match (format, rest.split_once(" # ")) {
        (Format::OpenMetrics, Some((rest, exemplar))) => (rest, Some(exemplar.trim())),
        _ => (rest, None),
    };
    let mut words = rest.split([' ', '\t']).filter(|word| !word.is_empty());
    let value = words.next().ok_or(Reason::NoValue)?;
    let value = parse_float(value).ok_or_else(|| Reason::BadValue(beginning(value)))?;
    let timestamp = words
        .next()
        .map(|word| timestamp(word, format))
        .transpose()?;
    match words.next() {
        Some(word) => Err(Reason::Trailing(beginning(word))),
        None => Ok(SampleLine {
            line,
            series,
            value,
            timestamp,
            exemplar,
        }),
    }
}

/// Where the name and labels end: behind the closing brace, or at the first space.
fn series_end(text: &str) -> Result<usize, Reason> {
    let bytes = text.as_bytes();
    let name_end = bytes.iter().position(|b| matches!(b, b' ' | b'\t' | b'{'));
    let brace = match name_end {
        None => return Err(Reason::NoValue),
        Some(end) if bytes[end] == b'{' => end,
        // A space may stand between the name and its labels: `up {job="a"} 1`.
        Some(end) => match bytes[end..].iter().position(|b| !matches!(b, b' ' | b'\t')) {
            Some(gap) if bytes[end + gap] == b'{' => end + gap,
            _ => return Ok(end),
        },
    };
    let mut quoted = false;
    let mut escaped = false;
    for (index, &byte) in bytes.iter().enumerate().skip(brace + 1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'}' if !quoted => return Ok(index + 1),
            _ => {}
        }
    }
    Err(if quoted {
        Reason::UnclosedQuote
    } else {
        Reason::UnclosedLabels
    })
}

fn timestamp(word: &str, format: Format) -> Result<Timestamp, Reason> {
    let parsed = match format {
        Format::Text => word.parse().ok().map(Timestamp::from_millis),
        Format::OpenMetrics => parse_float(word)
            .filter(|seconds| seconds.is_finite())
            .map(Timestamp::from_secs_f64),
    };
    parsed.ok_or_else(|| Reason::BadTimestamp(beginning(word)))
}

/// What follows the `#`. `None` for a plain comment.
fn comment(text: &str, format: Format) -> Result<Option<Line<'_>>, Reason> {
    let text = text.trim_start_matches([' ', '\t']);
    if text == "EOF" && format == Format::OpenMetrics {
        return Ok(Some(Line::Eof));
    }
    let (keyword, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    if !matches!(keyword, "TYPE" | "HELP" | "UNIT") {
        return Ok(None);
    }
    let (family, rest) = family_name(rest.trim_start_matches([' ', '\t']))?;
    Ok(Some(match keyword {
        "TYPE" => {
            let word = rest.trim();
            let kind = MetricType::parse(word).ok_or_else(|| Reason::BadType(beginning(word)))?;
            Line::Type { family, kind }
        }
        "HELP" => Line::Help {
            family,
            help: unescape(rest),
        },
        _ => Line::Unit {
            family,
            unit: rest.trim(),
        },
    }))
}

/// A family's name, bare or quoted, and what follows the one space behind it.
fn family_name(text: &str) -> Result<(Cow<'_, str>, &str), Reason> {
    if let Some(quoted) = text.strip_prefix('"') {
        let end = super::series::quote_end(quoted).ok_or(Reason::UnclosedQuote)?;
        return Ok((unescape(&quoted[..end]), quoted[end + 1..].trim_start()));
    }
    let (name, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    if name.is_empty() {
        Err(Reason::NoName)
    } else {
        Ok((Cow::Borrowed(name), rest))
    }
}

/// `\\`, `\"` and `\n`; any other backslash stays as it is.
pub(super) fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        if c != '\\' {
            plain.push(c);
            continue;
        }
        match characters.next() {
            Some('n') => plain.push('\n'),
            Some(c @ ('\\' | '"')) => plain.push(c),
            Some(c) => plain.extend(['\\', c]),
            None => plain.push('\\'),
        }
    }
    Cow::Owned(plain)
}
