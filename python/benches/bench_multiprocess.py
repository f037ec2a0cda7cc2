"""Counting and collecting over processes, ours and prometheus_client's multi-process mode in turn.

Run by ``bench_client.py``, with ``PROMETHEUS_MULTIPROC_DIR`` set to an empty folder; prints one
JSON object on the last line. Collecting is what a ``/metrics`` view does: the text of all series,
summed over workers that are all alive and have counted once each.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
from itertools import repeat
from typing import Any, Callable

import prometheus_client
from bench_client import Figures, measure, operations
from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector

import pyrometer

N_WORKERS = 64
N_SERIES = 1000


def start_worker(families: list[Any]) -> int:
    """A process that has counted in every series, and waits to be ended."""
    readable, writable = os.pipe()
    pid = os.fork()
    if pid == 0:
        for family in families:
            for number in range(N_SERIES):
                family.labels(str(number)).inc()
        os.write(writable, b"!")
        while True:
            signal.pause()
    os.close(writable)
    if os.read(readable, 1) != b"!":
        raise RuntimeError("a worker ended before it had counted")
    os.close(readable)
    return pid


def ours(n: int) -> None:
    for _ in repeat(None, n):
        pyrometer.generate_latest()


def rival(n: int) -> None:
    for _ in repeat(None, n):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
        prometheus_client.generate_latest(registry)


def check(collect: Callable[[], bytes]) -> None:
    line = b'bench_collected_total{number="7"} %.1f' % N_WORKERS
    if line not in collect():
        raise RuntimeError("the sum over the workers is wrong")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=60)
    rounds = parser.parse_args().rounds
    pyrometer.disable_created_metrics()
    figures = Figures()
    of_ours, of_rival = operations(pyrometer), operations(prometheus_client)
    for name in ("inc", "labels_inc", "observe"):
        a, b = measure(of_ours[name], of_rival[name], rounds)
        figures.add("multiprocess_" + name, "ns", a * 1e9, b * 1e9)
    families = [
        package.Counter("bench_collected", "help", ["number"])
        for package in (pyrometer, prometheus_client)
    ]
    workers = [start_worker(families) for _ in range(N_WORKERS)]
    try:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
        check(pyrometer.generate_latest)
        check(lambda: prometheus_client.generate_latest(registry))
        a, b = measure(ours, rival, max(5, rounds // 8))
        figures.add("multiprocess_collect", "ms", a * 1e3, b * 1e3)
    finally:
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    print(json.dumps(figures.values))


if __name__ == "__main__":
    main()
