"""What the Flask metrics do with one request.

A request passes here three times, and each time costs every user: ``RequestMetrics`` keeps the
way to its cells by what a request knows, so that a request whose like was seen before makes no
text and looks up no labels.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterable
from time import perf_counter
from typing import Any, Callable, NamedTuple, Optional

from flask import Flask, Response, make_response, request

from .metrics import Counter, Histogram, MetricWrapperBase, Summary

UNMATCHED = "<unmatched>"
"""The group of requests that match no route: the paths that a scanner tries are without end."""

OTHER_METHOD = "_OTHER"
"""The method of requests that match no route and have a method that nobody knows."""

PATH = "path"

KNOWN_MAX = 2000
"""Kinds of requests whose cells are kept at hand. The rest is looked up in the metric: whoever
groups by the raw path has kinds without end."""

# RFC 9110 and PATCH (RFC 5789). A client may send any word.
_METHODS = frozenset(
    ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")
)

logger = logging.getLogger("pyrometer.flask")


class DefaultGroup:
    """Tells ``group_by`` that was not given from ``group_by="path"``."""

    def __repr__(self) -> str:
        return "'path'"


DEFAULT_GROUP = DefaultGroup()


class Labels:
    """Labels whose values may be functions."""

    def __init__(self, labels: dict[str, Any]) -> None:
        self.names = tuple(labels)
        self.are_static = not any(callable(value) for value in labels.values())
        self._functions = [_as_function(value) for value in labels.values()]
        self._texts = tuple(map(str, labels.values())) if self.are_static else ()

    def texts(self, response: Any) -> tuple[str, ...]:
        """The values for a response, in the order of the names."""
        if self.are_static:
            return self._texts
        return tuple([str(function(response)) for function in self._functions])

    def child(self, parent: Any, response: Any) -> Any:
        """The metric, or its child for a response."""
        return parent.labels(*self.texts(response)) if self.names else parent


def _as_function(value: Any) -> Callable[[Any], Any]:
    if not callable(value):
        return lambda response: value
    return value if _takes_response(value) else lambda response: value()


def _takes_response(function: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        # Written in C, and says nothing.
        return True
    return any(
        one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD) for one in parameters
    )


class Group:
    """How the durations are grouped: the label's name, and its value for a request."""

    label: str
    value: Callable[[Any], Any]

    def __init__(self, group_by: Any) -> None:
        # Who says how to group is taken at their word, for unmatched requests too.
        if isinstance(group_by, DefaultGroup):
            self.label = PATH
            self.value = _rule_or_unmatched
        elif callable(group_by):
            self.label = getattr(group_by, "__name__", type(group_by).__name__)
            self.value = group_by
        else:
            self.label = group_by
            self.value = _rule_or_none if group_by == "url_rule" else _attribute(group_by)


def _rule_or_unmatched(one: Any) -> str:
    rule = one.url_rule
    return UNMATCHED if rule is None else rule.rule


def _rule_or_none(one: Any) -> str:
    # What `str` makes of the rule: the rule itself cannot be a key.
    rule = one.url_rule
    return "None" if rule is None else rule.rule


def _attribute(name: str) -> Callable[[Any], Any]:
    return lambda one: getattr(one, name)


class _Cells(NamedTuple):
    """What counts requests of one kind."""

    inc: Callable[[], None]
    observe: Callable[[float], None]


