//! A tree and data to text.

use std::rc::Rc;

use super::builtins;
use super::functions;
use super::tree::{Branch, Node, Operand, OperandKind, Pipeline, Tree};
use super::value::Value;
use super::{EXPANDED_BYTES_MAX, STEPS_MAX, TemplateData, TemplateError};

/// Templates that call themselves end here; Go's own limit is 100,000.
const CALLS_MAX: usize = 32;

/// How the nodes of a loop's body ended.
#[derive(Clone, Copy, PartialEq)]
enum Flow {
    On,
    Break,
    Continue,
}

pub(super) struct Evaluator<'a> {
    tree: &'a Tree,
    data: &'a TemplateData<'a>,
    text: String,
    /// Those in scope, innermost last.
    variables: Vec<(String, Value)>,
    steps_left: usize,
    calls: usize,
}

impl<'a> Evaluator<'a> {
    pub(super) fn new(tree: &'a Tree, data: &'a TemplateData<'a>) -> Self {
        let external_url = Value::Text(data.external_url.to_owned());
        let declared = [
            ("", Value::Data),
            ("labels", Value::Labels(data.labels.clone())),
            (
                "externalLabels",
                Value::Labels(data.external_labels.clone()),
            ),
            ("externalURL", external_url),
            ("value", Value::Float(data.value)),
        ];
        Self {
            tree,
            data,
            text: String::new(),
            variables: declared
                .map(|(name, value)| (name.to_owned(), value))
                .to_vec(),
            steps_left: STEPS_MAX,
            calls: 0,
        }
    }

    pub(super) fn run(mut self) -> Result<String, TemplateError> {
        self.nodes(&self.tree.nodes, &Value::Data)?;
        Ok(self.text)
    }

    fn step(&mut self) -> Result<(), TemplateError> {
        self.steps_left = self
            .steps_left
            .checked_sub(1)
            .ok_or(TemplateError::TooManySteps)?;
        if self.text.len() > EXPANDED_BYTES_MAX {
            return Err(TemplateError::TooLong);
        }
        Ok(())
    }

    fn nodes(&mut self, nodes: &'a [Node], dot: &Value) -> Result<Flow, TemplateError> {
        for node in nodes {
            self.step()?;
            let flow = match node {
                Node::Text(literal) => {
                    self.text.push_str(literal);
                    Flow::On
                }
                Node::Action(pipeline) => {
                    let value = self.pipeline(pipeline, dot)?;
                    if pipeline.variables.is_empty() {
                        self.text.push_str(&value.show(self.data));
                    }
                    Flow::On
                }
                Node::If(branch) => self.branch(branch, dot, false)?,
                Node::With(branch) => self.branch(branch, dot, true)?,
                Node::Range(branch) => self.range(branch, dot)?,
                Node::Template { name, pipeline } => {
                    self.template(name, pipeline.as_ref(), dot)?;
                    Flow::On
                }
                Node::Break => Flow::Break,
                Node::Continue => Flow::Continue,
            };
            if flow != Flow::On {
                return Ok(flow);
            }
        }
        Ok(Flow::On)
    }

    fn branch(
        &mut self,
        branch: &'a Branch,
        dot: &Value,
        sets_dot: bool,
    ) -> Result<Flow, TemplateError> {
        let scope = self.variables.len();
        let value = self.pipeline(&branch.pipeline, dot)?;
        let flow = match (value.is_true(), sets_dot) {
            (true, true) => self.nodes(&branch.nodes, &value),
            (true, false) => self.nodes(&branch.nodes, dot),
            (false, _) => self.nodes(&branch.otherwise, dot),
        };
        self.variables.truncate(scope);
        flow
    }

    fn range(&mut self, branch: &'a Branch, dot: &Value) -> Result<Flow, TemplateError> {
        let scope = self.variables.len();
        let value = self.pipeline(&branch.pipeline, dot)?;
        let items = items(&value, self.steps_left)?;
        if items.is_empty() {
            let flow = self.nodes(&branch.otherwise, dot);
            self.variables.truncate(scope);
            return flow;
        }
        let inner = self.variables.len();
        for (key, item) in items {
            self.step()?;
            self.variables.truncate(inner);
            let assigned = match branch.pipeline.variables.len() {
                0 => Vec::new(),
                1 => vec![item.clone()],
                _ => vec![key, item.clone()],
            };
            for (name, value) in branch.pipeline.variables.iter().zip(assigned) {
                self.set(name, value, branch.pipeline.assigns);
            }
            if self.nodes(&branch.nodes, &item)? == Flow::Break {
                break;
            }
        }
        self.variables.truncate(scope);
        Ok(Flow::On)
    }

