"""psycopg 3, sync and async: the cursors that every statement goes through, and connecting.

``commit()`` and ``rollback()`` are none of them. A ``copy()`` takes as long as its block.
"""

from __future__ import annotations

import functools
from contextlib import asynccontextmanager, contextmanager
from time import perf_counter
from typing import Any, AsyncIterator, Iterator, Optional
from weakref import WeakKeyDictionary

from . import recording
from .operations import sql_operation
from .patching import Patches, is_inside, is_run_by_sqlalchemy, report

# Address, port and namespace: a connection that broke does not tell them any more.
_Peer = tuple[object, object, object]
_peers: WeakKeyDictionary[Any, _Peer] = WeakKeyDictionary()


def patch(module: Any, patches: Patches) -> None:
    """Hooks psycopg 3.1 and later."""

    def note_connect(
        seconds: float,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        result: Any,
        error: Optional[BaseException],
    ) -> None:
        # What is no setting of libpq's is refused by its parser.
        settings = {name: kwargs[name] for name in ("host", "port", "dbname") if name in kwargs}
        first = kwargs.get("conninfo", args[0] if args else "")
        try:
            asked = module.conninfo.conninfo_to_dict(first, **settings)
        except module.ProgrammingError:
            return  # settings that nobody understands call nobody
        peer = _peer_of_info(result.info) if result is not None else peer_of_settings(asked)
        recording.db(seconds, "postgresql", *peer, "CONNECT", recording.type_of(error))

    connect = module.Connection.connect
    patches.replace(module.Connection, "connect", lambda own: _class_method(own, note_connect))
    if module.connect == connect:
        patches.replace(module, "connect", lambda _: module.Connection.connect)
    patches.replace(
        module.AsyncConnection, "connect", lambda own: _class_method_coroutine(own, note_connect)
    )
    for name in ("execute", "executemany"):
        for owner in (module.Cursor, module.ServerCursor):
            if name in vars(owner):
                patches.wrap(owner, name, _note, _is_counted)
        for owner in (module.AsyncCursor, module.AsyncServerCursor):
            if name in vars(owner):
                patches.wrap_coroutine(owner, name, _note, _is_counted)
    patches.replace(module.Cursor, "stream", _stream)
    patches.replace(module.AsyncCursor, "stream", _stream_async)
    patches.replace(module.Cursor, "copy", _copy)
    patches.replace(module.AsyncCursor, "copy", _copy_async)


def peer_of_settings(settings: dict[str, Any]) -> _Peer:
    """The peer that libpq's settings name; of several hosts the first."""
    host = str(settings.get("host") or settings.get("hostaddr") or "localhost").split(",")[0]
    port = str(settings.get("port") or "5432").split(",")[0]
    namespace = settings.get("dbname") or settings.get("database") or ""
    return host, "" if host.startswith("/") else port, namespace


def _peer_of_info(info: Any) -> _Peer:
    host = info.host or "localhost"
    return host, "" if host.startswith("/") else info.port, info.dbname


def _is_counted(cursor: Any) -> bool:
    try:
        connection = cursor.connection
        if is_run_by_sqlalchemy(connection):
            return False
        if connection not in _peers:
            _peers[connection] = _peer_of_info(connection.info)
        return True
    except Exception:  # a closed connection: the call itself will say so
        return cursor.connection in _peers


def _note(
    seconds: float,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    result: Any,
    error: Optional[BaseException],
) -> None:
    # What ``copy`` takes has a name of its own.
    named = kwargs.get("query", kwargs.get("statement", ""))
    statement = args[1] if len(args) > 1 else named
    peer = _peers[args[0].connection]
    operation = sql_operation(statement)
    recording.db(seconds, "postgresql", *peer, operation, recording.type_of(error))


def _class_method(original: Any, note: Any) -> Any:
    # `original` is bound to the class that has it; a subclass connects as itself.
    function = original.__func__

    @functools.wraps(function)
    def connect(cls: Any, *args: Any, **kwargs: Any) -> Any:
        if is_inside():
            return function(cls, *args, **kwargs)
        started = perf_counter()
        try:
            result = function(cls, *args, **kwargs)
        except BaseException as error:
            report("psycopg", note, perf_counter() - started, args, kwargs, None, error)
            raise
        report("psycopg", note, perf_counter() - started, args, kwargs, result, None)
        return result

    return classmethod(connect)


def _class_method_coroutine(original: Any, note: Any) -> Any:
    function = original.__func__

    @functools.wraps(function)
    async def connect(cls: Any, *args: Any, **kwargs: Any) -> Any:
        if is_inside():
            return await function(cls, *args, **kwargs)
        started = perf_counter()
        try:
            result = await function(cls, *args, **kwargs)
        except BaseException as error:
            report("psycopg", note, perf_counter() - started, args, kwargs, None, error)
            raise
        report("psycopg", note, perf_counter() - started, args, kwargs, result, None)
        return result

    return classmethod(connect)


def _stream(original: Any) -> Any:
    """Times a query until its first row: how fast the rest is read is up to the application."""

    @functools.wraps(original)
    def stream(*args: Any, **kwargs: Any) -> Iterator[Any]:
        rows = original(*args, **kwargs)
        if is_inside() or not _is_counted(args[0]):
            yield from rows
            return
        started = perf_counter()
        is_empty, first = False, None
        try:
            first = next(rows)
        except StopIteration:
            is_empty = True
        except BaseException as error:
            report("psycopg", _note, perf_counter() - started, args, kwargs, None, error)
            raise
        report("psycopg", _note, perf_counter() - started, args, kwargs, None, None)
        try:
            if not is_empty:
                yield first
                yield from rows
        finally:
            rows.close()

    return stream


def _stream_async(original: Any) -> Any:
    @functools.wraps(original)
    async def stream(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        rows = original(*args, **kwargs)
        is_open = is_inside() or not _is_counted(args[0])
        started = perf_counter()
        try:
            async for row in rows:
                if not is_open:
                    is_open = True
                    report("psycopg", _note, perf_counter() - started, args, kwargs, None, None)
                yield row
        except BaseException as error:
            if not is_open:
                is_open = True
                report("psycopg", _note, perf_counter() - started, args, kwargs, None, error)
            raise
        finally:
            if not is_open:
                report("psycopg", _note, perf_counter() - started, args, kwargs, None, None)
            await rows.aclose()

    return stream


@contextmanager
def _counted_copy(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[None]:
    # Nothing else is hidden meanwhile: what the application calls in the block is its own.
    is_counted = not is_inside() and _is_counted(args[0])
    started = perf_counter()
    try:
        yield
    except BaseException as error:
        if is_counted:
            report("psycopg", _note, perf_counter() - started, args, kwargs, None, error)
        raise
    if is_counted:
        report("psycopg", _note, perf_counter() - started, args, kwargs, None, None)


def _copy(original: Any) -> Any:
    @functools.wraps(original)
    @contextmanager
    def copy(*args: Any, **kwargs: Any) -> Iterator[Any]:
        with _counted_copy(args, kwargs), original(*args, **kwargs) as copying:
            yield copying

    return copy


def _copy_async(original: Any) -> Any:
    @functools.wraps(original)
    @asynccontextmanager
    async def copy(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        with _counted_copy(args, kwargs):
            async with original(*args, **kwargs) as copying:
                yield copying

    return copy
