"""The text is byte for byte prometheus_client's."""

from __future__ import annotations

import math
import random
import struct
from typing import Any, Callable

import prometheus_client
import prometheus_client.core
import prometheus_client.exposition
import prometheus_client.openmetrics.exposition
import prometheus_client.utils
import pytest

import pyrometer
import pyrometer.core
import pyrometer.exposition
import pyrometer.openmetrics.exposition
import pyrometer.utils

NOW = 1700000000.25


def play_counter(p: Any, r: Any) -> None:
    p.Counter("plain_total", 'odd \\ help\nof "two" lines', registry=r).inc(2.5)
    labelled = p.Counter("c", "help", ["b", "a"], registry=r)
    labelled.labels("x", 'quo"te\\back\nline').inc()
    labelled.labels(a="1", b="ünï").inc(1e6)
    labelled.labels(1, None).inc(1e16)
    p.Counter("unused", "no child", ["l"], registry=r)


def play_gauge(p: Any, r: Any) -> None:
    gauge = p.Gauge("g", "help", ["l"], namespace="n", subsystem="s", unit="bytes", registry=r)
    for label, value in enumerate((-1e7, math.nan, math.inf, -math.inf, 1e-7, "3.5", True)):
        gauge.labels(label).set(value)
    plain = p.Gauge("plain", "help", registry=r)
    plain.inc(5)
    plain.dec(2)
    function = p.Gauge("function", "help", ["l"], registry=r)
    function.labels("f").set_function(lambda: 42)
    function.labels("plain").set(1)


def play_summary(p: Any, r: Any) -> None:
    summary = p.Summary("s", "help", ["l"], registry=r)
    summary.labels("a").observe(1)
    summary.labels("a").observe(2.5)
    p.Summary("unused", "help", registry=r)


def play_histogram(p: Any, r: Any) -> None:
    histogram = p.Histogram("h", "help", registry=r)
    for amount in (0.001, 0.3, 99, math.nan):
        histogram.observe(amount)
    negative = p.Histogram("neg", "help", ["z", "a"], buckets=[-1, "0.5", 2e6], registry=r)
    negative.labels("1", "2").observe(-3)
    negative.labels("1", "2").observe(2e6)


def play_info_and_enum(p: Any, r: Any) -> None:
    p.Info("i", "help", registry=r).info({"version": "1", "name": "x"})
    p.Info("li", "help", ["l"], registry=r).labels("a").info({"foo": "bar"})
    p.Info("unset", "help", registry=r)
    p.Enum("e", "help", states=["b", "a"], registry=r)
    enum = p.Enum("le", "help", ["l"], states=["on", "off"], registry=r)
    enum.labels("x").state("off")


def play_remove(p: Any, r: Any) -> None:
    counter = p.Counter("c", "help", ["a", "b"], registry=r)
    for a in "xyz":
        counter.labels(a, "1").inc()
        counter.labels(a, "2").inc()
    counter.remove("x", "1")
    counter.remove("not", "there")
    counter.remove_by_labels({"a": "y"})
    gone = p.Counter("gone", "help", ["a"], registry=r)
    gone.labels("x").inc(5)
    gone.clear()
    gone.labels("x").inc()
    unregistered = p.Counter("un", "help", registry=r)
    r.unregister(unregistered)


def play_names(p: Any, r: Any) -> None:
    p.Counter("dots.and-dashes", "help", ["la.bel"], registry=r).labels("x").inc()
    p.Gauge("ünï", "help", registry=r).set(1)
    p.Gauge("1digit", "help", ["2"], registry=r).labels("x").set(1)


class Custom:
    """A collector of all kinds of families."""

    def __init__(self, core: Any) -> None:
        self.core = core

    def collect(self) -> Any:
        core = self.core
        counter = core.CounterMetricFamily("cc_total", "help", labels=["l"])
        counter.add_metric(["a"], 5, created=123.5, timestamp=1.5)
        yield counter
        yield core.CounterMetricFamily("ccv", "help", value=3)
        yield core.GaugeMetricFamily("cg", "help", value=7)
        yield core.SummaryMetricFamily("cs", "help", count_value=2, sum_value=3.5)
        buckets = [("0.5", 1), ("+Inf", 4)]
        yield core.HistogramMetricFamily("ch", "help", buckets=buckets, sum_value=9)
        yield core.GaugeHistogramMetricFamily("cgh", "help", buckets=buckets, gsum_value=9)
        yield core.InfoMetricFamily("ci", "help", value={"a": "b"})
        yield core.StateSetMetricFamily("ce", "help", value={"x": True, "a": False})
        unknown = core.UnknownMetricFamily("cu", "help", labels=["l"])
        unknown.add_metric(["a"], -1, timestamp=core.Timestamp(12, 345678901))
        yield unknown


def play_custom(p: Any, r: Any) -> None:
    r.register(Custom(__import__(p.__name__ + ".core", fromlist=["core"])))


def play_timing(p: Any, r: Any) -> None:
    counter = p.Counter("exceptions", "help", registry=r)
    with pytest.raises(ValueError), counter.count_exceptions():
        raise ValueError
    with pytest.raises(KeyError), counter.count_exceptions(ValueError):
        raise KeyError
    gauge = p.Gauge("running", "help", registry=r)
    with gauge.track_inprogress():
        gauge.inc()
    counter.reset()


PLAYS = [value for name, value in sorted(globals().items()) if name.startswith("play_")]


