"""Counter, Gauge, Summary, Histogram, Info and Enum.

The classes are Python, so that they can be subclassed and looked into as prometheus_client's;
what counts is a bound method of a Rust object, put on each instance at its making.
"""

from __future__ import annotations

import os
import threading
import time
import types
from typing import Any, Callable, Iterable, Literal, Optional, Sequence, Union

from . import _core
from .buckets import native_parameters, upper_bounds
from .context_managers import ExceptionCounter, InprogressTracker, Timer, _Exceptions
from .registry import REGISTRY, CollectorRegistry, keep_lock_free
from .samples import Sample, native_histogram
from .utils import INF, floatToGoString
from .wrapper import MetricWrapperBase, _forget_series

__all__ = (
    "Counter",
    "Enum",
    "Gauge",
    "Histogram",
    "Info",
    "MetricWrapperBase",
    "Summary",
    "_get_use_created",
    "disable_created_metrics",
    "enable_created_metrics",
)


def _get_use_created() -> bool:
    value = os.environ.get("PROMETHEUS_DISABLE_CREATED_SERIES", "")
    return value.lower() not in ("true", "1", "t")


_use_created = _get_use_created()


def disable_created_metrics() -> None:
    """Stop exposing ``_created`` series."""
    global _use_created
    _use_created = False


def enable_created_metrics() -> None:
    """Expose ``_created`` series."""
    global _use_created
    _use_created = True


def _created_samples(series: _core.Series) -> tuple[Sample, ...]:
    return (Sample("_created", {}, series.created),) if _use_created else ()


class Counter(MetricWrapperBase):
    """Counts what only ever becomes more: requests, errors, bytes sent.

    c = Counter("failures_total", "What failed", ["kind"])
    c.labels("timeout").inc()

    ``count_exceptions`` counts exceptions of a block or function.
    """

    _type = "counter"

    def _metric_init(self) -> None:
        self._series = self._new_series()
        self._bind(Counter, "inc", self._series.counter_inc)

    def inc(self, amount: float = 1, exemplar: Optional[dict[str, str]] = None) -> None:
        """Adds; raises ``ValueError`` for a negative amount."""
        self._raise_if_not_observable()
        self._series.counter_inc(amount, exemplar)

    def reset(self) -> None:
        """Back to zero, for a process that begins anew without ending."""
        self._raise_if_not_observable()
        self._series.reset(time.time())

    def count_exceptions(self, exception: _Exceptions = Exception) -> ExceptionCounter:
        """Counts exceptions that leave a ``with`` block or a decorated function."""
        self._raise_if_not_observable()
        return ExceptionCounter(self, exception)

    @property
    def _value(self) -> _core.Cell:
        return _core.Cell(self._series, 0)

    @property
    def _created(self) -> float:
        return self._series.created

    def _child_samples(self) -> Iterable[Sample]:
        series = self._series
        total = Sample("_total", {}, series.get(0), None, series.get_exemplar(0))
        return (total, *_created_samples(series))


_GaugeMode = Literal[
    "auto",
    "all",
    "liveall",
    "min",
    "livemin",
    "max",
    "livemax",
    "sum",
    "livesum",
    "mostrecent",
    "livemostrecent",
]


