"""What prometheus_client keeps a number in.

The metrics of this package have their cells in shared memory, which add up over processes without
being told: no class here is needed for that. ``ValueClass`` is honoured all the same. A metric is
made from it when it is any other class than ``MutexValue`` or ``MultiProcessValue()``.
"""

from __future__ import annotations

import os
import sys
from threading import Lock
from typing import Any, Callable, Optional, Sequence, Type

from ..multiprocess_mode import folder
from ..samples import Exemplar
from .mmap_value import _multi_process_cleanups, file_value_class, log_once, note_old_variable


class MutexValue:
    """A number of this process."""

    _multiprocess = False

    def __init__(
        self,
        typ: Optional[str],
        metric_name: str,
        name: str,
        labelnames: Sequence[str],
        labelvalues: Sequence[str],
        help_text: str,
        **kwargs: Any,
    ) -> None:
        self._value = 0.0
        self._exemplar: Optional[Exemplar] = None
        self._lock = Lock()

    def inc(self, amount: float) -> None:
        """Adds."""
        with self._lock:
            self._value += amount

    def set(self, value: float, timestamp: Optional[float] = None) -> None:
        """Sets; the time is not needed."""
        with self._lock:
            self._value = value

    def set_exemplar(self, exemplar: Exemplar) -> None:
        """Keeps an exemplar."""
        with self._lock:
            self._exemplar = exemplar

    def get(self) -> float:
        """The number."""
        with self._lock:
            return self._value

    def get_exemplar(self) -> Optional[Exemplar]:
        """The exemplar that was kept last."""
        with self._lock:
            return self._exemplar


# Classes that say no more than what the metrics do anyway.
_native: list[Any] = [MutexValue]

def is_native(value_class: Any) -> bool:
    """Whether metrics keep their numbers in shared memory while this is the ``ValueClass``."""
    # By identity: a class that is derived from one of these says something of its own.
    return any(value_class is native for native in _native)


def MultiProcessValue(process_identifier: Callable[[], Any] = os.getpid) -> Type[Any]:
    """A class to assign to ``ValueClass``.

    With ``os.getpid`` or ``uwsgi.worker_id``, metrics stay in shared memory: the system tells
    their processes apart. With any other identifier they are kept as prometheus_client keeps
    them, in ``*.db`` files of ``PROMETHEUS_MULTIPROC_DIR`` that are named by the identifier.
    That is slower, and a server sees these numbers only through ``MultiProcessCollector``.
    """
    worker_id = getattr(sys.modules.get("uwsgi"), "worker_id", None)
    is_plain = process_identifier is os.getpid or (
        worker_id is not None and process_identifier is worker_id
    )
    if is_plain and len(_native) > 1:
        return _native[1]  # type: ignore[no-any-return]
    made = file_value_class(process_identifier)
    if is_plain:
        _native.append(made)
    return made


def choose() -> Optional[Any]:
    """The class that a metric which is made now is to keep its numbers in; ``None``: in shared
    memory."""
    if is_native(ValueClass):
        return None
    if getattr(ValueClass, "_needs_folder", False) and folder() is None:
        # Without a place for its files, the numbers are better where all processes see them.
        return None
    name = getattr(ValueClass, "__name__", repr(ValueClass))
    log_once(
        f"prometheus_client.values.ValueClass is {name}, so metrics made from here on keep their "
        "numbers there: slower, and a server does not see them"
    )
    return ValueClass


def get_value_class() -> Type[Any]:
    """``MultiProcessValue()`` when ``PROMETHEUS_MULTIPROC_DIR`` is set, else ``MutexValue``."""
    note_old_variable()
    return MultiProcessValue() if folder() else MutexValue


def close_all_multiprocess_files() -> None:
    """Closes the ``*.db`` files; they are opened again when they are written to."""
    for cleanup in _multi_process_cleanups:
        cleanup()
    _multi_process_cleanups.clear()


ValueClass = get_value_class()
