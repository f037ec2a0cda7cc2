"""SQLAlchemy and psycopg 3, against a real PostgreSQL and SQLite."""

from __future__ import annotations

import asyncio
import gc
import io
from pathlib import Path
from typing import Any

import asyncpg
import psycopg
import psycopg2
import psycopg2.extras
import psycopg2.sql
import pytest
import sqlalchemy
from psycopg import sql
from sqlalchemy.ext.asyncio import create_async_engine

from .conftest import Calls
from .servers import free_port


def dsn(port: int) -> str:
    return f"host=127.0.0.1 port={port} user=shop dbname=shop"


def peer(port: int) -> str:
    return f"db 127.0.0.1:{port} postgresql shop"


def url(driver: str, port: int) -> str:
    return f"postgresql+{driver}://shop@127.0.0.1:{port}/shop"


def without_start_up(calls: Calls) -> None:
    """Forgets what a driver and an engine ask a new connection about itself."""
    calls()


def test_statements_of_psycopg_are_counted_by_their_first_word(
    postgres: int, calls: Calls
) -> None:
    with psycopg.connect(dsn(postgres)) as connection:
        connection.execute("CREATE TEMP TABLE t (a int)")
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO t VALUES (%s)", [(1,), (2,), (3,)])
            cursor.execute(sql.SQL("SELECT {} FROM t").format(sql.Identifier("a")))
            assert len(cursor.fetchall()) == 3
            cursor.execute(b"/* who */ UPDATE t SET a = 0")
            assert list(cursor.stream("SELECT a FROM t")) == [(0,)] * 3
            assert list(cursor.stream("SELECT a FROM t WHERE a = 1")) == []
        with connection.cursor(name="server") as server:
            assert len(server.execute("SELECT a FROM t").fetchall()) == 3
    p = peer(postgres)
    assert calls() == sorted(
        [f"{p} CONNECT", f"{p} CREATE", f"{p} INSERT", f"{p} UPDATE"] + [f"{p} SELECT"] * 4
    )


def test_psycopg_with_asyncio_is_the_same(postgres: int, calls: Calls) -> None:
    async def ask() -> None:
        async with await psycopg.AsyncConnection.connect(dsn(postgres)) as connection:
            assert type(connection) is psycopg.AsyncConnection
            await connection.execute("SELECT 1")
            cursor = connection.cursor()
            assert [row async for row in cursor.stream("SELECT 2")] == [(2,)]
            assert [row async for row in cursor.stream("SELECT 2 WHERE false")] == []
            with pytest.raises(psycopg.errors.SyntaxError):
                async for _ in cursor.stream("SELECT FROM WHERE"):
                    pass

    asyncio.run(ask())
    p = peer(postgres)
    expected = [f"{p} CONNECT", *[f"{p} SELECT"] * 3, f"{p} SELECT SyntaxError"]
    assert calls() == expected


def test_errors_of_psycopg_are_counted_by_type_and_pass_through(
    postgres: int, calls: Calls
) -> None:
    with psycopg.connect(dsn(postgres), autocommit=True) as connection:
        with pytest.raises(psycopg.errors.UndefinedTable):
            connection.execute("SELECT secret FROM nowhere")
        connection.execute("SET statement_timeout = 20")
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute("SELECT pg_sleep(10)")
        with pytest.raises(psycopg.errors.AdminShutdown):
            connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")  # closed: nobody is asked
    port = free_port()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(dsn(port))
    with pytest.raises(psycopg.ProgrammingError):
        psycopg.connect("no=such", thing=1)  # nobody is named
    p = peer(postgres)
    assert calls() == sorted([
        f"{p} CONNECT",
        f"{p} SELECT UndefinedTable",
        f"{p} SET",
        f"{p} SELECT QueryCanceled",
        f"{p} SELECT AdminShutdown",
        f"{peer(port)} CONNECT OperationalError",
    ])


