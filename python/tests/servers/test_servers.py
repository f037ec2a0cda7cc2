"""Whatever serves an application, its workers' counts add up without a word about it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Callable, Iterator

import pytest
from conftest import free_port, wait_for

from .service import Service, kill, python, scraped

GUNICORN = [*python("gunicorn", "shop:app"), "--no-control-socket", "-w", "2", "-b"]
UWSGI = [
    os.path.join(sys.prefix, "bin", "uwsgi"),
    *("--module", "shop:app", "--home", sys.prefix, "--master", "--processes", "2"),
    *("--need-app", "--die-on-term", "--http-socket"),
]
UVICORN = [*python("uvicorn", "shop:asgi"), "--workers", "2", "--log-level", "warning", "--port"]
GRANIAN = [*python("granian", "shop:asgi"), "--interface", "asgi", "--workers", "2"]

# The command up to the address, and what follows it.
SERVERS: dict[str, tuple[list[str], list[str]]] = {
    "gunicorn sync": (GUNICORN, []),
    "gunicorn sync preload": (GUNICORN, ["--preload"]),
    "gunicorn sync recycled": (GUNICORN, ["--max-requests", "7"]),
    "gunicorn gthread": (GUNICORN, ["-k", "gthread", "--threads", "4"]),
    "gunicorn gthread preload": (GUNICORN, ["-k", "gthread", "--threads", "4", "--preload"]),
    "gunicorn gevent": (GUNICORN, ["-k", "gevent"]),
    "gunicorn gevent preload": (GUNICORN, ["-k", "gevent", "--preload"]),
    "gunicorn gevent recycled": (GUNICORN, ["-k", "gevent", "--max-requests", "7"]),
    "gunicorn uvicorn": (
        [*python("gunicorn", "shop:asgi"), *GUNICORN[4:]],
        ["-k", "uvicorn_worker.UvicornWorker"],
    ),
    "uvicorn": (UVICORN, ["--loop", "asyncio"]),
    "uvicorn uvloop": (UVICORN, ["--loop", "uvloop"]),
    "hypercorn": ([*python("hypercorn", "shop:asgi"), "-w", "2", "-b"], []),
    "granian": ([*GRANIAN, "--respawn-failed-workers", "--port"], []),
    # Threads of one process, with no master above it.
    "waitress": ([*python("waitress", "--threads", "3"), "--listen"], ["shop:app"]),
    "uwsgi": (UWSGI, []),
    "uwsgi threads": (UWSGI, ["--threads", "3"]),
    "uwsgi lazy": (UWSGI, ["--lazy-apps"]),
    "uwsgi recycled": (UWSGI, ["--max-requests", "7", "--min-worker-lifetime", "1"]),
}

# Where a worker that dies takes the server along.
END_WITH_A_WORKER = {"hypercorn"}
# What has no workers but itself.
ALONE = {"waitress"}

Serve = Callable[..., Service]


def require_uwsgi() -> None:
    """It is built from source, which wants Python's headers; in CI they are there."""
    if not os.path.exists(UWSGI[0]):
        missing = "uwsgi is not installed: nothing of it was tested"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts a service under a server, in a folder of its own."""
    services: list[Service] = []

    def start(name: str, *, before: tuple[str, ...] = ()) -> Service:
        command, options = SERVERS[name]
        if command is UWSGI:
            require_uwsgi()
        port = free_port()
        address = str(port) if command[-1] == "--port" else f"127.0.0.1:{port}"
        folder = tmp_path / str(len(services))
        folder.mkdir()
        service = Service([*before, *command, address, *options], folder, port)
        services.append(service)
        wait_for(f"{name} to answer", service.is_up)
        return service

    yield start
    for service in services:
        service.stop()


def both(service: Service) -> tuple[set[int], int]:
    """Orders until two workers have answered: who they are, and how many orders that took."""
    pids: set[int] = set()
    n_orders = 0

    def look() -> bool:
        nonlocal n_orders
        pids.update(service.order(8))
        n_orders += 8
        return 2 <= len(pids)

    wait_for("a second worker", look)
    return pids, n_orders


@pytest.mark.parametrize("name", SERVERS)
def test_counts_add_up_and_no_worker_that_is_killed_takes_them_along(
    serve: Serve, name: str
) -> None:
    service = serve(name)
    is_recycled = "recycled" in name
    with scraped(service):
        if name in ALONE:
            assert {*service.order(20)} == {service.process.pid}
            service.check(20, 1)
            return
        pids, n_orders = both(service)
        service.check(n_orders, None if is_recycled else 2)
        if name in END_WITH_A_WORKER:
            return
        kill(pids.pop())
        wait_for("an answer", service.is_up)
        service.check(n_orders, None if is_recycled else 1)
        service.order(10)
        n_orders += 10
        if is_recycled:
            n_orders += both(service)[1]
        service.check(n_orders)


@pytest.mark.parametrize(
    ("name", "goes_on"),
    [("gunicorn sync", True), ("uwsgi lazy", True), ("uwsgi", False)],
)
def test_a_reload_keeps_the_counts_unless_the_program_replaces_itself(
    serve: Serve, name: str, goes_on: bool
) -> None:
    service = serve(name)
    pids, n_orders = both(service)
    service.check(n_orders, 2)
    os.kill(service.process.pid, signal.SIGHUP)

    def are_gone() -> bool:
        return not any(os.path.exists(f"/proc/{pid}") for pid in pids)

    wait_for("the old workers to go", are_gone)
    wait_for("an answer", service.is_up)
    # uWSGI's master that has the application calls exec: a new program, which begins at zero.
    service.check(n_orders if goes_on else 0)
    service.order(10)
    service.check(10 + (n_orders if goes_on else 0))


@pytest.mark.parametrize("name", ["gunicorn sync", "gunicorn sync preload", "uvicorn", "uwsgi"])
def test_a_service_may_be_the_first_process_of_a_container(serve: Serve, name: str) -> None:
    before = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
    if shutil.which("unshare") is None or os.geteuid() != 0:
        pytest.skip("NOT TESTED: only root can make a PID namespace")
    if subprocess.run([*before, "true"], capture_output=True).returncode != 0:
        pytest.skip("NOT TESTED: this machine makes no PID namespaces")
    service = serve(name, before=before)
    _, n_orders = both(service)
    service.check(n_orders, 2)
