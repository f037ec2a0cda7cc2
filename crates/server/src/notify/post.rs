//! Posts JSON over HTTP, and says of every failure whether trying again may help.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use diagnosis::notify::queue::{Failure, FailureKind};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Request, Uri};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use model::Timestamp;

use crate::config::{Auth, Given, Tls};
use crate::scrape::{authorization_of, reveal, root_cause_of, tls_client};

/// How long one attempt may take; Alertmanager's is the context's, of the same order.
pub(super) const ATTEMPT_MAX: Duration = Duration::from_secs(10);

/// Of an answer that is read and shown.
const ANSWER_BYTES_MAX: usize = 64 << 10;
const ANSWER_CHARS_SHOWN: usize = 500;

type HttpClient = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// The HTTP clients, one for each way to check certificates.
#[derive(Debug, Default)]
pub(super) struct Poster {
    clients: Mutex<HashMap<Tls, HttpClient>>,
}

/// One request.
#[derive(Debug)]
pub(super) struct Post<'a> {
    pub(super) url: String,
    pub(super) auth: Option<&'a Auth>,
    pub(super) tls: &'a Tls,
    /// Beside the content type.
    pub(super) authorization: Option<String>,
    pub(super) body: String,
}

/// What a receiver answered with a status from 200 to 299.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) text: String,
}

impl Answer {
    /// For the history.
    pub(super) fn shown(&self) -> String {
        shown(self.status, &self.text)
    }
}

fn shown(status: u16, text: &str) -> String {
    let text = text.trim();
    let mut start: String = text.chars().take(ANSWER_CHARS_SHOWN).collect();
    if start.len() < text.len() {
        start.push('…');
    }
    if start.is_empty() {
        format!("HTTP {status}")
    } else {
        format!("HTTP {status}: {start}")
    }
}

pub(super) fn passing(reason: impl Into<String>) -> Failure {
    Failure {
        reason: reason.into(),
        kind: FailureKind::Passing(None),
    }
}

pub(super) fn lasting(reason: impl Into<String>) -> Failure {
    Failure {
        reason: reason.into(),
        kind: FailureKind::Lasting,
    }
}

impl Poster {
    /// Forgets connections and certificates, after the configuration was read anew.
    pub(super) fn reset(&self) {
        self.clients
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// Posts JSON. The URL is a secret and is in no message.
    pub(super) async fn post(&self, post: Post<'_>, now: Timestamp) -> Result<Answer, Failure> {
        let attempt = tokio::time::timeout(ATTEMPT_MAX, self.attempt(post, now));
        attempt.await.unwrap_or_else(|_| {
            Err(passing(format!(
                "no answer within {} s",
                ATTEMPT_MAX.as_secs()
            )))
        })
    }

    async fn attempt(&self, post: Post<'_>, now: Timestamp) -> Result<Answer, Failure> {
        let uri: Uri = post
            .url
            .parse()
            .ok()
            .filter(|uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https")))
            .ok_or_else(|| lasting("the address is no http or https address"))?;
        let host = uri.authority().map_or(String::new(), |authority| {
            let text = authority.as_str();
            text.rsplit_once('@')
                .map_or(text, |(_, host)| host)
                .to_owned()
        });
        let client = self
            .client(post.tls)
            .map_err(|error| passing(error.to_string()))?;
        let authorization = authorization_of(post.auth).await;
        let authorization = authorization.map_err(|error| passing(error.to_string()))?;
        let mut request = Request::post(uri)
            .header(header::CONTENT_TYPE, "application/json")
            .header(
                header::USER_AGENT,
                concat!("Pyrometer/", env!("CARGO_PKG_VERSION")),
            )
            .body(Full::new(Bytes::from(post.body)))
            .map_err(|_| lasting("the address cannot be posted to"))?;
        let own = post
            .authorization
            .and_then(|text| HeaderValue::from_str(&text).ok());
        if let Some(mut value) = authorization.or(own) {
            value.set_sensitive(true);
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        let response = client.request(request).await;
        let response = response.map_err(|error| passing(root_cause_of(&error, &host)))?;
        let status = response.status();
        let retry_after = retry_after(response.headers(), now);
        #[expect(
            clippy::disallowed_methods,
            reason = "limited to what is shown of an answer"
        )]
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX)
            .collect()
            .await;
        let text = body.map_or_else(
            // The status is what counts.
            |error| format!("(the answer cannot be read: {error})"),
            |body| String::from_utf8_lossy(&body.to_bytes()).into_owned(),
        );
        if status.is_success() {
            return Ok(Answer {
                status: status.as_u16(),
                text,
            });
        }
        let retry_after = retry_after.or_else(|| retry_after_of_body(&text));
        Err(Failure {
            reason: shown(status.as_u16(), &text),
            kind: FailureKind::of_status(status.as_u16(), retry_after),
        })
    }

    fn client(&self, tls: &Tls) -> Result<HttpClient, crate::scrape::TlsError> {
        let mut known = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = known.get(tls) {
            return Ok(client.clone());
        }
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls_client(tls)?)
            .https_or_http()
            .enable_http1()
            .build();
        // A connection of its own for each message: one that the receiver has closed meanwhile
        // would make it look as if the message had been taken, or not.
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .build(connector);
        known.insert(tls.clone(), client.clone());
        Ok(client)
    }
}

/// `Retry-After`: seconds, or a date.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds.ceil()).ok();
    }
    let date = httpdate::parse_http_date(text).ok()?;
    let since_epoch = date.duration_since(std::time::UNIX_EPOCH).ok()?;
    let at = Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).ok()?);
    Some(at.since(now))
}

/// Telegram and Discord say it in the body.
fn retry_after_of_body(text: &str) -> Option<Duration> {
    let json: serde_json::Value = serde_json::from_str(text).ok()?;
    let seconds = json["parameters"]["retry_after"]
        .as_f64()
        .or(json["retry_after"].as_f64())?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// A secret of the configuration; files are read anew each time, since they rotate.
pub(super) async fn secret(given: &Given) -> Result<String, Failure> {
    let secret = reveal(given).await;
    secret
        .map(|secret| secret.reveal().to_owned())
        .map_err(|error| passing(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_says_when_to_come_again() {
        let now = Timestamp::from_millis(784_111_777_000); // 1994-11-06 08:49:37 UTC.
        for (value, expected) in [
            ("30", Some(30)),
            ("1.5", Some(2)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::RETRY_AFTER, value.parse().unwrap());
            let expected = expected.map(Duration::from_secs);
            assert_eq!(retry_after(&headers, now), expected, "{value}");
        }
        let telegram = r#"{"ok":false,"parameters":{"retry_after":7}}"#;
        assert_eq!(retry_after_of_body(telegram), Some(Duration::from_secs(7)));
        assert_eq!(
            retry_after_of_body(r#"{"retry_after":0.5}"#),
            Some(Duration::from_millis(500))
        );
        assert_eq!(retry_after_of_body("no json"), None);
    }

    #[test]
    fn an_answer_is_shown_up_to_a_length() {
        assert_eq!(shown(404, " no_service\n"), "HTTP 404: no_service");
        assert_eq!(shown(500, ""), "HTTP 500");
        assert!(shown(500, &"ä".repeat(900)).chars().count() < 600);
    }
}
