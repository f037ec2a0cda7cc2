//! Canonical PromQL: what parses back to the same expression.

use std::fmt;

use model::{METRIC_NAME, MatchOp, Timestamp, format_duration, format_float};

use super::{
    Aggregate, At, Binary, Call, Expr, Group, Grouping, Matching, Node, NodeKind, Number, Selector,
    Shift, Subquery,
};

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.fmt(f)
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            NodeKind::Number(number) => number.fmt(f),
            NodeKind::String(text) => write_quoted(f, text),
            NodeKind::Selector(selector) => {
                selector.fmt(f)?;
                selector.shift.fmt(f)
            }
            NodeKind::Range(range) => {
                range.selector.fmt(f)?;
                write!(f, "[{}]", Millis(range.range_ms))?;
                range.selector.shift.fmt(f)
            }
            NodeKind::Subquery(subquery) => subquery.fmt(f),
            NodeKind::Paren(inner) => write!(f, "({inner})"),
            NodeKind::Negate(inner) => write!(f, "-{inner}"),
            NodeKind::Binary(binary) => binary.fmt(f),
            NodeKind::Call(call) => call.fmt(f),
            NodeKind::Aggregate(aggregate) => aggregate.fmt(f),
        }
    }
}

/// Without its shift: the range of a range selector stands between.
impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bare_name = self.name.as_deref().filter(|name| is_metric_name(name));
        if let Some(name) = bare_name {
            f.write_str(name)?;
        }
        // The name stands before the braces, or first inside them when it needs quotes.
        let mut rest = self.matchers.iter().peekable();
        if self.name.is_some() {
            rest.next_if(|matcher| matcher.name() == METRIC_NAME && matcher.op() == MatchOp::Equal);
        }
        if bare_name.is_some() && rest.peek().is_none() {
            return Ok(());
        }
        f.write_str("{")?;
        let mut separator = "";
        if let (Some(name), None) = (&self.name, bare_name) {
            write_quoted(f, name)?;
            separator = ",";
        }
        for matcher in rest {
            f.write_str(separator)?;
            write_name(f, matcher.name())?;
            write!(f, "{}", matcher.op())?;
            write_quoted(f, matcher.value())?;
            separator = ",";
        }
        f.write_str("}")
    }
}

impl fmt::Display for Shift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            None => {}
            Some(At::Start) => f.write_str(" @ start()")?,
            Some(At::End) => f.write_str(" @ end()")?,
            Some(At::Time(at)) => write!(f, " @ {}", Seconds(at))?,
        }
        match self.offset_ms {
            0 => Ok(()),
            ahead @ ..0 => write!(f, " offset -{}", Millis(ahead.saturating_neg())),
            offset => write!(f, " offset {}", Millis(offset)),
        }
    }
}

impl fmt::Display for Subquery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}:", self.inner, Millis(self.range_ms))?;
        if let Some(step_ms) = self.step_ms {
            Millis(step_ms).fmt(f)?;
        }
        write!(f, "]{}", self.shift)
    }
}

impl fmt::Display for Binary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.lhs, self.op.symbol())?;
        if self.returns_bool {
            f.write_str(" bool")?;
        }
        if let Some(matching) = &self.matching {
            matching.fmt(f)?;
        }
        write!(f, " {}", self.rhs)
    }
}

impl fmt::Display for Matching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `ignoring ()` is what holds without a word, but a group needs one before it.
        if self.on || !self.labels.is_empty() || self.group != Group::OneToOne {
            f.write_str(if self.on { " on " } else { " ignoring " })?;
            write_names(f, &self.labels)?;
        }
        match &self.group {
            Group::OneToOne => Ok(()),
            Group::Left(labels) => {
                f.write_str(" group_left ")?;
                write_names(f, labels)
            }
            Group::Right(labels) => {
                f.write_str(" group_right ")?;
                write_names(f, labels)
            }
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.function.name)?;
        let mut separator = "";
        for arg in &self.args {
            write!(f, "{separator}{arg}")?;
            separator = ", ";
        }
        f.write_str(")")
    }
}

impl fmt::Display for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.op.name())?;
        match &self.grouping {
            Grouping::By(labels) if labels.is_empty() => {}
            Grouping::By(labels) => {
                f.write_str(" by ")?;
                write_names(f, labels)?;
                f.write_str(" ")?;
            }
            Grouping::Without(labels) => {
                f.write_str(" without ")?;
                write_names(f, labels)?;
                f.write_str(" ")?;
            }
        }
        f.write_str("(")?;
        if let Some(param) = &self.param {
            write!(f, "{param}, ")?;
        }
        write!(f, "{})", self.inner)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.as_duration {
            return f.write_str(&format_float(self.value));
        }
        let sign = if self.value.is_sign_negative() {
            "-"
        } else {
            ""
        };
        write!(
            f,
            "{sign}{}",
            Millis((self.value.abs() * 1000.0).round() as i64)
        )
    }
}

/// A span that is not negative.
struct Millis(i64);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = u64::try_from(self.0).unwrap_or(0);
        f.write_str(&format_duration(std::time::Duration::from_millis(millis)))
    }
}

/// A moment with three decimals, as Prometheus prints it.
struct Seconds(Timestamp);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        let sign = if millis < 0 { "-" } else { "" };
        let millis = millis.unsigned_abs();
        write!(f, "{sign}{}.{:03}", millis / 1000, millis % 1000)
    }
}

fn write_names(f: &mut fmt::Formatter<'_>, names: &[Box<str>]) -> fmt::Result {
    f.write_str("(")?;
    let mut separator = "";
    for name in names {
        f.write_str(separator)?;
        write_name(f, name)?;
        separator = ", ";
    }
    f.write_str(")")
}

fn write_name(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    if super::is_label_name(name) {
        f.write_str(name)
    } else {
        write_quoted(f, name)
    }
}

/// Whether the name can stand before the braces.
fn is_metric_name(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    name.starts_with(|c: char| legal(c) && !c.is_ascii_digit())
        && name.chars().all(legal)
        && !super::is_reserved(name)
}

/// A string in double quotes; every escape is one that the lexer resolves.
fn write_quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    for c in text.chars() {
        match c {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            c if c.is_control() => write!(f, "\\u{:04x}", u32::from(c))?,
            c => write!(f, "{c}")?,
        }
    }
    f.write_str("\"")
}
