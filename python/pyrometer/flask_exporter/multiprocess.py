"""prometheus_flask_exporter's classes for servers with several processes.

``PrometheusMetrics`` shows the sum over all of them by itself, so these differ from it only in
where the metrics are served: not by the application, unless their name says ``Internal``. No
environment variable is needed, and no hook but the one that starts a server of the metrics' own.
"""

from __future__ import annotations

import os
import warnings
from typing import Any, Optional

from flask import Flask

from ..client.multiprocess import MultiProcessCollector
from ..flask import PrometheusMetrics, default_registry
from ..registry import CollectorRegistry, DuplicateTimeseries


class _SumOfAll:
    """In front of a registry: a name that is taken is no error, its counts add up.

    Each instance of prometheus_flask_exporter's classes has a registry of its own, and what they
    count meets in the files of the processes. Here it meets in shared memory.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    @property
    def _number(self) -> Optional[int]:
        return self._registry._number

    def register(self, collector: Any) -> None:
        try:
            self._registry.register(collector)
        except DuplicateTimeseries:
            number = self._number
            if number is None:
                # No shared memory: two metrics of one name could not be told apart.
                raise
            collector._share(number)


class MultiprocessPrometheusMetrics(PrometheusMetrics):
    """Serves from a port of its own, in the process that ``should_start_http_server`` chooses.

    registry: not given, the default one. Another one is served together with the default one.
    """

    def __init__(self, app: Optional[Flask] = None, **kwargs: Any) -> None:
        # Where to serve is not the application's matter.
        kwargs.pop("path", None)
        registry = kwargs.pop("registry", None)
        self._is_registry_given = registry is not None
        if registry is not None:
            MultiProcessCollector(registry)
        # Subclasses serve by what they do after this.
        super().__init__(app=app, path=None, registry=registry, **kwargs)

    def _make_registrar(self) -> Any:
        return self.registry if self._is_registry_given else _SumOfAll(self.registry)

    def start_http_server(
        self,
        port: int,
        host: str = "0.0.0.0",
        endpoint: Optional[str] = None,
        ssl: Optional[dict[str, str]] = None,
    ) -> None:
        """Serves the metrics at any path, if this is the process for it.

        ``endpoint`` and ``ssl`` are taken and not used. Raises ``OSError`` for a port in use.
        """
        if self.should_start_http_server():
            from ..exposition import start_http_server

            start_http_server(port, host, registry=self.registry)

    def should_start_http_server(self) -> bool:
        """Whether this process is to serve the metrics: a subclass says so for one of them."""
        return False


class MultiprocessInternalPrometheusMetrics(MultiprocessPrometheusMetrics):
    """Serves from the application, whichever process answers."""

    def __init__(
        self, app: Optional[Flask] = None, path: str = "/metrics", **kwargs: Any
    ) -> None:
        super().__init__(app=app, **kwargs)
        _serve_from(self, app, path)

    def should_start_http_server(self) -> bool:
        """No: the application serves them."""
        return False

    @classmethod
    def start_http_server_when_ready(cls, port: int, host: str = "0.0.0.0") -> None:
        """Warns: the application serves the metrics."""
        _warn_internal("MultiprocessInternalPrometheusMetrics", "MultiprocessPrometheusMetrics")


class UWsgiPrometheusMetrics(MultiprocessPrometheusMetrics):
    """Serves from uWSGI's master."""

    def should_start_http_server(self) -> bool:
        """Whether this is uWSGI's master."""
        try:
            import uwsgi
        except ImportError:
            # The same program on a developer's machine.
            return False
        return bool(os.getpid() == uwsgi.masterpid())


class GunicornPrometheusMetrics(MultiprocessPrometheusMetrics):
    """Serves from gunicorn's master, by its hook ``when_ready``."""

    def should_start_http_server(self) -> bool:
        """Whether it serves: asked for in the master only."""
        return True

    @classmethod
    def start_http_server_when_ready(cls, port: int, host: str = "0.0.0.0") -> None:
        """Serves the metrics of all workers; for ``when_ready`` in gunicorn's configuration.

        Raises ``OSError`` for a port in use.
        """
        GunicornPrometheusMetrics().start_http_server(port, host)

    @classmethod
    def mark_process_dead_on_child_exit(cls, pid: int) -> None:
        """Does nothing: that a worker ended is seen without being told."""


class GunicornInternalPrometheusMetrics(GunicornPrometheusMetrics):
    """Serves from the application, whichever worker answers."""

    def __init__(
        self, app: Optional[Flask] = None, path: str = "/metrics", **kwargs: Any
    ) -> None:
        super().__init__(app=app, **kwargs)
        _serve_from(self, app, path)

    def should_start_http_server(self) -> bool:
        """No: the application serves them."""
        return False

    @classmethod
    def start_http_server_when_ready(cls, port: int, host: str = "0.0.0.0") -> None:
        """Warns: the application serves the metrics."""
        _warn_internal("GunicornInternalPrometheusMetrics", "GunicornPrometheusMetrics")


def _serve_from(metrics: PrometheusMetrics, app: Optional[Flask], path: str) -> None:
    """At once, or when ``init_app`` brings the application."""
    if app:
        metrics.register_endpoint(path)
    else:
        metrics.path = path


def _warn_internal(name: str, other: str) -> None:
    warnings.warn(
        f"the application serves the metrics of {name}: start_http_server_when_ready did nothing; "
        f"{other} serves them from a port of its own",
        UserWarning,
        stacklevel=3,
    )
