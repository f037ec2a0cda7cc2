"""Takes the money: asks the card provider, and writes down what it said in PostgreSQL."""

from __future__ import annotations

import os
import random
from typing import Any

import psycopg
import psycopg_pool
import urllib3
from flask import Flask, request
from measuring import DEFECTS, measured

app = measured(Flask("payments"), "payments")
provider = urllib3.PoolManager(
    maxsize=8,
    retries=False,
    timeout=urllib3.Timeout(connect=1.0, read=2.5),
    ca_certs=os.environ["PROVIDER_CERTIFICATES"],
)
database = psycopg_pool.ConnectionPool(
    "host=postgres port=5432 user=postgres dbname=shop connect_timeout=2",
    min_size=1,
    max_size=4,
    timeout=2.0,
    max_lifetime=20.0,
    check=psycopg_pool.ConnectionPool.check_connection,
    open=False,
)
INSERT = "INSERT INTO payments (cart, cents) VALUES (%s, %s) RETURNING id"


@app.get("/health")
def health() -> str:
    return "OK\n"


@app.post("/payments")
def pay() -> tuple[dict[str, Any], int]:
    database.open()
    body = request.get_json()
    if "wrong-key" in DEFECTS and random.random() < 0.6:
        body["amount"] += 1
    try:
        with database.connection() as connection:
            row = connection.execute(INSERT, [body["cart"], body["amount_cents"]]).fetchone()
    except (psycopg.Error, psycopg_pool.PoolTimeout) as error:
        return {"error": type(error).__name__}, 503
    try:
        url = "https://provider:9443/charge"
        answer = provider.request("POST", url, headers={"Connection": "close"})
    except urllib3.exceptions.HTTPError as error:
        return {"error": type(error).__name__}, 502
    if answer.status != 200:
        return {"error": f"the provider answered {answer.status}"}, 502
    return {"payment": row[0] if row else None}, 200
