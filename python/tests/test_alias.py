"""``pyrometer.install()``: other people's imports find this package."""

from __future__ import annotations

from pathlib import Path

from conftest import run_python

FIND = """
import pyrometer
assert pyrometer.install() and pyrometer.install()
import prometheus_client, prometheus_client.bridge.graphite, prometheus_flask_exporter
import prometheus_client.multiprocess, pyrometer.client.multiprocess, pyrometer.client.metrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client import Counter, values, metrics, registry as module
from prometheus_flask_exporter.multiprocess import GunicornInternalPrometheusMetrics
from flask import Flask
app = Flask("shop")
GunicornInternalPrometheusMetrics(app).info("app_info", "help", version="1")
assert b'app_info{version="1"} 1.0' in app.test_client().get("/metrics").data
import pyrometer.flask, pyrometer.metrics, pyrometer.registry
assert prometheus_client is pyrometer.client
assert metrics is pyrometer.metrics is pyrometer.client.metrics
assert prometheus_client.multiprocess is pyrometer.client.multiprocess
assert Counter is pyrometer.Counter and module.REGISTRY is pyrometer.REGISTRY
assert prometheus_flask_exporter.PrometheusMetrics is pyrometer.flask.PrometheusMetrics
assert pyrometer.metrics.__spec__.name == pyrometer.metrics.__name__ == "pyrometer.metrics"
try:
    import prometheus_client.nothing
except ModuleNotFoundError:
    print("found")
"""


def test_every_later_import_finds_this_package(tmp_path: Path) -> None:
    assert run_python(FIND, tmp_path) == "found\n"


MIRROR = """
import importlib, pyrometer.client
for name in ("openmetrics.exposition", "openmetrics.parser", "metrics", "samples"):
    there = importlib.import_module("pyrometer.client." + name)
    assert there is importlib.import_module("pyrometer." + name), name
for name in ("samples", "openmetrics"):
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        print(name)
"""


def test_a_module_has_two_names_and_is_loaded_once_and_nobody_else_s_is_found(
    tmp_path: Path,
) -> None:
    assert run_python(MIRROR, tmp_path) == "samples\nopenmetrics\n"


TOO_LATE = """
import warnings
import prometheus_client as real, pyrometer
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    assert not pyrometer.install()
assert "prometheus_client was imported before" in str(caught[0].message), caught
import prometheus_client.metrics
assert prometheus_client.metrics is not pyrometer.metrics
print("warned")
"""


def test_too_late_is_said_and_changes_nothing(tmp_path: Path) -> None:
    assert run_python(TOO_LATE, tmp_path) == "warned\n"


WORKERS = """
import os, pyrometer
pyrometer.install()
from prometheus_client import CollectorRegistry, Counter, generate_latest, multiprocess, values
values.ValueClass = values.MultiProcessValue(lambda: 7)
counter = Counter("work", "help", ["kind"])
counter.labels("a").inc()
child = os.fork()
if child == 0:
    counter.labels("a").inc(2)
    os._exit(0)
os.waitpid(child, 0)
multiprocess.mark_process_dead(child)
registry = CollectorRegistry()
multiprocess.MultiProcessCollector(registry, path="/nowhere")
assert b'work_total{kind="a"} 3.0' in generate_latest(registry)
print("summed")
"""


def test_the_multi_process_collector_has_the_sum_without_a_folder(tmp_path: Path) -> None:
    assert run_python(WORKERS, tmp_path) == "summed\n"
