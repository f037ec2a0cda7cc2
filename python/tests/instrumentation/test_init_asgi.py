"""ASGI applications, Starlette and FastAPI, through their own test client and through uvicorn."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Iterator

import counted
import pytest
from conftest import PACKAGE_DIR, wait_for
from fastapi import APIRouter, BackgroundTasks, FastAPI
from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route, Router, WebSocketRoute
from starlette.testclient import TestClient

import pyrometer
from pyrometer.instrumentation import asgi


async def plain(request: Any) -> PlainTextResponse:
    return PlainTextResponse("ok")


def plain_sync(request: Any) -> PlainTextResponse:
    return PlainTextResponse("ok")


async def broken(request: Any) -> PlainTextResponse:
    raise ValueError("on purpose")


async def unavailable(request: Any) -> PlainTextResponse:
    return PlainTextResponse("no", 503)


async def stream(request: Any) -> StreamingResponse:
    async def parts() -> Any:
        for _ in range(3):
            yield b"part"

    return StreamingResponse(parts())


async def broken_stream(request: Any) -> StreamingResponse:
    async def parts() -> Any:
        yield b"part"
        raise KeyError("on purpose")

    return StreamingResponse(parts())


async def echo(websocket: Any) -> None:
    await websocket.accept()
    await websocket.send_text(await websocket.receive_text())
    await websocket.close()


async def broken_socket(websocket: Any) -> None:
    await websocket.accept()
    raise ValueError("on purpose")


async def files(scope: Any, receive: Any, send: Any) -> None:
    await PlainTextResponse("file")(scope, receive, send)


def starlette(**kwargs: Any) -> Starlette:
    return Starlette(
        routes=[
            Route("/", plain),
            Route("/item/{number:int}", plain_sync, methods=["GET", "POST"]),
            Route("/broken", broken),
            Route("/unavailable", unavailable),
            Route("/stream", stream),
            Route("/broken-stream", broken_stream),
            Mount("/shop/{tenant}", routes=[Route("/cart/{cart}", plain), Route("/", plain)]),
            Mount("/files", files),
            WebSocketRoute("/echo/{room}", echo),
            WebSocketRoute("/broken-socket", broken_socket),
        ],
        **kwargs,
    )


def with_base_middleware() -> Starlette:
    async def dispatch(request: Any, call_next: Any) -> Any:
        return await call_next(request)

    app = starlette()
    app.add_middleware(BaseHTTPMiddleware, dispatch=dispatch)
    return app


def fastapi() -> FastAPI:
    app = FastAPI(title="shop")
    inner = APIRouter(prefix="/inner")
    outer = APIRouter(prefix="/outer/{name}")
    sub = FastAPI()

    @app.get("/")
    async def index() -> str:
        return "ok"

    @app.get("/item/{number}")
    @app.post("/item/{number}")
    def item(number: int) -> int:
        return number

    @app.get("/broken")
    def fails() -> None:
        raise ValueError("on purpose")

    @inner.get("/{thing}")
    def thing(thing: str) -> str:
        return thing

    @sub.get("/cart/{cart}")
    def cart(cart: str) -> str:
        return cart

    outer.include_router(inner)
    app.include_router(outer)
    app.mount("/shop/{tenant}", sub)
    return app


COMMON = {
    ("GET", "/", "200", ""): ["/"],
    ("GET", "/item/{number}", "200", ""): ["/item/1", "/item/2"],
    ("GET", "<unmatched>", "404", ""): ["/nowhere", "/wp-login.php"],
    ("GET", "/broken", "500", "ValueError"): ["/broken"],
    ("GET", "/shop/{tenant}/cart/{cart}", "200", ""): ["/shop/a/cart/1", "/shop/b/cart/2"],
    ("GET", "/shop/{tenant}/{path}", "404", ""): ["/shop/a/nothing"],
}
STARLETTE = {
    **COMMON,
    ("GET", "/unavailable", "503", "503"): ["/unavailable"],
    ("GET", "/stream", "200", ""): ["/stream"],
    ("GET", "/broken-stream", "200", "KeyError"): ["/broken-stream"],
    ("GET", "/files/{path}", "200", ""): ["/files/a/b.css", "/files/c.js"],
    ("POST", "/item/{number}", "200", ""): ["/item/3"],
    ("DELETE", "/item/{number}", "405", ""): ["/item/3"],
    ("HEAD", "/", "200", ""): ["/"],
    ("_OTHER", "/item/{number}", "405", ""): ["/item/4"],
}
FASTAPI = {
    **COMMON,
    ("GET", "/item/{number}", "422", ""): ["/item/none"],
    ("POST", "/item/{number}", "200", ""): ["/item/3"],
    ("DELETE", "/item/{number}", "405", ""): ["/item/3"],
    ("GET", "/outer/{name}/inner/{thing}", "200", ""): ["/outer/a/inner/b", "/outer/c/inner/d"],
}

Expected = dict[tuple[str, ...], list[str]]


def check(app: Any, expected: Expected) -> None:
    registry = pyrometer.CollectorRegistry()
    app = pyrometer.init(app, registry=registry)
    assert pyrometer.init(app, registry=registry) is app
    send_all(app, expected)
    # A second application of the same registry, and the same again: all add up.
    wanted = {key: float(len(paths)) for key, paths in expected.items()}
    assert counted.requests(registry) == wanted
    assert counted.active(registry) == 0


def send_all(app: Any, expected: Expected) -> None:
    client = TestClient(app, raise_server_exceptions=False)
    for (method, *_), paths in expected.items():
        for path in paths:
            client.request("BREW" if method == "_OTHER" else method, path)


def started(app: Any) -> Any:
    TestClient(app).get("/")
    return app


def around(inner: Any) -> Any:
    async def outer(scope: Any, receive: Any, send: Any) -> None:
        await inner(scope, receive, send)

    return outer


def mounted_and_measured() -> Any:
    app = FastAPI()
    app.mount("/sub", pyrometer.init(fastapi(), registry=pyrometer.CollectorRegistry()))
    return app


APPS: dict[str, tuple[Callable[[], Any], Expected]] = {
    "Starlette": (starlette, STARLETTE),
    "Starlette with BaseHTTPMiddleware": (with_base_middleware, STARLETTE),
    "Starlette that ran already": (lambda: started(starlette()), STARLETTE),
    "FastAPI": (fastapi, FASTAPI),
    "FastAPI that ran already": (lambda: started(fastapi()), FASTAPI),
    "Router": (
        lambda: Router(routes=starlette().routes[:2]),
        {
            ("GET", "/", "200", ""): ["/"],
            ("GET", "/item/{number}", "200", ""): ["/item/1"],
            ("GET", "<unmatched>", "404", ""): ["/nowhere"],
        },
    ),
    "any ASGI application": (lambda: files, {("GET", "", "200", ""): ["/a", "/b"]}),
    "Starlette in any ASGI application": (
        lambda: around(starlette()),
        {("GET", "/item/{number}", "200", ""): ["/item/1", "/item/2"]},
    ),
    "FastAPI in FastAPI, both measured": (
        mounted_and_measured,
        {("GET", "/sub/item/{number}", "200", ""): ["/sub/item/1", "/sub/item/2"]},
    ),
}


@pytest.mark.parametrize(("build", "expected"), APPS.values(), ids=APPS)
def test_requests_are_counted_once_by_their_routes(
    build: Callable[[], Any], expected: Expected
) -> None:
    check(build(), expected)


def test_websockets_are_sessions_of_their_own() -> None:
    registry = pyrometer.CollectorRegistry()
    client = TestClient(pyrometer.init(starlette(), registry=registry))
    for room in ("a", "b"):
        with client.websocket_connect(f"/echo/{room}") as socket:
            name = "websocket_server_active_sessions"
            assert registry.get_sample_value(name) == 1
            socket.send_text("hello")
            assert socket.receive_text() == "hello"
    with pytest.raises(ValueError, match="on purpose"):
        with client.websocket_connect("/broken-socket") as socket:
            socket.receive_text()
    name = "websocket_server_session_duration_seconds_count"
    assert counted.samples(registry, name, ("http_route", "error_type")) == {
        ("/echo/{room}", ""): 2,
        ("/broken-socket", "ValueError"): 1,
    }
    assert registry.get_sample_value("websocket_server_active_sessions") == 0
    assert counted.requests(registry) == {}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """A clock that a test moves: what passes is what the test says, not what the machine does."""
    now = [1000.0]
    monkeypatch.setattr("pyrometer.instrumentation.http.perf_counter", lambda: now[0])
    yield now


def test_a_stream_is_measured_to_its_end_and_a_background_task_not_at_all(
    clock: list[float],
) -> None:
    registry = pyrometer.CollectorRegistry()
    app = FastAPI()
    in_background: list[float] = []

    def work() -> None:
        in_background.append(counted.active(registry))
        clock[0] += 100.0

    @app.get("/")
    async def index(tasks: BackgroundTasks) -> StreamingResponse:
        async def parts() -> Any:
            for _ in range(3):
                clock[0] += 1.0
                assert counted.active(registry) == 1
                yield b"part"

        tasks.add_task(work)
        return StreamingResponse(parts())

    client = TestClient(pyrometer.init(app, registry=registry))
    assert client.get("/").text == "part" * 3
    assert counted.requests(registry) == {("GET", "/", "200", ""): 1}
    assert counted.seconds(registry) == 3.0
    assert in_background == [0]


async def call(app: Any, headers: Any = (), scope: Any = None) -> list[Any]:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    if scope is None:
        scope = {"type": "http", "method": "GET", "path": "/", "headers": list(headers)}
    await app(scope, receive, send)
    return sent


def test_the_time_in_the_queue_is_taken_from_the_proxys_header(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pyrometer.instrumentation.http.time.time", lambda: 1_700_000_000.0)
    registry = pyrometer.CollectorRegistry()
    app = pyrometer.init(files, registry=registry)
    for headers in (
        [(b"x-request-start", b"t=1699999999.750")],
        [(b"host", b"shop"), (b"x-queue-start", b"1699999999500")],
        [(b"x-request-start", b"nonsense")],
        [],
    ):
        asyncio.run(call(app, headers))
    name = "http_server_request_queue_duration_seconds"
    assert registry.get_sample_value(f"{name}_count") == 2
    assert registry.get_sample_value(f"{name}_sum") == pytest.approx(0.75)


def test_who_goes_before_the_answer_is_counted_without_a_status() -> None:
    registry = pyrometer.CollectorRegistry()

    async def waits(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.Event().wait()

    async def cancel() -> None:
        task = asyncio.ensure_future(call(pyrometer.init(waits, registry=registry)))
        await asyncio.sleep(0)
        assert counted.active(registry) == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert counted.requests(registry) == {("GET", "", "", "CancelledError"): 1}
    assert counted.active(registry) == 0


def test_an_application_without_an_answer_gets_through() -> None:
    registry = pyrometer.CollectorRegistry()

    async def silent(scope: Any, receive: Any, send: Any) -> None:
        return

    app = pyrometer.init(silent, registry=registry)
    assert asyncio.run(call(app)) == []
    assert counted.requests(registry) == {("GET", "", "", ""): 1}


def test_a_scope_that_breaks_the_rules_reaches_the_application() -> None:
    registry = pyrometer.CollectorRegistry()
    app = pyrometer.init(files, registry=registry)
    for scope in (
        {"type": "http", "path": "/"},
        {"type": "http", "method": ["GET"], "headers": [], "path": "/"},
        {"type": "http", "method": "GET", "headers": [(b"a",)], "path": "/"},
    ):
        sent = asyncio.run(call(app, scope=scope))
        assert [message["type"] for message in sent] == [
            "http.response.start",
            "http.response.body",
        ]
        assert asgi.KEY not in scope
    assert counted.active(registry) == 0


def test_the_lifespan_passes() -> None:
    seen = []

    async def lifespan(app: Any) -> Any:
        seen.append("up")
        yield
        seen.append("down")

    from contextlib import asynccontextmanager

    app = starlette(lifespan=asynccontextmanager(lifespan))
    registry = pyrometer.CollectorRegistry()
    with TestClient(pyrometer.init(app, registry=registry)) as client:
        assert client.get("/").status_code == 200
    assert seen == ["up", "down"]
    assert counted.requests(registry) == {("GET", "/", "200", ""): 1}


SHOP = """
import fastapi, pyrometer
from fastapi.responses import StreamingResponse

