//! What an expression is made of: literals, selectors, calls, aggregations, parentheses.

use std::sync::Arc;

use super::{PARENS_MAX, Parser, SyntaxFault};
use crate::ast::{
    Aggregate, AggregateOp, Call, Grouping, Node, NodeKind, Number, Span, is_reserved,
};
use crate::check;
use crate::functions;
use crate::lex::{TokenKind, duration_ms, number};

impl Parser<'_> {
    pub(super) fn primary_with_postfix(&mut self) -> Result<Node, SyntaxFault> {
        if self.peek() == &TokenKind::LeftParen {
            return self.parens();
        }
        let primary = self.primary()?;
        self.postfix(primary)
    }

    /// A run of parentheses, `((a) + b)`. Its stack is a counter, so its length costs no frames.
    fn parens(&mut self) -> Result<Node, SyntaxFault> {
        let mut open: Vec<Span> = Vec::new();
        while self.peek() == &TokenKind::LeftParen {
            open.push(self.span());
            self.advance();
        }
        self.open_parens += open.len();
        if self.open_parens > PARENS_MAX {
            return Err(SyntaxFault::new(
                open[0],
                format!("more than {PARENS_MAX} parentheses are open"),
            ));
        }
        let mut node = self.expression(0)?;
        while let Some(left) = open.pop() {
            let right = match self.peek() {
                TokenKind::RightParen => self.span(),
                TokenKind::End => return Err(SyntaxFault::new(left, "unclosed left parenthesis")),
                TokenKind::Word => return Err(self.unexpected_word_after_expression()),
                _ => return Err(self.unexpected("", "\")\"")),
            };
            self.advance();
            self.open_parens -= 1;
            node = in_parens(node, left.to(right));
            node = self.postfix(node)?;
            if !open.is_empty() {
                node = self.operators_after(node, 0)?;
            }
        }
        Ok(node)
    }

    fn primary(&mut self) -> Result<Node, SyntaxFault> {
        let span = self.span();
        match self.peek() {
            TokenKind::Number | TokenKind::Duration => {
                let kind = NodeKind::Number(self.number()?);
                Ok(Node { kind, span })
            }
            TokenKind::String(text) => {
                self.advance();
                Ok(Node {
                    kind: NodeKind::String(Arc::from(text.as_str())),
                    span,
                })
            }
            TokenKind::LeftBrace => self.selector(None),
            TokenKind::Word => self.word_primary(),
            _ => Err(self.unexpected("", "")),
        }
    }

    /// A number, or a duration in seconds.
    fn number(&mut self) -> Result<Number, SyntaxFault> {
        let text = self.word();
        let as_duration = self.peek() == &TokenKind::Duration;
        let value = if as_duration {
            duration_ms(text).ok().map(|millis| millis as f64 / 1000.0)
        } else {
            number(text)
        };
        let value = value.ok_or_else(|| self.unexpected("", "number"))?;
        self.advance();
        Ok(Number { value, as_duration })
    }

    /// A word can begin an aggregation, a call, a number or a selector; what follows decides.
    fn word_primary(&mut self) -> Result<Node, SyntaxFault> {
        let (word, span) = (self.word(), self.span());
        let called = self.kind_after() == &TokenKind::LeftParen;
        let grouped = self
            .tokens
            .get(self.position + 1)
            .is_some_and(|token| is_grouping_word(self.source(token.span)));
        if called || grouped {
            if let Some(op) = AggregateOp::ALL
                .into_iter()
                .find(|op| word.eq_ignore_ascii_case(op.name()))
            {
                return self.aggregate(op);
            }
            if functions::EXPERIMENTAL
                .iter()
                .any(|experimental| word.eq_ignore_ascii_case(experimental))
            {
                return Err(SyntaxFault::new(
                    span,
                    format!("{word:?} is experimental and not supported"),
                ));
            }
        }
        if called {
            return self.call();
        }
        if is_reserved(word) {
            let value = match word.to_ascii_lowercase().as_str() {
                "inf" => f64::INFINITY,
                "nan" => f64::NAN,
                _ => return Err(self.unexpected("", "")),
            };
            self.advance();
            let kind = NodeKind::Number(Number {
                value,
                as_duration: false,
            });
            return Ok(Node { kind, span });
        }
        self.advance();
        self.selector(Some((word, span)))
    }

    /// `sum by (a) (x)` and `sum (x) by (a)`.
    fn aggregate(&mut self, op: AggregateOp) -> Result<Node, SyntaxFault> {
        let start = self.span();
        self.advance();
        let before = self.grouping()?;
        let (args, mut end) = self.arguments("aggregation")?;
        let grouping = match before {
            Some(grouping) => grouping,
            None => {
                let after = self.grouping()?;
                if after.is_some() {
                    end = self.tokens[self.position - 1].span;
                }
                after.unwrap_or(Grouping::By(Vec::new()))
            }
        };
        let span = start.to(end);
        let (param, inner) = check::aggregate(op, args, span)?;
        Ok(Node {
            kind: NodeKind::Aggregate(Box::new(Aggregate {
                op,
                param,
                inner,
                grouping,
            })),
            span,
        })
    }

    fn grouping(&mut self) -> Result<Option<Grouping>, SyntaxFault> {
        if self.take_word("by") {
            return Ok(Some(Grouping::By(self.label_list("grouping opts")?)));
        }
        if self.take_word("without") {
            return Ok(Some(Grouping::Without(self.label_list("grouping opts")?)));
        }
        Ok(None)
    }

    fn call(&mut self) -> Result<Node, SyntaxFault> {
        let (name, start) = (self.word(), self.span());
        let Some(function) = functions::find(name) else {
            return Err(SyntaxFault::new(
                start,
                format!("unknown function with name {name:?}"),
            ));
        };
        self.advance();
        let (args, end) = self.arguments("function call")?;
        let span = start.to(end);
        check::call(function, &args, span)?;
        Ok(Node {
            kind: NodeKind::Call(Call { function, args }),
            span,
        })
    }

    /// `(a, b)`, and where it ends. A comma at the end is an error, as in Prometheus.
    fn arguments(&mut self, context: &str) -> Result<(Vec<Node>, Span), SyntaxFault> {
        let left = self.expect(TokenKind::LeftParen, context, "\"(\"")?;
        let mut args = Vec::new();
        if self.peek() == &TokenKind::RightParen {
            let end = self.span();
            self.advance();
            return Ok((args, end));
        }
        loop {
            args.push(self.expression(0)?);
            let end = self.span();
            match self.peek() {
                TokenKind::Comma => self.advance(),
                TokenKind::RightParen => {
                    self.advance();
                    return Ok((args, end));
                }
                TokenKind::End => return Err(SyntaxFault::new(left, "unclosed left parenthesis")),
                TokenKind::Word => return Err(self.unexpected_word_after_expression()),
                _ => return Err(self.unexpected(context, "\",\" or \")\"")),
            }
            if self.peek() == &TokenKind::RightParen {
                return Err(SyntaxFault::new(
                    self.span(),
                    format!("trailing commas not allowed in {context} args"),
                ));
            }
        }
    }
}

fn is_grouping_word(word: &str) -> bool {
    word.eq_ignore_ascii_case("by") || word.eq_ignore_ascii_case("without")
}

/// `((x))` means `(x)`, so one pair is kept.
fn in_parens(node: Node, span: Span) -> Node {
    match node.kind {
        kind @ NodeKind::Paren(_) => Node { kind, span },
        _ => Node {
            kind: NodeKind::Paren(Box::new(node)),
            span,
        },
    }
}
