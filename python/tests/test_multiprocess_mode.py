"""What users of prometheus_client's multi-process mode do works, whatever the registry, the
program or the keeper of the numbers."""

from __future__ import annotations

from pathlib import Path

import prometheus_client.mmap_dict as real_mmap_dict
import pytest
from conftest import run_python
from prometheus_client.multiprocess import MultiProcessCollector as RealCollector

import pyrometer.client.mmap_dict as own_mmap_dict
from pyrometer.client.multiprocess import MultiProcessCollector, mark_process_dead

# Begins the programs below: forks, spawns, and reads the sum as prometheus_client's users do.
PROLOGUE = """
import os, sys, logging, pyrometer
pyrometer.install()
from prometheus_client import *
from prometheus_client import multiprocess, values, generate_latest, REGISTRY
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics

def in_child(work):
    child = os.fork()
    if child == 0:
        work()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0

def summed(*prefixes, path=None, encoder=generate_latest):
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry, path)
    text = encoder(registry).decode()
    return [line for line in text.splitlines() if line.startswith(prefixes)]

def check(found, expected):
    assert found == expected, f"{found} is not {expected}"
"""


def run(source: str, tmp_path: Path, **env: str) -> str:
    return run_python(PROLOGUE + source, tmp_path, **env)


def folder(tmp_path: Path) -> str:
    path = tmp_path / "multiproc"
    path.mkdir(exist_ok=True)
    return str(path)


EVERY_REGISTRY = """
private = CollectorRegistry()
metrics = [Counter("none", "help", registry=None), Counter("private", "help", registry=private)]
labelled = Counter("labelled", "help", ["a"], registry=None)
size = Histogram("size", "help", buckets=[1, 2], registry=None)
took = Summary("took", "help", registry=None)
both = Counter("both", "help"), Counter("both", "help", registry=None)
def work():
    for one in metrics + list(both):
        one.inc()
    labelled.labels("x").inc(2)
    size.observe(1.5)
    took.observe(3)
work()
in_child(work)
in_child(work)
"""


@pytest.mark.parametrize("variable", ["PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir"])
def test_every_metric_counts_whatever_its_registry(tmp_path: Path, variable: str) -> None:
    printed = run(
        EVERY_REGISTRY
        + """
import warnings
warnings.simplefilter("ignore")
check(summed("none", "private", "labelled", "size", "took", "both"), [
    "both_total 6.0",
    "none_total 3.0",
    "private_total 3.0",
    'labelled_total{a="x"} 6.0',
    'size_bucket{le="1.0"} 0.0',
    'size_bucket{le="2.0"} 3.0',
    'size_bucket{le="+Inf"} 3.0',
    "size_count 3.0",
    "size_sum 4.5",
    "took_count 3.0",
    "took_sum 9.0",
])
# The registries themselves show what they did: this process's, and the default one's sum.
assert b"private_total 1.0" in generate_latest(private)
assert b"none_total" not in generate_latest(REGISTRY) and b"private" not in generate_latest()
assert b"both_total 3.0" in generate_latest(REGISTRY)
print("summed")
""",
        tmp_path,
        PYROMETER_SERVICE="mode",
        PROMETHEUS_DISABLE_CREATED_SERIES="1",
        **{variable: folder(tmp_path)},
    )
    assert printed == "summed\n"


def test_without_the_variable_a_private_metric_stays_in_its_process(tmp_path: Path) -> None:
    run(EVERY_REGISTRY + 'check(summed("none", "private", "both_t"), ["both_total 3.0"])', tmp_path)


def test_another_folder_has_another_sum(tmp_path: Path) -> None:
    run(
        EVERY_REGISTRY
        + """
check(summed("none_t"), ["none_total 3.0"])
check(summed("none_t", path="/nowhere"), [])
""",
        tmp_path,
        PROMETHEUS_MULTIPROC_DIR=folder(tmp_path),
    )


