"""prometheus_flask_exporter's classes for servers with several processes.

What is compared runs over Pyrometer and over the real packages; the hooks are written as that
package's documentation says.
"""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from typing import Any, Callable

import pytest
import requests
from conftest import Server, free_port, run_python, wait_for
from flask import Flask

import pyrometer
from pyrometer.flask_exporter import multiprocess

Serve = Callable[..., Server]

CONFIG = {
    "GunicornPrometheusMetrics": """
import os
from prometheus_flask_exporter.multiprocess import GunicornPrometheusMetrics

def when_ready(server):
    GunicornPrometheusMetrics.start_http_server_when_ready(int(os.getenv('METRICS_PORT')))

def child_exit(server, worker):
    GunicornPrometheusMetrics.mark_process_dead_on_child_exit(worker.pid)
""",
    "GunicornInternalPrometheusMetrics": """
from prometheus_flask_exporter.multiprocess import GunicornInternalPrometheusMetrics

def child_exit(server, worker):
    GunicornInternalPrometheusMetrics.mark_process_dead_on_child_exit(worker.pid)
""",
}

SHOP = """
import os
from flask import Flask
from prometheus_flask_exporter.multiprocess import NAME

def create_app():
    app = Flask("shop")
    metrics = NAME(app, group_by="endpoint")
    metrics.info("shop_info", "help", version="1")

    @app.route("/pid")
    @metrics.counter("pids", "help", labels={"status": lambda r: r.status_code})
    @metrics.gauge("pids_running", "help", multiprocess_mode="livesum")
    def pid():
        return str(os.getpid())

    return app

app = create_app()
if "Internal" not in "NAME":
    # For the test to see that workers answer.
    app.add_url_rule("/metrics", "up", lambda: "up")
"""

INSTALL = "import pyrometer\nassert pyrometer.install()\n"

PACKAGES = {"ours": INSTALL, "theirs": ""}


def values(text: str, name: str) -> dict[str, float]:
    """The samples with this name: labels and values."""
    found = re.findall(rf"^{name}(?:\{{(.*)\}})? (\S+)$", text, re.MULTILINE)
    return {labels: float(value) for labels, value in found}


@pytest.fixture(params=PACKAGES)
def install(request: pytest.FixtureRequest) -> str:
    """What a program begins with to have ours, or nothing for the real packages."""
    return PACKAGES[request.param]


@pytest.mark.parametrize("name", CONFIG)
def test_gunicorn_with_the_hooks_of_the_documentation(
    name: str, install: str, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "multiproc"
    folder.mkdir()
    if not install:
        monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(folder))
    port = free_port()
    monkeypatch.setenv("METRICS_PORT", str(port))
    config = tmp_path / "gunicorn.conf.py"
    config.write_text(install + CONFIG[name])
    server = serve(install + SHOP.replace("NAME", name), "--workers", "2", "--config", str(config))

    def text() -> str:
        if "Internal" in name:
            return server.get("/metrics").text
        return requests.get(f"http://127.0.0.1:{port}/any/path", timeout=10).text

    n = 0
    answered = set()

    def both_answered() -> bool:
        nonlocal n
        answered.add(int(server.get("/pid").text))
        n += 1
        return len(answered) == 2

    wait_for("both workers to answer", both_answered)
    labels = 'method="GET",status="200"'
    by_endpoint = f'endpoint="pid",{labels}'
    duration = "flask_http_request_duration_seconds_count"

    def check(n: int) -> None:
        said = text()
        assert values(said, "pids_total") == {'status="200"': n}
        assert values(said, duration)[by_endpoint] == n
        assert values(said, "pids_running") == {"": 0}
        assert values(said, "shop_info") == {'version="1"': 1}
        assert len(values(said, "flask_exporter_info")) == 1

    check(n)
    if not install:
        # What the real packages show while a worker starts anew is not always everything.
        return
    victim = min(server.workers())
    os.kill(victim, signal.SIGKILL)
    wait_for(
        "another worker in its place",
        lambda: len(server.workers()) == 2 and victim not in server.workers(),
    )
    check(n)
    server.get("/pid")
    check(n + 1)
    # Gunicorn logs a hook that raises.
    assert "Traceback" not in (server.folder / "log").read_text()


EVERY_CLASS = """
import os, tempfile
os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp()
from flask import Flask
from prometheus_client import Counter
from prometheus_flask_exporter import multiprocess

Counter("beside", "help").inc(7)
for name in (
    "MultiprocessPrometheusMetrics", "MultiprocessInternalPrometheusMetrics",
    "UWsgiPrometheusMetrics", "GunicornPrometheusMetrics", "GunicornInternalPrometheusMetrics",
):
    for is_late in (False, True):
        app = Flask("app")
        cls = getattr(multiprocess, name)
        options = {"group_by": "path", "defaults_prefix": "my", "default_labels": {"a": 1}}
        if is_late:
            metrics = cls.for_app_factory(**options)
            metrics.init_app(app)
        else:
            metrics = cls(app, **options)

        @app.route("/")
        @metrics.counter("calls", "help", labels={"status": lambda r: r.status_code})
        @metrics.histogram("seconds", "help", buckets=[1, 2])
        @metrics.summary("more_seconds", "help")
        @metrics.gauge("running", "help", multiprocess_mode="livesum")
        def index():
            return "fine"

        metrics.info("app_info", "help", version="1")
        client = app.test_client()
        client.get("/")
        status = client.get("/metrics").status_code
        text, content_type = metrics.generate_metrics()
        print(name, is_late, status, content_type, metrics.path)
        wanted = ("my_", "calls", "seconds", "more_seconds", "running", "app_info", "beside")
        for line in sorted(text.splitlines()):
            if line.startswith(wanted) and "_created" not in line:
                print(line)
"""


