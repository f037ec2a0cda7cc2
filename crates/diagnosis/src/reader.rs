//! Reads a hand-written file field by field, so that every problem of it is told at once.
//!
//! A typed `Deserialize` stops at the first mistake and loses the lines of what it has read. The
//! authors of rule files and packs want all mistakes, each with its line.

use std::time::Duration;

use model::InvalidDuration;

use crate::yaml::{Field, NODES_MAX, Node, Value, parse};

/// Bytes of one file that are read: the widest public rule collection is below 1 MB.
pub const YAML_BYTES_MAX: usize = 4 << 20;

/// Something wrong in a hand-written file, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {mistake}")]
pub struct Problem {
    pub line: usize,
    pub mistake: Mistake,
}

/// What is wrong. All of these are for the author of the file to mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mistake {
    #[error("the file has {bytes} bytes, more than the limit of {YAML_BYTES_MAX}")]
    TooLong { bytes: usize },
    /// The file is no YAML; the text is the YAML parser's own.
    #[error("{message}")]
    Yaml { message: String },
    #[error("{context} has no field {field:?}; it has {known}")]
    UnknownField {
        context: &'static str,
        field: String,
        known: String,
    },
    #[error("{context} needs the field {field:?}")]
    MissingField {
        context: &'static str,
        field: &'static str,
    },
    #[error("{field:?} must be {expected}")]
    WrongType {
        field: String,
        expected: &'static str,
    },
    #[error("{field:?}: {source}")]
    Duration {
        field: String,
        #[source]
        source: InvalidDuration,
    },
    #[error("{field:?} is {found:?}; it must be {expected}")]
    BadValue {
        field: String,
        found: String,
        expected: String,
    },
    #[error("{what} {name:?} stands twice")]
    Twice { what: &'static str, name: String },
    /// The text is the PromQL parser's own, with its position.
    #[error("the expression of {name:?} cannot be parsed: {message}")]
    Expr { name: String, message: String },
    /// The text is the template parser's own.
    #[error("the template of {field:?} cannot be parsed: {message}")]
    Template { field: String, message: String },
    #[error("{text}")]
    Contradiction { text: &'static str },
    #[error("{what} {name:?} is named here but defined nowhere")]
    Undefined { what: &'static str, name: String },
    #[error("{what} {name:?} is used nowhere")]
    Unused { what: &'static str, name: String },
}

/// Reads one document. An empty file is [`Value::Null`].
pub(crate) fn read_document(text: &str) -> Result<Node, Problem> {
    if text.len() > YAML_BYTES_MAX {
        let mistake = Mistake::TooLong { bytes: text.len() };
        return Err(Problem { line: 1, mistake });
    }
    parse(text, NODES_MAX).map_err(|error| Problem {
        line: error.line,
        mistake: Mistake::Yaml {
            message: error.reason,
        },
    })
}

/// Walks a tree and gathers all problems; what cannot be read is left out, never the rest.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    pub(crate) problems: Vec<Problem>,
}

/// The fields of one map, all of them known by name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'a> {
    /// Where the map begins.
    pub(crate) line: usize,
    context: &'static str,
    fields: &'a [Field],
}

impl<'a> Fields<'a> {
    /// The field's value; a field without a value counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&'a Node> {
        self.fields
            .iter()
            .find(|field| field.name == name)
            .map(|field| &field.value)
            .filter(|node| node.value != Value::Null)
    }
}

impl Reader {
    pub(crate) fn report(&mut self, line: usize, mistake: Mistake) {
        self.problems.push(Problem { line, mistake });
    }

