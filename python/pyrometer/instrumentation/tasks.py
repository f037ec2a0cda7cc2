"""The metrics of task queues: what Celery's and RQ's modules fill.

The semantic conventions for messaging know ``messaging.process.duration`` and ``messaging.system``;
the labels and metrics named ``task_*`` are ours, since they know no tasks.
"""

from __future__ import annotations

import time
import weakref
from threading import Lock
from time import perf_counter
from typing import Any, Optional

from ..metrics import Counter, Gauge, Histogram
from ..registry import CollectorRegistry
from ..runtime import serving
from .children import Children
from .http import BUCKETS

# Seconds; the bounds of the semantic conventions, and on to an hour.
TASK_BUCKETS = (*BUCKETS, 30, 60, 300, 900, 1800, 3600)

QUEUE_SECONDS_MAX = 7 * 86_400.0
"""What a task is said to have waited at most: beyond that, a clock is wrong."""


class TaskMetrics:
    """The metrics of all task queues of one registry. All methods may be called by any thread."""

    def __init__(self, registry: CollectorRegistry) -> None:
        share = getattr(registry, "share", None)
        if share is not None:
            share()
        duration = Histogram(
            "messaging_process_duration_seconds",
            "Time that a task ran, once per attempt",
            ("messaging_system", "task_name", "task_state"),
            buckets=TASK_BUCKETS,
            registry=registry,
        )
        self._duration = Children(duration, 1)
        finished = Counter(
            "task_attempts_finished",
            "Attempts at a task that ended, also of those whose process died or that never began",
            ("messaging_system", "task_name", "task_state", "error_type"),
            registry=registry,
        )
        self._finished = Children(finished, 1, 3)
        retries = Counter(
            "task_retries",
            "Attempts at a task that ended with the wish for another",
            ("messaging_system", "task_name"),
            registry=registry,
        )
        self._retries = Children(retries, 1)
        active = Gauge(
            "task_active",
            "Tasks that run",
            ("messaging_system", "task_name"),
            registry=registry,
        )
        self._active = Children(active, 1)
        queue = Histogram(
            "task_queue_duration_seconds",
            "Time from when a task was sent, or was to begin, to its beginning",
            ("messaging_system", "task_name"),
            buckets=TASK_BUCKETS,
            registry=registry,
        )
        self._queue = Children(queue, 1)

    def begin(self, system: str, name: str, due: Optional[float]) -> Attempt:
        """A task begins to run. Whoever began one must end it.

        due: when it was sent or was to begin, in seconds since the epoch; ``None``: unknown.
        """
        if serving.state.is_due:
            serving.begin()
        # NaN is not itself.
        if due is not None and due == due:
            waited = min(max(time.time() - due, 0.0), QUEUE_SECONDS_MAX)
            self._queue.get(system, name).observe(waited)
        active = self._active.get(system, name)
        active.inc()
        return Attempt(self, system, name, active)

    def finish(self, system: str, name: str, state: str, error: Optional[BaseException]) -> None:
        """A task ended, or will never begin, in a way that its own process cannot tell."""
        kind = "" if error is None else type(error).__qualname__
        self._finished.get(system, name, state, kind).inc()


class Attempt:
    """A task that runs."""

    def __init__(self, metrics: TaskMetrics, system: str, name: str, active: Any) -> None:
        self._metrics = metrics
        self._system = system
        self._name = name
        # The same child, up and down: by then there may be too many for it to be found.
        self._active = active
        self._started = perf_counter()
        self._is_open = True
        self.error: Optional[BaseException] = None

    def end(self, state: str, is_retried: bool = False) -> None:
        """The task has ended; only the first call counts it."""
        if not self._is_open:
            return
        self._is_open = False
        metrics, system, name = self._metrics, self._system, self._name
        self._active.dec()
        metrics._duration.get(system, name, state).observe(perf_counter() - self._started)
        metrics.finish(system, name, state, self.error)
        if is_retried:
            metrics._retries.get(system, name).inc()
        self.error = None


_metrics: weakref.WeakKeyDictionary[CollectorRegistry, TaskMetrics] = weakref.WeakKeyDictionary()
_lock = Lock()


def task_metrics(registry: Any) -> TaskMetrics:
    """The metrics of a registry; made when they are new."""
    with _lock:
        found = _metrics.get(registry)
        if found is None:
            found = _metrics[registry] = TaskMetrics(registry)
        return found
