"""Publishing by kombu, and so by Celery: ``Producer.publish``.

Celery's own signals around publishing are silent when it fails; this is where both succeed or
fail. What the broker's client does below, on Redis for instance, is not counted again.
"""

from __future__ import annotations

from typing import Any, Optional

from . import recording
from .patching import Patches

# The conventions' names where they are not kombu's. What stays in the process is no call.
_SYSTEMS = {"amqp": "rabbitmq", "sqs": "aws_sqs", "gcpubsub": "gcp_pubsub"}
_LOCAL = frozenset(("memory", "filesystem"))


def patch(module: Any, patches: Patches) -> None:
    """Hooks kombu 5, and with it Celery 5."""
    patches.wrap(module.Producer, "publish", _note)


def destination_of(exchange: object, routing_key: object) -> str:
    """The exchange's name, or the queue's when it is sent to the default exchange.

    Routing keys of named exchanges may tell anything, an order's number too; a server's names for
    the queues of a single answer are all one.
    """
    name = str(exchange or routing_key or "")
    if name.startswith(("amq.gen-", "amq.rabbitmq.reply-to")):
        return "(temporary)"
    return name


def _note(
    seconds: float,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    result: Any,
    error: Optional[BaseException],
) -> None:
    producer = args[0]
    connection = producer.connection
    kind = connection.transport.driver_type
    if kind in _LOCAL:
        return
    exchange = kwargs.get("exchange") or producer.exchange
    routing_key = args[2] if len(args) > 2 else kwargs.get("routing_key")
    destination = destination_of(
        getattr(exchange, "name", exchange), routing_key or producer.routing_key
    )
    port = connection.port or connection.transport.default_port
    recording.messaging(
        *(seconds, _SYSTEMS.get(kind.lower(), kind.lower()), connection.hostname or "localhost"),
        *(port, destination, "publish", recording.type_of(error)),
    )
