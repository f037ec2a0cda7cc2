//! Text to parts: literal text, pipelines, conditions.

use super::TemplateError;

/// Parentheses and conditions inside each other; deeper text is no annotation.
const DEPTH_MAX: usize = 32;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Part {
    Text(String),
    Show(Pipeline),
    /// The first branch whose pipeline is true; `None` stands for `else`.
    If(Vec<(Option<Pipeline>, Vec<Self>)>),
}

/// Commands from left to right; each one's result is the last argument of the next.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pipeline(pub(super) Vec<Command>);

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Command {
    Value(Operand),
    Call {
        function: String,
        arguments: Vec<Operand>,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operand {
    Text(String),
    Number(f64),
    Bool(bool),
    /// `$name.a.b`; `.a.b` and `$.a.b` have the name `""`.
    Path {
        variable: String,
        fields: Vec<String>,
    },
    Group {
        pipeline: Pipeline,
        fields: Vec<String>,
    },
}

/// Words of text/template that are no functions; they come when somebody needs them.
const LATER: [&str; 8] = [
    "range", "with", "define", "template", "block", "break", "continue", "nil",
];

/// Functions of Prometheus that read the store or need data this crate does not hand over.
pub(super) const FUNCTIONS_LATER: [&str; 17] = [
    "query",
    "first",
    "label",
    "value",
    "strvalue",
    "args",
    "sortByLabel",
    "tmpl",
    "match",
    "reReplaceAll",
    "tableLink",
    "graphLink",
    "externalURL",
    "pathPrefix",
    "safeHtml",
    "toTime",
    "parseDuration",
];

pub(super) fn parse(text: &str) -> Result<Vec<Part>, TemplateError> {
    let mut frames = vec![Frame::default()];
    let mut at = 0;
    while let Some(offset) = text[at..].find("{{") {
        let mut literal = &text[at..at + offset];
        let open = at + offset;
        let mut start = open + 2;
        if trims_left(&text[start..]) {
            literal = literal.trim_end();
            start += 1;
        }
        let end = find_close(text, start)?;
        let mut action = &text[start..end];
        at = end + 2;
        push_text(&mut frames, literal);
        if action.ends_with('-') && action[..action.len() - 1].ends_with(char::is_whitespace) {
            action = &action[..action.len() - 1];
            at += text[at..].len() - text[at..].trim_start().len();
        }
        take_action(&mut frames, action, start)?;
    }
    push_text(&mut frames, &text[at..]);
    match (frames.pop(), frames.is_empty()) {
        (Some(frame), true) => Ok(frame.parts),
        _ => Err(syntax("an if without end", text.len())),
    }
}

/// One level of conditions: the parts of the branch that is being read.
#[derive(Default)]
struct Frame {
    parts: Vec<Part>,
    /// The condition of the branch in `parts`; `None` for `else`.
    condition: Option<Pipeline>,
    branches: Vec<(Option<Pipeline>, Vec<Part>)>,
    saw_else: bool,
}

fn syntax(what: &str, at: usize) -> TemplateError {
    TemplateError::Syntax {
        what: what.to_owned(),
        at,
    }
}

fn trims_left(action: &str) -> bool {
    action.starts_with('-') && action[1..].starts_with(char::is_whitespace)
}

fn push_text(frames: &mut [Frame], text: &str) {
    if let (Some(frame), false) = (frames.last_mut(), text.is_empty()) {
        frame.parts.push(Part::Text(text.to_owned()));
    }
}

/// The place of the `}}` that ends an action; those inside quotes do not count.
fn find_close(text: &str, start: usize) -> Result<usize, TemplateError> {
    if text[start..].trim_start().starts_with("/*") {
        let end = text[start..].find("*/").map(|offset| start + offset + 2);
        let end = end.ok_or_else(|| syntax("unclosed comment", start))?;
        let close = text[end..].find("}}").map(|offset| end + offset);
        return close.ok_or_else(|| syntax("unclosed comment", start));
    }
    let mut quote = None;
    let mut escaped = false;
    for (offset, c) in text[start..].char_indices() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some('"') if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == '"' || c == '`' => quote = Some(c),
            None if text[start + offset..].starts_with("}}") => return Ok(start + offset),
            None => {}
        }
    }
    Err(syntax("unclosed action", start))
}

