"""Exemplars are seen whichever process kept them, in the formats that have them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Callable

import pytest
from conftest import Server, run_python

from pyrometer import Counter, Histogram, generate_latest
from pyrometer.openmetrics.exposition import generate_latest as openmetrics
from pyrometer.registry import CollectorRegistry, REGISTRY
from pyrometer.samples import Exemplar, Timestamp

SHOP = """
import os, time
from flask import Flask, Response, request
import pyrometer
from pyrometer import Counter, Histogram
from pyrometer.exposition import choose_encoder

app = Flask("shop")
orders = Counter("orders", "Orders", ["kind"])
took = Histogram("took", "Seconds", buckets=[1, 2])

@app.route("/order/<trace>")
def order(trace):
    orders.labels("book").inc(exemplar={"trace_id": trace})
    took.observe(float(request.args["took"]), exemplar={"trace_id": trace})
    return str(os.getpid())

@app.route("/metrics")
def metrics():
    encoder, content_type = choose_encoder(request.headers.get("Accept"))
    return Response(encoder(pyrometer.REGISTRY), content_type=content_type)
"""

OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}


def exemplars(text: str) -> set[str]:
    """Sample and exemplar's labels of each line that has one."""
    lines = (line.split(" # ") for line in text.splitlines() if " # " in line)
    return {
        f"{sample.rpartition(' ')[0]} {one.partition('}')[0]}" + "}" for sample, one in lines
    }


@pytest.mark.parametrize("options", [(), ("--preload",)], ids=["", "preload"])
def test_any_worker_shows_the_latest_exemplars_of_all(
    serve: Callable[..., Server], options: tuple[str, ...]
) -> None:
    server = serve(SHOP, "--workers", "3", *options)
    workers: set[str] = set()
    number = 0
    while len(workers) < 3:
        number += 1
        assert number < 1000, f"only {workers} ever answered"
        bucket = number % 2
        workers.add(server.get(f"/order/t{number}?took={bucket + 0.5}").text)
    odd, even = (number - (number % 2 == 0), number - (number % 2 == 1))
    expected = {
        'orders_total{kind="book"} {trace_id="t%d"}' % number,
        'took_bucket{le="1.0"} {trace_id="t%d"}' % even,
        'took_bucket{le="2.0"} {trace_id="t%d"}' % odd,
    }
    for _ in range(20):
        assert exemplars(server.get("/metrics", headers=OPENMETRICS).text) == expected
        assert " # " not in server.get("/metrics").text


def test_a_forked_child_starts_without_and_tells_its_own(tmp_path: Path) -> None:
    printed = run_python(
        """
import os
from pyrometer import Counter, Histogram, REGISTRY
from pyrometer.openmetrics.exposition import generate_latest
c = Counter("c", "help")
c.inc(exemplar={"from": "parent"})
def local():
    return list(c.collect())[0].samples[0].exemplar
assert local().labels == {"from": "parent"}
child = os.fork()
if child == 0:
    assert local() is None
    assert b'from="parent"' in generate_latest(REGISTRY)
    c.inc(exemplar={"from": "child"})
    assert local().labels == {"from": "child"}
    made = Histogram("only_in_child", "help", buckets=[1])
    made.observe(0.5, exemplar={"from": "child"})
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
text = generate_latest(REGISTRY).decode()
assert local().labels == {"from": "parent"}
print("".join(line + "\\n" for line in text.splitlines() if " # " in line).count('{from="child"}'))
c.inc(exemplar={"from": "parent again"})
print('{from="parent again"}' in generate_latest(REGISTRY).decode())
""",
        tmp_path,
    )
    assert printed == "2\nTrue\n"


def test_a_removed_child_takes_its_exemplar_along() -> None:
    counter = Counter("removed_with_exemplar", "help", ["a"], registry=REGISTRY)
    try:
        counter.labels("x").inc(exemplar={"trace": "old"})
        counter.remove("x")
        counter.labels("x").inc()
        assert b'trace="old"' not in openmetrics(REGISTRY)
        counter.labels("x").inc(exemplar={"trace": "new"})
        assert b'removed_with_exemplar_total{a="x"} 2.0 # {trace="new"} 1.0' in openmetrics(REGISTRY)
    finally:
        REGISTRY.unregister(counter)


# Labels, value and time as they go in; the exemplar as every process sees it.
KEPT = [
    Exemplar({"trace": "x"}, 1.5, 123.25),
    Exemplar({}, 1.5, None),
    Exemplar({"a": "", "é": "ü" * 126}, -math.inf, 0.0),
    Exemplar({"a": 'x"\\\n\0'}, 1e-300, 5),
    Exemplar({"a": "x"}, 2, Timestamp(12, 500_000_000)),
]


@pytest.mark.parametrize("exemplar", KEPT, ids=range(len(KEPT)))
def test_what_goes_in_comes_out(exemplar: Exemplar) -> None:
    registry = CollectorRegistry()
    registry.share()
    histogram = Histogram("kept", "help", buckets=[1, 2], registry=registry)
    histogram._buckets[1].set_exemplar(exemplar)
    assert histogram._buckets[1].get_exemplar() is exemplar
    found = [
        (sample.labels, sample.exemplar)
        for metric in registry.collect()
        for sample in metric.samples
        if sample.exemplar is not None
    ]
    labels, value, time = exemplar
    assert found == [({"le": "2.0"}, (labels, value, None if time is None else float(time)))]


# What is no exemplar: given back to whoever asks the metric, and shown to nobody else.
ODD: list[Any] = [
    None,
    "text",
    ({"a": "x"}, 1.0, None),
    Exemplar([("a", "x")], 1.0, None),  # type: ignore[arg-type]
    Exemplar({"a": "x"}, "much", None),  # type: ignore[arg-type]
    Exemplar({"a": "x"}, 1.0, "now"),  # type: ignore[arg-type]
    Exemplar({"a": "x" * 10_000}, 1.0, None),
]


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_what_is_no_exemplar_hurts_nobody(odd: Any) -> None:
    registry = CollectorRegistry()
    registry.share()
    counter = Counter("odd", "help", registry=registry)
    counter._value.set_exemplar(odd)
    assert counter._value.get_exemplar() is odd
    counter.inc()
    assert b"odd_total 1.0\n" in generate_latest(registry)
    assert b"odd_total 1.0\n" in openmetrics(registry)


def test_lone_surrogates_do_not_stop_an_exposition() -> None:
    registry = CollectorRegistry()
    registry.share()
    counter = Counter("surrogate", "help", registry=registry)
    counter.inc(exemplar={"trace": "\ud800x"})
    assert b"surrogate_total 1.0 # {trace=" in openmetrics(registry)


@pytest.mark.parametrize("labels", [{"a": "x" * 128}, {"__a": "x"}])
def test_labels_that_openmetrics_forbids_are_refused_and_the_count_stands(
    labels: dict[str, str],
) -> None:
    registry = CollectorRegistry()
    registry.share()
    counter = Counter("refused", "help", registry=registry)
    with pytest.raises(ValueError):
        counter.inc(exemplar=labels)
    assert b"refused_total 1.0\n" in openmetrics(registry)
