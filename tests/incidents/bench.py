"""How often the true cause stands first: replays of recorded faults, and of synthetic ones.

    python tests/incidents/bench.py --binary FILE --recordings FOLDER [--held-out FOLDER]
    python tests/incidents/bench.py --binary FILE --synthetic [--cases 240]

The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import synthetic
from judging import Verdict, judged, replayed, summary

# A replay is one process; the machine has other work too.
AT_ONCE = 2
# A third of the synthetic cases is kept apart, as of the faults.
HELD_OUT_EVERY = 3


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--binary", type=Path, required=True)
    parser.add_argument("--recordings", type=Path, help="what `run.py record` wrote")
    parser.add_argument("--held-out", type=Path, help="recordings that nobody tunes with")
    parser.add_argument("--synthetic", action="store_true")
    parser.add_argument("--cases", type=int, default=240)
    parser.add_argument("--quiet", action="store_true", help="figures only")
    return parser.parse_args()


def of_folder(binary: Path, folder: Path) -> Verdict:
    truth = json.loads((folder / "truth.json").read_text())
    return judged(truth, replayed(binary, folder, truth))


def of_recordings(chosen: argparse.Namespace, folder: Path, title: str) -> dict[str, float]:
    folders = sorted(path.parent for path in folder.glob("*/truth.json"))
    if not folders:
        print(f"{folder} holds no recording", file=sys.stderr)
        return {}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        verdicts = list(pool.map(lambda one: of_folder(chosen.binary, one), folders))
    # What is kept apart stays unseen: only its figures are told.
    if not chosen.quiet and title != "held_out":
        print("\n".join(str(verdict) for verdict in verdicts))
    return summary(title, verdicts)


def of_seed(binary: Path, seed: int) -> Verdict:
    case = synthetic.make(seed)
    with tempfile.TemporaryDirectory(prefix="pyrometer-synthetic-") as folder:
        synthetic.write(case, Path(folder))
        return of_folder(binary, Path(folder))


def of_synthetic(chosen: argparse.Namespace) -> dict[str, float]:
    seeds = range(chosen.cases)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        verdicts = dict(zip(seeds, pool.map(lambda seed: of_seed(chosen.binary, seed), seeds)))
    figures: dict[str, float] = {}
    known = {seed: one for seed, one in verdicts.items() if not is_held_out(seed)}
    if not chosen.quiet:
        print("\n".join(str(one) for one in known.values()))
    for fault in synthetic.FAULTS:
        summary(f"synthetic_{fault}", (one for one in known.values() if one.fault.startswith(fault)))
    figures |= summary("synthetic", known.values())
    apart = [one for seed, one in verdicts.items() if is_held_out(seed)]
    return figures | summary("synthetic_held_out", apart)


def is_held_out(seed: int) -> bool:
    # Each kind of fault, at each step, comes into both parts.
    return (seed // len(synthetic.FAULTS) // len(synthetic.STEPS)) % HELD_OUT_EVERY == 2


def main() -> int:
    chosen = arguments()
    figures: dict[str, float] = {}
    if chosen.recordings:
        figures |= of_recordings(chosen, chosen.recordings, "recorded")
    if chosen.held_out:
        figures |= of_recordings(chosen, chosen.held_out, "held_out")
    if chosen.synthetic:
        figures |= of_synthetic(chosen)
    print(json.dumps({name: float(f"{value:.4g}") for name, value in figures.items()}))
    return 0 if figures else 1


if __name__ == "__main__":
    sys.exit(main())
