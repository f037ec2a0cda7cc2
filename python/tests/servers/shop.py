"""One application, in WSGI and in ASGI: it counts, and tells what the group counted."""

from __future__ import annotations

import os
from typing import Any, Callable

import pyrometer

orders = pyrometer.Counter("orders", "Orders", ["kind"])
took = pyrometer.Histogram("took_seconds", "Time of an order")
running = pyrometer.Gauge("running", "Orders in progress")
# Each process says 1: the sum is how many of those that live have counted.
at_work = pyrometer.Gauge("at_work", "Processes", multiprocess_mode="livesum")


def answer(path: str) -> bytes:
    if path == "/metrics":
        return pyrometer.generate_latest()
    if path == "/up":
        return b"up"
    with running.track_inprogress():
        orders.labels(path).inc()
        took.observe(0.25)
        at_work.set(1)
    return str(os.getpid()).encode()


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    body = answer(environ["PATH_INFO"])
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


async def asgi(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        while True:
            kind = (await receive())["type"]
            await send({"type": kind + ".complete"})
            if kind == "lifespan.shutdown":
                return
    body = answer(scope["path"])
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
