"""Django's databases, caches and models, against SQLite, PostgreSQL and Redis, with the drivers'
own hooks in place: everything is counted once."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any, Iterator

import django_shop
import pytest
from conftest import run_python

import pyrometer

from .conftest import Calls
from .servers import free_port

django_shop.configure()

from django.contrib.auth.models import Group, User  # noqa: E402
from django.core.cache import caches  # noqa: E402
from django.core.cache.backends.locmem import LocMemCache  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import IntegrityError, OperationalError, connections, transaction  # noqa: E402
from django.db.models import signals  # noqa: E402


@pytest.fixture
def registry(calls: Calls) -> Iterator[Any]:
    """Where caches and models are counted; the tables are there, empty."""
    made = pyrometer.CollectorRegistry()
    pyrometer.init(get_wsgi_application(), registry=made)
    call_command("migrate", verbosity=0)
    Group.objects.all().delete()
    User.objects.all().delete()
    pyrometer.init(get_wsgi_application(), registry=(fresh := pyrometer.CollectorRegistry()))
    calls()
    yield fresh
    connections.close_all()


@contextlib.contextmanager
def database(alias: str, **settings: Any) -> Iterator[Any]:
    """One more database, in this thread."""
    every = connections.configure_settings({"default": {}, alias: settings})
    connections.databases[alias] = every[alias]
    try:
        yield connections[alias]
    finally:
        connections[alias].close()
        del connections[alias]
        del connections.databases[alias]


def postgres_settings(port: int, **more: Any) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": "127.0.0.1",
        "PORT": port,
        "USER": "shop",
        "NAME": "shop",
        **more,
    }


def count(registry: Any, name: str, *labels: str) -> dict[tuple[str, ...], float]:
    """Values by labels; the zeros left out."""
    return {
        tuple(sample.labels[label] for label in labels): sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == name and sample.value
    }


def rows(registry: Any) -> dict[tuple[str, ...], float]:
    return count(registry, "django_model_rows_changed_total", "model", "operation")


def keys(registry: Any) -> tuple[dict[tuple[str, ...], float], dict[tuple[str, ...], float]]:
    """Hits and misses by alias."""
    name = "django_cache_{}_total"
    return tuple(  # type: ignore[return-value]
        count(registry, name.format(which), "cache_alias") for which in ("hits", "misses")
    )


def operations(registry: Any) -> dict[tuple[str, ...], float]:
    name = "django_cache_operation_duration_seconds_count"
    return count(registry, name, "cache_alias", "cache_operation", "error_type")


def test_statements_of_sqlite_are_counted(registry: Any, calls: Calls) -> None:
    group = Group.objects.create(name="a")
    assert Group.objects.count() == 1
    group.name = "b"
    group.save()
    with connections["default"].cursor() as cursor:
        cursor.executemany("/* who */ insert into auth_group(name) values (%s)", [("c",), ("d",)])
        cursor.execute("select name from auth_group")
        assert len(cursor.fetchall()) == 3
    with pytest.raises(IntegrityError):
        Group.objects.create(name="b")
    with pytest.raises(OperationalError):
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT secret FROM nowhere")
    p = "db sqlite shop.db"
    found = calls()
    assert found.count(f"{p} CONNECT") == 0, "the connection was open"
    assert [call for call in found if "BEGIN" not in call] == sorted([
        f"{p} INSERT",
        f"{p} INSERT",
        f"{p} INSERT IntegrityError",
        f"{p} SELECT",
        f"{p} SELECT",
        f"{p} SELECT OperationalError",
        f"{p} UPDATE",
    ])
    connections["default"].close()
    assert Group.objects.count() == 3
    assert calls() == [f"{p} CONNECT", f"{p} SELECT"]


def test_statements_of_postgresql_are_counted_once(
    registry: Any, postgres: int, calls: Calls
) -> None:
    p = f"db 127.0.0.1:{postgres} postgresql shop"
    with database("pg", **postgres_settings(postgres)) as connection:
        with connection.cursor() as cursor:
            cursor.execute("CREATE TEMP TABLE t (a int PRIMARY KEY)")
        # What connecting needs is part of it.
        assert calls() == [f"{p} CONNECT", f"{p} CREATE"]
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO t VALUES (%s)", [(1,), (2,)])
            cursor.execute("SELECT a FROM t")
            assert cursor.fetchall() == [(1,), (2,)]
            with pytest.raises(IntegrityError):
                cursor.execute("INSERT INTO t VALUES (1)")
        with transaction.atomic("pg"), connection.chunked_cursor() as cursor:
            cursor.execute("SELECT a FROM t")
            assert len(cursor.fetchall()) == 2
        # Not Django's statement: the driver's hook sees it.
        connection.connection.execute("SHOW server_version")
        with pytest.raises(OperationalError):
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    assert calls() == sorted([
        f"{p} INSERT",
        f"{p} INSERT UniqueViolation",
        f"{p} SELECT",
        f"{p} SELECT",
        f"{p} SELECT AdminShutdown",
        f"{p} SHOW",
    ])
    info = count(pyrometer.REGISTRY, "django_database_info", "db_alias", "db_namespace")
    assert info[("pg", "shop")] == 1 and info[("default", "shop.db")] == 1


def test_a_database_that_is_down_is_counted_once(registry: Any, calls: Calls) -> None:
    port = free_port()
    with database("down", **postgres_settings(port)) as connection:
        with pytest.raises(OperationalError):
            connection.cursor()
    assert calls() == [f"db 127.0.0.1:{port} postgresql shop CONNECT OperationalError"]


def test_a_pools_connections_are_counted_where_they_are_made(
    registry: Any, postgres: int, calls: Calls
) -> None:
    pool = {"min_size": 1, "max_size": 1}
    with database("pool", **postgres_settings(postgres, OPTIONS={"pool": pool})) as connection:
        for _ in range(3):
            with connection.cursor() as cursor:
                cursor.execute("VALUES (1)")
            connection.close()
        connection.close_pool()
    p = f"db 127.0.0.1:{postgres} postgresql shop"
    found = calls()
    assert (found.count(f"{p} CONNECT"), found.count(f"{p} VALUES")) == (1, 3)


def test_anothers_wrapper_around_the_first_statement_keeps_its_place(
    registry: Any, calls: Calls
) -> None:
    seen: list[str] = []

    def theirs(execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        seen.append(sql.split()[0])
        return execute(sql, parameters, many, context)

    with database("new", ENGINE="django.db.backends.sqlite3", NAME=":memory:") as connection:
        with connection.execute_wrapper(theirs), connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        with connection.cursor() as cursor:
            cursor.execute("SELECT 2")
    assert seen == ["SELECT"]
    p = "db sqlite :memory:"
    assert calls() == [f"{p} CONNECT", f"{p} SELECT", f"{p} SELECT"]


@pytest.mark.parametrize("path", ["/count", "/count-async"])
def test_views_of_both_kinds_are_counted(registry: Any, calls: Calls, path: str) -> None:
    from asgiref.testing import ApplicationCommunicator
    from django.core.asgi import get_asgi_application

    app = pyrometer.init(get_asgi_application(), registry=registry)
    scope = {"type": "http", "method": "GET", "path": path, "headers": [], "query_string": b""}

    async def ask() -> bytes:
        talk = ApplicationCommunicator(app, scope)
        await talk.send_input({"type": "http.request", "body": b""})
        assert (await talk.receive_output(20))["status"] == 200
        body = bytes((await talk.receive_output(20))["body"])
        await talk.wait(20)
        return body

    assert asyncio.run(ask()) == b"0"
    found = [call for call in calls() if "CONNECT" not in call]
    assert found == ["db sqlite shop.db SELECT"]
    if path == "/count-async":
        assert operations(registry) == {("default", "set", ""): 1, ("default", "get", ""): 1}
        assert keys(registry) == ({("default",): 1}, {})


def test_hits_and_misses_of_a_cache_are_counted_by_key(registry: Any) -> None:
    cache = caches["default"]
    assert isinstance(cache, LocMemCache) and type(cache).__name__ == "LocMemCache"
    cache.clear()
    assert cache.get("a") is None
    assert cache.get("a", "default") == "default"
    cache.set("a", None)
    assert cache.get("a", "default") is None
    assert cache.get(key="a", default=3) is None
    cache.set_many({"b": 1, "c": 2})
    assert cache.get_many(iter(["b", "c", "d"])) == {"b": 1, "c": 2}
    assert cache.get_or_set("e", lambda: 5) == 5
    assert cache.incr("e") == 6 and "e" in cache
    assert cache.touch("e") and cache.delete("e") and not cache.add("a", 1)
    with pytest.raises(ValueError):
        cache.incr("nothing")
    assert operations(registry) == {
        ("default", "add", ""): 2,
        ("default", "clear", ""): 1,
        ("default", "delete", ""): 1,
        ("default", "get", ""): 6,
        ("default", "get_many", ""): 1,
        ("default", "has_key", ""): 1,
        ("default", "incr", ""): 1,
        ("default", "incr", "ValueError"): 1,
        ("default", "set", ""): 1,
        ("default", "set_many", ""): 1,
        ("default", "touch", ""): 1,
    }
    hits, misses = keys(registry)
    assert (hits, misses) == ({("default",): 5}, {("default",): 4})
    backend = count(registry, "django_cache_hits_total", "cache_backend")
    assert backend == {("django.core.cache.backends.locmem.LocMemCache",): 5}


@contextlib.contextmanager
def cache_of(alias: str, **settings: Any) -> Iterator[Any]:
    caches.settings[alias] = settings
    try:
        yield caches[alias]
    finally:
        with contextlib.suppress(AttributeError):
            del caches[alias]
        del caches.settings[alias]


def test_a_cache_in_redis_counts_for_both(registry: Any, redis_port: int, calls: Calls) -> None:
    backend = "django.core.cache.backends.redis.RedisCache"
    location = f"redis://127.0.0.1:{redis_port}/3"
    with cache_of("redis", BACKEND=backend, LOCATION=location) as cache:
        cache.set("a", "secret")
        assert cache.get("a") == "secret" and cache.get("b") is None
        assert cache.get_many(["a", "b"]) == {"a": "secret"}
    assert operations(registry) == {
        ("redis", "set", ""): 1,
        ("redis", "get", ""): 2,
        ("redis", "get_many", ""): 1,
    }
    assert keys(registry) == ({("redis",): 2}, {("redis",): 2})
    peer = f"db 127.0.0.1:{redis_port} redis 3"
    assert calls() == [f"{peer} GET", f"{peer} GET", f"{peer} MGET", f"{peer} SET"]


def test_a_cache_that_is_down_is_an_error_and_no_miss(registry: Any) -> None:
    backend = "django.core.cache.backends.redis.RedisCache"
    location = f"redis://127.0.0.1:{free_port()}"
    with cache_of("down", BACKEND=backend, LOCATION=location) as cache:
        with pytest.raises(Exception) as raised:
            cache.get("a")
    assert operations(registry) == {("down", "get", type(raised.value).__name__): 1}
    assert keys(registry) == ({}, {})


class Final(LocMemCache):
    """Of a class that nobody may inherit from."""

    def __init_subclass__(cls) -> None:
        raise TypeError("on purpose")


def test_a_cache_that_cannot_be_measured_works_as_before(registry: Any) -> None:
    with cache_of("final", BACKEND=f"{__name__}.Final") as cache:
        cache.set("a", 1)
        assert cache.get("a") == 1 and type(cache) is Final
    assert operations(registry) == {}


def test_rows_are_counted_by_model_whatever_way_they_change(registry: Any) -> None:
    group = Group.objects.create(name="a")
    group.save()
    Group.objects.bulk_create(Group(name=name) for name in "bcd")
    assert Group.objects.filter(name="b").update(name="e") == 1
    assert Group.objects.filter(name="nobody").update(name="f") == 0
    user = User.objects.create(username="u")
    user.groups.add(group)
    assert user.delete() == (2, {"auth.User_groups": 1, "auth.User": 1})
    assert Group.objects.all().delete()[0] == 4
    with pytest.raises(IntegrityError):
        Group.objects.bulk_create([Group(name="a"), Group(name="a")])
    assert rows(registry) == {
        ("auth.Group", "insert"): 4,
        ("auth.Group", "update"): 2,
        ("auth.Group", "delete"): 4,
        ("auth.User", "insert"): 1,
        ("auth.User", "delete"): 1,
        ("auth.User_groups", "insert"): 1,
        ("auth.User_groups", "delete"): 1,
    }


def test_deleting_stays_the_one_statement_that_it_was(registry: Any) -> None:
    from django.contrib.sessions.models import Session
    from django.test.utils import CaptureQueriesContext
    from django.utils import timezone

    assert not signals.post_delete.has_listeners(Session)
    Session.objects.bulk_create(
        Session(session_key=key, session_data="", expire_date=timezone.now()) for key in "abc"
    )
    with CaptureQueriesContext(connections["default"]) as captured:
        assert Session.objects.all().delete()[0] == 3
    statements = [query["sql"].split()[0] for query in captured.captured_queries]
    assert statements == ["BEGIN", "DELETE", "COMMIT"]


def test_migrations_are_counted_for_who_asks(registry: Any, tmp_path: Path) -> None:
    import pyrometer.django

    engine = "django.db.backends.sqlite3"
    assert count(registry, "django_migrations", "db_alias", "state") == {}
    port = free_port()
    with database("empty", ENGINE=engine, NAME=f"{tmp_path}/empty.db"):
        with database("down", **postgres_settings(port)):
            pyrometer.django.observe_migrations(registry)
    found = count(registry, "django_migrations", "db_alias", "state")
    n_migrations = found[("default", "applied")]
    assert n_migrations > 10
    assert found == {("default", "applied"): n_migrations, ("empty", "unapplied"): n_migrations}


INSTALLED = """
from django.conf import settings
from django.http import HttpResponse
from django.urls import include, path

