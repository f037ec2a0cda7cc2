//! What every answer has in common: headers that keep browsers safe, gzip, counting.

use std::io::Write as _;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::answer::ANSWER_BYTES_MAX;
use crate::app::App;

/// The page loads nothing from elsewhere, runs no inline script, and stands in no frame. Styles
/// may be inline: charts set sizes and colours on their elements.
const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 4] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
];

/// Below this an answer fits one packet anyway.
const GZIP_BYTES_MIN: usize = 1400;

/// Runs around every handler.
pub(super) async fn around(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map(|path| path.as_str().to_owned());
    let gzip = accepts_gzip(request.headers());
    let mut response = next.run(request).await;
    // Paths of the page and of the curious have no pattern and count as one.
    let route = route.as_deref().unwrap_or("/");
    app.metrics.answered(route, response.status().as_u16());
    for (name, value) in HEADERS {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    if gzip && is_worth_packing(&response) {
        packed(response).await
    } else {
        response
    }
}

/// True when gzip is named and not refused by `q=0`.
pub(super) fn accepts_gzip(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|choice| {
            let mut parts = choice.split(';').map(str::trim);
            let named = parts
                .next()
                .is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
            let weight = parts.find_map(|part| part.strip_prefix("q="));
            named && weight.is_none_or(|weight| weight.parse::<f64>().is_ok_and(|q| q > 0.0))
        })
}

fn is_worth_packing(response: &Response) -> bool {
    let headers = response.headers();
    let text = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|kind| kind.starts_with("text/") || kind.starts_with("application/json"));
    let large = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok())
        .or_else(|| usize::try_from(axum::body::HttpBody::size_hint(response.body()).lower()).ok())
        .is_some_and(|length| length >= GZIP_BYTES_MIN);
    text && large && !headers.contains_key(header::CONTENT_ENCODING)
}

async fn packed(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    // Handlers answer from memory, so this waits for nothing and nothing is larger.
    let Ok(bytes) = to_bytes(body, ANSWER_BYTES_MAX).await else {
        return Response::from_parts(parts, Body::empty());
    };
    let plain = bytes.clone();
    let encoded = tokio::task::spawn_blocking(move || {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&plain)?;
        encoder.finish()
    });
    parts
        .headers
        .append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    match encoded.await {
        Ok(Ok(encoded)) => {
            parts
                .headers
                .insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            parts.headers.remove(header::CONTENT_LENGTH);
            Response::from_parts(parts, Body::from(encoded))
        }
        _ => Response::from_parts(parts, Body::from(bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_used_when_it_is_accepted() {
        for (value, expected) in [
            ("gzip", true),
            ("deflate, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("br", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, value.parse().unwrap());
            assert_eq!(accepts_gzip(&headers), expected, "{value}");
        }
    }
}
