"""Prints the bytes of resident memory that one more child of a labelled metric takes.

    python benches/child_memory.py PACKAGE CLASS NUMBER
"""

from __future__ import annotations

import gc
import importlib
import sys
from pathlib import Path

PAGE_BYTES = 4096
# Made before the first look, so that what the first children cause is not counted.
N_FIRST = 1000


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES


def main() -> None:
    package, kind, number = importlib.import_module(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    metric = getattr(package, kind)("bench", "help", ["number"])
    # The texts are the caller's, whoever keeps them.
    texts = [str(n) for n in range(N_FIRST + number)]
    for text in texts[:N_FIRST]:
        metric.labels(text)
    gc.collect()
    before = resident_bytes()
    for text in texts[N_FIRST:]:
        metric.labels(text)
    gc.collect()
    print((resident_bytes() - before) / number)


if __name__ == "__main__":
    main()
