"""``urllib.request``: openers, and so ``urlopen``. Redirects are part of one call."""

from __future__ import annotations

from typing import Any, Optional
from urllib.parse import urlsplit

from . import recording
from .patching import Patches

_PORTS = {"http": 80, "https": 443}


def patch(module: Any, patches: Patches) -> None:
    """Hooks the standard library's."""
    patches.wrap(module.OpenerDirector, "open", _note)


def _note(
    seconds: float,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    result: Any,
    error: Optional[BaseException],
) -> None:
    asked = args[1] if len(args) > 1 else kwargs.get("fullurl")
    url = getattr(asked, "full_url", asked)
    parts = urlsplit(str(url))
    # Files, FTP and data are no HTTP; an opener takes them all.
    if parts.scheme not in _PORTS:
        return
    data = args[2] if len(args) > 2 else kwargs.get("data")
    get_method = getattr(asked, "get_method", None)
    method = get_method() if get_method is not None else "GET" if data is None else "POST"
    # An answer with 4xx or 5xx is raised, and is a response all the same.
    status = getattr(result if error is None else error, "status", None)
    # Else what was tried: refused, not resolved, timed out.
    reason = getattr(error, "reason", None)
    if isinstance(reason, BaseException):
        error = reason
    port = parts.port or _PORTS[parts.scheme]
    recording.http(seconds, method, parts.hostname, port, status, error)
