"""Imports of other packages that find this one.

Modules keep their own names: ``prometheus_client.metrics`` is the very module
``pyrometer.metrics``, so that there is one registry, whoever imports it and how.
"""

from __future__ import annotations

import sys
import warnings
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Optional

_CLIENT = __package__ + ".client"
_EXPORTER = __package__ + ".flask_exporter"

# Modules of prometheus_client that are this package's own; all others are below `client`.
_SHARED = frozenset(
    (
        *("asgi", "context_managers", "core", "exposition", "gc_collector", "metrics"),
        *("metrics_core", "openmetrics", "openmetrics.exposition", "openmetrics.parser"),
        *("parser", "platform_collector", "process_collector", "registry", "samples", "utils"),
        "validation",
    )
)
_CLIENT_ONLY = frozenset(
    (
        *("aiohttp", "aiohttp.exposition", "bridge", "bridge.graphite", "decorator", "django"),
        *("django.exposition", "mmap_dict", "multiprocess", "twisted", "twisted._exposition"),
        "values",
    )
)

# The packages whose imports `install` redirects, and what they find.
_REPLACED = {
    "prometheus_client": _CLIENT,
    "prometheus_flask_exporter": _EXPORTER,
}


class _AliasLoader(Loader):
    """Gives a module that exists a second name."""

    def __init__(self, target: str) -> None:
        self._target = target

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = import_module(self._target)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has put the alias's here; the module is what it was.
        module.__spec__ = self._spec


class _AliasFinder(MetaPathFinder):
    """Finds modules of a package in this one."""

    def __init__(self, package: str, target: str) -> None:
        self._package = package
        self._target = target

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> Optional[ModuleSpec]:
        package, _, module = fullname.partition(".")
        if self._package == _CLIENT:
            if not fullname.startswith(_CLIENT + "."):
                return None
            package, module = _CLIENT, fullname.removeprefix(_CLIENT + ".")
        if package != self._package:
            return None
        found = self._resolve(module)
        return None if found is None else ModuleSpec(fullname, _AliasLoader(found))

    def _resolve(self, module: str) -> Optional[str]:
        if not module:
            return self._target
        if self._target != _CLIENT:
            return f"{self._target}.{module}" if module == "multiprocess" else None
        if module in _SHARED:
            return f"{__package__}.{module}"
        if module in _CLIENT_ONLY and self._package != _CLIENT:
            return f"{_CLIENT}.{module}"
        return None


def mirror(package: str) -> None:
    """Lets ``import pyrometer.client.metrics`` and its like find what is beside ``client``."""
    # First: a module of a package here would be found, and loaded again, by the package's path.
    sys.meta_path.insert(0, _AliasFinder(package, package))


def install() -> bool:
    """Makes ``import prometheus_client`` and ``import prometheus_flask_exporter`` find this
    package, in this process, from now on.

    To be called before anything imports them: a module that has the real one already would go
    on with it and its registry. If one was imported, this warns (``RuntimeWarning``), changes
    nothing and returns ``False``. Calling it again is harmless.
    """
    installed = {one._package for one in sys.meta_path if isinstance(one, _AliasFinder)}
    if _REPLACED.keys() <= installed:
        return True
    there = [name for name in _REPLACED if name in sys.modules]
    if there:
        warnings.warn(
            f"{' and '.join(there)} was imported before pyrometer.install(), which therefore "
            "changed nothing; call it first, at the top of the program",
            RuntimeWarning,
            stacklevel=2,
        )
        return False
    for name, target in _REPLACED.items():
        sys.meta_path.insert(0, _AliasFinder(name, target))
    return True
