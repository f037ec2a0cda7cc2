"""Reads the OpenMetrics text format, version 1.0, and native histograms of 2.0.

Strict: what the specification forbids raises ``ValueError``.
"""

from __future__ import annotations

import io
import math
import re
from typing import Any, Iterable, Iterator, Match, Optional, TextIO, Union

from ..metrics_core import METRIC_TYPES, Metric
from ..parser import parse_number, read_labels, read_series, unescape
from ..samples import BucketSpan, Exemplar, NativeHistogram, Sample, Timestamp
from ..validation import _validate_metric_name

ESCAPE_SEQUENCES = {"\\\\": "\\", "\\n": "\n", '\\"': '"'}
ESCAPING_RE = re.compile(r'\\[\\n"]')

# Sum of the characters of an exemplar's names and values: OpenMetrics 1.0, "Exemplars".
_EXEMPLAR_CHARACTERS_MAX = 128

# Which samples belong to a family of a type, by suffix. Names of all of them are taken.
_SUFFIXES = {
    "counter": ("_total", "_created"),
    "summary": ("", "_count", "_sum", "_created"),
    "histogram": ("_bucket", "_count", "_sum", "_created"),
    "gaugehistogram": ("_bucket", "_gcount", "_gsum"),
    "info": ("_info",),
}
# Samples that only ever grow, by type.
_GROWING = {
    "counter": ("_total",),
    "summary": ("_count", "_sum"),
    "histogram": ("_bucket", "_count", "_sum"),
    "gaugehistogram": ("_bucket", "_gcount"),
}
_WHOLE = ("_count", "_gcount", "_bucket")

_SECONDS = re.compile(r"([+-]?\d+)(?:\.(\d*))?")
_FLOAT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_NATIVE = re.compile(r"\{([^{}]*)\}")
_NATIVE_FIELD = re.compile(r"(\w+):(\[[^\]]*\]|[^,\[\]]+)(?:,|$)")
_COMMENT = re.compile(r'# (HELP|TYPE|UNIT) ("(?:[^"\\]|\\.)*"|[\w:]+) (.*)', re.DOTALL | re.ASCII)

_Time = Optional[Union[float, Timestamp]]


def text_string_to_metric_families(text: str) -> Iterable[Metric]:
    """The metrics of a text; see ``text_fd_to_metric_families``."""
    yield from text_fd_to_metric_families(io.StringIO(text, newline="\n"))


def text_fd_to_metric_families(fd: TextIO) -> Iterable[Metric]:
    """The metrics of a file, one after the other; ``ValueError`` at what the format forbids."""
    taken: set[str] = set()
    family: Optional[_Family] = None
    is_over = False
    for line in fd:
        line = line.removesuffix("\n")
        if is_over:
            raise ValueError(f"Received line after # EOF: {line}")
        if line == "# EOF":
            is_over = True
            continue
        if not line:
            raise ValueError("Received blank line")
        if line.startswith("#"):
            keyword, name, rest = _comment(line)
            if family is None or family.name != name:
                yield from _finished(family, taken)
                family = _Family(name)
            family.describe(keyword, rest, line)
        else:
            if family is None or not family.owns(line):
                name, _, _ = _series(line)
                yield from _finished(family, taken)
                family = _Family(name)
            family.add(_sample(line, family.type), line)
    if not is_over:
        raise ValueError("Missing # EOF at end")
    yield from _finished(family, taken)


def _finished(family: Optional[_Family], taken: set[str]) -> Iterator[Metric]:
    if family is None:
        return
    names = {family.name, *family.sample_names()}
    clashing = names & taken
    if clashing:
        raise ValueError(f"Clashing name: {min(clashing)}")
    taken |= names
    yield family.metric()


def _comment(line: str) -> tuple[str, str, str]:
    match = _COMMENT.fullmatch(line)
    if match is None:
        raise ValueError(f"Invalid line: {line}")
    keyword, name, rest = match.groups()
    if name.startswith('"'):
        name = unescape(name[1:-1])
    elif name[0].isdigit():
        raise ValueError(f"Invalid line: {line}")
    _validate_metric_name(name)
    return keyword, name, rest