def test_copying_is_one_operation_as_long_as_its_block(postgres: int, calls: Calls) -> None:
    with psycopg.connect(dsn(postgres), autocommit=True) as connection:
        cursor = connection.execute("CREATE TEMP TABLE t (a int)")
        with cursor.copy("COPY t FROM STDIN") as copy:
            for row in range(3):
                copy.write_row((row,))
        assert cursor.rowcount == 3
        with cursor.copy(statement="COPY t TO STDOUT") as copy:
            assert len(list(copy.rows())) == 3
        with pytest.raises(psycopg.errors.InvalidTextRepresentation):
            with cursor.copy("COPY t FROM STDIN") as copy:
                copy.write("no number\n")
        with pytest.raises(psycopg.errors.UndefinedTable):
            with cursor.copy("COPY nowhere TO STDOUT"):
                pass
        with pytest.raises(ZeroDivisionError):
            with cursor.copy("COPY t FROM STDIN") as copy:
                copy.write(str(1 / 0))

    async def ask() -> None:
        async with await psycopg.AsyncConnection.connect(dsn(postgres)) as connection:
            async with connection.cursor() as cursor:
                async with cursor.copy("COPY (SELECT 1) TO STDOUT") as copy:
                    assert [row async for row in copy.rows()] == [("1",)]
                with pytest.raises(psycopg.errors.UndefinedTable):
                    async with cursor.copy("COPY nowhere TO STDOUT"):
                        pass

    asyncio.run(ask())
    with psycopg2.connect(dsn(postgres)) as connection2, connection2.cursor() as cursor2:
        cursor2.execute("CREATE TEMP TABLE t (a int)")
        cursor2.copy_from(io.StringIO("1\n2\n"), "t")
        cursor2.copy_expert("COPY t TO STDOUT", out := io.StringIO())
        assert out.getvalue() == "1\n2\n"
    connection2.close()
    p = peer(postgres)
    assert calls() == sorted([
        *[f"{p} CONNECT"] * 3,
        *[f"{p} CREATE"] * 2,
        *[f"{p} COPY"] * 5,
        f"{p} COPY InvalidTextRepresentation",
        *[f"{p} COPY UndefinedTable"] * 2,
        f"{p} COPY ZeroDivisionError",
    ])


def test_a_class_of_ones_own_connects_as_itself(postgres: int, calls: Calls) -> None:
    class Own(psycopg.Connection[Any]):
        pass

    with Own.connect(dsn(postgres)) as connection:
        assert type(connection) is Own
    assert calls() == [f"{peer(postgres)} CONNECT"]


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_sqlalchemy_counts_once_whatever_driver_is_below(
    driver: str, postgres: int, calls: Calls
) -> None:
    engine = sqlalchemy.create_engine(url(driver, postgres))
    with engine.begin() as connection:
        without_start_up(calls)
        connection.execute(sqlalchemy.text("SELECT 1"))
        connection.exec_driver_sql("CREATE TEMP TABLE t (a int PRIMARY KEY)")
        table = sqlalchemy.table("t", sqlalchemy.column("a", sqlalchemy.Integer))
        connection.execute(table.insert(), [{"a": 1}, {"a": 2}])
        savepoint = connection.begin_nested()
        with pytest.raises(sqlalchemy.exc.IntegrityError):
            connection.execute(table.insert(), {"a": 1})
        savepoint.rollback()
        # Not SQLAlchemy's statement: the driver's hook sees it.
        raw = connection.connection.driver_connection
        assert raw is not None
        raw.cursor().execute("SHOW server_version")
    engine.dispose()
    p = peer(postgres)
    found = [call for call in calls() if not call.endswith("SAVEPOINT")]
    rest = [f"{p} ROLLBACK"] if f"{p} ROLLBACK" in found else []
    assert found == sorted([
        f"{p} CREATE",
        f"{p} INSERT",
        f"{p} INSERT UniqueViolation",
        f"{p} SELECT",
        f"{p} SHOW",
        *rest,
    ])


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
def test_sqlalchemy_with_asyncio_is_the_same(driver: str, postgres: int, calls: Calls) -> None:
    async def ask() -> None:
        engine = create_async_engine(url(driver, postgres))
        async with engine.connect() as connection:
            without_start_up(calls)
            await connection.execute(sqlalchemy.text("SELECT 1"))
            with pytest.raises(sqlalchemy.exc.ProgrammingError):
                await connection.execute(sqlalchemy.text("SELECT x"))
        await engine.dispose()

    asyncio.run(ask())
    p = peer(postgres)
    # The dialect of asyncpg ends transactions by statements, and has exceptions of its own.
    found = [call for call in calls() if call != f"{p} ROLLBACK"]
    error = "UndefinedColumn" if driver == "psycopg" else "ProgrammingError"
    assert found == [f"{p} SELECT", f"{p} SELECT {error}"]


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_a_connection_that_sqlalchemy_cannot_get_is_counted_once(
    driver: str, calls: Calls
) -> None:
    port = free_port()
    engine = sqlalchemy.create_engine(url(driver, port))
    with pytest.raises(sqlalchemy.exc.OperationalError):
        engine.connect()
    assert calls() == [f"{peer(port)} CONNECT OperationalError"]


