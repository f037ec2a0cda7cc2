"""prometheus_flask_exporter's classes for servers with several processes.

``PrometheusMetrics`` shows the sum over all of them by itself, so these differ from it only in
where the metrics are served: not by the application, unless their name says ``Internal``. No
environment variable is needed, and no hook but the one that starts a server of the metrics' own.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from typing import Any, Optional, Type

from flask import Flask

from ..client.multiprocess import MultiProcessCollector
from ..flask import PrometheusMetrics
from ..flask_request import logger
from ..metrics import MetricWrapperBase
from ..registry import DuplicateTimeseries


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
        super().__init__(app=app, path=None, registry=registry, **kwargs)

    def _make_metric(
        self,
        metric_type: Type[MetricWrapperBase],
        name: str,
        description: str,
        labelnames: Iterable[str],
        **kwargs: Any,
    ) -> Any:
        """A metric that all instances of a process share: each instance of
        prometheus_flask_exporter's classes has a registry of its own, and what they count meets
        in files."""
        names = tuple(labelnames)
        try:
            return super()._make_metric(metric_type, name, description, names, **kwargs)
        except DuplicateTimeseries as error:
            if self._is_registry_given:
                raise
            for duplicate in error.duplicates:
                known: Any = self.registry._names_to_collectors.get(duplicate)
                if type(known) is metric_type and known._labelnames == names:
                    return known
            logger.warning("%s is another metric's name: this one is not shown", name)
            return metric_type(name, description, labelnames=names, registry=None, **kwargs)

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
