"""`pyrometer run` with applications of no framework, under every server that is known to take one."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from conftest import free_port, wait_for
from programs import DURATION, Program, send
from servers.test_servers import require_uwsgi

from pyrometer.instrumentation import servers

PLAIN = """
def app(environ, start_response):
    status = "404 Not Found" if environ["PATH_INFO"] == "/missing" else "200 OK"
    start_response(status, [("Content-Length", "3")])
    return [b"yes"]

async def asgi(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            kind = (await receive())["type"]
            await send({"type": kind + ".complete"})
            if kind == "lifespan.shutdown":
                return
    status = 404 if scope["path"] == "/missing" else 200
    headers = [(b"content-length", b"3")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"yes"})
"""

WSGIREF = """
import sys, shop
from wsgiref.simple_server import make_server
make_server("127.0.0.1", int(sys.argv[1]), shop.app).serve_forever()
"""

WERKZEUG = """
import sys, shop
from werkzeug.serving import run_simple
run_simple("127.0.0.1", int(sys.argv[1]), shop.app)
"""

GEVENT = """
import sys, shop
from gevent.pywsgi import WSGIServer
WSGIServer(("127.0.0.1", int(sys.argv[1])), shop.app, log=None).serve_forever()
"""

WAITRESS = """
import sys, shop, waitress
waitress.serve(shop.app, host="127.0.0.1", port=int(sys.argv[1]))
"""

GUNICORN = ("gunicorn", "--bind", "127.0.0.1:{port}", "--no-control-socket", "--workers", "2")
UVICORN = ("uvicorn", "--port", "{port}")
HYPERCORN = ("hypercorn", "--bind", "127.0.0.1:{port}")
GRANIAN = ("granian", "--port", "{port}", "--workers", "1")
UWSGI = (
    *("uwsgi", "--http-socket", "127.0.0.1:{port}", "--master", "--processes", "2"),
    *("--need-app", "--die-on-term", "--home", sys.prefix),
)

SERVERS: dict[str, tuple[str, ...]] = {
    "gunicorn": (*GUNICORN, "shop:app"),
    "gunicorn preload": (*GUNICORN, "--preload", "shop:app"),
    "gunicorn gthread": (*GUNICORN, "-k", "gthread", "--threads", "2", "shop:app"),
    "gunicorn gevent": (*GUNICORN, "-k", "gevent", "shop:app"),
    "gunicorn asgi": (*GUNICORN, "-k", "asgi", "shop:asgi"),
    "gunicorn uvicorn": (*GUNICORN, "-k", "uvicorn_worker.UvicornWorker", "shop:asgi"),
    "uvicorn": (*UVICORN, "shop:asgi"),
    "uvicorn with spawned workers": (*UVICORN, "--workers", "2", "shop:asgi"),
    "uvicorn wsgi": (*UVICORN, "--interface", "wsgi", "shop:app"),
    "hypercorn": (*HYPERCORN, "shop:asgi"),
    "hypercorn wsgi": (*HYPERCORN, "wsgi:shop:app"),
    "granian": (*GRANIAN, "--interface", "asgi", "shop:asgi"),
    "granian wsgi": (*GRANIAN, "--interface", "wsgi", "shop:app"),
    "waitress-serve": ("waitress-serve", "--listen", "127.0.0.1:{port}", "shop:app"),
    "waitress": ("python", "-c", WAITRESS, "{port}"),
    "wsgiref": ("python", "-c", WSGIREF, "{port}"),
    "werkzeug": ("python", "-c", WERKZEUG, "{port}"),
    "gevent.pywsgi": ("python", "-c", GEVENT, "{port}"),
    "uwsgi": (*UWSGI, "--module", "shop:app"),
    "uwsgi callable": (*UWSGI, "--module", "shop", "--callable", "app"),
    "uwsgi mount": (*UWSGI, "--mount", "/=shop:app"),
    "uwsgi lazy": (*UWSGI, "--lazy-apps", "--wsgi", "shop:app"),
}

Start = Callable[..., Program]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Writes ``shop.py`` and runs a command beside it; ends it at the end."""
    programs: list[Program] = []

    def begin(source: str, *command: str, port: int) -> Program:
        if command[0] == "uwsgi":
            require_uwsgi()
        (tmp_path / "shop.py").write_text(source)
        words = [word.replace("{port}", str(port)) for word in command]
        program = Program(tmp_path, words)
        programs.append(program)
        return program

    yield begin
    for program in programs:
        program.stop()


