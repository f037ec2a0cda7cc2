"""redis-py, against a real server."""

from __future__ import annotations

import asyncio

import pytest
import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.retry import Retry

from .conftest import Calls
from .servers import free_port


def test_a_command_is_counted_by_its_name_never_its_key(redis_port: int, calls: Calls) -> None:
    with redis.Redis(port=redis_port, db=2) as client:
        client.set("a", 1)
        assert client.get("a") == b"1"
        assert client.execute_command("get a") == b"1"
        client.config_get("port")
    peer = f"db localhost:{redis_port} redis 2"
    assert calls() == [f"{peer} CONFIG", f"{peer} GET", f"{peer} GET", f"{peer} SET"]


def test_a_pipeline_is_one_operation(redis_port: int, calls: Calls) -> None:
    with redis.Redis(port=redis_port) as client:
        with client.pipeline() as pipe:
            pipe.watch("b")
            pipe.multi()
            pipe.set("b", 1).get("b")
            assert pipe.execute() == [True, b"1"]
        with client.pipeline(transaction=False) as pipe:
            pipe.get("b").get("b")
            assert pipe.execute() == [b"1", b"1"]
            assert pipe.execute() == []
    peer = f"db localhost:{redis_port} redis 0"
    assert calls() == [f"{peer} MULTI", f"{peer} PIPELINE", f"{peer} WATCH"]


def test_asyncio_is_the_same(redis_port: int, calls: Calls) -> None:
    async def ask() -> None:
        async with redis.asyncio.Redis(port=redis_port) as client:
            await asyncio.gather(*(client.set("c", at) for at in range(10)))
            async with client.pipeline(transaction=True) as pipe:
                await pipe.get("c").get("c").execute()

    asyncio.run(ask())
    peer = f"db localhost:{redis_port} redis 0"
    assert calls() == [f"{peer} MULTI"] + [f"{peer} SET"] * 10


def test_errors_are_counted_by_type_and_pass_through(redis_port: int, calls: Calls) -> None:
    with redis.Redis(port=redis_port) as client:
        client.set("d", "text")
        with pytest.raises(redis.ResponseError):
            client.incr("d")
        with pytest.raises(redis.ResponseError):
            client.execute_command("MAKE-COFFEE", "now")
    port = free_port()
    once = Retry(NoBackoff(), 0)
    with redis.Redis(port=port, retry=once) as client, pytest.raises(redis.ConnectionError):
        client.ping()
    with redis.Redis(port=redis_port, socket_timeout=0.05, retry=once) as client:
        with pytest.raises(redis.TimeoutError):
            client.blpop("nothing", 1)
    peer = f"db localhost:{redis_port} redis 0"
    assert calls() == sorted([
        f"{peer} BLPOP TimeoutError",
        f"{peer} INCRBY ResponseError",
        f"{peer} SET",
        f"{peer} _OTHER ResponseError",
        f"db localhost:{port} redis 0 PING ConnectionError",
    ])
