//! Reads the fields of one map: typed, with every problem noted and no unknown field overlooked.

use std::time::Duration;

use diagnosis::yaml::{Field, Node, Value};
use model::{Labels, LabelsBuilder, parse_duration};

use super::problem::{Problems, nearest};

/// One map of the file while it is read. Every field is taken once; what is left in the end is
/// unknown.
pub(crate) struct Section<'a> {
    /// What the map is, for messages: `global`, `job "api"`.
    what: String,
    line: usize,
    fields: &'a [Field],
    /// Names asked for so far: what this section knows.
    known: Vec<&'static str>,
    /// Names Prometheus knows and we do not, each with what it means for the user.
    unsupported: &'static [(&'static str, &'static str)],
}

impl<'a> Section<'a> {
    /// `None` when the node is no map; an empty one (`global:`) is a map without fields.
    pub(crate) fn open(
        node: &'a Node,
        what: impl Into<String>,
        unsupported: &'static [(&'static str, &'static str)],
        problems: &mut Problems,
    ) -> Option<Self> {
        let what = what.into();
        let fields = match &node.value {
            Value::Map(fields) => fields.as_slice(),
            Value::Null => &[],
            Value::Scalar(_) | Value::List(_) => {
                problems.error(node.line, format!("{what} must be a map of fields"));
                return None;
            }
        };
        Some(Self {
            what,
            line: node.line,
            fields,
            known: Vec::new(),
            unsupported,
        })
    }

    pub(crate) fn line(&self) -> usize {
        self.line
    }

    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    pub(crate) fn rename(&mut self, what: String) {
        self.what = what;
    }

