"""Event loops: how late their callbacks run, and how many tasks they have.

A loop that runs has a beat: a timer that is due every half second and notes how late it was called.
What the beat sees, every callback of that moment has waited. The loop holds the beat, and nothing
holds the loop.
"""

from __future__ import annotations

import functools
import os
import sys
import weakref
from contextvars import Context
from time import monotonic, perf_counter
from typing import Any, Callable, Optional

from .. import _core
from ..outgoing.patching import ImportHook
from . import cells, serving

INTERVAL = 0.5
"""Seconds from beat to beat. A beat costs some 10 µs."""

COUNT_INTERVAL = 5.0
"""Seconds from count to count of a loop's tasks, at least. Counting looks at each task, so the next
count also waits a thousand times as long as this one took."""

# Seconds. Below a millisecond is the timer's own inaccuracy.
_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)

# The modules whose loops are known, and the class that runs in each.
_CLASSES = {"asyncio.base_events": "BaseEventLoop", "uvloop": "Loop"}

_hook: Optional[ImportHook] = None
_beats: weakref.WeakKeyDictionary[Any, _Beat] = weakref.WeakKeyDictionary()


def instrument() -> None:
    """Gives every loop that runs, now in this thread or later in any, a beat. Never raises."""
    global _hook
    if _hook is None:
        _hook = ImportHook(frozenset(_CLASSES), _patch)
        _hook.install()
        for name in _CLASSES:
            module = sys.modules.get(name)
            if module is not None:
                _patch(name, module)
    watch_running()


def watch_running() -> None:
    """Gives the loop that runs in this thread a beat, if there is one. Never raises."""
    events = sys.modules.get("asyncio.events")
    loop = events._get_running_loop() if events is not None else None
    if loop is not None and loop not in _beats:
        _begin(loop)


def _patch(name: str, module: Any) -> None:
    owner = getattr(module, _CLASSES[name], None)
    original = getattr(owner, "run_forever", None)
    if original is None or hasattr(original, "_pyrometer"):
        return
    try:
        owner.run_forever = _with_beat(original)  # type: ignore[union-attr]
    except TypeError:
        # A class of C: its loops are seen by `watch_running`.
        return


def _with_beat(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def run_forever(self: Any, *args: Any, **kwargs: Any) -> Any:
        beat = _begin(self)
        try:
            return original(self, *args, **kwargs)
        finally:
            if beat is not None:
                beat.stop()

    run_forever._pyrometer = True  # type: ignore[attr-defined]
    return run_forever


def _begin(loop: Any) -> Optional[_Beat]:
    """Starts the beat of a loop that is about to run; none if that fails or it has one already."""
    try:
        beat = _beats.get(loop)
        if beat is None:
            beat = _beats[loop] = _Beat(loop)
        return beat if beat.start() else None
    except Exception:
        _trouble()
        return None


class _Beat:
    """The timer of one loop."""

    def __init__(self, loop: Any) -> None:
        self._loop = weakref.ref(loop)
        self._handle: Any = None
        self._due = 0.0
        self._next_count = 0.0
        self.n_tasks = 0
        self._lag, self._tasks = _metrics()
        # Of loops that end without `stop`: what they had is no longer there.
        weakref.finalize(loop, self.forget).atexit = False

    def start(self) -> bool:
        """Begins to beat. False: it does already."""
        loop = self._loop()
        if loop is None or loop.is_closed():
            return False
        handle = self._handle
        if handle is not None and not handle.cancelled():
            if loop.is_running():
                return False
            # Left over from an earlier run: late by as long as the loop stood still.
            handle.cancel()
        self._schedule(loop)
        return True

    def stop(self) -> None:
        """The loop stands still."""
        handle, self._handle = self._handle, None
        if handle is not None:
            handle.cancel()
        self.forget()

    def forget(self) -> None:
        """Its tasks no longer count."""
        n_tasks, self.n_tasks = self.n_tasks, 0
        if n_tasks:
            self._tasks.gauge_dec(n_tasks)

    def _schedule(self, loop: Any) -> None:
        self._due = monotonic() + INTERVAL
        # In a context of its own: the current one may be a request's, and would be kept.
        self._handle = loop.call_later(INTERVAL, self._beat, context=Context())

    def _beat(self) -> None:
        try:
            now = monotonic()
            self._lag.histogram_observe(max(0.0, now - self._due))
            loop = self._loop()
            if loop is None:
                return
            if now >= self._next_count:
                self._count(loop, now)
            if serving.state.is_due and serving.state.is_wanted:
                serving.begin()
            self._schedule(loop)
        except Exception:
            _trouble()

    def _count(self, loop: Any, now: float) -> None:
        started = perf_counter()
        n_tasks = len(sys.modules["asyncio.tasks"].all_tasks(loop))
        self._next_count = now + max(COUNT_INTERVAL, 1000 * (perf_counter() - started))
        self._tasks.gauge_inc(n_tasks - self.n_tasks)
        self.n_tasks = n_tasks


@functools.cache
def _metrics() -> tuple[_core.Series, _core.Series]:
    return (
        cells.histogram(
            "python_asyncio_loop_lag_seconds",
            "How late a timer of the event loop ran, sampled",
            _BOUNDS,
        ),
        cells.gauge("python_asyncio_tasks", "Tasks that are not done, in loops that run"),
    )


def _trouble() -> None:
    from ..instrumentation.guard import trouble

    trouble("loop")


def _after_fork() -> None:
    # The child's cells begin at zero, and so must what was added to them.
    for beat in list(_beats.values()):
        beat.n_tasks = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
