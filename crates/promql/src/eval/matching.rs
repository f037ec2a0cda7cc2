//! Binary operators between vectors: which series meets which, and what comes of it.

use std::collections::HashMap;

use model::Labels;

use super::Evaluator;
use super::aggregate::with_metric_name;
use super::binary::arithmetic;
use super::row::{self, Row, absent, is_present};
use super::steps::Steps;
use crate::EvalError;
use crate::ast::{Binary, BinaryOp, Group, Matching};

/// The labels by which series of both sides find each other.
enum Signature {
    On(Vec<Box<str>>),
    /// The ignored labels and the metric's name.
    Ignoring(Vec<Box<str>>),
}

impl Signature {
    fn new(matching: &Matching) -> Self {
        if matching.on {
            Self::On(matching.labels.clone())
        } else {
            Self::Ignoring(with_metric_name(&matching.labels))
        }
    }

    fn of(&self, labels: &Labels) -> Labels {
        match self {
            Self::On(names) => labels.keep(names),
            Self::Ignoring(names) => labels.drop(names),
        }
    }

    fn index(&self, rows: &[Row]) -> HashMap<Labels, Vec<usize>> {
        let mut index: HashMap<Labels, Vec<usize>> = HashMap::new();
        for (position, row) in rows.iter().enumerate() {
            index
                .entry(self.of(&row.labels))
                .or_default()
                .push(position);
        }
        index
    }
}

impl Evaluator<'_> {
    pub(super) fn match_vectors(
        &self,
        binary: &Binary,
        lhs: &[Row],
        rhs: &[Row],
        steps: Steps,
    ) -> Result<Vec<Row>, EvalError> {
        let matching = binary
            .matching
            .as_ref()
            .expect("the checker sets it between two vectors");
        let signature = Signature::new(matching);
        match binary.op {
            BinaryOp::And => Ok(filter(lhs, rhs, &signature, steps, true)),
            BinaryOp::Unless => Ok(filter(lhs, rhs, &signature, steps, false)),
            BinaryOp::Or => {
                let mut rows = lhs.to_vec();
                rows.extend(filter(rhs, lhs, &signature, steps, false));
                row::merge(rows)
            }
            _ => {
                let pairing = Pairing {
                    binary,
                    matching,
                    signature,
                    steps,
                };
                pairing.join(lhs, rhs, &|| self.options.cancel.check())
            }
        }
    }
}

/// The rows, at the steps where the other side has (or lacks) a series with the same signature.
fn filter(
    rows: &[Row],
    others: &[Row],
    signature: &Signature,
    steps: Steps,
    wanted: bool,
) -> Vec<Row> {
    let mut there: HashMap<Labels, Vec<bool>> = HashMap::new();
    for other in others {
        let there = there
            .entry(signature.of(&other.labels))
            .or_insert_with(|| vec![false; steps.count]);
        mark_present(other, there);
    }
    let nowhere = vec![false; steps.count];
    rows.iter()
        .map(|row| {
            let there = there.get(&signature.of(&row.labels)).unwrap_or(&nowhere);
            let mut row = row.clone();
            row.map_steps(|step, value| {
                if there[step] == wanted {
                    value
                } else {
                    absent()
                }
            });
            row
        })
        .filter(|row| row.values.iter().any(|&value| is_present(value)))
        .collect()
}

fn mark_present(row: &Row, marks: &mut [bool]) {
    for (mark, &value) in marks.iter_mut().zip(&row.values) {
        *mark |= is_present(value);
    }
}

fn presence(rows: &[Row], steps: Steps) -> Vec<bool> {
    let mut marks = vec![false; steps.count];
    rows.iter().for_each(|row| mark_present(row, &mut marks));
    marks
}

/// An arithmetic operator or a comparison between two vectors.
struct Pairing<'b> {
    binary: &'b Binary,
    matching: &'b Matching,
    signature: Signature,
    steps: Steps,
}

