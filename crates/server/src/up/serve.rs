//! The HTTP server's edge: connections in, each with its limits, until told to stop.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

/// Connections at once, as many as Prometheus allows; the next ones wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 512;

/// How long a client may take to say what it wants. Whoever sends a byte a second would otherwise
/// hold a connection for ever.
const HEADERS_TIMEOUT: Duration = Duration::from_secs(15);

/// Bytes of a request's line and headers. Grafana's longest queries come as forms.
const HEADER_BYTES_MAX: usize = 128 * 1024;

/// How long to wait when the kernel has no descriptor for a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long requests under way may take at the end. A chart that is not drawn by then can be asked
/// for again after the restart.
const DRAIN_MAX: Duration = Duration::from_secs(2);

/// Serves until `cancel`, then lets the requests under way end.
pub(super) async fn serve(listener: TcpListener, router: Router, cancel: CancellationToken) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = async {
            let slot = Arc::clone(&slots).acquire_owned().await;
            (slot, listener.accept().await)
        };
        let Some((slot, accepted)) = cancel.run_until_cancelled(accepted).await else {
            break;
        };
        match accepted {
            Ok((stream, _)) => {
                let connection = connection(stream, router.clone(), graceful.watcher());
                tokio::spawn(async move {
                    let _slot = slot;
                    connection.await;
                });
            }
            Err(error) => {
                warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(DRAIN_MAX, graceful.shutdown())
        .await
        .is_err()
    {
        debug!("some requests were cut off");
    }
}

async fn connection(stream: TcpStream, router: Router, watcher: Watcher) {
    // Answers are written whole, so waiting for more to send only delays them.
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "cannot set TCP_NODELAY");
    }
    let service = tower_service(router);
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_TIMEOUT)
        .max_buf_size(HEADER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(served).await {
        debug!(%error, "a connection ended early");
    }
}

/// The router takes any body; hyper brings its own.
fn tower_service(
    router: Router,
) -> impl hyper::service::Service<
    Request<Incoming>,
    Response = Response<Body>,
    Error = Infallible,
    Future: Send,
> {
    TowerToHyperService::new(router)
}
