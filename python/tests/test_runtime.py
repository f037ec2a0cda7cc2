"""What the interpreter costs a service: collections, loops, the interpreter lock, workers."""

from __future__ import annotations

import gc
import sys
import types
from pathlib import Path
from typing import Any, Optional

import pytest
from conftest import run_python

import pyrometer
from pyrometer.runtime import capacity, memory

# What each program below begins with.
PRELUDE = """
import asyncio, gc, os, sys, threading, time, weakref
import pyrometer, pyrometer.runtime
from pyrometer.runtime import loops, serving
def value(name, **labels):
    return pyrometer.REGISTRY.get_sample_value(name, labels)
def wait_for(look):
    deadline = time.monotonic() + 20
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.01)
def n_threads():
    return len(os.listdir("/proc/self/task"))
LAG = "python_asyncio_loop_lag_seconds"
WAIT = "python_gil_wait_seconds"
"""


def check(source: str, tmp_path: Path, expected: str = "", **env: str) -> None:
    assert run_python(PRELUDE + source, tmp_path, **env).strip() == expected


def test_each_collection_is_timed_in_its_generation(tmp_path: Path) -> None:
    check(
        "pyrometer.Counter('c', 'help').inc()\n"
        "name = 'python_gc_duration_seconds'\n"
        "before = value(f'{name}_count', generation='2')\n"
        "began = time.perf_counter()\n"
        "for _ in range(3): gc.collect()\n"
        "took = time.perf_counter() - began\n"
        "gc.disable()\n"
        "print(value(f'{name}_count', generation='2') - before)\n"
        "assert 0 < value(f'{name}_sum', generation='2') < took + 1\n"
        "assert value(f'{name}_bucket', generation='2', le='1.0') >= 3\n",
        tmp_path,
        "3.0",
    )


def test_a_pause_without_a_beginning_is_no_number() -> None:
    counters = pyrometer._core.GcCounters([(0, 0, 0)] * 3)
    name = "python_gc_duration_seconds_sum"
    info = {"generation": 2, "collected": 0, "uncollectable": 0}
    gc.disable()
    try:
        counters("stop", info)
        counters("stop", {"generation": 99, "collected": 0, "uncollectable": 0})
        counters("start", info)
        counters("stop", info)
        total = pyrometer.REGISTRY.get_sample_value(name, {"generation": "2"})
    finally:
        gc.enable()
    assert total is not None and 0 <= total < 1


def test_a_loop_that_is_blocked_is_late(tmp_path: Path) -> None:
    check(
        "pyrometer.runtime.instrument()\n"
        "async def main():\n"
        "    tasks = [asyncio.create_task(asyncio.sleep(60)) for _ in range(4)]\n"
        "    while not value(f'{LAG}_count'): await asyncio.sleep(0.01)\n"
        "    print(value('python_asyncio_tasks'))\n"
        "    time.sleep(loops.INTERVAL + 0.3)\n"
        "    while value(f'{LAG}_count') < 2: await asyncio.sleep(0.01)\n"
        "    assert value(f'{LAG}_sum') >= 0.25\n"
        "asyncio.run(main())\n"
        "print(value('python_asyncio_tasks'))\n",
        tmp_path,
        "5.0\n0.0",
    )


def test_a_loop_that_stood_still_was_not_late(tmp_path: Path) -> None:
    check(
        "pyrometer.runtime.instrument()\n"
        "loop = asyncio.new_event_loop()\n"
        "loop.run_until_complete(asyncio.sleep(0))\n"
        "assert not loop._scheduled or loop._scheduled[0].cancelled()\n"
        # An hour later, by the clock that tells how late a beat is.
        "loops.monotonic = lambda: time.monotonic() + 3600\n"
        "async def beat():\n"
        "    while not value(f'{LAG}_count'): await asyncio.sleep(0.01)\n"
        "loop.run_until_complete(beat())\n"
        "assert value(f'{LAG}_sum') < 3000, value(f'{LAG}_sum')\n"
        "loop.close()\n"
        "print(value(f'{LAG}_count'))\n",
        tmp_path,
        "1.0",
    )


def test_a_loop_that_runs_already_gets_a_beat_and_is_let_go(tmp_path: Path) -> None:
    check(
        "seen = []\n"
        "async def main():\n"
        "    seen.append(weakref.ref(asyncio.get_running_loop()))\n"
        "    pyrometer.runtime.instrument()\n"
        "    pyrometer.runtime.instrument()\n"
        "    assert len(loops._beats) == 1\n"
        "    while not value(f'{LAG}_count'): await asyncio.sleep(0.01)\n"
        "asyncio.run(main())\n"
        "thread = threading.Thread(target=lambda: asyncio.run(main()))\n"
        "thread.start(); thread.join()\n"
        "gc.collect()\n"
        "print([one() for one in seen], len(loops._beats), value('python_asyncio_tasks'))\n",
        tmp_path,
        "[None, None] 0 0.0",
    )


