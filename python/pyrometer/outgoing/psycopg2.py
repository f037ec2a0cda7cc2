"""psycopg 2: connections and cursors are made of subclasses of the classes that were asked for.

``isinstance`` and the extensions that check types in C go on working, as they would not with
proxies. ``commit()`` and ``rollback()`` are not counted.
"""

from __future__ import annotations

import functools
from time import perf_counter
from typing import Any, Callable, Optional

from . import recording
from .operations import sql_operation
from .patching import Patches, is_inside, is_run_by_sqlalchemy, report
from .psycopg import peer_of_settings

_Peer = tuple[object, object, object]

_COPIES = frozenset(("copy_expert", "copy_from", "copy_to"))
_METHODS = ("execute", "executemany", *sorted(_COPIES))


def patch(module: Any, patches: Patches) -> None:
    """Hooks psycopg2 2.8 and later."""
    extensions = module.extensions

    @functools.lru_cache(maxsize=128)
    def counted_cursor(base: Any) -> Any:
        return _subclass(base, {name: _counted(base, name) for name in _METHODS})

    @functools.lru_cache(maxsize=128)
    def counted_connection(base: Any) -> Any:
        def cursor(self: Any, *args: Any, **kwargs: Any) -> Any:
            # cursor(name, cursor_factory, ...)
            if len(args) > 1:
                wanted = args[1]
            else:
                wanted = kwargs.get("cursor_factory")
            try:
                wanted = wanted or self.cursor_factory or extensions.cursor
                if isinstance(wanted, type) and patches.is_on:
                    wanted = counted_cursor(wanted)
                    if len(args) > 1:
                        args = (args[0], wanted, *args[2:])
                    else:
                        kwargs["cursor_factory"] = wanted
            except Exception as error:
                recording.log_once("psycopg2 is not counted", error)
            return base.cursor(self, *args, **kwargs)

        return _subclass(base, {"cursor": functools.wraps(base.cursor)(cursor)})

    def make(original: Any) -> Any:
        @functools.wraps(original)
        def connect(
            dsn: Any = None,
            connection_factory: Any = None,
            cursor_factory: Any = None,
            **kwargs: Any,
        ) -> Any:
            factory = connection_factory or extensions.connection
            if isinstance(factory, type):
                factory = counted_connection(factory)
            started = perf_counter()
            result, failure = None, None
            try:
                result = original(dsn, factory, cursor_factory, **kwargs)
                return result
            except BaseException as error:
                failure = error
                raise
            finally:
                seconds = perf_counter() - started
                if not is_inside():
                    note = _note_connect(extensions)
                    report("psycopg2", note, seconds, (dsn,), kwargs, result, failure)
                # Else the exception and this frame would keep each other alive.
                failure = None

        return connect

    patches.replace(module, "connect", make)


def _subclass(base: Any, methods: dict[str, Any]) -> Any:
    names = {"__module__": base.__module__, "__qualname__": base.__qualname__}
    return type(base.__name__, (base,), {**names, "__doc__": base.__doc__, **methods})


def _counted(base: Any, name: str) -> Any:
    original = getattr(base, name)
    # Their first argument may be a file.
    operation = "COPY" if name in _COPIES else ""

    @functools.wraps(original)
    def execute(self: Any, *args: Any, **kwargs: Any) -> Any:
        connection = self.connection
        if is_inside() or is_run_by_sqlalchemy(connection):
            return original(self, *args, **kwargs)
        # Before: a connection that broke does not tell.
        peer = _peer_of(connection)
        started = perf_counter()
        try:
            result = original(self, *args, **kwargs)
        except BaseException as error:
            _record(perf_counter() - started, peer, operation or _first(args, kwargs), error)
            raise
        _record(perf_counter() - started, peer, operation or _first(args, kwargs), None)
        return result

    return execute


def _first(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return args[0] if args else kwargs.get("query", "")


def _record(
    seconds: float,
    peer: Optional[_Peer],
    statement: Any,
    error: Optional[BaseException],
) -> None:
    if peer is None:
        return
    try:
        operation = sql_operation(statement)
        recording.db(seconds, "postgresql", *peer, operation, recording.type_of(error))
    except Exception as problem:
        recording.log_once("psycopg2 is not counted", problem)


def _peer_of(connection: Any) -> Optional[_Peer]:
    try:
        info = connection.info
        host = info.host or "localhost"
        return host, "" if host.startswith("/") else info.port, info.dbname
    except Exception:
        return None


def _note_connect(extensions: Any) -> Callable[..., None]:
    def note(
        seconds: float,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        result: Any,
        error: Optional[BaseException],
    ) -> None:
        peer = _peer_of(result) if result is not None else None
        if peer is None:
            try:
                asked = extensions.parse_dsn(args[0]) if args[0] else {}
            except Exception:
                return  # settings that nobody understands call nobody
            peer = peer_of_settings({**asked, **kwargs})
        recording.db(seconds, "postgresql", *peer, "CONNECT", recording.type_of(error))

    return note
