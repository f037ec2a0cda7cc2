//! Text to pieces (literal text and actions), an action to tokens.

use super::TemplateError;

/// A part of the text as it stands.
#[derive(Debug, PartialEq)]
pub(super) enum Piece<'t> {
    Text(&'t str),
    /// The tokens between `{{` and `}}`, each with its byte in the text; a comment has none.
    Action {
        tokens: Vec<(Token, usize)>,
        at: usize,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A name of a function or a word of the language.
    Word(String),
    /// `$name`; `$` has no name.
    Variable(String),
    /// `.name`.
    Field(String),
    /// `.` alone.
    Dot,
    Text(String),
    Integer(i64),
    Float(f64),
    Open,
    Close,
    Pipe,
    /// `:=`.
    Declare,
    /// `=`.
    Assign,
    Comma,
    /// White space: `$a.b` is one value, `$a .b` are two.
    Space,
}

/// What is left of an action.
pub(super) struct Tokens<'t> {
    pub(super) left: &'t [(Token, usize)],
    pub(super) at: usize,
}

impl<'t> Tokens<'t> {
    pub(super) fn skip_space(&mut self) {
        while let Some(((Token::Space, _), left)) = self.left.split_first() {
            self.left = left;
        }
    }

    pub(super) fn peek(&self) -> Option<&'t Token> {
        self.left.first().map(|(token, _)| token)
    }

    pub(super) fn place(&self) -> usize {
        self.left.first().map_or(self.at, |(_, at)| *at)
    }

    pub(super) fn next(&mut self) -> Option<&'t Token> {
        let ((token, at), left) = self.left.split_first()?;
        self.left = left;
        self.at = *at;
        Some(token)
    }

    pub(super) fn ended(&mut self, context: &str) -> Result<(), TemplateError> {
        self.skip_space();
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(syntax(
                format!("unexpected text in {context}"),
                self.place(),
            )),
        }
    }
}

const SPACE: [char; 4] = [' ', '\t', '\r', '\n'];

pub(super) fn syntax(what: impl Into<String>, at: usize) -> TemplateError {
    TemplateError::Syntax {
        what: what.into(),
        at,
    }
}

pub(super) fn pieces(text: &str) -> Result<Vec<Piece<'_>>, TemplateError> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while let Some(offset) = text[at..].find("{{") {
        let open = at + offset;
        let mut literal = &text[at..open];
        let mut start = open + 2;
        if text[start..].starts_with('-') && text[start + 1..].starts_with(SPACE) {
            literal = literal.trim_end_matches(SPACE);
            start += 1;
        }
        pieces.push(Piece::Text(literal));
        let rest = text[start..].trim_start_matches(SPACE);
        let (tokens, end) = if rest.starts_with("/*") {
            (Vec::new(), comment_end(text, text.len() - rest.len())?)
        } else {
            action(text, start)?
        };
        pieces.push(Piece::Action {
            tokens,
            at: open + 2,
        });
        at = end + 2;
        if text[..end].ends_with('-') && text[..end - 1].ends_with(SPACE) {
            at = text.len() - text[at..].trim_start_matches(SPACE).len();
        }
    }
    pieces.push(Piece::Text(&text[at..]));
    Ok(pieces)
}

/// The place of the `}}` after a comment that begins at `start`.
fn comment_end(text: &str, start: usize) -> Result<usize, TemplateError> {
    let end = text[start..].find("*/");
    let end = end.ok_or_else(|| syntax("unclosed comment", start))? + start + 2;
    let rest = text[end..].trim_start_matches(SPACE);
    let rest = rest.strip_prefix('-').unwrap_or(rest);
    if rest.starts_with("}}") {
        Ok(text.len() - rest.len())
    } else {
        Err(syntax("comment ends before closing delimiter", end))
    }
}

/// The tokens from `start` on and the place of the `}}` that ends them.
fn action(text: &str, start: usize) -> Result<(Vec<(Token, usize)>, usize), TemplateError> {
    let mut tokens: Vec<(Token, usize)> = Vec::new();
    let mut at = start;
    loop {
        let rest = &text[at..];
        if rest.starts_with("}}") {
            break;
        }
        // The trim marker stands before the end and after white space.
        if rest.starts_with("-}}") && text[start..at].ends_with(SPACE) {
            at += 1;
            break;
        }
        if rest.is_empty() {
            return Err(syntax("unclosed action", start));
        }
        let (token, len) = token(rest, at)?;
        tokens.push((token, at));
        at += len;
    }
    while matches!(tokens.first(), Some((Token::Space, _))) {
        tokens.remove(0);
    }
    while matches!(tokens.last(), Some((Token::Space, _))) {
        tokens.pop();
    }
    Ok((tokens, at))
}

