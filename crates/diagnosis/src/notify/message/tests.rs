//! What each receiver gets of the same notifications, friendly and hostile.

use model::Labels;

use super::*;
use crate::notify::worst_first;

const NOW: i64 = 1_764_237_720_000; // 2025-11-27 10:02 UTC.

fn told(pairs: &[(&str, &str)], summary: &str, age_s: i64, ended: bool) -> Told {
    Told {
        labels: Labels::new(pairs.iter().copied()).unwrap(),
        annotations: vec![("summary".into(), summary.into())],
        starts_at: Timestamp::from_millis(NOW - age_s * 1000),
        ends_at: ended.then_some(Timestamp::from_millis(NOW)),
        generator_url: "http://p/graph".into(),
    }
}

fn of(alerts: Vec<Told>, reason: Reason) -> Notification {
    let group = Labels::new([("alertname", "ErrorRatioHigh")]).unwrap();
    let at = Timestamp::from_millis(NOW);
    let key = "{}:{alertname=\"ErrorRatioHigh\"}";
    Notification::new("team", key, group, alerts, reason, at, 1000)
}

fn shop(ended: bool) -> Notification {
    let labels = [
        ("alertname", "ErrorRatioHigh"),
        ("job", "shop"),
        ("severity", "critical"),
    ];
    of(
        vec![told(&labels, "5 % of requests fail", 720, ended)],
        Reason::New,
    )
}

fn writing(notification: &Notification) -> Writing<'_> {
    Writing {
        notification,
        external_url: "http://pyro:9095",
        now: Timestamp::from_millis(NOW),
    }
}

/// Everything that each kind of receiver would be sent, as text.
fn all_bodies(notification: &Notification) -> Vec<(&'static str, String)> {
    let writing = writing(notification);
    let mail = mail(&writing);
    let pagerduty = pagerduty(&writing, "key", &PagerDutyLook::default());
    let opsgenie = opsgenie(&writing, &OpsgenieLook::default());
    vec![
        ("slack", slack(&writing, &SlackLook::default()).to_string()),
        ("discord", discord(&writing, "", "").to_string()),
        ("teams", teams(&writing).to_string()),
        ("telegram", telegram(&writing, "1", None, false).to_string()),
        ("pagerduty", Value::from(pagerduty).to_string()),
        ("opsgenie", opsgenie[0].body.to_string()),
        ("webhook", webhook(&writing, 0).to_string()),
        (
            "mail",
            format!("{}\n{}\n{}", mail.subject, mail.text, mail.html),
        ),
    ]
}

#[test]
fn every_message_says_what_since_when_how_bad_what_it_hits_and_where_to_go() {
    for (kind, body) in all_bodies(&shop(false)) {
        let mut parts = vec!["ErrorRatioHigh", "critical", "5 % of requests fail", "shop"];
        if kind == "webhook" {
            parts.extend(["2025-11-27T09:50:00.000Z", "http://pyro:9095"]);
        } else {
            let since = "2025-11-27 09:50 UTC";
            let silence = "/silences/new?filter=%7Balertname%3D%22ErrorRatioHigh%22%2Cjob%3D";
            parts.extend([since, "12 min", silence]);
        }
        if !matches!(kind, "webhook" | "opsgenie") {
            parts.push("http://pyro:9095/alerts?filter=ErrorRatioHigh");
        }
        for part in parts {
            assert!(body.contains(part), "{kind} lacks {part}: {body}");
        }
    }
}

#[test]
fn the_heading_counts_names_and_places() {
    let heading = |notification: &Notification| writing(notification).heading();
    assert_eq!(
        heading(&shop(false)),
        "Firing: ErrorRatioHigh on shop (critical)"
    );
    assert_eq!(
        heading(&shop(true)),
        "Resolved: ErrorRatioHigh on shop (critical)"
    );
    let names = ["A", "B", "C", "D"];
    let alerts = names
        .map(|name| told(&[("alertname", name)], "", 1, false))
        .to_vec();
    let many = of(alerts, Reason::New);
    assert_eq!(
        heading(&many),
        "Firing: A, B and 2 others (4 alerts, unknown)"
    );
}

#[test]
fn a_late_message_and_a_test_say_so() {
    let notification = shop(true);
    let mut late = writing(&notification);
    late.now = Timestamp::from_millis(NOW + 360_000);
    assert!(
        mail(&late).text.contains("Told 6 min late"),
        "{:?}",
        mail(&late)
    );
    let mut test = shop(false);
    test.reason = Reason::Test;
    let subject = mail(&writing(&test)).subject;
    assert_eq!(subject, "TEST: ErrorRatioHigh on shop (critical)");
}

#[test]
fn the_webhook_is_alertmanagers_version_4() {
    let expected = serde_json::json!({
        "receiver": "team",
        "status": "resolved",
        "alerts": [{
            "status": "resolved",
            "labels": { "alertname": "ErrorRatioHigh", "job": "shop", "severity": "critical" },
            "annotations": { "summary": "5 % of requests fail" },
            "startsAt": "2025-11-27T09:50:00.000Z",
            "endsAt": "2025-11-27T10:02:00.000Z",
            "generatorURL": "http://p/graph",
            "fingerprint": format!("{:016x}", shop(true).common_labels.fingerprint().0),
        }],
        "groupLabels": { "alertname": "ErrorRatioHigh" },
        "commonLabels": { "alertname": "ErrorRatioHigh", "job": "shop", "severity": "critical" },
        "commonAnnotations": { "summary": "5 % of requests fail" },
        "externalURL": "http://pyro:9095",
        "version": "4",
        "groupKey": "{}:{alertname=\"ErrorRatioHigh\"}",
        "truncatedAlerts": 0,
    });
    assert_eq!(webhook(&writing(&shop(true)), 0), expected);
    let firing = webhook(&writing(&shop(false)), 0);
    assert_eq!(firing["alerts"][0]["endsAt"], "0001-01-01T00:00:00Z");
}