def check_counts(program: Program, expected: dict[tuple[str, str], int]) -> None:
    """How often each route and status was counted, and nothing else but the path ``/ready``."""
    name = f"{DURATION}_count"

    def counted() -> dict[tuple[str, str], float]:
        found: dict[tuple[str, str], float] = {}
        for labels, value in program.samples(name):
            key = labels["http_route"], labels["http_response_status_code"]
            found[key] = found.get(key, 0) + value
        return found

    # A request is counted once its answer is sent, which the client may have before.
    wait_for("all requests", lambda: sum(counted().values()) >= sum(expected.values()))
    wait_for("an end", lambda: program.sample("http_server_active_requests") == 0)
    assert counted() == expected, program.log()
    program.check_sound()


@pytest.mark.parametrize("command", SERVERS.values(), ids=SERVERS)
def test_an_application_of_no_framework_is_measured_by_its_server(
    start: Start, command: tuple[str, ...]
) -> None:
    port = free_port()
    program = start(PLAIN, *command, port=port)
    send(program, port, "/item/7", 20)
    assert program.answers(f"http://127.0.0.1:{port}/missing?x=1").status_code == 404
    # Whoever waited for it has asked once or more often; the last answer was 200.
    n_ready = program.sample(f"{DURATION}_count", http_response_status_code="200") - 20
    check_counts(program, {("", "200"): 20 + max(1, int(n_ready)), ("", "404"): 1})


WRAPPED_FLASK = """
from flask import Flask
flask = Flask("shop")
@flask.route("/item/<int:n>")
def item(n):
    return str(n)
@flask.route("/ready")
def ready():
    return "yes"
@flask.route("/broken")
def broken():
    raise KeyError("on purpose")

def app(environ, start_response):
    if environ["PATH_INFO"] == "/missing":
        start_response("404 Not Found", [("Content-Length", "0")])
        return []
    return flask(environ, start_response)
"""

WRAPPED_DJANGO = """
import django.conf
from django.http import HttpResponse
from django.urls import path
def item(request, n=0):
    return HttpResponse(str(n))
def broken(request):
    raise KeyError("on purpose")
urlpatterns = [path("item/<int:n>", item), path("ready", item), path("broken", broken)]
django.conf.settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="x")
from django.core.wsgi import get_wsgi_application
inner = get_wsgi_application()
def app(environ, start_response):
    if environ["PATH_INFO"] == "/missing":
        start_response("404 Not Found", [("Content-Length", "0")])
        return []
    return inner(environ, start_response)
"""

# Made without the function that is hooked; the middleware in its settings tells the route.
WRAPPED_DJANGO_MIDDLEWARE = WRAPPED_DJANGO.replace(
    'SECRET_KEY="x"', 'SECRET_KEY="x", MIDDLEWARE=["pyrometer.instrumentation.django.middleware"]'
).replace(
    "from django.core.wsgi import get_wsgi_application\ninner = get_wsgi_application()",
    "django.setup()\nfrom django.core.handlers.wsgi import WSGIHandler\ninner = WSGIHandler()",
)

WRAPPED_FASTAPI = """
from fastapi import FastAPI
fastapi = FastAPI(title="shop")
@fastapi.get("/item/{n}")
async def item(n: int):
    return n
@fastapi.get("/ready")
async def ready():
    return "yes"
@fastapi.get("/broken")
async def broken():
    raise KeyError("on purpose")

async def asgi(scope, receive, send):
    if scope["type"] == "http" and scope["path"] == "/missing":
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        return
    # A wrapper may hand on a scope of its own.
    await fastapi(dict(scope), receive, send)
"""


