//! What a reader of a result should know: Prometheus's annotations.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use crate::ast::{Span, line_column};

/// A remark on a result that stands all the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    pub severity: Severity,
    /// Where in the query the remark points, in bytes.
    pub start: usize,
    pub end: usize,
    /// Prometheus's wording, without severity and position; [`Note`]'s `Display` adds both.
    pub text: String,
    /// From 1.
    pub line: usize,
    /// From 1, in bytes.
    pub column: usize,
}

/// How grave a remark is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The query is likely wrong: `warnings` in the HTTP API.
    Warning,
    /// The query may be right: `infos` in the HTTP API.
    Info,
}

/// Collects remarks; the same remark at the same place counts once.
#[derive(Debug, Default)]
pub(crate) struct Notes(BTreeSet<(Severity, usize, usize, String)>);

impl Note {
    pub fn range(&self) -> Range<usize> {
        self.start..self.end
    }
}

impl Notes {
    pub(crate) fn warn(&mut self, span: Span, text: String) {
        self.0
            .insert((Severity::Warning, span.start, span.end, text));
    }

    pub(crate) fn info(&mut self, span: Span, text: String) {
        self.0.insert((Severity::Info, span.start, span.end, text));
    }

    /// Adds line and column, which only the query's text can tell.
    pub(crate) fn into_notes(self, query: &str) -> Vec<Note> {
        self.0
            .into_iter()
            .map(|(severity, start, end, text)| {
                let (line, column) = line_column(query, start);
                Note {
                    severity,
                    start,
                    end,
                    text,
                    line,
                    column,
                }
            })
            .collect()
    }
}

/// `PromQL warning: … (1:7)`, as Prometheus's API writes it.
impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Info => "info",
        };
        let Self {
            text, line, column, ..
        } = self;
        write!(f, "PromQL {severity}: {text} ({line}:{column})")
    }
}
