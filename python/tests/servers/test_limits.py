"""A host at its limits loses at most the sum over its processes, and is told once."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import run_python

PROGRAM = """
import logging, os, resource, signal
records = []
class Keep(logging.Handler):
    def emit(self, record): records.append(record.getMessage())
logging.getLogger("pyrometer").addHandler(Keep())
import pyrometer
def limit(which, value):
    resource.setrlimit(which, (value, resource.getrlimit(which)[1]))
{limit}
counter = pyrometer.Counter("c", "help", ["l"])
for n in range(20000):
    counter.labels(n).inc()
signal.setitimer(signal.ITIMER_REAL, 0)
text = pyrometer.generate_latest()
value = pyrometer.REGISTRY.get_sample_value
print(text.count(b'c_total{{'), value("pyrometer_unshared_series") > 0, len(records))
"""


@pytest.mark.parametrize(
    ("limit", "is_unshared"),
    [
        # A program that embeds Python may not ignore the signal as Python does.
        ("signal.signal(signal.SIGXFSZ, signal.SIG_DFL); limit(resource.RLIMIT_FSIZE, 1000)", True),
        (
            "signal.signal(signal.SIGXFSZ, signal.SIG_DFL); limit(resource.RLIMIT_FSIZE, 100000)",
            True,
        ),
        (
            "signal.signal(signal.SIGALRM, lambda *_: None); "
            "signal.setitimer(signal.ITIMER_REAL, 2e-4, 2e-4)",
            False,
        ),
    ],
    ids=["no file", "no second file", "a signal in every page"],
)
def test_a_limit_costs_the_sum_and_nothing_else(
    limit: str, is_unshared: bool, tmp_path: Path
) -> None:
    printed = run_python(PROGRAM.format(limit=limit), tmp_path)
    assert printed == f"20000 {is_unshared} {int(is_unshared)}\n"


def test_a_daemon_of_a_second_fork_still_belongs_to_its_program(tmp_path: Path) -> None:
    printed = run_python(
        """
import os, pyrometer
counter = pyrometer.Counter("c", "help")
counter.inc()
reader, writer = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.close(reader)
        os.closerange(3, writer); os.closerange(writer + 1, 100)
        counter.inc(10)
        os.write(writer, str(pyrometer.REGISTRY.get_sample_value("c_total")).encode())
    os._exit(0)
os.close(writer)
print(os.read(reader, 100).decode(), end=" ")
while os.read(reader, 1): pass
print(pyrometer.REGISTRY.get_sample_value("c_total"))
""",
        tmp_path,
    )
    assert printed == "11.0 11.0\n"


def test_a_pool_of_processes_adds_up(tmp_path: Path) -> None:
    (tmp_path / "job.py").write_text(
        """
import concurrent.futures, multiprocessing, pyrometer
counter = pyrometer.Counter("c", "help")
def work(n): counter.inc(n)
def run(method):
    context = multiprocessing.get_context(method)
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        list(pool.map(work, range(10)))
"""
    )
    printed = run_python(
        f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
import job, pyrometer
for method in ("fork", "forkserver", "spawn"):
    job.run(method)
print(pyrometer.REGISTRY.get_sample_value("c_total"))
""",
        tmp_path,
    )
    assert printed == "135.0\n"


def test_a_host_without_a_descriptor_left_counts_on(tmp_path: Path) -> None:
    printed = run_python(
        """
import resource, pyrometer
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
counter = pyrometer.Counter("c", "help")
counter.inc(5)
resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
print(counter._value.get(), b"c_total 5.0" in pyrometer.generate_latest())
""",
        tmp_path,
    )
    assert printed == "5.0 True\n"
