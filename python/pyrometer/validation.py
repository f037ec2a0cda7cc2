"""Which names metrics and labels may have."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Iterable, Mapping, Optional

if TYPE_CHECKING:
    METRIC_NAME_RE: re.Pattern[str]
    METRIC_LABEL_NAME_RE: re.Pattern[str]
    RESERVED_METRIC_LABEL_NAME_RE: re.Pattern[str]

# Compiled when they are used, which without legacy validation they are not.
_PATTERNS = {
    "METRIC_NAME_RE": r"^[a-zA-Z_:][a-zA-Z0-9_:]*$",
    "METRIC_LABEL_NAME_RE": r"^[a-zA-Z_][a-zA-Z0-9_]*$",
    "RESERVED_METRIC_LABEL_NAME_RE": r"^__.*$",
}


def __getattr__(name: str) -> Any:
    if name in _PATTERNS:
        return re.compile(_PATTERNS[name])
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_PATTERNS})


_RESERVED = "__"

# Sum of the characters of an exemplar's names and values: OpenMetrics 1.0, "Exemplars".
_EXEMPLAR_CHARACTERS_MAX = 128

_legacy_validation = os.environ.get("PROMETHEUS_LEGACY_NAME_VALIDATION", "").lower() in (
    "true",
    "1",
    "t",
)


def get_legacy_validation() -> bool:
    """Whether only the classic character set is allowed in names."""
    return _legacy_validation


def disable_legacy_validation() -> None:
    """Allow any UTF-8 in names."""
    global _legacy_validation
    _legacy_validation = False


def enable_legacy_validation() -> None:
    """Allow only the classic character set in names."""
    global _legacy_validation
    _legacy_validation = True


def _is_utf8(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _validate_metric_name(name: str) -> None:
    if not name:
        raise ValueError("metric name cannot be empty")
    if not _is_utf8(name) or (_legacy_validation and not _is_valid_legacy_metric_name(name)):
        raise ValueError("invalid metric name " + repr(name))


def _is_valid_legacy_metric_name(name: str) -> bool:
    return re.match(_PATTERNS["METRIC_NAME_RE"], name) is not None


def _is_valid_legacy_labelname(name: str) -> bool:
    return (
        re.match(_PATTERNS["METRIC_LABEL_NAME_RE"], name) is not None
        and not name.startswith(_RESERVED)
    )


def _validate_labelname(name: str) -> None:
    pattern = _PATTERNS["METRIC_LABEL_NAME_RE"]
    if not _is_utf8(name) or (_legacy_validation and not re.match(pattern, name)):
        raise ValueError("Invalid label metric name: " + repr(name))
    if name.startswith(_RESERVED):
        raise ValueError("Reserved label metric name: " + name)


def _validate_labelnames(metric: Any, names: Iterable[str]) -> tuple[str, ...]:
    names = tuple(names)
    for name in names:
        _validate_labelname(name)
        if name in metric._reserved_labelnames:
            raise ValueError("Reserved label metric name: " + name)
    return names


def _validate_exemplar(exemplar: Mapping[str, str]) -> None:
    characters = 0
    for name, value in exemplar.items():
        _validate_labelname(name)
        characters += len(name) + len(value)
    if characters > _EXEMPLAR_CHARACTERS_MAX:
        raise ValueError(
            f"Exemplar labels have {characters} UTF-8 characters, "
            f"exceeding the limit of {_EXEMPLAR_CHARACTERS_MAX}"
        )


def build_full_name(
    metric_type: Optional[str], name: str, namespace: str, subsystem: str, unit: str
) -> str:
    """The name of a metric from its parts, without ``_total``; ``ValueError`` for what is none."""
    if not name:
        raise ValueError("Metric name should not be empty")
    full_name = "_".join(part for part in (namespace, subsystem, name) if part)
    if metric_type == "counter":
        full_name = full_name.removesuffix("_total")
    if unit and not full_name.endswith("_" + unit):
        full_name += "_" + unit
    if unit and metric_type in ("info", "stateset"):
        raise ValueError("Metric name is of a type that cannot have a unit: " + full_name)
    return full_name