urlpatterns = [
    path("", include("pyrometer.django.urls")),
    path("item/<int:number>", lambda request, number: HttpResponse("ok")),
]
settings.configure(
    ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="none", USE_TZ=True,
    INSTALLED_APPS=["pyrometer.django", "django.contrib.contenttypes"], MIDDLEWARE=(),
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
)
import django
django.setup()
from django.core.cache import cache
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.test import Client

call_command("check", fail_level="WARNING")
call_command("migrate", verbosity=0)
cache.get("a")
client = Client()
for number in range(3):
    assert client.get(f"/item/{number}").content == b"ok"
# With this too, once.
import pyrometer
from werkzeug.test import Client as Outside
assert Outside(pyrometer.init(get_wsgi_application())).get("/item/4").status_code == 200
print(client.get("/metrics").content.decode())
"""


def test_one_line_in_the_settings_measures_it_all(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(INSTALLED)
    text = run_python(INSTALLED, tmp_path)
    for line in (
        'http_server_request_duration_seconds_count{error_type="",http_request_method="GET",'
        'http_response_status_code="200",http_route="/item/<int:number>"} 4.0',
        'django_cache_misses_total{cache_alias="default",'
        'cache_backend="django.core.cache.backends.locmem.LocMemCache"} 1.0',
        'django_model_rows_changed_total{model="contenttypes.ContentType",operation="insert"} 1.0',
    ):
        assert line in text.splitlines()
    assert 'db_client_operation_duration_seconds_count{db_namespace=":memory:"' in text
