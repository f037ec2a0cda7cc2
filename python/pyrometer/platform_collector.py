"""Which Python this is."""

from __future__ import annotations

from typing import Any, Iterable, Optional

from . import _core, _runtime
from .metrics_core import GaugeMetricFamily, Metric
from .registry import REGISTRY, know, shared_metric

_NAME, _DOCUMENTATION = "python_info", "Python platform information"


class PlatformCollector:
    """``python_info``. ``platform`` stands for the module of that name, for tests."""

    def __init__(self, registry: Any = REGISTRY, platform: Optional[Any] = None) -> None:
        self._platform = platform
        self._number: Optional[int] = None
        if registry:
            registry.register(self)

    def collect(self) -> Iterable[Metric]:
        """The platform of this process."""
        labels = self._info()
        family = GaugeMetricFamily(_NAME, _DOCUMENTATION, labels=list(labels))
        family.add_metric(list(labels.values()), 1)
        return [family]

    def describe(self) -> Iterable[Metric]:
        """The metric without samples: told without looking at the platform."""
        return [Metric(_NAME, _DOCUMENTATION, "gauge")]

    def _info(self) -> dict[str, str]:
        platform = self._platform
        if platform is None:
            return _runtime.platform_labels()
        major, minor, patchlevel = platform.python_version_tuple()
        labels = {
            "version": platform.python_version(),
            "implementation": platform.python_implementation(),
            "major": major,
            "minor": minor,
            "patchlevel": patchlevel,
        }
        return {**labels, **self._java(platform)} if platform.system() == "Java" else labels

    @staticmethod
    def _java(platform: Any) -> dict[str, str]:
        version, _, (vm_name, vm_release, vm_vendor), _ = platform.java_ver()
        return {
            "jvm_version": version,
            "jvm_release": vm_release,
            "jvm_vendor": vm_vendor,
            "jvm_name": vm_name,
        }

    def _share(self, number: int) -> None:
        if number == 0 and _core.is_enabled() and self._platform is None:
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
