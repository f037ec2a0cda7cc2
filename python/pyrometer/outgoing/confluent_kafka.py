"""confluent-kafka: what ``Producer`` sends, until the broker has it or it is given up.

Its class is of C and cannot be patched: the module is given a subclass instead. librdkafka itself
measures how long a message took; it is told when the application polls.
"""

from __future__ import annotations

from time import perf_counter
from typing import Any

from . import recording
from .kafka import peer_of_servers
from .patching import Patches


def patch(module: Any, patches: Patches) -> None:
    """Hooks confluent-kafka 1 and 2."""

    def make(base: Any) -> Any:
        def init(self: Any, *args: Any, **kwargs: Any) -> None:
            base.__init__(self, *args, **kwargs)
            settings = {**(args[0] if args and isinstance(args[0], dict) else {}), **kwargs}
            servers = settings.get("bootstrap.servers", settings.get("metadata.broker.list"))
            self._pyrometer_peer = peer_of_servers(servers)

        def produce(self: Any, topic: Any, *args: Any, **kwargs: Any) -> Any:
            if not patches.is_on:
                return base.produce(self, topic, *args, **kwargs)
            # produce(topic, value, key, partition, callback, on_delivery, ...)
            own = kwargs.pop("on_delivery", None) or kwargs.pop("callback", None)
            if len(args) > 3:
                own = args[3] or (args[4] if len(args) > 4 else None) or own
                args = (*args[:3], None, None, *args[5:])
            peer: tuple[str, str] = self._pyrometer_peer
            started = perf_counter()

            def delivered(error: Any, message: Any) -> None:
                seconds = perf_counter() - started
                try:
                    if error is None:
                        seconds = message.latency() or seconds
                    name = "" if error is None else error.name()
                    recording.messaging(seconds, "kafka", *peer, topic, "send", name)
                except Exception as problem:
                    recording.log_once("confluent_kafka is not counted", problem)
                if own is not None:
                    own(error, message)

            if len(args) > 3:
                args = (*args[:3], delivered, None, *args[5:])
            else:
                kwargs["on_delivery"] = delivered
            try:
                return base.produce(self, topic, *args, **kwargs)
            except BaseException as error:
                seconds = perf_counter() - started
                error_type = recording.type_of(error)
                recording.messaging(seconds, "kafka", *peer, topic, "send", error_type)
                raise

        names = {"__module__": base.__module__, "__doc__": base.__doc__}
        return type("Producer", (base,), {**names, "__init__": init, "produce": produce})

    patches.replace(module, "Producer", make)