class Gauge(MetricWrapperBase):
    """Says how much there is now: requests in progress, items in a queue, a temperature.

    g = Gauge("queue_items", "Items that wait")
    g.inc(); g.dec(); g.set(4.2)

    ``multiprocess_mode`` says what the values of several processes become. ``auto``: the sum over
    the living when it was last moved by ``inc`` or ``dec``, else what was set last. The other
    modes are prometheus_client's; with ``all`` and ``liveall`` each living process has a series
    of its own, with a ``pid`` label.
    """

    _type = "gauge"
    _MULTIPROC_MODES = frozenset(_GaugeMode.__args__)  # type: ignore[attr-defined]
    _MOST_RECENT_MODES = frozenset(("mostrecent", "livemostrecent"))

    def __init__(
        self,
        name: str,
        documentation: str,
        labelnames: Iterable[str] = (),
        namespace: str = "",
        subsystem: str = "",
        unit: str = "",
        registry: Optional[CollectorRegistry] = REGISTRY,
        _labelvalues: Optional[Sequence[str]] = None,
        multiprocess_mode: _GaugeMode = "auto",
    ) -> None:
        self._multiprocess_mode = multiprocess_mode
        if multiprocess_mode not in self._MULTIPROC_MODES:
            raise ValueError("Invalid multiprocess mode: " + multiprocess_mode)
        self._is_most_recent = multiprocess_mode in self._MOST_RECENT_MODES
        super().__init__(
            name=name,
            documentation=documentation,
            labelnames=labelnames,
            namespace=namespace,
            subsystem=subsystem,
            unit=unit,
            registry=registry,
            _labelvalues=_labelvalues,
        )
        self._kwargs["multiprocess_mode"] = multiprocess_mode

    def _make_family(self) -> _core.Family:
        return _core.Family(
            "gauge",
            self._name,
            self._documentation,
            unit=self._unit,
            label_names=list(self._labelnames),
            mode=self._multiprocess_mode,
        )

    def _metric_init(self) -> None:
        self._series = self._new_series()
        self._bind(Gauge, "set", self._series.gauge_set)
        if not self._is_most_recent:
            self._bind(Gauge, "inc", self._series.gauge_inc)
            self._bind(Gauge, "dec", self._series.gauge_dec)

    def inc(self, amount: float = 1) -> None:
        """Adds."""
        if self._is_most_recent:
            raise RuntimeError("inc must not be used with the mostrecent mode")
        self._raise_if_not_observable()
        self._series.gauge_inc(amount)

    def dec(self, amount: float = 1) -> None:
        """Takes away."""
        if self._is_most_recent:
            raise RuntimeError("dec must not be used with the mostrecent mode")
        self._raise_if_not_observable()
        self._series.gauge_dec(amount)

    def set(self, value: float) -> None:
        """Sets."""
        self._raise_if_not_observable()
        self._series.gauge_set(value)

    def set_to_current_time(self) -> None:
        """Sets to the time now, in seconds since the epoch."""
        self.set(time.time())

    def track_inprogress(self) -> InprogressTracker:
        """Is one more while a ``with`` block or a decorated function runs."""
        self._raise_if_not_observable()
        return InprogressTracker(self)

    def time(self) -> Timer:
        """Sets to the seconds that a ``with`` block or a decorated function took."""
        return Timer(self, "set")

    def set_function(self, f: Callable[[], float]) -> None:
        """Takes the value from a function whenever it is asked for. In this process only:
        who reads memory does not see it."""
        self._raise_if_not_observable()

        def samples(_: Gauge) -> Iterable[Sample]:
            return (Sample("", {}, float(f())),)

        self.__dict__["_child_samples"] = types.MethodType(samples, self)
        self._series.remove()
        (self._parent or self)._has_functions = True

    @property
    def _value(self) -> _core.Cell:
        return _core.Cell(self._series, 0)

    def _child_samples(self) -> Iterable[Sample]:
        return (Sample("", {}, self._series.get(0)),)


class Summary(MetricWrapperBase):
    """Counts events and adds up their sizes: a mean, without quantiles.

    s = Summary("request_size_bytes", "Size of requests")
    s.observe(512)
    """

    _type = "summary"
    _reserved_labelnames = ("quantile",)

    def _metric_init(self) -> None:
        self._series = self._new_series()
        self._bind(Summary, "observe", self._series.summary_observe)

    def observe(self, amount: float) -> None:
        """Records one event of this size."""
        self._raise_if_not_observable()
        self._series.summary_observe(amount)

    def time(self) -> Timer:
        """Observes the seconds that a ``with`` block or a decorated function took."""
        return Timer(self, "observe")

    @property
    def _count(self) -> _core.Cell:
        return _core.Cell(self._series, 0)

    @property
    def _sum(self) -> _core.Cell:
        return _core.Cell(self._series, 1)

    @property
    def _created(self) -> float:
        return self._series.created

    def _child_samples(self) -> Iterable[Sample]:
        series = self._series
        count, total = Sample("_count", {}, series.get(0)), Sample("_sum", {}, series.get(1))
        return (count, total, *_created_samples(series))


