//! Tokens into a tree: precedence climbing, one token ahead.
//!
//! A run of parentheses is a loop, not a recursion, and everything else that nests is counted, so
//! that no text can exhaust the stack here or in what walks the tree later.

mod postfix;
mod primary;
mod selector;

use std::sync::Arc;

use crate::ParseError;
use crate::ast::{
    BinaryOp, Expr, Group, Matching, Node, NodeKind, Number, Span, is_label_name, line_column,
};
use crate::check;
use crate::lex::{Token, TokenKind, lex};

/// How deep calls, aggregations and binary right-hand sides may nest. Each level is some stack
/// frames of the parser and of the evaluator: 128 levels fit into 1.5 MB without optimisation, of
/// the 2 MB that a thread has. Written queries stay below 20.
const NESTING_MAX: usize = 128;

/// How many parentheses may be open at once.
const PARENS_MAX: usize = 10_000;

/// Binary operators in one expression. A chain `a or b or c …` makes a tree as deep as it is long,
/// and what drops or prints the tree follows it.
const OPERATORS_MAX: usize = 1_000;

/// Parses and checks an expression.
///
/// The text's length is the caller's to limit; time and memory grow linearly with it.
pub fn parse(text: &str) -> Result<Expr, ParseError> {
    let tokens = lex(text);
    let mut parser = Parser {
        text,
        tokens: &tokens,
        position: 0,
        nesting: 0,
        open_parens: 0,
        operators: 0,
    };
    let root = parser.whole().map_err(|fault| fault.at(text))?;
    Ok(Expr {
        root,
        text: Arc::from(text),
    })
}

/// What is wrong, before line and column are known.
#[derive(Debug)]
pub(crate) struct SyntaxFault {
    pub(crate) span: Span,
    pub(crate) message: String,
}

struct Parser<'a> {
    text: &'a str,
    tokens: &'a [Token],
    position: usize,
    nesting: usize,
    open_parens: usize,
    operators: usize,
}

impl SyntaxFault {
    pub(crate) fn new(span: Span, message: impl Into<String>) -> Self {
        Self {
            span,
            message: message.into(),
        }
    }

    fn at(self, text: &str) -> ParseError {
        let (line, column) = line_column(text, self.span.start);
        ParseError {
            message: self.message,
            start: self.span.start,
            end: self.span.end,
            line,
            column,
        }
    }
}

/// How tightly an operator binds; higher is tighter. Unary minus binds like `*`, so `-2^2` is -4.
fn precedence(op: BinaryOp) -> u8 {
    match op {
        BinaryOp::Or => 1,
        BinaryOp::And | BinaryOp::Unless => 2,
        BinaryOp::Equal
        | BinaryOp::NotEqual
        | BinaryOp::Less
        | BinaryOp::LessOrEqual
        | BinaryOp::Greater
        | BinaryOp::GreaterOrEqual => 3,
        BinaryOp::Add | BinaryOp::Sub => 4,
        BinaryOp::Mul | BinaryOp::Div | BinaryOp::Mod | BinaryOp::Atan2 => PRECEDENCE_OF_SIGN,
        BinaryOp::Pow => 6,
    }
}

const PRECEDENCE_OF_SIGN: u8 = 5;

impl<'a> Parser<'a> {
    fn whole(&mut self) -> Result<Node, SyntaxFault> {
        if self.peek() == &TokenKind::End {
            return Err(SyntaxFault::new(
                self.span(),
                "no expression found in input",
            ));
        }
        let root = self.expression(0)?;
        match self.peek() {
            TokenKind::End => Ok(root),
            TokenKind::RightParen => Err(SyntaxFault::new(
                self.span(),
                "unexpected right parenthesis ')'",
            )),
            TokenKind::Word => Err(self.unexpected_word_after_expression()),
            _ => Err(self.unexpected("", "")),
        }
    }

    /// An expression whose operators bind at least this tightly.
    fn expression(&mut self, precedence_min: u8) -> Result<Node, SyntaxFault> {
        self.nesting += 1;
        if self.nesting > NESTING_MAX {
            return Err(SyntaxFault::new(
                self.span(),
                format!("expression nests deeper than {NESTING_MAX} levels"),
            ));
        }
        let lhs = self.operand()?;
        let node = self.operators_after(lhs, precedence_min);
        self.nesting -= 1;
        node
    }

