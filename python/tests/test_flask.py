"""What a user of the Flask metrics meets beside what the real package says too: scanners, failing
callables, exceptions, reloaders, registries."""

from __future__ import annotations

import os
import re
from typing import Any

import flask
import prometheus_client
import prometheus_flask_exporter
import pytest
from flask import Flask, request
from test_flask_equal import app_with_routes

import pyrometer
import pyrometer.flask
import pyrometer.flask_request


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


def test_an_async_view_may_be_kept_out() -> None:
    app = Flask("app")
    metrics = pyrometer.flask.PrometheusMetrics(
        app, registry=pyrometer.CollectorRegistry(), excluded_paths="/excluded"
    )

    @app.route("/quiet")
    @metrics.do_not_track()
    async def quiet() -> str:
        return "quiet"

    @app.route("/silent")
    @metrics.exclude_all_metrics()
    @metrics.counter("a", "help", labels={"b": "c"})
    async def silent() -> str:
        return "silent"

    @app.route("/excluded")
    @metrics.counter("b", "help")
    async def excluded() -> str:
        return "excluded"

    for path in ("quiet", "silent", "excluded"):
        assert app.test_client().get(f"/{path}").text == path
    assert counts(app, "flask_http_request_total") == {}
    assert counts(app, "a_total") == {'b="c"': 0}


@pytest.mark.parametrize("is_excluded", [False, True])
@pytest.mark.parametrize("testing", [False, True])
def test_an_exception_reaches_the_application_as_it_was(is_excluded: bool, testing: bool) -> None:
    app = Flask("app")
    app.testing = testing
    metrics = pyrometer.flask.PrometheusMetrics(app, registry=pyrometer.CollectorRegistry())
    seen: list[BaseException] = []
    flask.got_request_exception.connect(lambda _, exception: seen.append(exception), app, False)

    @app.route("/")
    @metrics.counter("a", "help", labels={"status": lambda r: r.status_code})
    def index() -> str:
        if is_excluded:
            request.prom_exclude_all = True  # type: ignore[attr-defined]
        raise ValueError("on purpose")

    if testing:
        with pytest.raises(ValueError, match="on purpose"):
            app.test_client().get("/")
    else:
        assert app.test_client().get("/").status_code == 500
    assert [repr(error) for error in seen] == ["ValueError('on purpose')"]
    n = 0 if is_excluded else 1
    total = counts(app, "flask_http_request_exceptions_total").values()
    assert sum(total) == n
    assert sum(counts(app, "flask_http_request_total").values()) == n
    assert sum(counts(app, "flask_http_request_duration_seconds_count").values()) == n
    assert counts(app, "a_total") == ({} if is_excluded else {'status="500"': 1})


def test_an_error_handler_that_fails_too_is_the_one_that_is_told() -> None:
    app = Flask("app")
    metrics = pyrometer.flask.PrometheusMetrics(app, registry=pyrometer.CollectorRegistry())

    @app.errorhandler(ValueError)
    def translate(error: ValueError) -> Any:
        raise KeyError("translated")

    app.register_error_handler(KeyError, lambda error: (f"handled {error}", 502))

    @app.route("/")
    @metrics.counter("a", "help", labels={"status": lambda r: r.status_code})
    def index() -> str:
        raise ValueError("on purpose")

    response = app.test_client().get("/")
    assert (response.status_code, response.text) == (502, "handled 'translated'")
    assert counts(app, "a_total") == {'status="500"': 1}


@pytest.mark.parametrize("group_by", ["url_rule", "path", "endpoint", lambda req: "all"])
def test_words_of_a_scanner_make_one_method(group_by: Any) -> None:
    app = app_with_routes()
    app.add_url_rule("/own", view_func=lambda: "own", methods=["PURGE"])
    registry = pyrometer.CollectorRegistry()
    pyrometer.flask.PrometheusMetrics(app, registry=registry, group_by=group_by)
    client = app.test_client()
    for n in range(50):
        client.open("/", method=f"WORD{n}")
    client.open("/own", method="PURGE")
    client.open("/own", method="TRACE")
    found = counts(app, "flask_http_request_total")
    assert found == {
        'method="_OTHER",status="405"': 50,
        'method="PURGE",status="200"': 1,
        'method="TRACE",status="405"': 1,
    }


