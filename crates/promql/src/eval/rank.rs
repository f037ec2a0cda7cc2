//! Aggregations that need all values of a step at once: `topk`, `bottomk`, `quantile`,
//! `count_values`.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::aggregate::Groups;
use super::label_subset::LabelSubset;
use super::row::{Row, absent, is_present};
use super::steps::Steps;
use super::{Evaluator, ordering};
use crate::EvalError;
use crate::ast::{Aggregate, AggregateOp, Node};

impl Evaluator<'_> {
    /// `topk` and `bottomk`: each series keeps its values where it is among the first `k` of its
    /// group. An instant query gives the series in the order of their rank.
    pub(super) fn rank(&self, aggregate: &Aggregate, steps: Steps) -> Result<Vec<Row>, EvalError> {
        let limits = check_counts(&self.scalars(param(aggregate), steps)?)?;
        let subset = LabelSubset::of_group(&aggregate.grouping);
        let rows = self.rows(&aggregate.inner, steps)?;
        let mut groups: Groups<Vec<usize>> = Groups::new();
        for (index, row) in rows.iter().enumerate() {
            let labels = subset.apply(&row.labels);
            let group = groups.entry(labels, false, Vec::new);
            group.content.push(index);
        }
        let order = match aggregate.op {
            AggregateOp::Topk => ordering::descending_nan_last,
            _ => ordering::nan_last,
        };
        let mut kept: Vec<Vec<f64>> = vec![Vec::new(); rows.len()];
        // Rows by group, and with one step by rank in the group.
        let mut in_order = Vec::with_capacity(rows.len());
        let mut ranking: Vec<(f64, usize)> = Vec::new();
        for group in &groups.groups {
            self.options.cancel.check()?;
            for (step, &limit) in limits.iter().enumerate() {
                ranking.clear();
                let members = group.content.iter();
                ranking.extend(
                    members
                        .map(|&index| (rows[index].values[step], index))
                        .filter(|&(value, _)| is_present(value)),
                );
                keep_first(&mut ranking, limit, order);
                for &(value, index) in &ranking {
                    let kept = &mut kept[index];
                    kept.resize(steps.count, absent());
                    kept[step] = value;
                }
            }
            if self.range.is_none() && steps.count == 1 {
                in_order.extend(ranking.iter().map(|&(_, index)| index));
            } else {
                in_order.extend(&group.content);
            }
        }
        let mut rows: Vec<Option<Row>> = rows.release().into_iter().map(Some).collect();
        Ok(in_order
            .into_iter()
            .filter_map(|index| {
                let values = std::mem::take(&mut kept[index]);
                let row = rows[index].take().filter(|_| !values.is_empty())?;
                Some(Row { values, ..row })
            })
            .collect())
    }

    pub(super) fn quantile(
        &self,
        aggregate: &Aggregate,
        steps: Steps,
    ) -> Result<Vec<Row>, EvalError> {
        let quantiles = self.scalars(param(aggregate), steps)?;
        self.warn_of_quantiles(&quantiles, param(aggregate));
        let subset = LabelSubset::of_group(&aggregate.grouping);
        let rows = self.rows(&aggregate.inner, steps)?;
        let mut groups: Groups<Vec<usize>> = Groups::new();
        for (index, row) in rows.iter().enumerate() {
            let labels = subset.apply(&row.labels);
            let group = groups.entry(labels, row.drop_name, Vec::new);
            group.content.push(index);
        }
        let mut values = Vec::new();
        let mut results = Vec::with_capacity(groups.groups.len());
        for group in groups.groups {
            self.options.cancel.check()?;
            let results_of_group = quantiles.iter().enumerate().map(|(step, &quantile)| {
                values.clear();
                let members = group.content.iter().map(|&index| rows[index].values[step]);
                values.extend(members.filter(|&value| is_present(value)));
                if values.is_empty() {
                    return absent();
                }
                ordering::quantile(quantile, &mut values)
            });
            results.push(Row {
                values: results_of_group.collect(),
                labels: group.labels,
                drop_name: group.drop_name,
            });
        }
        Ok(results)
    }

    pub(super) fn count_values(
        &self,
        aggregate: &Aggregate,
        steps: Steps,
    ) -> Result<Vec<Row>, EvalError> {
        let label = self.text(param(aggregate));
        if label.is_empty() {
            return Err(EvalError::InvalidLabelName {
                name: label.to_string(),
            });
        }
        let subset = match LabelSubset::of_group(&aggregate.grouping) {
            LabelSubset::Keep(mut names) => {
                names.push((*label).into());
                LabelSubset::Keep(names)
            }
            without @ LabelSubset::Drop(_) => without,
        };
        let mut groups: Groups<Vec<f64>> = Groups::new();
        let mut charge = self.meter.charge(0)?;
        self.each_row(&aggregate.inner, steps, &mut |row| {
            // Most series hold few different values, so the labels are made once for each.
            let mut labels_of: HashMap<u64, model::Labels> = HashMap::new();
            for (step, &value) in row.values.iter().enumerate() {
                if !is_present(value) {
                    continue;
                }
                let labels = labels_of.entry(value.to_bits()).or_insert_with(|| {
                    let mut labels = row.labels.builder();
                    labels.set(&*label, decimal(value));
                    subset.apply(&labels.build())
                });
                let count_before = groups.groups.len();
                let group = groups.entry(labels.clone(), row.drop_name, || {
                    vec![absent(); steps.count]
                });
                let counted = &mut group.content[step];
                *counted = if is_present(*counted) {
                    *counted + 1.0
                } else {
                    1.0
                };
                charge.add((groups.groups.len() - count_before) * steps.count)?;
            }
            Ok(())
        })?;
        Ok(groups
            .groups
            .into_iter()
            .map(|group| Row {
                labels: group.labels,
                drop_name: group.drop_name,
                values: group.content,
            })
            .collect())
    }
}

/// Sorts and keeps the first `limit`. Among equals the first by position wins.
fn keep_first(ranking: &mut Vec<(f64, usize)>, limit: usize, order: fn(f64, f64) -> Ordering) {
    let order = |a: &(f64, usize), b: &(f64, usize)| order(a.0, b.0).then(a.1.cmp(&b.1));
    if limit < ranking.len() {
        // Linear: most rows are not among the few that are asked for.
        ranking.select_nth_unstable_by(limit, order);
        ranking.truncate(limit);
    }
    ranking.sort_unstable_by(order);
}

pub(super) fn param(aggregate: &Aggregate) -> &Node {
    aggregate
        .param
        .as_ref()
        .expect("the checker gives these operators their parameter")
}

/// How many series `topk` and `limitk` keep at each step.
pub(super) fn check_counts(params: &[f64]) -> Result<Vec<usize>, EvalError> {
    params
        .iter()
        .map(|&value| {
            if value.is_nan() {
                return Err(EvalError::ParameterNaN);
            }
            // i64::MAX as a float is 2^63, which does not fit.
            if value >= i64::MAX as f64 || value <= i64::MIN as f64 {
                return Err(EvalError::ParameterOverflow { value });
            }
            Ok(value.max(0.0) as usize)
        })
        .collect()
}

/// All digits, never an exponent: how `count_values` writes a value into a label.
fn decimal(value: f64) -> String {
    if value.is_finite() {
        format!("{value}")
    } else {
        model::format_float(value)
    }
}
