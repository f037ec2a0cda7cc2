"""Counts are exact, whoever dies, forks or is replaced."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Callable

import pytest
from conftest import Server, run_python, wait_for

SHOP = """
from flask import Flask
from pyrometer.flask import PrometheusMetrics
from pyrometer import Counter, Gauge, Histogram

def path(req):
    return '/' + req.path[1:].split('/')[0]

app = Flask('my-app')
metrics = PrometheusMetrics(app, group_by=path)
metrics.info('version_info', 'application version', version='1.0.1')
cart_value = Histogram('my_app_cart_value', 'value of cart at checkout',
                       buckets=[5, 10, 20, 50, 80, 100, 150, 200])
orders = Counter('orders', 'Orders', ['kind'])
orders.labels('at import').inc()
running = Gauge('running', 'Requests in progress')

@app.route('/health', methods=['GET'])
def health():
    return 'OK\\n'

@app.route('/order/<kind>')
def order(kind):
    with running.track_inprogress():
        orders.labels(kind).inc()
        cart_value.observe(42)
    return 'thanks'

@app.route('/broken')
def broken():
    raise ValueError('on purpose')
"""

WORKERS = {
    "sync": ["--workers", "2"],
    "gthread": ["--workers", "2", "--worker-class", "gthread", "--threads", "4"],
    "sync preload": ["--workers", "2", "--preload"],
    "gthread preload": [
        *("--workers", "2", "--worker-class", "gthread", "--threads", "4", "--preload"),
    ],
}

Serve = Callable[..., Server]


def send(server: Server, path: str, n: int) -> None:
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: server.get(path).status_code, range(n)))
    assert len(statuses) == n


@pytest.mark.parametrize("options", WORKERS.values(), ids=WORKERS)
def test_every_request_is_counted_once(serve: Serve, options: list[str]) -> None:
    server = serve(SHOP, *options)
    send(server, "/order/book", 200)
    send(server, "/health", 100)
    send(server, "/broken", 20)
    send(server, "/nowhere", 10)
    assert server.sample("flask_http_request_total") == 330
    duration = "flask_http_request_duration_seconds_count"
    assert server.sample(duration) == 330
    assert server.sample(duration, path="/order") == 200
    assert server.sample(duration, path="/nowhere") == 10
    assert server.sample("flask_http_request_exceptions_total") == 20
    assert server.sample("orders_total", kind="book") == 200
    assert server.sample("my_app_cart_value_sum") == 200 * 42
    assert server.sample("my_app_cart_value_bucket", le="50.0") == 200
    assert server.sample("running") == 0
    # Counted before the fork, once; counted at each worker's own import, once each.
    at_import = 1 if "--preload" in options else 2
    assert server.sample("orders_total", kind="at import") == at_import
    assert server.sample("version_info", version="1.0.1") == 1
    assert server.sample("pyrometer_unshared_series") == 0
    assert server.sample("pyrometer_internal_errors_total") == 0


@pytest.mark.parametrize("options", WORKERS.values(), ids=WORKERS)
def test_a_killed_worker_takes_no_count_with_it(serve: Serve, options: list[str]) -> None:
    server = serve(SHOP, *options)
    n_sent = 0
    cpu = 0.0
    for _ in range(4):
        send(server, "/order/book", 50)
        n_sent += 50
        assert server.sample("orders_total", kind="book") == n_sent
        cpu = check_cpu(server, cpu)
        victim = server.workers()[0]
        os.kill(victim, signal.SIGKILL)

        def is_replaced() -> bool:
            workers = server.workers()
            return victim not in workers and len(workers) == 2

        wait_for("the master to replace the worker", is_replaced)
        assert server.sample("orders_total", kind="book") == n_sent
        cpu = check_cpu(server, cpu)
    # A worker measures from its first request or collection on.
    wait_for("both workers to be seen", lambda: server.sample("pyrometer_workers") == 2)
    assert server.sample("flask_http_request_total") == n_sent
    assert server.sample("running") == 0
    if "--preload" not in options:
        assert server.sample("orders_total", kind="at import") >= 2


def check_cpu(server: Server, before: float) -> float:
    now = server.sample("process_cpu_seconds_total")
    assert now >= before
    return now


def test_a_killed_worker_under_load_loses_only_what_nobody_got(serve: Serve) -> None:
    """Every answer that arrived is counted; a request whose worker was killed may be."""
    server = serve(SHOP, *WORKERS["sync preload"])
    answered = 0
    failed = 0
    stop = threading.Event()

    def kill() -> None:
        for _ in range(3):
            victim = server.workers()[0]
            os.kill(victim, signal.SIGKILL)
            wait_for("a new worker", lambda: victim not in server.workers())
        stop.set()

    killer = threading.Thread(target=kill)
    killer.start()
    import requests

    while not stop.is_set() or answered < 50:
        try:
            assert server.get("/order/book").status_code == 200
            answered += 1
        except requests.RequestException:
            failed += 1
    killer.join()
    counted = server.sample("orders_total", kind="book")
    assert answered <= counted <= answered + failed


def test_a_restarted_service_begins_at_zero(serve: Serve, tmp_path: Path) -> None:
    first = serve(SHOP, "--workers", "1")
    send(first, "/health", 5)
    assert first.sample("flask_http_request_total") == 5
    first.stop()
    os.environ["PYROMETER_RUNTIME_DIR"], before = (
        str(first.runtime_dir),
        os.environ["PYROMETER_RUNTIME_DIR"],
    )
    try:
        second = serve(SHOP, "--workers", "1")
        send(second, "/health", 3)
        assert second.sample("flask_http_request_total") == 3
    finally:
        os.environ["PYROMETER_RUNTIME_DIR"] = before


def test_recycled_workers_leave_no_heap_of_files(serve: Serve) -> None:
    server = serve(SHOP, "--workers", "2", "--max-requests", "10")
    for n in range(1, 5):
        send(server, "/health", 20)
        assert server.sample("flask_http_request_total") == 20 * n
    (group,) = [one for one in server.runtime_dir.iterdir() if one.is_dir()]
    n_files = len(list(group.glob("*.seg")))
    assert server.sample("pyrometer_process_starts_total") >= 6
    # Those that live, the archive, and those that died since somebody last started.
    assert n_files <= 6, sorted(group.iterdir())


FORKS = """
import os, sys
import pyrometer
before = pyrometer.Counter("before", "help")
private = pyrometer.Counter("private", "help", registry=pyrometer.CollectorRegistry())
gauge = pyrometer.Gauge("live", "help", multiprocess_mode="livesum")
before.inc(5); private.inc(5); gauge.set(1)
for n in range(10):
    pid = os.fork()
    if pid == 0:
        assert before._value.get() == 0 and private._value.get() == 5
        before.inc(); gauge.set(100)
        late = pyrometer.Counter("late", "help", ["n"]); late.labels(n % 2).inc()
        os._exit(0)
    os.waitpid(pid, 0)
