"""The protobuf format: read by a decoder of its own, and by a real Prometheus."""

from __future__ import annotations

import json
import struct
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any, Iterator, Optional

import pytest
from conftest import wait_for
from outgoing.servers import find_program, free_port, running

import pyrometer
from pyrometer import metrics_core
from pyrometer.exposition import choose_encoder
from pyrometer.samples import BucketSpan, Exemplar, NativeHistogram, Sample

# As Prometheus sends it, with and without native histograms.
ACCEPT_NATIVE = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,"
    "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
ACCEPT_TEXT = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"


def varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def fields(data: bytes) -> Iterator[tuple[int, Any]]:
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        kind = tag & 7
        if kind == 0:
            value, at = varint(data, at)
            yield tag >> 3, value
        elif kind == 1:
            yield tag >> 3, struct.unpack_from("<d", data, at)[0]
            at += 8
        else:
            assert kind == 2, kind
            size, at = varint(data, at)
            assert at + size <= len(data)
            yield tag >> 3, data[at : at + size]
            at += size


def decode(data: bytes, shape: dict[int, Any]) -> dict[str, Any]:
    """Names for numbers; a dict is the shape of a message, a name with ``[]`` is a list."""
    found: dict[str, Any] = {}
    for number, value in fields(data):
        name, inner = shape[number]
        if isinstance(inner, dict):
            value = decode(value, inner)
        elif inner is str:
            value = value.decode()
        elif inner == "zigzag":
            value = value >> 1 if value % 2 == 0 else -(value >> 1) - 1
        if name.endswith("[]"):
            found.setdefault(name, []).append(value)
        else:
            assert name not in found, name
            found[name] = value
    return found


TIME = {1: ("seconds", int), 2: ("nanos", int)}
LABEL = {1: ("name", str), 2: ("value", str)}
EXEMPLAR = {1: ("label[]", LABEL), 2: ("value", float), 3: ("timestamp", TIME)}
SPAN = {1: ("offset", "zigzag"), 2: ("length", int)}
HISTOGRAM = {
    1: ("count", int),
    2: ("sum", float),
    3: ("bucket[]", {1: ("count", int), 2: ("bound", float), 3: ("exemplar", EXEMPLAR)}),
    5: ("schema", "zigzag"),
    6: ("zero_threshold", float),
    7: ("zero_count", int),
    9: ("negative_span[]", SPAN),
    10: ("negative_delta[]", "zigzag"),
    12: ("positive_span[]", SPAN),
    13: ("positive_delta[]", "zigzag"),
    15: ("created", TIME),
    16: ("exemplar[]", EXEMPLAR),
}
VALUE = {1: ("value", float), 2: ("exemplar", EXEMPLAR), 3: ("created", TIME)}
SUMMARY = {
    1: ("count", int),
    2: ("sum", float),
    3: ("quantile[]", {1: ("quantile", float), 2: ("value", float)}),
    4: ("created", TIME),
}
METRIC = {
    1: ("label[]", LABEL),
    2: ("gauge", VALUE),
    3: ("counter", VALUE),
    4: ("summary", SUMMARY),
    5: ("untyped", VALUE),
    6: ("timestamp_ms", int),
    7: ("histogram", HISTOGRAM),
}
FAMILY = {
    1: ("name", str),
    2: ("help", str),
    3: ("type", int),
    4: ("metric[]", METRIC),
    5: ("unit", str),
}


def families(data: bytes) -> list[dict[str, Any]]:
    found, at = [], 0
    while at < len(data):
        size, at = varint(data, at)
        found.append(decode(data[at : at + size], FAMILY))
        at += size
    assert at == len(data)
    return found


class Custom:
    def __init__(self, metric: metrics_core.Metric) -> None:
        self.metric = metric

    def collect(self) -> Iterator[metrics_core.Metric]:
        yield self.metric


def metric(kind: str, *samples: Sample, unit: str = "") -> metrics_core.Metric:
    made = metrics_core.Metric("m" + ("_" + unit if unit else ""), "help é", kind, unit)
    made.samples = list(samples)
    return made


NATIVE = NativeHistogram(
    *(7, 3.5, -2, 0.5, 1),
    *([BucketSpan(-3, 2)], [BucketSpan(2, 1)], [3, -1], [1]),
    nh_exemplars=[Exemplar({"trace": "a"}, 1.5, 2.25)],
)
EMPTY = NativeHistogram(0, 0.0, 3, 0.0, 0)


