"""Metrics in Prometheus's protobuf format: delimited ``io.prometheus.client.MetricFamily``.

The only format in which Prometheus takes native histograms. Numbers of fields are those of
``io/prometheus/client/metrics.proto``.
"""

from __future__ import annotations

import struct
from typing import Any, Iterator, Optional, Union

from .metrics_core import Metric
from .openmetrics.exposition import (
    ALLOWUTF8,
    UNDERSCORES,
    escape_label_name,
    escape_metric_name,
)
from .registry_writer import write
from .samples import BucketSpan, Exemplar, NativeHistogram, Sample, Timestamp

CONTENT_TYPE = (
    "application/vnd.google.protobuf; "
    "proto=io.prometheus.client.MetricFamily; encoding=delimited"
)

# Suffix of the family's name and its type here, by OpenMetrics's type.
_TYPES = {
    "counter": ("_total", 0),
    "gauge": ("", 1),
    "info": ("_info", 1),
    "stateset": ("", 1),
    "summary": ("", 2),
    "unknown": ("", 3),
    "untyped": ("", 3),
    "histogram": ("", 4),
    "gaugehistogram": ("", 5),
}
_UNTYPED = ("", 3)
_UINT64_MAX = 2**64 - 1


def generate_latest(registry: Any, escaping: str = UNDERSCORES) -> bytes:
    """The registry's metrics, each after its length.

    A failure while a metric is written is raised with the metric among its arguments.
    """

    def encode(metric: Metric) -> bytes:
        family = _family(metric, escaping)
        return _varint(len(family)) + family

    return write(registry, "protobuf", escaping, encode)


def _family(metric: Metric, escaping: str) -> bytes:
    suffix, kind = _TYPES.get(metric.type, _UNTYPED)
    rows: dict[tuple[tuple[str, str], ...], list[Sample]] = {}
    inner = {"summary": "quantile", "histogram": "le", "gaugehistogram": "le"}.get(metric.type)
    for sample in metric.samples:
        labels = tuple((name, text) for name, text in sample.labels.items() if name != inner)
        rows.setdefault(labels, []).append(sample)
    output = [
        _text(1, _name(metric.name + suffix, escaping)),
        _text(2, metric.documentation),
        _uint(3, kind),
    ]
    for labels, samples in rows.items():
        output += [_message(4, one) for one in _metrics(metric, labels, samples, escaping)]
    if metric.unit:
        output.append(_text(5, metric.unit))
    return b"".join(output)


def _metrics(
    metric: Metric, labels: tuple[tuple[str, str], ...], samples: list[Sample], escaping: str
) -> Iterator[bytes]:
    pairs = _labels(labels, escaping)
    name = metric.name
    time_of = next((sample.timestamp for sample in samples if sample.timestamp is not None), None)
    time = b"" if time_of is None else _uint(6, int(float(time_of) * 1000) & _UINT64_MAX)
    if metric.type in ("histogram", "gaugehistogram"):
        yield pairs + _message(7, _histogram(name, samples, escaping)) + time
    elif metric.type == "summary":
        yield pairs + _message(4, _summary(name, samples)) + time
    elif metric.type == "counter":
        created = _created(3, name, samples)
        for sample in samples:
            if sample.name != name + "_created":
                exemplar = _exemplar(2, sample.exemplar, escaping)
                value = _double(1, sample.value) + exemplar + created
                yield pairs + _message(3, value) + time
    else:
        field = 2 if _TYPES.get(metric.type, _UNTYPED)[1] == 1 else 5
        for sample in samples:
            yield pairs + _message(field, _double(1, sample.value)) + time


def _summary(name: str, samples: list[Sample]) -> bytes:
    output = b""
    for sample in samples:
        if sample.name == name + "_count":
            output += _uint(1, _count(sample.value))
        elif sample.name == name + "_sum":
            output += _double(2, sample.value)
        elif "quantile" in sample.labels:
            quantile = _double(1, float(sample.labels["quantile"])) + _double(2, sample.value)
            output += _message(3, quantile)
    return output + _created(4, name, samples)


