"""Damages the files of a group at random; every reading succeeds, and what is whole stays exact.

    python tests/endurance/damages.py --damages 1000 --seed 7

A group of a process that lives, three that died and an archive is read from inside and, as a copy
in which the living one's file may be damaged too, from outside. Each file counts in a series of its
own, so a series whose file is whole must keep its value. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable

MEMORY_BYTES_MAX = 3 << 30
SECONDS_MAX = 20.0


def flip(path: Path, chance: random.Random) -> None:
    content = bytearray(path.read_bytes())
    used = max(64, len(content.rstrip(b"\0")))
    for _ in range(chance.randint(1, 30)):
        content[chance.randrange(min(used, len(content)))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


def cut(path: Path, chance: random.Random) -> None:
    os.truncate(path, chance.randrange(path.stat().st_size))


def garbage(path: Path, chance: random.Random) -> None:
    path.write_bytes(chance.randbytes(chance.randrange(100_000)))


def garbage_within(path: Path, chance: random.Random) -> None:
    with open(path, "r+b") as file:
        file.seek(chance.randrange(path.stat().st_size))
        file.write(chance.randbytes(chance.randrange(4096)))


def zeros(path: Path, chance: random.Random) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def huge(path: Path, chance: random.Random) -> None:
    os.truncate(path, 1 << chance.randrange(20, 38))
    with open(path, "r+b") as file:
        # The count of words that are used, and its twin: lies that agree, or do not.
        n_words = chance.choice([1 << 20, 1 << 27, 1 << 60])
        file.seek(16)
        file.write(n_words.to_bytes(8, sys.byteorder))
        file.seek(48)
        file.write(n_words.to_bytes(8, sys.byteorder))


def lengths(path: Path, chance: random.Random) -> None:
    """Huge lengths in the head of a record."""
    content = bytearray(path.read_bytes())
    at = content.find(b"prec", chance.randrange(max(1, len(content) // 8)))
    if at < 0:
        at = 128
    for offset in chance.choices(range(4, 24), k=6):
        content[min(at + offset, len(content) - 1)] = 255
    path.write_bytes(content)


def swap(path: Path, chance: random.Random) -> None:
    other = chance.choice([one for one in path.parent.iterdir() if one != path])
    shutil.copy2(other, path)


def fifo(path: Path, chance: random.Random) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


def link(path: Path, chance: random.Random) -> None:
    target = chance.choice(["/etc/passwd", "/dev/zero", path.name, "nowhere"])
    path.unlink()
    path.symlink_to(target)


def directory(path: Path, chance: random.Random) -> None:
    path.unlink()
    path.mkdir(0o700)


def mode(path: Path, chance: random.Random) -> None:
    path.chmod(chance.choice([0o000, 0o644, 0o666, 0o777]))


def owner(path: Path, chance: random.Random) -> None:
    if os.geteuid() == 0:
        os.chown(path, 12345, 12345)


def gone(path: Path, chance: random.Random) -> None:
    path.unlink()


Damage = Callable[[Path, random.Random], None]
DAMAGES: list[Damage] = [
    *(flip, flip, flip, cut, cut, garbage, garbage_within, garbage_within, zeros, huge, lengths),
    *(swap, fifo, link, directory, mode, owner, gone),
]
# Nothing of the file can be read, and that is no secret.
REPORTED = {garbage, zeros, fifo, link, directory, owner}


def values(reading: Any) -> dict[str, float]:
    samples = reading.samples(0, "work", False) or ()
    return {dict(labels)["file"]: value for _, labels, value, _ in samples}


def make_group() -> dict[str, float]:
    """Each file's series by the file's name; the living one's is "live"."""
    for n in range(6):
        pid = os.fork()
        if pid == 0:
            # The first ones are folded by those that follow.
            counter.labels(f"dead {n}").inc(n + 1)
            os._exit(0)
        os.waitpid(pid, 0)
    return values(_core.read_group())


def restore(pristine: Path, folder: Path, spare: str) -> None:
    for path in folder.iterdir():
        if path.name == spare or path.name.endswith(".lock"):
            continue
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    for path in pristine.iterdir():
        if path.name != spare and not path.name.endswith(".lock"):
            shutil.copy2(path, folder / path.name)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--damages", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    print(f"seed {arguments.seed}", flush=True)

    expected = make_group()
    group = Path(_core.group_dir() or "")
    live = f"{group.name}.0.seg"
    pristine = group.parent.parent / "pristine"
    shutil.copytree(group, pristine)
    copy = group.parent.parent / "copy" / group.name
    copy.parent.mkdir(0o700)
    shutil.copytree(group, copy)
    owners = {live: {"live"}}
    for path in pristine.glob("*.seg"):
        if path.name != live:
            text = path.read_bytes()
            owners[path.name] = {name for name in expected if name.encode() in text}
    # Memory that lies without end cannot be read into memory.
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, resource.RLIM_INFINITY))

    n_reported, slowest = 0, 0.0
    faults: list[str] = []
    for n in range(arguments.damages):
        inside = n % 2 == 0
        folder = group if inside else copy
        names = sorted([*owners, "announce.json"])
        victim = chance.choice([name for name in names if not (inside and name == live)])
        damage = chance.choice(DAMAGES)
        damage(folder / victim, chance)
        began = time.monotonic()
        reading = _core.read_group() if inside else _core.read_group(str(copy))
        page = pyrometer.generate_latest() if inside else b""
        slowest = max(slowest, time.monotonic() - began)
        what = f"{n}: {damage.__name__} of {victim} {'inside' if inside else 'outside'}"
        seen = values(reading)
        for name, value in expected.items():
            if name not in owners.get(victim, ()) and seen.get(name) != value:
                faults.append(f"{what}: {name} is {seen.get(name)}, not {value}")
            line = f'work_total{{file="{name}"}} {value}\n'.encode()
            if inside and name not in owners.get(victim, ()) and line not in page:
                faults.append(f"{what}: no {line!r} on the page")
        if victim.endswith(".seg"):
            n_reported += bool(reading.damaged())
            is_to_report = damage in REPORTED and (damage is not owner or os.geteuid() == 0)
            if is_to_report and not reading.damaged():
                faults.append(f"{what}: not reported")
        restore(pristine, folder, live if inside else "")
    final = values(_core.read_group())
    if final != expected:
        faults.append(f"in the end: {final}")
    result = {
        "seed": arguments.seed,
        "damages": arguments.damages,
        "reported": n_reported,
        "slowest_s": round(slowest, 3),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "errors": pyrometer.REGISTRY.get_sample_value("pyrometer_internal_errors_total"),
        "faults": faults[:10],
    }
    print(json.dumps(result))
    return 0 if not faults and slowest < SECONDS_MAX and result["errors"] == 0 else 1


if __name__ == "__main__":
    runtime = tempfile.mkdtemp(dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
    os.environ["PYROMETER_RUNTIME_DIR"] = os.path.join(runtime, "runtime")
    import pyrometer
    from pyrometer import _core

    counter = pyrometer.Counter("work", "Work", ["file"])
    counter.labels("live").inc(100)
    try:
        sys.exit(main())
    finally:
        shutil.rmtree(runtime)
