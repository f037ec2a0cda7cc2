"""pika and Celery, against a real RabbitMQ."""

from __future__ import annotations

from typing import Iterator

import celery
import pika
import pika.exceptions
import pytest

from . import servers
from .conftest import Calls


@pytest.fixture(scope="module")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with servers.rabbitmq(tmp_path_factory.mktemp("rabbitmq") / "server") as port:
        yield port


def test_pika_is_counted_by_exchange_or_queue(rabbitmq: int, calls: Calls) -> None:
    settings = pika.ConnectionParameters("127.0.0.1", rabbitmq)
    with pika.BlockingConnection(settings) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        own = channel.queue_declare("", exclusive=True).method.queue
        channel.queue_declare("orders", auto_delete=True)
        channel.basic_publish("", "orders", b"secret")
        channel.basic_publish("amq.topic", "order.4711", b"secret")
        channel.basic_publish(exchange="", routing_key=own, body=b"secret")
        with pytest.raises(pika.exceptions.UnroutableError):
            channel.basic_publish("", "nowhere", b"secret", mandatory=True)
        assert channel.basic_get("orders", auto_ack=True)[2] == b"secret"
    peer = f"messaging 127.0.0.1:{rabbitmq} rabbitmq"
    assert calls() == [
        f"{peer} (temporary) publish",
        f"{peer} amq.topic publish",
        f"{peer} nowhere publish UnroutableError",
        f"{peer} orders publish",
    ]


def test_celery_is_counted_by_queue(rabbitmq: int, calls: Calls) -> None:
    url = f"amqp://guest:guest@127.0.0.1:{rabbitmq}//"
    app = celery.Celery("shop", broker=url, set_as_current=False)
    app.send_task("shop.pay", args=["secret"])
    app.close()
    assert calls() == [f"messaging 127.0.0.1:{rabbitmq} rabbitmq celery publish"]
