"""Other people's instrumentation works on top of ``pyrometer.install()``.

Each program uses a library as its documentation says, in an interpreter of its own. It runs twice,
over Pyrometer and over the real packages, and must say the same of what the library counts.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest
from conftest import run_python


class Program(NamedTuple):
    """A program that prints its exposition; names of the library's metrics; samples they have."""

    source: str
    names: str
    expected: tuple[str, ...]


DJANGO_PROMETHEUS = Program(
    """
import django
from django.conf import settings
settings.configure(
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["*"],
    SECRET_KEY="secret",
    INSTALLED_APPS=["django_prometheus"],
    MIDDLEWARE=[
        "django_prometheus.middleware.PrometheusBeforeMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django_prometheus.middleware.PrometheusAfterMiddleware",
    ],
    DATABASES={
        "default": {"ENGINE": "django_prometheus.db.backends.sqlite3", "NAME": ":memory:"}
    },
    CACHES={"default": {
        "BACKEND": "django_prometheus.cache.backends.locmem.LocMemCache", "LOCATION": "here"}},
    PROMETHEUS_EXPORT_MIGRATIONS=False,
)
django.setup()
from django.core.cache import cache
from django.db import connection, models
from django.http import HttpResponse
from django.test import Client
from django.urls import include, path
from django_prometheus.models import ExportModelOperationsMixin

class Item(ExportModelOperationsMixin("item"), models.Model):
    class Meta:
        app_label = "shop"

def index(request):
    cache.set("a", 1)
    cache.get("a")
    cache.get("b")
    return HttpResponse("fine")

def broken(request):
    raise ValueError("on purpose")

urlpatterns = [
    path("", index, name="index"),
    path("broken", broken, name="broken"),
    path("", include("django_prometheus.urls")),
]
with connection.schema_editor() as editor:
    editor.create_model(Item)
Item.objects.create()
client = Client(raise_request_exception=False)
client.get("/")
client.post("/")
client.get("/broken")
client.get("/nothing")
print(client.get("/metrics").content.decode())
""",
    "django_",
    (
        'django_http_requests_total_by_view_transport_method_total{method="GET",'
        'transport="http",view="index"} 1.0',
        'django_http_exceptions_total_by_type_total{type="ValueError"} 1.0',
        'django_http_responses_total_by_status_total{status="404"} 1.0',
        'django_model_inserts_total{model="item"} 1.0',
        'django_cache_get_hits_total{backend="locmem"} 2.0',
        'django_http_requests_latency_seconds_by_view_method_count{method="POST",'
        'view="index"} 1.0',
    ),
)

PROMETHEUS_ASYNC = Program(
    """
import asyncio
from prometheus_async.aio import count_exceptions, time, track_inprogress
from prometheus_client import Counter, Gauge, Histogram, generate_latest

SECONDS = Histogram("shop_seconds", "help", ["kind"])
RUNNING = Gauge("shop_running", "help")
ERRORS = Counter("shop_errors_total", "help")
seen = []

@time(SECONDS.labels("order"))
@track_inprogress(RUNNING)
@count_exceptions(ERRORS, exc=ValueError)
async def order(fails):
    await asyncio.sleep(0)
    seen.append(RUNNING._value.get())
    if fails:
        raise ValueError("on purpose")

async def main():
    await asyncio.gather(order(False), order(True), order(False), return_exceptions=True)
    await time(SECONDS.labels("future"), asyncio.ensure_future(order(False)))

asyncio.run(main())
assert max(seen) == 3.0, seen
print(generate_latest().decode())
""",
    "shop_",
    (
        'shop_seconds_count{kind="order"} 4.0',
        'shop_seconds_count{kind="future"} 1.0',
        "shop_errors_total 1.0",
        "shop_running 0.0",
    ),
)

STARLETTE_PROMETHEUS = Program(
    """
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette_prometheus import PrometheusMiddleware, metrics

async def item(request):
    return PlainTextResponse("fine")

async def broken(request):
    raise ValueError("on purpose")

app = Starlette(routes=[
    Route("/item/{number}", item),
    Route("/broken", broken),
    Route("/metrics", metrics),
])
app.add_middleware(PrometheusMiddleware, filter_unhandled_paths=True)
client = TestClient(app, raise_server_exceptions=False)
for path in ("/item/1", "/item/2", "/broken", "/nothing"):
    client.get(path)
print(client.get("/metrics").text)
""",
    "starlette_",
    (
        'starlette_requests_total{method="GET",path_template="/item/{number}"} 2.0',
        'starlette_exceptions_total{exception_type="ValueError",method="GET",'
        'path_template="/broken"} 1.0',
        'starlette_responses_total{method="GET",path_template="/item/{number}",'
        'status_code="200"} 2.0',
    ),
)

FLASK_PROMETHEUS_METRICS = Program(
    """
from flask import Flask
from flask_prometheus_metrics import register_metrics
from prometheus_client import make_wsgi_app
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

app = Flask("shop")

@app.route("/")
def index():
    return "fine"

register_metrics(app, app_version="v1", app_config="staging")
client = Client(DispatcherMiddleware(app.wsgi_app, {"/metrics": make_wsgi_app()}))
client.get("/")
client.get("/nothing")
print(client.get("/metrics").text)
""",
    "app_",
    (
        'app_request_count_total{endpoint="/",http_status="200",method="GET"} 1.0',
        'app_request_latency_seconds_count{endpoint="/",method="GET"} 1.0',
        'app_version_info{config="staging",version="v1"} 1.0',
    ),
)

