"""The package cannot hurt its host."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Iterator

import pytest
from conftest import run_python

import pyrometer
from pyrometer import _core, _runtime


def only_group(runtime_dir: Path) -> Path:
    (group,) = runtime_dir.iterdir()
    return group


def test_importing_touches_no_disk_and_loads_no_server(tmp_path: Path) -> None:
    printed = run_python("import sys, pyrometer; print(*sys.modules)", tmp_path)
    assert not (tmp_path / "runtime").exists()
    # What would make the import slow; `cargo xtask bench client` says how long it takes.
    slow = {"asyncio", "email", "http.server", "inspect", "logging", "socketserver", "ssl", "urllib"}
    assert not slow.intersection(printed.split())


def test_the_first_metric_announces_the_program(tmp_path: Path) -> None:
    run_python("import pyrometer; pyrometer.Counter('c', 'help')", tmp_path)
    group = only_group(tmp_path / "runtime")
    said = json.loads((group / "announce.json").read_text())
    assert said["service"] == "python"
    assert said["package_version"] == pyrometer.__version__
    assert (group.stat().st_mode & 0o777, group.parent.stat().st_mode & 0o777) == (0o700, 0o700)
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in group.iterdir())


@pytest.mark.parametrize(
    ("argv", "module", "name"),
    [
        (["/srv/shop.py"], None, "shop"),
        (["-c"], None, "python"),
        ([""], None, "python"),
        (["/x/__main__.py"], "shop.web.__main__", "shop.web"),
        (["/bin/gunicorn", "-w", "2", "-b", "localhost:80", "shop.web:app"], None, "shop.web"),
        (["/bin/gunicorn", "shop.web:create_app('x')", "-w", "2"], None, "shop.web"),
        (["/bin/gunicorn", "shop"], None, "shop"),
        (["/bin/gunicorn", "-c", "conf"], None, "gunicorn"),
        (["/x/__main__.py", "shop:app"], "gunicorn.__main__", "shop"),
        (["/bin/uvicorn", "shop:app", "--port", "8000"], None, "shop"),
        (["/bin/celery", "-A", "tasks", "worker"], None, "tasks"),
        (["/bin/flask", "--app", "shop:create", "run"], None, "shop"),
        (["/bin/flask", "run"], None, "flask"),
    ],
)
def test_a_program_has_a_name(argv: list[str], module: str, name: str) -> None:
    assert _runtime.program_name(argv, module) == name


def test_the_variable_names_the_service(tmp_path: Path) -> None:
    run_python(
        "import pyrometer; pyrometer.Counter('c', 'help')", tmp_path, PYROMETER_SERVICE=" till "
    )
    said = (only_group(tmp_path / "runtime") / "announce.json").read_text()
    assert json.loads(said)["service"] == "till"


def test_what_a_dead_service_left_is_removed_after_its_grace(tmp_path: Path) -> None:
    program = """
import time, pyrometer
pyrometer.Counter("c", "help").inc(7)
now = time.time()
time.time = lambda: now + {later}
pyrometer._core.sweep(time.time())
"""
    run_python(program.format(later=0), tmp_path)
    dead = only_group(tmp_path / "runtime")
    run_python(program.format(later=0), tmp_path)
    assert (dead / "gone").exists(), "noticed by the next that started"
    run_python(program.format(later=200), tmp_path)
    assert dead.exists(), "its last values can still be read"
    run_python(program.format(later=600), tmp_path)
    assert not dead.exists()


@pytest.fixture
def full_memory(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB, less than a first segment and its neighbours."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("NOT TESTED: only root can mount a small tmpfs")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


FULL = """
import logging, os, sys
records = []
class Keep(logging.Handler):
    def emit(self, record): records.append(record.getMessage())
logging.getLogger("pyrometer").addHandler(Keep())
import pyrometer
counters = [pyrometer.Counter(f"c{n}", "help", ["l"]) for n in range(100)]
for counter in counters:
    for label in range(100):
        counter.labels(label).inc()
if os.fork() == 0:
    [counter.labels("0").inc() for counter in counters]
    pyrometer.generate_latest()
    os._exit(0)
assert os.wait()[1] == 0
text = pyrometer.generate_latest().decode()
print(sum(line.startswith("c") and line.endswith("} 1.0") for line in text.splitlines()),
      len(records), "No space left" in records[0])
