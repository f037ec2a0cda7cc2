"""Metric families: what a collector yields."""

from __future__ import annotations

from typing import Iterable, Optional, Sequence, Union

from .samples import Exemplar, NativeHistogram, Sample, Timestamp
from .validation import _validate_metric_name

METRIC_TYPES = (
    "counter",
    "gauge",
    "summary",
    "histogram",
    "gaugehistogram",
    "unknown",
    "info",
    "stateset",
)

_Time = Optional[Union[Timestamp, float]]


class Metric:
    """A metric and its samples at one moment. Collectors use its subclasses."""

    def __init__(self, name: str, documentation: str, typ: str, unit: str = "") -> None:
        if unit and not name.endswith("_" + unit):
            name += "_" + unit
        _validate_metric_name(name)
        if typ == "untyped":
            typ = "unknown"
        if typ not in METRIC_TYPES:
            raise ValueError("Invalid metric type: " + typ)
        self.name: str = name
        self.documentation: str = documentation
        self.unit: str = unit
        self.type: str = typ
        self.samples: list[Sample] = []

    def add_sample(
        self,
        name: str,
        labels: dict[str, str],
        value: float,
        timestamp: _Time = None,
        exemplar: Optional[Exemplar] = None,
        native_histogram: Optional[NativeHistogram] = None,
    ) -> None:
        self.samples.append(Sample(name, labels, value, timestamp, exemplar, native_histogram))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Metric) and self._parts() == other._parts()

    # Samples change, so equality is by value and there is no hash.
    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "Metric({}, {}, {}, {}, {})".format(*self._parts())

    def _parts(self) -> tuple[object, ...]:
        return (self.name, self.documentation, self.type, self.unit, self.samples)

    def _restricted_metric(self, names: Iterable[str]) -> Optional[Metric]:
        """The metric with only the samples of these names; ``None`` when that is none."""
        samples = [sample for sample in self.samples if sample.name in names]
        if not samples:
            return None
        metric = Metric(self.name, self.documentation, self.type)
        metric.samples = samples
        return metric


class _LabelledFamily(Metric):
    """What all families for collectors share: label names, then values for them."""

    _TYPE = "unknown"

    def __init__(
        self,
        name: str,
        documentation: str,
        labels: Optional[Sequence[str]],
        has_value: bool,
        unit: str = "",
        value_word: str = "value",
    ) -> None:
        super().__init__(name, documentation, self._TYPE, unit)
        if labels is not None and has_value:
            raise ValueError(f"Can only specify at most one of {value_word} and labels.")
        self._labelnames = tuple(labels or ())

    def _labels(self, values: Sequence[str]) -> dict[str, str]:
        return dict(zip(self._labelnames, values))


class UnknownMetricFamily(_LabelledFamily):
    """A metric of a type nobody knows."""

    def __init__(
        self,
        name: str,
        documentation: str,
        value: Optional[float] = None,
        labels: Optional[Sequence[str]] = None,
        unit: str = "",
    ) -> None:
        super().__init__(name, documentation, labels, value is not None, unit)
        if value is not None:
            self.add_metric([], value)

    def add_metric(self, labels: Sequence[str], value: float, timestamp: _Time = None) -> None:
        """Adds the series with these label values."""
        self.add_sample(self.name, self._labels(labels), value, timestamp)


UntypedMetricFamily = UnknownMetricFamily


class GaugeMetricFamily(UnknownMetricFamily):
    """A gauge."""

    _TYPE = "gauge"


class CounterMetricFamily(_LabelledFamily):
    """A counter."""

    _TYPE = "counter"

    def __init__(
        self,
        name: str,
        documentation: str,
        value: Optional[float] = None,
        labels: Optional[Sequence[str]] = None,
        created: Optional[float] = None,
        unit: str = "",
        exemplar: Optional[Exemplar] = None,
    ) -> None:
        super().__init__(
            name.removesuffix("_total"), documentation, labels, value is not None, unit
        )
        if value is not None:
            self.add_metric([], value, created, exemplar=exemplar)

    def add_metric(
        self,
        labels: Sequence[str],
        value: float,
        created: Optional[float] = None,
        timestamp: _Time = None,
        exemplar: Optional[Exemplar] = None,
    ) -> None:
        """Adds the series with these label values; ``created`` is in seconds since the epoch."""
        self.add_sample(self.name + "_total", self._labels(labels), value, timestamp, exemplar)
        if created is not None:
            self.add_sample(self.name + "_created", self._labels(labels), created, timestamp)


