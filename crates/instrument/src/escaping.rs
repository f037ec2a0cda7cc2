//! Names as Prometheus's escaping schemes write them, and texts in quotes.

use std::fmt::Write as _;

/// How names outside `[a-zA-Z0-9_:]` are written (Prometheus's escaping schemes).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Escaping {
    /// Each odd character becomes `_`.
    #[default]
    Underscores,
    /// As they are, in quotes where the format is text.
    AllowUtf8,
    /// `.` becomes `_dot_`, `_` becomes `__`.
    Dots,
    /// `U__`, and each odd character as its code point.
    Values,
}

impl Escaping {
    /// A metric's name in text; in quotes where that is what it takes.
    pub(crate) fn metric_name(self, name: &str) -> String {
        self.name(name, is_plain(name, true), true)
    }

    /// A label's name in text; in quotes where that is what it takes.
    pub(crate) fn label_name(self, name: &str) -> String {
        self.name(name, is_plain_label(name), false)
    }

    /// A metric's name where it needs no quotes.
    pub(crate) fn bare_metric_name(self, name: &str) -> String {
        match self {
            Self::AllowUtf8 => name.to_owned(),
            _ => self.metric_name(name),
        }
    }

    /// A label's name where it needs no quotes.
    pub(crate) fn bare_label_name(self, name: &str) -> String {
        match self {
            Self::AllowUtf8 => name.to_owned(),
            _ => self.label_name(name),
        }
    }

    fn name(self, name: &str, is_plain: bool, with_colon: bool) -> String {
        if name.is_empty() || (is_plain && self != Self::Dots) {
            return name.to_owned();
        }
        let mut text = String::new();
        match self {
            Self::AllowUtf8 => {
                text.push('"');
                push_escaped(&mut text, name);
                text.push('"');
                return text;
            }
            Self::Values => text.push_str("U__"),
            Self::Underscores | Self::Dots => {}
        }
        for (at, c) in name.chars().enumerate() {
            let keeps = is_plain_char(c, at, with_colon);
            match self {
                Self::AllowUtf8 => text.push(c),
                Self::Underscores => text.push(if keeps { c } else { '_' }),
                Self::Dots => match c {
                    '_' => text.push_str("__"),
                    '.' => text.push_str("_dot_"),
                    c if keeps => text.push(c),
                    _ => text.push_str("__"),
                },
                Self::Values => match c {
                    '_' => text.push_str("__"),
                    c if keeps => text.push(c),
                    // Writing to a string cannot fail; the macro's result says so by its type.
                    c => _ = write!(text, "_{:x}_", u32::from(c)),
                },
            }
        }
        text
    }
}

fn is_plain_char(c: char, at: usize, with_colon: bool) -> bool {
    c.is_ascii_alphabetic()
        || c == '_'
        || (c.is_ascii_digit() && 0 < at)
        || (with_colon && c == ':')
}

fn is_plain(name: &str, with_colon: bool) -> bool {
    !name.is_empty()
        && name
            .chars()
            .enumerate()
            .all(|(at, c)| is_plain_char(c, at, with_colon))
}

fn is_plain_label(name: &str) -> bool {
    is_plain(name, false) && !name.starts_with("__")
}

/// A text as it stands in quotes.
pub(crate) fn push_escaped(out: &mut String, text: &str) {
    if !text
        .bytes()
        .any(|byte| matches!(byte, b'\\' | b'\n' | b'"'))
    {
        return out.push_str(text);
    }
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' => out.push_str("\\\""),
            c => out.push(c),
        }
    }
}
