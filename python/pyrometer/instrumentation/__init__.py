"""Rate, errors and duration of applications, with OpenTelemetry's names in Prometheus form.

    app = pyrometer.init(app)

Flask, FastAPI, Starlette, aiohttp.web and Celery applications, RQ workers and gRPC servers are
measured in place; of any other WSGI or ASGI application, what is returned must be served in its
stead. No framework is imported here: an application's class says which module knows it. Each of
them has one function, ``instrument(app, registry)``, which returns the application to serve.
"""

from __future__ import annotations

import functools
import inspect
from importlib import import_module
from typing import Any, Optional, TypeVar

from .. import _runtime, runtime
from ..registry import CollectorRegistry
from .guard import trouble

__all__ = ("init",)

A = TypeVar("A")

# By the top-level package and the name of a class among the application's bases.
_MODULES = {
    ("starlette", "Starlette"): "starlette",
    ("flask", "Flask"): "flask",
    ("django", "WSGIHandler"): "django",
    ("django", "ASGIHandler"): "django",
    ("aiohttp", "Application"): "aiohttp",
    ("celery", "Celery"): "celery",
    ("rq", "BaseWorker"): "rq",
    ("rq", "Worker"): "rq",
    ("grpc", "Server"): "grpc",
}


def init(
    app: A, *, service: Optional[str] = None, registry: Optional[CollectorRegistry] = None
) -> A:
    """Measures an application, and returns the one to serve. Twice is as good as once.

    service: the name under which it is announced; else the application's own.
    registry: where the metrics go; the default one if not given.

    Raises ``TypeError`` for what is no application. Whatever else goes wrong is logged and
    counted, and the application is returned as it was.
    """
    module = _module(app)
    if registry is None:
        # Looked up late: a test may have replaced it.
        from .. import REGISTRY

        registry = REGISTRY
    try:
        runtime.prepare()
        if service:
            _runtime.note_app(service, module)
        instrumented: A = import_module("." + module, __name__).instrument(app, registry)
        return instrumented
    except Exception:
        trouble("init")
        return app


def known_module(app: Any) -> Optional[str]:
    """The module here that knows the application's framework, if one does."""
    for base in type(app).__mro__:
        known = _MODULES.get((base.__module__.partition(".")[0], base.__name__))
        if known is not None:
            return known
    return None


def _module(app: Any) -> str:
    known = known_module(app)
    if known is not None:
        return known
    if not callable(app) or isinstance(app, type):
        raise TypeError(f"{app!r} is no application: neither callable nor of a known framework")
    return "asgi" if _is_asgi(app) else "wsgi"


def _is_asgi(app: Any) -> bool:
    """ASGI applications are coroutine functions, or at least take three arguments."""
    while isinstance(app, functools.partial):
        app = app.func
    call = getattr(app, "__call__", None)
    if inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(call):
        return True
    try:
        parameters = inspect.signature(app).parameters.values()
    except (TypeError, ValueError):
        return False
    needed = [one for one in parameters if one.default is one.empty and one.kind in (0, 1)]
    return len(needed) == 3
