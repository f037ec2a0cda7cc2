//! Runs one test: loads its series step by step, evaluates all groups, compares.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use model::{Labels, Timestamp, format_duration, format_float};
use promql::{EvalError, Evaluated, Expr, Value};

use super::{AlertTest, EVALUATIONS_MAX, ExpectedAlert, ExprTest, UnitTest, UnitTestFile};
use crate::rules::{AlertState, GroupOptions, GroupState, Health, Query, RESEND_DELAY, RuleGroup};

/// Stores samples of one moment; the error is why it could not.
pub type Append<'b> = dyn FnMut(Timestamp, &[(Labels, f64)]) -> Result<(), String> + 'b;

/// Where a test writes and what it asks: an empty store.
pub struct Bench<'b> {
    /// Two batches of a moment never hold the same series.
    pub append: &'b mut Append<'b>,
    pub query: &'b mut Query<'b>,
}

impl fmt::Debug for Bench<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bench").finish_non_exhaustive()
    }
}

/// An expectation that did not come true, or what kept the test from running.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Of the test file.
    pub line: usize,
    /// Several lines.
    pub text: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.text)
    }
}

/// Runs one test over an empty store. The answer is empty when all comes true.
pub fn run(
    file: &UnitTestFile,
    test: &UnitTest,
    groups: &[RuleGroup],
    bench: &mut Bench<'_>,
) -> Vec<Failure> {
    let end = test.eval_time_max();
    let rounds = end.as_millis() / file.evaluation_interval.as_millis().max(1);
    if rounds > u128::from(EVALUATIONS_MAX) {
        return vec![Failure {
            line: test.line,
            text: format!("needs {rounds} evaluations, more than the limit of {EVALUATIONS_MAX}"),
        }];
    }
    let mut runner = Runner {
        file,
        test,
        groups: ordered(file, groups)
            .map(|group| GroupState::new(group.clone(), options(test)))
            .collect(),
        loaded: 0,
        bench,
        failures: Vec::new(),
    };
    runner.run(end);
    runner.failures
}

/// As in promtool, groups without a place in the order come first.
fn ordered<'g>(
    file: &UnitTestFile,
    groups: &'g [RuleGroup],
) -> impl Iterator<Item = &'g RuleGroup> {
    let place = |group: &RuleGroup| {
        let mut order = file.group_eval_order.iter();
        order.position(|name| *name == group.name).unwrap_or(0)
    };
    let mut groups: Vec<&RuleGroup> = groups.iter().collect();
    groups.sort_by_key(|group| place(group));
    groups.into_iter()
}

fn options(test: &UnitTest) -> GroupOptions {
    GroupOptions {
        interval: test.interval,
        resend_delay: RESEND_DELAY,
        external_labels: test.external_labels.clone(),
        external_url: test.external_url.clone(),
        unwatched_max: Duration::ZERO,
    }
}

struct Runner<'r, 'b> {
    file: &'r UnitTestFile,
    test: &'r UnitTest,
    groups: Vec<GroupState>,
    /// How many values of each input series are in the store.
    loaded: usize,
    bench: &'r mut Bench<'b>,
    failures: Vec<Failure>,
}

impl Runner<'_, '_> {
    fn run(&mut self, end: Duration) {
        let mut alert_tests: Vec<&AlertTest> = self.test.alert_tests.iter().collect();
        alert_tests.sort_by_key(|test| test.eval_time);
        let mut alert_tests = alert_tests.into_iter().peekable();
        let interval = self.file.evaluation_interval;
        let mut since_start = Duration::ZERO;
        while since_start <= end {
            let now = self.test.start.plus(since_start);
            if let Err(text) = self.load_until(now).and_then(|()| self.evaluate(now)) {
                self.fail(self.test.line, text);
                return;
            }
            // What is asked between two evaluations is what the earlier one found.
            let next = since_start + interval;
            while let Some(test) = alert_tests.next_if(|test| test.eval_time < next) {
                self.check_alerts(test);
            }
            since_start = next;
        }
        for test in &self.test.expr_tests {
            self.check_expr(test);
        }
    }

    fn fail(&mut self, line: usize, text: String) {
        self.failures.push(Failure { line, text });
    }

    /// Stores the input values up to a moment.
    fn load_until(&mut self, now: Timestamp) -> Result<(), String> {
        let longest = self
            .test
            .input_series
            .iter()
            .map(|series| series.values.len());
        let longest = longest.max().unwrap_or(0);
        while self.loaded < longest {
            let steps = u32::try_from(self.loaded).unwrap_or(u32::MAX);
            let at = self
                .test
                .start
                .plus(self.test.interval.saturating_mul(steps));
            if at > now {
                break;
            }
            let samples = self.test.input_series.iter().filter_map(|series| {
                let value = series.values.get(self.loaded).copied().flatten()?;
                Some((series.labels.clone(), value))
            });
            let samples: Vec<_> = samples.collect();
            (self.bench.append)(at, &samples)?;
            self.loaded += 1;
        }
        Ok(())
    }

