mod ledger;
mod openslo;
mod standing;

use std::time::Duration;

use model::Timestamp;

use super::*;
use crate::notify::Zone;

fn events(part: &str, total: &str, counter: bool) -> Indicator {
    let query = |text| EventQuery::new(text, counter).unwrap();
    Indicator::Events {
        part: Part::Bad(query(part)),
        total: query(total),
    }
}

/// By requests, over 30 days.
fn objective(target: f64) -> Objective {
    Objective {
        id: ObjectiveId::new("web-availability").unwrap(),
        title: "Web answers".to_owned(),
        description: String::new(),
        entity: EntityKey::new("service", "web"),
        indicator: events("sum(rate(failed[$w]))", "sum(rate(all[$w]))", false),
        counting: Counting::Requests,
        target: Target::new(target).unwrap(),
        window: Window::rolling(30).unwrap(),
        floor: BAD_EVENTS_FLOOR,
    }
}

fn by_minutes(target: f64) -> Objective {
    Objective {
        counting: Counting::Minutes { good_from: 0.95 },
        floor: BAD_MINUTES_FLOOR,
        ..objective(target)
    }
}

fn at_minute(minute: i64) -> Timestamp {
    // A Monday, 1 January 2024, 0:00 UTC.
    Timestamp::from_millis(1_704_067_200_000 + minute * 60_000)
}

/// Zones of this machine, as the server reads them.
fn zone(name: &str) -> Result<Zone, String> {
    let bytes = std::fs::read(format!("/usr/share/zoneinfo/{name}")).map_err(|e| e.to_string())?;
    Zone::from_tzif(name, &bytes).map_err(|error| error.to_string())
}

#[test]
fn a_name_is_a_dns_label() {
    for (text, legal) in [
        ("web-availability", true),
        ("a", true),
        ("0", true),
        ("", false),
        ("-a", false),
        ("a-", false),
        ("A", false),
        ("a/b", false),
        ("../../etc", false),
        ("a\"} or vector(1", false),
        (&"a".repeat(63), true),
        (&"a".repeat(64), false),
    ] {
        assert_eq!(ObjectiveId::new(text).is_ok(), legal, "{text}");
    }
    for (words, expected) in [
        ("Web: GET /checkout/{id}", "web-get-checkout-id"),
        ("…", "objective"),
        ("ÄÖ web", "web"),
    ] {
        let id = ObjectiveId::from_words(words);
        assert_eq!(id.as_str(), expected);
        assert_eq!(id.numbered(2).as_str(), format!("{expected}-2"));
    }
    let long = ObjectiveId::from_words(&"ab-".repeat(40)).numbered(10);
    assert!(ObjectiveId::new(long.as_str()).is_ok(), "{long}");
}

#[test]
fn a_target_leaves_a_budget_and_no_more_digits() {
    for (ratio, budget) in [
        (0.995, 0.005),
        (0.9, 0.1),
        (0.9999, 0.0001),
        (0.9965, 0.0035),
    ] {
        assert_eq!(Target::new(ratio).unwrap().budget(), budget);
    }
    for ratio in [
        0.0,
        1.0,
        -1.0,
        2.0,
        99.5,
        f64::NAN,
        f64::INFINITY,
        1.0 - 1e-12,
    ] {
        assert!(Target::new(ratio).is_err(), "{ratio}");
    }
}

/// What is recorded of a query with windows of `window`, as it counts events a minute.
fn check_events(text: &str, counter: bool, window: u64, expected: &str) {
    let mut objective = objective(0.99);
    let found = EventQuery::new(text, counter).map(|total| {
        objective.indicator = Indicator::Events {
            part: Part::Bad(EventQuery::new("bad", true).unwrap()),
            total,
        };
        objective.recorded(Duration::from_secs(window)).total
    });
    let shown = found.unwrap_or_else(|error| format!("error: {error}"));
    assert_eq!(shown, expected, "{text}");
}

#[test]
fn every_way_to_write_a_query_counts_events_a_minute() {
    check_events("a{b=\"c\"}", true, 60, "sum(increase(a{b=\"c\"}[1m])) >= 0");
    check_events(
        "sum by (x) (a)",
        true,
        120,
        "sum(sum by (x) (increase(a[2m]))) * 0.5 >= 0",
    );
    check_events("rate(a[$w])", false, 60, "sum(rate(a[1m])) * 60 >= 0");
    check_events("rate(a[5m])", true, 60, "sum(rate(a[5m])) * 60 >= 0");
    check_events(
        "increase(a[$w])",
        false,
        120,
        "sum(increase(a[2m])) * 0.5 >= 0",
    );
    check_events(
        "increase(a[1h])",
        false,
        60,
        "sum(increase(a[1h])) * 0.016666666666666666 >= 0",
    );
    check_events("events_of_minute", false, 60, "sum(events_of_minute) >= 0");
    check_events("a # all\n", true, 60, "sum(increase(a[1m])) >= 0");
    check_events("rate(a[$w]) # all", false, 60, "sum(rate(a[1m])) * 60 >= 0");
}

