"""gRPC servers, of threads and of asyncio, on real connections."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import counted
import grpc
import grpc.aio
import pytest

import pyrometer
import pyrometer.instrumentation.grpc as module

LABELS = ("rpc_method", "rpc_response_status_code", "error_type")


def echo(request: bytes, context: Any) -> bytes:
    return request


def broken(request: bytes, context: Any) -> bytes:
    raise ValueError("on purpose")


def refused(request: bytes, context: Any) -> bytes:
    context.abort(grpc.StatusCode.NOT_FOUND, "on purpose")
    return b""


def count(request: bytes, context: Any) -> Any:
    for number in range(3):
        yield str(number).encode()


def total(requests: Any, context: Any) -> bytes:
    return str(sum(1 for _ in requests)).encode()


async def echo_async(request: bytes, context: Any) -> bytes:
    return request


async def broken_async(request: bytes, context: Any) -> bytes:
    raise ValueError("on purpose")


async def refused_async(request: bytes, context: Any) -> bytes:
    await context.abort(grpc.StatusCode.NOT_FOUND, "on purpose")
    return b""


async def count_async(request: bytes, context: Any) -> Any:
    for number in range(3):
        yield str(number).encode()


async def total_async(requests: Any, context: Any) -> bytes:
    return str(len([one async for one in requests])).encode()


UNKNOWN = ("_OTHER", "UNIMPLEMENTED", "UNIMPLEMENTED")
EXPECTED = {
    ("shop.Cart/Echo", "OK", ""): 2,
    ("shop.Cart/Broken", "UNKNOWN", "ValueError"): 1,
    ("shop.Cart/Refused", "NOT_FOUND", ""): 1,
    ("shop.Cart/Count", "OK", ""): 1,
    ("shop.Cart/Total", "OK", ""): 1,
    UNKNOWN: 2,
}


def method_handlers(
    echo: Any, broken: Any, refused: Any, count: Any, total: Any
) -> dict[str, Any]:
    return {
        "Echo": grpc.unary_unary_rpc_method_handler(echo),
        "Broken": grpc.unary_unary_rpc_method_handler(broken),
        "Refused": grpc.unary_unary_rpc_method_handler(refused),
        "Count": grpc.unary_stream_rpc_method_handler(count),
        "Total": grpc.stream_unary_rpc_method_handler(total),
    }


def handlers(*methods: Any) -> Any:
    return grpc.method_handlers_generic_handler("shop.Cart", method_handlers(*methods))


def other_service() -> Any:
    """One that has none of the methods."""
    return grpc.method_handlers_generic_handler("shop.Other", {})


def talk(port: int) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        for name in ("Echo", "Echo", "Broken", "Refused", "Nothing", "Scan"):
            try:
                channel.unary_unary(f"/shop.Cart/{name}")(b"hello", timeout=20)
            except grpc.RpcError:
                assert name != "Echo"
        assert list(channel.unary_stream("/shop.Cart/Count")(b"", timeout=20)) == [
            b"0",
            b"1",
            b"2",
        ]
        assert channel.stream_unary("/shop.Cart/Total")(iter([b"a", b"b"]), timeout=20) == b"2"


def check(registry: Any, differences: dict[tuple[str, ...], int] = {}) -> None:
    found = counted.samples(registry, "rpc_server_call_duration_seconds_count", LABELS)
    wanted = {**EXPECTED, **differences}
    assert found == {key: count for key, count in wanted.items() if count}
    assert counted.samples(registry, "rpc_server_active_calls", LABELS[:1]) == {}


def test_calls_of_a_server_of_threads_are_counted_once() -> None:
    registry = pyrometer.CollectorRegistry()
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((handlers(echo, broken, refused, count, total),))
    assert pyrometer.init(server, registry=registry) is server
    assert pyrometer.init(server, registry=registry) is server
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    talk(port)
    server.stop(None).wait(20)
    check(registry)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("is_registered", [False, True])
@pytest.mark.parametrize("ways", [{"interceptor"}, {"init"}, {"interceptor", "init"}])
def test_calls_of_an_asyncio_server_are_counted_once(ways: set[str], is_registered: bool) -> None:
    registry = pyrometer.CollectorRegistry()

    async def run() -> None:
        interceptors = [module.aio_interceptor(registry)] if "interceptor" in ways else []
        server = grpc.aio.server(interceptors=interceptors)
        if "init" in ways:
            assert pyrometer.init(server, registry=registry) is server
            assert pyrometer.init(server, registry=registry) is server
            assert isinstance(server, grpc.aio.Server)
        methods = (echo_async, broken_async, refused_async, count_async, total_async)
        # Generated code does both.
        server.add_generic_rpc_handlers((other_service(), handlers(*methods)))
        if is_registered:
            server.add_registered_method_handlers("shop.Cart", method_handlers(*methods))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        await asyncio.to_thread(talk, port)
        await server.stop(None)

    asyncio.run(run())
    # Only an interceptor hears of what no service has.
    check(registry, {} if "interceptor" in ways else {UNKNOWN: 0})


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_functions_without_async_of_an_asyncio_server_are_counted_too() -> None:
    registry = pyrometer.CollectorRegistry()

    async def run() -> None:
        server = pyrometer.init(grpc.aio.server(ThreadPoolExecutor(4)), registry=registry)
        server.add_generic_rpc_handlers((handlers(echo, broken, refused, count, total),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        await asyncio.to_thread(talk, port)
        await server.stop(None)

    asyncio.run(run())
    # grpc does not tell with which code they gave up.
    refusal = {("shop.Cart/Refused", "NOT_FOUND", ""): 0, ("shop.Cart/Refused", "", "AbortError"): 1}
    check(registry, {UNKNOWN: 0, **refusal})
