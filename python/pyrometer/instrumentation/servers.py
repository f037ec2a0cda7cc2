"""Servers, where each takes the application that it is to call.

That is the last place at which ``pyrometer run`` can measure an application of no known framework.
What is measured already is left alone, and a framework below a wrapper tells its routes from there.
A server that is not what it was goes on with the application that it was given.
"""

from __future__ import annotations

import functools
import os
import sys
from importlib import import_module
from typing import Any, Callable, NamedTuple, Optional

from ..outgoing.patching import ImportHook
from .guard import trouble

# Called with an application and its interface, ``asgi`` or ``wsgi``; returns the one to call.
Give = Callable[[Any, str], Any]

WSGI, ASGI = "wsgi", "asgi"


class _Taker(NamedTuple):
    """A class one of whose methods leaves the application in an attribute."""

    owner: str
    method: str
    attribute: str
    interface: Callable[[Any], Optional[str]]


def _is(interface: str) -> Callable[[Any], Optional[str]]:
    return lambda _: interface


def _of_gunicorn(worker: Any) -> Optional[str]:
    """Others, Uvicorn's say, bring a server of their own, which takes the application too."""
    modules = {base.__module__ for base in type(worker).__mro__}
    has_wsgi = modules & {"gunicorn.workers.sync", "gunicorn.workers.base_async"}
    return WSGI if has_wsgi or "gunicorn.workers.gthread" in modules else None


_TAKERS: dict[str, tuple[_Taker, ...]] = {
    "gunicorn.workers.base": (_Taker("Worker", "load_wsgi", "wsgi", _of_gunicorn),),
    "gunicorn.workers.gasgi": (_Taker("ASGIWorker", "load_wsgi", "asgi", _is(ASGI)),),
    "waitress.server": (_Taker("BaseWSGIServer", "__init__", "application", _is(WSGI)),),
    # Django's development server is one of these too.
    "wsgiref.simple_server": (_Taker("WSGIServer", "set_app", "application", _is(WSGI)),),
    "werkzeug.serving": (_Taker("BaseWSGIServer", "__init__", "app", _is(WSGI)),),
    "gevent.pywsgi": (_Taker("WSGIServer", "__init__", "application", _is(WSGI)),),
    # Whatever it was given has become ASGI 3 by then.
    "uvicorn.config": (_Taker("Config", "load", "loaded_app", _is(ASGI)),),
    "hypercorn.app_wrappers": (
        _Taker("ASGIWrapper", "__init__", "app", _is(ASGI)),
        _Taker("WSGIWrapper", "__init__", "app", _is(WSGI)),
    ),
    "granian.asgi": (_Taker("LifespanProtocol", "__init__", "callable", _is(ASGI)),),
}

# Modules with a function whose first argument is the application.
_FUNCTIONS = {
    "granian.asgi": ("_callback_wrapper", ASGI),
    "granian.wsgi": ("_callback_wrapper", WSGI),
}

MODULES = frozenset((*_TAKERS, *_FUNCTIONS))
"""Modules that ``hook`` knows."""

# Wrappers of a server's own, one around the other.
_WRAPPERS_MAX = 5


def hook(name: str, module: Any, give: Give) -> None:
    """Has a server, whose module was imported, give each application to ``give``."""
    for taker in _TAKERS.get(name, ()):
        _hook_taker(getattr(module, taker.owner, None), taker, give)
    if name in _FUNCTIONS:
        function, interface = _FUNCTIONS[name]
        _hook_function(module, function, interface, give)


