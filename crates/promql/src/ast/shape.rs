//! What shape an expression has, for whoever makes another one of it.

use super::{BinaryOp, Expr, Node, NodeKind, ValueType};

/// How an expression reads one of its selectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// The newest sample.
    Newest,
    /// All samples of a window, through the function of this name.
    Over(&'static str),
}

impl Expr {
    /// The text that the expression was parsed from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What a division divides and by what, as both stand in the text; `None` when the expression
    /// is no division of two vectors.
    pub fn division(&self) -> Option<(&str, &str)> {
        let NodeKind::Binary(binary) = &self.root.without_parens().kind else {
            return None;
        };
        let is_vector = |node: &Node| node.value_type() == ValueType::Vector;
        (binary.op == BinaryOp::Div && is_vector(&binary.lhs) && is_vector(&binary.rhs))
            .then(|| (self.text_of(&binary.lhs), self.text_of(&binary.rhs)))
    }

    /// How each selector is read, in the order of the text. What stands inside a subquery counts
    /// as the subquery.
    pub fn readings(&self) -> Vec<Reading> {
        let mut found = Vec::new();
        read(&self.root, &mut found);
        found
    }

    /// The expression with `function(selector[window])` in the place of each selector, so that a
    /// query of counters becomes one of what they counted. `None` when a selector is read over a
    /// window already, or looks at another time.
    pub fn over_window(&self, function: &str, window: &str) -> Option<String> {
        let mut selectors = Vec::new();
        if !newest_only(&self.root, &mut selectors) {
            return None;
        }
        let mut text = String::with_capacity(self.text.len() + 32);
        let mut copied = 0;
        for node in selectors {
            text.push_str(&self.text[copied..node.span.start]);
            text.push_str(&format!("{function}({}[{window}])", self.text_of(node)));
            copied = node.span.end;
        }
        text.push_str(&self.text[copied..]);
        Some(text)
    }

    fn text_of(&self, node: &Node) -> &str {
        &self.text[node.span.start..node.span.end]
    }
}

fn read(node: &Node, found: &mut Vec<Reading>) {
    if matches!(node.kind, NodeKind::Selector(_)) {
        found.push(Reading::Newest);
    }
    for child in node.children() {
        let is_window = child.value_type() == ValueType::Matrix;
        match &node.kind {
            NodeKind::Call(call) if is_window => found.push(Reading::Over(call.function.name)),
            _ => read(child, found),
        }
    }
}

/// Gathers the selectors; whether each is read plainly.
fn newest_only<'a>(node: &'a Node, selectors: &mut Vec<&'a Node>) -> bool {
    match &node.kind {
        NodeKind::Range(_) | NodeKind::Subquery(_) => return false,
        NodeKind::Selector(selector) => {
            selectors.push(node);
            return selector.shift == super::Shift::default();
        }
        _ => {}
    }
    node.children().all(|child| newest_only(child, selectors))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_division_tells_its_sides() {
        for (text, expected) in [
            ("(a or b) / sum(c)", Some(("(a or b)", "sum(c)"))),
            ("((a / b))", Some(("a", "b"))),
            ("a / b / c", Some(("a / b", "c"))),
            ("a / 2", None),
            ("a * b", None),
        ] {
            let expr = crate::parse(text).unwrap();
            assert_eq!(expr.division(), expected, "{text}");
        }
    }

    #[test]
    fn each_selector_is_read_newest_or_over_a_window() {
        use Reading::{Newest, Over};
        for (text, expected) in [
            ("a + rate(b[5m])", vec![Newest, Over("rate")]),
            ("sum(increase((a[1m])))", vec![Over("increase")]),
            (
                "max_over_time(rate(a[1m])[1h:])",
                vec![Over("max_over_time")],
            ),
            (
                "quantile_over_time(0.9, a[1m])",
                vec![Over("quantile_over_time")],
            ),
            ("1", vec![]),
        ] {
            assert_eq!(crate::parse(text).unwrap().readings(), expected, "{text}");
        }
    }

    #[test]
    fn counters_become_what_they_counted() {
        for (text, expected) in [
            ("a", Some("increase(a[1m])")),
            (
                "sum by (x) (a{b=\"c\"}) - (d)",
                Some("sum by (x) (increase(a{b=\"c\"}[1m])) - (increase(d[1m]))"),
            ),
            ("a offset 5m", None),
            ("rate(a[5m])", None),
            ("a @ 3", None),
        ] {
            let found = crate::parse(text).unwrap().over_window("increase", "1m");
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }
}
