//! Splitting the text of a series into labels.

use std::borrow::Cow;

use super::Reason;
use super::line::{beginning, unescape};
use crate::{Labels, METRIC_NAME};

/// Splits `name{label="value",…}`, or `{"any.name",label="value",…}` with a quoted name.
pub fn parse_series(text: &str) -> Result<Labels, Reason> {
    let Some(brace) = text.find('{') else {
        return labels_of(check_name(text.trim())?, Vec::new());
    };
    let name = text[..brace].trim();
    let inner = text[brace + 1..]
        .strip_suffix('}')
        .ok_or(Reason::UnclosedLabels)?;
    let mut cursor = Cursor { rest: inner };
    let mut quoted_name = None;
    let mut pairs: Vec<(Cow<'_, str>, Cow<'_, str>)> = Vec::new();
    loop {
        cursor.skip_space();
        if cursor.rest.is_empty() {
            break;
        }
        let (label, quoted) = cursor.label_name()?;
        cursor.skip_space();
        if cursor.take('=') {
            cursor.skip_space();
            let value = cursor.quoted(|| Reason::NoLabelValue(beginning(&label)))?;
            if !quoted && !is_label_name(&label) {
                return Err(Reason::BadLabelName(beginning(&label)));
            }
            pairs.push((label, value));
        } else if quoted && quoted_name.is_none() && name.is_empty() {
            quoted_name = Some(label);
        } else {
            return Err(Reason::NoLabelValue(beginning(&label)));
        }
        cursor.skip_space();
        if !cursor.take(',') && !cursor.rest.is_empty() {
            return Err(Reason::NoComma(beginning(cursor.rest)));
        }
    }
    match quoted_name {
        Some(name) if !name.is_empty() => labels_of(&name, pairs),
        _ => labels_of(check_name(name)?, pairs),
    }
}

fn labels_of(name: &str, pairs: Vec<(Cow<'_, str>, Cow<'_, str>)>) -> Result<Labels, Reason> {
    if let Some((label, _)) = pairs.iter().find(|(label, _)| label == METRIC_NAME) {
        return Err(Reason::DuplicateLabel(label.clone().into_owned()));
    }
    let name = (Cow::Borrowed(METRIC_NAME), Cow::Borrowed(name));
    Labels::new(pairs.into_iter().chain([name]))
        .map_err(|duplicate| Reason::DuplicateLabel(duplicate.name))
}

fn check_name(name: &str) -> Result<&str, Reason> {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    if name.is_empty() {
        Err(Reason::NoName)
    } else if name.starts_with(|c: char| c.is_ascii_digit()) || !name.chars().all(legal) {
        Err(Reason::BadName(beginning(name)))
    } else {
        Ok(name)
    }
}

fn is_label_name(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.starts_with(|c: char| c.is_ascii_digit()) && !name.is_empty() && name.chars().all(legal)
}

/// The index of the closing quote of a string whose opening quote is already gone.
pub(super) fn quote_end(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(index),
            _ => {}
        }
    }
    None
}

struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    fn take(&mut self, c: char) -> bool {
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// A name and whether it was quoted.
    fn label_name(&mut self) -> Result<(Cow<'a, str>, bool), Reason> {
        if self.rest.starts_with('"') {
            return Ok((self.quoted(|| Reason::UnclosedQuote)?, true));
        }
        let end = self
            .rest
            .find(['=', ',', ' ', '\t', '"'])
            .unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        if name.is_empty() {
            return Err(Reason::BadLabelName(beginning(self.rest)));
        }
        self.rest = rest;
        Ok((Cow::Borrowed(name), false))
    }

    fn quoted(&mut self, missing: impl FnOnce() -> Reason) -> Result<Cow<'a, str>, Reason> {
        let inner = self.rest.strip_prefix('"').ok_or_else(missing)?;
        let end = quote_end(inner).ok_or(Reason::UnclosedQuote)?;
        self.rest = &inner[end + 1..];
        Ok(unescape(&inner[..end]))
    }
}
