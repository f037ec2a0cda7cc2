"""Takes orders: a line in the journal, then a task for fulfilment through RabbitMQ."""

from __future__ import annotations

import os
from typing import Any

import psycopg
from celery import Celery
from flask import Flask, request
from measuring import measured

app = measured(Flask("orders"), "orders")
tasks = Celery("orders", broker="pyamqp://guest:guest@rabbitmq:5672//")
tasks.conf.update(
    task_ignore_result=True,
    broker_connection_timeout=2,
    broker_transport_options={"confirm_publish": True, "write_timeout": 2, "read_timeout": 2},
)
# What the law wants written down of an order is about this long.
RECEIPT = "." * 2000
DATABASE = "host=postgres port=5432 user=postgres dbname=shop connect_timeout=2"


@app.get("/health")
def health() -> str:
    return "OK\n"


@app.post("/orders")
def order() -> tuple[dict[str, Any], int]:
    cart = request.get_json()["cart"]
    with open(os.environ["ORDERS_JOURNAL"], "a", encoding="utf-8") as journal:
        journal.write(f"{cart} {RECEIPT}\n")
        journal.flush()
        os.fsync(journal.fileno())
    try:
        tasks.send_task("fulfilment.ship", [cart], retry=False)
    except (OSError, tasks.connection_for_write().connection_errors) as error:
        return {"error": type(error).__name__}, 503
    return {"ordered": cart}, 201


@app.get("/orders")
def newest() -> dict[str, Any]:
    with psycopg.connect(DATABASE, options="-c statement_timeout=2500") as connection:
        rows = connection.execute("SELECT cart FROM shipments ORDER BY id DESC LIMIT 5")
        return {"shipped": [row[0] for row in rows]}
