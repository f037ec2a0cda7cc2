//! What the grammar allows but the language does not: types, and modifiers out of place.

use crate::ast::{AggregateOp, Binary, BinaryOp, Group, Matching, Node, NodeKind, Span, ValueType};
use crate::functions::Function;
use crate::parse::SyntaxFault;

/// A sign may stand before a scalar or an instant vector.
pub(crate) fn signed(operand: &Node) -> Result<(), SyntaxFault> {
    match operand.value_type() {
        ValueType::Scalar | ValueType::Vector => Ok(()),
        other @ (ValueType::String | ValueType::Matrix) => Err(SyntaxFault::new(
            operand.span,
            format!(
                "unary expression only allowed on expressions of type scalar or instant vector, \
                 got {:?}",
                other.name()
            ),
        )),
    }
}

pub(crate) fn binary(
    lhs: Node,
    op: BinaryOp,
    returns_bool: bool,
    matching: Option<Matching>,
    rhs: Node,
) -> Result<Node, SyntaxFault> {
    let span = lhs.span.to(rhs.span);
    let fault = |message: String| Err(SyntaxFault::new(span, message));
    let (left, right) = (lhs.value_type(), rhs.value_type());
    if returns_bool && !op.is_comparison() {
        return fault("bool modifier can only be used on comparison operators".into());
    }
    for (side, node) in [(left, &lhs), (right, &rhs)] {
        if !matches!(side, ValueType::Scalar | ValueType::Vector) {
            return Err(SyntaxFault::new(
                node.span,
                "binary expression must contain only scalar and instant vector types",
            ));
        }
    }
    let vectors = left == ValueType::Vector && right == ValueType::Vector;
    if !vectors {
        if matching.is_some() {
            return fault("vector matching only allowed between instant vectors".into());
        }
        if op.is_set() {
            return fault(format!(
                "set operator {:?} not allowed in binary scalar expression",
                op.symbol()
            ));
        }
        if left == right && op.is_comparison() && !returns_bool {
            return fault("comparisons between scalars must use BOOL modifier".into());
        }
    }
    if let Some(matching) = &matching {
        check_matching(matching, op).map_err(|message| SyntaxFault::new(span, message))?;
    }
    let matching = vectors.then(|| matching.unwrap_or_default());
    Ok(Node {
        kind: NodeKind::Binary(Box::new(Binary {
            op,
            lhs,
            rhs,
            returns_bool,
            matching,
        })),
        span,
    })
}

fn check_matching(matching: &Matching, op: BinaryOp) -> Result<(), String> {
    let (Group::Left(included) | Group::Right(included)) = &matching.group else {
        return Ok(());
    };
    if op.is_set() {
        return Err(format!(
            "no grouping allowed for {:?} operation",
            op.symbol()
        ));
    }
    if !matching.on {
        return Ok(());
    }
    match included
        .iter()
        .find(|label| matching.labels.contains(label))
    {
        Some(label) => Err(format!(
            "label {label:?} must not occur in ON and GROUP clause at once"
        )),
        None => Ok(()),
    }
}

/// Parts the arguments of an aggregation into its parameter and its vector.
pub(crate) fn aggregate(
    op: AggregateOp,
    args: Vec<Node>,
    span: Span,
) -> Result<(Option<Node>, Node), SyntaxFault> {
    let wanted = 1 + usize::from(op.param_type().is_some());
    if args.is_empty() {
        return Err(SyntaxFault::new(
            span,
            "no arguments for aggregate expression provided",
        ));
    }
    if args.len() != wanted {
        return Err(SyntaxFault::new(
            span,
            format!(
                "wrong number of arguments for aggregate expression provided, expected {wanted}, \
                 got {}",
                args.len()
            ),
        ));
    }
    let mut args = args;
    let inner = args.pop().expect("at least one argument, by its count");
    expect_type(&inner, ValueType::Vector, "aggregation expression")?;
    let param = args.pop();
    if let (Some(param), Some(wanted)) = (&param, op.param_type()) {
        expect_type(param, wanted, "aggregation parameter")?;
    }
    Ok((param, inner))
}

pub(crate) fn call(
    function: &'static Function,
    args: &[Node],
    span: Span,
) -> Result<(), SyntaxFault> {
    let (name, count) = (function.name, args.len());
    let (least, most) = (function.args_min(), function.args_max());
    let wanted = match most {
        Some(most) if least == most && count != least => format!("expected {least}"),
        _ if count < least => format!("expected at least {least}"),
        Some(most) if count > most => format!("expected at most {most}"),
        _ => String::new(),
    };
    if !wanted.is_empty() {
        return Err(SyntaxFault::new(
            span,
            format!("{wanted} argument(s) in call to {name:?}, got {count}"),
        ));
    }
    for (index, arg) in args.iter().enumerate() {
        let context = format!("call to function {name:?}");
        expect_type(arg, function.arg_type(index), &context)?;
    }
    Ok(())
}

fn expect_type(node: &Node, wanted: ValueType, context: &str) -> Result<(), SyntaxFault> {
    let actual = node.value_type();
    if actual == wanted {
        return Ok(());
    }
    Err(SyntaxFault::new(
        node.span,
        format!(
            "expected type {} in {context}, got {}",
            wanted.name(),
            actual.name()
        ),
    ))
}
