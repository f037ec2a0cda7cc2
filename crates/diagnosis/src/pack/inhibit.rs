//! Which alerts keep others quiet: `inhibit.yml`, in Alertmanager's own words.

use model::{MatchOp, Matcher};

use crate::notify::Inhibition;
use crate::reader::{Mistake, Problem, Reader, read_document};
use crate::yaml::Node;

/// Reads a file with Alertmanager's `inhibit_rules`.
///
/// # Errors
/// All problems, in the order of the file.
pub fn parse_inhibit_file(text: &str) -> Result<Vec<Inhibition>, Vec<Problem>> {
    let root = read_document(text).map_err(|problem| vec![problem])?;
    let mut reader = Reader::default();
    let fields = reader.fields(&root, "an inhibit file", &["inhibit_rules"]);
    let nodes = fields.map_or(&[] as &[Node], |f| reader.list(&f, "inhibit_rules"));
    let mut inhibitions = Vec::with_capacity(nodes.len());
    for node in nodes {
        let known = ["source_matchers", "target_matchers", "equal"];
        let Some(fields) = reader.fields(node, "an inhibit rule", &known) else {
            continue;
        };
        let mut matchers = |name: &'static str| {
            let Some(list) = reader.required(&fields, name) else {
                return Vec::new();
            };
            let texts = reader.texts(&fields, name);
            let mut matchers = Vec::with_capacity(texts.len());
            for text in texts {
                match read_matcher(&text) {
                    Some(matcher) => matchers.push(matcher),
                    None => {
                        let mistake = Mistake::BadValue {
                            field: name.to_owned(),
                            found: text,
                            expected: "a matcher such as alertname=\"X\" or severity=~\"a|b\""
                                .to_owned(),
                        };
                        reader.report(list.line, mistake);
                    }
                }
            }
            matchers
        };
        let (source, target) = (matchers("source_matchers"), matchers("target_matchers"));
        inhibitions.push(Inhibition {
            source,
            target,
            equal: reader.texts(&fields, "equal"),
        });
    }
    if reader.problems.is_empty() {
        return Ok(inhibitions);
    }
    reader.problems.sort_by_key(|problem| problem.line);
    Err(reader.problems)
}

/// `name op value`, the value with quotes or without.
fn read_matcher(text: &str) -> Option<Matcher> {
    let start = text.find(['=', '!'])?;
    let (name, rest) = (text[..start].trim(), &text[start..]);
    let ops = [
        ("=~", MatchOp::Matches),
        ("!~", MatchOp::NotMatches),
        ("!=", MatchOp::NotEqual),
        ("=", MatchOp::Equal),
    ];
    let (op, value) = ops
        .into_iter()
        .find_map(|(sign, op)| Some((op, rest.strip_prefix(sign)?.trim())))?;
    let value = match value.strip_prefix('"') {
        Some(quoted) => quoted.strip_suffix('"')?,
        None => value,
    };
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_name = !name.is_empty() && name.chars().all(legal);
    is_name.then(|| Matcher::new(op, name, value).ok())?
}
