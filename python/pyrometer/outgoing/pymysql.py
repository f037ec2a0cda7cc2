"""PyMySQL: the cursors that every statement goes through, and connecting.

``commit()``, ``rollback()`` and ``Connection.query`` are none of them.
"""

from __future__ import annotations

from typing import Any, Optional

from . import recording
from .operations import sql_operation
from .patching import Note, Patches, is_run_by_sqlalchemy


def patch(module: Any, patches: Patches) -> None:
    """Hooks PyMySQL 1."""
    from importlib import import_module

    cursor = import_module("pymysql.cursors").Cursor
    for name in ("execute", "executemany"):
        patches.wrap(cursor, name, _note, _is_counted)
    patches.wrap(cursor, "callproc", _note_call, _is_counted)
    patches.wrap(module.connections.Connection, "connect", _note_connect)


def _is_counted(cursor: Any) -> bool:
    # A closed cursor has none: the call itself will say so, and asks nobody.
    connection = cursor.connection
    return connection is not None and not is_run_by_sqlalchemy(connection)


def _note(
    seconds: float,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    result: Any,
    error: Optional[BaseException],
) -> None:
    statement = args[1] if len(args) > 1 else kwargs.get("query", "")
    _record(seconds, args[0].connection, sql_operation(statement), error)


def _always(operation: str, connection_of: Any) -> Note:
    def note(
        seconds: float,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        result: Any,
        error: Optional[BaseException],
    ) -> None:
        _record(seconds, connection_of(args[0]), operation, error)

    return note


_note_call = _always("CALL", lambda cursor: cursor.connection)
_note_connect = _always("CONNECT", lambda connection: connection)


def _record(
    seconds: float, connection: Any, operation: str, error: Optional[BaseException]
) -> None:
    address, port = connection.unix_socket or connection.host, connection.port
    if connection.unix_socket:
        port = ""
    namespace = connection.db or ""
    if isinstance(namespace, bytes):
        namespace = namespace.decode("utf-8", "replace")
    recording.db(
        seconds, "mysql", address, port, namespace, operation, recording.type_of(error)
    )