value = pyrometer.REGISTRY.get_sample_value
print(value("before_total"), value("late_total", {"n": "1"}), value("live"), before._value.get())
"""


def test_forked_children_add_up(tmp_path: Path) -> None:
    assert run_python(FORKS, tmp_path) == "15.0 5.0 1.0 5.0\n"


def test_without_shared_memory_a_process_counts_for_itself(tmp_path: Path) -> None:
    source = FORKS.replace("== 0 and", ">= 0 and")
    printed = run_python(source.replace("_value.get() == 5", "_value.get() >= 0"), tmp_path,
                         PYROMETER_DISABLED="1")
    assert printed == "5.0 None 1.0 5.0\n"
    assert not (tmp_path / "runtime").exists()


MULTIPROCESSING = """
import multiprocessing, sys
import pyrometer
counter = pyrometer.Counter("work", "help", ["who"])

def work(n):
    counter.labels("child").inc()
    return n

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    counter.labels("parent").inc()
    with context.Pool(3) as pool:
        assert sum(pool.map(work, range(100))) == 4950
    with context.Pool(3) as pool:
        pool.map(work, range(50))
    value = pyrometer.REGISTRY.get_sample_value
    print(value("work_total", {"who": "child"}), value("work_total", {"who": "parent"}))
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_adds_up(method: str, tmp_path: Path) -> None:
    import sys

    from conftest import PACKAGE_DIR

    program = tmp_path / "program.py"
    program.write_text(MULTIPROCESSING)
    runtime = tmp_path / "runtime"
    env = {**os.environ, "PYTHONPATH": str(PACKAGE_DIR), "PYROMETER_RUNTIME_DIR": str(runtime)}
    result = subprocess.run(
        [sys.executable, str(program), method], env=env, capture_output=True, text=True, timeout=60
    )
    assert result.stdout == "150.0 1.0\n", result.stderr
    assert len(list(runtime.iterdir())) == 1, "all in one group"


