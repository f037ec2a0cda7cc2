"""Kills workers at random moments while they count, fold and grow; nothing may be lost.

    python tests/endurance/kills.py --kills 1000

Forked workers count in 700 series, more than a first file holds, and write down in a file of their
own what they are about to count and what they have counted. Each is killed (SIGKILL) after a random
time, half of them within the first milliseconds, in which they fold those that died before. A
reader inside the group and one outside scrape all the while. The last line is one JSON object; the
time of a scrape in it is for people to judge, since a machine may do other things meanwhile.
"""

from __future__ import annotations

import argparse
import itertools
import json
import mmap
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

N_SERIES = 700
N_WORKERS = 3

READER = """
import sys, time
from pyrometer import _core
seen, n, fallen, damaged = 0.0, 0, 0, []
print("ready", flush=True)
import select
while not select.select([sys.stdin], [], [], 0)[0]:
    reading = _core.read_group(sys.argv[1])
    now = sum(sample[2] for sample in reading.samples(0, "work", False))
    fallen += now < seen
    seen, n = max(seen, now), n + 1
    damaged += reading.damaged()
print(n, fallen, len(damaged), *damaged[:3])
"""


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    return parser.parse_args()


def work(words: memoryview, slot: int) -> None:
    # Begun in the even word, done in the odd one: between the two, one count is in flight.
    for n in itertools.count():
        words[2 * slot] = n + 1
        children[(slot + n) % N_SERIES].inc()
        words[2 * slot + 1] = n + 1


def start(words: memoryview, slot: int) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            work(words, slot)
        finally:
            os._exit(1)
    return pid


# Workers that count. Whatever goes wrong, none must go on for ever.
alive: list[int] = []


def scrape_seconds() -> float:
    """How long a reading takes, with no worker alive."""
    times = []
    for _ in range(15):
        began = time.perf_counter()
        _core.read_group()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def main() -> int:
    arguments = parse()
    chance = random.Random(arguments.seed)
    with tempfile.TemporaryFile() as file:
        file.truncate(16 * (arguments.kills + 1))
        words = memoryview(mmap.mmap(file.fileno(), 0)).cast("Q")
    folder = Path(_core.group_dir() or "")
    outside = subprocess.Popen(
        [sys.executable, "-c", READER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert outside.stdin and outside.stdout and outside.stdout.readline() == "ready\n"
    seen, n_fallen, n_killed, n_amid = 0.0, 0, 0, 0
    files_max = 0
    seconds: dict[int, float] = {}
    for slot in range(arguments.kills):
        alive.append(start(words, slot))
        time.sleep(chance.uniform(0, 0.004) if slot % 2 else chance.uniform(0, 0.03))
        victim = alive.pop() if slot % 2 or len(alive) == N_WORKERS else None
        dying = [victim] if victim else []
        if slot in (9, arguments.kills - 1):
            dying += alive
            alive.clear()
        for pid in dying:
            os.kill(pid, signal.SIGKILL)
            assert os.waitpid(pid, 0)[1] == signal.SIGKILL
            n_killed += 1
        names = os.listdir(folder)
        n_amid += any(name.endswith(".new") for name in names)
        files_max = max(files_max, len(names))
        reading = _core.read_group()
        now = sum(sample[2] for sample in reading.samples(0, "work", False) or ())
        n_fallen += now < seen
        seen = max(seen, now)
        if not alive:
            # One that lives folds them all.
            assert os.waitpid(fold_once(), 0)[1] == 0
            seconds[n_killed] = scrape_seconds()
    begun, done = sum(words[0::2]), sum(words[1::2])
    counted = sum(sample[2] for sample in _core.read_group().samples(0, "work", False) or ())
    output, _ = outside.communicate("stop")
    n_scrapes, n_outside_fallen, n_damaged = map(int, output.split()[:3])
    result = {
        "seed": arguments.seed,
        "kills": n_killed,
        "done": done,
        "counted": counted,
        "begun": begun,
        "killed_amid_a_new_file": n_amid,
        "scrapes_outside": n_scrapes,
        "fallen": n_fallen + n_outside_fallen,
        "damaged": n_damaged,
        "files_max": files_max,
        "files_left": sorted(os.listdir(folder)),
        "scrape_ms": {n: round(1000 * value, 2) for n, value in seconds.items()},
    }
    print(json.dumps(result))
    is_good = (
        done <= counted <= begun
        and result["fallen"] == 0
        and n_damaged == 0
        and len(result["files_left"]) <= 8
        and files_max <= 40
        and outside.returncode == 0
    )
    return 0 if is_good else 1


def fold_once() -> int:
    pid = os.fork()
    if pid == 0:
        children[0].inc(0)
        os._exit(0)
    return pid


if __name__ == "__main__":
    runtime = tempfile.mkdtemp(dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
    os.environ["PYROMETER_RUNTIME_DIR"] = os.path.join(runtime, "runtime")
    import pyrometer
    from pyrometer import _core

    counter = pyrometer.Counter("work", "Work", ["n"])
    children = [counter.labels(n) for n in range(N_SERIES)]
    try:
        sys.exit(main())
    finally:
        for pid in alive:
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(runtime)