    fn template(
        &mut self,
        name: &str,
        pipeline: Option<&'a Pipeline>,
        dot: &Value,
    ) -> Result<(), TemplateError> {
        let value = match pipeline {
            Some(pipeline) => self.pipeline(pipeline, dot)?,
            None => Value::Nil,
        };
        let tree = self.tree;
        let named = tree.named.iter().rev().find(|(known, _)| known == name);
        let (_, nodes) = named.ok_or_else(|| TemplateError::UnknownTemplate {
            name: name.to_owned(),
        })?;
        if self.calls >= CALLS_MAX {
            return Err(TemplateError::TooManyCalls);
        }
        self.calls += 1;
        let own = vec![(String::new(), value.clone())];
        let outer = std::mem::replace(&mut self.variables, own);
        let flow = self.nodes(nodes, &value);
        self.variables = outer;
        self.calls -= 1;
        flow.map(drop)
    }

    fn set(&mut self, name: &str, value: Value, assigns: bool) {
        let known = self
            .variables
            .iter_mut()
            .rev()
            .find(|(known, _)| known == name);
        match known {
            Some((_, old)) if assigns => *old = value,
            _ => self.variables.push((name.to_owned(), value)),
        }
    }

    fn pipeline(&mut self, pipeline: &'a Pipeline, dot: &Value) -> Result<Value, TemplateError> {
        let mut piped = None;
        for command in &pipeline.commands {
            piped = Some(self.command(command, dot, piped)?);
        }
        let value = piped.unwrap_or(Value::Nil);
        // `range` sets its variables for each item.
        if let [name] = pipeline.variables.as_slice() {
            self.set(name, value.clone(), pipeline.assigns);
        }
        Ok(value)
    }

    fn command(
        &mut self,
        operands: &'a [Operand],
        dot: &Value,
        piped: Option<Value>,
    ) -> Result<Value, TemplateError> {
        self.step()?;
        let Some((first, arguments)) = operands.split_first() else {
            return Ok(Value::Nil); // The parser makes no empty command.
        };
        if let OperandKind::Function(name) = &first.kind {
            let value = self.call(name, arguments, dot, piped)?;
            return self.fields(value, &first.fields);
        }
        if arguments.is_empty() && piped.is_none() {
            if first.kind == OperandKind::Nil {
                return Err(TemplateError::NilCommand);
            }
            return self.operand(first, dot);
        }
        let mut values = Vec::with_capacity(arguments.len() + 1);
        for argument in arguments {
            values.push(self.operand(argument, dot)?);
        }
        values.extend(piped);
        let (method, fields) = first
            .fields
            .split_last()
            .ok_or(TemplateError::NotAFunction)?;
        let receiver = self.kind(&first.kind, dot)?;
        let receiver = self.fields(receiver, fields)?;
        builtins::method(&receiver, method, &values)
    }

    fn call(
        &mut self,
        name: &str,
        arguments: &'a [Operand],
        dot: &Value,
        piped: Option<Value>,
    ) -> Result<Value, TemplateError> {
        if name == "and" || name == "or" {
            return self.junction(name == "or", arguments, dot, piped);
        }
        let mut values = Vec::with_capacity(arguments.len() + 1);
        for argument in arguments {
            values.push(self.operand(argument, dot)?);
        }
        values.extend(piped);
        let value = functions::call(name, &values, self.data)?;
        match &value {
            Value::Text(text) if text.len() > EXPANDED_BYTES_MAX => Err(TemplateError::TooLong),
            _ => Ok(value),
        }
    }

