"""Any WSGI application.

A request is measured until its response's body is exhausted or closed. What runs when the body is
closed, such as Werkzeug's ``call_on_close``, is no part of it.
"""

from __future__ import annotations

from typing import Any, Callable, Iterator, Optional

from ..registry import CollectorRegistry
from .guard import trouble
from .http import HttpServer, Request, http_server

KEY = "pyrometer.request"
"""Where an environ holds its request, for who knows the route."""

UNROUTED = "pyrometer.unrouted"
"""In an environ, or a scope, whose request is measured by who knows no routes: a framework further
in tells the route, and the request is still counted once."""


def instrument(app: Any, registry: CollectorRegistry) -> Any:
    """Returns the application to serve."""
    return app if isinstance(app, Middleware) else Middleware(app, http_server(registry))


class Middleware:
    """Measures a WSGI application.

    note_route: called with the request and its environ at the beginning of the response, to set
        the route. None: the application has no routes that could be known.
    """

    def __init__(
        self,
        app: Any,
        server: HttpServer,
        note_route: Optional[Callable[[Request, Any], None]] = None,
    ) -> None:
        self.app = app
        self._server = server
        self._note_route = note_route

    def __getattr__(self, name: str) -> Any:
        # What else is asked of the application it answers itself.
        if name == "app":
            raise AttributeError(name)
        return getattr(self.app, name)

    def __call__(self, environ: Any, start_response: Any) -> Any:
        note_route = self._note_route
        if KEY in environ:
            if note_route is None or environ.pop(UNROUTED, None) is None:
                return self.app(environ, start_response)
            return self.app(environ, _noting_start(start_response, note_route, environ))
        request = self._begin(environ)
        if request is None:
            return self.app(environ, start_response)

        def measured_start(status: Any, headers: Any, *exc_info: Any) -> Any:
            request.status = status[:3]
            if exc_info and exc_info[0]:
                request.error = exc_info[0][1]
            if note_route is not None:
                _note(note_route, request, environ)
            return start_response(status, headers, *exc_info)

        try:
            body = self.app(environ, measured_start)
        except BaseException as error:
            request.error = error
            self.end(request, environ)
            raise
        kind = type(body)
        if kind is list or kind is tuple or _is_file(body, environ):
            # All of it is here; a server sees by the type how to send it.
            self.end(request, environ)
            return body
        return _Body(body, request, environ, self)

    def _begin(self, environ: Any) -> Optional[Request]:
        try:
            waited = environ.get("HTTP_X_REQUEST_START") or environ.get("HTTP_X_QUEUE_START")
            if waited is not None:
                self._server.observe_queue(waited)
            request: Request = self._server.begin(environ["REQUEST_METHOD"])
            environ[KEY] = request
            if self._note_route is None:
                environ[UNROUTED] = True
            return request
        except Exception:
            trouble("wsgi")
            return None

    def end(self, request: Request, environ: Any) -> None:
        """The response is at its end."""
        if request.server is None:
            return
        request.respond()
        environ.pop(KEY, None)
        request.end()


def _noting_start(
    start_response: Any, note_route: Callable[[Request, Any], None], environ: Any
) -> Any:
    """For a request that is measured further out."""

    def noting_start(status: Any, headers: Any, *exc_info: Any) -> Any:
        request = environ.get(KEY)
        if request is not None:
            _note(note_route, request, environ)
        return start_response(status, headers, *exc_info)

    return noting_start


def _note(note_route: Callable[[Request, Any], None], request: Request, environ: Any) -> None:
    try:
        note_route(request, environ)
    except Exception:
        trouble("route")


def _is_file(body: Any, environ: Any) -> bool:
    """Whether it is what a server sends by sendfile."""
    wrapper = environ.get("wsgi.file_wrapper")
    return isinstance(wrapper, type) and isinstance(body, wrapper)


class _Body:
    """A response's body whose end is noted."""

    __slots__ = ("_body", "_request", "_environ", "_middleware")

    def __init__(self, body: Any, request: Request, environ: Any, middleware: Middleware) -> None:
        self._body = body
        self._request = request
        self._environ = environ
        self._middleware = middleware

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._body
        except GeneratorExit:
            # The client has gone, or the server wants no more: no error of the application.
            raise
        except BaseException as error:
            self._request.error = error
            raise
        finally:
            self._middleware.end(self._request, self._environ)

    def __getattr__(self, name: str) -> Any:
        # ``len`` apart, which looks at the class, it is the body that is asked.
        return getattr(self._body, name)

    def close(self) -> None:
        self._middleware.end(self._request, self._environ)
        close = getattr(self._body, "close", None)
        if close is not None:
            close()
