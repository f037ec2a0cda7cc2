"""A service under a real server, and what must hold of it at any moment."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Iterator, Optional

import requests
from conftest import PACKAGE_DIR, wait_for
from prometheus_client.parser import text_string_to_metric_families

from pyrometer import _core

HERE = Path(__file__).parent

# Sample name and labels.
Sample = tuple[str, tuple[tuple[str, str], ...]]


class Service:
    """A server process; everything below it ends with it."""

    def __init__(self, command: list[str], folder: Path, port: int) -> None:
        self.port = port
        self.runtime_dir = folder / "runtime"
        self.log_path = folder / "log"
        # Which worker answers is then up to the kernel for each request.
        self.headers = {"Connection": "close"}
        env = {
            **os.environ,
            "PYTHONPATH": f"{PACKAGE_DIR}{os.pathsep}{HERE}",
            "PYROMETER_RUNTIME_DIR": str(self.runtime_dir),
        }
        with open(self.log_path, "w") as log:
            self.process = subprocess.Popen(
                command, cwd=folder, env=env, stdout=log, stderr=log, start_new_session=True
            )

    def get(self, path: str) -> str:
        url = f"http://127.0.0.1:{self.port}{path}"
        response = requests.get(url, headers=self.headers, timeout=10)
        assert response.status_code == 200, response.text
        return response.text

    def is_up(self) -> bool:
        assert self.process.poll() is None, "it ended: " + self.log_path.read_text()
        with contextlib.suppress(requests.RequestException):
            return self.get("/up") == "up"
        return False

    def order(self, n: int, kind: str = "/book") -> list[int]:
        """Sends requests, a few at a time; the numbers of the processes that answered."""
        with ThreadPoolExecutor(4) as pool:
            return [int(pid) for pid in pool.map(self.get, [kind] * n)]

    def stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            # What does not end by itself (unshare does not pass signals on) is killed.
            self.process.wait(2)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def groups(self) -> list[Path]:
        return [one for one in self.runtime_dir.iterdir() if one.is_dir()]

    def check(self, n_orders: int, n_at_work: Optional[int] = None) -> None:
        """The same page whoever answers, and the same numbers as somebody outside reads."""
        for _ in range(4):
            page = read(self.get("/metrics"))
            assert total(page, "orders_total") == n_orders
            assert total(page, "took_seconds_count") == n_orders
            assert total(page, "took_seconds_sum") == n_orders * 0.25
            assert total(page, "running") == 0
            assert total(page, "pyrometer_unshared_series") == 0
            assert total(page, "pyrometer_internal_errors_total") == 0
            assert not any(name == "pid" for _, labels in page for name, _ in labels)
            if n_at_work is not None:
                assert total(page, "at_work") == n_at_work
            (group,) = self.groups()
            # Gauges are of who lives, and where workers are replaced that changes meanwhile.
            same = OURS if n_at_work is not None else OURS - {"at_work", "running"}
            found = {key: value for key, value in outside(group).items() if key[0] in same}
            shown = {key: page[key] for key in page if key[0] in same}
            assert found == shown, {*found.items()} ^ {*shown.items()}


OURS = {
    *("orders_total", "orders_created", "running", "at_work"),
    *("took_seconds_bucket", "took_seconds_count", "took_seconds_sum", "took_seconds_created"),
}


def read(page: str) -> dict[Sample, float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def total(page: dict[Sample, float], name: str) -> float:
    return sum(value for (known, _), value in page.items() if known == name)


def outside(group: Path) -> dict[Sample, float]:
    """What a server on this machine reads of the service's own metrics."""
    reading = _core.read_group(str(group))
    assert reading.damaged() == []
    return {
        (name + suffix, tuple(sorted(labels))): value
        for name in ("orders", "took_seconds", "running", "at_work")
        for suffix, labels, value, *_ in reading.samples(0, name, True) or ()
    }


@contextlib.contextmanager
def scraped(service: Service) -> Iterator[None]:
    """Scrapes without pause while the block runs: nothing that was shown is ever taken back."""
    stop = threading.Event()
    fallen: list[str] = []
    n_scrapes = 0

    def scrape() -> None:
        nonlocal n_scrapes
        seen: dict[Sample, float] = {}
        while not stop.wait(0.02):
            try:
                page = read(service.get("/metrics"))
            except requests.RequestException:
                continue  # The worker that was to answer was killed.
            n_scrapes += 1
            for key, value in page.items():
                # What is told of one worker begins anew with the one that takes its number.
                is_of_one = any(label == "worker" for label, _ in key[1])
                if key[0].endswith(("_total", "_bucket", "_count", "_sum")) and not is_of_one:
                    if value < seen.get(key, 0.0):
                        fallen.append(f"{key}: {seen[key]} -> {value}")
                    seen[key] = value

    thread = threading.Thread(target=scrape)
    thread.start()
    try:
        yield
        wait_for("a scrape", lambda: n_scrapes)
    finally:
        stop.set()
        thread.join()
    assert fallen == [], fallen


def kill(pid: int) -> None:
    """Kills a worker and waits until it is gone; one that was recycled is gone already."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    wait_for(f"{pid} to be gone", lambda: not is_running(pid))


def is_running(pid: int) -> bool:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


def python(*arguments: str) -> list[str]:
    return [sys.executable, "-m", *arguments]