def _histogram(name: str, samples: list[Sample], escaping: str) -> bytes:
    natives = [sample.native_histogram for sample in samples if sample.native_histogram]
    buckets = [sample for sample in samples if sample.name == name + "_bucket"]
    if natives and len(buckets) == 1:
        # All there is to tell beside the native buckets: what text has in their place.
        buckets = []
    output = b""
    for sample in samples:
        if natives or sample.native_histogram:
            break
        if sample.name in (name + "_count", name + "_gcount"):
            output += _uint(1, _count(sample.value))
        elif sample.name in (name + "_sum", name + "_gsum"):
            output += _double(2, sample.value)
    for sample in buckets:
        bucket = _uint(1, _count(sample.value)) + _double(2, float(sample.labels["le"]))
        output += _message(3, bucket + _exemplar(3, sample.exemplar, escaping))
    for native in natives[:1]:
        output += _native(native, escaping)
    return output + _created(15, name, samples)


def _native(native: NativeHistogram, escaping: str) -> bytes:
    output = [
        _uint(1, _count(native.count_value)),
        _double(2, native.sum_value),
        _sint(5, native.schema),
        _double(6, native.zero_threshold),
        _uint(7, _count(native.zero_count)),
    ]
    positive: Any = native.pos_spans or ()
    if not (positive or native.neg_spans or native.zero_threshold or native.zero_count):
        # Tells that it is native, though it has nothing.
        positive = (BucketSpan(0, 0),)
    for field, spans in ((9, native.neg_spans or ()), (12, positive)):
        for span in spans:
            output.append(_message(field, _sint(1, span.offset) + _uint(2, span.length)))
    for field, deltas in ((10, native.neg_deltas or ()), (13, native.pos_deltas or ())):
        output += [_sint(field, int(delta)) for delta in deltas]
    for exemplar in native.nh_exemplars or ():
        output.append(_exemplar(16, exemplar, escaping))
    return b"".join(output)


def _exemplar(field: int, exemplar: Optional[Exemplar], escaping: str) -> bytes:
    if not exemplar:
        return b""
    value = _labels(tuple(exemplar.labels.items()), escaping) + _double(2, exemplar.value)
    if exemplar.timestamp is not None:
        value += _message(3, _time(exemplar.timestamp))
    return _message(field, value)


def _created(field: int, name: str, samples: list[Sample]) -> bytes:
    for sample in samples:
        if sample.name == name + "_created":
            return _message(field, _time(sample.value))
    return b""


def _time(time: Union[float, Timestamp]) -> bytes:
    nanoseconds = round(float(time) * 1e9)
    if isinstance(time, Timestamp):
        nanoseconds = time.sec * 10**9 + time.nsec
    seconds, rest = divmod(nanoseconds, 10**9)
    return _uint(1, seconds & _UINT64_MAX) + _uint(2, rest)


def _labels(labels: tuple[tuple[str, str], ...], escaping: str) -> bytes:
    output = b""
    for name, value in sorted(labels):
        raw = name if escaping == ALLOWUTF8 else escape_label_name(name, escaping)
        output += _message(1, _text(1, raw) + _text(2, value))
    return output


def _name(name: str, escaping: str) -> str:
    return name if escaping == ALLOWUTF8 else escape_metric_name(name, escaping)


def _count(value: float) -> int:
    """A count that a custom collector may have made of anything."""
    return min(max(int(value), 0), _UINT64_MAX) if 0 <= value < float("inf") else 0


def _varint(value: int) -> bytes:
    output = bytearray()
    while value > 0x7F:
        output.append(value & 0x7F | 0x80)
        value >>= 7
    output.append(value)
    return bytes(output)


def _uint(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _sint(field: int, value: int) -> bytes:
    return _uint(field, value << 1 if value >= 0 else (-value << 1) - 1)


def _double(field: int, value: float) -> bytes:
    return _varint(field << 3 | 1) + struct.pack("<d", value)


def _message(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _text(field: int, text: str) -> bytes:
    return _message(field, text.encode("utf-8", "replace"))