    /// The fields of a map. Names outside `known` are problems; `context` says what has them.
    pub(crate) fn fields<'a>(
        &mut self,
        node: &'a Node,
        context: &'static str,
        known: &[&str],
    ) -> Option<Fields<'a>> {
        let Value::Map(fields) = &node.value else {
            self.wrong_type(node, context, "a set of fields");
            return None;
        };
        for field in fields {
            if !known.contains(&field.name.as_str()) {
                let mistake = Mistake::UnknownField {
                    context,
                    field: field.name.clone(),
                    known: known.join(", "),
                };
                self.report(field.line, mistake);
            }
        }
        Some(Fields {
            line: node.line,
            context,
            fields,
        })
    }

    /// A map whose names are free, such as labels.
    pub(crate) fn entries<'a>(&mut self, fields: &Fields<'a>, name: &str) -> &'a [Field] {
        match fields.get(name) {
            None => &[],
            Some(Node {
                value: Value::Map(entries),
                ..
            }) => entries,
            Some(node) => {
                self.wrong_type(node, name, "a set of fields");
                &[]
            }
        }
    }

    /// A list; absent is empty.
    pub(crate) fn list<'a>(&mut self, fields: &Fields<'a>, name: &str) -> &'a [Node] {
        match fields.get(name) {
            None => &[],
            Some(Node {
                value: Value::List(items),
                ..
            }) => items,
            Some(node) => {
                self.wrong_type(node, name, "a list");
                &[]
            }
        }
    }

    pub(crate) fn text(&mut self, fields: &Fields<'_>, name: &str) -> Option<String> {
        let node = fields.get(name)?;
        self.scalar(node, name).map(str::to_owned)
    }

    pub(crate) fn required_text(
        &mut self,
        fields: &Fields<'_>,
        name: &'static str,
    ) -> Option<String> {
        self.required(fields, name)?;
        self.text(fields, name)
    }

    pub(crate) fn required<'a>(
        &mut self,
        fields: &Fields<'a>,
        name: &'static str,
    ) -> Option<&'a Node> {
        let node = fields.get(name);
        if node.is_none() {
            let context = fields.context;
            self.report(
                fields.line,
                Mistake::MissingField {
                    context,
                    field: name,
                },
            );
        }
        node
    }

    /// A list of texts, or one text alone.
    pub(crate) fn texts(&mut self, fields: &Fields<'_>, name: &str) -> Vec<String> {
        let items = self.list(fields, name).iter();
        items
            .filter_map(|item| self.scalar(item, name).map(str::to_owned))
            .collect()
    }

    pub(crate) fn scalar<'a>(&mut self, node: &'a Node, field: &str) -> Option<&'a str> {
        match &node.value {
            Value::Scalar(text) => Some(text),
            Value::Null | Value::List(_) | Value::Map(_) => {
                self.wrong_type(node, field, "one value");
                None
            }
        }
    }

    pub(crate) fn duration(&mut self, fields: &Fields<'_>, name: &str) -> Option<Duration> {
        let node = fields.get(name)?;
        let text = self.scalar(node, name)?;
        match model::parse_duration(text) {
            Ok(span) => Some(span),
            Err(source) => {
                let field = name.to_owned();
                self.report(node.line, Mistake::Duration { field, source });
                None
            }
        }
    }

    pub(crate) fn number(&mut self, fields: &Fields<'_>, name: &str) -> Option<f64> {
        let parse = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
        self.parsed(fields, name, "a number", parse)
    }

    pub(crate) fn count(&mut self, fields: &Fields<'_>, name: &str) -> Option<usize> {
        self.parsed(fields, name, "a whole number from 0", |text| {
            text.parse().ok()
        })
    }

    pub(crate) fn flag(&mut self, fields: &Fields<'_>, name: &str) -> Option<bool> {
        self.parsed(fields, name, "true or false", |text| text.parse().ok())
    }

    /// A scalar that `parse` understands.
    pub(crate) fn parsed<T>(
        &mut self,
        fields: &Fields<'_>,
        name: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let node = fields.get(name)?;
        let text = self.scalar(node, name)?;
        let value = parse(text);
        if value.is_none() {
            let mistake = Mistake::BadValue {
                field: name.to_owned(),
                found: text.to_owned(),
                expected: expected.to_owned(),
            };
            self.report(node.line, mistake);
        }
        value
    }

    fn wrong_type(&mut self, node: &Node, field: &str, expected: &'static str) {
        let field = field.to_owned();
        self.report(node.line, Mistake::WrongType { field, expected });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_yaml_is_told_with_its_line() {
        for (text, line) in [("a: 1\nb: [1, 2\n", 2), ("a: 1\na: 2\n", 2), ("a: b: c", 1)] {
            assert_eq!(read_document(text).unwrap_err().line, line, "{text}");
        }
    }

    #[test]
    fn a_file_beyond_the_limit_is_not_read() {
        let long = "a".repeat(YAML_BYTES_MAX + 1);
        let problem = read_document(&long).unwrap_err();
        assert!(
            matches!(problem.mistake, Mistake::TooLong { .. }),
            "{problem}"
        );
    }
}
