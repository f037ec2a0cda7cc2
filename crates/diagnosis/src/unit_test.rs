//! promtool's unit tests of rules: the file, and whether what it expects comes true.
//!
//! The format and the verdicts are those of `promtool test rules`. Pure: the caller brings a
//! store to write to and to ask.

mod file;
mod run;
mod values;

use std::collections::BTreeMap;
use std::time::Duration;

use model::{Labels, Timestamp};
use promql::Expr;

pub use file::parse_unit_test_file;
pub use run::{Append, Bench, Failure, run};

/// Values of all input series of one file. A week of a hundred series at a minute has a million.
pub const INPUT_VALUES_MAX: usize = 5_000_000;

/// Evaluations of one test: four years at promtool's default of a minute.
pub const EVALUATIONS_MAX: u64 = 2_000_000;

/// What one test file holds.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitTestFile {
    /// As written: relative to the file, with wildcards.
    pub rule_files: Vec<String>,
    pub evaluation_interval: Duration,
    /// Names of groups; those that are not named come first.
    pub group_eval_order: Vec<String>,
    /// Values may differ in their last bit.
    pub fuzzy_compare: bool,
    pub tests: Vec<UnitTest>,
}

/// One test: series, and what the rules make of them.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitTest {
    /// Where it begins in its file, from 1.
    pub line: usize,
    pub name: Option<String>,
    /// Between the values of the input series.
    pub interval: Duration,
    /// The moment of the first value and of the first evaluation.
    pub start: Timestamp,
    pub input_series: Vec<InputSeries>,
    pub external_labels: Labels,
    pub external_url: String,
    pub alert_tests: Vec<AlertTest>,
    pub expr_tests: Vec<ExprTest>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct InputSeries {
    pub labels: Labels,
    /// `None` is no sample.
    pub values: Vec<Option<f64>>,
}

/// Which alerts of a name fire at a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertTest {
    pub line: usize,
    /// After the start.
    pub eval_time: Duration,
    pub alertname: String,
    pub expected: Vec<ExpectedAlert>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExpectedAlert {
    /// `alertname` among them.
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
}

/// What an expression yields at a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct ExprTest {
    pub line: usize,
    /// After the start.
    pub eval_time: Duration,
    pub expr: Expr,
    pub expr_text: String,
    pub expected: Vec<(Labels, f64)>,
}

impl UnitTest {
    /// The last moment that matters, after the start.
    pub fn eval_time_max(&self) -> Duration {
        let alerts = self.alert_tests.iter().map(|test| test.eval_time);
        let exprs = self.expr_tests.iter().map(|test| test.eval_time);
        alerts.chain(exprs).max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
