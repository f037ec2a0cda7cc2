"""Cost of counting and of exposing, ours and prometheus_client's in turn in one process.

Prints one JSON object on the last line. ``*_ns`` is processor time per operation in nanoseconds
(the least of the rounds, since every disturbance adds), ``*_ms`` per call in milliseconds,
``*_ratio`` the rival's by ours.

    python benches/bench_client.py [--rounds N]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any, Callable

import prometheus_client

import pyrometer

# Long enough that the clock's resolution is below a thousandth of a round.
SECONDS_A_ROUND = 0.02
N_SERIES = (10_000, 100_000)


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
        for _ in range(n):
            inc()

    def labels_inc(n: int) -> None:
        for _ in range(n):
            labelled.labels("GET", "/").inc()

    def labels_by_name_inc(n: int) -> None:
        for _ in range(n):
            labelled.labels(method="GET", path="/").inc()

    def gauge_set(n: int) -> None:
        for _ in range(n):
            gauge.set(1.5)

    def observe(n: int) -> None:
        for _ in range(n):
            histogram.observe(0.3)

    def with_time(n: int) -> None:
        for _ in range(n):
            with histogram.time():
                pass

    def time_decorator(n: int) -> None:
        for _ in range(n):
            timed()

    return {
        "inc": inc,
        "labels_inc": labels_inc,
        "labels_by_name_inc": labels_by_name_inc,
        "gauge_set": gauge_set,
        "observe": observe,
        "with_time": with_time,
        "time_decorator": time_decorator,
    }


def generate(package: Any, n_series: int) -> Callable[[int], None]:
    """Exposes everything, after so many series were added."""
    family = package.Counter(f"bench_series_{n_series}", "help", ["number", "kind"])
    for number in range(n_series):
        family.labels(str(number), "some kind").inc(number)

    def run(n: int) -> None:
        for _ in range(n):
            package.generate_latest()

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    prometheus_client.disable_created_metrics()
    pyrometer.disable_created_metrics()
    figures: dict[str, float] = {}
    ours, rival = operations(pyrometer), operations(prometheus_client)
    for name in ours:
        a, b = measure(ours[name], rival[name], rounds)
        figures[f"{name}_ns"] = round(a * 1e9, 1)
        figures[f"rival_{name}_ns"] = round(b * 1e9, 1)
        figures[f"{name}_ratio"] = round(b / a, 2)
        print(f"{name:20} {a * 1e9:8.1f} ns   rival {b * 1e9:8.1f} ns", file=sys.stderr)
    for n_series in N_SERIES:
        runs = (generate(package, n_series) for package in (pyrometer, prometheus_client))
        a, b = measure(*runs, max(3, rounds // 3))
        name = f"generate_{n_series // 1000}k"
        figures[f"{name}_ms"] = round(a * 1e3, 3)
        figures[f"rival_{name}_ms"] = round(b * 1e3, 3)
        figures[f"{name}_ratio"] = round(b / a, 2)
        print(f"{name:20} {a * 1e3:8.2f} ms   rival {b * 1e3:8.2f} ms", file=sys.stderr)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
