"""Native histograms made in Python."""

from __future__ import annotations

import math
from typing import Any, Optional

import pytest

import pyrometer
from pyrometer.openmetrics.exposition import generate_latest as openmetrics_text
from pyrometer.samples import BucketSpan, NativeHistogram


def observed(values: list[float], shared: bool, **options: Any) -> Any:
    registry = pyrometer.CollectorRegistry()
    if shared:
        registry.share()
    histogram = pyrometer.Histogram(
        "h", "help", registry=registry, native_histogram_bucket_factor=2, **options
    )
    for value in values:
        histogram.observe(value)
    return registry


def native_of(registry: Any) -> Optional[NativeHistogram]:
    (metric,) = registry.collect()
    found = [sample.native_histogram for sample in metric.samples if sample.native_histogram]
    return found[0] if found else None


@pytest.mark.parametrize("shared", [False, True])
def test_a_native_histogram_has_spans_and_differences(shared: bool) -> None:
    values = [0.0, 1.0, 1.5, 1.6, 3.0, 40.0, -2.0, math.nan]
    native = native_of(observed(values, shared, buckets=None))
    assert native is not None
    assert math.isnan(native.sum_value)
    assert native._replace(sum_value=0) == NativeHistogram(
        count_value=8,
        sum_value=0,
        schema=0,
        zero_threshold=2.0**-128,
        zero_count=1,
        pos_spans=[BucketSpan(0, 3), BucketSpan(3, 1)],
        pos_deltas=[1, 1, -1, 0],
        neg_spans=[BucketSpan(1, 1)],
        neg_deltas=[1],
    )


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("buckets", [None, ()])
def test_the_text_of_a_native_histogram_has_count_sum_and_one_bucket(
    shared: bool, buckets: Any
) -> None:
    pyrometer.disable_created_metrics()
    try:
        text = pyrometer.generate_latest(observed([0.5, 3.0], shared, buckets=buckets)).decode()
    finally:
        pyrometer.enable_created_metrics()
    assert text == (
        "# HELP h help\n# TYPE h histogram\n"
        'h_bucket{le="+Inf"} 2.0\nh_count 2.0\nh_sum 3.5\n'
    )


def test_openmetrics_2_tells_the_buckets_and_1_does_not() -> None:
    registry = observed([1.0, 3.0], True, buckets=[2.0])
    line = "h {count:2,sum:4.0,schema:0,"
    assert line in openmetrics_text(registry, version="2.0.0").decode()
    old = openmetrics_text(registry).decode()
    assert line not in old
    assert 'h_bucket{le="2.0"} 1.0\n' in old


def test_labels_and_the_resolution_are_kept_in_children() -> None:
    registry = pyrometer.CollectorRegistry()
    histogram = pyrometer.Histogram(
        "h",
        "help",
        ["a"],
        registry=registry,
        buckets=None,
        native_histogram_bucket_factor=1.1,
        native_histogram_max_bucket_number=10,
        native_histogram_zero_threshold=0.5,
    )
    for value in (0.5, 1.0, 1.1, 1000.0):
        histogram.labels("x").observe(value)
    native = native_of(registry)
    assert native is not None
    assert (native.count_value, native.zero_count, native.zero_threshold) == (4, 1, 0.5)
    assert native.schema == -1


@pytest.mark.parametrize(
    "options",
    [
        {"native_histogram_bucket_factor": 1.0},
        {"native_histogram_bucket_factor": math.nan},
        {"native_histogram_bucket_factor": 1.1, "native_histogram_max_bucket_number": 0},
        {"native_histogram_bucket_factor": 1.1, "native_histogram_max_bucket_number": 1 << 20},
        {"native_histogram_bucket_factor": 1.1, "native_histogram_zero_threshold": -1.0},
        {"native_histogram_bucket_factor": 1.1, "native_histogram_zero_threshold": math.inf},
        {"buckets": None},
    ],
)
def test_parameters_that_make_no_histogram_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        pyrometer.Histogram("h", "help", registry=None, **options)
