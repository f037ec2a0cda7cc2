"""pymemcache: the methods of its plain client, which the pooled and hashing ones call.

With ``ignore_exc`` the client keeps errors from its caller, and from this count too.
"""

from __future__ import annotations

from typing import Any, Optional

from . import recording
from .patching import Note, Patches

# Methods and what memcached's protocol calls them.
_METHODS = {
    **{name: name for name in ("set", "add", "replace", "append", "prepend", "cas", "get")},
    **{name: name for name in ("gets", "delete", "incr", "decr", "touch", "gat", "gats")},
    **{name: name for name in ("stats", "version", "flush_all")},
    **{"set_many": "set", "set_multi": "set", "get_many": "get", "get_multi": "get"},
    **{"gets_many": "gets", "delete_many": "delete", "delete_multi": "delete"},
}


def patch(module: Any, patches: Patches) -> None:
    """Hooks pymemcache 3 and 4."""
    from importlib import import_module

    client = import_module("pymemcache.client.base").Client
    for name, command in _METHODS.items():
        patches.wrap(client, name, _note(command))


def _note(command: str) -> Note:
    def note(
        seconds: float,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        result: Any,
        error: Optional[BaseException],
    ) -> None:
        server = args[0].server
        address, port = (server, "") if isinstance(server, str) else (server[0], server[1])
        recording.db(
            seconds, "memcached", address, port, "", command, recording.type_of(error)
        )

    return note
