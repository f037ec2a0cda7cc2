"""The Flask metrics behave as prometheus_flask_exporter's.

Each case builds the same application for both, sends the same requests, and compares what
``/metrics`` says, but for the times that requests took and the exporter's version.
"""

from __future__ import annotations

import functools
import re
from http import HTTPStatus
from typing import Any, Callable, Iterator

import prometheus_client
import prometheus_flask_exporter
import pytest
from flask import Blueprint, Flask, Response, abort, request, stream_with_context
from flask.views import MethodView

import pyrometer
import pyrometer.flask
import pyrometer.flask_request

Build = Callable[[Any, Any, Any], Flask]


def app_with_routes(name: str = "app") -> Flask:
    app = Flask(name)

    @app.route("/")
    def index() -> str:
        return "index"

    @app.route("/item/<int:number>", methods=["GET", "POST"])
    def item(number: int) -> str:
        return str(number)

    @app.route("/missing")
    def missing() -> Any:
        abort(404)

    @app.route("/broken")
    def broken() -> Any:
        raise ValueError("on purpose")

    @app.route("/teapot")
    def teapot() -> Any:
        return "no", 418

    return app


REQUESTS = [
    ("GET", "/"),
    ("GET", "/"),
    ("POST", "/"),
    ("HEAD", "/"),
    ("GET", "/item/1"),
    ("POST", "/item/2"),
    ("GET", "/missing"),
    ("GET", "/broken"),
    ("GET", "/teapot"),
    ("GET", "/inner"),
    ("GET", "/stream"),
    ("GET", "/outer/inner/9"),
    ("GET", "/outer/quiet"),
    ("GET", "/metrics"),
]


def build_default_path(m: Any, p: Any, registry: Any) -> Flask:
    app = app_with_routes()
    m.PrometheusMetrics(app, group_by="path", registry=registry)
    return app


def build_url_rule(m: Any, p: Any, registry: Any) -> Flask:
    app = app_with_routes()
    m.PrometheusMetrics(app, group_by="url_rule", registry=registry)
    return app


def build_endpoint(m: Any, p: Any, registry: Any) -> Flask:
    app = app_with_routes()
    with pytest.warns(DeprecationWarning):
        m.PrometheusMetrics(app, group_by_endpoint=True, registry=registry)
    return app


def build_callable(m: Any, p: Any, registry: Any) -> Flask:
    def first_part(req: Any) -> str:
        return "/" + req.path[1:].split("/")[0]

    app = app_with_routes()
    m.PrometheusMetrics(app, group_by=first_part, registry=registry)
    return app


def build_options(m: Any, p: Any, registry: Any) -> Flask:
    app = app_with_routes()
    m.PrometheusMetrics(
        app,
        path="/prom",
        defaults_prefix="my",
        group_by="path",
        buckets=[0.5, 10],
        default_labels={"static": 7, "status2": lambda r: r.status_code, "m": lambda: "x"},
        excluded_paths=["/item", "/tea"],
        registry=registry,
    )
    return app


def build_summary_without_prefix(m: Any, p: Any, registry: Any) -> Flask:
    app = app_with_routes()
    m.PrometheusMetrics(
        app,
        defaults_prefix=m.NO_PREFIX,
        default_latency_as_histogram=False,
        group_by="path",
        registry=registry,
    )
    return app


def build_no_defaults(m: Any, p: Any, registry: Any) -> Flask:
    app = app_with_routes()
    m.PrometheusMetrics(app, export_defaults=False, registry=registry)
    return app


def build_factory(m: Any, p: Any, registry: Any) -> Flask:
    metrics = m.PrometheusMetrics.for_app_factory(group_by="path", registry=registry)
    app = app_with_routes()
    metrics.init_app(app)
    metrics.info("app_info", "help", ("b", "a"), ("1", 2))
    metrics.info("plain_info", "help")
    metrics.info("dict_info", "help", version="1.0", major=1)
    return app


def build_error_handlers(m: Any, p: Any, registry: Any) -> Flask:
    app = app_with_routes()
    app.register_error_handler(ValueError, lambda error: ("handled", 503))
    app.register_error_handler(404, lambda error: ("not here", 410))
    m.PrometheusMetrics(app, group_by="path", registry=registry)
    return app


