"""prometheus_flask_exporter's interface under its own names, for ``pyrometer.install()``."""

from ..flask import NO_PREFIX, PrometheusMetrics

__all__ = ("NO_PREFIX", "PrometheusMetrics")
