"""Says what else a visitor may like: from Redis, else from PostgreSQL."""

from __future__ import annotations

import json
import random
import time
from typing import Any

import psycopg
import psycopg_pool
import redis
from flask import Flask
from measuring import DEFECTS, measured

app = measured(Flask("recommendations"), "recommendations")
cache = redis.Redis(host="redis", port=6379, socket_timeout=0.8, socket_connect_timeout=0.8)
database = psycopg_pool.ConnectionPool(
    "host=postgres port=5432 user=postgres dbname=shop connect_timeout=2",
    min_size=1,
    max_size=4,
    timeout=2.0,
    kwargs={"options": "-c statement_timeout=3000"},
    open=False,
)
# Without an index, as it goes.
SIMILAR = "SELECT id FROM products WHERE kind = %s ORDER BY md5(name) LIMIT 3"
CACHED_S = 20


@app.get("/health")
def health() -> str:
    return "OK\n"


@app.get("/similar/<int:product>")
def similar(product: int) -> tuple[dict[str, Any], int]:
    if "noise" in DEFECTS and random.random() < 0.04:
        raise LookupError("no recommendation")
    if "slow-model" in DEFECTS:
        time.sleep(random.uniform(0.9, 1.6))
    key = f"similar:{product}:{random.randrange(4)}"
    try:
        if found := cache.get(key):
            return {"similar": json.loads(found)}, 200
    except redis.RedisError as error:
        return {"error": type(error).__name__}, 503
    database.open()
    try:
        with database.connection() as connection:
            rows = connection.execute(SIMILAR, [product % 8]).fetchall()
    except (psycopg.Error, psycopg_pool.PoolTimeout) as error:
        return {"error": type(error).__name__}, 503
    ids = [row[0] for row in rows]
    try:
        cache.set(key, json.dumps(ids), ex=CACHED_S)
    except redis.RedisError:
        # A full cache is no reason to show nothing.
        return {"similar": ids}, 200
    return {"similar": ids}, 200
