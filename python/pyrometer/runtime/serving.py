"""The moment at which a process begins its work: its first request or task.

What needs a thread, or is true only of processes that answer, waits for it: a gunicorn master that
has loaded the application, or a program that only forks, gets neither.
"""

from __future__ import annotations

import atexit
import functools
import os
import sys

from .. import _core
from . import capacity, cells

SAMPLER_VARIABLE = "PYROMETER_GIL_SAMPLER"
"""Set to ``0``, it keeps this package from having a thread."""

# Seconds; a large model takes minutes to load.
_BOUNDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


class _State:
    """What this process has noted; a request looks at one attribute of it."""

    __slots__ = ("is_due", "is_ready", "is_wanted")

    def __init__(self) -> None:
        # Whether `begin` has something to do.
        self.is_due = True
        # Whether the time that the start took is known.
        self.is_ready = False
        # Whether this process, or the one that it was forked from, has begun once.
        self.is_wanted = False


state = _State()


def begin() -> None:
    """The process begins its work, or goes on with it after a fork. Never raises."""
    state.is_due = False
    try:
        if not state.is_wanted:
            state.is_wanted = True
            atexit.register(_core.stop_gil_sampler)
        capacity.note()
        if os.environ.get(SAMPLER_VARIABLE) != "0" and _has_lock():
            cells.start()
            _core.start_gil_sampler()
    except Exception:
        from ..instrumentation.guard import trouble

        trouble("runtime")


def begin_request() -> None:
    """The first request of this process has come. Never raises."""
    ready()
    begin()


def ready() -> None:
    """The process can answer requests; only the first call counts. Never raises."""
    if state.is_ready:
        return
    state.is_ready = True
    try:
        age = _core.process_age()
        if age is not None:
            _startup().histogram_observe(age)
    except Exception:
        from ..instrumentation.guard import trouble

        trouble("startup")


@functools.cache
def _startup() -> _core.Series:
    return cells.histogram(
        "http_server_startup_duration_seconds",
        "Time from the start of a process to when it was ready, or had its first request",
        _BOUNDS,
    )


def _has_lock() -> bool:
    is_enabled = getattr(sys, "_is_gil_enabled", None)
    return sys.implementation.name == "cpython" and (is_enabled is None or is_enabled())


def _before_fork() -> None:
    # A fork should find one thread. The next request, task or beat starts it again.
    if _core.stop_gil_sampler():
        state.is_due = True


def _after_fork() -> None:
    state.is_due = True
    state.is_ready = False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_child=_after_fork)