class _Family:
    """The family whose lines are being read."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.texts: dict[str, str] = {}
        self.samples: list[Sample] = []
        # The series that are being read, and those that were: they must not come back.
        self._group: Optional[frozenset[tuple[str, str]]] = None
        self._groups: set[frozenset[tuple[str, str]]] = set()
        self._time: _Time = None
        self._seen: set[tuple[str, frozenset[tuple[str, str]]]] = set()

    @property
    def type(self) -> str:
        return self.texts.get("TYPE", "unknown")

    def sample_names(self) -> tuple[str, ...]:
        return tuple(self.name + suffix for suffix in _SUFFIXES.get(self.type, ("",)))

    def owns(self, line: str) -> bool:
        """Whether the sample on this line belongs here."""
        name, _, at = _series(line)
        # A native histogram has no suffix.
        is_native = self.type == "histogram" and line[at : at + 2] == " {" and name == self.name
        return is_native or name in self.sample_names()

    def describe(self, keyword: str, text: str, line: str) -> None:
        """Takes what a comment says."""
        if keyword in self.texts:
            raise ValueError(f"More than one {keyword} for metric: {line}")
        if self.samples:
            raise ValueError(f"Received metadata after samples: {line}")
        if keyword == "TYPE" and text not in METRIC_TYPES:
            raise ValueError(f"Invalid TYPE for metric: {line}")
        self.texts[keyword] = unescape(text) if keyword == "HELP" else text

    def add(self, sample: Sample, line: str) -> None:
        """Takes a sample, after a look at what its type demands."""
        suffix = sample.name.removeprefix(self.name)
        if sample.native_histogram is None:
            _check_labels(self, sample, suffix, line)
            _check_value(self, sample, suffix, line)
        _check_exemplar(self, sample, suffix, line)
        group = _group(self, sample, suffix)
        if group != self._group:
            if group in self._groups:
                raise ValueError(f"Invalid metric grouping: {line}")
            self._groups.add(group)
            self._group, self._seen = group, set()
        elif self.samples:
            self._check_time(sample, line)
        self._time = sample.timestamp
        key = (sample.name, frozenset(sample.labels.items()))
        # The same again at the same time says nothing new.
        if key not in self._seen:
            self._seen.add(key)
            self.samples.append(sample)

    def _check_time(self, sample: Sample, line: str) -> None:
        before, now = self._time, sample.timestamp
        if (before is None) != (now is None):
            raise ValueError(f"Mix of timestamp presence within a group: {line}")
        if before is None or now is None:
            return
        if float(now) < float(before) and self.type != "info":
            raise ValueError(f"Timestamps went backwards within a group: {line}")
        if now != before:
            self._seen = set()

    def metric(self) -> Metric:
        unit = self.texts.get("UNIT", "")
        if unit and self.type in ("info", "stateset"):
            raise ValueError(f"Units not allowed for this metric type: {self.name}")
        if unit and not self.name.endswith("_" + unit):
            raise ValueError(f"Unit does not match metric name: {self.name}")
        if self.type in ("histogram", "gaugehistogram"):
            _check_histogram(self)
        metric = Metric(self.name, self.texts.get("HELP", ""), self.type, unit)
        metric.samples = self.samples
        return metric


def _group(family: _Family, sample: Sample, suffix: str) -> frozenset[tuple[str, str]]:
    """The labels that the samples of one series of the family share."""
    own = {"summary": "quantile", "stateset": family.name}.get(family.type) if not suffix else None
    if suffix == "_bucket":
        own = "le"
    if family.type == "info":
        return frozenset()
    return frozenset(pair for pair in sample.labels.items() if pair[0] != own)


def _check_labels(family: _Family, sample: Sample, suffix: str, line: str) -> None:
    labels = sample.labels
    if family.type == "stateset" and family.name not in labels:
        raise ValueError(f"Stateset missing label: {line}")
    if suffix == "_bucket" and not _is_number(labels.get("le")):
        raise ValueError(f"Invalid le label: {line}")
    if family.type == "summary" and not suffix:
        quantile = labels.get("quantile")
        if quantile is None or not _is_number(quantile) or not 0 <= float(quantile) <= 1:
            raise ValueError(f"Invalid quantile label: {line}")


def _is_number(text: Optional[str]) -> bool:
    if text is None or math.isnan(_float_or_nan(text)):
        return False
    return "_" not in text and text == text.strip() and (text == "+Inf" or "n" not in text.lower())


def _float_or_nan(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _check_value(family: _Family, sample: Sample, suffix: str, line: str) -> None:
    value, kind = sample.value, family.type
    if suffix in _WHOLE and kind in _SUFFIXES and not float(value).is_integer():
        raise ValueError(f"The value must be an integer: {line}")
    if suffix in _GROWING.get(kind, ()):
        if math.isnan(value):
            raise ValueError(f"Counter-like samples cannot be NaN: {line}")
        if value < 0:
            raise ValueError(f"Counter-like samples cannot be negative: {line}")
    if kind == "summary" and not suffix and value < 0:
        raise ValueError(f"Quantile values cannot be negative: {line}")
    if kind == "stateset" and value not in (0, 1):
        raise ValueError(f"Stateset samples can only have values zero and one: {line}")
    if kind == "info" and value != 1:
        raise ValueError(f"Info samples can only have value one: {line}")


def _check_exemplar(family: _Family, sample: Sample, suffix: str, line: str) -> None:
    may_have = (
        (family.type in ("histogram", "gaugehistogram") and suffix == "_bucket")
        or (family.type == "counter" and suffix == "_total")
        or sample.native_histogram is not None
    )
    if sample.exemplar is not None and not may_have:
        raise ValueError(f"Only buckets of histograms and counters can have exemplars: {line}")


class _Buckets:
    """The samples of one histogram at one time."""

    def __init__(self) -> None:
        self.bound: Optional[float] = None
        self.value = 0.0
        self.has_negative = False
        self.count: Optional[float] = None
        self.sum: Optional[float] = None

    def add_bucket(self, bound: float, value: float, name: str) -> None:
        if self.bound is not None and bound <= self.bound:
            raise ValueError(f"Buckets out of order: {name}")
        if self.bound is not None and value < self.value:
            raise ValueError(f"Bucket values out of order: {name}")
        self.bound, self.value = bound, value
        self.has_negative = self.has_negative or bound < 0

    def check(self, family: _Family) -> None:
        name = family.name
        if self.bound != math.inf:
            raise ValueError(f"+Inf bucket missing: {name}")
        if self.count is not None and self.count != self.value:
            raise ValueError(f"Count does not match +Inf value: {name}")
        if self.sum is not None and self.count is None:
            raise ValueError(f"_count must be present if _sum is present: {name}")
        if self.count is not None and self.sum is None:
            raise ValueError(f"_sum/_gsum must be present if _count is present: {name}")
        if self.sum is None:
            return
        if self.has_negative and family.type == "histogram":
            raise ValueError(f"Cannot have _sum with negative buckets: {name}")
        if not self.has_negative and self.sum < 0:
            raise ValueError(f"Cannot have negative _gsum with non-negative buckets: {name}")


def _check_histogram(family: _Family) -> None:
    """Buckets rise, the last is ``+Inf``, and count and sum fit them."""
    histograms: dict[tuple[Any, ...], _Buckets] = {}
    for sample in family.samples:
        suffix = sample.name.removeprefix(family.name)
        if sample.native_histogram is not None or suffix == "_created":
            continue
        key = (_group(family, sample, suffix), sample.timestamp)
        buckets = histograms.setdefault(key, _Buckets())
        if suffix == "_bucket":
            buckets.add_bucket(float(sample.labels["le"]), sample.value, family.name)
        elif suffix in ("_count", "_gcount"):
            buckets.count = sample.value
        else:
            buckets.sum = sample.value
    for buckets in histograms.values():
        buckets.check(family)


def _series(line: str) -> tuple[str, dict[str, str], int]:
    try:
        return read_series(line, openmetrics=True)
    except ValueError as error:
        raise ValueError(f"Invalid line: {line!r}: {error}") from None


def _sample(line: str, kind: str) -> Sample:
    """One line as a sample. ``kind`` says whether a native histogram may stand there."""
    name, labels, at = _series(line)
    if line[at : at + 1] != " ":
        raise ValueError(f"Invalid line: {line!r}: no space at {at}")
    rest = line[at + 1 :]
    try:
        if kind == "histogram" and rest.startswith("{"):
            return _native_sample(name, labels, rest)
        numbers, hash_sign, exemplar = rest.partition(" # ")
        value, timestamp = _value_and_time(numbers)
        found = _exemplar(exemplar) if hash_sign else None
    except ValueError as error:
        raise ValueError(f"Invalid line: {line!r}: {error}") from None
    return Sample(name, labels, value, timestamp, found)


def _value_and_time(text: str) -> tuple[float, _Time]:
    value, space, timestamp = text.partition(" ")
    if not value or value != value.strip():
        raise ValueError("no value")
    return parse_number(value), _timestamp(timestamp) if space else None


def _timestamp(text: str) -> Union[float, Timestamp]:
    """Seconds; to the nanosecond where they are written without an exponent."""
    match = _SECONDS.fullmatch(text)
    if match is not None:
        # Digits beyond the ninth are below a nanosecond.
        nanoseconds = int((match[2] or "0")[:9].ljust(9, "0"))
        return Timestamp(int(match[1]), nanoseconds)
    if _FLOAT.fullmatch(text) is None or math.isinf(float(text)):
        raise ValueError(f"Invalid timestamp: {text!r}")
    return float(text)


def _exemplar(text: str) -> Exemplar:
    if not text.startswith("{"):
        raise ValueError("an exemplar begins with its labels")
    labels, at = read_labels(text, 1, openmetrics=True)
    if text[at : at + 2] != "} ":
        raise ValueError("an exemplar has labels and a value")
    characters = sum(len(name) + len(value) for name, value in labels.items())
    if characters > _EXEMPLAR_CHARACTERS_MAX:
        raise ValueError(f"Exemplar labels are too long: {characters}")
    value, timestamp = _value_and_time(text[at + 2 :])
    return Exemplar(labels, value, timestamp)


def _native_sample(name: str, labels: dict[str, str], rest: str) -> Sample:
    struct, *exemplars = rest.split(" # ")
    match = _NATIVE.match(struct)
    if match is None:
        raise ValueError("no native histogram")
    after = struct[match.end() :]
    if after and not after.startswith(" "):
        raise ValueError("no space after the native histogram")
    timestamp = _timestamp(after[1:]) if after else None
    found = tuple(_exemplar(exemplar) for exemplar in exemplars) or None
    histogram = _native_histogram(match, found)
    # The value of such a sample is the histogram.
    return Sample(name, labels, None, timestamp, None, histogram)  # type: ignore[arg-type]


def _native_histogram(
    match: Match[str], exemplars: Optional[tuple[Exemplar, ...]]
) -> NativeHistogram:
    fields: dict[str, str] = {}
    at = 0
    while at < len(match[1]):
        field = _NATIVE_FIELD.match(match[1], at)
        if field is None or field[1] in fields:
            raise ValueError(f"no field of a native histogram: {match[1][at:]!r}")
        fields[field[1]] = field[2]
        at = field.end()
    missing = {"count", "sum", "schema", "zero_threshold", "zero_count"} - fields.keys()
    if missing:
        raise ValueError(f"a native histogram has no {min(missing)}")
    return NativeHistogram(
        parse_number(fields["count"]),
        float(parse_number(fields["sum"])),
        int(fields["schema"]),
        float(parse_number(fields["zero_threshold"])),
        parse_number(fields["zero_count"]),
        _spans(fields.get("positive_spans")),
        _spans(fields.get("negative_spans")),
        _deltas(fields.get("positive_deltas")),
        _deltas(fields.get("negative_deltas")),
        exemplars,
    )


def _spans(text: Optional[str]) -> Optional[tuple[BucketSpan, ...]]:
    if text is None:
        return None
    spans = (pair.split(":") for pair in text.strip("[]").split(","))
    return tuple(BucketSpan(int(offset), int(length)) for offset, length in spans)


def _deltas(text: Optional[str]) -> Optional[tuple[int, ...]]:
    if text is None:
        return None
    return tuple(int(delta) for delta in text.strip("[]").split(","))