#[test]
fn a_query_that_cannot_count_says_why() {
    let fails = |text: &str| EventQuery::new(text, true).unwrap_err().to_string();
    for (text, reason) in [
        ("sum(", "cannot be parsed"),
        ("1", "yields a number"),
        ("\"a\"", "yields a string"),
        ("a[5m]", "yields a range"),
        ("rate(a[1m]) + increase(b[1m])", "mixes rate and increase"),
        ("a offset 5m", "offset"),
        (") or vector(1", "cannot be parsed"),
        (&"a".repeat(20_000), "more than the limit"),
    ] {
        assert!(fails(text).contains(reason), "{text}: {}", fails(text));
    }
    assert!(ValueQuery::new("sum(").is_err());
}

fn check_recorded(objective: &Objective, total: &str, bad: &str) {
    let recorded = objective.recorded(STEP);
    assert_eq!(
        (recorded.total.as_str(), recorded.bad.as_str()),
        (total, bad)
    );
}

#[test]
fn good_and_bad_events_are_recorded_as_bad_ones_of_all() {
    let query = |text| EventQuery::new(text, true).unwrap();
    let of = |part| Objective {
        indicator: Indicator::Events {
            part,
            total: query("t"),
        },
        ..objective(0.99)
    };
    check_recorded(
        &of(Part::Bad(query("b"))),
        "sum(increase(t[1m])) >= 0",
        "(sum(increase(b[1m])) >= 0 or sum(increase(t[1m])) * 0)",
    );
    check_recorded(
        &of(Part::Good(query("g"))),
        "sum(increase(t[1m])) >= 0",
        "clamp_min(sum(increase(t[1m])) - (sum(increase(g[1m])) >= 0 or \
         sum(increase(t[1m])) * 0), 0)",
    );
    check_recorded(
        &Objective {
            counting: Counting::Minutes { good_from: 0.95 },
            ..of(Part::Bad(query("b")))
        },
        "count(sum(increase(t[1m])) > 0)",
        "(sum(increase(b[1m])) >= 0 or sum(increase(t[1m])) * 0) / \
         (sum(increase(t[1m])) > 0) > bool 0.05",
    );
    check_recorded(
        &Objective {
            indicator: Indicator::Threshold {
                query: ValueQuery::new("queue_age").unwrap(),
                good: Comparison::Less,
                limit: 30.0,
            },
            ..by_minutes(0.99)
        },
        "count(max(queue_age) == max(queue_age))",
        "(max(queue_age) == max(queue_age)) >= bool 30",
    );
}

#[test]
fn what_is_recorded_has_a_name_that_only_the_indicator_changes() {
    let one = objective(0.99);
    let renamed = Objective {
        title: "Other".to_owned(),
        target: Target::new(0.5).unwrap(),
        ..one.clone()
    };
    let other = Objective {
        indicator: events("sum(rate(failed[$w]))", "sum(rate(every[$w]))", false),
        ..one.clone()
    };
    assert_eq!(one.indicator_hash(), renamed.indicator_hash());
    assert_ne!(one.indicator_hash(), other.indicator_hash());
    assert_ne!(one.indicator_hash(), by_minutes(0.99).indicator_hash());
}

#[test]
fn hostile_words_stay_words_in_the_rules() {
    let hostile = "\"}} {{ $labels.x }} \u{2028}\u{7}\n- alert: Evil\\";
    let objective = Objective {
        title: hostile.to_owned(),
        entity: EntityKey {
            scope: model::Labels::new([("severity", "none"), ("service", hostile)]).unwrap(),
            ..EntityKey::new("route", hostile)
        },
        ..objective(0.99)
    };
    let group = objective.rule_group(STEP);
    assert_eq!(group.rules.len(), 5);
    assert_eq!(group.rules[0].label("entity"), Some(hostile));
    assert_eq!(group.rules[0].label("severity"), None);
    let alerting = group.rules[2].alerting().unwrap();
    let summary = &alerting.annotations[0].1;
    assert!(summary.contains("{{\"{{\"}} $labels.x }}"), "{summary}");
}

#[test]
fn each_burn_keeps_the_slower_ones_quiet() {
    let inhibitions = crate::pack::parse_inhibit_file(&inhibit_file()).unwrap();
    assert_eq!(inhibitions.len(), 2);
    let steady = BURNS[2].alert;
    for inhibition in &inhibitions {
        assert!(inhibition.target[0].matches(steady));
        assert_eq!(inhibition.equal, ["objective"]);
    }
}

fn check_problem(objective: &Objective, expected: &str) {
    let problems = objective.problems();
    let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert!(shown.join("; ").contains(expected), "{shown:?}");
}

