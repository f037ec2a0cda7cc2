//! What a request asks: the query string, and for POST the form in its body.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{Method, StatusCode, header};
use model::{Timestamp, parse_duration};

use super::answer::ApiError;
use super::time::parse_rfc3339;

/// Names and values in the order they came; a form's before the query string's, as in Go.
#[derive(Clone, Debug, Default)]
pub(crate) struct Params(Vec<(String, String)>);

impl<S: Send + Sync> FromRequest<S> for Params {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let query = request.uri().query().unwrap_or_default().to_owned();
        let mut params = Vec::new();
        let is_form = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.starts_with("application/x-www-form-urlencoded"));
        if request.method() == Method::POST && is_form {
            // The router's body limit holds here.
            let body = Bytes::from_request(request, state)
                .await
                .map_err(|rejection| {
                    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                        ApiError::bad_data("the form is larger than 1 MiB")
                    } else {
                        ApiError::bad_data("the form cannot be read")
                    }
                })?;
            decode_form(&String::from_utf8_lossy(&body), &mut params);
        }
        decode_form(&query, &mut params);
        Ok(Self(params))
    }
}

impl Params {
    /// The first value; an empty one counts as absent, as in Prometheus.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(candidate, value)| candidate == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// All names and values.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.0.iter();
        pairs.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.0
            .iter()
            .filter(|(candidate, _)| candidate == name)
            .map(|(_, value)| value.as_str())
            .collect()
    }

    /// Unix seconds or RFC 3339.
    pub(crate) fn time(&self, name: &str) -> Result<Option<Timestamp>, ApiError> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        parse_time(text).map(Some).ok_or_else(|| {
            ApiError::bad_data(format!(
                "invalid parameter {name:?}: cannot parse {text:?} to a valid timestamp"
            ))
        })
    }

    /// Seconds, or a duration such as `5m`.
    pub(crate) fn duration(&self, name: &str) -> Result<Option<Duration>, ApiError> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        parse_span(text).map(Some).ok_or_else(|| {
            ApiError::bad_data(format!(
                "invalid parameter {name:?}: cannot parse {text:?} to a valid duration"
            ))
        })
    }

    /// `usize::MAX` when it is absent or 0, which in Prometheus is "no limit".
    pub(crate) fn limit(&self, name: &str) -> Result<usize, ApiError> {
        match self.get(name) {
            None => Ok(usize::MAX),
            Some(text) => match text.parse() {
                Ok(0) => Ok(usize::MAX),
                Ok(limit) => Ok(limit),
                Err(_) => Err(ApiError::bad_data(format!(
                    "invalid parameter {name:?}: {text:?} is not a number of 0 or more"
                ))),
            },
        }
    }
}

/// Unix seconds or RFC 3339.
pub(crate) fn parse_time(text: &str) -> Option<Timestamp> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds.is_finite() => Some(Timestamp::from_secs_f64(seconds)),
        Ok(_) => None,
        Err(_) => parse_rfc3339(text),
    }
}

/// Negative spans are refused here, zero ones by whoever cannot use them.
fn parse_span(text: &str) -> Option<Duration> {
    match text.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        Err(_) => parse_duration(text).ok(),
    }
}

fn decode_form(text: &str, params: &mut Vec<(String, String)>) {
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        params.push((decode(name), decode(value)));
    }
}

/// Percent-decoding with `+` for a space; what is not valid stays as it is.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => match tail.get(..2).and_then(hex_byte) {
                Some(decoded) => {
                    bytes.push(decoded);
                    rest = &tail[2..];
                }
                None => bytes.push(b'%'),
            },
            byte => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex_byte(digits: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let value = digit(digits[0])? * 16 + digit(digits[1])?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn forms_decode_as_in_a_browser() {
        for (text, expected) in [
            ("a=1&b=2", vec![("a", "1"), ("b", "2")]),
            (
                "q=a%2Bb+c&m[]=x&m%5B%5D=y",
                vec![("q", "a+b c"), ("m[]", "x"), ("m[]", "y")],
            ),
            ("a&=b&&c=%zz%4", vec![("a", ""), ("", "b"), ("c", "%zz%4")]),
            ("a=%C3%A4%ff", vec![("a", "ä\u{fffd}")]),
        ] {
            let mut params = Vec::new();
            decode_form(text, &mut params);
            let params: Vec<_> = params
                .iter()
                .map(|(n, v)| (n.as_str(), v.as_str()))
                .collect();
            assert_eq!(params, expected, "{text}");
        }
    }

    #[test]
    fn times_are_seconds_or_rfc_3339() {
        for (text, expected_ms) in [
            ("1435781451.781", Some(1_435_781_451_781)),
            ("-1", Some(-1000)),
            ("2015-07-01T20:10:51.781Z", Some(1_435_781_451_781)),
            ("NaN", None),
            ("soon", None),
        ] {
            assert_eq!(
                parse_time(text).map(Timestamp::as_millis),
                expected_ms,
                "{text}"
            );
        }
    }

    #[test]
    fn spans_are_seconds_or_durations() {
        for (text, expected_ms) in [
            ("15", Some(15_000)),
            ("0.5", Some(500)),
            ("1m", Some(60_000)),
            ("-1", None),
            ("x", None),
        ] {
            let span = parse_span(text).map(|span| span.as_millis());
            assert_eq!(span, expected_ms, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_form_makes_it_panic(text in "[%0-9a-f+&=\\PC]{0,40}") {
            decode_form(&text, &mut Vec::new());
        }
    }
}