    /// `and`, `or`: the first argument that decides, else the last; what is behind it is not
    /// evaluated.
    fn junction(
        &mut self,
        stop: bool,
        arguments: &'a [Operand],
        dot: &Value,
        piped: Option<Value>,
    ) -> Result<Value, TemplateError> {
        let mut value = None;
        for argument in arguments {
            let next = self.operand(argument, dot)?;
            if next.is_true() == stop {
                return Ok(next);
            }
            value = Some(next);
        }
        let function = if stop { "or" } else { "and" };
        piped
            .or(value)
            .ok_or(TemplateError::ArgumentCount { function })
    }

    fn operand(&mut self, operand: &'a Operand, dot: &Value) -> Result<Value, TemplateError> {
        let value = self.kind(&operand.kind, dot)?;
        self.fields(value, &operand.fields)
    }

    fn kind(&mut self, kind: &'a OperandKind, dot: &Value) -> Result<Value, TemplateError> {
        Ok(match kind {
            OperandKind::Nil => Value::Nil,
            OperandKind::Bool(value) => Value::Bool(*value),
            OperandKind::Integer(number) => Value::Integer(*number),
            OperandKind::Float(number) => Value::Float(*number),
            OperandKind::Text(text) => Value::Text(text.clone()),
            OperandKind::Dot => dot.clone(),
            OperandKind::Variable(name) => {
                let known = self.variables.iter().rev().find(|(known, _)| known == name);
                let known = known.map(|(_, value)| value.clone());
                known.ok_or_else(|| TemplateError::UnknownVariable {
                    name: format!("${name}"),
                })?
            }
            OperandKind::Function(name) => functions::call(name, &[], self.data)?,
            OperandKind::Group(pipeline) => self.pipeline(pipeline, dot)?,
        })
    }

    fn fields(&self, mut value: Value, fields: &[String]) -> Result<Value, TemplateError> {
        for field in fields {
            value = self.field(&value, field)?;
        }
        Ok(value)
    }

    fn field(&self, value: &Value, field: &str) -> Result<Value, TemplateError> {
        Ok(match (value, field) {
            // A label that is absent is the empty text, as in Prometheus.
            (Value::Labels(labels), name) => {
                Value::Text(labels.get(name).unwrap_or_default().to_owned())
            }
            (Value::Arguments(arguments), name) => {
                arguments.get(name).cloned().unwrap_or(Value::Nil)
            }
            (Value::Data, "Labels") => Value::Labels(self.data.labels.clone()),
            (Value::Data, "ExternalLabels") => Value::Labels(self.data.external_labels.clone()),
            (Value::Data, "ExternalURL") => Value::Text(self.data.external_url.to_owned()),
            (Value::Data, "Value") => Value::Float(self.data.value),
            (Value::Sample(sample), "Labels") => Value::Labels(sample.labels.clone()),
            (Value::Sample(sample), "Value") => Value::Float(sample.value),
            (value, method) => return builtins::method(value, method, &[]),
        })
    }
}

/// Keys and items that `range` goes through.
fn items(value: &Value, most: usize) -> Result<Vec<(Value, Value)>, TemplateError> {
    let number = |index: usize| Value::Integer(i64::try_from(index).unwrap_or(i64::MAX));
    Ok(match value {
        Value::Nil => Vec::new(),
        Value::Samples(samples) => {
            let samples = samples.iter().enumerate();
            samples
                .map(|(index, sample)| (number(index), Value::Sample(Rc::clone(sample))))
                .collect()
        }
        Value::Labels(labels) => {
            let text = |text: &str| Value::Text(text.to_owned());
            labels
                .iter()
                .map(|(name, value)| (text(name), text(value)))
                .collect()
        }
        Value::Arguments(arguments) => {
            let arguments = arguments.iter();
            arguments
                .map(|(name, value)| (Value::Text(name.clone()), value.clone()))
                .collect()
        }
        Value::Integer(count) => {
            let count = usize::try_from(*count).unwrap_or(0);
            if count > most {
                return Err(TemplateError::TooManySteps);
            }
            (0..count)
                .map(|index| (number(index), number(index)))
                .collect()
        }
        Value::Bool(_)
        | Value::Float(_)
        | Value::Text(_)
        | Value::Data
        | Value::Sample(_)
        | Value::Moment(_)
        | Value::Span(_) => {
            return Err(TemplateError::Argument {
                function: "range",
                argument: value.type_name().to_owned(),
            });
        }
    })
}
