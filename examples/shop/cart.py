"""Keeps the carts in SQLite and sends them to payments at checkout."""

import os
import sqlite3
import threading

import urllib3
from flask import Flask, request
from pyrometer import Histogram, outgoing
from pyrometer.flask import PrometheusMetrics

outgoing.instrument()
app = Flask("cart")
PrometheusMetrics(app, group_by="url_rule")
cart_value = Histogram(
    "shop_cart_value",
    "Value of the cart at checkout, in euros.",
    buckets=[5, 10, 20, 50, 80, 100, 150, 200],
)

DATABASE = os.environ.get("SHOP_DATABASE", "cart.sqlite")
PAYMENTS_URL = os.environ.get("SHOP_PAYMENTS_URL", "http://127.0.0.1:8103")
ITEMS_MAX = 50

payments = urllib3.PoolManager(
    maxsize=8, retries=False, timeout=urllib3.Timeout(connect=0.5, read=2.0)
)
per_thread = threading.local()


def database():
    """This thread's connection; SQLite's may not be shared by threads."""
    if not hasattr(per_thread, "connection"):
        connection = sqlite3.connect(DATABASE, timeout=5, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS items (cart TEXT, product INTEGER, price_cents INTEGER)"
        )
        connection.execute("CREATE INDEX IF NOT EXISTS items_by_cart ON items (cart)")
        per_thread.connection = connection
    return per_thread.connection


@app.get("/health")
def health():
    return "OK\n"


@app.get("/cart/<cart>")
def show(cart):
    rows = database().execute("SELECT product, price_cents FROM items WHERE cart = ?", [cart])
    items = [{"product": product, "price_cents": price} for product, price in rows]
    return {"items": items, "total_cents": sum(item["price_cents"] for item in items)}


@app.post("/cart/<cart>/items")
def add(cart):
    item = request.get_json(silent=True)
    wanted = ("product", "price_cents")
    if not isinstance(item, dict) or not all(isinstance(item.get(key), int) for key in wanted):
        return {"error": "send product and price_cents as numbers"}, 400
    inserted = database().execute(
        "INSERT INTO items SELECT ?, ?, ? WHERE (SELECT count(*) FROM items WHERE cart = ?) < ?",
        [cart, item["product"], item["price_cents"], cart, ITEMS_MAX],
    )
    if inserted.rowcount == 0:
        return {"error": f"a cart holds at most {ITEMS_MAX} items"}, 409
    return {"added": item["product"]}, 201


@app.post("/cart/<cart>/checkout")
def checkout(cart):
    total_cents = show(cart)["total_cents"]
    if total_cents == 0:
        return {"error": "the cart is empty"}, 409
    try:
        answer = payments.request("POST", f"{PAYMENTS_URL}/pay", json={"amount_cents": total_cents})
    except urllib3.exceptions.NewConnectionError:
        return {"error": "payments cannot be reached"}, 503
    except urllib3.exceptions.TimeoutError:
        return {"error": "payments did not answer in time"}, 504
    except urllib3.exceptions.HTTPError:
        return {"error": "payments broke off"}, 502
    if answer.status != 200:
        return {"error": f"payments answered {answer.status}"}, 502
    database().execute("DELETE FROM items WHERE cart = ?", [cart])
    cart_value.observe(total_cents / 100)
    return {"paid_cents": total_cents}
