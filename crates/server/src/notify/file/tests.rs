//! Alertmanager's files: what is read, what is ignored aloud, what is refused.

use super::*;

/// A file and what is said of it, each problem on a line.
fn check(text: &str, expected: &str) {
    let (config, problems) = NotifyConfig::read(text, Path::new("/etc/am"));
    let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(said.join("\n"), expected.trim(), "{text}");
    let refused = problems
        .iter()
        .any(|p| p.severity == crate::config::Severity::Error);
    assert_eq!(config.is_none(), refused, "{text}");
}

const WHOLE: &str = r#"
global:
  resolve_timeout: 10m
  smtp_smarthost: mail.example.org:587
  smtp_from: am@example.org
  smtp_auth_username: am
  smtp_auth_password: "canary-smtp"
  slack_api_url: https://hooks.slack.com/services/canary-slack
route:
  receiver: all
  group_by: [alertname, job]
  group_wait: 10s
  routes:
  - receiver: db
    matchers: ['team="db"', severity=~"critical|warning"]
    group_by: ['...']
    continue: true
    mute_time_intervals: [nights]
  - receiver: pager
    match: {severity: critical}
    match_re: {job: "a|b"}
inhibit_rules:
- source_matchers: [severity="critical"]
  target_matchers: [severity="warning"]
  equal: [alertname]
time_intervals:
- name: nights
  time_intervals:
  - times: [{start_time: "00:00", end_time: "06:00"}]
    weekdays: ['monday:friday']
    location: UTC
receivers:
- name: all
  email_configs: [{to: 'Ops <ops@example.org>'}]
  slack_configs: [{channel: '#ops'}]
- name: db
  webhook_configs: [{url: 'http://127.0.0.1:1/canary-hook', max_alerts: 5}]
  telegram_configs: [{bot_token: canary-bot, chat_id: -100}]
  discord_configs: [{webhook_url: 'https://discord.example/canary-discord'}]
  msteamsv2_configs: [{webhook_url: 'https://teams.example/canary-teams'}]
- name: pager
  pagerduty_configs: [{routing_key: canary-pd}]
  opsgenie_configs: [{api_key: canary-og, priority: P2, tags: 'a, b', responders: [{name: t, type: team}]}]
"#;

#[test]
fn a_whole_file_is_read_and_shows_no_secret() {
    check(WHOLE, "");
    let (config, _) = NotifyConfig::read(WHOLE, Path::new("/etc/am"));
    let config = config.unwrap();
    let ids: Vec<&str> = config.integrations().map(|one| one.id.as_str()).collect();
    let expected = [
        "all/email[0]",
        "all/slack[0]",
        "db/webhook[0]",
        "db/msteamsv2[0]",
        "db/telegram[0]",
        "db/discord[0]",
        "pager/pagerduty[0]",
        "pager/opsgenie[0]",
    ];
    assert_eq!(ids, expected);
    let resolved: Vec<bool> = config.integrations().map(|one| one.send_resolved).collect();
    assert_eq!(resolved, [false, false, true, true, true, true, true, true]);
    assert_eq!(config.resolve_timeout, Duration::from_secs(600));
    let tree = &config.policy.tree;
    let db = tree.get(diagnosis::notify::RouteId(1));
    assert_eq!(
        (db.group_wait, &db.group_by),
        (Duration::from_secs(10), &GroupBy::All)
    );
    assert_eq!(
        tree.key(diagnosis::notify::RouteId(2)),
        "{}/{job=~\"a|b\",severity=\"critical\"}"
    );
    for shown in [config.shown.clone(), format!("{config:?}")] {
        assert!(!shown.contains("canary"), "{shown}");
    }
}

#[test]
fn every_problem_is_told_with_its_line() {
    check(
        "route:\n  receiver: x\n  group_wiat: 5s\n  group_interval: 0s\nreceivers:\n- name: y\n  \
         webhook_configs:\n  - url: ftp://x\n  - {}\n",
        "line 2: receiver \"x\" is named here but defined nowhere
line 3: the first route has no field \"group_wiat\"; did you mean \"group_wait\"?
line 4: group_interval of the first route must be longer than 0s
line 8: url of webhook_configs of receiver \"y\" is no http or https address
line 9: webhook_configs of receiver \"y\" needs url",
    );
    check(
        "receivers: []\n",
        "line 1: the notification file needs a route with a receiver",
    );
    check(
        "route: {receiver: a, matchers: ['a=b'], routes: [{matchers: ['a']}]}\nreceivers: [{name: a}, {name: a}]\n",
        "line 1: matchers of a route: an operator is missing in \"a\"; write for example alertname=\"Down\", team=~\"web|db\"
line 1: the first route takes every alert at any time; put matchers and time intervals into the routes below it
line 2: receiver \"a\" stands twice",
    );
    check("route: [", "line 1: unclosed bracket '['");
}