impl Pairing<'_> {
    /// Each series of the "many" side meets the one series of the other side with its signature.
    /// One-to-one is many-to-one where "many" must turn out to be one.
    fn join(
        &self,
        lhs: &[Row],
        rhs: &[Row],
        check_cancelled: &dyn Fn() -> Result<(), EvalError>,
    ) -> Result<Vec<Row>, EvalError> {
        let many_is_left = !matches!(self.matching.group, Group::Right(_));
        let (many, one) = if many_is_left { (lhs, rhs) } else { (rhs, lhs) };
        let ones = self.signature.index(one);
        self.check_one_side(many, one, &ones, many_is_left)?;
        // Steps that a result has been claimed for, filtered away or not.
        let mut claims: HashMap<Labels, Vec<bool>> = HashMap::new();
        let mut results = Vec::with_capacity(many.len());
        for row in many {
            check_cancelled()?;
            let signature = self.signature.of(&row.labels);
            for &partner in ones.get(&signature).map_or(&[][..], Vec::as_slice) {
                let partner = &one[partner];
                let labels = self.result_labels(row, partner);
                let one_to_one = self.matching.group == Group::OneToOne;
                let claim = if one_to_one { &signature } else { &labels };
                let claimed = claims
                    .entry(claim.clone())
                    .or_insert_with(|| vec![false; self.steps.count]);
                results.push(Row {
                    values: self.pair(row, partner, many_is_left, claimed)?,
                    labels,
                    drop_name: row.drop_name || self.binary.returns_bool,
                });
            }
        }
        row::merge(results)
    }

    /// At a step where both sides have series, no two of the "one" side may share a signature.
    fn check_one_side(
        &self,
        many: &[Row],
        one: &[Row],
        ones: &HashMap<Labels, Vec<usize>>,
        many_is_left: bool,
    ) -> Result<(), EvalError> {
        if ones.values().all(|rows| rows.len() == 1) {
            return Ok(());
        }
        let both: Vec<bool> = presence(many, self.steps)
            .into_iter()
            .zip(presence(one, self.steps))
            .map(|(many, one)| many && one)
            .collect();
        // The first by position, so that the same data gives the same error.
        let mut shared: Vec<&Vec<usize>> = ones.values().filter(|rows| rows.len() > 1).collect();
        shared.sort();
        for rows in shared {
            for step in (0..self.steps.count).filter(|&step| both[step]) {
                let mut present = rows
                    .iter()
                    .map(|&index| &one[index])
                    .filter(|row| is_present(row.values[step]));
                if let (Some(first), Some(second)) = (present.next(), present.next()) {
                    return Err(self.many_to_many(first, second, many_is_left));
                }
            }
        }
        Ok(())
    }

    fn many_to_many(&self, first: &Row, second: &Row, many_is_left: bool) -> EvalError {
        let group = if self.matching.on {
            first.labels.keep(&self.matching.labels)
        } else {
            self.signature.of(&first.labels)
        };
        let mut pair = [in_braces(&first.labels), in_braces(&second.labels)];
        pair.sort();
        let [first, second] = pair;
        EvalError::ManyToMany {
            group: in_braces(&group),
            side: if many_is_left { "right" } else { "left" },
            first,
            second,
        }
    }

    fn pair(
        &self,
        many: &Row,
        one: &Row,
        many_is_left: bool,
        claimed: &mut [bool],
    ) -> Result<Vec<f64>, EvalError> {
        let Binary {
            op, returns_bool, ..
        } = *self.binary;
        let filters = op.is_comparison() && !returns_bool;
        let mut values = vec![absent(); self.steps.count];
        for (step, (&many, &one)) in many.values.iter().zip(&one.values).enumerate() {
            if !is_present(many) || !is_present(one) {
                continue;
            }
            if std::mem::replace(&mut claimed[step], true) {
                return Err(match self.matching.group {
                    Group::OneToOne => EvalError::ImplicitManyToOne,
                    Group::Left(_) | Group::Right(_) => EvalError::GroupingNotUnique,
                });
            }
            let (lhs, rhs) = if many_is_left {
                (many, one)
            } else {
                (one, many)
            };
            let result = arithmetic(op, lhs, rhs);
            values[step] = match (filters, result == 0.0) {
                (false, _) => result,
                // A comparison that holds lets the left value through.
                (true, false) => lhs,
                (true, true) => absent(),
            };
        }
        Ok(values)
    }

    fn result_labels(&self, many: &Row, one: &Row) -> Labels {
        let mut labels = many.labels.clone();
        if !self.binary.op.is_comparison() {
            labels = labels.without_metric_name();
        }
        match &self.matching.group {
            Group::OneToOne if self.matching.on => labels.keep(&self.matching.labels),
            Group::OneToOne => labels.drop(&self.matching.labels),
            Group::Left(included) | Group::Right(included) => {
                if included.is_empty() {
                    return labels;
                }
                let mut builder = labels.builder();
                for name in included {
                    builder.set(&**name, one.labels.get(name).unwrap_or_default());
                }
                builder.build()
            }
        }
    }
}

/// `{__name__="a", b="c"}`, as Prometheus's messages write labels.
fn in_braces(labels: &Labels) -> String {
    let pairs: Vec<String> = labels
        .iter()
        .map(|(name, value)| format!("{name}={value:?}"))
        .collect();
    format!("{{{}}}", pairs.join(", "))
}
