"""Flask metrics for packages whose views return what Flask alone does not take."""

from __future__ import annotations

import functools
import inspect
import json
from typing import Any, Callable, Optional

from flask import Flask, Response, current_app, request

from ..flask import PrometheusMetrics
from ..flask_view import F


class RESTfulPrometheusMetrics(PrometheusMetrics):
    """For Flask-RESTful and Flask-RESTX: what a resource's method returns becomes a response as
    ``api`` makes one, for label functions to look at.

    api: the ``Api``; none to say it later by ``init_app``.
    """

    def __init__(self, app: Optional[Flask], api: Any, **kwargs: Any) -> None:
        if api and "response_converter" not in kwargs:
            kwargs["response_converter"] = _by_api(api)
        super().__init__(app, **kwargs)

    @classmethod
    def for_app_factory(cls, api: Any = None, **kwargs: Any) -> RESTfulPrometheusMetrics:
        """An instance whose application is said later, by ``init_app``."""
        return cls(app=None, api=api, **kwargs)

    def init_app(self, app: Flask, api: Any = None) -> None:
        """Starts to measure an application, and the resources of an ``Api``."""
        if api:
            self._response_converter = _by_api(api)
        super().init_app(app)


class ConnexionPrometheusMetrics(PrometheusMetrics):
    """For Connexion: what a handler returns becomes a response as Connexion makes one.

    app: Connexion's application, which holds Flask's as ``app``.
    default_mimetype: of responses whose handler has no ``content_type``.
    """

    def __init__(
        self, app: Any, default_mimetype: str = "application/json", **kwargs: Any
    ) -> None:
        if "response_converter" not in kwargs:
            kwargs["response_converter"] = _by_connexion(default_mimetype)
        super().__init__(app.app if app else None, **kwargs)

    @staticmethod
    def content_type(content_type: str) -> Callable[[F], F]:
        """A decorator that says a handler's content type; above it stand the metrics."""

        def decorator(f: F) -> F:
            is_async = inspect.iscoroutinefunction(f)

            @functools.wraps(f)
            def typed_view(*args: Any, **kwargs: Any) -> Any:
                request.prom_connexion_content_type = content_type  # type: ignore[attr-defined]
                view = current_app.ensure_sync(f) if is_async else f
                return view(*args, **kwargs)

            return typed_view  # type: ignore[return-value]

        return decorator


def _by_api(api: Any) -> Callable[[Any], Any]:
    def convert(returned: Any) -> Any:
        if not isinstance(returned, tuple):
            returned = (returned, 200)
        return api.make_response(*returned)

    return convert


def _by_connexion(default_mimetype: str) -> Callable[[Any], Any]:
    def convert(returned: Any) -> Any:
        mimetype = getattr(request, "prom_connexion_content_type", default_mimetype)
        try:
            from connexion.apis.flask_api import FlaskApi
        except ImportError:
            # Connexion 3 makes responses outside of Flask.
            return _plain_response(returned, mimetype)
        return FlaskApi.get_response(returned, mimetype=mimetype)

    return convert


def _plain_response(returned: Any, mimetype: str) -> Response:
    """A response of a body, or of a tuple of body, status and headers, in one of the ways that
    Flask takes."""
    body, *rest = returned if isinstance(returned, tuple) and returned else (returned,)
    if isinstance(body, Response):
        return current_app.make_response((body, *rest) if rest else body)
    if not isinstance(body, (str, bytes)):
        body = "" if body is None else json.dumps(body)
    response = current_app.make_response((body, *rest) if rest else body)
    response.mimetype = mimetype
    return response
