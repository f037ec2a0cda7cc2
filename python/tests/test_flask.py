"""The Flask metrics behave as prometheus_flask_exporter's.

Each case builds the same application for both, sends the same requests, and compares what
``/metrics`` says, but for the times that requests took and the exporter's version.
"""

from __future__ import annotations

import re
from typing import Any, Callable

import flask
import prometheus_client
import prometheus_flask_exporter
import pytest
from flask import Flask, abort, request
from flask.views import MethodView

import pyrometer
import pyrometer.flask

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
        response = client.open(path, method=method)
        if path != "/metrics":
            answers.append(f"{method} {path}: {response.status_code} {response.data!r}")
    text = client.get("/prom" if "/prom" in str(app.url_map) else "/metrics").text
    return answers + [comparable(line) for line in text.splitlines() if "_created" not in line]


def comparable(line: str) -> str:
    line = re.sub(r'(exporter_info\{version=)"[^"]*"', r'\1"…"', line)
    # Times, and how they fall into the small buckets.
    line = re.sub(r"(_sum(\{.*\})?) [0-9.e+-]+$", r"\1 …", line)
    return re.sub(r'(_bucket\{.*le="0\.0\d*".*\}) [0-9.e+-]+$', r"\1 …", line)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.__name__)
def test_metrics_are_equal(build: Build) -> None:
    ours = play(build, pyrometer, pyrometer.flask)
    theirs = play(build, prometheus_client, prometheus_flask_exporter)
    assert ours == theirs
    assert any("_total" in line or "info" in line for line in ours) or "no_defaults" in str(build)


def counts(app: Flask, name: str) -> dict[str, float]:
    text = app.test_client().get("/metrics").text
    found = re.findall(rf"^{name}\{{(.*)\}} ([0-9.e+]+)$", text, re.MULTILINE)
    return {labels: float(value) for labels, value in found}


@pytest.mark.parametrize(
    ("group_by", "label", "unmatched", "matched"),
    [
        (None, "path", "<unmatched>", "/item/<int:number>"),
        ("url_rule", "url_rule", "None", "/item/<int:number>"),
        ("endpoint", "endpoint", "None", "item"),
    ],
)
def test_paths_of_a_scanner_make_one_series(
    group_by: Any, label: str, unmatched: str, matched: str
) -> None:
    app = app_with_routes()
    more = {} if group_by is None else {"group_by": group_by}
    registry = pyrometer.CollectorRegistry()
    pyrometer.flask.PrometheusMetrics(app, registry=registry, **more)
    client = app.test_client()
    for n in range(50):
        client.get(f"/wp-{n}.php")
    client.post("/")
    client.get("/item/7")
    found = counts(app, "flask_http_request_duration_seconds_count")
    label = re.sub("[<>]", "_", label)

    def labels(method: str, group: str, status: int) -> str:
        pairs = {"method": method, label: group, "status": str(status)}
        return ",".join(f'{name}="{value}"' for name, value in sorted(pairs.items()))

    assert found == {
        labels("GET", unmatched, 404): 50,
        labels("POST", unmatched, 405): 1,
        labels("GET", matched, 200): 1,
    }


@pytest.mark.parametrize("group_by", ["path", lambda req: req.path])
def test_who_asks_for_paths_gets_every_path(group_by: Any) -> None:
    app = app_with_routes()
    registry = pyrometer.CollectorRegistry()
    pyrometer.flask.PrometheusMetrics(app, registry=registry, group_by=group_by)
    client = app.test_client()
    for path in ("/wp-1.php", "/wp-2.php", "/item/7"):
        client.get(path)
    found = counts(app, "flask_http_request_duration_seconds_count")
    paths = [re.findall('"(/[^"]*)"', labels)[0] for labels in found]
    assert sorted(paths) == ["/item/7", "/wp-1.php", "/wp-2.php"]


def test_a_label_function_that_fails_costs_no_response(caplog: pytest.LogCaptureFixture) -> None:
    def fails(*_: Any) -> str:
        raise RuntimeError("a label function")

    app = Flask("app")
    registry = pyrometer.CollectorRegistry()
    metrics = pyrometer.flask.PrometheusMetrics(
        app, default_labels={"l": fails}, group_by=fails, registry=registry
    )

    @app.route("/")
    @metrics.counter("a", "help", labels={"x": fails})
    @metrics.gauge("b", "help", labels={"x": lambda: fails()})
    def index() -> str:
        return "fine"

    for _ in range(3):
        response = app.test_client().get("/")
        assert (response.status_code, response.data) == (200, b"fine")
    assert len(caplog.records) == 1, "said once, not with every request"


def test_the_default_registry_is_looked_up_late(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = pyrometer.CollectorRegistry()
    monkeypatch.setattr(pyrometer, "REGISTRY", registry)
    metrics = pyrometer.flask.PrometheusMetrics(app_with_routes())
    assert metrics.registry is registry


def test_names_can_be_asked_for() -> None:
    app = app_with_routes()
    metrics = pyrometer.flask.PrometheusMetrics(app, registry=pyrometer.CollectorRegistry())
    metrics.info("a_info", "help", x="1")
    text = app.test_client().get("/metrics?name[]=a_info&name[]=nothing").text
    assert text == '# HELP a_info help\n# TYPE a_info gauge\na_info{x="1"} 1.0\n'


def test_an_async_view_is_measured() -> None:
    app = Flask("app")
    metrics = pyrometer.flask.PrometheusMetrics(app, registry=pyrometer.CollectorRegistry())

    @app.route("/")
    @metrics.counter("a", "help", labels={"status": lambda r: r.status_code})
    async def index() -> str:
        return "fine"

    assert app.test_client().get("/").data == b"fine"
    assert counts(app, "a_total") == {'status="200"': 1}


def test_a_view_may_be_left_by_an_exit() -> None:
    app = Flask("app")
    metrics = pyrometer.flask.PrometheusMetrics(app, registry=pyrometer.CollectorRegistry())

    @app.route("/")
    @metrics.gauge("running", "help", labels={"a": "b"})
    def index() -> str:
        raise SystemExit

    with pytest.raises(SystemExit):
        app.test_client().get("/")
    assert counts(app, "running") == {'a="b"': 0}


def test_flask_is_what_it_was() -> None:
    """Nothing of Flask is replaced."""
    before = {name: getattr(flask, name) for name in ("Flask", "request", "Response")}
    pyrometer.flask.PrometheusMetrics(app_with_routes(), registry=pyrometer.CollectorRegistry())
    assert all(getattr(flask, name) is value for name, value in before.items())
