"""Any ASGI application.

A request is measured from its arrival to the last byte of its response, which may be long before
the application returns: background tasks are no part of it.
"""

from __future__ import annotations

import sys
from typing import Any, Awaitable, Callable, Optional

from ..registry import CollectorRegistry
from ..runtime import loops, serving
from .guard import trouble
from .http import UNMATCHED, HttpServer, Request, http_server
from .wsgi import KEY, UNROUTED

Scope = Any
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

_QUEUE_HEADERS = frozenset((b"x-request-start", b"x-queue-start"))


def instrument(app: Any, registry: CollectorRegistry) -> Any:
    """Returns the application to serve."""
    if isinstance(app, Middleware):
        return app
    has_routes = "starlette" in sys.modules
    if has_routes:
        from .starlette import observe_routes

        observe_routes()
    is_router = has_routes and any(
        base.__module__ == "starlette.routing" for base in type(app).__mro__
    )
    return Middleware(app, http_server(registry), UNMATCHED if is_router else "")


class Middleware:
    """Measures an ASGI application.

    unmatched: the route of requests whose route nobody told. Empty: the application has no routes
        that could be known, unless a framework inside it has.
    """

    def __init__(self, app: Any, server: HttpServer, unmatched: str) -> None:
        self.app = app
        self._server = server
        self._unmatched = unmatched

    def __getattr__(self, name: str) -> Any:
        # What else is asked of the application, ``state`` say, it answers itself.
        if name == "app":
            raise AttributeError(name)
        return getattr(self.app, name)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or KEY in scope:
            await self._call_other(scope, receive, send)
            return
        request = self._begin(scope)
        if request is None:
            await self.app(scope, receive, send)
            return

        # Most responses are one message, and counted as soon as it is sent. After a stream, and
        # after an error that the framework answered, an exception may still come out.
        is_in_doubt = False

        async def measured_send(message: Any) -> None:
            nonlocal is_in_doubt
            kind = message["type"]
            if kind == "http.response.start":
                request.status = status = message.get("status")
                is_in_doubt = not isinstance(status, int) or status >= 500
            elif kind in _BODY:
                if not message.get("more_body"):
                    await send(message)
                    request.respond()
                    if not is_in_doubt:
                        self._end(request)
                    return
                is_in_doubt = True
            await send(message)

        try:
            await self.app(scope, receive, measured_send)
        except BaseException as error:
            request.error = error
            raise
        finally:
            scope.pop(KEY, None)
            if request.server is not None:
                self._end(request)

    def _begin(self, scope: Scope) -> Optional[Request]:
        try:
            server = self._server
            for name, value in scope["headers"]:
                if name in _QUEUE_HEADERS:
                    server.observe_queue(value)
                    break
            request: Request = server.begin(scope["method"])
            scope[KEY] = request
            if not self._unmatched:
                scope[UNROUTED] = True
            return request
        except Exception:
            trouble("asgi")
            return None

    def _end(self, request: Request) -> None:
        if request.route is None:
            request.route = self._unmatched
        request.end()

    async def _call_other(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lifespans, requests that are measured further out, and WebSockets."""
        if scope["type"] == "lifespan":
            await self._call_lifespan(scope, receive, send)
            return
        if KEY in scope:
            if self._unmatched and scope.pop(UNROUTED, None) and scope[KEY].route is None:
                # The routes inside tell better, if one matches.
                scope[KEY].route = self._unmatched
            await self.app(scope, receive, send)
            return
        if scope["type"] != "websocket":
            await self.app(scope, receive, send)
            return
        session = Request()
        session.prefix, session.route, session.error = "", None, None
        scope[KEY] = session
        if not self._unmatched:
            scope[UNROUTED] = True
        started = self._server.begin_session()
        try:
            await self.app(scope, receive, send)
        except BaseException as error:
            session.error = error
            raise
        finally:
            scope.pop(KEY, None)
            try:
                route = self._unmatched if session.route is None else session.route
                self._server.end_session(started, route, session.error)
            except Exception:
                trouble("websocket")
            session.error = None

    async def _call_lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def noting_send(message: Any) -> None:
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                serving.ready()

        loops.watch_running()
        await self.app(scope, receive, noting_send)


_BODY = frozenset(("http.response.body", "http.response.pathsend"))