def test_a_request_that_made_a_loop_measured_is_not_kept(tmp_path: Path) -> None:
    check(
        "import contextvars\n"
        "class Big: pass\n"
        "variable = contextvars.ContextVar('variable')\n"
        "async def request():\n"
        "    big = Big(); variable.set(big)\n"
        "    pyrometer.runtime.instrument()\n"
        "    return weakref.ref(big)\n"
        "async def main():\n"
        "    seen = await asyncio.create_task(request())\n"
        # What has run is let go at the next turn.
        "    for _ in range(3): await asyncio.sleep(0)\n"
        "    gc.collect()\n"
        "    print(seen())\n"
        "asyncio.run(main())\n",
        tmp_path,
        "None",
    )


def test_a_loop_of_somebody_elses_class_keeps_its_errors(tmp_path: Path) -> None:
    check(
        "pyrometer.runtime.instrument()\n"
        "class Loop(asyncio.SelectorEventLoop):\n"
        "    def call_later(self, *args, **kwargs): raise OSError('no timers here')\n"
        "loop = Loop()\n"
        "async def main(): raise KeyError('own')\n"
        "try: loop.run_until_complete(main())\n"
        "except KeyError as error: print(error)\n"
        "loop.close()\n"
        "print(value('pyrometer_instrumentation_errors_total', where='loop'))\n",
        tmp_path,
        "'own'\n1.0",
    )


def test_a_forked_child_counts_its_own_tasks_and_samples(tmp_path: Path) -> None:
    check(
        "pyrometer.runtime.instrument()\n"
        "wait_for(lambda: value(f'{WAIT}_count'))\n"
        "async def main():\n"
        "    while not value('python_asyncio_tasks'): await asyncio.sleep(0.01)\n"
        "    loop = asyncio.get_running_loop()\n"
        "    pid = os.fork()\n"
        "    if pid: return os.waitpid(pid, 0)[1]\n"
        "    try:\n"
        "        assert n_threads() == 1\n"
        "        serving.begin()\n"
        "        assert n_threads() == 2\n"
        "        before = value(f'{WAIT}_count')\n"
        "        wait_for(lambda: value(f'{WAIT}_count') > before)\n"
        "        loops._beats[loop].stop()\n"
        "        assert value('python_asyncio_tasks') == 1, value('python_asyncio_tasks')\n"
        "        os._exit(0)\n"
        "    except BaseException: import traceback; traceback.print_exc(file=sys.stdout)\n"
        "    finally: sys.stdout.flush(); os._exit(9)\n"
        "print(asyncio.run(main()), value('python_asyncio_tasks'))\n",
        tmp_path,
        "0 0.0",
    )


HAS_LOCK = getattr(sys, "_is_gil_enabled", lambda: True)()


def test_a_busy_thread_makes_others_wait_for_the_lock(tmp_path: Path) -> None:
    if not HAS_LOCK:
        check("pyrometer.runtime.instrument(); print(n_threads())", tmp_path, "1")
        return
    check(
        "pyrometer.runtime.instrument()\n"
        "deadline = time.monotonic() + 20\n"
        # It computes, and asks for the numbers only now and then.
        "while not (value(f'{WAIT}_sum') or 0) > 0.01:\n"
        "    assert time.monotonic() < deadline\n"
        "    for _ in range(300_000): pass\n"
        "assert value(f'{WAIT}_count') - value(f'{WAIT}_bucket', le='0.001') >= 1\n",
        tmp_path,
    )


@pytest.mark.parametrize(
    "ending",
    [
        "pass",
        "sys.exit(0)",
        "threading.Thread(target=lambda: [None for _ in range(10**6)]).start()",
        "import atexit; atexit.register(lambda: time.sleep(0.2))",
        "pyrometer._core.stop_gil_sampler(); pyrometer._core.stop_gil_sampler()",
        "[pyrometer._core.start_gil_sampler() for _ in range(100)]",
    ],
)
def test_the_interpreter_ends_with_a_sampler(tmp_path: Path, ending: str) -> None:
    check(f"pyrometer.runtime.instrument()\n{ending}\n", tmp_path)


