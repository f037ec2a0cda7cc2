//! Scalar expressions: one number a step, always there.

use model::format_float;

use super::Evaluator;
use super::binary::arithmetic;
use super::row::is_present;
use super::steps::Steps;
use crate::EvalError;
use crate::ast::{Binary, Call, Node, NodeKind};

impl Evaluator<'_> {
    pub(super) fn scalars(&self, node: &Node, steps: Steps) -> Result<Vec<f64>, EvalError> {
        match &node.kind {
            NodeKind::Number(number) => Ok(vec![number.value; steps.count]),
            NodeKind::Paren(inner) => self.scalars(inner, steps),
            NodeKind::Negate(inner) => {
                let mut values = self.scalars(inner, steps)?;
                values.iter_mut().for_each(|value| *value = -*value);
                Ok(values)
            }
            NodeKind::Binary(binary) => self.scalar_binary(binary, steps),
            NodeKind::Call(call) => self.scalar_call(call, steps),
            _ => unreachable!("the checker gives type scalar to these only"),
        }
    }

    /// Walks down the left sides with a loop: a chain may be longer than the stack is deep.
    fn scalar_binary(&self, binary: &Binary, steps: Steps) -> Result<Vec<f64>, EvalError> {
        let mut chain = vec![binary];
        let mut first = &binary.lhs;
        while let NodeKind::Binary(binary) = &first.kind {
            chain.push(binary);
            first = &binary.lhs;
        }
        let mut values = self.scalars(first, steps)?;
        for binary in chain.into_iter().rev() {
            let rhs = self.scalars(&binary.rhs, steps)?;
            for (value, rhs) in values.iter_mut().zip(rhs) {
                *value = arithmetic(binary.op, *value, rhs);
            }
        }
        Ok(values)
    }

    fn scalar_call(&self, call: &Call, steps: Steps) -> Result<Vec<f64>, EvalError> {
        let constant = |millis: i64| Ok(vec![millis as f64 / 1000.0; steps.count]);
        let (start, end) = (self.whole.start, self.whole.last());
        match call.function.name {
            "pi" => Ok(vec![std::f64::consts::PI; steps.count]),
            "time" => Ok(steps.iter().map(|millis| millis as f64 / 1000.0).collect()),
            "scalar" => self.single_values(&call.args[0], steps),
            "start" => constant(start),
            "end" => constant(self.range.map_or(end, |range| range.end.as_millis())),
            "range" => constant(self.range.map_or(0, |range| {
                range
                    .end
                    .as_millis()
                    .saturating_sub(range.start.as_millis())
            })),
            "step" => constant(self.whole.step),
            "min_of" => self.pairwise(call, steps, |a, b| {
                if a.is_nan() || b.is_nan() {
                    f64::NAN
                } else {
                    a.min(b)
                }
            }),
            "max_of" => self.pairwise(call, steps, |a, b| {
                if a.is_nan() || b.is_nan() {
                    f64::NAN
                } else {
                    a.max(b)
                }
            }),
            other => unreachable!("{other} is no scalar function"),
        }
    }

    fn pairwise(
        &self,
        call: &Call,
        steps: Steps,
        combine: fn(f64, f64) -> f64,
    ) -> Result<Vec<f64>, EvalError> {
        let mut values = self.scalars(&call.args[0], steps)?;
        let others = self.scalars(&call.args[1], steps)?;
        for (value, other) in values.iter_mut().zip(others) {
            *value = combine(*value, other);
        }
        Ok(values)
    }

    /// `scalar(v)`: the value where the vector has exactly one, NaN elsewhere.
    fn single_values(&self, node: &Node, steps: Steps) -> Result<Vec<f64>, EvalError> {
        let mut values = vec![f64::NAN; steps.count];
        let mut seen = vec![0_u32; steps.count];
        self.each_row(node, steps, &mut |row| {
            for (step, &value) in row.values.iter().enumerate() {
                if is_present(value) {
                    seen[step] = seen[step].saturating_add(1);
                    values[step] = if seen[step] == 1 { value } else { f64::NAN };
                }
            }
            Ok(())
        })?;
        Ok(values)
    }

    /// A quantile outside 0 to 1 has a value (an infinity), but hardly one that was wanted.
    pub(super) fn warn_of_quantiles(&self, quantiles: &[f64], node: &Node) {
        for &quantile in quantiles {
            if !(0.0..=1.0).contains(&quantile) {
                self.notes.borrow_mut().warn(
                    node.span,
                    format!(
                        "quantile value should be between 0 and 1, got {}",
                        format_float(quantile)
                    ),
                );
            }
        }
    }
}
