"""``grpc.aio``'s client: channels made from now on are measured.

Its interceptors would put objects of another sort in the place of the calls, so instead each
channel becomes one of a subclass of its class, whose calls are told when they are done.
"""

from __future__ import annotations

import functools
from time import perf_counter
from typing import Any, Callable

from . import recording
from .patching import Patches

_KINDS = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")
# A library's class and ours.
_classes: dict[type, type] = {}


def patch(aio: Any, peer_of_target: Callable[[str], tuple[str, str]], patches: Patches) -> None:
    """Hooks the ``grpc.aio`` of grpcio 1.40 and later."""

    def make(original: Any) -> Any:
        @functools.wraps(original)
        def channel(target: Any, *args: Any, **kwargs: Any) -> Any:
            made = original(target, *args, **kwargs)
            try:
                made._pyrometer = (patches, peer_of_target(str(target)))
                made.__class__ = _channel_class(type(made))
            except Exception as error:
                recording.log_once("grpc.aio is not counted", error)
            return made

        return channel

    for name in ("insecure_channel", "secure_channel"):
        patches.replace(aio, name, make)


def _channel_class(own: type) -> type:
    def factory(kind: str) -> Callable[..., Any]:
        original = getattr(own, kind)

        @functools.wraps(original)
        def multi_callable(self: Any, method: Any, *args: Any, **kwargs: Any) -> Any:
            made = original(self, method, *args, **kwargs)
            try:
                name = method.decode() if isinstance(method, bytes) else str(method)
                made._pyrometer = (*self._pyrometer, name.lstrip("/"))
                made.__class__ = _callable_class(type(made))
            except Exception as error:
                recording.log_once("grpc.aio is not counted", error)
            return made

        return multi_callable

    return _subclass(own, lambda: {kind: factory(kind) for kind in _KINDS})


def _callable_class(own: type) -> type:
    original: Any = own.__call__

    @functools.wraps(original)
    def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:
        patches, (address, port), method = self._pyrometer
        started = perf_counter()
        call = original(self, *args, **kwargs)
        if not patches.is_on:
            return call

        def done(ended: Any) -> None:
            try:
                status = _status_of(ended)
                error_type = "" if status == "OK" else status
                seconds = perf_counter() - started
                recording.rpc(seconds, "grpc", address, port, method, status, error_type)
            except Exception as error:
                recording.log_once("grpc.aio is not counted", error)

        try:
            call.add_done_callback(done)
        except Exception as error:
            recording.log_once("grpc.aio is not counted", error)
        return call

    return _subclass(own, lambda: {"__call__": __call__})


def _subclass(own: type, members: Callable[[], dict[str, Any]]) -> type:
    ours = _classes.get(own)
    if ours is None:
        names = {"__module__": own.__module__, "__qualname__": own.__qualname__}
        ours = _classes[own] = type(own.__name__, (own,), {**names, **members()})
    return ours


def _status_of(call: Any) -> str:
    """The status of a call that is done: its coroutine then has nothing to wait for."""
    coroutine = call.code()
    try:
        coroutine.send(None)
    except StopIteration as ended:
        return str(ended.value.name)
    finally:
        coroutine.close()
    return "UNKNOWN"