fn take_action(frames: &mut Vec<Frame>, action: &str, at: usize) -> Result<(), TemplateError> {
    if action.trim_start().starts_with("/*") {
        return Ok(());
    }
    let tokens = tokens(action, at)?;
    let word = match tokens.first() {
        Some((Token::Word(word), _)) => word.as_str(),
        Some(_) => "",
        None => return Err(syntax("missing value for command", at)),
    };
    match word {
        "if" => {
            if frames.len() > DEPTH_MAX {
                return Err(syntax("too many conditions inside each other", at));
            }
            frames.push(Frame {
                condition: Some(pipeline(&tokens[1..], at)?),
                ..Frame::default()
            });
        }
        "else" => {
            let frame = innermost_if(frames, at)?;
            if frame.saw_else {
                return Err(syntax("else after else", at));
            }
            let parts = std::mem::take(&mut frame.parts);
            frame.branches.push((frame.condition.take(), parts));
            match tokens.get(1) {
                None => frame.saw_else = true,
                Some((Token::Word(word), _)) if word == "if" => {
                    frame.condition = Some(pipeline(&tokens[2..], at)?);
                }
                Some((_, at)) => return Err(syntax("unexpected word after else", *at)),
            }
        }
        "end" => {
            let frame = innermost_if(frames, at)?;
            let parts = std::mem::take(&mut frame.parts);
            let mut branches = std::mem::take(&mut frame.branches);
            branches.push((frame.condition.take(), parts));
            frames.pop();
            if let Some(outer) = frames.last_mut() {
                outer.parts.push(Part::If(branches));
            }
        }
        word if LATER.contains(&word) => {
            return Err(TemplateError::Unsupported {
                name: word.to_owned(),
            });
        }
        _ => {
            let shown = Part::Show(pipeline(&tokens, at)?);
            if let Some(frame) = frames.last_mut() {
                frame.parts.push(shown);
            }
        }
    }
    Ok(())
}

