"""SQLite by the standard library: connections and cursors are made of subclasses of the classes
that were asked for.

Only `sqlite3.connect` is hooked; SQLAlchemy and Django take theirs from `sqlite3.dbapi2` and are
counted by hooks of their own. A file is no peer on the network; its name alone says which it is.
"""

from __future__ import annotations

import functools
import os
from time import perf_counter
from typing import Any, Optional

from . import recording
from .operations import sql_operation
from .patching import Patches, enter, is_inside, leave

# A connection has them too; before Python 3.11 those call the cursor's.
_METHODS = ("execute", "executemany", "executescript")
# The place of `factory` among the arguments of `connect`.
_FACTORY = 5


def patch(module: Any, patches: Patches) -> None:
    """Hooks the standard library's module."""

    @functools.lru_cache(maxsize=128)
    def counted_cursor(base: Any) -> Any:
        return _subclass(base, {name: _counted(base, name) for name in _METHODS})

    @functools.lru_cache(maxsize=128)
    def counted_connection(base: Any) -> Any:
        def cursor(self: Any, *args: Any, **kwargs: Any) -> Any:
            is_asked = bool(args) or "factory" in kwargs
            if not is_asked and base.cursor is not module.Connection.cursor:
                # A class of the application's that chooses its cursors itself.
                return base.cursor(self)
            try:
                wanted = args[0] if args else kwargs.get("factory", module.Cursor)
                if isinstance(wanted, type) and patches.is_on:
                    wanted = counted_cursor(wanted)
                    args, kwargs = (wanted, *args[1:]), {**kwargs}
                    kwargs.pop("factory", None)
            except Exception as error:
                recording.log_once("sqlite3 is not counted", error)
            return base.cursor(self, *args, **kwargs)

        methods = {name: _counted(base, name) for name in _METHODS}
        return _subclass(base, {"cursor": functools.wraps(base.cursor)(cursor), **methods})

    def make(original: Any) -> Any:
        @functools.wraps(original)
        def connect(*args: Any, **kwargs: Any) -> Any:
            try:
                is_placed = len(args) > _FACTORY
                wanted = args[_FACTORY] if is_placed else kwargs.get("factory", module.Connection)
                if isinstance(wanted, type):
                    wanted = counted_connection(wanted)
                    if is_placed:
                        args = (*args[:_FACTORY], wanted, *args[_FACTORY + 1 :])
                    else:
                        kwargs["factory"] = wanted
            except Exception as error:
                recording.log_once("sqlite3 is not counted", error)
            connection = original(*args, **kwargs)
            try:
                database = args[0] if args else kwargs.get("database", "")
                connection._pyrometer_namespace = namespace_of(database)
            except Exception as error:
                recording.log_once("sqlite3 is not counted", error)
            return connection

        return connect

    patches.replace(module, "connect", make)


def namespace_of(database: Any) -> str:
    """The name of the database's file; ``:memory:`` for one without a file."""
    path = os.fsdecode(database)
    if path.startswith("file:"):
        path = path[len("file:") :].partition("?")[0]
    return os.path.basename(path) or ":memory:"


def _subclass(base: Any, methods: dict[str, Any]) -> Any:
    names = {"__module__": base.__module__, "__qualname__": base.__qualname__}
    return type(base.__name__, (base,), {**names, "__doc__": base.__doc__, **methods})


def _counted(base: Any, name: str) -> Any:
    original = getattr(base, name)

    @functools.wraps(original)
    def execute(self: Any, *args: Any, **kwargs: Any) -> Any:
        if is_inside():
            return original(self, *args, **kwargs)
        token = enter()
        started = perf_counter()
        try:
            result = original(self, *args, **kwargs)
        except BaseException as error:
            seconds = perf_counter() - started
            leave(token)
            _record(seconds, self, args, error)
            raise
        seconds = perf_counter() - started
        leave(token)
        _record(seconds, self, args, None)
        return result

    return execute


def _record(
    seconds: float, caller: Any, args: tuple[Any, ...], error: Optional[BaseException]
) -> None:
    try:
        connection = getattr(caller, "connection", caller)
        namespace = getattr(connection, "_pyrometer_namespace", "")
        operation = sql_operation(args[0] if args else "")
        recording.db(seconds, "sqlite", "", "", namespace, operation, recording.type_of(error))
    except Exception as problem:
        recording.log_once("sqlite3 is not counted", problem)