def build_decorators(m: Any, p: Any, registry: Any) -> Flask:
    app = Flask("app")
    metrics = m.PrometheusMetrics(app, group_by="path", registry=registry)

    @app.route("/")
    @metrics.counter("index_count", "help", labels={"status": lambda r: r.status_code, "k": "v"})
    @metrics.gauge("index_running", "help", labels={"path": lambda: request.path})
    def index() -> str:
        return "index"

    @app.route("/item/<int:number>", methods=["GET", "POST"])
    @metrics.do_not_track()
    @metrics.summary("item_seconds", "help", labels={"n": lambda: request.view_args["number"]})
    @metrics.histogram("item_buckets", "help", buckets=[5, 10])
    def item(number: int) -> str:
        return str(number)

    @app.route("/missing")
    @metrics.counter("missing_count", "help", labels={"status": lambda r: r.status_code})
    def missing() -> Any:
        abort(404)

    @app.route("/broken")
    @metrics.counter("broken_count", "help", labels={"status": lambda r: r.status_code})
    @metrics.gauge("broken_running", "help")
    def broken() -> Any:
        raise ValueError("on purpose")

    @app.route("/teapot")
    @metrics.exclude_all_metrics()
    @metrics.counter("teapot_count", "help")
    @metrics.gauge("teapot_running", "help")
    def teapot() -> Any:
        return "no", 418

    @metrics.counter("inner_count", "help", labels={"kind": lambda r: type(r).__name__})
    def inner() -> tuple[int, int]:
        return 1, 2

    @app.route("/inner")
    def outer() -> str:
        return str(inner())

    metrics.counter("static_count", "help", labels={"a": 1})(lambda: None)
    metrics.counter(
        "static_later", "help", labels={"a": 1}, initial_value_when_only_static_labels=False
    )(lambda: None)
    return app


def build_register_default(m: Any, p: Any, registry: Any) -> Flask:
    app = app_with_routes()
    metrics = m.PrometheusMetrics(
        app, group_by="path", excluded_paths="/teapot", registry=registry
    )
    by_path = {"path": lambda: request.path, "status": lambda r: r.status_code}
    metrics.register_default(metrics.counter("by_path", "help", labels=by_path))
    return app


def build_method_view(m: Any, p: Any, registry: Any) -> Flask:
    app = Flask("app")
    metrics = m.PrometheusMetrics(app, group_by="path", registry=registry)

    class Item(MethodView):
        decorators = [
            metrics.counter("views", "help", labels={"status": lambda r: r.status_code}),
        ]

        def get(self, number: int) -> Any:
            return {"number": number}, 201

    app.add_url_rule("/item/<int:number>", view_func=Item.as_view("item"))
    return app


def build_two_apps(m: Any, p: Any, registry: Any) -> Flask:
    app = app_with_routes()
    m.PrometheusMetrics(app, group_by="path", registry=registry)
    # A second one with the same names leaves the first alone.
    m.PrometheusMetrics(app_with_routes("other"), group_by="path", registry=registry)
    return app


def build_propagating(m: Any, p: Any, registry: Any) -> Flask:
    app = app_with_routes()
    app.testing = True
    metrics = m.PrometheusMetrics(app, group_by="path", registry=registry)
    labels = {"status": lambda r: r.status_code}
    metrics.register_default(metrics.histogram("views", "help", labels=labels), app=app)
    return app


def build_late_failure(m: Any, p: Any, registry: Any) -> Flask:
    app = app_with_routes()

    # Runs after what is registered later.
    @app.after_request
    def fails(response: Response) -> Response:
        if request.path == "/teapot":
            raise ValueError("on purpose")
        return response

    m.PrometheusMetrics(app, group_by="path", registry=registry)
    return app


def build_answered_before(m: Any, p: Any, registry: Any) -> Flask:
    app = app_with_routes()

    @app.before_request
    def answers() -> Any:
        return ("not today", 503) if request.path == "/" else None

    m.PrometheusMetrics(app, group_by="path", registry=registry)
    return app


def build_blueprints(m: Any, p: Any, registry: Any) -> Flask:
    app = app_with_routes()
    metrics = m.PrometheusMetrics.for_app_factory(group_by="endpoint", registry=registry)
    outer = Blueprint("outer", "outer", url_prefix="/outer")
    inner = Blueprint("inner", "inner", url_prefix="/inner")

    @inner.route("/<int:number>")
    @metrics.counter("inner_count", "help", labels={"endpoint": lambda: request.endpoint})
    def item(number: int) -> str:
        return str(number)

    @outer.route("/quiet")
    @metrics.do_not_track()
    @metrics.gauge("quiet_running", "help", labels={"a": 1})
    def quiet() -> str:
        return "quiet"

    outer.register_blueprint(inner)
    app.register_blueprint(outer)
    metrics.init_app(app)
    return app


