//! YAML as a tree that remembers its lines, so that every problem can name its place.
//!
//! A scalar stays text: `version: 1.10` is the text `1.10`, and only who reads the field knows
//! whether it is a number.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};

use granit_parser::{Event, Options, Parser, ScalarStyle};

/// A value and the line it starts on, counted from 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub line: usize,
    pub value: Value,
}

/// What stands in a file; scalars as they were typed.
#[derive(Clone, Debug, PartialEq, Hash)]
pub enum Value {
    /// Nothing stands after the colon, or `null`, or `~`.
    Null,
    Scalar(String),
    List(Vec<Node>),
    /// In the order of the file; no key twice.
    Map(Vec<Field>),
}

/// A key of a map with its value, and the line of the key, counted from 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    pub line: usize,
    pub name: String,
    pub value: Node,
}

/// Two nodes hash alike when they say the same, wherever they stand.
impl Hash for Node {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.value.hash(state);
    }
}

impl Hash for Field {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
        self.value.hash(state);
    }
}

/// The text is no YAML.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct InvalidYaml {
    pub line: usize,
    pub reason: String,
}

/// Most values one file may hold, aliases unfolded: a few lines of nested aliases otherwise fill
/// the memory ("billion laughs"). A config of 10,000 targets has about 50,000.
pub const NODES_MAX: usize = 1_000_000;

/// Reads one document. An empty text is [`Value::Null`].
///
/// # Errors
/// The first place that is no YAML, a second document, a key that stands twice, or more than
/// `nodes_max` values.
pub fn parse(text: &str, nodes_max: usize) -> Result<Node, InvalidYaml> {
    TreeReader::new(text, nodes_max).document()
}

/// Reads all documents; after the first place that is no YAML none follows.
pub fn parse_all(text: &str, nodes_max: usize) -> (Vec<Node>, Option<InvalidYaml>) {
    let mut reader = TreeReader::new(text, nodes_max);
    let mut documents = Vec::new();
    loop {
        match reader.next_document() {
            Ok(Some(node)) => documents.push(node),
            Ok(None) => return (documents, None),
            Err(error) => return (documents, Some(error)),
        }
    }
}

impl Node {
    /// The fields of a map; `None` for anything else.
    pub fn fields(&self) -> Option<&[Field]> {
        match &self.value {
            Value::Map(fields) => Some(fields),
            Value::Null | Value::Scalar(_) | Value::List(_) => None,
        }
    }

    fn count(&self) -> usize {
        1 + match &self.value {
            Value::Null | Value::Scalar(_) => 0,
            Value::List(items) => items.iter().map(Self::count).sum(),
            Value::Map(fields) => fields.iter().map(|field| field.value.count()).sum(),
        }
    }
}

struct TreeReader<'a> {
    events: Parser<'a, granit_parser::StrInput<'a>>,
    anchors: HashMap<usize, Node>,
    nodes_left: usize,
    line: usize,
}

impl<'a> TreeReader<'a> {
    fn new(text: &'a str, nodes_max: usize) -> Self {
        let mut options = Options::default();
        options.set_emit_comments(false);
        Self {
            events: Parser::new_from_str_with_options(text, options),
            anchors: HashMap::new(),
            nodes_left: nodes_max,
            line: 1,
        }
    }

    /// `None` at the end; an empty document is [`Value::Null`].
    fn next_document(&mut self) -> Result<Option<Node>, InvalidYaml> {
        loop {
            match self.next()? {
                Event::StreamEnd => return Ok(None),
                Event::DocumentStart(..) => {
                    // An anchor does not outlive its document.
                    self.anchors.clear();
                }
                Event::StreamStart | Event::DocumentEnd => {}
                event => return self.node(event).map(Some),
            }
        }
    }

    fn document(&mut self) -> Result<Node, InvalidYaml> {
        loop {
            match self.next()? {
                Event::StreamStart | Event::DocumentStart(..) => {}
                Event::StreamEnd | Event::DocumentEnd => {
                    return Ok(Node {
                        line: 1,
                        value: Value::Null,
                    });
                }
                event => {
                    let node = self.node(event)?;
                    self.nothing_else()?;
                    return Ok(node);
                }
            }
        }
    }

    /// A second document would silently not be read; say so instead.
    fn nothing_else(&mut self) -> Result<(), InvalidYaml> {
        loop {
            match self.next()? {
                Event::DocumentEnd => {}
                Event::StreamEnd => return Ok(()),
                _ => return Err(self.invalid("a second document begins; only one is read")),
            }
        }
    }

