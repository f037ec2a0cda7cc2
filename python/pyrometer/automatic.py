"""What `pyrometer run` does in each Python program: every application that a framework makes is
given to ``pyrometer.init``, and any other is measured by the server that takes it.

A class is hooked when its module has been imported, so nothing is imported that the program does
not import itself. Trouble is counted and logged once a kind; the program goes on.
"""

from __future__ import annotations

import functools
import os
import sys
from typing import Any, Callable

from . import _runtime, alias, outgoing, runtime
from .instrumentation import init, servers
from .instrumentation.guard import trouble
from .outgoing.patching import ImportHook
from .run import ROOT_VARIABLE

# Modules whose import makes something ready to be hooked; the classes there whose objects are
# applications, or the functions that return one.
_CLASSES = {
    "flask.app": "Flask",
    "starlette.applications": "Starlette",
    # Does not call Starlette's constructor.
    "fastapi.applications": "FastAPI",
    "aiohttp.web_app": "Application",
    "celery.app.base": "Celery",
    "rq.worker.base": "BaseWorker",
    # Of RQ before version 2.
    "rq.worker": "Worker",
}
_FUNCTIONS = {
    "django.core.wsgi": "get_wsgi_application",
    "django.core.asgi": "get_asgi_application",
    "grpc": "server",
}
_AIO = "grpc.aio"

_hook: ImportHook


def begin() -> None:
    """Measures this program from now on. To be called before anything else is imported."""
    global _hook
    alias.install()
    outgoing.instrument()
    runtime.prepare()
    _hook = ImportHook(frozenset((*_CLASSES, *_FUNCTIONS, _AIO, *servers.MODULES)), _imported)
    _hook.install()
    servers.UwsgiHook(_give).install()
    # Others are services if they turn out to be: a program that the command starts to do its work
    # may be anything.
    if os.environ.get(ROOT_VARIABLE) == str(os.getpid()):
        _runtime.start()


def _imported(name: str, module: Any) -> None:
    try:
        if name in _CLASSES:
            _hook_class(getattr(module, _CLASSES[name], None))
        elif name in _FUNCTIONS:
            _hook_function(module, _FUNCTIONS[name])
        elif name in servers.MODULES:
            servers.hook(name, module, _give)
        else:
            _hook_aio(module)
    except Exception:
        trouble("run")


def _hook_class(owner: Any) -> None:
    """Gives each object to ``init`` once the constructor of its class has run."""
    if owner is None or hasattr(owner.__dict__.get("__init__"), "_pyrometer"):
        return
    original = owner.__init__

    @functools.wraps(original)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        _init(self)

    __init__._pyrometer = True  # type: ignore[attr-defined]
    owner.__init__ = __init__


def _hook_function(module: Any, name: str) -> None:
    original = getattr(module, name)

    @functools.wraps(original)
    def make(*args: Any, **kwargs: Any) -> Any:
        return _init(original(*args, **kwargs))

    setattr(module, name, make)


def _hook_aio(module: Any) -> None:
    """Servers of grpc.aio take interceptors only while they are made."""
    original = module.server

    @functools.wraps(original)
    def server(
        migration_thread_pool: Any = None,
        handlers: Any = None,
        interceptors: Any = None,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        try:
            from .instrumentation.grpc import aio_interceptor

            given = tuple(interceptors or ())
            if not any(getattr(one, "_pyrometer", False) for one in given):
                interceptors = (_yielding(aio_interceptor), *given)
        except Exception:
            trouble("run")
        return original(migration_thread_pool, handlers, interceptors, *args, **kwargs)

    module.server = server


def _init(app: Any) -> Any:
    try:
        return _yielding(lambda: init(app))
    except Exception:
        trouble("run")
        return app


def _give(app: Any, interface: str) -> Any:
    """The application that a server is to call."""
    try:
        registry = sys.modules[__package__].REGISTRY
        return _yielding(lambda: servers.measure(app, interface, registry))
    except Exception:
        trouble("run")
        return app


def _yielding(make: Callable[[], Any]) -> Any:
    """Calls it, and lets the application have the names of the metrics that it makes: nobody asked
    for them, so a metric of the application's with such a name must be no error."""
    registry = sys.modules[__package__].REGISTRY
    before = set(registry._collector_to_names)
    made = make()
    for collector in set(registry._collector_to_names) - before:
        collector._yields = True
    return made
