"""Reads the Prometheus text format."""

from __future__ import annotations

import io
import re
from typing import Iterable, Iterator, Match, Optional, TextIO

from .metrics_core import METRIC_TYPES, Metric
from .samples import Sample
from .validation import _validate_labelname, _validate_metric_name

ESCAPE_SEQUENCES = {"\\\\": "\\", "\\n": "\n", '\\"': '"'}
ESCAPING_RE = re.compile(r'\\[\\n"]')
HELP_ESCAPING_RE = re.compile(r"\\[\\n]")

_BLANKS = " \t"
# A bare name; any other must be quoted. A quotation ends at the first quote that is not escaped.
_BARE_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_BARE_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_SPACE = re.compile(r"[ \t]*")

# Which samples belong to a family of a type, by suffix.
_SUFFIXES = {
    "counter": ("",),
    "gauge": ("",),
    "summary": ("", "_sum", "_count"),
    "histogram": ("_bucket", "_sum", "_count"),
}


def replace_escape_sequence(match: Match[str]) -> str:
    """What an escape sequence stands for."""
    return ESCAPE_SEQUENCES[match.group(0)]


def unescape(text: str) -> str:
    """What is between two quotes, without the backslashes."""
    return ESCAPING_RE.sub(replace_escape_sequence, text) if "\\" in text else text


def parse_labels(labels_string: str, openmetrics: bool = False) -> dict[str, str]:
    """What is between the braces as a dict. A quoted name without a value is ``__name__``.

    Raises ``ValueError`` for what is no list of labels. With ``openmetrics`` no comma may stand
    at the beginning or end.
    """
    try:
        labels, end = read_labels(labels_string, 0, openmetrics)
    except ValueError as error:
        raise ValueError(f"Invalid labels: {labels_string!r}: {error}") from None
    if end != len(labels_string):
        raise ValueError(f"Invalid labels: {labels_string!r}")
    return labels


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return at if match is None else match.end()


def read_labels(text: str, at: int, openmetrics: bool) -> tuple[dict[str, str], int]:
    """The labels from ``at`` on, and where they end: at the closing brace or the text's end."""
    labels: dict[str, str] = {}
    at = _skip(text, at)
    if text[at : at + 1] == "," and not openmetrics:
        at = _skip(text, at + 1)
    while at < len(text) and text[at] != "}":
        name, value, at = _label(text, at)
        if name in labels or (name == "__name__" and labels):
            raise ValueError(f"{name!r} twice, or not first")
        labels[name] = value
        if text[at : at + 1] != ",":
            break
        at = _skip(text, at + 1)
        if openmetrics and text[at : at + 1] in ("", "}"):
            raise ValueError(f"a comma without a label at {at}")
    return labels, at


def _label(text: str, at: int) -> tuple[str, str, int]:
    """Name and value of a label and where the next thing is."""
    match = _QUOTED.match(text, at)
    if match is not None:
        name, is_quoted = unescape(match[1]), True
    else:
        match, is_quoted = _BARE_LABEL.match(text, at), False
        if match is None:
            raise ValueError(f"no label name at {at}")
        name = match[0]
    at = _skip(text, match.end())
    if text[at : at + 1] != "=":
        if not is_quoted:
            raise ValueError(f"no value for {name!r}")
        _validate_metric_name(name)
        return "__name__", name, at
    _validate_labelname(name)
    match = _QUOTED.match(text, _skip(text, at + 1))
    if match is None:
        raise ValueError(f"no quoted value at {at}")
    return name, unescape(match[1]), _skip(text, match.end())


def read_series(text: str, openmetrics: bool) -> tuple[str, dict[str, str], int]:
    """Name and labels of a sample, and where they end."""
    name: Optional[str] = None
    at = 0
    match = _BARE_METRIC.match(text)
    if match is not None:
        name, at = match[0], match.end()
        _validate_metric_name(name)
    labels: dict[str, str] = {}
    brace = at if openmetrics else _skip(text, at)
    if text[brace : brace + 1] == "{":
        labels, at = read_labels(text, brace + 1, openmetrics)
        if text[at : at + 1] != "}":
            raise ValueError(f"no closing brace at {at}")
        at += 1
        quoted = labels.pop("__name__", None)
        if quoted is not None and name is not None:
            raise ValueError("two names")
        name = quoted if name is None else name
    if name is None:
        raise ValueError("no name")
    return name, labels, at