def measure(app: Any, interface: str, registry: Any) -> Any:
    """The application that a server is to call in the place of this one.

    interface: ``asgi`` or ``wsgi``, as the server will call it.
    """
    from . import asgi, init, known_module, wsgi

    inner = app
    for _ in range(_WRAPPERS_MAX):
        if getattr(inner, "_is_exposition", False) is True:
            # The metrics alone are no service.
            return app
        if isinstance(inner, (asgi.Middleware, wsgi.Middleware)) or known_module(inner):
            return init(inner, registry=registry) if inner is app else app
        if type(inner).__module__.partition(".")[0] != "uvicorn":
            break
        inner = getattr(inner, "app", None)
    if not callable(app):
        return app
    measured = import_module("." + interface, __package__).instrument(app, registry)
    # The loop that runs, and who answers: `init` did not see this application.
    from .. import runtime

    runtime.prepare()
    return measured


def _hook_taker(owner: Any, taker: _Taker, give: Give) -> None:
    # Inherited, or of another version: then nobody is known to take it here.
    original = getattr(owner, "__dict__", {}).get(taker.method)
    if original is None or hasattr(original, "_pyrometer"):
        return

    @functools.wraps(original)
    def taken(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(self, *args, **kwargs)
        try:
            interface = taker.interface(self)
            app = getattr(self, taker.attribute, None)
            if interface is not None and app is not None:
                setattr(self, taker.attribute, give(app, interface))
        except Exception:
            trouble("server")
        return result

    taken._pyrometer = True  # type: ignore[attr-defined]
    setattr(owner, taker.method, taken)


def _hook_function(module: Any, name: str, interface: str, give: Give) -> None:
    original = getattr(module, name, None)
    if original is None or hasattr(original, "_pyrometer"):
        return

    @functools.wraps(original)
    def take(app: Any, *args: Any, **kwargs: Any) -> Any:
        return original(give(app, interface), *args, **kwargs)

    take._pyrometer = True  # type: ignore[attr-defined]
    setattr(module, name, take)


class UwsgiHook:
    """uWSGI is no Python: it imports a module and takes the application out of it.

    What it imports its options say, which are there once Python runs, but not yet when this does;
    so the first import after that looks them up. A file that it executes itself (``--wsgi-file``)
    passes nobody, and is not measured.
    """

    def __init__(self, give: Give) -> None:
        self._give = give
        self._names: dict[str, str] = {}

    def install(self) -> None:
        """Does nothing in a program that is not uWSGI."""
        try:
            program = os.path.basename(os.readlink("/proc/self/exe"))
        except OSError:
            return
        if program.startswith("uwsgi"):
            sys.meta_path.insert(0, self)

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        """Of a module that has the application, what an import hook for it finds."""
        uwsgi = sys.modules.get("uwsgi")
        if uwsgi is None or self not in sys.meta_path:
            return None
        sys.meta_path.remove(self)
        try:
            self._names = uwsgi_applications(uwsgi.opt)
        except Exception:
            trouble("server")
        hook = ImportHook(frozenset(self._names), self._imported)
        hook.install()
        return hook.find_spec(fullname, path, target)

    def _imported(self, name: str, module: Any) -> None:
        attribute = self._names[name]
        app = getattr(module, attribute, None)
        # uWSGI calls a factory by itself, and would not know one behind a wrapper.
        if callable(app):
            setattr(module, attribute, self._give(app, WSGI))


def uwsgi_applications(options: Any) -> dict[str, str]:
    """The names of the modules that uWSGI takes applications from, and of these there.

    options: ``uwsgi.opt``, which has bytes, or a list of bytes for what was said more than once.
    """

    def values(*names: str) -> list[str]:
        found = []
        for name in names:
            given = options.get(name, options.get(name.encode(), []))
            for one in given if isinstance(given, list) else [given]:
                if isinstance(one, (bytes, str)):
                    found.append(os.fsdecode(one))
        return found

    default = (values("callable") or ["application"])[-1]
    targets = values("module", "wsgi", "w")
    targets += [one.partition("=")[2] for one in values("mount")]
    applications = {}
    for target in targets:
        module, _, attribute = target.partition(":")
        attribute = attribute or default
        if attribute.isidentifier() and all(part.isidentifier() for part in module.split(".")):
            applications[module] = attribute
    return applications
