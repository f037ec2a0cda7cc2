"""The app of the article that Pyrometer was made from; only its import lines were changed."""

from flask import Flask
from pyrometer import Histogram
from pyrometer.flask import PrometheusMetrics


def path(req):
    return "/" + req.path[1:].split("/")[0]


app = Flask("my-app")
metrics = PrometheusMetrics(app, group_by=path)
metrics.info("version_info", "application version", version="1.0.1")
cart_value = Histogram(
    "my_app_cart_value",
    "value of cart at checkout",
    buckets=[5, 10, 20, 50, 80, 100, 150, 200],
)


@app.route("/health", methods=["GET"])
def health():
    return "OK\n"
