"""``pyrometer run -- COMMAND``: a program that is measured without a line in its code.

The program is replaced by the command, which finds a ``sitecustomize`` of ours on its
``PYTHONPATH``; so do the Python programs that it starts. What it does there is in ``automatic.py``.
Nothing is left of this process, so signals and the exit code are the command's own. Who wants
``/metrics`` too gets a process beside it: see ``metrics_server.py``.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, NoReturn, Optional

from ._runtime import SERVICE_VARIABLE

if TYPE_CHECKING:
    from .metrics_server import Address

ROOT_VARIABLE = "PYROMETER_RUN"
"""The process id of the command: the program itself, not one that it starts."""

METRICS_PORT_VARIABLE = "PYROMETER_METRICS_PORT"
"""What ``--metrics-port`` says, where the command line cannot be changed."""

BOOTSTRAP_DIR = str(Path(__file__).parent / "_bootstrap")

USAGE = (
    "usage: pyrometer run [--service NAME] [--metrics-port [ADDRESS:]PORT] [--] "
    "COMMAND [ARGUMENT...]"
)

# What shells exit with: the command is not executable, or not there.
_NOT_EXECUTABLE, _NOT_FOUND = 126, 127


class Options(NamedTuple):
    """What was typed before the command."""

    service: Optional[str] = None
    metrics: Optional[Address] = None
    """Where ``/metrics`` is served; nowhere if not given."""


def main(arguments: list[str]) -> NoReturn:
    """Becomes the command. Exits with 2 for bad usage, 127 for a command that is not there."""
    options, command = parse(arguments, os.environ.get(METRICS_PORT_VARIABLE, ""))
    own = dict(os.environ)
    os.environ.update(environment(own, options.service, os.getpid()))
    # One port serves one command: not also those that this one starts by `pyrometer run`.
    os.environ.pop(METRICS_PORT_VARIABLE, None)
    program = find(command[0])
    if program is None:
        _fail(
            _NOT_FOUND,
            f"there is no program {command[0]!r} on PATH or beside {sys.executable}; "
            "check its spelling, and that its environment is active",
        )
    if program != shutil.which(command[0]):
        # Python looks for itself, and so for its environment, by the name that it was started by.
        command[0] = program
    # Ignored by Python, and what is ignored stays so for the command.
    for name in ("SIGPIPE", "SIGXFSZ"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)
    if options.metrics is not None:
        from . import metrics_server

        metrics_server.spawn(os.getpid(), options.metrics, server_environment(own))
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execv(program, command)
    except OSError as error:
        _fail(_NOT_EXECUTABLE, f"{program} cannot be started: {error.strerror or error}")


def parse(arguments: list[str], metrics_port: str = "") -> tuple[Options, list[str]]:
    """What was typed before the command, and the command.

    metrics_port: of the environment; the option wins.
    """
    rest = list(arguments)
    service = None
    said_by = METRICS_PORT_VARIABLE
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option == "--":
            break
        if option in ("-h", "--help"):
            print(USAGE)
            sys.exit(0)
        name, has_value, value = option.partition("=")
        if name not in ("--service", "--metrics-port"):
            _fail(2, f"there is no option {name!r}\n{USAGE}")
        if not has_value:
            value = rest.pop(0) if rest else ""
        value = value.strip()
        if not value:
            needed = "a name" if name == "--service" else "a port"
            _fail(2, f"{name} needs {needed}\n{USAGE}")
        if name == "--service":
            service = value
        else:
            metrics_port, said_by = value, name
    if not rest or not rest[0]:
        _fail(2, f"which command? For example: pyrometer run -- gunicorn shop:app\n{USAGE}")
    metrics = None
    if metrics_port.strip():
        from .metrics_server import parse_address

        try:
            metrics = parse_address(metrics_port)
        except ValueError as error:
            _fail(2, f"{said_by} {metrics_port!r}: {error}")
    return Options(service, metrics), rest


def environment(environ: dict[str, str], service: Optional[str], pid: int) -> dict[str, str]:
    """What the command finds in its environment besides, or instead."""
    path = [one for one in environ.get("PYTHONPATH", "").split(os.pathsep) if one != BOOTSTRAP_DIR]
    added = {
        "PYTHONPATH": os.pathsep.join((BOOTSTRAP_DIR, *(one for one in path if one))),
        ROOT_VARIABLE: str(pid),
    }
    if service:
        added[SERVICE_VARIABLE] = service
    return added


def server_environment(environ: dict[str, str]) -> dict[str, str]:
    """That of the process beside the command, which begins in another folder."""
    path = [one for one in environ.get("PYTHONPATH", "").split(os.pathsep) if one != BOOTSTRAP_DIR]
    added = {"PYTHONPATH": os.pathsep.join(os.path.abspath(one) for one in path if one)}
    return {**environ, **added, "PYTHONWARNINGS": "ignore"}


def find(command: str) -> Optional[str]:
    """The program that a shell would take, once our own environment was active.

    Who calls ``.venv/bin/pyrometer`` without activating anything means the programs beside it, and
    only these have the package. Another environment that is active comes first.
    """
    beside, path = os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)
    is_ours = sys.prefix != sys.base_prefix and not os.environ.get("VIRTUAL_ENV")
    folders = (beside, path) if is_ours else (path, beside)
    return shutil.which(command, path=os.pathsep.join(folders))


def _fail(code: int, message: str) -> NoReturn:
    print(f"pyrometer run: {message}", file=sys.stderr)
    sys.exit(code)
