"""Breaks a real shop in many ways, and records what its metrics showed.

    python tests/incidents/run.py record --to FOLDER [--held-out FOLDER] [--only NAME ...]
    python tests/incidents/run.py live [--only NAME ...]
    python tests/incidents/run.py healthy --minutes 60

It makes namespaces of its own, so it needs root, and Debian's packages, which it names when they
are missing.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "stack"))

import namespaces  # noqa: E402
import recording  # noqa: E402
import shop as shops  # noqa: E402
from injections import INJECTIONS, Injection, Mend  # noqa: E402
from judging import Verdict, judged, summary  # noqa: E402
from processes import wait_for  # noqa: E402
from stack import missing  # noqa: E402
from visitors import Visitors, first_trouble  # noqa: E402

SERVER = f"http://127.0.0.1:{shops.PORTS['pyrometer']}"
# Of what is left out of the baseline at its begin: caches fill, rates settle.
SETTLE_S = 20.0
SERVED_LIMIT_S = 400.0


def is_held_out(name: str) -> bool:
    """A third of the faults, which nobody looks at while tuning."""
    return hashlib.sha256(name.encode()).digest()[0] % 3 == 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--binary", type=Path, default=ROOT / "target/debug/pyrometer")
    what = parser.add_subparsers(dest="what", required=True)
    record = what.add_parser("record", help="break it in every way, and write down what it showed")
    record.add_argument("--to", type=Path, required=True)
    record.add_argument("--held-out", type=Path, help="where a third of the faults goes")
    live = what.add_parser("live", help="break it, and ask the server that watches what it was")
    live.set_defaults(to=None, held_out=None)
    for command in (record, live):
        command.add_argument("--only", choices=[one.name for one in INJECTIONS], action="append")
        command.add_argument("--baseline", type=float, default=362, help="healthy seconds before")
        command.add_argument("--between", type=float, default=100, help="the same after another")
        command.add_argument("--fault", type=float, default=200, help="seconds of each fault")
        command.add_argument("--recovery", type=float, default=45, help="seconds after each")
    healthy = what.add_parser("healthy", help="nothing is broken, and there may be no incident")
    healthy.add_argument("--minutes", type=float, default=60)
    return parser.parse_args()


@dataclass
class Lane:
    """Faults one after another in one shop."""

    shop: shops.Shop
    visitors: Visitors
    chosen: argparse.Namespace
    # When the shop was well for the whole baseline.
    baseline: tuple[float, float] | None = None
    verdicts: list[Verdict] = field(default_factory=list)

    def spans(self, prepared: bool) -> list[tuple[float, float]]:
        """Waits until there is a baseline before now; what is to be kept of the time before.

        A second fault has the baseline of the first, and the time right before it.
        """
        chosen = self.chosen
        wait_for("visitors are served", self.visitors.are_served, SERVED_LIMIT_S)
        if self.baseline and not prepared:
            start = time.time()
            time.sleep(chosen.between)
            return [self.baseline, (start, time.time())]
        time.sleep(SETTLE_S)
        start = time.time()
        time.sleep(chosen.baseline)
        span = (start, time.time())
        if not prepared:
            self.baseline = span
        return [span]


def record(one: Injection, lane: Lane) -> None:
    """One fault, from its baseline to its recovery."""
    shop, visitors, chosen = lane.shop, lane.visitors, lane.chosen
    prepared: Mend | None = one.prepare(shop, visitors) if one.prepare else None
    spans = lane.spans(prepared is not None)
    began = time.time()
    print(f"{one.name}: begins", flush=True)
    mend = one.begin(shop, visitors)
    time.sleep(max(0.0, began + chosen.fault - time.time()))
    ended = time.time()
    mend()
    time.sleep(chosen.recovery)
    end = time.time()
    if prepared:
        prepared()
    spans[-1] = (spans[-1][0], end)
    truth = truth_of(one, visitors, spans, (began, ended))
    if chosen.what == "record":
        write(one, spans, truth, chosen)
        return
    lane.verdicts.append(judged(truth, incidents(spans[-1])))
    # What is kept apart stays unseen: only its figures are told.
    if not is_held_out(one.name):
        print(lane.verdicts[-1], flush=True)


def truth_of(
    one: Injection, visitors: Visitors, spans: list[tuple[float, float]], times: tuple[float, float]
) -> dict[str, Any]:
    """What is known of a fault. Times are seconds since the epoch."""
    (began, ended), end = times, spans[-1][1]
    causes = [[{"type": type_, "name": name} for type_, name in names] for names in one.causes]
    before = began - spans[-1][0]
    return {
        "fault": one.name,
        "start": end - sum(until - since for since, until in spans),
        "began": began,
        "ended": ended,
        "end": end,
        "seen": first_trouble(visitors.outcomes, began, ended, before),
        "root": causes[0],
        "roots": causes,
        "graph": shops.GRAPH,
    }


def incidents(span: tuple[float, float]) -> list[dict[str, Any]]:
    """What the server says of a span, with all suspects."""
    start, end = (f"{time:.3f}" for time in span)
    listed = recording.get(SERVER, "/api/v1/incidents", state="all", start=start, end=end)
    return [recording.get(SERVER, f"/api/v1/incidents/{one['id']}") for one in listed["incidents"]]


def healthy(minutes: float) -> int:
    """Watches while nothing is broken."""
    start = time.time()
    time.sleep(60 * minutes)
    found = incidents((start, time.time()))
    for one in found:
        print(f"{one['start']} {one['title']}")
    print(f"{len(found)} incidents of a shop that is well, in {minutes:g} minutes")
    return 1 if found else 0


def write(
    one: Injection,
    spans: list[tuple[float, float]],
    truth: dict[str, Any],
    chosen: argparse.Namespace,
) -> None:
    """A recording's folder, whole or not at all."""
    apart = chosen.held_out is not None and is_held_out(one.name)
    folder = (chosen.held_out if apart else chosen.to) / one.name
    beside = folder.with_name(f".{one.name}")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    samples = recording.write(SERVER, spans, beside / "metrics.om")
    (beside / "truth.json").write_text(json.dumps(truth, indent=1))
    edges = "".join(f"{caller},{callee}\n" for caller, callee in shops.GRAPH)
    (beside / "graph.csv").write_text("caller,callee\n" + edges)
    shutil.rmtree(folder, ignore_errors=True)
    beside.rename(folder)
    seen = truth["seen"]
    after = "never" if seen is None else f"after {seen - truth['began']:.0f} s"
    where = " (apart)" if apart else ""
    print(f"{one.name}: {samples} samples{where}, visitors saw it {after}", flush=True)


