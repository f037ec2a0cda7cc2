"""Info and Enum: what a program is, where the other metrics say how much of something there is."""

from __future__ import annotations

import threading
import time
from typing import Iterable, Optional, Sequence

from . import _core
from .registry import REGISTRY, CollectorRegistry, keep_lock_free
from .samples import Sample
from .shared_attribute import shared
from .wrapper import MetricWrapperBase, forget_series, own_init


class Info(MetricWrapperBase):
    """Facts about the program, as labels.

    Info("build", "How it was built").info({"version": "1.2.3"})
    """

    _type = "info"
    # Its labels change, and with them the series.
    _shown: Optional[_core.Series] = None

    def _metric_init(self) -> None:
        self._value: dict[str, str] = {}
        # Exposed as soon as it exists, like every other metric.
        self._replace({})

    def info(self, val: dict[str, str]) -> None:
        """Sets the facts; those set before are gone."""
        self._raise_if_not_observable()
        if val.keys() & set(self._labelnames):
            raise ValueError(
                f"Overlapping labels for Info metric, metric: {self._labelnames} child: {val}"
            )
        if any(value is None for value in val.values()):
            raise ValueError("Label value cannot be None")
        self._replace(dict(val))

    def _replace(self, value: dict[str, str]) -> None:
        labels = {**dict(zip(self._labelnames, self._labelvalues)), **value}
        flat = [str(text) for pair in labels.items() for text in pair]
        with _facts._lock:
            old, self._value = self._shown, value
            # Removed first: the same facts again then take the same place.
            forget_series(old)
            self._shown = self._family.series(flat, time.time())

    def _held_series(self) -> Optional[_core.Series]:
        return self._shown

    def _child_samples(self) -> Iterable[Sample]:
        return (Sample("_info", self._value, 1.0),)


class _Facts:
    """Held while the facts of an info change, which is seldom: one for all infos."""

    # A signal handler or a finalizer may come while this very thread holds it.
    _make_lock = staticmethod(threading.RLock)

    def __init__(self) -> None:
        self._lock = self._make_lock()
        keep_lock_free(self)


_facts = _Facts()


@own_init
class Enum(MetricWrapperBase):
    """Says which of some states is the current one; at first the first.

    e = Enum("task_state", "What it does", states=["starting", "running", "stopped"])
    e.state("running")
    """

    _type = "stateset"
    _states: Sequence[str] = shared()

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
        # No number that a `ValueClass` could keep.
        self._begin_native()
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
