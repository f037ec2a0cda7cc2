"""Decorators that keep a function's signature."""

from __future__ import annotations

import functools
import inspect
from contextlib import _GeneratorContextManager as ContextManager
from contextlib import contextmanager
from typing import Any, Callable, NamedTuple, Optional

__all__ = ("ArgSpec", "ContextManager", "contextmanager", "decorate", "decorator", "getargspec")


class ArgSpec(NamedTuple):
    """A function's arguments, as Python 2 told them."""

    args: list[str]
    varargs: Optional[str]
    varkw: Optional[str]
    defaults: Optional[tuple[Any, ...]]


def getargspec(f: Callable[..., Any]) -> ArgSpec:
    """The arguments of a function, through its decorators."""
    spec = inspect.getfullargspec(f)
    return ArgSpec(spec.args, spec.varargs, spec.varkw, spec.defaults)


def decorate(func: Callable[..., Any], caller: Callable[..., Any]) -> Callable[..., Any]:
    """``func`` wrapped so that a call becomes ``caller(func, *args, **kwargs)``."""

    @functools.wraps(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return caller(func, *args, **kwargs)

    wrapped.__signature__ = inspect.signature(func)  # type: ignore[attr-defined]
    return wrapped


def decorator(caller: Callable[..., Any], _func: Optional[Callable[..., Any]] = None) -> Any:
    """Makes a decorator of a caller; with a function too, decorates it."""
    if _func is not None:
        return decorate(_func, caller)

    @functools.wraps(caller)
    def decorating(func: Callable[..., Any]) -> Callable[..., Any]:
        return decorate(func, caller)

    # A decorator takes one function, whatever its caller takes.
    decorating.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter("func", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
    )
    return decorating
