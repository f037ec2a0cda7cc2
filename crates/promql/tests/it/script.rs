//! The script language: a text into commands.

use std::time::Duration;

use model::{Labels, Timestamp, parse_duration};
use regex::Regex;

use crate::series::{Written, parse_series};

#[derive(Debug)]
pub(crate) enum Command {
    Clear,
    Load {
        step: Duration,
        /// `load_with_nhcb`: classic histograms are loaded as native ones too.
        with_nhcb: bool,
        series: Vec<(Labels, Vec<Written>)>,
    },
    Eval(Box<Eval>),
}

#[derive(Debug)]
pub(crate) struct Eval {
    /// From 1, in the script.
    pub(crate) line: usize,
    pub(crate) query: String,
    pub(crate) when: When,
    pub(crate) expected: Expected,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum When {
    At(Timestamp),
    Over(promql::Range),
}

/// What the lines below an `eval` demand.
#[derive(Debug, Default)]
pub(crate) struct Expected {
    pub(crate) series: Vec<(Labels, Vec<Written>)>,
    /// A line that is nothing but a number.
    pub(crate) scalar: Option<f64>,
    /// A string literal.
    pub(crate) string: Option<String>,
    /// The times of the values of a range vector.
    pub(crate) range_vector: Option<promql::Range>,
    pub(crate) ordered: bool,
    pub(crate) fail: Vec<Pattern>,
    pub(crate) warn: Vec<Pattern>,
    pub(crate) info: Vec<Pattern>,
    pub(crate) no_warn: bool,
    pub(crate) no_info: bool,
}

#[derive(Debug)]
pub(crate) enum Pattern {
    Any,
    Exact(String),
    Matches(Regex),
}

impl Pattern {
    pub(crate) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(expected) => expected == text,
            Self::Matches(regex) => regex.is_match(text),
        }
    }
}

/// Every command with the line it begins at; what cannot be read is an error there.
pub(crate) fn parse(text: &str) -> Vec<(usize, Result<Command, String>)> {
    // As upstream: a comment is an empty line, and an empty line ends a block.
    let lines: Vec<&str> = text
        .lines()
        .map(|line| match line.trim() {
            comment if comment.starts_with('#') => "",
            line => line,
        })
        .collect();
    let mut commands = Vec::new();
    let mut index = 0;
    while index < lines.len() {
        let head = lines[index];
        let line = index + 1;
        index += 1;
        if head.is_empty() {
            continue;
        }
        let length = lines[index..]
            .iter()
            .take_while(|line| !line.is_empty())
            .count();
        let takes_block = head != "clear";
        let block = &lines[index..index + if takes_block { length } else { 0 }];
        index += block.len();
        commands.push((line, command(line, head, block)));
    }
    commands
}

fn command(line: usize, head: &str, block: &[&str]) -> Result<Command, String> {
    if head == "clear" {
        return Ok(Command::Clear);
    }
    if let Some(rest) = head.strip_prefix("load") {
        let (with_nhcb, rest) = match rest.strip_prefix("_with_nhcb") {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let series: Result<_, String> = block.iter().map(|line| parse_series(line)).collect();
        return Ok(Command::Load {
            step: duration(rest)?,
            with_nhcb,
            series: series?,
        });
    }
    eval(line, head, block).map(|eval| Command::Eval(Box::new(eval)))
}

fn eval(line: usize, head: &str, block: &[&str]) -> Result<Eval, String> {
    let (verb, rest) = head.split_once(char::is_whitespace).unwrap_or((head, ""));
    let mut expected = Expected::default();
    match verb {
        "eval" => {}
        "eval_fail" => expected.fail.push(Pattern::Any),
        "eval_warn" => expected.warn.push(Pattern::Any),
        "eval_info" => expected.info.push(Pattern::Any),
        "eval_ordered" => expected.ordered = true,
        _ => return Err(format!("no command: {head}")),
    }
    let rest = rest.trim_start();
    let (when, query) = if let Some(rest) = rest.strip_prefix("instant at ") {
        let (at, query) = word(rest);
        (When::At(timestamp(at)?), query)
    } else if let Some(rest) = rest.strip_prefix("range ") {
        let (range, query) = range(rest)?;
        (When::Over(range), query)
    } else {
        return Err(format!("neither instant nor range: {head}"));
    };
    for line in block {
        expectation(line, &mut expected)?;
    }
    Ok(Eval {
        line,
        query: query.to_owned(),
        when,
        expected,
    })
}

/// `from A to B step C`, and what follows.
fn range(text: &str) -> Result<(promql::Range, &str), String> {
    let mut rest = text.trim_start();
    let mut values = Vec::new();
    for keyword in ["from", "to", "step"] {
        let (found, after) = word(rest);
        if found != keyword {
            return Err(format!("expected {keyword}: {text}"));
        }
        let (value, after) = word(after);
        values.push(value);
        rest = after;
    }
    let range = promql::Range {
        start: timestamp(values[0])?,
        end: timestamp(values[1])?,
        step: duration(values[2])?,
    };
    Ok((range, rest))
}

fn word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (word, rest.trim_start())
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text.trim()).map_err(|error| error.to_string())
}

fn timestamp(text: &str) -> Result<Timestamp, String> {
    Ok(Timestamp::from_millis(0).plus(duration(text)?))
}

fn expectation(line: &str, expected: &mut Expected) -> Result<(), String> {
    let Some(rest) = line.strip_prefix("expect ") else {
        if let Some(message) = line.strip_prefix("expected_fail_message ") {
            expected.fail = vec![Pattern::Exact(message.trim().to_owned())];
        } else if let Ok(value) = line.parse() {
            expected.scalar = Some(value);
        } else {
            expected.series.push(parse_series(line)?);
        }
        return Ok(());
    };
    let (kind, rest) = word(rest);
    match kind {
        "ordered" => expected.ordered = true,
        "no_warn" => expected.no_warn = true,
        "no_info" => expected.no_info = true,
        "fail" => expected.fail.push(pattern(rest)?),
        "warn" => expected.warn.push(pattern(rest)?),
        "info" => expected.info.push(pattern(rest)?),
        "string" => expected.string = Some(rest.to_owned()),
        "range" => {
            let rest = rest.strip_prefix("vector ").ok_or("expect range vector")?;
            expected.range_vector = Some(range(rest)?.0);
        }
        _ => return Err(format!("unknown expectation: {line}")),
    }
    Ok(())
}

fn pattern(text: &str) -> Result<Pattern, String> {
    if text.is_empty() {
        return Ok(Pattern::Any);
    }
    if let Some(message) = text.strip_prefix("msg:") {
        return Ok(Pattern::Exact(message.trim().to_owned()));
    }
    let regex = text
        .strip_prefix("regex:")
        .ok_or(format!("no pattern: {text}"))?;
    Regex::new(regex.trim())
        .map(Pattern::Matches)
        .map_err(|error| error.to_string())
}
