"""The metrics of an HTTP server: what every framework's module fills.

Names, labels and buckets are those of OpenTelemetry's semantic conventions for HTTP (stable),
with the units that Prometheus wants; docs/decisions/semantic-conventions.md says what differs.
"""

from __future__ import annotations

import time
import weakref
from threading import Lock
from time import perf_counter
from typing import Any, Callable, Optional, Union

from ..metrics import Gauge, Histogram
from ..registry import CollectorRegistry
from ..runtime.serving import begin_request
from ..runtime.serving import state as _process
from .children import SERIES_MAX, Children
from .guard import trouble

# Seconds; of http.server.request.duration in the semantic conventions.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
# Seconds; a connection that stays open lasts from one message to a working day.
SESSION_BUCKETS = (0.1, 1, 10, 60, 300, 900, 3600, 4 * 3600, 8 * 3600)

UNMATCHED = "<unmatched>"
"""The route of requests that match none: the paths that a scanner tries are without end."""

OTHER_METHOD = "_OTHER"
# RFC 9110 and PATCH (RFC 5789), as the semantic conventions have it. A client may send any word.
METHODS = {
    method: method
    for method in (
        *("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"),
    )
}

QUEUE_SECONDS_MAX = 600.0
"""What a request is said to have waited at most: proxies give up before, and a header that a
client sent, or a clock that is wrong, must not drown what is true."""

_QUEUE_HEADER_LENGTH_MAX = 64


def queue_seconds(header: Union[str, bytes], now: float) -> Optional[float]:
    """How long a request waited, from ``X-Request-Start`` or ``X-Queue-Start``.

    The header holds the time at which a proxy took the request, with or without ``t=``, in
    seconds, milli-, micro- or nanoseconds since the epoch, which the magnitude tells: until the
    year 5138 seconds stay below 1e11, and since 1973 every smaller unit is above it.

    now: seconds since the epoch. Returns seconds from 0 to ``QUEUE_SECONDS_MAX``, ``None`` for
    what is no time after the year 2000.
    """
    if len(header) > _QUEUE_HEADER_LENGTH_MAX:
        return None
    try:
        text = header.decode("ascii") if isinstance(header, bytes) else header
        # nginx repeats a header by commas; the first proxy is the first.
        began = float(text.partition(",")[0].strip().removeprefix("t="))
    except ValueError:
        return None
    for unit in (1.0, 1e3, 1e6, 1e9):
        if began < 1e11 * unit:
            began /= unit
            break
    else:
        return None
    # NaN fails this too.
    if not began > 946_684_800:
        return None
    return min(max(now - began, 0.0), QUEUE_SECONDS_MAX)


