"""What happens when a metric has too many label sets.

Each costs memory here and in whoever scrapes, for ever, and a label that takes whatever a client
sends (a path, an address, an identifier) makes them without end. From a limit on, new label sets
share one child, whose labels say so.
"""

from __future__ import annotations

import functools
import os

OVERFLOW = "<overflow>"
"""The value of all labels of what is counted beyond the limit."""

VARIABLE = "PYROMETER_SERIES_MAX"
"""Environment variable: label sets of one metric in one process; 0 for no limit."""

SERIES_MAX = 200_000
"""Without the variable. What real programs need stays far below, and what is above takes
more than 100 MB of memory."""

_noted: set[str] = set()


@functools.lru_cache(maxsize=1)
def series_max() -> int:
    """Label sets that one metric may have in this process."""
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        return SERIES_MAX
    try:
        number = int(text)
    except ValueError:
        number = -1
    if number < 0:
        _warn("%s is %r, which is no number from 0 on; %d is used", VARIABLE, text, SERIES_MAX)
        return SERIES_MAX
    return number or (1 << 62)


def note(name: str) -> None:
    """Says, once for each metric, that it has too many label sets."""
    if name in _noted:
        return
    _noted.add(name)
    _warn(
        "%s has %d label sets; further ones are counted together, with %r for every label. "
        "A label takes values without end, or %s is too low.",
        name,
        series_max(),
        OVERFLOW,
        VARIABLE,
    )


def _warn(text: str, *args: object) -> None:
    # Loaded late: what an import of this package need not wait for.
    import logging

    logging.getLogger("pyrometer").warning(text, *args)
