"""Ships what was ordered: tasks from RabbitMQ, a row in PostgreSQL for each."""

from __future__ import annotations

import random
import time

import psycopg
from celery import Celery
from measuring import DEFECTS, measured

app = measured(Celery("fulfilment", broker="pyamqp://guest:guest@rabbitmq:5672//"), "fulfilment")
app.conf.update(
    task_ignore_result=True,
    broker_connection_retry_on_startup=True,
    worker_prefetch_multiplier=1,
    worker_cancel_long_running_tasks_on_connection_loss=False,
)
DATABASE = "host=postgres port=5432 user=postgres dbname=shop connect_timeout=2"


@app.task(name="fulfilment.ship")
def ship(cart: str) -> None:
    time.sleep(random.uniform(0.01, 0.04))
    if "wrong-address" in DEFECTS and random.random() < 0.7:
        raise KeyError("address")
    with psycopg.connect(DATABASE, options="-c statement_timeout=5000") as connection:
        connection.execute("INSERT INTO shipments (cart) VALUES (%s)", [cart])
