//! What is counted: queries of users and packs, made into one of good and bad events a minute.

use std::time::Duration;

use model::Labels;
use promql::{Expr, ParseError, Reading, ValueType};

use super::{Counting, Objective, STEP};
use crate::places;

/// Bytes of one query.
const QUERY_BYTES_MAX: usize = 16 * 1024;

/// Functions over a window whose value grows with the window: how many, not how many a second.
const COUNTING_FUNCTIONS: [&str; 4] = ["increase", "sum_over_time", "count_over_time", "changes"];

/// Functions whose value is per second.
const RATE_FUNCTIONS: [&str; 2] = ["rate", "irate"];

/// Parses as every query of an objective is parsed to be looked at.
const SAMPLE_WINDOW: &str = "1m";

/// What of an entity is measured.
#[derive(Clone, Debug, PartialEq)]
pub enum Indicator {
    /// Requests that were answered, against all.
    Availability { part: Part, total: EventQuery },
    /// Requests that were answered within `limit` seconds, against all.
    Latency {
        limit: f64,
        part: Part,
        total: EventQuery,
    },
    /// Events of the user's own.
    Events { part: Part, total: EventQuery },
    /// A value that must stay on one side of a limit, looked at each minute.
    Threshold {
        query: ValueQuery,
        /// How a good value compares with the limit.
        good: Comparison,
        limit: f64,
    },
}

/// Which part of all events a query counts.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    Bad(EventQuery),
    Good(EventQuery),
}

/// PromQL that counts events; `$w` stands for the window of `rate` and its like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventQuery {
    text: String,
    counts: Counts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counts {
    /// Counters as they are: what they counted is taken by us.
    Counter,
    /// `rate(…)`.
    PerSecond,
    /// `increase(…)`.
    PerWindow,
    /// A number that is the events of the minute already.
    Gauge,
}

/// PromQL that yields a value; `$w` as in [`EventQuery`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueQuery(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Why a query cannot count.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum InvalidQuery {
    #[error("the query cannot be parsed: {0}")]
    Parse(#[from] ParseError),
    #[error("the query has {0} bytes, more than the limit of {QUERY_BYTES_MAX}")]
    TooLong(usize),
    #[error("the query yields a {0}; it must yield series")]
    Type(&'static str),
    #[error(
        "the query mixes {0}; one counts per second and the other per window, so take either \
         rate or increase throughout"
    )]
    Mixed(String),
    #[error("a query of counters cannot look at another time with offset or @")]
    Shifted,
}

/// The expressions that are recorded each minute, without labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    pub total: String,
    pub bad: String,
}

impl EventQuery {
    /// `counter` says what a query without any window is: counters, or the minute's events.
    pub fn new(text: &str, counter: bool) -> Result<Self, InvalidQuery> {
        let text = text.trim();
        let expr = parse_filled(text, SAMPLE_WINDOW)?;
        let counts = counts(&expr, counter)?;
        if counts == Counts::Counter && expr.over_window("increase", SAMPLE_WINDOW).is_none() {
            return Err(InvalidQuery::Shifted);
        }
        Ok(Self {
            text: text.to_owned(),
            counts,
        })
    }

    /// As it was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn is_counter(&self) -> bool {
        self.counts == Counts::Counter
    }

    /// One series, the events of a minute; the windows of the query are `window` long.
    fn per_minute(&self, window: Duration) -> String {
        let span = model::format_duration(window);
        let expr = parse_filled(&self.text, &span).expect("it was parsed with another window");
        let per = |seconds: f64| STEP.as_secs_f64() / seconds;
        let (inner, factor) = match self.counts {
            Counts::Counter => {
                let counted = expr.over_window("increase", &span);
                let counted = counted.expect("the constructor saw that it has none");
                (counted, per(window.as_secs_f64()))
            }
            Counts::PerSecond => (expr.to_string(), per(1.0)),
            Counts::PerWindow => {
                let window = expr.look_back().max(Duration::from_secs(1));
                (expr.to_string(), per(window.as_secs_f64()))
            }
            Counts::Gauge => (expr.to_string(), 1.0),
        };
        // Comments end with their line, so only the canonical text can stand inside another one.
        let summed = canonical(&format!("sum({inner}\n)"));
        if (factor - 1.0).abs() < 1e-12 {
            summed
        } else {
            format!("{summed} * {factor}")
        }
    }
}

impl ValueQuery {
    pub fn new(text: &str) -> Result<Self, InvalidQuery> {
        let text = text.trim();
        parse_filled(text, SAMPLE_WINDOW)?;
        Ok(Self(text.to_owned()))
    }

    pub fn text(&self) -> &str {
        &self.0
    }
}

fn parse_filled(text: &str, window: &str) -> Result<Expr, InvalidQuery> {
    if text.len() > QUERY_BYTES_MAX {
        return Err(InvalidQuery::TooLong(text.len()));
    }
    let filled = places::fill(text, |name| (name == "w").then_some(window));
    let expr = promql::parse(&filled)?;
    match expr.value_type() {
        ValueType::Vector => Ok(expr),
        ValueType::Scalar => Err(InvalidQuery::Type("number")),
        ValueType::String => Err(InvalidQuery::Type("string")),
        ValueType::Matrix => Err(InvalidQuery::Type("range of samples")),
    }
}

fn canonical(text: &str) -> String {
    let expr = promql::parse(text).expect("parts that parse make a whole that parses");
    expr.to_string()
}

