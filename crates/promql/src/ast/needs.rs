//! What data an expression needs to say anything.

use std::time::Duration;

use super::{BinaryOp, Expr, Node, NodeKind};

/// Functions that say nothing of a window with a single sample.
const NEED_TWO: [&str; 8] = [
    "rate",
    "irate",
    "increase",
    "delta",
    "idelta",
    "deriv",
    "predict_linear",
    "double_exponential_smoothing",
];

impl Expr {
    /// The windows of those functions that need two samples to say anything.
    pub fn windows_of_two(&self) -> impl Iterator<Item = Duration> {
        let mut waiting = vec![&self.root];
        std::iter::from_fn(move || {
            while let Some(node) = waiting.pop() {
                waiting.extend(node.children());
                if let Some(range_ms) = node.window_of_two() {
                    return Some(Duration::from_millis(range_ms));
                }
            }
            None
        })
    }

    /// The metrics for want of which the expression can yield nothing, given which exist; empty
    /// when it can be evaluated. `absent` needs none, `or` needs one side, `unless` its left one.
    pub fn missing_metrics(&self, exists: &dyn Fn(&str) -> bool) -> Vec<&str> {
        let mut missing = self.root.missing_metrics(exists);
        missing.sort_unstable();
        missing.dedup();
        missing
    }
}

impl Node {
    fn window_of_two(&self) -> Option<u64> {
        let NodeKind::Call(call) = &self.kind else {
            return None;
        };
        let arg = call.args.first();
        let arg = arg.filter(|_| NEED_TWO.contains(&call.function.name))?;
        match &arg.without_parens().kind {
            NodeKind::Range(range) => u64::try_from(range.range_ms).ok(),
            _ => None,
        }
    }

    /// Depth is bounded by the parser.
    fn missing_metrics(&self, exists: &dyn Fn(&str) -> bool) -> Vec<&str> {
        if let Some(selector) = self.selector() {
            let name = selector.metric_name();
            return name.filter(|name| !exists(name)).into_iter().collect();
        }
        match &self.kind {
            NodeKind::Call(call) if call.function.name.starts_with("absent") => Vec::new(),
            NodeKind::Binary(binary) if binary.op == BinaryOp::Or => {
                let mut left = binary.lhs.missing_metrics(exists);
                let right = binary.rhs.missing_metrics(exists);
                if left.is_empty() || right.is_empty() {
                    return Vec::new();
                }
                left.extend(right);
                left
            }
            NodeKind::Binary(binary) if binary.op == BinaryOp::Unless => {
                binary.lhs.missing_metrics(exists)
            }
            _ => {
                let children = self.children();
                children
                    .flat_map(|child| child.missing_metrics(exists))
                    .collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    /// `there` are the metrics that exist.
    fn check_missing(text: &str, there: &str, expected: &str) {
        let expr = crate::parse(text).unwrap();
        let exists = |name: &str| there.split(' ').any(|metric| metric == name);
        assert_eq!(expr.missing_metrics(&exists).join(" "), expected, "{text}");
    }

    #[test]
    fn an_expression_misses_what_it_cannot_do_without() {
        check_missing("a > 1", "a", "");
        check_missing("rate(a[5m]) / rate(b[5m]) > c", "b", "a c");
        check_missing("a or b", "a", "");
        check_missing("a or b", "b", "");
        check_missing("a or b", "", "a b");
        check_missing("a unless b", "a", "");
        check_missing("a unless b", "b", "a");
        check_missing("a and b", "a", "b");
        check_missing("absent(a)", "", "");
        check_missing("absent_over_time(a[5m]) or b", "", "");
        check_missing("sum(max_over_time(a[5m:1m]))", "", "a");
        check_missing("{__name__=~\"a.*\"} + vector(1)", "", "");
        check_missing("a + a", "", "a");
    }

    #[test]
    fn windows_of_two_are_those_of_rates() {
        let windows = |text: &str| {
            let expr = crate::parse(text).unwrap();
            let mut windows: Vec<_> = expr.windows_of_two().map(|w| w.as_secs()).collect();
            windows.sort_unstable();
            windows
        };
        assert_eq!(windows("rate(a[5m]) / (increase((b[1m]))) > 0"), [60, 300]);
        assert!(windows("max_over_time(a[5m]) + a").is_empty());
        assert!(windows("max_over_time(rate(a[2m])[1h:1m])") == [120]);
    }
}
