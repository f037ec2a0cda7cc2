use std::fmt::Write as _;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::graph::EntityKey;
use crate::kpi::{KpiKey, KpiKind, KpiSeries};

const STEP: Duration = Duration::from_secs(15);

/// A Monday, so that weekends are where they are.
const START: Timestamp = Timestamp::from_millis(1_767_571_200_000);

fn key(kind: &str) -> KpiKey {
    KpiKey {
        entity: EntityKey::new("service", "web"),
        kind: KpiKind::parse(kind).unwrap(),
    }
}

/// `0.1x60 -x4 1.2`: 60 values of 0.1 with a little noise, four that are missing, one of 1.2.
fn values(script: &str) -> Vec<Option<f64>> {
    let mut values = Vec::new();
    let mut seed = 1_u32;
    for entry in script.split_whitespace() {
        let (value, n) = entry.split_once('x').unwrap_or((entry, "1"));
        for _ in 0..n.parse::<usize>().unwrap() {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = 1.0 + 0.02 * (f64::from(seed >> 16) / 32_768.0 - 1.0);
            values.push(match value {
                "-" => None,
                exact if exact.starts_with('=') => Some(exact[1..].parse().unwrap()),
                _ => Some(value.parse::<f64>().unwrap() * noise),
            });
        }
    }
    values
}

struct World {
    assertions: Assertions,
    shown: Vec<String>,
    sentences: Vec<String>,
}

impl World {
    fn new() -> Self {
        Self {
            assertions: Assertions::new(AssertionOptions::default()),
            shown: Vec::new(),
            sentences: Vec::new(),
        }
    }

    fn show(&mut self, second: u64, transitions: Vec<AssertionTransition>) {
        for transition in transitions {
            let assertion = &transition.assertion;
            assert!(assertion.onset <= assertion.since, "{assertion:?}");
            let sign = match transition.kind {
                TransitionKind::Began => "+",
                TransitionKind::Changed => "~",
                TransitionKind::Ended => "-",
            };
            let mut shown = format!("{second}{sign}{}", assertion.key.name);
            if transition.kind == TransitionKind::Changed {
                write!(shown, ":{}", assertion.severity.name()).unwrap();
            }
            self.shown.push(shown);
            if transition.kind == TransitionKind::Began {
                self.sentences.push(assertion.sentence.clone());
            }
        }
    }
}

/// Each line is a KPI and its values, one in 15 s; before `|` they are history, one a minute, that
/// is learned. What begins (`+`), changes (`~`) and ends (`-`), at which second.
fn check_assertions(script: &str, expected: &str) -> World {
    let mut world = World::new();
    run(&mut world, script);
    assert_eq!(world.shown.join(" "), expected, "{script}");
    world
}

fn run(world: &mut World, script: &str) {
    let mut live = Vec::new();
    for line in script.lines().filter(|line| !line.trim().is_empty()) {
        let (name, rest) = line.trim().split_once(' ').unwrap();
        let (past, now) = rest.split_once('|').unwrap_or(("", rest));
        let past = values(past);
        let minutes = u32::try_from(past.len()).unwrap();
        let begin = START.minus(Duration::from_secs(60) * minutes);
        let at = |n: usize| begin.plus(Duration::from_secs(60) * u32::try_from(n).unwrap());
        let known = past
            .iter()
            .enumerate()
            .filter_map(|(n, value)| Some((at(n), (*value)?)));
        let series = KpiSeries {
            key: key(name),
            samples: known.collect(),
        };
        world.assertions.learn(&series);
        live.push((key(name), values(now)));
    }
    let n_rounds = live
        .iter()
        .map(|(_, values)| values.len())
        .max()
        .unwrap_or(0);
    for round in 0..n_rounds {
        let points: Vec<(KpiKey, f64)> = live
            .iter()
            .filter_map(|(key, values)| Some((key.clone(), (*values.get(round)?)?)))
            .collect();
        let now = START.plus(STEP * u32::try_from(round).unwrap());
        let transitions = world.assertions.observe(now, &points, &[]);
        world.show(15 * round as u64, transitions);
    }
}