#[test]
fn what_was_missed_opens_an_incident_and_closes_it() {
    let actions = |notification: &Notification| {
        let events = pagerduty(&writing(notification), "k", &PagerDutyLook::default());
        let actions: Vec<&str> = events
            .iter()
            .map(|event| event["event_action"].as_str().unwrap())
            .collect();
        let keys: Vec<&Value> = events.iter().map(|event| &event["dedup_key"]).collect();
        assert!(keys.iter().all(|key| *key == keys[0]));
        let opsgenie = opsgenie(&writing(notification), &OpsgenieLook::default());
        assert_eq!(opsgenie.len(), events.len());
        actions.join(" ")
    };
    assert_eq!(actions(&shop(false)), "trigger");
    assert_eq!(actions(&shop(true)), "resolve");
    let mut missed = shop(true);
    missed.reason = Reason::Missed;
    assert_eq!(actions(&missed), "trigger resolve");
}

/// Many alerts, each with texts that are as long as they may be.
fn storm(text: &str) -> Notification {
    let mut alerts: Vec<Told> = (0..1000)
        .map(|n| {
            let name = format!("A{n}");
            let severity = if n == 999 { "critical" } else { "warning" };
            let labels = [
                ("alertname", name.as_str()),
                ("severity", severity),
                ("path", text),
            ];
            told(&labels, text, 60, false)
        })
        .collect();
    worst_first(&mut alerts);
    let at = Timestamp::from_millis(NOW);
    Notification::storm("team", alerts, (10_000, 0), "storm", at)
}

#[test]
fn a_storm_fits_each_receiver_with_the_worst_first_and_the_rest_as_a_number() {
    for text in ["x", &"<&\"'*_`@everyone>".repeat(5000)] {
        let storm = storm(text);
        let writing = writing(&storm);
        let slack = slack(&writing, &SlackLook::default());
        let discord = discord(&writing, "", "");
        let telegram = telegram(&writing, "1", None, false);
        let teams = teams(&writing).to_string();
        let pagerduty = pagerduty(&writing, "k", &PagerDutyLook::default())[0].clone();
        let opsgenie = opsgenie(&writing, &OpsgenieLook::default())[0].body.clone();
        let text_of = |value: &Value| value.as_str().unwrap().to_owned();
        for (text, max) in [
            (text_of(&slack["attachments"][0]["text"]), 3000),
            (text_of(&discord["embeds"][0]["description"]), 4096),
            (text_of(&discord["embeds"][0]["title"]), 256),
            (text_of(&telegram["text"]), 4096),
            (text_of(&pagerduty["payload"]["summary"]), 1024),
            (text_of(&opsgenie["message"]), 130),
            (text_of(&opsgenie["description"]), 15_000),
            (mail(&writing).subject, 200),
        ] {
            assert!(
                text.chars().count() <= max,
                "{} > {max}: {text}",
                text.len()
            );
            assert!(text.contains("A999"), "the worst is missing: {text}");
        }
        assert!(teams.len() <= 28_000, "{}", teams.len());
        assert!(pagerduty.to_string().len() <= 512_000);
        for (kind, body) in all_bodies(&storm) {
            let more = body.contains(" more") || kind == "webhook";
            assert!(more && body.contains("A999"), "{kind}: {body}");
        }
        assert_eq!(webhook(&writing, 10)["truncatedAlerts"], 9990);
    }
}

#[test]
fn nothing_in_a_label_formats_mentions_links_or_adds_a_header() {
    let evil = "<!channel> <b>x</b> {{DATE(2020)}} ${x} @everyone [a](http://e)\r\nBcc: x@e";
    let labels = [("alertname", evil), ("job", evil)];
    let notification = of(vec![told(&labels, evil, 1, false)], Reason::New);
    let bodies: Vec<(&str, String)> = all_bodies(&notification);
    let body = |kind: &str| {
        let found = bodies.iter().find(|(name, _)| *name == kind);
        found.map(|(_, body)| body.clone()).unwrap()
    };
    for (kind, forbidden) in [
        ("slack", "<!channel>"),
        ("telegram", "<b>x"),
        ("teams", "{{DATE"),
        ("teams", "${x"),
        ("discord", "[a](http://e)"),
        ("discord", " @everyone"),
    ] {
        assert!(!body(kind).contains(forbidden), "{kind}: {}", body(kind));
    }
    assert!(body("discord").contains("\"allowed_mentions\":{\"parse\":[]}"));
    let mail = mail(&writing(&notification));
    assert!(!mail.subject.contains(['\r', '\n']), "{:?}", mail.subject);
    assert!(!mail.html.contains("<b>x</b>"), "{}", mail.html);
}

#[test]
fn spans_are_said_as_people_say_them() {
    for (seconds, expected) in [
        (0, "0 s"),
        (40, "40 s"),
        (125, "2 min"),
        (3600, "1 h"),
        (5400, "1 h 30 min"),
        (273_600, "3 d 4 h"),
    ] {
        assert_eq!(
            span_in_words(std::time::Duration::from_secs(seconds)),
            expected
        );
    }
}

#[test]
fn a_text_is_cut_at_its_limit_and_stays_on_one_line() {
    for (text, max, expected) in [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("a\nb", 9, "a b"),
        ("äöü", 2, "ä…"),
        ("", 3, ""),
    ] {
        assert_eq!(shortened(text, max), expected, "{text:?}");
    }
}
