"""Processes of a run, each with a log of its own, ended together."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

START_LIMIT_S = 180.0


def free_port() -> int:
    """A TCP port on loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    """Whether somebody accepts connections on a port of loopback."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_for(what: str, holds: Callable[[], bool], limit_s: float = START_LIMIT_S) -> None:
    """Looks again and again until a condition holds.

    Raises TimeoutError with `what` when it does not within the limit.
    """
    end = time.monotonic() + limit_s
    while not holds():
        if end < time.monotonic():
            raise TimeoutError(f"{what}: not within {limit_s:.0f} s")
        time.sleep(0.2)


@dataclass
class Fleet:
    """What was started, in order."""

    folder: Path
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(
        self,
        name: str,
        argv: Sequence[str],
        *,
        port: int | None = None,
        user: str | None = None,
        env: dict[str, str] | None = None,
    ) -> None:
        """Starts a program and waits for its port. Servers that refuse root run as `user`."""
        found = shutil.which(argv[0]) or argv[0]
        account = pwd.getpwnam(user) if user and os.geteuid() == 0 else None
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [found, *argv[1:]],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env={**os.environ, **(env or {})},
                user=account.pw_uid if account else None,
                group=account.pw_gid if account else None,
                extra_groups=[] if account else None,
                # A group to be signalled, but no session: where the kernel shares out processors by
                # sessions, all servers together then weigh as much as one other program.
                preexec_fn=os.setpgrp,
            )
        self.running[name] = process

        def is_up() -> bool:
            if process.poll() is not None:
                raise RuntimeError(f"{name} ended with {process.returncode}: {self.tail(name)}")
            return port is None or answers(port)

        wait_for(f"{name} listens on {port}", is_up)

    def tail(self, name: str) -> str:
        """The last lines of a process's log."""
        text = (self.folder / f"{name}.log").read_text(errors="replace")
        return "\n".join(text.splitlines()[-8:])

    def signal(self, name: str, number: signal.Signals) -> None:
        """Signals a process and all that it started."""
        os.killpg(self.running[name].pid, number)

    def stop(self, name: str, limit_s: float = 20.0) -> None:
        """Ends a process: asks first, then kills."""
        process = self.running.pop(name)
        for number in (signal.SIGCONT, signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, number)
                if number is not signal.SIGCONT:
                    process.wait(limit_s)
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue
        process.wait()

    def stop_all(self) -> None:
        """Ends everything, the youngest first."""
        for name in reversed(list(self.running)):
            self.stop(name)
