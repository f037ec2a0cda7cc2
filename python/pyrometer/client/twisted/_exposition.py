"""A resource that serves metrics."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.web.wsgi import WSGIResource

from ...exposition import make_wsgi_app
from ...registry import REGISTRY


def MetricsResource(registry: Any = REGISTRY) -> Any:
    """A resource for ``putChild`` that serves the registry."""
    threads = reactor.getThreadPool()  # type: ignore[attr-defined, unused-ignore]
    make: Any = WSGIResource
    return make(reactor, threads, make_wsgi_app(registry))
