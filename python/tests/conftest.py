"""What the tests share: a runtime folder of their own, and real servers."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable, Iterator, TypeVar

import pytest

# Before anything imports the package: the tests must not meet services of this machine.
_RUNTIME = os.path.join("/dev/shm" if os.path.isdir("/dev/shm") else "/tmp", f"pt-{os.getpid()}")
os.environ["PYROMETER_RUNTIME_DIR"] = _RUNTIME
os.environ.pop("PYROMETER_SERVICE", None)

import requests  # noqa: E402

T = TypeVar("T")

PACKAGE_DIR = Path(__file__).parent.parent


def pytest_sessionfinish() -> None:
    import shutil

    shutil.rmtree(_RUNTIME, ignore_errors=True)


def wait_for(what: str, look: Callable[[], T], seconds: float = 30.0) -> T:
    """Waits until ``look`` gives something, and says what was missing if it never does."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s for {what}; last seen: {found!r}")
        time.sleep(0.02)


def free_port() -> int:
    """A port that nobody has.

    Below those that the kernel gives to whoever connects, so that none of those gets it before the
    server that it is for; by chance, since the tests of another process look for one too.
    """
    for port in random.sample(range(16_384, 32_768), 100):
        with socket.socket() as free, contextlib.suppress(OSError):
            free.bind(("127.0.0.1", port))
            return port
    raise AssertionError("of a hundred ports none was free")


class Server:
    """A gunicorn that serves one module, in a folder and with a runtime folder of its own."""

    def __init__(self, folder: Path, source: str, options: list[str]) -> None:
        self.folder = folder
        (folder / "shop.py").write_text(source)
        self.port = free_port()
        self.runtime_dir = folder / "runtime"
        env = {
            **os.environ,
            "PYTHONPATH": f"{PACKAGE_DIR}{os.pathsep}{folder}",
            "PYROMETER_RUNTIME_DIR": str(self.runtime_dir),
        }
        self.log = open(folder / "log", "w+")
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "shop:app", "--bind"),
                *(f"127.0.0.1:{self.port}", "--no-control-socket", *options),
            ],
            cwd=folder,
            env=env,
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )
        self.session = requests.Session()
        # No keep-alive: which worker answers is then up to the kernel for each request.
        self.session.headers["Connection"] = "close"

    def get(self, path: str, **kwargs: object) -> requests.Response:
        return self.session.get(f"http://127.0.0.1:{self.port}{path}", timeout=10, **kwargs)

    def is_up(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError("gunicorn ended: " + (self.folder / "log").read_text())
        with contextlib.suppress(requests.ConnectionError):
            return self.get("/metrics").status_code == 200
        return False

    def workers(self) -> list[int]:
        """Children of the master."""
        pid = self.process.pid
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return [int(child) for child in text.split()]

    def sample(self, name: str, **labels: str) -> float:
        """The sum of the samples with this name and among their labels these."""
        from prometheus_client.parser import text_string_to_metric_families

        return sum(
            sample.value
            for family in text_string_to_metric_families(self.get("/metrics").text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
        self.session.close()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts gunicorn with a module's source and options; stops it at the end."""
    servers: list[Server] = []

    def start(source: str, *options: str) -> Server:
        folder = tmp_path / str(len(servers))
        folder.mkdir()
        server = Server(folder, source, list(options))
        servers.append(server)
        wait_for("gunicorn to answer", server.is_up)
        return server

    yield start
    for server in servers:
        server.stop()


def run_python(source: str, tmp_path: Path, **env: str) -> str:
    """Runs a program in a new interpreter and returns what it printed."""
    result = subprocess.run(
        [sys.executable, "-c", source],
        env={
            **os.environ,
            "PYTHONPATH": str(PACKAGE_DIR),
            "PYROMETER_RUNTIME_DIR": str(tmp_path / "runtime"),
            **env,
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, f"exit {result.returncode}\n{result.stdout}\n{result.stderr}"
    return result.stdout
