"""Which Python this is."""

from __future__ import annotations

import platform as _platform
from typing import Any, Iterable, Optional

from . import _core, _runtime
from .metrics_core import GaugeMetricFamily, Metric
from .registry import REGISTRY, know, shared_metric

_NAME, _DOCUMENTATION = "python_info", "Python platform information"


class PlatformCollector:
    """``python_info``. ``platform`` stands for the module of that name, for tests."""

    def __init__(self, registry: Any = REGISTRY, platform: Optional[Any] = None) -> None:
        self._platform = _platform if platform is None else platform
        self._number: Optional[int] = None
        labels = self._info()
        if self._platform.system() == "Java":
            labels.update(self._java())
        family = GaugeMetricFamily(_NAME, _DOCUMENTATION, labels=list(labels))
        family.add_metric(list(labels.values()), 1)
        self._metrics = [family]
        if registry:
            registry.register(self)

    def collect(self) -> Iterable[Metric]:
        """The platform of this process."""
        return self._metrics

    def _info(self) -> dict[str, str]:
        if self._platform is _platform:
            return _runtime.platform_labels()
        major, minor, patchlevel = self._platform.python_version_tuple()
        return {
            "version": self._platform.python_version(),
            "implementation": self._platform.python_implementation(),
            "major": major,
            "minor": minor,
            "patchlevel": patchlevel,
        }

    def _java(self) -> dict[str, str]:
        version, _, (vm_name, vm_release, vm_vendor), _ = self._platform.java_ver()
        return {
            "jvm_version": version,
            "jvm_release": vm_release,
            "jvm_vendor": vm_vendor,
            "jvm_name": vm_name,
        }

    def _share(self, number: int) -> None:
        if number == 0 and _core.is_enabled() and self._platform is _platform:
            self._number = number
            know(number, _NAME)

    def _shared_families(self) -> Optional[list[tuple[int, str]]]:
        if self._number is None:
            return None
        _runtime.start()
        return [(self._number, _NAME)]

    def _collect_group(self, reading: _core.Reading) -> Iterable[Metric]:
        if self._number is None or not reading.has(self._number, _NAME):
            return self.collect()
        return [shared_metric(reading, self._number, _NAME, "gauge", _DOCUMENTATION)]


PLATFORM_COLLECTOR = PlatformCollector()
"""The collector of the default registry."""
