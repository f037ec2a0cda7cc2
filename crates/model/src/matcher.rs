//! One condition on one label: `job="api"`, `status=~"5.."`.

use std::borrow::Cow;
use std::fmt;

use regex::Regex;

use crate::Labels;

/// How a matcher compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MatchOp {
    Equal,
    NotEqual,
    Matches,
    NotMatches,
}

/// A condition on the value of one label. A label that is absent has the empty value.
#[derive(Clone, Debug)]
pub struct Matcher {
    name: String,
    op: MatchOp,
    value: String,
    /// Present exactly for `=~` and `!~`, anchored at both ends.
    regex: Option<Regex>,
}

/// The pattern of a matcher is no valid regular expression.
#[derive(Clone, Debug, thiserror::Error)]
#[error("invalid regular expression {pattern:?} for label {name:?}")]
pub struct InvalidRegex {
    pub name: String,
    pub pattern: String,
    #[source]
    pub source: regex::Error,
}

impl Matcher {
    pub fn new(
        op: MatchOp,
        name: impl Into<String>,
        value: impl Into<String>,
    ) -> Result<Self, InvalidRegex> {
        let (name, value) = (name.into(), value.into());
        let regex = match op {
            MatchOp::Equal | MatchOp::NotEqual => None,
            MatchOp::Matches | MatchOp::NotMatches => {
                Some(anchored_regex(&value).map_err(|source| InvalidRegex {
                    name: name.clone(),
                    pattern: value.clone(),
                    source,
                })?)
            }
        };
        Ok(Self {
            name,
            op,
            value,
            regex,
        })
    }

    /// `name="value"`.
    pub fn equal(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            op: MatchOp::Equal,
            value: value.into(),
            regex: None,
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn op(&self) -> MatchOp {
        self.op
    }

    pub fn value(&self) -> &str {
        &self.value
    }

    /// Whether a label with this value passes; `""` stands for a label that is absent.
    pub fn matches(&self, value: &str) -> bool {
        match (self.op, &self.regex) {
            (MatchOp::Equal, _) => self.value == value,
            (MatchOp::NotEqual, _) => self.value != value,
            (MatchOp::Matches, Some(regex)) => regex.is_match(value),
            (MatchOp::NotMatches, Some(regex)) => !regex.is_match(value),
            (MatchOp::Matches | MatchOp::NotMatches, None) => {
                unreachable!("new() compiles a regex for every =~ and !~")
            }
        }
    }

    /// Whether a series that lacks the label passes.
    pub fn matches_empty(&self) -> bool {
        self.matches("")
    }

    pub fn matches_labels(&self, labels: &Labels) -> bool {
        self.matches(labels.get(&self.name).unwrap_or_default())
    }
}

/// A pattern as Prometheus means it wherever it takes one: the whole text must match, `.` also
/// matches a newline, and a brace that begins no repetition is itself.
pub fn anchored_regex(pattern: &str) -> Result<Regex, regex::Error> {
    Regex::new(&format!("^(?s:{})$", literal_braces_escaped(pattern)))
}

/// Go reads a brace that begins no repetition as itself (`/api/{id}`); the regex crate refuses it.
fn literal_braces_escaped(pattern: &str) -> Cow<'_, str> {
    if !pattern.contains('{') {
        return Cow::Borrowed(pattern);
    }
    let mut escaped = String::with_capacity(pattern.len() + 2);
    let mut in_class = false;
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        let mut taken = c.len_utf8();
        match c {
            '\\' => {
                // The escaped character, and the braces of \p{Greek} and \x{10FFFF}.
                taken += rest[1..].chars().next().map_or(0, char::len_utf8);
                let has_braces = matches!(rest.as_bytes().get(1), Some(b'p' | b'P' | b'x'));
                if has_braces && rest[taken..].starts_with('{') {
                    taken = rest.find('}').map_or(taken, |end| end + 1);
                }
            }
            '[' => in_class = true,
            ']' => in_class = false,
            '{' if !in_class && !is_repetition(rest) => escaped.push('\\'),
            _ => {}
        }
        escaped.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    Cow::Owned(escaped)
}

/// Whether a text begins with `{2}`, `{2,}` or `{2,3}`.
fn is_repetition(text: &str) -> bool {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let Some((inner, _)) = text[1..].split_once('}') else {
        return false;
    };
    match inner.split_once(',') {
        Some((least, most)) => is_number(least) && (most.is_empty() || is_number(most)),
        None => is_number(inner),
    }
}

/// Two matchers are equal when they are written the same.
impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.op, &self.value) == (&other.name, other.op, &other.value)
    }
}

impl Eq for Matcher {}

impl fmt::Display for MatchOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Matches => "=~",
            Self::NotMatches => "!~",
        })
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::labels::write_label_name(f, &self.name)?;
        write!(f, "{}", self.op)?;
        crate::labels::write_quoted(f, &self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(op: MatchOp, pattern: &str, value: &str, expected: bool) {
        let matcher = Matcher::new(op, "l", pattern).unwrap();
        assert_eq!(matcher.matches(value), expected, "{matcher} on {value:?}");
    }

    #[test]
    fn a_regex_must_match_the_whole_value() {
        check(MatchOp::Matches, "5..", "503", true);
        check(MatchOp::Matches, "5..", "5033", false);
        check(MatchOp::Matches, "a|b", "ab", false);
        check(MatchOp::NotMatches, "a|b", "ab", true);
        check(MatchOp::Matches, "a.b", "a\nb", true);
    }

    #[test]
    fn a_brace_that_repeats_nothing_is_itself_as_in_go() {
        check(MatchOp::Matches, "/api/{id}", "/api/{id}", true);
        check(MatchOp::Matches, "a{2}|b{1,}|c{1,2}", "aa", true);
        check(MatchOp::Matches, "a{,2}", "a{,2}", true);
        check(MatchOp::Matches, "[{]x[}]{2}", "{x}}", true);
        check(MatchOp::Matches, r"\{x}\p{Greek}\x{41}", "{x}αA", true);
        check(MatchOp::Matches, "é{", "é{", true);
    }

    #[test]
    fn an_absent_label_is_the_empty_value() {
        check(MatchOp::Equal, "", "", true);
        check(MatchOp::NotEqual, "", "", false);
        check(MatchOp::Matches, ".*", "", true);
        check(MatchOp::Matches, ".+", "", false);
    }

    #[test]
    fn a_bad_pattern_is_an_error_that_names_the_label() {
        let error = Matcher::new(MatchOp::Matches, "job", "a(").unwrap_err();
        assert!(error.to_string().contains("\"job\""), "{error}");
    }
}