class SummaryMetricFamily(_LabelledFamily):
    """A summary: a count and a sum."""

    _TYPE = "summary"

    def __init__(
        self,
        name: str,
        documentation: str,
        count_value: Optional[int] = None,
        sum_value: Optional[float] = None,
        labels: Optional[Sequence[str]] = None,
        unit: str = "",
    ) -> None:
        if (sum_value is None) != (count_value is None):
            raise ValueError("count_value and sum_value must be provided together.")
        super().__init__(name, documentation, labels, count_value is not None, unit)
        if count_value is not None and sum_value is not None:
            self.add_metric([], count_value, sum_value)

    def add_metric(
        self,
        labels: Sequence[str],
        count_value: int,
        sum_value: float,
        timestamp: _Time = None,
    ) -> None:
        """Adds the series with these label values."""
        self.add_sample(self.name + "_count", self._labels(labels), count_value, timestamp)
        self.add_sample(self.name + "_sum", self._labels(labels), sum_value, timestamp)


_Bucket = Union[tuple[str, float], tuple[str, float, Exemplar]]


class HistogramMetricFamily(_LabelledFamily):
    """A histogram; its buckets are cumulative, sorted, and end with ``+Inf``."""

    _TYPE = "histogram"

    def __init__(
        self,
        name: str,
        documentation: str,
        buckets: Optional[Sequence[_Bucket]] = None,
        sum_value: Optional[float] = None,
        labels: Optional[Sequence[str]] = None,
        unit: str = "",
    ) -> None:
        if sum_value is not None and buckets is None:
            raise ValueError("sum value cannot be provided without buckets.")
        super().__init__(name, documentation, labels, buckets is not None, unit, "buckets")
        if buckets is not None:
            self.add_metric([], buckets, sum_value)

    def add_metric(
        self,
        labels: Sequence[str],
        buckets: Sequence[_Bucket],
        sum_value: Optional[float],
        timestamp: _Time = None,
    ) -> None:
        """Adds the series with these label values. A bucket is its bound as text, its count,
        and perhaps an exemplar."""
        for bucket in buckets:
            exemplar = bucket[2] if len(bucket) == 3 else None
            with_bound = {**self._labels(labels), "le": bucket[0]}
            self.add_sample(self.name + "_bucket", with_bound, bucket[1], timestamp, exemplar)
        # A sum that can fall is no counter.
        if float(buckets[0][0]) >= 0 and sum_value is not None:
            count = buckets[-1][1]
            self.add_sample(self.name + "_count", self._labels(labels), count, timestamp)
            self.add_sample(self.name + "_sum", self._labels(labels), sum_value, timestamp)


class GaugeHistogramMetricFamily(_LabelledFamily):
    """A histogram of what is there now: its counts go up and down."""

    _TYPE = "gaugehistogram"

    def __init__(
        self,
        name: str,
        documentation: str,
        buckets: Optional[Sequence[tuple[str, float]]] = None,
        gsum_value: Optional[float] = None,
        labels: Optional[Sequence[str]] = None,
        unit: str = "",
    ) -> None:
        if gsum_value is not None and buckets is None:
            raise ValueError("gsum value cannot be provided without buckets.")
        super().__init__(name, documentation, labels, buckets is not None, unit, "buckets")
        if buckets is not None:
            self.add_metric([], buckets, gsum_value)

    def add_metric(
        self,
        labels: Sequence[str],
        buckets: Sequence[tuple[str, float]],
        gsum_value: Optional[float],
        timestamp: _Time = None,
    ) -> None:
        """Adds the series with these label values."""
        for bound, value in buckets:
            with_bound = {**self._labels(labels), "le": bound}
            self.add_sample(self.name + "_bucket", with_bound, value, timestamp)
        count = buckets[-1][1]
        self.add_sample(self.name + "_gcount", self._labels(labels), count, timestamp)
        # Without a sum it cannot be written, and the writer says so.
        gsum: float = gsum_value  # type: ignore[assignment]
        self.add_sample(self.name + "_gsum", self._labels(labels), gsum, timestamp)


class InfoMetricFamily(_LabelledFamily):
    """Facts as labels."""

    _TYPE = "info"

    def __init__(
        self,
        name: str,
        documentation: str,
        value: Optional[dict[str, str]] = None,
        labels: Optional[Sequence[str]] = None,
    ) -> None:
        super().__init__(name, documentation, labels, value is not None)
        if value is not None:
            self.add_metric([], value)

    def add_metric(
        self, labels: Sequence[str], value: dict[str, str], timestamp: _Time = None
    ) -> None:
        """Adds the facts of the series with these label values."""
        self.add_sample(self.name + "_info", {**self._labels(labels), **value}, 1, timestamp)


class StateSetMetricFamily(_LabelledFamily):
    """Which of some states are on."""

    _TYPE = "stateset"

    def __init__(
        self,
        name: str,
        documentation: str,
        value: Optional[dict[str, bool]] = None,
        labels: Optional[Sequence[str]] = None,
    ) -> None:
        super().__init__(name, documentation, labels, value is not None)
        if value is not None:
            self.add_metric([], value)

    def add_metric(
        self, labels: Sequence[str], value: dict[str, bool], timestamp: _Time = None
    ) -> None:
        """Adds the states of the series with these label values."""
        for state, is_on in sorted(value.items()):
            with_state = {**self._labels(labels), self.name: state}
            self.add_sample(self.name, with_state, 1 if is_on else 0, timestamp)
