"""HTTP clients, against a real server in a thread."""

from __future__ import annotations

import asyncio
import inspect
import os
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Callable

import aiohttp
import botocore.session
import httpx
import pytest
import requests
import urllib3

from pyrometer import outgoing

from .conftest import Calls
from .servers import HttpServer, free_port


def with_urllib3(url: str, method: str = "GET", timeout: float = 10) -> object:
    with urllib3.PoolManager() as pool:
        return pool.request(method, url, timeout=timeout, retries=False).status


def with_requests(url: str, method: str = "GET", timeout: float = 10) -> object:
    return requests.request(method, url, timeout=timeout).status_code


def with_httpx(url: str, method: str = "GET", timeout: float = 10) -> object:
    with httpx.Client(trust_env=False, timeout=timeout, follow_redirects=True) as client:
        return client.request(method, url).status_code


def with_httpx_async(url: str, method: str = "GET", timeout: float = 10) -> object:
    async def ask() -> int:
        async with httpx.AsyncClient(
            trust_env=False, timeout=timeout, follow_redirects=True
        ) as client:
            return (await client.request(method, url)).status_code

    return asyncio.run(ask())


def with_aiohttp(url: str, method: str = "GET", timeout: float = 10) -> object:
    async def ask() -> int:
        limit = aiohttp.ClientTimeout(sock_read=timeout)
        async with aiohttp.ClientSession(timeout=limit) as session:
            async with session.request(method, url) as response:
                await response.read()
                return response.status

    return asyncio.run(ask())


def with_urllib(url: str, method: str = "GET", timeout: float = 10) -> object:
    request = urllib.request.Request(url, method=method)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            return response.status
    except urllib.error.HTTPError as answer:
        with answer:
            return answer.status


CLIENTS = [
    *(with_urllib3, with_requests, with_httpx, with_httpx_async, with_aiohttp, with_urllib),
]
Client = Callable[..., Any]


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(
    ("path", "method", "expected"),
    [
        ("/", "GET", ["GET 200"]),
        ("/", "HEAD", ["HEAD 200"]),
        ("/status/404", "GET", ["GET 404 404"]),
        ("/status/500", "PUT", ["PUT 500 500"]),
        ("/stream", "GET", ["GET 200"]),
    ],
)
def test_a_request_is_counted_once(
    client: Client, path: str, method: str, expected: list[str], web: HttpServer, calls: Calls
) -> None:
    client(web.url + path, method)
    assert calls() == [f"http 127.0.0.1:{web.port} {one}" for one in expected]


@pytest.mark.parametrize(
    "client", [with_requests, with_httpx, with_httpx_async, with_aiohttp]
)
def test_a_redirect_is_a_request_of_its_own(
    client: Client, web: HttpServer, calls: Calls
) -> None:
    assert client(web.url + "/to/status/404") == 404
    peer = f"http 127.0.0.1:{web.port} GET"
    assert calls() == [f"{peer} 302", f"{peer} 404 404"]


def test_urllib_follows_redirects_within_one_call_and_counts_http_alone(
    tmp_path: Path, web: HttpServer, calls: Calls
) -> None:
    assert with_urllib(web.url + "/to/status/404") == 404
    (tmp_path / "file").write_text("secret")
    for url in (f"file://{tmp_path}/file", "data:,secret"):
        with urllib.request.urlopen(url) as response:
            assert response.read() == b"secret"
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(web.url, b"data")
    raised.value.close()
    for bad in ("no url", "gopher://shop", "http://[bad"):
        with pytest.raises((ValueError, urllib.error.URLError)):
            urllib.request.urlopen(bad)
    peer = f"http 127.0.0.1:{web.port}"
    assert calls() == [f"{peer} GET 404 404", f"{peer} POST 501 501"]


def test_botocore_is_counted_by_whom_it_asks(web: HttpServer, calls: Calls) -> None:
    session = botocore.session.Session()
    session.set_credentials("none", "none")
    client = session.create_client("s3", "eu-west-1", endpoint_url=web.url)
    client.get_object(Bucket="secret", Key="secret")["Body"].read()
    client.close()
    assert calls() == [f"http 127.0.0.1:{web.port} GET 200"]


@pytest.mark.parametrize(
    ("client", "raised", "counted"),
    [
        (with_urllib3, urllib3.exceptions.NewConnectionError, "NewConnectionError"),
        (with_requests, requests.ConnectionError, "NewConnectionError"),
        (with_httpx, httpx.ConnectError, "ConnectError"),
        (with_httpx_async, httpx.ConnectError, "ConnectError"),
        (with_aiohttp, aiohttp.ClientConnectorError, "ClientConnectorError"),
        (with_urllib, urllib.error.URLError, "ConnectionRefusedError"),
    ],
)
def test_a_refused_connection_is_an_error_and_passes_through(
    client: Client, raised: type[Exception], counted: str, calls: Calls
) -> None:
    port = free_port()
    with pytest.raises(raised):
        client(f"http://127.0.0.1:{port}/")
    assert calls() == [f"http 127.0.0.1:{port} GET {counted}"]


