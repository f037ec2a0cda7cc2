"""Every test here is instrumented, and sees the calls that it made."""

from __future__ import annotations

from typing import Callable, Iterator

import pytest

import pyrometer
from pyrometer import outgoing

from . import servers

# What a call is written as: `http GET 127.0.0.1:80 200`, empty labels left out.
_LABELS = {
    "http_client_request_duration_seconds": (
        *("http_request_method", "http_response_status_code", "error_type"),
    ),
    "db_client_operation_duration_seconds": (
        *("db_system_name", "db_namespace", "db_operation_name", "error_type"),
    ),
    "messaging_client_operation_duration_seconds": (
        *("messaging_system", "messaging_destination_name", "messaging_operation_name"),
        "error_type",
    ),
    "rpc_client_call_duration_seconds": (
        *("rpc_system_name", "rpc_method", "rpc_response_status_code", "error_type"),
    ),
}

Calls = Callable[[], list[str]]


def counted() -> dict[str, float]:
    counts: dict[str, float] = {}
    for family in pyrometer.REGISTRY.collect():
        for sample in family.samples:
            if family.name in _LABELS and sample.name == family.name + "_count":
                labels = sample.labels
                assert set(labels) == {*_LABELS[family.name], "server_address", "server_port"}
                peer = f"{labels['server_address']}:{labels['server_port']}".rstrip(":")
                rest = [labels[name] for name in _LABELS[family.name]]
                words = [family.name.partition("_")[0], peer, *rest]
                counts[" ".join(word for word in words if word)] = sample.value
    return counts


@pytest.fixture(autouse=True)
def calls() -> Iterator[Calls]:
    """The calls since the test began or last asked, sorted, each as often as it was counted."""
    outgoing.instrument()
    before = counted()

    def since() -> list[str]:
        nonlocal before
        after = counted()
        new = [
            call
            for call, count in sorted(after.items())
            for _ in range(round(count - before.get(call, 0.0)))
        ]
        before = after
        return new

    yield since
    outgoing.uninstrument()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with servers.postgres(tmp_path_factory.mktemp("postgres") / "server") as port:
        yield port


@pytest.fixture(scope="session")
def redis_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with servers.redis_server(tmp_path_factory.mktemp("redis") / "server") as port:
        yield port


@pytest.fixture(scope="session")
def memcached(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with servers.memcached(tmp_path_factory.mktemp("memcached") / "server") as port:
        yield port


@pytest.fixture
def web() -> Iterator[servers.HttpServer]:
    with servers.http_server() as server:
        yield server
