"""Attributes that a metric and all its children have in common."""

from __future__ import annotations

from typing import Any, Optional


class _Shared:
    """An attribute that a metric and its children have in common: it takes no memory in each.

    It is no attribute of the instance either: those of one instance widen all of its class.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self._attribute = name

    def __get__(self, metric: Any, owner: Optional[type] = None) -> Any:
        try:
            return metric._shared[self._attribute]
        except (AttributeError, KeyError):
            raise AttributeError(self._attribute) from None

    def __set__(self, metric: Any, value: Any) -> None:
        try:
            shared = metric._shared
        except AttributeError:
            shared = metric._shared = {}
        shared[self._attribute] = value


def shared() -> Any:
    """The value of an annotated attribute that a metric and its children have in common."""
    return _Shared()
