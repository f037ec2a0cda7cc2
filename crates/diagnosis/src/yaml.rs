//! YAML as a tree that remembers its lines, so that every problem of a file is told at once.
//!
//! A typed `Deserialize` stops at the first mistake and loses the lines of what it has read. Rule
//! files and packs are written by hand: their authors want all mistakes, each with its line, and
//! text as it was typed (`version: 1.10` is not the number 1.1).

use std::fmt;
use std::time::Duration;

use model::InvalidDuration;
use serde::Deserialize;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

/// Bytes of one file that are read: the widest public rule collection is below 1 MB.
pub const YAML_BYTES_MAX: usize = 4 << 20;

/// One value with the line (from 1) where it begins.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) line: u64,
    pub(crate) value: Value,
}

/// What stands in a YAML file; scalars as they are typed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Scalar(String),
    Seq(Vec<Node>),
    /// In the order of the file. No key stands twice: the parser refuses that.
    Map(Vec<(Key, Node)>),
}

/// The name of a field with its line.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Key {
    pub(crate) line: u64,
    pub(crate) name: String,
}

/// Something wrong in a hand-written file, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {mistake}")]
pub struct Problem {
    pub line: u64,
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
}

impl Node {
    /// Reads one document. An empty file is [`Value::Null`].
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        if text.len() > YAML_BYTES_MAX {
            return Err(Problem {
                line: 1,
                mistake: Mistake::TooLong { bytes: text.len() },
            });
        }
        let options = serde_saphyr::options! { with_snippet: false };
        let tree: Spanned<Typed> =
            serde_saphyr::from_str_with_options(text, options).map_err(|error| Problem {
                line: error.location().map_or(1, |location| location.line()),
                mistake: Mistake::Yaml {
                    message: error.without_snippet().to_string(),
                },
            })?;
        Ok(node_of(tree, text))
    }

    fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Scalar(_) => "a value",
            Value::Seq(_) => "a list",
            Value::Map(_) => "a set of fields",
        }
    }
}

/// What the YAML parser makes of a node; only an intermediate step to [`Node`].
enum Typed {
    Null,
    Text(String),
    /// A number or a truth value: what it was typed as stands in the source.
    Plain(String),
    Seq(Vec<Spanned<Self>>),
    Map(Vec<(Spanned<Self>, Spanned<Self>)>),
}

fn node_of(tree: Spanned<Typed>, source: &str) -> Node {
    let span = tree.defined.span();
    let typed_text = |parsed: String| {
        let range = span.byte_offset().zip(span.byte_len());
        let range = range.and_then(|(start, len)| {
            let start = usize::try_from(start).ok()?;
            Some(start..start.checked_add(usize::try_from(len).ok()?)?)
        });
        let typed = range.and_then(|range| source.get(range)).map(str::trim);
        typed
            .filter(|typed| !typed.is_empty())
            .map_or(parsed, str::to_owned)
    };
    let value = match tree.value {
        Typed::Null => Value::Null,
        Typed::Text(text) => Value::Scalar(text),
        Typed::Plain(parsed) => Value::Scalar(typed_text(parsed)),
        Typed::Seq(items) => Value::Seq(
            items
                .into_iter()
                .map(|item| node_of(item, source))
                .collect(),
        ),
        Typed::Map(fields) => Value::Map(
            fields
                .into_iter()
                .map(|(key, value)| {
                    let key = node_of(key, source);
                    let name = match key.value {
                        Value::Scalar(name) => name,
                        Value::Null | Value::Seq(_) | Value::Map(_) => String::new(),
                    };
                    (
                        Key {
                            line: key.line,
                            name,
                        },
                        node_of(value, source),
                    )
                })
                .collect(),
        ),
    };
    Node {
        line: tree.referenced.line(),
        value,
    }
}

impl<'de> Deserialize<'de> for Typed {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TypedVisitor;

        impl<'de> Visitor<'de> for TypedVisitor {
            type Value = Typed;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a YAML value")
            }

