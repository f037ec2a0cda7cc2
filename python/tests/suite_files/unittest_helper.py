"""What the tests of prometheus_flask_exporter share, which its source archive leaves out."""

from __future__ import annotations

import re
import unittest
from importlib.metadata import version
from typing import Any

import prometheus_client
from flask import Flask
from prometheus_flask_exporter import PrometheusMetrics

# A sample's name, labels and value.
SAMPLE = re.compile(r"^([\w:]+)(?:\{(.*)\})? (\S+)$")
LABEL = re.compile(r'([\w.]+)="((?:[^"\\]|\\.)*)"')


class BaseTestCase(unittest.TestCase):
    """An application, and a default registry, of each test's own."""

    def setUp(self) -> None:
        self.app = Flask(__name__)
        self.app.testing = True
        self.client = self.app.test_client()
        prometheus_client.REGISTRY = prometheus_client.CollectorRegistry(auto_describe=True)

    def metrics(self, registry: Any = None, **kwargs: Any) -> PrometheusMetrics:
        return PrometheusMetrics(self.app, registry=registry, **kwargs)

    def assertMetric(
        self, name: str, value: Any, *labels: tuple[str, Any], endpoint: str = "/metrics"
    ) -> None:
        """There is a sample with exactly these labels, whose value begins as ``value``, a regular
        expression, says."""
        values = self._values(name, labels, endpoint)
        if not any(re.match(str(value), found) for found in values):
            self.fail(f"{name}{dict(labels)} is not {value} but {values}")

    def assertAbsent(
        self, name: str, *labels: tuple[str, Any], endpoint: str = "/metrics"
    ) -> None:
        """There is no sample with exactly these labels."""
        self.assertEqual(self._values(name, labels, endpoint), [])

    def _values(self, name: str, labels: tuple[tuple[str, Any], ...], endpoint: str) -> list[str]:
        response = self.client.get(endpoint)
        self.assertEqual(response.status_code, 200)
        wanted = {key: str(value) for key, value in labels}
        samples = [SAMPLE.match(line) for line in response.text.splitlines()]
        return [
            sample[3]
            for sample in samples
            if sample and sample[1] == name and dict(LABEL.findall(sample[2] or "")) == wanted
        ]

    def assumeMinimumFlaskVersion(self, wanted: str) -> None:
        if _numbers(version("flask")) < _numbers(wanted):
            self.skipTest(f"for Flask {wanted} or later")

    def assumeBeforeFlaskVersion(self, wanted: str) -> None:
        if _numbers(version("flask")) >= _numbers(wanted):
            self.skipTest(f"for Flask before {wanted}")


def _numbers(text: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", text)[:3]]
