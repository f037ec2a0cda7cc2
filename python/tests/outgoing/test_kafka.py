"""Kafka's producers, against librdkafka's own mock cluster."""

from __future__ import annotations

import asyncio
import gc
import warnings
from typing import Iterator

import aiokafka
import aiokafka.errors
import confluent_kafka
import pytest

from pyrometer.outgoing.kafka import peer_of_servers

from .conftest import Calls

with warnings.catch_warnings():
    # kafka-python reads its schemas by a function that is on its way out.
    warnings.simplefilter("ignore", DeprecationWarning)
    import kafka


@pytest.fixture
def cluster(calls: Calls) -> Iterator[str]:
    """The address of a mock broker, which lives as long as the producer that has it."""
    owner = confluent_kafka.Producer(
        {"bootstrap.servers": "mock", "test.mock.num.brokers": 1, "log_level": 0}
    )
    broker = next(iter(owner.list_topics(timeout=10).brokers.values()))
    yield f"{broker.host}:{broker.port}"


def test_confluents_producer_counts_what_was_delivered(cluster: str, calls: Calls) -> None:
    told: list[object] = []
    producer = confluent_kafka.Producer({"bootstrap.servers": cluster, "message.timeout.ms": 5000})
    producer.produce("orders", b"secret")
    producer.produce("orders", b"secret", on_delivery=lambda error, message: told.append(error))
    producer.produce("orders", b"v", b"k", 0, lambda error, message: told.append(error))
    assert producer.flush(10) == 0
    assert told == [None, None]
    assert calls() == [f"messaging {cluster} kafka orders send"] * 3


def test_confluents_producer_counts_what_was_given_up(calls: Calls) -> None:
    producer = confluent_kafka.Producer(
        {"bootstrap.servers": "127.0.0.1:1", "message.timeout.ms": 50, "log_level": 0}
    )
    producer.produce("orders", b"secret")
    producer.flush(10)
    assert calls() == ["messaging 127.0.0.1:1 kafka orders send _MSG_TIMED_OUT"]


def test_kafka_pythons_producer_counts_what_was_delivered(cluster: str, calls: Calls) -> None:
    # Told, not asked: the mock cluster's answer to what it speaks is not understood.
    producer = kafka.KafkaProducer(
        bootstrap_servers=[cluster], enable_idempotence=False, api_version=(2, 0)
    )
    assert producer.send("orders", b"secret").get(10).topic == "orders"
    producer.close()
    del producer
    with warnings.catch_warnings():
        # Closed, it leaves its own wake-up sockets to the collector, hooked or not.
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
    assert calls() == [f"messaging {cluster} kafka orders send"]


def test_aiokafkas_producer_counts_what_was_delivered(cluster: str, calls: Calls) -> None:
    async def send() -> None:
        async with aiokafka.AIOKafkaProducer(bootstrap_servers=cluster) as producer:
            told = await producer.send_and_wait("orders", b"secret")
            assert told.topic == "orders"
            assert (await (await producer.send(topic="orders", value=b"secret"))).offset >= 0
            batch = producer.create_batch()
            batch.append(key=None, value=b"secret", timestamp=None)
            await (await producer.send_batch(batch, "orders", partition=0))
            with pytest.raises(aiokafka.errors.MessageSizeTooLargeError):
                await producer.send("orders", b"x" * (1 << 21))

    asyncio.run(send())
    call = f"messaging {cluster} kafka orders send"
    assert calls() == [call, call, call, f"{call} MessageSizeTooLargeError"]


@pytest.mark.parametrize(
    ("servers", "peer"),
    [
        ("a:1,b:2", ("a", "1")),
        (["a:1", "b:2"], ("a", "1")),
        ("a", ("a", "9092")),
        ("SASL_SSL://a:1", ("a", "1")),
        (None, ("", "9092")),
        ([], ("", "9092")),
    ],
)
def test_the_first_server_stands_for_the_cluster(servers: object, peer: tuple[str, str]) -> None:
    assert peer_of_servers(servers) == peer
