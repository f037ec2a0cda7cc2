"""How many requests a process can answer at once, where its server has a limit.

``http_server_active_requests`` of ``http_server_request_slots`` is the share of workers that are
busy; both add up over processes. Servers of coroutines have no such limit: what is saturated there
is the event loop, and its lag says so.
"""

from __future__ import annotations

import functools
import sys
from typing import Any, Callable, Optional

from .. import _core
from ..outgoing.patching import ImportHook
from . import cells

# Frames looked at for the server that called the application; a deep stack has a hundred.
_FRAMES_MAX = 200

_GUNICORN = "gunicorn.workers.base"

_hook: Optional[ImportHook] = None


def instrument() -> None:
    """Learns the capacity of this process from its server, now or once it is loaded."""
    global _hook
    if _hook is None:
        _hook = ImportHook(frozenset((_GUNICORN,)), _patch)
        _hook.install()
        module = sys.modules.get(_GUNICORN)
        if module is not None:
            _patch(_GUNICORN, module)
    # A worker that imports the application has begun already.
    worker = _on_stack("gunicorn.workers.")
    if worker is not None:
        _note_worker(worker)


def note() -> None:
    """Learns the capacity of this process, which is answering a request."""
    slots = _slots()
    if slots is not None:
        set_slots(slots)


def set_slots(slots: int) -> None:
    """Says how many requests this process can answer at once."""
    _metric().gauge_set(float(slots))


def _slots() -> Optional[int]:
    uwsgi = sys.modules.get("uwsgi")
    if uwsgi is not None:
        return _of_uwsgi(getattr(uwsgi, "opt", {}))
    worker = _on_stack("gunicorn.workers.")
    if worker is not None:
        return _of_gunicorn(worker)
    task = _on_stack("waitress.task")
    if task is not None:
        threads: Optional[int] = getattr(_adjustments(task), "threads", None)
        return threads
    return None


def _of_uwsgi(options: Any) -> int:
    """The options are bytes by name, or lists of them; an option without a value is true."""
    for name in ("gevent", "async", "threads"):
        value = options.get(name)
        if value is not None and value is not True:
            return max(1, int(value))
    return 1


def _of_gunicorn(worker: Any) -> Optional[int]:
    modules = {base.__module__ for base in type(worker).__mro__}
    if "gunicorn.workers.gthread" in modules:
        return int(worker.cfg.threads)
    if "gunicorn.workers.base_async" in modules:
        return int(worker.cfg.worker_connections)
    # Workers for ASGI have no limit of their own.
    return 1 if "gunicorn.workers.sync" in modules else None


def _adjustments(task: Any) -> Any:
    server = getattr(getattr(task, "channel", None), "server", None)
    return getattr(server, "adj", None)


def _on_stack(module: str) -> Any:
    """The object whose method, defined in such a module, called what called this."""
    frame = sys._getframe(1)
    for _ in range(_FRAMES_MAX):
        caller = frame.f_back
        if caller is None:
            return None
        frame = caller
        if str(frame.f_globals.get("__name__", "")).startswith(module):
            found = frame.f_locals.get("self")
            if found is not None:
                return found
    return None


def _patch(name: str, module: Any) -> None:
    original = module.Worker.init_process
    if hasattr(original, "_pyrometer"):
        return

    # It is called in the worker, and returns when the worker ends.
    @functools.wraps(original)
    def init_process(self: Any) -> Any:
        _note_worker(self)
        return original(self)

    init_process._pyrometer = True  # type: ignore[attr-defined]
    module.Worker.init_process = init_process


def _note_worker(worker: Any) -> None:
    try:
        slots = _of_gunicorn(worker)
        if slots is not None:
            set_slots(slots)
        if "run" not in vars(worker):
            worker.run = _ready_first(worker.run)
    except Exception:
        from ..instrumentation.guard import trouble

        trouble("capacity")


def _ready_first(run: Callable[[], Any]) -> Callable[[], Any]:
    """A worker has loaded the application when its loop begins."""

    @functools.wraps(run)
    def run_ready() -> Any:
        # Imported late: it imports this module.
        from . import serving

        serving.ready()
        return run()

    return run_ready


@functools.cache
def _metric() -> _core.Series:
    return cells.gauge(
        "http_server_request_slots",
        "Requests that the living workers can answer at once: their processes times threads",
    )