def test_a_fork_finds_one_thread_and_the_next_request_goes_on(tmp_path: Path) -> None:
    check(
        # Hooks that run before a fork run in the reverse order of this.
        "seen = []\n"
        "os.register_at_fork(before=lambda: seen.append(n_threads()))\n"
        "import importlib; importlib.reload(serving)\n"
        "serving.begin()\n"
        "assert n_threads() == 2, n_threads()\n"
        "pid = os.fork()\n"
        "if not pid: os._exit(0)\n"
        "os.waitpid(pid, 0)\n"
        "print(seen, serving.state.is_due)\n"
        "serving.begin()\n"
        "print(n_threads(), serving.state.is_due)\n",
        tmp_path,
        "[1] True\n2 False" if HAS_LOCK else "[1] False\n1 False",
    )


def test_the_sampler_can_be_left_out(tmp_path: Path) -> None:
    source = "pyrometer.runtime.instrument(); print(n_threads(), value(f'{WAIT}_count'))"
    check(source, tmp_path, "1 None", PYROMETER_GIL_SAMPLER="0")


def test_nothing_runs_before_it_is_asked_for(tmp_path: Path) -> None:
    check(
        "pyrometer.Counter('c', 'help').inc()\n"
        "asyncio.run(asyncio.sleep(0))\n"
        "print(n_threads(), value(f'{LAG}_count'), value(f'{WAIT}_count'))\n",
        tmp_path,
        "1 None None",
    )


def test_a_metric_of_the_applications_with_our_name_is_its_own(tmp_path: Path) -> None:
    check(
        "pyrometer.runtime.instrument()\n"
        "own = pyrometer.Gauge('python_asyncio_tasks', 'own')\n"
        "own.set(42)\n"
        "print(pyrometer.generate_latest().count(b'\\npython_asyncio_tasks '), "
        "value('python_asyncio_tasks'))\n",
        tmp_path,
        "1 42.0",
    )


def test_without_shared_memory_nothing_fails(tmp_path: Path) -> None:
    check(
        "pyrometer.runtime.instrument()\n"
        "asyncio.run(asyncio.sleep(loops.INTERVAL + 0.1))\n"
        "pyrometer.generate_latest()\n",
        tmp_path,
        PYROMETER_DISABLED="1",
    )


def worker(module: str, **cfg: Any) -> Any:
    kind = type("Worker", (), {"__module__": module})
    made = kind()
    made.cfg = types.SimpleNamespace(**cfg)
    return made


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (worker("gunicorn.workers.sync"), 1),
        (worker("gunicorn.workers.gthread", threads=4), 4),
        (worker("gunicorn.workers.base_async", worker_connections=1000), 1000),
        (worker("uvicorn.workers"), None),
    ],
)
def test_the_capacity_of_a_gunicorn_worker(made: Any, expected: Optional[int]) -> None:
    assert capacity._of_gunicorn(made) == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, 1),
        ({"threads": b"4", "processes": b"2"}, 4),
        ({"enable-threads": True}, 1),
        ({"gevent": b"100"}, 100),
        ({"async": b"50", "threads": b"2"}, 50),
        ({"threads": b"0"}, 1),
        ({"threads": True}, 1),
    ],
)
def test_the_capacity_of_a_uwsgi_process(options: Any, expected: int) -> None:
    assert capacity._of_uwsgi(options) == expected


def test_the_largest_allocations_are_told_on_request(tmp_path: Path) -> None:
    (tmp_path / "hoard.py").write_text("def fill():\n    return [bytes(10_000) for _ in range(500)]\n")
    check(
        "try: pyrometer.memory_top()\n"
        "except RuntimeError as error: print('PYTHONTRACEMALLOC' in str(error))\n"
        "pyrometer.runtime.expose_memory_top(2)\n"
        "pyrometer.runtime.expose_memory_top(3)\n"
        "assert b'python_traced_memory_bytes{' not in pyrometer.generate_latest()\n"
        "import tracemalloc; tracemalloc.start()\n"
        f"sys.path.insert(0, {str(tmp_path)!r})\n"
        "import hoard; kept = hoard.fill()\n"
        "(top, *_) = pyrometer.memory_top(1)\n"
        "print(top.site.endswith('/hoard.py:2'), top.bytes > 5_000_000, top.blocks >= 500, top.code)\n"
        "print(pyrometer.memory_top(0), pyrometer.memory_top(-5), len(pyrometer.memory_top(10**9)) <= 100)\n"
        "print(pyrometer.generate_latest().count(b'python_traced_memory_bytes{'))\n"
        "assert value('python_traced_memory_bytes', site=top.site) > 5_000_000\n",
        tmp_path,
        "True\nTrue True True return [bytes(10_000) for _ in range(500)]\n[] [] True\n3",
    )


def test_sites_do_not_become_labels_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "SITES_MAX", 2)
    collector = memory._Collector(registry=None)
    labels = [collector._label(f"a.py:{line}") for line in (1, 2, 3, 4, 1)]
    assert labels == ["a.py:1", "a.py:2", "_other", "_other", "a.py:1"]