def test_every_class_counts_and_shows_the_same(tmp_path: Path) -> None:
    """With an application after the other in one process, as a factory makes them in tests."""

    def lines(source: str) -> list[str]:
        text = run_python(source, tmp_path)
        text = re.sub(r'(exporter_info\{.*version=)"[^"]*"', r'\1"…"', text)
        return re.sub(r"(_sum(\{.*\})?|_bucket\{.*le=\"0\..*\}) \S+", r"\1 …", text).splitlines()

    ours = lines(INSTALL + EVERY_CLASS)
    assert ours == lines(EVERY_CLASS)
    # The last of ten applications, of which five serve their metrics, and these too are counted.
    assert 'calls_total{a="1",status="200"} 10.0' in ours
    assert "beside_total 7.0" in ours


SERVING = """
import re, socket, sys, urllib.request
import pyrometer
assert pyrometer.install()
from flask import Flask
from prometheus_flask_exporter.multiprocess import MultiprocessPrometheusMetrics as Base
from prometheus_flask_exporter.multiprocess import UWsgiPrometheusMetrics

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]

class Here(Base):
    def should_start_http_server(self):
        return True

class Uwsgi:
    @staticmethod
    def masterpid():
        import os
        return os.getpid() + OFFSET

cls = CLASS
if cls is UWsgiPrometheusMetrics and OFFSET is not None:
    sys.modules["uwsgi"] = Uwsgi
metrics = cls(Flask("app"))
metrics.start_http_server(port, "127.0.0.1", endpoint="/ignored")
try:
    text = urllib.request.urlopen(f"http://127.0.0.1:{port}/anything").read().decode()
    print("flask_exporter_info{" in text)
except OSError:
    print("nobody")
"""


@pytest.mark.parametrize(
    ("cls", "offset", "expected"),
    [
        ("Here", None, "True"),
        ("Base", None, "nobody"),
        ("UWsgiPrometheusMetrics", 0, "True"),
        ("UWsgiPrometheusMetrics", 1, "nobody"),
        # Outside of uWSGI, as on a developer's machine.
        ("UWsgiPrometheusMetrics", None, "nobody"),
    ],
)
def test_the_process_that_is_chosen_serves(
    cls: str, offset: Any, expected: str, tmp_path: Path
) -> None:
    source = SERVING.replace("CLASS", cls).replace("OFFSET", repr(offset))
    assert run_python(source, tmp_path).strip() == expected


@pytest.mark.parametrize(
    "cls",
    [
        multiprocess.MultiprocessInternalPrometheusMetrics,
        multiprocess.GunicornInternalPrometheusMetrics,
    ],
)
def test_what_the_application_serves_needs_no_server(cls: Any) -> None:
    with pytest.warns(UserWarning, match=cls.__name__):
        cls.start_http_server_when_ready(1)
    # The port 1 cannot be had: nothing tries.
    cls(None, registry=pyrometer.CollectorRegistry()).start_http_server(1, "256.256.256.256")


def test_a_registry_of_ones_own_is_served_with_the_default_one() -> None:
    beside = pyrometer.Counter("beside_multiprocess", "help")
    try:
        beside.inc(3)
        app = Flask("app")
        multiprocess.GunicornInternalPrometheusMetrics(
            app, path="/prom", registry=pyrometer.CollectorRegistry()
        )
        client = app.test_client()
        client.get("/nothing")
        text = client.get("/prom").text
        assert values(text, "flask_http_request_total") == {'method="GET",status="404"': 1}
        assert values(text, "beside_multiprocess_total") == {"": 3}
    finally:
        pyrometer.REGISTRY.unregister(beside)


def test_a_name_of_another_kind_is_reported_and_costs_itself(tmp_path: Path) -> None:
    """Two instances may not make a counter of what is a gauge; their other metrics go on."""
    source = """
import pyrometer
from flask import Flask
from pyrometer.flask_exporter.multiprocess import GunicornInternalPrometheusMetrics
first = GunicornInternalPrometheusMetrics(Flask("first"))
app = Flask("second")
second = GunicornInternalPrometheusMetrics(app)
first.gauge("x_total", "help")(lambda: None)
counter = second.counter("x_total", "help")
app.route("/")(counter(lambda: "fine"))
client = app.test_client()
print(client.get("/").text)
text = client.get("/metrics").text
print('flask_http_request_total{method="GET",status="200"} 1.0' in text)
"""
    assert run_python(source, tmp_path) == "fine\nTrue\n"


def test_a_process_that_only_exposes_sees_the_others_at_once(tmp_path: Path) -> None:
    """As gunicorn's master does, which has no application of its own."""
    source = """
import os
import pyrometer
ready, tell = os.pipe()
child = os.fork()
if child == 0:
    pyrometer.Counter("late", "help").inc(3)
    os.write(tell, b"x")
    os._exit(0)
os.read(ready, 1)
print(EXPOSE)
os.waitpid(child, 0)
"""
    for expose, said in {
        '"late_total 3.0" in pyrometer.generate_latest().decode()': "True",
        'pyrometer.REGISTRY.get_sample_value("late_total")': "3.0",
        'len(list(pyrometer.REGISTRY.restricted_registry(["late_total"]).collect()))': "1",
    }.items():
        assert run_python(source.replace("EXPOSE", expose), tmp_path).strip() == said
