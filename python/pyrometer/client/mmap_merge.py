"""Adds up prometheus_client's ``*.db`` files, which its multi-process mode leaves.

A file is called ``<type>_<process>.db``, of a gauge ``gauge_<mode>_<process>.db``; its keys are
those of `mmap_dict.mmap_key`. Knows nothing of shared memory.
"""

from __future__ import annotations

import json
import os
from typing import Callable, Iterable, Iterator, Optional

from ..metrics_core import Metric
from ..samples import Sample
from ..utils import floatToGoString
from .mmap_dict import MmapedDict

Labels = tuple[tuple[str, str], ...]
# What is called with a file and what is wrong with it; the rest of the file is then left out.
OnDamage = Callable[[str, Exception], None]

# Modes whose processes become one value; the others have a series for each.
_ONE_VALUE = frozenset(
    (
        *("min", "livemin", "max", "livemax", "sum", "livesum"),
        *("mostrecent", "livemostrecent"),
    )
)


class FileFamily:
    """A metric over all files. Values are by sample name and labels."""

    def __init__(self, name: str, documentation: str, kind: str, mode: str = "") -> None:
        self.name = name
        self.documentation = documentation
        self.kind = kind
        self.mode = mode
        # By the labels without `le`, so that a label set's samples stand together.
        self._sets: dict[Labels, _LabelSet] = {}

    def add(self, name: str, labels: Labels, value: float, timestamp: float = 0.0) -> None:
        """Adds what one process says."""
        le = None
        if self.kind == "histogram":
            le = next((float(text) for label, text in labels if label == "le"), None)
        if le is not None:
            rest = tuple(pair for pair in labels if pair[0] != "le")
            buckets = self._set(rest).buckets
            buckets[le] = buckets.get(le, 0.0) + value
            return
        samples = self._set(labels).samples
        known = samples.get(name)
        merged = (value, timestamp) if known is None else self._merge(known, (value, timestamp))
        # Never set: prometheus_client shows nothing of it.
        if known is not None or timestamp or not self.mode.endswith("mostrecent"):
            samples[name] = merged

    def metric(self, accumulate: bool) -> Metric:
        """The sum; with ``accumulate`` each bucket holds those below it too."""
        metric = Metric(self.name, self.documentation, self.kind)
        for labels, of_set in self._sets.items():
            pairs = dict(labels)
            for name, (value, _) in of_set.samples.items():
                metric.samples.append(Sample(name, dict(pairs), value))
            total = 0.0
            for bound, count in sorted(of_set.buckets.items()):
                total += count
                le = {"le": floatToGoString(bound)}
                value = total if accumulate else count
                metric.samples.append(Sample(self.name + "_bucket", {**pairs, **le}, value))
            if of_set.buckets and accumulate:
                metric.samples.append(Sample(self.name + "_count", dict(pairs), total))
        return metric

    def add_metric(self, metric: Metric) -> None:
        """Adds the sum of the processes that need no files."""
        before: dict[Labels, float] = {}
        for sample in metric.samples:
            labels = tuple(sorted(sample.labels.items()))
            value = sample.value
            if self.kind == "histogram":
                if sample.name == self.name + "_count":
                    continue
                if sample.name == self.name + "_bucket":
                    rest = tuple(pair for pair in labels if pair[0] != "le")
                    value, before[rest] = value - before.get(rest, 0.0), value
            # Later than any file: those are of the past, or of processes beside this one.
            self.add(sample.name, labels, value, float("inf"))

    def _set(self, labels: Labels) -> _LabelSet:
        of_set = self._sets.get(labels)
        if of_set is None:
            of_set = self._sets[labels] = _LabelSet()
        return of_set

    def _merge(self, a: tuple[float, float], b: tuple[float, float]) -> tuple[float, float]:
        time = max(a[1], b[1])
        if self.mode.endswith("min"):
            return min(a[0], b[0]), time
        if self.mode.endswith("max"):
            return max(a[0], b[0]), time
        if self.mode.endswith("mostrecent"):
            return b if a[1] < b[1] else a
        if self.mode in ("all", "liveall"):
            return b
        return a[0] + b[0], time


class _LabelSet:
    def __init__(self) -> None:
        # Value and time by sample name.
        self.samples: dict[str, tuple[float, float]] = {}
        # Observations of each bucket alone.
        self.buckets: dict[float, float] = {}


def read_files(
    files: Iterable[str], on_damage: Optional[OnDamage] = None
) -> dict[str, FileFamily]:
    """The metrics of the files by name.

    Without ``on_damage``, raises ``RuntimeError`` or ``ValueError`` for a damaged file and
    ``OSError`` for one that cannot be read; one of living gauges may be gone.
    """
    families: dict[str, FileFamily] = {}
    for path in files:
        try:
            _read_file(path, families)
        except (OSError, RuntimeError, ValueError) as error:
            is_gone = isinstance(error, FileNotFoundError)
            if is_gone and os.path.basename(path).startswith("gauge_live"):
                continue
            if on_damage is None:
                raise
            on_damage(path, error)
    return families


def _read_file(path: str, families: dict[str, FileFamily]) -> None:
    kind, mode, process = _parse_name(os.path.basename(path))
    for name, sample_name, labels, documentation, value, timestamp in _entries(path):
        family = families.get(name)
        if family is None:
            family = families[name] = FileFamily(name, documentation, kind, mode)
        if mode and family.mode not in _ONE_VALUE:
            labels = (*labels, ("pid", process))
        family.add(sample_name, labels, value, timestamp)


def _parse_name(name: str) -> tuple[str, str, str]:
    kind, _, process = name.removesuffix(".db").partition("_")
    mode = ""
    if kind == "gauge":
        mode, _, process = process.partition("_")
    return kind, mode, process


def _entries(path: str) -> Iterator[tuple[str, str, Labels, str, float, float]]:
    for key, value, timestamp, _ in MmapedDict.read_all_values_from_file(path):
        parsed = json.loads(key)
        if not isinstance(parsed, list) or len(parsed) != 4 or not isinstance(parsed[2], dict):
            raise ValueError(f"the key of an entry is none of a metric: {key[:100]}")
        name, sample_name, labels, documentation = parsed
        pairs = tuple(sorted((str(label), str(text)) for label, text in labels.items()))
        yield str(name), str(sample_name), pairs, str(documentation), value, timestamp
