"""prometheus_client's multi-process mode.

Metrics of the default registry, and of registries that are shared, add up over all processes of
the program by themselves; no variable, folder or hook is needed. Where the variable is set, all
other metrics count too, and so do ``*.db`` files in the folder: of processes that still run
prometheus_client, or of a ``ValueClass`` that keeps its numbers in such files.
"""

from __future__ import annotations

import glob
import os
from typing import Any, Iterable, Iterator, Optional, Union

from .. import _core, multiprocess_mode
from ..metrics import Gauge
from ..metrics_core import Metric
from ..registry import REGISTRY, CollectorRegistry, collect_in
from ..registry_writer import RegistryWriter
from .mmap_merge import FileFamily, read_files
from .mmap_value import log_once, note_old_variable

_LIVE_GAUGE_MULTIPROCESS_MODES = {
    mode for mode in Gauge._MULTIPROC_MODES if mode.startswith("live")
}


class MultiProcessCollector:
    """Collects in ``registry`` what all processes counted.

    That is all of this program's registries, and what other programs with the same folder count
    (``path``, else ``PROMETHEUS_MULTIPROC_DIR``; none is needed). A name that the registry has of
    another collector is left to that. Raises ``ValueError`` for a ``path`` that is no folder.
    """

    def __init__(self, registry: Any, path: Optional[str] = None) -> None:
        if path is None:
            note_old_variable()
            path = multiprocess_mode.folder()
        elif os.path.exists(path) and not os.path.isdir(path):
            raise ValueError(f"the path of the multi-process mode is no folder: {path}")
        self._path = path
        self._registry = registry
        if isinstance(registry, CollectorRegistry):
            registry._has_sum = True
        if registry:
            registry.register(self)

    @staticmethod
    def merge(files: Iterable[str], accumulate: bool = True) -> list[Metric]:
        """The sum of ``*.db`` files; without ``accumulate`` each bucket stands alone.

        Raises ``OSError`` for a file that is missing, unless it is one of living gauges, and
        ``RuntimeError`` or ``ValueError`` for a damaged one.
        """
        return [family.metric(accumulate) for family in read_files(files).values()]

    def describe(self) -> Iterable[Metric]:
        """No names: what other processes count may change, and takes no name from anyone."""
        return []

    def collect(self) -> Iterable[Metric]:
        """The sum. A file that is damaged costs itself and is logged."""
        files = {} if self._path is None else read_files(self._files(), _report)
        shown = self._shown()
        for metric in self._shared():
            family = files.pop(metric.name, None)
            if metric.name not in shown:
                yield metric if family is None else _join(metric, family)
        for family in files.values():
            if family.name not in shown:
                yield family.metric(accumulate=True)

    def _write_to(self, writer: RegistryWriter) -> None:
        """What ``collect`` yields. Where there are no files, it is all in shared memory."""
        if REGISTRY._number is None or (self._path is not None and self._files()):
            for metric in self.collect():
                writer.write_metric(metric)
            return
        shown = self._shown()
        reading = self._reading()
        info, collectors = REGISTRY._contents()
        if info is not None and info.name not in shown:
            writer.write_metric(info)
        for collector in collectors:
            if isinstance(collector, MultiProcessCollector):
                continue
            if getattr(collector, "_has_files", False):
                if collector._name not in shown:
                    writer.write_metric(collector._sum_in(reading, 0))
            else:
                writer.write_collector(collector, reading, shown)
        for name, *_ in REGISTRY._families_of_others(reading):
            if name not in shown:
                writer.write_family(reading, 0, name)

    def _files(self) -> list[str]:
        return sorted(glob.glob(os.path.join(glob.escape(self._path or ""), "*.db")))

    def _shown(self) -> set[str]:
        """Names that the registry shows without this collector."""
        taken: dict[str, Any] = getattr(self._registry, "_names_to_collectors", {})
        shown = {
            name
            for name, collector in taken.items()
            if not getattr(collector, "_is_outside", False)
        }
        number = getattr(self._registry, "_number", None)
        if number is not None:
            shown.update(name for name, *_ in _core.read_group().families(number))
        return shown

    def _reading(self) -> _core.Reading:
        """All registries as one."""
        outside, programs = None, []
        if self._path is not None:
            outside = multiprocess_mode.outside_number(self._path)
            programs = multiprocess_mode.programs(self._path)
        return _core.read_joined(outside, programs)

    def _shared(self) -> Iterator[Metric]:
        """What is in shared memory, all registries as one."""
        if REGISTRY._number is None:
            yield from REGISTRY.collect()
            return
        reading = self._reading()
        info, collectors = REGISTRY._contents()
        if info is not None:
            yield info
        for collector in collectors:
            if isinstance(collector, MultiProcessCollector):
                continue
            if getattr(collector, "_has_files", False):
                # Their numbers are in the files, also those of this process.
                yield collector._sum_in(reading, 0)
            else:
                yield from collect_in(collector, reading)
        yield from REGISTRY._metrics_of_others(reading)


def _join(metric: Metric, family: FileFamily) -> Metric:
    """The sum of what is in shared memory and what is in files."""
    if metric.type != family.kind:
        log_once(
            f"the files of the multi-process mode have a {family.kind} {family.name}, which is a "
            f"{metric.type} here; they are left out"
        )
        return metric
    exemplars = {
        (sample.name, frozenset(sample.labels.items())): sample.exemplar
        for sample in metric.samples
        if sample.exemplar is not None
    }
    family.add_metric(metric)
    joined = family.metric(accumulate=True)
    joined.documentation, joined.unit = metric.documentation, metric.unit
    if exemplars:
        joined.samples = [
            sample._replace(
                exemplar=exemplars.get((sample.name, frozenset(sample.labels.items())))
            )
            for sample in joined.samples
        ]
    return joined


def _report(path: str, error: Exception) -> None:
    log_once(f"a file of the multi-process mode cannot be read: {path}: {error}")


def mark_process_dead(pid: Union[int, str], path: Optional[str] = None) -> None:
    """Removes the files of a process's living gauges. What is in shared memory needs no telling:
    that a process ended is seen."""
    note_old_variable()
    path = path or multiprocess_mode.folder()
    if path is None:
        return
    for mode in _LIVE_GAUGE_MULTIPROCESS_MODES:
        try:
            os.remove(os.path.join(path, f"gauge_{mode}_{pid}.db"))
        except OSError:
            # There is none, or another worker's hook was faster.
            pass
