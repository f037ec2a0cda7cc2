"""The children of a metric, never more than a number: what labels from outside must go through."""

from __future__ import annotations

from typing import Any, Optional

OVERFLOW = "<overflow>"
"""What stands in the labels that have too many values, once they do."""

SERIES_MAX = 2000
"""Label sets of one metric in one process. Routes, methods and tasks are in a program's code, so
more than this means that somebody's labels are not what they should be; each costs about 200
bytes."""


class Children:
    """The way to the children of one labelled metric: one look-up for those that are known.

    capped: the places of the labels whose values have no end. Once there are ``series_max``
        children (``SERIES_MAX`` if not given), new ones share a child with ``OVERFLOW`` in these
        places; empty labels stay empty.
    """

    __slots__ = ("_metric", "_capped", "_series_max", "_known")

    def __init__(self, metric: Any, *capped: int, series_max: Optional[int] = None) -> None:
        self._metric = metric
        self._capped = frozenset(capped)
        self._series_max = SERIES_MAX if series_max is None else series_max
        self._known: dict[tuple[str, ...], Any] = {}

    def get(self, *labels: str) -> Any:
        """The child for these label values, by position; made when it is new."""
        child = self._known.get(labels)
        return self._make(labels) if child is None else child

    def _make(self, labels: tuple[str, ...]) -> Any:
        # Threads that come here at once may exceed the number by as many as they are.
        if len(self._known) < self._series_max:
            child = self._known[labels] = self._metric.labels(*labels)
            return child
        return self._metric.labels(
            *(
                OVERFLOW if place in self._capped and label else label
                for place, label in enumerate(labels)
            )
        )
