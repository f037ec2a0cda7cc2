"""Garbage collections, by generation."""

from __future__ import annotations

import gc
import sys
from typing import Any, Iterable, Optional

from . import _core, _runtime
from .metrics_core import CounterMetricFamily, Metric
from .registry import REGISTRY, know, shared_metric

_FAMILIES = (
    ("python_gc_objects_collected", "Objects collected during gc", "collected"),
    ("python_gc_objects_uncollectable", "Uncollectable objects found during GC", "uncollectable"),
    ("python_gc_collections", "Number of times this generation was collected", "collections"),
)


class GCCollector:
    """What ``gc.get_stats()`` says; in a shared registry, summed over the service."""

    def __init__(self, registry: Any = REGISTRY) -> None:
        self._number: Optional[int] = None
        if not hasattr(gc, "get_stats") or sys.implementation.name != "cpython":
            return
        registry.register(self)

    def collect(self) -> Iterable[Metric]:
        """The collections of this process."""
        families = []
        for name, documentation, key in _FAMILIES:
            family = CounterMetricFamily(name, documentation, labels=["generation"])
            for generation, stat in enumerate(gc.get_stats()):
                family.add_metric([str(generation)], value=stat[key])
            families.append(family)
        return families

    def describe(self) -> Iterable[Metric]:
        """The metrics without samples."""
        return [CounterMetricFamily(name, documentation) for name, documentation, _ in _FAMILIES]

    def _share(self, number: int) -> None:
        # The interpreter's own metrics are those of registry 0.
        if number == 0 and _core.is_enabled():
            self._number = number
            for name, _, _ in _FAMILIES:
                know(number, name)

    def _shared_families(self) -> Optional[list[tuple[int, str]]]:
        if self._number is None:
            return None
        _runtime.start()
        return [(self._number, name) for name, _, _ in _FAMILIES]

    def _collect_group(self, reading: _core.Reading) -> Iterable[Metric]:
        if self._number is None or not reading.has(self._number, _FAMILIES[0][0]):
            return self.collect()
        number = self._number
        return [
            shared_metric(reading, number, name, "counter", documentation)
            for name, documentation, _ in _FAMILIES
        ]


GC_COLLECTOR = GCCollector()
"""The collector of the default registry."""