@pytest.mark.parametrize(
    ("client", "raised", "counted"),
    [
        (with_urllib3, urllib3.exceptions.ReadTimeoutError, "ReadTimeoutError"),
        (with_requests, requests.ReadTimeout, "ReadTimeoutError"),
        (with_httpx, httpx.ReadTimeout, "ReadTimeout"),
        (with_httpx_async, httpx.ReadTimeout, "ReadTimeout"),
        (with_aiohttp, aiohttp.SocketTimeoutError, "SocketTimeoutError"),
        (with_urllib, TimeoutError, "TimeoutError"),
    ],
)
def test_a_timeout_is_an_error(
    client: Client, raised: type[Exception], counted: str, web: HttpServer, calls: Calls
) -> None:
    with pytest.raises(raised):
        client(web.url + "/hang", timeout=0.1)
    assert calls() == [f"http 127.0.0.1:{web.port} GET {counted}"]


def test_connections_are_reused_as_before(web: HttpServer, calls: Calls) -> None:
    with requests.Session() as session:
        for _ in range(5):
            session.get(web.url)
    assert web.handler.connections == 1
    assert calls() == [f"http 127.0.0.1:{web.port} GET 200"] * 5


def test_a_streamed_body_is_whole(web: HttpServer, calls: Calls) -> None:
    with httpx.stream("GET", web.url + "/stream", trust_env=False) as response:
        assert b"".join(response.iter_bytes()) == b"hello" * 3
    with requests.get(web.url + "/stream", stream=True) as answer:
        assert b"".join(answer.iter_content(4)) == b"hello" * 3
    assert len(calls()) == 2


def test_a_request_through_a_proxy_is_for_whom_it_asks(web: HttpServer, calls: Calls) -> None:
    with urllib3.ProxyManager(web.url) as proxy:
        proxy.request("GET", "http://shop.example:8000/")
    requests.get("http://shop.example/", proxies={"http": web.url})
    assert calls() == ["http shop.example:80 GET 200", "http shop.example:8000 GET 200"]


def test_a_method_of_ones_own_is_other(web: HttpServer, calls: Calls) -> None:
    requests.request("BREW", web.url)
    assert calls() == [f"http 127.0.0.1:{web.port} _OTHER 501 501"]


def test_a_transport_that_uses_no_network_is_no_call(calls: Calls) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(200))
    with httpx.Client(transport=transport) as client:
        assert client.get("http://shop.example").status_code == 200
    assert calls() == []


def test_threads_and_tasks_do_not_hide_each_others_calls(web: HttpServer, calls: Calls) -> None:
    def ask() -> None:
        for _ in range(10):
            with_urllib3(web.url)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls()) == 80

    async def gather() -> None:
        async with httpx.AsyncClient(trust_env=False) as client:
            await asyncio.gather(*(client.get(web.url) for _ in range(30)))

    asyncio.run(gather())
    assert len(calls()) == 30


def test_a_cancelled_request_is_counted_as_such(web: HttpServer, calls: Calls) -> None:
    async def ask() -> None:
        async with httpx.AsyncClient(trust_env=False) as client:
            task = asyncio.create_task(client.get(web.url + "/hang"))
            while not web.handler.connections:
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(ask())
    assert calls() == [f"http 127.0.0.1:{web.port} GET CancelledError"]


def test_a_forked_child_counts_into_the_same_sum(web: HttpServer, calls: Calls) -> None:
    with_urllib3(web.url)
    child = os.fork()
    if child == 0:
        try:
            with_urllib3(web.url)
            with_urllib3(web.url + "/status/500")
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    peer = f"http 127.0.0.1:{web.port} GET"
    assert calls() == [f"{peer} 200", f"{peer} 200", f"{peer} 500 500"]


def test_signatures_stay_and_everything_can_be_taken_back(web: HttpServer, calls: Calls) -> None:
    pool = urllib3.HTTPConnectionPool
    ours, signature = pool.urlopen, inspect.signature(pool.urlopen)
    outgoing.instrument()
    assert pool.urlopen is ours, "instrumented twice"
    outgoing.uninstrument()
    assert pool.urlopen is not ours
    assert inspect.signature(pool.urlopen) == signature
    with_urllib3(web.url)
    with_httpx(web.url)
    with_aiohttp(web.url)
    assert calls() == []
    outgoing.instrument()
    with_urllib3(web.url)
    assert len(calls()) == 1


def test_a_session_that_is_traced_falls_silent_and_keeps_its_own_tracing(
    web: HttpServer, calls: Calls
) -> None:
    told: list[str] = []

    async def on_end(session: object, context: object, params: object) -> None:
        told.append("own")

    async def ask() -> None:
        own = aiohttp.TraceConfig()
        own.on_request_end.append(on_end)
        async with aiohttp.ClientSession(trace_configs=[own]) as session:
            await session.get(web.url)
            assert len(calls()) == 1
            outgoing.uninstrument()
            await session.get(web.url)
            assert calls() == []

    asyncio.run(ask())
    assert told == ["own", "own"]
