//! Asks a target for its metrics over HTTP. Every way a target can hurt ends in an error here.
//!
//! The caller sets the deadline: dropping the future ends the request.

use std::collections::HashMap;
use std::error::Error;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Request, Response, StatusCode, Uri};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use model::exposition::Format;

use super::tls::{PeerError, TlsError, peer_error, tls_client};
use crate::config::{Auth, Given, JobConfig, Secret, Tls, read_file};
use crate::targets::RejectedLine;

/// The newest format first; all of what [`Format`] reads.
const ACCEPT: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
    application/openmetrics-text;version=0.0.1;q=0.4,\
    text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1";

/// Answers that send us elsewhere. Real targets need one (a slash at the end), rarely two.
const REDIRECTS_MAX: usize = 2;

type HttpClient = Client<HttpsConnector<HttpConnector>, Empty<Bytes>>;

/// The HTTP clients of all targets, one for each way to check certificates.
#[derive(Debug, Default)]
pub(crate) struct Fetcher {
    clients: Mutex<HashMap<Tls, Clients>>,
}

#[derive(Clone, Debug)]
struct Clients {
    /// Goes on with the connection of the last scrape, if the target has not closed it.
    keeping: HttpClient,
    /// Opens a connection for every request, so that none can have ended before it was used.
    opening: HttpClient,
}

/// An answer, unpacked.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) body: Vec<u8>,
    pub(crate) format: Format,
    /// What could not be read of a process group; nothing for HTTP.
    pub(crate) damaged: Vec<RejectedLine>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("{0:?} is not a valid URL")]
    Url(String),
    #[error("{0}")]
    Connect(String),
    #[error("server returned HTTP status {0}")]
    Status(StatusCode),
    #[error("more than {REDIRECTS_MAX} redirects, the last one to {0:?}")]
    Redirects(String),
    #[error("the answer broke off: {0}")]
    Broken(String),
    #[error("the body is larger than {max} bytes as sent (body_size_limit)")]
    PackedTooLarge { max: u64 },
    #[error("the body is larger than {max} bytes unpacked (body_size_limit)")]
    TooLarge { max: u64 },
    #[error("the body is not valid gzip")]
    Gzip(#[source] io::Error),
    #[error("content encoding {0:?} was not asked for")]
    Encoding(String),
    #[error("cannot read credentials from {path}: {source}", path = path.display())]
    Credentials {
        path: std::path::PathBuf,
        source: io::Error,
    },
    #[error("the credentials cannot stand in a header")]
    CredentialText,
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error(transparent)]
    Peer(PeerError),
}

impl FetchError {
    /// The limit that ended the scrape, by its configuration name.
    pub(crate) fn limit(&self) -> Option<&'static str> {
        match self {
            Self::PackedTooLarge { .. } | Self::TooLarge { .. } => Some("body_size_limit"),
            Self::Url(_)
            | Self::Connect(_)
            | Self::Status(_)
            | Self::Redirects(_)
            | Self::Broken(_)
            | Self::Gzip(_)
            | Self::Encoding(_)
            | Self::Credentials { .. }
            | Self::CredentialText
            | Self::Tls(_)
            | Self::Peer(_) => None,
        }
    }
}

impl Fetcher {
    /// Forgets connections and certificates, after a configuration was read anew.
    pub(crate) fn reset(&self) {
        self.clients
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// Asks `url` the way `job` says.
    pub(crate) async fn fetch(
        &self,
        url: &str,
        job: &Arc<JobConfig>,
        timeout: Duration,
    ) -> Result<Fetched, FetchError> {
        let clients = self.clients(&job.tls)?;
        let authorization = authorization_of(job.auth.as_ref()).await?;
        let first: Uri = url.parse().map_err(|_| FetchError::Url(url.to_owned()))?;
        let mut uri = first.clone();
        for _ in 0..=REDIRECTS_MAX {
            // Credentials are for the target only, not for where it sends us.
            let same_origin =
                uri.scheme() == first.scheme() && uri.authority() == first.authority();
            let authorization = authorization.as_ref().filter(|_| same_origin);
            let request = || request(&uri, job, timeout, authorization);
            let response = match clients.keeping.request(request()?).await {
                // Kept open since the last scrape, and closed by the target just as we asked.
                // Several may be: a redirect takes one and gives back another.
                Err(error) if is_closed_early(&error) => clients.opening.request(request()?).await,
                asked => asked,
            };
            let response = response.map_err(|error| connect_error(&error, &uri))?;
            match redirect(&response, &uri, job.follow_redirects)? {
                Some(next) => uri = next,
                None => return read(response, job).await,
            }
        }
        Err(FetchError::Redirects(uri.to_string()))
    }

    fn clients(&self, tls: &Tls) -> Result<Clients, TlsError> {
        let mut known = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(clients) = known.get(tls) {
            return Ok(clients.clone());
        }
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls_client(tls)?)
            .https_or_http()
            .enable_http1()
            .build();
        let keeping = |idle_max| {
            Client::builder(TokioExecutor::new())
                .pool_max_idle_per_host(idle_max)
                .http1_max_headers(HEADERS_MAX)
                .http1_max_buf_size(HEADER_BYTES_MAX)
                .build(connector.clone())
        };
        // Two scrapes of one target never overlap; one idle connection each is enough.
        let clients = Clients {
            keeping: keeping(1),
            opening: keeping(0),
        };
        known.insert(tls.clone(), clients.clone());
        Ok(clients)
    }
}

