"""httpx, sync and async: its transports that really use the network.

Each redirect is a call of its own. Transports made for tests, and those that call an application
in this process, are no outgoing calls.
"""

from __future__ import annotations

from typing import Any, Optional

from . import recording
from .patching import Patches

_DEFAULT_PORTS = {"http": 80, "https": 443}


def patch(module: Any, patches: Patches) -> None:
    """Hooks httpx 0.2x."""
    patches.wrap(module.HTTPTransport, "handle_request", _note)
    patches.wrap_coroutine(module.AsyncHTTPTransport, "handle_async_request", _note)


def _note(
    seconds: float,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    result: Any,
    error: Optional[BaseException],
) -> None:
    request = args[1] if len(args) > 1 else kwargs["request"]
    url = request.url
    port = url.port or _DEFAULT_PORTS.get(url.scheme)
    status = getattr(result, "status_code", None)
    recording.http(seconds, request.method, url.host, port, status, error)