def test_a_subprocess_is_a_service_of_its_own(tmp_path: Path) -> None:
    printed = run_python(
        """
import subprocess, sys
import pyrometer
pyrometer.Counter("c", "help").inc()
child = "import pyrometer; pyrometer.Counter('c', 'help').inc(7)"
subprocess.run([sys.executable, "-c", child], check=True)
print(pyrometer.REGISTRY.get_sample_value("c_total"))
""",
        tmp_path,
    )
    assert printed == "1.0\n"
    assert len(list((tmp_path / "runtime").iterdir())) == 2


def test_threads_lose_no_count(tmp_path: Path) -> None:
    printed = run_python(
        """
import threading, pyrometer
counter = pyrometer.Counter("c", "help", ["l"])
histogram = pyrometer.Histogram("h", "help")
def work():
    for n in range(20000):
        counter.labels("x").inc()
        histogram.observe(0.3)
threads = [threading.Thread(target=work) for _ in range(8)]
[one.start() for one in threads]; [one.join() for one in threads]
value = pyrometer.REGISTRY.get_sample_value
print(value("c_total", {"l": "x"}), value("h_count"))
""",
        tmp_path,
    )
    assert printed == "160000.0 160000.0\n"


def test_a_fork_amid_threads_does_not_hang(tmp_path: Path) -> None:
    printed = run_python(
        """
import os, threading, pyrometer
counter = pyrometer.Counter("c", "help", ["l"])
stop = threading.Event()
def churn(n):
    while not stop.is_set():
        counter.labels(f"{n}").inc(); counter.remove(f"{n}"); pyrometer.generate_latest()
threads = [threading.Thread(target=churn, args=(n,)) for n in range(4)]
[one.start() for one in threads]
for n in range(50):
    pid = os.fork()
    if pid == 0:
        pyrometer.Counter("forked", "help").inc()
        pyrometer.generate_latest()
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
stop.set(); [one.join() for one in threads]
print(pyrometer.generate_latest().count(b"forked_total 50.0"))
""",
        tmp_path,
    )
    assert printed == "1\n"


def test_a_child_that_counts_before_it_is_told_of_the_fork_forgets_nobody(tmp_path: Path) -> None:
    printed = run_python(
        """
import gc, os
# Asked before ours: what the collector's pauses count comes before the child is told.
os.register_at_fork(after_in_child=gc.collect)
import pyrometer
from pyrometer import runtime
pyrometer.Counter("c", "help").inc()
for n in range(5):
    pid = os.fork()
    if pid == 0:
        pyrometer.Counter("forked", "help").inc()
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
text = pyrometer.generate_latest().decode()
print(text.count("\\nforked_total 5.0\\n"), text.count("\\nc_total 1.0\\n"))
""",
        tmp_path,
    )
    assert printed == "1 1\n"
