"""Labels are bounded whatever callers do, and counting never raises."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

import pyrometer
from pyrometer.outgoing import operations, recording
from pyrometer.outgoing.patching import Patches


def fresh(name: str, *labels: str, capped: tuple[str, ...] = ()) -> recording.Durations:
    return recording.Durations(name, "help", labels, capped, (1.0,))


def series(name: str) -> set[tuple[str, ...]]:
    return {
        tuple(sample.labels.values())
        for family in pyrometer.REGISTRY.collect()
        for sample in family.samples
        if sample.name == name + "_count"
    }


def test_peers_over_the_limit_share_one() -> None:
    metric = fresh("bounds_peers", "kind")
    metric.set_peers_max(3)
    for port in range(5000):
        metric.observe(0.1, "10.0.0.1", port, "a")
    metric.observe(0.1, "10.0.0.1", 0, "b")
    found = series("bounds_peers")
    assert len(found) == 5
    assert ("_other", "", "a") in found and ("10.0.0.1", "0", "b") in found


def test_values_that_callers_make_up_are_limited_and_cut() -> None:
    metric = fresh("bounds_values", "queue", "error_type", capped=("queue", "error_type"))
    for at in range(1000):
        metric.observe(0.1, "a", 1, f"reply-{at}", "")
        metric.observe(0.1, "a", 1, "", f"Error{at}")
    metric.observe(0.1, "x" * 100_000, 1, "", "")
    found = series("bounds_values")
    assert len(found) == 2 * (recording.VALUES_MAX + 1) + 1
    assert ("a", "1", "_other", "") in found and ("a", "1", "", "_OTHER") in found
    assert max(len(text) for labels in found for text in labels) == 253


def test_a_name_that_is_taken_costs_the_metric_not_the_call() -> None:
    taken = pyrometer.Counter("bounds_taken", "An application's own")
    fresh("bounds_taken").observe(0.1, "a", 1)
    pyrometer.REGISTRY.unregister(taken)


@pytest.mark.parametrize("label", [object(), b"\xff", "\ud800", "\0", "\n", None, 10**400, [1]])
def test_any_label_is_survived(label: object) -> None:
    fresh("bounds_hostile_" + str(id(label))).observe(0.1, label, label)


@pytest.mark.parametrize(
    ("statement", "operation"),
    [
        ("SELECT 1", "SELECT"),
        ("  \n\tinsert into t values (1)", "INSERT"),
        ("/* sqlcommenter='x' */ -- y\n(SELECT 1)", "SELECT"),
        ("-- only a comment", "_OTHER"),
        ("/* not closed SELECT", "_OTHER"),
        ("", "_OTHER"),
        ("tops3cret", "_OTHER"),
        (b"update t set a = 1", "UPDATE"),
        (None, "_OTHER"),
        (7, "_OTHER"),
        ([], "_OTHER"),
        ([[[[[[[[[["SELECT"]]]]]]]]]], "_OTHER"),
        ("/**/" * 100_000 + "SELECT", "_OTHER"),
        ("/*" * 100_000, "_OTHER"),
        ("A" * 1_000_000, "_OTHER"),
    ],
)
def test_an_operation_is_a_word_of_a_known_set(statement: Any, operation: str) -> None:
    assert operations.sql_operation(statement) == operation


@pytest.mark.parametrize(
    ("command", "operation"),
    [
        *[("GET", "GET"), ("get key", "GET"), (b"hset", "HSET"), ("CONFIG SET", "CONFIG")],
        *[("", "_OTHER"), ("secret", "_OTHER"), (None, "_OTHER"), ("JSON.GET", "JSON.GET")],
    ],
)
def test_a_redis_command_is_one_of_a_known_set(command: Any, operation: str) -> None:
    assert operations.redis_operation(command) == operation


class Library:
    def method(self) -> str:
        return "own"


class Heir(Library):
    pass


def test_patches_are_taken_back_and_leave_others_in_place() -> None:
    own = vars(Library)["method"]
    patches = Patches("library")
    patches.wrap(Library, "method", lambda *_: None)
    patches.wrap(Heir, "method", lambda *_: None)
    patches.wrap(Library, "missing", lambda *_: None)
    assert Heir().method() == "own"
    patches.undo()
    assert vars(Library)["method"] is own and "method" not in vars(Heir)

    patches = Patches("library")
    patches.wrap(Library, "method", lambda *_: None)
    theirs = Library.method = lambda self: "theirs"  # type: ignore[assignment,method-assign]
    patches.undo()
    assert vars(Library)["method"] is theirs
    Library.method = own  # type: ignore[method-assign]


def test_a_note_that_fails_is_not_the_applications_trouble() -> None:
    def note(*_: object) -> None:
        raise RuntimeError("ours")

    patches = Patches("library")
    patches.wrap(Library, "method", note)
    assert Library().method() == "own"
    patches.undo()


def test_libraries_imported_later_are_hooked_and_none_is_imported() -> None:
    source = """
import sys, warnings
warnings.simplefilter("error")
import pyrometer.outgoing as outgoing
outgoing.instrument()
for library in ("urllib3", "redis", "sqlalchemy", "psycopg"):
    assert library not in sys.modules, library
import httpx, requests, redis, importlib.resources, psycopg
import urllib3
assert hasattr(urllib3.HTTPConnectionPool.urlopen, "__wrapped__")
assert hasattr(redis.Redis.execute_command, "__wrapped__")
assert hasattr(psycopg.Cursor.execute, "__wrapped__")
assert type(urllib3.__loader__).__name__ == "SourceFileLoader"
assert urllib3.__spec__.loader is urllib3.__loader__
assert "exec_module" not in vars(urllib3.__loader__)
import os
child = os.fork()
if child == 0:
    import sqlalchemy
    outgoing.instrument()
    hooked = outgoing._state.patches["sqlalchemy"]
    outgoing.uninstrument()
    os._exit(0 if hooked._undo == [] else 1)
assert os.waitpid(child, 0)[1] == 0
before = len(sys.meta_path)
outgoing.uninstrument()
assert len(sys.meta_path) == before - 1
assert not hasattr(urllib3.HTTPConnectionPool.urlopen, "__wrapped__")
"""
    result = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
