"""A ``ValueClass`` whose numbers are in the ``*.db`` files of prometheus_client's mode."""

from __future__ import annotations

import logging
import os
import warnings
from threading import Lock
from typing import Any, Callable, Optional, Sequence, Type

from ..multiprocess_mode import OLD_VARIABLE, VARIABLE
from ..samples import Exemplar
from .mmap_dict import MmapedDict, mmap_key

# What closes the files of each class that has some.
_multi_process_cleanups: list[Callable[[], None]] = []


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


class _FileValue:
    """A number in a file of its process."""

    _multiprocess = True
    _needs_folder = True
    # Set by `file_value_class`.
    _files: _Files

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
        with self._files.lock:
            self._look()

    def _look(self) -> None:
        files = self._files
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
            log_once(f"numbers are kept in this process only: {error!r}")
        if files.cleanup not in _multi_process_cleanups:
            _multi_process_cleanups.append(files.cleanup)

    def _write(self) -> None:
        if self._file is not None:
            self._file.write_value(self._key, self._value, self._timestamp)

    def inc(self, amount: float) -> None:
        with self._files.lock:
            self._look()
            self._value += amount
            # Only a number that was set has a time.
            self._timestamp = 0.0
            self._write()

    def set(self, value: float, timestamp: Optional[float] = None) -> None:
        with self._files.lock:
            self._look()
            self._value = value
            self._timestamp = timestamp or 0.0
            self._write()

    def set_exemplar(self, exemplar: Exemplar) -> None:
        """Does nothing: the files have no place for it."""

    def get(self) -> float:
        with self._files.lock:
            self._look()
            return self._value

    def get_exemplar(self) -> Optional[Exemplar]:
        return None


def file_value_class(process_identifier: Callable[[], Any]) -> Type[Any]:
    """A class that keeps its numbers in the files of the process that the identifier names."""
    return type("MmapedValue", (_FileValue,), {"_files": _Files(process_identifier)})


# What was logged, which is said once.
_logged: set[str] = set()


def log_once(text: str) -> None:
    if text not in _logged and len(_logged) < 100:
        _logged.add(text)
        logging.getLogger("pyrometer").warning("%s", text)


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
