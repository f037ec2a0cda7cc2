"""Celery's publishing through Redis, against a real server."""

from __future__ import annotations

import celery
import kombu
import kombu.exceptions
import pytest

from .conftest import Calls
from .servers import free_port


def shop(port: int) -> celery.Celery:
    app = celery.Celery("shop", broker=f"redis://127.0.0.1:{port}/3", set_as_current=False)
    app.conf.broker_connection_retry_on_startup = False
    app.conf.task_ignore_result = True
    return app


def test_a_task_is_published_once_whatever_redis_does_for_it(
    redis_port: int, calls: Calls
) -> None:
    app = shop(redis_port)
    app.send_task("shop.pay", args=["secret"])
    app.send_task("shop.pay", queue="slow")
    app.close()
    peer = f"messaging 127.0.0.1:{redis_port} redis"
    found = [call for call in calls() if not call.startswith("db")]
    assert found == [f"{peer} celery publish", f"{peer} slow publish"]


def test_publishing_that_fails_is_an_error(calls: Calls) -> None:
    port = free_port()
    app = shop(port)
    with pytest.raises(kombu.exceptions.OperationalError):
        app.send_task("shop.pay", retry=False)
    app.close()
    assert [call for call in calls() if call.startswith("messaging")] == [
        f"messaging 127.0.0.1:{port} redis celery publish OperationalError"
    ]


def test_what_stays_in_the_process_is_no_call(calls: Calls) -> None:
    with kombu.Connection("memory://") as connection:
        kombu.Producer(connection).publish({"a": 1}, routing_key="queue")
    assert calls() == []
