"""Starlette and FastAPI.

Their routes tell the request which they are: the router hands over to ``handle`` of the one that
matched, and of every mount above it. Matching a second time would cost more than all the rest.
"""

from __future__ import annotations

import functools
import sys
from importlib import import_module
from typing import Any, Callable

from .. import _runtime
from ..registry import CollectorRegistry
from .asgi import Middleware
from .guard import trouble
from .http import UNMATCHED, http_server
from .wsgi import KEY


def instrument(app: Any, registry: CollectorRegistry) -> Any:
    """Measures a Starlette or FastAPI application in place."""
    if getattr(app, "_pyrometer", False):
        return app
    is_fastapi = any(base.__name__ == "FastAPI" for base in type(app).__mro__)
    title = getattr(app, "title", "")
    # FastAPI's own default names nothing.
    if is_fastapi and title and title != "FastAPI":
        _runtime.note_app(title, "fastapi")
    observe_routes()
    server = http_server(registry)
    if app.middleware_stack is not None:
        app.middleware_stack = Middleware(app.middleware_stack, server, UNMATCHED)
    build = app.build_middleware_stack

    # Around the whole stack: add_middleware would leave out the errors that the framework
    # answers itself.
    @functools.wraps(build)
    def build_middleware_stack() -> Any:
        return Middleware(build(), server, UNMATCHED)

    app.build_middleware_stack = build_middleware_stack
    app._pyrometer = True
    return app


def observe_routes() -> None:
    """Makes the routes of all applications tell which they are, once."""
    routing = import_module("starlette.routing")
    _wrap(routing.Route, _note_route)
    _wrap(routing.WebSocketRoute, _note_route)
    _wrap(routing.Mount, _note_mount)
    if "fastapi" in sys.modules:
        # It has a way of its own around Route.handle for routers that are included.
        _wrap(import_module("fastapi.routing").APIRoute, _note_api_route)


def _wrap(owner: Any, note: Callable[[Any, Any, Any], None]) -> None:
    handle = owner.__dict__.get("handle")
    if handle is None or hasattr(handle, "_pyrometer"):
        return

    # No coroutine of its own: it returns the other's, which is awaited as before.
    @functools.wraps(handle)
    def noted_handle(self: Any, scope: Any, receive: Any, send: Any) -> Any:
        request = scope.get(KEY)
        if request is not None:
            try:
                note(request, self, scope)
            except Exception:
                trouble("starlette")
        return handle(self, scope, receive, send)

    noted_handle._pyrometer = True  # type: ignore[attr-defined]
    owner.handle = noted_handle


def _note_route(request: Any, route: Any, scope: Any) -> None:
    request.route = request.prefix + route.path_format


def _note_mount(request: Any, mount: Any, scope: Any) -> None:
    # What is mounted may have routes, or be a folder of files; then this is all there is to say.
    request.prefix += mount.path_format.removesuffix("/{path}")
    request.route = request.prefix + "/{path}"


def _note_api_route(request: Any, route: Any, scope: Any) -> None:
    inside = scope.get("fastapi")
    context = inside.get("effective_route_context") if inside else None
    if context is not None and context.original_route is route:
        request.route = request.prefix + context.path_format
    else:
        request.route = request.prefix + route.path_format
