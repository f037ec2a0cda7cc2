"""The metrics of Flask-RESTful, Flask-RESTX and Connexion, against prometheus_flask_exporter's.

Each case builds the same application for both with the real packages, sends the same requests,
and compares the answers and the metrics.
"""

from __future__ import annotations

import re
import warnings
from typing import Any, Callable, Optional

import flask_restful
import flask_restx
import prometheus_client
import prometheus_flask_exporter
import pytest
from flask import Blueprint, Flask, request
from test_flask_equal import comparable

import pyrometer
import pyrometer.flask_exporter

with warnings.catch_warnings():
    # It asks its schema library for what is called otherwise now.
    warnings.simplefilter("ignore", DeprecationWarning)
    import connexion

SPEC = {
    "swagger": "2.0",
    "info": {"title": "shop", "version": "1"},
    "paths": {
        f"/{name}": {
            "get": {
                "operationId": f"{__name__}.{name}",
                "produces": [mimetype],
                "responses": {"200": {"description": "fine"}},
            }
        }
        for name, mimetype in (
            *(("plain", "application/json"), ("status", "application/json")),
            *(("text", "text/plain"), ("broken", "application/json")),
        )
    },
}

# What Connexion calls; the cases put their own there, since it finds handlers by name.
plain: Any = None
status: Any = None
text: Any = None
broken: Any = None

BY_STATUS = {"status": lambda r: r.status_code, "kind": lambda r: r.mimetype}

Build = Callable[[Any, Any], Flask]


def resources(m: Any, metrics: Any, package: Any) -> dict[str, type]:
    class Item(package.Resource):  # type: ignore[misc]
        @metrics.summary("item_seconds", "help", labels=BY_STATUS)
        def get(self) -> Any:
            return {"number": 1}, 200

        @metrics.counter("item_posts", "help", labels={"status": lambda r: r.status_code})
        def post(self) -> Any:
            return {"number": 1}, 201, {"X-Made": "yes"}

        @metrics.histogram("item_deletes", "help", labels={"status": lambda r: r.status_code})
        def delete(self) -> Any:
            return None

    class Decorated(package.Resource):  # type: ignore[misc]
        method_decorators = [metrics.counter("decorated", "help", labels=BY_STATUS)]

        def get(self) -> Any:
            return "fine", 202

    class Broken(package.Resource):  # type: ignore[misc]
        @metrics.gauge("broken_running", "help")
        @metrics.counter("broken_count", "help", labels={"status": lambda r: r.status_code})
        def get(self) -> Any:
            package.abort(418)

    class Quiet(package.Resource):  # type: ignore[misc]
        @metrics.do_not_track()
        def get(self) -> Any:
            return {"a": 1}

    return {"/item": Item, "/decorated": Decorated, "/broken": Broken, "/quiet": Quiet}


def add_resources(api: Any, classes: dict[str, type]) -> None:
    for path, resource in classes.items():
        api.add_resource(resource, path)


def build_restful(m: Any, registry: Any) -> Flask:
    app = Flask("app")
    api = flask_restful.Api(app)
    metrics = m.RESTfulPrometheusMetrics(app, api, group_by="path", registry=registry)
    add_resources(api, resources(m, metrics, flask_restful))
    return app


def build_restful_factory(m: Any, registry: Any) -> Flask:
    metrics = m.RESTfulPrometheusMetrics.for_app_factory(group_by="path", registry=registry)
    app = Flask("app")
    api = flask_restful.Api(app)
    metrics.init_app(app, api)
    add_resources(api, resources(m, metrics, flask_restful))
    return app


def build_restful_blueprint(m: Any, registry: Any) -> Flask:
    api = flask_restful.Api()
    metrics = m.RESTfulPrometheusMetrics.for_app_factory(
        api=api, group_by="endpoint", registry=registry
    )
    blueprint = Blueprint("api", "api", url_prefix="/v1")
    api.init_app(blueprint)
    add_resources(api, resources(m, metrics, flask_restful))
    app = Flask("app")
    metrics.init_app(app)
    app.register_blueprint(blueprint)
    return app


