"""What the interpreter itself costs a service: waiting for the event loop, for the interpreter
lock, for a free worker.

Garbage collections and what each process takes are measured in every program that has a metric;
this package has what needs a loop or a thread. ``pyrometer.init(app)`` and ``pyrometer run`` begin
it; a program without either calls ``pyrometer.runtime.instrument()``. Names and costs:
docs/decisions/runtime-metrics.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import capacity, loops, serving

if TYPE_CHECKING:
    from .memory import expose_memory_top, memory_top

__all__ = ("expose_memory_top", "instrument", "memory_top")


def instrument() -> None:
    """Begins to measure event loops, tasks and the interpreter lock in this process.

    Loops that run now and later are covered. Calling it again changes nothing.
    """
    prepare()
    serving.begin()


def prepare() -> None:
    """Measures what costs no thread; the rest begins with the first request or task."""
    loops.instrument()
    capacity.instrument()


def __getattr__(name: str) -> Any:
    # Loaded when it is used: tracemalloc's module brings pickle.
    if name in ("expose_memory_top", "memory_top"):
        from . import memory

        return getattr(memory, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
