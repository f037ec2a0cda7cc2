"""Breaks a real shop in many ways, and records what its metrics showed.

    python tests/incidents/run.py record --to FOLDER [--held-out FOLDER] [--only NAME ...]

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
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "stack"))

import namespaces  # noqa: E402
import recording  # noqa: E402
import shop as shops  # noqa: E402
from injections import INJECTIONS, Injection, Mend  # noqa: E402
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
    record.add_argument("--only", choices=[one.name for one in INJECTIONS], action="append")
    record.add_argument("--baseline", type=float, default=362, help="healthy seconds before each")
    record.add_argument("--between", type=float, default=100, help="healthy seconds after another")
    record.add_argument("--fault", type=float, default=200, help="seconds of each fault")
    record.add_argument("--recovery", type=float, default=45, help="seconds after each")
    return parser.parse_args()


@dataclass
class Lane:
    """Faults one after another in one shop."""

    shop: shops.Shop
    visitors: Visitors
    chosen: argparse.Namespace
    # When the shop was well for the whole baseline.
    baseline: tuple[float, float] | None = None

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
    write(one, visitors, spans, (began, ended), chosen)


def write(
    one: Injection,
    visitors: Visitors,
    spans: list[tuple[float, float]],
    times: tuple[float, float],
    chosen: argparse.Namespace,
) -> None:
    (began, ended), end = times, spans[-1][1]
    apart = chosen.held_out is not None and is_held_out(one.name)
    folder = (chosen.held_out if apart else chosen.to) / one.name
    beside = folder.with_name(f".{one.name}")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    samples = recording.write(SERVER, spans, beside / "metrics.om")
    causes = [[{"type": type_, "name": name} for type_, name in names] for names in one.causes]
    seen = first_trouble(visitors.outcomes, began, ended, chosen.between)
    truth = {
        "fault": one.name,
        "start": end - sum(until - since for since, until in spans),
        "began": began,
        "ended": ended,
        "end": end,
        "seen": seen,
        "root": causes[0],
        "roots": causes,
        "graph": shops.GRAPH,
    }
    (beside / "truth.json").write_text(json.dumps(truth, indent=1))
    edges = "".join(f"{caller},{callee}\n" for caller, callee in shops.GRAPH)
    (beside / "graph.csv").write_text("caller,callee\n" + edges)
    shutil.rmtree(folder, ignore_errors=True)
    beside.rename(folder)
    after = "never" if seen is None else f"after {seen - began:.0f} s"
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
    failed = 0
    try:
        print("starting the shop", flush=True)
        # Only what was measured is kept; a replay judges it.
        shops.start(shop, chosen.binary, "--no-packs")
        visitors.start()
        wait_for("the server has all services", all_watched)
        lane = Lane(shop, visitors, chosen)
        for one in INJECTIONS:
            if chosen.only and one.name not in chosen.only:
                continue
            try:
                record(one, lane)
            except Exception:
                failed += 1
                print(f"{one.name}: not recorded", flush=True)
                traceback.print_exc()
    finally:
        visitors.over.set()
        # Whatever runs ends with the first process of the namespace.
        subprocess.run(["umount", str(folder / "disk")], check=False, capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if failed else 0


def all_watched() -> bool:
    services = recording.get(SERVER, "/api/v1/services")["services"]
    names = {service["name"] for service in services}
    return {*shops.WAYS, "nginx", "postgres", "redis", "rabbitmq", "node"} <= names


if __name__ == "__main__":
    sys.exit(main())
