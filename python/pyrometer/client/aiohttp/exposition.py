"""A handler that serves metrics."""

from __future__ import annotations

from typing import Any, Awaitable, Callable

from aiohttp import hdrs, web

from ...exposition import _bake_output
from ...registry import REGISTRY


def make_aiohttp_handler(
    registry: Any = REGISTRY, disable_compression: bool = False
) -> Callable[[web.Request], Awaitable[web.Response]]:
    """A handler for ``app.router.add_get`` that serves the registry."""

    async def prometheus_handler(request: web.Request) -> web.Response:
        names = request.query.getall("name[]", [])
        _, headers, output = _bake_output(
            registry,
            ",".join(request.headers.getall(hdrs.ACCEPT, [])),
            ",".join(request.headers.getall(hdrs.ACCEPT_ENCODING, [])),
            {"name[]": names} if names else {},
            disable_compression,
        )
        return web.Response(status=200, headers=dict(headers), body=output)

    return prometheus_handler
