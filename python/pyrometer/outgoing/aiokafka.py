"""aiokafka: what ``AIOKafkaProducer`` sends, until the broker has it or it is given up."""

from __future__ import annotations

import functools
from time import perf_counter
from typing import Any

from . import recording
from .kafka import peer_of_servers
from .patching import Patches


def patch(module: Any, patches: Patches) -> None:
    """Hooks aiokafka 0.8 and later."""
    # ``send_and_wait`` is made of ``send``.
    patches.replace(module.AIOKafkaProducer, "send", lambda own: _sending(own, 0))
    patches.replace(module.AIOKafkaProducer, "send_batch", lambda own: _sending(own, 1))


def _sending(original: Any, topic_at: int) -> Any:
    """Times a coroutine function whose result is the future of a delivery."""

    @functools.wraps(original)
    async def send(self: Any, *args: Any, **kwargs: Any) -> Any:
        started = perf_counter()

        def note(error_type: str) -> None:
            try:
                topic = args[topic_at] if len(args) > topic_at else kwargs.get("topic")
                servers = getattr(self.client, "_bootstrap_servers", "")
                peer = peer_of_servers(servers)
                seconds = perf_counter() - started
                recording.messaging(seconds, "kafka", *peer, topic, "send", error_type)
            except Exception as problem:
                recording.log_once("aiokafka is not counted", problem)

        def done(future: Any) -> None:
            # Not ``exception()``: asyncio would no longer tell of one that nobody asks for.
            error = getattr(future, "_exception", None)
            note("CancelledError" if future.cancelled() else recording.type_of(error))

        try:
            future = await original(self, *args, **kwargs)
        except BaseException as error:
            note(recording.type_of(error))
            raise
        try:
            future.add_done_callback(done)
        except Exception as problem:
            recording.log_once("aiokafka is not counted", problem)
        return future

    return send
