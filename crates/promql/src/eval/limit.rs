//! `limitk` and `limit_ratio`: some series of each group, whatever their values.

use std::collections::HashMap;

use model::Labels;

use super::Evaluator;
use super::label_subset::LabelSubset;
use super::rank::{check_counts, param};
use super::row::{Row, absent, is_present};
use super::steps::Steps;
use crate::EvalError;
use crate::ast::Aggregate;

impl Evaluator<'_> {
    /// At each step the first `k` series of each group that are there, in the order of labels.
    pub(super) fn limitk(
        &self,
        aggregate: &Aggregate,
        steps: Steps,
    ) -> Result<Vec<Row>, EvalError> {
        let limits = check_counts(&self.scalars(param(aggregate), steps)?)?;
        let subset = LabelSubset::of_group(&aggregate.grouping);
        let mut rows = self.rows(&aggregate.inner, steps)?.release();
        rows.sort_by(|a, b| a.labels.cmp(&b.labels));
        let mut taken: HashMap<Labels, Vec<usize>> = HashMap::new();
        for row in &mut rows {
            let group = taken.entry(subset.apply(&row.labels));
            let taken = group.or_insert_with(|| vec![0; steps.count]);
            for (step, value) in row.values.iter_mut().enumerate() {
                if taken[step] >= limits[step] {
                    *value = absent();
                } else if is_present(*value) {
                    taken[step] += 1;
                }
            }
        }
        Ok(with_values(rows))
    }

    /// The series whose place between 0 and 1, by a hash of their labels, lies below the ratio; a
    /// negative one chooses exactly those that its complement does not. Which series these are
    /// differs from Prometheus, whose hash is of its own encoding of labels.
    pub(super) fn limit_ratio(
        &self,
        aggregate: &Aggregate,
        steps: Steps,
    ) -> Result<Vec<Row>, EvalError> {
        let node = param(aggregate);
        let mut ratios = self.scalars(node, steps)?;
        for ratio in &mut ratios {
            if ratio.is_nan() {
                return Err(EvalError::RatioNaN);
            }
            let capped = ratio.clamp(-1.0, 1.0);
            if capped != *ratio {
                let given = model::format_float(*ratio);
                let text = format!(
                    "ratio value should be between -1 and 1, got {given}, capping to {capped}"
                );
                self.notes.borrow_mut().warn(node.span, text);
            }
            *ratio = capped;
        }
        let mut rows = self.rows(&aggregate.inner, steps)?.release();
        for row in &mut rows {
            let place = row.labels.fingerprint().0 as f64 / u64::MAX as f64;
            for (value, ratio) in row.values.iter_mut().zip(&ratios) {
                let is_chosen = if *ratio >= 0.0 {
                    place < *ratio
                } else {
                    place >= 1.0 + *ratio
                };
                if !is_chosen {
                    *value = absent();
                }
            }
        }
        Ok(with_values(rows))
    }
}

fn with_values(mut rows: Vec<Row>) -> Vec<Row> {
    rows.retain(|row| row.values.iter().any(|value| is_present(*value)));
    rows
}
