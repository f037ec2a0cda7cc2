//! Notification at the border a user sees: alerts in by Alertmanager's API, messages out to
//! receivers that speak their real protocol, with crashes in between.

mod alertmanager;
mod mail;
mod sink;

use serde_json::{Value, json};

use self::sink::Sink;
use crate::harness::{Answer, Home, Server, encode, request, wait_until};

/// A file with one receiver; groups are told at once and their changes after a second.
fn config(receiver: &str) -> String {
    format!(
        "route: {{receiver: team, group_by: [alertname], group_wait: 0s, group_interval: 1s}}\n\
         receivers:\n- name: team\n  {receiver}\n"
    )
}

fn start(home: &Home, config: &str) -> Server {
    let path = home.write("am.yml", config);
    home.start(&["--no-packs", "--notifications", path.to_str().unwrap()])
}

fn post(server: &Server, path: &str, body: &Value) -> Answer {
    let kind = [("Content-Type", "application/json")];
    request(server.address, "POST", path, &kind, &body.to_string())
}

fn alert(name: &str, more: &Value) -> Value {
    let mut alert = json!({
        "labels": { "alertname": name, "severity": "critical", "job": "shop" },
        "annotations": { "summary": format!("{name} is wrong") },
        "generatorURL": "http://p/graph",
    });
    for (key, value) in more.as_object().unwrap() {
        alert[key] = value.clone();
    }
    alert
}

