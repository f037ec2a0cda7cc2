"""What all HTTP frameworks share: queue time, limits, trouble, and who knows which application."""

from __future__ import annotations

import functools
import logging
from typing import Any, Optional

import counted
import pytest

import pyrometer
from pyrometer.instrumentation import _module, children, guard
from pyrometer.instrumentation.http import HttpServer, queue_seconds

# 2023-11-14T22:13:20Z.
NOW = 1_700_000_000.0

HEADERS: list[tuple[Any, Optional[float]]] = [
    ("1699999999.5", 0.5),
    ("t=1699999999.5", 0.5),
    (b"t=1699999999.5", 0.5),
    ("t=1699999999500", 0.5),
    ("1699999999500", 0.5),
    ("1699999999500000", 0.5),
    ("t=1699999999500000", 0.5),
    ("1699999999500000000", 0.5),
    ("t=1699999999.5, t=1699999999.9", 0.5),
    # A clock that is ahead; one that is far behind.
    ("1700000003", 0.0),
    ("1699990000", 600.0),
    # No time of any unit.
    ("", None),
    ("t=", None),
    ("soon", None),
    ("nan", None),
    ("inf", None),
    ("-inf", None),
    ("-1699999999", None),
    ("0", None),
    ("1e300", None),
    ("12:30", None),
    (b"\xff\xfe", None),
    ("9" * 1000, None),
]


@pytest.mark.parametrize(("header", "expected"), HEADERS, ids=[repr(h)[:30] for h, _ in HEADERS])
def test_a_queue_header_tells_its_unit_by_its_magnitude(
    header: Any, expected: Optional[float]
) -> None:
    found = queue_seconds(header, NOW)
    assert found == (None if expected is None else pytest.approx(expected, abs=1e-3))


def test_a_time_in_any_unit_and_of_any_age_is_within_the_bounds() -> None:
    for unit in (1, 1e3, 1e6, 1e9):
        for age in (-1e6, -1.0, 0.0, 0.25, 599.0, 1e6):
            found = queue_seconds(f"t={(NOW - age) * unit:.3f}", NOW)
            assert found == pytest.approx(min(max(age, 0.0), 600.0), abs=1e-3)


def run(server: HttpServer, method: Any, route: str, status: Any = 200) -> None:
    request = server.begin(method)
    request.route, request.status = route, status
    request.end()
    request.end()


def test_words_of_a_client_do_not_become_labels() -> None:
    registry = pyrometer.CollectorRegistry()
    server = HttpServer(registry)
    for method in ("GET", "get", "HACK", "\u00e9", "X" * 10_000, "PATCH"):
        run(server, method, "/")
    assert counted.requests(registry) == {
        ("GET", "/", "200", ""): 1,
        ("PATCH", "/", "200", ""): 1,
        ("_OTHER", "/", "200", ""): 4,
    }
    assert counted.active(registry) == 0


def test_too_many_routes_become_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "SERIES_MAX", 3)
    registry = pyrometer.CollectorRegistry()
    server = HttpServer(registry)
    for number in range(100):
        run(server, "GET", f"/{number}")
    assert counted.requests(registry) == {
        ("GET", "/0", "200", ""): 1,
        ("GET", "/1", "200", ""): 1,
        ("GET", "/2", "200", ""): 1,
        ("GET", "<overflow>", "200", ""): 97,
    }


def test_buckets_are_those_of_the_semantic_conventions() -> None:
    registry = pyrometer.CollectorRegistry()
    server = HttpServer(registry)
    run(server, "GET", "/")
    name = f"{counted.DURATION}_bucket"
    bounds = [float(bound) for (bound,) in counted.samples(registry, name, ("le",))]
    inf = float("inf")
    expected = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, inf]
    assert bounds == expected


async def coroutine_function(scope: Any, receive: Any, send: Any) -> None: ...


def asgi_without_async(scope: Any, receive: Any, send: Any) -> Any: ...


def wsgi_function(environ: Any, start_response: Any) -> Any: ...


class AsgiObject:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...


class WsgiObject:
    def __call__(self, environ: Any, start_response: Any) -> Any: ...


@pytest.mark.parametrize(
    ("app", "expected"),
    [
        (coroutine_function, "asgi"),
        (asgi_without_async, "asgi"),
        (functools.partial(coroutine_function), "asgi"),
        (AsgiObject(), "asgi"),
        (wsgi_function, "wsgi"),
        (functools.partial(wsgi_function), "wsgi"),
        (WsgiObject(), "wsgi"),
        (len, "wsgi"),
    ],
)
def test_what_an_application_is_shows_by_how_it_is_called(app: Any, expected: str) -> None:
    assert _module(app) == expected


@pytest.mark.parametrize("app", [None, 7, "shop:app", object(), WsgiObject])
def test_what_is_no_application_is_refused(app: Any) -> None:
    with pytest.raises(TypeError, match="is no application"):
        pyrometer.init(app)


def test_an_application_that_cannot_be_measured_is_served_as_it_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    registry = pyrometer.CollectorRegistry()
    # Somebody else's metric has the name.
    pyrometer.Counter("http_server_active_requests", "not ours", registry=registry)
    before = errors("init")
    with caplog.at_level(logging.WARNING, "pyrometer.instrumentation"):
        assert pyrometer.init(wsgi_function, registry=registry) is wsgi_function
    assert errors("init") == before + 1
    assert "http_server_active_requests" in caplog.text


def errors(where: str) -> float:
    name = "pyrometer_instrumentation_errors_total"
    return pyrometer.REGISTRY.get_sample_value(name, {"where": where}) or 0.0


def test_trouble_is_logged_once_a_kind_and_without_end_in_no_memory() -> None:
    before = errors("test")
    for number in range(300):
        try:
            raise ValueError(number)
        except ValueError:
            guard.trouble("test")
    assert errors("test") == before + 300
    assert len(guard._logged) <= guard.KINDS_MAX
