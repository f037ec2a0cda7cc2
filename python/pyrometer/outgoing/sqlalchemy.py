"""SQLAlchemy: every statement of every dialect, by its public events.

Statements that it runs through a driver that is hooked too are counted here alone. Its events
tell of a failed connection as well; that is counted by the driver's hook where there is one.
"""

from __future__ import annotations

import os
from time import perf_counter
from typing import Any, Optional
from weakref import WeakKeyDictionary

from . import recording
from .operations import sql_operation
from .patching import Patches, is_inside, set_sqlalchemy_driver

# The conventions' names where they are not SQLAlchemy's.
_SYSTEMS = {"mssql": "microsoft.sql_server", "oracle": "oracle.db"}
_PORTS = {"postgresql": 5432, "mysql": 3306, "mariadb": 3306, "mssql": 1433, "oracle": 1521}
# Drivers whose own hooks count attempts to connect.
_HOOKED_DRIVERS = frozenset(("psycopg", "psycopg_async", "psycopg2", "asyncpg", "pymysql"))

# System, address, port and namespace.
_Peer = tuple[str, object, object, object]
_peers: WeakKeyDictionary[Any, _Peer] = WeakKeyDictionary()


def patch(module: Any, patches: Patches) -> None:
    """Hooks SQLAlchemy 1.4 and 2."""
    from importlib import import_module

    event = module.event
    # Not module.engine: a name in the package may be imported late.
    engine = import_module("sqlalchemy.engine").Engine
    for name, listener in (
        ("before_cursor_execute", _before),
        ("after_cursor_execute", _after),
        ("handle_error", _failed),
    ):
        event.listen(engine, name, listener)
        patches.on_undo(lambda n=name, f=listener: event.remove(engine, n, f))  # type: ignore[misc]


def _before(
    connection: Any, cursor: Any, statement: Any, parameters: Any, context: Any, many: bool
) -> None:
    if context is None or is_inside():
        return
    try:
        proxied = connection.connection
        driver = getattr(proxied, "driver_connection", None)
        if connection.engine not in _peers:
            _peers[connection.engine] = _peer_of(connection.engine, driver)
        set_sqlalchemy_driver(driver)
        context._pyrometer_started = perf_counter()
    except Exception as error:
        recording.log_once("sqlalchemy is not counted", error)


def _after(
    connection: Any, cursor: Any, statement: Any, parameters: Any, context: Any, many: bool
) -> None:
    _end(connection.engine, statement, context, None)


def _failed(failure: Any) -> None:
    connection = failure.connection
    error = failure.original_exception
    if connection is not None:
        _end(connection.engine, failure.statement, failure.execution_context, error)
        return
    engine = failure.engine
    if engine is None or engine.dialect.driver in _HOOKED_DRIVERS:
        return
    try:
        # How long it took is not told; the count and its error are what is asked for.
        recording.db(0.0, *_peer_of(engine, None), "CONNECT", recording.type_of(error))
    except Exception as problem:
        recording.log_once("sqlalchemy is not counted", problem)


def _end(engine: Any, statement: Any, context: Any, error: Optional[BaseException]) -> None:
    started = getattr(context, "_pyrometer_started", None)
    if started is None:
        return
    try:
        seconds = perf_counter() - started
        set_sqlalchemy_driver(None)
        context._pyrometer_started = None
        recording.db(
            seconds, *_peers[engine], sql_operation(statement), recording.type_of(error)
        )
    except Exception as problem:
        recording.log_once("sqlalchemy is not counted", problem)


def _peer_of(engine: Any, driver: Any) -> _Peer:
    url = engine.url
    name = engine.dialect.name
    system = _SYSTEMS.get(name, name)
    if name == "sqlite":
        # A file is no peer on the network; its name alone says which it is.
        return system, "", "", os.path.basename(url.database or "") or ":memory:"
    # libpq's own word, where there is one: environment and service files may say more than a URL.
    info = getattr(driver, "info", None)
    host = getattr(info, "host", None) or url.host or url.query.get("host")
    if isinstance(host, tuple):
        host = host[0]
    port = getattr(info, "port", None) or url.port or _PORTS.get(name)
    namespace = getattr(info, "dbname", None) or url.database or ""
    return system, host or "localhost", "" if str(host)[:1] == "/" else port, namespace
