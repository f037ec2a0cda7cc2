"""Metrics of the calls that a service makes to others: HTTP, databases, caches and brokers.

    import pyrometer.outgoing
    pyrometer.outgoing.instrument()

Every supported library is covered, whether it is imported already or later. The metrics tell who
was called, what for, how long it took and how it failed; never a path, a statement or a key:

* ``http_client_request_duration_seconds``
* ``db_client_operation_duration_seconds``
* ``messaging_client_operation_duration_seconds``
* ``rpc_client_call_duration_seconds``

A call that one library makes for another is counted once, where the application made it.
"""

from __future__ import annotations

import importlib
import sys
import threading
from typing import Any, Optional

from ..registry import keep_lock_free
from .patching import ImportHook, Patches
from .recording import PEERS_MAX, log_once, set_peers_max

# The module whose import makes a library ready to be hooked, and our module that does it.
_LIBRARIES = {
    "urllib.request": "urllib",
    "urllib3": "urllib3",
    "httpx": "httpx",
    "redis": "redis",
    "sqlalchemy": "sqlalchemy",
    "sqlite3": "sqlite3",
    "psycopg": "psycopg",
    "psycopg2": "psycopg2",
    "aiohttp": "aiohttp",
    "asyncpg": "asyncpg",
    "pymysql": "pymysql",
    "pymongo": "pymongo",
    "pymemcache": "pymemcache",
    # kombu itself loads its parts when they are used.
    "kombu.messaging": "kombu",
    "pika": "pika",
    "grpc": "grpc",
    "kafka": "kafka",
    "aiokafka": "aiokafka",
    "confluent_kafka": "confluent_kafka",
}


class _State:
    """What is instrumented now."""

    def __init__(self) -> None:
        self.hook: Optional[ImportHook] = None
        self.patches: dict[str, Patches] = {}
        # Never held while a library is patched or imported: another thread that imports one holds
        # its import lock, and comes here for this one.
        self._lock = threading.Lock()
        keep_lock_free(self)

    def instrument(self) -> None:
        with self._lock:
            if self.hook is None:
                self.hook = ImportHook(frozenset(_LIBRARIES), self.patch)
                self.hook.install()
        for library in _LIBRARIES:
            module = sys.modules.get(library)
            if module is not None and not _is_being_imported(module):
                self.patch(library, module)

    def uninstrument(self) -> None:
        with self._lock:
            hook, self.hook = self.hook, None
            patches, self.patches = self.patches, {}
        if hook is not None:
            hook.remove()
        for one in patches.values():
            one.undo()

    def patch(self, library: str, module: Any) -> None:
        with self._lock:
            if library in self.patches or self.hook is None:
                return
            patches = self.patches[library] = Patches(library)
        try:
            ours = importlib.import_module(f"{__name__}.{_LIBRARIES[library]}")
            ours.patch(module, patches)
        except Exception as error:
            log_once(f"{library} is not instrumented", error)
            patches.undo()


_state = _State()


def instrument(*, peers_max: int = PEERS_MAX) -> None:
    """Begins to measure outgoing calls of all supported libraries, imported now or later.

    Call it early: what was copied out of a library before (``from psycopg2 import connect``), and
    sessions and engines that exist already, may stay unmeasured. Calling it again changes nothing
    but ``peers_max``: the peers (address and port) that have series of their own in each metric;
    further ones share the address ``_other``.
    """
    set_peers_max(peers_max)
    _state.instrument()


def uninstrument() -> None:
    """Takes everything back that ``instrument`` changed. What was counted stays."""
    _state.uninstrument()


def _is_being_imported(module: Any) -> bool:
    # Half a module cannot be hooked; the one who imports it now started before us.
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))


__all__ = ("instrument", "uninstrument")
