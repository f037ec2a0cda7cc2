"""Celery with a real worker whose pool is forked, over a broker that is a folder of files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import types
from pathlib import Path
from typing import Any, Callable, Iterator, Optional

import counted
import pytest
import requests
from conftest import PACKAGE_DIR, wait_for
from prometheus_client.parser import text_string_to_metric_families

import pyrometer
from pyrometer.instrumentation import celery as module
from pyrometer.instrumentation import children, tasks

SHOP = """
import json, os, signal, time, uuid
import celery, celery.signals, pyrometer
from kombu.transport import filesystem

folder = os.path.dirname(os.path.abspath(__file__))
# kombu's own may be read before it is written.
def put(self, queue, payload, **_):
    name = f"{time.monotonic_ns():020}_{uuid.uuid4()}.{queue}.msg"
    with open(f"{folder}/{name}", "w") as file:
        json.dump(payload, file)
    os.rename(f"{folder}/{name}", os.path.join(self.data_folder_out, name))

filesystem.Channel._put = put

app = celery.Celery("shop", broker="filesystem://")
app.conf.update(
    broker_transport_options={
        "data_folder_in": folder + "/queue",
        "data_folder_out": folder + "/queue",
        "control_folder": folder + "/control",
        "polling_interval": 0.02,
    },
    task_acks_late=False,
    worker_prefetch_multiplier=1,
)
pyrometer.init(app)
pyrometer.init(app)

@app.task
def add(a, b):
    return a + b

@app.task
def fail():
    raise ValueError("on purpose")

@app.task(bind=True, max_retries=2)
def again(self):
    if self.request.retries < 2:
        raise self.retry(exc=KeyError("on purpose"), countdown=0)

@app.task
def die():
    os.kill(os.getpid(), signal.SIGKILL)

# In the parent of the pool, which runs no task; it answers for all.
@celery.signals.worker_ready.connect
def serve(**_):
    server, _ = pyrometer.start_http_server(0, "127.0.0.1")
    with open(f"{folder}/part", "w") as file:
        file.write(str(server.server_port))
    os.rename(f"{folder}/part", f"{folder}/port")