@pytest.mark.parametrize(
    "given, expected",
    [
        (
            metric(
                "counter",
                Sample("m_total", {"b": "2", "a": "1"}, 3.0, None, Exemplar({"t": "x"}, 1, 1.5)),
                Sample("m_created", {"b": "2", "a": "1"}, 9.25),
            ),
            {
                "name": "m_total",
                "type": 0,
                "metric[]": [
                    {
                        "label[]": [{"name": "a", "value": "1"}, {"name": "b", "value": "2"}],
                        "counter": {
                            "value": 3.0,
                            "exemplar": {
                                "label[]": [{"name": "t", "value": "x"}],
                                "value": 1.0,
                                "timestamp": {"seconds": 1, "nanos": 500_000_000},
                            },
                            "created": {"seconds": 9, "nanos": 250_000_000},
                        },
                    }
                ],
            },
        ),
        (
            metric("gauge", Sample("m_bytes", {}, -1.5, 12.5), unit="bytes"),
            {
                "name": "m_bytes",
                "type": 1,
                "metric[]": [{"gauge": {"value": -1.5}, "timestamp_ms": 12_500}],
                "unit": "bytes",
            },
        ),
        (
            metric("info", Sample("m_info", {"v": "1"}, 1)),
            {
                "name": "m_info",
                "type": 1,
                "metric[]": [{"label[]": [{"name": "v", "value": "1"}], "gauge": {"value": 1.0}}],
            },
        ),
        (
            metric("unknown", Sample("m", {}, 4)),
            {"name": "m", "type": 3, "metric[]": [{"untyped": {"value": 4.0}}]},
        ),
        (
            metric(
                "summary",
                Sample("m", {"quantile": "0.5"}, 2.0),
                Sample("m_count", {}, 3),
                Sample("m_sum", {}, 6.0),
            ),
            {
                "name": "m",
                "type": 2,
                "metric[]": [
                    {
                        "summary": {
                            "quantile[]": [{"quantile": 0.5, "value": 2.0}],
                            "count": 3,
                            "sum": 6.0,
                        }
                    }
                ],
            },
        ),
        (
            metric(
                "histogram",
                Sample("m_bucket", {"le": "1.0"}, 2),
                Sample("m_bucket", {"le": "+Inf"}, 300),
                Sample("m_count", {}, 300),
                Sample("m_sum", {}, 6.0),
            ),
            {
                "name": "m",
                "type": 4,
                "metric[]": [
                    {
                        "histogram": {
                            "count": 300,
                            "sum": 6.0,
                            "bucket[]": [
                                {"count": 2, "bound": 1.0},
                                {"count": 300, "bound": float("inf")},
                            ],
                        }
                    }
                ],
            },
        ),
        (
            metric("histogram", Sample("m", {}, 0, None, None, NATIVE)),
            {
                "name": "m",
                "type": 4,
                "metric[]": [
                    {
                        "histogram": {
                            "count": 7,
                            "sum": 3.5,
                            "schema": -2,
                            "zero_threshold": 0.5,
                            "zero_count": 1,
                            "negative_span[]": [{"offset": 2, "length": 1}],
                            "positive_span[]": [{"offset": -3, "length": 2}],
                            "negative_delta[]": [1],
                            "positive_delta[]": [3, -1],
                            "exemplar[]": [
                                {
                                    "label[]": [{"name": "trace", "value": "a"}],
                                    "value": 1.5,
                                    "timestamp": {"seconds": 2, "nanos": 250_000_000},
                                }
                            ],
                        }
                    }
                ],
            },
        ),
        (
            metric("histogram", Sample("m", {}, 0, None, None, EMPTY)),
            {
                "name": "m",
                "type": 4,
                "metric[]": [
                    {
                        "histogram": {
                            "count": 0,
                            "sum": 0.0,
                            "schema": 3,
                            "zero_threshold": 0.0,
                            "zero_count": 0,
                            "positive_span[]": [{"offset": 0, "length": 0}],
                        }
                    }
                ],
            },
        ),
        # A custom collector may say anything; it costs itself.
        (
            metric("summary", Sample("m_count", {}, float("nan")), Sample("m_sum", {}, -1.0)),
            {
                "name": "m",
                "type": 2,
                "metric[]": [{"summary": {"count": 0, "sum": -1.0}}],
            },
        ),
        (metric("gauge"), {"name": "m", "type": 1}),
    ],
)
def test_each_kind_reads_back(given: metrics_core.Metric, expected: dict[str, Any]) -> None:
    registry = pyrometer.CollectorRegistry()
    registry.register(Custom(given))
    encoder, content_type = choose_encoder(ACCEPT_NATIVE)
    assert content_type == (
        "application/vnd.google.protobuf; "
        "proto=io.prometheus.client.MetricFamily; encoding=delimited"
    )
    assert families(encoder(registry)) == [{"help": "help é", **expected}]


