//! What a rule would have done over stored history.
//!
//! Pure: the values of the rule's expression at every step go in, the times at which its alerts
//! fired come out. The steps run through the same state machine as live evaluations do. Before
//! the first step nothing is known, so `for` counts from there.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{Labels, Timestamp};
use promql::{EvalError, Evaluated, Expr, InstantSeries, RangeSeries, Value};

use crate::rules::{
    Alert, AlertState, GroupOptions, GroupState, Health, Rule, RuleGroup, RuleKind, TransitionKind,
};

/// The moments at which rules are evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub from: Timestamp,
    /// Inclusive.
    pub to: Timestamp,
    pub step: Duration,
}

impl Span {
    /// How many moments there are; none when the end lies before the start.
    pub fn steps(&self) -> u64 {
        if self.to < self.from {
            return 0;
        }
        let steps = self.to.since(self.from).as_millis() / self.step.as_millis().max(1);
        u64::try_from(steps).unwrap_or(u64::MAX).saturating_add(1)
    }

    fn at(&self, step: u64) -> Timestamp {
        let step_ms = u64::try_from(self.step.as_millis()).unwrap_or(u64::MAX);
        let millis = i64::try_from(step.saturating_mul(step_ms)).unwrap_or(i64::MAX);
        self.from.plus_millis(millis)
    }
}

/// What became of one rule.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// By start, then labels.
    pub firings: Vec<Firing>,
    /// Alerts that were pending and ended before they fired.
    pub cleared: usize,
    /// Time during which at least one alert fired.
    pub firing_for: Duration,
    /// Steps at which the rule could not be evaluated, and why at the first of them.
    pub failed: Option<(u64, String)>,
}

/// One alert from its first to its last moment of firing.
#[derive(Clone, Debug, PartialEq)]
pub struct Firing {
    /// `alertname` among them.
    pub labels: Labels,
    pub start: Timestamp,
    /// `None`: it fires at the end of the span.
    pub end: Option<Timestamp>,
    /// The greatest value while it fired.
    pub peak: f64,
}

impl Firing {
    /// Until the end of the span when it has no end of its own.
    pub fn lasted(&self, span: &Span) -> Duration {
        self.end.unwrap_or(span.to).since(self.start)
    }
}

/// Replays an alerting rule; a recording rule has no history.
///
/// `series` are the values of its expression at the steps of the span: a matrix, as a range query
/// yields it. `query` answers what label templates ask.
pub fn replay(
    group: &RuleGroup,
    rule: &Rule,
    options: &GroupOptions,
    span: &Span,
    series: &[RangeSeries],
    query: &mut dyn FnMut(&Expr, Timestamp) -> Result<Evaluated, EvalError>,
) -> History {
    let mut rule = rule.clone();
    let RuleKind::Alerting(alerting) = &mut rule.kind else {
        return History::default();
    };
    // Nobody reads them, and they may be dear.
    alerting.annotations.clear();
    let expr = rule.expr.clone();
    let alone = RuleGroup {
        rules: vec![rule],
        interval: Some(span.step),
        // The caller's range query looked where the group looks.
        query_offset: Duration::ZERO,
        ..group.clone()
    };
    let mut state = GroupState::new(alone, options.clone());
    let mut replay = Replay {
        history: History::default(),
        open: BTreeMap::new(),
        fired_since: None,
    };
    let mut next = vec![0_usize; series.len()];
    for step in 0..span.steps() {
        let now = span.at(step);
        let vector = vector_at(series, &mut next, now);
        let mut vector = Some(vector);
        let mut ask = |asked: &Expr, at: Timestamp| match vector.take() {
            Some(vector) if *asked == expr => Ok(Evaluated {
                value: Value::Vector(vector),
                notes: Vec::new(),
            }),
            _ => query(asked, at),
        };
        let outcome = state.evaluate(0, now, &mut ask);
        for transition in &outcome.transitions {
            if transition.kind == TransitionKind::Cleared {
                replay.history.cleared += 1;
            }
        }
        if let Some((_, rule)) = state.rules().next() {
            if let Health::Failed(error) = &rule.health {
                let failed = replay.history.failed.get_or_insert((0, error.to_string()));
                failed.0 += 1;
            }
            replay.look(rule.alerts(), now);
        }
    }
    replay.end(span.to)
}

/// The series that have a value at a moment. Steps come in order, so each series is walked once.
fn vector_at(series: &[RangeSeries], next: &mut [usize], now: Timestamp) -> Vec<InstantSeries> {
    let mut vector = Vec::new();
    for (series, next) in series.iter().zip(next) {
        while series
            .samples
            .get(*next)
            .is_some_and(|sample| sample.timestamp < now)
        {
            *next += 1;
        }
        let sample = series
            .samples
            .get(*next)
            .filter(|sample| sample.timestamp == now);
        vector.extend(sample.map(|sample| InstantSeries {
            labels: series.labels.clone(),
            sample: *sample,
        }));
    }
    vector
}

struct Replay {
    history: History,
    /// What fires now: since when and with which peak.
    open: BTreeMap<Labels, (Timestamp, f64)>,
    fired_since: Option<Timestamp>,
}