#[test]
fn errors_above_the_limit_begin_in_a_minute_and_end_when_they_stay_below() {
    let world = check_assertions(
        "request_rate 20x600 | 20x80
         error_ratio 0.001x600 | 0.001x20 0.24x20 0.001x40",
        "330+error_ratio_breach 480+error_ratio_anomaly \
         720-error_ratio_breach 720-error_ratio_anomaly",
    );
    assert!(
        world.sentences[0].starts_with("Errors 2"),
        "{:?}",
        world.sentences
    );
    assert!(
        world.sentences[0].ends_with("usually 0.1 %; the limit is 10 %"),
        "{:?}",
        world.sentences
    );
}

#[test]
fn a_budget_that_burns_is_told_before_the_limit_is_passed() {
    // 9 % is below the limit and above six times a budget of 1 %.
    check_assertions(
        "request_rate 20x600 | 20x1000\nerror_ratio =0x600 | =0.09x1000",
        "180+error_ratio_anomaly 14445+error_buildup",
    );
}

#[test]
fn few_bad_requests_are_no_breach_until_they_are_five() {
    // One request in two minutes, all of them bad.
    check_assertions(
        "request_rate =0.008x300
         error_ratio =0x20 =0.9x60",
        "1020+error_ratio_breach",
    );
    check_assertions(
        "request_rate =0.008x60\nerror_ratio =0x20 =0.9x10 =0x30",
        "",
    );
}

#[test]
fn errors_that_yesterday_had_too_are_no_breach_up_to_a_cap() {
    check_assertions("error_ratio 0.2x2880 | 0.22x30", "");
    let script = "error_ratio 0.9x2880 | 0.9x10";
    let mut world = World::new();
    run(&mut world, script);
    assert!(
        world
            .shown
            .iter()
            .any(|shown| shown.ends_with("error_ratio_breach"))
            || world
                .assertions
                .active()
                .any(|a| a.key.name == "error_ratio_breach")
    );
}

#[test]
fn a_latency_is_held_to_what_it_learned() {
    let world = check_assertions(
        "request_rate 20x1600 | 20x80
         latency_p95 0.1x1600 | 0.1x20 1.2x50",
        "480+latency_breach 585+latency_anomaly 870+latency_buildup",
    );
    assert!(
        world.sentences[0].starts_with("p95 1."),
        "{:?}",
        world.sentences
    );
    // Too few requests to say anything of their latency.
    check_assertions(
        "request_rate =0.01x60
         latency_p95 0.1x1600 | 0.1x20 1.2x40",
        "",
    );
    // Faster is no trouble, and a little slower is none either.
    check_assertions("latency_p95 0.1x1600 | 0.1x20 0.02x40", "");
    check_assertions("latency_p95 0.1x1600 | 0.1x20 0.12x40", "");
}

#[test]
fn saturation_has_two_levels_and_critical_takes_the_place_of_the_warning() {
    check_assertions(
        "saturation:connections 0.5x20 0.83x20 0.97x20 0.83x20 0.5x20",
        "420+saturation 720~saturation:critical 1020~saturation:warning 1320-saturation",
    );
}

#[test]
fn what_fills_up_evenly_is_told_before_it_is_full() {
    let mut script = "saturation:disk ".to_owned();
    for minute in 0..100 {
        write!(script, "={} ", 0.35 + 0.0025 * f64::from(minute)).unwrap();
    }
    script.push('|');
    for n in 0..100 {
        write!(script, " ={}", 0.6 + 0.000_625 * f64::from(n)).unwrap();
    }
    check_assertions(&script, "900+saturation_forecast");
}

#[test]
fn traffic_that_stays_away_is_a_loss() {
    check_assertions(
        "request_rate 20x1600 | 20x20 =0x20 20x20",
        "465+traffic_loss 585+request_rate_anomaly 600-request_rate_anomaly 600-traffic_loss",
    );
    // Nothing comes at night.
    let night = "20x720 =0x720 20x720 =0x720 20x720";
    check_assertions(&format!("request_rate {night} | =0x60"), "");
}

