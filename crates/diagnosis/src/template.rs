//! The part of Go's text/template that labels and annotations of alerts use.
//!
//! Alert authors write `{{ $labels.job }} is at {{ $value | humanizePercentage }}`. What is not
//! known here (`query`, `range`, own templates) is an error of that one text: the alert goes on
//! and its annotation says what was wrong, as in Prometheus.

mod eval;
mod float;
mod functions;
mod parse;

use model::Labels;

use parse::Part;

/// Bytes one expanded text may have; a message no channel would carry is cut.
pub const EXPANDED_BYTES_MAX: usize = 64 << 10;

/// A parsed text.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    parts: Vec<Part>,
}

/// What a template can speak of.
#[derive(Clone, Copy, Debug)]
pub struct TemplateData<'a> {
    /// `$labels`, `.Labels`: of the series that the expression returned.
    pub labels: &'a Labels,
    /// `$externalLabels`, `.ExternalLabels`: of this server.
    pub external_labels: &'a Labels,
    /// `$value`, `.Value`.
    pub value: f64,
}

/// Why a text cannot be expanded. The author of the rule mends it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error("{what} at byte {at}")]
    Syntax { what: String, at: usize },
    #[error("{name:?} is not supported in alert templates yet")]
    Unsupported { name: String },
    #[error("function {name:?} not defined")]
    UnknownFunction { name: String },
    #[error("undefined variable {name:?}")]
    UnknownVariable { name: String },
    #[error("{function} cannot take {argument}")]
    Argument {
        function: &'static str,
        argument: String,
    },
    #[error("wrong number of arguments for {function}")]
    ArgumentCount { function: &'static str },
    #[error("can't evaluate field {field} of {of}")]
    Field { field: String, of: &'static str },
    #[error("the text is longer than {EXPANDED_BYTES_MAX} bytes")]
    TooLong,
}

impl Template {
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        parse::parse(text).map(|parts| Self { parts })
    }

    pub fn expand(&self, data: &TemplateData<'_>) -> Result<String, TemplateError> {
        let mut text = String::new();
        eval::write_parts(&self.parts, data, &mut text)?;
        Ok(text)
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
