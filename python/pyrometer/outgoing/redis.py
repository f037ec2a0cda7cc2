"""redis-py, sync and async, alone or as a cluster.

A pipeline is one operation. Subscriptions are none: they wait for others, not for the server.
"""

from __future__ import annotations

from typing import Any, Optional

from . import recording
from .operations import redis_operation
from .patching import Patches

_PORT = 6379


def patch(module: Any, patches: Patches) -> None:
    """Hooks redis-py 4.2 and later."""
    for part, wrap in (
        (module, patches.wrap),
        (getattr(module, "asyncio", None), patches.wrap_coroutine),
    ):
        if part is None:
            continue
        wrap(part.client.Redis, "execute_command", _note_command)
        wrap(part.client.Pipeline, "immediate_execute_command", _note_command)
        wrap(part.client.Pipeline, "execute", _note_pipeline, _is_filled)
        cluster = getattr(part, "cluster", None)
        if cluster is not None:
            wrap(cluster.RedisCluster, "execute_command", _note_command)
            wrap(cluster.ClusterPipeline, "execute", _note_pipeline, _is_filled)


def _is_filled(pipeline: Any) -> bool:
    # An empty one asks the server nothing.
    return len(pipeline) > 0


def _note_command(
    seconds: float,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    result: Any,
    error: Optional[BaseException],
) -> None:
    operation = redis_operation(args[1]) if len(args) > 1 else recording.OTHER
    _record(seconds, args[0], operation, error)


def _note_pipeline(
    seconds: float,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    result: Any,
    error: Optional[BaseException],
) -> None:
    # Both are words of the conventions for many commands sent as one.
    is_transaction = getattr(args[0], "is_transaction", getattr(args[0], "transaction", False))
    _record(seconds, args[0], "MULTI" if is_transaction is True else "PIPELINE", error)


def _record(seconds: float, client: Any, operation: str, error: Optional[BaseException]) -> None:
    address, port, namespace = _peer(client)
    recording.db(
        seconds, "redis", address, port, namespace, operation, recording.type_of(error)
    )


def _peer(client: Any) -> tuple[object, object, object]:
    pool = getattr(client, "connection_pool", None)
    if pool is None:
        node = client.get_default_node()  # a cluster
        return node.host, node.port, ""
    settings = pool.connection_kwargs
    namespace = settings.get("db") or 0
    path = settings.get("path")
    if path:
        return path, "", namespace
    service = getattr(pool, "service_name", None)  # which a sentinel resolves
    if service:
        return service, "", namespace
    return settings.get("host", "localhost"), settings.get("port", _PORT), namespace