def test_what_is_kept_at_hand_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pyrometer.flask_request, "KNOWN_MAX", 3)
    app = app_with_routes()
    registry = pyrometer.CollectorRegistry()
    pyrometer.flask.PrometheusMetrics(app, registry=registry, group_by="path")
    client = app.test_client()
    for _ in range(2):
        for n in range(10):
            client.get(f"/item/{n}")
    found = counts(app, "flask_http_request_duration_seconds_count")
    assert len(found) == 10 and set(found.values()) == {2}


@pytest.mark.parametrize("forget", ["clear", "remove", "remove_by_labels"])
def test_default_metrics_that_are_cleared_count_on(forget: str) -> None:
    app = app_with_routes()
    registry = pyrometer.CollectorRegistry()
    pyrometer.flask.PrometheusMetrics(app, registry=registry)
    client = app.test_client()
    client.get("/")
    client.get("/")
    for name in ("flask_http_request_total", "flask_http_request_duration_seconds"):
        metric = registry._names_to_collectors[name]
        values = ("GET", "200") if "total" in name else ("GET", "/", "200")
        if forget == "clear":
            metric.clear()
        elif forget == "remove":
            metric.remove(*values)
        else:
            metric.remove_by_labels({"method": "GET"})
    client.get("/")
    assert counts(app, "flask_http_request_total") == {'method="GET",status="200"': 1}
    found = counts(app, "flask_http_request_duration_seconds_count")
    assert list(found.values()) == [1]


def test_a_default_label_does_not_take_the_name_of_another(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = app_with_routes()
    pyrometer.flask.PrometheusMetrics(
        app,
        registry=pyrometer.CollectorRegistry(),
        default_labels={"status": lambda r: "mine", "zone": "b"},
    )
    app.test_client().get("/")
    found = counts(app, "flask_http_request_total")
    assert found == {'method="GET",status="200",zone="b"': 1}
    assert "['status']" in caplog.text


def test_a_group_does_not_take_the_name_of_another_label() -> None:
    app = app_with_routes()
    pyrometer.flask.PrometheusMetrics(
        app, registry=pyrometer.CollectorRegistry(), group_by="method"
    )
    app.test_client().get("/")
    found = counts(app, "flask_http_request_duration_seconds_count")
    assert found == {'group="GET",method="GET",status="200"': 1}


class Functions:
    """Label functions that prometheus_flask_exporter takes for functions of a response."""

    def bound(self) -> str:
        return "bound"

    def __call__(self) -> str:
        return "called"


def test_label_functions_are_called_with_what_they_take() -> None:
    app = Flask("app")
    metrics = pyrometer.flask.PrometheusMetrics(app, registry=pyrometer.CollectorRegistry())
    labels = {"a": Functions().bound, "b": Functions(), "c": os.getpid, "d": type}

    @app.route("/")
    @metrics.counter("calls", "help", labels=labels)
    def index() -> str:
        return "fine"

    app.test_client().get("/")
    values = f'a="bound",b="called",c="{os.getpid()}",d="<class \'flask.wrappers.Response\'>"'
    assert counts(app, "calls_total") == {values: 1}


@pytest.mark.parametrize(
    ("environment", "is_served"),
    [
        ({}, True),
        ({"WERKZEUG_RUN_MAIN": "true"}, False),
        ({"WERKZEUG_RUN_MAIN": "true", "DEBUG_METRICS": "1"}, True),
    ],
)
def test_the_reloader_is_not_asked_twice(
    environment: dict[str, str], is_served: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("WERKZEUG_RUN_MAIN", "DEBUG_METRICS"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    answers = []
    for module, package in (
        (pyrometer.flask, pyrometer),
        (prometheus_flask_exporter, prometheus_client),
    ):
        app = app_with_routes()
        metrics = module.PrometheusMetrics(app, registry=package.CollectorRegistry())
        answers.append(app.test_client().get("/metrics").status_code)
        if environment.get("WERKZEUG_RUN_MAIN"):
            # Neither listens: the port cannot be had.
            metrics.start_http_server(-1)
    assert answers == [200 if is_served else 404] * 2


def test_a_registry_that_a_test_puts_in_the_clients_place_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import pyrometer.client

    registry = pyrometer.CollectorRegistry()
    monkeypatch.setattr(pyrometer.client, "REGISTRY", registry)
    assert pyrometer.flask.PrometheusMetrics(app_with_routes()).registry is registry


def test_flask_is_what_it_was() -> None:
    """Nothing of Flask is replaced."""
    before = {name: getattr(flask, name) for name in ("Flask", "request", "Response")}
    pyrometer.flask.PrometheusMetrics(app_with_routes(), registry=pyrometer.CollectorRegistry())
    assert all(getattr(flask, name) is value for name, value in before.items())
