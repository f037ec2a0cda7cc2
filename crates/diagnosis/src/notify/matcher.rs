//! Matchers as a person writes them: Alertmanager's UTF-8 syntax, and its classic one.
//!
//! `alertname="Down", team=~"a|b"`, with or without braces. The two syntaxes agree on nearly
//! every text. Where only one of them can read a text it is taken; where they disagree the
//! classic one wins, as in Alertmanager, so that a file keeps its meaning.

use model::{Labels, MatchOp, Matcher};

/// Matchers of one route, silence or filter. More are a program's mistake.
pub const MATCHERS_MAX: usize = 128;

/// Why a text holds no matchers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason} in {text:?}; write for example alertname=\"Down\", team=~\"web|db\"")]
pub struct InvalidMatchers {
    text: String,
    reason: String,
}

/// True when the labels pass every matcher.
pub fn matches_all(matchers: &[Matcher], labels: &Labels) -> bool {
    matchers
        .iter()
        .all(|matcher| matcher.matches_labels(labels))
}

/// `{a="b",c=~"d"}`, as Alertmanager writes matchers, sorted by name.
pub fn show_matchers(matchers: &[Matcher]) -> String {
    let mut sorted: Vec<&Matcher> = matchers.iter().collect();
    sorted.sort_by_key(|matcher| (matcher.name(), matcher.value()));
    let shown: Vec<String> = sorted.iter().map(|matcher| show(matcher)).collect();
    format!("{{{}}}", shown.join(","))
}

fn show(matcher: &Matcher) -> String {
    let name = matcher.name();
    let quoted = |text: &str| format!("\"{}\"", escaped(text));
    let name = if is_classic_name(name) {
        name.to_owned()
    } else {
        quoted(name)
    };
    format!(
        "{name}{}{}",
        operator(matcher.op()),
        quoted(matcher.value())
    )
}

/// The operator as it is written.
fn operator(op: MatchOp) -> &'static str {
    match op {
        MatchOp::Equal => "=",
        MatchOp::NotEqual => "!=",
        MatchOp::Matches => "=~",
        MatchOp::NotMatches => "!~",
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
    out
}

/// A condition before its regex is compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Raw {
    name: String,
    op: MatchOp,
    value: String,
}

/// Reads a list of matchers. An empty list (`{}`) is none.
pub fn parse_matchers(text: &str) -> Result<Vec<Matcher>, InvalidMatchers> {
    let invalid = |reason: String| InvalidMatchers {
        text: text.chars().take(200).collect(),
        reason,
    };
    let raws = match (parse_utf8(text), parse_classic(text)) {
        (_, Ok(classic)) => classic,
        (Ok(utf8), Err(_)) => utf8,
        // The UTF-8 reader knows the place.
        (Err(reason), Err(_)) => return Err(invalid(reason)),
    };
    if raws.len() > MATCHERS_MAX {
        return Err(invalid(format!("more than {MATCHERS_MAX} matchers")));
    }
    let compile = |raw: Raw| Matcher::new(raw.op, raw.name, raw.value);
    raws.into_iter()
        .map(compile)
        .collect::<Result<_, _>>()
        .map_err(|error| {
            let cause = std::error::Error::source(&error).map_or(String::new(), first_line);
            invalid(format!("{error}{cause}"))
        })
}

