"""prometheus_flask_exporter's classes for servers with several processes.

``PrometheusMetrics`` shows the sum over all of them by itself, so these differ from it only in
where the metrics are served: not by the application, unless their name says ``Internal``.
"""

from __future__ import annotations

import os
from typing import Any, Optional

from flask import Flask

from ..flask import PrometheusMetrics


class MultiprocessPrometheusMetrics(PrometheusMetrics):
    """Serves from a port of its own, in the process that ``should_start_http_server`` chooses."""

    def __init__(self, app: Optional[Flask] = None, **kwargs: Any) -> None:
        kwargs.setdefault("path", None)
        super().__init__(app, **kwargs)

    def start_http_server(
        self,
        port: int,
        host: str = "0.0.0.0",
        endpoint: Optional[str] = None,
        ssl: Optional[dict[str, str]] = None,
    ) -> None:
        """Serves the metrics, if this is the process for it."""
        if self.should_start_http_server():
            super().start_http_server(port, host, endpoint or "/metrics", ssl)

    def should_start_http_server(self) -> bool:
        """Whether this process is to serve the metrics."""
        raise NotImplementedError("a subclass says which process serves the metrics")


class MultiprocessInternalPrometheusMetrics(MultiprocessPrometheusMetrics):
    """Serves from the application, whichever process answers."""

    def __init__(
        self, app: Optional[Flask] = None, path: str = "/metrics", **kwargs: Any
    ) -> None:
        super().__init__(app, path=path, **kwargs)

    def should_start_http_server(self) -> bool:
        """No: the application serves them."""
        return False

    @classmethod
    def start_http_server_when_ready(cls, port: int, host: str = "0.0.0.0") -> None:
        """Does nothing: the application serves the metrics."""


class UWsgiPrometheusMetrics(MultiprocessPrometheusMetrics):
    """Serves from uWSGI's master."""

    def should_start_http_server(self) -> bool:
        """Whether this is uWSGI's master."""
        import uwsgi

        return bool(os.getpid() == uwsgi.masterpid())


class GunicornPrometheusMetrics(MultiprocessPrometheusMetrics):
    """Serves from gunicorn's master, by its hook ``when_ready``."""

    def should_start_http_server(self) -> bool:
        """Whether it serves: asked for in the master only."""
        return True

    @classmethod
    def start_http_server_when_ready(cls, port: int, host: str = "0.0.0.0") -> None:
        """Serves the metrics of all workers; for ``when_ready`` in gunicorn's configuration."""
        from ..exposition import start_http_server

        start_http_server(port, host)

    @classmethod
    def mark_process_dead_on_child_exit(cls, pid: int) -> None:
        """Does nothing: that a worker ended is seen without being told."""


class GunicornInternalPrometheusMetrics(GunicornPrometheusMetrics):
    """Serves from the application, whichever worker answers."""

    def __init__(
        self, app: Optional[Flask] = None, path: str = "/metrics", **kwargs: Any
    ) -> None:
        super().__init__(app, path=path, **kwargs)

    def should_start_http_server(self) -> bool:
        """No: the application serves them."""
        return False

    @classmethod
    def start_http_server_when_ready(cls, port: int, host: str = "0.0.0.0") -> None:
        """Does nothing: the application serves the metrics."""