def build_restful_converter(m: Any, registry: Any) -> Flask:
    def convert(returned: Any) -> Any:
        return Flask.response_class(repr(returned), 299)

    app = Flask("app")
    api = flask_restful.Api(app)
    metrics = m.RESTfulPrometheusMetrics(
        app, api, group_by="path", registry=registry, response_converter=convert
    )
    add_resources(api, resources(m, metrics, flask_restful))
    return app


def build_restx(m: Any, registry: Any) -> Flask:
    app = Flask("app")
    api = flask_restx.Api(app, doc=False)
    metrics = m.RESTfulPrometheusMetrics(app, api, group_by="path", registry=registry)
    add_resources(api, resources(m, metrics, flask_restx))
    return app


def build_connexion(m: Any, registry: Any, **kwargs: Any) -> Flask:
    outer = connexion.FlaskApp("app", specification_dir=".")
    metrics = m.ConnexionPrometheusMetrics(outer, group_by="path", registry=registry, **kwargs)

    @metrics.counter("plain_count", "help", labels=BY_STATUS)
    def plain() -> Any:
        return {"a": 1}

    @metrics.histogram("status_seconds", "help", labels=BY_STATUS)
    def status() -> Any:
        return {"a": 1}, 202, {"X-Made": "yes"}

    @metrics.summary("text_seconds", "help", labels=BY_STATUS)
    @metrics.content_type("text/plain")
    def text() -> Any:
        return "fine"

    @metrics.counter("broken_count", "help", labels={"status": lambda r: r.status_code})
    def broken() -> Any:
        raise ValueError("on purpose")

    globals().update(plain=plain, status=status, text=text, broken=broken)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outer.add_api(SPEC)
    app: Flask = outer.app
    return app


def build_connexion_mimetype(m: Any, registry: Any) -> Flask:
    return build_connexion(m, registry, default_mimetype="text/csv")


BUILDS = [value for name, value in sorted(globals().items()) if name.startswith("build_")]

REQUESTS = [
    *(("GET", "/item"), ("POST", "/item"), ("DELETE", "/item"), ("PUT", "/item")),
    *(("GET", "/decorated"), ("GET", "/broken"), ("GET", "/quiet"), ("GET", "/v1/item")),
    *(("GET", "/v1/broken"), ("GET", "/v1/quiet"), ("GET", "/plain"), ("GET", "/status")),
    ("GET", "/text"),
]


def play(build: Build, package: Any, module: Any) -> list[str]:
    app = build(module, package.CollectorRegistry(auto_describe=True))
    client = app.test_client()
    answers = []
    routes = app.url_map.bind("localhost")
    for method, path in REQUESTS:
        if not routes.test(path, method):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            response = client.open(path, method=method)
        made, kind = response.headers.get("X-Made"), response.mimetype
        answers.append(f"{method} {path}: {response.status_code} {response.data!r} {kind} {made}")
    assert len(answers) >= 3
    text = client.get("/metrics").text
    return answers + [comparable(line) for line in text.splitlines() if "_created" not in line]


@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.__name__)
def test_answers_and_metrics_are_equal(build: Build) -> None:
    ours = play(build, pyrometer, pyrometer.flask_exporter)
    theirs = play(build, prometheus_client, prometheus_flask_exporter)
    assert ours == theirs
    assert any(re.search(r"^(item|plain|status)\w*\{.*status=.* 1\.0$", line) for line in ours)


def sample(app: Flask, name: str, **labels: Any) -> float:
    text = app.test_client().get("/metrics").text
    values = ",".join(f'{key}="{value}"' for key, value in labels.items())
    found = re.findall(rf"^{name}\{{{re.escape(values)}\}} ([0-9.]+)$", text, re.MULTILINE)
    assert len(found) == 1, text
    return float(found[0])


