//! Pieces to a tree: text, pipelines, branches, loops, named templates.
//!
//! As in Go, functions and variables that do not exist are errors here and not when the alert
//! fires, so that a rule file can be checked.

use super::lex::{Piece, Token, Tokens, pieces, syntax};
use super::tree::{Branch, Node, Operand, OperandKind, Pipeline, Tree};
use super::{TemplateError, functions};

/// Parentheses and blocks inside each other; deeper text is no annotation.
const DEPTH_MAX: usize = 32;

/// The variables that Prometheus declares before the text of an alert.
const DECLARED: [&str; 5] = ["", "labels", "externalLabels", "externalURL", "value"];

pub(super) fn parse(text: &str) -> Result<Tree, TemplateError> {
    let mut parser = Parser {
        named: Vec::new(),
        frames: vec![Frame::new(Kind::Root, 0)],
        variables: DECLARED.map(str::to_owned).to_vec(),
    };
    for piece in pieces(text)? {
        match piece {
            Piece::Text("") => {}
            Piece::Text(literal) => parser.push(Node::Text(literal.to_owned())),
            Piece::Action { tokens, at } if tokens.is_empty() => {
                // A comment; an action without anything is a mistake.
                if !text[at..]
                    .trim_start_matches(['-', ' ', '\t', '\r', '\n'])
                    .starts_with("/*")
                {
                    return Err(syntax("missing value for command", at));
                }
            }
            Piece::Action { tokens, at } => parser.action(&Tokens { left: &tokens, at })?,
        }
    }
    let root = parser.frames.pop();
    match root {
        Some(frame) if parser.frames.is_empty() => Ok(Tree {
            nodes: frame.nodes,
            named: parser.named,
        }),
        _ => Err(syntax("unexpected EOF: a block without end", text.len())),
    }
}

struct Parser {
    named: Vec<(String, Vec<Node>)>,
    /// The blocks that are open, outermost first.
    frames: Vec<Frame>,
    /// Those in scope, innermost last.
    variables: Vec<String>,
}

struct Frame {
    kind: Kind,
    pipeline: Pipeline,
    nodes: Vec<Node>,
    /// The nodes before `else`.
    before_else: Option<Vec<Node>>,
    /// How many variables were in scope outside.
    outer_variables: usize,
    /// `else if` and `else with` open a frame that ends with its outer one.
    chained: bool,
    /// What a `define` hides.
    hidden: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Root,
    If,
    With,
    Range,
    Define(String),
    Block(String),
}

impl Frame {
    fn new(kind: Kind, outer_variables: usize) -> Self {
        Self {
            kind,
            pipeline: Pipeline::default(),
            nodes: Vec::new(),
            before_else: None,
            outer_variables,
            chained: false,
            hidden: Vec::new(),
        }
    }
}

impl Parser {
    fn push(&mut self, node: Node) {
        if let Some(frame) = self.frames.last_mut() {
            frame.nodes.push(node);
        }
    }

    fn action(&mut self, tokens: &Tokens<'_>) -> Result<(), TemplateError> {
        let mut tokens = Tokens {
            left: tokens.left,
            at: tokens.at,
        };
        let word = match tokens.peek() {
            Some(Token::Word(word)) => word.as_str(),
            _ => "",
        };
        let at = tokens.place();
        let opens = ["if", "with", "range", "define", "block"].contains(&word);
        if opens && self.frames.len() > DEPTH_MAX {
            return Err(syntax("too many blocks inside each other", at));
        }
        if opens || ["else", "end", "template", "break", "continue"].contains(&word) {
            tokens.next();
            tokens.skip_space();
        }
        match word {
            "if" => self.open(Kind::If, &mut tokens, false),
            "with" => self.open(Kind::With, &mut tokens, false),
            "range" => self.open(Kind::Range, &mut tokens, false),
            "define" => self.define(&mut tokens),
            "block" => self.block(&mut tokens),
            "template" => {
                let name = name_of(&mut tokens, "template")?;
                let pipeline = self.optional_pipeline(&mut tokens)?;
                self.push(Node::Template { name, pipeline });
                Ok(())
            }
            "break" | "continue" => {
                tokens.ended(word)?;
                let inside =
                    |frame: &Frame| frame.kind == Kind::Range && frame.before_else.is_none();
                if !self.frames.iter().any(inside) {
                    return Err(syntax(format!("{{{{{word}}}}} outside {{{{range}}}}"), at));
                }
                self.push(if word == "break" {
                    Node::Break
                } else {
                    Node::Continue
                });
                Ok(())
            }
            "else" => self.otherwise(&mut tokens),
            "end" => {
                tokens.ended("end")?;
                self.end(at)
            }
            _ => {
                let pipeline = self.pipeline(&mut tokens, 1, 0)?;
                tokens.ended("command")?;
                self.push(Node::Action(pipeline));
                Ok(())
            }
        }
    }

