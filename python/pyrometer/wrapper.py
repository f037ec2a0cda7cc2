"""What all metrics have: a name, labels, children, and a place in a registry.

What a call to a metric costs is in the Rust class below this one; what is here happens when a
metric or a child is made, and when it is exposed.
"""

from __future__ import annotations

import threading
import time
import types
from typing import TYPE_CHECKING, Any, Iterable, Iterator, Optional, Sequence, TypeVar

from . import _core, _runtime, multiprocess_mode, overflow
from .context_managers import Timer
from .metrics_core import Metric
from .registry import REGISTRY, CollectorRegistry, keep_lock_free, know, samples_of_group
from .samples import Exemplar, Sample
from .shared_attribute import shared
from .validation import (
    _validate_exemplar,
    _validate_labelnames,
    _validate_metric_name,
    build_full_name,
)

T = TypeVar("T", bound="MetricWrapperBase")


def use_created() -> bool:
    """Whether ``_created`` series are exposed."""
    # Its place is prometheus_client's, where others set it.
    from . import metrics

    return metrics._use_created


# Tells a child, while it is made, whose child it is. Children are made through the public
# constructor (a subclass may have its own), which has no place to say it.
_making = threading.local()


def _make_exemplar(labels: dict[str, str], amount: float) -> Exemplar:
    _validate_exemplar(labels)
    return Exemplar(labels, amount, time.time())


def cell(series: Any, index: int) -> Any:
    """One number of a label set, as prometheus_client's metrics have it."""
    if isinstance(series, _core.Series):
        return _core.Cell(series, index)
    # A `ValueSeries`, whose numbers are somebody's own.
    return series.values[index]