fn fire(server: &Server, names: &[&str]) {
    let alerts: Vec<Value> = names.iter().map(|name| alert(name, &json!({}))).collect();
    let answer = post(server, "/api/v2/alerts", &Value::from(alerts));
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// Ends an alert a moment ago.
fn end(server: &Server, name: &str) {
    let shown = server.get("/api/v2/alerts").json();
    let found = shown
        .as_array()
        .unwrap()
        .iter()
        .find(|a| a["labels"]["alertname"] == name);
    let starts_at = found.unwrap_or_else(|| panic!("{name} is not in {shown}"))["startsAt"].clone();
    let ended = alert(name, &json!({ "startsAt": starts_at, "endsAt": starts_at }));
    let answer = post(server, "/api/v2/alerts", &json!([ended]));
    assert_eq!(answer.status, 200, "{}", answer.text());
}

fn silence(matcher: &str, value: &str) -> Value {
    json!({
        "matchers": [{ "name": matcher, "value": value, "isRegex": false, "isEqual": true }],
        "startsAt": "2020-01-01T00:00:00Z",
        "endsAt": "2099-01-01T00:00:00Z",
        "createdBy": "ann",
        "comment": "known",
    })
}

/// `status names` of each webhook message.
fn told(sink: &Sink) -> Vec<String> {
    let bodies = sink.bodies();
    let told = bodies.iter().map(|body| {
        let body: Value = serde_json::from_str(body).unwrap();
        let alerts = body["alerts"].as_array().unwrap();
        let names: Vec<&str> = alerts
            .iter()
            .map(|a| a["labels"]["alertname"].as_str().unwrap())
            .collect();
        format!("{} {}", body["status"].as_str().unwrap(), names.join(" "))
    });
    told.collect()
}

fn wait_for(sink: &Sink, expected: &[&str]) {
    wait_until(&format!("{expected:?} is told"), || {
        let told = told(sink);
        if told == expected {
            Ok(())
        } else {
            Err(format!("{told:?}"))
        }
    });
}

#[test]
fn an_alert_and_its_end_reach_a_webhook_in_alertmanagers_json() {
    let home = Home::new();
    let sink = Sink::new();
    let server = start(
        &home,
        &config(&format!("webhook_configs: [{{url: '{}'}}]", sink.url())),
    );
    fire(&server, &["Down"]);
    wait_for(&sink, &["firing Down"]);
    end(&server, "Down");
    wait_for(&sink, &["firing Down", "resolved Down"]);
    let body: Value = serde_json::from_str(&sink.bodies()[0]).unwrap();
    assert_eq!(body["version"], "4");
    assert_eq!(body["groupKey"], "{}:{alertname=\"Down\"}");
    assert_eq!(body["externalURL"], server.url());
    assert_eq!(body["alerts"][0]["endsAt"], "0001-01-01T00:00:00Z");
    let history = server.data("/api/v1/notifications?receiver=team");
    let rows = history["notifications"].as_array().unwrap();
    let states: Vec<&Value> = rows.iter().map(|row| &row["reason"]).collect();
    assert_eq!(states, ["resolved", "new"], "{history}");
}

#[test]
fn what_fired_and_ended_while_the_receiver_was_down_is_told_through_crashes() {
    let home = Home::new();
    let sink = Sink::new();
    sink.answer(503, "");
    let config = config(&format!("webhook_configs: [{{url: '{}'}}]", sink.url()));
    let server = start(&home, &config);
    fire(&server, &["Down"]);
    wait_until("an attempt", || sink.attempted(1));
    server.kill();
    let server = start(&home, &config);
    end(&server, "Down");
    wait_until("both wait", || {
        let receivers = server.data("/api/v1/notifications/receivers");
        let way = &receivers["receivers"][0]["integrations"][0];
        if way["waiting"] == 2 && way["state"] == "failing" {
            Ok(())
        } else {
            Err(receivers.to_string())
        }
    });
    server.kill();
    sink.answer(200, "");
    let server = start(&home, &config);
    wait_for(&sink, &["firing Down", "resolved Down"]);
    server.kill();
    let server = start(&home, &config);
    // Told once: after one more restart there is nothing left to say.
    wait_until("nothing waits", || {
        let history = server.data("/api/v1/notifications");
        let rows = history["notifications"].as_array().unwrap();
        let sent = rows.iter().all(|row| row["state"] == "sent");
        if sent && rows.len() == 2 {
            Ok(())
        } else {
            Err(history.to_string())
        }
    });
    assert_eq!(told(&sink), ["firing Down", "resolved Down"]);
}

#[test]
fn a_silence_survives_a_crash_right_after_it_was_made() {
    let home = Home::new();
    let sink = Sink::new();
    let config = config(&format!("webhook_configs: [{{url: '{}'}}]", sink.url()));
    let server = start(&home, &config);
    let made = post(&server, "/api/v2/silences", &silence("alertname", "Known"));
    assert_eq!(made.status, 200, "{}", made.text());
    let id = made.json()["silenceID"].as_str().unwrap().to_owned();
    server.kill();
    let server = start(&home, &config);
    let kept = server.get(&format!("/api/v2/silence/{id}")).json();
    assert_eq!(kept["status"]["state"], "active", "{kept}");
    fire(&server, &["Known", "New"]);
    wait_for(&sink, &["firing New"]);
    let alerts = server.get("/api/v2/alerts?active=false").json();
    assert_eq!(alerts[0]["status"]["silencedBy"], json!([id]), "{alerts}");
    let ended = request(
        server.address,
        "DELETE",
        &format!("/api/v2/silence/{id}"),
        &[],
        "",
    );
    assert_eq!(ended.status, 200);
    wait_until("the silence is over", || {
        let told = told(&sink);
        if told.len() == 2 {
            Ok(())
        } else {
            Err(format!("{told:?}"))
        }
    });
}

#[test]
fn a_refusal_is_shown_with_the_receivers_answer_and_not_tried_again() {
    let home = Home::new();
    let sink = Sink::new();
    sink.answer(404, "no_service");
    let server = start(
        &home,
        &config(&format!("webhook_configs: [{{url: '{}'}}]", sink.url())),
    );
    fire(&server, &["Down"]);
    wait_until("the refusal is shown", || {
        let receivers = server.data("/api/v1/notifications/receivers");
        let way = &receivers["receivers"][0]["integrations"][0];
        if way["state"] == "failed" && way["lastError"] == "HTTP 404: no_service" {
            Ok(())
        } else {
            Err(receivers.to_string())
        }
    });
    // What comes next is tried, and it alone.
    sink.answer(200, "");
    fire(&server, &["Other"]);
    wait_for(&sink, &["firing Other"]);
    assert_eq!(sink.attempts(), 2);
}

#[test]
fn ten_thousand_alerts_make_few_messages_with_the_worst_first() {
    let home = Home::new();
    let sink = Sink::new();
    let route = "route: {receiver: team, group_by: ['...'], group_wait: 0s}\nreceivers:\n";
    let url = sink.url();
    let server = start(
        &home,
        &format!("{route}- name: team\n  webhook_configs: [{{url: '{url}'}}]\n"),
    );
    let before = resident_mib(&server);
    for batch in 0..4 {
        let alerts: Vec<Value> = (0..2500)
            .map(|n| {
                let severity = if (batch, n) == (3, 77) {
                    "critical"
                } else {
                    "info"
                };
                let name = format!("A{batch}-{n}");
                alert(
                    &name,
                    &json!({ "labels": { "alertname": name, "severity": severity } }),
                )
            })
            .collect();
        let answer = post(&server, "/api/v2/alerts", &Value::from(alerts));
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    wait_until("every alert is told", || {
        let told: u64 = sink.bodies().iter().map(|body| total(body)).sum();
        if told == 10_000 {
            Ok(())
        } else {
            Err(told.to_string())
        }
    });
    let grown = resident_mib(&server).saturating_sub(before);
    assert!(grown <= 100, "{grown} MiB more");
    let bodies = sink.bodies();
    assert!(bodies.len() <= 5, "{} messages", bodies.len());
    let first_names: Vec<String> = told(&sink)
        .iter()
        .map(|told| told.split(' ').nth(1).unwrap().to_owned())
        .collect();
    assert!(
        first_names.iter().any(|name| name == "A3-77"),
        "{first_names:?}"
    );
}

fn resident_mib(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

/// Alerts that a webhook body speaks of.
fn total(body: &str) -> u64 {
    let body: Value = serde_json::from_str(body).unwrap();
    body["alerts"].as_array().unwrap().len() as u64 + body["truncatedAlerts"].as_u64().unwrap()
}

#[test]
fn each_receiver_is_spoken_to_in_its_own_protocol() {
    let home = Home::new();
    let sink = Sink::new();
    let url = sink.url();
    home.write("bot.token", "123:canary-bot\n");
    let receivers = format!(
        "slack_configs: [{{api_url: '{url}/slack', channel: '#ops', send_resolved: true}}]\n  \
         pagerduty_configs: [{{url: '{url}/pd', routing_key: canary-pd}}]\n  \
         msteamsv2_configs: [{{webhook_url: '{url}/teams'}}]\n  \
         telegram_configs: [{{api_url: '{url}', bot_token_file: bot.token, chat_id: -7}}]\n  \
         discord_configs: [{{webhook_url: '{url}/discord'}}]\n  \
         opsgenie_configs: [{{api_url: '{url}/og/', api_key: canary-og}}]\n  \
         webhook_configs: [{{url: '{url}/hook', http_config: {{basic_auth: {{username: u, \
         password: canary-pw}}}}}}]"
    );
    let server = start(&home, &config(&receivers));
    fire(&server, &["Down"]);
    wait_until("seven are told", || sink.attempted(7));
    end(&server, "Down");
    wait_until("seven are told of the end", || sink.attempted(14));
    let of = |path: &str| {
        let requests = sink.requests();
        let own: Vec<_> = requests
            .iter()
            .filter(|r| r.path.starts_with(path))
            .cloned()
            .collect();
        assert_eq!(own.len(), 2, "{path}: {requests:?}");
        own
    };
    let json = |request: &sink::Request| serde_json::from_str::<Value>(&request.body).unwrap();
    let slack = json(&of("/slack")[0]);
    assert_eq!(slack["channel"], "#ops");
    assert_eq!(slack["attachments"][0]["color"], "#d55e00");
    let pagerduty = of("/pd");
    let (trigger, resolve) = (json(&pagerduty[0]), json(&pagerduty[1]));
    assert_eq!(trigger["event_action"], "trigger");
    assert_eq!(trigger["payload"]["severity"], "critical");
    assert_eq!(resolve["event_action"], "resolve");
    assert_eq!(resolve["dedup_key"], trigger["dedup_key"]);
    let teams = json(&of("/teams")[0]);
    let kind = "application/vnd.microsoft.card.adaptive";
    assert_eq!(teams["attachments"][0]["contentType"], kind);
    let telegram = of("/bot123:canary-bot/sendMessage");
    assert_eq!(json(&telegram[0])["parse_mode"], "HTML");
    assert_eq!(json(&telegram[0])["chat_id"], -7);
    assert!(json(&of("/discord")[0])["embeds"][0]["title"].is_string());
    let opsgenie = of("/og/v2/alerts");
    assert!(
        opsgenie[0]
            .head
            .to_lowercase()
            .contains("authorization: geniekey canary-og")
    );
    let alias = json(&opsgenie[0])["alias"].as_str().unwrap().to_owned();
    assert_eq!(
        opsgenie[1].path,
        format!("/og/v2/alerts/{alias}/close?identifierType=alias")
    );
    assert!(
        of("/hook")[0]
            .head
            .to_lowercase()
            .contains("authorization: basic ")
    );
    for path in [
        "/api/v2/status",
        "/api/v1/notifications",
        "/api/v1/notifications/receivers",
        "/api/v1/status/config",
        "/metrics",
    ] {
        let answer = server.get(path);
        assert!(
            answer.status == 200 && !answer.text().contains("canary"),
            "{path}"
        );
    }
}

#[test]
fn a_receiver_that_asks_for_patience_gets_it() {
    let home = Home::new();
    let sink = Sink::new();
    sink.answer(429, "Retry-After: 3600\r\n");
    let server = start(
        &home,
        &config(&format!("webhook_configs: [{{url: '{}'}}]", sink.url())),
    );
    fire(&server, &["Down"]);
    wait_until("an attempt", || sink.attempted(1));
    wait_until("its answer is shown", || {
        let history = server.data("/api/v1/notifications");
        let answer = &history["notifications"][0]["answer"];
        if answer == "HTTP 429" {
            Ok(())
        } else {
            Err(history.to_string())
        }
    });
    // Three flushes later there is still one attempt: the second would come after a second.
    fire(&server, &["Other"]);
    wait_until("the other waits", || {
        let history = server.data("/api/v1/notifications");
        let rows = history["notifications"].as_array().unwrap();
        if rows.len() == 2 {
            Ok(())
        } else {
            Err(history.to_string())
        }
    });
    assert_eq!(sink.attempts(), 1);
}

#[test]
fn what_a_pack_knows_to_be_a_consequence_stays_quiet_while_its_cause_fires() {
    let home = Home::new();
    let server = home.start(&[]);
    let of_postgres = |name: &str| {
        alert(
            name,
            &json!({"labels": {"alertname": name, "job": "db", "instance": "a",
                "pack": "postgresql", "severity": "critical"}}),
        )
    };
    let both = json!([
        of_postgres("PostgresDown"),
        of_postgres("PostgresConnectionsNearMax")
    ]);
    assert_eq!(post(&server, "/api/v2/alerts", &both).status, 200);
    wait_until("the consequence is inhibited", || {
        let shown = server.get("/api/v2/alerts?inhibited=true").json();
        let states: Vec<(&str, &str)> = shown
            .as_array()
            .unwrap()
            .iter()
            .map(|alert| {
                let name = alert["labels"]["alertname"].as_str().unwrap();
                (name, alert["status"]["state"].as_str().unwrap())
            })
            .collect();
        let is_so = |name, state| states.contains(&(name, state));
        if is_so("PostgresConnectionsNearMax", "suppressed") && !is_so("PostgresDown", "suppressed")
        {
            Ok(())
        } else {
            Err(format!("{states:?}"))
        }
    });
}

#[test]
fn hostile_bodies_and_other_sites_are_refused_and_cost_only_themselves() {
    let home = Home::new();
    let server = home.start(&["--no-packs"]);
    let good = alert("Good", &json!({}));
    for (body, status) in [
        ("", 400),
        ("{}", 400),
        ("[1]", 400),
        ("[{\"labels\":{}}]", 400),
        ("[{\"labels\":{\"a\":1}}]", 400),
        ("[{\"labels\":{\"\":\"x\"}}]", 400),
        (
            "[{\"labels\":{\"a\":\"b\"},\"startsAt\":\"yesterday\"}]",
            400,
        ),
        (
            &format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)),
            400,
        ),
        (&format!("[{{\"labels\":{{}}}},{good}]"), 400),
    ] {
        let kind = [("Content-Type", "application/json")];
        let answer = request(server.address, "POST", "/api/v2/alerts", &kind, body);
        assert_eq!(answer.status, status, "{body:.80}: {}", answer.text());
        assert!(answer.json().is_string(), "{}", answer.text());
    }
    // The good one beside a bad one was taken.
    let alerts = server.get("/api/v2/alerts").json();
    assert_eq!(alerts.as_array().unwrap().len(), 1, "{alerts}");
    assert_eq!(
        alerts[0]["receivers"][0]["name"],
        "nobody (no notification file)"
    );
    let origin = [
        ("Origin", "http://evil.example"),
        ("Content-Type", "application/json"),
    ];
    let body = json!([good]).to_string();
    let silence = silence("a", "b").to_string();
    for (method, path, body) in [
        ("POST", "/api/v2/alerts", body.as_str()),
        ("POST", "/api/v2/silences", silence.as_str()),
        ("DELETE", "/api/v2/silence/x", ""),
        ("POST", "/api/v1/notifications/test?receiver=x", ""),
        ("POST", "/silences/new", "filter=a%3Db"),
    ] {
        let answer = request(server.address, method, path, &origin, body);
        assert_eq!(answer.status, 403, "{method} {path}: {}", answer.text());
    }
    for (path, status) in [
        ("/api/v2/alerts?filter=%7B", 400),
        ("/api/v2/alerts?active=perhaps", 400),
        ("/api/v2/alerts?receiver=(", 400),
        ("/api/v2/silence/nope", 404),
        ("/api/v2/nope", 404),
        ("/api/v1/notifications?before=x", 400),
        ("/api/v1/notifications/preview", 400),
        ("/silences/new?filter=%3Cscript%3E", 400),
    ] {
        let answer = server.get(path);
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        assert!(!answer.text().contains("<script>"), "{path}");
    }
    for (change, part) in [
        (json!({ "matchers": [] }), "at least one matcher"),
        (json!({ "endsAt": "2020-01-01T00:00:01Z" }), "in the past"),
        (json!({ "endsAt": "x" }), "RFC 3339"),
        (json!({ "id": "gone" }), "no silence"),
    ] {
        let mut wish = silence_with(&change);
        wish["comment"] = "c".into();
        let answer = post(&server, "/api/v2/silences", &wish);
        assert!(
            answer.status >= 400 && answer.text().contains(part),
            "{}",
            answer.text()
        );
    }
}

fn silence_with(change: &Value) -> Value {
    let mut wish = silence("a", "b");
    for (key, value) in change.as_object().unwrap() {
        wish[key] = value.clone();
    }
    wish
}

#[test]
fn the_route_of_an_alert_and_the_reach_of_a_silence_can_be_asked() {
    let home = Home::new();
    let server = start(
        &home,
        "route:\n  receiver: all\n  routes:\n  - {receiver: db, matchers: [team=db], group_by: [job]}\n\
         receivers: [{name: all}, {name: db, webhook_configs: [{url: 'http://127.0.0.1:1/'}]}]\n",
    );
    let taken = server.data("/api/v1/notifications/route?alertname=X&team=db&job=shop");
    assert_eq!(taken["routes"][0]["receiver"], "db");
    assert_eq!(taken["routes"][0]["groupLabels"], json!({ "job": "shop" }));
    assert_eq!(taken["routes"][0]["integrations"], json!(["db/webhook[0]"]));
    let tree = server.data("/api/v1/notifications/routes");
    assert_eq!(tree["routes"][0]["matchers"], "{team=\"db\"}");
    fire(&server, &["One", "Two"]);
    let filter = encode("alertname=~\"One|Three\"");
    let preview = server.data(&format!("/api/v1/notifications/preview?filter={filter}"));
    assert_eq!(preview["total"], 1, "{preview}");
    let page = server.get(&format!("/silences/new?filter={filter}"));
    assert!(
        page.text().contains("One alert that fires now matches"),
        "{}",
        page.text()
    );
    let form = format!("filter={filter}&span=2h&createdBy=ann&comment=why");
    let made = server.post("/silences/new", &form);
    assert_eq!(made.status, 200, "{}", made.text());
    let silences = server.get("/api/v2/silences").json();
    assert_eq!(silences[0]["matchers"][0]["isRegex"], true, "{silences}");
}

#[test]
fn a_test_reaches_the_receiver_and_says_what_it_is() {
    let home = Home::new();
    let sink = Sink::new();
    let server = start(
        &home,
        &config(&format!("webhook_configs: [{{url: '{}'}}]", sink.url())),
    );
    let run = |receiver: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_pyrometer"));
        command
            .args(["notify", "test", receiver, "--server", &server.url()])
            .output()
            .unwrap()
    };
    let output = run("team");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(
        (output.status.code(), printed.trim()),
        (Some(0), "ok team/webhook[0]: HTTP 200")
    );
    assert!(
        sink.bodies()[0].contains("Nothing is wrong"),
        "{:?}",
        sink.bodies()
    );
    let unknown = run("nobody");
    let said = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert!(
        unknown.status.code() == Some(2) && said.contains("there are team"),
        "{said}"
    );
    sink.answer(500, "");
    assert_eq!(run("team").status.code(), Some(1));
}