    /// The field's value; `None` when it is absent or empty.
    pub(crate) fn take(&mut self, name: &'static str) -> Option<&'a Node> {
        self.known.push(name);
        self.fields
            .iter()
            .find(|field| field.name == name)
            .map(|field| &field.value)
            .filter(|node| node.value != Value::Null)
    }

    pub(crate) fn text(&mut self, name: &'static str, problems: &mut Problems) -> Option<String> {
        let node = self.take(name)?;
        match &node.value {
            Value::Scalar(text) => Some(text.clone()),
            Value::Null | Value::List(_) | Value::Map(_) => {
                problems.error(node.line, format!("{name} of {} must be a text", self.what));
                None
            }
        }
    }

    /// Reads a field by `read`; a refusal becomes a problem that names the field.
    pub(crate) fn parsed<T>(
        &mut self,
        name: &'static str,
        problems: &mut Problems,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self.text(name, problems)?;
        let line = self.line_of(name);
        match read(&text) {
            Ok(value) => Some(value),
            Err(reason) => {
                problems.error(line, format!("{name} of {}: {reason}", self.what));
                None
            }
        }
    }

    pub(crate) fn duration(
        &mut self,
        name: &'static str,
        problems: &mut Problems,
    ) -> Option<Duration> {
        self.parsed(name, problems, |text| {
            parse_duration(text).map_err(|error| error.to_string())
        })
    }

    pub(crate) fn flag(&mut self, name: &'static str, problems: &mut Problems) -> Option<bool> {
        self.parsed(name, problems, |text| match text {
            "true" | "True" | "yes" | "on" => Ok(true),
            "false" | "False" | "no" | "off" => Ok(false),
            _ => Err(format!("{text:?} is neither true nor false")),
        })
    }

    pub(crate) fn count(&mut self, name: &'static str, problems: &mut Problems) -> Option<u64> {
        self.parsed(name, problems, |text| {
            text.parse()
                .map_err(|_| format!("{text:?} is not a whole number of 0 or more"))
        })
    }

    /// A size such as `10MB`; units are powers of 1024, as in Prometheus.
    pub(crate) fn bytes(&mut self, name: &'static str, problems: &mut Problems) -> Option<u64> {
        self.parsed(name, problems, |text| {
            parse_bytes(text)
                .ok_or_else(|| format!("{text:?} is not a size; write for example 10MB"))
        })
    }

    /// The items of a list; a single text counts as a list of one.
    pub(crate) fn texts(
        &mut self,
        name: &'static str,
        problems: &mut Problems,
    ) -> Vec<(usize, String)> {
        let Some(node) = self.take(name) else {
            return Vec::new();
        };
        let mut texts = Vec::new();
        for item in self.items_of(node, name, problems) {
            match &item.value {
                Value::Scalar(text) => texts.push((item.line, text.clone())),
                Value::Null | Value::List(_) | Value::Map(_) => problems.error(
                    item.line,
                    format!("{name} of {} must hold texts", self.what),
                ),
            }
        }
        texts
    }

    pub(crate) fn list(&mut self, name: &'static str, problems: &mut Problems) -> &'a [Node] {
        match self.take(name) {
            Some(node) => self.items_of(node, name, problems),
            None => &[],
        }
    }

    fn items_of(&self, node: &'a Node, name: &str, problems: &mut Problems) -> &'a [Node] {
        match &node.value {
            Value::List(items) => items,
            Value::Scalar(_) => std::slice::from_ref(node),
            Value::Null | Value::Map(_) => {
                problems.error(node.line, format!("{name} of {} must be a list", self.what));
                &[]
            }
        }
    }

    pub(crate) fn labels(&mut self, name: &'static str, problems: &mut Problems) -> Labels {
        match self.take(name) {
            Some(node) => read_labels(node, &format!("{name} of {}", self.what), problems),
            None => Labels::empty(),
        }
    }

    /// The line of a field, or of the section when the field is absent.
    pub(crate) fn line_of(&self, name: &str) -> usize {
        self.fields
            .iter()
            .find(|field| field.name == name)
            .map_or(self.line, |field| field.line)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|field| field.name == name)
    }

    /// Notes every field nobody asked for.
    pub(crate) fn finish(self, problems: &mut Problems) {
        for field in self.fields {
            let name = field.name.as_str();
            if self.known.contains(&name) {
                continue;
            }
            if let Some((_, meaning)) = self
                .unsupported
                .iter()
                .find(|(unsupported, _)| *unsupported == name)
            {
                problems.ignored(field.line, format!("{name} of {}: {meaning}", self.what));
                continue;
            }
            let suggestion = match nearest(name, &self.known) {
                Some(nearest) => format!("; did you mean {nearest:?}?"),
                None => "; remove it".to_owned(),
            };
            problems.error(
                field.line,
                format!("{} has no field {name:?}{suggestion}", self.what),
            );
        }
    }
}

/// Reads a map of label names and values.
pub(crate) fn read_labels(node: &Node, what: &str, problems: &mut Problems) -> Labels {
    let mut labels = LabelsBuilder::new();
    if node.value == Value::Null {
        return labels.build();
    }
    let Some(fields) = node.fields() else {
        problems.error(node.line, format!("{what} must be a map of labels"));
        return labels.build();
    };
    for field in fields {
        match &field.value.value {
            Value::Scalar(text) => {
                labels.set(field.name.clone(), text.clone());
            }
            Value::Null => {}
            Value::List(_) | Value::Map(_) => problems.error(
                field.line,
                format!("label {:?} in {what} must be a text", field.name),
            ),
        }
    }
    labels.build()
}

fn parse_bytes(text: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 12] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("TiB", 1 << 40),
        ("KB", 1 << 10),
        ("MB", 1 << 20),
        ("GB", 1 << 30),
        ("TB", 1 << 40),
        ("PB", 1 << 50),
        ("EB", 1 << 60),
        ("B", 1),
        ("", 1),
    ];
    let (number, unit) = UNITS
        .iter()
        .find_map(|&(name, unit)| text.strip_suffix(name).map(|number| (number, unit)))?;
    number.trim().parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_as_in_prometheus() {
        for (text, expected) in [
            ("0", Some(0)),
            ("512", Some(512)),
            ("10MB", Some(10 << 20)),
            ("1GiB", Some(1 << 30)),
            ("1.5GB", None),
            ("MB", None),
            ("99999999EB", None),
        ] {
            assert_eq!(parse_bytes(text), expected, "{text}");
        }
    }
}
