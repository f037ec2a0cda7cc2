"""pymongo, by its public command listeners: clients made from now on are heard.

A server that cannot be found at all gets no command and is not counted.
"""

from __future__ import annotations

import re
from typing import Any

from . import recording
from .patching import Patches, is_inside

# Names of commands are words; they are the server's or its plug-ins', not the application's.
_COMMAND = re.compile(r"[A-Za-z_]{1,40}")
# What clients say to servers on their own account.
_OWN = frozenset(("hello", "ismaster", "isMaster", "ping", "endSessions"))


def patch(module: Any, patches: Patches) -> None:
    """Hooks pymongo 3.7 and later."""
    from importlib import import_module

    monitoring = import_module("pymongo.monitoring")

    def started(self: Any, event: Any) -> None:
        pass

    def succeeded(self: Any, event: Any) -> None:
        _told(patches, event, "")

    def failed(self: Any, event: Any) -> None:
        failure = event.failure
        error_type = failure.get("codeName") or failure.get("errtype") or failure.get("code")
        _told(patches, event, str(error_type or "OperationFailure"))

    methods = {"started": started, "succeeded": succeeded, "failed": failed}
    listener = type("_Listener", (monitoring.CommandListener,), methods)
    # There is no public way to unregister: it hears, and says nothing once it is off.
    monitoring.register(listener())


def _told(patches: Patches, event: Any, error_type: str) -> None:
    if not patches.is_on or is_inside() or event.command_name in _OWN:
        return
    try:
        host, port = event.connection_id
        operation = event.command_name
        if not _COMMAND.fullmatch(operation):
            operation = recording.OTHER
        recording.db(
            *(event.duration_micros / 1e6, "mongodb", host, port or ""),
            *(getattr(event, "database_name", ""), operation, error_type),
        )
    except Exception as error:
        recording.log_once("pymongo is not counted", error)
