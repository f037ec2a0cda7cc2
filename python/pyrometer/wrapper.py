"""What all metrics have: a name, labels, children, and a place in a registry."""

from __future__ import annotations

import threading
import time
from typing import Any, Callable, Iterable, Iterator, Optional, Sequence, TypeVar

from . import _core, _runtime
from .metrics_core import Metric
from .registry import REGISTRY, CollectorRegistry, keep_lock_free, know
from .samples import Exemplar, Sample, native_histogram
from .validation import _validate_exemplar, _validate_labelnames, _validate_metric_name

T = TypeVar("T", bound="MetricWrapperBase")


def use_created() -> bool:
    """Whether ``_created`` series are exposed."""
    # Its place is prometheus_client's, where others set it.
    from . import metrics

    return metrics._use_created


# Whether any exemplar was ever kept: looking for them costs a walk over all children.
_has_exemplars = False

# Tells a child, while it is made, whose child it is. Children are made through the public
# constructor (a subclass may have its own), which has no place to say it.
_making = threading.local()


def _make_exemplar(labels: dict[str, str], amount: float) -> Exemplar:
    global _has_exemplars
    _validate_exemplar(labels)
    _has_exemplars = True
    return Exemplar(labels, amount, time.time())


def _build_full_name(
    metric_type: Optional[str], name: str, namespace: str, subsystem: str, unit: str
) -> str:
    if not name:
        raise ValueError("Metric name should not be empty")
    full_name = "_".join(part for part in (namespace, subsystem, name) if part)
    if metric_type == "counter":
        full_name = full_name.removesuffix("_total")
    if unit and not full_name.endswith("_" + unit):
        full_name += "_" + unit
    if unit and metric_type in ("info", "stateset"):
        raise ValueError("Metric name is of a type that cannot have a unit: " + full_name)
    return full_name


