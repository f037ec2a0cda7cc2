"""Memory, processor time and descriptors."""

from __future__ import annotations

import os
from typing import Any, Callable, Iterable, Optional, Union

from . import _core, _runtime
from .metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from .registry import REGISTRY, know, shared_metric

try:
    import resource

    _PAGESIZE = resource.getpagesize()
except ImportError:
    _PAGESIZE = 4096

# What the sum over a service has, in its order; a system without /proc lacks the first ones.
_OF_GROUP = {
    "process_virtual_memory_bytes": "gauge",
    "process_resident_memory_bytes": "gauge",
    "process_start_time_seconds": "gauge",
    "process_cpu_seconds": "counter",
    "process_open_fds": "gauge",
    "process_max_fds": "gauge",
    "pyrometer_workers": "gauge",
    "pyrometer_process_starts": "counter",
    "pyrometer_unshared_series": "gauge",
    "pyrometer_internal_errors": "counter",
}


def _this_process() -> str:
    return "self"


class ProcessCollector:
    """``process_*``: in a shared registry of the whole service, else of one process.

    ``pid`` tells the process, ``proc`` the place of ``/proc``.
    """

    def __init__(
        self,
        namespace: str = "",
        pid: Callable[[], Union[int, str]] = _this_process,
        proc: str = "/proc",
        registry: Any = REGISTRY,
    ) -> None:
        self._namespace = namespace
        self._pid = pid
        self._proc = proc
        self._prefix = f"{namespace}_process_" if namespace else "process_"
        self._number: Optional[int] = None
        self._pagesize = _PAGESIZE
        self._ticks = 100.0
        try:
            self._ticks = os.sysconf("SC_CLK_TCK")
        except (ValueError, TypeError, AttributeError, OSError):
            pass
        self._btime = 0.0
        try:
            self._btime = self._boot_time()
        except OSError:
            pass
        if registry:
            registry.register(self)

    def collect(self) -> Iterable[Metric]:
        """The numbers of one process; none where there is no ``/proc``."""
        if not self._btime:
            return []
        pid = os.path.join(self._proc, str(self._pid()).strip())
        metrics: list[Metric] = []
        try:
            metrics.extend(self._collect_stat(pid))
        except OSError:
            pass
        try:
            metrics.extend(self._collect_fds(pid))
        except OSError:
            pass
        return metrics

    def _boot_time(self) -> float:
        with open(os.path.join(self._proc, "stat"), "rb") as stat:
            for line in stat:
                if line.startswith(b"btime "):
                    return float(line.split()[1])
        return 0.0

    def _collect_stat(self, pid: str) -> list[Metric]:
        with open(os.path.join(pid, "stat"), "rb") as stat:
            # The name in parentheses may hold anything; field 3 is the first after it.
            fields = stat.read().rpartition(b")")[2].split()
        user, system, start, virtual, resident = (
            float(fields[field - 3]) for field in (14, 15, 22, 23, 24)
        )
        return [
            self._gauge("virtual_memory_bytes", "Virtual memory size in bytes.", virtual),
            self._gauge(
                "resident_memory_bytes", "Resident memory size in bytes.", resident * self._pagesize
            ),
            self._gauge(
                "start_time_seconds",
                "Start time of the process since unix epoch in seconds.",
                start / self._ticks + self._btime,
            ),
            CounterMetricFamily(
                self._prefix + "cpu_seconds_total",
                "Total user and system CPU time spent in seconds.",
                value=user / self._ticks + system / self._ticks,
            ),
        ]

    def _collect_fds(self, pid: str) -> list[Metric]:
        with open(os.path.join(pid, "limits"), "rb") as limits:
            lines = [line for line in limits if line.startswith(b"Max open file")]
        n_open = len(os.listdir(os.path.join(pid, "fd")))
        families: list[Metric] = [
            self._gauge("open_fds", "Number of open file descriptors.", n_open)
        ]
        if lines:
            limit = lines[0].split()[3]
            n_max = float("inf") if limit == b"unlimited" else float(limit)
            families.append(
                self._gauge("max_fds", "Maximum number of open file descriptors.", n_max)
            )
        return families

    def _gauge(self, name: str, documentation: str, value: float) -> Metric:
        return GaugeMetricFamily(self._prefix + name, documentation, value=value)

    def _share(self, number: int) -> None:
        is_default = not self._namespace and self._proc == "/proc" and self._pid is _this_process
        if number == 0 and _core.is_enabled() and is_default:
            self._number = number
            for name in _OF_GROUP:
                know(number, name)

    def _shared_families(self) -> Optional[list[tuple[int, str]]]:
        if self._number is None:
            return None
        _runtime.start()
        return [(self._number, name) for name in _OF_GROUP]

    def _collect_group(self, reading: _core.Reading) -> Iterable[Metric]:
        number = self._number
        if number is None:
            return self.collect()
        # Of the group's `/proc` nothing may be readable; what went wrong is told all the same.
        own = [] if reading.has(number, "process_cpu_seconds") else list(self.collect())
        help_texts = {name: text for name, _, text, _ in reading.families(number)}
        return own + [
            shared_metric(reading, number, name, kind, help_texts[name])
            for name, kind in _OF_GROUP.items()
            if name in help_texts
        ]


PROCESS_COLLECTOR = ProcessCollector()
"""The collector of the default registry."""
