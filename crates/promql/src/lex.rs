//! Text into tokens.
//!
//! Keywords stay identifiers: PromQL lets most of them name labels and metrics too, so only the
//! parser knows which is which.

mod literal;

use crate::ast::Span;

pub(crate) use literal::{duration_ms, number};

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TokenKind {
    /// A name or a keyword; with a colon it can only name a metric.
    Word,
    /// `12`, `1e3`, `0x1f`: whatever [`number`] reads.
    Number,
    /// `1h30m`: whatever [`duration_ms`] reads.
    Duration,
    /// The text between the quotes, escapes resolved.
    String(String),
    LeftParen,
    RightParen,
    LeftBrace,
    RightBrace,
    LeftBracket,
    RightBracket,
    Comma,
    Colon,
    At,
    /// `=`, inside braces.
    Assign,
    /// `=~`, inside braces.
    Matches,
    /// `!~`, inside braces.
    NotMatches,
    /// `==`.
    Equal,
    /// `!=`, a comparison and a matcher.
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Plus,
    Minus,
    Star,
    Slash,
    Percent,
    Caret,
    /// Always the last token, unless that is an error.
    End,
    /// What stands here is no token. Always the last one.
    Invalid(String),
}

/// Reads the whole text. The last token is `End` or `Invalid`.
pub(crate) fn lex(text: &str) -> Vec<Token> {
    let mut lexer = Lexer {
        text,
        position: 0,
        brackets: 0,
    };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blanks();
        let start = lexer.position;
        let kind = lexer.token().unwrap_or_else(TokenKind::Invalid);
        let last = matches!(kind, TokenKind::End | TokenKind::Invalid(_));
        tokens.push(Token {
            kind,
            span: Span::new(start, lexer.position),
        });
        if last {
            return tokens;
        }
    }
}

struct Lexer<'a> {
    text: &'a str,
    position: usize,
    /// Inside `[…]` a colon parts range and step; outside it belongs to a metric's name.
    brackets: usize,
}

impl Lexer<'_> {
    fn peek(&self) -> Option<char> {
        self.text[self.position..].chars().next()
    }

    fn starts_with(&self, prefix: &str) -> bool {
        self.text[self.position..].starts_with(prefix)
    }

    fn skip_while(&mut self, accept: impl Fn(char) -> bool) {
        let rest = &self.text[self.position..];
        self.position += rest.find(|c| !accept(c)).unwrap_or(rest.len());
    }

    fn skip_blanks(&mut self) {
        loop {
            self.skip_while(|c| matches!(c, ' ' | '\t' | '\r' | '\n'));
            if self.peek() != Some('#') {
                return;
            }
            self.skip_while(|c| c != '\n');
        }
    }

    fn token(&mut self) -> Result<TokenKind, String> {
        let Some(c) = self.peek() else {
            return Ok(TokenKind::End);
        };
        match c {
            '"' | '\'' | '`' => {
                let (text, length) = literal::string(&self.text[self.position..])
                    .inspect_err(|_| self.position = self.text.len())?;
                self.position += length;
                Ok(TokenKind::String(text))
            }
            '0'..='9' => self.number_or_duration(),
            '.' if self.text[self.position + 1..].starts_with(|c: char| c.is_ascii_digit()) => {
                self.number_or_duration()
            }
            ':' if self.brackets > 0 => {
                self.position += 1;
                Ok(TokenKind::Colon)
            }
            'a'..='z' | 'A'..='Z' | '_' | ':' => {
                // In brackets a colon ends the word: `[5m:step]`.
                let colon_ends = self.brackets > 0;
                self.skip_while(|c| {
                    c.is_ascii_alphanumeric() || c == '_' || (c == ':' && !colon_ends)
                });
                Ok(TokenKind::Word)
            }
            _ => self.symbol(c),
        }
    }

    fn symbol(&mut self, c: char) -> Result<TokenKind, String> {
        const SYMBOLS: [(&str, TokenKind); 23] = [
            ("=~", TokenKind::Matches),
            ("!~", TokenKind::NotMatches),
            ("==", TokenKind::Equal),
            ("!=", TokenKind::NotEqual),
            ("<=", TokenKind::LessOrEqual),
            (">=", TokenKind::GreaterOrEqual),
            ("=", TokenKind::Assign),
            ("<", TokenKind::Less),
            (">", TokenKind::Greater),
            ("(", TokenKind::LeftParen),
            (")", TokenKind::RightParen),
            ("{", TokenKind::LeftBrace),
            ("}", TokenKind::RightBrace),
            ("[", TokenKind::LeftBracket),
            ("]", TokenKind::RightBracket),
            (",", TokenKind::Comma),
            ("@", TokenKind::At),
            ("+", TokenKind::Plus),
            ("-", TokenKind::Minus),
            ("*", TokenKind::Star),
            ("/", TokenKind::Slash),
            ("%", TokenKind::Percent),
            ("^", TokenKind::Caret),
        ];
        let Some((symbol, kind)) = SYMBOLS
            .into_iter()
            .find(|(symbol, _)| self.starts_with(symbol))
        else {
            self.position += c.len_utf8();
            return Err(if c == '!' {
                let next = self
                    .peek()
                    .map_or("end of input".into(), |c| format!("{c:?}"));
                format!("unexpected character after '!': {next}")
            } else {
                format!("unexpected character: {c:?}")
            });
        };
        self.position += symbol.len();
        match kind {
            TokenKind::LeftBracket => self.brackets += 1,
            TokenKind::RightBracket => self.brackets = self.brackets.saturating_sub(1),
            _ => {}
        }
        Ok(kind)
    }

    /// Takes everything that could belong to a number or a duration, then sees which it is.
    fn number_or_duration(&mut self) -> Result<TokenKind, String> {
        let start = self.position;
        self.position += literal::number_length(&self.text[start..]);
        let text = &self.text[start..self.position];
        if number(text).is_some() {
            return Ok(TokenKind::Number);
        }
        if duration_ms(text).is_ok() {
            return Ok(TokenKind::Duration);
        }
        Err(match duration_ms(text) {
            Err(error @ model::InvalidDuration::TooLong { .. }) => error.to_string(),
            _ => format!("bad number or duration syntax: {text:?}"),
        })
    }
}

#[cfg(test)]
mod tests;
