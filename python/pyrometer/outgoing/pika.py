"""pika: publishing. Through a blocking channel with confirms, the time is the broker's too.

A channel of its asynchronous adapters only queues what it publishes: its time says little.
"""

from __future__ import annotations

from typing import Any, Optional

from . import recording
from .kombu import destination_of
from .patching import Patches


def patch(module: Any, patches: Patches) -> None:
    """Hooks pika 1."""
    from importlib import import_module

    blocking = import_module("pika.adapters.blocking_connection")
    patches.wrap(blocking.BlockingChannel, "basic_publish", _note)
    patches.wrap(import_module("pika.channel").Channel, "basic_publish", _note)


def _note(
    seconds: float,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    result: Any,
    error: Optional[BaseException],
) -> None:
    connection = args[0].connection
    # A blocking connection has no public way to its parameters.
    settings = getattr(getattr(connection, "_impl", connection), "params", None)
    exchange = args[1] if len(args) > 1 else kwargs.get("exchange")
    routing_key = args[2] if len(args) > 2 else kwargs.get("routing_key")
    recording.messaging(
        *(seconds, "rabbitmq", getattr(settings, "host", ""), getattr(settings, "port", "")),
        *(destination_of(exchange, routing_key), "publish", recording.type_of(error)),
    )