@pytest.mark.parametrize(
    ("returned", "status", "body"),
    [
        ({"a": 1, "b": 2}, 200, b'{"a": 1, "b": 2}\n'),
        ([1, 2], 200, b"[1, 2]\n"),
        ("text", 200, b'"text"\n'),
        (None, 200, b"null\n"),
        (({"a": 1}, 203), 203, b'{"a": 1}\n'),
    ],
)
def test_a_resource_returns_what_its_package_takes(
    returned: Any, status: int, body: bytes
) -> None:
    """prometheus_flask_exporter takes nothing but tuples there, and fails the request."""
    app = Flask("app")
    api = flask_restful.Api(app)
    metrics = pyrometer.flask_exporter.RESTfulPrometheusMetrics(
        app, api, registry=pyrometer.CollectorRegistry()
    )

    class Item(flask_restful.Resource):  # type: ignore[misc]
        @metrics.counter("items", "help", labels={"status": lambda r: r.status_code})
        def get(self) -> Any:
            return returned

    api.add_resource(Item, "/item")
    response = app.test_client().get("/item")
    assert (response.status_code, response.data) == (status, body)
    assert sample(app, "items_total", status=status) == 1


def test_a_converter_that_fails_costs_no_response(caplog: pytest.LogCaptureFixture) -> None:
    def convert(returned: Any) -> Any:
        raise RuntimeError("a converter")

    app = Flask("app")
    api = flask_restful.Api(app)
    metrics = pyrometer.flask_exporter.RESTfulPrometheusMetrics(
        app, api, registry=pyrometer.CollectorRegistry(), response_converter=convert
    )

    class Item(flask_restful.Resource):  # type: ignore[misc]
        @metrics.counter("items", "help", labels={"a": "b"})
        def get(self) -> Any:
            return {"a": 1}

    api.add_resource(Item, "/item")
    assert app.test_client().get("/item").get_json() == {"a": 1}
    assert sample(app, "items_total", a="b") == 1
    assert "a converter" in caplog.text


@pytest.mark.parametrize(
    ("returned", "mimetype", "expected"),
    [
        ({"a": 1}, None, (200, b'{"a": 1}', "application/json")),
        (None, None, (200, b"", "application/json")),
        (("text", 201), "text/plain", (201, b"text", "text/plain")),
        ((b"x", 202, {"X-Made": "yes"}), None, (202, b"x", "application/json")),
        (Flask.response_class("made", 203), None, (203, b"made", "text/html")),
        ((Flask.response_class("made"), 206), None, (206, b"made", "text/html")),
    ],
)
def test_a_connexion_that_makes_responses_outside_of_flask(
    returned: Any,
    mimetype: Optional[str],
    expected: tuple[int, bytes, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Connexion 3 has no such module; prometheus_flask_exporter fails the request there."""
    monkeypatch.setitem(__import__("sys").modules, "connexion.apis.flask_api", None)
    app = Flask("app")

    class Outer:
        pass

    outer: Any = Outer()
    outer.app = app
    metrics = pyrometer.flask_exporter.ConnexionPrometheusMetrics(
        outer, registry=pyrometer.CollectorRegistry()
    )

    @app.route("/")
    @metrics.counter("calls", "help", labels={"status": lambda r: r.status_code})
    def index() -> Any:
        if mimetype:
            request.prom_connexion_content_type = mimetype  # type: ignore[attr-defined]
        return returned

    response = app.test_client().get("/")
    assert (response.status_code, response.data, response.mimetype) == expected
    assert sample(app, "calls_total", status=expected[0]) == 1


def test_an_async_handler_may_say_its_content_type() -> None:
    app = Flask("app")
    metrics = pyrometer.flask_exporter.ConnexionPrometheusMetrics(
        None, registry=pyrometer.CollectorRegistry(), response_converter=lambda body: body
    )
    metrics.init_app(app)

    @app.route("/")
    @metrics.do_not_track()
    @metrics.content_type("text/csv")
    async def index() -> str:
        assert request.prom_connexion_content_type == "text/csv"  # type: ignore[attr-defined]
        return "fine"

    assert app.test_client().get("/").data == b"fine"
