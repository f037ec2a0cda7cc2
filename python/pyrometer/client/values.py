"""What prometheus_client keeps a number in.

The metrics of this package do not use these classes: their cells are in shared memory and add up
over processes without being told. The names are here for code that chooses between them, which
may go on doing so.
"""

from __future__ import annotations

import os
import warnings
from threading import Lock
from typing import Any, Callable, Optional, Sequence, Type

from ..samples import Exemplar


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


def MultiProcessValue(
    process_identifier: Callable[[], Any] = os.getpid,
) -> Type[MutexValue]:
    """A class to assign to ``ValueClass``.

    ``process_identifier`` is not needed: the system says which process is which, and numbers of
    one that ended are kept whoever takes its identifier.
    """

    class MmapedValue(MutexValue):
        _multiprocess = True

    return MmapedValue


def get_value_class() -> Type[MutexValue]:
    """``MultiProcessValue()`` when ``PROMETHEUS_MULTIPROC_DIR`` is set, else ``MutexValue``."""
    note_old_variable()
    return MultiProcessValue() if "PROMETHEUS_MULTIPROC_DIR" in os.environ else MutexValue


def close_all_multiprocess_files() -> None:
    """Does nothing: files are closed when they are no longer needed."""


def note_old_variable() -> None:
    """Takes the variable's old name for its new one, and says so."""
    if "prometheus_multiproc_dir" in os.environ and "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = os.environ["prometheus_multiproc_dir"]
        warnings.warn(
            "prometheus_multiproc_dir variable has been deprecated in favor of the upper case "
            "naming PROMETHEUS_MULTIPROC_DIR",
            DeprecationWarning,
            stacklevel=3,
        )


ValueClass = get_value_class()