def build_streaming(m: Any, p: Any, registry: Any) -> Flask:
    app = app_with_routes()
    metrics = m.PrometheusMetrics(app, group_by="path", registry=registry)

    @app.route("/stream")
    @metrics.summary("streams", "help", labels={"streamed": lambda r: r.is_streamed})
    @metrics.gauge("streams_running", "help")
    def stream() -> Response:
        def parts() -> Iterator[str]:
            yield "a" * 5
            yield request.path

        return Response(stream_with_context(parts()), status=HTTPStatus.ACCEPTED)

    return app


def build_label_functions(m: Any, p: Any, registry: Any) -> Flask:
    def second(first: Any, response: Any) -> Any:
        return f"{first}{response.status_code}"

    labels = {
        "none": lambda: "none",
        "one": lambda r: r.status_code,
        "default": lambda r=None: r.mimetype,
        "rest": lambda *rest: len(rest),
        "part": functools.partial(second, "s"),
        "number": 7,
        "nothing": None,
    }
    app = app_with_routes()
    metrics = m.PrometheusMetrics(
        app, group_by="path", registry=registry, default_labels=dict(labels)
    )
    metrics.register_default(metrics.counter("calls", "help", labels={"one": "overridden"}))
    return app


def build_late_defaults(m: Any, p: Any, registry: Any) -> Flask:
    app = app_with_routes()
    metrics = m.PrometheusMetrics(app, export_defaults=False, path=None, registry=registry)
    metrics.export_defaults(group_by="endpoint", latency_as_histogram=False, prefix="late")
    # Once is enough.
    metrics.export_defaults(group_by="endpoint", prefix="late")
    metrics.register_endpoint("/metrics")
    return app


def build_two_on_one(m: Any, p: Any, registry: Any) -> Flask:
    app = app_with_routes()
    for prefix in ("first", "second"):
        m.PrometheusMetrics(
            app,
            path="/metrics" if prefix == "first" else None,
            group_by="path",
            defaults_prefix=prefix,
            registry=registry,
        )
    return app


def build_guarded(m: Any, p: Any, registry: Any) -> Flask:
    def guard(view: Any) -> Any:
        @functools.wraps(view)
        def guarded() -> Any:
            text, status, headers = view()
            return text, status, {**headers, "X-Guard": "seen"}

        return guarded

    app = app_with_routes()
    metrics = m.PrometheusMetrics(
        app,
        group_by="path",
        metrics_decorator=guard,
        excluded_paths=["/item", r".*pot"],
        exclude_user_defaults=False,
        registry=registry,
    )
    metrics.register_default(
        metrics.counter("user_calls", "help", labels={"path": lambda: request.path})
    )
    return app


BUILDS = [value for name, value in sorted(globals().items()) if name.startswith("build_")]


def play(build: Build, package: Any, module: Any) -> list[str]:
    registry = package.CollectorRegistry(auto_describe=True)
    app = build(module, package, registry)
    client = app.test_client()
    answers = []
    routes = app.url_map.bind("localhost")
    for method, path in REQUESTS:
        # What matches no route is grouped otherwise on purpose, and tested below.
        if not routes.test(path, method):
            continue
        try:
            response = client.open(path, method=method)
        except ValueError as error:
            answers.append(f"{method} {path}: {error!r}")
            continue
        if path != "/metrics":
            answers.append(f"{method} {path}: {response.status_code} {response.data!r}")
        else:
            answers.append(f"{response.status_code} {response.headers.get('X-Guard')}")
    text = client.get("/prom" if "/prom" in str(app.url_map) else "/metrics").text
    return answers + [comparable(line) for line in text.splitlines() if "_created" not in line]


def comparable(line: str) -> str:
    line = re.sub(r'(exporter_info\{version=)"[^"]*"', r'\1"…"', line)
    # Times, and how they fall into the buckets but the last.
    line = re.sub(r"(_sum(\{.*\})?) [0-9.e+-]+$", r"\1 …", line)
    return re.sub(r'(_bucket\{.*le="[0-9.]+".*\}) [0-9.e+-]+$', r"\1 …", line)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.__name__)
def test_metrics_are_equal(build: Build) -> None:
    ours = play(build, pyrometer, pyrometer.flask)
    theirs = play(build, prometheus_client, prometheus_flask_exporter)
    assert ours == theirs
    assert any("_total" in line or "info" in line for line in ours) or "no_defaults" in str(build)
