//! `metric{label="value"}` and `{"metric.name", "label.name"="value"}`.

use model::{METRIC_NAME, MatchOp, Matcher};

use super::{Parser, SyntaxFault};
use crate::ast::{Node, NodeKind, Selector, Shift, Span, is_label_name};
use crate::lex::TokenKind;

const IN_MATCHERS: &str = "label matching";

impl Parser<'_> {
    /// The name, if one stands before the braces, is already taken.
    pub(super) fn selector(&mut self, name: Option<(&str, Span)>) -> Result<Node, SyntaxFault> {
        let start = name.map_or(self.span(), |(_, span)| span);
        let mut selector = Selector {
            name: name.map(|(name, _)| Box::from(name)),
            matchers: name
                .map(|(name, _)| Matcher::equal(METRIC_NAME, name))
                .into_iter()
                .collect(),
            shift: Shift::default(),
        };
        let mut end = start;
        if self.peek() == &TokenKind::LeftBrace {
            self.advance();
            end = self.matchers(&mut selector, start)?;
        }
        let span = start.to(end);
        // One condition must exclude the empty value, or the selector is the whole store.
        if selector.matchers.iter().all(Matcher::matches_empty) {
            return Err(SyntaxFault::new(
                span,
                "vector selector must contain at least one non-empty matcher",
            ));
        }
        Ok(Node {
            kind: NodeKind::Selector(selector),
            span,
        })
    }

    /// The conditions up to the closing brace; gives that brace's place.
    fn matchers(&mut self, selector: &mut Selector, start: Span) -> Result<Span, SyntaxFault> {
        loop {
            let span = self.span();
            let label = match self.peek() {
                TokenKind::RightBrace => {
                    self.advance();
                    return Ok(span);
                }
                TokenKind::Word if is_label_name(self.word()) => self.word().to_owned(),
                TokenKind::String(label) => label.clone(),
                TokenKind::End => {
                    return Err(SyntaxFault::new(
                        start.to(span),
                        "unexpected end of input inside braces",
                    ));
                }
                _ => return Err(self.unexpected(IN_MATCHERS, "identifier or \"}\"")),
            };
            let quoted = matches!(self.peek(), TokenKind::String(_));
            self.advance();
            let ends = matches!(self.peek(), TokenKind::Comma | TokenKind::RightBrace);
            if quoted && ends {
                name_metric(selector, label, span)?;
            } else {
                let matcher = self.matcher(label, span)?;
                if matcher.name() == METRIC_NAME && matcher.op() == MatchOp::Equal {
                    refuse_second_name(selector, matcher.value(), span)?;
                }
                selector.matchers.push(matcher);
            }
            match self.peek() {
                TokenKind::Comma => self.advance(),
                TokenKind::RightBrace => {}
                TokenKind::End => {
                    return Err(SyntaxFault::new(
                        start.to(self.span()),
                        "unexpected end of input inside braces",
                    ));
                }
                _ => return Err(self.unexpected(IN_MATCHERS, "\",\" or \"}\"")),
            }
        }
    }

    fn matcher(&mut self, label: String, start: Span) -> Result<Matcher, SyntaxFault> {
        let op = match self.peek() {
            TokenKind::Assign => MatchOp::Equal,
            TokenKind::NotEqual => MatchOp::NotEqual,
            TokenKind::Matches => MatchOp::Matches,
            TokenKind::NotMatches => MatchOp::NotMatches,
            TokenKind::End => {
                return Err(SyntaxFault::new(
                    self.span(),
                    "unexpected end of input inside braces",
                ));
            }
            _ => return Err(self.unexpected(IN_MATCHERS, "label matching operator")),
        };
        self.advance();
        let TokenKind::String(value) = self.peek() else {
            return Err(self.unexpected(IN_MATCHERS, "string"));
        };
        let end = self.span();
        self.advance();
        Matcher::new(op, label, value.as_str())
            .map_err(|error| SyntaxFault::new(start.to(end), format!("{error}: {}", error.source)))
    }
}

/// `{"metric.name"}`.
fn name_metric(selector: &mut Selector, name: String, span: Span) -> Result<(), SyntaxFault> {
    refuse_second_name(selector, &name, span)?;
    selector.name = Some(name.as_str().into());
    selector
        .matchers
        .insert(0, Matcher::equal(METRIC_NAME, name));
    Ok(())
}

fn refuse_second_name(selector: &Selector, name: &str, span: Span) -> Result<(), SyntaxFault> {
    match &selector.name {
        Some(first) => Err(SyntaxFault::new(
            span,
            format!("metric name must not be set twice: {first:?} or {name:?}"),
        )),
        None => Ok(()),
    }
}
