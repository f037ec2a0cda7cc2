//! The expression as a tree. Only [`crate::parse`] makes one, so every tree is well typed.

mod needs;
mod print;
mod shape;

use std::sync::Arc;
use std::time::Duration;

use model::{METRIC_NAME, Matcher, Timestamp};

use crate::functions::Function;

pub use shape::Reading;

/// A parsed and checked expression.
///
/// Two expressions are equal when they mean the same, wherever their parts stand in the text.
#[derive(Clone, Debug)]
pub struct Expr {
    pub(crate) root: Node,
    /// The text it was parsed from; remarks point into it.
    pub(crate) text: Arc<str>,
}

/// What an expression evaluates to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValueType {
    Scalar,
    String,
    Vector,
    Matrix,
}

/// One vector selector of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SelectorRef<'a> {
    /// `None` when the selector names no metric, or names it by a regex.
    pub metric_name: Option<&'a str>,
    /// All conditions, the one on the metric's name included.
    pub matchers: &'a [Matcher],
}

/// Bytes of the query's text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// A part of an expression and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) kind: NodeKind,
    pub(crate) span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum NodeKind {
    Number(Number),
    String(Arc<str>),
    /// An instant vector selector.
    Selector(Selector),
    /// A range vector selector.
    Range(RangeSelector),
    Subquery(Box<Subquery>),
    /// Never directly inside another one: `((x))` is `(x)`.
    Paren(Box<Node>),
    /// `-x`; a leading `+` and a sign before a number leave no trace but the span.
    Negate(Box<Node>),
    Binary(Box<Binary>),
    Call(Call),
    Aggregate(Box<Aggregate>),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Number {
    pub(crate) value: f64,
    /// Written as a duration, `5m` for 300.
    pub(crate) as_duration: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Selector {
    /// The metric's name when the selector says it outright; `matchers` holds it too.
    pub(crate) name: Option<Box<str>>,
    pub(crate) matchers: Vec<Matcher>,
    pub(crate) shift: Shift,
}

/// `offset 5m @ 100`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shift {
    /// Milliseconds into the past; negative looks ahead.
    pub(crate) offset_ms: i64,
    pub(crate) at: Option<At>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum At {
    Time(Timestamp),
    Start,
    End,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RangeSelector {
    pub(crate) selector: Selector,
    pub(crate) range_ms: i64,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Subquery {
    pub(crate) inner: Node,
    pub(crate) range_ms: i64,
    /// `None`: `EvalOptions::subquery_step`.
    pub(crate) step_ms: Option<i64>,
    pub(crate) shift: Shift,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Binary {
    pub(crate) op: BinaryOp,
    pub(crate) lhs: Node,
    pub(crate) rhs: Node,
    /// `bool`: a comparison gives 0 or 1 instead of filtering.
    pub(crate) returns_bool: bool,
    /// `None` when a side is a scalar.
    pub(crate) matching: Option<Matching>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    Atan2,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    And,
    Or,
    Unless,
}

/// How the series of both sides find each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Matching {
    /// `on` when true, `ignoring` when false.
    pub(crate) on: bool,
    pub(crate) labels: Vec<Box<str>>,
    pub(crate) group: Group,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Group {
    /// One series on each side.
    #[default]
    OneToOne,
    /// `group_left`: many on the left; the labels are copied from the right.
    Left(Vec<Box<str>>),
    /// `group_right`.
    Right(Vec<Box<str>>),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Call {
    pub(crate) function: &'static Function,
    pub(crate) args: Vec<Node>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Aggregate {
    pub(crate) op: AggregateOp,
    /// `topk(5, …)`, `quantile(0.9, …)`, `count_values("x", …)`.
    pub(crate) param: Option<Node>,
    pub(crate) inner: Node,
    pub(crate) grouping: Grouping,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Grouping {
    By(Vec<Box<str>>),
    Without(Vec<Box<str>>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum AggregateOp {
    Sum,
    Avg,
    Min,
    Max,
    Count,
    Group,
    Stddev,
    Stdvar,
    Topk,
    Bottomk,
    Quantile,
    CountValues,
    Limitk,
    LimitRatio,
}

impl Expr {
    pub fn value_type(&self) -> ValueType {
        self.root.value_type()
    }

    /// How far before the evaluation's time the oldest sample lies that the expression reads,
    /// the lookback of its selectors aside. What is fixed with `@` does not count.
    pub fn look_back(&self) -> Duration {
        Duration::from_millis(self.root.look_back_ms().max(0).unsigned_abs())
    }

    /// Every vector selector, in the order of the text.
    pub fn selectors(&self) -> impl Iterator<Item = SelectorRef<'_>> {
        let mut waiting = vec![&self.root];
        std::iter::from_fn(move || {
            while let Some(node) = waiting.pop() {
                let first = waiting.len();
                waiting.extend(node.children());
                waiting[first..].reverse();
                if let Some(selector) = node.selector() {
                    return Some(SelectorRef {
                        metric_name: selector.metric_name(),
                        matchers: &selector.matchers,
                    });
                }
            }
            None
        })
    }
}

impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        self.root == other.root
    }
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

/// By bits, so that NaN equals itself.
impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        (self.value.to_bits(), self.as_duration) == (other.value.to_bits(), other.as_duration)
    }
}

impl Node {
    pub(crate) fn value_type(&self) -> ValueType {
        match &self.kind {
            NodeKind::Number(_) => ValueType::Scalar,
            NodeKind::String(_) => ValueType::String,
            NodeKind::Selector(_) | NodeKind::Aggregate(_) => ValueType::Vector,
            NodeKind::Range(_) | NodeKind::Subquery(_) => ValueType::Matrix,
            NodeKind::Paren(inner) | NodeKind::Negate(inner) => inner.value_type(),
            // The checker sets it exactly when both sides are vectors; a vector and a scalar
            // make a vector too.
            NodeKind::Binary(binary) if binary.matching.is_some() => ValueType::Vector,
            NodeKind::Binary(binary) => match (binary.lhs.value_type(), binary.rhs.value_type()) {
                (ValueType::Scalar, ValueType::Scalar) => ValueType::Scalar,
                _ => ValueType::Vector,
            },
            NodeKind::Call(call) => call.function.returns,
        }
    }

    /// The parts, in the order of the text.
    pub(crate) fn children(&self) -> impl Iterator<Item = &Self> {
        let (pair, list): ([Option<&Self>; 2], &[Self]) = match &self.kind {
            NodeKind::Number(_)
            | NodeKind::String(_)
            | NodeKind::Selector(_)
            | NodeKind::Range(_) => ([None, None], &[]),
            NodeKind::Subquery(subquery) => ([Some(&subquery.inner), None], &[]),
            NodeKind::Paren(inner) | NodeKind::Negate(inner) => ([Some(&**inner), None], &[]),
            NodeKind::Binary(binary) => ([Some(&binary.lhs), Some(&binary.rhs)], &[]),
            NodeKind::Call(call) => ([None, None], &call.args),
            NodeKind::Aggregate(aggregate) => {
                ([aggregate.param.as_ref(), Some(&aggregate.inner)], &[])
            }
        };
        pair.into_iter().flatten().chain(list)
    }

    fn look_back_ms(&self) -> i64 {
        let inner = self.children().map(Self::look_back_ms).max().unwrap_or(0);
        let (shift, range_ms) = match &self.kind {
            NodeKind::Selector(selector) => (selector.shift, 0),
            NodeKind::Range(range) => (range.selector.shift, range.range_ms),
            NodeKind::Subquery(subquery) => (subquery.shift, subquery.range_ms),
            _ => return inner,
        };
        match shift.at {
            Some(_) => 0,
            None => inner
                .saturating_add(range_ms)
                .saturating_add(shift.offset_ms),
        }
    }

    fn selector(&self) -> Option<&Selector> {
        match &self.kind {
            NodeKind::Selector(selector) => Some(selector),
            NodeKind::Range(range) => Some(&range.selector),
            _ => None,
        }
    }

    /// The expression without the parentheses around it.
    pub(crate) fn without_parens(&self) -> &Self {
        let mut node = self;
        while let NodeKind::Paren(inner) = &node.kind {
            node = inner;
        }
        node
    }
}

impl Selector {
    pub(crate) fn metric_name(&self) -> Option<&str> {
        self.name.as_deref().or_else(|| {
            self.matchers
                .iter()
                .find(|matcher| {
                    matcher.name() == METRIC_NAME && matcher.op() == model::MatchOp::Equal
                })
                .map(Matcher::value)
        })
    }
}

impl Span {
    pub(crate) fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    pub(crate) fn to(self, end: Self) -> Self {
        Self::new(self.start, end.end)
    }
}

impl ValueType {
    /// As Prometheus's messages name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::String => "string",
            Self::Vector => "instant vector",
            Self::Matrix => "range vector",
        }
    }
}

impl BinaryOp {
    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
            Self::Pow => "^",
            Self::Atan2 => "atan2",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::And => "and",
            Self::Or => "or",
            Self::Unless => "unless",
        }
    }

    pub(crate) fn is_comparison(self) -> bool {
        matches!(
            self,
            Self::Equal
                | Self::NotEqual
                | Self::Less
                | Self::LessOrEqual
                | Self::Greater
                | Self::GreaterOrEqual
        )
    }

    pub(crate) fn is_set(self) -> bool {
        matches!(self, Self::And | Self::Or | Self::Unless)
    }
}

impl AggregateOp {
    pub(crate) const ALL: [Self; 14] = [
        Self::Sum,
        Self::Avg,
        Self::Min,
        Self::Max,
        Self::Count,
        Self::Group,
        Self::Stddev,
        Self::Stdvar,
        Self::Topk,
        Self::Bottomk,
        Self::Quantile,
        Self::CountValues,
        Self::Limitk,
        Self::LimitRatio,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Avg => "avg",
            Self::Min => "min",
            Self::Max => "max",
            Self::Count => "count",
            Self::Group => "group",
            Self::Stddev => "stddev",
            Self::Stdvar => "stdvar",
            Self::Topk => "topk",
            Self::Bottomk => "bottomk",
            Self::Quantile => "quantile",
            Self::CountValues => "count_values",
            Self::Limitk => "limitk",
            Self::LimitRatio => "limit_ratio",
        }
    }

    /// The type of the first argument, for those that have two.
    pub(crate) fn param_type(self) -> Option<ValueType> {
        match self {
            Self::Topk | Self::Bottomk | Self::Quantile | Self::Limitk | Self::LimitRatio => {
                Some(ValueType::Scalar)
            }
            Self::CountValues => Some(ValueType::String),
            Self::Sum
            | Self::Avg
            | Self::Min
            | Self::Max
            | Self::Count
            | Self::Group
            | Self::Stddev
            | Self::Stdvar => None,
        }
    }
}

/// Words that cannot name a metric without quotes; all other keywords can.
pub(crate) fn is_reserved(word: &str) -> bool {
    [
        "bool",
        "group_left",
        "group_right",
        "ignoring",
        "inf",
        "nan",
        "on",
    ]
    .iter()
    .any(|reserved| word.eq_ignore_ascii_case(reserved))
}

/// Whether the name can stand in a list of labels without quotes.
pub(crate) fn is_label_name(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.starts_with(|c: char| legal(c) && !c.is_ascii_digit()) && name.chars().all(legal)
}

/// Line and column of a byte of the text, both from 1.
pub(crate) fn line_column(text: &str, position: usize) -> (usize, usize) {
    let before = &text.as_bytes()[..position.min(text.len())];
    let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
    let line_start = before
        .iter()
        .rposition(|&byte| byte == b'\n')
        .map_or(0, |newline| newline + 1);
    (line, before.len() - line_start + 1)
}