#[test]
fn an_instance_that_does_not_answer_is_down() {
    check_assertions("up =1x4 =0x6 =1x12", "105+down 270-down");
    check_assertions("up =1x4 =0.5x6 =0x6", "105+down 150~down:critical");
    check_assertions("up =1x4 =0x2 =1x8", "");
}

#[test]
fn a_gap_neither_begins_nor_ends_anything() {
    // One value beyond the limit on either side of it.
    check_assertions("error_ratio =0x20 =0.5x1 -x20 =0.5x1 =0x4", "");
    check_assertions(
        "error_ratio =0x20 =0.5x20 -x40 =0.5x10",
        "330+error_ratio_breach",
    );
    // Nobody measures it any more.
    let world = check_assertions("up =1x4 =0x6 -x250", "105+down 3750-down");
    assert_eq!(world.assertions.active().count(), 0);
}

#[test]
fn what_lasted_before_a_restart_goes_on() {
    let mut world = World::new();
    run(&mut world, "error_ratio =0x600 =0.5x30 | =0.5x20");
    assert_eq!(world.shown.join(" "), "");
    let lasts: Vec<_> = world
        .assertions
        .active()
        .map(|a| a.key.name.as_str())
        .collect();
    assert!(lasts.contains(&"error_ratio_breach"), "{lasts:?}");
    assert!(world.assertions.active().all(|a| a.since < START));
}

#[test]
fn thresholds_decide_and_switch_off() {
    let thresholds = "
thresholds:
  - entity: service
    name: we*
    kpi: error_ratio
    set: { error_ratio: 0.9 }
    off: [error_ratio_anomaly, error_buildup]
  - kpi: latency_p95
    set: { latency: 2 }
    off: latency_anomaly
";
    let (thresholds, problems) = Thresholds::read(thresholds);
    assert_eq!(problems, []);
    let mut world = World::new();
    world.assertions.set_thresholds(thresholds);
    run(
        &mut world,
        "error_ratio =0x600 | =0x10 =0.5x40\nlatency_p95 0.1x1600 | 0.1x20 1.2x30 3x20",
    );
    assert_eq!(world.shown.join(" "), "930+latency_breach");
}

#[test]
fn a_bad_threshold_costs_itself_and_has_a_line() {
    let check = |text: &str, expected: &[(usize, &str)]| {
        let (_, problems) = Thresholds::read(text);
        let shown: Vec<_> = problems
            .iter()
            .map(|p| (p.line, p.mistake.to_string()))
            .collect();
        assert_eq!(shown.len(), expected.len(), "{shown:?}");
        for ((line, text), (known_line, known)) in shown.iter().zip(expected) {
            assert!(line == known_line && text.contains(known), "{shown:?}");
        }
    };
    check("", &[]);
    check(
        "thresholds:\n  - kpi: cpu\n    off: all\n",
        &[(2, "error_ratio, latency_p95")],
    );
    check("thresholds:\n  - kpi: up\n", &[(2, "sets limits")]);
    check(
        "thresholds:\n  - set: { latency: -1 }\n",
        &[(2, "number from 0")],
    );
    check(
        "thresholds:\n  - set: { latency: nan }\n",
        &[(2, "number from 0")],
    );
    check(
        "thresholds:\n  - set: { speed: 1 }\n",
        &[(2, "no field \"speed\"")],
    );
    check(
        "thresholds:\n  - off: everything\n",
        &[(2, "all or one of")],
    );
    check("thresholds: 7\n", &[(1, "a list")]);
    check("- [", &[(1, "")]);
}

#[test]
fn alerts_are_assertions_of_their_entity_while_they_fire() {
    let mut world = World::new();
    let alert = EntityAlert {
        entity: EntityKey::new("cache", "redis:6379"),
        name: "RedisDown".to_owned(),
        category: Category::Failure,
        severity: Severity::Critical,
        active_at: START.minus(STEP),
        value: Some(0.0),
        sentence: "Redis is down".to_owned(),
    };
    for (round, firing) in [1, 1, 0].into_iter().enumerate() {
        let alerts = vec![alert.clone(); firing];
        let now = START.plus(STEP * u32::try_from(round).unwrap());
        let transitions = world.assertions.observe(now, &[], &alerts);
        world.show(15 * round as u64, transitions);
    }
    assert_eq!(world.shown.join(" "), "0+RedisDown 30-RedisDown");
}

