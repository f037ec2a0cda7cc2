//! A parsed text: what there is to evaluate.

/// A parsed text.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
    /// `define` and `block`; a later one of the same name wins.
    pub(super) named: Vec<(String, Vec<Node>)>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Text(String),
    /// Shown unless it declares or assigns.
    Action(Pipeline),
    If(Branch),
    With(Branch),
    Range(Branch),
    Template {
        name: String,
        pipeline: Option<Pipeline>,
    },
    Break,
    Continue,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Branch {
    pub(super) pipeline: Pipeline,
    pub(super) nodes: Vec<Node>,
    pub(super) otherwise: Vec<Node>,
}

/// Commands from left to right; each one's result is the last argument of the next.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Pipeline {
    /// Variables that take the value; two only in `range`.
    pub(super) variables: Vec<String>,
    /// `=` rather than `:=`.
    pub(super) assigns: bool,
    pub(super) commands: Vec<Vec<Operand>>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Operand {
    pub(super) kind: OperandKind,
    /// `.a.b` behind it.
    pub(super) fields: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum OperandKind {
    Nil,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    Dot,
    Variable(String),
    Function(String),
    Group(Box<Pipeline>),
}
