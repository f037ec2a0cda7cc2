"""``/metrics`` of a command that ``pyrometer run --metrics-port`` started: a process beside it.

It reads the command's shared memory, as ``pyrometer up`` does, so it needs neither a thread nor the
interpreter lock of a process that serves; it is one, however many workers there are, and works for
a command that is a shell script. It ends with the command. Nothing here is imported by the command.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
import time
from http.server import HTTPServer
from pathlib import Path
from typing import Any, Callable, Iterable, Iterator, NamedTuple, NoReturn, Optional
from wsgiref.simple_server import make_server

from . import _core
from .exposition import make_wsgi_app
from .http_server import ThreadingWSGIServer, _get_best_family, _SilentHandler
from .metrics_core import Metric
from .registry import shared_metric

RETRY_SECONDS = 1.0
"""From try to try to get a port that another process has: the command's predecessor, say."""

_CHECK_SECONDS = 0.5
# Seconds without a word from a client after which its connection is given up.
_IDLE_SECONDS = 30
# Parents climbed at most; a script that starts a server is one or two above it.
_CLIMB_MAX = 64


class Address(NamedTuple):
    """Where metrics are served."""

    host: str
    port: int


def parse_address(text: str) -> Address:
    """``PORT``, for this machine only, or ``HOST:PORT``; ``ValueError`` for what is neither."""
    host, has_host, port = text.strip().rpartition(":")
    if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError("it must be PORT or ADDRESS:PORT, with a port from 1 to 65535")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError("an IPv6 address stands in brackets, such as [::1]:9100")
    if has_host and not host:
        raise ValueError("the address before the colon is missing; all of them are 0.0.0.0")
    return Address(host or "127.0.0.1", int(port))


def spawn(pid: int, address: Address, environ: dict[str, str]) -> None:
    """Starts the process that serves what the process ``pid`` counts.

    It is nobody's child once this returns, so the command has none that it did not start. Failing
    to start it costs the metrics, never the command.
    """
    try:
        child = os.fork()
    except OSError as error:
        _say(f"metrics are not served: {error.strerror}")
        return
    if child:
        with contextlib.suppress(OSError):
            os.waitpid(child, 0)
        return
    try:
        # No terminal: Ctrl-C is for the command, and this ends after it.
        os.setsid()
        if os.fork():
            os._exit(0)
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(null, 1)
        # No folder of the application's is to be searched for modules.
        os.chdir("/")
        command = [sys.executable, "-m", __name__, str(pid), address.host, str(address.port)]
        os.execve(sys.executable, command, environ)
    except BaseException as error:
        _say(f"metrics are not served: {error}")
    os._exit(1)


def main(arguments: list[str]) -> None:
    """Serves until the command and its workers have ended."""
    pid, address = int(arguments[0]), Address(arguments[1], int(arguments[2]))
    command = _Command(pid)
    server = _listen(address, make_app(command.group), command)
    # What holds the terminal's or a pipe's other end must not wait for this process.
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 2)
    while not command.has_ended():
        # Nothing wakes it but a client and the command's end.
        readable = [server.fileno(), *command.descriptors]
        select.select(readable, [], [], command.check_seconds)
        server.timeout = 0
        server.handle_request()
    # Workers that are still at work, or a daemon whose first process ends at once.
    server.timeout = _CHECK_SECONDS
    while n_alive(command.group()) > 0:
        server.handle_request()
    os._exit(0)