    fn open(
        &mut self,
        kind: Kind,
        tokens: &mut Tokens<'_>,
        chained: bool,
    ) -> Result<(), TemplateError> {
        let outer_variables = self.variables.len();
        let most = if kind == Kind::Range { 2 } else { 1 };
        let pipeline = self.pipeline(tokens, most, 0)?;
        tokens.ended("a block's condition")?;
        self.frames.push(Frame {
            pipeline,
            chained,
            ..Frame::new(kind, outer_variables)
        });
        Ok(())
    }

    fn define(&mut self, tokens: &mut Tokens<'_>) -> Result<(), TemplateError> {
        let at = tokens.place();
        if self.frames.len() != 1 {
            return Err(syntax("unexpected {{define}} inside a block", at));
        }
        let name = name_of(tokens, "define")?;
        tokens.ended("define")?;
        self.open_named(Kind::Define(name), Pipeline::default());
        Ok(())
    }

    fn block(&mut self, tokens: &mut Tokens<'_>) -> Result<(), TemplateError> {
        let name = name_of(tokens, "block")?;
        let at = tokens.place();
        let pipeline = self.optional_pipeline(tokens)?;
        let pipeline = pipeline.ok_or_else(|| syntax("missing value for block", at))?;
        self.open_named(Kind::Block(name), pipeline);
        Ok(())
    }

    /// A named template sees only what it is given, as `$`.
    fn open_named(&mut self, kind: Kind, pipeline: Pipeline) {
        let hidden = std::mem::replace(&mut self.variables, vec![String::new()]);
        self.frames.push(Frame {
            pipeline,
            hidden,
            ..Frame::new(kind, 0)
        });
    }

    fn otherwise(&mut self, tokens: &mut Tokens<'_>) -> Result<(), TemplateError> {
        let at = tokens.at;
        let frame = self.frames.last_mut();
        let frame = frame.filter(|frame| matches!(frame.kind, Kind::If | Kind::With | Kind::Range));
        let Some(frame) = frame else {
            return Err(syntax("unexpected {{else}}", at));
        };
        if frame.before_else.is_some() {
            return Err(syntax("expected end; found {{else}}", at));
        }
        frame.before_else = Some(std::mem::take(&mut frame.nodes));
        let (kind, outer_variables) = (frame.kind.clone(), frame.outer_variables);
        self.variables
            .truncate(outer_variables + frame.pipeline.variables.len());
        let word = match tokens.peek() {
            Some(Token::Word(word)) => word.as_str(),
            Some(_) => return Err(syntax("unexpected text in else", tokens.place())),
            None => return Ok(()),
        };
        match (&kind, word) {
            (Kind::If, "if") | (Kind::With, "with") => {
                if self.frames.len() > DEPTH_MAX {
                    return Err(syntax("too many blocks inside each other", at));
                }
                tokens.next();
                self.open(kind, tokens, true)
            }
            _ => Err(syntax("unexpected text in else", tokens.place())),
        }
    }

    fn end(&mut self, at: usize) -> Result<(), TemplateError> {
        loop {
            let frame = self.frames.pop();
            let Some(frame) = frame.filter(|frame| frame.kind != Kind::Root) else {
                return Err(syntax("unexpected {{end}}", at));
            };
            let (nodes, otherwise) = match frame.before_else {
                Some(nodes) => (nodes, frame.nodes),
                None => (frame.nodes, Vec::new()),
            };
            let branch = |nodes| Branch {
                pipeline: frame.pipeline.clone(),
                nodes,
                otherwise,
            };
            match frame.kind {
                Kind::Root => {}
                Kind::If => self.push(Node::If(branch(nodes))),
                Kind::With => self.push(Node::With(branch(nodes))),
                Kind::Range => self.push(Node::Range(branch(nodes))),
                Kind::Define(name) => {
                    self.variables = frame.hidden;
                    self.named.push((name, nodes));
                    return Ok(());
                }
                Kind::Block(name) => {
                    self.variables = frame.hidden;
                    self.named.push((name.clone(), nodes));
                    let pipeline = Some(frame.pipeline);
                    self.push(Node::Template { name, pipeline });
                    return Ok(());
                }
            }
            self.variables.truncate(frame.outer_variables);
            if !frame.chained {
                return Ok(());
            }
        }
    }

    fn optional_pipeline(
        &mut self,
        tokens: &mut Tokens<'_>,
    ) -> Result<Option<Pipeline>, TemplateError> {
        tokens.skip_space();
        if tokens.peek().is_none() {
            return Ok(None);
        }
        let pipeline = self.pipeline(tokens, 0, 0)?;
        tokens.ended("template")?;
        Ok(Some(pipeline))
    }

