"""What a metric consists of when Python code looks at it."""

from __future__ import annotations

from typing import NamedTuple, Optional, Sequence, Union


class Timestamp:
    """A moment with a resolution of nanoseconds."""

    def __init__(self, sec: float, nsec: float) -> None:
        if not 0 <= nsec < 1e9:
            raise ValueError(f"Invalid value for nanoseconds in Timestamp: {nsec}")
        self.sec: int = int(sec)
        self.nsec: int = int(-nsec if sec < 0 else nsec)

    def __str__(self) -> str:
        return f"{self.sec}.{self.nsec:09d}"

    def __repr__(self) -> str:
        return f"Timestamp({self.sec}, {self.nsec})"

    def __float__(self) -> float:
        return float(self.sec) + float(self.nsec) / 1e9

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Timestamp) and (self.sec, self.nsec) == (other.sec, other.nsec)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((self.sec, self.nsec))

    def __lt__(self, other: Timestamp) -> bool:
        return (self.sec, self.nsec) < (other.sec, other.nsec)

    def __gt__(self, other: Timestamp) -> bool:
        return (self.sec, self.nsec) > (other.sec, other.nsec)


class BucketSpan(NamedTuple):
    """Buckets of a native histogram that follow each other."""

    offset: int
    length: int


class Exemplar(NamedTuple):
    """One observation that stands for others: its labels (a trace, say), value and time."""

    labels: dict[str, str]
    value: float
    timestamp: Optional[Union[float, Timestamp]] = None


class NativeHistogram(NamedTuple):
    """A native histogram, as a custom collector may yield it."""

    count_value: float
    sum_value: float
    schema: int
    zero_threshold: float
    zero_count: float
    pos_spans: Optional[Sequence[BucketSpan]] = None
    neg_spans: Optional[Sequence[BucketSpan]] = None
    pos_deltas: Optional[Sequence[int]] = None
    neg_deltas: Optional[Sequence[int]] = None
    nh_exemplars: Optional[Sequence[Exemplar]] = None


def native_histogram(
    sum_value: float,
    native: tuple[float, int, float, float, list[tuple[int, float]], list[tuple[int, float]]],
) -> NativeHistogram:
    """From count, schema, zero threshold, zero count, positive and negative buckets."""
    count, schema, zero_threshold, zero_count, positive, negative = native
    pos_spans, pos_deltas = _spans(positive)
    neg_spans, neg_deltas = _spans(negative)
    return NativeHistogram(
        *(int(count), sum_value, schema, zero_threshold, int(zero_count)),
        *(pos_spans, neg_spans, pos_deltas, neg_deltas),
    )


def _spans(
    buckets: list[tuple[int, float]],
) -> tuple[Optional[list[BucketSpan]], Optional[list[int]]]:
    """Runs of buckets, and by how much each count differs from the one before it."""
    if not buckets:
        return None, None
    spans: list[BucketSpan] = []
    deltas = []
    after, last_count = 0, 0
    for bucket, count in buckets:
        if spans and bucket == after:
            spans[-1] = spans[-1]._replace(length=spans[-1].length + 1)
        else:
            spans.append(BucketSpan(bucket - after, 1))
        deltas.append(int(count) - last_count)
        after, last_count = bucket + 1, int(count)
    return spans, deltas


class Sample(NamedTuple):
    """One value of one series. The time, if any, is in seconds since the epoch."""

    name: str
    labels: dict[str, str]
    value: float
    timestamp: Optional[Union[float, Timestamp]] = None
    exemplar: Optional[Exemplar] = None
    native_histogram: Optional[NativeHistogram] = None
