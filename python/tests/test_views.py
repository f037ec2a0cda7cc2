"""The views for aiohttp and Django answer as prometheus_client's."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import prometheus_client
import pytest

import pyrometer
import pyrometer.client

HEADERS = [
    {},
    {"Accept": "application/openmetrics-text; version=1.0.0; escaping=allow-utf-8"},
    {"Accept": "text/plain; version=1.0.0", "Accept-Encoding": "identity"},
]


def filled(package: Any) -> Any:
    registry = package.CollectorRegistry()
    package.Gauge("g.dotted", "help", registry=registry).set(5)
    package.Gauge("other", "help", registry=registry).set(6)
    return registry


@pytest.mark.parametrize("headers", HEADERS)
@pytest.mark.parametrize("path", ["/m", "/m?name[]=other"])
def test_aiohttp_is_answered_equally(headers: dict[str, str], path: str) -> None:
    from aiohttp import web
    from aiohttp.test_utils import make_mocked_request
    from prometheus_client.aiohttp import make_aiohttp_handler as theirs

    from pyrometer.client.aiohttp import make_aiohttp_handler as ours

    def answer(make: Any, package: Any) -> tuple[Any, ...]:
        request = make_mocked_request("GET", path, headers=headers)
        response: web.Response = asyncio.run(make(filled(package))(request))
        return response.status, dict(response.headers), response.body

    mine = answer(ours, pyrometer)
    assert mine == answer(theirs, prometheus_client)
    assert b"other" in mine[2]


DJANGO = """
import sys
from django.conf import settings
settings.configure()
import django
django.setup()
from django.test import RequestFactory
import pyrometer
if sys.argv[1] == "ours":
    pyrometer.install()
import prometheus_client
from prometheus_client.django import PrometheusDjangoView
registry = prometheus_client.CollectorRegistry()
prometheus_client.Gauge("g", "help", registry=registry).set(5)
prometheus_client.Gauge("other", "help", registry=registry).set(6)
view = PrometheusDjangoView.as_view(registry=registry)
for method in ("get", "options", "post"):
    response = getattr(RequestFactory(), method)("/m?name[]=g", HTTP_ACCEPT="text/plain")
    response = view(response)
    print(response.status_code, response.headers.get("Content-Type"), response.content)
"""


def test_django_is_answered_equally() -> None:
    def printed(whose: str) -> str:
        command = [sys.executable, "-c", DJANGO, whose]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    assert printed("ours") == printed("theirs")


def test_twisted_serves_the_registry() -> None:
    from twisted.web.wsgi import WSGIResource

    from pyrometer.client.twisted import MetricsResource

    assert isinstance(MetricsResource(filled(pyrometer)), WSGIResource)