def texts(
    play: Callable[[Any, Any], None],
    monkeypatch: pytest.MonkeyPatch,
    expose: Callable[[Any, Any], bytes],
) -> tuple[str, str]:
    monkeypatch.setattr("time.time", lambda: NOW)
    both = []
    for package in (pyrometer, prometheus_client):
        registry = package.CollectorRegistry(auto_describe=True)
        play(package, registry)
        both.append(expose(package, registry).decode())
    return both[0], both[1]


@pytest.mark.parametrize("play", PLAYS, ids=lambda play: play.__name__)
@pytest.mark.parametrize("escaping", ["underscores", "allow-utf-8", "dots", "values"])
def test_text_is_equal(play: Any, escaping: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = texts(play, monkeypatch, lambda p, r: p.generate_latest(r, escaping))
    assert ours == theirs


# Not "values": there prometheus_client 0.26 writes `U__plain__total` in the samples of a metric
# that it calls `plain` in HELP and TYPE, which the scheme does not say and no reader understands.
@pytest.mark.parametrize("play", PLAYS, ids=lambda play: play.__name__)
@pytest.mark.parametrize("escaping", ["underscores", "allow-utf-8", "dots"])
def test_openmetrics_is_equal(play: Any, escaping: str, monkeypatch: pytest.MonkeyPatch) -> None:
    modules = {pyrometer: pyrometer.openmetrics.exposition}
    modules[prometheus_client] = prometheus_client.openmetrics.exposition
    ours, theirs = texts(
        play, monkeypatch, lambda p, r: modules[p].generate_latest(r, escaping)
    )
    assert ours == theirs


@pytest.mark.parametrize("play", PLAYS, ids=lambda play: play.__name__)
def test_a_shared_registry_says_the_same_as_a_private_one(
    play: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: NOW)
    private, shared, late = (pyrometer.CollectorRegistry(auto_describe=True) for _ in range(3))
    shared.share()
    for registry in (private, shared, late):
        play(pyrometer, registry)
    late.share()
    expected = pyrometer.generate_latest(private).decode()
    assert pyrometer.generate_latest(shared).decode() == expected
    assert pyrometer.generate_latest(late).decode() == expected
    assert metrics_of(shared) == metrics_of(private)


def metrics_of(registry: Any) -> list[tuple[str, str, str, list[tuple[Any, ...]]]]:
    """Values as text: NaN is not equal to itself."""
    return [
        (
            *(metric.name, metric.documentation, metric.type),
            [(s.name, s.labels, pyrometer.utils.floatToGoString(s.value)) for s in metric.samples],
        )
        for metric in registry.collect()
    ]


def test_exemplars_are_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    def play(p: Any, r: Any) -> None:
        p.Counter("c", "help", ["l"], registry=r).labels("x").inc(2, {"trace": 'a"b'})
        histogram = p.Histogram("h", "help", buckets=[1, 2], registry=r)
        histogram.observe(1.5, exemplar={"trace": "1"})
        histogram.observe(0.5, {})
        with pytest.raises(ValueError):
            histogram.observe(0.5, {"trace": "x" * 128})

    modules = {pyrometer: pyrometer.openmetrics.exposition}
    modules[prometheus_client] = prometheus_client.openmetrics.exposition
    ours, theirs = texts(play, monkeypatch, lambda p, r: modules[p].generate_latest(r))
    assert ours == theirs
    assert "trace" in ours


def test_created_series_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    def expose(p: Any, r: Any) -> bytes:
        p.disable_created_metrics()
        try:
            return bytes(p.generate_latest(r))
        finally:
            p.enable_created_metrics()

    ours, theirs = texts(play_histogram, monkeypatch, expose)
    assert ours == theirs
    assert "_created" not in ours


def test_numbers_are_written_equally() -> None:
    chance = random.Random(7)
    values = [struct.unpack("<d", chance.randbytes(8))[0] for _ in range(20_000)]
    values += [chance.uniform(-1e9, 1e9) for _ in range(20_000)]
    values += [float(10**n) for n in range(-20, 23)] + [float(n) for n in range(2_000)]
    for value in values:
        # A run of nines or an odd power is where two writers would part.
        assert pyrometer.utils.floatToGoString(value) == (
            prometheus_client.utils.floatToGoString(value)
        )


ACCEPTS = [
    None,
    "",
    "*/*",
    "text/plain",
    "text/plain;version=0.0.4",
    "text/plain; version=1.0.0; escaping=allow-utf-8",
    "application/openmetrics-text",
    "application/openmetrics-text;version=0.0.1,text/plain;version=0.0.4",
    "application/openmetrics-text; version=1.0.0; escaping=dots",
    "application/openmetrics-text; version=2.0.0; escaping=nonsense",
    "text/html, text/plain; version=1.0.0; q=0.5",
]


@pytest.mark.parametrize("accept", ACCEPTS)
def test_the_format_is_negotiated_equally(
    accept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def expose(p: Any, r: Any) -> bytes:
        encoder, content_type = p.exposition.choose_encoder(accept)
        return content_type.encode() + b"\n" + bytes(encoder(r))

    for play in (play_names, play_histogram):
        ours, theirs = texts(play, monkeypatch, expose)
        assert ours == theirs


def test_a_lone_surrogate_costs_nobody_the_page() -> None:
    registry = pyrometer.CollectorRegistry()
    counter = pyrometer.Counter("c", "help", ["l"], registry=registry)
    counter.labels("\ud800").inc()
    assert b"c_total{" in pyrometer.generate_latest(registry)
