"""Who is asked when metrics are exposed."""

from __future__ import annotations

import os
import weakref
from threading import Lock
from typing import Any, Iterable, Iterator, Optional, Protocol

from . import _core, _runtime
from .metrics_core import Metric
from .samples import Exemplar, Sample, native_histogram

# What a family's samples are called, by type: two collectors may not share one of these.
_SUFFIXES = {
    "counter": ("_total", "_created"),
    "summary": ("_sum", "_count", "_created"),
    "histogram": ("_bucket", "_sum", "_count", "_created"),
    "gaugehistogram": ("_bucket", "_gsum", "_gcount"),
    "info": ("_info",),
}


class Collector(Protocol):
    """Anything that yields metrics when asked."""

    def collect(self) -> Iterable[Metric]:
        """Collect metrics."""


# Metrics and registries, whose lock another thread may hold while this one forks: in the child
# nobody would ever free it.
_with_locks: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()


def _renew_locks() -> None:
    for one in list(_with_locks.values()):
        one._lock = getattr(one, "_make_lock", Lock)()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)


def keep_lock_free(one: Any) -> None:
    """Gives it a new ``_lock`` in every forked child, made by its ``_make_lock`` if it has one."""
    _with_locks[id(one)] = one


class _EmptyCollector:
    def collect(self) -> Iterable[Metric]:
        return []


class DuplicateTimeseries(ValueError):
    """Two collectors of one registry would expose the same name."""

    def __init__(self, duplicates: set[str]) -> None:
        super().__init__(f"Duplicated timeseries in CollectorRegistry: {duplicates}")
        self.duplicates: set[str] = duplicates


class CollectorRegistry:
    """A set of collectors that are exposed together.

    A registry is private to its process until it is shared: the default one is from the start,
    one that is given to ``PrometheusMetrics`` from then on. A shared registry shows the sum over
    all processes of the service.
    """

    # Numbers of shared registries: the same in every process that runs the same program.
    _next_number = 0

    def __init__(
        self,
        auto_describe: bool = False,
        target_info: Optional[dict[str, str]] = None,
        support_collectors_without_names: bool = False,
    ) -> None:
        self._collector_to_names: dict[Any, list[str]] = {}
        self._names_to_collectors: dict[str, Any] = {}
        self._auto_describe = auto_describe
        self._lock = Lock()
        keep_lock_free(self)
        self._target_info: Optional[dict[str, str]] = {}
        self._support_collectors_without_names = support_collectors_without_names
        self._collectors_without_names: list[Any] = []
        # Set once the registry is shared.
        self._number: Optional[int] = None
        # Whether a `MultiProcessCollector` shows here what metrics of the mode count.
        self._has_sum = False
        self.set_target_info(target_info)

    def register(self, collector: Any) -> None:
        """Adds a collector. Raises ``DuplicateTimeseries`` for a name that is taken."""
        with self._lock:
            names = self._get_names(collector)
            holders = {self._names_to_collectors.get(name) for name in names}
        # Metrics that were made without being asked for make room for those of the application.
        for holder in holders:
            if getattr(holder, "_yields", False):
                self.unregister(holder)
        with self._lock:
            duplicates = set(self._names_to_collectors).intersection(names)
            if duplicates:
                raise DuplicateTimeseries(duplicates)
            for name in names:
                self._names_to_collectors[name] = collector
            self._collector_to_names[collector] = names
            if self._support_collectors_without_names and not names:
                self._collectors_without_names.append(collector)
            number = self._number
        if number is not None:
            _share(collector, number)

    def unregister(self, collector: Any) -> None:
        """Removes a collector, and what this process counted with it from the sum."""
        with self._lock:
            for name in self._collector_to_names[collector]:
                del self._names_to_collectors[name]
            del self._collector_to_names[collector]
            if collector in self._collectors_without_names:
                self._collectors_without_names.remove(collector)
            number = self._number
        if number is not None:
            unshare = getattr(collector, "_unshare", None)
            if unshare is not None:
                unshare(number)

    def share(self) -> None:
        """Makes the registry show the sum over the service's processes, and a server see it."""
        if not _core.is_enabled():
            return
        with self._lock:
            if self._number is not None:
                return
            self._number = CollectorRegistry._next_number
            CollectorRegistry._next_number += 1
            collectors = list(self._collector_to_names)
        for collector in collectors:
            _share(collector, self._number)

    def collect(self) -> Iterator[Metric]:
        """Yields the metrics of all collectors, in the order in which they were registered."""
        info, collectors = self._contents()
        if info is not None:
            yield info
        if self._number is None:
            for collector in collectors:
                if not self._shows_in_sum(collector):
                    yield from collector.collect()
            return
        reading = read_group()
        for collector in collectors:
            yield from collect_in(collector, reading)
        yield from self._metrics_of_others(reading)

    def restricted_registry(self, names: Iterable[str]) -> RestrictedRegistry:
        """A view of the registry that collects only samples of these names."""
        return RestrictedRegistry(names, self)

    def set_target_info(self, labels: Optional[dict[str, str]]) -> None:
        """Sets the labels of the ``target_info`` metric; none removes it."""
        with self._lock:
            if labels:
                if not self._target_info and "target_info" in self._names_to_collectors:
                    raise ValueError("CollectorRegistry already contains a target_info metric")
                self._names_to_collectors["target_info"] = _EmptyCollector()
            elif self._target_info:
                self._names_to_collectors.pop("target_info", None)
            self._target_info = labels

    def get_target_info(self) -> Optional[dict[str, str]]:
        """The labels of the ``target_info`` metric."""
        with self._lock:
            return self._target_info

    def get_sample_value(
        self, name: str, labels: Optional[dict[str, str]] = None
    ) -> Optional[float]:
        """The value of one sample, ``None`` when there is none. Slow; made for tests."""
        wanted = labels or {}
        for metric in self.collect():
            for sample in metric.samples:
                if sample.name == name and sample.labels == wanted:
                    return sample.value
        return None

    def _shows_in_sum(self, collector: Any) -> bool:
        return self._has_sum and getattr(collector, "_is_outside", False)

    def _contents(self) -> tuple[Optional[Metric], list[Any]]:
        with self._lock:
            info = self._target_info_metric() if self._target_info else None
            return info, list(self._collector_to_names)

    def _target_info_metric(self) -> Metric:
        metric = Metric("target", "Target metadata", "info")
        metric.add_sample("target_info", self._target_info or {}, 1)
        return metric

    def _get_names(self, collector: Any) -> list[str]:
        describe = getattr(collector, "describe", None)
        if describe is None and self._auto_describe:
            describe = collector.collect
        if describe is None:
            return []
        names = []
        for metric in describe():
            names.append(metric.name)
            names.extend(metric.name + suffix for suffix in _SUFFIXES.get(metric.type, ()))
        return names

    def _families_of_others(self, reading: _core.Reading) -> list[tuple[str, str, str, str]]:
        """Families that only other processes of the service have: a metric that is made when it
        is first needed, which was elsewhere."""
        number = self._number
        if number is None:
            return []
        return [
            family
            for family in reading.families(number)
            if (number, family[0]) not in _known_here
        ]

    def _metrics_of_others(self, reading: _core.Reading) -> Iterator[Metric]:
        if self._number is None:
            return
        for name, kind, documentation, unit in self._families_of_others(reading):
            yield shared_metric(reading, self._number, name, kind, documentation, unit)


