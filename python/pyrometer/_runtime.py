"""This program as a service: its name, its start, its forks.

Nothing happens at import but the registration of the fork hook. The first metric that is shared
starts it: the process group is announced to servers on this machine, and the interpreter's own
metrics begin.
"""

from __future__ import annotations

import contextlib
import gc
import os
import re
import sys
import time
from typing import Optional

from . import _core

SERVICE_VARIABLE = "PYROMETER_SERVICE"

_STARTED = time.time()
# How well the announced name is known; a better one replaces it.
_name_from = "program"
_framework: Optional[str] = None
_app_name: Optional[str] = None
_app_version: Optional[str] = None
_is_started = False

# Programs that run somebody else's application, which one of their arguments names.
_SERVERS = frozenset(
    ("gunicorn", "uvicorn", "hypercorn", "waitress-serve", "granian", "daphne", "uwsgi", "mod_wsgi")
)
# Compiled when a program is named, which many an import never asks for.
_APPLICATION = r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*(\(.*\))?"
_MODULE = r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*"


def start() -> None:
    """Begins to measure this program, once."""
    global _is_started
    if _is_started:
        return
    _is_started = True
    if not _core.is_enabled():
        return
    for begin in (_announce, _start_interpreter_metrics):
        # What is loaded late may fail to load: a host may have no descriptor left.
        with contextlib.suppress(Exception):
            begin()
    _core.sweep(time.time())
    log_notice()


def note_app(name: str, framework: str) -> None:
    """Learns the application's name from its framework."""
    global _app_name, _framework
    if _app_name is None and name:
        _app_name, _framework = name, framework
        if _is_started and _core.is_enabled():
            with contextlib.suppress(Exception):
                _announce()


def note_version(version: str) -> None:
    """Learns the application's own version."""
    global _app_version
    if _app_version is None and version:
        _app_version = version
        if _is_started and _core.is_enabled():
            with contextlib.suppress(Exception):
                _announce()


def log_notice() -> None:
    """Logs what went wrong below, once."""
    notice = _core.take_notice()
    if notice:
        with contextlib.suppress(Exception):
            # Loaded late, here and below: what an import of this package need not wait for.
            import logging

            logging.getLogger("pyrometer").warning("%s", notice)


def _announce() -> None:
    service, service_from = service_name()
    _core.announce(
        service=service,
        service_from=service_from,
        framework=_framework,
        python_version=python_version(),
        package_version=_core.__version__,
        version=_app_version,
        started=_STARTED,
    )


def service_name() -> tuple[str, str]:
    """The service's name and where it came from: ``environment``, ``app`` or ``program``."""
    named = os.environ.get(SERVICE_VARIABLE, "").strip()
    if named:
        return named, "environment"
    if _app_name:
        return _app_name, "app"
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    module = getattr(spec, "name", None) if spec is not None else None
    argv = list(sys.argv)
    if module is None and argv[:1] == ["-m"]:
        # In a sitecustomize, before the module was found. What precedes its arguments names it.
        module = sys.orig_argv[: len(sys.orig_argv) - len(argv) + 1][-1].rpartition("-m")[2]
    return program_name(argv, module), "program"


def program_name(argv: list[str], main_module: Optional[str]) -> str:
    """A name for a program: of its application, module or file."""
    if main_module:
        program = main_module.removesuffix(".__main__")
    else:
        program = os.path.basename(argv[0]) if argv else ""
        program = program.removesuffix(".py")
    arguments = argv[1:]
    if program in _SERVERS:
        applications = [one for one in arguments if re.fullmatch(_APPLICATION, one)]
        # A module without a callable is the last argument, if it is not an option's value.
        if not applications and arguments and re.fullmatch(_MODULE, arguments[-1]):
            if len(arguments) == 1 or not arguments[-2].startswith("-"):
                applications = arguments[-1:]
        if applications:
            return applications[-1].partition(":")[0]
    for option in {"celery": ("-A", "--app"), "flask": ("-A", "--app")}.get(program, ()):
        if option in arguments[:-1]:
            value = arguments[arguments.index(option) + 1]
            return value.partition(":")[0].removesuffix(".py") or program
    # Interactive, `-c`, or embedded: nothing names it.
    return program if program not in ("", "-c", "-m", "-") else "python"


def _start_interpreter_metrics() -> None:
    labels = platform_labels()
    info = _core.Family(
        "gauge",
        "python_info",
        "Python platform information",
        label_names=list(labels),
        mode="max",
        registry=0,
    )
    info.series(list(labels.values()), time.time()).gauge_set(1.0)
    if hasattr(gc, "callbacks") and sys.implementation.name == "cpython":
        stats = [
            (stat["collected"], stat["uncollectable"], stat["collections"])
            for stat in gc.get_stats()
        ]
        gc.callbacks.append(_core.GcCounters(stats))


def python_version() -> str:
    """As ``platform.python_version()``, which takes a descriptor to load."""
    return sys.version.split()[0]


def platform_labels() -> dict[str, str]:
    """Labels of ``python_info``."""
    version = python_version()
    major, minor, patchlevel = (*version.split("."), "", "")[:3]
    return {
        "version": version,
        "implementation": _implementation(),
        "major": major,
        "minor": minor,
        "patchlevel": patchlevel,
    }


def _implementation() -> str:
    if sys.implementation.name == "cpython":
        return "CPython"
    import platform

    return platform.python_implementation()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_core.after_fork)