class Histogram(MetricWrapperBase):
    """Counts events by size, so that quantiles can be told, over several processes too.

    h = Histogram("request_seconds", "Time that requests take", buckets=[.1, .5, 1])
    h.observe(0.3)
    with h.time():
        ...

    The buckets that are used when none are given suit a request to a web service, in seconds.

    With ``native_histogram_bucket_factor`` (1.1, say) it is a native histogram too, whose buckets
    grow by at most this factor; with ``buckets=None`` only that. Each sign spans at most
    ``native_histogram_max_bucket_number`` buckets: for more, the resolution is halved.
    Observations up to ``native_histogram_zero_threshold`` count as zero.
    """

    _type = "histogram"
    _reserved_labelnames = ("le",)
    DEFAULT_BUCKETS = (
        *(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75),
        *(1.0, 2.5, 5.0, 7.5, 10.0, INF),
    )

    def __init__(
        self,
        name: str,
        documentation: str,
        labelnames: Iterable[str] = (),
        namespace: str = "",
        subsystem: str = "",
        unit: str = "",
        registry: Optional[CollectorRegistry] = REGISTRY,
        _labelvalues: Optional[Sequence[str]] = None,
        buckets: Optional[Sequence[Union[float, str]]] = DEFAULT_BUCKETS,
        *,
        native_histogram_bucket_factor: Optional[float] = None,
        native_histogram_max_bucket_number: int = 160,
        native_histogram_zero_threshold: float = 2.0**-128,
    ) -> None:
        self._native = native_parameters(
            native_histogram_bucket_factor,
            native_histogram_max_bucket_number,
            native_histogram_zero_threshold,
        )
        is_native_only = self._native is not None and (buckets is None or len(buckets) == 0)
        self._upper_bounds = [] if is_native_only else upper_bounds(buckets or ())
        super().__init__(
            name=name,
            documentation=documentation,
            labelnames=labelnames,
            namespace=namespace,
            subsystem=subsystem,
            unit=unit,
            registry=registry,
            _labelvalues=_labelvalues,
        )
        self._kwargs["buckets"] = buckets
        if native_histogram_bucket_factor is not None:
            self._kwargs["native_histogram_bucket_factor"] = native_histogram_bucket_factor
            self._kwargs["native_histogram_max_bucket_number"] = native_histogram_max_bucket_number
            self._kwargs["native_histogram_zero_threshold"] = native_histogram_zero_threshold

    def _make_family(self) -> _core.Family:
        return _core.Family(
            "histogram",
            self._name,
            self._documentation,
            unit=self._unit,
            label_names=list(self._labelnames),
            bounds=self._upper_bounds,
            native=self._native,
        )

    def _metric_init(self) -> None:
        self._series = self._new_series()
        self._bind(Histogram, "observe", self._series.histogram_observe)

    def observe(self, amount: float, exemplar: Optional[dict[str, str]] = None) -> None:
        """Records one event of this size. NaN is in no bucket."""
        self._raise_if_not_observable()
        self._series.histogram_observe(amount, exemplar)

    def time(self) -> Timer:
        """Observes the seconds that a ``with`` block or a decorated function took."""
        return Timer(self, "observe")

    @property
    def _sum(self) -> _core.Cell:
        return _core.Cell(self._series, 0)

    @property
    def _buckets(self) -> list[_core.Cell]:
        return [_core.Cell(self._series, 1 + place) for place in range(len(self._upper_bounds))]

    @property
    def _created(self) -> float:
        return self._series.created

    def _child_samples(self) -> Iterable[Sample]:
        series = self._series
        samples = []
        count = 0.0
        for place, bound in enumerate(self._upper_bounds, start=1):
            count += series.get(place)
            labels = {"le": floatToGoString(bound)}
            exemplar = series.get_exemplar(place)
            samples.append(Sample("_bucket", labels, count, None, exemplar))
        native = series.native()
        if native is not None and not self._upper_bounds:
            count = native[0]
            samples.append(Sample("_bucket", {"le": "+Inf"}, count))
        samples.append(Sample("_count", {}, count))
        total = series.get(0)
        # A sum that can fall is no counter.
        if not self._upper_bounds or self._upper_bounds[0] >= 0:
            samples.append(Sample("_sum", {}, total))
        if native is not None:
            histogram = native_histogram(total, native)
            samples.append(Sample("", {}, total, None, None, histogram))
        return (*samples, *_created_samples(series))


