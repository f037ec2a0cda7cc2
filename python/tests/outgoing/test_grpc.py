"""gRPC's client, against a real server in this process."""

from __future__ import annotations

import asyncio
from concurrent import futures
from typing import Any, Iterator

import grpc
import grpc.aio
import pytest

from pyrometer.outgoing.grpc import peer_of_target

from .conftest import Calls
from .servers import free_port


class Echo(grpc.GenericRpcHandler):
    def service(self, details: Any) -> Any:
        def broken(request: bytes, context: Any) -> bytes:
            context.abort(grpc.StatusCode.NOT_FOUND, "secret")

        handlers = {
            "/shop.Cart/Get": grpc.unary_unary_rpc_method_handler(lambda request, _: request),
            "/shop.Cart/List": grpc.unary_stream_rpc_method_handler(lambda r, _: iter([r] * 3)),
            "/shop.Cart/Put": grpc.stream_unary_rpc_method_handler(lambda rs, _: b"".join(rs)),
            "/shop.Cart/Broken": grpc.unary_unary_rpc_method_handler(broken),
        }
        return handlers.get(details.method)


@pytest.fixture
def server() -> Iterator[int]:
    made = grpc.server(futures.ThreadPoolExecutor(4))
    made.add_generic_rpc_handlers((Echo(),))
    port = made.add_insecure_port("127.0.0.1:0")
    made.start()
    yield port
    made.stop(None).wait()


def test_calls_are_counted_by_method_and_status(server: int, calls: Calls) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{server}") as channel:
        assert channel.unary_unary("/shop.Cart/Get")(b"a") == b"a"
        assert channel.unary_unary("/shop.Cart/Get").future(b"a").result() == b"a"
        assert list(channel.unary_stream("/shop.Cart/List")(b"a")) == [b"a"] * 3
        assert channel.stream_unary("/shop.Cart/Put")(iter([b"a", b"b"])) == b"ab"
        with pytest.raises(grpc.RpcError) as raised:
            channel.unary_unary("/shop.Cart/Broken")(b"a")
        assert raised.value.code() is grpc.StatusCode.NOT_FOUND
    port = free_port()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        with pytest.raises(grpc.RpcError):
            channel.unary_unary("/shop.Cart/Get")(b"a", timeout=5)
    peer = f"rpc 127.0.0.1:{server} grpc shop.Cart"
    assert calls() == sorted([
        f"{peer}/Get OK",
        f"{peer}/Get OK",
        f"{peer}/List OK",
        f"{peer}/Put OK",
        f"{peer}/Broken NOT_FOUND NOT_FOUND",
        f"rpc 127.0.0.1:{port} grpc shop.Cart/Get UNAVAILABLE UNAVAILABLE",
    ])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_calls_of_asyncio_are_counted_by_method_and_status(server: int, calls: Calls) -> None:
    seen: list[str] = []

    class Theirs(grpc.aio.UnaryUnaryClientInterceptor):  # type: ignore[misc]
        async def intercept_unary_unary(self, then: Any, details: Any, request: Any) -> Any:
            seen.append("theirs")
            return await then(details, request)

    async def ask(port: int) -> None:
        interceptors = [Theirs()]
        async with grpc.aio.insecure_channel(
            f"127.0.0.1:{server}", interceptors=interceptors
        ) as channel:
            assert await channel.unary_unary("/shop.Cart/Get")(b"a") == b"a"
            with pytest.raises(grpc.aio.AioRpcError):
                await channel.unary_unary("/shop.Cart/Broken")(b"a")
        async with grpc.aio.insecure_channel(f"127.0.0.1:{server}") as channel:
            assert isinstance(channel, grpc.aio.Channel)
            call = channel.unary_unary("/shop.Cart/Get")(b"a")
            assert isinstance(call, grpc.aio.UnaryUnaryCall) and await call == b"a"
            assert [one async for one in channel.unary_stream("/shop.Cart/List")(b"a")] == [
                *[b"a"] * 3
            ]
            call = channel.stream_unary("/shop.Cart/Put")()
            await call.write(b"a")
            await call.write(b"b")
            await call.done_writing()
            assert await call == b"ab"
            with pytest.raises(grpc.aio.AioRpcError):
                await channel.unary_unary("/shop.Cart/Broken")(b"a")
            call = channel.unary_unary("/shop.Cart/Get")(b"a")
            assert call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            with pytest.raises(grpc.aio.AioRpcError):
                await channel.unary_unary("/shop.Cart/Get")(b"a", timeout=5)

    port = free_port()
    asyncio.run(ask(port))
    assert seen == ["theirs"] * 2
    peer = f"rpc 127.0.0.1:{server} grpc shop.Cart"
    assert calls() == sorted([
        f"{peer}/Get OK",
        f"{peer}/Get OK",
        f"{peer}/Get CANCELLED CANCELLED",
        f"{peer}/List OK",
        f"{peer}/Put OK",
        f"{peer}/Broken NOT_FOUND NOT_FOUND",
        f"{peer}/Broken NOT_FOUND NOT_FOUND",
        f"rpc 127.0.0.1:{port} grpc shop.Cart/Get UNAVAILABLE UNAVAILABLE",
    ])


@pytest.mark.parametrize(
    ("target", "peer"),
    [
        ("cart:50051", ("cart", "50051")),
        ("cart", ("cart", "443")),
        ("dns:///cart:80", ("cart", "80")),
        ("dns://1.1.1.1/cart:80", ("cart", "80")),
        ("ipv6:[::1]:80", ("::1", "80")),
        ("unix:/run/cart.sock", ("/run/cart.sock", "")),
        ("unix:///run/cart.sock", ("/run/cart.sock", "")),
        ("", ("", "443")),
    ],
)
def test_a_target_names_its_peer(target: str, peer: tuple[str, str]) -> None:
    assert peer_of_target(target) == peer
