"""Cost of counting and of exposing, ours and prometheus_client's in turn in one process.

Prints one JSON object on the last line. ``*_ns`` is processor time per operation in nanoseconds
(the least of the rounds, since every disturbance adds), ``*_ms`` per call in milliseconds,
``*_bytes`` resident memory of one child more, ``*_ratio`` the rival's by ours. What begins with
``multiprocess_`` is measured against prometheus_client's multi-process mode.

    python benches/bench_client.py [--rounds N]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from itertools import repeat
from typing import Any, Callable

import prometheus_client
import prometheus_client.openmetrics.exposition

import pyrometer
import pyrometer.openmetrics.exposition
import pyrometer.protobuf

# Long enough that the clock's resolution is below a thousandth of a round.
SECONDS_A_ROUND = 0.005
# Series of one exposition.
SIZES = {"10k": 10_000, "100k": 100_000}
# What its figures begin with, by format.
FORMATS = {"text": "generate", "openmetrics": "openmetrics", "protobuf": "protobuf"}
# Children whose memory is measured.
N_CHILDREN = 20_000
HERE = Path(__file__).parent


def operations(package: Any) -> dict[str, Callable[[int], None]]:
    """Each runs its operation n times. All metrics are in the default registry, as in a service."""
    counter = package.Counter("bench_plain", "help")
    labelled = package.Counter("bench_labelled", "help", ["method", "path"])
    gauge = package.Gauge("bench_gauge", "help")
    histogram = package.Histogram("bench_histogram", "help")
    labelled.labels("GET", "/")

    @histogram.time()
    def timed() -> None:
        pass

    def inc(n: int) -> None:
        inc = counter.inc
        for _ in repeat(None, n):
            inc()

    def labels_inc(n: int) -> None:
        for _ in repeat(None, n):
            labelled.labels("GET", "/").inc()

    def labels_by_name_inc(n: int) -> None:
        for _ in repeat(None, n):
            labelled.labels(method="GET", path="/").inc()

    def gauge_set(n: int) -> None:
        for _ in repeat(None, n):
            gauge.set(1.5)

    def observe(n: int) -> None:
        for _ in repeat(None, n):
            histogram.observe(0.3)

    def observe_bound(n: int) -> None:
        observe = histogram.observe
        for _ in repeat(None, n):
            observe(0.3)

    def with_time(n: int) -> None:
        for _ in repeat(None, n):
            with histogram.time():
                pass

    def time_decorator(n: int) -> None:
        for _ in repeat(None, n):
            timed()

    return {
        "inc": inc,
        "labels_inc": labels_inc,
        "labels_by_name_inc": labels_by_name_inc,
        "gauge_set": gauge_set,
        "observe": observe,
        "observe_bound": observe_bound,
        "with_time": with_time,
        "time_decorator": time_decorator,
    }


def add_series(package: Any, size: str) -> None:
    family = package.Counter(f"bench_series_{size}", "help", ["number", "kind"])
    for number in range(SIZES[size]):
        family.labels(str(number), "some kind").inc(number)


def generate(package: Any, format: str) -> Callable[[int], None]:
    """Writes the default registry. Who is asked for protobuf and has none writes OpenMetrics,
    which is what Prometheus asks for next."""
    write = package.generate_latest
    if format != "text":
        write = package.openmetrics.exposition.generate_latest
    if format == "protobuf" and package is pyrometer:
        write = pyrometer.protobuf.generate_latest

    def run(n: int) -> None:
        for _ in repeat(None, n):
            write(package.REGISTRY)

    return run


def seconds(run: Callable[[int], None], n: int) -> float:
    start = time.process_time()
    run(n)
    return time.process_time() - start


def iterations(run: Callable[[int], None]) -> int:
    n = 1
    while seconds(run, n) < SECONDS_A_ROUND:
        n *= 2
    return n


def measure(ours: Callable[[int], None], rival: Callable[[int], None], rounds: int) -> list[float]:
    """Least seconds per operation of both, taken in turn."""
    pair = [(run, iterations(run)) for run in (ours, rival)]
    best = [float("inf"), float("inf")]
    for _ in range(rounds):
        for place, (run, n) in enumerate(pair):
            best[place] = min(best[place], seconds(run, n) / n)
    return best


class Figures:
    """What was measured: told as it comes, and as one object at the end."""

    def __init__(self) -> None:
        self.values: dict[str, float] = {}

    def add(self, name: str, unit: str, ours: float, rival: float) -> None:
        self.values[f"{name}_{unit}"] = round(ours, 3)
        self.values[f"rival_{name}_{unit}"] = round(rival, 3)
        self.values[f"{name}_ratio"] = round(rival / ours, 2)
        text = f"{name:28} {ours:10.1f} {unit:5}  rival {rival:10.1f}  ratio {rival / ours:6.1f}"
        print(text, file=sys.stderr)


def in_an_interpreter(script: str, *arguments: str, **environment: str) -> str:
    """The last line that a script of this folder prints, run by itself."""
    command = [sys.executable, str(HERE / script), *arguments]
    done = subprocess.run(
        command, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout.splitlines()[-1]


def measure_memory(figures: Figures) -> None:
    for kind in ("Counter", "Gauge", "Histogram"):
        n = str(N_CHILDREN)
        ours = float(in_an_interpreter("child_memory.py", "pyrometer", kind, n))
        rival = float(in_an_interpreter("child_memory.py", "prometheus_client", kind, n))
        with tempfile.TemporaryDirectory() as folder:
            shared = in_an_interpreter(
                *("child_memory.py", "prometheus_client", kind, n), PROMETHEUS_MULTIPROC_DIR=folder
            )
        name = f"{kind.lower()}_child"
        figures.add(name, "bytes", ours, rival)
        figures.add("multiprocess_" + name, "bytes", ours, float(shared))


def measure_import(figures: Figures) -> None:
    """Processor time, the least of some imports each in a new interpreter.

    Of byte code, which an installed package has and a checkout may lack.
    """
    least = {"pyrometer": float("inf"), "prometheus_client": float("inf")}
    with tempfile.TemporaryDirectory() as folder:
        environ = {**os.environ, "PYTHONPYCACHEPREFIX": folder}
        environ.pop("PYTHONDONTWRITEBYTECODE", None)
        # The first writes the byte code.
        for _ in range(8):
            for package in least:
                code = (
                    "import time; start = time.process_time(); "
                    f"import {package}; print(time.process_time() - start)"
                )
                done = subprocess.run(
                    [sys.executable, "-c", code], capture_output=True, check=True, env=environ
                )
                least[package] = min(least[package], float(done.stdout))
    figures.add("import", "ms", least["pyrometer"] * 1e3, least["prometheus_client"] * 1e3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=60)
    rounds = parser.parse_args().rounds
    prometheus_client.disable_created_metrics()
    pyrometer.disable_created_metrics()
    figures = Figures()
    ours, rival = operations(pyrometer), operations(prometheus_client)
    for name in ours:
        a, b = measure(ours[name], rival[name], rounds)
        figures.add(name, "ns", a * 1e9, b * 1e9)
    for size in SIZES:
        add_series(pyrometer, size)
        add_series(prometheus_client, size)
        for format, prefix in FORMATS.items():
            a, b = measure(
                generate(pyrometer, format), generate(prometheus_client, format), max(5, rounds // 8)
            )
            figures.add(f"{prefix}_{size}", "ms", a * 1e3, b * 1e3)
    measure_import(figures)
    measure_memory(figures)
    with tempfile.TemporaryDirectory() as folder:
        printed = in_an_interpreter(
            *("bench_multiprocess.py", "--rounds", str(rounds)), PROMETHEUS_MULTIPROC_DIR=folder
        )
    print(json.dumps(figures.values | json.loads(printed)))


if __name__ == "__main__":
    main()
