"""What measuring a request costs, ours and the rival's, in calls within one process.

Prints one JSON object on the last line. ``*_us`` is added processor time per request in
microseconds: the median over the rounds of the difference to the same application unmeasured,
which runs in the same round. ``*_ratio`` is the rival's by ours. All have a label with the route.
``flask`` is ``pyrometer.init``, ``flask_class`` the class that takes the place of the exporter's.

    python benches/bench_http.py [--rounds N] [--only NAME]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from typing import Any, Callable

import prometheus_client

import pyrometer

# Long enough that the clock's resolution is below a thousandth of a round.
SECONDS_A_ROUND = 0.02
HEADERS = [(b"host", b"shop"), (b"user-agent", b"bench"), (b"accept", b"*/*")]

Run = Callable[[int], None]


def flask_app() -> Any:
    from flask import Flask

    app = Flask("shop")

    @app.route("/item/<number>")
    def item(number: str) -> str:
        return "ok"

    return app


def flask_runs() -> list[Run]:
    from prometheus_flask_exporter import PrometheusMetrics

    ours, rival, bare = flask_app(), flask_app(), flask_app()
    pyrometer.init(ours)
    registry = prometheus_client.CollectorRegistry()
    PrometheusMetrics(rival, group_by="url_rule", registry=registry)
    return [wsgi_run(app.wsgi_app) for app in (bare, ours, rival)]


def flask_class_runs() -> list[Run]:
    from prometheus_flask_exporter import PrometheusMetrics as Rival

    from pyrometer.flask import PrometheusMetrics

    ours, rival, bare = flask_app(), flask_app(), flask_app()
    PrometheusMetrics(ours, registry=pyrometer.CollectorRegistry())
    Rival(rival, group_by="url_rule", registry=prometheus_client.CollectorRegistry())
    return [wsgi_run(app.wsgi_app) for app in (bare, ours, rival)]


def wsgi_run(app: Any) -> Run:
    from werkzeug.test import EnvironBuilder

    environ = EnvironBuilder("/item/7").get_environ()

    def start_response(status: str, headers: Any, exc_info: Any = None) -> None:
        if status != "200 OK":
            raise AssertionError(status)

    def run(n: int) -> None:
        for _ in range(n):
            body = app(dict(environ), start_response)
            for _ in body:
                pass
            close = getattr(body, "close", None)
            if close is not None:
                close()

    return run


def starlette_app() -> Any:
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    async def item(request: Any) -> Any:
        return PlainTextResponse("ok")

    return Starlette(routes=[Route("/item/{number}", item)])


def starlette_runs() -> list[Run]:
    from starlette_exporter import PrometheusMiddleware

    ours, rival, bare = starlette_app(), starlette_app(), starlette_app()
    pyrometer.init(ours)
    rival.add_middleware(PrometheusMiddleware, group_paths=True, prefix="rival")
    return [asgi_run(app) for app in (bare, ours, rival)]


def fastapi_app() -> Any:
    from fastapi import FastAPI

    app = FastAPI()

    @app.get("/item/{number}")
    async def item(number: str) -> str:
        return "ok"

    return app


def fastapi_runs() -> list[Run]:
    from prometheus_fastapi_instrumentator import Instrumentator

    ours, rival, bare = fastapi_app(), fastapi_app(), fastapi_app()
    pyrometer.init(ours)
    registry = prometheus_client.CollectorRegistry()
    Instrumentator(registry=registry).instrument(rival)
    return [asgi_run(app) for app in (bare, ours, rival)]


def asgi_run(app: Any) -> Run:
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/item/7",
        "raw_path": b"/item/7",
        "query_string": b"",
        "root_path": "",
        "headers": HEADERS,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    loop = asyncio.new_event_loop()

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        if message.get("status", 200) != 200:
            raise AssertionError(message)

    async def call(n: int) -> None:
        for _ in range(n):
            await app(dict(scope), receive, send)

    def run(n: int) -> None:
        loop.run_until_complete(call(n))

    return run


def seconds(run: Run, n: int) -> float:
    start = time.process_time()
    run(n)
    return time.process_time() - start


def iterations(run: Run) -> int:
    n = 1
    while seconds(run, n) < SECONDS_A_ROUND:
        n *= 2
    return n


def measure(runs: list[Run], rounds: int) -> tuple[float, float, float]:
    """Medians: seconds a request bare, added by us, added by the rival."""
    n = iterations(runs[0])
    for run in runs:
        run(n)
    bare, ours, rival = [], [], []
    for number in range(rounds):
        taken = [0.0] * len(runs)
        # In another order each time: what follows what must not matter.
        for place in range(len(runs)):
            at = (place + number) % len(runs)
            taken[at] = seconds(runs[at], n) / n
        bare.append(taken[0])
        ours.append(taken[1] - taken[0])
        rival.append(taken[2] - taken[0])
    return statistics.median(bare), statistics.median(ours), statistics.median(rival)


RUNS: dict[str, Callable[[], list[Run]]] = {
    "flask": flask_runs,
    "flask_class": flask_class_runs,
    "starlette": starlette_runs,
    "fastapi": fastapi_runs,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--only", choices=RUNS)
    options = parser.parse_args()
    figures: dict[str, float] = {}
    for name in [options.only] if options.only else RUNS:
        bare, ours, rival = (value * 1e6 for value in measure(RUNS[name](), options.rounds))
        figures[f"{name}_bare_us"] = round(bare, 2)
        figures[f"{name}_us"] = round(ours, 2)
        figures[f"rival_{name}_us"] = round(rival, 2)
        figures[f"{name}_ratio"] = round(rival / ours, 2)
        print(
            f"{name:11} bare {bare:6.1f} us   ours +{ours:5.2f}   rival +{rival:5.2f}",
            file=sys.stderr,
        )
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
