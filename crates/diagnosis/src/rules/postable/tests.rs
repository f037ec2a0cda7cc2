use model::Labels;

use super::*;

fn secs(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

/// Evaluations at the seconds named, after which one alert is `firing`, `pending` or `none`; what
/// is told at each: `starts_at-ends_at`, with `~` before the end while it fires.
fn check_told(interval_s: u64, script: &str, expected: &str) {
    let mut told = Told::default();
    let key = Labels::new([("alertname", "High"), ("job", "a")]).unwrap();
    let mut fired_at = None;
    let mut shown = Vec::new();
    for entry in script.split_whitespace() {
        let (at, state) = entry.split_once(':').unwrap();
        let now = secs(at.parse().unwrap());
        let state = match state {
            "firing" => Some(AlertState::Firing {
                active_at: now,
                fired_at: *fired_at.get_or_insert(now),
                clear_since: None,
            }),
            "pending" => Some(AlertState::Pending { active_at: now }),
            "none" => None,
            other => panic!("{other}"),
        };
        if !matches!(state, Some(AlertState::Firing { .. })) {
            fired_at = None;
        }
        let alert = state.map(|state| Alert {
            labels: key.clone(),
            annotations: vec![("summary".to_owned(), format!("at {at}"))],
            state,
            value: 1.0,
        });
        let alerts = alert
            .map(|alert| (key.clone(), alert))
            .into_iter()
            .collect();
        let telling = Telling {
            now,
            interval: Duration::from_secs(interval_s),
            resend_delay: RESEND_DELAY,
            generator_url: "http://h/graph",
        };
        let due = told.due(&alerts, &telling);
        for alert in due {
            assert_eq!(alert.updated_at, now);
            let fires = if alert.is_resolved() { "" } else { "~" };
            let (start, end) = (alert.starts_at, alert.wire_ends_at());
            let seconds = |at: Timestamp| at.as_millis() / 1000;
            shown.push(format!("{at}={}-{fires}{}", seconds(start), seconds(end)));
        }
    }
    assert_eq!(shown.join(" "), expected, "{script}");
}

#[test]
fn what_fires_is_told_at_once_and_again_after_the_resend_delay() {
    check_told(
        15,
        "0:firing 15:firing 60:firing 75:firing 150:firing",
        "0=0-~240 75=0-~315 150=0-~390",
    );
}

#[test]
fn a_slow_group_leaves_room_for_four_of_its_intervals() {
    check_told(300, "0:firing 300:firing", "0=0-~1200 300=0-~1500");
}

#[test]
fn what_is_pending_is_never_told() {
    check_told(15, "0:pending 15:pending 30:none", "");
}

#[test]
fn an_end_is_told_at_once_and_for_fifteen_minutes() {
    check_told(
        15,
        "0:firing 15:none 30:none 90:none 900:none 915:none 930:none 1000:none",
        "0=0-~240 15=0-15 90=0-15 900=0-15",
    );
}

#[test]
fn an_alert_that_comes_back_is_new() {
    check_told(
        15,
        "0:firing 15:none 30:pending 45:none 60:firing 75:none",
        "0=0-~240 15=0-15 60=60-~300 75=60-75",
    );
}

#[test]
fn links_name_the_expression_as_prometheus_does() {
    assert_eq!(
        generator_url("https://p.example/x/", "rate(a{b=\"é\"}[5m]) > 1"),
        "https://p.example/x/graph?g0.expr=rate%28a%7Bb%3D%22%C3%A9%22%7D%5B5m%5D%29+%3E+1&g0.tab=1"
    );
}

#[test]
fn labels_that_change_with_every_evaluation_do_not_fill_the_memory() {
    let mut told = Told::default();
    let mut n_resolved = 0;
    for round in 0..30 {
        let now = secs(round);
        let alerts = (0..1000).map(|index| {
            let labels = [
                ("alertname", "High".to_owned()),
                ("i", format!("{round} {index}")),
            ];
            let labels = Labels::new(labels).unwrap();
            let state = AlertState::Firing {
                active_at: now,
                fired_at: now,
                clear_since: None,
            };
            let alert = Alert {
                labels: labels.clone(),
                annotations: Vec::new(),
                state,
                value: 1.0,
            };
            (labels, alert)
        });
        let telling = Telling {
            now,
            interval: Duration::from_secs(1),
            resend_delay: RESEND_DELAY,
            generator_url: "",
        };
        let due = told.due(&alerts.collect(), &telling);
        n_resolved += due.iter().filter(|alert| alert.is_resolved()).count();
        assert!(
            told.alerts.len() <= TOLD_MAX + 2000,
            "{}",
            told.alerts.len()
        );
    }
    assert_eq!(n_resolved, 29_000, "each end is told all the same");
}