fn innermost_if(frames: &mut [Frame], at: usize) -> Result<&mut Frame, TemplateError> {
    match frames {
        [_, .., frame] => Ok(frame),
        _ => Err(syntax("else or end without if", at)),
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Number(f64),
    /// `$name.a`, `.a`, or `.a` directly after a parenthesis.
    Path(String),
    Open,
    Close {
        fields: String,
    },
    Pipe,
}

fn tokens(action: &str, offset: usize) -> Result<Vec<(Token, usize)>, TemplateError> {
    let mut tokens = Vec::new();
    let mut rest = action;
    loop {
        rest = rest.trim_start();
        let at = offset + action.len() - rest.len();
        let Some(first) = rest.chars().next() else {
            return Ok(tokens);
        };
        let word_len = |text: &str| {
            let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.'));
            end.unwrap_or(text.len())
        };
        let (token, len) = match first {
            '(' => (Token::Open, 1),
            ')' => {
                let fields = if rest[1..].starts_with('.') {
                    &rest[1..1 + word_len(&rest[1..])]
                } else {
                    ""
                };
                let fields_len = fields.len();
                (
                    Token::Close {
                        fields: fields.to_owned(),
                    },
                    1 + fields_len,
                )
            }
            '|' => (Token::Pipe, 1),
            '"' | '`' => quoted(rest, at)?,
            '$' => {
                let len = 1 + word_len(&rest[1..]);
                (Token::Path(rest[..len].to_owned()), len)
            }
            '.' if !rest[1..].starts_with(|c: char| c.is_ascii_digit()) => {
                let len = word_len(rest);
                (Token::Path(rest[..len].to_owned()), len)
            }
            '0'..='9' | '+' | '-' | '.' => {
                let end = rest.find(|c: char| c.is_whitespace() || "()|".contains(c));
                let len = end.unwrap_or(rest.len());
                let number = rest[..len].parse().ok().filter(|n: &f64| n.is_finite());
                (
                    Token::Number(number.ok_or_else(|| syntax("bad number", at))?),
                    len,
                )
            }
            c if c.is_alphabetic() || c == '_' => {
                let len = word_len(rest);
                (Token::Word(rest[..len].to_owned()), len)
            }
            ':' | '=' | ',' => {
                return Err(TemplateError::Unsupported {
                    name: "variables of one's own".to_owned(),
                });
            }
            _ => return Err(syntax("unexpected character", at)),
        };
        tokens.push((token, at));
        rest = &rest[len..];
    }
}

/// A quoted text at the start of `rest` and its length with the quotes.
fn quoted(rest: &str, at: usize) -> Result<(Token, usize), TemplateError> {
    if let Some(raw) = rest.strip_prefix('`') {
        let end = raw
            .find('`')
            .ok_or_else(|| syntax("unterminated text", at))?;
        return Ok((Token::Text(raw[..end].to_owned()), end + 2));
    }
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((offset, c)) = chars.next() {
        match c {
            '"' => return Ok((Token::Text(text), offset + 1)),
            '\\' => match chars.next().map(|(_, escaped)| escaped) {
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some('r') => text.push('\r'),
                Some(c @ ('"' | '\\' | '\'')) => text.push(c),
                _ => return Err(syntax("unknown escape in a text", at + offset)),
            },
            c => text.push(c),
        }
    }
    Err(syntax("unterminated text", at))
}

fn pipeline(tokens: &[(Token, usize)], at: usize) -> Result<Pipeline, TemplateError> {
    let mut left = tokens;
    let pipeline = commands(&mut left, at, 0)?;
    match left.first() {
        None => Ok(pipeline),
        Some((_, at)) => Err(syntax("unexpected right parenthesis", *at)),
    }
}

/// Reads up to the end or to a closing parenthesis, which it leaves.
fn commands(
    tokens: &mut &[(Token, usize)],
    at: usize,
    depth: usize,
) -> Result<Pipeline, TemplateError> {
    if depth > DEPTH_MAX {
        return Err(syntax("too many parentheses inside each other", at));
    }
    let mut commands = Vec::new();
    loop {
        commands.push(command(tokens, at, depth)?);
        match tokens.first() {
            Some((Token::Pipe, _)) => *tokens = &tokens[1..],
            _ => return Ok(Pipeline(commands)),
        }
    }
}

fn command(
    tokens: &mut &[(Token, usize)],
    at: usize,
    depth: usize,
) -> Result<Command, TemplateError> {
    let mut function = None;
    let mut operands = Vec::new();
    while let Some((token, at)) = tokens.first() {
        if matches!(token, Token::Pipe | Token::Close { .. }) {
            break;
        }
        *tokens = &tokens[1..];
        match token {
            Token::Word(word) if word == "true" || word == "false" => {
                operands.push(Operand::Bool(word == "true"));
            }
            Token::Word(word) if function.is_none() && operands.is_empty() => {
                function = Some(word.clone());
            }
            Token::Word(_) => return Err(syntax("a function among arguments", *at)),
            Token::Text(text) => operands.push(Operand::Text(text.clone())),
            Token::Number(number) => operands.push(Operand::Number(*number)),
            Token::Path(path) => operands.push(path_operand(path)),
            Token::Open => operands.push(group(tokens, *at, depth)?),
            Token::Pipe | Token::Close { .. } => break,
        }
    }
    match (function, operands.len()) {
        (Some(function), _) => Ok(Command::Call {
            function,
            arguments: operands,
        }),
        (None, 1) => Ok(Command::Value(operands.swap_remove(0))),
        (None, 0) => Err(syntax("missing value for command", at)),
        (None, _) => Err(syntax("a value that is no function has arguments", at)),
    }
}

fn group(
    tokens: &mut &[(Token, usize)],
    at: usize,
    depth: usize,
) -> Result<Operand, TemplateError> {
    let pipeline = commands(tokens, at, depth + 1)?;
    let Some((Token::Close { fields }, _)) = tokens.first() else {
        return Err(syntax("unclosed left parenthesis", at));
    };
    *tokens = &tokens[1..];
    Ok(Operand::Group {
        pipeline,
        fields: field_names(fields),
    })
}

fn path_operand(path: &str) -> Operand {
    let (variable, fields) = match path.strip_prefix('$') {
        Some(rest) => rest.split_at(rest.find('.').unwrap_or(rest.len())),
        None => ("", path),
    };
    Operand::Path {
        variable: variable.to_owned(),
        fields: field_names(fields),
    }
}

fn field_names(fields: &str) -> Vec<String> {
    let names = fields.split('.').filter(|name| !name.is_empty());
    names.map(str::to_owned).collect()
}