class MetricWrapperBase:
    """What all metrics have: a name, labels, and children for the labels."""

    _type: Optional[str] = None
    _reserved_labelnames: Sequence[str] = ()
    # Set when a child is driven by a function: the cells then do not tell its value.
    _has_functions = False

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
    ) -> None:
        self._original_name = name
        self._namespace = namespace
        self._subsystem = subsystem
        self._name = _build_full_name(self._type, name, namespace, subsystem, unit)
        self._labelnames = _validate_labelnames(self, labelnames)
        self._labelvalues = tuple(_labelvalues or ())
        self._kwargs: dict[str, Any] = {}
        self._documentation = documentation
        self._unit = unit
        _validate_metric_name(self._name)
        parent = getattr(_making, "parent", None) if self._labelvalues else None
        self._parent: Optional[MetricWrapperBase] = parent
        self._family: _core.Family = self._make_family() if parent is None else parent._family
        if self._is_parent():
            self._lock = threading.Lock()
            keep_lock_free(self)
            self._metrics: dict[tuple[str, ...], Any] = {}
        is_registered = bool(registry) and not self._labelvalues
        if is_registered and getattr(registry, "_number", None) is not None:
            # First: a name that is taken must not touch the metric that has it, and the cells
            # are then made where they belong.
            registry.register(self)  # type: ignore[union-attr]
            is_registered = False
        if self._is_observable():
            self._metric_init()
        if is_registered:
            registry.register(self)  # type: ignore[union-attr]

    def describe(self) -> Iterable[Metric]:
        """The metric without samples."""
        return [self._get_metric()]

    def collect(self) -> Iterable[Metric]:
        """The metric with what this process counted."""
        metric = self._get_metric()
        for sample in self._samples():
            metric.add_sample(self._name + sample.name, *sample[1:])
        return [metric]

    def __str__(self) -> str:
        return f"{self._type}:{self._name}"

    def __repr__(self) -> str:
        return f"{type(self).__module__}.{type(self).__name__}({self._name})"

    def labels(self: T, *labelvalues: object, **labelkwargs: object) -> T:
        """The child for these label values, by position or by name; made when it is new.

        A child may be kept: using it again costs nothing.
        """
        if self._labelnames and not self._labelvalues:
            values = labelvalues
            if labelkwargs and not labelvalues and len(labelkwargs) == len(self._labelnames):
                values = tuple([labelkwargs.get(name) for name in self._labelnames])
            child: Optional[T] = _core.find_child(self._metrics, values)
            if child is not None and (values is not labelvalues or not labelkwargs):
                return child
        return self._find_or_make(labelvalues, labelkwargs)

    def remove(self, *labelvalues: Any) -> None:
        """Forgets the child with these label values, and what this process counted with it."""
        self._raise_without_labelnames()
        if len(labelvalues) != len(self._labelnames):
            raise ValueError(
                f"Incorrect label count (expected {len(self._labelnames)}, got {labelvalues})"
            )
        with self._lock:
            _forget(self._metrics.pop(tuple(str(value) for value in labelvalues), None))

    def remove_by_labels(self, labels: dict[str, str]) -> None:
        """Forgets all children that have these values among their labels."""
        self._raise_without_labelnames()
        if not isinstance(labels, dict):
            raise TypeError("labels must be a dict of {label_name: label_value}")
        if not labels:
            return
        unknown = [name for name in labels if name not in self._labelnames]
        if unknown:
            raise ValueError(f"Unknown label names: {unknown}; expected {self._labelnames}")
        wanted = {self._labelnames.index(name): str(value) for name, value in labels.items()}
        with self._lock:
            for values in list(self._metrics):
                if all(values[place] == value for place, value in wanted.items()):
                    _forget(self._metrics.pop(values, None))

    def clear(self) -> None:
        """Forgets all children."""
        if not self._labelnames:
            return
        with self._lock:
            children, self._metrics = self._metrics, {}
        for child in children.values():
            _forget(child)

    # What follows is for this package and for those that look inside prometheus_client.

    def _is_observable(self) -> bool:
        return not self._labelnames or bool(self._labelvalues)

    def _is_parent(self) -> bool:
        return bool(self._labelnames) and not self._labelvalues

    def _raise_if_not_observable(self) -> None:
        if not self._is_observable():
            raise ValueError(f"{self._type} metric is missing label values")

    def _raise_without_labelnames(self) -> None:
        if not self._labelnames:
            raise ValueError(f"No label names were set when constructing {self}")

    def _get_metric(self) -> Metric:
        return Metric(self._name, self._documentation, self._type or "", self._unit)

    def _find_or_make(
        self: T, labelvalues: tuple[object, ...], labelkwargs: dict[str, object]
    ) -> T:
        self._raise_without_labelnames()
        if self._labelvalues:
            chosen = dict(zip(self._labelnames, self._labelvalues))
            raise ValueError(
                f"{self} already has labels set ({chosen}); can not chain calls to .labels()"
            )
        if labelvalues and labelkwargs:
            raise ValueError("Can't pass both *args and **kwargs")
        if labelkwargs:
            if sorted(labelkwargs) != sorted(self._labelnames):
                raise ValueError("Incorrect label names")
            values = tuple(str(labelkwargs[name]) for name in self._labelnames)
        else:
            if len(labelvalues) != len(self._labelnames):
                raise ValueError("Incorrect label count")
            values = tuple(str(value) for value in labelvalues)
        with self._lock:
            child: Optional[T] = self._metrics.get(values)
            if child is None:
                child = self._metrics[values] = self._make_child(values)
            return child

    def _make_child(self: T, values: tuple[str, ...]) -> T:
        kwargs = {
            key: value
            for key, value in self._kwargs.items()
            if key not in ("namespace", "subsystem", "unit")
        }
        outer = getattr(_making, "parent", None)
        _making.parent = self
        try:
            child = self.__class__(
                self._original_name,
                documentation=self._documentation,
                labelnames=self._labelnames,
                namespace=self._namespace,
                subsystem=self._subsystem,
                unit=self._unit,
                _labelvalues=values,
                **kwargs,
            )
        finally:
            _making.parent = outer
        if child._family.registry is not None:
            _runtime.log_notice()
        return child

    def _make_family(self) -> _core.Family:
        return _core.Family(
            self._type or "",
            self._name,
            self._documentation,
            unit=self._unit,
            label_names=list(self._labelnames),
        )

    def _new_series(self) -> _core.Series:
        return self._family.series(self._labelvalues, time.time())

    def _bind(self, owner: type, name: str, fast: Callable[..., Any]) -> None:
        """Puts the Rust method in the place of the Python one, unless a subclass has its own."""
        if getattr(type(self), name) is getattr(owner, name):
            self.__dict__[name] = fast

    def _begin_sharing(self, number: int) -> None:
        _runtime.start()
        know(number, self._name)
        self._family.share(number)

    def _children(self) -> list[Any]:
        if not self._is_parent():
            return [self]
        with self._lock:
            return list(self._metrics.values())

    def _share(self, number: int) -> None:
        """Called by a registry that is shared: the sum shows this metric from now on."""
        if self._family.registry is not None:
            return
        self._begin_sharing(number)
        for child in self._children():
            series = getattr(child, "_series", None)
            if series is not None:
                series.share()
        _runtime.log_notice()

    def _unshare(self, number: int) -> None:
        """Called by a registry that lets go of this metric."""
        if self._family.registry == number:
            self._family.unshare()

    def _is_plain(self) -> bool:
        """Whether the cells alone say what is to be exposed."""
        cls = type(self)
        return (
            self._family.registry is not None
            and not self._has_functions
            and cls.collect is MetricWrapperBase.collect
            and cls._samples is MetricWrapperBase._samples
            and cls._multi_samples is MetricWrapperBase._multi_samples
            and "collect" not in self.__dict__
        )

    def _shared_families(self) -> Optional[list[tuple[int, str]]]:
        """The families of the sum that this collector stands for; ``None``: ask it."""
        number = self._family.registry
        if number is None or not self._is_plain():
            return None
        return [(number, self._name)]

    def _collect_group(self, reading: _core.Reading) -> Iterable[Metric]:
        """The metric with what all processes counted."""
        number = self._family.registry
        if number is None or not (self._is_plain() or self._has_functions):
            return self.collect()
        metric = self._get_metric()
        exemplars = self._exemplars()
        for suffix, labels, value, native in (
            reading.samples(number, self._name, use_created()) or ()
        ):
            exemplar = exemplars.get((suffix, frozenset(labels))) if exemplars else None
            histogram = None if native is None else native_histogram(value, native)
            metric.add_sample(
                self._name + suffix, dict(labels), value, None, exemplar, histogram
            )
        if self._has_functions:
            for sample in self._samples_of_functions():
                metric.add_sample(self._name + sample.name, *sample[1:])
            places = {child._labelvalues: at for at, child in enumerate(self._children())}
            last = len(places)

            def place(sample: Sample) -> int:
                values = tuple(sample.labels.get(name, "") for name in self._labelnames)
                return places.get(values, last)

            metric.samples.sort(key=place)
        return [metric]

    def _exemplars(self) -> dict[tuple[str, frozenset[tuple[str, str]]], Exemplar]:
        if not _has_exemplars:
            return {}
        return {
            (sample.name, frozenset(sample.labels.items())): sample.exemplar
            for sample in self._samples()
            if sample.exemplar is not None
        }

    def _samples_of_functions(self) -> Iterator[Sample]:
        for child in self._children():
            if "_child_samples" in child.__dict__:
                labels = dict(zip(self._labelnames, child._labelvalues))
                for sample in child._child_samples():
                    yield sample._replace(labels={**labels, **sample.labels})

    def _samples(self) -> Iterable[Sample]:
        return self._multi_samples() if self._is_parent() else self._child_samples()

    def _multi_samples(self) -> Iterable[Sample]:
        with self._lock:
            children = list(self._metrics.items())
        for values, child in children:
            labels = dict(zip(self._labelnames, values))
            for sample in child._samples():
                yield sample._replace(labels={**labels, **sample.labels})

    def _child_samples(self) -> Iterable[Sample]:
        raise NotImplementedError(f"_child_samples() must be implemented by {self!r}")

    def _metric_init(self) -> None:
        raise NotImplementedError(f"_metric_init() must be implemented by {self!r}")


def _forget(child: Any) -> None:
    _forget_series(getattr(child, "_series", None))


def _forget_series(series: Optional[_core.Series]) -> None:
    if series is not None:
        series.remove()
