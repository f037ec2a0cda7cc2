"""Pushing, text files and the bridges, against servers that note what they get."""

from __future__ import annotations

import contextlib
import gzip
import os
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Iterator
from urllib.error import HTTPError

import prometheus_client
import prometheus_client.bridge.graphite
import pytest

import pyrometer
import pyrometer.client.bridge.graphite
import pyrometer.exposition


class Gateway:
    """Answers every request with one status and keeps it."""

    def __init__(self, status: int = 202, location: str = "") -> None:
        requests = self.requests = []  # type: list[tuple[str, str, dict[str, str], bytes]]

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                # What depends on the machine or on Python, not on who pushes.
                skipped = ("Host", "User-Agent", "Accept-Encoding")
                headers = {k: v for k, v in self.headers.items() if k not in skipped}
                requests.append((self.command, self.path, headers, body))
                is_first = len(requests) == 1
                self.send_response(status if is_first or not location else 202)
                if location and is_first:
                    self.send_header("Location", location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_PUT = do_POST = do_DELETE = handle_any

            def log_message(self, *args: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(
            target=self.server.serve_forever, args=(0.01,), daemon=True
        )
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def gateways() -> Iterator[Any]:
    with contextlib.ExitStack() as stack:

        def make(*args: Any) -> Gateway:
            gateway = Gateway(*args)
            stack.callback(gateway.close)
            return gateway

        yield make


def filled(package: Any) -> Any:
    registry = package.CollectorRegistry()
    package.Gauge("g", "help", ["l"], registry=registry).labels("a b").set(5)
    return registry


def by_basic_auth(p: Any, *args: Any) -> Any:
    return p.exposition.basic_auth_handler(*args, "user", "pass:word")


CALLS = [
    lambda p, a: p.push_to_gateway(a, "job", filled(p)),
    lambda p, a: p.push_to_gateway(f"http://{a}/", "a/job", filled(p), {"b": "", "a": "x y"}),
    lambda p, a: p.push_to_gateway(a, "job", filled(p), {"u": "ü+%", "n": 9}, timeout=5),
    lambda p, a: p.pushadd_to_gateway(a, "job", filled(p), {"a": "a/ z"}),
    lambda p, a: p.delete_from_gateway(a, "job", {"a": "1"}),
    lambda p, a: p.push_to_gateway(
        a, "job", filled(p), handler=lambda *args, **kw: by_basic_auth(p, *args, *kw.values())
    ),
]


@pytest.mark.parametrize("call", CALLS)
def test_a_gateway_gets_the_same_from_both(gateways: Any, call: Any) -> None:
    ours, theirs = gateways(), gateways()
    call(pyrometer, ours.address)
    call(prometheus_client, theirs.address)
    assert len(ours.requests) == 1
    assert ours.requests == theirs.requests


def test_a_redirect_is_followed_with_method_and_body(gateways: Any) -> None:
    gateway = gateways(307, "/elsewhere")
    handler = pyrometer.exposition.passthrough_redirect_handler
    pyrometer.push_to_gateway(gateway.address, "job", filled(pyrometer), handler=handler)
    first, second = gateway.requests
    assert (first[0], first[2], first[3]) == (second[0], second[2], second[3])
    assert second[1] == "/elsewhere"


def test_a_gateway_that_refuses_or_is_gone_raises_os_error(gateways: Any) -> None:
    gateway = gateways(400)
    with pytest.raises(HTTPError) as refused:
        pyrometer.push_to_gateway(gateway.address, "job", filled(pyrometer))
    refused.value.close()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(OSError):
            pyrometer.delete_from_gateway(f"127.0.0.1:{free.getsockname()[1]}", "job", timeout=1)


def test_a_body_can_be_compressed(gateways: Any) -> None:
    gateway, registry = gateways(), filled(pyrometer)
    pyrometer.push_to_gateway(gateway.address, "job", registry, compression="gzip")
    _, _, headers, body = gateway.requests[0]
    assert headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(body) == pyrometer.generate_latest(registry)
    with pytest.raises(ValueError, match="Unsupported compression type"):
        pyrometer.push_to_gateway(gateway.address, "job", registry, compression="br")  # type: ignore
    assert len(gateway.requests) == 1


@pytest.mark.parametrize("prefix", ["", "pre.fix"])
@pytest.mark.parametrize("tags", [False, True])
def test_graphite_gets_the_same_from_both(prefix: str, tags: bool) -> None:
    texts = []
    for package, bridge in (
        (pyrometer, pyrometer.client.bridge.graphite),
        (prometheus_client, prometheus_client.bridge.graphite),
    ):
        with socket.create_server(("127.0.0.1", 0)) as server:
            address = server.getsockname()
            pusher = bridge.GraphiteBridge(
                address, filled(package), 5, lambda: 1434898897.5, tags=tags
            )
            pusher.push(prefix)
            connection, _ = server.accept()
            with connection, connection.makefile("rb") as file:
                texts.append(file.read())
    assert texts[0] == texts[1]
    assert texts[0].endswith(b" 5.0 1434898897\n")


def test_a_text_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path, aside = tmp_path / "metrics.prom", tmp_path / "aside"
    aside.mkdir()
    pyrometer.write_to_textfile(str(path), filled(pyrometer), tmpdir=str(aside))
    assert path.read_bytes() == pyrometer.generate_latest(filled(pyrometer))

    class Broken:
        def collect(self) -> Any:
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError):
        pyrometer.write_to_textfile(str(path), Broken())
    assert sorted(os.listdir(tmp_path)) == ["aside", "metrics.prom"]
    assert path.read_bytes() and not os.listdir(aside)
