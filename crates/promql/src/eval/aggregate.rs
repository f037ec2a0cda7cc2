//! Aggregations: rows go into the accumulators of their group as they come.

use std::collections::HashMap;

use model::Labels;

use super::Evaluator;
use super::fold::{
    CountFold, DeviationFold, Fold, GroupFold, MaxFold, MeanFold, MinFold, SumFold, VarianceFold,
};
use super::label_subset::LabelSubset;
use super::row::{Row, is_present};
use super::steps::Steps;
use crate::EvalError;
use crate::ast::{Aggregate, AggregateOp};

/// The groups of an aggregation in the order of their first series.
#[derive(Debug)]
pub(super) struct Groups<T> {
    positions: HashMap<Labels, usize>,
    pub(super) groups: Vec<Group<T>>,
}

#[derive(Debug)]
pub(super) struct Group<T> {
    pub(super) labels: Labels,
    /// When one series is to lose its name, so is the group.
    pub(super) drop_name: bool,
    pub(super) content: T,
}

impl<T> Groups<T> {
    pub(super) fn new() -> Self {
        Self {
            positions: HashMap::new(),
            groups: Vec::new(),
        }
    }

    /// The group with these labels, made when it is new.
    pub(super) fn entry(
        &mut self,
        labels: Labels,
        drop_name: bool,
        new: impl FnOnce() -> T,
    ) -> &mut Group<T> {
        let next = self.groups.len();
        let position = *self.positions.entry(labels.clone()).or_insert(next);
        if position == next {
            self.groups.push(Group {
                labels,
                drop_name,
                content: new(),
            });
        }
        let group = &mut self.groups[position];
        group.drop_name |= drop_name;
        group
    }
}

impl Evaluator<'_> {
    pub(super) fn aggregate(
        &self,
        aggregate: &Aggregate,
        steps: Steps,
    ) -> Result<Vec<Row>, EvalError> {
        match aggregate.op {
            AggregateOp::Sum => self.fold::<SumFold>(aggregate, steps),
            AggregateOp::Avg => self.fold::<MeanFold>(aggregate, steps),
            AggregateOp::Min => self.fold::<MinFold>(aggregate, steps),
            AggregateOp::Max => self.fold::<MaxFold>(aggregate, steps),
            AggregateOp::Count => self.fold::<CountFold>(aggregate, steps),
            AggregateOp::Group => self.fold::<GroupFold>(aggregate, steps),
            AggregateOp::Stddev => self.fold::<DeviationFold>(aggregate, steps),
            AggregateOp::Stdvar => self.fold::<VarianceFold>(aggregate, steps),
            AggregateOp::Topk | AggregateOp::Bottomk => self.rank(aggregate, steps),
            AggregateOp::Quantile => self.quantile(aggregate, steps),
            AggregateOp::Limitk => self.limitk(aggregate, steps),
            AggregateOp::LimitRatio => self.limit_ratio(aggregate, steps),
            AggregateOp::CountValues => self.count_values(aggregate, steps),
        }
    }

    fn fold<F: Fold>(&self, aggregate: &Aggregate, steps: Steps) -> Result<Vec<Row>, EvalError> {
        let subset = LabelSubset::of_group(&aggregate.grouping);
        let mut groups: Groups<Vec<F>> = Groups::new();
        let mut charge = self.meter.charge(0)?;
        self.each_row(&aggregate.inner, steps, &mut |row| {
            let count_before = groups.groups.len();
            let labels = subset.apply(&row.labels);
            let group = groups.entry(labels, row.drop_name, || vec![F::default(); steps.count]);
            for (fold, &value) in group.content.iter_mut().zip(&row.values) {
                if is_present(value) {
                    fold.add(value);
                }
            }
            charge.add((groups.groups.len() - count_before) * steps.count)
        })?;
        Ok(groups
            .groups
            .into_iter()
            .map(|group| Row {
                labels: group.labels,
                drop_name: group.drop_name,
                values: group.content.iter().map(Fold::finish).collect(),
            })
            .collect())
    }
}
