"""pymemcache, against a real server."""

from __future__ import annotations

import pymemcache
import pytest

from .conftest import Calls
from .servers import free_port


def test_methods_are_counted_by_command(memcached: int, calls: Calls) -> None:
    client = pymemcache.Client(("127.0.0.1", memcached))
    client.set("a", b"1")
    client.set_many({"b": b"2", "c": b"3"})
    assert client.get_multi(["a", "b"]) == {"a": b"1", "b": b"2"}
    client.delete_many(["a", "b"])
    client.set("d", b"text", noreply=False)
    with pytest.raises(pymemcache.MemcacheClientError):
        client.incr("d", 1)
    client.close()
    peer = f"db 127.0.0.1:{memcached} memcached"
    assert calls() == sorted([
        f"{peer} delete",
        f"{peer} get",
        f"{peer} incr MemcacheClientError",
        *[f"{peer} set"] * 3,
    ])


@pytest.mark.parametrize("kind", [pymemcache.PooledClient, pymemcache.HashClient])
def test_clients_on_top_of_it_are_counted_once(
    kind: type, memcached: int, calls: Calls
) -> None:
    server = ("127.0.0.1", memcached)
    client = kind([server] if kind is pymemcache.HashClient else server)
    client.set("e", b"1", noreply=False)
    assert client.get("e") == b"1"
    client.close()
    peer = f"db 127.0.0.1:{memcached} memcached"
    assert calls() == [f"{peer} get", f"{peer} set"]


def test_a_refused_connection_is_an_error(calls: Calls) -> None:
    port = free_port()
    with pytest.raises(ConnectionRefusedError):
        pymemcache.Client(("127.0.0.1", port)).get("a")
    assert calls() == [f"db 127.0.0.1:{port} memcached get ConnectionRefusedError"]