/// The regex crate draws its errors over several lines; the last one says what is wrong.
fn first_line(error: &(dyn std::error::Error + 'static)) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    format!(" ({})", last.trim_start_matches("error: "))
}

/// What stands before and after the list: braces, both or none.
fn without_braces(text: &str) -> Result<&str, String> {
    let text = text.trim();
    match (text.strip_prefix('{'), text.ends_with('}')) {
        (Some(rest), true) => Ok(&rest[..rest.len() - 1]),
        (None, false) => Ok(text),
        (Some(_), false) => Err("a closing brace is missing".to_owned()),
        (None, true) => Err("an opening brace is missing".to_owned()),
    }
}

/// Classic: split at commas outside quotes, then name, operator and whatever follows.
fn parse_classic(text: &str) -> Result<Vec<Raw>, String> {
    let inner = text.trim();
    let inner = inner.strip_prefix('{').unwrap_or(inner);
    let inner = inner.strip_suffix('}').unwrap_or(inner);
    let mut raws = Vec::new();
    for part in split_outside_quotes(inner)? {
        if part.trim().is_empty() {
            continue; // A comma at the end.
        }
        raws.push(parse_classic_one(part)?);
    }
    if raws.is_empty() {
        // A brace alone is a slip, not a list of nothing, which would match everything.
        without_braces(text)?;
    }
    Ok(raws)
}

fn split_outside_quotes(text: &str) -> Result<Vec<&str>, String> {
    let mut parts = Vec::new();
    let (mut start, mut quoted, mut escape) = (0, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escape => escape = false,
            '\\' => escape = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    if quoted {
        return Err("a quote is not closed".to_owned());
    }
    parts.push(&text[start..]);
    Ok(parts)
}

fn parse_classic_one(text: &str) -> Result<Raw, String> {
    let text = text.trim();
    let end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'))
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if !is_classic_name(name) {
        return Err("a label name is missing".to_owned());
    }
    let (op, rest) = take_operator(rest.trim_start()).ok_or("an operator is missing")?;
    let value = rest.trim();
    let value = match value.strip_prefix('"') {
        None if value.ends_with('"') => return Err("a quote is not opened".to_owned()),
        None => value,
        Some(rest) => rest
            .strip_suffix('"')
            .filter(|rest| !ends_in_escape(rest))
            .ok_or("a quote is not closed")?,
    };
    Ok(Raw {
        name: name.to_owned(),
        op,
        value: unescape_classic(value)?,
    })
}

/// An odd number of backslashes at the end takes the quote for itself.
fn ends_in_escape(text: &str) -> bool {
    text.bytes().rev().take_while(|&byte| byte == b'\\').count() % 2 == 1
}

/// Only `\n`, `\"` and `\\` are escapes; any other backslash is itself.
fn unescape_classic(text: &str) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => return Err("a quote inside the value needs a backslash".to_owned()),
            '\\' => match chars.next() {
                Some('n') => out.push('\n'),
                Some(c @ ('"' | '\\')) => out.push(c),
                Some(c) => out.extend(['\\', c]),
                None => out.push('\\'),
            },
            c => out.push(c),
        }
    }
    Ok(out)
}

/// UTF-8: names and values quoted or not; what is not quoted holds no space and none of
/// `{}!=~,\"'` and the backtick.
fn parse_utf8(text: &str) -> Result<Vec<Raw>, String> {
    let mut rest = without_braces(text)?.trim();
    let mut raws = Vec::new();
    while !rest.is_empty() {
        let (name, after) = take_word(rest)?;
        if name.is_empty() {
            return Err("a label name is empty".to_owned());
        }
        let (op, after) = take_operator(after.trim_start()).ok_or("an operator is missing")?;
        let (value, after) = take_word(after.trim_start())?;
        raws.push(Raw { name, op, value });
        let after = after.trim_start();
        rest = match after.strip_prefix(',') {
            Some(next) => next.trim_start(),
            None if after.is_empty() => after,
            None => return Err("a comma is missing between two matchers".to_owned()),
        };
    }
    Ok(raws)
}

fn take_operator(text: &str) -> Option<(MatchOp, &str)> {
    // The longer ones first: `=~` begins as `=` does.
    [
        ("=~", MatchOp::Matches),
        ("!~", MatchOp::NotMatches),
        ("!=", MatchOp::NotEqual),
        ("=", MatchOp::Equal),
    ]
    .into_iter()
    .find_map(|(sign, op)| text.strip_prefix(sign).map(|rest| (op, rest)))
}

fn take_word(text: &str) -> Result<(String, &str), String> {
    if let Some(rest) = text.strip_prefix('"') {
        return take_quoted(rest);
    }
    let reserved = |c: char| c.is_whitespace() || "{}!=~,\\\"'`".contains(c);
    let end = text.find(reserved).unwrap_or(text.len());
    if end == 0 {
        return Err(match text.chars().next() {
            Some(c) => format!("{c:?} stands where a name or a value should"),
            None => "it ends where a name or a value should stand".to_owned(),
        });
    }
    Ok((text[..end].to_owned(), &text[end..]))
}

