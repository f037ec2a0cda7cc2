"""Where memory was allocated, on request: ``tracemalloc`` makes a program slow, so nothing here
switches it on by itself.
"""

from __future__ import annotations

import linecache
import os
import tracemalloc
from typing import Any, Iterable, NamedTuple, Optional

from ..metrics_core import GaugeMetricFamily, Metric

TOP_MAX = 100
"""Sites told at most."""

SITES_MAX = 200
"""Sites that become labels in a process's life; further ones share ``_other``."""

OTHER_SITE = "_other"

_PATH_PARTS = 3


class Allocation(NamedTuple):
    """What one line of code has allocated and not freed."""

    site: str
    """Last parts of the file's path, and the line: ``shop/cart.py:12``."""
    bytes: int
    blocks: int
    code: str
    """The text of the line."""


def memory_top(n: int = 10) -> list[Allocation]:
    """The lines of code that hold the most memory, the largest first.

    n: how many, 100 at most. Only what was allocated since tracing began is known: start the
    program with ``PYTHONTRACEMALLOC=1``, or call ``tracemalloc.start()`` first; else this raises
    ``RuntimeError``. It stops the process for some 100 ms for each million blocks.
    """
    if not tracemalloc.is_tracing():
        raise RuntimeError(
            "memory is not traced: start the program with PYTHONTRACEMALLOC=1, "
            "or call tracemalloc.start() first"
        )
    ours = tracemalloc.Filter(False, tracemalloc.__file__)
    snapshot = tracemalloc.take_snapshot().filter_traces((ours,))
    found = []
    for statistic in snapshot.statistics("lineno")[: max(0, min(n, TOP_MAX))]:
        frame = statistic.traceback[0]
        site = f"{_short(frame.filename)}:{frame.lineno}"
        code = linecache.getline(frame.filename, frame.lineno).strip()
        found.append(Allocation(site, statistic.size, statistic.count, code))
    return found


def expose_memory_top(n: int = 10, registry: Optional[Any] = None) -> None:
    """Adds ``python_traced_memory_bytes`` with the label ``site`` to ``/metrics``: of the process
    that answers, at each scrape, while memory is traced there.

    registry: the default one if not given. Calling it again changes ``n``.
    """
    if registry is None:
        # Looked up late: a test may have replaced it.
        from .. import REGISTRY

        registry = REGISTRY
    collector = next((one for one in _collectors if one.registry is registry), None)
    if collector is None:
        collector = _Collector(registry)
        registry.register(collector)
        _collectors.append(collector)
    collector.n = n


class _Collector:
    def __init__(self, registry: Any) -> None:
        self.registry = registry
        self.n = 0
        self._sites: set[str] = set()

    def describe(self) -> Iterable[Metric]:
        return [self._family()]

    def collect(self) -> Iterable[Metric]:
        family = self._family()
        if tracemalloc.is_tracing():
            by_site: dict[str, int] = {}
            for one in memory_top(self.n):
                site = self._label(one.site)
                by_site[site] = by_site.get(site, 0) + one.bytes
            for site, size in by_site.items():
                family.add_metric([site], float(size))
        return [family]

    def _label(self, site: str) -> str:
        if site in self._sites:
            return site
        if len(self._sites) >= SITES_MAX:
            return OTHER_SITE
        self._sites.add(site)
        return site

    def _family(self) -> GaugeMetricFamily:
        return GaugeMetricFamily(
            "python_traced_memory_bytes",
            "Memory that a line of code holds, of the lines that hold the most",
            labels=["site"],
        )


_collectors: list[_Collector] = []


def _short(path: str) -> str:
    return "/".join(path.split(os.sep)[-_PATH_PARTS:])