/// Headers of an answer; a target that never stops sending them is cut off here.
const HEADERS_MAX: usize = 100;
const HEADER_BYTES_MAX: usize = 64 * 1024;

fn request(
    uri: &Uri,
    job: &JobConfig,
    timeout: Duration,
    authorization: Option<&HeaderValue>,
) -> Result<Request<Empty<Bytes>>, FetchError> {
    let mut request = Request::get(uri.clone())
        .header(header::ACCEPT, ACCEPT)
        .header(
            header::USER_AGENT,
            concat!("Pyrometer/", env!("CARGO_PKG_VERSION")),
        )
        .header(
            "X-Prometheus-Scrape-Timeout-Seconds",
            timeout.as_secs_f64().to_string(),
        );
    let encoding = if job.compression { "gzip" } else { "identity" };
    request = request.header(header::ACCEPT_ENCODING, encoding);
    if let Some(authorization) = authorization {
        request = request.header(header::AUTHORIZATION, authorization);
    }
    request
        .body(Empty::new())
        .map_err(|_| FetchError::Url(uri.to_string()))
}

/// The header by which this server proves who it is.
pub(crate) async fn authorization_of(
    auth: Option<&Auth>,
) -> Result<Option<HeaderValue>, FetchError> {
    let Some(auth) = auth else {
        return Ok(None);
    };
    let text = match auth {
        Auth::Basic { username, password } => {
            let password = reveal(password).await?;
            format!(
                "Basic {}",
                base64(format!("{username}:{}", password.reveal()).as_bytes())
            )
        }
        Auth::Header {
            scheme,
            credentials,
        } => {
            format!("{scheme} {}", reveal(credentials).await?.reveal())
        }
    };
    let mut value = HeaderValue::from_str(&text).map_err(|_| FetchError::CredentialText)?;
    value.set_sensitive(true);
    Ok(Some(value))
}

/// A secret of the configuration; its file is read anew each time, since it may rotate.
pub(crate) async fn reveal(given: &Given) -> Result<Secret, FetchError> {
    match given {
        Given::Here(secret) => Ok(secret.clone()),
        Given::File(path) => {
            let from = path.clone();
            let read = tokio::task::spawn_blocking(move || read_file(&from)).await;
            let text = read.map_err(io::Error::other).flatten();
            let text = text.map_err(|source| FetchError::Credentials {
                path: path.clone(),
                source,
            })?;
            Ok(Secret::new(text.trim()))
        }
    }
}

/// Where the answer sends us, if it does.
fn redirect(
    response: &Response<Incoming>,
    from: &Uri,
    follow: bool,
) -> Result<Option<Uri>, FetchError> {
    let status = response.status();
    let location = response
        .headers()
        .get(header::LOCATION)
        .and_then(|text| text.to_str().ok());
    match (status.as_u16(), location) {
        (200, _) => Ok(None),
        (301 | 302 | 303 | 307 | 308, Some(location)) if follow => resolve_location(from, location)
            .map(Some)
            .ok_or_else(|| FetchError::Url(location.to_owned())),
        _ => Err(FetchError::Status(status)),
    }
}

/// An absolute URL, an absolute path, or a name beside the path asked for.
fn resolve_location(from: &Uri, location: &str) -> Option<Uri> {
    let (scheme, authority) = (from.scheme_str()?, from.authority()?);
    let absolute = if location.starts_with("http://") || location.starts_with("https://") {
        location.to_owned()
    } else if location.contains("://") {
        return None;
    } else if location.starts_with("//") {
        format!("{scheme}:{location}")
    } else if location.starts_with('/') {
        format!("{scheme}://{authority}{location}")
    } else {
        let folder = from
            .path()
            .rsplit_once('/')
            .map_or("", |(folder, _)| folder);
        format!("{scheme}://{authority}{folder}/{location}")
    };
    absolute.parse().ok()
}