def test_a_registry_with_metrics_of_its_own_and_the_sum_shows_each_once(tmp_path: Path) -> None:
    run(
        """
registry = CollectorRegistry()
multiprocess.MultiProcessCollector(registry)
own = Counter("own", "help", registry=registry)
level = Gauge("level", "help", registry=registry)
level.set_function(lambda: 7)
in_child(own.inc)
own.inc()
lines = generate_latest(registry).decode().splitlines()
check([line for line in lines if line.startswith(("own_total", "level"))], [
    "own_total 2.0", "level 7.0",
])
# In the default registry it adds what that does not show itself.
multiprocess.MultiProcessCollector(REGISTRY)
shown = Counter("shown", "help")
shown.inc()
lines = generate_latest(REGISTRY).decode().splitlines()
check([line for line in lines if line.startswith(("own_total", "shown_total"))], [
    "own_total 2.0", "shown_total 1.0",
])
""",
        tmp_path,
        PROMETHEUS_MULTIPROC_DIR=folder(tmp_path),
    )


def test_a_private_registry_that_is_shared_later_keeps_its_counts(tmp_path: Path) -> None:
    run(
        """
registry = CollectorRegistry()
own = Counter("own", "help", ["a"], registry=registry)
own.labels("x").inc(2)
registry.share()
own.labels("x").inc()
in_child(own.labels("x").inc)
line = 'own_total{a="x"} 4.0'
assert line in generate_latest(registry).decode()
check(summed("own_total"), [line])
""",
        tmp_path,
        PROMETHEUS_MULTIPROC_DIR=folder(tmp_path),
    )


def test_what_leaves_the_default_registry_stays_in_the_sum(tmp_path: Path) -> None:
    run(
        """
c = Counter("c", "help")
c.inc(2)
REGISTRY.unregister(c)
c.inc()
in_child(c.inc)
again = Counter("c", "help")
again.inc(10)
assert b"c_total 10.0" in generate_latest(REGISTRY)
check(summed("c_total"), ["c_total 14.0"])
""",
        tmp_path,
        PROMETHEUS_MULTIPROC_DIR=folder(tmp_path),
    )


def test_gauges_follow_their_modes_and_tell_processes_apart(tmp_path: Path) -> None:
    run(
        """
modes = ("all", "liveall", "min", "max", "sum", "livesum", "mostrecent", "livemostrecent")
gauges = {mode: Gauge(mode, "help", registry=None, multiprocess_mode=mode) for mode in modes}
me = f'{{pid="{os.getpid()}"}}'
for gauge in gauges.values():
    gauge.set(2)
check(summed("all", "liveall"), [f"all{me} 2.0", f"liveall{me} 2.0"])

from multiprocessing import Pipe
ours, theirs = Pipe()
child = os.fork()
if child == 0:
    for gauge in gauges.values():
        gauge.set(1)
    theirs.send("set")
    theirs.recv()
    os._exit(0)
ours.recv()
other = f'{{pid="{child}"}}'
check(sorted(summed("all", "liveall")), sorted([
    f"all{me} 2.0", f"all{other} 1.0", f"liveall{me} 2.0", f"liveall{other} 1.0",
]))
check(summed("min", "max", "sum", "livesum", "mostrecent", "livemostrecent"), [
    "min 1.0", "max 2.0", "sum 3.0", "livesum 3.0", "mostrecent 1.0", "livemostrecent 1.0",
])
ours.send("end")
os.waitpid(child, 0)
multiprocess.mark_process_dead(child)
check(summed("liveall", "min", "max", "sum", "livesum", "mostrecent", "livemostrecent"), [
    f"liveall{me} 2.0", "min 1.0", "max 2.0", "sum 3.0", "livesum 2.0", "mostrecent 1.0",
    "livemostrecent 2.0",
])
""",
        tmp_path,
        PROMETHEUS_MULTIPROC_DIR=folder(tmp_path),
    )


