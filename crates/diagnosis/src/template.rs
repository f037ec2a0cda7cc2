//! Go's text/template as labels and annotations of alerts use it.
//!
//! Alert authors write `{{ $labels.job }} is at {{ $value | humanizePercentage }}`, and loops over
//! `query`. The language is Go's with its own and Prometheus's functions. What goes wrong costs
//! one text: the alert goes on and its annotation says what was wrong, as in Prometheus.
//!
//! Everything has a limit: bytes of the text, steps, queries, calls of templates.

mod builtins;
mod eval;
mod float;
mod functions;
mod humanize;
mod lex;
mod parse;
mod printf;
mod tree;
mod value;

use std::fmt;

use model::{Labels, Timestamp};

use eval::Evaluator;
use tree::Tree;

/// Bytes one expanded text may have; a message no channel would carry is cut.
pub const EXPANDED_BYTES_MAX: usize = 64 << 10;

/// Nodes, commands and rounds of loops of one text: a table of a thousand series has room.
pub const STEPS_MAX: usize = 50_000;

/// A parsed text.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    tree: Tree,
}

/// What a template can speak of.
#[derive(Clone, Copy)]
pub struct TemplateData<'a> {
    /// `$labels`, `.Labels`: of the series that the expression returned.
    pub labels: &'a Labels,
    /// `$externalLabels`, `.ExternalLabels`: of this server.
    pub external_labels: &'a Labels,
    /// `$externalURL`: where people reach this server.
    pub external_url: &'a str,
    /// `$value`, `.Value`.
    pub value: f64,
    /// The moment of the evaluation.
    pub now: Timestamp,
    /// Answers `query`; `None` where there is nothing to ask. The error is what went wrong.
    pub query: Option<&'a TemplateQuery<'a>>,
}

/// Evaluates an expression at the moment of the evaluation.
pub type TemplateQuery<'a> = dyn Fn(&str) -> Result<Vec<TemplateSample>, String> + 'a;

/// A series that `query` found.
#[derive(Clone, Debug, PartialEq)]
pub struct TemplateSample {
    pub labels: Labels,
    pub value: f64,
}

/// Why a text cannot be expanded. The author of the rule mends it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error("{what} at byte {at}")]
    Syntax { what: String, at: usize },
    #[error("function {name:?} not defined")]
    UnknownFunction { name: String },
    #[error("undefined variable {name:?}")]
    UnknownVariable { name: String },
    #[error("template {name:?} not defined")]
    UnknownTemplate { name: String },
    #[error("{function} cannot take {argument}")]
    Argument {
        function: &'static str,
        argument: String,
    },
    #[error("error calling {function}: incompatible types for comparison: {left} and {right}")]
    Incomparable {
        function: &'static str,
        left: &'static str,
        right: &'static str,
    },
    #[error("wrong number of args for {function}")]
    ArgumentCount { function: &'static str },
    #[error("can't evaluate field {field} in type {of}")]
    Field { field: String, of: &'static str },
    #[error("can't give arguments to what is no function")]
    NotAFunction,
    #[error("nil is not a command")]
    NilCommand,
    #[error("error calling first: first() called on vector with no elements")]
    EmptyVector,
    /// The text is the query engine's own.
    #[error("error calling query: {message}")]
    Query { message: String },
    #[error("the text is longer than {EXPANDED_BYTES_MAX} bytes")]
    TooLong,
    #[error("the template takes more than {STEPS_MAX} steps")]
    TooManySteps,
    #[error("templates call each other too deep")]
    TooManyCalls,
}

impl TemplateError {
    /// Whether the text can never be expanded, whatever the data.
    pub(crate) fn is_of_parsing(&self) -> bool {
        matches!(
            self,
            Self::Syntax { .. } | Self::UnknownFunction { .. } | Self::UnknownVariable { .. }
        )
    }
}

impl fmt::Debug for TemplateData<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TemplateData")
            .field("labels", self.labels)
            .field("value", &self.value)
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

impl<'a> TemplateData<'a> {
    /// Without external labels, URL and queries.
    pub fn new(labels: &'a Labels, external_labels: &'a Labels, value: f64) -> Self {
        Self {
            labels,
            external_labels,
            external_url: "",
            value,
            now: Timestamp::default(),
            query: None,
        }
    }

    fn query(&self, expr: &str) -> Result<Vec<TemplateSample>, TemplateError> {
        let query = self.query.ok_or_else(|| TemplateError::Query {
            message: "there is nothing to query here".to_owned(),
        })?;
        query(expr).map_err(|message| TemplateError::Query { message })
    }
}

impl Template {
    /// # Errors
    /// What is no template, and functions and variables that do not exist.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        parse::parse(text).map(|tree| Self { tree })
    }

    /// # Errors
    /// What went wrong while the text was made; nothing of the text is kept.
    pub fn expand(&self, data: &TemplateData<'_>) -> Result<String, TemplateError> {
        Evaluator::new(&self.tree, data).run()
    }
}

/// Expands a text; one that cannot be expanded becomes Prometheus's words for that.
pub(crate) fn expand(text: &str, data: &TemplateData<'_>) -> (String, Option<TemplateError>) {
    // Most label templates hold no action at all.
    if !text.contains("{{") {
        return (text.to_owned(), None);
    }
    match Template::parse(text).and_then(|template| template.expand(data)) {
        Ok(expanded) => (expanded, None),
        Err(error) => (format!("<error expanding template: {error}>"), Some(error)),
    }
}

#[cfg(test)]
mod tests;
