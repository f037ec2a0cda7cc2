"""RQ with its forking and its simple worker, over a Redis server of the tests' own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any, Iterator

import counted
import pytest
import redis
import rq
from conftest import wait_for

import pyrometer

LABELS = ("task_name", "task_state", "error_type")


def add(a: int, b: int) -> int:
    return a + b


def fail() -> None:
    raise ValueError("on purpose")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    program = shutil.which("redis-server")
    if program is None:
        missing = "redis-server is not installed: nothing of RQ was tested"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    folder: Path = tmp_path_factory.mktemp("redis")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [program, "--port", str(port), "--save", "", "--dir", str(folder)],
        stdout=subprocess.DEVNULL,
    )
    client = redis.Redis(port=port)

    def is_up() -> bool:
        try:
            return bool(client.ping())
        except redis.ConnectionError:
            return False

    wait_for("redis", is_up)
    yield client
    client.close()
    server.terminate()
    server.wait(20)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("worker_class", [rq.SimpleWorker, rq.Worker])
def test_jobs_are_counted_by_name_and_state(connection: Any, worker_class: Any) -> None:
    connection.flushall()
    registry = pyrometer.CollectorRegistry()
    queue = rq.Queue(connection=connection)
    worker = worker_class([queue], connection=connection)
    assert pyrometer.init(worker, registry=registry) is worker
    assert pyrometer.init(worker, registry=registry) is worker
    for number in range(5):
        queue.enqueue(add, number, 1)
    queue.enqueue(fail)
    queue.enqueue(fail, retry=rq.Retry(max=2))
    expected = {
        ("test_init_rq.add", "finished", ""): 5.0,
        ("test_init_rq.fail", "failed", "ValueError"): 4.0,
    }
    if worker_class is rq.Worker:
        queue.enqueue(die)
        expected["test_init_rq.die", "failed", "WorkHorseTerminated"] = 1.0
    worker.work(burst=True, logging_level="ERROR")
    finished = counted.samples(registry, "task_attempts_finished_total", LABELS)
    assert finished == expected
    ran = counted.samples(registry, "messaging_process_duration_seconds_count", LABELS[:2])
    assert ran == {
        ("test_init_rq.add", "finished"): 5,
        ("test_init_rq.fail", "failed"): 4,
    }
    assert counted.samples(registry, "task_retries_total", LABELS[:1]) == {
        ("test_init_rq.fail",): 2
    }
    waited = counted.samples(registry, "task_queue_duration_seconds_count", LABELS[:1])
    assert waited[("test_init_rq.add",)] == 5
    assert counted.samples(registry, "task_active", LABELS[:1]) == {}
