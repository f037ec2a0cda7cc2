"""What visitors see: the catalogue, the product pages, and the way to the cart and through it."""

import os

import urllib3
from flask import Flask, request
from pyrometer import outgoing
from pyrometer.flask import PrometheusMetrics

outgoing.instrument()
app = Flask("storefront")
metrics = PrometheusMetrics(app, group_by="url_rule")
metrics.info("shop_version_info", "The version of the shop.", version="1.0.1")

CART_URL = os.environ.get("SHOP_CART_URL", "http://127.0.0.1:8102")
# Product number → name and price in cents.
CATALOGUE = {
    1: ("Notebook", 450),
    2: ("Pencils", 320),
    3: ("Teapot", 2490),
    4: ("Reading lamp", 3990),
    5: ("Backpack", 7900),
    6: ("Bread knife", 2750),
    7: ("Umbrella", 1890),
    8: ("Headphones", 12900),
}

cart_service = urllib3.PoolManager(
    maxsize=8, retries=False, timeout=urllib3.Timeout(connect=0.5, read=3.0)
)


def told(name):
    """One field of the JSON object that was sent, or None when there is no such thing."""
    body = request.get_json(silent=True)
    return body.get(name) if isinstance(body, dict) else None


def ask_cart(method, path, **options):
    """Passes the cart's answer on; its failures become 502, 503 or 504 with a reason."""
    try:
        answer = cart_service.request(method, f"{CART_URL}{path}", **options)
    except urllib3.exceptions.NewConnectionError:
        return {"error": "the cart cannot be reached"}, 503
    except urllib3.exceptions.TimeoutError:
        return {"error": "the cart did not answer in time"}, 504
    except urllib3.exceptions.HTTPError:
        return {"error": "the cart broke off"}, 502
    if answer.status >= 500:
        return {"error": f"the cart answered {answer.status}"}, 502
    return answer.json(), answer.status


@app.get("/health")
def health():
    return "OK\n"


@app.get("/")
def catalogue():
    return {"products": [{"id": key, "name": name} for key, (name, _) in CATALOGUE.items()]}


@app.get("/products/<int:product>")
def product_page(product):
    if product not in CATALOGUE:
        return {"error": "no such product"}, 404
    name, price_cents = CATALOGUE[product]
    return {"id": product, "name": name, "price_cents": price_cents}


@app.get("/cart/<cart>")
def show_cart(cart):
    return ask_cart("GET", f"/cart/{cart}")


@app.post("/cart/<cart>/items")
def add_item(cart):
    product = told("product")
    if not isinstance(product, int) or product not in CATALOGUE:
        return {"error": "no such product"}, 404
    item = {"product": product, "price_cents": CATALOGUE[product][1]}
    return ask_cart("POST", f"/cart/{cart}/items", json=item)


@app.post("/checkout")
def checkout():
    cart = told("cart")
    if not isinstance(cart, str) or not cart.isalnum():
        return {"error": "send the cart's id"}, 400
    return ask_cart("POST", f"/cart/{cart}/checkout")