EVERYTHING = """
import multiprocessing
facts = Info("facts", "help")
state = Enum("state", "help", states=["up", "down"])
items = Counter("items", "help", ["a"])

class Custom:
    def collect(self):
        from prometheus_client.core import GaugeMetricFamily
        yield GaugeMetricFamily("custom", "help", 7)

REGISTRY.register(Custom())

def work():
    facts.info({"version": "1"})
    state.state("down")
    items.labels("x").inc(2)
    items.labels("y").inc(3)
    items.remove("x")
    items.labels("z").inc()
    items.clear()
    items.labels("kept").inc()

if __name__ == "__main__":
    items.labels("x").inc()
    worker = multiprocessing.get_context(sys.argv[1]).Process(target=work)
    worker.start()
    worker.join()
    assert worker.exitcode == 0
    names = ("facts", "state", "custom", "items_total", "process_start", "python_info", "python_gc")
    lines = summed(*names)
    check([line for line in lines if not line.startswith(("process", "python"))], [
        'facts_info{version="1"} 1.0',
        'state{state="up"} 0.0',
        'state{state="down"} 1.0',
        'items_total{a="kept"} 1.0',
        'items_total{a="x"} 1.0',
        "custom 7.0",
    ])
    for name in ("process_start_time_seconds", "python_info"):
        assert sum(line.startswith(name) for line in lines) == 1, lines
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("is_on", [True, False], ids=["mode on", "mode off"])
def test_all_kinds_of_collectors_are_shown_once(tmp_path: Path, method: str, is_on: bool) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROLOGUE + EVERYTHING)
    run_python(
        f"import runpy, sys; sys.argv = ['{program}', '{method}'];"
        f"runpy.run_path('{program}', run_name='__main__')",
        tmp_path,
        **({"PROMETHEUS_MULTIPROC_DIR": folder(tmp_path)} if is_on else {}),
    )


def test_programs_with_one_folder_count_for_one_sum(tmp_path: Path) -> None:
    """A web server, its task workers and an exporter of their own, each started by itself."""
    run(
        """
import subprocess
program = '''
import pyrometer
pyrometer.install()
from prometheus_client import Counter
Counter("jobs", "help").inc(2)
Counter("private", "help", registry=None).inc(3)
print("counted", flush=True)
input()
'''
workers = [
    subprocess.Popen([sys.executable, "-c", program], stdin=-1, stdout=-1, text=True)
    for _ in range(2)
]
for worker in workers:
    assert worker.stdout.readline() == "counted\\n"
check(sorted(summed("jobs_t", "private_t")), ["jobs_total 4.0", "private_total 6.0"])
for worker in workers:
    worker.communicate("")
check(sorted(summed("jobs_t", "private_t")), ["jobs_total 4.0", "private_total 6.0"])
""",
        tmp_path,
        PROMETHEUS_MULTIPROC_DIR=folder(tmp_path),
    )


def test_other_files_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    multiproc = Path(folder(tmp_path))
    kept = ["..pyrometer", "1-1.pyrometer", "notes.pyrometer", "9-9.txt"]
    for name in (*kept, "999999999-5.pyrometer"):
        (multiproc / name).write_text("")
    run(
        'Counter("c", "help", registry=None).inc(); check(summed("c_total"), ["c_total 1.0"])',
        tmp_path,
        PROMETHEUS_MULTIPROC_DIR=str(multiproc),
    )
    left = {path.name for path in multiproc.iterdir()}
    # A program that is gone is forgotten, and this one is noted.
    assert set(kept) < left and len(left) == len(kept) + 1
    assert "999999999-5.pyrometer" not in left


def test_a_value_class_with_its_own_identifier_keeps_its_files(tmp_path: Path) -> None:
    printed = run(
        """
import io
log = io.StringIO()
logging.getLogger("pyrometer").addHandler(logging.StreamHandler(log))
native = Counter("c", "help", ["a"])
native.labels("x").inc(10)
parent = os.getpid()
values.ValueClass = values.MultiProcessValue(lambda: f"worker {os.getpid() == parent}")
default, other = Counter("d", "help"), Counter("e", "help", registry=None)
live = Gauge("g", "help", multiprocess_mode="livesum")
everywhere = Gauge("everywhere", "help")
size = Histogram("h", "help", buckets=[1, 2])
def work():
    # A child that is made from now on is of the class, though its metric is older.
    native.labels("x").inc()
    native.labels("y").inc()
    default.inc(2)
    other.inc(3)
    live.set(5)
    everywhere.set(1)
    size.observe(1.5)
