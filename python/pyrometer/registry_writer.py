"""Writes a registry in any of the formats.

What is in shared memory is written by Rust; Python objects are made only of the rest.
"""

from __future__ import annotations

from typing import Any, Callable, Collection, Optional

from . import _core, wrapper
from .metrics_core import Metric
from .registry import CollectorRegistry, RestrictedRegistry, collect_in, read_group


def write(
    registry: Any, format: str, escaping: str, encode: Optional[Callable[[Metric], bytes]] = None
) -> bytes:
    """The registry's metrics in a format of ``_core.ExpositionWriter``.

    ``encode`` writes a metric in formats for which Rust cannot. A failure while a metric is
    written is raised with the metric among its arguments.
    """
    asked = registry._name_set if type(registry) is RestrictedRegistry else None
    writer = RegistryWriter(format, escaping, encode, asked)
    if type(registry) in (CollectorRegistry, RestrictedRegistry):
        writer.write(registry)
    else:
        for metric in registry.collect():
            writer.write_metric(metric)
    return writer.finish()


class RegistryWriter:
    """What is written so far. With ``asked`` only samples of these names are."""

    def __init__(
        self,
        format: str,
        escaping: str,
        encode: Optional[Callable[[Metric], bytes]],
        asked: Optional[set[str]],
    ) -> None:
        self._writer = _core.ExpositionWriter(format, escaping, wrapper.use_created())
        self._encode = encode
        self._asked = asked

    def finish(self) -> bytes:
        return self._writer.finish()

    def write(self, registry: Any) -> None:
        """A ``CollectorRegistry``, or a ``RestrictedRegistry``."""
        info, collectors = registry._contents()
        if info is not None:
            self.write_metric(info)
        number = registry._number
        reading = None if number is None else read_group()
        for collector in collectors:
            if reading is None and registry._shows_in_sum(collector):
                continue
            # A collector of the whole service's sum, which need not be made of Python objects.
            write_to = getattr(type(collector), "_write_to", None)
            if write_to is not None:
                write_to(collector, self)
            elif reading is None:
                for metric in collector.collect():
                    self.write_metric(metric)
            else:
                self.write_collector(collector, reading)
        if reading is not None:
            for name, *_ in registry._families_of_others(reading):
                self.write_family(reading, number, name)

    def write_collector(
        self, collector: Any, reading: _core.Reading, left_out: Collection[str] = ()
    ) -> None:
        """What a collector shows of a service of several processes, but for names left out."""
        shared = getattr(collector, "_shared_families", None)
        families = None if shared is None else shared()
        if families is None or not all(reading.has(*family) for family in families):
            # Also a metric that has no series anywhere: it shows its name.
            for metric in collect_in(collector, reading):
                if metric.name not in left_out:
                    self.write_metric(metric)
        else:
            for number, name in families:
                if name not in left_out:
                    self.write_family(reading, number, name)

    def write_family(self, reading: _core.Reading, number: int, name: str) -> None:
        """A family of the service's sum."""
        self._writer.family(reading, number, name, self._asked)

    def write_metric(self, metric: Metric) -> None:
        """A metric that is a Python object."""
        if self._asked is not None:
            restricted = metric._restricted_metric(self._asked)
            if restricted is None:
                return
            metric = restricted
        try:
            if not self._writer.metric(metric) and self._encode is not None:
                self._writer.append(self._encode(metric))
        except Exception as exception:
            exception.args = (exception.args or ("",)) + (metric,)
            raise