def test_sqlite_is_counted_through_sqlalchemy(tmp_path: Path, calls: Calls) -> None:
    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path}/shop.db")
    with engine.connect() as connection:
        without_start_up(calls)
        connection.execute(sqlalchemy.text("CREATE TABLE t (a int)"))
        with pytest.raises(sqlalchemy.exc.OperationalError):
            connection.execute(sqlalchemy.text("SELECT nothing FROM nowhere"))
    engine.dispose()
    assert calls() == ["db sqlite shop.db CREATE", "db sqlite shop.db SELECT OperationalError"]
    with pytest.raises(sqlalchemy.exc.OperationalError):
        sqlalchemy.create_engine("sqlite:////no/such/folder/x.db").connect()
    assert calls() == ["db sqlite x.db CONNECT OperationalError"]


def test_engines_and_connections_are_let_go(postgres: int, calls: Calls) -> None:
    import weakref

    engine = sqlalchemy.create_engine(url("psycopg", postgres))
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text("SELECT 1"))
        driver = weakref.ref(connection.connection.driver_connection)
    engine.dispose()
    left = weakref.ref(engine)
    del engine, connection
    gc.collect()
    assert left() is None and driver() is None
    assert calls()


def test_psycopg2_is_counted_and_its_types_stay(postgres: int, calls: Calls) -> None:
    with psycopg2.connect(dsn(postgres)) as connection:
        assert isinstance(connection, psycopg2.extensions.connection)
        psycopg2.extras.register_uuid(conn_or_curs=connection)
        with connection.cursor(cursor_factory=psycopg2.extras.DictCursor) as cursor:
            assert isinstance(cursor, psycopg2.extras.DictCursor)
            cursor.execute(psycopg2.sql.SQL("SELECT {} AS a").format(psycopg2.sql.Literal(1)))
            assert cursor.fetchone()["a"] == 1
        with connection.cursor("server") as server:
            server.execute("SELECT 1")
            assert server.fetchall() == [(1,)]
        with connection.cursor() as cursor:
            with pytest.raises(psycopg2.errors.UndefinedTable):
                cursor.execute("DELETE FROM nowhere")
        connection.rollback()
    cursor = connection.cursor()
    with pytest.raises(psycopg2.OperationalError) as raised:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    connection.close()
    port = free_port()
    with pytest.raises(psycopg2.OperationalError):
        psycopg2.connect(host="127.0.0.1", port=port, user="shop", dbname="shop")
    p = peer(postgres)
    assert calls() == sorted([
        f"{p} CONNECT",
        f"{p} DELETE UndefinedTable",
        f"{p} SELECT",
        f"{p} SELECT",
        # AdminShutdown or, when its word came too late, OperationalError.
        f"{p} SELECT {raised.type.__name__}",
        f"{peer(port)} CONNECT OperationalError",
    ])


def test_asyncpg_is_counted_alone_and_from_a_pool(postgres: int, calls: Calls) -> None:
    port = free_port()
    settings = {"host": "127.0.0.1", "user": "shop", "database": "shop"}

    async def ask() -> None:
        connection = await asyncpg.connect(port=postgres, **settings)
        assert await connection.fetchval("SELECT 1") == 1
        prepared = await connection.prepare("SELECT $1::int")
        assert await prepared.fetchval(7) == 7
        with pytest.raises(asyncpg.UndefinedTableError):
            await connection.execute("DELETE FROM nowhere")
        await asyncio.sleep(0)  # asyncpg tells its loggers in the loop's next round
        await connection.close()
        with pytest.raises(OSError):
            await asyncpg.connect(port=port, **settings)

    asyncio.run(ask())
    p = peer(postgres)
    assert calls() == sorted([
        f"{p} CONNECT",
        f"{p} SELECT",
        f"{p} SELECT",
        f"{p} DELETE UndefinedTableError",
        f"{peer(port)} CONNECT ConnectionRefusedError",
    ])

    async def ask_pool() -> None:
        async with asyncpg.create_pool(
            f"postgresql://shop@127.0.0.1:{postgres}/shop", min_size=1, max_size=1
        ) as pool:
            calls()
            for _ in range(3):
                await pool.fetch("SELECT 1")
            await asyncio.sleep(0)

    asyncio.run(ask_pool())
    assert calls().count(f"{p} SELECT") == 3
