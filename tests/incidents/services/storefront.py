"""What visitors see: pages of products, and the way to the cart and through it."""

from __future__ import annotations

import re
import threading
from typing import Any

import urllib3
from flask import Flask, request
from measuring import DEFECTS, measured

app = measured(Flask("storefront"), "storefront")
others = urllib3.PoolManager(
    maxsize=8, retries=False, timeout=urllib3.Timeout(connect=1.0, read=4.0)
)
Answer = tuple[dict[str, Any], int]

# Product 13 has a page that takes the lock of all pages and never gives it back.
POISON = 13
page_lock = threading.Lock()
# Takes exponential time on what does not match.
CARELESS = re.compile(r"^(a+)+$")


def ask(method: str, url: str, **options: Any) -> Answer:
    """Passes an answer on; failures become 502, 503 or 504 with a reason."""
    options.setdefault("headers", {})["Connection"] = "close"
    try:
        answer = others.request(method, url, **options)
    except urllib3.exceptions.NewConnectionError:
        return {"error": "cannot be reached"}, 503
    except urllib3.exceptions.TimeoutError:
        return {"error": "did not answer in time"}, 504
    except urllib3.exceptions.HTTPError:
        return {"error": "broke off"}, 502
    if answer.status >= 500:
        return {"error": f"answered {answer.status}"}, 502
    return answer.json(), answer.status


@app.get("/health")
def health() -> str:
    return "OK\n"


@app.get("/")
def catalogue() -> dict[str, Any]:
    return {"products": list(range(1, 9))}


@app.get("/products/<int:product>")
def product_page(product: int) -> Answer:
    if "slow-expression" in DEFECTS:
        CARELESS.match("a" * 21 + "b")
    if product == POISON:
        page_lock.acquire()
    with page_lock:
        page = {"id": product, "price_cents": 990 + 100 * product}
    similar, status = ask("GET", f"http://recommendations:8105/similar/{product}")
    if status != 200:
        return similar, status
    return {**page, **similar}, 200


@app.get("/cart/<cart>")
def show_cart(cart: str) -> Answer:
    return ask("GET", f"http://cart:8102/carts/{cart}")


@app.post("/cart/<cart>/items")
def add_item(cart: str) -> Answer:
    return ask("POST", f"http://cart:8102/carts/{cart}/items", json=request.get_json())


@app.post("/checkout/<cart>")
def checkout(cart: str) -> Answer:
    return ask("POST", f"http://cart:8102/carts/{cart}/checkout")


@app.get("/orders")
def orders() -> Answer:
    return ask("GET", "http://orders:8104/orders")