work()
in_child(work)
# The default registry shows what prometheus_client's does: this process's part of the files.
lines = generate_latest(REGISTRY).decode().splitlines()
wanted = ("c_total", "d_total", "e_total", "g ")
check([line for line in lines if line.startswith(wanted)], [
    'c_total{a="x"} 12.0', 'c_total{a="y"} 1.0', "d_total 2.0", "g 5.0",
])
check(sorted(summed("c_total", "d_total", "e_total", "g ", "h_", "everywhere")), sorted([
    'c_total{a="x"} 12.0',
    'c_total{a="y"} 2.0',
    "d_total 4.0",
    "e_total 6.0",
    "g 10.0",
    'h_bucket{le="1.0"} 0.0',
    'h_bucket{le="2.0"} 2.0',
    'h_bucket{le="+Inf"} 2.0',
    "h_count 2.0",
    "h_sum 3.0",
    'everywhere{pid="worker True"} 1.0',
    'everywhere{pid="worker False"} 1.0',
]))
multiprocess.mark_process_dead("worker False")
check(summed("g "), ["g 5.0"])
check(size._sum.get(), 1.5)
check(type(size._buckets[1]), values.ValueClass)
values.close_all_multiprocess_files()
default.inc()
check(default._value.get(), 3.0)
assert log.getvalue().count("ValueClass") == 1, log.getvalue()
print(sorted(os.listdir(os.environ["PROMETHEUS_MULTIPROC_DIR"]))[1:])
""",
        tmp_path,
        PROMETHEUS_MULTIPROC_DIR=folder(tmp_path),
        PROMETHEUS_DISABLE_CREATED_SERIES="1",
    )
    kinds = ("counter", "gauge_all", "gauge_livesum", "histogram")
    files = [f"{kind}_worker {is_parent}.db" for kind in kinds for is_parent in (False, True)]
    files.remove("gauge_livesum_worker False.db")
    assert printed == f"{files}\n"


def test_any_value_class_is_honoured(tmp_path: Path) -> None:
    run(
        """
made = []

class Kept:
    def __init__(self, typ, metric_name, name, labelnames, labelvalues, help_text, **kwargs):
        made.append((typ, metric_name, name, tuple(labelnames), tuple(labelvalues), kwargs))
        self.value = 0
    def inc(self, amount):
        self.value += amount
    def set(self, value, timestamp=None):
        self.value = value
    def get(self):
        return self.value

class WithExemplars(values.MutexValue):
    pass

values.ValueClass = Kept
c, g = Counter("c", "help", ["a"]), Gauge("g", "help")
s, h = Summary("s", "help"), Histogram("h", "help", buckets=[1])
c.labels("x").inc(2, exemplar={"trace": "lost"})
g.inc(3)
g.dec()
s.observe(4)
with h.time():
    pass
check(made, [
    ("gauge", "g", "g", (), (), {"multiprocess_mode": "all"}),
    ("summary", "s", "s_count", (), (), {}),
    ("summary", "s", "s_sum", (), (), {}),
    ("histogram", "h", "h_sum", (), (), {}),
    ("histogram", "h", "h_bucket", ("le",), ("1.0",), {}),
    ("histogram", "h", "h_bucket", ("le",), ("+Inf",), {}),
    ("counter", "c", "c_total", ("a",), ("x",), {}),
])
check((c.labels("x")._value.value, g._value.value, s._sum.value), (2, 2, 4))
check(REGISTRY.get_sample_value("c_total", {"a": "x"}), 2.0)
check(REGISTRY.get_sample_value("h_count"), 1.0)
try:
    c.labels("x").inc(-1)
    raise SystemExit("a counter went down")
except ValueError:
    pass
