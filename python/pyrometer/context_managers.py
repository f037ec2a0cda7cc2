"""Timing and counting around a block of code or a function.

Each object is a context manager and a decorator. A decorated function keeps its name and
signature; of a coroutine function the whole run counts, not the moment that makes the coroutine.
"""

from __future__ import annotations

import functools
from time import perf_counter as default_timer
from types import TracebackType
from typing import Any, Callable, ContextManager, Literal, Optional, Type, TypeVar, Union, cast

F = TypeVar("F", bound=Callable[..., Any])

_Exceptions = Union[Type[BaseException], tuple[Type[BaseException], ...]]


def _decorate(f: F, enter: Callable[[], ContextManager[Any]]) -> F:
    # Loaded late: it is slow to load, and a program that only counts does not need it.
    import inspect

    if inspect.iscoroutinefunction(f):

        @functools.wraps(f)
        async def wrapped(*args: Any, **kwargs: Any) -> Any:
            with enter():
                return await f(*args, **kwargs)

    else:

        @functools.wraps(f)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with enter():
                return f(*args, **kwargs)

    try:
        # `functools.wraps` does not do for `inspect.getfullargspec`.
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


class Timer:
    """Tells a metric how many seconds the block took; ``duration`` has them afterwards."""

    def __init__(self, metric: Any, callback_name: str) -> None:
        self._metric = metric
        self._callback_name = callback_name
        self.duration: Optional[float] = None

    def _new_timer(self) -> Timer:
        return self.__class__(self._metric, self._callback_name)

    def __enter__(self) -> Timer:
        self._start = default_timer()
        return self

    def __exit__(self, typ: Any, value: Any, traceback: Any) -> None:
        # The clock may step back.
        self.duration = max(default_timer() - self._start, 0)
        getattr(self._metric, self._callback_name)(self.duration)

    def labels(self, *args: Any, **kw: Any) -> None:
        """Chooses the labels from within the block."""
        self._metric = self._metric.labels(*args, **kw)

    def __call__(self, f: F) -> F:
        # Calls may overlap, so each has a timer of its own.
        return _decorate(f, cast(Callable[[], ContextManager[Any]], self._new_timer))
