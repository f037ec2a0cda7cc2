"""SQLite by the standard library's module."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from pyrometer import outgoing
from pyrometer.outgoing.sqlite3 import namespace_of

from .conftest import Calls


def test_statements_are_counted_whoever_runs_them(tmp_path: Path, calls: Calls) -> None:
    with sqlite3.connect(tmp_path / "cart.sqlite", isolation_level=None) as connection:
        connection.execute("CREATE TABLE t (a int)")
        connection.executemany("INSERT INTO t VALUES (?)", [(1,), (2,)])
        cursor = connection.cursor()
        assert cursor.execute("SELECT a FROM t WHERE a = ?", [1]).fetchall() == [(1,)]
        connection.executescript("DELETE FROM t; SELECT 1")
    connection.close()
    statements = ["CREATE", "DELETE", "INSERT", "SELECT"]
    assert calls() == [f"db sqlite cart.sqlite {word}" for word in statements]


def test_errors_are_counted_by_type_and_pass_through(calls: Calls) -> None:
    connection = sqlite3.connect(":memory:")
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        connection.execute("SELECT a FROM missing")
    with pytest.raises(TypeError):
        connection.execute(sql=1)  # type: ignore[call-arg]
    with pytest.raises(sqlite3.OperationalError):
        sqlite3.connect("/nowhere/at/all.sqlite")
    connection.close()
    assert calls() == [
        "db sqlite :memory: SELECT OperationalError",
        "db sqlite :memory: _OTHER TypeError",
    ]


def test_classes_of_the_application_stay_what_they_are(calls: Calls) -> None:
    class OwnCursor(sqlite3.Cursor):
        def execute(self, *args: Any) -> Any:
            self.seen = args[0]
            return super().execute(*args)

    class OwnConnection(sqlite3.Connection):
        def cursor(self, factory: Any = OwnCursor) -> Any:
            return super().cursor(factory)

    connection = sqlite3.connect(":memory:", factory=OwnConnection)
    assert isinstance(connection, OwnConnection)
    assert type(connection).__name__ == "OwnConnection"
    cursor: Any = connection.cursor()
    assert isinstance(cursor.execute("SELECT 1"), OwnCursor) and cursor.seen == "SELECT 1"
    connection.row_factory = sqlite3.Row
    assert connection.cursor(sqlite3.Cursor).execute("SELECT 1 AS a").fetchone()["a"] == 1
    assert connection.execute("SELECT 1 AS a").fetchone()["a"] == 1
    connection.close()
    assert calls() == ["db sqlite :memory: SELECT"] * 2


def test_what_was_changed_is_taken_back(calls: Calls) -> None:
    connection = sqlite3.connect(":memory:")
    outgoing.uninstrument()
    sqlite3.connect(":memory:").execute("SELECT 1")
    connection.close()
    assert calls() == []


@pytest.mark.parametrize(
    ("database", "name"),
    [
        ("", ":memory:"),
        (":memory:", ":memory:"),
        (b"/data/shop.db", "shop.db"),
        (Path("/data/shop.db"), "shop.db"),
        ("file:/data/shop.db?mode=ro", "shop.db"),
        ("file::memory:?cache=shared", ":memory:"),
    ],
)
def test_a_database_is_called_as_its_file(database: Any, name: str) -> None:
    assert namespace_of(database) == name
