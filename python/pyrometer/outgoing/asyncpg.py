"""asyncpg, by its public query loggers: every connection is given one when it is made.

Loggers are not told of prepared statements; those are hooked where they run. Cursors and
``copy_*`` are not counted.
"""

from __future__ import annotations

import functools
from typing import Any, Optional
from weakref import WeakKeyDictionary, ref

from . import recording
from .operations import sql_operation
from .patching import Patches, is_inside, is_run_by_sqlalchemy
from .psycopg import peer_of_settings

# Address, port and database, as a connection was told when it was made.
_peers: WeakKeyDictionary[Any, tuple[object, object, object]] = WeakKeyDictionary()


def patch(module: Any, patches: Patches) -> None:
    """Hooks asyncpg 0.29 and later."""
    connection = module.connection.Connection

    def make(original: Any) -> Any:
        @functools.wraps(original)
        def init(
            self: Any, protocol: Any, transport: Any, loop: Any, addr: Any, config: Any, params: Any
        ) -> None:
            original(self, protocol, transport, loop, addr, config, params)
            try:
                host, port = (addr, "") if isinstance(addr, str) else (addr[0], addr[1])
                _peers[self] = host, port, getattr(params, "database", "")
                self.add_query_logger(_logger(self, patches))
            except Exception as error:
                recording.log_once("asyncpg is not counted", error)

        return init

    patches.replace(connection, "__init__", make)
    for name in ("fetch", "fetchval", "fetchrow", "fetchmany", "executemany"):
        patches.wrap_coroutine(
            module.prepared_stmt.PreparedStatement, name, _note_prepared, _is_counted
        )
    # What a pool asks a connection that comes back is its own affair.
    patches.wrap_coroutine(connection, "reset", lambda *_: None)
    own = module.connection.connect
    patches.wrap_coroutine(module.connection, "connect", _note_connect)
    if module.connect is own:
        patches.replace(module, "connect", lambda _: module.connection.connect)


def _logger(connection: Any, patches: Patches) -> Any:
    # Not the connection itself, which has the logger: they would keep each other alive.
    weak = ref(connection)

    def told(query: Any) -> None:
        connection = weak()
        if not patches.is_on or is_inside() or is_run_by_sqlalchemy(connection):
            return
        try:
            recording.db(
                *(query.elapsed, "postgresql", *_peers[connection], sql_operation(query.query)),
                recording.type_of(query.exception),
            )
        except Exception as error:
            recording.log_once("asyncpg is not counted", error)

    return told


def _is_counted(statement: Any) -> bool:
    return not is_run_by_sqlalchemy(getattr(statement, "_connection", None))


def _note_prepared(
    seconds: float,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    result: Any,
    error: Optional[BaseException],
) -> None:
    statement = args[0]
    recording.db(
        *(seconds, "postgresql", *_peers[statement._connection]),
        sql_operation(statement.get_query()),
        recording.type_of(error),
    )


def _note_connect(
    seconds: float,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    result: Any,
    error: Optional[BaseException],
) -> None:
    settings = {name: kwargs[name] for name in ("host", "port", "database") if kwargs.get(name)}
    for name in ("host", "port"):
        if isinstance(settings.get(name), (list, tuple)):
            settings[name] = settings[name][0]
    dsn = kwargs.get("dsn", args[0] if args else None)
    if dsn:
        from urllib.parse import urlsplit

        parts = urlsplit(str(dsn))
        settings.setdefault("host", parts.hostname or "")
        settings.setdefault("port", parts.port or "")
        settings.setdefault("database", parts.path.lstrip("/"))
    recording.db(
        *(seconds, "postgresql", *peer_of_settings(settings), "CONNECT"),
        recording.type_of(error),
    )
