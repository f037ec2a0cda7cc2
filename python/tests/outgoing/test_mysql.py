"""PyMySQL, against a real MariaDB."""

from __future__ import annotations

from typing import Any, Iterator

import pymysql
import pytest
import sqlalchemy

from . import servers
from .conftest import Calls
from .servers import free_port


@pytest.fixture(scope="module")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with servers.mariadb(tmp_path_factory.mktemp("mariadb") / "server") as port:
        yield port


def connect(port: int, **more: Any) -> Any:
    return pymysql.connect(host="127.0.0.1", port=port, user="shop", database="shop", **more)


def test_statements_are_counted_by_their_first_word(mariadb: int, calls: Calls) -> None:
    with connect(mariadb) as connection:
        with connection.cursor() as cursor:
            cursor.execute("CREATE TEMPORARY TABLE t (a int PRIMARY KEY)")
            cursor.executemany("INSERT INTO t VALUES (%s)", [(1,), (2,), (3,)])
            # Not many in one, but one after the other: still one call.
            cursor.executemany("UPDATE t SET a = %s WHERE a = %s", [(4, 1), (5, 2)])
            assert cursor.execute("/* who */ SELECT a FROM t") == 3
        with connection.cursor(pymysql.cursors.SSDictCursor) as cursor:
            cursor.execute("SELECT a FROM t")
            assert cursor.fetchone()
        with connection.cursor() as cursor:
            with pytest.raises(pymysql.IntegrityError):
                cursor.execute("INSERT INTO t VALUES (3)")
            with pytest.raises(pymysql.ProgrammingError):
                cursor.callproc("nothing", ("secret",))
        cursor = connection.cursor()
    with pytest.raises(pymysql.err.InterfaceError):
        cursor.execute("SELECT 1")  # closed
    cursor.close()
    with pytest.raises(pymysql.ProgrammingError):
        cursor.execute("SELECT 1")  # nobody is asked
    port = free_port()
    with pytest.raises(pymysql.OperationalError):
        connect(port)
    p = f"db 127.0.0.1:{mariadb} mysql shop"
    assert calls() == sorted([
        f"{p} CALL ProgrammingError",
        f"{p} CONNECT",
        f"{p} CREATE",
        f"{p} INSERT",
        f"{p} INSERT IntegrityError",
        f"{p} SELECT",
        f"{p} SELECT",
        f"{p} SELECT InterfaceError",
        f"{p} UPDATE",
        f"db 127.0.0.1:{port} mysql shop CONNECT OperationalError",
    ])


def test_sqlalchemy_counts_once(mariadb: int, calls: Calls) -> None:
    engine = sqlalchemy.create_engine(f"mysql+pymysql://shop@127.0.0.1:{mariadb}/shop")
    with engine.connect() as connection:
        calls()
        connection.execute(sqlalchemy.text("SELECT 1"))
        with pytest.raises(sqlalchemy.exc.ProgrammingError):
            connection.execute(sqlalchemy.text("SELECT secret FROM nowhere"))
    engine.dispose()
    p = f"db 127.0.0.1:{mariadb} mysql shop"
    assert calls() == [f"{p} SELECT", f"{p} SELECT ProgrammingError"]
    port = free_port()
    engine = sqlalchemy.create_engine(f"mysql+pymysql://shop@127.0.0.1:{port}/shop")
    with pytest.raises(sqlalchemy.exc.OperationalError):
        engine.connect()
    assert calls() == [f"db 127.0.0.1:{port} mysql shop CONNECT OperationalError"]