#[test]
fn what_this_server_does_not_do_is_ignored_aloud() {
    check(
        "templates: [/etc/am/*.tmpl]\nroute: {receiver: a}\nreceivers:\n- name: a\n  \
         pushover_configs: [{token: x}]\n  slack_configs:\n  - api_url: http://127.0.0.1/x\n    \
         title: '{{ .CommonLabels.job }}'\n    username: '{{ .Status }}'\n",
        "line 1: ignored: templates of the notification file: messages are written by this server, \
         with the right escaping for each receiver; Go templates are not read
line 5: ignored: pushover_configs of receiver \"a\": this server has no such receiver and cannot send there
line 8: ignored: title of slack_configs of receiver \"a\": messages are written by this server, \
         with the right escaping for each receiver; Go templates are not read
line 9: ignored: username of slack_configs of receiver \"a\": messages are written by this server, \
         with the right escaping for each receiver; Go templates are not read",
    );
}

#[test]
fn time_intervals_are_checked() {
    let interval = |part: &str| {
        format!(
            "route: {{receiver: a}}\nreceivers: [{{name: a}}]\ntime_intervals:\n- name: n\n  \
             time_intervals:\n  - {part}\n"
        )
    };
    check(
        &interval("{weekdays: ['saturday', 'sunday'], months: ['1:3']}"),
        "",
    );
    check(
        &interval("{weekdays: [someday]}"),
        "line 6: weekdays of time interval \"n\": \"someday\": is no day of the week; write for example monday",
    );
    check(
        &interval("{location: ../../etc/passwd}"),
        "line 6: location of time interval \"n\": \"../../etc/passwd\" is no time zone; write for example Europe/Berlin",
    );
    check(
        &interval("{times: [{start_time: '22:00', end_time: '06:00'}]}"),
        "line 6: times of time interval \"n\": \"22:00 to 06:00\": start_time must be before end_time; write two ranges over midnight",
    );
    check(
        "route: {receiver: a, routes: [{mute_time_intervals: [x]}]}\nreceivers: [{name: a}]\n",
        "line 1: time interval \"x\" is named here but defined nowhere",
    );
}

#[test]
fn a_receiver_that_cannot_work_is_refused() {
    let receiver =
        |part: &str| format!("route: {{receiver: a}}\nreceivers:\n- name: a\n  {part}\n");
    for (part, expected) in [
        ("email_configs: [{to: ann}]", "needs from"),
        (
            "email_configs: [{to: a@b.c, from: a@b.c}]",
            "needs smarthost",
        ),
        (
            "email_configs: [{to: a@b.c, from: a@b.c, smarthost: 'x:y'}]",
            "no address of a mail server",
        ),
        ("pagerduty_configs: [{service_key: k}]", "set routing_key"),
        ("pagerduty_configs: [{}]", "needs routing_key"),
        ("telegram_configs: [{bot_token: t}]", "needs chat_id"),
        ("slack_configs: [{}]", "needs api_url"),
        (
            "slack_configs: [{api_url: 'http://x', api_url_file: y}]",
            "keep one",
        ),
        (
            "opsgenie_configs: [{api_key: k, priority: P9}]",
            "none of P1 to P5",
        ),
    ] {
        let (config, problems) = NotifyConfig::read(&receiver(part), Path::new("/"));
        let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(
            config.is_none() && said.join("\n").contains(expected),
            "{part}: {said:?}"
        );
    }
}

#[test]
fn without_a_file_nobody_is_told() {
    let config = NotifyConfig::without_file();
    assert_eq!(config.integrations().count(), 0);
    let routes = config.policy.tree.matching(&model::Labels::empty());
    assert_eq!(config.policy.tree.get(routes[0]).receiver, NOBODY);
}

proptest::proptest! {
    /// A good file with a piece of it replaced.
    #[test]
    fn no_file_makes_it_panic(at in 0_usize..1500, length in 0_usize..40, new in "[a-z{}\\[\\]:'\",.\n -]{0,20}") {
        let mut text: Vec<char> = WHOLE.chars().collect();
        let at = at.min(text.len());
        let end = (at + length).min(text.len());
        text.splice(at..end, new.chars());
        let text: String = text.into_iter().collect();
        let (config, problems) = NotifyConfig::read(&text, Path::new("/etc/am"));
        proptest::prop_assert!(config.is_some() || !problems.is_empty());
    }
}