values.ValueClass = WithExemplars
e = Counter("e", "help")
e.inc(exemplar={"trace": "kept"})
assert '# {trace="kept"} 1.0' in openmetrics(REGISTRY).decode()
e.reset()
check(e._value.get(), 0)
values.ValueClass = values.MutexValue
native = Counter("native", "help")
check(type(native._value).__name__, "Cell")
""",
        tmp_path,
    )


# What a worker of the real prometheus_client does, which still runs or has left its files.
REAL = """
import os
from prometheus_client import Counter, Gauge, Histogram, Summary, values
values.ValueClass = values.MultiProcessValue(lambda: 77)
assert "pyrometer" not in values.__name__
Counter("c", "help", ["a"]).labels("x").inc(5)
Counter("gone", "of the old worker").inc()
Summary("s", "help").observe(2)
Histogram("h", "help", buckets=[1, 2]).observe(1.5)
for mode, value in (("all", 4), ("min", 4), ("max", 4), ("livesum", 4), ("mostrecent", 4)):
    Gauge(mode, "help", multiprocess_mode=mode).set(value)
Gauge("odd", "help").set(1)
"""


def test_files_of_the_old_client_are_added(tmp_path: Path) -> None:
    multiproc = folder(tmp_path)
    run_python(REAL, tmp_path, PROMETHEUS_MULTIPROC_DIR=multiproc)
    Path(multiproc, "counter_1.db").write_bytes(b"\xff" * 100)
    Path(multiproc, "counter_2.db").write_bytes(b"")
    printed = run(
        """
import io
log = io.StringIO()
logging.getLogger("pyrometer").addHandler(logging.StreamHandler(log))
Counter("c", "help", ["a"]).labels("x").inc(2, exemplar={"trace": "t"})
Summary("s", "help").observe(3)
Histogram("h", "help", buckets=[0.5, 2]).observe(1.5)
for mode in ("all", "min", "max", "livesum", "mostrecent"):
    Gauge(mode, "help", multiprocess_mode=mode).set(3)
# Another kind of thing by the same name: the living count.
Counter("odd", "help").inc()
names = ("c_t", "gone", "s_", "h_", "all", "min", "max", "livesum", "mostrecent", "odd")
check(sorted(summed(*names)), sorted([
    'c_total{a="x"} 7.0',
    "gone_total 1.0",
    "s_count 2.0",
    "s_sum 5.0",
    'h_bucket{le="0.5"} 0.0',
    'h_bucket{le="1.0"} 0.0',
    'h_bucket{le="2.0"} 2.0',
    'h_bucket{le="+Inf"} 2.0',
    "h_count 2.0",
    "h_sum 3.0",
    'all{pid="77"} 4.0',
    f'all{{pid="{os.getpid()}"}} 3.0',
    "min 3.0",
    "max 4.0",
    "livesum 7.0",
    "mostrecent 3.0",
    "odd_total 1.0",
]))
line = next(line for line in summed("c_total", encoder=openmetrics))
assert line.startswith('c_total{a="x"} 7.0 # {trace="t"} 2.0'), line
multiprocess.mark_process_dead(77)
check(summed("livesum"), ["livesum 3.0"])
for text in ("counter_1.db", "odd"):
    assert log.getvalue().count(text) == 1, log.getvalue()
