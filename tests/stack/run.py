"""Watches a real stack: quiet while it is well, and right when it is broken.

    python tests/stack/run.py healthy --minutes 15
    python tests/stack/run.py faults [--only NAME]

Needs root (or servers that run as you) and the Debian packages that it names when they are missing.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from faults import FAULTS, Verdict, try_fault
from processes import wait_for
from stack import Stack, missing, traffic
from watch import Watcher

ROOT = Path(__file__).resolve().parents[2]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--binary", type=Path, default=ROOT / "target/debug/pyrometer")
    parser.add_argument("--keep", action="store_true", help="leave the folder with logs and data")
    what = parser.add_subparsers(dest="what", required=True)
    healthy = what.add_parser("healthy", help="nothing is broken, and nobody may cry")
    healthy.add_argument("--minutes", type=float, default=15)
    faults = what.add_parser("faults", help="each fault raises exactly its alerts")
    faults.add_argument("--only", choices=[fault.name for fault in FAULTS], action="append")
    return parser.parse_args()


def healthy(watcher: Watcher, minutes: float) -> int:
    print(f"watching for {minutes:g} minutes")
    cried = watcher.watch(minutes * 60)
    down = watcher.down()
    print(f"{len(cried)} alerts of a stack that is well, {len(down)} targets down: {down}")
    return 1 if cried or down else 0


def faults(watcher: Watcher, stack: Stack, only: list[str] | None) -> int:
    chosen = [fault for fault in FAULTS if not only or fault.name in only]
    verdicts = [try_fault(fault, stack, watcher) for fault in chosen]
    fired = sum(len(verdict.fired) for verdict in verdicts)
    true = sum(len(verdict.fired & verdict.wanted) for verdict in verdicts)
    right = [verdict for verdict in verdicts if verdict.is_right()]
    print(f"{len(right)} of {len(verdicts)} faults raised exactly the right alerts")
    if fired:
        print(f"{true} of {fired} alerts were true ({true / fired:.0%})")
    wrong: list[Verdict] = [verdict for verdict in verdicts if not verdict.is_right()]
    for verdict in wrong:
        print(f"  {verdict}")
    return 1 if wrong else 0


def main() -> int:
    chosen = arguments()
    if packages := missing():
        print(f"missing: apt-get install {' '.join(packages)}", file=sys.stderr)
        return 2
    folder = Path(tempfile.mkdtemp(prefix="pyrometer-stack-"))
    stack = Stack(folder)
    watcher = Watcher(stack)
    try:
        print("starting the stack")
        stack.start()
        with traffic(stack):
            watcher.start(chosen.binary)
            wait_for("all targets are scraped", lambda: not watcher.down())
            wait_for("every job's pack is found", lambda: all(watcher.detected().values()))
            for job, packs in watcher.detected().items():
                print(f"  {job}: {', '.join(packs)}")
            if chosen.what == "healthy":
                return healthy(watcher, chosen.minutes)
            return faults(watcher, stack, chosen.only)
    finally:
        stack.fleet.stop_all()
        if chosen.keep:
            print(f"kept {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