            fn visit_bool<E>(self, value: bool) -> Result<Typed, E> {
                Ok(Typed::Plain(value.to_string()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Typed, E> {
                Ok(Typed::Plain(value.to_string()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Typed, E> {
                Ok(Typed::Plain(value.to_string()))
            }

            fn visit_i128<E>(self, value: i128) -> Result<Typed, E> {
                Ok(Typed::Plain(value.to_string()))
            }

            fn visit_u128<E>(self, value: u128) -> Result<Typed, E> {
                Ok(Typed::Plain(value.to_string()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Typed, E> {
                Ok(Typed::Plain(value.to_string()))
            }

            fn visit_str<E>(self, value: &str) -> Result<Typed, E> {
                Ok(Typed::Text(value.to_owned()))
            }

            fn visit_unit<E>(self) -> Result<Typed, E> {
                Ok(Typed::Null)
            }

            fn visit_none<E>(self) -> Result<Typed, E> {
                Ok(Typed::Null)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Typed, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Typed::Seq(items))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Typed, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Typed::Map(fields))
            }
        }

        deserializer.deserialize_any(TypedVisitor)
    }
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
    pub(crate) line: u64,
    context: &'static str,
    fields: &'a [(Key, Node)],
}

impl<'a> Fields<'a> {
    /// The field's value; a field without a value counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&'a Node> {
        self.fields
            .iter()
            .find(|(key, _)| key.name == name)
            .map(|(_, node)| node)
            .filter(|node| node.value != Value::Null)
    }
}

impl Reader {
    pub(crate) fn report(&mut self, line: u64, mistake: Mistake) {
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
        for (key, _) in fields {
            if !known.contains(&key.name.as_str()) {
                let mistake = Mistake::UnknownField {
                    context,
                    field: key.name.clone(),
                    known: known.join(", "),
                };
                self.report(key.line, mistake);
            }
        }
        Some(Fields {
            line: node.line,
            context,
            fields,
        })
    }

    /// A map whose names are free, such as labels.
    pub(crate) fn entries<'a>(&mut self, fields: &Fields<'a>, name: &str) -> &'a [(Key, Node)] {
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
                value: Value::Seq(items),
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
            Value::Null | Value::Seq(_) | Value::Map(_) => {
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
        debug_assert_ne!(node.kind(), expected);
        let field = field.to_owned();
        self.report(node.line, Mistake::WrongType { field, expected });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, path: &[&str], expected: &str) {
        let mut node = &Node::parse(text).unwrap();
        for step in path {
            node = match &node.value {
                Value::Map(fields) => &fields.iter().find(|(key, _)| key.name == *step).unwrap().1,
                Value::Seq(items) => &items[step.parse::<usize>().unwrap()],
                Value::Null | Value::Scalar(_) => panic!("no {step} in {node:?}"),
            };
        }
        let Value::Scalar(found) = &node.value else {
            panic!("{node:?} is no scalar")
        };
        assert_eq!(format!("{found}@{}", node.line), expected);
    }

    #[test]
    fn scalars_keep_their_typed_form_and_their_line() {
        check("a: 1\nb:\n  - x\n  - 0.10\n", &["b", "1"], "0.10@4");
        check("a: true", &["a"], "true@1");
        check("a: 0x10", &["a"], "0x10@1");
        check("a: 1e3 # why", &["a"], "1e3@1");
        check("a: {b: 007, c: -1.50}", &["a", "c"], "-1.50@1");
        check("a: |\n  one\n  two\n", &["a"], "one\ntwo\n@2");
        check("x: &v 1.50\ny:\n  z: *v\n", &["y", "z"], "1.50@3");
        check("\"a b\": 'it''s'", &["a b"], "it's@1");
    }

    #[test]
    fn what_is_no_yaml_is_told_with_its_line() {
        for (text, line) in [("a: 1\nb: [1, 2\n", 2), ("a: 1\na: 2\n", 2), ("a: b: c", 1)] {
            assert_eq!(Node::parse(text).unwrap_err().line, line, "{text}");
        }
        let long = "a".repeat(YAML_BYTES_MAX + 1);
        assert!(matches!(
            Node::parse(&long).unwrap_err().mistake,
            Mistake::TooLong { .. }
        ));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "[ -~\n\t&*!|>{}\\[\\]:,#é-]{0,80}") {
            let _parsed = Node::parse(&text);
        }
    }
}
