"""Flask, and whatever else is mounted with it by WSGI.

The route is the rule that Werkzeug's request object has, which it leaves in the environ until the
response has begun: nothing needs to run in the application's own hooks.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .. import _runtime
from ..registry import CollectorRegistry
from .guard import trouble
from .http import UNMATCHED, Request, http_server
from .wsgi import KEY, Middleware

PREFIXES_MAX = 100
"""Different mount points, of all Flask applications of a process: proxies may pass a client's
word on as the prefix, and it must not become a label without end."""

_prefixes: set[str] = set()


def instrument(app: Any, registry: CollectorRegistry) -> Any:
    """Measures a Flask application in place."""
    if getattr(app, "_pyrometer", False):
        return app
    _runtime.note_app(app.name, "flask")
    app.wsgi_app = Middleware(app.wsgi_app, http_server(registry), _note_route)
    signal = import_module("flask").got_request_exception
    signal.connect(_note_exception, app)
    app._pyrometer = True
    return app


def _note_route(request: Request, environ: Any) -> None:
    inner = environ.get("werkzeug.request")
    rule = None if inner is None else inner.url_rule
    if rule is None:
        request.route = UNMATCHED
        return
    prefix = environ.get("SCRIPT_NAME")
    if not prefix:
        request.route = rule.rule
    elif prefix in _prefixes or len(_prefixes) < PREFIXES_MAX:
        _prefixes.add(prefix)
        request.route = prefix.rstrip("/") + rule.rule
    else:
        request.route = rule.rule


def _note_exception(sender: Any, exception: BaseException, **_: Any) -> None:
    """Flask answers with 500 what a view raised; the signal is where its name is still known."""
    try:
        environ = import_module("flask").request.environ
        request = environ.get(KEY)
        if request is not None:
            request.error = exception
            # When it is let out there is no response to begin.
            _note_route(request, environ)
    except Exception:
        trouble("flask")
