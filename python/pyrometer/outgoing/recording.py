"""Where outgoing calls are counted: bounded labels, one histogram per kind of peer.

Names, labels and buckets are those of OpenTelemetry's semantic conventions in Prometheus form:
``http.client.request.duration``, ``db.client.operation.duration``,
``messaging.client.operation.duration`` and ``rpc.client.call.duration``. A label that does not
apply is empty, which Prometheus takes for absent.

Nothing here raises: a call that cannot be counted is not counted.
"""

from __future__ import annotations

import threading
from typing import Any, Callable, Optional, Sequence

from ..metrics import Histogram
from ..registry import keep_lock_free

# Peers that have series of their own in one metric; further ones share `_other`. A service calls
# a handful; a crawler or a web-hook sender calls thousands, and would fill the store.
PEERS_MAX = 100
# Values of each further label that its caller makes up: queues, databases, exceptions.
VALUES_MAX = 100
# Label sets whose way to their cell is remembered; further ones are looked up again each time.
_SHORT_CUTS_MAX = 4096
# Longer values are cut: nothing that names a peer is longer than a host name may be (RFC 1035).
_VALUE_CHARS_MAX = 253

OTHER_PEER = "_other"
# The conventions' word for a value outside the known set.
OTHER = "_OTHER"

_HTTP_BUCKETS = (
    *(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75),
    *(1.0, 2.5, 5.0, 7.5, 10.0),
)
_DB_BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0)

# The methods of RFC 9110 and PATCH of RFC 5789, as the conventions ask.
_HTTP_METHODS = frozenset(
    ("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE")
)


class Durations:
    """One histogram of how long calls took, whose labels cannot grow without bound.

    The first two labels given to ``observe`` are the peer's address and port, the rest are the
    metric's own. ``capped`` names those among them whose values callers make up.
    """

    def __init__(
        self,
        name: str,
        documentation: str,
        labelnames: Sequence[str],
        capped: Sequence[str],
        buckets: Sequence[float],
    ) -> None:
        self._name = name
        self._documentation = documentation
        self._labelnames = ("server_address", "server_port", *labelnames)
        self._capped = [
            (self._labelnames.index(label), OTHER if label == "error_type" else OTHER_PEER)
            for label in capped
        ]
        self._buckets = buckets
        self._peers_max = PEERS_MAX
        self._peers: set[tuple[str, str]] = set()
        self._values: dict[int, set[str]] = {place: set() for place, _ in self._capped}
        self._short_cuts: dict[tuple[object, ...], Callable[[float], None]] = {}
        self._histogram: Optional[Histogram] = None
        self._lock = threading.Lock()
        keep_lock_free(self)

    def observe(self, seconds: float, *labels: object) -> None:
        """Records one call. Labels are in the order of the metric's label names."""
        try:
            observe = self._short_cuts.get(labels)
            if observe is None:
                observe = self._find(labels)
            observe(seconds)
        except Exception as error:
            log_once(f"{self._name} is not counted", error)

    def set_peers_max(self, peers_max: int) -> None:
        """Peers that have series of their own; those that have them already keep them."""
        self._peers_max = peers_max

    def _find(self, labels: tuple[object, ...]) -> Callable[[float], None]:
        texts = ["" if label is None else str(label)[:_VALUE_CHARS_MAX] for label in labels]
        with self._lock:
            if self._histogram is None:
                # Not before the first call: a service that makes none has no empty metric.
                self._histogram = Histogram(
                    self._name, self._documentation, self._labelnames, buckets=self._buckets
                )
            self._bound(texts)
            observe: Callable[[float], None] = self._histogram.labels(*texts).observe
            if len(self._short_cuts) < _SHORT_CUTS_MAX:
                self._short_cuts[labels] = observe
        return observe

    def _bound(self, texts: list[str]) -> None:
        peer = (texts[0], texts[1])
        if peer not in self._peers:
            if len(self._peers) < self._peers_max:
                self._peers.add(peer)
            else:
                texts[0], texts[1] = OTHER_PEER, ""
        for place, other in self._capped:
            known, text = self._values[place], texts[place]
            if text and text not in known:
                if len(known) < VALUES_MAX:
                    known.add(text)
                else:
                    texts[place] = other


_HTTP = Durations(
    "http_client_request_duration_seconds",
    "Time from sending an HTTP request to its response's headers",
    ("http_request_method", "http_response_status_code", "error_type"),
    ("error_type",),
    _HTTP_BUCKETS,
)
_DB = Durations(
    "db_client_operation_duration_seconds",
    "Time that operations of databases and caches take, without fetching further rows",
    ("db_system_name", "db_namespace", "db_operation_name", "error_type"),
    ("db_namespace", "error_type"),
    _DB_BUCKETS,
)
_MESSAGING = Durations(
    "messaging_client_operation_duration_seconds",
    "Time that a message broker takes to accept or hand over messages",
    (
        *("messaging_system", "messaging_destination_name", "messaging_operation_name"),
        "error_type",
    ),
    ("messaging_destination_name", "error_type"),
    _HTTP_BUCKETS,
)
_RPC = Durations(
    "rpc_client_call_duration_seconds",
    "Time that outgoing remote procedure calls take",
    ("rpc_system_name", "rpc_method", "rpc_response_status_code", "error_type"),
    ("rpc_method", "error_type"),
    _HTTP_BUCKETS,
)


def set_peers_max(peers_max: int) -> None:
    """Peers that have series of their own, in each metric."""
    for metric in (_HTTP, _DB, _MESSAGING, _RPC):
        metric.set_peers_max(peers_max)


def http(
    seconds: float,
    method: object,
    address: object,
    port: object,
    status: Optional[int] = None,
    error: Optional[BaseException] = None,
) -> None:
    """Records one HTTP request: it has a status, or the exception that kept it from one."""
    name = method if method in _HTTP_METHODS else _http_method(method)
    if status is None or not 100 <= status <= 599:
        _HTTP.observe(seconds, address, port, name, "", type_of(error))
    else:
        # The conventions: 4xx and 5xx are errors to a client, and the status is their type.
        _HTTP.observe(seconds, address, port, name, status, status if status >= 400 else "")


def db(
    seconds: float,
    system: str,
    address: object,
    port: object,
    namespace: object,
    operation: str,
    error_type: str = "",
) -> None:
    """Records one operation of a database. ``operation`` must come from a known set."""
    _DB.observe(seconds, address, port, system, namespace, operation, error_type)


def messaging(
    seconds: float,
    system: str,
    address: object,
    port: object,
    destination: object,
    operation: str,
    error_type: str = "",
) -> None:
    """Records that messages were handed to a broker, or taken from it."""
    _MESSAGING.observe(seconds, address, port, system, destination, operation, error_type)


def rpc(
    seconds: float,
    system: str,
    address: object,
    port: object,
    method: object,
    status: str,
    error_type: str = "",
) -> None:
    """Records one remote procedure call. ``method`` is ``package.Service/Method``."""
    _RPC.observe(seconds, address, port, system, method, status, error_type)


def type_of(error: Optional[BaseException]) -> str:
    """The label for an exception: its type's name; empty when there is none."""
    return "" if error is None else type(error).__name__


_logged: set[str] = set()


def log_once(what: str, error: Exception) -> None:
    """Says once, in the log, what is not measured and why."""
    if what in _logged:
        return
    _logged.add(what)
    import logging

    logging.getLogger("pyrometer").warning("%s: %s: %s", what, type(error).__name__, error)


def _http_method(method: Any) -> str:
    upper = str(method).upper()
    return upper if upper in _HTTP_METHODS else OTHER