class _Command:
    """The process whose metrics are served, and what is known of its group."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.descriptors: list[int] = []
        self.check_seconds: Optional[float] = None
        self._group: Optional[Path] = None
        self._start = _stat(pid, Path("/proc"))
        try:
            self.descriptors.append(os.pidfd_open(pid))
        except (AttributeError, OSError):
            self.check_seconds = _CHECK_SECONDS

    def has_ended(self) -> bool:
        """Whether it runs no longer."""
        if self.descriptors:
            return bool(select.select(self.descriptors, [], [], 0)[0])
        return self._start is None or _stat(self.pid, Path("/proc")) != self._start

    def group(self) -> Optional[Path]:
        """Its folder. What was found below a process that has ended is remembered: nobody could
        tell it from others any more."""
        self._group = find_group(self.pid) or self._group
        return self._group


def make_app(find: Callable[[], Optional[Path]]) -> Callable[[dict[str, Any], Any], Any]:
    """A WSGI application that serves the group in the folder that ``find`` gives."""
    registry = GroupRegistry(find)
    expose = make_wsgi_app(registry)

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        try:
            if find() is not None:
                return expose(environ, start_response)
            trouble = "no Python program of this command has counted anything yet"
        except OSError as error:
            trouble = f"the metrics cannot be read: {error}"
        headers = [("Content-Type", "text/plain; charset=utf-8")]
        start_response("503 Service Unavailable", headers)
        return [f"# {trouble}\n".encode(errors="replace")]

    return app


class GroupRegistry:
    """The sum of a process group that this process does not belong to."""

    def __init__(
        self,
        find: Callable[[], Optional[Path]],
        names: Optional[frozenset[str]] = None,
    ) -> None:
        self._find = find
        self._names = names

    def collect(self) -> Iterator[Metric]:
        """Yields the metrics of all its registries; of one name, those of the first."""
        folder = self._find()
        if folder is None:
            return
        reading = _core.read_group(str(folder))
        shown = set()
        for number in reading.registries():
            for family in reading.families(number):
                if family[0] in shown:
                    continue
                shown.add(family[0])
                metric: Optional[Metric] = shared_metric(reading, number, *family)
                if metric is not None and self._names is not None:
                    metric = metric._restricted_metric(set(self._names))
                if metric is not None:
                    yield metric

    def restricted_registry(self, names: Iterable[str]) -> GroupRegistry:
        """A view with only the samples of these names."""
        return GroupRegistry(self._find, frozenset(names))


def find_group(pid: int, proc: Path = Path("/proc")) -> Optional[Path]:
    """The folder of the command's own process group; else, as for a shell script, of the oldest
    that a living process below it began."""
    announced: list[tuple[int, int, Path]] = []
    with contextlib.suppress(OSError):
        for folder in Path(_core.runtime_dir()).iterdir():
            root, _, start = folder.name.partition("-")
            if not (root.isdigit() and start.isdigit() and (folder / "announce.json").exists()):
                continue
            stat = _stat(int(root), proc)
            # A dead process's number may be another's by now.
            if int(root) == pid and (stat is None or stat[1] == int(start)):
                return folder
            if stat is not None and stat[1] == int(start) and _is_below(int(root), pid, proc):
                announced.append((int(start), int(root), folder))
    return min(announced)[2] if announced else None


def n_alive(folder: Optional[Path]) -> int:
    """How many processes of a group there are."""
    if folder is None:
        return 0
    with contextlib.suppress(OSError):
        samples = _core.read_group(str(folder)).samples(0, "pyrometer_workers", False) or ()
        return int(sum(value for _, _, value, _ in samples))
    return 0


def _is_below(pid: int, ancestor: int, proc: Path) -> bool:
    for _ in range(_CLIMB_MAX):
        stat = _stat(pid, proc)
        if stat is None:
            return False
        pid = stat[0]
        if pid == ancestor:
            return True
    return False


def _stat(pid: int, proc: Path) -> Optional[tuple[int, int]]:
    """Parent and start time of a process; see proc_pid_stat(5)."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        fields = (proc / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()
        return int(fields[1]), int(fields[19])
    return None


def _listen(address: Address, app: Any, command: _Command) -> HTTPServer:
    is_said = False
    while True:
        try:
            family, host = _get_best_family(*address)
            kind = type("Server", (ThreadingWSGIServer,), {"address_family": family})
            return make_server(host, address.port, app, kind, handler_class=_Handler)
        except OSError as error:
            if not is_said:
                is_said = True
                _say(
                    f"metrics are not served yet: cannot listen on {address.host}:{address.port}: "
                    f"{error.strerror or error}; tried again every second"
                )
        if command.has_ended():
            os._exit(0)
        time.sleep(RETRY_SECONDS)


class _Handler(_SilentHandler):
    timeout = _IDLE_SECONDS


def _say(message: str) -> None:
    with contextlib.suppress(Exception):
        print(f"pyrometer run: {message}", file=sys.stderr, flush=True)


def _main() -> NoReturn:
    try:
        main(sys.argv[1:])
    except BaseException as error:
        _say(f"metrics are not served: {error!r}")
    os._exit(1)


if __name__ == "__main__":
    _main()