@pytest.mark.parametrize(
    ("source", "command", "route"),
    [
        (WRAPPED_FLASK, SERVERS["gunicorn"], "/item/<int:n>"),
        (WRAPPED_FLASK, SERVERS["wsgiref"], "/item/<int:n>"),
        (WRAPPED_DJANGO, SERVERS["gunicorn"], "/item/<int:n>"),
        (WRAPPED_DJANGO_MIDDLEWARE, SERVERS["gunicorn"], "/item/<int:n>"),
        (WRAPPED_FASTAPI, SERVERS["uvicorn"], "/item/{n}"),
        (WRAPPED_FASTAPI, SERVERS["hypercorn"], "/item/{n}"),
    ],
    ids=["Flask", "Flask wsgiref", "Django", "Django middleware", "FastAPI", "FastAPI hypercorn"],
)
def test_a_framework_behind_a_wrapper_keeps_its_routes_and_is_counted_once(
    start: Start, source: str, command: tuple[str, ...], route: str
) -> None:
    port = free_port()
    program = start(source, *command, port=port)
    send(program, port, "/item/7", 5)
    for path, status in (("/missing", 404), ("/nowhere", 404), ("/broken", 500)):
        answer = program.answers(f"http://127.0.0.1:{port}{path}")
        assert answer is not None and answer.status_code == status, program.log()
    count = f"{DURATION}_count"
    ready, broken = "/ready", "/broken"
    wait_for("the last", lambda: program.sample(count, http_route=broken) == 1)
    assert program.sample(count, http_route=broken, error_type="KeyError") == 1, program.log()
    n_ready = int(program.sample(count, http_route=ready))
    check_counts(
        program,
        {
            (route, "200"): 5,
            (ready, "200"): n_ready,
            ("", "404"): 1,
            ("<unmatched>", "404"): 1,
            (broken, "500"): 1,
        },
    )


SERVED_METRICS = """
import signal, prometheus_client
prometheus_client.start_http_server(int(__import__("sys").argv[1]), "127.0.0.1")
signal.pause()
"""


def test_a_server_of_metrics_alone_is_no_service(start: Start) -> None:
    port = free_port()
    program = start("", "python", "-c", SERVED_METRICS, "{port}", port=port)
    wait_for("an answer", lambda: program.answers(f"http://127.0.0.1:{port}/metrics"))
    assert program.samples(f"{DURATION}_count") == []
    program.check_sound()




@pytest.mark.parametrize(
    ("source", "given"),
    [
        ("", []),
        ("Config = 7", []),
        ("class Config: pass", []),
        ("class Config:\n    def load(self): self.loaded_app = None", []),
        ("class Config:\n    def load(self): self.loaded_app = 7", [7]),
        ("class Config:\n    __slots__ = ()\n    loaded_app = 8\n    def load(self): pass", [8]),
        ("class Config:\n    loaded_app = property(lambda _: 1 / 0)\n    def load(self): pass", []),
    ],
)
def test_a_server_that_is_not_what_it_was_goes_on(source: str, given: list[Any]) -> None:
    module = types.ModuleType("uvicorn.config")
    exec(source, vars(module))
    taken: list[Any] = []
    servers.hook("uvicorn.config", module, lambda app, interface: taken.append(app))
    config = getattr(module, "Config", None)
    if hasattr(config, "load"):
        config().load()
    assert taken == given


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {}),
        ({"module": b"shop:app"}, {"shop": "app"}),
        ({b"module": b"shop.wsgi"}, {"shop.wsgi": "application"}),
        ({"module": "shop", "callable": b"app"}, {"shop": "app"}),
        (
            {"mount": [b"/a=shop:app", b"/b=pay:app", b"/c=file.py"]},
            {"shop": "app", "pay": "app", "file.py": "application"},
        ),
        ({"wsgi": True, "module": [True, 7], "mount": [b"", b"="]}, {}),
        ({"module": b"shop:make()"}, {}),
        ({"module": b"../shop:app"}, {}),
        ({"module": b"\xff:app"}, {}),
    ],
)
def test_what_uwsgi_loads_is_told_by_its_options(
    options: dict[Any, Any], expected: dict[str, str]
) -> None:
    assert servers.uwsgi_applications(options) == expected
