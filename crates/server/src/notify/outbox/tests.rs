//! What survives, what joins, and in which order it goes out.

use diagnosis::notify::{Reason, Told};
use model::Labels;

use super::*;

const MINUTE: i64 = 60_000;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn due(group: &str, firing: bool, severity: &str, millis: i64) -> Due {
    let labels = Labels::new([("alertname", group), ("severity", severity)]).unwrap();
    let told = Told {
        labels: labels.clone(),
        annotations: Vec::new(),
        starts_at: at(0),
        ends_at: (!firing).then_some(at(millis)),
        generator_url: String::new(),
    };
    let reason = if firing {
        Reason::New
    } else {
        Reason::Resolved
    };
    Due {
        integration: "r/webhook[0]".into(),
        notification: Notification::new("r", group, labels, vec![told], reason, at(millis), 9),
        send: true,
    }
}

fn put(outbox: &Outbox, due: Vec<Due>, millis: i64) {
    let flushed = Flushed {
        due,
        ..Flushed::default()
    };
    outbox.put_flush(&flushed, at(millis)).unwrap();
}

/// What goes out at a moment, and that it arrived: the names of the alerts, `!` for an end.
fn send(outbox: &Outbox, incidents: bool, millis: i64) -> String {
    match outbox.next("r/webhook[0]", incidents, at(millis)).unwrap() {
        Next::Rest => "rest".into(),
        Next::WaitUntil(until) => format!("wait {}", until.as_millis()),
        Next::Send(outgoing) => {
            outbox.sent(&outgoing, "ok", at(millis)).unwrap();
            show(&outgoing)
        }
    }
}

fn show(outgoing: &Outgoing) -> String {
    let name = |told: &Told| format!("{}{}", told.name(), if told.is_firing() { "" } else { "!" });
    let names: Vec<String> = outgoing.notification.alerts.iter().map(name).collect();
    names.join(" ")
}

fn open(dir: &tempfile::TempDir) -> (Outbox, Stored) {
    Outbox::open(&dir.path().join("n.db"), at(0)).unwrap()
}

#[test]
fn alerts_silences_and_what_was_told_survive() {
    let dir = tempfile::tempdir().unwrap();
    let alert = Alert {
        labels: Labels::new([("alertname", "ä\"{")]).unwrap(),
        annotations: vec![("summary".into(), "x\ny".into())],
        starts_at: at(1),
        ends_at: Timestamp::MAX,
        updated_at: at(3),
        is_timeout: true,
        generator_url: "http://g".into(),
    };
    let silence = Silence {
        id: "s".into(),
        matchers: diagnosis::notify::parse_matchers("a=~\"b|,c\",\"ü\"!=d").unwrap(),
        starts_at: at(1),
        ends_at: at(2),
        updated_at: at(3),
        created_by: "ann".into(),
        comment: "why".into(),
    };
    let key = LogKey {
        integration: "i".into(),
        group_key: "g".into(),
    };
    let entry = LogEntry {
        firing: vec![1, u64::MAX],
        resolved: vec![],
        at: at(7),
    };
    let (outbox, _) = open(&dir);
    outbox.put_alerts([&alert].into_iter()).unwrap();
    outbox.put_silences(std::slice::from_ref(&silence)).unwrap();
    let flushed = Flushed {
        log: vec![(key.clone(), entry.clone())],
        ..Flushed::default()
    };
    outbox.put_flush(&flushed, at(7)).unwrap();
    drop(outbox);
    let (outbox, stored) = open(&dir);
    assert_eq!(stored.alerts, std::slice::from_ref(&alert));
    assert_eq!(stored.silences, [silence]);
    assert_eq!(stored.log, [(key.clone(), entry)]);
    let flushed = Flushed {
        forgotten: vec![alert.labels.fingerprint()],
        ..Flushed::default()
    };
    outbox.put_flush(&flushed, at(8)).unwrap();
    outbox.tidy(&["s".into()], &[key], &[], at(9)).unwrap();
    drop(outbox);
    let (_, stored) = open(&dir);
    assert!(stored.alerts.is_empty() && stored.silences.is_empty() && stored.log.is_empty());
}

#[test]
fn what_was_on_its_way_at_a_crash_is_sent_again() {
    let dir = tempfile::tempdir().unwrap();
    let (outbox, _) = open(&dir);
    put(&outbox, vec![due("a", true, "info", 0)], 0);
    let first = outbox.next("r/webhook[0]", false, at(1)).unwrap();
    assert!(matches!(first, Next::Send(_)));
    assert_eq!(send(&outbox, false, 2), "rest");
    drop(outbox);
    let (outbox, _) = open(&dir);
    assert_eq!(send(&outbox, false, 3), "a");
    assert_eq!(send(&outbox, false, 4), "rest");
}

#[test]
fn an_alert_that_fired_and_ended_while_nobody_listened_is_told_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let (outbox, _) = open(&dir);
    put(&outbox, vec![due("a", true, "info", 0)], 0);
    for attempt in 1..4 {
        let Next::Send(outgoing) = outbox.next("r/webhook[0]", false, at(attempt)).unwrap() else {
            panic!("nothing to send");
        };
        outbox.put_back(&outgoing, "503").unwrap();
    }
    put(&outbox, vec![due("a", false, "info", 5)], 5);
    let health = outbox.health("r/webhook[0]").unwrap();
    assert_eq!(
        (health.waiting, health.last_answer.as_deref()),
        (2, Some("503"))
    );
    assert_eq!(send(&outbox, false, 6), "a");
    assert_eq!(send(&outbox, false, 7), "a!");
    assert_eq!(send(&outbox, false, 8), "rest");
    let rows = outbox.history(Some("r"), None, 10).unwrap();
    let states: Vec<_> = rows.iter().map(|row| (row.state, row.attempts)).collect();
    assert_eq!(states, [("sent", 1), ("sent", 4)]);
    assert!(outbox.history(Some("other"), None, 10).unwrap().is_empty());
}