def main() -> int:
    chosen = arguments()
    if packages := missing() + shops.missing_programs():
        print(f"missing: apt-get install {' '.join(packages)}", file=sys.stderr)
        return 2
    namespaces.enter()
    folder = Path(tempfile.mkdtemp(prefix="incidents-"))
    shop = shops.Shop(folder)
    visitors = Visitors(f"http://127.0.0.1:{shops.PORTS['nginx']}")
    try:
        print("starting the shop", flush=True)
        # Of a recording only what was measured is kept; a replay judges it.
        shops.start(shop, chosen.binary, *(["--no-packs"] if chosen.what == "record" else []))
        visitors.start()
        wait_for("the server has all services", all_watched)
        if chosen.what == "healthy":
            return healthy(chosen.minutes)
        return break_all(Lane(shop, visitors, chosen))
    finally:
        visitors.over.set()
        # Whatever runs ends with the first process of the namespace.
        subprocess.run(["umount", str(folder / "disk")], check=False, capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


def break_all(lane: Lane) -> int:
    """One chosen fault after another."""
    failed = 0
    for one in INJECTIONS:
        if lane.chosen.only and one.name not in lane.chosen.only:
            continue
        try:
            record(one, lane)
        except Exception:
            failed += 1
            print(f"{one.name}: not done", flush=True)
            traceback.print_exc()
    for title, apart in {"live": False, "live_held_out": True}.items():
        summary(title, (one for one in lane.verdicts if is_held_out(one.fault) == apart))
    return 1 if failed else 0


def all_watched() -> bool:
    services = recording.get(SERVER, "/api/v1/services")["services"]
    names = {service["name"] for service in services}
    return {*shops.WAYS, "nginx", "postgres", "redis", "rabbitmq", "node"} <= names


if __name__ == "__main__":
    sys.exit(main())
