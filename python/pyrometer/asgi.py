"""Metrics over ASGI."""

from __future__ import annotations

from typing import Any, Awaitable, Callable

from .exposition import _bake_output
from .registry import REGISTRY


def make_asgi_app(
    registry: Any = REGISTRY, disable_compression: bool = False
) -> Callable[[dict[str, Any], Any, Any], Awaitable[None]]:
    """An ASGI application that serves the registry at any path."""

    from urllib.parse import parse_qs

    async def prometheus_app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope.get("type") != "http":
            # A lifespan or a websocket is not ours; a server takes the refusal as such.
            raise AssertionError("only http is served here")
        given = scope.get("headers") or ()

        def header(name: bytes) -> str:
            return ",".join(value.decode() for key, value in given if key.lower() == name)

        _, headers, output = _bake_output(
            registry,
            header(b"accept"),
            header(b"accept-encoding"),
            parse_qs(scope.get("query_string", b"").decode()),
            disable_compression,
        )
        request = await receive()
        if request.get("type") == "http.request":
            pairs = [(name.encode(), value.encode()) for name, value in headers]
            await send({"type": "http.response.start", "status": 200, "headers": pairs})
            await send({"type": "http.response.body", "body": output})

    prometheus_app._is_exposition = True  # type: ignore[attr-defined]
    return prometheus_app