/// Go's double-quoted string, after its first quote.
fn take_quoted(text: &str) -> Result<(String, &str), String> {
    let mut out = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((out, &text[at + 1..])),
            '\n' => return Err("a line ends inside quotes".to_owned()),
            '\\' => {
                let (_, kind) = chars.next().ok_or("a quote is not closed")?;
                out.push(match kind {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    'a' => '\x07',
                    'b' => '\x08',
                    'f' => '\x0c',
                    'v' => '\x0b',
                    '"' | '\\' => kind,
                    'x' | 'u' | 'U' => {
                        let digits = match kind {
                            'x' => 2,
                            'u' => 4,
                            _ => 8,
                        };
                        let hex: String = chars.by_ref().take(digits).map(|(_, c)| c).collect();
                        let code = u32::from_str_radix(&hex, 16).ok();
                        code.filter(|_| hex.len() == digits)
                            // Bytes above 7f would be parts of a character.
                            .filter(|&code| kind != 'x' || code < 0x80)
                            .and_then(char::from_u32)
                            .ok_or_else(|| format!("\\{kind}{hex} is no character"))?
                    }
                    other => return Err(format!("\\{other} is no escape")),
                });
            }
            c => out.push(c),
        }
    }
    Err("a quote is not closed".to_owned())
}

fn is_classic_name(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    name.starts_with(|c: char| legal(c) && !c.is_ascii_digit()) && name.chars().all(legal)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: &str) {
        let shown = match parse_matchers(text) {
            Ok(matchers) => show_matchers(&matchers),
            Err(error) => format!("error: {}", error.reason),
        };
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn both_syntaxes_are_read() {
        check("a=b", r#"{a="b"}"#);
        check(r#"{a="b", c!="d",}"#, r#"{a="b",c!="d"}"#);
        check(r#"c=~"x|y", a!~z"#, r#"{a!~"z",c=~"x|y"}"#);
        check("{}", "{}");
        check("", "{}");
        check(r#"a="""#, r#"{a=""}"#);
        check("a = b ", r#"{a="b"}"#);
        check("Fuß=ä", r#"{"Fuß"="ä"}"#);
        check(r#""my label"="x y""#, r#"{"my label"="x y"}"#);
        check(r#""a"="\u00e4\t""#, "{a=\"ä\t\"}");
    }

    #[test]
    fn what_only_the_classic_syntax_knows_is_read_too() {
        check("a=b c", r#"{a="b c"}"#);
        check("a=~x{2}|y", r#"{a=~"x{2}|y"}"#);
        check(r#"a="\d\n\"""#, r#"{a="\\d\n\""}"#);
        check("a=b=c", r#"{a="b=c"}"#);
        check("a=", r#"{a=""}"#);
    }

    #[test]
    fn what_is_no_matcher_says_why() {
        check("a", "error: an operator is missing");
        check("{", "error: a closing brace is missing");
        check("}", "error: an opening brace is missing");
        check("=b", "error: '=' stands where a name or a value should");
        check(r#"a="b"#, "error: a quote is not closed");
        check("{a=b,ü", "error: a closing brace is missing");
        check("ü=b}", "error: an opening brace is missing");
        check(r#""ü"="\xff""#, "error: \\xff is no character");
        check(
            r#""ü"=b c"#,
            "error: a comma is missing between two matchers",
        );
        check(r#"""=b"#, "error: a label name is empty");
        assert!(parse_matchers("a=~\"(\"").is_err());
        let many = vec!["a=b"; MATCHERS_MAX + 1].join(",");
        check(&many, "error: more than 128 matchers");
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(
            name in "[a-z_ä \"=]{1,6}", value in "[a-z \"\\\\\n,{}=ä]{0,12}", equal in any::<bool>()
        ) {
            let op = if equal { MatchOp::Equal } else { MatchOp::NotEqual };
            let matcher = Matcher::new(op, name, value).unwrap();
            let shown = show_matchers(std::slice::from_ref(&matcher));
            prop_assert_eq!(parse_matchers(&shown).unwrap(), vec![matcher], "{}", shown);
        }

        #[test]
        fn no_text_makes_it_panic(text in "[a-z{}=~!,\"\\\\ xuU0-9ä'`\n]{0,40}") {
            drop(parse_matchers(&text));
        }
    }
}
