"""``pyrometer run -- COMMAND``: a program that is measured without a line in its code.

The program is replaced by the command, which finds a ``sitecustomize`` of ours on its
``PYTHONPATH``; so do the Python programs that it starts. What it does there is in ``automatic.py``.
Nothing is left of this process, so signals and the exit code are the command's own.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path
from typing import NoReturn, Optional

from ._runtime import SERVICE_VARIABLE

ROOT_VARIABLE = "PYROMETER_RUN"
"""The process id of the command: the program itself, not one that it starts."""

BOOTSTRAP_DIR = str(Path(__file__).parent / "_bootstrap")

USAGE = "usage: pyrometer run [--service NAME] [--] COMMAND [ARGUMENT...]"

# What shells exit with: the command is not executable, or not there.
_NOT_EXECUTABLE, _NOT_FOUND = 126, 127


def main(arguments: list[str]) -> NoReturn:
    """Becomes the command. Exits with 2 for bad usage, 127 for a command that is not there."""
    service, command = parse(arguments)
    os.environ.update(environment(dict(os.environ), service, os.getpid()))
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
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execv(program, command)
    except OSError as error:
        _fail(_NOT_EXECUTABLE, f"{program} cannot be started: {error.strerror or error}")


def parse(arguments: list[str]) -> tuple[Optional[str], list[str]]:
    """The service's name, if it is given, and the command."""
    rest = list(arguments)
    service = None
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option == "--":
            break
        if option in ("-h", "--help"):
            print(USAGE)
            sys.exit(0)
        name, has_value, value = option.partition("=")
        if name != "--service":
            _fail(2, f"there is no option {name!r}\n{USAGE}")
        if not has_value:
            value = rest.pop(0) if rest else ""
        service = value.strip()
        if not service:
            _fail(2, f"--service needs a name\n{USAGE}")
    if not rest or not rest[0]:
        _fail(2, f"which command? For example: pyrometer run -- gunicorn shop:app\n{USAGE}")
    return service, rest


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