    /// What follows an operand: binary operators and their right sides.
    fn operators_after(&mut self, lhs: Node, precedence_min: u8) -> Result<Node, SyntaxFault> {
        let mut lhs = lhs;
        while let Some(op) = self.binary_op()? {
            let precedence = precedence(op);
            if precedence < precedence_min {
                break;
            }
            self.operators += 1;
            if self.operators > OPERATORS_MAX {
                return Err(SyntaxFault::new(
                    self.span(),
                    format!("expression has more than {OPERATORS_MAX} binary operators"),
                ));
            }
            self.advance();
            let returns_bool = self.take_word("bool");
            let matching = self.matching()?;
            // `^` leans to the right, all others to the left.
            let rhs_min = precedence + u8::from(op != BinaryOp::Pow);
            let rhs = self.expression(rhs_min)?;
            lhs = check::binary(lhs, op, returns_bool, matching, rhs)?;
        }
        Ok(lhs)
    }

    /// The operator that stands next, not yet taken.
    fn binary_op(&self) -> Result<Option<BinaryOp>, SyntaxFault> {
        let op = match self.peek() {
            TokenKind::Plus => BinaryOp::Add,
            TokenKind::Minus => BinaryOp::Sub,
            TokenKind::Star => BinaryOp::Mul,
            TokenKind::Slash => BinaryOp::Div,
            TokenKind::Percent => BinaryOp::Mod,
            TokenKind::Caret => BinaryOp::Pow,
            TokenKind::Equal => BinaryOp::Equal,
            TokenKind::NotEqual => BinaryOp::NotEqual,
            TokenKind::Less => BinaryOp::Less,
            TokenKind::LessOrEqual => BinaryOp::LessOrEqual,
            TokenKind::Greater => BinaryOp::Greater,
            TokenKind::GreaterOrEqual => BinaryOp::GreaterOrEqual,
            TokenKind::Word => {
                let word = self.word();
                let named = [
                    BinaryOp::And,
                    BinaryOp::Or,
                    BinaryOp::Unless,
                    BinaryOp::Atan2,
                ];
                return Ok(named
                    .into_iter()
                    .find(|op| word.eq_ignore_ascii_case(op.symbol())));
            }
            _ => return Ok(None),
        };
        let trims = matches!(op, BinaryOp::Less | BinaryOp::Greater)
            && self.kind_after() == &TokenKind::Slash;
        if trims {
            return Err(SyntaxFault::new(
                self.span(),
                format!(
                    "the histogram trim operator {:?} is experimental and not supported",
                    format!("{}/", op.symbol())
                ),
            ));
        }
        Ok(Some(op))
    }

    /// `on (a, b) group_left (c)`. `None` when neither `on` nor `ignoring` stands.
    fn matching(&mut self) -> Result<Option<Matching>, SyntaxFault> {
        let on = self.is_word("on");
        if !on && !self.is_word("ignoring") {
            return Ok(None);
        }
        self.advance();
        let labels = self.label_list("grouping opts")?;
        let left = self.is_word("group_left");
        let group = if left || self.is_word("group_right") {
            self.advance();
            let included = if self.peek() == &TokenKind::LeftParen {
                self.label_list("grouping opts")?
            } else {
                Vec::new()
            };
            if left {
                Group::Left(included)
            } else {
                Group::Right(included)
            }
        } else {
            Group::OneToOne
        };
        for fill in ["fill", "fill_left", "fill_right"] {
            if self.is_word(fill) && self.kind_after() == &TokenKind::LeftParen {
                return Err(SyntaxFault::new(
                    self.span(),
                    format!("the modifier {fill:?} is experimental and not supported"),
                ));
            }
        }
        Ok(Some(Matching { on, labels, group }))
    }

    /// `(a, "b.c", by,)`.
    fn label_list(&mut self, context: &str) -> Result<Vec<Box<str>>, SyntaxFault> {
        self.expect(TokenKind::LeftParen, context, "\"(\"")?;
        let mut labels: Vec<Box<str>> = Vec::new();
        loop {
            match self.peek() {
                TokenKind::RightParen => {
                    self.advance();
                    return Ok(labels);
                }
                TokenKind::Word if is_label_name(self.word()) => labels.push(self.word().into()),
                TokenKind::String(label) if !label.is_empty() => {
                    labels.push(label.as_str().into());
                }
                _ => return Err(self.unexpected(context, "label")),
            }
            self.advance();
            match self.peek() {
                TokenKind::Comma => self.advance(),
                TokenKind::RightParen => {}
                _ => return Err(self.unexpected(context, "\",\" or \")\"")),
            }
        }
    }

