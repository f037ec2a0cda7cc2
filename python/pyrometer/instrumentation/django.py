"""Django, in one of three ways:

    application = pyrometer.init(get_wsgi_application())  # or get_asgi_application()

    INSTALLED_APPS = ["pyrometer.django", ...]  # in settings

    MIDDLEWARE = ["pyrometer.instrumentation.django.middleware", ...]  # in settings; first

The second puts the third in its place. They also measure what ``runserver`` and the test client
serve, but see a request later and its end when the response is closed. With all of them, requests
are counted once. Here are the requests; databases, caches and models have modules of their own.
"""

from __future__ import annotations

import functools
import inspect
import sys
from importlib import import_module
from typing import Any, Callable, Optional

from .. import _runtime
from ..registry import CollectorRegistry
from . import asgi, django_cache, django_database, django_models, wsgi
from .guard import trouble
from .http import UNMATCHED, Request, http_server

# Both interfaces keep it by the same name.
KEY = wsgi.KEY

MIDDLEWARE = f"{__name__}.middleware"
"""What settings call the middleware."""


def instrument(app: Any, registry: CollectorRegistry) -> Any:
    """Returns the application to serve."""
    measured = getattr(app, "_pyrometer", None)
    if measured is not None:
        return measured
    prepare(registry)
    server = http_server(registry)
    if any(base.__name__ == "ASGIHandler" for base in type(app).__mro__):
        app.get_response_async = _noting_async(app.get_response_async)
        measured = asgi.Middleware(app, server, UNMATCHED)
    else:
        app.get_response = _noting(app.get_response)
        measured = wsgi.Middleware(app, server)
    app._pyrometer = measured
    return measured


def middleware(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A middleware, to be the first; into the default registry."""
    from .. import REGISTRY

    prepare(REGISTRY)
    server = http_server(REGISTRY)

    def begin(request: Any) -> Optional[Request]:
        try:
            if _current(request) is not None:
                return None
            waited = request.META.get("HTTP_X_REQUEST_START")
            waited = waited or request.META.get("HTTP_X_QUEUE_START")
            if waited is not None:
                server.observe_queue(waited)
            measured = request.META[KEY] = server.begin(request.method)
            return measured
        except Exception:
            trouble("django")
            return None

    def finish(measured: Request, request: Any, response: Any) -> None:
        try:
            _note_route(measured, request)
            measured.status = response.status_code
            closers = getattr(response, "_resource_closers", None)
            if closers is None:
                measured.end()
            else:
                # First: what the others close is no part of the response.
                closers.insert(0, measured.end)
        except Exception:
            trouble("django")

    def fail(measured: Request, error: BaseException) -> None:
        measured.route = measured.route or UNMATCHED
        measured.error = error
        measured.end()

    if inspect.iscoroutinefunction(get_response):

        async def measured_async(request: Any) -> Any:
            measured = begin(request)
            if measured is None:
                return _tell_route(request, await get_response(request))
            try:
                response = await get_response(request)
            except BaseException as error:
                fail(measured, error)
                raise
            finish(measured, request, response)
            return response

        return measured_async

    def measured_sync(request: Any) -> Any:
        measured = begin(request)
        if measured is None:
            return _tell_route(request, get_response(request))
        try:
            response = get_response(request)
        except BaseException as error:
            fail(measured, error)
            raise
        finish(measured, request, response)
        return response

    return measured_sync


middleware.sync_capable = True  # type: ignore[attr-defined]
middleware.async_capable = True  # type: ignore[attr-defined]


def prepare(registry: CollectorRegistry) -> None:
    """Hooks what is not a request. What cannot be hooked costs only itself."""
    settings = import_module("django.conf").settings
    name = str(getattr(settings, "ROOT_URLCONF", "") or "").partition(".")[0]
    _runtime.note_app(name, "django")
    signal = import_module("django.core.signals").got_request_exception
    signal.connect(_note_exception, dispatch_uid="pyrometer")
    share = getattr(registry, "share", None)
    if share is not None:
        share()
    for install in (
        django_database.install,
        lambda: django_cache.install(registry),
        lambda: django_models.install(registry),
    ):
        try:
            install()
        except Exception:
            trouble("django")


def _tell_route(request: Any, response: Any) -> Any:
    """The response, once the route is told to who measures further out and knows none."""
    try:
        if _holder(request).pop(wsgi.UNROUTED, None):
            _note_route_of(request)
    except Exception:
        trouble("django")
    return response


def _current(request: Any) -> Optional[Request]:
    """The measured request of Django's."""
    found: Optional[Request] = request.META.get(KEY)
    if found is None:
        found = _holder(request).get(KEY)
    return found


def _holder(request: Any) -> Any:
    """The environ or scope that a request of Django's was made from."""
    scope = getattr(request, "scope", None)
    return request.META if scope is None else scope


def _note_route(measured: Request, request: Any) -> None:
    match = getattr(request, "resolver_match", None)
    measured.route = UNMATCHED if match is None else "/" + match.route


def _note_exception(sender: Any, request: Any = None, **_: Any) -> None:
    """Django answers with 500 what a view raised; the signal is where its name is still known."""
    try:
        measured = None if request is None else _current(request)
        if measured is not None:
            measured.error = sys.exc_info()[1]
    except Exception:
        trouble("django")


def _noting(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    @functools.wraps(get_response)
    def noting(request: Any) -> Any:
        try:
            return get_response(request)
        finally:
            _note_route_of(request)

    return noting


def _noting_async(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    @functools.wraps(get_response)
    async def noting(request: Any) -> Any:
        try:
            return await get_response(request)
        finally:
            _note_route_of(request)

    return noting


def _note_route_of(request: Any) -> None:
    try:
        measured = _current(request)
        if measured is not None:
            _note_route(measured, request)
    except Exception:
        trouble("django")