# Families that this process has or had in shared registries: (number, name).
_known_here: set[tuple[int, str]] = set()


def know(number: int, name: str) -> None:
    """Notes that a shared family has a collector here."""
    _known_here.add((number, name))


def read_group() -> _core.Reading:
    """The service's sum. A process that only exposes, and has no metric of its own, belongs to
    the service from here on: before, there is nothing that it could read."""
    _runtime.start()
    return _core.read_group()


def collect_in(collector: Any, reading: _core.Reading) -> Iterable[Metric]:
    """What a collector yields as part of a service of several processes."""
    of_group = getattr(collector, "_collect_group", None)
    metrics: Iterable[Metric] = collector.collect() if of_group is None else of_group(reading)
    return metrics


def shared_metric(
    reading: _core.Reading,
    number: int,
    name: str,
    kind: str,
    documentation: str,
    unit: str = "",
) -> Metric:
    """A family of the service's sum as a ``Metric``."""
    metric = Metric(name, documentation, kind)
    metric.unit = unit
    metric.samples.extend(samples_of_group(reading, number, name))
    return metric


def samples_of_group(reading: _core.Reading, number: int, name: str) -> Iterator[Sample]:
    """The samples of a family of the service's sum, with their exemplars."""
    from . import wrapper

    exemplars = {
        (suffix, frozenset(labels)): Exemplar(dict(pairs), value, time)
        for suffix, labels, pairs, value, time in reading.exemplars(number, name)
    }
    for suffix, labels, value, native in reading.samples(number, name, wrapper.use_created()) or ():
        exemplar = exemplars.get((suffix, frozenset(labels))) if exemplars else None
        histogram = None if native is None else native_histogram(value, native)
        yield Sample(name + suffix, dict(labels), value, None, exemplar, histogram)


def _share(collector: Any, number: int) -> None:
    share = getattr(collector, "_share", None)
    if share is not None:
        share(number)


class RestrictedRegistry:
    """A view of a registry that collects only samples of some names."""

    def __init__(self, names: Iterable[str], registry: CollectorRegistry) -> None:
        self._name_set = set(names)
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        """Yields the metrics that have such samples, with only these."""
        info, collectors = self._contents()
        if info is not None:
            yield info
        reading = None if self._number is None else read_group()
        for collector in collectors:
            metrics = collector.collect() if reading is None else collect_in(collector, reading)
            yield from self._restrict(metrics)
        if reading is not None:
            yield from self._restrict(self._registry._metrics_of_others(reading))

    @property
    def _number(self) -> Optional[int]:
        return self._registry._number

    def _contents(self) -> tuple[Optional[Metric], list[Any]]:
        registry = self._registry
        with registry._lock:
            info = None
            if "target_info" in self._name_set and registry._target_info:
                info = registry._target_info_metric()
            # A dict, for an order that does not change from run to run.
            collectors = dict.fromkeys(registry._collectors_without_names)
            is_sum_asked = registry._has_sum and bool(collectors)
            for name, collector in registry._names_to_collectors.items():
                if name in self._name_set and name != "target_info":
                    if not (is_sum_asked and registry._shows_in_sum(collector)):
                        collectors[collector] = None
        return info, list(collectors)

    def _shows_in_sum(self, collector: Any) -> bool:
        # Those are not among the contents.
        return False

    def _families_of_others(self, reading: _core.Reading) -> list[tuple[str, str, str, str]]:
        return self._registry._families_of_others(reading)

    def _restrict(self, metrics: Iterable[Metric]) -> Iterator[Metric]:
        for metric in metrics:
            restricted = metric._restricted_metric(self._name_set)
            if restricted is not None:
                yield restricted


REGISTRY = CollectorRegistry(auto_describe=True)
REGISTRY.share()
