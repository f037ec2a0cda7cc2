//! What follows a primary: `[5m]`, `[5m:30s]`, `offset 1m`, `@ 100`.

use model::Timestamp;

use super::{Parser, SyntaxFault};
use crate::ast::{At, Node, NodeKind, RangeSelector, Shift, Span, Subquery, ValueType};
use crate::lex::{TokenKind, duration_ms, number};

const OFFSET_TARGET: &str = "offset modifier must be preceded by an instant vector selector or \
                             range vector selector or a subquery";
const AT_TARGET: &str = "@ modifier must be preceded by an instant vector selector or range \
                         vector selector or a subquery";

/// The longest span, 292 years: sums of a timestamp and two of them stay in range.
const SPAN_SECONDS_MAX: f64 = 9_223_372_036.0;

impl Parser<'_> {
    pub(super) fn postfix(&mut self, node: Node) -> Result<Node, SyntaxFault> {
        let mut node = node;
        loop {
            node = match self.peek() {
                TokenKind::LeftBracket => self.brackets(node)?,
                TokenKind::At => self.at(node)?,
                TokenKind::Word if self.is_word("offset") => self.offset(node)?,
                _ => return Ok(node),
            };
        }
    }

    fn brackets(&mut self, node: Node) -> Result<Node, SyntaxFault> {
        let left = self.span();
        self.advance();
        let range_ms = self.positive_span("range")?;
        if self.peek() == &TokenKind::Colon {
            self.advance();
            let step_ms = match self.peek() {
                TokenKind::RightBracket => None,
                _ => Some(self.positive_span("subquery step")?),
            };
            let right = self.closing_bracket(left, "subquery selector")?;
            return subquery(node, range_ms, step_ms, right);
        }
        let right = self.closing_bracket(left, "subquery or range selector")?;
        let span = node.span.to(right);
        let NodeKind::Selector(selector) = node.kind else {
            return Err(SyntaxFault::new(
                span,
                "ranges only allowed for vector selectors",
            ));
        };
        if selector.shift.offset_ms != 0 {
            return Err(SyntaxFault::new(
                span,
                "no offset modifiers allowed before range",
            ));
        }
        if selector.shift.at.is_some() {
            return Err(SyntaxFault::new(
                span,
                "no @ modifiers allowed before range",
            ));
        }
        Ok(Node {
            kind: NodeKind::Range(RangeSelector { selector, range_ms }),
            span,
        })
    }

    fn closing_bracket(&mut self, left: Span, context: &str) -> Result<Span, SyntaxFault> {
        match self.peek() {
            TokenKind::End => Err(SyntaxFault::new(left, "unclosed left bracket")),
            TokenKind::RightBracket => self.expect(TokenKind::RightBracket, context, "\"]\""),
            _ => {
                self.refuse_duration_expression()?;
                Err(self.unexpected(context, "\"]\""))
            }
        }
    }

    /// Arithmetic inside brackets is Prometheus's experimental duration expression.
    fn refuse_duration_expression(&self) -> Result<(), SyntaxFault> {
        let arithmetic = matches!(
            self.peek(),
            TokenKind::Plus
                | TokenKind::Minus
                | TokenKind::Star
                | TokenKind::Slash
                | TokenKind::Percent
                | TokenKind::Caret
                | TokenKind::LeftParen
                | TokenKind::Word
        );
        if !arithmetic {
            return Ok(());
        }
        Err(SyntaxFault::new(
            self.span(),
            "duration expressions are experimental and not supported",
        ))
    }

    /// A duration, or a number of seconds, above zero.
    fn positive_span(&mut self, context: &str) -> Result<i64, SyntaxFault> {
        let span = self.span();
        let millis = self.span_ms(context)?;
        if millis <= 0 {
            return Err(SyntaxFault::new(span, "duration must be greater than 0"));
        }
        Ok(millis)
    }

    fn span_ms(&mut self, context: &str) -> Result<i64, SyntaxFault> {
        let (text, span) = (self.word(), self.span());
        let millis = match self.peek() {
            TokenKind::Duration => duration_ms(text).ok(),
            TokenKind::Number => {
                let seconds = number(text).unwrap_or(f64::NAN);
                if seconds > SPAN_SECONDS_MAX {
                    return Err(SyntaxFault::new(span, "duration out of range"));
                }
                Some((seconds * 1000.0).round() as i64)
            }
            _ => {
                self.refuse_duration_expression()?;
                None
            }
        };
        let millis = millis.ok_or_else(|| self.unexpected(context, "number or duration"))?;
        self.advance();
        Ok(millis)
    }

    fn offset(&mut self, node: Node) -> Result<Node, SyntaxFault> {
        self.advance();
        let negative = match self.peek() {
            TokenKind::Minus => true,
            TokenKind::Plus => false,
            _ => {
                return self.offset_by(node, 1);
            }
        };
        self.advance();
        self.offset_by(node, if negative { -1 } else { 1 })
    }

    fn offset_by(&mut self, mut node: Node, sign: i64) -> Result<Node, SyntaxFault> {
        let end = self.span();
        let offset_ms = sign * self.span_ms("offset")?;
        let span = node.span.to(end);
        let shift = shift_of(&mut node).ok_or_else(|| SyntaxFault::new(span, OFFSET_TARGET))?;
        if shift.offset_ms != 0 {
            return Err(SyntaxFault::new(
                span,
                "offset may not be set multiple times",
            ));
        }
        shift.offset_ms = offset_ms;
        node.span = span;
        Ok(node)
    }

    fn at(&mut self, node: Node) -> Result<Node, SyntaxFault> {
        let mut node = node;
        self.advance();
        let at = match self.peek() {
            TokenKind::Word => self.at_edge()?,
            _ => At::Time(self.at_time()?),
        };
        let end = self.tokens[self.position - 1].span;
        let span = node.span.to(end);
        let shift = shift_of(&mut node).ok_or_else(|| SyntaxFault::new(span, AT_TARGET))?;
        if shift.at.is_some() {
            return Err(SyntaxFault::new(
                span,
                "@ <timestamp> may not be set multiple times",
            ));
        }
        shift.at = Some(at);
        node.span = span;
        Ok(node)
    }

    /// `start()` or `end()`.
    fn at_edge(&mut self) -> Result<At, SyntaxFault> {
        let at = if self.is_word("start") {
            At::Start
        } else if self.is_word("end") {
            At::End
        } else {
            return Err(self.unexpected("@", "timestamp"));
        };
        self.advance();
        self.expect(TokenKind::LeftParen, "@", "\"(\"")?;
        self.expect(TokenKind::RightParen, "@", "\")\"")?;
        Ok(at)
    }

    fn at_time(&mut self) -> Result<Timestamp, SyntaxFault> {
        let mut sign = 1.0;
        if matches!(self.peek(), TokenKind::Plus | TokenKind::Minus) {
            if self.peek() == &TokenKind::Minus {
                sign = -1.0;
            }
            self.advance();
        }
        let (text, span) = (self.word(), self.span());
        let seconds = match self.peek() {
            TokenKind::Number => number(text),
            TokenKind::Duration => duration_ms(text).ok().map(|millis| millis as f64 / 1000.0),
            _ => None,
        };
        let seconds = seconds.ok_or_else(|| self.unexpected("@", "timestamp"))?;
        // Within 292 years of the epoch, so that adding spans to it cannot overflow.
        if !(0.0..=SPAN_SECONDS_MAX).contains(&seconds) {
            return Err(SyntaxFault::new(
                span,
                format!("timestamp out of bounds for @ modifier: {}", seconds * sign),
            ));
        }
        self.advance();
        Ok(Timestamp::from_secs_f64(sign * seconds))
    }
}

fn subquery(
    node: Node,
    range_ms: i64,
    step_ms: Option<i64>,
    right: Span,
) -> Result<Node, SyntaxFault> {
    let span = node.span.to(right);
    let actual = node.value_type();
    if actual != ValueType::Vector {
        return Err(SyntaxFault::new(
            span,
            format!(
                "subquery is only allowed on instant vector, got {} instead",
                actual.name()
            ),
        ));
    }
    Ok(Node {
        kind: NodeKind::Subquery(Box::new(Subquery {
            inner: node,
            range_ms,
            step_ms,
            shift: Shift::default(),
        })),
        span,
    })
}

/// What `offset` and `@` change, where they may stand.
fn shift_of(node: &mut Node) -> Option<&mut Shift> {
    match &mut node.kind {
        NodeKind::Selector(selector) => Some(&mut selector.shift),
        NodeKind::Range(range) => Some(&mut range.selector.shift),
        NodeKind::Subquery(subquery) => Some(&mut subquery.shift),
        _ => None,
    }
}
