"""A label set of a metric whose numbers are instances of a ``ValueClass``.

Has what a metric asks of `_core.Series`, so that a metric need not know which of the two it has.
"""

from __future__ import annotations

import time
from typing import Any, Callable, Optional, Sequence

from .. import wrapper
from ..samples import Exemplar
from ..utils import INF, floatToGoString


class ValueSeries:
    """``values`` are in the order of the cells of `_core.Series`: of a summary the count and the
    sum, of a histogram the sum and then the buckets."""

    def __init__(self, metric: Any, value_class: Callable[..., Any]) -> None:
        self.created = time.time()
        self._is_most_recent = getattr(metric, "_is_most_recent", False)
        self._bounds = _bounds(metric)
        self.values: list[Any] = _MAKERS[metric._type](metric, value_class)

    def counter_inc(self, amount: float = 1, exemplar: Optional[dict[str, str]] = None) -> None:
        if amount < 0:
            raise ValueError("Counters can only be incremented by non-negative amounts.")
        self.values[0].inc(amount)
        if exemplar:
            self.set_exemplar(0, wrapper._make_exemplar(exemplar, amount))

    def gauge_inc(self, amount: float = 1) -> None:
        self.values[0].inc(amount)

    def gauge_dec(self, amount: float = 1) -> None:
        self.values[0].inc(-amount)

    def gauge_set(self, value: float) -> None:
        if self._is_most_recent:
            self.values[0].set(float(value), timestamp=time.time())
        else:
            self.values[0].set(float(value))

    def summary_observe(self, amount: float) -> None:
        self.values[0].inc(1)
        self.values[1].inc(amount)

    def histogram_observe(
        self, amount: float, exemplar: Optional[dict[str, str]] = None
    ) -> None:
        self.values[0].inc(amount)
        for place, bound in enumerate(self._bounds, start=1):
            if amount <= bound:
                self.values[place].inc(1)
                if exemplar:
                    self.set_exemplar(place, wrapper._make_exemplar(exemplar, amount))
                break

    def get(self, index: int) -> float:
        value: float = self.values[index].get()
        return value

    def native(self) -> None:
        """Nothing: no file has a place for native buckets."""

    def get_exemplar(self, index: int) -> Optional[Exemplar]:
        # Not every class has exemplars.
        get = getattr(self.values[index], "get_exemplar", None)
        exemplar: Optional[Exemplar] = None if get is None else get()
        return exemplar

    def set_exemplar(self, index: int, exemplar: Exemplar) -> None:
        keep = getattr(self.values[index], "set_exemplar", None)
        if keep is not None:
            keep(exemplar)

    def reset(self, now: float) -> None:
        for value in self.values:
            value.set(0)
        self.created = now

    def share(self) -> None:
        """Does nothing: where the numbers are is up to their class."""

    def remove(self) -> None:
        """Does nothing: what is in a file stays there."""


def _bounds(metric: Any) -> Sequence[float]:
    """Of a histogram that would only be native, one bucket for all."""
    bounds: Optional[Sequence[float]] = getattr(metric, "_upper_bounds", None)
    return (INF,) if bounds == [] else bounds or ()


def _value(
    metric: Any, value_class: Callable[..., Any], suffix: str, le: Optional[str] = None, **kw: Any
) -> Any:
    names, values = tuple(metric._labelnames), tuple(metric._labelvalues)
    if le is not None:
        names, values = (*names, "le"), (*values, le)
    name = metric._name
    return value_class(
        metric._type, name, name + suffix, names, values, metric._documentation, **kw
    )


def _gauge(metric: Any, value_class: Callable[..., Any]) -> list[Any]:
    mode = metric._multiprocess_mode
    # A mode that the files of prometheus_client do not have; there, `all` is what nobody chose.
    mode = "all" if mode == "auto" else mode
    return [_value(metric, value_class, "", multiprocess_mode=mode)]


_MAKERS: dict[str, Callable[[Any, Callable[..., Any]], list[Any]]] = {
    "counter": lambda metric, of: [_value(metric, of, "_total")],
    "gauge": _gauge,
    "summary": lambda metric, of: [_value(metric, of, "_count"), _value(metric, of, "_sum")],
    "histogram": lambda metric, of: [
        _value(metric, of, "_sum"),
        *(_value(metric, of, "_bucket", floatToGoString(one)) for one in _bounds(metric)),
    ],
}
