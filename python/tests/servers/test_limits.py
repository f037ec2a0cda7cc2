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


def test_a_host_without_a_descriptor_left_counts_on_and_says_what_is_missing(
    tmp_path: Path,
) -> None:
    printed = run_python(
        """
import resource, pyrometer
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
counter = pyrometer.Counter("c", "help")
counter.inc(5)
page = pyrometer.generate_latest()
value = pyrometer.REGISTRY.get_sample_value
print(b"c_total 5.0" in page, b"\\npyrometer_unshared_series 0.0" in page,
      value("pyrometer_unshared_series") > 0)
resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
page = pyrometer.generate_latest()
print(counter._value.get(), b"c_total 5.0" in page, page.count(b"# TYPE process_cpu_seconds_total"))
""",
        tmp_path,
    )
    assert printed == "True False True\n5.0 True 1\n"


@pytest.mark.parametrize("mb", [0.5, 1, 2, 4])
def test_a_host_short_of_memory_counts_on_and_is_told_as_python_tells(
    mb: float, tmp_path: Path
) -> None:
    printed = run_python(
        f"""
import resource, pyrometer
counter = pyrometer.Counter("c", "help", ["n"])
for n in range(1000): counter.labels(n).inc()
with open("/proc/self/statm") as statm:
    used = int(statm.read().split()[0]) * resource.getpagesize()
hard = resource.getrlimit(resource.RLIMIT_AS)[1]
resource.setrlimit(resource.RLIMIT_AS, (used + int({mb} * 1e6), hard))
for n in range(1000): counter.labels(n).inc()
try:
    pyrometer.generate_latest()
except MemoryError:
    pass
resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
print(counter.labels(7)._value.get(), pyrometer.generate_latest().count(b"c_total{{"))
""",
        tmp_path,
    )
    assert printed == "2.0 1000\n"


@pytest.mark.parametrize("place", ["/proc/nowhere", "/dev/null", "/dev/null/below"])
def test_a_host_without_a_place_to_write_counts_on_alone(place: str, tmp_path: Path) -> None:
    printed = run_python(
        """
import pyrometer
counter = pyrometer.Counter("c", "help")
counter.inc(2)
value = pyrometer.REGISTRY.get_sample_value
print(value("c_total"), value("pyrometer_unshared_series") > 0)
""",
        tmp_path,
        PYROMETER_RUNTIME_DIR=place,
    )
    assert printed == "2.0 True\n"


def test_a_second_interpreter_of_a_process_is_refused(tmp_path: Path) -> None:
    printed = run_python(
        """
import sys
import pyrometer
if sys.version_info >= (3, 13):
    import _interpreters as interpreters
    make = lambda: interpreters.create("legacy")
else:
    import _xxsubinterpreters as interpreters
    make = lambda: interpreters.create(isolated=False)
REFUSED = "try: import pyrometer\\nexcept ImportError as error: print('another' in str(error), flush=True)"
counter = pyrometer.Counter("c", "help")
counter.inc()
for _ in range(2):
    other = make()
    interpreters.run_string(other, REFUSED)
    interpreters.destroy(other)
counter.inc()
print(pyrometer.REGISTRY.get_sample_value("c_total"))
""",
        tmp_path,
    )
    assert printed == "True\nTrue\n2.0\n"
