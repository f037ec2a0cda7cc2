"""prometheus_flask_exporter's interface under its own names, for ``pyrometer.install()``."""

from ..flask import NO_PREFIX, PrometheusMetrics
from .extensions import ConnexionPrometheusMetrics, RESTfulPrometheusMetrics

__all__ = (
    "ConnexionPrometheusMetrics",
    "NO_PREFIX",
    "PrometheusMetrics",
    "RESTfulPrometheusMetrics",
)
