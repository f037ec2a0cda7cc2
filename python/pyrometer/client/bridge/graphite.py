"""Metrics for Graphite, in its plaintext protocol."""

from __future__ import annotations

import logging
import re
import socket
import threading
import time
from timeit import default_timer
from typing import Any, Callable

from ...registry import REGISTRY

_INVALID_GRAPHITE_CHARS = re.compile(r"[^a-zA-Z0-9_-]")


def _sanitize(s: str) -> str:
    return _INVALID_GRAPHITE_CHARS.sub("_", s)


class _RegularPush(threading.Thread):
    """Pushes until the process ends."""

    def __init__(self, pusher: GraphiteBridge, interval: float, prefix: str) -> None:
        super().__init__(daemon=True)
        self._pusher = pusher
        self._interval = interval
        self._prefix = prefix

    def run(self) -> None:
        due = default_timer()
        while True:
            # A push that took longer than the interval costs the ones it made late.
            now = default_timer()
            due += self._interval * max(1, -int((due - now) // self._interval))
            time.sleep(max(0.0, due - now))
            try:
                self._pusher.push(prefix=self._prefix)
            except OSError:
                logging.getLogger("pyrometer").exception("could not push to Graphite")


class GraphiteBridge:
    """Pushes a registry to Graphite.

    address: host and port.
    timeout_seconds: of the connection.
    tags: whether labels become tags (Graphite 1.1 and newer), else parts of the path.
    """

    def __init__(
        self,
        address: tuple[str, int],
        registry: Any = REGISTRY,
        timeout_seconds: float = 30,
        _timer: Callable[[], float] = time.time,
        tags: bool = False,
    ) -> None:
        self._address = address
        self._registry = registry
        self._timeout = timeout_seconds
        self._timer = _timer
        self._tags = tags

    def push(self, prefix: str = "") -> None:
        """Pushes once. ``prefix`` stands before all paths. Raises ``OSError``."""
        now = int(self._timer())
        start = f"{prefix}." if prefix else ""
        lines = [
            f"{start}{_sanitize(sample.name)}{self._labels(sample.labels)} "
            f"{float(sample.value)} {now}\n"
            for metric in self._registry.collect()
            for sample in metric.samples
        ]
        with socket.create_connection(self._address, self._timeout) as connection:
            connection.sendall("".join(lines).encode("ascii"))

    def start(self, interval: float = 60.0, prefix: str = "") -> None:
        """Pushes every ``interval`` seconds from a daemon thread. Failures are logged."""
        _RegularPush(self, interval, prefix).start()

    def _labels(self, labels: dict[str, str]) -> str:
        separator, assign = (";", "=") if self._tags else (".", ".")
        return "".join(
            f"{separator}{_sanitize(name)}{assign}{_sanitize(value)}"
            for name, value in sorted(labels.items())
        )
