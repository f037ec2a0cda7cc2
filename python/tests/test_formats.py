"""What Rust writes of shared memory is what Python writes of ``Metric`` objects, in every format.

The Python writers are the oracle; what they write is compared with prometheus_client's beside it.
"""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any, Callable

import prometheus_client
import prometheus_client.core
import prometheus_client.openmetrics.exposition
import pytest
from conftest import PACKAGE_DIR, run_python
from random_metrics import AsObjects, Play, formats

import pyrometer
import pyrometer.core
import pyrometer.openmetrics.exposition
from pyrometer.exposition import _bake_output, choose_encoder
from pyrometer.wrapper import MetricWrapperBase

NOW = 1_700_000_000.25
ROUNDS = 16


@pytest.fixture(autouse=True)
def at_one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: NOW)


def check(registry: Any) -> None:
    for name, write in formats().items():
        assert write(registry) == write(AsObjects(registry)), name


def shared_registry(seed: int) -> Any:
    registry = pyrometer.CollectorRegistry(auto_describe=True)
    registry.share()
    Play(seed, is_odd=True, with_native=True)(pyrometer, registry)
    return registry


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_every_format_is_equal(seed: int) -> None:
    registry = shared_registry(seed)
    check(registry)
    pyrometer.disable_created_metrics()
    try:
        check(registry)
    finally:
        pyrometer.enable_created_metrics()


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_every_format_is_equal_where_names_are_asked_for(seed: int) -> None:
    registry = shared_registry(seed)
    registry.set_target_info({"a": "b"})
    chance = random.Random(seed)
    names = {sample.name for metric in registry.collect() for sample in metric.samples}
    names |= {metric.name for metric in registry.collect()} | {"nobody", "\ud800"}
    for n in (2, len(names) // 2):
        check(registry.restricted_registry(chance.sample(sorted(names), k=n)))


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_text_and_openmetrics_are_prometheus_clients(seed: int) -> None:
    # Not "values", for which see `test_text`; there and under "dots" prometheus_client writes odd
    # names of samples otherwise than those of their metrics.
    play = Play(seed, is_odd=False, with_native=False)
    for escaping in ("underscores", "allow-utf-8", "dots"):
        both = []
        for package in (pyrometer, prometheus_client):
            registry: Any = package.CollectorRegistry(auto_describe=True)
            if package is pyrometer:
                registry.share()
            play(package, registry)
            modules = (package, package.openmetrics.exposition)
            both.append([module.generate_latest(registry, escaping) for module in modules])
        assert both[0] == both[1]


SUM = """
import os
import pyrometer
from pyrometer import _core
from pyrometer.client.multiprocess import MultiProcessCollector
from random_metrics import AsObjects, Play, formats

counter = pyrometer.Counter("of_all", "help", ["l"])
# The process takes the place of a label of its name.
gauge = pyrometer.Gauge("apart", "help", ["pid", "z"], multiprocess_mode="all")
outside = pyrometer.Counter("outside", "help", registry=pyrometer.CollectorRegistry())
histogram = pyrometer.Histogram("h", "help", buckets=[1, 2])
Play(5, is_odd=True, with_native=True)(pyrometer, pyrometer.REGISTRY)

def count():
    counter.labels(str(os.getpid() % 2)).inc(exemplar={"t": "x"})
    gauge.labels("x", "y").set(os.getpid())
    outside.inc(2)
    histogram.observe(1.5, exemplar={"t": "y"})

counted, told = os.pipe()
stopped, stop = os.pipe()
children = []
for _ in range(3):
    children.append(os.fork())
    if children[-1] == 0:
        os.close(stop)
        count()
        os.write(told, b".")
        os.read(stopped, 1)
        os._exit(0)
    assert os.read(counted, 1) == b"."
count()
shown = pyrometer.CollectorRegistry(support_collectors_without_names=True)
pyrometer.Gauge("outside_too", "help", registry=shown).set(1)
MultiProcessCollector(shown)
# Its numbers move between two readings, as those of the processes do.
pyrometer.REGISTRY.unregister(pyrometer.GC_COLLECTOR)
read_joined, readings = _core.read_joined, []

def read_once(*arguments):
    readings.append(readings[0] if readings else read_joined(*arguments))
    return readings[0]

_core.read_joined = read_once
restricted = shown.restricted_registry(["of_all_total", "h_bucket", "apart", "outside_created"])
for registry in (shown, restricted):
    for name, write in formats().items():
        ours, objects = write(registry), write(AsObjects(registry))
        assert ours == objects, (name, ours, objects)
text = pyrometer.generate_latest(shown).decode()
os.close(stop)
for child in children:
    os.waitpid(child, 0)
print([line.split("{")[0] for line in text.splitlines() if line.startswith(("apart", "outside"))])
"""


def test_the_sum_of_the_multi_process_mode_is_equal(tmp_path: Path) -> None:
    printed = run_python(
        SUM,
        tmp_path,
        PYTHONPATH=f"{PACKAGE_DIR}{os.pathsep}{PACKAGE_DIR / 'tests'}",
        PROMETHEUS_MULTIPROC_DIR=str(tmp_path),
    )
    # One a process of the gauge, and one for all of what adds up.
    assert printed.count("'apart'") == 4
    assert printed.count("'outside_total 8.0'") == 1


WAYS: dict[str, Callable[[Any, str], bytes]] = {
    "choose_encoder": lambda registry, accept: choose_encoder(accept)[0](registry),
    "name[]": lambda registry, accept: _bake_output(
        registry, accept, None, {"name[]": ["fast_total", "fast_created"]}, False
    )[2],
    "wsgi": lambda registry, accept: b"".join(
        pyrometer.make_wsgi_app(registry)(
            {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "HTTP_ACCEPT": accept},
            lambda status, headers: None,
        )
    ),
}
ACCEPTED = [
    "text/plain",
    "application/openmetrics-text; version=1.0.0",
    "application/openmetrics-text; version=2.0.0; escaping=allow-utf-8",
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
]


@pytest.mark.parametrize("accept", ACCEPTED)
@pytest.mark.parametrize("way", WAYS)
def test_no_python_objects_are_made_of_shared_memory(
    way: str, accept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = pyrometer.CollectorRegistry()
    registry.share()
    pyrometer.Counter("fast", "help", registry=registry).inc(exemplar={"trace": "x"})

    def slow(*_: Any) -> Any:
        raise AssertionError("it was made from Python objects")

    monkeypatch.setattr(MetricWrapperBase, "_sum_in", slow)
    assert b"fast_total" in WAYS[way](registry, accept)
    with pytest.raises(AssertionError, match="Python objects"):
        WAYS[way](AsObjects(registry) if way != "name[]" else Unknown(registry), accept)


class Unknown(pyrometer.CollectorRegistry):
    """A registry with a way of its own to collect."""

    def __init__(self, registry: Any) -> None:
        super().__init__()
        self.registry = registry

    def restricted_registry(self, names: Any) -> Any:
        return AsObjects(self.registry)


def test_a_failure_of_a_collector_names_its_metric() -> None:
    class Odd:
        def collect(self) -> Any:
            metric = pyrometer.core.GaugeMetricFamily("odd", "help")
            metric.add_sample("odd", {"l": 5}, 1.0)  # type: ignore[dict-item]
            yield metric

    registry = pyrometer.CollectorRegistry()
    registry.share()
    pyrometer.Counter("good", "help", registry=registry).inc()
    registry.register(Odd())
    for accept in ACCEPTED:
        with pytest.raises(AttributeError) as raised:
            choose_encoder(accept)[0](registry)
        assert raised.value.args[-1].name == "odd"