    /// Evaluates every group; the first rule that cannot be evaluated ends the test.
    fn evaluate(&mut self, now: Timestamp) -> Result<(), String> {
        for group in &mut self.groups {
            for index in 0..group.group().rules.len() {
                let outcome = group.evaluate(index, now, self.bench.query);
                (self.bench.append)(outcome.at, &outcome.samples)?;
            }
            for (rule, state) in group.rules() {
                if let Health::Failed(error) = &state.health {
                    let after = format_duration(now.since(self.test.start));
                    let name = rule.name();
                    return Err(format!(
                        "rule {name:?} cannot be evaluated at {after}: {error}"
                    ));
                }
            }
        }
        Ok(())
    }

    fn check_alerts(&mut self, test: &AlertTest) {
        let rules = self.groups.iter().flat_map(GroupState::rules);
        let named = rules.filter(|(rule, _)| {
            rule.alerting()
                .is_some_and(|alerting| alerting.name == test.alertname)
        });
        let alerts = named.flat_map(|(_, state)| state.alerts());
        let firing = alerts.filter(|alert| matches!(alert.state, AlertState::Firing { .. }));
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let mut found: Vec<ExpectedAlert> = firing
            .map(|alert| ExpectedAlert {
                labels: alert.labels.iter().map(own).collect(),
                annotations: alert.annotations.iter().cloned().collect(),
            })
            .collect();
        found.sort();
        let mut expected = test.expected.clone();
        expected.sort();
        if found == expected {
            return;
        }
        let shown = |alerts: &[ExpectedAlert]| {
            let lines = alerts.iter().map(|alert| {
                let labels = pairs(&alert.labels);
                format!(
                    "\n        {labels} annotations {}",
                    pairs(&alert.annotations)
                )
            });
            let lines: String = lines.collect();
            if lines.is_empty() {
                " nothing".to_owned()
            } else {
                lines
            }
        };
        let text = format!(
            "alertname: {}, time: {}\n      expected:{}\n      got:{}",
            test.alertname,
            format_duration(test.eval_time),
            shown(&expected),
            shown(&found)
        );
        self.fail(test.line, text);
    }

    fn check_expr(&mut self, test: &ExprTest) {
        let at = self.test.start.plus(test.eval_time);
        let head = format!(
            "expr: {:?}, time: {}",
            test.expr_text,
            format_duration(test.eval_time)
        );
        let mut found = match samples(self.bench.query, &test.expr, at) {
            Ok(found) => found,
            Err(error) => {
                self.fail(test.line, format!("{head}\n      error: {error}"));
                return;
            }
        };
        let mut expected = test.expected.clone();
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        expected.sort_by(|(a, _), (b, _)| a.cmp(b));
        let fuzzy = self.file.fuzzy_compare;
        let same = found.len() == expected.len()
            && found.iter().zip(&expected).all(|(found, expected)| {
                found.0 == expected.0 && is_same(found.1, expected.1, fuzzy)
            });
        if same {
            return;
        }
        let shown = |samples: &[(Labels, f64)]| {
            let lines = samples.iter();
            let lines = lines.map(|(labels, v)| format!("\n        {labels} {}", format_float(*v)));
            let lines: String = lines.collect();
            if lines.is_empty() {
                " nothing".to_owned()
            } else {
                lines
            }
        };
        let (expected, found) = (shown(&expected), shown(&found));
        self.fail(
            test.line,
            format!("{head}\n      expected:{expected}\n      got:{found}"),
        );
    }
}

fn samples(
    query: &mut Query<'_>,
    expr: &Expr,
    at: Timestamp,
) -> Result<Vec<(Labels, f64)>, String> {
    let evaluated: Result<Evaluated, EvalError> = query(expr, at);
    match evaluated.map_err(|error| error.to_string())?.value {
        Value::Vector(series) => {
            let series = series.into_iter();
            Ok(series
                .map(|series| (series.labels, series.sample.value))
                .collect())
        }
        Value::Scalar(sample) => Ok(vec![(Labels::empty(), sample.value)]),
        Value::String { .. } | Value::Matrix(_) => {
            Err("the result is neither a vector nor a scalar".to_owned())
        }
    }
}

/// As in promtool a NaN is equal to nothing; `fuzzy` lets the last bit differ.
fn is_same(a: f64, b: f64, fuzzy: bool) -> bool {
    a == b || (fuzzy && (a.next_up() == b || a.next_down() == b))
}

fn pairs(pairs: &BTreeMap<String, String>) -> String {
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={value:?}"))
        .collect();
    format!("{{{}}}", pairs.join(", "))
}
