//! promtool's tests of rules, run by our own evaluation: fast enough for every mutant of a rule.

use std::collections::BTreeMap;
use std::time::Duration;

use diagnosis::rules::{AlertState, GroupOptions, GroupState, Rule, RuleGroup};
use diagnosis::yaml::{self, NODES_MAX, Node, Value};
use model::{Labels, Timestamp, parse_duration};
use promql::{EvalOptions, Evaluated, InstantSeries, Range, eval_instant, eval_range};
use store::{Snapshot, Store};

use crate::fixture::labels_of;

/// One test of a file: series, and what alerts when.
pub(crate) struct Scenario {
    pub(crate) name: String,
    step: Duration,
    checks: Vec<Check>,
    snapshot: Snapshot,
}

struct Check {
    at: Timestamp,
    alert: String,
    /// The labels of those that fire, sorted.
    firing: Vec<Labels>,
}

impl Scenario {
    /// The tests of a file; what recording rules write is among their series.
    pub(crate) fn read(text: &str, records: &[RuleGroup]) -> Vec<Self> {
        let root = yaml::parse(text, NODES_MAX).unwrap();
        let step = get(&root, "evaluation_interval").map_or("1m", scalar);
        let step = parse_duration(step).unwrap();
        let tests = list(&root, "tests").iter();
        tests.map(|test| Self::of(test, step, records)).collect()
    }

    fn of(test: &Node, step: Duration, records: &[RuleGroup]) -> Self {
        let store = Store::in_memory();
        let interval = parse_duration(scalar(get(test, "interval").unwrap())).unwrap();
        for series in list(test, "input_series") {
            let labels = labels_of(scalar(get(series, "series").unwrap()));
            // Gaps differ from series to series, and a group's samples share their times.
            let group = store.group(&labels.to_string());
            let id = store.resolve(group, &labels).unwrap();
            let values = values(scalar(get(series, "values").unwrap()));
            for (round, value) in values.into_iter().enumerate() {
                let at = Timestamp::from_millis(0).plus(interval * u32::try_from(round).unwrap());
                if let Some(value) = value {
                    store.append(group, at, &[(id, value)]).unwrap();
                }
            }
        }
        let checks = list(test, "alert_rule_test").iter().map(Check::of);
        let checks: Vec<Check> = checks.collect();
        let end = checks.iter().map(|check| check.at).max().unwrap();
        let mut states: Vec<GroupState> = records
            .iter()
            .map(|group| GroupState::new(group.clone(), group_options(step)))
            .collect();
        for at in times(step, end) {
            for state in &mut states {
                record(&store, state, at);
            }
        }
        Self {
            name: get(test, "name").map_or("", scalar).to_owned(),
            step,
            checks,
            snapshot: store.snapshot(),
        }
    }

    pub(crate) fn is_about(&self, alert: &str) -> bool {
        self.checks.iter().any(|check| check.alert == alert)
    }

    /// The first check that a rule does not pass.
    pub(crate) fn failure(&self, rule: &Rule) -> Option<String> {
        let checks = self
            .checks
            .iter()
            .filter(|check| check.alert == rule.name());
        checks.into_iter().find_map(|check| {
            let found = self.firing(rule, check.at);
            let texts = |all: &[Labels]| all.iter().map(|l| format!("\n  {l}")).collect::<String>();
            (found != check.firing).then(|| {
                format!(
                    "{} at {:?}: found{}\nexpected{}",
                    rule.name(),
                    check.at.since(Timestamp::from_millis(0)),
                    texts(&found),
                    texts(&check.firing)
                )
            })
        })
    }

    /// What fires at a time. It depends on nothing before `for` and `keep_firing_for`; both are
    /// taken twice, and the whole span is one range query.
    fn firing(&self, rule: &Rule, at: Timestamp) -> Vec<Labels> {
        let alerting = rule.alerting().unwrap();
        let span = (alerting.hold + alerting.keep_firing_for) * 2 + self.step * 3;
        let mut times = times(self.step, at)
            .filter(|time| at.since(*time) <= span)
            .peekable();
        let range = Range {
            start: *times.peek().unwrap(),
            end: at,
            step: self.step,
        };
        let options = EvalOptions::default();
        let evaluated = eval_range(&self.snapshot, &rule.expr, range, &options).unwrap();
        let promql::Value::Matrix(series) = evaluated.value else {
            panic!("a range has a matrix");
        };
        let mut by_time: BTreeMap<Timestamp, Vec<InstantSeries>> = BTreeMap::new();
        for series in series {
            for sample in series.samples {
                let labels = series.labels.clone();
                let at = by_time.entry(sample.timestamp).or_default();
                at.push(InstantSeries { labels, sample });
            }
        }
        let group = RuleGroup {
            name: "g".to_owned(),
            interval: None,
            query_offset: Duration::ZERO,
            limit: None,
            rules: vec![rule.clone()],
        };
        let mut state = GroupState::new(group, group_options(self.step));
        let mut query = |_: &promql::Expr, at| {
            Ok(Evaluated {
                value: promql::Value::Vector(by_time.remove(&at).unwrap_or_default()),
                notes: Vec::new(),
            })
        };
        for time in times {
            state.evaluate(0, time, &mut query);
        }
        firing(&state)
    }
}

