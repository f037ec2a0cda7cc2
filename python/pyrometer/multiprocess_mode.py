"""prometheus_client's multi-process mode: what is counted outside the default registry.

That mode is on where ``PROMETHEUS_MULTIPROC_DIR`` is set, and every metric then counts in one
sum, whatever its registry. The numbers are in shared memory as all others; of the folder only its
name is used, which says whose sum it is, and an empty file in it for each program that counts
for it (a web server, its task workers, an exporter of their own), so that each finds the others.
"""

from __future__ import annotations

import os
import re
import sys
from binascii import crc32
from typing import Any, Optional

from . import _core

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
# What prometheus_client called it, and still takes.
OLD_VARIABLE = VARIABLE.lower()

# Numbers from here on are of registries that nobody shows as his own.
OUTSIDE = 0x8000
_GROUP_SUFFIX = ".pyrometer"
# A process group: number and start of its root process.
_GROUP = r"(\d+)-\d+"
# Programs that count for one sum; reading more of them would hold up a scrape.
_GROUPS_MAX = 64

# Folders in which this program is noted.
_noted: set[str] = set()


def folder() -> Optional[str]:
    """The folder that the mode is on for."""
    return os.environ.get(VARIABLE) or os.environ.get(OLD_VARIABLE) or None


def outside_number(path: str) -> int:
    """The number under which metrics outside the default registry count for a folder's sum."""
    # All processes must agree on it, and none can ask another.
    return OUTSIDE | (crc32(os.fsencode(os.path.abspath(path))) & (OUTSIDE - 1))


def note_program(path: str) -> None:
    """Tells other programs with this folder where this one counts."""
    if path in _noted:
        return
    group = _core.group_dir()
    if group is None:
        return
    _noted.add(path)
    runtime_dir, name = os.path.split(group)
    try:
        for other in _names(path):
            # Its numbers are gone and so is it; one that runs may have them elsewhere.
            is_there = os.path.isdir(os.path.join(runtime_dir, other))
            if not is_there and not os.path.exists("/proc/" + other.partition("-")[0]):
                os.unlink(os.path.join(path, other + _GROUP_SUFFIX))
        open(os.path.join(path, name + _GROUP_SUFFIX), "a").close()
    except OSError:
        # A folder that nobody made: this program is then a sum of its own.
        pass


def programs(path: str) -> list[str]:
    """The process groups that count for a folder's sum."""
    try:
        return _names(path)[:_GROUPS_MAX]
    except OSError:
        return []


def _names(path: str) -> list[str]:
    names = (
        name.removesuffix(_GROUP_SUFFIX)
        for name in os.listdir(path)
        if name.endswith(_GROUP_SUFFIX)
    )
    return sorted(name for name in names if re.fullmatch(_GROUP, name))


def chosen_value_class() -> Any:
    """What a metric is to keep its numbers in; ``None``: in shared memory."""
    values = sys.modules.get(__package__ + ".client.values")
    # Until somebody loads it, nobody has chosen another class.
    return None if values is None else values.choose()
