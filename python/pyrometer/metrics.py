"""Counter, Gauge, Summary and Histogram; Info and Enum are in ``facts``.

The classes are Python, so that they can be subclassed and looked into as prometheus_client's;
the methods that count are those of the Rust class below them.
"""

from __future__ import annotations

import os
import time
import types
from typing import TYPE_CHECKING, Any, Callable, Iterable, Literal, Optional, Sequence, Union

from . import _core
from .buckets import native_parameters, upper_bounds
from .context_managers import ExceptionCounter, InprogressTracker, Timer, _Exceptions
from .facts import Enum, Info
from .registry import REGISTRY, CollectorRegistry
from .samples import Sample, native_histogram
from .shared_attribute import shared
from .utils import INF, floatToGoString
from .wrapper import MetricWrapperBase, cell, own_init

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

    if TYPE_CHECKING:

        def inc(self, amount: float = 1, exemplar: Optional[dict[str, str]] = None) -> None:
            """Adds; raises ``ValueError`` for a negative amount."""

    else:
        inc = _core.Metric.counter_inc

    def _metric_init(self) -> None:
        self._begin_counting()

    def reset(self) -> None:
        """Back to zero, for a process that begins anew without ending."""
        self._raise_if_not_observable()
        self._series.reset(time.time())

    def count_exceptions(self, exception: _Exceptions = Exception) -> ExceptionCounter:
        """Counts exceptions that leave a ``with`` block or a decorated function."""
        self._raise_if_not_observable()
        return ExceptionCounter(self, exception)

    @property
    def _value(self) -> Any:
        return cell(self._series, 0)

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


@own_init
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
    _timed_method = "set"
    _multiprocess_mode: _GaugeMode = shared()
    _is_most_recent: bool = shared()

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
        if self._is_most_recent:
            self._refuse_steps()
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
        self._begin_counting()
        if self._is_most_recent:
            self._refuse_steps()

    def _refuse_steps(self) -> None:
        def refuse(name: str) -> Callable[..., None]:
            def refused(amount: float = 1) -> None:
                raise RuntimeError(f"{name} must not be used with the mostrecent mode")

            return refused

        self.__dict__.update(inc=refuse("inc"), dec=refuse("dec"))

    if TYPE_CHECKING:

        def inc(self, amount: float = 1) -> None:
            """Adds."""

        def dec(self, amount: float = 1) -> None:
            """Takes away."""

        def set(self, value: float) -> None:
            """Sets."""

        def time(self) -> Timer:
            """Sets to the seconds that a ``with`` block or a decorated function took."""

    else:
        inc = _core.Metric.gauge_inc
        dec = _core.Metric.gauge_dec
        set = _core.Metric.gauge_set
        time = _core.Metric.gauge_time

    def set_to_current_time(self) -> None:
        """Sets to the time now, in seconds since the epoch."""
        self.set(time.time())

    def track_inprogress(self) -> InprogressTracker:
        """Is one more while a ``with`` block or a decorated function runs."""
        self._raise_if_not_observable()
        return InprogressTracker(self)

    def set_function(self, f: Callable[[], float]) -> None:
        """Takes the value from a function whenever it is asked for. In this process only:
        who reads memory does not see it."""
        self._raise_if_not_observable()

        def samples(_: Gauge) -> Iterable[Sample]:
            return (Sample("", {}, float(f())),)

        self.__dict__["_child_samples"] = types.MethodType(samples, self)
        self._series.remove()
        self._has_functions = True

    @property
    def _value(self) -> Any:
        return cell(self._series, 0)

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
        self._begin_counting()

    if TYPE_CHECKING:

        def observe(self, amount: float) -> None:
            """Records one event of this size."""

        def time(self) -> Timer:
            """Observes the seconds that a ``with`` block or a decorated function took."""

    else:
        observe = _core.Metric.summary_observe
        time = _core.Metric.summary_time

    @property
    def _count(self) -> Any:
        return cell(self._series, 0)

    @property
    def _sum(self) -> Any:
        return cell(self._series, 1)

    @property
    def _created(self) -> float:
        return self._series.created

    def _child_samples(self) -> Iterable[Sample]:
        series = self._series
        count, total = Sample("_count", {}, series.get(0)), Sample("_sum", {}, series.get(1))
        return (count, total, *_created_samples(series))


@own_init
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
    _upper_bounds: list[float] = shared()
    _native: Optional[tuple[float, int, float]] = shared()
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
        self._begin_counting()

    if TYPE_CHECKING:

        def observe(self, amount: float, exemplar: Optional[dict[str, str]] = None) -> None:
            """Records one event of this size. NaN is in no bucket."""

        def time(self) -> Timer:
            """Observes the seconds that a ``with`` block or a decorated function took."""

    else:
        observe = _core.Metric.histogram_observe
        time = _core.Metric.histogram_time

    @property
    def _sum(self) -> Any:
        return cell(self._series, 0)

    @property
    def _buckets(self) -> list[Any]:
        return [cell(self._series, 1 + place) for place in range(len(self._upper_bounds))]

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
        if not self._upper_bounds:
            # A `ValueClass` has nothing native, and keeps a bucket for all.
            count = series.get(1) if native is None else native[0]
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
