"""What the server stored of some spans, as OpenMetrics text with timestamps."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Derived by the server, or about it; a replay derives them itself.
DERIVED = ("ALERTS", "pyrometer:", "pyrometer_")
SUFFIXES = ("_total", "_bucket", "_count", "_sum", "_created", "_info")

Spans = list[tuple[float, float]]
Labels = tuple[tuple[str, str], ...]
Joined = tuple[str, Labels, list[tuple[float, str]]]


def get(base: str, path: str, **parameters: str) -> Any:
    """`data` of an answer of the API."""
    url = f"{base}{path}?{urllib.parse.urlencode(parameters)}"
    with urllib.request.urlopen(url, timeout=300) as answer:
        return json.load(answer)["data"]


def write(base: str, spans: Spans, path: Path) -> int:
    """All raw series of the spans, as if they had followed each other. Returns how many samples."""
    outer = {"start": f"{spans[0][0]:.3f}", "end": f"{spans[-1][1]:.3f}"}
    names = get(base, "/api/v1/label/__name__/values", **outer)
    metadata = get(base, "/api/v1/metadata")
    written = 0
    with path.open("w", encoding="utf-8") as file:
        for family, members in families(names, metadata):
            kind = kind_of(family, members, metadata)
            file.write(f"# TYPE {family} {kind}\n")
            for name, labels, samples in joined(base, members, spans, metadata):
                pairs = ",".join(f'{key}="{escaped(value)}"' for key, value in labels)
                for at, value in samples:
                    file.write(f"{name}{{{pairs}}} {value} {at:.3f}\n")
                written += len(samples)
        file.write("# EOF\n")
    return written


def joined(
    base: str, members: list[str], spans: Spans, metadata: dict[str, Any]
) -> Iterator[Joined]:
    """The series of a family, those of equal labels beside each other.

    Earlier spans are moved on to the one after them, and their counters so that those go on where
    they end: a counter tells by its differences only, so it may begin below zero here.
    """
    found: dict[tuple[str, Labels], list[tuple[float, str]]] = {}
    last = len(spans) - 1
    for number, (start, end) in enumerate(spans):
        moved = spans[last][0] - end if number < last else 0.0
        for name in members:
            query = f'{{__name__="{name}"}}[{end - start:.0f}s]'
            answer = get(base, "/api/v1/query", query=query, time=f"{end:.3f}")
            for one in answer["result"]:
                metric: dict[str, str] = one["metric"]
                key = (name, tuple(pair for pair in metric.items() if pair[0] != "__name__"))
                samples = [(at + moved, value) for at, value in one["values"]]
                before = found.get(key, [])
                if before and is_counted(name, metadata):
                    before = lifted(before, float(samples[0][1]))
                found[key] = before + samples
    for (name, labels), samples in sorted(found.items(), key=by_point):
        yield name, labels, samples


def lifted(before: list[tuple[float, str]], onward: float) -> list[tuple[float, str]]:
    """A counter's samples, so that the last of them is where it goes on."""
    lift = onward - float(before[-1][1])
    return [(at, repr(float(value) + lift)) for at, value in before]


def is_counted(name: str, metadata: dict[str, Any]) -> bool:
    """Whether a series only ever grows: a counter, or a part of a histogram or summary."""
    family = family_of(name, metadata)
    kind = type_in(metadata, name) or type_in(metadata, family)
    return kind == "counter" or (kind in ("histogram", "summary") and name != family)


def by_point(one: tuple[tuple[str, Labels], object]) -> list[tuple[str, str]]:
    return sorted(pair for pair in one[0][1] if pair[0] not in MINOR)


def families(names: list[str], metadata: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Names by the family that they belong to, in order."""
    grouped: dict[str, list[str]] = {}
    for name in sorted(names):
        if name.startswith(DERIVED) or ":" in name:
            continue
        grouped.setdefault(family_of(name, metadata), []).append(name)
    yield from grouped.items()


def family_of(name: str, metadata: dict[str, Any]) -> str:
    for suffix in SUFFIXES:
        base = name.removesuffix(suffix)
        if base == name:
            continue
        kind = type_in(metadata, base) or type_in(metadata, name)
        wanted = {"_total": "counter", "_info": "info"}.get(suffix, "histogram summary counter")
        if kind and kind in wanted:
            return base
    return name


def kind_of(family: str, members: list[str], metadata: dict[str, Any]) -> str:
    """The type as OpenMetrics allows it: its counters end in `_total`, its infos in `_info`."""
    kind = type_in(metadata, family) or type_in(metadata, f"{family}_total") or "unknown"
    ends = {"counter": ("_total", "_created"), "info": ("_info",)}.get(kind)
    if ends and not all(name.endswith(ends) for name in members):
        return "unknown"
    return "unknown" if kind == "untyped" else kind


def type_in(metadata: dict[str, Any], name: str) -> str | None:
    told = metadata.get(name)
    return str(told[0]["type"]) if told else None


# Labels that differ within one point of a family.
MINOR = ("__name__", "le", "quantile")


def escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

