"""Numbers as the text formats write them."""

from __future__ import annotations

from typing import Union

from . import _core

INF = float("inf")
MINUS_INF = float("-inf")
NaN = float("nan")


def floatToGoString(d: Union[float, str]) -> str:
    """The number as text: Python's digits, Go's exponents from a million on."""
    return _core.format_value(float(d))


def parse_version(version_str: str) -> tuple[Union[int, str], ...]:
    """``"1.0.0"`` as ``(1, 0, 0)``; parts that are no number stay text."""
    return tuple(
        int(part) if part.isascii() and part.isdigit() else part for part in version_str.split(".")
    )
