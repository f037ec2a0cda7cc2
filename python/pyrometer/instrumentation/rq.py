"""RQ: a worker's jobs, also where each runs in a fork of its own.

What is wrapped is the worker object, which the fork copies. ``SpawnWorker`` makes a new one in each
process, which is to be measured there.
"""

from __future__ import annotations

from typing import Any, Optional

from ..registry import CollectorRegistry
from .guard import trouble
from .tasks import Attempt, TaskMetrics, task_metrics

SYSTEM = "rq"


class WorkHorseTerminated(Exception):
    """Names the error of a job whose process ended before the job did."""


def instrument(worker: Any, registry: CollectorRegistry) -> Any:
    """Measures the jobs of a worker in place."""
    if getattr(worker, "_pyrometer", None) is None:
        worker._pyrometer = _Watcher(worker, task_metrics(registry))
    return worker


class _Watcher:
    def __init__(self, worker: Any, metrics: TaskMetrics) -> None:
        self._metrics = metrics
        # A worker runs one job at a time in a process.
        self._attempt: Optional[Attempt] = None
        self._is_retried = False
        self._perform_job = worker.perform_job
        self._handle_exception = worker.handle_exception
        self._handle_job_failure = worker.handle_job_failure
        worker.perform_job = self.perform_job
        worker.handle_exception = self.handle_exception
        worker.handle_job_failure = self.handle_job_failure
        # Of jobs that return the wish for another attempt; older versions do not know it.
        retry = getattr(worker, "handle_job_retry", None)
        if retry is not None:
            self._handle_job_retry = retry
            worker.handle_job_retry = self.handle_job_retry

    def perform_job(self, job: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            enqueued = job.enqueued_at
            due = None if enqueued is None else _timestamp(enqueued)
            self._is_retried = False
            self._attempt = self._metrics.begin(SYSTEM, str(job.func_name), due)
        except Exception:
            trouble("rq")
        is_finished = False
        try:
            is_finished = self._perform_job(job, *args, **kwargs)
            return is_finished
        finally:
            attempt, self._attempt = self._attempt, None
            try:
                if attempt is not None:
                    attempt.end("finished" if is_finished else "failed", self._is_retried)
            except Exception:
                trouble("rq")

    def handle_exception(self, job: Any, *exc_info: Any) -> Any:
        if self._attempt is not None and len(exc_info) > 1:
            self._attempt.error = exc_info[1]
        return self._handle_exception(job, *exc_info)

    def handle_job_failure(self, job: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            if self._attempt is not None:
                self._is_retried = bool(job.retries_left)
            else:
                # In the parent: nobody is left to tell how long the job ran.
                error = WorkHorseTerminated()
                self._metrics.finish(SYSTEM, str(job.func_name), "failed", error)
        except Exception:
            trouble("rq")
        return self._handle_job_failure(job, *args, **kwargs)

    def handle_job_retry(self, *args: Any, **kwargs: Any) -> Any:
        self._is_retried = True
        return self._handle_job_retry(*args, **kwargs)


def _timestamp(at: Any) -> float:
    """Seconds since the epoch; RQ's times are in UTC, in older versions without saying so."""
    from datetime import timezone

    return float((at if at.tzinfo is not None else at.replace(tzinfo=timezone.utc)).timestamp())