/// A group that is evaluated at each step.
fn group_options(step: Duration) -> GroupOptions {
    GroupOptions {
        interval: step,
        ..GroupOptions::default()
    }
}

impl Check {
    fn of(node: &Node) -> Self {
        let alert = scalar(get(node, "alertname").unwrap()).to_owned();
        let at = parse_duration(scalar(get(node, "eval_time").unwrap())).unwrap();
        let firing = list(node, "exp_alerts").iter().map(|expected| {
            let labels = get(expected, "exp_labels").and_then(Node::fields).unwrap();
            let labels = labels
                .iter()
                .map(|field| (field.name.as_str(), scalar(&field.value)));
            Labels::new(labels.chain([("alertname", alert.as_str())])).unwrap()
        });
        let mut firing: Vec<Labels> = firing.collect();
        firing.sort();
        Self {
            at: Timestamp::from_millis(0).plus(at),
            alert: alert.clone(),
            firing,
        }
    }
}

fn firing(state: &GroupState) -> Vec<Labels> {
    let alerts = state.rules().flat_map(|(_, rule)| rule.alerts());
    let firing = alerts.filter(|alert| matches!(alert.state, AlertState::Firing { .. }));
    let mut labels: Vec<Labels> = firing.map(|alert| alert.labels.clone()).collect();
    labels.sort();
    labels
}

fn record(store: &Store, state: &mut GroupState, at: Timestamp) {
    let n_rules = state.group().rules.len();
    for index in 0..n_rules {
        let snapshot = store.snapshot();
        let options = EvalOptions::default();
        let mut query = |expr: &promql::Expr, at| eval_instant(&snapshot, expr, at, &options);
        let outcome = state.evaluate(index, at, &mut query);
        let group = store.group(&format!("record {index}"));
        let samples = outcome.samples.iter();
        let samples = samples.map(|(labels, v)| (store.resolve(group, labels).unwrap(), *v));
        store
            .append(group, outcome.at, &samples.collect::<Vec<_>>())
            .unwrap();
    }
}

fn times(step: Duration, end: Timestamp) -> impl Iterator<Item = Timestamp> {
    let start = Timestamp::from_millis(0);
    std::iter::successors(Some(start), move |at| Some(at.plus(step)))
        .take_while(move |at| *at <= end)
}

/// `1x3`, `0+5x10`, `_x2`, numbers, `_`, `stale`.
fn values(text: &str) -> Vec<Option<f64>> {
    let mut values = Vec::new();
    for word in text.split_whitespace() {
        let (value, times) = match word.rsplit_once('x') {
            Some((value, times)) => (value, times.parse::<i32>().unwrap()),
            None => (word, 0),
        };
        if value == "_" {
            // `_x3` is three gaps, unlike `1x3`, which is four ones.
            values.extend((0..times.max(1)).map(|_| None));
            continue;
        }
        if value == "stale" {
            values.push(Some(model::stale_marker()));
            continue;
        }
        let sign = value
            .char_indices()
            .skip(1)
            .find(|&(place, c)| matches!(c, '+' | '-') && !value[..place].ends_with(['e', 'E']));
        let (first, growth) = sign.map_or((value, "0"), |(place, _)| value.split_at(place));
        let (first, growth): (f64, f64) = (first.parse().unwrap(), growth.parse().unwrap());
        values.extend((0..=times).map(|round| Some(first + growth * f64::from(round))));
    }
    values
}

fn get<'a>(node: &'a Node, name: &str) -> Option<&'a Node> {
    let fields = node.fields().unwrap_or_default();
    fields
        .iter()
        .find(|field| field.name == name)
        .map(|field| &field.value)
}

fn list<'a>(node: &'a Node, name: &str) -> &'a [Node] {
    match get(node, name).map(|node| &node.value) {
        Some(Value::List(items)) => items,
        _ => &[],
    }
}

fn scalar(node: &Node) -> &str {
    match &node.value {
        Value::Scalar(text) => text,
        other => panic!("line {}: {other:?} is no text", node.line),
    }
}