class MetricWrapperBase(_core.Metric):
    """What all metrics have: a name, labels, and children for the labels."""

    __slots__ = ("_shared", "_labelvalues", "__dict__", "__weakref__")

    _type: Optional[str] = None
    _reserved_labelnames: Sequence[str] = ()
    # A signal handler or a finalizer may ask for a child while this very thread makes one.
    _make_lock = staticmethod(threading.RLock)
    # What a timer calls.
    _timed_method = "observe"

    _shared: dict[str, Any]
    _labelvalues: tuple[str, ...]

    _original_name: str = shared()
    _namespace: str = shared()
    _subsystem: str = shared()
    _name: str = shared()
    _labelnames: tuple[str, ...] = shared()
    _kwargs: dict[str, Any] = shared()
    _documentation: str = shared()
    _unit: str = shared()
    _family: _core.Family = shared()
    _lock: threading.RLock = shared()
    # Set when a child is driven by a function: the cells then do not tell its value.
    _has_functions: bool = shared()
    # Set when numbers are in files that `MultiProcessCollector` reads.
    _has_files: bool = shared()
    # What it counts in instead of cells, if somebody chose a `ValueClass`.
    _value_series: Any = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # Timers go past the public method to the cell; a class with a method of its own is asked.
        if cls._timed_method in vars(cls) and "time" not in vars(cls):
            cls.time = _time_by_method  # type: ignore[attr-defined]

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
        self._name = build_full_name(self._type, name, namespace, subsystem, unit)
        self._labelnames = _validate_labelnames(self, labelnames)
        self._labelvalues = tuple(_labelvalues or ())
        self._kwargs = {}
        self._has_functions = self._has_files = False
        self._documentation = documentation
        self._unit = unit
        _validate_metric_name(self._name)
        parent = getattr(_making, "parent", None) if self._labelvalues else None
        if parent is None:
            self._family = self._make_family()
        else:
            self._shared = parent._shared
        if self._is_parent():
            self._lock = self._make_lock()
            keep_lock_free(self)
            self._begin_children(self._labelnames, {})
        is_registered = bool(registry) and not self._labelvalues
        if is_registered and getattr(registry, "_number", None) is not None:
            # First: a name that is taken must not touch the metric that has it, and the cells
            # are then made where they belong.
            registry.register(self)  # type: ignore[union-attr]
            is_registered = False
        if parent is None:
            self._join_mode()
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

    if TYPE_CHECKING:

        def labels(self: T, *labelvalues: object, **labelkwargs: object) -> T:
            """The child for these label values, by position or by name; made when it is new.

            A child may be kept: using it again costs nothing.
            """

    def __copy__(self: T) -> T:
        # A copy would count in the same cells.
        return self

    def remove(self, *labelvalues: Any) -> None:
        """Forgets the child with these label values, and what this process counted with it."""
        self._raise_without_labelnames()
        if len(labelvalues) != len(self._labelnames):
            raise ValueError(
                f"Incorrect label count (expected {len(self._labelnames)}, got {labelvalues})"
            )
        self._warn_of_files("Removal of")
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
        self._warn_of_files("Removal of")
        wanted = {self._labelnames.index(name): str(value) for name, value in labels.items()}
        with self._lock:
            for values in list(self._metrics):
                if all(values[place] == value for place, value in wanted.items()):
                    _forget(self._metrics.pop(values, None))

    def clear(self) -> None:
        """Forgets all children."""
        if not self._labelnames:
            return
        self._warn_of_files("Clearing")
        with self._lock:
            children = list(self._metrics.values())
            self._metrics.clear()
        for child in children:
            _forget(child)

    # What follows is for this package and for those that look inside prometheus_client.

    @property
    def _metrics(self) -> dict[tuple[str, ...], Any]:
        """Children by label values. What is assigned replaces the contents."""
        children = self._children_dict
        if children is None:
            raise AttributeError("_metrics")
        return children

    @_metrics.setter
    def _metrics(self, children: dict[tuple[str, ...], Any]) -> None:
        own, children = self._metrics, dict(children)
        own.clear()
        own.update(children)

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
            children = self._metrics
            child: Optional[T] = children.get(values)
            if child is None and len(children) >= overflow.series_max():
                overflow.note(self._name)
                values = (overflow.OVERFLOW,) * len(values)
                child = children.get(values)
            if child is None:
                child = children[values] = self._make_child(values)
            return child

    def _make_child(self: T, values: tuple[str, ...]) -> T:
        cls = type(self)
        if cls.__init__ in _OWN_INITS and cls.__new__ is _core.Metric.__new__:
            child = cls.__new__(cls)
            child._shared = self._shared
            child._labelvalues = values
            child._metric_init()
        else:
            child = self._construct_child(values)
        if child._family.registry is not None:
            _runtime.log_notice()
        return child

    def _construct_child(self: T, values: tuple[str, ...]) -> T:
        """The child as the constructor of a subclass wants it made."""
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
        return child

    def _make_family(self) -> _core.Family:
        return _core.Family(
            self._type or "",
            self._name,
            self._documentation,
            unit=self._unit,
            label_names=list(self._labelnames),
        )

    @property
    def _series(self) -> _core.Series:
        """What it counts in, or has the same methods; ``AttributeError`` when it does not count."""
        other: Optional[_core.Series] = self._value_series
        return self._native_series if other is None else other

    def _begin_counting(self) -> None:
        """Begins to count."""
        value_class = multiprocess_mode.chosen_value_class()
        if value_class is None:
            self._begin_native()
        else:
            self._begin_value_series(value_class)

    def _begin_native(self) -> None:
        self._begin_series(self._family.series(self._labelvalues, time.time()))

    def _begin_value_series(self, value_class: Any) -> None:
        from .client.value_series import ValueSeries

        self._value_series = ValueSeries(self, value_class)
        # Not in the group's cells, as the values of functions.
        self.__dict__["_child_samples"] = types.MethodType(type(self)._child_samples, self)
        self._has_functions = True
        self._has_files = self._has_files or getattr(value_class, "_multiprocess", False)

    def _warn_of_files(self, what: str) -> None:
        if self._has_files:
            import warnings

            warnings.warn(
                f"{what} labels has not been implemented in multi-process mode yet.",
                UserWarning,
                stacklevel=3,
            )

    def _join_mode(self) -> None:
        """Lets a metric outside the default registry count for the sum of prometheus_client's
        multi-process mode, where that is on."""
        folder = multiprocess_mode.folder()
        if folder is None or not _core.is_enabled():
            return
        if self._family.registry is None:
            self._begin_sharing(multiprocess_mode.outside_number(folder))
        if multiprocess_mode.chosen_value_class() is None:
            multiprocess_mode.note_program(folder)

    @property
    def _is_outside(self) -> bool:
        """Whether the sum of the multi-process mode shows it, and no registry of its own."""
        number = self._family.registry
        is_outside = number is not None and multiprocess_mode.OUTSIDE <= number
        return is_outside and (self._has_files or not self._has_functions)

    def _held_series(self) -> Optional[_core.Series]:
        """What it counts in, if it does."""
        return getattr(self, "_series", None)

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
        known = self._family.registry
        if known is not None and known < multiprocess_mode.OUTSIDE:
            return
        if known is not None:
            self._family.unshare()
        self._begin_sharing(number)
        for child in self._children():
            series = child._held_series()
            if series is not None:
                series.share()
        _runtime.log_notice()

    def _unshare(self, number: int) -> None:
        """Called by a registry that lets go of this metric."""
        if self._family.registry == number:
            self._family.unshare()
            folder = multiprocess_mode.folder()
            if folder is not None:
                # The mode's sum has what was counted, whoever shows it.
                self._share(multiprocess_mode.outside_number(folder))

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
        metric = self._sum_in(reading, number)
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

    def _sum_in(self, reading: _core.Reading, number: int) -> Metric:
        metric = self._get_metric()
        metric.samples.extend(samples_of_group(reading, number, self._name))
        return metric

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


# Constructors that children need not go through.
_OWN_INITS = {MetricWrapperBase.__init__}


def own_init(cls: type[T]) -> type[T]:
    """Marks a class of this package whose constructor children need not go through."""
    _OWN_INITS.add(cls.__init__)
    return cls


def _time_by_method(self: MetricWrapperBase) -> Timer:
    return Timer(self, self._timed_method)


def _forget(child: Any) -> None:
    if child is not None:
        forget_series(child._held_series())


def forget_series(series: Optional[_core.Series]) -> None:
    if series is not None:
        series.remove()
