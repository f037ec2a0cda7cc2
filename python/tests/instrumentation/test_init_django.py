"""Django by its WSGI and ASGI applications and by the middleware."""

from __future__ import annotations

import sys
import types
from typing import Any, Iterator

import counted
import django
import pytest
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import Client as DjangoClient
from django.urls import include, path, re_path
from starlette.testclient import TestClient
from werkzeug.test import Client

import pyrometer


def index(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok")


async def asynchronous(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok")


def item(request: HttpRequest, number: int) -> HttpResponse:
    return HttpResponse(str(number))


def broken(request: HttpRequest) -> HttpResponse:
    raise ValueError("on purpose")


def missing(request: HttpRequest) -> HttpResponse:
    from django.http import Http404

    raise Http404("on purpose")


def unavailable(request: HttpRequest) -> HttpResponse:
    return HttpResponse("no", status=503)


def stream(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(iter([b"part"] * 3))


def cart(request: HttpRequest, tenant: str, number: str) -> HttpResponse:
    return HttpResponse(number)


urls = types.ModuleType("shop_urls")
urls.urlpatterns = [  # type: ignore[attr-defined]
    path("", index),
    path("async", asynchronous),
    path("item/<int:number>", item),
    path("broken", broken),
    path("missing", missing),
    path("unavailable", unavailable),
    path("stream", stream),
    path("shop/<tenant>/", include([re_path(r"^cart/(?P<number>[0-9]+)$", cart)])),
]
sys.modules["shop_urls"] = urls
if not settings.configured:
    settings.configure(ROOT_URLCONF="shop_urls", ALLOWED_HOSTS=["*"], MIDDLEWARE=[], DEBUG=False)
    django.setup()

EXPECTED = {
    ("GET", "/", "200", ""): ["/"],
    ("GET", "/async", "200", ""): ["/async"],
    ("GET", "/item/<int:number>", "200", ""): ["/item/1", "/item/2"],
    ("POST", "/item/<int:number>", "200", ""): ["/item/3"],
    ("GET", "<unmatched>", "404", ""): ["/nowhere", "/wp-login.php"],
    ("GET", "/missing", "404", ""): ["/missing"],
    ("GET", "/broken", "500", "ValueError"): ["/broken"],
    ("GET", "/unavailable", "503", "503"): ["/unavailable"],
    ("GET", "/stream", "200", ""): ["/stream"],
    ("GET", "/shop/<tenant>/cart/(?P<number>[0-9]+)$", "200", ""): ["/shop/a/cart/1"],
}
WANTED = {key: float(len(paths)) for key, paths in EXPECTED.items()}


@pytest.fixture(autouse=True)
def default_registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The one that the middleware counts in."""
    registry = pyrometer.CollectorRegistry()
    monkeypatch.setattr(pyrometer, "REGISTRY", registry)
    yield registry


def send_wsgi(app: Any) -> None:
    client = Client(app)
    for (method, *_), paths in EXPECTED.items():
        for where in paths:
            with client.open(where, method=method) as answer:
                answer.get_data()


def send_asgi(app: Any) -> None:
    client = TestClient(app)
    for (method, *_), paths in EXPECTED.items():
        for where in paths:
            client.request(method, where)


def check(registry: Any) -> None:
    assert counted.requests(registry) == WANTED
    assert counted.active(registry) == 0


def test_a_wsgi_application_is_counted_once_by_its_routes(default_registry: Any) -> None:
    handler = get_wsgi_application()
    app = pyrometer.init(handler)
    assert pyrometer.init(app) is app
    assert pyrometer.init(handler) is app
    send_wsgi(app)
    check(default_registry)


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume:Warning")
def test_an_asgi_application_is_counted_once_by_its_routes(default_registry: Any) -> None:
    handler = get_asgi_application()
    app = pyrometer.init(handler)
    assert pyrometer.init(app) is app
    assert pyrometer.init(handler) is app
    send_asgi(app)
    check(default_registry)


MIDDLEWARE = ["pyrometer.instrumentation.django.middleware"]


def test_the_middleware_counts_what_the_test_client_sends(default_registry: Any) -> None:
    from django.test import override_settings

    with override_settings(MIDDLEWARE=MIDDLEWARE):
        client = DjangoClient(raise_request_exception=False)
        for (method, *_), paths in EXPECTED.items():
            for where in paths:
                answer = client.generic(method, where)
                if answer.streaming:
                    assert counted.active(default_registry) == 1
                    assert b"".join(answer.streaming_content) == b"part" * 3
                answer.close()
    check(default_registry)


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume:Warning")
@pytest.mark.parametrize("send", [send_wsgi, send_asgi])
@pytest.mark.parametrize("is_both", [False, True])
def test_with_the_middleware_too_requests_are_counted_once(
    default_registry: Any, send: Any, is_both: bool
) -> None:
    from django.test import override_settings

    with override_settings(MIDDLEWARE=MIDDLEWARE):
        app = get_wsgi_application() if send is send_wsgi else get_asgi_application()
        send(pyrometer.init(app) if is_both else app)
    check(default_registry)


def test_the_application_has_its_name_from_the_urls() -> None:
    from pyrometer.instrumentation import django as module

    named = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module._runtime, "note_app", lambda *names: named.append(names))
        pyrometer.init(get_wsgi_application())
    assert named == [("shop_urls", "django")]