class RequestMetrics:
    """The default metrics of one application.

    make: makes a metric of a type, a name, a help text, label names and what else the type takes.
    is_excluded: whether requests of a path are not measured.
    """

    def __init__(
        self,
        app: Flask,
        make: Callable[..., Any],
        prefix: str,
        group: Group,
        labels: dict[str, Any],
        buckets: Optional[Iterable[float]],
        latency_as_histogram: bool,
        is_excluded: Callable[[str], bool],
    ) -> None:
        self._group = group
        group_label = group.label
        if group_label in ("method", "status"):
            logger.warning("%s is a label of its own: the group's is called group", group_label)
            group_label = "group"
        own = ("method", group_label, "status")
        taken = [name for name in labels if name in own]
        if taken:
            logger.warning("default_labels %s are labels of the default metrics already", taken)
        self._labels = Labels({name: labels[name] for name in labels if name not in own})
        self._is_excluded = is_excluded
        more: dict[str, Any] = {}
        if latency_as_histogram and buckets is not None:
            more["buckets"] = list(buckets)
        self._duration = make(
            Histogram if latency_as_histogram else Summary,
            f"{prefix}http_request_duration_seconds",
            "Flask HTTP request duration in seconds",
            (*own, *self._labels.names),
            **more,
        )
        labelnames = ("method", "status", *self._labels.names)
        self._total = make(
            Counter,
            f"{prefix}http_request_total",
            "Total number of HTTP requests",
            labelnames,
        )
        self._exceptions = make(
            Counter,
            f"{prefix}http_request_exceptions_total",
            "Total number of HTTP requests which resulted in an exception",
            labelnames,
        )
        # By method, group, status and texts of labels that are functions.
        self._known: dict[tuple[Any, ...], _Cells] = {}
        for metric in (self._duration, self._total):
            _when_children_go(metric, self._known.clear)
        self._hook_into(app)

    def _hook_into(self, app: Flask) -> None:
        """Registers plain functions: Flask asks each one with every request whether it is a
        coroutine function, and plain functions answer soonest."""
        current: Callable[[], Any] = request._get_current_object  # type: ignore[attr-defined]
        group_of = self._group.value
        labels = None if self._labels.are_static else self._labels.texts
        is_excluded = self._is_excluded
        find = self._known.get

        def before() -> None:
            current().prom_start_time = perf_counter()

        def after(response: Response) -> Response:
            try:
                one = current()
                marks = one.__dict__
                if (
                    "prom_do_not_track" in marks
                    or "prom_exclude_all" in marks
                    or is_excluded(one.path)
                ):
                    return response
                group = group_of(one)
                if group.__class__ is not str:
                    group = str(group)
                key: tuple[Any, ...] = (one.method, group, response.status_code)
                if labels is not None:
                    key += labels(response)
                cells = find(key)
                if cells is None or "prom_total_reported" in marks:
                    self._report(one, key)
                    return response
                started = marks["prom_start_time"]
                marks["prom_total_reported"] = marks["prom_duration_reported"] = True
                cells.inc()
                cells.observe(perf_counter() - started)
            except Exception as error:
                # A group that cannot be told is no reason not to count.
                complain(error)
                quietly(self._report_total, current(), response)
            return response

        def teardown(exception: Optional[BaseException] = None) -> None:
            # What ended without an exception was counted above.
            if exception is not None:
                try:
                    self._report_exception(current(), exception)
                except Exception as error:
                    complain(error)

        app.before_request(before)
        app.after_request(after)
        app.teardown_request(teardown)

    def _report_exception(self, one: Any, exception: BaseException) -> None:
        """Counts the exception; and the request, if no response came by."""
        marks = one.__dict__
        if "prom_do_not_track" in marks or "prom_exclude_all" in marks:
            return
        if self._is_excluded(one.path):
            return
        # For the label functions.
        response = make_response(f"Exception: {exception}", 500)
        texts = self._labels.texts(response)
        self._exceptions.labels(_method(one), "500", *texts).inc()
        key = (one.method, str(self._group.value(one)), 500)
        self._report(one, key if self._labels.are_static else key + texts)

    def _report_total(self, one: Any, response: Response) -> None:
        if "prom_total_reported" not in one.__dict__:
            one.prom_total_reported = True
            status = int(response.status_code)
            self._total.labels(_method(one), str(status), *self._labels.texts(response)).inc()

    def _report(self, one: Any, key: tuple[Any, ...]) -> None:
        """Counts a request for the first time of its kind, or one that is not as the others: it
        has no start if a hook before ours answered it, and passes twice if it fails late."""
        marks = one.__dict__
        method = _method(one)
        _, group, status, *texts = key
        status = str(getattr(status, "value", status))
        texts = list(self._labels.texts(None)) if self._labels.are_static else texts
        started = marks.get("prom_start_time")
        total = duration = None
        if "prom_total_reported" not in marks:
            marks["prom_total_reported"] = True
            total = self._total.labels(method, status, *texts)
            total.inc()
        if started is not None and "prom_duration_reported" not in marks:
            marks["prom_duration_reported"] = True
            seconds = perf_counter() - started
            duration = self._duration.labels(method, group, status, *texts)
            duration.observe(seconds)
        if total is not None and duration is not None:
            # A method that a client made up is not worth keeping.
            if method == one.method and len(self._known) < KNOWN_MAX:
                self._known[key] = _Cells(total.inc, duration.observe)


def _method(one: Any) -> str:
    """The label for a request's method: a route has few, a scanner has words without end."""
    method: str = one.method
    return method if one.url_rule is not None or method in _METHODS else OTHER_METHOD


def _when_children_go(metric: MetricWrapperBase, forget: Callable[[], None]) -> None:
    """Lets ``remove`` and ``clear`` of a metric be known to who keeps its children at hand."""

    def telling(method: Callable[..., None]) -> Callable[..., None]:
        def tell(*args: Any, **kwargs: Any) -> None:
            try:
                method(*args, **kwargs)
            finally:
                forget()

        return tell

    for name in ("remove", "remove_by_labels", "clear"):
        setattr(metric, name, telling(getattr(metric, name)))


_complained: set[str] = set()


def complain(error: Exception) -> None:
    """Logs each kind of trouble once."""
    kind = f"{type(error).__name__}: {error}"
    # A text that changes with every request must not fill the memory.
    if kind not in _complained and len(_complained) < 100:
        _complained.add(kind)
        logger.warning("a request was not measured: %s", kind, exc_info=error)


def quietly(work: Callable[..., Any], *args: Any) -> Any:
    """Runs what a user's function may break; ``None`` when it does."""
    try:
        return work(*args)
    except Exception as error:
        complain(error)
        return None
