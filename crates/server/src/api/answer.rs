//! The envelope of every answer under `/api/v1`, and what goes wrong.

use std::io::{self, Write};

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use promql::{Evaluated, Fault, Note, Severity};
use serde::Serialize;

use super::value::write_value;
use crate::query::QueryError;

/// Largest answer. 64 MiB are a million points; a browser stands still long before.
pub(crate) const ANSWER_BYTES_MAX: usize = 64 << 20;

/// An answer that is no success.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    /// Prometheus's words: `bad_data`, `execution`, `timeout`, `canceled`, `not_found`, …
    kind: &'static str,
    message: String,
}

pub(crate) type Answer = Result<Response, ApiError>;

impl ApiError {
    pub(crate) fn bad_data(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            kind: "bad_data",
            message: message.into(),
        }
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            kind: "not_found",
            message: message.into(),
        }
    }

    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::FORBIDDEN,
            kind: "forbidden",
            message: message.into(),
        }
    }

    pub(crate) fn execution(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            kind: "execution",
            message: message.into(),
        }
    }

    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            kind: "unavailable",
            message: message.into(),
        }
    }

    fn too_large() -> Self {
        Self::execution(format!(
            "the answer is larger than {} MiB; narrow the selector or the range, or take a \
             longer step",
            ANSWER_BYTES_MAX >> 20
        ))
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        let message = crate::scrape::error_chain(&error);
        let (status, kind) = match &error {
            QueryError::Eval(eval) => match eval.fault() {
                Fault::Query | Fault::Limit => (StatusCode::UNPROCESSABLE_ENTITY, "execution"),
                Fault::Cancelled => (StatusCode::SERVICE_UNAVAILABLE, "canceled"),
                Fault::Store => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
            },
            QueryError::Store(_) => (StatusCode::UNPROCESSABLE_ENTITY, "execution"),
            QueryError::Timeout { .. } => (StatusCode::SERVICE_UNAVAILABLE, "timeout"),
            QueryError::Panicked => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        };
        Self {
            status,
            kind,
            message,
        }
    }
}

#[derive(Serialize)]
struct ErrorJson<'a> {
    status: &'static str,
    #[serde(rename = "errorType")]
    error_type: &'a str,
    error: &'a str,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let json = ErrorJson {
            status: "error",
            error_type: self.kind,
            error: &self.message,
        };
        let body = serde_json::to_vec(&json).unwrap_or_default();
        json_response(self.status, body)
    }
}

/// `{"status":"success","data":…}`.
pub(crate) fn success(data: &impl Serialize) -> Answer {
    success_with(data, &[])
}

/// With `warnings`, when there are any.
pub(crate) fn success_with(data: &impl Serialize, warnings: &[String]) -> Answer {
    let mut out = Limited::new(ANSWER_BYTES_MAX);
    let written = out
        .write_all(b"{\"status\":\"success\",\"data\":")
        .and_then(|()| serde_json::to_writer(&mut out, data).map_err(io::Error::from))
        .and_then(|()| write_texts(&mut out, "warnings", warnings))
        .and_then(|()| out.write_all(b"}"));
    finish(written, out)
}

/// The value of a query with its remarks. At most `limit` series; a remark says when it cut.
pub(crate) fn evaluated(evaluated: &Evaluated, limit: usize) -> Answer {
    let mut out = Limited::new(ANSWER_BYTES_MAX);
    let of = |severity: Severity| -> Vec<String> {
        let chosen = evaluated
            .notes
            .iter()
            .filter(|note| note.severity == severity);
        chosen.map(Note::to_string).collect()
    };
    let mut warnings = of(Severity::Warning);
    let written = out
        .write_all(b"{\"status\":\"success\",\"data\":")
        .and_then(|()| write_value(&mut out, &evaluated.value, limit))
        .and_then(|cut| {
            if cut {
                warnings.push(TRUNCATED.to_owned());
            }
            write_texts(&mut out, "warnings", &warnings)
        })
        .and_then(|()| write_texts(&mut out, "infos", &of(Severity::Info)))
        .and_then(|()| out.write_all(b"}"));
    finish(written, out)
}

/// Prometheus's words for a list that `limit` cut.
pub(crate) const TRUNCATED: &str = "results truncated due to limit";

fn write_texts(out: &mut Limited, name: &str, texts: &[String]) -> io::Result<()> {
    if texts.is_empty() {
        return Ok(());
    }
    out.write_all(format!(",\"{name}\":").as_bytes())?;
    serde_json::to_writer(out, texts).map_err(io::Error::from)
}

fn finish(written: io::Result<()>, out: Limited) -> Answer {
    match written {
        Ok(()) => Ok(json_response(StatusCode::OK, out.bytes)),
        // Memory takes everything but what is over the limit.
        Err(_) => Err(ApiError::too_large()),
    }
}

fn json_response(status: StatusCode, body: Vec<u8>) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// A buffer with an end.
pub(crate) struct Limited {
    bytes: Vec<u8>,
    bytes_max: usize,
}

impl Limited {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            bytes: Vec::new(),
            bytes_max,
        }
    }
}

impl Write for Limited {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + data.len() > self.bytes_max {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
