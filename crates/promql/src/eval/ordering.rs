//! Orders and quantiles of values, and the natural order of label values.

use std::cmp::Ordering;

use super::row::Row;
use super::steps::Steps;
use super::{Evaluator, Sink};
use crate::EvalError;
use crate::ast::{Call, Node};

impl Evaluator<'_> {
    /// `sort` and its kin. They order an instant vector; a matrix is always ordered by labels.
    pub(super) fn sort(
        &self,
        node: &Node,
        call: &Call,
        steps: Steps,
        sink: Sink<'_>,
    ) -> Result<(), EvalError> {
        let mut rows = self.rows(&call.args[0], steps)?.release();
        if self.range.is_some() {
            self.notes.borrow_mut().warn(
                node.span,
                "sort is ineffective for range queries since results are always ordered by labels"
                    .into(),
            );
        }
        let by_value =
            |a: &Row, b: &Row, order: fn(f64, f64) -> Ordering| order(a.values[0], b.values[0]);
        let labels: Vec<_> = call.args[1..].iter().map(|arg| self.text(arg)).collect();
        let by_labels = |a: &Row, b: &Row| {
            let value = |row: &Row, label: &str| row.labels.get(label).unwrap_or("").to_owned();
            labels
                .iter()
                .map(|label| natural(&value(a, label), &value(b, label)))
                .find(|order| order.is_ne())
                .unwrap_or_else(|| a.labels.cmp(&b.labels))
        };
        // Only an instant query, or a subquery's step, has the one value to sort by.
        match call.function.name {
            "sort" if steps.count == 1 => rows.sort_by(|a, b| by_value(a, b, nan_last)),
            "sort_desc" if steps.count == 1 => {
                rows.sort_by(|a, b| by_value(a, b, descending_nan_last));
            }
            "sort_by_label" => rows.sort_by(by_labels),
            "sort_by_label_desc" => rows.sort_by(|a, b| by_labels(b, a)),
            _ => {}
        }
        rows.into_iter().try_for_each(sink)
    }
}

/// Smaller first, NaN before all: how quantiles see it.
pub(super) fn nan_first(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b)
        .unwrap_or_else(|| b.is_nan().cmp(&a.is_nan()))
}

/// Smaller first, NaN after all: how `sort` and `bottomk` see it.
pub(super) fn nan_last(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b)
        .unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

/// Greater first, NaN after all: how `sort_desc` and `topk` see it.
pub(super) fn descending_nan_last(a: f64, b: f64) -> Ordering {
    b.partial_cmp(&a)
        .unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

/// The quantile by linear interpolation between ranks. Sorts the values.
///
/// NaN without values or for a NaN quantile, -Inf below 0, +Inf above 1.
pub(super) fn quantile(quantile: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || quantile.is_nan() {
        return f64::NAN;
    }
    if quantile < 0.0 {
        return f64::NEG_INFINITY;
    }
    if quantile > 1.0 {
        return f64::INFINITY;
    }
    values.sort_unstable_by(|&a, &b| nan_first(a, b));
    let last = values.len() - 1;
    let rank = quantile * last as f64;
    let lower = rank.floor() as usize;
    let upper = (lower + 1).min(last);
    let weight = rank - rank.floor();
    values[lower] * (1.0 - weight) + values[upper] * weight
}

/// Runs of digits by their number, everything else by its letters: `node2` before `node10`.
pub(super) fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    while !a.is_empty() && !b.is_empty() {
        let (part_a, rest_a) = split_part(a);
        let (part_b, rest_b) = split_part(b);
        let order = match (is_number(part_a), is_number(part_b)) {
            (true, true) => {
                let (number_a, number_b) = (without_zeros(part_a), without_zeros(part_b));
                number_a
                    .len()
                    .cmp(&number_b.len())
                    .then_with(|| number_a.cmp(number_b))
                    // 7 before 007, so that the order is total.
                    .then_with(|| part_a.len().cmp(&part_b.len()))
            }
            _ => part_a.cmp(part_b),
        };
        if order != Ordering::Equal {
            return order;
        }
        (a, b) = (rest_a, rest_b);
    }
    a.len().cmp(&b.len())
}

fn is_number(part: &str) -> bool {
    part.starts_with(|c: char| c.is_ascii_digit())
}

fn without_zeros(digits: &str) -> &str {
    digits.trim_start_matches('0')
}

/// The run of digits or of other characters at the start, and the rest.
fn split_part(text: &str) -> (&str, &str) {
    let digits = is_number(text);
    let end = text
        .find(|c: char| c.is_ascii_digit() != digits)
        .unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_inside_text_order_by_value() {
        for (a, b) in [
            ("node2", "node10"),
            ("1.2.3", "1.11.3"),
            ("a", "b"),
            ("", "0"),
            ("7", "007"),
        ] {
            assert_eq!(natural(a, b), Ordering::Less, "{a} {b}");
            assert_eq!(natural(b, a), Ordering::Greater, "{b} {a}");
        }
    }

    #[test]
    fn a_quantile_interpolates_between_ranks() {
        for (q, values, expected) in [
            (0.8, vec![0.0, 1.0], 0.8),
            (0.8, vec![4.0, 0.0, 1.0], 2.8),
            (0.8, vec![0.0, f64::NAN, 1.0], 0.6),
            (-1.0, vec![1.0], f64::NEG_INFINITY),
            (1.5, vec![1.0], f64::INFINITY),
        ] {
            let result = quantile(q, &mut values.clone());
            assert!(
                (result - expected).abs() < 1e-12 || result == expected,
                "{q} {values:?}"
            );
        }
        assert!(quantile(0.5, &mut []).is_nan());
    }
}
