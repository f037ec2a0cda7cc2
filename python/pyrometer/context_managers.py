"""Timing and counting around a block of code or a function.

Each object is a context manager and a decorator. A decorated function keeps its name and
signature; of a coroutine function the whole run counts, not the moment that makes the coroutine.
``Timer`` is Rust's, since it is entered in every request.
"""

from __future__ import annotations

import functools
from types import TracebackType
from typing import Any, Callable, ContextManager, Literal, Optional, Type, TypeVar, Union, cast

from ._core import Timer, monotonic

__all__ = ("ExceptionCounter", "InprogressTracker", "Timer")

F = TypeVar("F", bound=Callable[..., Any])

_Exceptions = Union[Type[BaseException], tuple[Type[BaseException], ...]]


def _decorate(f: F, enter: Callable[[], ContextManager[Any]]) -> F:
    # Loaded late: it is slow to load, and a program that only counts does not need it.
    import inspect

    async def awaited(*args: Any, **kwargs: Any) -> Any:
        with enter():
            return await f(*args, **kwargs)

    def called(*args: Any, **kwargs: Any) -> Any:
        with enter():
            return f(*args, **kwargs)

    return _like(f, awaited if inspect.iscoroutinefunction(f) else called)


def _timed(timer: Timer, f: F) -> F:
    """The function with a timer around each call; calls may overlap."""
    import inspect

    observe_since = timer._observer()
    if observe_since is None or inspect.iscoroutinefunction(f):
        return _decorate(f, cast(Callable[[], ContextManager[Any]], timer._new_timer))

    # Without an object for each call.
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        started = monotonic()
        try:
            return f(*args, **kwargs)
        finally:
            observe_since(started)

    return _like(f, wrapped)


def _like(f: F, wrapped: Callable[..., Any]) -> F:
    """The wrapper with the name and the signature of what it wraps."""
    import inspect

    functools.update_wrapper(wrapped, f)
    try:
        # `functools.update_wrapper` does not do for `inspect.getfullargspec`.
        wrapped.__signature__ = inspect.signature(f)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        # Some functions that are not Python have none.
        pass
    return cast(F, wrapped)


class ExceptionCounter:
    """Counts exceptions of some types that leave the block."""

    def __init__(self, counter: Any, exception: _Exceptions) -> None:
        self._counter = counter
        self._exception = exception

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        typ: Optional[Type[BaseException]],
        value: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> Literal[False]:
        if isinstance(value, self._exception):
            self._counter.inc()
        return False

    def __call__(self, f: F) -> F:
        return _decorate(f, lambda: self)


class InprogressTracker:
    """Is one more while the block runs."""

    def __init__(self, gauge: Any) -> None:
        self._gauge = gauge

    def __enter__(self) -> None:
        self._gauge.inc()

    def __exit__(self, typ: Any, value: Any, traceback: Any) -> None:
        self._gauge.dec()

    def __call__(self, f: F) -> F:
        return _decorate(f, lambda: cast(ContextManager[Any], self))
