"""Celery: tasks as the worker's signals tell of them.

The time at which a task was sent travels with it as a header, so the time that it waited is known
where the sender is measured too. Signals are the process's, not an application's: all Celery
applications of a process are measured into the registry that was given first.
"""

from __future__ import annotations

import time
from datetime import datetime, timezone
from importlib import import_module
from typing import Any, Optional

from .. import _runtime
from ..registry import CollectorRegistry
from .guard import trouble
from .tasks import TaskMetrics, task_metrics

SYSTEM = "celery"
SENT_HEADER = "pyrometer_sent"
"""A message's header: seconds since the epoch."""

_watcher: Optional[_Watcher] = None


def instrument(app: Any, registry: CollectorRegistry) -> Any:
    """Measures the tasks of a Celery application in place."""
    global _watcher
    _runtime.note_app(getattr(app, "main", None) or "", "celery")
    if _watcher is None:
        watcher = _Watcher(task_metrics(registry))
        watcher.connect()
        _watcher = watcher
    return app


class _Watcher:
    """What is done at each signal. Celery itself logs and drops what a receiver raises; here it is
    counted besides."""

    def __init__(self, metrics: TaskMetrics) -> None:
        self._metrics = metrics

    def connect(self) -> None:
        signals = import_module("celery.signals")
        for name in (
            "before_task_publish",
            "task_prerun",
            "task_postrun",
            "task_failure",
            "task_retry",
            "task_revoked",
            "task_unknown",
        ):
            signal = getattr(signals, name)
            signal.connect(getattr(self, name), weak=False, dispatch_uid=f"pyrometer-{name}")

    def before_task_publish(self, headers: Any = None, **_: Any) -> None:
        if isinstance(headers, dict):
            headers[SENT_HEADER] = time.time()

    def task_prerun(self, task: Any = None, **_: Any) -> None:
        try:
            request = task.request
            request.pyrometer_attempt = self._metrics.begin(SYSTEM, task.name, due(request))
        except Exception:
            trouble("celery")

    def task_postrun(self, task: Any = None, state: Any = None, **_: Any) -> None:
        try:
            attempt = getattr(task.request, "pyrometer_attempt", None)
            if attempt is not None:
                attempt.end(str(state or "UNKNOWN"), is_retried=state == "RETRY")
        except Exception:
            trouble("celery")

    def task_retry(self, sender: Any = None, reason: Any = None, **_: Any) -> None:
        self._note_error(sender, getattr(reason, "exc", None))

    def task_failure(self, sender: Any = None, exception: Any = None, **_: Any) -> None:
        # A task that rejects its message has told so itself.
        if self._note_error(sender, exception) or type(exception).__name__ == "Reject":
            return
        try:
            # In the parent of the pool: the process that ran it died, or took too long.
            self._metrics.finish(SYSTEM, sender.name, "FAILURE", exception)
        except Exception:
            trouble("celery")

    def task_revoked(self, sender: Any = None, **_: Any) -> None:
        self._finish(getattr(sender, "name", None), "REVOKED")

    def task_unknown(self, **_: Any) -> None:
        # Its name is whatever somebody sent.
        self._finish("<unknown>", "REJECTED")

    def _finish(self, name: Any, state: str) -> None:
        try:
            self._metrics.finish(SYSTEM, str(name), state, None)
        except Exception:
            trouble("celery")

    def _note_error(self, task: Any, error: Any) -> bool:
        """Whether the task runs in this process."""
        try:
            attempt = getattr(task.request, "pyrometer_attempt", None)
            if attempt is None:
                return False
            attempt.error = error if isinstance(error, BaseException) else None
            return True
        except Exception:
            trouble("celery")
            return True


def due(request: Any) -> Optional[float]:
    """When a task was sent, or was to begin, if that is later; seconds since the epoch."""
    sent = getattr(request, SENT_HEADER, None)
    if not isinstance(sent, (int, float)):
        return None
    eta = getattr(request, "eta", None)
    if isinstance(eta, str):
        try:
            at = datetime.fromisoformat(eta.replace("Z", "+00:00"))
        except ValueError:
            return float(sent)
        if at.tzinfo is None:
            at = at.replace(tzinfo=timezone.utc)
        return max(float(sent), at.timestamp())
    return float(sent)
