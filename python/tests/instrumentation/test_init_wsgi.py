"""WSGI applications and Flask, through Werkzeug's client, wsgiref's validator and gunicorn."""

from __future__ import annotations

import contextlib
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Iterator
from wsgiref.util import FileWrapper
from wsgiref.validate import validator

import counted
import flask
import pytest
from conftest import Server
from flask import Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

import pyrometer
from pyrometer.instrumentation import flask as flask_module


def shop(name: str = "shop") -> Flask:
    app = Flask(name)
    admin = flask.Blueprint("admin", name, url_prefix="/admin/<tenant>")

    @app.route("/")
    def index() -> str:
        return "ok"

    @app.route("/item/<int:number>", methods=["GET", "POST"])
    def item(number: int) -> str:
        return str(number)

    @app.route("/async")
    async def asynchronous() -> str:
        return "ok"

    @app.route("/missing")
    def missing() -> Any:
        flask.abort(404)

    @app.route("/broken")
    def broken() -> Any:
        raise ValueError("on purpose")

    @app.route("/handled")
    def handled() -> Any:
        raise KeyError("on purpose")

    @app.errorhandler(KeyError)
    def on_key_error(error: KeyError) -> tuple[str, int]:
        return "handled", 409

    @app.route("/unavailable")
    def unavailable() -> Any:
        flask.abort(503)

    @app.route("/stream")
    def stream() -> Any:
        return flask.Response(iter(["part"] * 3))

    @app.route("/broken-stream")
    def broken_stream() -> Any:
        def parts() -> Iterator[str]:
            yield "part"
            raise KeyError("on purpose")

        return flask.Response(parts())

    @admin.route("/user/<user>")
    def user(tenant: str, user: str) -> str:
        return user

    app.register_blueprint(admin)
    return app


FLASK = {
    ("GET", "/", "200", ""): ["/"],
    ("GET", "/item/<int:number>", "200", ""): ["/item/1", "/item/2"],
    ("POST", "/item/<int:number>", "200", ""): ["/item/3"],
    ("HEAD", "/", "200", ""): ["/"],
    ("OPTIONS", "/", "200", ""): ["/"],
    ("DELETE", "<unmatched>", "405", ""): ["/item/4"],
    ("_OTHER", "<unmatched>", "405", ""): ["/item/4"],
    ("GET", "<unmatched>", "404", ""): ["/nowhere", "/wp-login.php", "/item/none"],
    ("GET", "/missing", "404", ""): ["/missing"],
    ("GET", "/broken", "500", "ValueError"): ["/broken"],
    ("GET", "/handled", "409", ""): ["/handled"],
    ("GET", "/unavailable", "503", "503"): ["/unavailable"],
    ("GET", "/stream", "200", ""): ["/stream"],
    ("GET", "/broken-stream", "200", "KeyError"): ["/broken-stream"],
    ("GET", "/admin/<tenant>/user/<user>", "200", ""): ["/admin/a/user/b", "/admin/c/user/d"],
}

Expected = dict[tuple[str, ...], list[str]]


def debugging() -> Flask:
    app = shop()
    app.config["PROPAGATE_EXCEPTIONS"] = True
    return app


def with_mounted() -> Flask:
    app = shop()
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/sub": shop("sub")})
    return app


def with_measured_mounted() -> Any:
    sub = pyrometer.init(shop("sub"), registry=pyrometer.CollectorRegistry())
    app = shop()
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/sub": sub})
    return app


def plain(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"ok"]


