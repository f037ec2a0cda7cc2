//! PagerDuty and Opsgenie: receivers that keep one incident for each group.

use model::Labels;
use serde_json::{Value, json};

use super::fit::{chars, fit, shortened};
use super::{Line, Writing, rfc3339, set};
use crate::notify::{Reason, Severity};

/// What a user configures of PagerDuty's events.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PagerDutyLook {
    pub client: String,
    pub client_url: String,
    pub component: String,
    pub group: String,
    pub class: String,
    /// Empty: by the alerts' own.
    pub severity: String,
    pub source: String,
    /// Added to what the incident says.
    pub details: Vec<(String, String)>,
}

/// What a user configures of Opsgenie's alerts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OpsgenieLook {
    pub source: String,
    /// `P1` to `P5`; empty: by severity.
    pub priority: String,
    pub tags: Vec<String>,
    /// Names of teams.
    pub teams: Vec<String>,
    pub details: Vec<(String, String)>,
}

/// One call of Opsgenie's API: what follows the address, and the body.
#[derive(Clone, Debug, PartialEq)]
pub struct OpsgenieCall {
    pub path: String,
    pub body: Value,
}

/// PagerDuty's limits.
const SUMMARY_CHARS_MAX: usize = 1024;
const DETAIL_CHARS_MAX: usize = 20_000;
/// Opsgenie's limits.
const MESSAGE_CHARS_MAX: usize = 130;
const DESCRIPTION_CHARS_MAX: usize = 15_000;

/// Names the incident of a group, the same at each attempt: repeats change nothing.
pub fn dedup_key(group_key: &str) -> String {
    let key = Labels::new([("group", group_key)]).expect("one name");
    let turned = Labels::new([("puorg", group_key)]).expect("one name");
    format!(
        "{:016x}{:016x}",
        key.fingerprint().0,
        turned.fingerprint().0
    )
}

/// The events for PagerDuty, in order: what was missed opens an incident and closes it.
pub fn pagerduty(writing: &Writing<'_>, routing_key: &str, look: &PagerDutyLook) -> Vec<Value> {
    let notification = writing.notification;
    let key = dedup_key(&notification.group_key);
    let resolve = json!({
        "routing_key": routing_key,
        "dedup_key": key,
        "event_action": "resolve",
    });
    if !notification.is_firing() && notification.reason != Reason::Missed {
        return vec![resolve];
    }
    let mut details = json!({
        "firing": notification.firing,
        "resolved": notification.resolved,
        "alerts": plain(writing, DETAIL_CHARS_MAX),
        "silence": writing.silence(),
    });
    for (name, text) in &look.details {
        set(&mut details, name, text);
    }
    let place = writing.place().unwrap_or_else(|| "pyrometer".to_owned());
    let source = if look.source.is_empty() {
        &place
    } else {
        &look.source
    };
    let mut payload = json!({
        "summary": shortened(&writing.heading(), SUMMARY_CHARS_MAX),
        "source": source,
        "severity": pagerduty_severity(notification.severity(), &look.severity),
        "timestamp": rfc3339(notification.since().unwrap_or(notification.at)),
        "custom_details": details,
    });
    set(&mut payload, "component", &look.component);
    set(&mut payload, "group", &look.group);
    set(&mut payload, "class", &look.class);
    let own = (look.client.as_str(), look.client_url.as_str());
    let (client, url) = match own {
        ("", url) => ("Pyrometer", url),
        own => own,
    };
    let trigger = json!({
        "routing_key": routing_key,
        "dedup_key": key,
        "event_action": "trigger",
        "client": client,
        "client_url": if url.is_empty() { writing.external_url } else { url },
        "payload": payload,
        "links": [
            { "href": writing.page(), "text": "Open" },
            { "href": writing.silence(), "text": "Silence" },
        ],
    });
    match notification.reason {
        Reason::Missed => vec![trigger, resolve],
        Reason::New
        | Reason::Changed
        | Reason::Resolved
        | Reason::Repeat
        | Reason::Test
        | Reason::Storm => vec![trigger],
    }
}

/// One of the four words that PagerDuty knows.
fn pagerduty_severity(severity: Severity, configured: &str) -> &str {
    match (configured, severity) {
        ("critical" | "error" | "warning" | "info", _) => configured,
        (_, Severity::Critical) => "critical",
        (_, Severity::Warning) => "warning",
        (_, Severity::Info) => "info",
        (_, Severity::Unknown) => "error",
    }
}

/// The calls for Opsgenie, in order.
pub fn opsgenie(writing: &Writing<'_>, look: &OpsgenieLook) -> Vec<OpsgenieCall> {
    let notification = writing.notification;
    let alias = dedup_key(&notification.group_key);
    let source = if look.source.is_empty() {
        writing.external_url
    } else {
        &look.source
    };
    let close = OpsgenieCall {
        path: format!("v2/alerts/{alias}/close?identifierType=alias"),
        body: json!({ "source": source }),
    };
    if !notification.is_firing() && notification.reason != Reason::Missed {
        return vec![close];
    }
    let mut description = plain(writing, DESCRIPTION_CHARS_MAX - 1200);
    let links = format!("\n{}\nSilence: {}", writing.page(), writing.silence());
    description.push_str(&shortened_lines(&links, 1200));
    let mut details = json!({});
    for (name, value) in notification.common_labels.iter() {
        set(&mut details, name, &shortened(value, 1000));
    }
    for (name, text) in &look.details {
        set(&mut details, name, text);
    }
    let own = match notification.severity() {
        Severity::Critical => "P1",
        Severity::Warning | Severity::Unknown => "P3",
        Severity::Info => "P5",
    };
    let teams: Vec<Value> = look
        .teams
        .iter()
        .map(|name| json!({ "name": name, "type": "team" }))
        .collect();
    let mut body = json!({
        "alias": alias,
        "message": shortened(&writing.heading(), MESSAGE_CHARS_MAX),
        "description": description,
        "details": details,
        "source": shortened(source, 100),
        "priority": if look.priority.is_empty() { own } else { &look.priority },
    });
    if !teams.is_empty() {
        body["responders"] = teams.into();
    }
    if !look.tags.is_empty() {
        body["tags"] = look.tags.clone().into();
    }
    let create = OpsgenieCall {
        path: "v2/alerts".to_owned(),
        body,
    };
    if notification.reason == Reason::Missed {
        vec![create, close]
    } else {
        vec![create]
    }
}

/// Links are cut only if they are absurd.
fn shortened_lines(text: &str, max: usize) -> String {
    text.chars().take(max).collect()
}

fn plain(writing: &Writing<'_>, chars_max: usize) -> String {
    let render = |line: &Line| {
        let mut text = format!(
            "{} {} ({}) {}",
            line.mark, line.name, line.severity, line.when
        );
        for part in [&line.summary, &line.hits] {
            if !part.is_empty() {
                text.push_str("\n    ");
                text.push_str(part);
            }
        }
        text.push('\n');
        text
    };
    let mut text: String = writing
        .remarks()
        .into_iter()
        .map(|remark| remark + "\n")
        .collect();
    let budget = chars_max.saturating_sub(chars(&text));
    text.push_str(&fit(writing, budget, chars, render, str::to_owned));
    text
}