def test_what_is_in_shared_memory_reads_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1.5)
    registry = pyrometer.CollectorRegistry()
    registry.share()
    counter = pyrometer.Counter("c", "help", ["b", "a"], unit="s", registry=registry)
    counter.labels("2", "é").inc(3, exemplar={"t": "x"})
    summary = pyrometer.Summary("s", "help", registry=registry)
    summary.observe(2.5)
    histogram = pyrometer.Histogram("h", "help", buckets=[1], registry=registry)
    histogram.observe(0.5, exemplar={"t": "y"})
    native = pyrometer.Histogram(
        *("n", "help"),
        registry=registry,
        buckets=None,
        native_histogram_bucket_factor=2,
        native_histogram_zero_threshold=0,
    )
    pyrometer.Enum("e", "help", states=["on", "off"], registry=registry)
    encoder, _ = choose_encoder(ACCEPT_NATIVE)
    created = {"seconds": 1, "nanos": 500_000_000}

    def told(name: str) -> Any:
        (found,) = [family for family in families(encoder(registry)) if family["name"] == name]
        return found["type"], found["metric[]"], found.get("unit")

    def exemplar(label: str, value: float) -> dict[str, Any]:
        return {"label[]": [{"name": "t", "value": label}], "value": value, "timestamp": created}

    labels = [{"name": "a", "value": "é"}, {"name": "b", "value": "2"}]
    counted = {"value": 3.0, "exemplar": exemplar("x", 3.0), "created": created}
    assert told("c_s_total") == (0, [{"label[]": labels, "counter": counted}], "s")
    summed = {"count": 1, "sum": 2.5, "created": created}
    assert told("s") == (2, [{"summary": summed}], None)
    buckets = [
        {"count": 1, "bound": 1.0, "exemplar": exemplar("y", 0.5)},
        {"count": 1, "bound": float("inf")},
    ]
    classic = {"count": 1, "sum": 0.5, "bucket[]": buckets, "created": created}
    assert told("h") == (4, [{"histogram": classic}], None)
    nothing = {"count": 0, "sum": 0.0, "schema": 0, "zero_threshold": 0.0, "zero_count": 0}
    empty = {"positive_span[]": [{"offset": 0, "length": 0}], "created": created}
    assert told("n") == (4, [{"histogram": nothing | empty}], None)
    for value in (0.0, 1.5, 40.0, 41.0, -3.0):
        native.observe(value)
    some = {
        **{"count": 5, "sum": 79.5, "schema": 0, "zero_threshold": 0.0, "zero_count": 1},
        "negative_span[]": [{"offset": 2, "length": 1}],
        "negative_delta[]": [1],
        "positive_span[]": [{"offset": 1, "length": 1}, {"offset": 4, "length": 1}],
        "positive_delta[]": [1, 1],
    }
    assert told("n") == (4, [{"histogram": some | {"created": created}}], None)
    states = [
        {"label[]": [{"name": "e", "value": state}], "gauge": {"value": value}}
        for state, value in (("on", 1.0), ("off", 0.0))
    ]
    assert told("e") == (1, states, None)


@pytest.mark.parametrize(
    "accept",
    [
        None,
        ACCEPT_TEXT,
        "application/vnd.google.protobuf",
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily",
        "application/vnd.google.protobuf;proto=other.Type;encoding=delimited",
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
        "encoding=delimited;q=0",
        ACCEPT_TEXT + "," + ACCEPT_NATIVE,
    ],
)
def test_who_does_not_ask_first_for_protobuf_gets_text(accept: Optional[str]) -> None:
    _, content_type = choose_encoder(accept)
    assert "protobuf" not in content_type


def test_prometheus_answers_quantiles_of_a_native_histogram(tmp_path: Path) -> None:
    prometheus = find_program("prometheus")
    registry = pyrometer.CollectorRegistry()
    # As the default one is: written from shared memory.
    registry.share()
    native = pyrometer.Histogram(
        "native_seconds",
        "help",
        ["path"],
        registry=registry,
        buckets=None,
        native_histogram_bucket_factor=1.1,
    )
    for n in range(1, 1001):
        native.labels("/").observe(n / 100)
    pyrometer.Histogram("classic_seconds", "help", registry=registry).observe(0.3)
    pyrometer.Counter("hits", "help", registry=registry).inc(3)
    server, thread = pyrometer.start_http_server(0, "127.0.0.1", registry)
    port = free_port()
    config = tmp_path / "prometheus.yml"
    target = f"127.0.0.1:{server.server_port}"
    config.write_text(
        "scrape_configs: [{job_name: app, scrape_interval: 1s, "
        f"static_configs: [{{targets: ['{target}']}}]}}]"
    )
    command = [
        prometheus,
        f"--config.file={config}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--enable-feature=native-histograms",
    ]

    def query(text: str) -> Optional[float]:
        address = f"http://127.0.0.1:{port}/api/v1/query?query={urllib.parse.quote(text)}"
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:
                result = json.load(answer)["data"]["result"]
        except urllib.error.HTTPError as error:
            # It takes connections before it can answer.
            assert error.code == 503, error
            return None
        return float(result[0]["value"][1]) if result else None

    def seen(text: str) -> float:
        return wait_for(text, lambda: query(text), 40)

    try:
        with running(command, port, tmp_path / "log"):
            assert seen('histogram_count(native_seconds{path="/"})') == 1000
            median = seen("histogram_quantile(0.5, native_seconds)")
            # The factor bounds the error.
            assert 5 / 1.1 <= median <= 5 * 1.1
            assert seen("hits_total") == 3
            assert seen('classic_seconds_bucket{le="0.5"}') == 1
            assert query("up") == 1
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
