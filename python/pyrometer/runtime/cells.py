"""Metrics of the interpreter: cells in shared memory that no registry of this process knows.

A registry shows them as it shows those of other processes, so a metric of the application with the
same name is no error: the application's takes their place.
"""

from __future__ import annotations

from math import inf
from typing import Sequence

from .. import _core, _runtime


def start() -> None:
    """The program is a service from now on."""
    _runtime.start()


def histogram(name: str, documentation: str, bounds: Sequence[float]) -> _core.Series:
    """A histogram without labels."""
    _runtime.start()
    family = _core.Family("histogram", name, documentation, bounds=[*bounds, inf], registry=0)
    return family.series([], 0.0)


def gauge(name: str, documentation: str) -> _core.Series:
    """A gauge without labels that adds up over the living processes."""
    _runtime.start()
    family = _core.Family("gauge", name, documentation, mode="livesum", registry=0)
    return family.series([], 0.0)
