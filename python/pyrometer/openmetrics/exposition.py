"""The OpenMetrics text format, versions 1.0 and 2.0."""

from __future__ import annotations

from typing import Any, Callable, Iterator, Optional

from ..metrics_core import Metric
from ..registry_writer import write
from ..samples import Exemplar, NativeHistogram, Sample
from ..utils import floatToGoString, parse_version
from ..validation import _is_valid_legacy_labelname, _is_valid_legacy_metric_name

CONTENT_TYPE_LATEST = "application/openmetrics-text; version=1.0.0; charset=utf-8"
CONTENT_TYPE_LATEST_2_0 = "application/openmetrics-text; version=2.0.0; charset=utf-8"

ESCAPING_HEADER_TAG = "escaping"
ALLOWUTF8 = "allow-utf-8"
UNDERSCORES = "underscores"
DOTS = "dots"
VALUES = "values"
ESCAPINGS = (ALLOWUTF8, UNDERSCORES, DOTS, VALUES)


def generate_latest(registry: Any, escaping: str = UNDERSCORES, version: str = "1.0.0") -> bytes:
    """The registry's metrics in the OpenMetrics format, as UTF-8.

    Native histograms appear from version 2.0.0 on. A failure while a metric is written is raised
    with the metric among its arguments.
    """
    with_native = parse_version(version) >= (2, 0, 0)

    def encode(metric: Metric) -> bytes:
        lines = _metric_lines(metric, escaping, with_native)
        return "".join(lines).encode("utf-8", "replace")

    return write(registry, "openmetrics-2" if with_native else "openmetrics-1", escaping, encode)


def _metric_lines(metric: Metric, escaping: str, with_native: bool) -> Iterator[str]:
    name = escape_metric_name(metric.name, escaping)
    yield f"# HELP {name} {_escape_text(metric.documentation)}\n"
    yield f"# TYPE {name} {metric.type}\n"
    if metric.unit:
        yield f"# UNIT {name} {metric.unit}\n"
    for sample in metric.samples:
        if sample.native_histogram and not with_native:
            continue
        yield _sample_line(metric, sample, escaping)


def _sample_line(metric: Metric, sample: Sample, escaping: str) -> str:
    name = escape_metric_name(sample.name, escaping)
    labels = [
        f'{escape_label_name(key, escaping)}="{_escape_text(value)}"'
        for key, value in sorted(sample.labels.items())
    ]
    if name.startswith('"'):
        name, labels = "", [name, *labels]
    line = name + ("{" + ",".join(labels) + "}" if labels else "")
    exemplars = _exemplar(metric, sample, sample.exemplar)
    if sample.native_histogram:
        value = _native_text(sample.native_histogram)
        for exemplar in sample.native_histogram.nh_exemplars or ():
            exemplars += _exemplar(metric, sample, exemplar)
    else:
        value = floatToGoString(sample.value)
    timestamp = "" if sample.timestamp is None else f" {sample.timestamp}"
    return f"{line} {value}{timestamp}{exemplars}\n"


def _exemplar(metric: Metric, sample: Sample, exemplar: Optional[Exemplar]) -> str:
    if not exemplar:
        return ""
    may_have = (
        (metric.type in ("histogram", "gaugehistogram") and sample.name.endswith("_bucket"))
        or (metric.type == "counter" and sample.name.endswith("_total"))
        or sample.native_histogram is not None
    )
    if not may_have:
        raise ValueError(
            f"Metric {metric.name} has exemplars, but is not a histogram bucket or counter"
        )
    labels = ",".join(
        f'{key}="{_escape_text(value)}"' for key, value in sorted(exemplar.labels.items())
    )
    timestamp = "" if exemplar.timestamp is None else f" {exemplar.timestamp}"
    return f" # {{{labels}}} {floatToGoString(exemplar.value)}{timestamp}"


def _native_text(histogram: NativeHistogram) -> str:
    parts = [
        f"count:{histogram.count_value}",
        f"sum:{histogram.sum_value}",
        f"schema:{histogram.schema}",
        f"zero_threshold:{histogram.zero_threshold}",
        f"zero_count:{histogram.zero_count}",
    ]
    for sign, spans, deltas in (
        ("negative", histogram.neg_spans, histogram.neg_deltas),
        ("positive", histogram.pos_spans, histogram.pos_deltas),
    ):
        if spans:
            pairs = ",".join(f"{span.offset}:{span.length}" for span in spans)
            parts.append(f"{sign}_spans:[{pairs}]")
            parts.append(f"{sign}_deltas:[{','.join(str(delta) for delta in deltas or ())}]")
    return "{" + ",".join(parts) + "}"


def escape_metric_name(s: str, escaping: str = UNDERSCORES) -> str:
    """A metric name as a scheme writes it; quoted where that is what it takes."""
    return _escape_name(s, escaping, _is_valid_legacy_metric_name(s), ":")


def escape_label_name(s: str, escaping: str = UNDERSCORES) -> str:
    """A label name as a scheme writes it; quoted where that is what it takes."""
    return _escape_name(s, escaping, _is_valid_legacy_labelname(s), "")


def _escape_name(name: str, escaping: str, is_plain: bool, more: str) -> str:
    if not name or (is_plain and escaping != DOTS):
        return name
    if escaping == ALLOWUTF8:
        return f'"{_escape_text(name)}"'
    escape = _ESCAPES[escaping]
    start = "U__" if escaping == VALUES else ""
    return start + "".join(
        escape(c, _is_plain_character(c, place, more)) for place, c in enumerate(name)
    )


def _is_plain_character(c: str, place: int, more: str) -> bool:
    is_digit = c.isascii() and c.isdigit() and place > 0
    return (c.isascii() and c.isalpha()) or c == "_" or is_digit or (c in more)


def _by_underscores(c: str, is_plain: bool) -> str:
    return c if is_plain else "_"


def _by_dots(c: str, is_plain: bool) -> str:
    return {"_": "__", ".": "_dot_"}.get(c, c if is_plain else "__")


def _by_values(c: str, is_plain: bool) -> str:
    if c == "_":
        return "__"
    return c if is_plain else f"_{ord(c):x}_"


_ESCAPES: dict[str, Callable[[str, bool], str]] = {
    UNDERSCORES: _by_underscores,
    DOTS: _by_dots,
    VALUES: _by_values,
}


def _escape_text(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
