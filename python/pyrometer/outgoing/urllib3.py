"""urllib3, and what sits on it: requests, botocore, the clients of Elasticsearch and many more.

The hook is ``HTTPConnectionPool.urlopen``, which every request passes. Its retries are part of
one call, so that the time is what the caller waited; redirects of ``requests`` and of
``PoolManager`` are calls of their own, since they may go to another peer.
"""

from __future__ import annotations

from typing import Any, Optional
from urllib.parse import urlsplit

from . import recording
from .patching import Patches


def patch(module: Any, patches: Patches) -> None:
    """Hooks urllib3 1.26 and 2."""
    patches.wrap(module.connectionpool.HTTPConnectionPool, "urlopen", _note)


def _note(
    seconds: float,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    result: Any,
    error: Optional[BaseException],
) -> None:
    pool = args[0]
    method = args[1] if len(args) > 1 else kwargs.get("method")
    url = args[2] if len(args) > 2 else kwargs.get("url", "")
    address, port = pool.host, pool.port
    if str(url)[:4].lower() == "http":
        # The pool is that of a proxy; the request says whom it is for.
        parts = urlsplit(url)
        address, port = parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
    elif port is None:
        port = 443 if pool.scheme == "https" else 80
    # "Too many retries" says less than what was tried: refused, not resolved, timed out.
    reason = getattr(error, "reason", None)
    if isinstance(reason, BaseException):
        error = reason
    recording.http(seconds, method, address, port, getattr(result, "status", None), error)
