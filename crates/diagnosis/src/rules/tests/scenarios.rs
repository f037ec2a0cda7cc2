//! What an alert does when the server, its targets or its clock do not behave.

use super::*;

/// One rule over one target, told step by step: `second:what=state`.
///
/// `what` is `bad` and `ok`: the target is scraped and the expression holds or not; `down`: the
/// scrape failed, so the expression yields nothing; `thin`: scraped, but only once in the window
/// of `rate`; `gone`: the target was taken away; `error`: the query failed. `restart` stands
/// for a process that was killed and knows only what is stored; `clock+60`, `clock-60` move the
/// wall clock. Seconds are those of a clock that never jumps. A state is `-`, `p` or `F`; behind
/// it `!` when a notifier is told that it fires, `.` when it is told that it is over.
struct Scenario {
    rule: &'static str,
    state: GroupState,
    /// What is stored, newest sample of each series.
    stored: BTreeMap<Labels, Sample>,
    /// What a query found, by wall time.
    seen: BTreeMap<Timestamp, &'static str>,
    wall_ahead_s: i64,
    unwatched_max: Duration,
}

const RATE: &str = "rate(x[20s]) > 1";

impl Scenario {
    fn new(rule: &'static str, unwatched_max: Duration) -> Self {
        Self {
            rule,
            state: new_state(rule, unwatched_max),
            stored: BTreeMap::new(),
            seen: BTreeMap::new(),
            wall_ahead_s: 0,
            unwatched_max,
        }
    }

    fn restart(&mut self, now: Timestamp) {
        self.state = new_state(self.rule, self.unwatched_max);
        let found: Vec<_> = self.stored.iter().map(|(l, s)| (l.clone(), *s)).collect();
        let seen = self.seen.clone();
        let mut query = |expr: &Expr, at: Timestamp| Ok(answer(expr, at, seen[&at]));
        self.state.restore(&found, now, &mut query);
    }

    fn evaluate(&mut self, what: &'static str, now: Timestamp) -> String {
        self.seen.insert(now, what);
        let mut query = |expr: &Expr, at: Timestamp| match what {
            "error" => Err(promql::EvalError::Cancelled),
            what => Ok(answer(expr, at, what)),
        };
        let outcome = self.state.evaluate(0, now, &mut query);
        let ended = self.state.end_round();
        for (labels, value) in outcome.samples.iter().chain(&ended) {
            let sample = Sample {
                timestamp: outcome.at,
                value: *value,
            };
            self.stored.insert(labels.clone(), sample);
        }
        let (_, rule) = self.state.rules().next().unwrap();
        let mut shown = match rule.worst() {
            "pending" => "p".to_owned(),
            "firing" => "F".to_owned(),
            _ => "-".to_owned(),
        };
        for alert in &outcome.postable {
            shown.push(if alert.is_resolved() { '.' } else { '!' });
            assert_eq!(alert.annotations[0].1, "shop has 2");
        }
        shown
    }
}

fn new_state(rule: &str, unwatched_max: Duration) -> GroupState {
    let text = format!(
        "groups: [{{ name: g, interval: 15s, rules: [{{ alert: A, {rule}, \
         annotations: {{ s: '{{{{ $labels.job }}}} has {{{{ $value }}}}' }} }}] }}]"
    );
    let options = GroupOptions {
        unwatched_max,
        ..GroupOptions::default()
    };
    GroupState::new(parse_rule_file(&text).unwrap().remove(0), options)
}

/// What the store would say.
fn answer(expr: &Expr, at: Timestamp, what: &str) -> Evaluated {
    let text = expr.to_string();
    let value = match (text.as_str(), what) {
        ("up", "gone") => None,
        ("up", what) => Some(f64::from(what != "down")),
        ("sum_over_time(up[20s]) >= 2", "bad" | "ok") => Some(2.0),
        ("sum_over_time(up[20s]) >= 2", _) => None,
        (_, "bad") => Some(2.0),
        (_, _) => None,
    };
    let labels = Labels::new([("job", "shop"), ("instance", "h:1")]).unwrap();
    let series = value.map(|value| InstantSeries {
        labels,
        sample: Sample {
            timestamp: at,
            value,
        },
    });
    Evaluated {
        value: Value::Vector(series.into_iter().collect()),
        notes: Vec::new(),
    }
}

fn check_scenario(rule: &'static str, script: &'static str) {
    check_scenario_with(rule, Duration::from_secs(300), script);
}

fn check_scenario_with(rule: &'static str, unwatched_max: Duration, script: &'static str) {
    let mut scenario = Scenario::new(rule, unwatched_max);
    let mut restarting = false;
    let mut shown = Vec::new();
    for entry in script.split_whitespace() {
        if let Some(by_s) = entry.strip_prefix("clock") {
            let by_s: i64 = by_s.parse().unwrap();
            scenario.wall_ahead_s += by_s;
            scenario.state.clock_moved(by_s * 1000);
            shown.push(entry.to_owned());
            continue;
        }
        if entry == "restart" {
            restarting = true;
            shown.push(entry.to_owned());
            continue;
        }
        let (second, rest) = entry.split_once(':').unwrap();
        let (what, _) = rest.split_once('=').unwrap();
        let now = secs(second.parse::<i64>().unwrap() + scenario.wall_ahead_s);
        if std::mem::take(&mut restarting) {
            scenario.restart(now);
        }
        let found = scenario.evaluate(what, now);
        shown.push(format!("{second}:{what}={found}"));
    }
    let expected: Vec<_> = script.split_whitespace().collect();
    assert_eq!(shown.join(" "), expected.join(" "), "{rule}");
}