async fn read(response: Response<Incoming>, job: &JobConfig) -> Result<Fetched, FetchError> {
    let format = Format::of_content_type(text_of(response.headers(), header::CONTENT_TYPE));
    let encoding = text_of(response.headers(), header::CONTENT_ENCODING)
        .trim()
        .to_owned();
    let mut unpack = match encoding.to_ascii_lowercase().as_str() {
        "" | "identity" => Unpack::Plain(Capped::new(job.limits.body_bytes_max)),
        "gzip" | "x-gzip" => Unpack::Gzip(Box::new(MultiGzDecoder::new(Capped::new(
            job.limits.body_bytes_max,
        )))),
        _ => return Err(FetchError::Encoding(encoding)),
    };
    let packed_max = match &unpack {
        Unpack::Plain(_) => job.limits.body_bytes_max,
        Unpack::Gzip(_) => job.limits.packed_bytes_max,
    };
    let mut packed = 0;
    let told = [header::CONTENT_LENGTH, header::TRANSFER_ENCODING];
    let ends_by_closing = !told
        .iter()
        .any(|name| response.headers().contains_key(name));
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        let frame = match frame {
            // As Go does: nothing but the closing tells where this body ends.
            Err(error) if ends_by_closing && is_unannounced_end(&error) => break,
            frame => frame.map_err(|error| FetchError::Broken(root_cause(&error)))?,
        };
        if let Ok(data) = frame.into_data() {
            packed += data.len() as u64;
            if packed > packed_max {
                return Err(FetchError::PackedTooLarge { max: packed_max });
            }
            unpack.write(&data, job.limits.body_bytes_max)?;
        }
    }
    Ok(Fetched {
        body: unpack.finish(job.limits.body_bytes_max)?,
        format,
        damaged: Vec::new(),
    })
}

fn text_of(headers: &HeaderMap, name: header::HeaderName) -> &str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

enum Unpack {
    Plain(Capped),
    Gzip(Box<MultiGzDecoder<Capped>>),
}

impl Unpack {
    fn write(&mut self, data: &[u8], max: u64) -> Result<(), FetchError> {
        match self {
            Self::Plain(capped) => capped.write_all(data),
            Self::Gzip(decoder) => decoder.write_all(data),
        }
        .map_err(|error| unpack_error(error, max))
    }

    fn finish(self, max: u64) -> Result<Vec<u8>, FetchError> {
        match self {
            Self::Plain(capped) => Ok(capped.bytes),
            Self::Gzip(decoder) => decoder
                .finish()
                .map(|capped| capped.bytes)
                .map_err(|error| unpack_error(error, max)),
        }
    }
}

fn unpack_error(error: io::Error, max: u64) -> FetchError {
    if error.kind() == io::ErrorKind::FileTooLarge {
        FetchError::TooLarge { max }
    } else {
        FetchError::Gzip(error)
    }
}

/// Takes bytes up to a limit, so that a small bomb cannot unpack into all memory.
struct Capped {
    bytes: Vec<u8>,
    bytes_max: u64,
}

impl Capped {
    fn new(bytes_max: u64) -> Self {
        Self {
            bytes: Vec::new(),
            bytes_max,
        }
    }
}

impl Write for Capped {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if (self.bytes.len() + data.len()) as u64 > self.bytes_max {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether the connection ended before any of the answer came. Asking once more is safe, since
/// a scrape changes nothing, and Go's client does it too.
fn is_closed_early(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|cause| {
        let http = cause.downcast_ref::<hyper::Error>();
        let socket = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        http.is_some_and(|error| {
            error.is_incomplete_message() || error.is_closed() || error.is_canceled()
        }) || socket == Some(io::ErrorKind::ConnectionReset)
            || socket == Some(io::ErrorKind::BrokenPipe)
    })
}

/// Whether a TLS connection ended without the word that it would. Python's servers do that.
fn is_unannounced_end(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|cause| {
        let socket = cause.downcast_ref::<io::Error>();
        socket.is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof)
    })
}

/// An error and all that caused it. Errors of sockets hide theirs: their `source` is that of what
/// they hold, not what they hold.
pub(super) fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        let held = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        held.map(|held| held as &(dyn Error + 'static))
            .or_else(|| error.source())
    })
}

fn connect_error(error: &(dyn Error + 'static), uri: &Uri) -> FetchError {
    let target = uri.authority().map_or("", |authority| authority.as_str());
    match peer_error(error, target) {
        Some(error) => FetchError::Peer(error),
        None => FetchError::Connect(root_cause(error)),
    }
}

/// Why a request to `target` failed, in words.
pub(crate) fn root_cause_of(error: &(dyn Error + 'static), target: &str) -> String {
    match peer_error(error, target) {
        Some(error) => error.to_string(),
        None => root_cause(error),
    }
}

/// The innermost reason of an error, in words: `connection refused`.
fn root_cause(error: &(dyn Error + 'static)) -> String {
    let cause = causes(error).last().unwrap_or(error);
    match cause.downcast_ref::<io::Error>().map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => "connection refused".to_owned(),
        Some(io::ErrorKind::ConnectionReset) => "connection reset by the target".to_owned(),
        Some(io::ErrorKind::HostUnreachable) => "the host cannot be reached".to_owned(),
        _ => cause.to_string(),
    }
}

/// RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = (0..3).fold(0_usize, |word, index| {
            word << 8 | usize::from(chunk.get(index).copied().unwrap_or(0))
        });
        for index in 0..4 {
            if index <= chunk.len() {
                text.push(char::from(ALPHABET[word >> (18 - 6 * index) & 63]));
            } else {
                text.push('=');
            }
        }
    }
    text
}

#[cfg(test)]
mod tests;