def generating(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"part"
    yield b"part"


def replacing(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [("Content-Type", "text/plain")])
    try:
        raise ValueError("on purpose")
    except ValueError:
        start_response("500 Oh no", [("Content-Type", "text/plain")], sys.exc_info())
    return (b"no",)


def raising(environ: Any, start_response: Any) -> Any:
    raise OSError("on purpose")


SUB = {
    ("GET", "/", "200", ""): ["/"],
    ("GET", "/sub/item/<int:number>", "200", ""): ["/sub/item/1", "/sub/item/2"],
    ("GET", "<unmatched>", "404", ""): ["/sub/nowhere"],
}
APPS: dict[str, tuple[Callable[[], Any], Expected]] = {
    "Flask": (shop, FLASK),
    "Flask that lets exceptions out": (debugging, FLASK),
    "Flask with another mounted": (with_mounted, SUB),
    "Flask with another mounted, both measured": (with_measured_mounted, SUB),
    "any application": (lambda: plain, {("GET", "", "200", ""): ["/a", "/b"]}),
    "a generator": (lambda: generating, {("GET", "", "200", ""): ["/a", "/b"]}),
    "a second start_response": (lambda: replacing, {("GET", "", "500", "ValueError"): ["/a"]}),
    "an exception": (lambda: raising, {("GET", "", "500", "OSError"): ["/a"]}),
    "by the standard's validator": (
        lambda: validator(generating),
        {("GET", "", "200", ""): ["/a"]},
    ),
}


@pytest.mark.parametrize(("build", "expected"), APPS.values(), ids=APPS)
def test_requests_are_counted_once_by_their_routes(
    build: Callable[[], Any], expected: Expected
) -> None:
    registry = pyrometer.CollectorRegistry()
    app = pyrometer.init(build(), registry=registry)
    assert pyrometer.init(app, registry=registry) is app
    client = Client(app)
    for (method, *_), paths in expected.items():
        for path in paths:
            # What is let out is what was raised on purpose, and must be in the error's label.
            with contextlib.suppress(ValueError, KeyError, OSError):
                with client.open(path, method="BREW" if method == "_OTHER" else method) as answer:
                    answer.get_data()
    wanted = {key: float(len(paths)) for key, paths in expected.items()}
    assert counted.requests(registry) == wanted
    assert counted.active(registry) == 0


def respond(app: Any, **environ: Any) -> Any:
    status: list[Any] = []
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", **environ}
    return app(environ, lambda *arguments: status.append(arguments))


def test_a_measured_application_keeps_to_the_standard() -> None:
    registry = pyrometer.CollectorRegistry()
    # The validator outside: what we return must satisfy it as much as what we are given.
    client = Client(validator(pyrometer.init(generating, registry=registry)))
    with client.get("/") as answer:
        assert answer.get_data() == b"part" * 2
    assert counted.requests(registry) == {("GET", "", "200", ""): 1}


def test_a_stream_is_measured_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("pyrometer.instrumentation.http.perf_counter", lambda: now[0])
    registry = pyrometer.CollectorRegistry()
    app = Flask("shop")

    @app.route("/")
    def index() -> Any:
        def parts() -> Iterator[str]:
            for _ in range(3):
                now[0] += 1.0
                assert counted.active(registry) == 1
                yield "part"

        response = flask.Response(parts())
        response.call_on_close(lambda: now.__setitem__(0, now[0] + 100.0))
        return response

    body = Client(pyrometer.init(app, registry=registry)).get("/")
    assert body.get_data() == b"part" * 3
    body.close()
    assert counted.requests(registry) == {("GET", "/", "200", ""): 1}
    assert counted.seconds(registry) == 3.0


@pytest.mark.parametrize("n_read", [0, 1])
def test_a_client_that_goes_is_no_error_and_closes_the_body(n_read: int) -> None:
    registry = pyrometer.CollectorRegistry()
    closed = []

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            yield b"part"
            yield b"part"

        def close(self) -> None:
            closed.append(True)

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return Body()

    body = respond(pyrometer.init(app, registry=registry))
    parts = iter(body)
    for _ in range(n_read):
        assert next(parts) == b"part"
    assert counted.active(registry) == 1
    body.close()
    assert closed == [True]
    del parts
    assert counted.requests(registry) == {("GET", "", "200", ""): 1}
    assert counted.active(registry) == 0


def test_a_server_sees_the_file_that_it_can_send_itself() -> None:
    registry = pyrometer.CollectorRegistry()
    with open(__file__, "rb") as file:
        wrapper = FileWrapper(file)

        def app(environ: Any, start_response: Any) -> Any:
            start_response("200 OK", [])
            return wrapper

        app = pyrometer.init(app, registry=registry)
        assert respond(app, **{"wsgi.file_wrapper": FileWrapper}) is wrapper
    assert counted.requests(registry) == {("GET", "", "200", ""): 1}


def test_the_time_in_the_queue_is_taken_from_the_proxys_header(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pyrometer.instrumentation.http.time.time", lambda: 1_700_000_000.0)
    registry = pyrometer.CollectorRegistry()
    client = Client(pyrometer.init(shop(), registry=registry))
    client.get("/", headers={"X-Request-Start": "t=1699999999.750"})
    client.get("/", headers={"X-Queue-Start": "1699999999500"})
    client.get("/", headers={"X-Request-Start": "soon"})
    client.get("/")
    name = "http_server_request_queue_duration_seconds"
    assert registry.get_sample_value(f"{name}_count") == 2
    assert registry.get_sample_value(f"{name}_sum") == pytest.approx(0.75)
    assert sum(counted.requests(registry).values()) == 4


def test_prefixes_that_clients_make_up_do_not_become_routes_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(flask_module, "_prefixes", set())
    monkeypatch.setattr(flask_module, "PREFIXES_MAX", 2)
    registry = pyrometer.CollectorRegistry()
    client = Client(pyrometer.init(shop(), registry=registry))
    for number in range(50):
        client.get("/", environ_overrides={"SCRIPT_NAME": f"/{number}"})
    assert counted.requests(registry) == {
        ("GET", "/0/", "200", ""): 1,
        ("GET", "/1/", "200", ""): 1,
        ("GET", "/", "200", ""): 48,
    }


def test_an_environ_that_breaks_the_rules_reaches_the_application() -> None:
    registry = pyrometer.CollectorRegistry()
    app = pyrometer.init(plain, registry=registry)
    assert app({}, lambda *_: None) == [b"ok"]
    assert respond(app, REQUEST_METHOD=["GET"]) == [b"ok"]
    assert counted.active(registry) == 0


def test_threads_lose_no_request() -> None:
    registry = pyrometer.CollectorRegistry()
    app = pyrometer.init(shop(), registry=registry)
    barrier = threading.Barrier(8)

    def work(number: int) -> None:
        client = Client(app)
        barrier.wait(30)
        for at in range(50):
            client.get(f"/item/{at}").get_data()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert counted.requests(registry) == {("GET", "/item/<int:number>", "200", ""): 400}
    assert counted.active(registry) == 0


SHOP = """
import pyrometer
from flask import Flask

app = pyrometer.init(Flask("shop"))

@app.route("/item/<number>")
def item(number):
    return number

@app.route("/broken")
def broken():
    raise ValueError("on purpose")

@app.route("/metrics")
def metrics():
    return pyrometer.generate_latest()
"""


@pytest.mark.parametrize("options", [(), ("--preload",), ("--threads", "4")], ids=repr)
def test_gunicorns_workers_add_up(serve: Callable[..., Server], options: tuple[str, ...]) -> None:
    server = serve(SHOP, "--workers", "2", *options)
    for number in range(20):
        server.get(f"/item/{number}")
        server.get("/nowhere")
    for _ in range(5):
        server.get("/broken")
    count = f"{counted.DURATION}_count"
    assert server.sample(count, http_route="/item/<number>") == 20
    assert server.sample(count, http_route="<unmatched>") == 20
    assert server.sample(count, http_route="/broken", error_type="ValueError") == 5
    # The request that asks is in progress itself.
    assert server.sample("http_server_active_requests") == 1