    fn next(&mut self) -> Result<Event<'a>, InvalidYaml> {
        match self.events.next_event() {
            Some(Ok((event, span))) => {
                self.line = span.start.line();
                Ok(event)
            }
            Some(Err(error)) => Err(InvalidYaml {
                line: error.marker().line(),
                reason: error.info(),
            }),
            None => Ok(Event::StreamEnd),
        }
    }

    fn invalid(&self, reason: impl Into<String>) -> InvalidYaml {
        InvalidYaml {
            line: self.line,
            reason: reason.into(),
        }
    }

    fn charge(&mut self, nodes: usize) -> Result<(), InvalidYaml> {
        self.nodes_left = self
            .nodes_left
            .checked_sub(nodes)
            .ok_or_else(|| self.invalid("the file holds too many values; split it"))?;
        Ok(())
    }

    /// The parser limits nesting, so this recursion is bounded.
    fn node(&mut self, event: Event<'a>) -> Result<Node, InvalidYaml> {
        self.charge(1)?;
        let line = self.line;
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, _) => (scalar(text, style), anchor),
            Event::SequenceStart(_, anchor, _) => (Value::List(self.list()?), anchor),
            Event::MappingStart(_, anchor, _) => (Value::Map(self.map()?), anchor),
            Event::Alias(id) => {
                let node = self
                    .anchors
                    .get(&id)
                    .cloned()
                    .ok_or_else(|| self.invalid("an alias refers to itself"))?;
                self.charge(node.count())?;
                return Ok(node);
            }
            _ => return Err(self.invalid("a value is missing")),
        };
        let node = Node { line, value };
        if anchor != 0 {
            self.charge(node.count())?;
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn list(&mut self) -> Result<Vec<Node>, InvalidYaml> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                Event::SequenceEnd => return Ok(items),
                event => items.push(self.node(event)?),
            }
        }
    }

    fn map(&mut self) -> Result<Vec<Field>, InvalidYaml> {
        let mut fields: Vec<Field> = Vec::new();
        let mut lines: HashMap<String, usize> = HashMap::new();
        let mut merged = Vec::new();
        loop {
            let event = self.next()?;
            if event == Event::MappingEnd {
                break;
            }
            let key = self.node(event)?;
            let Value::Scalar(name) = key.value else {
                return Err(InvalidYaml {
                    line: key.line,
                    reason: "a key must be a text".to_owned(),
                });
            };
            let event = self.next()?;
            let value = self.node(event)?;
            if name == "<<" {
                merged.push(value);
                continue;
            }
            if let Some(first) = lines.insert(name.clone(), key.line) {
                return Err(InvalidYaml {
                    line: key.line,
                    reason: format!("{name:?} stands twice; first on line {first}"),
                });
            }
            fields.push(Field {
                line: key.line,
                name,
                value,
            });
        }
        // A merge key adds what is not there yet, wherever it stands.
        for node in merged {
            let Value::Map(more) = node.value else {
                return Err(InvalidYaml {
                    line: node.line,
                    reason: "<< must refer to a map".to_owned(),
                });
            };
            for field in more {
                if !lines.contains_key(&field.name) {
                    lines.insert(field.name.clone(), field.line);
                    fields.push(field);
                }
            }
        }
        Ok(fields)
    }
}

fn scalar(text: Cow<'_, str>, style: ScalarStyle) -> Value {
    if style == ScalarStyle::Plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL") {
        return Value::Null;
    }
    Value::Scalar(text.into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: &str) {
        let shown = match parse(text, 100) {
            Ok(node) => show(&node),
            Err(error) => format!("error: {error}"),
        };
        assert_eq!(shown, expected, "{text}");
    }

    fn show(node: &Node) -> String {
        let value = match &node.value {
            Value::Null => "null".to_owned(),
            Value::Scalar(text) => format!("{text:?}"),
            Value::List(items) => {
                format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(" "))
            }
            Value::Map(fields) => {
                let shown: Vec<_> = fields
                    .iter()
                    .map(|field| format!("{}:{}", field.name, show(&field.value)))
                    .collect();
                format!("{{{}}}", shown.join(" "))
            }
        };
        format!("{}@{value}", node.line)
    }

    #[test]
    fn values_keep_their_line_and_their_spelling() {
        check(
            "a: 1.10\nb:\n  - yes\n  - 'x'\n",
            "1@{a:1@\"1.10\" b:3@[3@\"yes\" 4@\"x\"]}",
        );
        check("", "1@null");
        check("a:\n", "1@{a:1@null}");
    }

    #[test]
    fn a_number_is_the_text_that_was_typed() {
        check("0x10", "1@\"0x10\"");
        check("1e3 # why", "1@\"1e3\"");
        check("{b: 007, c: -1.50}", "1@{b:1@\"007\" c:1@\"-1.50\"}");
        check("\"a b\": 'it''s'", "1@{a b:1@\"it's\"}");
    }

    #[test]
    fn a_block_stands_where_its_text_begins() {
        check("a: |\n  one\n  two\n", "1@{a:2@\"one\\ntwo\\n\"}");
    }

    #[test]
    fn an_alias_names_the_line_where_its_value_is_to_be_mended() {
        check("x: &v 1.50\ny: *v\n", "1@{x:1@\"1.50\" y:1@\"1.50\"}");
    }

    #[test]
    fn aliases_and_merge_keys_are_unfolded() {
        check(
            "a: &x {k: 1, m: 2}\nb:\n  <<: *x\n  k: 3\n",
            "1@{a:1@{k:1@\"1\" m:1@\"2\"} b:3@{k:4@\"3\" m:1@\"2\"}}",
        );
    }

    #[test]
    fn what_is_no_single_clear_document_is_refused_with_its_line() {
        check(
            "a: 1\na: 2\n",
            "error: line 2: \"a\" stands twice; first on line 1",
        );
        check(
            "a: 1\n---\nb: 1\n",
            "error: line 2: a second document begins; only one is read",
        );
        assert!(parse("a: [1\nb: 2", 100).is_err());
    }

    #[test]
    fn nested_aliases_cannot_fill_the_memory() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let inner = vec![format!("*a{}", level - 1); 10].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{inner}]\n"));
        }
        let error = parse(&text, NODES_MAX).unwrap_err();
        assert!(error.reason.contains("too many values"), "{error}");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[-a:&*<\\[\\]{}\"'|>#! \n\t]{0,60}") {
            drop(parse(&text, 1000));
        }
    }
}
