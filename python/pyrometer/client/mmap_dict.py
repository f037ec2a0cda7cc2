"""prometheus_client's ``*.db`` files: numbers by name, in a file that is mapped into memory.

A file is an ``int`` (the bytes that are used), four bytes of padding, then entries: an ``int``
(the bytes of the key), the key as UTF-8, spaces up to a multiple of eight bytes, and two doubles
(the value and the time it was set, in seconds since the epoch). All in the machine's byte order.
"""

from __future__ import annotations

import json
import mmap
import os
import struct
from typing import IO, Any, Iterator, Optional, Sequence

_INITIAL_MMAP_SIZE = 1 << 16
_INT = struct.Struct("i")
_PAIR = struct.Struct("dd")
_HEAD_BYTES = 8
# A file says itself how much of it is used; a lie must not become an allocation.
_FILE_BYTES_MAX = 1 << 30


def _pack_integer(data: Any, pos: int, value: int) -> None:
    data[pos : pos + _INT.size] = _INT.pack(value)


def _pack_two_doubles(data: Any, pos: int, value: float, timestamp: float) -> None:
    # As one piece: `pack_into` writes zeros first, which a reader could meet.
    data[pos : pos + _PAIR.size] = _PAIR.pack(value, timestamp)


def _entry_head(key: bytes) -> bytes:
    """Length, key and padding: at least one space, as prometheus_client has it."""
    room = len(key) + 8 - (len(key) + _INT.size) % 8
    return _INT.pack(len(key)) + key.ljust(room)


def _read_all_values(data: Any, used: int = 0) -> Iterator[tuple[str, float, float, int]]:
    """Key, value, time and place of each entry; ``RuntimeError`` where it is no entry."""
    try:
        if used <= 0:
            (used,) = _INT.unpack_from(data, 0)
        if used < 0:
            raise RuntimeError("a file cannot use less than nothing: it is corrupted")
        pos = _HEAD_BYTES
        while pos < used:
            (length,) = _INT.unpack_from(data, pos)
            place = pos + _INT.size + length + 8 - (length + _INT.size) % 8
            if length < 0 or used < place + _PAIR.size:
                raise RuntimeError(f"the entry at byte {pos} ends beyond the file: it is corrupted")
            key = bytes(data[pos + _INT.size : pos + _INT.size + length]).decode()
            value, timestamp = _PAIR.unpack_from(data, place)
            yield key, value, timestamp, place
            pos = place + _PAIR.size
    except (struct.error, UnicodeDecodeError) as error:
        raise RuntimeError(f"this is no file of numbers, or corrupted: {error}") from error


def _reserve(file: IO[bytes], size: int) -> None:
    """Takes the blocks now: a page of a file with holes that a full disk cannot provide would
    kill the process. ``OSError`` when there are none."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
    else:
        file.truncate(size)


def _capacity_for(capacity: int, end: int) -> int:
    while capacity < end:
        capacity *= 2
    return capacity


class MmapedDict:
    """Numbers by name in a mapped file, which is made when it is missing. Not for two threads.

    Raises ``OSError`` for a file that cannot be opened, ``RuntimeError`` for a corrupted one.
    """

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        self._fname = filename
        self._f: Optional[IO[bytes]] = open(filename, "rb" if read_mode else "a+b")
        self._positions: dict[str, int] = {}
        try:
            self._capacity = os.fstat(self._f.fileno()).st_size
            if self._capacity == 0:
                self._capacity = _INITIAL_MMAP_SIZE
                _reserve(self._f, self._capacity)
            access = mmap.ACCESS_READ if read_mode else mmap.ACCESS_WRITE
            self._m: Any = mmap.mmap(self._f.fileno(), self._capacity, access=access)
            (self._used,) = _INT.unpack_from(self._m, 0)
            if self._used == 0:
                self._used = _HEAD_BYTES
                if not read_mode:
                    _pack_integer(self._m, 0, self._used)
            elif not read_mode:
                self._positions = {key: pos for key, _, _, pos in self._read_all_values()}
        except BaseException:
            self._f.close()
            raise

    @staticmethod
    def read_all_values_from_file(filename: str) -> Iterator[tuple[str, float, float, int]]:
        """What a file holds now, without mapping it: it may be removed or replaced meanwhile."""
        with open(filename, "rb") as file:
            data = file.read(mmap.PAGESIZE)
            if len(data) < _INT.size:
                # Its process has just made it.
                return iter(())
            (used,) = _INT.unpack_from(data, 0)
            if len(data) < used:
                data += file.read(min(used, _FILE_BYTES_MAX) - len(data))
        return _read_all_values(data, used)

    def read_all_values(self) -> Iterator[tuple[str, float, float]]:
        """Key, value and time of each entry."""
        for key, value, timestamp, _ in self._read_all_values():
            yield key, value, timestamp

    def read_value(self, key: str) -> tuple[float, float]:
        """Value and time; an entry that is missing is made, with zeros."""
        place = self._position(key)
        value, timestamp = _PAIR.unpack_from(self._m, place)
        return value, timestamp

    def write_value(self, key: str, value: float, timestamp: float) -> None:
        """Sets value and time."""
        # First its place: a new entry may need a longer mapping.
        place = self._position(key)
        _pack_two_doubles(self._m, place, value, timestamp)

    def close(self) -> None:
        """Unmaps and closes the file."""
        if self._f is not None:
            self._m.close()
            self._m = None
            self._f.close()
            self._f = None

    def _read_all_values(self) -> Iterator[tuple[str, float, float, int]]:
        return _read_all_values(self._m, self._used)

    def _position(self, key: str) -> int:
        if key not in self._positions:
            self._init_value(key)
        return self._positions[key]

    def _init_value(self, key: str) -> None:
        entry = _entry_head(key.encode()) + _PAIR.pack(0.0, 0.0)
        end = self._used + len(entry)
        if self._capacity < end:
            assert self._f is not None, "a closed file is not written to"
            capacity = _capacity_for(self._capacity, end)
            _reserve(self._f, capacity)
            self._capacity = capacity
            self._m.close()
            self._m = mmap.mmap(self._f.fileno(), self._capacity)
        # The entry before its count: a reader never meets half of one.
        self._m[self._used : end] = entry
        self._used = end
        _pack_integer(self._m, 0, end)
        self._positions[key] = end - _PAIR.size


def mmap_key(
    metric_name: str,
    name: str,
    labelnames: Sequence[str],
    labelvalues: Sequence[str],
    help_text: str,
) -> str:
    """The key of a sample, the same whatever the order of the labels."""
    labels = dict(zip(labelnames, labelvalues))
    return json.dumps([metric_name, name, labels, help_text], sort_keys=True)
