"""Programs under `pyrometer run`, read as a server reads them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Optional

import requests
from conftest import PACKAGE_DIR, wait_for

from pyrometer import _core

DURATION = "http_server_request_duration_seconds"


class Program:
    """A command in a folder of its own, whose metrics are read from shared memory."""

    def __init__(
        self, folder: Path, command: list[str], options: tuple[str, ...] = (), **env: str
    ) -> None:
        self.folder = folder
        self.runtime_dir = folder / "runtime"
        self.log_path = folder / "log"
        with open(self.log_path, "w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pyrometer", "run", *options, "--", *command],
                cwd=folder,
                env={
                    **os.environ,
                    "PYTHONPATH": f"{PACKAGE_DIR}{os.pathsep}{folder}",
                    "PYROMETER_RUNTIME_DIR": str(self.runtime_dir),
                    **env,
                },
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def log(self) -> str:
        return self.log_path.read_text()

    def answers(self, url: str) -> Optional[requests.Response]:
        assert self.process.poll() is None, self.log()
        with contextlib.suppress(requests.ConnectionError):
            return requests.get(url, timeout=10, headers={"Connection": "close"})
        return None

    def group(self) -> Path:
        """The folder of the command's own group."""
        pid = self.process.pid
        (found,) = [one for one in self.runtime_dir.iterdir() if one.name.startswith(f"{pid}-")]
        return found

    def samples(self, name: str, **labels: str) -> list[tuple[dict[str, str], float]]:
        """Samples with this name and among their labels these; only those of what was counted."""
        reading = _core.read_group(str(self.group()))
        assert reading.damaged() == []
        return [
            (dict(found), value)
            for family, *_ in reading.families(0)
            for suffix, found, value, _ in reading.samples(0, family, False) or ()
            if family + suffix == name and labels.items() <= dict(found).items()
        ]

    def sample(self, name: str, **labels: str) -> float:
        return sum(value for _, value in self.samples(name, **labels))

    def check_sound(self) -> None:
        """Nothing went wrong with measuring."""
        errors = self.samples("pyrometer_instrumentation_errors_total")
        assert errors == [], f"{errors}\n{self.log()}"
        assert self.sample("pyrometer_internal_errors_total") == 0
        assert self.sample("pyrometer_unshared_series") == 0

    def stop(self) -> int:
        """Asks it to end, as the machine does; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
        return self.process.wait()


def send(program: Program, port: int, path: str, n: int) -> None:
    """Waits until it answers, then asks for a path that many times."""
    base = f"http://127.0.0.1:{port}"
    wait_for("an answer", lambda: program.answers(f"{base}/ready"), seconds=60)
    for _ in range(n):
        answer = program.answers(base + path)
        assert answer is not None and answer.status_code == 200, program.log()
