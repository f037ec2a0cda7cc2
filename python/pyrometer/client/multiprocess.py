"""prometheus_client's multi-process mode, which is not needed here.

Metrics of the default registry, and of registries that are shared, add up over all processes of
the program; no variable, folder or hook is needed. These names do what code written for the mode
expects of them.
"""

from __future__ import annotations

from typing import Any, Iterable, Optional, Union

from ..metrics_core import Metric
from ..registry import REGISTRY
from .values import note_old_variable


class MultiProcessCollector:
    """Collects in ``registry`` what all processes of this program counted.

    That is all of the default registry, with its custom collectors. ``path`` is taken and not
    needed. A name that the registry has of another collector is left to that.
    """

    def __init__(self, registry: Any, path: Optional[str] = None) -> None:
        note_old_variable()
        self._path = path
        self._registry = registry
        if registry:
            registry.register(self)

    def collect(self) -> Iterable[Metric]:
        """The sum; nothing when the registry is the default one and shows it anyway."""
        if self._registry is REGISTRY:
            return
        taken = getattr(self._registry, "_names_to_collectors", {})
        for metric in REGISTRY.collect():
            if metric.name not in taken:
                yield metric


def mark_process_dead(pid: Union[int, str], path: Optional[str] = None) -> None:
    """Does nothing: that a process ended is seen without being told."""
    note_old_variable()