print("added")
""",
        tmp_path,
        PROMETHEUS_MULTIPROC_DIR=multiproc,
        PROMETHEUS_DISABLE_CREATED_SERIES="1",
    )
    assert printed == "added\n"


def test_merge_gives_what_the_real_one_gives(tmp_path: Path) -> None:
    multiproc = folder(tmp_path)
    for worker in ("77", "78"):
        run_python(REAL.replace("77", worker), tmp_path, PROMETHEUS_MULTIPROC_DIR=multiproc)
    files = sorted(str(path) for path in Path(multiproc).glob("*.db"))
    assert len(files) == 2 * 8
    for accumulate in (True, False):
        theirs = {metric.name: metric for metric in RealCollector.merge(files, accumulate)}
        ours = {metric.name: metric for metric in MultiProcessCollector.merge(files, accumulate)}
        assert list(ours) == list(theirs)
        for name, metric in theirs.items():
            assert (ours[name].type, ours[name].documentation) == (metric.type, "help") or (
                name == "gone"
            )
            assert [tuple(sample) for sample in ours[name].samples] == [
                tuple(sample) for sample in metric.samples
            ], name
    with pytest.raises(FileNotFoundError):
        MultiProcessCollector.merge([str(tmp_path / "counter_9.db")])
    damaged = tmp_path / "counter_8.db"
    damaged.write_bytes(Path(files[0]).read_bytes()[:30])
    with pytest.raises(RuntimeError, match="corrupted"):
        MultiProcessCollector.merge([str(damaged)])
    mark_process_dead(9, str(tmp_path / "nowhere"))


@pytest.mark.parametrize("write, read", [(0, 1), (1, 0)], ids=["ours to real", "real to ours"])
def test_files_are_read_and_continued_by_the_other_package(
    tmp_path: Path, write: int, read: int
) -> None:
    modules = [own_mmap_dict, real_mmap_dict]
    path = str(tmp_path / "counter_1.db")
    keys = [
        modules[write].mmap_key("m", "m_total", ["b", "a"], ["é" * n, "x"], "help\n")
        for n in range(9)
    ] + ["k" * 100_000]
    written = modules[write].MmapedDict(path)
    for number, key in enumerate(keys):
        written.write_value(key, number, number / 2)
    written.close()
    again = modules[read].MmapedDict(path)
    assert list(again.read_all_values()) == [
        (key, number, number / 2) for number, key in enumerate(keys)
    ]
    again.write_value("one more", 1.0, 0.0)
    again.close()
    entries = list(modules[write].MmapedDict.read_all_values_from_file(path))
    assert [entry[0] for entry in entries] == [*keys, "one more"]


HOSTILE = [
    b"",
    b"\x00",
    b"\xff\xff\xff\x7f" + bytes(12),
    b"\xff\xff\xff\xff" + b"\xff" * 60,
    b"\x40\x00\x00\x00\x00\x00\x00\x00\xf0\xff\xff\xff" + bytes(64),
    b"\x28\x00\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00\xff\xfe\xfd\xfc" + bytes(32),
    b"\x28\x00\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00[1]\x20" + bytes(32),
    b"\x28\x00\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00nan\x20" + bytes(32),
]


@pytest.mark.parametrize("content", HOSTILE, ids=range(len(HOSTILE)))
def test_a_file_of_rubbish_costs_itself(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "counter_1.db").write_bytes(content)
    sound = own_mmap_dict.MmapedDict(str(tmp_path / "counter_2.db"))
    sound.write_value(own_mmap_dict.mmap_key("sound", "sound_total", [], [], ""), 3.0, 0.0)
    sound.close()
    collector = MultiProcessCollector(None, str(tmp_path))
    found = {metric.name: metric for metric in collector.collect()}
    assert found["sound"].samples[0].value == 3.0
    is_empty = not any(content)
    assert ("counter_1.db" in caplog.text) != is_empty, caplog.text


def test_a_path_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="no folder"):
        MultiProcessCollector(None, str(tmp_path / "file"))


def test_a_folder_that_goes_away_ends_no_request(tmp_path: Path) -> None:
    run(
        """
import shutil
identity = 1
values.ValueClass = values.MultiProcessValue(lambda: identity)
c = Counter("c", "help")
c.inc()
shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"])
identity = 2
c.inc()
c.inc()
check(c._value.get(), 2.0)
check(summed("c_total"), [])
values.ValueClass = values.MutexValue
Counter("d", "help", registry=None).inc()
check(summed("d_total"), ["d_total 1.0"])
""",
        tmp_path,
        PROMETHEUS_MULTIPROC_DIR=folder(tmp_path),
    )


def test_a_program_that_measures_nothing_may_be_the_exporter(tmp_path: Path) -> None:
    multiproc = folder(tmp_path)
    env = {"PROMETHEUS_MULTIPROC_DIR": multiproc}
    run('Counter("c", "help", registry=None).inc(4)', tmp_path, **env)
    source = """
import pyrometer
pyrometer.install()
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
registry = CollectorRegistry()
MultiProcessCollector(registry)
print(b"c_total 4.0" in generate_latest(registry))
"""
    assert run_python(source, tmp_path, **env) == "True\n"