def _parse_sample(text: str) -> Sample:
    """One line as a sample; raises ``ValueError``."""
    try:
        name, labels, at = read_series(text, openmetrics=False)
        if not labels and text[at : at + 1] not in ("", " ", "\t") and text[at - 1] != "}":
            raise ValueError(f"the name ends oddly at {at}")
        value, timestamp = _value_and_timestamp(text[at:])
    except ValueError as error:
        raise ValueError(f"Invalid line: {text!r}: {error}") from None
    return Sample(name, labels, value, timestamp)


def _value_and_timestamp(text: str) -> tuple[float, Optional[float]]:
    parts = text.split()
    if not parts:
        raise ValueError("no value")
    value = parse_number(parts[0])
    if len(parts) == 1:
        return value, None
    # The format has one time, in milliseconds; prometheus_client takes the last of several words.
    return value, [parse_number(part) for part in parts[1:]][-1] / 1000


def parse_number(text: str) -> float:
    """A number of a text format, an ``int`` where it is written as one."""
    # Python's own numbers may have underscores.
    if "_" in text:
        raise ValueError(f"not a number: {text!r}")
    try:
        return int(text)
    except ValueError:
        return float(text)


class _Family:
    """The family whose lines are being read."""

    def __init__(self, name: str, *samples: Sample) -> None:
        self.name = name
        self.documentation = ""
        self.type = "untyped"
        self.samples: list[Sample] = list(samples)
        self.names: tuple[str, ...] = (name,)

    def set_type(self, kind: str) -> None:
        self.type = kind
        self.names = tuple(self.name + suffix for suffix in _SUFFIXES.get(kind, ("",)))

    def metric(self) -> Metric:
        name, samples = self.name, self.samples
        if self.type == "counter":
            # Inside, a counter's name has no suffix and its sample has.
            name = name.removesuffix("_total")
            samples = [sample._replace(name=name + "_total") for sample in samples]
        metric = Metric(name, self.documentation, self.type)
        metric.samples = samples
        return metric


def text_string_to_metric_families(text: str) -> Iterable[Metric]:
    """The metrics of a text; see ``text_fd_to_metric_families``."""
    yield from text_fd_to_metric_families(io.StringIO(text))


def text_fd_to_metric_families(fd: TextIO) -> Iterable[Metric]:
    """The metrics of a file, one after the other. Raises ``ValueError`` at a wrong line."""
    family: Optional[_Family] = None
    for line in fd:
        line = line.strip()
        if line.startswith("#"):
            found = _comment(line)
            if found is None:
                continue
            keyword, name, rest = found
            if family is None or family.name != name:
                yield from _finished(family)
                family = _Family(name)
            if keyword == "HELP":
                family.documentation = _unescape_help(rest)
            else:
                family.set_type(rest.strip())
        elif line:
            sample = _parse_sample(line)
            if family is None or sample.name not in family.names:
                # A sample of no family that was announced is one of its own.
                yield from _finished(family)
                yield from _finished(_Family(sample.name, sample))
                family = None
            else:
                family.samples.append(sample)
    yield from _finished(family)


def _finished(family: Optional[_Family]) -> Iterator[Metric]:
    if family is not None:
        yield family.metric()


def _comment(line: str) -> Optional[tuple[str, str, str]]:
    """Keyword, name and the rest of a HELP or TYPE line."""
    if line[1:2] not in (" ", "\t"):
        return None
    words = line[1:].lstrip(_BLANKS).split(None, 1)
    if len(words) < 2 or words[0] not in ("HELP", "TYPE"):
        return None
    keyword, rest = words
    match = _QUOTED.match(rest)
    if match is not None:
        name, rest = unescape(match[1]), rest[match.end() :]
    else:
        match = _BARE_METRIC.match(rest)
        if match is None or rest[match.end() : match.end() + 1] not in ("", " ", "\t"):
            raise ValueError(f"Invalid line: {line!r}: no metric name")
        name, rest = match[0], rest[match.end() :]
    _validate_metric_name(name)
    rest = rest.lstrip(_BLANKS)
    if keyword == "TYPE" and rest.strip() not in (*METRIC_TYPES, "untyped"):
        raise ValueError(f"Invalid line: {line!r}: no such type")
    return keyword, name, rest


def _unescape_help(text: str) -> str:
    return HELP_ESCAPING_RE.sub(replace_escape_sequence, text) if "\\" in text else text