#[test]
fn changes_are_told_once_and_first_sights_are_none() {
    let mut world = World::new();
    let web = EntityKey::new("service", "web");
    let version = |text: &str| FactValue::Version(text.to_owned());
    let rounds: [&[FactValue]; 9] = [
        &[
            version("1.0"),
            FactValue::Replicas(2),
            FactValue::Started(1000.0),
        ],
        // A gap, then the same again.
        &[],
        &[
            version("1.0"),
            FactValue::Replicas(2),
            FactValue::Started(1000.5),
        ],
        // A new version is rolled out, one instance after the other.
        &[version("1.0"), version("1.1"), FactValue::Replicas(3)],
        &[
            version("1.1"),
            FactValue::Replicas(2),
            FactValue::Started(1100.0),
        ],
        &[version("1.1"), FactValue::Replicas(4)],
        &[version("1.1"), FactValue::Replicas(4)],
        &[
            version("1.1"),
            FactValue::Replicas(4),
            FactValue::Started(f64::NAN),
        ],
        &[FactValue::Configuration("a".to_owned())],
    ];
    for (round, values) in rounds.into_iter().enumerate() {
        let fact = |value: &FactValue| Fact {
            entity: web.clone(),
            value: value.clone(),
        };
        let facts: Vec<Fact> = values.iter().map(fact).collect();
        let second = 60 * round as u64;
        let transitions = world
            .assertions
            .observe_facts(START.plus(Duration::from_secs(second)), &facts);
        world.show(second, transitions);
    }
    let shown = world.shown.join(" ");
    // The start lies long before, so a restart then is no news now.
    assert_eq!(shown, "180+version_change 360+replicas_change");
    assert_eq!(world.sentences[0], "Version 1.1, before 1.0");
}

#[test]
fn the_same_history_gives_the_same_assertions() {
    let script = "request_rate 20x1600 | 20x20 =0x20\nerror_ratio 0.001x100 | 0.3x60";
    let (mut one, mut other) = (World::new(), World::new());
    run(&mut one, script);
    run(&mut other, script);
    assert_eq!(one.shown, other.shown);
    assert!(!one.shown.is_empty());
}

const KINDS: [&str; 8] = [
    "request_rate",
    "error_ratio",
    "client_error_ratio",
    "latency_average",
    "latency_p99",
    "saturation:cpu",
    "resource:queue",
    "up",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_comes_nothing_panics_and_nothing_is_asserted_without_a_value(
        rounds in prop::collection::vec(
            (
                -100_000_i64..100_000,
                prop::collection::vec((0_usize..8, prop_oneof![
                    any::<f64>(), Just(f64::NAN), Just(f64::INFINITY), Just(1e308), Just(-1.0), 0.0..2.0_f64,
                ]), 0..6),
            ),
            0..120,
        ),
    ) {
        let mut assertions = Assertions::new(AssertionOptions::default());
        let mut now = START;
        let mut seen = std::collections::BTreeSet::new();
        for (step, points) in rounds {
            now = now.plus_millis(step);
            let points: Vec<_> = points.into_iter().map(|(idx, value)| {
                seen.insert(KINDS[idx]);
                (key(KINDS[idx]), value)
            }).collect();
            for transition in assertions.observe(now, &points, &[]) {
                let assertion = transition.assertion;
                prop_assert!(assertion.onset <= assertion.since);
                let kind = assertion.key.kpi.unwrap().name();
                prop_assert!(seen.contains(kind.as_str()), "{kind} was never seen");
            }
        }
    }

    #[test]
    fn what_holds_at_a_value_holds_at_a_worse_one(low in 0.81_f64..0.9, more in 0.0..0.09_f64) {
        let lasts = |value: f64| {
            let mut world = World::new();
            run(&mut world, &format!("saturation:connections =0.1x10 ={value}x40"));
            world.assertions.active().count()
        };
        prop_assert!(lasts(low) <= lasts(low + more));
    }
}
