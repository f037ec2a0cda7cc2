"""aiohttp.web.

A middleware in front of all others sees the route and what was raised; the response goes out after
it, so a request is counted when the response says that its end was written.
"""

from __future__ import annotations

import functools
from importlib import import_module
from typing import Any, Callable, Optional

from ..registry import CollectorRegistry
from .guard import trouble
from .http import UNMATCHED, HttpServer, Request, http_server

def instrument(app: Any, registry: CollectorRegistry) -> Any:
    """Measures an application in place, and all that are added to it."""
    if not any(getattr(one, "_pyrometer", False) for one in app.middlewares):
        app.middlewares.insert(0, _middleware(http_server(registry)))
    return app


def _middleware(server: HttpServer) -> Any:
    web = import_module("aiohttp.web")
    # Where a request of theirs says that it is measured; plain text makes newer versions warn.
    key: Any = "pyrometer.request"
    if hasattr(web, "RequestKey"):
        key = web.RequestKey(key, bool)

    @web.middleware  # type: ignore[untyped-decorator,unused-ignore]
    async def measured(request: Any, handler: Callable[[Any], Any]) -> Any:
        if key in request:
            return await handler(request)
        request[key] = True
        if _is_websocket(request):
            return await _session(server, request, handler)
        begun = _begin(server, request)
        if begun is None:
            return await handler(request)
        try:
            response = await handler(request)
        except web.HTTPException as answer:
            # It is a response, and is sent like one.
            _finish_later(begun, answer)
            raise
        except BaseException as error:
            begun.error = error
            begun.end()
            raise
        _finish_later(begun, response)
        return response

    measured._pyrometer = True
    return measured


async def _session(server: HttpServer, request: Any, handler: Callable[[Any], Any]) -> Any:
    started = server.begin_session()
    failure: Optional[BaseException] = None
    try:
        return await handler(request)
    except BaseException as error:
        failure = error
        raise
    finally:
        try:
            server.end_session(started, _route(request), failure)
        except Exception:
            trouble("websocket")
        failure = None


def _is_websocket(request: Any) -> bool:
    return bool(request.headers.get("Upgrade", "").lower() == "websocket")


def _begin(server: HttpServer, request: Any) -> Optional[Request]:
    try:
        headers = request.headers
        waited = headers.get("X-Request-Start") or headers.get("X-Queue-Start")
        if waited is not None:
            server.observe_queue(waited)
        route = _route(request)
        begun: Request = server.begin(request.method)
        begun.route = route
        return begun
    except Exception:
        trouble("aiohttp")
        return None


def _route(request: Any) -> str:
    # With the prefixes of the applications that it is in.
    resource = request.match_info.route.resource
    return UNMATCHED if resource is None else str(resource.canonical)


def _finish_later(begun: Request, response: Any) -> None:
    """Ends the request when the end of the response is written."""
    try:
        begun.status = response.status
        if getattr(response, "_eof_sent", False):
            begun.end()
            return
        prepare, write_eof = response.prepare, response.write_eof

        # A file is sent by this, and a client that has gone shows here first.
        @functools.wraps(prepare)
        async def measured_prepare(*args: Any, **kwargs: Any) -> Any:
            try:
                return await prepare(*args, **kwargs)
            except BaseException as error:
                begun.error = error
                begun.end()
                raise

        @functools.wraps(write_eof)
        async def measured_write_eof(*args: Any, **kwargs: Any) -> Any:
            try:
                return await write_eof(*args, **kwargs)
            except BaseException as error:
                begun.error = error
                raise
            finally:
                begun.end()

        response.prepare, response.write_eof = measured_prepare, measured_write_eof
    except Exception:
        trouble("aiohttp")
        begun.end()
