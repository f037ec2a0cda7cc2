"""A page that asks `back` for its contents."""

from __future__ import annotations

import os

import pyrometer
import pyrometer.outgoing
import urllib3
from flask import Flask

pyrometer.outgoing.instrument()
app = pyrometer.init(Flask("front"), service="front")
others = urllib3.PoolManager(retries=False, timeout=3.0)


@app.get("/")
def page() -> tuple[str, int]:
    try:
        answer = others.request("GET", f"http://{os.environ['BACK']}/")
    except urllib3.exceptions.HTTPError as error:
        return f"{type(error).__name__}\n", 503
    return ("OK\n", 200) if answer.status == 200 else ("back failed\n", 502)