"""


def test_a_full_memory_costs_the_sum_and_nothing_else(full_memory: Path, tmp_path: Path) -> None:
    printed = run_python(FULL, tmp_path, PYROMETER_RUNTIME_DIR=str(full_memory / "runtime"))
    assert printed == "10000 1 True\n"


def test_memory_that_fills_up_later_costs_the_sum_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k,mode=700", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("NOT TESTED: only root can mount a small tmpfs")
    try:
        printed = run_python(FULL, tmp_path, PYROMETER_RUNTIME_DIR=str(folder / "runtime"))
    finally:
        subprocess.run(["umount", str(folder)], check=True)
    # The child's hundred went to shared memory or to its own heap; the parent's are all there.
    n_shown, n_records, _ = printed.split()
    assert int(n_shown) >= 9_900
    assert n_records == "1"


@pytest.mark.parametrize("place", ["a file", "a link", "a missing parent", "open to all"])
def test_a_runtime_folder_that_cannot_be_used_is_said_once(place: str, tmp_path: Path) -> None:
    runtime = tmp_path / "runtime"
    if place == "a file":
        runtime.write_text("")
    elif place == "a link":
        runtime.symlink_to("/tmp")
    elif place == "open to all":
        runtime.mkdir()
        runtime.chmod(0o777)
    else:
        runtime = tmp_path / "not" / "there"
    printed = run_python(
        """
import logging
records = []
class Keep(logging.Handler):
    def emit(self, record): records.append(record.getMessage())
logging.getLogger("pyrometer").addHandler(Keep())
import pyrometer
counter = pyrometer.Counter("c", "help", ["l"])
[counter.labels(n).inc() for n in range(10)]
print(pyrometer.generate_latest().count(b"c_total{"), len(records))
""",
        tmp_path,
        PYROMETER_RUNTIME_DIR=str(runtime),
    )
    assert printed == "10 1\n"


def test_a_folder_that_is_removed_under_a_process_costs_it_nothing(tmp_path: Path) -> None:
    printed = run_python(
        """
import os, shutil, pyrometer
counter = pyrometer.Counter("c", "help", ["l"])
counter.labels("a").inc()
shutil.rmtree(os.environ["PYROMETER_RUNTIME_DIR"])
for n in range(5000):
    counter.labels(n).inc()
print(pyrometer.generate_latest().count(b"c_total{"))
""",
        tmp_path,
    )
    assert printed == "5001\n"


def test_a_host_that_closes_all_descriptors_still_lives(tmp_path: Path) -> None:
    printed = run_python(
        """
import os, pyrometer
counter = pyrometer.Counter("c", "help")
gauge = pyrometer.Gauge("g", "help", multiprocess_mode="livesum")
counter.inc(); gauge.set(1)
os.closerange(3, 200)
if os.fork() == 0:
    counter.inc(); gauge.set(2)
    value = pyrometer.REGISTRY.get_sample_value
    assert (value("c_total"), value("g")) == (2, 3), (value("c_total"), value("g"))
    os._exit(0)
assert os.wait()[1] == 0
value = pyrometer.REGISTRY.get_sample_value
print(value("c_total"), value("g"))
""",
        tmp_path,
    )
    assert printed == "2.0 1.0\n"


def test_rubbish_in_the_group_costs_only_itself(tmp_path: Path) -> None:
    printed = run_python(
        """
import os, pyrometer
from pyrometer import _core
counter = pyrometer.Counter("c", "help")
counter.inc()
group = _core.group_dir()
open(f"{group}/77-1.0.seg", "wb").write(b"x" * 5000)
os.mkfifo(f"{group}/78-1.0.seg")
os.symlink("/etc/passwd", f"{group}/79-1.0.seg")
reading = _core.read_group()
assert len(reading.damaged()) == 3, reading.damaged()
print(pyrometer.REGISTRY.get_sample_value("c_total"))
""",
        tmp_path,
    )
    assert printed == "1.0\n"


def test_a_panic_stays_below_and_is_counted(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    printed = run_python(
        """
import pyrometer
from pyrometer import _core
pyrometer.Counter("c", "help")
_core.panic_on_purpose()
_core.panic_on_purpose()
print(pyrometer.REGISTRY.get_sample_value("pyrometer_internal_errors_total"))
""",
        tmp_path,
    )
    assert printed == "2.0\n"


def test_an_app_may_end_in_any_way(tmp_path: Path) -> None:
    """Objects that die late, a collection at the end, an `atexit` that still counts."""
    run_python(
        """
import atexit, gc, pyrometer
counter = pyrometer.Counter("c", "help")
class Late:
    def __del__(self): counter.inc()
late = Late()
late.cycle = late
atexit.register(counter.inc)
atexit.register(gc.collect)
""",
        tmp_path,
    )
    assert _core.is_enabled()


def test_a_finalizer_may_count_while_a_child_is_made(tmp_path: Path) -> None:
    printed = run_python(
        """
import pyrometer

class Nasty(pyrometer.Counter):
    def _metric_init(self):
        super()._metric_init()
        if self._labelvalues == ("outer",):
            # As a finalizer or a signal handler does, in the middle of it.
            nasty.labels("inner").inc()

nasty = Nasty("nasty", "help", ["kind"])
nasty.labels("outer").inc(2)
nasty.labels("inner").inc()
print(pyrometer.generate_latest().decode())
""",
        tmp_path,
    )
    assert 'nasty_total{kind="inner"} 2.0' in printed
    assert 'nasty_total{kind="outer"} 2.0' in printed