FASTAPI_INSTRUMENTATOR = Program(
    """
from fastapi import FastAPI
from fastapi.testclient import TestClient
from prometheus_client import Counter
from prometheus_fastapi_instrumentator import Instrumentator, metrics

app = FastAPI()

@app.get("/item/{number}")
def item(number: int):
    return number

LANGUAGES = Counter("http_requested_languages_total", "help", ["language"])

def languages(info):
    LANGUAGES.labels(info.request.headers.get("accept-language", "")).inc()

(
    Instrumentator(should_instrument_requests_inprogress=True, inprogress_labels=True)
    .add(languages)
    .add(metrics.default())
    .instrument(app)
    .expose(app)
)
client = TestClient(app)
client.get("/item/1", headers={"accept-language": "de"})
client.get("/item/x")
client.get("/nothing")
print(client.get("/metrics").text)
""",
    "http_",
    (
        'http_requested_languages_total{language="de"} 1.0',
        'http_requests_total{handler="/item/{number}",method="GET",status="2xx"} 1.0',
        'http_requests_total{handler="none",method="GET",status="4xx"} 1.0',
        'http_requests_inprogress{handler="/metrics",method="GET"} 1.0',
    ),
)

# As exporters of queues do: a registry of its own, metrics made by hand, and a collector that
# asks somebody else.
EXPORTER = Program(
    """
import urllib.request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

registry = CollectorRegistry(auto_describe=True)
state = {
    name: Counter(f"queue_task_{name}", "help", ["name", "hostname"], registry=registry)
    for name in ("sent", "received", "failed")
}
runtime = Histogram("queue_task_runtime", "help", ["name"], buckets=(1, 10), registry=registry)
up = Gauge("queue_worker_up", "help", ["hostname"], registry=registry)

class Lengths(Collector):
    def collect(self):
        family = GaugeMetricFamily("queue_length", "help", labels=["queue"])
        family.add_metric(["default"], 3)
        yield family
        yield HistogramMetricFamily(
            "queue_wait", "help", buckets=[("1", 2), ("+Inf", 3)], sum_value=4.5
        )

registry.register(Lengths())
for event in ("sent", "received", "sent"):
    state[event].labels(name="tasks.add", hostname="a").inc()
state["failed"].labels(name="tasks.add", hostname="a").inc(0)
runtime.labels("tasks.add").observe(2.5)
up.labels("a").set(1)
up.labels("b").set(0)
up.remove("b")
server, thread = start_http_server(0, "127.0.0.1", registry=registry)
url = f"http://127.0.0.1:{server.server_port}/metrics"
print(urllib.request.urlopen(url).read().decode())
server.shutdown()
""",
    "queue_",
    (
        'queue_task_sent_total{hostname="a",name="tasks.add"} 2.0',
        'queue_task_failed_total{hostname="a",name="tasks.add"} 0.0',
        'queue_task_runtime_bucket{le="10.0",name="tasks.add"} 1.0',
        'queue_worker_up{hostname="a"} 1.0',
        'queue_length{queue="default"} 3.0',
        'queue_wait_bucket{le="1"} 2.0',
    ),
)

PROGRAMS = {name.lower(): value for name, value in globals().items() if type(value) is Program}

INSTALL = "import pyrometer\nassert pyrometer.install()\n"


def exposed(source: str, names: str, tmp_path: Path) -> list[str]:
    """The library's lines, without what the clock makes of them."""
    text = run_python(source, tmp_path, PROMETHEUS_DISABLE_CREATED_SERIES="1")
    lines = [line for line in text.splitlines() if re.match(rf"(# \w+ )?{names}", line)]
    timed = re.compile(r"(?:_sum|_bucket|size_bytes)(\{.*\})? ")
    return [
        line if not timed.search(line) or names == "queue_" else re.sub(r" \S+$", " …", line)
        for line in lines
    ]


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_library_counts_the_same_on_top_of_ours(name: str, tmp_path: Path) -> None:
    program = PROGRAMS[name]
    ours = exposed(INSTALL + program.source, program.names, tmp_path)
    for sample in program.expected:
        assert sample in ours, "\n".join(ours)
    assert ours == exposed(program.source, program.names, tmp_path)


def test_a_library_adds_up_over_processes(tmp_path: Path) -> None:
    """What a library counts in a forked process is in the sum, without a folder or a hook."""
    source = """
import os
from flask import Flask
from flask_prometheus_metrics import register_metrics
from prometheus_client import generate_latest

app = Flask("shop")
app.add_url_rule("/", view_func=lambda: "fine")
register_metrics(app, app_version="v1", app_config="staging")
for _ in range(3):
    child = os.fork()
    if child == 0:
        app.test_client().get("/")
        os._exit(0)
    os.waitpid(child, 0)
app.test_client().get("/")
print(generate_latest().decode())
"""
    ours = exposed(INSTALL + source, "app_", tmp_path)
    count = 'app_request_count_total{endpoint="/",http_status="200",method="GET"} 4.0'
    assert count in ours, "\n".join(ours)
