"""aiohttp.web through its own test server: real connections on the loopback."""

from __future__ import annotations

import asyncio
from typing import Any, Awaitable, Callable

import counted
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

import pyrometer


async def ok(request: web.Request) -> web.Response:
    return web.Response(text="ok")


async def broken(request: web.Request) -> web.Response:
    raise ValueError("on purpose")


async def missing(request: web.Request) -> web.Response:
    raise web.HTTPNotFound()


async def unavailable(request: web.Request) -> web.Response:
    return web.Response(status=503)


async def stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(3):
        await response.write(b"part")
    await response.write_eof()
    return response


async def generated(request: web.Request) -> web.Response:
    async def parts() -> Any:
        for _ in range(3):
            yield b"part"

    return web.Response(body=parts())


async def file(request: web.Request) -> web.FileResponse:
    return web.FileResponse(__file__)


async def echo(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        await socket.send_str(message.data)
        await socket.close()
    return socket


def shop() -> web.Application:
    app = web.Application()
    app.add_routes(
        [
            web.get("/", ok),
            web.get("/item/{number:[0-9]+}", ok),
            web.post("/item/{number:[0-9]+}", ok),
            web.get("/broken", broken),
            web.get("/missing", missing),
            web.get("/unavailable", unavailable),
            web.get("/stream", stream),
            web.get("/generated", generated),
            web.get("/file", file),
            web.get("/echo/{room}", echo),
        ]
    )
    sub = web.Application()
    sub.add_routes([web.get("/cart/{cart}", ok)])
    app.add_subapp("/shop", sub)
    return app


EXPECTED = {
    ("GET", "/", "200", ""): ["/"],
    ("HEAD", "/", "200", ""): ["/"],
    ("GET", "/item/{number}", "200", ""): ["/item/1", "/item/2"],
    ("POST", "/item/{number}", "200", ""): ["/item/3"],
    ("DELETE", "<unmatched>", "405", ""): ["/item/3"],
    ("GET", "<unmatched>", "404", ""): ["/nowhere", "/wp-login.php"],
    ("GET", "/broken", "500", "ValueError"): ["/broken"],
    ("GET", "/missing", "404", ""): ["/missing"],
    ("GET", "/unavailable", "503", "503"): ["/unavailable"],
    ("GET", "/stream", "200", ""): ["/stream"],
    ("GET", "/generated", "200", ""): ["/generated"],
    ("GET", "/file", "200", ""): ["/file"],
    ("GET", "/shop/cart/{cart}", "200", ""): ["/shop/cart/1", "/shop/cart/2"],
}


def measured_inside() -> web.Application:
    app = web.Application()
    sub = pyrometer.init(shop(), registry=pyrometer.CollectorRegistry())
    app.add_subapp("/inside", sub)
    return app


def serve(app: web.Application, talk: Callable[[TestClient], Awaitable[None]]) -> None:
    async def run() -> None:
        async with TestClient(TestServer(app)) as client:
            await talk(client)

    asyncio.run(run())


def test_requests_are_counted_once_by_their_routes() -> None:
    registry = pyrometer.CollectorRegistry()
    app = pyrometer.init(shop(), registry=registry)
    assert pyrometer.init(app, registry=registry) is app

    async def talk(client: TestClient) -> None:
        for (method, *_), paths in EXPECTED.items():
            for path in paths:
                async with client.request(method, path) as response:
                    await response.read()

    serve(app, talk)
    wanted = {key: float(len(paths)) for key, paths in EXPECTED.items()}
    assert counted.requests(registry) == wanted
    assert counted.active(registry) == 0


def test_a_measured_application_in_another_is_counted_with_the_whole_template() -> None:
    registry = pyrometer.CollectorRegistry()
    app = pyrometer.init(measured_inside(), registry=registry)

    async def talk(client: TestClient) -> None:
        for path in ("/inside/item/1", "/inside/shop/cart/2", "/item/3"):
            await client.get(path)

    serve(app, talk)
    assert counted.requests(registry) == {
        ("GET", "/inside/item/{number}", "200", ""): 1,
        ("GET", "/inside/shop/cart/{cart}", "200", ""): 1,
        ("GET", "<unmatched>", "404", ""): 1,
    }


def test_a_client_that_goes_before_the_answer_leaves_nothing_in_progress() -> None:
    registry = pyrometer.CollectorRegistry()
    app = web.Application()
    entered = asyncio.Event()

    async def handler(request: web.Request) -> web.Response:
        entered.set()
        while request.transport is not None:
            await asyncio.sleep(0)
        return web.Response(text="too late")

    app.add_routes([web.get("/", handler)])
    pyrometer.init(app, registry=registry)

    async def talk(client: TestClient) -> None:
        asking = asyncio.ensure_future(client.get("/"))
        await entered.wait()
        assert counted.active(registry) == 1
        asking.cancel()
        for _ in range(100_000):
            if not counted.active(registry):
                break
            await asyncio.sleep(0)

    serve(app, talk)
    assert counted.active(registry) == 0
    assert sum(counted.requests(registry).values()) == 1


def test_a_response_is_measured_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("pyrometer.instrumentation.http.perf_counter", lambda: now[0])
    registry = pyrometer.CollectorRegistry()
    app = web.Application()

    async def handler(request: web.Request) -> web.Response:
        async def parts() -> Any:
            for _ in range(3):
                now[0] += 1.0
                assert counted.active(registry) == 1
                yield b"part"

        return web.Response(body=parts())

    app.add_routes([web.get("/", handler)])
    pyrometer.init(app, registry=registry)

    async def talk(client: TestClient) -> None:
        async with client.get("/") as response:
            assert await response.text() == "part" * 3

    serve(app, talk)
    assert counted.requests(registry) == {("GET", "/", "200", ""): 1}
    assert counted.seconds(registry) == 3.0


def test_websockets_are_sessions_of_their_own() -> None:
    registry = pyrometer.CollectorRegistry()
    app = pyrometer.init(shop(), registry=registry)

    async def talk(client: TestClient) -> None:
        for room in ("a", "b"):
            async with client.ws_connect(f"/echo/{room}") as socket:
                name = "websocket_server_active_sessions"
                assert registry.get_sample_value(name) == 1
                await socket.send_str("hello")
                assert (await socket.receive()).data == "hello"
                await socket.receive()

    serve(app, talk)
    name = "websocket_server_session_duration_seconds_count"
    labels = ("http_route", "error_type")
    assert counted.samples(registry, name, labels) == {("/echo/{room}", ""): 2}
    assert registry.get_sample_value("websocket_server_active_sessions") == 0
    assert counted.requests(registry) == {}


def test_the_time_in_the_queue_is_taken_from_the_proxys_header(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    registry = pyrometer.CollectorRegistry()
    app = pyrometer.init(shop(), registry=registry)
    given = []
    server = pyrometer.instrumentation.http.http_server(registry)
    monkeypatch.setattr(server, "observe_queue", given.append)

    async def talk(client: TestClient) -> None:
        await client.get("/", headers={"X-Request-Start": "t=1"})
        await client.get("/", headers={"X-Queue-Start": "2"})
        await client.get("/")

    serve(app, talk)
    assert given == ["t=1", "2"]
