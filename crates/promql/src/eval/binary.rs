//! Binary operators: what they do to numbers, and the way through chains of them.

use super::meter::Rows;
use super::row::{Row, absent};
use super::steps::Steps;
use super::{Evaluator, Sink};
use crate::EvalError;
use crate::ast::{Binary, BinaryOp, Node, NodeKind, ValueType};

/// The value of `lhs op rhs`; a comparison gives 1 or 0.
pub(super) fn arithmetic(op: BinaryOp, lhs: f64, rhs: f64) -> f64 {
    match op {
        BinaryOp::Add => lhs + rhs,
        BinaryOp::Sub => lhs - rhs,
        BinaryOp::Mul => lhs * rhs,
        BinaryOp::Div => lhs / rhs,
        BinaryOp::Mod => lhs % rhs,
        BinaryOp::Pow => lhs.powf(rhs),
        BinaryOp::Atan2 => lhs.atan2(rhs),
        BinaryOp::Equal => f64::from(lhs == rhs),
        BinaryOp::NotEqual => f64::from(lhs != rhs),
        BinaryOp::Less => f64::from(lhs < rhs),
        BinaryOp::LessOrEqual => f64::from(lhs <= rhs),
        BinaryOp::Greater => f64::from(lhs > rhs),
        BinaryOp::GreaterOrEqual => f64::from(lhs >= rhs),
        BinaryOp::And | BinaryOp::Or | BinaryOp::Unless => {
            unreachable!("set operators work on series, not on numbers")
        }
    }
}

/// One side of a binary operator over all steps.
enum Operand<'m> {
    Scalars(Vec<f64>),
    Rows(Rows<'m>),
}

/// An operator between a vector and a scalar.
struct WithScalar<'b> {
    binary: &'b Binary,
    scalars: Vec<f64>,
    /// `2 - v`, not `v - 2`.
    scalar_left: bool,
}

impl WithScalar<'_> {
    fn apply(&self, row: &mut Row) {
        let Binary {
            op, returns_bool, ..
        } = *self.binary;
        let filters = op.is_comparison() && !returns_bool;
        row.drop_name |= !filters;
        row.map_steps(|step, value| {
            let scalar = self.scalars[step];
            let result = if self.scalar_left {
                arithmetic(op, scalar, value)
            } else {
                arithmetic(op, value, scalar)
            };
            match (filters, result == 0.0) {
                (false, _) => result,
                (true, false) => value,
                (true, true) => absent(),
            }
        });
    }
}

impl Evaluator<'_> {
    /// Rows of a binary expression of type vector.
    ///
    /// Walks down the left sides with a loop: a chain may be longer than the stack is deep.
    pub(super) fn each_binary_row(
        &self,
        node: &Node,
        steps: Steps,
        sink: Sink<'_>,
    ) -> Result<(), EvalError> {
        let mut chain = Vec::new();
        let mut first = node;
        while let NodeKind::Binary(binary) = &first.kind {
            chain.push(&**binary);
            first = &binary.lhs;
        }
        chain.reverse();
        // `v * 60 > 5`: with scalars only, rows stream through and nothing is held.
        let streams = first.value_type() == ValueType::Vector
            && chain.iter().all(|binary| binary.matching.is_none());
        if streams {
            let operators = chain
                .into_iter()
                .map(|binary| {
                    Ok(WithScalar {
                        binary,
                        scalars: self.scalars(&binary.rhs, steps)?,
                        scalar_left: false,
                    })
                })
                .collect::<Result<Vec<_>, EvalError>>()?;
            return self.each_row(first, steps, &mut |mut row| {
                operators
                    .iter()
                    .for_each(|operator| operator.apply(&mut row));
                sink(row)
            });
        }
        let mut lhs = self.operand(first, steps)?;
        for binary in chain {
            self.options.cancel.check()?;
            lhs = self.combine(lhs, binary, steps)?;
        }
        match lhs {
            Operand::Rows(rows) => rows.release().into_iter().try_for_each(sink),
            Operand::Scalars(_) => unreachable!("the expression is a vector"),
        }
    }

    fn operand(&self, node: &Node, steps: Steps) -> Result<Operand<'_>, EvalError> {
        Ok(match node.value_type() {
            ValueType::Scalar => Operand::Scalars(self.scalars(node, steps)?),
            _ => Operand::Rows(self.rows(node, steps)?),
        })
    }

    fn combine<'m>(
        &'m self,
        lhs: Operand<'m>,
        binary: &Binary,
        steps: Steps,
    ) -> Result<Operand<'m>, EvalError> {
        let rhs = self.operand(&binary.rhs, steps)?;
        let mut result = Rows::new(&self.meter);
        match (lhs, rhs) {
            (Operand::Scalars(mut values), Operand::Scalars(others)) => {
                for (value, other) in values.iter_mut().zip(others) {
                    *value = arithmetic(binary.op, *value, other);
                }
                return Ok(Operand::Scalars(values));
            }
            (Operand::Rows(rows), Operand::Rows(others)) => {
                for row in self.match_vectors(binary, rows, others, steps)? {
                    result.push(row)?;
                }
            }
            (Operand::Rows(rows), Operand::Scalars(scalars)) => {
                let operator = WithScalar {
                    binary,
                    scalars,
                    scalar_left: false,
                };
                for mut row in rows.release() {
                    operator.apply(&mut row);
                    result.push(row)?;
                }
            }
            (Operand::Scalars(scalars), Operand::Rows(rows)) => {
                let operator = WithScalar {
                    binary,
                    scalars,
                    scalar_left: true,
                };
                for mut row in rows.release() {
                    operator.apply(&mut row);
                    result.push(row)?;
                }
            }
        }
        Ok(Operand::Rows(result))
    }
}