class Info(MetricWrapperBase):
    """Facts about the program, as labels.

    Info("build", "How it was built").info({"version": "1.2.3"})
    """

    _type = "info"

    def _metric_init(self) -> None:
        self._labelname_set = set(self._labelnames)
        self._value: dict[str, str] = {}
        self._series: Optional[_core.Series] = None
        self._lock = threading.Lock()
        keep_lock_free(self)
        # Exposed as soon as it exists, like every other metric.
        self._replace({})

    def info(self, val: dict[str, str]) -> None:
        """Sets the facts; those set before are gone."""
        self._raise_if_not_observable()
        if self._labelname_set.intersection(val.keys()):
            raise ValueError(
                f"Overlapping labels for Info metric, metric: {self._labelnames} child: {val}"
            )
        if any(value is None for value in val.values()):
            raise ValueError("Label value cannot be None")
        self._replace(dict(val))

    def _replace(self, value: dict[str, str]) -> None:
        labels = {**dict(zip(self._labelnames, self._labelvalues)), **value}
        flat = [str(text) for pair in labels.items() for text in pair]
        with self._lock:
            old, self._value = self._series, value
            # Removed first: the same facts again then take the same place.
            _forget_series(old)
            self._series = self._family.series(flat, time.time())

    def _child_samples(self) -> Iterable[Sample]:
        return (Sample("_info", self._value, 1.0),)


class Enum(MetricWrapperBase):
    """Says which of some states is the current one; at first the first.

    e = Enum("task_state", "What it does", states=["starting", "running", "stopped"])
    e.state("running")
    """

    _type = "stateset"

    def __init__(
        self,
        name: str,
        documentation: str,
        labelnames: Sequence[str] = (),
        namespace: str = "",
        subsystem: str = "",
        unit: str = "",
        registry: Optional[CollectorRegistry] = REGISTRY,
        _labelvalues: Optional[Sequence[str]] = None,
        states: Optional[Sequence[str]] = None,
    ) -> None:
        if name in labelnames:
            raise ValueError(f"Overlapping labels for Enum metric: {name}")
        if not states:
            raise ValueError(f"No states provided for Enum metric: {name}")
        self._states = states
        super().__init__(
            name=name,
            documentation=documentation,
            labelnames=labelnames,
            namespace=namespace,
            subsystem=subsystem,
            unit=unit,
            registry=registry,
            _labelvalues=_labelvalues,
        )
        self._kwargs["states"] = states

    def _make_family(self) -> _core.Family:
        return _core.Family(
            "stateset",
            self._name,
            self._documentation,
            label_names=list(self._labelnames),
            states=list(self._states),
        )

    def _metric_init(self) -> None:
        self._value = 0
        self._series = self._new_series()
        # Not `set_state`: a state that nobody has set must not win over one that somebody has.
        _core.Cell(self._series, 0).set(1)

    def state(self, state: str) -> None:
        """Makes this the current state; raises ``ValueError`` for one that is not listed."""
        self._raise_if_not_observable()
        self._value = self._states.index(state)
        self._series.set_state(self._value)

    def _child_samples(self) -> Iterable[Sample]:
        return [
            Sample("", {self._name: state}, 1 if place == self._value else 0)
            for place, state in enumerate(self._states)
        ]
