//! Asks a running server.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Request, Uri, header};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use crate::discovery::encode;
use crate::scrape::error_chain;

/// Longer than any answer the server gives.
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// Longer than a query may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Why there is no answer, in words for a person.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    #[error("{0:?} is not the URL of a server; write for example http://127.0.0.1:9095")]
    Url(String),
    #[error("cannot reach {server}: {reason}; is `pyrometer up` running there?")]
    Unreachable { server: String, reason: String },
    #[error("{server} gave no whole answer: {reason}")]
    Broken { server: String, reason: String },
    #[error("{server} says: {message}")]
    Refused { server: String, message: String },
    #[error("{server} answered something else than JSON; is it a Pyrometer?")]
    NotJson { server: String },
    #[error("cannot start: {0}")]
    Runtime(std::io::Error),
}

/// Asks `path` by POST with a form, or by GET without one; gives `data` and the raw answer.
pub(super) fn ask(
    server: &str,
    path: &str,
    form: &[(&str, &str)],
) -> Result<(Value, String), AskError> {
    let form: Vec<String> = form
        .iter()
        .map(|(name, value)| format!("{name}={}", encode(value, "")))
        .collect();
    let form = form.join("&");
    let body = (!form.is_empty()).then_some(("application/x-www-form-urlencoded", form));
    exchange(server, path, body)
}

/// Posts a JSON text; gives `data`.
pub(super) fn send_json(server: &str, path: &str, json: &str) -> Result<Value, AskError> {
    let body = Some(("application/json", json.to_owned()));
    exchange(server, path, body).map(|(data, _)| data)
}

/// A body and its type.
type Sent = Option<(&'static str, String)>;

/// Posts OpenSLO documents; gives `data`.
pub(super) fn send_yaml(server: &str, path: &str, yaml: &str) -> Result<Value, AskError> {
    let body = Some(("application/yaml", yaml.to_owned()));
    exchange(server, path, body).map(|(data, _)| data)
}

/// A text that is no JSON; `None` when the server has something to complain.
pub(super) fn fetch_text(server: &str, path: &str) -> Result<String, AskError> {
    let text = send(server, path, None)?;
    match serde_json::from_str::<Value>(&text) {
        Ok(answer) if answer["error"].is_string() => Err(AskError::Refused {
            server: server.to_owned(),
            message: answer["error"].as_str().unwrap_or_default().to_owned(),
        }),
        Ok(_) | Err(_) => Ok(text),
    }
}

fn send(server: &str, path: &str, body: Sent) -> Result<String, AskError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(AskError::Runtime)?;
    let asked = async { tokio::time::timeout(TIMEOUT, request(server, path, body)).await };
    runtime.block_on(asked).map_err(|_| AskError::Broken {
        server: server.to_owned(),
        reason: format!("no answer within {} s", TIMEOUT.as_secs()),
    })?
}

fn exchange(server: &str, path: &str, body: Sent) -> Result<(Value, String), AskError> {
    let text = send(server, path, body)?;
    let mut answer: Value = serde_json::from_str(&text).map_err(|_| AskError::NotJson {
        server: server.to_owned(),
    })?;
    match answer["error"].as_str() {
        Some(message) => Err(AskError::Refused {
            server: server.to_owned(),
            message: message.to_owned(),
        }),
        None => Ok((answer["data"].take(), text)),
    }
}

async fn request(server: &str, path: &str, body: Sent) -> Result<String, AskError> {
    let url = format!("{}{path}", server.trim_end_matches('/'));
    let uri: Uri = url
        .parse()
        .ok()
        .filter(|uri: &Uri| uri.scheme_str() == Some("http"))
        .ok_or_else(|| AskError::Url(server.to_owned()))?;
    let request = match body {
        None => Request::get(uri).body(Full::default()),
        Some((kind, body)) => Request::post(uri)
            .header(header::CONTENT_TYPE, kind)
            .body(Full::new(Bytes::from(body))),
    };
    let request = request.map_err(|_| AskError::Url(server.to_owned()))?;
    let client: Client<HttpConnector, Full<Bytes>> =
        Client::builder(TokioExecutor::new()).build(HttpConnector::new());
    let response = client
        .request(request)
        .await
        .map_err(|error| AskError::Unreachable {
            server: server.to_owned(),
            reason: error_chain(&error),
        })?;
    #[expect(
        clippy::disallowed_methods,
        reason = "limited to what the server answers at most"
    )]
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX)
        .collect()
        .await;
    let bytes = body
        .map_err(|error| AskError::Broken {
            server: server.to_owned(),
            reason: error.to_string(),
        })?
        .to_bytes();
    String::from_utf8(bytes.to_vec()).map_err(|_| AskError::NotJson {
        server: server.to_owned(),
    })
}