fn counts(expr: &Expr, counter: bool) -> Result<Counts, InvalidQuery> {
    let mut functions: Vec<&str> = Vec::new();
    for reading in expr.readings() {
        match reading {
            Reading::Over(function) if !functions.contains(&function) => functions.push(function),
            Reading::Over(_) | Reading::Newest => {}
        }
    }
    let all_in = |known: &[&str]| functions.iter().all(|function| known.contains(function));
    let some_in = |known: &[&str]| functions.iter().any(|function| known.contains(function));
    if functions.is_empty() {
        return Ok(if counter {
            Counts::Counter
        } else {
            Counts::Gauge
        });
    }
    if all_in(&COUNTING_FUNCTIONS) {
        return Ok(Counts::PerWindow);
    }
    if all_in(&RATE_FUNCTIONS) {
        return Ok(Counts::PerSecond);
    }
    if some_in(&COUNTING_FUNCTIONS) && some_in(&RATE_FUNCTIONS) {
        return Err(InvalidQuery::Mixed(functions.join(" and ")));
    }
    // avg_over_time and its like neither grow with the window nor count per second.
    Ok(if some_in(&RATE_FUNCTIONS) {
        Counts::PerSecond
    } else {
        Counts::Gauge
    })
}

impl Indicator {
    /// As files and the API spell it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Availability { .. } => "availability",
            Self::Latency { .. } => "latency",
            Self::Events { .. } => "events",
            Self::Threshold { .. } => "threshold",
        }
    }

    /// The queries of events: the part that is counted, and all.
    pub fn events(&self) -> Option<(&Part, &EventQuery)> {
        match self {
            Self::Availability { part, total }
            | Self::Latency { part, total, .. }
            | Self::Events { part, total } => Some((part, total)),
            Self::Threshold { .. } => None,
        }
    }
}

impl Part {
    pub fn query(&self) -> &EventQuery {
        match self {
            Self::Bad(query) | Self::Good(query) => query,
        }
    }
}

impl Comparison {
    pub const ALL: [Self; 4] = [
        Self::Less,
        Self::LessOrEqual,
        Self::Greater,
        Self::GreaterOrEqual,
    ];

    pub fn symbol(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    /// OpenSLO's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Less => "lt",
            Self::LessOrEqual => "lte",
            Self::Greater => "gt",
            Self::GreaterOrEqual => "gte",
        }
    }

    /// What holds exactly when this does not.
    fn negated(self) -> Self {
        match self {
            Self::Less => Self::GreaterOrEqual,
            Self::LessOrEqual => Self::Greater,
            Self::Greater => Self::LessOrEqual,
            Self::GreaterOrEqual => Self::Less,
        }
    }
}

impl Objective {
    /// What is recorded each minute; the windows of the queries are `window` long, so that a few
    /// scrapes lie in each.
    pub fn recorded(&self, window: Duration) -> Recorded {
        let (total, bad) = match &self.indicator {
            Indicator::Availability { part, total }
            | Indicator::Latency { part, total, .. }
            | Indicator::Events { part, total } => events_of(part, total, window),
            Indicator::Threshold { query, good, limit } => {
                return threshold(query, *good, *limit, window);
            }
        };
        match self.counting {
            Counting::Requests => Recorded {
                total: canonical(&format!("{total} >= 0")),
                bad: canonical(&bad),
            },
            Counting::Minutes { good_from } => {
                // Rounded as the target's budget is.
                let bad_max = ((1.0 - good_from) * 1e12).round() / 1e12;
                Recorded {
                    total: canonical(&format!("count({total} > 0)")),
                    bad: canonical(&format!("({bad}) / ({total} > 0) > bool {bad_max}")),
                }
            }
        }
    }

    /// Changes exactly when what is recorded would mean something else.
    pub fn indicator_hash(&self) -> String {
        let Recorded { total, bad } = self.recorded(STEP);
        let pairs = [("bad", bad.as_str()), ("total", total.as_str())];
        let labels = Labels::new(pairs).expect("two names that differ");
        format!("{:08x}", labels.fingerprint().0 & 0xffff_ffff)
    }
}

/// Events a minute: all, and the bad ones. A ratio of nothing is NaN, which `>= 0` drops; where
/// nothing bad was ever counted there is no series, and that is zero.
fn events_of(part: &Part, total: &EventQuery, window: Duration) -> (String, String) {
    let all = total.per_minute(window);
    let counted = format!("({} >= 0 or {all} * 0)", part.query().per_minute(window));
    let bad = match part {
        Part::Bad(_) => counted,
        Part::Good(_) => format!("clamp_min({all} - {counted}, 0)"),
    };
    (all, bad)
}

/// Of several series the worst counts. A NaN is no value, so the minute is not counted.
fn threshold(query: &ValueQuery, good: Comparison, limit: f64, window: Duration) -> Recorded {
    let span = model::format_duration(window);
    let expr = parse_filled(&query.0, &span).expect("it was parsed with another window");
    let worst = match good {
        Comparison::Less | Comparison::LessOrEqual => "max",
        Comparison::Greater | Comparison::GreaterOrEqual => "min",
    };
    let value = format!("{worst}({expr})");
    let limit = model::format_float(limit);
    let bad = good.negated().symbol();
    Recorded {
        total: canonical(&format!("count({value} == {value})")),
        bad: canonical(&format!("({value} == {value}) {bad} bool {limit}")),
    }
}
