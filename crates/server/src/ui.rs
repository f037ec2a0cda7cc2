//! The web UI, embedded when it was built; else one page that says how to build it.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

/// A file of `ui/dist`.
#[derive(Debug)]
struct Asset {
    /// Without a slash in front: `index.html`, `assets/app-3f2a.js`.
    path: &'static str,
    content_type: &'static str,
    /// Quoted, as it stands in the header.
    etag: &'static str,
    /// The name holds a hash of the content, so it never changes under its name.
    immutable: bool,
    bytes: &'static [u8],
    /// The same, packed by the build of the UI.
    gzip: Option<&'static [u8]>,
}

// `static ASSETS: &[Asset]`, sorted by path; written by build.rs.
include!(concat!(env!("OUT_DIR"), "/assets.rs"));

const NOT_BUILT: &str = "<!doctype html>
<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Pyrometer</title></head>
<body><h1>Pyrometer runs</h1>
<p>This binary was built without the web UI. Build it with <code>cargo xtask ui</code> and then
build the server again.</p>
<p>The API is there: <a href=\"/api/v1/targets\">targets</a>, <a href=\"/metrics\">metrics</a>.</p>
</body></html>
";

/// Answers for any path that is not the API's.
pub(crate) fn answer(request: &Request, gzip: bool) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let path = request.uri().path().trim_start_matches('/');
    let Some(asset) = find(path).or_else(|| page_for(path)) else {
        let status = if ASSETS.is_empty() {
            StatusCode::OK
        } else {
            StatusCode::NOT_FOUND
        };
        let text = if ASSETS.is_empty() {
            NOT_BUILT
        } else {
            "not found\n"
        };
        let kind = if ASSETS.is_empty() {
            "text/html; charset=utf-8"
        } else {
            "text/plain"
        };
        return (status, [(header::CONTENT_TYPE, kind)], text).into_response();
    };
    let known = request.headers().get(header::IF_NONE_MATCH);
    let cached = known.is_some_and(|known| known.as_bytes() == asset.etag.as_bytes());
    let status = if cached {
        StatusCode::NOT_MODIFIED
    } else {
        StatusCode::OK
    };
    let caching = if asset.immutable {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let mut response = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, asset.content_type)
        .header(header::ETAG, asset.etag)
        .header(header::CACHE_CONTROL, caching)
        .header(header::VARY, "Accept-Encoding");
    let body = match asset.gzip.filter(|_| gzip) {
        _ if cached => Body::empty(),
        Some(packed) => {
            response = response.header(header::CONTENT_ENCODING, "gzip");
            Body::from(packed)
        }
        None => Body::from(asset.bytes),
    };
    response
        .body(body)
        .unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

fn find(path: &str) -> Option<&'static Asset> {
    let index = ASSETS.binary_search_by(|asset| asset.path.cmp(path)).ok()?;
    Some(&ASSETS[index])
}

/// The page for a path of its own; a file that is missing stays missing, so that a stale script
/// fails with 404 and not with HTML where code should be.
fn page_for(path: &str) -> Option<&'static Asset> {
    let last = path.rsplit('/').next().unwrap_or_default();
    if path.starts_with("assets/") || (last.contains('.') && !path.contains('/')) {
        return None;
    }
    find("index.html")
}
