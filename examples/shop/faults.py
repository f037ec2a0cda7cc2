"""The fault of the demo: the switch that payments reads, and the schedule that turns it.

The switch is a small JSON file, because every worker process of payments must see it, and because
a person can turn it by hand: `python faults.py --file FILE set --slow 0.4 0.9 --failing 0.7`.
"""

import argparse
import dataclasses
import json
import os
import sys
import threading


@dataclasses.dataclass(frozen=True)
class Fault:
    """What is wrong with payments at one moment; the default is nothing.

    `slow_s` is the range in seconds from which each payment's extra delay is drawn, `failing` the
    share of payments, 0 to 1, that raise an exception.
    """

    slow_s: tuple[float, float] = (0.0, 0.0)
    failing: float = 0.0


NONE = Fault()


def read(path):
    """The fault in force. A missing or damaged file means none: the switch must not be a fault."""
    try:
        with open(path, encoding="utf-8") as file:
            told = json.load(file)
        low, high = told["slow_s"]
        return Fault((float(low), float(high)), float(told["failing"]))
    except (OSError, ValueError, TypeError, KeyError):
        return NONE


def write(path, fault):
    """Sets the fault in one step: a reader sees the old file or the new one, never half of one."""
    beside = f"{path}.new"
    with open(beside, "w", encoding="utf-8") as file:
        json.dump(dataclasses.asdict(fault), file)
    os.replace(beside, path)


@dataclasses.dataclass(frozen=True)
class Phase:
    """A span of the schedule: how long in seconds, what is wrong, and a sentence for the reader."""

    seconds: float
    fault: Fault
    says: str


def cycle(calm_s, slow_s, failing_s, recovery_s):
    """One round of the schedule: calm, then slow, then slow and failing, then well again."""
    slow = Fault((0.4, 0.9))
    failing = Fault((0.4, 0.9), 0.7)
    return [
        Phase(calm_s, NONE, "payments is well"),
        Phase(slow_s, slow, "payments is slow: 400 to 900 ms more for each payment"),
        Phase(failing_s, failing, "payments is slow, and 70 % of the payments raise"),
        Phase(recovery_s, NONE, "payments is well again"),
    ]


def run(path, phases, cycles, stop, say):
    """Plays `phases` `cycles` times (0: without end) until `stop` is set; leaves no fault on."""
    done = 0
    try:
        while cycles == 0 or done < cycles:
            for phase in phases:
                if phase.seconds <= 0:
                    continue
                write(path, phase.fault)
                say(f"{phase.says} (for {phase.seconds:g} s)")
                if stop.wait(phase.seconds):
                    return
            done += 1
    finally:
        write(path, NONE)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--file", required=True, help="the switch that payments reads")
    commands = parser.add_subparsers(dest="command", required=True)
    play = commands.add_parser("play", help="calm, slow, failing, recovery, and again")
    play.add_argument("--calm", type=float, default=60, help="seconds (default 60)")
    play.add_argument("--slow", type=float, default=45, help="seconds (default 45)")
    play.add_argument("--failing", type=float, default=105, help="seconds (default 105)")
    play.add_argument("--recovery", type=float, default=240, help="seconds (default 240)")
    play.add_argument("--cycles", type=int, default=0, help="how often (default 0: without end)")
    set_ = commands.add_parser("set", help="turn the switch by hand; no arguments: no fault")
    set_.add_argument("--slow", type=float, nargs=2, default=(0, 0), metavar=("MIN", "MAX"))
    set_.add_argument("--failing", type=float, default=0, help="share of payments that raise")
    told = parser.parse_args()
    if told.command == "set":
        write(told.file, Fault(tuple(told.slow), told.failing))
        return
    phases = cycle(told.calm, told.slow, told.failing, told.recovery)
    if all(phase.seconds <= 0 for phase in phases):
        sys.exit("every phase is zero seconds long; give one of them some time")
    try:
        run(told.file, phases, told.cycles, threading.Event(), lambda text: print(text, flush=True))
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