#[test]
fn repeats_of_a_group_that_waits_become_one() {
    let dir = tempfile::tempdir().unwrap();
    let (outbox, _) = open(&dir);
    for round in 0..100 {
        put(
            &outbox,
            vec![due("a", round % 2 == 0, "info", round)],
            round,
        );
    }
    assert_eq!(outbox.health("r/webhook[0]").unwrap().waiting, 2);
    assert_eq!(send(&outbox, false, 200), "a");
    assert_eq!(send(&outbox, false, 201), "a!");
    assert_eq!(send(&outbox, false, 202), "rest");
}

#[test]
fn a_message_nobody_can_take_does_not_hold_up_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let (outbox, _) = open(&dir);
    put(
        &outbox,
        vec![due("a", true, "info", 0), due("b", true, "info", 0)],
        0,
    );
    let Next::Send(first) = outbox.next("r/webhook[0]", false, at(1)).unwrap() else {
        panic!("nothing to send");
    };
    assert_eq!(show(&first), "a");
    outbox.put_back(&first, "500").unwrap();
    assert_eq!(send(&outbox, false, 2), "b");
    let Next::Send(again) = outbox.next("r/webhook[0]", false, at(3)).unwrap() else {
        panic!("nothing to send");
    };
    outbox.failed(&again, "HTTP 400: no", at(4)).unwrap();
    let health = outbox.health("r/webhook[0]").unwrap();
    assert_eq!(health.last_failed, Some((at(4), "HTTP 400: no".into())));
    assert_eq!(send(&outbox, false, 5), "rest");
}

#[test]
fn a_storm_makes_five_messages_with_the_worst_first() {
    let dir = tempfile::tempdir().unwrap();
    let (outbox, _) = open(&dir);
    let many = |range: std::ops::Range<i32>| {
        let severity = |n: i32| if n == 777 { "critical" } else { "warning" };
        range
            .map(|n| due(&format!("a{n}"), true, severity(n), 0))
            .collect()
    };
    let mut sent = Vec::new();
    for second in 0..300_i64 {
        if second < 10 {
            let from = i32::try_from(second).unwrap() * 200;
            put(&outbox, many(from..from + 200), second * 1000);
        }
        let shown = send(&outbox, false, second * 1000);
        if !shown.starts_with("wait") && shown != "rest" {
            sent.push(shown);
        }
    }
    assert!((1..=5).contains(&sent.len()), "{}", sent.len());
    assert!(
        sent.iter().any(|names| names.starts_with("a777 ")),
        "the worst is not first"
    );
    assert_eq!(outbox.health("r/webhook[0]").unwrap().waiting, 0);
}

#[test]
fn the_last_end_of_a_storm_ends_its_incident() {
    let dir = tempfile::tempdir().unwrap();
    let (outbox, _) = open(&dir);
    put(
        &outbox,
        (0..9)
            .map(|n| due(&format!("a{n}"), true, "info", 0))
            .collect(),
        0,
    );
    let Next::Send(storm) = outbox.next("r/webhook[0]", true, at(1)).unwrap() else {
        panic!("nothing to send");
    };
    assert!(storm.notification.group_key.starts_with("storm:"));
    outbox.sent(&storm, "ok", at(1)).unwrap();
    for n in 0..8 {
        put(&outbox, vec![due(&format!("a{n}"), false, "info", 2)], 2);
        assert_eq!(send(&outbox, true, 3), "rest");
    }
    put(&outbox, vec![due("a8", false, "info", 4)], 4);
    let Next::Send(end) = outbox.next("r/webhook[0]", true, at(5)).unwrap() else {
        panic!("nothing to send");
    };
    assert_eq!(end.notification.group_key, storm.notification.group_key);
    assert!(!end.notification.is_firing());
}

#[test]
fn rows_that_nobody_can_be_told_are_given_up_aloud() {
    let dir = tempfile::tempdir().unwrap();
    let (outbox, _) = open(&dir);
    put(&outbox, vec![due("a", true, "info", 0)], 0);
    let known = ["r/webhook[0]".to_owned()];
    outbox.tidy(&[], &[], &known, at(36 * 60 * MINUTE)).unwrap();
    assert_eq!(outbox.health(&known[0]).unwrap().waiting, 1);
    outbox.tidy(&[], &[], &known, at(37 * 60 * MINUTE)).unwrap();
    assert_eq!(outbox.history(None, None, 9).unwrap()[0].state, "failed");
    put(&outbox, vec![due("b", true, "info", 0)], 37 * 60 * MINUTE);
    outbox
        .tidy(&[], &[], &[], at(37 * 60 * MINUTE + 1))
        .unwrap();
    let row = &outbox.history(None, None, 9).unwrap()[0];
    assert!(row.answer.contains("not in the configuration"), "{row:?}");
}

#[test]
fn a_damaged_file_is_put_aside_and_a_newer_one_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("n.db");
    std::fs::write(
        &path,
        "this is no database, and it is long enough to be looked at".repeat(99),
    )
    .unwrap();
    let (outbox, stored) = Outbox::open(&path, at(5)).unwrap();
    assert!(stored.moved_to.is_some_and(|aside| aside.is_file()));
    outbox
        .run(|db| db.execute_batch("PRAGMA user_version = 99"))
        .unwrap();
    drop(outbox);
    let refused = Outbox::open(&path, at(6)).unwrap_err();
    assert!(
        refused.to_string().contains("newer version (99"),
        "{refused}"
    );
}