#[test]
fn an_alert_that_nothing_disturbs() {
    check_scenario(
        "expr: x > 1, for: 30s",
        "0:bad=p 15:bad=p 30:bad=F! 45:bad=F 105:bad=F! 120:ok=-.",
    );
}

#[test]
fn a_kill_in_the_middle_of_for_costs_nothing() {
    check_scenario(
        "expr: x > 1, for: 30s",
        "0:bad=p 15:bad=p restart 30:bad=F!",
    );
    check_scenario("expr: x > 1, for: 30s", "0:bad=p 15:bad=p restart 30:ok=-");
    check_scenario(
        "expr: x > 1, for: 30s",
        "0:bad=p restart 15:bad=p restart 30:bad=F!",
    );
}

#[test]
fn up_to_five_minutes_of_an_outage_count_towards_for() {
    check_scenario(
        "expr: x > 1, for: 10m",
        "0:bad=p 15:bad=p restart 300:bad=p 585:bad=p 600:bad=F!",
    );
}

#[test]
fn what_nobody_saw_for_longer_does_not_count() {
    // Ten minutes without the server: `for` ends 10 minutes and 15 s later than without it.
    check_scenario(
        "expr: x > 1, for: 15m",
        "0:bad=p 15:bad=p restart 615:bad=p 900:bad=p 1200:bad=p 1485:bad=p 1500:bad=F!",
    );
    // The same when the process itself stood still.
    check_scenario(
        "expr: x > 1, for: 15m",
        "0:bad=p 15:bad=p 615:bad=p 900:bad=p 1200:bad=p 1485:bad=p 1500:bad=F!",
    );
}

#[test]
fn what_fired_before_a_restart_fires_on_and_its_end_is_told() {
    check_scenario(
        "expr: x > 1, for: 15s",
        "0:bad=p 15:bad=F! restart 30:bad=F! 45:ok=-.",
    );
    check_scenario(
        "expr: x > 1, for: 15s",
        "0:bad=p 15:bad=F! restart 30:ok=-.",
    );
    // An hour later nobody remembers.
    check_scenario(
        "expr: x > 1, for: 15s",
        "0:bad=p 15:bad=F! restart 3630:bad=p 3645:bad=F!",
    );
}

#[test]
fn keep_firing_for_outlasts_a_restart() {
    check_scenario(
        "expr: x > 1, keep_firing_for: 1m",
        "0:bad=F! 15:ok=F restart 30:ok=F! 45:ok=F 60:ok=F 75:ok=-.",
    );
}

#[test]
fn a_failed_scrape_neither_ends_nor_delays_an_alert() {
    check_scenario(
        "expr: x > 1, for: 30s",
        "0:bad=p 15:down=p 30:bad=F! 45:down=F 60:bad=F 75:ok=-.",
    );
    // What is not seen does not fire.
    check_scenario(
        "expr: x > 1, for: 30s",
        "0:bad=p 15:down=p 30:down=p 45:ok=-",
    );
}

#[test]
fn after_a_gap_rate_is_given_time_for_two_scrapes() {
    check_scenario(
        "expr: 'rate(x[20s]) > 1', for: 30s",
        "0:bad=p 15:bad=p 30:bad=F! 45:down=F 60:thin=F 75:bad=F",
    );
    check_scenario(
        "expr: 'rate(x[20s]) > 1', for: 30s",
        "0:bad=p 15:bad=p 30:bad=F! restart 150:thin=F! 165:bad=F 180:ok=-.",
    );
    // A window that needs one sample only has it.
    check_scenario("expr: 'max_over_time(x[20s]) > 1'", "0:bad=F! 15:thin=-.");
    assert_eq!(promql::parse(RATE).unwrap().windows_of_two().count(), 1);
}

#[test]
fn an_alert_of_a_target_that_stays_down_ends_after_five_minutes() {
    check_scenario("expr: x > 1", "0:bad=F! 15:down=F 300:down=F! 315:down=-.");
}

#[test]
fn an_alert_of_a_target_that_was_taken_away_ends_at_once() {
    check_scenario("expr: x > 1", "0:bad=F! 15:gone=-.");
}

#[test]
fn other_targets_that_are_down_hold_nothing() {
    check_scenario("expr: 'x{job=\"other\"} > 1'", "0:bad=F! 15:down=-.");
}

#[test]
fn without_the_option_a_missing_series_ends_its_alert_as_in_prometheus() {
    check_scenario_with("expr: x > 1", Duration::ZERO, "0:bad=F! 15:down=-.");
}

#[test]
fn a_query_that_fails_ends_nothing_and_what_fires_is_told_on() {
    check_scenario(
        "expr: x > 1, for: 15s",
        "0:bad=p 15:bad=F! 30:error=F 90:error=F! 105:bad=F 120:ok=-.",
    );
}

#[test]
fn a_clock_that_jumps_ahead_fires_nothing_too_early() {
    check_scenario(
        "expr: x > 1, for: 30s",
        "0:bad=p clock+3600 15:bad=p 30:bad=F! 45:bad=F",
    );
    check_scenario(
        "expr: x > 1, for: 30s",
        "0:bad=p 15:bad=p 30:bad=F! clock+3600 45:bad=F! 60:ok=-.",
    );
}

#[test]
fn a_clock_that_jumps_back_delays_and_ends_nothing() {
    check_scenario(
        "expr: x > 1, for: 30s",
        "0:bad=p clock-3600 15:bad=p 30:bad=F! 45:bad=F 105:bad=F!",
    );
    check_scenario(
        "expr: x > 1, keep_firing_for: 30s",
        "0:bad=F! 15:ok=F clock-3600 30:ok=F 45:ok=-. 60:ok=- 120:ok=-.",
    );
}