app = pyrometer.init(fastapi.FastAPI(title="shop"))

@app.get("/item/{number}")
async def item(number: int):
    return number

@app.get("/stream")
async def stream():
    return StreamingResponse(iter([b"x"] * 100))

@app.get("/broken")
async def broken():
    raise ValueError("on purpose")

app.mount("/metrics", pyrometer.make_asgi_app())
"""


def test_uvicorns_workers_add_up(tmp_path: Path) -> None:
    import requests

    (tmp_path / "shop.py").write_text(SHOP)
    env = {
        **os.environ,
        "PYTHONPATH": f"{PACKAGE_DIR}{os.pathsep}{tmp_path}",
        "PYROMETER_RUNTIME_DIR": str(tmp_path / "runtime"),
    }
    arguments = ["-m", "uvicorn", "shop:app", "--workers", "2", "--port", "0"]
    log_path = tmp_path / "log"
    with open(log_path, "w") as log:
        server = subprocess.Popen(
            [sys.executable, *arguments], cwd=tmp_path, env=env, stdout=log, stderr=log
        )
    try:

        def url() -> str:
            for line in log_path.read_text().splitlines():
                if "Uvicorn running on " in line:
                    return line.partition("Uvicorn running on ")[2].split()[0]
            assert server.poll() is None, log_path.read_text()
            return ""

        base = wait_for("uvicorn to say where it is", url)
        wait_for(
            "both workers",
            lambda: log_path.read_text().count("Application startup complete") == 2,
        )
        paths = ["/item/1", "/item/2", "/stream", "/broken", "/nowhere"]
        for path in paths * 10:
            requests.get(base + path, headers={"Connection": "close"}, timeout=10)
        text = requests.get(base + "/metrics/", timeout=10).text
        found = {
            line.split("} ")[0].split("http_route=")[1].split('"')[1]: float(line.split("} ")[1])
            for line in text.splitlines()
            if line.startswith(f"{counted.DURATION}_count")
        }
        assert found == {"/item/{number}": 20, "/stream": 10, "/broken": 10, "<unmatched>": 10}
        assert 'error_type="ValueError"' in text
    finally:
        server.terminate()
        server.wait(20)
