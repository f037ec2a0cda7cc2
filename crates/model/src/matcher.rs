//! One condition on one label: `job="api"`, `status=~"5.."`.

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
            MatchOp::Matches | MatchOp::NotMatches => Some(
                // As Prometheus: the whole value must match, and `.` also matches a newline.
                Regex::new(&format!("^(?s:{value})$")).map_err(|source| InvalidRegex {
                    name: name.clone(),
                    pattern: value.clone(),
                    source,
                })?,
            ),
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
