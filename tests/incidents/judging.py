"""How right a replay is: what it says of recordings whose truth is known."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

# An incident that began so shortly before the fault is about it: samples lie apart.
SLACK_S = 20.0
TOP = 3
OPEN_LIMIT_S = 120.0


@dataclass(frozen=True)
class Verdict:
    """What was said of one fault."""

    fault: str
    # Position of each true cause among the suspects, the first is 0; None if it is not there.
    ranks: tuple[int | None, ...]
    # Incidents of the time of the fault, and others before it.
    incidents: int
    before: int
    # From the first trouble that a user saw until an incident was open; None if there was none.
    open_after_s: float | None
    limit_s: float
    first: str

    def has_first(self) -> bool:
        return all(rank == 0 for rank in self.ranks)

    def has_among_first(self) -> bool:
        return all(rank is not None and rank < TOP for rank in self.ranks)

    def is_one(self) -> bool:
        return self.incidents == len(self.ranks)

    def __str__(self) -> str:
        ranks = ", ".join("-" if rank is None else str(rank + 1) for rank in self.ranks)
        after = "never" if self.open_after_s is None else f"{self.open_after_s:.0f} s"
        return (
            f"{self.fault:28} cause at {ranks:6} incidents {self.incidents}, before {self.before}, "
            f"open after {after}, first: {self.first}"
        )


def replayed(binary: Path, folder: Path, truth: dict[str, Any]) -> list[dict[str, Any]]:
    """The incidents that a replay of a recording finds. Raises RuntimeError with its complaint."""
    argv = [str(binary), "replay", "--openmetrics", str(folder / "metrics.om"), "--json"]
    argv += ["--graph", str(folder / "graph.csv"), "--normal-until", f"{truth['began']:.3f}"]
    if (folder / "mapping.yml").exists():
        argv += ["--mapping", str(folder / "mapping.yml")]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{truth['fault']}: {done.stderr.strip()}")
    found: list[dict[str, Any]] = json.loads(done.stdout)["incidents"]
    return found


def judged(truth: dict[str, Any], incidents: list[dict[str, Any]]) -> Verdict:
    """One cause must be first in the incident that opened first. Of several, each in one of them."""
    during = [one for one in incidents if truth["began"] - SLACK_S <= seconds(one["start"])]
    during.sort(key=lambda one: seconds(one.get("opened") or one["start"]))
    looked_at = during if len(truth["roots"]) > 1 else during[:1]
    ranks = tuple(best(names, looked_at) for names in truth["roots"])
    opened = [seconds(one.get("opened") or one["start"]) for one in during]
    seen = truth["seen"] or truth["began"]
    first = during[0]["suspects"][:1] if during else []
    return Verdict(
        fault=truth["fault"],
        ranks=ranks,
        incidents=len(during),
        before=len(incidents) - len(during),
        open_after_s=min(opened) - seen if opened else None,
        limit_s=max(OPEN_LIMIT_S, 2 * truth.get("step", 0)),
        first=f"{first[0]['entity']['type']}/{first[0]['entity']['name']}" if first else "nobody",
    )


def best(names: list[dict[str, str]], incidents: list[dict[str, Any]]) -> int | None:
    ranks = [
        rank
        for one in incidents
        for rank, suspect in enumerate(one["suspects"])
        if any(is_named(suspect["entity"], name) for name in names)
    ]
    return min(ranks, default=None)


def is_named(entity: dict[str, Any], name: dict[str, str]) -> bool:
    """Whether it is the thing itself, or an instance, route or database within it."""
    if name["type"] not in ("*", entity["type"]):
        return False
    return name["name"] == entity["name"] or name["name"] in (entity.get("scope") or {}).values()


def seconds(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def summary(title: str, verdicts: Iterable[Verdict]) -> dict[str, float]:
    """Prints the figures of some faults; returns them by name."""
    judged_all = list(verdicts)
    if not judged_all:
        return {}
    waits = sorted(one.open_after_s for one in judged_all if one.open_after_s is not None)

    def share(fits: Iterable[bool]) -> float:
        return sum(fits) / len(judged_all)

    figures = {
        "faults": float(len(judged_all)),
        "cause_first": share(one.has_first() for one in judged_all),
        "cause_among_first_three": share(one.has_among_first() for one in judged_all),
        "one_incident": share(one.is_one() for one in judged_all),
        "quiet_before": share(one.before == 0 for one in judged_all),
        "open_in_time": share(
            one.open_after_s is not None and one.open_after_s <= one.limit_s for one in judged_all
        ),
    }
    if waits:
        figures["open_after_median_s"] = waits[len(waits) // 2]
    said = ", ".join(
        f"{name} {value:g}" if name in ("faults", "open_after_median_s") else f"{name} {value:.0%}"
        for name, value in figures.items()
    )
    print(f"{title}: {said}", flush=True)
    return {f"{title}_{name}": value for name, value in figures.items()}