    /// Reads up to the end or to a closing parenthesis, which it leaves. `most` is how many
    /// variables may be declared.
    fn pipeline(
        &mut self,
        tokens: &mut Tokens<'_>,
        most: usize,
        depth: usize,
    ) -> Result<Pipeline, TemplateError> {
        if depth > DEPTH_MAX {
            return Err(syntax(
                "too many parentheses inside each other",
                tokens.place(),
            ));
        }
        let mut pipeline = Pipeline::default();
        tokens.skip_space();
        self.declaration(tokens, most, &mut pipeline)?;
        loop {
            let command = self.command(tokens, depth)?;
            if let (Some(first), false) = (command.first(), pipeline.commands.is_empty()) {
                let calls =
                    matches!(first.kind, OperandKind::Function(_)) || !first.fields.is_empty();
                if !calls {
                    let what = "non executable command in pipeline after a pipe";
                    return Err(syntax(what, tokens.at));
                }
            }
            pipeline.commands.push(command);
            match tokens.peek() {
                Some(Token::Pipe) => {
                    tokens.next();
                    tokens.skip_space();
                }
                Some(Token::Close) | None => break,
                Some(_) => return Err(syntax("unexpected text in command", tokens.place())),
            }
        }
        // A variable is in scope behind its own declaration.
        if !pipeline.assigns {
            self.variables.extend(pipeline.variables.iter().cloned());
        }
        Ok(pipeline)
    }

    /// `$a :=`, `$a =` or `$i, $e :=` at the start of a pipeline.
    fn declaration(
        &self,
        tokens: &mut Tokens<'_>,
        most: usize,
        pipeline: &mut Pipeline,
    ) -> Result<(), TemplateError> {
        let start = tokens.left;
        let mut names = Vec::new();
        let mut ahead = Tokens {
            left: start,
            at: tokens.at,
        };
        while let Some(Token::Variable(name)) = ahead.peek() {
            ahead.next();
            names.push(name.clone());
            ahead.skip_space();
            match ahead.next() {
                Some(Token::Comma) => ahead.skip_space(),
                Some(operator @ (Token::Declare | Token::Assign)) => {
                    if names.len() > most {
                        return Err(syntax("too many declarations", tokens.place()));
                    }
                    pipeline.assigns = *operator == Token::Assign;
                    if pipeline.assigns {
                        for name in &names {
                            self.known(name)?;
                        }
                    }
                    pipeline.variables = names;
                    *tokens = ahead;
                    tokens.skip_space();
                    return Ok(());
                }
                _ => return Ok(()),
            }
        }
        Ok(())
    }

    fn known(&self, name: &str) -> Result<(), TemplateError> {
        if self.variables.iter().any(|known| known == name) {
            return Ok(());
        }
        Err(TemplateError::UnknownVariable {
            name: format!("${name}"),
        })
    }

    fn command(
        &mut self,
        tokens: &mut Tokens<'_>,
        depth: usize,
    ) -> Result<Vec<Operand>, TemplateError> {
        let mut operands: Vec<Operand> = Vec::new();
        loop {
            tokens.skip_space();
            match tokens.peek() {
                None | Some(Token::Pipe | Token::Close) => break,
                Some(_) => operands.push(self.operand(tokens, depth)?),
            }
            let apart = matches!(
                tokens.peek(),
                None | Some(Token::Space | Token::Pipe | Token::Close)
            );
            if !apart {
                return Err(syntax("unexpected text behind a value", tokens.place()));
            }
        }
        if operands.is_empty() {
            return Err(syntax("missing value for command", tokens.at));
        }
        Ok(operands)
    }

    fn operand(&mut self, tokens: &mut Tokens<'_>, depth: usize) -> Result<Operand, TemplateError> {
        let at = tokens.place();
        let unexpected = || syntax("unexpected text in command", at);
        let mut fields = Vec::new();
        let kind = match tokens.next().ok_or_else(unexpected)? {
            Token::Word(word) => match word.as_str() {
                "nil" => OperandKind::Nil,
                "true" => OperandKind::Bool(true),
                "false" => OperandKind::Bool(false),
                name if functions::is_known(name) => OperandKind::Function(name.to_owned()),
                name => {
                    return Err(TemplateError::UnknownFunction {
                        name: name.to_owned(),
                    });
                }
            },
            Token::Variable(name) => {
                self.known(name)?;
                OperandKind::Variable(name.clone())
            }
            Token::Field(name) => {
                fields.push(name.clone());
                OperandKind::Dot
            }
            Token::Dot => OperandKind::Dot,
            Token::Text(text) => OperandKind::Text(text.clone()),
            Token::Integer(number) => OperandKind::Integer(*number),
            Token::Float(number) => OperandKind::Float(*number),
            Token::Open => {
                let pipeline = self.pipeline(tokens, 1, depth + 1)?;
                match tokens.next() {
                    Some(Token::Close) => OperandKind::Group(Box::new(pipeline)),
                    _ => return Err(syntax("unclosed left paren", at)),
                }
            }
            Token::Close | Token::Pipe | Token::Declare => return Err(unexpected()),
            Token::Assign | Token::Comma | Token::Space => return Err(unexpected()),
        };
        while let Some(Token::Field(name)) = tokens.peek() {
            tokens.next();
            fields.push(name.clone());
        }
        Ok(Operand { kind, fields })
    }
}

fn name_of(tokens: &mut Tokens<'_>, context: &str) -> Result<String, TemplateError> {
    tokens.skip_space();
    let at = tokens.place();
    match tokens.next() {
        Some(Token::Text(name)) => Ok(name.clone()),
        _ => Err(syntax(format!("{context} needs a name in quotes"), at)),
    }
}
