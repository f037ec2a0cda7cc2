"""Metrics of a Flask application; behaves as prometheus_flask_exporter does.

    app = Flask("shop")
    metrics = PrometheusMetrics(app)

From then on every request is timed and counted, and ``/metrics`` shows the sum over all workers.
What differs from prometheus_flask_exporter stands in the package's README; above all, nothing
here raises into a request.
"""

from __future__ import annotations

import functools
import os
import re
import sys
import threading
import warnings
from collections.abc import Iterable
from typing import Any, Callable, Optional, Type, Union

from flask import Flask, Response, current_app, make_response, request
from werkzeug.serving import is_running_from_reloader

from . import __version__, _runtime
from . import registry as registries
from .exposition import choose_encoder
from .flask_request import DEFAULT_GROUP, PATH, UNMATCHED, Group, Labels, RequestMetrics
from .flask_view import F, Tracked, ViewMetric, marks
from .metrics import Counter, Gauge, Histogram, MetricWrapperBase, Summary
from .registry import CollectorRegistry

__all__ = ("NO_PREFIX", "UNMATCHED", "PrometheusMetrics")

NO_PREFIX = "#no_prefix"
"""As ``defaults_prefix``: the default metrics have no prefix. Not a legal name on purpose."""


class PrometheusMetrics:
    """Measures a Flask application.

    app: the application; none to say it later by ``init_app``.
    path: where the metrics are served; none for nowhere.
    export_defaults: whether requests are timed and counted.
    defaults_prefix: of the default metrics' names; ``NO_PREFIX`` for none.
    group_by: a function of the request, or the name of one of its attributes; the durations'
        label has its name. Not given, the label is ``path`` and its value the route's rule.
    buckets: of the durations, in seconds.
    default_latency_as_histogram: else they are a summary.
    default_labels: further labels of all metrics made here; values as in ``counter``.
    response_converter: makes a response of what a view returned.
    excluded_paths: regular expressions, matched at the beginning of the path; such requests are
        not measured.
    exclude_user_defaults: whether they are kept out of metrics made by ``counter`` and so on too.
    metrics_decorator: put around the endpoint, for a login, say.
    registry: where the metrics go; it is shared by this.
    """

    def __init__(
        self,
        app: Optional[Flask],
        path: Optional[str] = "/metrics",
        export_defaults: bool = True,
        defaults_prefix: Optional[str] = "flask",
        group_by: Any = DEFAULT_GROUP,
        buckets: Optional[Iterable[float]] = None,
        default_latency_as_histogram: bool = True,
        default_labels: Optional[dict[str, Any]] = None,
        response_converter: Optional[Callable[[Any], Response]] = None,
        excluded_paths: Optional[Union[str, Iterable[str]]] = None,
        exclude_user_defaults: bool = True,
        metrics_decorator: Optional[Callable[..., Any]] = None,
        registry: Optional[CollectorRegistry] = None,
        **kwargs: Any,
    ) -> None:
        self.app = app
        self.path = path
        self._export_defaults = export_defaults
        self._defaults_prefix = defaults_prefix or "flask"
        self._default_labels = default_labels or {}
        self._default_latency_as_histogram = default_latency_as_histogram
        self._response_converter = response_converter or make_response
        self._metrics_decorator = metrics_decorator
        self.buckets = buckets
        self.version = __version__
        self.registry: CollectorRegistry = default_registry() if registry is None else registry
        share = getattr(self.registry, "share", None)
        if share is not None:
            share()
        if kwargs.get("static_labels"):
            _warn_deprecated("The `static_labels` argument", "default_labels")
            for key, value in kwargs["static_labels"].items():
                self._default_labels.setdefault(key, value)
        if kwargs.get("group_by_endpoint") is True:
            _warn_deprecated("The `group_by_endpoint` argument", "group_by")
            group_by = "endpoint"
        self.group_by = group_by or PATH
        if isinstance(excluded_paths, str):
            excluded_paths = [excluded_paths]
        self.excluded_paths = [re.compile(path) for path in excluded_paths or ()] or None
        self.exclude_user_defaults = exclude_user_defaults
        if app is not None:
            self.init_app(app)

    @classmethod
    def for_app_factory(cls, **kwargs: Any) -> PrometheusMetrics:
        """An instance whose application is said later, by ``init_app``."""
        return cls(app=None, **kwargs)

    def init_app(self, app: Flask) -> None:
        """Starts to measure an application."""
        _runtime.note_app(app.name, "flask")
        if self.path:
            self.register_endpoint(self.path, app)
        if self._export_defaults:
            self.export_defaults(
                buckets=self.buckets,
                group_by=self.group_by,
                latency_as_histogram=self._default_latency_as_histogram,
                prefix=self._defaults_prefix,
                app=app,
            )

    def register_endpoint(self, path: str, app: Optional[Flask] = None) -> None:
        """Serves the metrics at a path of an application."""
        app = self._app(app)
        if is_running_from_reloader() and not os.environ.get("DEBUG_METRICS"):
            app.logger.debug(
                "Metrics are not served under Flask's reloader; DEBUG_METRICS=1 serves them."
            )
            return

        def prometheus_metrics() -> tuple[str, int, dict[str, str]]:
            names = request.args.getlist("name[]") or None
            text, content_type = self.generate_metrics(request.headers.get("Accept"), names)
            return text, 200, {"Content-Type": content_type}

        view: Callable[..., Any] = self.do_not_track()(prometheus_metrics)
        if self._metrics_decorator:
            view = self._metrics_decorator(view)
        app.route(path)(view)

    def generate_metrics(
        self, accept_header: Optional[str] = None, names: Optional[list[str]] = None
    ) -> tuple[str, str]:
        """The text of the metrics, or of samples of some names only, and its content type."""
        registry: Any = self.registry
        if names:
            registry = registry.restricted_registry(names)
        encoder, content_type = choose_encoder(accept_header)
        return encoder(registry).decode("utf-8"), content_type

    def start_http_server(
        self,
        port: int,
        host: str = "0.0.0.0",
        endpoint: str = "/metrics",
        ssl: Optional[dict[str, str]] = None,
    ) -> None:
        """Serves the metrics from an application of their own, on a port of its own.

        ssl: paths of a certificate and its key, as ``cert`` and ``key``.
        """
        if is_running_from_reloader():
            return
        app = Flask(f"pyrometer-metrics-{port}")
        self.register_endpoint(endpoint, app)
        context = None if ssl is None else (ssl["cert"], ssl["key"])
        run = functools.partial(app.run, host=host, port=port, ssl_context=context)
        threading.Thread(target=run, daemon=True).start()

    def export_defaults(
        self,
        buckets: Optional[Iterable[float]] = None,
        group_by: Any = DEFAULT_GROUP,
        latency_as_histogram: bool = True,
        prefix: Optional[str] = "flask",
        app: Optional[Flask] = None,
        **kwargs: Any,
    ) -> None:
        """Times and counts every request of an application; once a registry."""
        app = self._app(app)
        prefix = prefix or self._defaults_prefix
        if kwargs.get("group_by_endpoint") is True:
            _warn_deprecated("The `group_by_endpoint` argument", "group_by")
            group_by = "endpoint"
        prefix = "" if prefix == NO_PREFIX else f"{prefix}_"
        try:
            self._exporter_info(f"{prefix}exporter_info")
        except ValueError:
            # Exported already: the registry knows the name.
            return
        RequestMetrics(
            app,
            make=self._make_metric,
            prefix=prefix,
            group=Group(group_by or PATH),
            labels=self._default_labels,
            buckets=buckets,
            latency_as_histogram=latency_as_histogram,
            is_excluded=self._is_path_excluded,
        )

    def register_default(self, *metric_wrappers: Callable[[F], F], **kwargs: Any) -> None:
        """Puts metrics (made by ``counter`` and so on) around all views that exist now."""
        app = self._app(kwargs.get("app"))
        views: dict[str, Any] = app.view_functions
        for endpoint, view in views.items():
            for wrapper in metric_wrappers:
                view = wrapper(view)
            views[endpoint] = view

    def histogram(
        self,
        name: str,
        description: str,
        labels: Optional[dict[str, Any]] = None,
        initial_value_when_only_static_labels: bool = True,
        **kwargs: Any,
    ) -> Callable[[F], F]:
        """A decorator that observes a view's time in a histogram; ``labels`` as in ``counter``."""
        return self._track(
            Tracked(Histogram, lambda metric, seconds: metric.observe(seconds)),
            name,
            description,
            labels,
            initial_value_when_only_static_labels,
            kwargs,
        )

    def summary(
        self,
        name: str,
        description: str,
        labels: Optional[dict[str, Any]] = None,
        initial_value_when_only_static_labels: bool = True,
        **kwargs: Any,
    ) -> Callable[[F], F]:
        """A decorator that observes a view's time in a summary; ``labels`` as in ``counter``."""
        return self._track(
            Tracked(Summary, lambda metric, seconds: metric.observe(seconds)),
            name,
            description,
            labels,
            initial_value_when_only_static_labels,
            kwargs,
        )

    def gauge(
        self,
        name: str,
        description: str,
        labels: Optional[dict[str, Any]] = None,
        initial_value_when_only_static_labels: bool = True,
        **kwargs: Any,
    ) -> Callable[[F], F]:
        """A decorator that counts a view's calls in progress; ``labels`` as in ``counter``, but a
        function of the response is called with ``None``."""
        return self._track(
            Tracked(
                Gauge,
                lambda metric, seconds: metric.dec(),
                before=lambda metric: metric.inc(),
            ),
            name,
            description,
            labels,
            initial_value_when_only_static_labels,
            kwargs,
        )

    def counter(
        self,
        name: str,
        description: str,
        labels: Optional[dict[str, Any]] = None,
        initial_value_when_only_static_labels: bool = True,
        **kwargs: Any,
    ) -> Callable[[F], F]:
        """A decorator that counts a view's calls.

        labels: names and values. A value may be a function of the response, or of nothing (it
            may look at ``flask.request``).
        initial_value_when_only_static_labels: whether the series exists before the first call,
            if no value is a function.
        kwargs: go to the metric.
        """
        return self._track(
            Tracked(Counter, lambda metric, seconds: metric.inc()),
            name,
            description,
            labels,
            initial_value_when_only_static_labels,
            kwargs,
        )

    @staticmethod
    def do_not_track() -> Callable[[F], F]:
        """A decorator that keeps a view out of the default metrics."""
        return marks("prom_do_not_track")

    @staticmethod
    def exclude_all_metrics() -> Callable[[F], F]:
        """A decorator that keeps a view out of all metrics."""
        return marks("prom_exclude_all")

    def info(
        self,
        name: str,
        description: str,
        labelnames: Optional[Iterable[str]] = None,
        labelvalues: Optional[Any] = None,
        **labels: Any,
    ) -> Gauge:
        """A gauge that is 1, for facts as labels, by name or as two lists."""
        if "version" in labels:
            _runtime.note_version(str(labels["version"]))
        return self._info(name, description, labelnames, labelvalues, labels)

    def _exporter_info(self, name: str) -> None:
        self._info(
            name,
            "Information about the Prometheus Flask exporter",
            None,
            None,
            {"version": self.version},
        )

    def _info(
        self,
        name: str,
        description: str,
        labelnames: Optional[Iterable[str]],
        labelvalues: Optional[Any],
        labels: dict[str, Any],
    ) -> Gauge:
        if labels and labelnames:
            raise ValueError(
                "Cannot have labels defined as `dict` and collections of names and values"
            )
        names = list(labels) if labelnames is None else list(labelnames)
        if labelnames and labelvalues:
            labels = dict(zip(names, labelvalues))
        gauge: Any = self._make_metric(
            Gauge, name, description, names, multiprocess_mode="max"
        )
        if labels:
            gauge = gauge.labels(**labels)
        gauge.set(1)
        return gauge  # type: ignore[no-any-return]

    def _track(
        self,
        tracked: Tracked,
        name: str,
        description: str,
        labels: Optional[dict[str, Any]],
        has_initial_value: bool,
        kwargs: dict[str, Any],
    ) -> Callable[[F], F]:
        if labels is not None and not isinstance(labels, dict):
            raise TypeError("labels needs to be a dictionary of {labelname: callable}")
        all_labels = Labels({**(labels or {}), **self._default_labels})
        metric = self._make_metric(
            tracked.metric_type, name, description, all_labels.names, **kwargs
        )
        if has_initial_value and all_labels.names and all_labels.are_static:
            all_labels.child(metric, None)
        return ViewMetric(tracked, metric, all_labels, self._convert, self._is_view_excluded)

    def _make_metric(
        self,
        metric_type: Type[MetricWrapperBase],
        name: str,
        description: str,
        labelnames: Iterable[str],
        **kwargs: Any,
    ) -> Any:
        return metric_type(
            name, description, labelnames=labelnames, registry=self.registry, **kwargs
        )

    def _convert(self, response: Any) -> Any:
        # Looked up late: `init_app` of a subclass may bring another.
        return self._response_converter(response)

    def _is_path_excluded(self, path: str) -> bool:
        patterns = self.excluded_paths
        return patterns is not None and any(one.match(path) for one in patterns)

    def _is_view_excluded(self) -> bool:
        return self.exclude_user_defaults and self._is_path_excluded(request.path)

    def _app(self, app: Optional[Flask]) -> Flask:
        return app or self.app or current_app


def default_registry() -> CollectorRegistry:
    """The default registry; looked up late, since a test may have put another in its place: here,
    or where ``prometheus_client`` has it."""
    for place in (f"{__package__}.client", __package__):
        registry: Optional[CollectorRegistry] = getattr(sys.modules.get(place), "REGISTRY", None)
        if registry is not None and registry is not registries.REGISTRY:
            return registry
    return registries.REGISTRY


def _warn_deprecated(what: str, instead: str) -> None:
    warnings.warn(
        f"{what} of `PrometheusMetrics` is deprecated, please use the new `{instead}` argument.",
        DeprecationWarning,
        stacklevel=3,
    )