    /// Signs, then what they stand before, with everything that binds tighter than a sign.
    fn operand(&mut self) -> Result<Node, SyntaxFault> {
        let mut signs: Vec<Span> = Vec::new();
        let first = self.span();
        while matches!(self.peek(), TokenKind::Plus | TokenKind::Minus) {
            if self.peek() == &TokenKind::Minus {
                signs.push(self.span());
            }
            self.advance();
        }
        if self.span() == first {
            return self.primary_with_postfix();
        }
        let inner = self.primary_with_postfix()?;
        let mut node = self.operators_after(inner, PRECEDENCE_OF_SIGN + 1)?;
        check::signed(&node)?;
        if let NodeKind::Number(number) = node.kind {
            let negative = signs.len() % 2 == 1 && !number.value.is_nan();
            node.kind = NodeKind::Number(Number {
                value: if negative {
                    -number.value
                } else {
                    number.value
                },
                ..number
            });
            signs.clear();
        }
        if signs.len() > NESTING_MAX {
            return Err(SyntaxFault::new(
                first,
                format!("more than {NESTING_MAX} signs before an expression"),
            ));
        }
        node.span = first.to(node.span);
        for sign in signs.into_iter().rev() {
            let span = sign.to(node.span);
            node = Node {
                kind: NodeKind::Negate(Box::new(node)),
                span,
            };
        }
        Ok(node)
    }
}

/// Tokens.
impl<'a> Parser<'a> {
    fn token(&self) -> &'a Token {
        // The last token is never advanced over.
        &self.tokens[self.position]
    }

    fn peek(&self) -> &'a TokenKind {
        &self.token().kind
    }

    fn kind_after(&self) -> &'a TokenKind {
        let last = self.tokens.len() - 1;
        &self.tokens[(self.position + 1).min(last)].kind
    }

    fn span(&self) -> Span {
        self.token().span
    }

    fn source(&self, span: Span) -> &'a str {
        &self.text[span.start..span.end]
    }

    /// The text of the token that stands next.
    fn word(&self) -> &'a str {
        self.source(self.span())
    }

    fn is_word(&self, word: &str) -> bool {
        self.peek() == &TokenKind::Word && self.word().eq_ignore_ascii_case(word)
    }

    fn take_word(&mut self, word: &str) -> bool {
        let taken = self.is_word(word);
        if taken {
            self.advance();
        }
        taken
    }

    fn advance(&mut self) {
        if self.position + 1 < self.tokens.len() {
            self.position += 1;
        }
    }

    fn expect(
        &mut self,
        kind: TokenKind,
        context: &str,
        expected: &str,
    ) -> Result<Span, SyntaxFault> {
        if self.peek() != &kind {
            return Err(self.unexpected(context, expected));
        }
        let span = self.span();
        self.advance();
        Ok(span)
    }

    /// `unexpected <by> in aggregation, expected label`, as Prometheus words it.
    fn unexpected(&self, context: &str, expected: &str) -> SyntaxFault {
        let found = match self.peek() {
            TokenKind::Invalid(message) => {
                return SyntaxFault::new(self.span(), message.clone());
            }
            TokenKind::End => "end of input".to_owned(),
            TokenKind::Word => format!("identifier {:?}", self.word()),
            TokenKind::Number => format!("number {:?}", self.word()),
            TokenKind::Duration => format!("duration {:?}", self.word()),
            TokenKind::String(_) => format!("string {}", self.word()),
            TokenKind::Plus
            | TokenKind::Minus
            | TokenKind::Star
            | TokenKind::Slash
            | TokenKind::Percent
            | TokenKind::Caret
            | TokenKind::Equal
            | TokenKind::NotEqual
            | TokenKind::Less
            | TokenKind::LessOrEqual
            | TokenKind::Greater
            | TokenKind::GreaterOrEqual
            | TokenKind::Matches
            | TokenKind::NotMatches => format!("<op:{}>", self.word()),
            TokenKind::LeftParen
            | TokenKind::RightParen
            | TokenKind::LeftBrace
            | TokenKind::RightBrace
            | TokenKind::LeftBracket
            | TokenKind::RightBracket
            | TokenKind::Comma
            | TokenKind::Colon
            | TokenKind::At
            | TokenKind::Assign => format!("{:?}", self.word()),
        };
        let mut message = format!("unexpected {found}");
        if !context.is_empty() {
            message.push_str(&format!(" in {context}"));
        }
        if !expected.is_empty() {
            message.push_str(&format!(", expected {expected}"));
        }
        SyntaxFault::new(self.span(), message)
    }

    fn unexpected_word_after_expression(&self) -> SyntaxFault {
        for modifier in ["anchored", "smoothed"] {
            if self.is_word(modifier) {
                return SyntaxFault::new(
                    self.span(),
                    format!("the modifier {modifier:?} is experimental and not supported"),
                );
            }
        }
        self.unexpected("", "")
    }
}

#[cfg(test)]
mod tests;
