"""Takes the money: the last service of the chain, and the one that breaks on purpose."""

import os
import random
import time

from flask import Flask, request
from pyrometer import Counter
from pyrometer.flask import PrometheusMetrics

import faults

app = Flask("payments")
PrometheusMetrics(app, group_by="url_rule")
payments = Counter("shop_payments", "Payments by how they ended.", ["outcome"])

FAULT_FILE = os.environ.get("SHOP_FAULT_FILE", "fault.json")


class ProviderDown(Exception):
    """The card provider did not answer."""


@app.get("/health")
def health():
    return "OK\n"


@app.post("/pay")
def pay():
    body = request.get_json(silent=True)
    amount_cents = body.get("amount_cents") if isinstance(body, dict) else None
    if not isinstance(amount_cents, int) or amount_cents <= 0:
        payments.labels("refused").inc()
        return {"error": "amount_cents must be a whole number above zero"}, 400
    fault = faults.read(FAULT_FILE)
    # The card provider's own time on a good day: 8 to 30 ms.
    time.sleep(random.uniform(0.008, 0.030) + random.uniform(*fault.slow_s))
    if random.random() < fault.failing:
        payments.labels("failed").inc()
        raise ProviderDown("the card provider did not answer")
    payments.labels("paid").inc()
    return {"paid_cents": amount_cents}
