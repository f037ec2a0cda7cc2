"""gRPC's client, by its public interceptors: channels made from now on are measured.

The time of a streaming call is that of the whole stream. ``grpc.aio`` has a module of its own.
"""

from __future__ import annotations

from importlib import import_module
from time import perf_counter
from typing import Any, Callable

from . import grpc_aio, recording
from .patching import Patches

_KINDS = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")


def patch(module: Any, patches: Patches) -> None:
    """Hooks grpcio 1.40 and later."""
    bases = tuple(
        getattr(module, "".join(part.title() for part in kind.split("_")) + "ClientInterceptor")
        for kind in _KINDS
    )

    def interceptor(target: object) -> Any:
        intercept = _interceptor(peer_of_target(str(target)), patches)
        methods = {f"intercept_{kind}": intercept for kind in _KINDS}
        return type("_Interceptor", bases, methods)()

    def make(original: Any) -> Any:
        import functools

        @functools.wraps(original)
        def channel(target: Any, *args: Any, **kwargs: Any) -> Any:
            made = original(target, *args, **kwargs)
            try:
                return module.intercept_channel(made, interceptor(target))
            except Exception as error:
                recording.log_once("grpc is not counted", error)
                return made

        return channel

    for name in ("insecure_channel", "secure_channel"):
        patches.replace(module, name, make)
    grpc_aio.patch(import_module("grpc.aio"), peer_of_target, patches)


def peer_of_target(target: str) -> tuple[str, str]:
    """Address and port of gRPC's name syntax: ``dns:///host:port``, ``unix:path``, ``host``."""
    scheme, colon, rest = target.partition(":")
    if scheme in ("unix", "unix-abstract") and colon:
        return rest.removeprefix("//"), ""
    if scheme in ("dns", "ipv4", "ipv6", "passthrough", "xds") and colon:
        # dns://authority/host:port
        target = rest.rpartition("/")[2].split(",")[0]
    host, colon, port = target.rpartition(":")
    if not colon or not port.isdigit():
        host, port = target, "443"
    return host.strip("[]"), port


def _interceptor(peer: tuple[str, str], patches: Patches) -> Callable[..., Any]:
    def intercept(self: Any, continuation: Any, details: Any, request: Any) -> Any:
        if not patches.is_on:
            return continuation(details, request)
        started = perf_counter()
        call = continuation(details, request)
        method = details.method

        def done(ended: Any) -> None:
            try:
                status = ended.code().name
                error_type = "" if status == "OK" else status
                name = method.decode() if isinstance(method, bytes) else str(method)
                recording.rpc(
                    *(perf_counter() - started, "grpc", *peer, name.lstrip("/")),
                    *(status, error_type),
                )
            except Exception as error:
                recording.log_once("grpc is not counted", error)

        try:
            call.add_done_callback(done)
        except Exception as error:
            recording.log_once("grpc is not counted", error)
        return call

    return intercept
