"""What prometheus_client keeps a number in.

The metrics of this package have their cells in shared memory, which add up over processes without
being told: no class here is needed for that. ``ValueClass`` is honoured all the same. A metric is
made from it when it is any other class than ``MutexValue`` or ``MultiProcessValue()``.
"""

from __future__ import annotations

import os
import sys
import warnings
from threading import Lock
from typing import Any, Callable, Optional, Sequence, Type

from ..multiprocess_mode import OLD_VARIABLE, VARIABLE, folder
from ..samples import Exemplar
from .mmap_dict import MmapedDict, mmap_key


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

# What closes the files of each class that has some.
_multi_process_cleanups: list[Callable[[], None]] = []


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
    made = _file_value_class(_Files(process_identifier))
    if is_plain:
        _native.append(made)
    return made


class _Files:
    """The files of the process that an identifier names, one for each type of metric."""

    def __init__(self, process_identifier: Callable[[], Any]) -> None:
        self.identify = process_identifier
        self.lock = Lock()
        # Raised whenever values must look for their entries anew.
        self.generation = 0
        self._identity = process_identifier()
        self._files: dict[str, MmapedDict] = {}
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._renew_lock)

    def _renew_lock(self) -> None:
        # The thread that held it may not exist in the child.
        self.lock = Lock()

    def check(self) -> None:
        """Starts afresh when the process has become another one."""
        identity = self.identify()
        if identity != self._identity:
            self._identity = identity
            self.close()

    def file(self, prefix: str) -> MmapedDict:
        """The file for one type of metric; ``KeyError`` when there is no folder for it."""
        file = self._files.get(prefix)
        if file is None:
            note_old_variable()
            path = os.path.join(os.environ[VARIABLE], f"{prefix}_{self._identity}.db")
            file = self._files[prefix] = MmapedDict(path)
        return file

    def close(self) -> None:
        """Closes the files; whoever counts on opens them again."""
        self.generation += 1
        files, self._files = self._files, {}
        for file in files.values():
            file.close()

    def cleanup(self) -> None:
        """Closes the files, for whoever does not hold the lock."""
        with self.lock:
            self.close()


def _file_value_class(files: _Files) -> Type[Any]:
    class MmapedValue:
        """A number in a file of its process."""

        _multiprocess = True
        _needs_folder = True

        def __init__(
            self,
            typ: Optional[str],
            metric_name: str,
            name: str,
            labelnames: Sequence[str],
            labelvalues: Sequence[str],
            help_text: str,
            multiprocess_mode: str = "",
            **kwargs: Any,
        ) -> None:
            self._prefix = f"gauge_{multiprocess_mode}" if typ == "gauge" else str(typ)
            self._key = mmap_key(metric_name, name, labelnames, labelvalues, help_text)
            self._file: Optional[MmapedDict] = None
            self._value = self._timestamp = 0.0
            self._generation = -1
            with files.lock:
                self._look()

        def _look(self) -> None:
            files.check()
            if self._generation == files.generation:
                return
            self._generation = files.generation
            try:
                self._file = files.file(self._prefix)
                self._value, self._timestamp = self._file.read_value(self._key)
            except (OSError, RuntimeError, KeyError) as error:
                # A full disk or a folder that is gone must not end a request.
                self._file, self._value = None, 0.0
                _log_once(f"numbers are kept in this process only: {error!r}")
            if files.cleanup not in _multi_process_cleanups:
                _multi_process_cleanups.append(files.cleanup)

        def _write(self) -> None:
            if self._file is not None:
                self._file.write_value(self._key, self._value, self._timestamp)

        def inc(self, amount: float) -> None:
            with files.lock:
                self._look()
                self._value += amount
                # Only a number that was set has a time.
                self._timestamp = 0.0
                self._write()

        def set(self, value: float, timestamp: Optional[float] = None) -> None:
            with files.lock:
                self._look()
                self._value = value
                self._timestamp = timestamp or 0.0
                self._write()

        def set_exemplar(self, exemplar: Exemplar) -> None:
            """Does nothing: the files have no place for it."""

        def get(self) -> float:
            with files.lock:
                self._look()
                return self._value

        def get_exemplar(self) -> Optional[Exemplar]:
            return None

    return MmapedValue


_logged: set[str] = set()


def _log_once(text: str) -> None:
    if text not in _logged and len(_logged) < 100:
        _logged.add(text)
        import logging

        logging.getLogger("pyrometer").warning("%s", text)


def choose() -> Optional[Any]:
    """The class that a metric which is made now is to keep its numbers in; ``None``: in shared
    memory."""
    if is_native(ValueClass):
        return None
    if getattr(ValueClass, "_needs_folder", False) and folder() is None:
        # Without a place for its files, the numbers are better where all processes see them.
        return None
    name = getattr(ValueClass, "__name__", repr(ValueClass))
    _log_once(
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


def note_old_variable() -> None:
    """Takes the variable's old name for its new one, and says so."""
    if OLD_VARIABLE in os.environ and VARIABLE not in os.environ:
        os.environ[VARIABLE] = os.environ[OLD_VARIABLE]
        warnings.warn(
            f"{OLD_VARIABLE} variable has been deprecated in favor of the upper case "
            f"naming {VARIABLE}",
            DeprecationWarning,
            stacklevel=3,
        )


ValueClass = get_value_class()
