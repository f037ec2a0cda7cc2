"""What the Flask metrics do with one request."""

from __future__ import annotations

import inspect
import logging
from http import HTTPStatus
from timeit import default_timer
from typing import Any, Callable, Iterable, Optional, Type

from flask import Flask, Response, make_response, request

from .metrics import Counter, Histogram, MetricWrapperBase, Summary
from .registry import CollectorRegistry

UNMATCHED = "<unmatched>"
"""The group of requests that match no route: the paths that a scanner tries are without end."""

PATH = "path"

logger = logging.getLogger("pyrometer.flask")


class DefaultGroup:
    """Tells ``group_by`` that was not given from ``group_by="path"``."""

    def __repr__(self) -> str:
        return "'path'"


DEFAULT_GROUP = DefaultGroup()


class Tracked:
    """What a decorator does with its metric."""

    def __init__(
        self,
        metric_type: Type[MetricWrapperBase],
        after: Callable[[Any, float], None],
        before: Optional[Callable[[Any], None]] = None,
    ) -> None:
        self.metric_type = metric_type
        self.after = after
        self.before = before


class Labels:
    """Labels whose values may be functions."""

    def __init__(self, labels: dict[str, Any]) -> None:
        self.names = tuple(labels)
        self.are_static = not any(callable(value) for value in labels.values())
        self._functions = {name: _as_function(value) for name, value in labels.items()}

    def values(self, response: Any) -> dict[str, Any]:
        return {name: function(response) for name, function in self._functions.items()}

    def child(self, parent: Any, response: Any) -> Any:
        return parent.labels(**self.values(response)) if self.names else parent


def _as_function(value: Any) -> Callable[[Any], Any]:
    if not callable(value):
        return lambda response: value
    if inspect.getfullargspec(value).args:
        return value  # type: ignore[no-any-return]
    return lambda response: value()


class Group:
    """How the durations are grouped: the label's name, and its value for a request."""

    def __init__(self, group_by: Any) -> None:
        self._group_by = group_by
        if isinstance(group_by, DefaultGroup):
            self.label = PATH
        elif callable(group_by):
            self.label = getattr(group_by, "__name__", type(group_by).__name__)
        else:
            self.label = group_by

    def value(self) -> Any:
        group_by = self._group_by
        if isinstance(group_by, DefaultGroup):
            rule = request.url_rule
            return UNMATCHED if rule is None else rule.rule
        # Who says how to group is taken at their word, for unmatched requests too.
        return group_by(request) if callable(group_by) else getattr(request, group_by)


class RequestMetrics:
    """The default metrics of one application."""

    def __init__(
        self,
        app: Flask,
        registry: CollectorRegistry,
        prefix: str,
        group: Group,
        labels: Labels,
        buckets: Optional[Iterable[float]],
        latency_as_histogram: bool,
        is_excluded: Callable[[], bool],
    ) -> None:
        self._group = group
        self._labels = labels
        self._is_excluded = is_excluded
        metric_type = Histogram if latency_as_histogram else Summary
        more: dict[str, Any] = {}
        if latency_as_histogram and buckets is not None:
            more["buckets"] = list(buckets)
        self._duration: Any = metric_type(
            f"{prefix}http_request_duration_seconds",
            "Flask HTTP request duration in seconds",
            ("method", group.label, "status", *labels.names),
            registry=registry,
            **more,
        )
        labelnames = ("method", "status", *self._labels.names)
        self._total = Counter(
            f"{prefix}http_request_total",
            "Total number of HTTP requests",
            labelnames,
            registry=registry,
        )
        self._exceptions = Counter(
            f"{prefix}http_request_exceptions_total",
            "Total number of HTTP requests which resulted in an exception",
            labelnames,
            registry=registry,
        )
        app.before_request(self._before)
        app.after_request(self._after)
        app.teardown_request(self._teardown)

    def _before(self) -> None:
        request.prom_start_time = default_timer()  # type: ignore[attr-defined]

    def _after(self, response: Response) -> Response:
        if not self._is_skipped():
            status = response.status_code
            if isinstance(status, HTTPStatus):
                status = status.value
            quietly(self._report, status, response)
        return response

    def _teardown(self, exception: Optional[BaseException] = None) -> None:
        """Counts a request that ended in an exception; the rest is counted here only if no
        response came to ``_after``."""
        if exception is None or self._is_skipped():
            return
        quietly(self._report_exception, exception)

    def _report_exception(self, exception: BaseException) -> None:
        response = make_response(f"Exception: {exception}", 500)
        labels = self._labels.values(response)
        self._exceptions.labels(method=request.method, status=500, **labels).inc()
        self._report(500, response)

    def _report(self, status: int, response: Response) -> None:
        method = request.method
        labels = self._labels.values(response)
        started = getattr(request, "prom_start_time", None)
        if _once("prom_total_reported"):
            if labels:
                self._total.labels(method=method, status=status, **labels).inc()
            else:
                self._total.labels(method, str(status)).inc()
        if started is not None and _once("prom_duration_reported"):
            seconds = max(default_timer() - started, 0)
            group = self._group.value()
            if labels:
                named = {"method": method, "status": status, self._group.label: group, **labels}
                self._duration.labels(**named).observe(seconds)
            else:
                self._duration.labels(method, str(group), str(status)).observe(seconds)

    def _is_skipped(self) -> bool:
        return (
            hasattr(request, "prom_do_not_track")
            or hasattr(request, "prom_exclude_all")
            or self._is_excluded()
        )


def _once(key: str) -> bool:
    """Whether this is the first time for this request; an exception passes here twice."""
    if hasattr(request, key):
        return False
    setattr(request, key, True)
    return True


_complained: set[str] = set()


def quietly(work: Callable[..., Any], *args: Any) -> Any:
    """Runs what a user's function may break, and logs each kind of trouble once."""
    try:
        return work(*args)
    except Exception as error:
        kind = f"{type(error).__name__}: {error}"
        # A text that changes with every request must not fill the memory.
        if kind not in _complained and len(_complained) < 100:
            _complained.add(kind)
            logger.warning("a request was not measured: %s", kind, exc_info=True)
        return None
