//! `absent` and `absent_over_time`: 1 where nothing is there.

use std::collections::{BTreeMap, BTreeSet};

use model::{Labels, METRIC_NAME, MatchOp, Matcher};

use super::row::{Row, absent, is_present};
use super::steps::Steps;
use super::{Evaluator, Sink};
use crate::EvalError;
use crate::ast::{Call, Node, NodeKind, ValueType};

impl Evaluator<'_> {
    pub(super) fn absent(
        &self,
        call: &Call,
        steps: Steps,
        sink: Sink<'_>,
    ) -> Result<(), EvalError> {
        let arg = &call.args[0];
        let mut found = vec![false; steps.count];
        if arg.value_type() == ValueType::Matrix {
            self.each_window_series(arg, steps, &mut |_, windows| {
                for (found, window) in found.iter_mut().zip(windows) {
                    *found |= !window.is_empty();
                }
                Ok(())
            })?;
        } else {
            self.each_row(arg, steps, &mut |row| {
                for (found, &value) in found.iter_mut().zip(&row.values) {
                    *found |= is_present(value);
                }
                Ok(())
            })?;
        }
        sink(Row {
            labels: labels_of_the_missing(arg),
            drop_name: false,
            values: found
                .into_iter()
                .map(|found| if found { absent() } else { 1.0 })
                .collect(),
        })
    }
}

/// The labels that a selector asks for outright: what an alert on the missing series can show.
fn labels_of_the_missing(arg: &Node) -> Labels {
    let matchers: &[Matcher] = match &arg.without_parens().kind {
        NodeKind::Selector(selector) => &selector.matchers,
        NodeKind::Range(range) => &range.selector.matchers,
        _ => &[],
    };
    // Asked for in two ways, a label is uncertain, so only the first equality counts.
    let mut wanted: BTreeMap<&str, Option<&str>> = BTreeMap::new();
    let mut equal: BTreeSet<&str> = BTreeSet::new();
    for matcher in matchers {
        if matcher.name() == METRIC_NAME {
            continue;
        }
        let certain = matcher.op() == MatchOp::Equal && equal.insert(matcher.name());
        wanted.insert(matcher.name(), certain.then(|| matcher.value()));
    }
    let pairs = wanted
        .into_iter()
        .filter_map(|(name, value)| value.map(|value| (name, value)));
    Labels::new(pairs).expect("a map has no key twice")
}