class HttpServer:
    """The metrics of all HTTP applications of one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        share = getattr(registry, "share", None)
        if share is not None:
            share()
        duration = Histogram(
            "http_server_request_duration_seconds",
            "Time from the request's arrival at the application to the end of its response",
            ("http_request_method", "http_route", "http_response_status_code", "error_type"),
            buckets=BUCKETS,
            registry=registry,
        )
        self._durations = Children(duration, 1, 3)
        self._active = Gauge(
            "http_server_active_requests",
            "Requests that are being answered",
            ("http_request_method",),
            registry=registry,
        )
        self._queue = Histogram(
            "http_server_request_queue_duration_seconds",
            "Time from a request's arrival at the proxy to its arrival at the application",
            buckets=BUCKETS,
            registry=registry,
        )
        sessions = Histogram(
            "websocket_server_session_duration_seconds",
            "Time from a WebSocket's handshake to its end",
            ("http_route", "error_type"),
            buckets=SESSION_BUCKETS,
            registry=registry,
        )
        self._sessions = Children(sessions, 0, 1)
        self._active_sessions = Gauge(
            "websocket_server_active_sessions", "WebSockets that are open", registry=registry
        )
        # By what a request knows, so that it costs one look-up; several may lead to one child.
        self._observers: dict[tuple[Any, ...], Callable[[float], None]] = {}
        self._methods: dict[str, tuple[str, Callable[[], None], Callable[[], None]]] = {}

    def begin(self, method: Any) -> Request:
        """A request has come. Whoever began one must end it."""
        if _process.is_due:
            begin_request()
        known = self._methods.get(method)
        if known is None:
            known = self._know(method)
        known[1]()
        request = Request()
        request.server = self
        request.method, _, request.leave = known
        request.started = perf_counter()
        request.prefix = ""
        request.route = None
        request.status = None
        request.error = None
        request.seconds = None
        return request

    def observe_queue(self, header: Union[str, bytes]) -> None:
        """Takes the time that a request waited from a proxy's header."""
        seconds = queue_seconds(header, time.time())
        if seconds is not None:
            self._queue.observe(seconds)

    def begin_session(self) -> float:
        """A WebSocket was asked for; returns when, for ``end_session``."""
        self._active_sessions.inc()
        return perf_counter()

    def end_session(
        self, started: float, route: Optional[str], error: Optional[BaseException]
    ) -> None:
        """The WebSocket is closed."""
        self._active_sessions.dec()
        seconds = perf_counter() - started
        name = "" if error is None else type(error).__qualname__
        self._sessions.get(route or "", name).observe(seconds)

    def _know(self, method: Any) -> tuple[str, Callable[[], None], Callable[[], None]]:
        label = METHODS.get(method, OTHER_METHOD)
        child = self._active.labels(label)
        known = (label, child.inc, child.dec)
        # Words that a client made up are looked up again each time, and not kept.
        if label != OTHER_METHOD:
            self._methods[label] = known
        return known


class Request:
    """One request on its way, from ``HttpServer.begin`` to ``end``."""

    __slots__ = (
        "server",
        "method",
        "leave",
        "started",
        "prefix",
        "route",
        "status",
        "error",
        "seconds",
    )

    # None once the request is counted.
    server: Optional[HttpServer]
    method: str
    # Out of the requests in progress; None once it is.
    leave: Optional[Callable[[], None]]
    started: float
    # The templates of the mounts above the route.
    prefix: str
    # The template of the route, and all of its prefix; none is known yet.
    route: Optional[str]
    # A number, or the text that begins with it.
    status: Optional[Union[int, str]]
    error: Optional[BaseException]
    # How long the response took, once it is at its end.
    seconds: Optional[float]

    def respond(self) -> None:
        """The response is at its end: the request is no longer in progress. Never raises."""
        self.seconds = perf_counter() - self.started
        leave = self.leave
        if leave is not None:
            self.leave = None
            leave()

    def end(self) -> None:
        """Counts the request; only the first call does. Never raises."""
        server = self.server
        if server is None:
            return
        self.server = None
        try:
            if self.leave is not None:
                self.respond()
            # Without an error, which is nearly always, the key is what is at hand.
            observe = server._observers.get((self.method, self.route, self.status, self.error))
            if observe is None:
                observe = self._find(server)
            observe(self.seconds or 0.0)
        except Exception:
            trouble("http")
        # Its traceback leads back to here: a cycle would keep all of the request's frames.
        self.error = None

    def _find(self, server: HttpServer) -> Callable[[float], None]:
        error, status = self.error, self.status
        if status is None:
            # A server answers an exception with 500; nobody answers who has gone.
            code = "500" if isinstance(error, Exception) else ""
        else:
            code = str(status)[:3]
        name = ""
        if error is not None:
            name = type(error).__qualname__
        elif code >= "500":
            name = code
        child = server._durations.get(self.method, self.route or "", code, name)
        observe: Callable[[float], None] = child.observe
        if error is None and len(server._observers) < SERIES_MAX:
            server._observers[(self.method, self.route, status, None)] = observe
        return observe


_servers: weakref.WeakKeyDictionary[CollectorRegistry, HttpServer] = weakref.WeakKeyDictionary()
_lock = Lock()


def http_server(registry: CollectorRegistry) -> HttpServer:
    """The metrics of a registry; made when they are new."""
    with _lock:
        server = _servers.get(registry)
        if server is None:
            server = _servers[registry] = HttpServer(registry)
        return server
