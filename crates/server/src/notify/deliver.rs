//! Brings one notification to one integration, in its words.

use diagnosis::notify::Notification;
use diagnosis::notify::message::{self, Writing};
use diagnosis::notify::queue::{Failure, FailureKind};
use model::Timestamp;
use serde_json::Value;

use super::file::{Http, Integration, Target, Wire};
use super::mail::{self, Identity};
use super::post::{Answer, Post, Poster, lasting, secret};

/// Everything an attempt needs beside the integration.
#[derive(Clone, Copy, Debug)]
pub(super) struct Delivery<'a> {
    pub(super) notification: &'a Notification,
    /// Of the row, to name a mail.
    pub(super) id: i64,
    pub(super) external_url: &'a str,
    pub(super) now: Timestamp,
}

/// Sends it; the answer is the receiver's.
pub(super) async fn deliver(
    poster: &Poster,
    integration: &Integration,
    delivery: Delivery<'_>,
) -> Result<String, Failure> {
    let writing = Writing {
        notification: delivery.notification,
        external_url: delivery.external_url,
        now: delivery.now,
    };
    match &integration.target {
        Target::Email(email) => {
            let identity = Identity {
                id: delivery.id,
                group_key: &delivery.notification.group_key,
                at: delivery.notification.at,
            };
            mail::send(email, message::mail(&writing), identity).await
        }
        Target::Http { wire, http } => {
            let mut shown = String::new();
            for call in calls(wire, &writing).await? {
                let answer = post(poster, http, &call, delivery.now).await?;
                judge(wire, &answer)?;
                shown = answer.shown();
            }
            Ok(shown)
        }
    }
}

/// Whether a receiver keeps an incident for each group.
pub(super) fn keeps_incidents(integration: &Integration) -> bool {
    match &integration.target {
        Target::Http { wire, .. } => matches!(wire, Wire::PagerDuty { .. } | Wire::Opsgenie { .. }),
        Target::Email(_) => false,
    }
}

/// One request, but for its address.
#[derive(Debug)]
struct Call {
    /// Added to the address, which then ends in a slash.
    path: String,
    authorization: Option<String>,
    body: Value,
}

impl Call {
    fn plain(body: Value) -> Self {
        Self {
            path: String::new(),
            authorization: None,
            body,
        }
    }
}

async fn calls(wire: &Wire, writing: &Writing<'_>) -> Result<Vec<Call>, Failure> {
    Ok(match wire {
        Wire::Webhook { alerts_max } => vec![Call::plain(message::webhook(writing, *alerts_max))],
        Wire::Slack(look) => vec![Call::plain(message::slack(writing, look))],
        Wire::Discord {
            username,
            avatar_url,
        } => vec![Call::plain(message::discord(writing, username, avatar_url))],
        Wire::Teams => vec![Call::plain(message::teams(writing))],
        Wire::Telegram {
            token,
            chat,
            thread,
            quiet,
        } => vec![Call {
            path: format!("bot{}/sendMessage", secret(token).await?),
            authorization: None,
            body: message::telegram(writing, chat, *thread, *quiet),
        }],
        Wire::PagerDuty { key, look } => {
            let events = message::pagerduty(writing, &secret(key).await?, look);
            events.into_iter().map(Call::plain).collect()
        }
        Wire::Opsgenie { key, look } => {
            let authorization = format!("GenieKey {}", secret(key).await?);
            let calls = message::opsgenie(writing, look).into_iter();
            let calls = calls.map(|call| Call {
                path: call.path,
                authorization: Some(authorization.clone()),
                body: call.body,
            });
            calls.collect()
        }
    })
}

async fn post(
    poster: &Poster,
    http: &Http,
    call: &Call,
    now: Timestamp,
) -> Result<Answer, Failure> {
    let mut url = secret(&http.url).await?;
    if !call.path.is_empty() {
        url = format!("{}/{}", url.trim_end_matches('/'), call.path);
    }
    let post = Post {
        url,
        auth: http.auth.as_ref(),
        tls: &http.tls,
        authorization: call.authorization.clone(),
        body: call.body.to_string(),
    };
    poster.post(post, now).await
}

/// Slack's API says in the body that it refused.
fn judge(wire: &Wire, answer: &Answer) -> Result<(), Failure> {
    let Wire::Slack(_) = wire else {
        return Ok(());
    };
    let Ok(json) = serde_json::from_str::<Value>(&answer.text) else {
        return Ok(()); // A webhook answers "ok".
    };
    if json["ok"] != Value::Bool(false) {
        return Ok(());
    }
    let reason = json["error"].as_str().unwrap_or("no reason");
    let passes = matches!(
        reason,
        "ratelimited"
            | "rate_limited"
            | "internal_error"
            | "fatal_error"
            | "request_timeout"
            | "service_unavailable"
    );
    let text = format!("Slack refused it: {reason}");
    Err(if passes {
        Failure {
            reason: text,
            kind: FailureKind::Passing(None),
        }
    } else {
        lasting(text)
    })
}
