"""Django's databases: every statement and every attempt to connect, of every alias.

They go into outgoing's metric, ``db_client_operation_duration_seconds`` in the default registry,
whether ``outgoing.instrument`` was called or not. Django's hooks are the outer ones: what psycopg
does for them is not counted again; what the application asks of psycopg itself is.
"""

from __future__ import annotations

import functools
import os
from importlib import import_module
from time import perf_counter
from typing import Any, Callable, Optional

from ..metrics import Gauge
from ..outgoing import recording
from ..outgoing.operations import sql_operation
from ..outgoing.patching import Patches, enter, is_inside, leave
from .children import Children
from .guard import trouble

# The conventions' names where they are not Django's.
_SYSTEMS = {"oracle": "oracle.db", "microsoft": "microsoft.sql_server"}
_PORTS = {"postgresql": 5432, "mysql": 3306, "oracle": 1521, "microsoft": 1433}

# System, address, port and namespace.
_Peer = tuple[str, object, object, object]

_patches: Optional[Patches] = None
_info: Optional[Children] = None


def install() -> None:
    """Begins to measure the databases of this process, once."""
    global _patches, _info
    if _patches is not None:
        return
    _patches = Patches("django")
    base = import_module("django.db.backends.base.base").BaseDatabaseWrapper
    signal = import_module("django.db.backends.signals").connection_created
    info = Gauge(
        "django_database_info",
        "Which database an alias is, in the labels of db_client_operation_duration_seconds",
        ("db_alias", "db_system_name", "db_namespace", "server_address", "server_port"),
        # It is no sum: each process says the same.
        multiprocess_mode="max",
    )
    _info = Children(info, 0, 2, 3, 4)
    _patches.wrap(base, "connect", _note_connect, _is_connecting)
    signal.connect(_note_created, dispatch_uid="pyrometer")
    for connection in import_module("django.db").connections.all(initialized_only=True):
        if connection.connection is not None:
            _note_created(None, connection)


def _is_connecting(connection: Any) -> bool:
    # What a pool hands out was connected by one of its threads, which psycopg's hook sees.
    options = connection.settings_dict.get("OPTIONS") or {}
    return not options.get("pool")


def _note_connect(
    seconds: float,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    result: Any,
    error: Optional[BaseException],
) -> None:
    connection = args[0]
    peer: _Peer = connection._pyrometer_peer if error is None else _peer_of(connection)
    recording.db(seconds, *peer, "CONNECT", _error_type(error))


def _note_created(sender: Any, connection: Any, **_: Any) -> None:
    try:
        connection._pyrometer_peer = peer = _peer_of(connection)
        # First in the list, which is the outermost: who uses ``execute_wrapper`` around the first
        # statement of a connection takes the last away afterwards, and means his own.
        if _execute not in connection.execute_wrappers:
            connection.execute_wrappers.insert(0, _execute)
        if _info is not None:
            system, address, port, namespace = peer
            labels = (connection.alias, system, namespace, address, port)
            _info.get(*map(str, labels)).set(1)
    except Exception:
        trouble("django.db")


def _execute(
    execute: Callable[..., Any], statement: Any, parameters: Any, many: bool, context: Any
) -> Any:
    """An execute wrapper, as Django's documentation has them."""
    if is_inside():
        return execute(statement, parameters, many, context)
    token = enter()
    started = perf_counter()
    try:
        result = execute(statement, parameters, many, context)
    except BaseException as error:
        seconds = perf_counter() - started
        leave(token)
        _note(seconds, statement, context, error)
        raise
    seconds = perf_counter() - started
    leave(token)
    _note(seconds, statement, context, None)
    return result


def _note(
    seconds: float, statement: Any, context: Any, error: Optional[BaseException]
) -> None:
    try:
        peer: _Peer = context["connection"]._pyrometer_peer
        recording.db(seconds, *peer, sql_operation(statement), _error_type(error))
    except Exception:
        trouble("django.db")


def _error_type(error: Optional[BaseException]) -> str:
    """The driver's own exception says more than the one that Django raises from it."""
    if error is None:
        return ""
    if type(error).__module__ == "django.db.utils" and error.__cause__ is not None:
        error = error.__cause__
    return recording.type_of(error)


def _peer_of(connection: Any) -> _Peer:
    vendor, settings = connection.vendor, connection.settings_dict
    system, name = _SYSTEMS.get(vendor, vendor), settings.get("NAME") or ""
    if vendor == "sqlite":
        # A file is no peer on the network; its name alone says which it is.
        return system, "", "", _file_name(str(name))
    # libpq's own word, where there is one: service files and the environment say more.
    info = getattr(connection.connection, "info", None)
    host = getattr(info, "host", None) or settings.get("HOST") or "localhost"
    host = str(host).split(",")[0]
    port = getattr(info, "port", None) or settings.get("PORT") or _PORTS.get(vendor, "")
    namespace = getattr(info, "dbname", None) or name
    return system, host, "" if host.startswith("/") else str(port).split(",")[0], str(namespace)


@functools.lru_cache(maxsize=100)
def _file_name(name: str) -> str:
    if name.startswith("file:"):
        path, _, query = name[5:].partition("?")
        name = ":memory:" if "mode=memory" in query else path
    return os.path.basename(name) or ":memory:"
