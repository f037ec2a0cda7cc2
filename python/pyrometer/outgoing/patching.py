"""How libraries are hooked: patches that can be taken back, and calls that are timed once.

A patched function keeps its name, signature, result and exceptions. While one call is being
timed, calls below it in the same thread or task are not: a request that one library makes for
another is counted where the application made it.
"""

from __future__ import annotations

import functools
import sys
from contextvars import ContextVar, Token
from threading import get_ident
from time import perf_counter
from typing import Any, Callable, Optional

from .recording import log_once

# Called when a call is over: seconds, its positional and keyword arguments, result, exception.
Note = Callable[[float, "tuple[Any, ...]", "dict[str, Any]", Any, Optional[BaseException]], None]
# Asked before a call with its first argument: whether it is one to count.
When = Optional[Callable[[Any], bool]]

_is_inside: ContextVar[bool] = ContextVar("pyrometer_outgoing_inside", default=False)

# The connection of a driver through which SQLAlchemy runs a statement now. It is no flag: should
# its end be missed, it still hides nothing but what SQLAlchemy's own connection does.
_sqlalchemy_driver: ContextVar[Any] = ContextVar("pyrometer_outgoing_sqlalchemy", default=None)


class Patches:
    """The changes made for one library, so that they can be undone."""

    def __init__(self, library: str) -> None:
        self.library = library
        # Read by hooks that cannot be taken back from objects that have them already.
        self.is_on = True
        self._undo: list[Callable[[], None]] = []

    def wrap(self, owner: Any, name: str, note: Note, when: When = None) -> None:
        """Times a plain function or method, when ``when`` says so of its first argument."""
        self.replace(owner, name, lambda original: _timed(original, note, when))

    def wrap_coroutine(self, owner: Any, name: str, note: Note, when: When = None) -> None:
        """Times a coroutine function or method, when ``when`` says so of its first argument."""
        self.replace(owner, name, lambda original: _timed_coroutine(original, note, when))

    def replace(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        """Puts ``make(original)`` in the place of an attribute; what has none is left alone."""
        original = getattr(owner, name, None)
        if original is None or not self.is_on:
            return
        # Not `original`: a class method is to be put back as one.
        own = vars(owner).get(name)
        ours = make(original)
        setattr(owner, name, ours)

        def undo() -> None:
            # Somebody who came after us keeps what he put there.
            if vars(owner).get(name) is not ours:
                return
            if own is None:
                delattr(owner, name)
            else:
                setattr(owner, name, own)

        self._undo.append(undo)

    def on_undo(self, undo: Callable[[], None]) -> None:
        """Remembers how to take back what is no attribute."""
        self._undo.append(undo)

    def undo(self) -> None:
        """Takes everything back, last first."""
        self.is_on = False
        while self._undo:
            try:
                self._undo.pop()()
            except Exception as error:
                log_once(f"{self.library} stays instrumented", error)


def is_inside() -> bool:
    """Whether an outer call is being timed in this thread or task."""
    return _is_inside.get()


def set_sqlalchemy_driver(connection: Any) -> None:
    """Says through which connection of a driver SQLAlchemy runs a statement; ``None``: none."""
    _sqlalchemy_driver.set(connection)


def is_run_by_sqlalchemy(connection: Any) -> bool:
    """Whether what this connection does now is counted as SQLAlchemy's."""
    return connection is not None and _sqlalchemy_driver.get() is connection


def enter() -> Token[bool]:
    """Begins a call whose inner calls are not counted."""
    return _is_inside.set(True)


def leave(token: Token[bool]) -> None:
    """Ends what ``enter`` began."""
    try:
        _is_inside.reset(token)
    except ValueError:
        # A coroutine that is thrown away is closed in another context than its own.
        pass


def report(
    library: str,
    note: Note,
    seconds: float,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    result: Any,
    error: Optional[BaseException],
) -> None:
    """Runs a note; what fails in it is ours, not the application's."""
    try:
        note(seconds, args, kwargs, result, error)
    except Exception as problem:
        log_once(f"{library} is not counted", problem)


def _timed(original: Any, note: Note, when: When) -> Any:
    library = getattr(original, "__module__", "") or ""

    @functools.wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        if _is_inside.get() or (when is not None and not when(args[0])):
            return original(*args, **kwargs)
        token = _is_inside.set(True)
        started = perf_counter()
        try:
            result = original(*args, **kwargs)
        except BaseException as error:
            seconds = perf_counter() - started
            leave(token)
            report(library, note, seconds, args, kwargs, None, error)
            raise
        seconds = perf_counter() - started
        leave(token)
        report(library, note, seconds, args, kwargs, result, None)
        return result

    return call


def _timed_coroutine(original: Any, note: Note, when: When) -> Any:
    library = getattr(original, "__module__", "") or ""

    @functools.wraps(original)
    async def call(*args: Any, **kwargs: Any) -> Any:
        if _is_inside.get() or (when is not None and not when(args[0])):
            return await original(*args, **kwargs)
        token = _is_inside.set(True)
        started = perf_counter()
        try:
            result = await original(*args, **kwargs)
        except BaseException as error:
            seconds = perf_counter() - started
            leave(token)
            report(library, note, seconds, args, kwargs, None, error)
            raise
        seconds = perf_counter() - started
        leave(token)
        report(library, note, seconds, args, kwargs, result, None)
        return result

    return call


class ImportHook:
    """Calls back when one of some modules has been imported, however that comes about."""

    def __init__(self, modules: frozenset[str], imported: Callable[[str, Any], None]) -> None:
        self._modules = modules
        self._imported = imported
        # Asked for now, by thread: two hooks for one module ask each other.
        self._asking: set[tuple[int, str]] = set()

    def install(self) -> None:
        sys.meta_path.insert(0, self)

    def remove(self) -> None:
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        """The spec that the other finders give, whose loader calls back; ``importlib`` asks."""
        asked = (get_ident(), fullname)
        if fullname not in self._modules or asked in self._asking:
            return None
        self._asking.add(asked)
        try:
            return self._find(fullname, path, target)
        finally:
            self._asking.discard(asked)

    def _find(self, fullname: str, path: Any, target: Any) -> Any:
        for finder in list(sys.meta_path):
            find = getattr(finder, "find_spec", None)
            if finder is self or find is None:
                continue
            spec = find(fullname, path, target)
            if spec is not None:
                self._watch(spec.loader, fullname)
                return spec
        return None

    def _watch(self, loader: Any, fullname: str) -> None:
        # On the instance, so that the loader keeps its type: importlib.resources looks at it.
        original = getattr(loader, "exec_module", None)
        if original is None:
            return

        def exec_module(module: Any) -> None:
            try:
                del loader.exec_module
            except AttributeError:
                pass
            original(module)
            if getattr(module, "__name__", None) == fullname:
                self._imported(fullname, module)

        try:
            loader.exec_module = exec_module
        except AttributeError as error:
            log_once(f"{fullname} is not instrumented", error)
