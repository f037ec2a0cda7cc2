//! Words to conditions.

use std::collections::BTreeSet;
use std::fmt;

/// What an entity must meet.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Condition {
    Kind(String),
    /// Part of `type/name{scope}`, lower case.
    Name(String),
    Property {
        name: String,
        compare: Compare,
        value: String,
    },
    /// To a name, a kind, or `type/name`.
    Connected(String),
    /// To a name, a category or a severity; `None` for any.
    Asserted(Option<String>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compare {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    More,
    MoreOrEqual,
    Contains,
}

const COMPARES: [(&str, Compare); 8] = [
    (">=", Compare::MoreOrEqual),
    ("<=", Compare::LessOrEqual),
    ("!=", Compare::NotEqual),
    (">", Compare::More),
    ("<", Compare::Less),
    ("=", Compare::Equal),
    ("~", Compare::Contains),
    (":", Compare::Equal),
];

/// Words that carry nothing.
const FILLERS: [&str; 9] = [
    "and", "all", "show", "the", "a", "an", "with", "are", "that",
];

/// Kinds of which more than one are something else than the kind with an s.
const PLURALS: [(&str, &str); 1] = [("caches", "cache")];

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Quoted(String),
    Compare(Compare),
}

impl Token {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Word(text) | Self::Quoted(text) => Some(text),
            Self::Compare(_) => None,
        }
    }

    fn is(&self, word: &str) -> bool {
        matches!(self, Self::Word(text) if text == word)
    }
}

/// The conditions of a search; `kinds` are those that the graph has.
pub(super) fn read(text: &str, kinds: &BTreeSet<&str>) -> Vec<Condition> {
    let tokens = tokens(text);
    let mut conditions = Vec::new();
    let mut rest = tokens.as_slice();
    while !rest.is_empty() {
        let (condition, used) = one(rest, kinds);
        conditions.extend(condition);
        rest = &rest[used..];
    }
    conditions
}

/// One condition, and how many tokens it took; at least one.
fn one(tokens: &[Token], kinds: &BTreeSet<&str>) -> (Option<Condition>, usize) {
    let text_at = |place: usize| tokens.get(place).and_then(Token::text).map(str::to_owned);
    let is_at = |place: usize, word: &str| tokens.get(place).is_some_and(|t| t.is(word));
    if is_at(0, "connected") && is_at(1, "to") {
        return (text_at(2).map(Condition::Connected), tokens.len().min(3));
    }
    let having = is_at(0, "having") || is_at(0, "with");
    if having && (is_at(1, "assertion") || is_at(1, "assertions")) {
        let what = tokens
            .get(2)
            .filter(|t| !is_filler(t) && !t.is("connected"));
        let what = what.and_then(Token::text).map(str::to_owned);
        let used = 2 + usize::from(what.is_some());
        return (Some(Condition::Asserted(what)), used);
    }
    if let (Some(name), Some(Token::Compare(compare)), Some(value)) =
        (text_at(0), tokens.get(1), text_at(2))
    {
        let condition = match (name.as_str(), compare) {
            ("type" | "kind", Compare::Equal) => Condition::Kind(singular(&value).to_owned()),
            ("name", Compare::Equal | Compare::Contains) => Condition::Name(value),
            _ => Condition::Property {
                name,
                compare: *compare,
                value,
            },
        };
        return (Some(condition), 3);
    }
    let condition = match &tokens[0] {
        Token::Compare(_) => None,
        token if is_filler(token) => None,
        Token::Word(word) if kinds.contains(singular(word)) => {
            Some(Condition::Kind(singular(word).to_owned()))
        }
        Token::Word(text) | Token::Quoted(text) => Some(Condition::Name(text.clone())),
    };
    (condition, 1)
}

fn is_filler(token: &Token) -> bool {
    FILLERS.iter().any(|filler| token.is(filler))
}

/// `services` is `service`.
pub(super) fn singular(word: &str) -> &str {
    let known = PLURALS.iter().find(|(many, _)| *many == word);
    match known {
        Some((_, one)) => one,
        None => word.strip_suffix('s').unwrap_or(word),
    }
}

/// Lower case, but for nothing; commas are spaces.
fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let text = text.to_lowercase();
    let mut rest = text.trim_start_matches(is_gap);
    while let Some(first) = rest.chars().next() {
        let compare = COMPARES.iter().find(|(sign, _)| rest.starts_with(sign));
        if let Some((sign, compare)) = compare {
            tokens.push(Token::Compare(*compare));
            rest = &rest[sign.len()..];
        } else if first == '"' {
            let inside = &rest[1..];
            let end = inside.find('"').unwrap_or(inside.len());
            tokens.push(Token::Quoted(inside[..end].to_owned()));
            rest = inside.get(end + 1..).unwrap_or_default();
        } else {
            let end = word_end(rest);
            tokens.push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        }
        rest = rest.trim_start_matches(is_gap);
    }
    tokens
}

fn is_gap(c: char) -> bool {
    c.is_whitespace() || c == ','
}

/// A colon ends a word only where what stands before it is a name of our own: addresses and
/// routes have colons and signs of comparison in them.
fn word_end(text: &str) -> usize {
    let ends = |(at, c): &(usize, char)| match c {
        '=' | '>' | '<' | '~' | '!' => !text[..*at].contains('/'),
        ':' => ["type", "kind", "name"].contains(&&text[..*at]),
        c => is_gap(*c),
    };
    let end = text.char_indices().skip(1).find(ends);
    end.map_or(text.len(), |(at, _)| at)
}

impl Compare {
    pub(super) fn numbers(self, left: f64, right: f64) -> bool {
        match self {
            // As people write numbers, the last digits of a measured one do not matter.
            Self::Equal | Self::Contains => (left - right).abs() <= right.abs() * 1e-9,
            Self::NotEqual => left != right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::More => left > right,
            Self::MoreOrEqual => left >= right,
        }
    }

    pub(super) fn texts(self, left: &str, right: &str) -> bool {
        match self {
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::Contains => left.contains(right),
            Self::Less | Self::LessOrEqual | Self::More | Self::MoreOrEqual => false,
        }
    }

    pub(super) fn is_order(self) -> bool {
        match self {
            Self::Less | Self::LessOrEqual | Self::More | Self::MoreOrEqual => true,
            Self::Equal | Self::NotEqual | Self::Contains => false,
        }
    }

    fn shown(self) -> &'static str {
        match self {
            Self::Equal => "is",
            Self::NotEqual => "is not",
            Self::Less => "is below",
            Self::LessOrEqual => "is at most",
            Self::More => "is above",
            Self::MoreOrEqual => "is at least",
            Self::Contains => "contains",
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind(kind) => write!(f, "the type is {kind}"),
            Self::Name(part) => write!(f, "the name contains {part:?}"),
            Self::Property {
                name,
                compare,
                value,
            } => write!(f, "{name} {} {value}", compare.shown()),
            Self::Connected(what) => write!(f, "connected to {what}"),
            Self::Asserted(None) => f.write_str("having any assertion"),
            Self::Asserted(Some(what)) => write!(f, "having an assertion {what}"),
        }
    }
}