fn token(rest: &str, at: usize) -> Result<(Token, usize), TemplateError> {
    let mut chars = rest.chars();
    let first = chars.next().unwrap_or(' ');
    let second = chars.next().unwrap_or(' ');
    let simple = |token| Ok((token, 1));
    match first {
        c if SPACE.contains(&c) => {
            let spaces = rest.len() - rest.trim_start_matches(SPACE).len();
            Ok((Token::Space, spaces))
        }
        '(' => simple(Token::Open),
        ')' => simple(Token::Close),
        '|' => simple(Token::Pipe),
        ',' => simple(Token::Comma),
        '=' => simple(Token::Assign),
        ':' if second == '=' => Ok((Token::Declare, 2)),
        '"' => quoted(rest, at),
        '`' => {
            let end = rest[1..].find('`');
            let end = end.ok_or_else(|| syntax("unterminated raw quoted string", at))?;
            Ok((Token::Text(rest[1..=end].to_owned()), end + 2))
        }
        '\'' => character(rest, at),
        '$' => {
            let name = word(&rest[1..]);
            Ok((Token::Variable(name.to_owned()), 1 + name.len()))
        }
        '.' if !second.is_ascii_digit() => {
            let name = word(&rest[1..]);
            let token = if name.is_empty() {
                Token::Dot
            } else {
                Token::Field(name.to_owned())
            };
            Ok((token, 1 + name.len()))
        }
        '0'..='9' | '+' | '-' | '.' => number(rest, at),
        c if c.is_alphabetic() || c == '_' => {
            let name = word(rest);
            Ok((Token::Word(name.to_owned()), name.len()))
        }
        c => Err(syntax(format!("unexpected {c:?} in an action"), at)),
    }
}

fn word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
    &text[..end.unwrap_or(text.len())]
}

/// A whole number is an integer; one with a point or an exponent is a float, as in Go.
fn number(rest: &str, at: usize) -> Result<(Token, usize), TemplateError> {
    let signed = usize::from(rest.starts_with(['+', '-']));
    let mut end = signed;
    for (offset, c) in rest[signed..].char_indices() {
        let exponent_sign = "+-".contains(c)
            && rest[..signed + offset].ends_with(['e', 'E'])
            && !is_hexadecimal(&rest[signed..]);
        if !(c.is_alphanumeric() || c == '.' || c == '_' || exponent_sign) {
            break;
        }
        end = signed + offset + c.len_utf8();
    }
    let bad = || syntax(format!("bad number syntax: {:?}", &rest[..end]), at);
    let digits: String = rest[signed..end].chars().filter(|c| *c != '_').collect();
    let sign = if rest.starts_with('-') { -1 } else { 1 };
    let radix = match digits.get(..2).map(str::to_ascii_lowercase).as_deref() {
        Some("0x") => 16,
        Some("0o") => 8,
        Some("0b") => 2,
        _ => 10,
    };
    if radix != 10 {
        let value = i64::from_str_radix(&digits[2..], radix).map_err(|_| bad())?;
        return Ok((Token::Integer(sign * value), end));
    }
    if let Ok(value) = digits.parse::<i64>() {
        return Ok((Token::Integer(sign * value), end));
    }
    let value: f64 = digits.parse().map_err(|_| bad())?;
    if !value.is_finite() || !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return Err(bad());
    }
    Ok((Token::Float(f64::from(sign as i32) * value), end))
}

fn is_hexadecimal(digits: &str) -> bool {
    digits.starts_with("0x") || digits.starts_with("0X")
}

/// `'a'` is the number of a character.
fn character(rest: &str, at: usize) -> Result<(Token, usize), TemplateError> {
    let mut chars = rest[1..].char_indices();
    let bad = || syntax("malformed character constant", at);
    let (_, first) = chars.next().ok_or_else(bad)?;
    let value = if first == '\\' {
        escaped(chars.next().map(|(_, c)| c)).ok_or_else(bad)?
    } else {
        first
    };
    match chars.next() {
        Some((offset, '\'')) => Ok((Token::Integer(i64::from(u32::from(value))), offset + 2)),
        _ => Err(bad()),
    }
}

fn escaped(c: Option<char>) -> Option<char> {
    Some(match c? {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'v' => '\u{b}',
        c @ ('"' | '\\' | '\'') => c,
        _ => return None,
    })
}

fn quoted(rest: &str, at: usize) -> Result<(Token, usize), TemplateError> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((offset, c)) = chars.next() {
        match c {
            '"' => return Ok((Token::Text(text), offset + 1)),
            '\n' => break,
            '\\' => {
                let bad = || syntax("unknown escape in a string", at + offset);
                let (_, kind) = chars.next().ok_or_else(bad)?;
                let digits = match kind {
                    'x' => 2,
                    'u' => 4,
                    'U' => 8,
                    other => {
                        text.push(escaped(Some(other)).ok_or_else(bad)?);
                        continue;
                    }
                };
                let hexadecimal: String = chars.by_ref().take(digits).map(|(_, c)| c).collect();
                let code = u32::from_str_radix(&hexadecimal, 16).ok();
                let code = code.filter(|_| hexadecimal.len() == digits);
                text.push(code.and_then(char::from_u32).ok_or_else(bad)?);
            }
            c => text.push(c),
        }
    }
    Err(syntax("unterminated quoted string", at))
}