#[test]
fn what_contradicts_itself_is_told() {
    assert_eq!(objective(0.99).problems(), []);
    let threshold = Indicator::Threshold {
        query: ValueQuery::new("a").unwrap(),
        good: Comparison::Less,
        limit: 1.0,
    };
    for (objective, expected) in [
        (
            Objective {
                indicator: threshold,
                ..objective(0.99)
            },
            "by the minute",
        ),
        (
            Objective {
                floor: f64::NAN,
                ..objective(0.99)
            },
            "floor",
        ),
        (
            Objective {
                counting: Counting::Minutes { good_from: 1.5 },
                ..objective(0.99)
            },
            "a minute is good",
        ),
        (
            Objective {
                title: "x".repeat(1000),
                ..objective(0.99)
            },
            "title",
        ),
    ] {
        check_problem(&objective, expected);
    }
}

/// The period at `now`, both in RFC 3339.
fn check_period(window: &Window, now: &str, expected: &str) {
    let parse = |text: &str| {
        let moment: jiff::Timestamp = text.parse().unwrap();
        Timestamp::from_millis(moment.as_millisecond())
    };
    let show = |at: Timestamp| {
        let moment = jiff::Timestamp::from_millisecond(at.as_millis()).unwrap();
        moment.to_string()
    };
    let period = window.period(parse(now));
    assert_eq!(
        format!("{} {}", show(period.start), show(period.end)),
        expected,
        "{now}"
    );
}

fn calendar(unit: Calendar, zone_name: &str) -> Window {
    Window::Calendar {
        unit,
        zone: zone(zone_name).unwrap(),
        zone_name: zone_name.to_owned(),
    }
}

#[test]
fn a_period_is_that_of_the_calendar_where_the_people_are() {
    let rolling = Window::rolling(7).unwrap();
    check_period(
        &rolling,
        "2024-03-10T12:00:00Z",
        "2024-03-03T12:00:00Z 2024-03-10T12:00:00Z",
    );
    for (unit, zone, now, expected) in [
        (
            Calendar::Week,
            "UTC",
            "2024-03-10T23:59:59Z",
            "2024-03-04T00:00:00Z 2024-03-11T00:00:00Z",
        ),
        (
            Calendar::Week,
            "UTC",
            "2024-01-01T00:00:00Z",
            "2024-01-01T00:00:00Z 2024-01-08T00:00:00Z",
        ),
        (
            Calendar::Month,
            "UTC",
            "2024-12-31T23:59:59Z",
            "2024-12-01T00:00:00Z 2025-01-01T00:00:00Z",
        ),
        (
            Calendar::Quarter,
            "UTC",
            "2024-11-05T00:00:00Z",
            "2024-10-01T00:00:00Z 2025-01-01T00:00:00Z",
        ),
        // The clocks go forward on 31 March: the month is an hour short.
        (
            Calendar::Month,
            "Europe/Berlin",
            "2024-03-15T00:00:00Z",
            "2024-02-29T23:00:00Z 2024-03-31T22:00:00Z",
        ),
        // Already April there.
        (
            Calendar::Month,
            "Pacific/Auckland",
            "2024-03-31T12:00:00Z",
            "2024-03-31T11:00:00Z 2024-04-30T12:00:00Z",
        ),
        (
            Calendar::Week,
            "America/New_York",
            "2024-03-11T03:59:59Z",
            "2024-03-04T05:00:00Z 2024-03-11T04:00:00Z",
        ),
    ] {
        check_period(&calendar(unit, zone), now, expected);
    }
    for days in [0, 101, u32::MAX] {
        assert!(Window::rolling(days).is_err());
    }
}

fn check_target(bad: f64, total: f64, expected: Option<f64>) {
    let week = 7 * 24 * 60;
    let sums = Sums {
        bad,
        total,
        minutes: week,
    };
    let month = 30.0 * 24.0 * 60.0;
    assert_eq!(suggest_target(&sums, month), expected, "{bad} of {total}");
}

#[test]
fn a_suggested_target_was_met_and_can_be_missed() {
    check_target(0.0, 10_000_000.0, Some(0.9999));
    check_target(0.0, 10_000.0, Some(0.9995));
    check_target(900.0, 1_000_000.0, Some(0.995));
    check_target(7.0, 1_000.0, Some(0.99));
    check_target(8.0, 1_000.0, Some(0.95));
    check_target(300.0, 1_000.0, None);
    // A request an hour: no ratio of it means anything.
    check_target(0.0, 20.0, None);
    check_target(0.0, 0.0, None);
}

#[test]
fn a_suggested_latency_is_a_bound_that_nearly_all_stay_within() {
    let history = Sums {
        bad: 0.0,
        total: 100_000.0,
        minutes: 7 * 24 * 60,
    };
    let check = |within: &[(f64, f64)], expected: Option<(f64, f64)>| {
        let found = suggest_latency(within, &history, 43_200.0);
        assert_eq!(
            found.map(|found| (found.limit, found.target)),
            expected,
            "{within:?}"
        );
    };
    check(
        &[(0.1, 90_000.0), (0.25, 99_300.0), (0.5, 99_990.0)],
        Some((0.25, 0.99)),
    );
    check(&[(0.1, 50_000.0), (1.0, 96_500.0)], Some((1.0, 0.95)));
    check(&[(0.1, 100_000.0)], Some((0.1, 0.9999)));
    check(&[(0.1, 10.0)], None);
    check(&[], None);
}
