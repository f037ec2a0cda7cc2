"""kafka-python: what ``KafkaProducer`` sends, until the broker has it or it is given up."""

from __future__ import annotations

import functools
from time import perf_counter
from typing import Any

from . import recording
from .patching import Patches


def patch(module: Any, patches: Patches) -> None:
    """Hooks kafka-python 2 and 3."""

    def make(original: Any) -> Any:
        @functools.wraps(original)
        def send(self: Any, topic: Any, *args: Any, **kwargs: Any) -> Any:
            started = perf_counter()

            def note(error_type: str) -> None:
                try:
                    peer = peer_of_servers(self.config["bootstrap_servers"])
                    seconds = perf_counter() - started
                    recording.messaging(seconds, "kafka", *peer, topic, "send", error_type)
                except Exception as problem:
                    recording.log_once("kafka is not counted", problem)

            try:
                future = original(self, topic, *args, **kwargs)
            except BaseException as error:
                note(recording.type_of(error))
                raise
            try:
                future.add_callback(lambda _: note(""))
                future.add_errback(lambda error: note(recording.type_of(error)))
            except Exception as problem:
                recording.log_once("kafka is not counted", problem)
            return future

        return send

    patches.replace(module.KafkaProducer, "send", make)


def peer_of_servers(servers: object) -> tuple[str, str]:
    """The first of a cluster's bootstrap servers: it stands for the whole cluster."""
    if isinstance(servers, (list, tuple)):
        servers = servers[0] if servers else ""
    first = str(servers or "").split(",")[0].rpartition("//")[2].strip()
    host, colon, port = first.rpartition(":")
    return (host.strip("[]"), port) if colon and port.isdigit() else (first, "9092")