"""

LABELS = ("task_name", "task_state", "error_type")
FINISHED = {
    ("shop.add", "SUCCESS", ""): 20,
    ("shop.fail", "FAILURE", "ValueError"): 5,
    ("shop.again", "RETRY", "KeyError"): 4,
    ("shop.again", "SUCCESS", ""): 2,
    ("shop.die", "FAILURE", "WorkerLostError"): 1,
}


def read(text: str) -> Any:
    return types.SimpleNamespace(collect=lambda: text_string_to_metric_families(text))


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Callable[[str], None]]:
    """A worker with two processes; sends it a piece of Python."""
    (tmp_path / "shop.py").write_text(SHOP)
    for folder in ("queue", "control"):
        (tmp_path / folder).mkdir()
    env = {
        **os.environ,
        "PYTHONPATH": f"{PACKAGE_DIR}{os.pathsep}{tmp_path}",
        "PYROMETER_RUNTIME_DIR": str(tmp_path / "runtime"),
    }
    log_path = tmp_path / "log"
    # Children are replaced now and then, as long-running workers do it against leaks.
    recycled = ["--max-tasks-per-child", "7"]
    options = ["--pool", "prefork", "-c", "2", "--without-gossip", "--without-mingle", *recycled]
    with open(log_path, "w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "shop", "worker", *options, "-l", "INFO"],
            cwd=tmp_path,
            env=env,
            stdout=log,
            stderr=log,
        )

    def send(source: str) -> None:
        assert process.poll() is None, log_path.read_text()
        subprocess.run(
            [sys.executable, "-c", f"from shop import *\n{source}"],
            cwd=tmp_path,
            env=env,
            check=True,
            timeout=60,
        )

    yield send
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def test_tasks_of_a_forked_pool_are_counted_by_name_and_state(
    worker: Callable[[str], None], tmp_path: Path
) -> None:
    wait_for("the worker", (tmp_path / "port").exists)
    url = f"http://127.0.0.1:{(tmp_path / 'port').read_text()}/metrics"
    text = ""

    def finished(n_wanted: float) -> Callable[[], Optional[dict[tuple[str, ...], float]]]:
        def look() -> Optional[dict[tuple[str, ...], float]]:
            nonlocal text
            text = requests.get(url, timeout=10).text
            counts = counted.samples(read(text), "task_attempts_finished_total", LABELS)
            return counts if sum(counts.values()) >= n_wanted else None

        return look

    worker(
        "for n in range(20): add.delay(n, 1)\n"
        "for n in range(5): fail.delay()\n"
        "for n in range(2): again.delay()\n"
    )
    wait_for("the tasks", finished(sum(FINISHED.values()) - 1), seconds=60)
    # Alone, for Celery does not promise what else the one that is killed was given.
    worker("die.delay()")
    assert wait_for("the killed task", finished(sum(FINISHED.values())), seconds=60) == FINISHED
    registry = read(text)
    name = "messaging_process_duration_seconds_count"
    ran = counted.samples(registry, name, LABELS[:2])
    # Nobody knows how long the one that was killed ran.
    assert ran[("shop.add", "SUCCESS")] == 20
    assert ran[("shop.again", "RETRY")] == 4
    assert not any(name == "shop.die" for name, _ in ran)
    assert counted.samples(registry, "task_retries_total", LABELS[:1]) == {("shop.again",): 4}
    waited = counted.samples(registry, "task_queue_duration_seconds_count", LABELS[:1])
    assert waited[("shop.add",)] == 20
    assert waited[("shop.again",)] == 6
    # The one that was killed no longer runs.
    assert counted.samples(registry, "task_active", LABELS[:1]) == {}
    assert counted.samples(registry, "pyrometer_instrumentation_errors_total", ("where",)) == {}


@pytest.mark.parametrize(
    ("request_fields", "expected"),
    [
        ({"pyrometer_sent": 1000.0}, 1000.0),
        ({"pyrometer_sent": 1000}, 1000.0),
        ({"pyrometer_sent": 0.0, "eta": "1970-01-01T00:01:00+00:00"}, 60.0),
        ({"pyrometer_sent": 0.0, "eta": "1970-01-01T00:01:00Z"}, 60.0),
        ({"pyrometer_sent": 0.0, "eta": "1970-01-01T00:01:00"}, 60.0),
        ({"pyrometer_sent": 1000.0, "eta": "1970-01-01T00:01:00Z"}, 1000.0),
        ({"pyrometer_sent": 1000.0, "eta": "soon"}, 1000.0),
        ({"pyrometer_sent": "yesterday"}, None),
        ({"pyrometer_sent": None}, None),
        ({}, None),
    ],
)
def test_a_task_waits_from_when_it_was_sent_or_was_to_begin(
    request_fields: dict[str, Any], expected: Optional[float]
) -> None:
    assert module.due(types.SimpleNamespace(**request_fields)) == expected


def test_names_that_clients_make_up_do_not_become_labels_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(children, "SERIES_MAX", 2)
    registry = pyrometer.CollectorRegistry()
    metrics = tasks.task_metrics(registry)
    for number in range(50):
        attempt = metrics.begin("celery", f"task-{number}", due=None)
        attempt.end("SUCCESS")
        attempt.end("SUCCESS")
    assert counted.samples(registry, "task_attempts_finished_total", LABELS) == {
        ("task-0", "SUCCESS", ""): 1,
        ("task-1", "SUCCESS", ""): 1,
        ("<overflow>", "SUCCESS", ""): 48,
    }
    assert counted.samples(registry, "task_active", LABELS[:1]) == {}


def test_a_wait_is_within_its_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyrometer.instrumentation.tasks.time.time", lambda: 1e9)
    registry = pyrometer.CollectorRegistry()
    metrics = tasks.task_metrics(registry)
    for due in (1e9 - 2.0, 1e9 + 5.0, 0.0, None, float("nan")):
        metrics.begin("celery", "task", due).end("SUCCESS")
    name = "task_queue_duration_seconds"
    labels = {"messaging_system": "celery", "task_name": "task"}
    assert registry.get_sample_value(f"{name}_sum", labels) == 2.0 + 7 * 86_400.0
    assert registry.get_sample_value(f"{name}_count", labels) == 3
