"""Django by its WSGI and ASGI applications and by the middleware."""

from __future__ import annotations

from typing import Any, Iterator

import counted
import django_shop
import pytest
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.test import Client as DjangoClient
from django.test import override_settings
from starlette.testclient import TestClient
from werkzeug.test import Client

import pyrometer


django_shop.configure()

EXPECTED = {
    ("GET", "/", "200", ""): ["/"],
    ("GET", "/async", "200", ""): ["/async"],
    ("GET", "/item/<int:number>", "200", ""): ["/item/1", "/item/2"],
    ("POST", "/item/<int:number>", "200", ""): ["/item/3"],
    ("GET", "<unmatched>", "404", ""): ["/nowhere", "/wp-login.php"],
    ("GET", "/missing", "404", ""): ["/missing"],
    ("GET", "/broken", "500", "ValueError"): ["/broken"],
    ("GET", "/broken-async", "500", "KeyError"): ["/broken-async"],
    ("GET", "/unavailable", "503", "503"): ["/unavailable"],
    ("GET", "/stream", "200", ""): ["/stream"],
    ("GET", "/shop/<tenant>/cart/(?P<number>[0-9]+)$", "200", ""): ["/shop/a/cart/1"],
    ("GET", "/old/item/<int:number>", "200", ""): ["/old/item/1"],
    ("GET", "/new/item/<int:number>", "200", ""): ["/new/item/1"],
    ("GET", "/en/greeting", "200", ""): ["/en/greeting"],
    ("GET", "/de/greeting", "200", ""): ["/de/greeting"],
    ("GET", "/admin/", "302", ""): ["/admin/"],
    ("GET", "/admin/auth/user/<path:object_id>/change/", "302", ""): [
        "/admin/auth/user/1/change/",
        "/admin/auth/user/2/change/",
    ],
    # The admin's own way to answer what it does not know.
    ("GET", "/admin/(?P<url>.*)$", "302", ""): ["/admin/nowhere/4711", "/admin/nowhere/4712"],
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
            client.request(method, where, follow_redirects=False)


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


MIDDLEWARE = ["pyrometer.instrumentation.django.middleware", *django_shop.DJANGO_MIDDLEWARE]


@pytest.mark.parametrize("is_init", [True, False])
@pytest.mark.parametrize(
    ("broken", "route", "error"),
    [
        ("broken_before", "<unmatched>", "RuntimeError"),
        ("broken_after", "/item/<int:number>", "LookupError"),
    ],
)
def test_what_a_middleware_raises_is_counted_once(
    default_registry: Any, is_init: bool, broken: str, route: str, error: str
) -> None:
    theirs = [f"django_shop.{broken}"]
    with override_settings(MIDDLEWARE=theirs if is_init else [*MIDDLEWARE, *theirs]):
        handler = get_wsgi_application()
        client = Client(pyrometer.init(handler) if is_init else handler)
        with client.get("/item/7") as answer:
            assert answer.status_code == 500 and answer.get_data()
    assert counted.requests(default_registry) == {("GET", route, "500", error): 1.0}
    assert counted.active(default_registry) == 0


def test_the_middleware_counts_what_the_test_client_sends(default_registry: Any) -> None:
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