impl Replay {
    fn look<'a>(&mut self, alerts: impl Iterator<Item = &'a Alert>, now: Timestamp) {
        let mut firing: BTreeMap<Labels, (Timestamp, f64)> = BTreeMap::new();
        for alert in alerts {
            let AlertState::Firing { fired_at, .. } = alert.state else {
                continue;
            };
            let before = self
                .open
                .remove(&alert.labels)
                .filter(|(start, _)| *start == fired_at);
            let peak = before.map_or(alert.value, |(_, peak)| peak.max(alert.value));
            firing.insert(alert.labels.clone(), (fired_at, peak));
        }
        let ended = std::mem::replace(&mut self.open, firing);
        for (labels, (start, peak)) in ended {
            let end = Some(now);
            self.history.firings.push(Firing {
                labels,
                start,
                end,
                peak,
            });
        }
        match (self.open.is_empty(), self.fired_since) {
            (false, None) => self.fired_since = Some(now),
            (true, Some(since)) => {
                self.history.firing_for += now.since(since);
                self.fired_since = None;
            }
            (false, Some(_)) | (true, None) => {}
        }
    }

    fn end(mut self, to: Timestamp) -> History {
        for (labels, (start, peak)) in self.open {
            let end = None;
            self.history.firings.push(Firing {
                labels,
                start,
                end,
                peak,
            });
        }
        self.history.firing_for += self.fired_since.map_or(Duration::ZERO, |at| to.since(at));
        let firings = &mut self.history.firings;
        firings.sort_by(|a, b| (a.start, &a.labels).cmp(&(b.start, &b.labels)));
        self.history
    }
}

#[cfg(test)]
mod tests {
    use model::Sample;

    use super::*;
    use crate::rules::parse_rule_file;

    /// Values at 0, 15, 30 … s of each series, `_` is none; what fired, as `job:start-end^peak`.
    fn check_replay(rule: &str, series: &[(&str, &str)], expected: &str) -> History {
        let text = format!("groups: [{{ name: g, rules: [{{ alert: A, {rule} }}] }}]");
        let group = parse_rule_file(&text).unwrap().remove(0);
        let secs = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        let mut to = secs(0);
        let mut matrix = Vec::new();
        for (job, values) in series {
            let samples = values.split(' ').zip(0_i64..).filter_map(|(value, step)| {
                to = to.max(secs(15 * step));
                let value = value.parse().ok()?;
                Some(Sample {
                    timestamp: secs(15 * step),
                    value,
                })
            });
            matrix.push(RangeSeries {
                samples: samples.collect(),
                labels: Labels::new([("job", *job)]).unwrap(),
            });
        }
        let span = Span {
            from: secs(0),
            to,
            step: Duration::from_secs(15),
        };
        let options = GroupOptions::default();
        let mut query = |_: &Expr, _: Timestamp| Err(EvalError::Cancelled);
        let history = replay(
            &group,
            &group.rules[0],
            &options,
            &span,
            &matrix,
            &mut query,
        );
        let shown = history.firings.iter().map(|firing| {
            let job = firing.labels.get("job").unwrap_or("?");
            let seconds = |at: Timestamp| (at.as_millis() / 1000).to_string();
            let end = firing.end.map_or(String::new(), seconds);
            format!("{job}:{}-{end}^{}", seconds(firing.start), firing.peak)
        });
        assert_eq!(
            shown.collect::<Vec<_>>().join(" "),
            expected,
            "{rule} {series:?}"
        );
        history
    }

    #[test]
    fn a_rule_fires_as_often_and_as_long_as_it_would_have() {
        let history = check_replay(
            "expr: x, for: 30s",
            &[
                ("a", "1 2 9 3 _ _ 5 5 _ 7 7 7"),
                ("b", "_ _ _ 1 1 1 1 _ _ _ _ _"),
            ],
            "a:30-60^9 b:75-105^1 a:165-^7",
        );
        assert_eq!(history.cleared, 1);
        assert_eq!(history.firing_for, Duration::from_secs(60));
    }

    #[test]
    fn alerts_of_one_rule_at_the_same_time_count_once() {
        let history = check_replay(
            "expr: x",
            &[("a", "1 1 1 _"), ("b", "_ 1 1 1")],
            "a:0-45^1 b:15-^1",
        );
        assert_eq!(history.firing_for, Duration::from_secs(45));
    }

    #[test]
    fn keep_firing_for_bridges_gaps() {
        check_replay(
            "expr: x, keep_firing_for: 40s",
            &[("a", "1 _ _ 4 _ _ _ _")],
            "a:0-105^4",
        );
    }

    #[test]
    fn a_rule_that_cannot_be_evaluated_says_why() {
        let rule = "expr: x, labels: { job: one }";
        let history = check_replay(rule, &[("a", "1 1"), ("b", "1 _")], "one:15-^1");
        let (steps, why) = history.failed.unwrap();
        assert_eq!(steps, 1);
        assert!(why.contains("same labelset"), "{why}");
    }

    #[test]
    fn a_span_counts_its_moments() {
        let span = |to: i64, step: u64| Span {
            from: Timestamp::from_millis(0),
            to: Timestamp::from_millis(to),
            step: Duration::from_millis(step),
        };
        assert_eq!(span(100, 10).steps(), 11);
        assert_eq!(span(99, 10).steps(), 10);
        assert_eq!(span(-1, 10).steps(), 0);
    }
}
